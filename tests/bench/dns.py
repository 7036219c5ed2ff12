# SPDX-License-Identifier: LGPL-2.1-or-later
"""Our stub beside the servers that people run. hit: names that the cache has, CPU time of the server per query, beside a UDP echo. hit-p99:
how long 99 of 100 such questions wait at 10,000 a second. miss: names that no cache has, beside a bare forwarder of the same kind: 64
shared sockets, or one for each question (miss-strict). rss-100k: memory with so many names in the cache."""
import itertools
import pathlib
import subprocess
import time

from harness import Goal, Sample

QUERIES = 20_000
HITS = 100_000
NAMES = 1000  # asked over and over
CACHED = 100_000
RATE, SECONDS = 10_000, 2
UPSTREAM = 5300  # the servers take the ports behind it, in their order

UNBOUND = """
server:
  interface: 127.0.0.1@{port}
  port: {port}
  do-ip6: no
  do-not-query-localhost: no
  num-threads: 1
  outgoing-range: 4096
  num-queries-per-thread: 2048
  msg-cache-size: 64m
  rrset-cache-size: 64m
  module-config: "iterator"
  username: ""
  chroot: ""
  pidfile: ""
  use-syslog: no
  verbosity: 0
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@5300
"""

DNSDIST = """
setLocal("127.0.0.1:{port}")
newServer("127.0.0.1:5300")
getPool(""):setCache(newPacketCache(200000))
setSecurityPollSuffix("")
"""


class Server:
    """A server under load, and what it costs."""

    prefixes = itertools.count()

    def __init__(self, bench, port, command):
        self.bench, self.port = bench, port
        self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.clock = (~self.process.pid << 3) | 2  # CPUCLOCK_SCHED of a whole process: <linux/posix-timers.h>

    def memory(self, what="VmHWM"):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split(what + ":")[1].split()[0])

    def load(self, *words):
        return self.bench.command(self.bench.program("dns_load"), words[0], self.port, *words[1:])

    def cost(self, queries, *words):
        before = time.clock_gettime(self.clock)
        self.load("ask", queries, *words)
        cpu = time.clock_gettime(self.clock) - before
        return Sample(cpu / queries * 1e6, cpu, self.memory())

    def miss(self):
        return self.cost(QUERIES, f"n{next(self.prefixes)}")

    def hit(self):
        return self.cost(HITS, "hit", NAMES)

    def wait(self):
        before = time.clock_gettime(self.clock)
        waited = float(self.load("pace", RATE, SECONDS, "hit", NAMES))
        return Sample(waited, time.clock_gettime(self.clock) - before, self.memory())

    def filled(self):
        self.load("ask", CACHED, "kept")
        return Sample(self.memory("VmRSS") / 1024, 0, self.memory())

    def stop(self):
        self.process.kill()
        self.process.wait()


def servers(bench):
    yield "ours", [bench.program("dns"), "{port}", UPSTREAM]
    yield "ours, strict", [bench.program("dns"), "{port}", UPSTREAM, "strict"]
    yield "ours, 10k routes", [bench.program("dns"), "{port}", UPSTREAM, 10_000]
    yield "echo", [bench.program("dns_limit"), "echo", "{port}"]
    yield "pool", [bench.program("dns_limit"), "pool", "{port}", UPSTREAM]
    yield "strict", [bench.program("dns_limit"), "strict", "{port}", UPSTREAM]
    if bench.has("unbound"):
        yield "unbound", ["unbound", "-d", "-c", (bench, "unbound.conf", UNBOUND)]
    if bench.has("dnsdist"):
        yield "dnsdist", ["dnsdist", "--supervised", "--disable-syslog", "-C", (bench, "dnsdist.conf", DNSDIST)]
    if bench.has("dnsmasq"):
        yield "dnsmasq", dnsmasq(10_000)
        yield "dnsmasq, 100k", dnsmasq(110_000)


def dnsmasq(cache):
    return ["dnsmasq", "-k", "-C", "/dev/null", "-p", "{port}", "-a", "127.0.0.1", "-z", "-R", "-h", "-u", "root", "-x", "/run/dnsmasq-{port}.pid",
            "--dns-forward-max=2048", f"--cache-size={cache}", f"--server=127.0.0.1#{UPSTREAM}"]


def words(command, port):
    for word in command:
        if isinstance(word, tuple):
            bench, name, text = word
            yield bench.write(name, text.format(port=port))
        else:
            yield str(word).format(port=port)


def run(bench):
    upstream = subprocess.Popen([bench.program("dns_load"), "serve", str(UPSTREAM)])
    running = {}
    for port, (name, command) in enumerate(servers(bench), UPSTREAM + 1):
        running[name] = Server(bench, port, list(words(command, port)))
    time.sleep(1)
    ours, strict, routes = (running[name] for name in ("ours", "ours, strict", "ours, 10k routes"))
    peers = {name: running[name] for name in ("unbound", "dnsdist", "dnsmasq") if name in running}
    empty = ours.memory("VmRSS")
    for name, server in running.items():
        if name != "dnsmasq, 100k":
            server.hit(), server.miss()  # warm
    hits = {"limit": Goal(1.3), "unbound": Goal(1 / 1.3), "dnsmasq": Goal(1 / 2.3)}
    bench.compare("hit", ours.hit, {"limit": running["echo"].hit, **{name: peer.hit for name, peer in peers.items()}}, hits, rounds=5, unit="us")
    bench.compare("hit-10k-routes", routes.hit, {"1 route": ours.hit}, {"1 route": Goal(1.05)}, rounds=5, unit="us")
    bench.compare("hit-p99", ours.wait, {"limit": running["echo"].wait, **{name: peer.wait for name, peer in peers.items()}}, {"limit": Goal(1.15)},
                  rounds=3, unit="us")
    misses = {"limit": Goal(1.4), "dnsmasq": Goal(1 / 2)}
    bench.compare("miss", ours.miss, {"limit": running["pool"].miss, **{name: peer.miss for name, peer in peers.items()}}, misses, rounds=5, unit="us")
    bench.compare("miss-strict", strict.miss, {"limit": running["strict"].miss}, {"limit": Goal(1.3)}, rounds=5, unit="us")
    if "dnsmasq, 100k" in running:
        peers["dnsmasq"] = running["dnsmasq, 100k"]
    bench.compare("rss-100k", ours.filled, {name: peer.filled for name, peer in peers.items()},
                  {"dnsmasq": Goal(rss_kib=12 << 10)}, rounds=1, unit="MiB")
    bench.note(f"ours, empty: {empty} KiB resident{'' if empty <= 3072 else '  goal missed: 3072'}")
    for server in running.values():
        server.stop()
    upstream.kill()
