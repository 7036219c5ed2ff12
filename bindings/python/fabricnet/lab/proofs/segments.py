# SPDX-License-Identifier: LGPL-2.1-or-later
"""F18: who may come into a segment."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from .prover import Absent, Prover
from .tunnel import tunnel_address


@dataclass(frozen=True)
class Visit:
    """A host that would come into a closed segment by its router, and with which address."""

    host: str
    source: str


def closed(p: Prover) -> Iterator[tuple[str, list[str]]]:
    """Every segment with a policy: (prefix, who may come in)."""
    for name, prefix in p.topology.document.get("prefixes", {}).items():
        if isinstance(prefix, dict) and "from" in prefix:
            yield name, prefix["from"]


def visits(p: Prover, segment: str) -> Iterator[Visit]:
    """Neighbours of the segment's router on its other segments, and members of its tunnels."""
    router = p.topology.at[segment]
    for host in p.topology.declared():
        if host.name == router or host.on(segment):
            continue
        shared = next((a for a in host.attachments if p.topology.at.get(a.segment) == router), None)
        if shared:
            yield Visit(host.name, str(shared.address.ip))
    for tunnel, content in p.topology.wireguard.items():
        members = content["members"]
        if segment not in members.get(router, {}).get("announces", []):
            continue
        for host in members:
            if "endpoint" in members[host] and host != router:
                yield Visit(host, tunnel_address(p, tunnel, host))


def is_allowed(p: Prover, visit: Visit, allowed: list[str]) -> bool:
    """Whether the segment's "from" names the host or a prefix with its address."""
    return any(name == visit.host or ip_address(visit.source) in p.topology.prefixes.get(name, ()) for name in allowed)


def prove_segments(p: Prover) -> str:
    """Whoever is named fetches a page there; of nobody else a connection arrives, who can be reached from there all the same."""
    proved = [_prove_segment(p, segment, allowed) for segment, allowed in closed(p)]
    if not proved:
        raise Absent('no prefix has a "from"')
    return "; ".join(proved)


def _prove_segment(p: Prover, segment: str, allowed: list[str]) -> str:
    target = next((host for host in p.topology.declared() if host.on(segment) and host.name != p.topology.at[segment]), None)
    if target is None:
        p.fail(f"{segment}: no host is on it")
    found = list(visits(p, segment))
    welcome = [visit for visit in found if is_allowed(p, visit, allowed)]
    others = [visit for visit in found if visit not in welcome]
    p.expect(welcome and others, f"{segment}: nobody to try it with who is let in, or nobody who is not")
    address = target.address_on(segment)
    with p.serving(target.name) as port:
        for visit in welcome:
            p.eventually(visit.host, f"curl -s -o /dev/null -m 3 http://{address}:{port}/", lambda _: True, f"{target.name}: not reached")
        for visit in others:
            p.reach(target.name, visit.source)  # the way is there, and answers pass
            done = p.run(visit.host, f"curl -s -o /dev/null -m 2 http://{address}:{port}/")
            p.expect(done.returncode == 28, f"{visit.host} reaches {target.name} in {segment} ({address}:{port}): curl says {done.returncode}, not 28")
            done = p.run(visit.host, f"ping -c 1 -W 1 {address}")
            p.expect(done.returncode == 1, f"{visit.host} pings {target.name} in {segment} ({address})")
    rules = p.output(p.topology.at[segment], "nft list chain inet fabricnet forward")
    p.expect(f'"{segment}-closed"' in rules, f"{p.topology.at[segment]}: no rule closes {segment}")
    tag = p.topology.document["prefixes"][segment].get("vlan")
    named = f"{segment} (VLAN {tag})" if tag else segment
    return f"{', '.join(v.host for v in welcome)} → {target.name} in {named}; {', '.join(v.host for v in others)} not, and {target.name} → them"
