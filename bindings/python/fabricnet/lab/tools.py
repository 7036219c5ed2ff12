# SPDX-License-Identifier: LGPL-2.1-or-later
"""The programs that a rehearsal needs, and where they are."""

import os
import shutil
import sys
from pathlib import Path

from .problem import FAILED, NOT_ALLOWED, Problem

SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_STOCK = {
    "ip": "iproute2",
    "nft": "nftables",
    "wg": "wireguard-tools",
    "unbound": "unbound",
    "nginx": "nginx-light",
    "certbot": "certbot",
    "pebble": "pebble",
    "fail2ban-server": "fail2ban",
    "curl": "curl",
    "dig": "dnsutils",
    "dbus-daemon": "dbus-daemon",
    "ping": "iputils-ping",
    "tcpdump": "tcpdump",
    "openssl": "openssl",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "chrt": "util-linux",
    "setpriv": "util-linux",
    "bash": "bash",
    "rsync": "rsync",
    "ssh": "openssh-client",
    "sshd": "openssh-server",
}
_MESH = ("headscale", "tailscaled", "tailscale")


def cache() -> Path:
    """Where tests/go/build puts what it builds."""
    return Path(os.environ.get("FBN_CACHE", Path.home() / ".cache" / "fabricnet-tests")) / "bin"


def find(name: str) -> Path | None:
    """A program of this name: from PATH, the system's folders or the cache of tests/go/build."""
    path = os.pathsep.join([os.environ.get("PATH", ""), SEARCH])
    found = shutil.which(name, path=f"{cache()}{os.pathsep}{path}" if name in _MESH else path)
    return Path(found) if found else None


def require(mesh: bool) -> dict[str, Path]:
    """Make sure that a rehearsal can be run; the programs that hosts need beyond the system's own, by name."""
    if os.geteuid() != 0:
        raise Problem("not root: the lab makes network and mount namespaces; run it as root (sudo)", NOT_ALLOWED)
    for name, package in _STOCK.items():
        if find(name) is None:
            raise Problem(f"{name}: not found on PATH; install the Debian package {package} (tests/install installs all of them)", FAILED)
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        raise Problem("/dev/net/tun: cannot be used; load the module tun (modprobe tun)", FAILED)
    if find("wireguard-go") is None and not Path("/sys/module/wireguard").exists():
        raise Problem(
            "the kernel has no WireGuard and there is no wireguard-go on PATH; install the Debian package wireguard-go "
            "or load the module wireguard",
            FAILED,
        )
    found: dict[str, Path] = {}
    for name in ("fabricnet", *(_MESH if mesh else ())):
        path = find(name)
        if path is None:
            how = "build it with tests/go/build" if name in _MESH else "install libfabricnet or put its build folder on PATH"
            raise Problem(f"{name}: not found on PATH nor in {cache()}; {how}", FAILED)
        found[name] = path.resolve()
    return found


def folders(programs: dict[str, Path]) -> list[Path]:
    """Folders that hosts must see and that the overlay of / does not show, because another file system is mounted there."""
    root = os.stat("/").st_dev
    wanted = {path.parent for path in programs.values()} | {Path(__file__).resolve().parent, Path(sys.prefix).resolve()}
    wanted |= {library for path in programs.values() for library in _beside(path)}
    return sorted(folder for folder in wanted if os.stat(folder).st_dev != root)


def _beside(program: Path) -> list[Path]:
    # A program of a build tree finds its libraries there.
    return [folder for folder in program.parents[1:3] if (folder / "libfabric-net").is_dir()]
