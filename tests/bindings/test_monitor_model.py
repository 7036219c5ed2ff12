# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whoever keeps a copy by the events of monitors has what ip(8) shows, after random changes, silent ones and lost ones too."""

import collections
import ipaddress
import json
import os
import random
import subprocess
import time

import pytest
from conftest import run

SEED = int(os.environ.get("FBN_SEED", "20240711"))
STEPS = int(os.environ.get("FBN_STEPS", "1000"))


class Copy:
    """Links, addresses, routes and rules as told by events."""

    def __init__(self, c, buffer):
        self.monitors = [c.link.watch(existing=True, buffer=buffer), c.route.watch(existing=True, buffer=buffer)]
        self.links = {}
        self.addresses, self.routes, self.rules = collections.Counter(), collections.Counter(), collections.Counter()
        self.resyncs = 0

    def catch_up(self):
        for monitor in self.monitors:
            monitor.process()
            while (event := monitor.next()) is not None:
                self.take(event)

    def take(self, event):
        if event.kind == "resync":
            self.resyncs += 1
        elif event.type == "link":
            if event.kind == "removed":
                del self.links[event.link.index]
            else:
                assert (event.kind == "added") == (event.link.index not in self.links), event
                self.links[event.link.index] = link_of(event.link)
        elif event.type == "address" and event.kind != "changed":
            self.count(self.addresses, event, (event.address.device, str(event.address.address)))
        elif event.type == "rule":
            self.count(self.rules, event, (event.rule.family, event.rule.priority, event.rule.table, event.rule.fwmark))
        elif event.type == "route":
            if event.kind in ("changed", "removed"):
                self.count(self.routes, event, (event.object, event.before), -1)
            if event.kind in ("changed", "added"):
                self.count(self.routes, event, (event.object, event.after), 1)

    def count(self, counter, event, key, step=None):
        counter[key] += step if step else {"added": 1, "removed": -1}[event.kind]
        assert counter[key] >= 0, event
        if not counter[key]:
            del counter[key]


def link_of(link):
    return tell(link.name, link.mtu, link.state, link.master, link.alias, link.altnames)


def tell(name, mtu, state, master, alias, altnames):
    """The kernel does not tell of aliases and altnames while a link is down."""
    return (name, mtu, state, master) + ((alias, tuple(sorted(altnames))) if state == "up" else ())


def ip(netns, *words):
    return json.loads(run("ip", "-n", netns, "-j", "-d", "-N", *words) or "[]")


def links_of_ip(netns):
    return {
        link["ifindex"]: tell(
            link["ifname"], link["mtu"], "up" if "UP" in link["flags"] else "down", link.get("master"), link.get("ifalias"), link.get("altnames", [])
        )
        for link in ip(netns, "link", "show")
    }


def addresses_of_ip(netns):
    return collections.Counter(
        (link["ifname"], f"{address['local']}/{address['prefixlen']}") for link in ip(netns, "address", "show") for address in link["addr_info"]
    )


def rules_of_ip(netns):
    return collections.Counter(
        (family, rule["priority"], int({"local": 255, "main": 254, "default": 253}.get(rule["table"], rule["table"])), int(rule.get("fwmark", "0"), 16))
        for flag, family in (("-4", "inet"), ("-6", "inet6"))
        for rule in ip(netns, flag, "rule", "show")
    )


def count_routes_of_ip(netns):
    """Destination, table and metric, and how many have them: what of a route differs else is compared with our own reading."""
    counter = collections.Counter()
    for flag in ("-4", "-6"):
        for route in ip(netns, flag, "route", "show", "table", "all"):
            table = route.get("table", "254")
            if table not in ("255", "local"):
                destination = {"default": "0.0.0.0/0" if flag == "-4" else "::/0"}.get(route["dst"], route["dst"])
                counter[str(ipaddress.ip_network(destination)), int({"main": 254}.get(table, table)), route.get("metric", 0)] += 1
    return counter


def count_routes(copy):
    """The same from the words of events: "route 10.0.0.0/8 table 100 metric 5"."""
    counter = collections.Counter()
    for (words, _), count in copy.routes.items():
        word = words.split()
        given = dict(zip(word[2::2], map(int, word[3::2])))
        counter[word[1], given.get("table", 254), given.get("metric", 1024 if ":" in word[1] else 0)] += count
    return counter


def fresh_routes(c):
    """All routes as a new monitor tells them."""
    with c.route.watch(existing=True, rules=False) as monitor:
        monitor.process()
        counter = collections.Counter()
        while (event := monitor.next()) is not None:
            counter[event.object, event.after] += 1
        return counter


class Chance:
    """Random commands for ip -batch; many of them are refused, which is as well."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def link(self):
        return self.random.choice(["v0", "v1", "w0", "w1", "x0"])

    def command(self):
        r = self.random
        return r.choice([self.links, self.links, self.addresses, self.addresses, self.routes, self.routes, self.routes, self.routes6, self.rules, self.nexthops])()

    def links(self):
        r = self.random
        return r.choice(
            [
                f"link set {self.link()} {r.choice(['up', 'up', 'down'])}",
                f"link set {self.link()} mtu {r.randrange(1280, 1500)}",
                f"link set {self.link()} alias a{r.randrange(9)}",
                f"link set {self.link()} {r.choice(['master br0', 'nomaster'])}",
                f"link property {r.choice(['add', 'del'])} dev {self.link()} altname alt{r.randrange(3)}",
                f"link add x0 type veth peer name x1",
                f"link del x0",
            ]
        )

    def addresses(self):
        r = self.random
        address = r.choice([f"10.{r.randrange(3)}.0.{r.randrange(1, 4)}/24", f"fd00:{r.randrange(3)}::{r.randrange(1, 4)}/64"])
        return f"address {r.choice(['add', 'add', 'del'])} {address} dev {self.link()}"

    def routes(self):
        r = self.random
        what = r.choice(["add", "append", "replace", "replace", "del"])
        destination = f"172.16.{r.randrange(6)}.0/24"
        way = r.choice(
            [
                f"via 10.{r.randrange(3)}.0.{r.randrange(1, 9)}",
                f"dev {self.link()}",
                f"nexthop via 10.0.0.7 weight {r.randrange(1, 3)} nexthop via 10.1.0.{r.randrange(6, 9)}",
                f"nhid {r.randrange(1, 4)}",
            ]
        )
        if r.random() < 0.15:
            return f"route {what} {r.choice(['blackhole', 'unreachable'])} {destination}"
        return f"route {what} {destination} {way} {r.choice(['', '', 'table 100', 'metric 7', 'mtu 1300', 'protocol 251'])}"

    def routes6(self):
        r = self.random
        way = r.choice([f"via fd00:{r.randrange(3)}::{r.randrange(5, 9)}", f"dev {self.link()}", f"nexthop via fd00:0::7 nexthop via fd00:1::{r.randrange(6, 9)}"])
        return f"-6 route {r.choice(['add', 'append', 'replace', 'del'])} fd77:{r.randrange(4)}::/48 {way} {r.choice(['', '', 'table 100', 'metric 7'])}"

    def rules(self):
        r = self.random
        return f"{r.choice(['-4', '-6'])} rule {r.choice(['add', 'del'])} priority {r.randrange(100, 104)} fwmark {r.randrange(1, 4)} table 100"

    def nexthops(self):
        r = self.random
        return r.choice([f"nexthop replace id {r.randrange(1, 4)} via 10.{r.randrange(3)}.0.9 dev {self.link()}", f"nexthop del id {r.randrange(1, 4)}"])


def agree(c, netns, copy):
    """What differs, or None. The kernel goes on by itself for a moment: duplicate address detection, carriers."""
    copy.catch_up()
    pairs = (
        ("links", copy.links, links_of_ip(netns)),
        ("addresses", copy.addresses, addresses_of_ip(netns)),
        ("rules", copy.rules, rules_of_ip(netns)),
        ("routes of ip", count_routes(copy), count_routes_of_ip(netns)),
        ("routes", copy.routes, fresh_routes(c)),
    )
    for name, ours, theirs in pairs:
        if ours != theirs:
            return f"{name}: only ours {set(ours.items()) - set(theirs.items())}, only theirs {set(theirs.items()) - set(ours.items())}"
    return None


@pytest.mark.parametrize("buffer", [0, 4096])
def test_a_copy_kept_by_events_is_what_ip_shows(c, netns, buffer):
    for pair in ("v0 type veth peer name v1", "w0 type veth peer name w1", "br0 type bridge"):
        run("ip", "-n", netns, "link", "add", *pair.split())
    subprocess.run(["ip", "netns", "exec", netns, "sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0", "net.ipv6.conf.all.accept_dad=0"], check=True)
    copy = Copy(c, buffer)
    assert agree(c, netns, copy) is None
    chance = Chance(SEED + buffer)
    done = 0
    while done < STEPS:
        commands = [chance.command() for _ in range(chance.random.choice([1, 2, 5, 40]))]
        subprocess.run(["ip", "-n", netns, "-force", "-batch", "-"], input="\n".join(commands) + "\n", capture_output=True, text=True)
        done += len(commands)
        end = time.monotonic() + 5
        while (difference := agree(c, netns, copy)) is not None:
            assert time.monotonic() < end, f"seed {SEED}, after {done}: {difference}\n" + "\n".join(commands)
            time.sleep(0.02)
    assert (copy.resyncs > 0) == (buffer > 0)
