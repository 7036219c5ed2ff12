# SPDX-License-Identifier: LGPL-2.1-or-later
"""F21: bulk transfer through the tunnel, beside the same tunnel set up by hand."""

import json
import shlex
import statistics
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..host import inside
from ..tools import find
from .paths import declared_mtu
from .prover import Absent, Prover
from .tunnel import Site, residents, sites, tunnel_address

_LINK = "byhand0"
_ADDRESSES = "169.254.77.1", "169.254.77.2"  # of nobody: link-local
_PORTS = 51899, 5299  # WireGuard's, iperf3's
_GOAL = 0.95
_ROUNDS = 5
_ROUNDS_MAX = 11  # a busy machine gets a second chance, a slow tunnel fails all of them


def prove_bulk(p: Prover) -> str:
    """From a host behind the router to the hub, a second at a time, in turn: through our tunnel, and through one made by wg and ip."""
    found = next(((site, host) for site in sites(p) for host in _senders(p, site)), None)
    if found is None:
        raise Absent("nobody is behind a router with a tunnel")
    if not find("iperf3"):
        p.fail("iperf3: not found on PATH; install the Debian package iperf3 (tests/install installs all of them)")
    site, host = found
    ours, theirs = [], []
    with _by_hand(p, site), _server(p, site.hub), _undisturbed(p, site):
        addresses = {tunnel_address(p, site.tunnel, site.hub): ours, _ADDRESSES[0]: theirs}
        for address in addresses:
            p.reach(host, address)
        while len(ours) < _ROUNDS or (_ratio(ours, theirs) < _GOAL and len(ours) < _ROUNDS_MAX):
            for address in list(addresses)[:: 1 if len(ours) % 2 else -1]:
                addresses[address].append(_transfer(p, host, address))
    told = f"{host} → {site.hub}: {_mbits(ours)} through ours, {_mbits(theirs)} by hand, {_ratio(ours, theirs):.2f} ×, medians of {len(ours)}"
    p.expect(_ratio(ours, theirs) >= _GOAL, f"{told}, not ≥{_GOAL}")
    return told


def _senders(p: Prover, site: Site) -> Iterator[str]:
    """Hosts behind the router, first who keeps backups."""
    behind = [host for _, host in residents(p, site) if p.topology.hosts[host].manager != "none"]
    keepers = {backup["to"] for backup in p.topology.document.get("backups", {}).values()}
    yield from sorted(behind, key=lambda host: host not in keepers)


def _ratio(ours: list[float], theirs: list[float]) -> float:
    """The median of the rounds' ratios: what slows the machine slows both halves of a round."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def _mbits(rates: list[float]) -> str:
    return f"{statistics.median(rates) / 1e6:.0f} Mbit/s"


def _transfer(p: Prover, host: str, address: str) -> float:
    answer = p.json(host, f"chrt --rr 1 iperf3 -c {address} -p {_PORTS[1]} -t 1 -J")
    return float(answer["end"]["sum_received"]["bits_per_second"])


@contextmanager
def _server(p: Prover, hub: str) -> Iterator[None]:
    p.note(hub, f"chrt --rr 1 iperf3 -s -p {_PORTS[1]}")
    p.host(hub).start("iperf3", "chrt", "--rr", "1", "iperf3", "-s", "-p", str(_PORTS[1]))
    try:
        p.eventually(hub, f"ss -Hltn sport = :{_PORTS[1]}", lambda text: "LISTEN" in text, "iperf3 does not listen")
        yield
    finally:
        p.host(hub).stop("iperf3")


@contextmanager
def _undisturbed(p: Prover, site: Site) -> Iterator[None]:
    """Before all else on the machine, for these seconds: on a busy one the scheduler would be measured. Where WireGuard is in the kernel there
    are no daemons."""
    daemons = [pid for host in (site.hub, site.router) for pid in inside(p.host(host).netns) if _is_daemon(pid)]
    p.note("machine", "chrt --all-tasks --rr --pid 1 WIREGUARD-GO")
    for pid in daemons:
        subprocess.run(["chrt", "--all-tasks", "--rr", "--pid", "1", str(pid)], check=True, capture_output=True)
    try:
        yield
    finally:
        for pid in daemons:
            subprocess.run(["chrt", "--all-tasks", "--other", "--pid", "0", str(pid)], capture_output=True)


def _is_daemon(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip() == "wireguard-go"
    except OSError:
        return False


@contextmanager
def _by_hand(p: Prover, site: Site) -> Iterator[None]:
    """The same again, between the same two: MTU, masquerade and MSS as fabricnet has them, made by wg, ip and nft."""
    mtu = declared_mtu(p, site.tunnel)
    ends = (site.hub, site.router)
    try:
        keys = [_make_end(p, end, address, mtu) for end, address in zip(ends, _ADDRESSES, strict=True)]
        _set_peer(p, site.hub, keys[1], f"listen-port {_PORTS[0]}", "")
        _set_peer(p, site.router, keys[0], "", f"endpoint {p.topology.public_of(site.hub)}:{_PORTS[0]} persistent-keepalive 25")
        for rule in (
            "add table inet byhand",
            "add chain inet byhand out { type nat hook postrouting priority 100 ; }",
            f"add rule inet byhand out oifname {_LINK} masquerade",
            "add chain inet byhand forward { type filter hook forward priority -150 ; }",
            f"add rule inet byhand forward oifname {_LINK} tcp flags syn tcp option maxseg size set rt mtu",
        ):
            p.output(site.router, f"nft {shlex.quote(rule)}")
        yield
    finally:
        for end in ends:
            p.host(end).run("ip", "link", "delete", _LINK)
            p.host(end).stop(_LINK)
        p.host(site.router).run("nft", "delete", "table", "inet", "byhand")


def _make_end(p: Prover, host: str, address: str, mtu: int) -> str:
    if Path("/sys/module/wireguard").exists():
        p.output(host, f"ip link add {_LINK} type wireguard")
    else:
        p.note(host, f"wireguard-go {_LINK}")
        p.host(host).start(_LINK, "wireguard-go", "-f", _LINK)
        p.eventually(host, f"wg show {_LINK}", lambda _: True, "no device")
    p.output(host, f"sh -c 'umask 77; wg genkey > /run/{_LINK}.key; wg set {_LINK} private-key /run/{_LINK}.key; rm /run/{_LINK}.key'")
    p.output(host, f"ip address add {address}/30 dev {_LINK}")
    p.output(host, f"ip link set {_LINK} mtu {mtu} up")
    return p.output(host, f"wg show {_LINK} public-key").strip()


def _set_peer(p: Prover, host: str, key: str, before: str, after: str) -> None:
    p.output(host, f"wg set {_LINK} {before} peer {key} allowed-ips 0.0.0.0/0 {after}")
