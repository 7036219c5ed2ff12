# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where a lab is kept on the machine, and how it is taken away, whole or half built."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from .host import Host, end, forget_mount_point, forget_namespace, inside, is_inside
from .problem import Problem

ROOT = Path("/run/fabricnet-lab")
SWITCH = ".lab"  # no host's name begins with a dot


class State:
    """The directory of one fabric's lab: one directory a host, and .lab for what is the lab's own."""

    def __init__(self, fabric: str) -> None:
        self.fabric = fabric
        self.directory = ROOT / fabric
        self.own = self.directory / SWITCH

    def netns(self, host: str) -> str:
        """The name of a host's network namespace."""
        return f"{self.fabric}-{host}"

    def host(self, name: str) -> Host:
        """A host, up or not."""
        return Host(name, self.directory / name, self.netns(name))

    def hosts(self) -> list[Host]:
        """Every host that has a directory, also half built."""
        if not self.directory.is_dir():
            return []
        return [self.host(entry.name) for entry in sorted(self.directory.iterdir()) if entry.is_dir()]

    @property
    def document(self) -> Path:
        """The fabric file that is rehearsed: the given one with the lab's keys in it."""
        return self.own / "fabric.json"

    @property
    def complete(self) -> Path:
        """Stands there once lab up has gone through."""
        return self.own / "up"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs away from this fabric's lab."""
        descriptor = self._lock()
        try:
            yield
        finally:
            os.close(descriptor)
            _remove_empty(self.directory)

    def _lock(self) -> int:
        while True:
            self.directory.mkdir(mode=0o755, parents=True, exist_ok=True)
            descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                raise Problem(f"{self.directory}: another run is at work on this lab; wait for it to end") from None
            if _is_still(descriptor, self.directory):
                return descriptor
            os.close(descriptor)

    def remove(self) -> None:
        """Take the lab away: processes in its namespaces, then the holders, names, files. Nothing there is fine."""
        hosts = self.hosts()
        end([(pid, partial(is_inside, netns=host.netns)) for host in hosts for pid in inside(host.netns)])
        end([(pid, partial(_holds, host=host)) for host in hosts for pid in _holder(host)])
        for host in hosts:
            forget_namespace(host.netns)
            shutil.rmtree(host.directory, ignore_errors=True)
        forget_mount_point()


def _holder(host: Host) -> list[int]:
    # Before its namespace has its name a holder is known by its command line, which names its directory or itself.
    try:
        pid = int((host.directory / "pid").read_text())
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except (OSError, ValueError):
        return []
    ours = str(host.directory) in arguments or arguments[0].startswith("fabricnet-lab ")
    return [pid] if ours else []


def _holds(pid: int, host: Host) -> bool:
    return pid in _holder(host)


def _is_still(descriptor: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    mine = os.fstat(descriptor)
    return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)


def _remove_empty(directory: Path) -> None:
    for path in (directory, directory.parent):
        try:
            path.rmdir()
        except OSError:
            return


def all_labs() -> list[str]:
    """The fabrics that have a lab here, whole or half built."""
    return sorted(entry.name for entry in ROOT.iterdir()) if ROOT.is_dir() else []
