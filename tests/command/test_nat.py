# SPDX-License-Identifier: LGPL-2.1-or-later
"""fabricnet nat: rules by words and from files, and what others have."""
import json
import subprocess

import pytest
from test_command import COMMAND, netns, one_line, run  # noqa: F401

WEB = ["add", "web", "dnat", "local", "true", "protocol", "tcp", "destination_port", "8000-8099", "to", "10.0.0.5", "to_port", "9000", "hairpin", "24"]


def nat(netns, *words, **options):
    return run("--netns", netns, "nat", *words, **options)


def nft(netns, *words):
    return subprocess.run(["ip", "netns", "exec", netns, "nft", *words], capture_output=True, text=True, check=True).stdout


def test_rules_by_words_come_and_go(netns):
    assert nat(netns, *WEB).stdout == "create nat rule 'web'\n"
    assert nat(netns, "add", "m", "set-mark", "in", "lan0", "set_mark", "0x40/0xf0").returncode == 0
    listed = nft(netns, "list", "table", "inet", "fabricnet")
    assert "tcp dport 8000-8099" in listed and "ip saddr 10.0.0.0/24" in listed and "| 0x00000040" in listed
    assert " ".join(WEB[1:3]) in " ".join(nat(netns, "show").stdout.split())
    assert "local true protocol tcp destination_port 8000 destination_port_last 8099 to 10.0.0.5 to_port 9000 hairpin 24  0 packets" in nat(netns, "show").stdout
    again = nat(netns, *WEB)
    assert again.returncode == 1 and "there is a rule of this name already" in one_line(again)
    assert [rule["name"] for rule in json.loads(nat(netns, "show", "--json").stdout)] == ["web", "m"]
    gone = nat(netns, "del", "web", "--dry-run", "--json")
    assert json.loads(gone.stdout)[0]["kind"] == "delete" and "web" in nat(netns, "show").stdout
    assert nat(netns, "del", "web").returncode == 0
    assert nat(netns, "del", "web").returncode == 3
    assert nat(netns, "clear").returncode == 0 and nft(netns, "list", "ruleset") == ""


def test_what_show_prints_apply_takes(netns, tmp_path):
    file = tmp_path / "rules.json"
    for words in (WEB, ["add", "in", "accept", "at", "input", "sources", "10.0.0.0/8,fd00::/8", "states", "new", "log", "in: ", "rate", "5"]):
        assert nat(netns, *words).returncode == 0
    file.write_text(nat(netns, "show", "--json").stdout)
    assert nat(netns, "diff", file).returncode == 0
    nat(netns, "clear")
    different = nat(netns, "diff", file)
    assert different.returncode == 2 and "create nat rule 'web'" in different.stdout and nft(netns, "list", "ruleset") == ""
    assert nat(netns, "apply", file, "--dry-run").returncode == 2 and nft(netns, "list", "ruleset") == ""
    assert nat(netns, "apply", file).returncode == 0
    assert nat(netns, "apply", "-", input=file.read_text()).stdout == ""
    assert json.loads(nat(netns, "show", "--json").stdout) == json.loads(file.read_text())


def test_who_adds_undoes_nothing_that_others_add(netns):
    """What stands is read, changed and applied: in between others do the same."""
    begun = lambda *words: subprocess.Popen([COMMAND, "--netns", netns, "nat", *words], stdout=subprocess.DEVNULL)
    assert nat(netns, "add", "first", "accept", "mark", "99").returncode == 0
    adding = [begun("add", f"r{i}", "accept", "mark", str(i + 1)) for i in range(12)]
    adding += [begun("set", "create", f"s{i}", "ipv4_addr") for i in range(4)]
    adding += [begun("del", "first")]
    assert [one.wait() for one in adding] == [0] * 17
    assert {rule["name"] for rule in json.loads(nat(netns, "show", "--json").stdout)} == {f"r{i}" for i in range(12)}
    assert len(json.loads(nat(netns, "set", "list", "--json").stdout)) == 4


def test_a_rule_behind_others_moves_none(netns):
    for words in (["r", "redirect", "protocol", "tcp", "destination_port", "80", "to_port", "8080"],
                  ["h", "dnat", "local", "true", "protocol", "tcp", "destination_port", "443", "to", "10.0.0.5", "hairpin", "24"],
                  ["m", "masquerade", "out", "eth0"]):
        added = nat(netns, "add", *words)
        assert added.stdout == f"create nat rule '{words[0]}'\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "rules.json:1:1: "),
        ("{}", "expected a list of rules"),
        ("[1]", "rule 1: expected an object"),
        ('[{"name": "a", "kind": "accept"}, {"name": "b", "port": 1}]', "rule 2: a rule has no member 'port'"),
        ('[{"name": "a", "kind": "permit"}]', "'kind': expected one of the words"),
        ('[{"name": "a", "kind": "drop", "to_port": 65536}]', "'to_port': expected a number that fits"),
        ('[{"name": "a", "kind": "drop", "local": 1}]', "'local': expected true or false"),
        ('[{"name": "a", "kind": "drop", "sources": ["x"]}]', "'sources': expected a list of prefixes"),
        ('[{"name": "a", "kind": "dnat", "to": "x"}]', "'to': expected an address"),
        ('[{"name": "a", "kind": "dnat"}]', "nat rule 1 'a': to is missing"),
    ],
)
def test_a_bad_file_is_named_with_the_place(netns, tmp_path, text, words):
    file = tmp_path / "rules.json"
    file.write_text(text)
    result = nat(netns, "apply", file)
    assert result.returncode == 3 and words in one_line(result)
    assert nft(netns, "list", "ruleset") == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["add", "a"], "usage"),
        (["add", "a", "accept", "out"], "usage"),
        (["add", "a", "accept", "port", "1"], "no member 'port'"),
        (["add", "a", "accept", "destination_port", "1-x"], "'1-x' is no value"),
        (["add", "a", "accept", "mss", "1/2"], "'1/2' is no value"),
        (["add", "a", "accept", "local", "yes"], "'yes' is no value"),
        (["apply", "/nowhere"], "/nowhere"),
    ],
)
def test_bad_words_are_named(netns, words, said):
    result = nat(netns, *words)
    assert result.returncode == 3 and said in one_line(result)


def test_what_can_undo_ours_is_told(netns):
    assert nat(netns, "foreign").stdout == ""
    nft(netns, "add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }")
    assert "table ip filter, chain FORWARD  drops forwarded packets" in nat(netns, "foreign").stdout
    assert json.loads(nat(netns, "foreign", "--json").stdout) == [{"kind": "forward-policy", "where": "table ip filter, chain FORWARD", "rules": 0}]
