# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ten thousand mutated fabric files: none crashes, each that is refused is so at a place; a stock validator judges by the published schema as the library does."""
import copy
import json
import pathlib
import random
import re

import pytest

import fabricnet

TOP = pathlib.Path(__file__).parents[2]
BASE = json.loads((TOP / "examples/homelab/fabric.json").read_text())
SCHEMA = json.loads((TOP / "libfabric-net/fabric/fabric.schema.json").read_text())
PLACE = re.compile(r"fabric\.json:[1-9]\d*:[1-9]\d*: /\S* ?.*\Z")
# What names lead to and what members mean together, no schema can see.
MEANING = re.compile(r"there is no '|without host bits|has no interface|is no member of tunnel|'out' is missing|cannot look at|belong to a forward|a hairpin needs|the name '"
                     r"|is no host, no name|means '|on no segment in common|expected at most \d+ files|/include/|is declared in|no such file")
ODD = ["", "x", "-", "A", "a_b", "..", "wg0", "10.0.0.0/8", "10.0.0.1/8", "192.168.8.300", "::/0", "fe80::1", "1s", "0s", "70000s", "host:0", "host:99999", "*.example.org",
       "https://x", "ftp://x", "tag:a", "tag:1", "a/b", "~0~1", "é", "a" * 64, "\x7f", "%s", None, True, False, 0, 1, -1, 4095, 65536, 9001, 1.5, 2**40, [], {}, [[]], {"": 0}]
SECTIONS = {"defaults": {"sysctl": {"net.core.rmem_max": 1}, "keepalive": "25s"}, "allow": [{"code": "prefix-overlap", "at": "/prefixes", "reason": "known"}],
            "routes": [{"to": "storage", "via": "pfsense"}]}


def places(value, way=()):
    yield way
    for key, member in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(member, (*way, key))


def at(document, way):
    for key in way:
        document = document[key]
    return document


def twisted(rng, value, names):
    """Something like it."""
    if isinstance(value, str) and value and rng.random() < 0.5:
        i = rng.randrange(len(value))
        return rng.choice([value[:i] + value[i + 1:], value[:i] + rng.choice("aZ0-_./: \n") + value[i:], value.upper(), value + ".", value[:i]])
    if isinstance(value, int) and not isinstance(value, bool):
        return rng.choice([value - 1, value + 1, 0, 1, 575, 576, 4094, 4095, 9000, 9001, 65535, 65536])
    return rng.choice([rng.choice(names), copy.deepcopy(rng.choice(ODD)), [value], {"x": value}])


def mutate(rng, document, names):
    way = rng.choice([way for way in places(document) if way])
    parent, key = at(document, way[:-1]), way[-1]
    kind = rng.randrange(5)
    if kind == 0:
        del parent[key]
    elif kind == 1 and isinstance(parent, dict):
        parent[rng.choice([str(key) + "2", *names, *(odd for odd in ODD if isinstance(odd, str))])] = copy.deepcopy(parent[key])
    elif kind == 2 and isinstance(parent, list):
        parent.insert(rng.randrange(len(parent) + 1), copy.deepcopy(parent[key]))
    else:
        parent[key] = twisted(rng, parent[key], names)


def mutated(seed):
    rng = random.Random(seed)
    document = copy.deepcopy(BASE)
    if rng.random() < 0.3:
        document |= {"defaults": copy.deepcopy(SECTIONS["defaults"]), "allow": copy.deepcopy(SECTIONS["allow"])}
        document["hosts"]["lxc"]["routes"] = copy.deepcopy(SECTIONS["routes"])
    names = [*document["hosts"], *document["prefixes"], *document["wireguard"], "interface", "tunnel", "file", "address"]
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        if document:
            mutate(rng, document, names)
    return document


def judged(document):
    """None, or what the library says."""
    try:
        fabric = fabricnet.fabric.parse(json.dumps(document, indent=rng_indent(document)))
    except fabricnet.InvalidError as error:
        return str(error)
    for finding in fabric.check():
        assert finding.line > 0 and finding.column > 0 and finding.what and finding.why and finding.fix
    return None


def rng_indent(document):
    return None if len(document) % 2 else 1


def test_ten_thousand_mutated_files_have_a_verdict_each():
    refused = 0
    for seed in range(10_000):
        error = judged(mutated(seed))
        refused += error is not None
        assert error is None or (PLACE.match(error) and "\n" not in error), f"seed {seed}: {error}"
    assert 4_000 < refused < 9_900  # the mutations hit, and not everything is broken by them


def test_a_stock_validator_agrees():
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(SCHEMA)
    both = {True: 0, False: 0}
    for seed in range(1_500):
        document = mutated(seed)
        if any(isinstance(name, str) and name.endswith("\n") for way in places(document) for name in (*way, at(document, way))):
            continue  # Python's "$" is not that of JSON Schema
        error, valid = judged(document), validator.is_valid(document)
        if valid and error:
            assert MEANING.search(error), f"seed {seed}: valid by the schema, yet {error}"
        if not valid:
            assert error, f"seed {seed}: the library takes what the schema refuses: {next(validator.iter_errors(document)).message}"
        both[valid] += 1
    assert min(both.values()) > 200
