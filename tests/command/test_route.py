# SPDX-License-Identifier: LGPL-2.1-or-later
"""`fabricnet route` by hand, beside ip(8)."""
import json
import os
import pathlib
import subprocess
import uuid

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
COMMAND = os.environ.get("FBN_COMMAND", str(TOP / "build/examples/fabricnet/fabricnet"))


@pytest.fixture
def netns():
    name = f"fbn-route-{uuid.uuid4().hex[:8]}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    for words in ("link add one type veth peer name two", "link set one up", "link set two up", "address add 10.1.0.1/24 dev one",
                  "address add fd01::1/64 dev one nodad"):
        subprocess.run(["ip", "-n", name, *words.split()], check=True)
    yield name
    subprocess.run(["ip", "netns", "delete", name], check=True)


@pytest.fixture
def route(netns):
    def run(words, code=0, **options):
        done = subprocess.run([COMMAND, "--netns", netns, "route", *words.split()], capture_output=True, text=True, timeout=60, **options)
        assert done.returncode == code, done.stderr
        return done.stdout if code in (0, 2) else done.stderr
    return run


def ip(netns, words):
    return json.loads(subprocess.run(["ip", "-n", netns, "-j", *words.split()], capture_output=True, text=True, check=True).stdout or "[]")


def test_routes_in_the_words_of_ip(netns, route):
    route("add 203.0.113.0/24 mtu 1280 nexthop via 10.1.0.2 weight 3 nexthop via inet6 fd01::2 dev one")
    assert [hop["weight"] for hop in ip(netns, "route show 203.0.113.0/24")[0]["nexthops"]] == [3, 1]
    assert "nexthop via 10.1.0.2 dev one weight 3 nexthop via inet6 fd01::2 dev one" in route("show proto 251")
    assert json.loads(route("show --json proto 251"))[0]["hops"][0] == {"gateway": "10.1.0.2", "device": "one", "weight": 3, "onlink": False}
    route("replace 203.0.113.0/24 via 10.1.0.2 advmss 1000 src 10.1.0.1")
    route("append 203.0.113.0/24 dev one")
    assert len(ip(netns, "route show 203.0.113.0/24")) == 2
    route("del 203.0.113.0/24 dev one via 10.1.0.2")
    route("add blackhole 198.51.100.0/24 table 7")
    assert "drops it" not in route("get 198.51.100.1", code=1)
    route("add default via fd01::9")
    assert ip(netns, "-6 route show default")[0]["gateway"] == "fd01::9"
    for wrong in ("add 10.0.0.0/8 dev", "add 10.0.0.0/8 nexthop weight x", "add 10.0.0.0/8 onlink yes", "add 10.0.0.0/8 metric 0x", "show table x", "get nobody",
                  "apply /nonexistent"):
        route(wrong, code=3)
    assert "exists" in route("add 203.0.113.0/24 dev one", code=1)


def test_get_says_by_which_route_and_rule(route):
    route("add 203.0.113.0/24 via 10.1.0.2 table 100")
    route("rule add priority 50 fwmark 0x7/0xf lookup 100")
    assert route("get 203.0.113.9 mark 7").splitlines() == ["203.0.113.9 via 10.1.0.2 dev one src 10.1.0.1 table 100", "  by the route unicast 203.0.113.0/24 via 10.1.0.2 dev one",
                                                            "  by the rule 50: from all fwmark 0x7/0xf lookup 100"]
    found = json.loads(route("get 203.0.113.9 mark 7 --json"))
    assert found["match"]["destination"] == "203.0.113.0/24" and found["rule"]["priority"] == 50 and found["way"]["device"] == "one"
    assert "203.0.113.9: no route" in route("get 203.0.113.9", code=1)
    route("rule add priority 40 to 203.0.113.0/24 prohibit")
    assert "rule 40 IPv4, from all to 203.0.113.0/24 prohibit: prohibits it" in route("get 203.0.113.9", code=1)
    assert [line.split()[1] for line in route("rule match 203.0.113.9 mark 7").splitlines()] == ["0", "40", "50", "32766", "32767"]


def test_apply_and_diff_of_files(netns, route, tmp_path):
    file = tmp_path / "routes"
    file.write_text("# ours\n10.8.0.0/16 via 10.1.0.2\n\nunreachable 10.9.0.0/16 # no\nfd09::/64 nexthop via fd01::2 nexthop via fd01::3\n")
    assert len(route(f"diff {file}", code=2).splitlines()) == 3
    assert ip(netns, "route show proto 251") == []
    assert len(json.loads(route(f"apply --json {file}"))) == 3
    assert route(f"apply {file}") == route(f"diff {file}") == ""
    assert route("apply -", input="10.8.0.0/16 via 10.1.0.3\n").splitlines()[0] == "update route 10.8.0.0/16 way: via 10.1.0.2 dev one → via 10.1.0.3"
    assert f"cannot read '{tmp_path}': Is a directory" in route(f"apply {tmp_path}", code=3)
    assert "fabricnet: -:2: route: 'bia' is not" in route("apply -", code=3, input="10.8.0.0/16 via 10.1.0.3\n10.8.0.0/16 bia 10.1.0.3\n")
    assert len(ip(netns, "route show proto 251")) == 1


def test_rules_nexthops_neighbours(netns, route):
    route("rule apply -", input="priority 10 ipproto tcp dport 22-23 lookup 7\nipv6 priority 11 from fd00::/8 blackhole\npriority 12 not fwmark 1 goto 20\npriority 13 uidrange 5-9 lookup main suppress_prefixlength 0\n")
    shown = subprocess.run(["ip", "-n", netns, "rule", "show"], capture_output=True, text=True, check=True).stdout.replace("\t", " ").splitlines()
    assert "10: from all ipproto tcp dport 22-23 lookup 7 proto 251" in shown
    assert "12: not from all fwmark 0x1 goto 20 [unresolved] proto 251" in shown
    assert "13: from all uidrange 5-9 lookup main suppress_prefixlength 0 proto 251" in shown
    assert route("rule diff -", code=2, input="").count("delete") == 4
    route("rule del priority 10")
    assert all(rule["priority"] != 10 for rule in json.loads(route("rule show --json")))
    route("rule add lookup 7", code=3)
    route("nexthop add 1 via 10.1.0.2 dev one")
    route("nexthop add 9 group 1,4")
    route("add 203.0.113.0/24 nhid 9")
    assert json.loads(route("nexthop show --json"))[1]["members"] == [{"id": 1, "weight": 4}]
    assert route("nexthop apply -", input="1 via 10.1.0.3 dev one\n").splitlines() == ["update nexthop 1 way: via 10.1.0.2 dev one → via 10.1.0.3 dev one", "delete nexthop 9"]
    route("neighbour add 10.1.0.7 dev one lladdr 02:00:00:00:00:07")
    route("neighbour add proxy fd01::7 dev one")
    assert [n["link_address"] for n in json.loads(route("neighbour show one --json"))] == ["02:00:00:00:00:07", None]
    assert ip(netns, "neighbour show nud permanent")[0]["lladdr"] == "02:00:00:00:00:07"
    route("neighbour del proxy fd01::7 dev one")
    assert route("neighbour apply -", input="").splitlines() == ["delete neighbour 10.1.0.7 dev one"]
