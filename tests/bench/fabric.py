# SPDX-License-Identifier: LGPL-2.1-or-later
"""One host of the reference network, applied. And a fabric of 10,000 hosts and 100,000 prefixes in one tunnel: read, check and plan its hub;
jansson alone reads the same file."""
import base64
import hashlib
import json
import pathlib
import shutil
import subprocess
import tempfile

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
    one_host(bench)
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


def reference(bench, top):
    """The homelab's file with keys that are there: of the VPS all is applied, from the others the public keys are needed."""
    document = json.loads((top / "examples/homelab/fabric.json").read_text())
    for section in ("services", "edge"):  # files and daemons, not the kernel's
        document.pop(section, None)
    for name, member in document["wireguard"]["s2s"]["members"].items():
        private = subprocess.run(["wg", "genkey"], stdout=subprocess.PIPE, text=True, check=True).stdout
        member["public_key"] = subprocess.run(["wg", "pubkey"], input=private, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        member["private_key"] = {"file": pathlib.Path(bench.write(f"{name}.key", private)).name}
        if "preshared_key" in member:
            psk = subprocess.run(["wg", "genpsk"], stdout=subprocess.PIPE, text=True, check=True).stdout
            member["preshared_key"] = {"file": pathlib.Path(bench.write(f"{name}.psk", psk)).name}
        if name == "vps":
            member["endpoint"] = "192.0.2.1:51820"
    return bench.write("reference.json", json.dumps(document))


def wipe():
    """Nothing of ours: neither in the kernel nor written down."""
    subprocess.run("ip link delete wg0; nft delete table inet fabricnet; rm -rf /run/bench-state; sysctl -qw net.ipv4.ip_forward=0 "
                   "net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0; "
                   "while test -e /run/wireguard/wg0.sock; do sleep 0.02; done", shell=True, stderr=subprocess.DEVNULL)


def write_by_hand(bench):
    """What stands after ours, as the files that the stock tools of the script read."""
    told = lambda *words: subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout
    bench.write("wg0.conf", told("wg", "showconf", "wg0"))
    bench.write("table.nft", told("nft", "-s", "list", "table", "inet", "fabricnet"))
    bench.write("address", "172.26.5.155/24")
    bench.write("routes", "".join(line.split()[0] + "\n" for line in told("ip", "route", "show", "proto", "251").splitlines()))
    keys = ("net.ipv4.ip_forward", "net.ipv4.conf.all.rp_filter", "net.ipv4.conf.default.rp_filter", "net.ipv4.conf.eth0.rp_filter")
    bench.write("settings", "".join(told("sysctl", key) for key in keys))


def one_host(bench):
    """The VPS of the reference network, the kernel's part of it: nothing to do, and all to do."""
    bench.command("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "far")
    file = reference(bench, bench.top)
    apply = lambda steps: [bench.program("fabric_apply"), file, "vps", "/run/bench-state", steps]
    wipe()
    bench.command(*apply("some"))
    write_by_hand(bench)
    bench.compare("noop-apply", apply("0"), {"commands": ["sh", "-c", "wg show wg0 dump; nft -j list table inet fabricnet; ip -j route; ip -j addr"]},
                  {"commands": Goal(0.5)}, rounds=21)
    by_hand = [bench.top / "tests/bench/fabric_by_hand", bench.directory]
    bench.compare("from-nothing", apply("some"), {"shell script": by_hand}, {"shell script": Goal(0.6)}, before=wipe, rounds=11)
    wipe()
    bench.command(*apply("some"))
    journal(bench)
    wipe()


def journal(bench):
    """The records of the apply before, written as it wrote them: what that costs beside syncing the bare bytes. On a disk: bench.directory is memory."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-journal-", dir=bench.programs))

    def empty():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()

    bench.compare("journal", [bench.program("fabric_journal"), "/run/bench-state", "20", folder],
                  {"limit": [bench.program("fabric_journal_limit"), "/run/bench-state", "20", folder]}, {"limit": Goal(1.2)}, before=empty, rounds=11)
    shutil.rmtree(folder)


def plot(bench, cost):
    """The cost of one host, which stays what it is if all of it is linear; the smallest size also pays for the start of a process."""
    widest = max(cost.values())
    for count, seconds in cost.items():
        bench.note(f"{count:6} hosts  {seconds * 1e6:7.1f} µs a host  {'#' * max(1, round(40 * seconds / widest))}")
