# SPDX-License-Identifier: LGPL-2.1-or-later
"""A fabric of 10,000 hosts and 100,000 prefixes in one tunnel: read, check and plan its hub. jansson alone reads the same file."""
import base64
import hashlib
import json
import subprocess

from harness import Goal

SIZES = {"plan-100": 100, "plan-1k": 1_000, "plan-3k": 3_162, "plan-10k": 10_000}  # hosts; ten prefixes each
PREFIXES_EACH = 10


def steps(hosts):
    """One a peer, one a route, and the link and its like."""
    return 11 * (hosts - 1) + 9


def key(i):
    return base64.b64encode(hashlib.sha256(str(i).encode()).digest()).decode()


def fabric(private_key, public_key, count):
    each = PREFIXES_EACH
    prefixes = {"tunnel": "10.0.0.0/8"}
    hosts, members = {}, {}
    for i in range(count):
        host = f"host{i}"
        hosts[host] = {"forwarding": True}
        announces = [f"net{n}" for n in range(i * each, (i + 1) * each)] if i else []
        for n in range(i * each, (i + 1) * each):
            prefixes[f"net{n}"] = {"prefix": f"fd00:{n >> 16:x}:{n & 0xffff:x}::/48", "at": host}
        members[host] = {"address": f"10.0.{i >> 8}.{i & 255}" if i & 255 else f"10.1.{i >> 8}.1", "public_key": key(i), "announces": announces}
    members["host0"] |= {"public_key": public_key, "listen": 51820, "endpoint": "192.0.2.1:51820", "interface": "wg0", "private_key": {"file": private_key}}
    return {"fabric": 1, "name": "large", "prefixes": prefixes, "hosts": hosts, "wireguard": {"tunnel": {"prefix": "tunnel", "members": members}}}


def run(bench):
    private = base64.b64encode(b"\x18" * 31 + b"\x58").decode()
    public = subprocess.run(["wg", "pubkey"], input=private, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    bench.write("host0.key", private + "\n")
    cost = {}
    for measure, count in SIZES.items():
        file = bench.write("fabric.json", json.dumps(fabric("host0.key", public, count), indent=1))
        bench.compare(measure, [bench.program("fabric"), file, "host0", steps(count)], {"jansson parse": [bench.program("fabric_limit"), file]},
                      {"jansson parse": Goal(6, rss_ratio=3)} if count == 10_000 else None, rounds=5)
        cost[count] = min(bench.sample([bench.program("fabric"), file, "host0", steps(count)]).value for _ in range(5)) / count
    plot(bench, cost)


def plot(bench, cost):
    """The cost of one host, which stays what it is if all of it is linear; the smallest size also pays for the start of a process."""
    widest = max(cost.values())
    for count, seconds in cost.items():
        bench.note(f"{count:6} hosts  {seconds * 1e6:7.1f} µs a host  {'#' * max(1, round(40 * seconds / widest))}")
