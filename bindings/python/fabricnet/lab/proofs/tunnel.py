# SPDX-License-Identifier: LGPL-2.1-or-later
"""F1–F3: the WireGuard layer."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network

from ..topology import WEB_NAME
from .foreign import foreign_firewalls
from .prover import Absent, Prover, sees


@dataclass(frozen=True)
class Site:
    """A hub, which can be reached from anywhere, and another member."""

    tunnel: str
    hub: str
    router: str


def sites(p: Prover) -> Iterator[Site]:
    """Every hub with every other member of its tunnel."""
    for tunnel, content in p.topology.wireguard.items():
        members = content["members"]
        for hub in members:
            if "endpoint" in members[hub]:
                yield from (Site(tunnel, hub, other) for other in members if other != hub)


def device(p: Prover, tunnel: str, host: str) -> str:
    """The WireGuard device of a member."""
    return str(p.topology.wireguard[tunnel]["members"][host].get("interface", "wg0"))


def tunnel_address(p: Prover, tunnel: str, host: str) -> str:
    """The tunnel address of a member."""
    return str(p.topology.wireguard[tunnel]["members"][host]["address"])


def residents(p: Prover, site: Site) -> Iterator[tuple[str, str]]:
    """A host behind the router on each announced network: (prefix, host)."""
    for prefix in p.topology.wireguard[site.tunnel]["members"][site.router].get("announces", []):
        for host in p.topology.declared():
            if host.name != site.router and host.on(prefix):
                yield prefix, host.name
                break


def prove_site_to_site(p: Prover) -> str:
    """Handshakes at both ends, allowed IPs as declared, and pings both ways for each announced network."""
    proved = []
    for site in sites(p):
        proved += [_prove_site(p, site)]
    if not proved:
        raise Absent("no member of a tunnel can be reached from outside")
    return "; ".join(proved)


def _prove_site(p: Prover, site: Site) -> str:
    members = p.topology.wireguard[site.tunnel]["members"]
    hub_address = tunnel_address(p, site.tunnel, site.hub)
    p.reach(site.router, hub_address)
    reached = []
    for prefix, host in residents(p, site):
        p.reach(site.hub, p.topology.hosts[host].address_on(prefix), 5)
        p.reach(host, hub_address, 5)
        reached.append(host)
    for here, there in ((site.hub, site.router), (site.router, site.hub)):
        times = p.output(here, f"wg show {device(p, site.tunnel, here)} latest-handshakes")
        fresh = dict(line.split("\t") for line in times.splitlines())
        p.expect(int(fresh.get(members[there]["public_key"], "0")) > 0, f"{here}: no handshake with {there}")
    allowed = {
        line.split("\t")[0]: set(line.split("\t")[1].split())
        for line in p.output(site.hub, f"wg show {device(p, site.tunnel, site.hub)} allowed-ips").splitlines()
    }
    own = p.topology.hosts[site.hub]
    wanted = {str(p.topology.prefixes[prefix]) for prefix in members[site.router].get("announces", []) if not own.on(prefix)}
    wanted |= {str(ip_network(members[site.router]["address"]))}
    found = allowed.get(members[site.router]["public_key"], set())
    p.expect(found == wanted, f"{site.hub}: allowed IPs of {site.router} are {' '.join(sorted(found))}, not {' '.join(sorted(wanted))}")
    return f"{site.hub} ↔ {site.router}" + (f", and {' and '.join(reached)} behind it" if reached else "")


def prove_outbound_nat(p: Prover) -> str:
    """On the hub's device a ping of a host behind the router comes from the router's tunnel address."""
    proved = []
    for site in sites(p):
        masked = {
            name
            for rule in p.topology.document.get("nat", {}).get(site.router, [])
            if rule.get("out", {}).get("tunnel") == site.tunnel
            for name in rule.get("masquerade", [])
        }
        for prefix, host in residents(p, site):
            if prefix in masked:
                _prove_source(p, site, host)
                proved.append(f"{host} ({prefix})")
    if not proved:
        raise Absent("nothing is masqueraded into a tunnel")
    return f"{', '.join(proved)} seen as the router"


def _prove_source(p: Prover, site: Site, host: str) -> None:
    hub, router = tunnel_address(p, site.tunnel, site.hub), tunnel_address(p, site.tunnel, site.router)
    echo = "icmp6 and ip6[40]==128" if ":" in hub else "icmp[icmptype]=icmp-echo"
    with p.capture(site.hub, device(p, site.tunnel, site.hub), f"{echo} and dst {hub}") as lines:
        p.run(host, f"ping -c 2 -i 0.3 -W 2 {hub}")
    sources = {line.split(" > ")[0].split()[-1] for line in lines}
    p.expect(sources == {router}, f"{site.hub} sees {host} as {' '.join(sources) or 'nobody'}, not as {router}")


def warriors(p: Prover) -> Iterator[tuple[str, str, str]]:
    """Every (tunnel, hub, road warrior)."""
    for tunnel, content in p.topology.wireguard.items():
        members = content["members"]
        hub = next((name for name in members if "endpoint" in members[name]), None)
        if hub:
            yield from ((tunnel, hub, name) for name in members if members[name].get("road_warrior"))


def prove_road_warriors(p: Prover) -> str:
    """An outside page sees a road warrior as its hub; foreign firewalls on the hub come, go and reload meanwhile."""
    found = list(warriors(p))
    if not found:
        raise Absent("no member is a road warrior")
    for _, hub, warrior in found:
        _prove_leaves_by(p, hub, warrior)
    tunnel, hub, warrior = found[0]
    with foreign_firewalls(p, hub) as foreign:
        p.expect(p.lab.commands.apply(hub, local_only=True) == 0, f"{hub}: apply changes something beside foreign tables")
        foreign.expect_untouched()
        _prove_leaves_by(p, hub, warrior)
        foreign.reload()
        p.expect(p.lab.commands.apply(hub, local_only=True) == 0, f"{hub}: a reload of foreign tables took something of ours")
        _prove_leaves_by(p, hub, warrior)
    return (
        ", ".join(f"{warrior} leaves by {hub}" for _, hub, warrior in found)
        + f"; {len(foreign.tables)} foreign firewalls untouched, ours outlives them"
    )


def _prove_leaves_by(p: Prover, hub: str, warrior: str) -> None:
    wanted = [str(address) for address in p.topology.hosts[hub].public] or [str(p.topology.public_of(hub))]
    page = p.eventually(warrior, f"curl -s -m 5 http://{WEB_NAME}/", lambda text: "sees" in text, "no page")
    p.expect(sees(page) in wanted, f"outside sees {warrior} as {sees(page)}, not as {hub}'s {' or '.join(wanted)}")
