# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command fabricnet as it is run on lab hosts, and how much memory it takes there."""

import json
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from .host import Host
from .problem import Problem
from .secrets import DIRECTORY, install

FILE = f"{DIRECTORY}/fabric.json"
_AUTH_KEY = "secrets/enrolment.key"


class Commands:
    """Runs fabricnet on hosts; peak is the file that holds the largest memory seen so far, in KiB."""

    def __init__(self, hosts: Mapping[str, Host], peak: Path) -> None:
        self.hosts = hosts
        self.peak = peak

    def apply(self, host: str, local_only: bool = False, auth_key: str | None = None) -> int:
        """Make a host as declared; the number of changes. Fails with the command's own line."""
        options = [*(["--local-only"] if local_only else []), *(["--auth-key", auth_key] if auth_key else [])]
        return len(json.loads(self.check(host, "apply", *options, "--json"))["steps"])

    def check(self, host: str, command: str, *options: str) -> str:
        """fabricnet COMMAND for a host, which must succeed; its output. Fails with the command's own line and code."""
        code, output, errors = self.run(host, command, *options)
        if code != 0:
            words = " ".join([command, *options[:3]]) if command != "apply" else command
            raise Problem(f"{host}: fabricnet {words}: {_reason(errors, output)}", code if code in (1, 3, 4, 5, 6) else 1)
        return output

    def run(self, host: str, command: str, *options: str, timeout: float = 120) -> tuple[int, str, str]:
        """fabricnet COMMAND for a host of the fabric: (exit code, output, errors)."""
        argv = self.hosts[host].enter(["fabricnet", command, "-f", FILE, "--host", host, *options])
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=self.hosts[host].environment,
        )
        output, errors = self._follow(process, argv, timeout)
        return process.returncode, output, errors

    def _follow(self, process: subprocess.Popen[str], argv: Sequence[str], timeout: float) -> tuple[str, str]:
        deadline, highest = time.monotonic() + timeout, 0
        while True:
            highest = max(highest, _high_water(process.pid))
            try:
                output, errors = process.communicate(timeout=0.01)
                self._keep(highest)
                return output, errors
            except subprocess.TimeoutExpired:
                if time.monotonic() > deadline:
                    process.kill()
                    process.communicate()
                    raise Problem(f"{' '.join(argv[-4:])}: no end within {timeout:g} s") from None

    def _keep(self, highest: int) -> None:
        if highest > self.highest():
            self.peak.write_text(f"{highest}\n")

    def highest(self) -> int:
        """The largest memory that a fabricnet took, in KiB."""
        try:
            return int(self.peak.read_text())
        except (FileNotFoundError, ValueError):
            return 0

    @contextmanager
    def auth_key(self, headscale_host: str, node: str) -> Iterator[str]:
        """A single-use key for a node, minted where the API key is and handed over as a file that is gone afterwards."""
        server, target = self.hosts[headscale_host], self.hosts[node]
        minted = f"{DIRECTORY}/secrets/minted-{node}.key"
        self.check(headscale_host, "headscale", "keys", "mint", node, "-o", minted)
        at = server.root / minted.lstrip("/")
        install(target, _AUTH_KEY, at.read_text())
        at.unlink()
        try:
            yield f"{DIRECTORY}/{_AUTH_KEY}"
        finally:
            (target.root / DIRECTORY.lstrip("/") / _AUTH_KEY).unlink(missing_ok=True)


def _high_water(pid: int) -> int:
    # VmHWM of fabricnet itself: before exec it is nsenter's, or the lab's own.
    try:
        if Path(f"/proc/{pid}/comm").read_text().strip() != "fabricnet":
            return 0
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")), 0)


def _reason(errors: str, output: str) -> str:
    lines = [line for line in (errors.strip() or output.strip()).splitlines() if line.strip()] or ["it said nothing"]
    return lines[-1].removeprefix("fabricnet: ")
