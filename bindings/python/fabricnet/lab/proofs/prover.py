# SPDX-License-Identifier: LGPL-2.1-or-later
"""What proofs are made of: commands on hosts, kept for the table, and expectations of what they say."""

import json
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

from .. import web
from ..host import Host
from ..rehearsal import Rehearsal

_PORT = 8779  # of nobody


class Failed(Exception):
    """The row does not hold, and why."""


class Absent(Exception):
    """The file declares nothing that this row is about."""


@dataclass(frozen=True)
class Row:
    """A row of the reference network; without a proof it is not yet served."""

    code: str
    what: str
    prove: "Callable[[Prover], str] | None" = None
    layer: int = 2


class Prover:
    """Runs the commands of one row's proof and remembers them."""

    def __init__(self, lab: Rehearsal, patience: float = 1) -> None:
        self.lab = lab
        self.patience = patience
        self.topology = lab.topology
        self._noted: dict[str, list[str]] = {}  # command → hosts

    def host(self, name: str) -> Host:
        """A host of the lab."""
        return self.lab[name]

    def run(self, host: str, command: str, timeout: float = 30) -> subprocess.CompletedProcess[str]:
        """Run a command line on a host, whatever it says."""
        self.note(host, command)
        return self.host(host).run(*shlex.split(command), timeout=timeout)

    def output(self, host: str, command: str, timeout: float = 30) -> str:
        """Run a command line on a host that must succeed."""
        done = self.run(host, command, timeout)
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
            self.fail(f"{host}: {command}: exit {done.returncode}: {said}")
        return done.stdout

    def json(self, host: str, command: str) -> Any:
        """Run a command line on a host that prints JSON."""
        return json.loads(self.output(host, command) or "null")

    def eventually(self, host: str, command: str, holds: Callable[[str], bool], what: str, timeout: float = 15) -> str:
        """Run a command line until what it prints holds; mesh paths take their first packets to come up."""
        deadline = time.monotonic() + timeout * self.patience
        while True:
            done = self.run(host, command, timeout)
            if done.returncode == 0 and holds(done.stdout):
                return done.stdout
            if time.monotonic() > deadline:
                said = (done.stdout.strip() or done.stderr.strip() or f"exit {done.returncode}").splitlines()[-1]
                self.fail(f"{host}: {command}: {what}: {said}")
            time.sleep(0.3)

    def reach(self, host: str, target: object, timeout: float = 15) -> None:
        """Ping an address until it answers."""
        self.eventually(host, f"ping -c 1 -W 1 {target}", lambda _: True, "no answer", timeout)

    @contextmanager
    def capture(self, host: str, device: str, filter: str) -> Iterator[list[str]]:
        """Watch a device with tcpdump; the lines are there after the block."""
        command = f"tcpdump -n -l -i {device} {filter}"
        self.note(host, command)
        lines: list[str] = []
        process = subprocess.Popen(
            self.host(host).enter(["tcpdump", "-n", "-l", "--immediate-mode", "-i", device, *shlex.split(filter)]),
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.host(host).environment,
        )
        assert process.stderr is not None
        for line in process.stderr:
            if "listening on" in line:
                break
        else:
            self.fail(f"{host}: tcpdump cannot watch {device}")
        try:
            yield lines
            time.sleep(0.2)
        finally:
            process.send_signal(signal.SIGINT)
            lines += [line for line in process.communicate()[0].splitlines() if " IP" in line]

    @contextmanager
    def serving(self, host: str) -> Iterator[int]:
        """A port on which a host serves bulk data, by the server that it has or by one for the time of the block."""
        ports = self.topology.listeners().get(host)
        if ports:
            yield min(ports)
            return
        self.note(host, f"server.py {host} {_PORT}")
        web.start_server(self.host(host), [_PORT], "bulk")
        try:
            yield _PORT
        finally:
            self.host(host).stop("bulk")

    def note(self, host: str, command: str) -> None:
        """Remember a command for the table, once."""
        hosts = self._noted.setdefault(command, [])
        if host not in hosts:
            hosts.append(host)

    @property
    def commands(self) -> list[str]:
        """What was run, each command once with the hosts on which it was."""
        return [f"{' '.join(hosts)}# {command}" for command, hosts in self._noted.items()]

    def expect(self, holds: object, otherwise: str) -> None:
        """The row fails with these words unless this holds."""
        if not holds:
            self.fail(otherwise)

    def fail(self, why: str) -> NoReturn:
        """The row fails."""
        raise Failed(why)


def sees(page: str) -> str:
    """The client's address that the lab's web page tells."""
    found = re.search(r" sees (\S+)", page)
    return found.group(1) if found else ""
