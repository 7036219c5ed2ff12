# SPDX-License-Identifier: LGPL-2.1-or-later
"""A lab host: namespaces of its own for network, mounts and host name, with an overlay of the machine's root."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from .problem import FAILED, Problem

NAMESPACES = Path("/run/netns")

# Runs in fresh namespaces: an overlay whose upper layer is a tmpfs of this mount namespace, so that all of it goes with the last
# process inside; then nothing is left but a process that holds the namespaces.
_HOLD = r"""
set -e
directory=$1 name=$2
shift 2
mount -t tmpfs -o mode=755,size=1g lab "$directory/mnt"
cd "$directory/mnt"
mkdir upper work root
mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root
cd root
mount -t proc proc proc
mount -t sysfs sysfs sys
mount --rbind /dev dev
mount -t tmpfs -o mode=755 run run
for tool in "$@"; do mkdir -p "./$tool"; mount --rbind "$tool" "./$tool"; done
mkdir .machine run/lock
pivot_root . .machine
cd /
umount -l /.machine
rmdir /.machine
[ "$name" = - ] || echo "$name" > /proc/sys/kernel/hostname
echo ready
exec -a "fabricnet-lab $name" sleep infinity
"""


class Host:
    """A host that is up, known by its directory under the lab's."""

    def __init__(self, name: str, directory: Path, netns: str) -> None:
        self.name = name
        self.directory = directory
        self.netns = netns

    @property
    def pid(self) -> int:
        """The process that holds its namespaces."""
        try:
            return int((self.directory / "pid").read_text())
        except (FileNotFoundError, ValueError):
            raise Problem(f"{self.name}: is not up; run fabricnet lab up first") from None

    @property
    def root(self) -> Path:
        """Its root as seen from the machine."""
        return Path(f"/proc/{self.pid}/root")

    @property
    def environment(self) -> dict[str, str]:
        """The environment of what runs inside: none of the machine's proxies or credentials."""
        return {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "LC_ALL": "C.UTF-8",
            "NO_COLOR": "1",
        }

    def enter(self, argv: Sequence[str]) -> list[str]:
        """The command line that runs another one inside."""
        return ["nsenter", "-t", str(self.pid), "-n", "-m", "-u", "--wdns=/root", "--", *argv]

    def run(self, *argv: str, input: str | None = None, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command inside to its end, whatever it says."""
        try:
            return subprocess.run(
                self.enter(argv),
                input=input,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout,
                env=self.environment,
                stdin=None if input is not None else subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired as late:
            return subprocess.CompletedProcess(list(argv), 124, _text(late.stdout), _text(late.stderr) + f"no end within {timeout:g} s")

    def check(self, *argv: str, input: str | None = None, timeout: float = 60) -> str:
        """Run a command inside that must succeed; its output."""
        done = self.run(*argv, input=input, timeout=timeout)
        if done.returncode != 0:
            reason = (done.stderr.strip() or done.stdout.strip() or f"exit {done.returncode}").splitlines()[-1]
            raise Problem(f"{self.name}: {' '.join(argv[:3])}: {reason}")
        return done.stdout

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Put a file into its overlay; what the machine has there, also as a link, is hidden by it."""
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        os.chmod(target, mode)

    def link(self, path: str, target: Path) -> None:
        """Put a symbolic link into its overlay."""
        at = self.root / path.lstrip("/")
        at.parent.mkdir(parents=True, exist_ok=True)
        at.unlink(missing_ok=True)
        at.symlink_to(target)

    def start(self, name: str, *argv: str, env: dict[str, str] | None = None) -> None:
        """Start a daemon inside; its process id and its log are recorded."""
        log = self.log(name)
        log.parent.mkdir(exist_ok=True)
        with log.open("ab") as output:
            process = subprocess.Popen(
                self.enter(argv),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env={**self.environment, **(env or {})},
            )
        self._record(name).write_text(f"{process.pid}\n")

    def stop(self, name: str, how: int = signal.SIGTERM) -> None:
        """Stop a daemon by its recorded process id and wait until it is gone."""
        pid = self.daemon_pid(name)
        if pid is None:
            return
        os.kill(pid, how)
        wait_until(lambda: not _alive(pid), 10)
        self._record(name).unlink(missing_ok=True)

    def daemon_pid(self, name: str) -> int | None:
        """The process id of a daemon that lives and is inside."""
        pid = self._recorded_pid(name)
        return pid if pid and _alive(pid) and is_inside(pid, self.netns) else None

    def await_daemon(self, name: str, ready: Callable[[], bool], timeout: float = 20) -> None:
        """Wait until a daemon answers; if it has ended or does not answer, say so with the last line of its log."""
        pid = self._recorded_pid(name)
        if not wait_until(lambda: not _alive(pid) or ready(), timeout) or not _alive(pid):
            lines = [line for line in self.log(name).read_text(errors="replace").splitlines() if line.strip()] or ["nothing in its log"]
            raise Problem(f"{self.name}: {name} does not come up: {lines[-1]} (log: {self.log(name)})")

    def _recorded_pid(self, name: str) -> int:
        try:
            return int(self._record(name).read_text())
        except (FileNotFoundError, ValueError):
            return 0

    def log(self, name: str) -> Path:
        """Where a daemon's output goes."""
        return self.directory / "log" / f"{name}.log"

    def _record(self, name: str) -> Path:
        return self.directory / f"{name}.pid"


def hold(name: str, directory: Path, netns: str, tools: Sequence[Path], hostname: str | None) -> Host:
    """Make a host's namespaces; returns once they stand."""
    (directory / "mnt").mkdir(parents=True)
    (directory / "log").mkdir()
    command = [
        "unshare",
        "--net",
        "--mount",
        "--uts",
        "--propagation",
        "private",
        "bash",
        "-c",
        _HOLD,
        "lab",
        str(directory),
        hostname or "-",
        *map(str, tools),
    ]
    with (directory / "log" / "holder.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, start_new_session=True)
    (directory / "pid").write_text(f"{process.pid}\n")
    assert process.stdout is not None
    with process.stdout:
        if process.stdout.readline() != b"ready\n":
            why = (directory / "log" / "holder.log").read_text(errors="replace").strip().splitlines() or ["it ended"]
            raise Problem(f"{name}: its namespaces cannot be made: {why[-1]}", FAILED)
    _name_namespace(netns, process.pid)
    return Host(name, directory, netns)


def _name_namespace(netns: str, pid: int) -> None:
    # As ip-netns(8) does: whoever names another namespace then finds a mount point, and does not lay one of his own over our names.
    NAMESPACES.mkdir(mode=0o755, exist_ok=True)
    if not _mount("--make-shared", str(NAMESPACES)):
        _mount("--bind", str(NAMESPACES), str(NAMESPACES))
        _mount("--make-shared", str(NAMESPACES))
    at = NAMESPACES / netns
    try:
        at.touch(mode=0o444, exist_ok=False)
    except FileExistsError:
        raise Problem(
            f"{at}: there is a network namespace of this name that is not the lab's; remove it with ip netns delete {netns}"
        ) from None
    subprocess.run(["mount", "--bind", f"/proc/{pid}/ns/net", str(at)], check=True)


def forget_namespace(netns: str) -> None:
    """Take the name of a network namespace away."""
    at = NAMESPACES / netns
    # Lazily: somebody, be it a context of ours, may still have it open.
    while _is_namespace(at):
        if subprocess.run(["umount", "--lazy", str(at)], capture_output=True).returncode != 0:
            break
    at.unlink(missing_ok=True)


def forget_mount_point() -> None:
    """Nobody's names are left: /run/netns is an ordinary folder again."""
    if NAMESPACES.is_dir() and not any(NAMESPACES.iterdir()):
        subprocess.run(["umount", str(NAMESPACES)], capture_output=True)


def _mount(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], capture_output=True).returncode == 0


def inside(netns: str) -> Iterator[int]:
    """The processes in a named network namespace."""
    for entry in os.listdir("/proc"):
        if entry.isdigit() and is_inside(int(entry), netns):
            yield int(entry)


def is_inside(pid: int, netns: str) -> bool:
    """Whether a process is in a named network namespace: the name pins it, so the inode number means this one and no other."""
    try:
        wanted, there = os.stat(NAMESPACES / netns), os.stat(f"/proc/{pid}/ns/net")
    except OSError:
        return False
    return (wanted.st_dev, wanted.st_ino) == (there.st_dev, there.st_ino)


def end(processes: Sequence[tuple[int, Callable[[int], bool]]]) -> None:
    """Ask processes to end, then make them. With each comes a function that says whether its id means the same process yet."""
    left = list(processes)
    for how, patience in ((signal.SIGTERM, 3.0), (signal.SIGKILL, 5.0)):
        left = [(pid, still) for pid, still in left if _alive(pid) and still(pid)]
        for pid, _ in left:
            _signal(pid, how)
        if wait_until(lambda rest=left: not any(_alive(pid) and still(pid) for pid, still in rest), patience):  # type: ignore[misc]
            return


def _signal(pid: int, how: int) -> None:
    try:
        os.kill(pid, how)
    except ProcessLookupError:
        pass


def _alive(pid: int) -> bool:
    if not pid:
        return False
    # A child of ours that has ended stays a zombie until it is waited for.
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return False


def _is_namespace(path: Path) -> bool:
    try:
        return os.stat(path).st_dev == os.stat("/proc/self/ns/net").st_dev
    except OSError:
        return False


def wait_until(done: Callable[[], bool], timeout: float) -> bool:
    """Poll until something holds; whether it did in time."""
    deadline = time.monotonic() + timeout
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _text(output: bytes | str | None) -> str:
    return output.decode(errors="replace") if isinstance(output, bytes) else output or ""
