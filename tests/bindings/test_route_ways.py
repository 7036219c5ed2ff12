# SPDX-License-Identifier: LGPL-2.1-or-later
"""Routes with several ways, lookups with their reason, nexthop objects, neighbours, the selectors of rules."""

import ipaddress

import pytest

import fabricnet


def test_several_ways(c, ip, veth):
    hops = [{"gateway": "10.9.0.2", "weight": 3}, fabricnet.RouteHop(gateway=ipaddress.ip_address("10.9.0.3"), device="v0")]
    c.route.add(destination="203.0.113.0/24", hops=hops, scope="global")
    assert [(hop["gateway"], hop["weight"]) for hop in ip("route", "show", "203.0.113.0/24")[0]["nexthops"]] == [("10.9.0.2", 3), ("10.9.0.3", 1)]
    (route,) = c.route.list(protocol=251)
    assert [(str(hop.gateway), hop.device, hop.weight) for hop in route.hops] == [("10.9.0.2", "v0", 3), ("10.9.0.3", "v0", 1)]
    assert c.route.apply([route]) == []
    c.route.replace(destination="203.0.113.0/24", gateway="10.9.0.7")
    c.route.append(destination="203.0.113.0/24", device="v0")
    assert len(ip("route", "show", "203.0.113.0/24")) == 2
    for wrong in ([{"gateway": "10.9.0"}], [3], "10.9.0.2"):
        with pytest.raises((TypeError, ValueError), match="hops|RouteHop"):
            c.route.add(destination="203.0.113.0/24", hops=wrong)


def test_a_lookup_says_why(c, veth):
    c.route.add(destination="203.0.113.0/24", gateway="10.9.0.2")
    c.route.add(destination="0.0.0.0/0", gateway="10.9.0.3", table=100)
    c.rule.add(family="inet", priority=100, fwmark=7, table=100)
    way, match, rule = c.route.lookup("203.0.113.9")
    assert (way.device, str(match.destination), rule.table) == ("v0", "203.0.113.0/24", 254)
    way, match, rule = c.route.lookup("203.0.113.9", mark=7)
    assert (str(way.gateway), str(match.destination), rule.priority) == ("10.9.0.3", "0.0.0.0/0", 100)
    assert [rule.priority for rule in c.rule.match("203.0.113.9", mark=7)] == [0, 100, 32766, 32767]
    c.route.add(destination="203.0.113.64/26", type="prohibit")
    with pytest.raises(fabricnet.NotFoundError, match="route 203.0.113.64/26 prohibits it"):
        c.route.get("203.0.113.65")


def test_nexthop_objects(c, ip, veth):
    wanted = [{"id": 1, "gateway": "10.9.0.2", "device": "v0"}, {"id": 2, "blackhole": True}, {"id": 9, "members": [{"id": 1, "weight": 5}]}]
    assert len(c.nexthop.apply(wanted)) == 3 and c.nexthop.apply(wanted) == []
    assert [nexthop["id"] for nexthop in ip("nexthop", "show")] == [1, 2, 9]
    c.route.add(destination="203.0.113.0/24", nexthop=9)
    assert c.route.list(protocol=251)[0].nexthop == 9
    assert c.nexthop.list()[2].members == (fabricnet.NexthopMember(id=1, weight=5),)
    c.nexthop.delete(9)
    assert c.route.list(protocol=251) == []
    c.nexthop.add(id=7, family="inet6", device="v0")
    assert [str(change) for change in c.nexthop.apply([])][-1] == "delete nexthop 7 dev v0"


def test_neighbours(c, ip, veth):
    c.neighbour.add(address="10.9.0.2", device="v0", link_address="02:00:00:00:00:02")
    assert ip("neighbour", "show", "10.9.0.2")[0]["lladdr"] == "02:00:00:00:00:02"
    assert c.neighbour.list("v0")[0].state == "permanent"
    assert len(c.neighbour.apply([{"address": "10.9.0.3", "device": "v0", "proxy": True}])) == 2
    c.neighbour.delete(address="10.9.0.3", device="v0", proxy=True)
    assert c.neighbour.list("v0") == []


def test_selectors_of_rules(c, ip):
    c.rule.add(family="inet", priority=10, table=7, ip_protocol=17, destination_port=50, destination_port_last=60, uid=1, uid_end=3, suppress_group=4)
    c.rule.add(family="inet", priority=11, action="goto", target=50, tos=8)
    first, second = c.rule.list("inet")[1:3]
    assert (first.destination_port_last, first.uid_end, first.suppress_group, first.suppress_prefix_length) == (60, 3, 4, None)
    assert (second.action, second.target) == ("goto", 50)
    assert [rule["priority"] for rule in ip("rule", "show")][1:3] == [10, 11]
    assert len(c.rule.apply([first, second])) == 0
