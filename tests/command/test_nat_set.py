# SPDX-License-Identifier: LGPL-2.1-or-later
"""fabricnet nat set: sets, their elements, bans."""
import json

from test_command import netns, one_line, run  # noqa: F401


def nat_set(netns, *words, **options):
    return run("--netns", netns, "nat", "set", *words, **options)


def shown(netns, name):
    return {element["key"]: element for element in map(json.loads, nat_set(netns, "show", name, "--json").stdout.splitlines())}


def test_elements_come_and_go(netns, tmp_path):
    assert nat_set(netns, "create", "bans", "ipv4_addr", "intervals", "timeout", "1h").stdout == "create nat set 'bans'\n"
    assert nat_set(netns, "add", "bans", "192.0.2.0/24", "198.51.100.1 timeout 10m").stdout == "2 elements\n"
    assert {key: element["timeout_ms"] for key, element in shown(netns, "bans").items()} == {"192.0.2.0/24": 3600000, "198.51.100.1": 600000}
    assert "192.0.2.0/24 timeout 3600000ms # expires in 35" in nat_set(netns, "show", "bans").stdout
    file = tmp_path / "list"
    file.write_text("# a list\n192.0.2.0/24 timeout 1h\n\n203.0.113.7\n")
    assert nat_set(netns, "replace", "bans", file).stdout == "2 elements\n"
    assert nat_set(netns, "replace", "bans", file, file).stdout == "0 elements\n"
    assert set(shown(netns, "bans")) == {"192.0.2.0/24", "203.0.113.7"}
    assert nat_set(netns, "refresh", "bans", "203.0.113.7 timeout 7d", "--json").stdout.strip() == '{\n  "elements": 1\n}'
    assert nat_set(netns, "del", "bans", "203.0.113.7").returncode == 0
    assert nat_set(netns, "flush", "bans").returncode == 0 and shown(netns, "bans") == {}
    assert [one["name"] for one in json.loads(nat_set(netns, "list", "--json").stdout)] == ["bans"]
    assert nat_set(netns, "remove", "bans").stdout == "delete nat set 'bans'\n"
    assert nat_set(netns, "list").stdout == ""


def test_wrong_words_are_said_so(netns, tmp_path):
    assert nat_set(netns, "create", "s", "ipv4_addr").returncode == 0
    assert "'10.0.0.0/8' is no element of type ipv4_addr; this set has no ranges" in one_line(nat_set(netns, "add", "s", "10.0.0.0/8"))
    assert "'soon' is no time" in one_line(nat_set(netns, "add", "s", "10.0.0.1 timeout soon"))
    file = tmp_path / "list"
    file.write_text("192.0.2.1\n\n192.0.2.300\n")
    assert nat_set(netns, "add", "s", "192.0.2.7").returncode == 0
    assert f"fabricnet: {file}:3: nat set 's': '192.0.2.300' is no element" in one_line(nat_set(netns, "replace", "s", file))
    assert f"cannot read '{tmp_path}': Is a directory" in one_line(nat_set(netns, "replace", "s", tmp_path))
    file.write_text("192.0.2.1" + " " * 600 + "# what follows\n" + "#" * 5000 + "\n")
    assert list(shown(netns, "s")) == ["192.0.2.7"] and nat_set(netns, "replace", "s", file).stdout == "2 elements\n"
    assert list(shown(netns, "s")) == ["192.0.2.1"]
    assert "'speed fast' is no property of a set" in one_line(nat_set(netns, "create", "t", "mark", "speed", "fast"))
    assert "there is no such set" in one_line(nat_set(netns, "show", "t"))
    gone = nat_set(netns, "del", "s", "10.0.0.1")
    assert gone.returncode == 1 and "element 10.0.0.1 is not in the set" in one_line(gone)
    assert nat_set(netns, "remove", "t").returncode == 3


def test_a_ban_is_one_word_and_rules_look_into_sets(netns):
    assert len(nat_set(netns, "ban", "b").stdout.splitlines()) == 12
    assert nat_set(netns, "add", "b-ipv6-nets", "2001:db8::/32 timeout 90s").returncode == 0
    assert run("--netns", netns, "nat", "add", "again", "drop", "source_set", "b-ipv4").returncode == 0
    assert json.loads(run("--netns", netns, "nat", "show", "--json").stdout)[0]["source_set"] == "b-ipv4"
    refused = nat_set(netns, "remove", "b-ipv4")
    assert refused.returncode == 3 and "source_set: no set 'b-ipv4' is declared" in one_line(refused)
    assert list(shown(netns, "b-ipv6-nets")) == ["2001:db8::/32"]
