# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sets from Python: declared, filled, read, by the hundred thousand."""

import pytest
from conftest import run

import fabricnet

PARTS = ["never-ipv4", "never-ipv6", "ipv4", "ipv4-nets", "ipv6", "ipv6-nets"]
BANS = fabricnet.NatSet(name="bans", key="ipv4_addr", intervals=True, timeouts=True)


def test_sets_are_declared_and_read_back(c, netns):
    ports = {"name": "ports", "key": "inet_service", "data": "ipv4_addr . inet_service"}
    assert [str(change) for change in c.nat.apply([], sets=[BANS, ports])] == [
        "create nat set 'bans' ipv4_addr, intervals, timeouts",
        "create nat set 'ports' inet_service : ipv4_addr . inet_service",
    ]
    assert c.nat.apply([], sets=[BANS, ports]) == []
    assert c.nat.sets() == [BANS, fabricnet.NatSet(**ports)]
    c.nat.elements("ports").add([{"key": "80", "data": "192.168.8.2 . 8080"}])
    assert list(c.nat.elements("ports")) == [fabricnet.NatElement(key="80", data="192.168.8.2 . 8080")]
    assert "80 : 192.168.8.2 . 8080" in run("ip", "netns", "exec", netns, "nft", "list", "map", "inet", "fabricnet", "ports")


def test_elements_go_in_and_out(c):
    c.nat.apply([], sets=[BANS])
    bans = c.nat.elements("bans")
    assert bans.add(["192.0.2.0/24", fabricnet.NatElement(key="198.51.100.7", timeout_ms=60000)]) == 2
    assert {element.key: element.timeout_ms for element in bans} == {"192.0.2.0/24": 0, "198.51.100.7": 60000}
    assert bans.refresh(["198.51.100.7"]) == 1
    assert {element.key: element.timeout_ms for element in bans} == {"192.0.2.0/24": 0, "198.51.100.7": 0}
    assert bans.replace(["192.0.2.0/24", "203.0.113.0/24"]) == 2
    assert bans.delete(["192.0.2.0/24"]) == 1
    with pytest.raises(fabricnet.NotFoundError, match="nat set 'bans': element 192.0.2.0/24 is not in the set"):
        bans.delete(["192.0.2.0/24"])
    with pytest.raises(fabricnet.ExistsError, match="element 203.0.0.0/16 overlaps 203.0.113.0/24, which is in the set"):
        bans.add(["203.0.0.0/16"])
    with pytest.raises(fabricnet.NotFoundError, match="nat set 'none': there is no such set"):
        list(c.nat.elements("none"))
    bans.flush()
    assert list(bans) == []


def test_a_hundred_thousand_elements(c):
    c.nat.apply([], sets=[BANS])
    keys = [f"10.{i >> 15}.{i >> 7 & 255}.{i << 1 & 255}" for i in range(100_000)]
    bans = c.nat.elements("bans")
    assert bans.add(keys) == 100_000
    assert {element.key for element in bans} == set(keys)
    assert bans.replace(keys[1000:]) == 1000
    assert bans.replace(keys, known=keys[1000:]) == 1000


def test_a_ban_is_declared_as_one_thing(c):
    changes = c.nat.apply([], bans=[fabricnet.NatBan(name="b", timeout_ms=60000)])
    assert [change.object for change in changes[:6]] == [f"nat set 'b-{part}'" for part in PARTS]
    assert [(rule.kind, rule.at, rule.source_set) for rule in c.nat.get()] == [
        ("accept" if "never" in part else "drop", "arrival", f"b-{part}") for part in PARTS
    ]
    c.nat.elements("b-ipv6-nets").add(["2001:db8::/32"])
    assert [element.timeout_ms for element in c.nat.elements("b-ipv6-nets")] == [60000]
