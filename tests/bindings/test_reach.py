# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whatever the libraries export, both languages have."""

import os
import pathlib
import re
import subprocess

import fabricnet
from fabricnet import _fabricnet

BINDINGS = pathlib.Path(__file__).parents[2] / "bindings"
C_ONLY = {"fbn_set_tables", "fbn_free", "fbn_private_tables"}
# Said by other means: dataclasses and lists, exceptions, the address types of each language.
OTHERWISE = re.compile(r"fbn_(address|prefix|endpoint)_|_(count|at|add)$|^fbn_context_error|^fbn_strerror$|^fbn_key_(parse|format)$|^fbn_secret_equal$|^fbn_secret_length$")


def exported():
    names = set()
    for library in os.environ["FBN_LIBRARIES"].split(":"):
        symbols = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True, check=True).stdout
        names |= set(re.findall(r" T (fbn_\w+)", symbols))
    assert len(names) > 100
    return {name for name in names - C_ONLY if not name.endswith(("_ref", "_unref"))}


def test_python_wraps_every_function():
    assert exported() - set(dir(_fabricnet)) == set()


def test_lua_wraps_every_function():
    program = 'for name in pairs(require "fabricnet.core") do print(name) end'
    done = subprocess.run(["lua5.4", "-e", program], capture_output=True, text=True, check=True)
    assert exported() - set(done.stdout.split()) == set()


def test_the_python_package_uses_every_function():
    text = "\n".join(path.read_text() for path in (BINDINGS / "python" / "fabricnet").glob("*.py"))
    text += (BINDINGS / "swig" / "python.i").read_text()
    assert {name for name in exported() if not OTHERWISE.search(name) and not re.search(rf"\b{name}\b", text)} == set()


def test_the_lua_package_uses_every_function():
    text = (BINDINGS / "lua" / "fabricnet.lua").read_text()
    assert {name for name in exported() if not OTHERWISE.search(name) and not re.search(rf"\b{name}\b", text)} == set()


def test_every_member_of_every_record_is_described():
    table = (BINDINGS / "swig" / "records.c").read_text()
    headers = "\n".join(path.read_text() for path in (BINDINGS.parent / "include" / "fabricnet").glob("*.h"))
    headers = re.sub(r"/\*.*?\*/", "", headers, flags=re.S)
    structs = re.findall(r"typedef struct (fbn_\w+) \{\s*size_t size;(.*?)\n\} \1;", headers, re.S)
    assert len(structs) > 30
    missing = set()
    for name, body in structs:
        if name in ("fbn_allocator", "fbn_system_calls"):
            continue
        described = set(re.findall(rf"\w+\({name}, (\w+)", table))
        if name == "fbn_tailscale_prefs":
            described = set(re.findall(r"PREFERENCES?\((\w+)", table))
        body = re.sub(r"\(\*(\w+)\)\([^)]*\)", r"\1", body)
        members = {member for line in body.split(";") for member in re.findall(r"(\w+)(?=\s*(?:,|$))", line.strip())}
        own = {member for member in members if not member.startswith("n_")} - {"set", "progress_data"}
        missing |= {f"{name}.{member}" for member in own - described}
    assert missing == set()


def test_every_code_has_an_exception():
    codes = {name: value for name, value in vars(_fabricnet).items() if re.fullmatch(r"FBN_E[A-Z]+", name)}
    assert codes == {f"FBN_{code.name}": code.value for code in fabricnet.Code}
    for code in fabricnet.Code:
        error = fabricnet.errors.make_error(code, "words", 7, "wg0")
        assert type(error) is not fabricnet.Error
        assert (str(error), error.code, error.errno, error.object) == ("words", code, 7, "wg0")
