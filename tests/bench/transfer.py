# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bulk transfer through a tunnel: what `fabricnet apply` made, beside the same set up by wg, ip and nft by hand. Each pair of hosts has namespaces, a
cable and daemons of its own; behind one of the two a third one sends, masqueraded, as a NAS does its backups."""
import json
import os
import pathlib
import signal
import subprocess
import time

from harness import Goal, Sample

SECONDS = 2  # a transfer
MTU = 1280
FABRIC = pathlib.Path("build/examples/fabricnet/fabricnet")


def wg(*words, given=None):
    return subprocess.run(["wg", *words], input=given, capture_output=True, text=True, check=True).stdout.strip()


def cpu_of(pid):
    """Seconds on a CPU, of all threads that it has."""
    return sum(int(task.joinpath("schedstat").read_text().split()[0]) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()) / 1e9


class Pair:
    """A server and a router with a NAS behind it. The tunnel is the subclass' business."""

    def __init__(self, bench, name):
        self.bench, self.name, self.daemons = bench, name, []
        self.vps, self.router, self.nas = (f"{name}-{host}" for host in ("vps", "router", "nas"))
        for host in (self.vps, self.router, self.nas):
            bench.command("ip", "netns", "add", host)
            bench.command("ip", "-n", host, "link", "set", "lo", "up")
        self.cable(self.vps, "eth0", "192.0.2.1/24", self.router, "wan0", "192.0.2.2/24")
        self.cable(self.router, "lan0", "192.168.20.1/24", self.nas, "eth0", "192.168.20.10/24")
        bench.command("ip", "-n", self.nas, "route", "add", "default", "via", "192.168.20.1")
        self.keys = {host: wg("genkey") for host in ("vps", "router")}
        self.public = {host: wg("pubkey", given=key) for host, key in self.keys.items()}
        self.tunnel()
        bench.command("ip", "netns", "exec", self.nas, "ping", "-c1", "-W10", "172.26.5.155")

    def cable(self, left, left_link, left_address, right, right_link, right_address):
        self.bench.command("ip", "-n", left, "link", "add", left_link, "type", "veth", "peer", "name", right_link, "netns", right)
        for host, link, address in ((left, left_link, left_address), (right, right_link, right_address)):
            self.bench.command("ip", "-n", host, "address", "add", address, "dev", link)
            self.bench.command("ip", "-n", host, "link", "set", link, "up")

    def inside(self, host, *words):
        return self.bench.command("ip", "netns", "exec", host, *words)

    def transfer(self):
        """Seconds of a gigabyte, and those that the daemons were on a CPU for it."""
        server = subprocess.Popen(["ip", "netns", "exec", self.vps, "iperf3", "-s", "-1"], stdout=subprocess.DEVNULL)
        while not self.inside(self.vps, "ss", "-Hltn", "sport", "=", ":5201"):
            time.sleep(0.05)
        before = sum(cpu_of(pid) for pid in self.pids())
        told = json.loads(self.inside(self.nas, "iperf3", "-c", "172.26.5.155", "-t", SECONDS, "-J"))["end"]["sum_received"]
        cpu = sum(cpu_of(pid) for pid in self.pids()) - before
        server.wait()
        return Sample(1e9 * told["seconds"] / told["bytes"], 1e9 * cpu / told["bytes"], max(self.rss(pid) for pid in self.pids()))

    def rss(self, pid):
        return int(next(line.split()[1] for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")))

    def pids(self):
        """The daemons of the tunnel: those of this pair's namespaces that are called so."""
        wanted = {os.stat(f"/run/netns/{host}").st_ino for host in (self.vps, self.router)}
        return [int(entry) for entry in os.listdir("/proc") if entry.isdigit() and self.is_daemon(entry, wanted)]

    def is_daemon(self, pid, wanted):
        try:
            return "wireguard" in pathlib.Path(f"/proc/{pid}/comm").read_text() and os.stat(f"/proc/{pid}/ns/net").st_ino in wanted
        except OSError:
            return False

    def stop(self):
        for pid in self.pids():
            os.kill(pid, signal.SIGTERM)


class ByHand(Pair):
    def tunnel(self):
        for host, link, address in ((self.vps, "wgh0", "172.26.5.155/24"), (self.router, "wgh1", "172.26.5.1/24")):
            self.inside(host, "setsid", "--wait", "wireguard-go", link)  # a session of its own, as ours has: the kernel shares the CPUs out by session
            self.inside(host, "ip", "address", "add", address, "dev", link)
            self.inside(host, "ip", "link", "set", link, "mtu", MTU, "up")
            self.inside(host, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=2")
        key = {host: self.bench.write(f"{host}.key", key + "\n") for host, key in self.keys.items()}
        self.inside(self.vps, "wg", "set", "wgh0", "listen-port", 51820, "private-key", key["vps"], "peer", self.public["router"], "allowed-ips",
                    "172.26.5.1/32,192.168.20.0/24")
        self.inside(self.router, "wg", "set", "wgh1", "private-key", key["router"], "peer", self.public["vps"], "allowed-ips", "172.26.5.0/24", "endpoint",
                    "192.0.2.1:51820", "persistent-keepalive", 25)
        self.inside(self.vps, "ip", "route", "add", "192.168.20.0/24", "dev", "wgh0")
        rules = """table inet byhand {
            chain out { type nat hook postrouting priority 100; oifname wgh1 ip saddr 192.168.20.0/24 masquerade; }
            chain forward { type filter hook forward priority -150; oifname wgh1 tcp flags syn tcp option maxseg size set rt mtu;
                iifname wgh1 tcp flags syn tcp option maxseg size set rt mtu; }
        }"""
        self.inside(self.router, "nft", "-f", self.bench.write("byhand.nft", rules))


class Ours(Pair):
    def tunnel(self):
        members = {"vps": {"address": "172.26.5.155", "interface": "wgo0", "endpoint": "192.0.2.1:51820"},
                   "router": {"address": "172.26.5.1", "interface": "wgo1", "announces": ["storage"], "keepalive": "25s"}}
        for host, member in members.items():
            member["public_key"] = self.public[host]
            member["private_key"] = {"file": self.bench.write(f"{host}-ours.key", self.keys[host] + "\n")}
        document = {"fabric": 1, "name": "bench", "defaults": {"mtu": MTU, "rp_filter": "loose"},
                    "prefixes": {"wg": "172.26.5.0/24", "wan": "192.0.2.0/24", "storage": {"prefix": "192.168.20.0/24", "at": "router"}},
                    "hosts": {"vps": {"interfaces": {"eth0": {"address": "192.0.2.1", "wan": True}}, "forwarding": True},
                              "router": {"interfaces": {"wan0": {"address": "192.0.2.2", "wan": True}, "lan0": {"address": "192.168.20.1"}}, "forwarding": True}},
                    "wireguard": {"s2s": {"prefix": "wg", "members": members}},
                    "nat": {"router": [{"masquerade": ["storage"], "out": {"tunnel": "s2s"}}]}}
        file = self.bench.write("fabric.json", json.dumps(document))
        for host, netns in (("vps", self.vps), ("router", self.router)):
            self.bench.command(self.bench.top / FABRIC, "--netns", netns, "-f", file, "--host", host, "--local-only", "--state",
                               self.bench.directory / f"state-{host}", "apply")


def run(bench):
    if not bench.has("iperf3") or not bench.has("wireguard-go"):
        return
    ours, hand = Ours(bench, "ours"), ByHand(bench, "hand")
    try:
        bench.compare("bulk", ours.transfer, {"wg by hand": hand.transfer}, {"wg by hand": Goal(1 / 0.95)}, rounds=15, unit="s/GB", cpu=True)
    finally:
        ours.stop()
        hand.stop()
