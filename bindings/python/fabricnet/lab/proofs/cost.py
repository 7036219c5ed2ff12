# SPDX-License-Identifier: LGPL-2.1-or-later
"""F20: what fabricnet adds on the host that is reached from outside, as the kernel counts it."""

import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..command import FILE
from ..host import inside
from .prover import Absent, Prover
from .tunnel import sites

_MEMORY = 16_000_000 // 1024  # KiB
_PERCENT = 0.1
_SECONDS = 5.0


def prove_cost(p: Prover) -> str:
    """Resident memory and idle CPU time of every process of ours there, in all, and what a look at the metrics takes."""
    hub = next((site.hub for site in sites(p)), None)
    if hub is None:
        raise Absent("no member of a tunnel can be reached from outside")
    with _engine(p, hub):
        time.sleep(0.5)
        ours = dict(_ours(p, hub))
        p.expect(ours, f"{hub}: no process of ours is there")
        before, start = {pid: _cpu(pid) for pid in ours}, time.monotonic()
        time.sleep(_SECONDS)
        p.note(hub, "cat /proc/PID/status /proc/PID/schedstat")
        percent = 100 * sum(_cpu(pid) - before[pid] for pid in ours) / (time.monotonic() - start)
        memory = {name: sum(_resident(pid) for pid in ours if ours[pid] == name) for name in sorted(set(ours.values()))}
    told = ", ".join(f"{name} {kib / 1024:.1f}" for name, kib in memory.items())
    total = sum(memory.values())
    p.expect(total <= _MEMORY, f"{hub}: {total / 1024:.1f} MB resident, not ≤16: {told}")
    p.expect(percent <= _PERCENT, f"{hub}: {percent:.3f} % of a CPU while nothing is to do, not ≤0.1")
    return f"{hub}: {total / 1024:.1f} MB resident ({told}), {percent:.3f} % of a CPU idle{_look(p, hub)}"


@contextmanager
def _engine(p: Prover, hub: str) -> Iterator[None]:
    """The ban engine, if none runs there yet."""
    if any(name == "ban serve" for _, name in _ours(p, hub)):
        yield
        return
    settings = "/run/fabricnet-cost.json"
    p.host(hub).write(settings, "{}\n")
    p.note(hub, f"fabricnet ban serve {settings}")
    p.host(hub).start("ban", "fabricnet", "ban", "serve", settings)
    try:
        p.eventually(hub, "fabricnet ban status", lambda _: True, "the ban engine does not answer")
        yield
    finally:
        p.host(hub).stop("ban")


def _ours(p: Prover, hub: str) -> Iterator[tuple[int, str]]:
    """Process ids and what they are: daemons of ours, but not the commands of a proof that runs just now."""
    for pid in inside(p.host(hub).netns):
        try:
            name, words = os.path.basename(os.readlink(f"/proc/{pid}/exe")), Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        if name == "fabricnet-dnsd":
            yield pid, name
        elif name == "fabricnet" and "serve" in words:
            yield pid, " ".join(words[words.index("serve") - 1 : words.index("serve") + 1])
        elif name == "fabricnet":
            yield pid, "watchdog" if "recover" in words else words[1]


def _resident(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def _cpu(pid: int) -> float:
    """Seconds on a CPU, of all its threads."""
    return sum(int(task.joinpath("schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir()) / 1e9


def _look(p: Prover, hub: str) -> str:
    """What it takes that Prometheus asks once an interval, for this host and those that are asked from here over ssh."""
    monitoring = p.topology.document.get("monitoring", {})
    if monitoring.get("at") != hub:
        return ""
    commands = [["status", "--openmetrics", *(["--local-only"] if p.lab.layer1 else [])]]
    commands += [["metrics", "get", host] for host in monitoring.get("hosts", {})]
    looks, before = 3, _children()
    for command in looks * commands:
        code, _, errors = p.lab.commands.run(hub, *command)
        p.expect(code in (0, 1, 2), f"{hub}: fabricnet {command[0]}: {errors.strip()}")
        p.note(hub, f"fabricnet {' '.join(command)} -f {FILE}")
    seconds, interval = (_children() - before) / looks, int(monitoring.get("interval", "60s")[:-1])
    hosts = "host" if len(commands) == 1 else f"{len(commands)} hosts"
    return f"; a look at {hosts} takes {1000 * seconds:.0f} ms of a CPU, which is {100 * seconds / interval:.2f} % at one in {interval} s"


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
