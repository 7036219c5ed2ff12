# SPDX-License-Identifier: LGPL-2.1-or-later
"""Forwarding names that no cache has: CPU time of the server per query. Ours takes a fresh socket, so a fresh port, for each query: the
limit of that kind does so too. The bare forwarder with 64 shared sockets, as other servers have them, is shown beside it."""
import itertools
import pathlib
import subprocess
import time

from harness import Goal, Sample

QUERIES = 20_000
UPSTREAM = 5300  # the servers take the ports behind it, in their order

UNBOUND = """
server:
  interface: 127.0.0.1@5304
  port: 5304
  do-ip6: no
  do-not-query-localhost: no
  num-threads: 1
  outgoing-range: 4096
  num-queries-per-thread: 2048
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


class Server:
    """A server under load, and what it costs."""

    prefixes = itertools.count()

    def __init__(self, bench, port, command):
        self.bench, self.port = bench, port
        self.process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.clock = (~self.process.pid << 3) | 2  # CPUCLOCK_SCHED of a whole process: <linux/posix-timers.h>

    def peak(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0])

    def __call__(self):
        before = time.clock_gettime(self.clock)
        self.bench.command(self.bench.program("dns_load"), "ask", self.port, QUERIES, f"n{next(self.prefixes)}")
        cpu = time.clock_gettime(self.clock) - before
        return Sample(cpu / QUERIES * 1e6, cpu, self.peak())

    def stop(self):
        self.process.kill()
        self.process.wait()


def servers(bench):
    yield "ours", [bench.program("dns"), "{port}", UPSTREAM]
    yield "64 shared sockets", [bench.program("dns_limit"), "pool", "{port}", UPSTREAM]
    yield "limit", [bench.program("dns_limit"), "strict", "{port}", UPSTREAM]
    if bench.has("unbound"):
        yield "unbound", ["unbound", "-d", "-c", bench.write("unbound.conf", UNBOUND)]
    if bench.has("dnsmasq"):
        yield "dnsmasq", ["dnsmasq", "-k", "-C", "/dev/null", "-p", "{port}", "-a", "127.0.0.1", "-z", "-R", "-h", "-u", "root", "-x", "/run/dnsmasq.pid",
                          "--dns-forward-max=2048", f"--server=127.0.0.1#{UPSTREAM}"]


def run(bench):
    bench.note("hit, hit-p99 and rss-100k are not measured yet")
    upstream = subprocess.Popen([bench.program("dns_load"), "serve", str(UPSTREAM)])
    running = {}
    for port, (name, command) in enumerate(servers(bench), UPSTREAM + 1):
        running[name] = Server(bench, port, [str(word).format(port=port) for word in command])
    time.sleep(1)
    for server in running.values():
        server()  # warm
    ours = running.pop("ours")
    goals = {"limit": Goal(1.3), "unbound": Goal(1), "dnsmasq": Goal(1)}
    bench.compare("miss", ours, running, goals, rounds=5, unit="us")
    bench.compare("miss-strict", ours, {"limit": running["limit"]}, goals, rounds=5, unit="us")
    for server in (ours, *running.values()):
        server.stop()
    upstream.kill()
