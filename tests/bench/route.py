# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ours against ip(8), pyroute2 and the bare netlink loop: 100,000 IPv4 routes by one gateway."""
import os
import subprocess
import sys

from harness import CACHE, Goal

ROUTES = 100_000
PYTHON_ROUTES = 10_000
GATEWAY = "192.0.2.2"
SMALL = 100  # a table
TIMES = 10  # no-op applies in a process, and dumps: what is compared is those, not the making of the list before
PYROUTE2 = "pyroute2==0.9.7"
VENV = CACHE / "bench-pyroute2"

OURS_IN_PYTHON = f"""
import fabricnet
with fabricnet.Context() as c:
    done = c.route.apply({{"destination": f"{{20 + (i >> 16)}}.{{i >> 8 & 255}}.{{i & 255}}.0/24", "gateway": "{GATEWAY}", "device": "eth0"}}
                         for i in range({PYTHON_ROUTES}))
assert len(done) == {PYTHON_ROUTES}
"""
THEIRS_IN_PYTHON = f"""
from pyroute2 import IPRoute
with IPRoute() as ip:
    device = ip.link_lookup(ifname="eth0")[0]
    for i in range({PYTHON_ROUTES}):
        ip.route("add", dst=f"{{20 + (i >> 16)}}.{{i >> 8 & 255}}.{{i & 255}}.0/24", gateway="{GATEWAY}", oif=device, proto=251)
"""


def prepare():
    """pyroute2 into a place of its own, once."""
    if not (VENV / "done").exists():
        commands = ([sys.executable, "-m", "venv", str(VENV)], [str(VENV / "bin/pip"), "install", "-q", "--disable-pip-version-check", PYROUTE2])
        if all(subprocess.run(command, capture_output=True).returncode == 0 for command in commands):
            (VENV / "done").touch()


def destination(i):
    return f"{20 + (i >> 16)}.{i >> 8 & 255}.{i & 255}.0/24"


def empty():
    """Without its link a route goes, by the hundred thousand in no time."""
    for state in ("down", "up"):
        subprocess.run(["ip", "link", "set", "eth0", state], check=True)


def cable(bench):
    bench.command("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1")
    bench.command("ip", "address", "add", "192.0.2.1/24", "dev", "eth0")
    bench.command("ip", "link", "set", "eth1", "up")


def run(bench):
    cable(bench)
    ours = [bench.program("route"), "eth0", GATEWAY, ROUTES]
    limit = bench.program("route_limit")
    batch = bench.write("batch", "".join(f"route add {destination(i)} via {GATEWAY} dev eth0 proto 251\n" for i in range(ROUTES)))

    small = [bench.program("route_table"), SMALL, 10]
    empty()
    small_table(bench)
    alone = [bench.sample(small) for _ in range(40)]
    empty()
    bench.compare("load-100k", [*ours, ROUTES], {"ip -batch": ["ip", "-batch", batch], "limit": [limit, "load", "eth0", GATEWAY, ROUTES]},
                  {"ip -batch": Goal(0.30, rss_kib=8192), "limit": Goal(1.15)}, before=empty, rounds=7, cpu=True)
    empty()
    bench.command(*ours, ROUTES)
    bench.compare("noop-100k", [*ours, 0, TIMES], {"limit": [limit, "dump", TIMES]}, {"limit": Goal(1.3, rss_kib=8192)}, rounds=7, cpu=True)
    small_table(bench)
    beside = [bench.sample(small) for _ in range(40)]
    least = lambda samples: [min(samples, key=lambda sample: sample.cpu)]  # not in turn: what else ran meanwhile is left out
    bench.result("small-table-cpu", "alone", "s", least(beside), least(alone), lambda s: s.cpu, Goal(1.25))
    bench.compare("small-table", small, {"ip route": ["ip", "route", "show", "table", SMALL]}, rounds=15)
    in_python(bench)


def small_table(bench):
    """Ten routes in a table of their own."""
    for i in range(10):
        bench.command("ip", "route", "add", f"10.{i}.0.0/16", "via", GATEWAY, "dev", "eth0", "table", SMALL)


def growth(bench):
    """From a thousand routes to a million."""
    import growth as plot

    cable(bench)
    limit, sizes = bench.program("route_limit"), (1_000, 10_000, 100_000, 1_000_000)
    ours = lambda changes: lambda size: [bench.program("route"), "eth0", GATEWAY, size, size if changes else 0]

    def filled(size):
        empty()
        bench.command(*ours(True)(size))

    return "Routes applied by one gateway", {
        "apply to nothing": plot.measure(bench, sizes, ours(True), lambda _: empty()),
        "bare loop": plot.measure(bench, sizes, lambda size: [limit, "load", "eth0", GATEWAY, size], lambda _: empty()),
        "apply again": plot.measure(bench, sizes, ours(False), filled),
        "the kernel's dump": plot.measure(bench, sizes, lambda _: [limit, "dump"], filled),
    }


def in_python(bench):
    if not (VENV / "done").exists():
        bench.note("peer pyroute2 not installed: skipped")
        return
    python = VENV / "bin/python"  # the same for both: what the system's one loads at its start differs from machine to machine
    os.environ["PYTHONPATH"] = str(bench.top / "build/bindings/python")
    bench.compare("python-10k", [python, "-c", OURS_IN_PYTHON], {"pyroute2": [python, "-c", THEIRS_IN_PYTHON]},
                  {"pyroute2": Goal(0.05)}, before=empty, rounds=3)
