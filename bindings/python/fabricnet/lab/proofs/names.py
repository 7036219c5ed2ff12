# SPDX-License-Identifier: LGPL-2.1-or-later
"""F8: split DNS, by each of the ways in which a host can be told of it, in turn."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..command import FILE
from ..host import Host
from ..topology import VISITOR, WEB_NAME
from .mesh import client_outside, mesh_address
from .prover import Absent, Prover

_BUS = """<!DOCTYPE busconfig PUBLIC '-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN' 'http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd'>
<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
<policy context='default'><allow user='*'/><allow own='*'/><allow send_destination='*' eavesdrop='true'/><allow eavesdrop='true'/></policy></busconfig>
"""


def prove_split_dns(p: Prover) -> str:
    """A name of a split zone is answered by the declared node over the mesh, other names never go there, strangers are refused.

    Of zones that no split domain covers the mesh itself has the records.
    """
    dns = p.topology.mesh.get("dns", {})
    zones = {zone.removeprefix("*."): resolver for zone, resolver in dns.get("split", {}).items()}
    whole = {zone: content for zone, content in p.topology.zones.items() if "base" in dns and content.get("records") and not _is_covered(zone, zones)}
    if not zones and not whole:
        raise Absent("no split zone is declared")
    client = client_outside(p)
    proved = [_prove_records(p, client, zone, content) for zone, content in whole.items()]
    return "; ".join(proved + ([_prove_split(p, client, zones)] if zones else []))


def _is_covered(zone: str, split: dict[str, str]) -> bool:
    return any(zone == suffix or zone.endswith("." + suffix) for suffix in split)


def _prove_records(p: Prover, client: str, zone: str, content: dict[str, Any]) -> str:
    label, host = next(iter(content["records"].items()))
    name, address = f"{label}.{zone}", p.topology.address_of(host)
    p.eventually(client, f"getent ahostsv4 {name}", lambda text: text.startswith(f"{address} "), f"is not {address}")
    answer = p.output(client, f"dig +short @100.100.100.100 {name}")
    p.expect(answer.split() == [str(address)], f"tailscaled answers with {answer.strip() or 'nothing'}")
    return f"{client} has {name} from Headscale's extra records"


def _prove_split(p: Prover, client: str, zones: dict[str, str]) -> str:
    proved = [_prove_zone(p, client, zone, resolver) for zone, resolver in zones.items()]
    ways = ["Headscale"]
    with _stub(p, client):
        for zone, resolver in zones.items():
            _prove_zone(p, client, zone, resolver)
        ways.append("the stub")
    program = _resolved()
    if program:
        with _systemd_resolved(p, client, program):
            for zone, resolver in zones.items():
                _prove_zone(p, client, zone, resolver)
            ways.append("systemd-resolved")
    else:
        ways.append("not systemd-resolved, which is not on this machine")
    return "; ".join(proved) + "; told by " + ", then ".join(ways)


def _prove_zone(p: Prover, client: str, zone: str, resolver: str) -> str:
    content = p.topology.zones.get(zone)
    if content is None or not content.get("records"):
        raise Absent(f"{zone} has no declared records")
    label, host = next(iter((k, v) for k, v in content["records"].items() if v in p.topology.hosts and v != resolver))
    name, address = f"{label}.{zone}", p.topology.address_of(host)
    source = mesh_address(p, client)
    with p.capture(resolver, "tailscale0", f"udp port 53 and src {source}") as lines:
        p.eventually(client, f"getent ahostsv4 {name}", lambda text: text.startswith(f"{address} "), f"is not {address}")
        p.output(client, f"getent ahostsv4 {WEB_NAME}")
    asked = [line.lower() for line in lines]  # the stub asks with letters in a case of its own
    p.expect(any(name in line for line in asked), f"{resolver} was not asked for {name} over the mesh")
    p.expect(not any(WEB_NAME in line for line in asked), f"{resolver} was asked for {WEB_NAME}")
    answer = p.output(client, f"dig +short @{p.topology.nodes[resolver]['address']} {name}")
    p.expect(answer.split() == [str(address)], f"{resolver} answers {client} with {answer.strip() or 'nothing'}")
    refused = p.run(VISITOR, f"dig +tries=1 +time=2 @{p.topology.public_of(resolver)} {name}")
    p.expect(str(address) not in refused.stdout, f"{resolver} answers strangers")
    return f"{client} has {name} from {resolver} over the mesh, {WEB_NAME} from elsewhere"


@contextmanager
def _told_by(p: Prover, client: str) -> Iterator[str]:
    """The client's file says that nobody is told, and what it said before afterwards; the text is what it said."""
    file = p.host(client).root / FILE.lstrip("/")
    before = file.read_text()
    try:
        _say(p, client, before, "none")
        yield before
    finally:
        p.host(client).write(FILE, before)
        p.lab.commands.apply(client)


def _say(p: Prover, client: str, text: str, resolver: str) -> None:
    document = json.loads(text)
    document["hosts"][client]["resolver"] = resolver
    document["mesh"]["nodes"][client].pop("accepts_dns", None)
    p.host(client).write(FILE, json.dumps(document, indent=2) + "\n")
    p.note(client, f'fabricnet apply  # "resolver": "{resolver}"')
    # With nobody to ask, what the file expects of names does not hold; that is so for a moment only.
    p.lab.commands.check(client, "apply", "--json", *(["--force", "--unverified"] if resolver == "none" else []))


def _apply_twice(p: Prover, client: str, text: str, resolver: str) -> None:
    _say(p, client, text, resolver)
    again = p.lab.commands.apply(client)
    p.expect(again == 0, f"{client}: a second apply with resolver {resolver} changes {again} things")


@contextmanager
def _stub(p: Prover, client: str) -> Iterator[None]:
    host = p.host(client)
    with _told_by(p, client) as text:
        p.note(client, "fabricnet dns serve")
        host.start("stub", "fabricnet", "dns", "serve", "-f", FILE, "--host", client)
        try:
            host.await_daemon("stub", lambda: host.run("dig", "+tries=1", "+time=1", "@127.0.0.1", "localhost", timeout=5).returncode == 0)
            _apply_twice(p, client, text, "stub")
            yield
            _say(p, client, text, "none")
        finally:
            host.stop("stub")


def _resolved() -> Path | None:
    cache = Path(os.environ.get("FBN_CACHE", Path.home() / ".cache/fabricnet-tests")) / "dns/systemd-resolved"
    found = [path for path in (Path("/lib/systemd/systemd-resolved"), cache / "lib/systemd/systemd-resolved") if path.exists()]
    return found[0] if found else None


def _start_resolved(host: Host, program: Path, upstream: object) -> None:
    """As on a host without systemd: a bus and a user of its own; resolv.conf leads to it."""
    if host.run("getent", "passwd", "systemd-resolve").returncode != 0:
        host.check("sh", "-c", "echo systemd-resolve:x:990:990::/:/usr/sbin/nologin >>/etc/passwd; echo systemd-resolve:x:990: >>/etc/group")
    host.write("/run/bus.conf", _BUS)
    host.write("/etc/systemd/resolved.conf", f"[Resolve]\nDNS={upstream}\nFallbackDNS=\nLLMNR=no\nMulticastDNS=no\n")
    host.check("sh", "-c", "mkdir -p /run/dbus /run/systemd/resolve && chown systemd-resolve:systemd-resolve /run/systemd/resolve")
    host.check("sh", "-c", "mv /etc/resolv.conf /etc/resolv.conf.lab && ln -s ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf")
    host.start("bus", "dbus-daemon", "--config-file=/run/bus.conf", "--nofork", "--nopidfile")
    host.await_daemon("bus", lambda: host.run("test", "-S", "/run/dbus/system_bus_socket").returncode == 0)
    libraries = program.parents[3] / "libsystemd-shared/usr/lib/x86_64-linux-gnu/systemd"
    host.start("resolved", str(program), env={"LD_LIBRARY_PATH": str(libraries)} if libraries.is_dir() else None)
    host.await_daemon("resolved", lambda: host.run("dig", "+tries=1", "+time=1", "@127.0.0.53", "localhost", timeout=5).returncode == 0)


@contextmanager
def _systemd_resolved(p: Prover, client: str, program: Path) -> Iterator[None]:
    host = p.host(client)
    with _told_by(p, client) as text:
        try:
            p.note(client, "systemd-resolved")
            _start_resolved(host, program, p.topology.web)
            _apply_twice(p, client, text, "systemd-resolved")
            yield
            _say(p, client, text, "none")
        finally:
            host.run("mv", "/etc/resolv.conf.lab", "/etc/resolv.conf")
            host.stop("resolved")
            host.stop("bus")
