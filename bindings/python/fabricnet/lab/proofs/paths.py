# SPDX-License-Identifier: LGPL-2.1-or-later
"""F12 and F13: what packets meet on their way."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

from .mesh import headscale_host, listed_nodes, mesh_address
from .prover import Absent, Failed, Prover
from .tunnel import Site, device, residents, sites, tunnel_address, warriors

_BULK = 3_000_000
_NESTED_MTU = 1340  # a full mesh packet of 1,280 bytes and its WireGuard, UDP and IPv4 headers


def prove_full_size(p: Prover) -> str:
    """Device MTUs as declared, bulk TCP through each layer, a clamped MSS on what enters the tunnel."""
    _prove_mtus(p)
    proved = [_prove_bulk_tunnel(p, site) for site in sites(p)]
    if not p.lab.layer1:
        proved += _prove_bulk_mesh(p)
    if not proved:
        raise Absent("no tunnel and no mesh is declared")
    return "; ".join(proved)


def declared_mtu(p: Prover, tunnel: str) -> int:
    """The MTU that a tunnel's devices should have."""
    return int(p.topology.wireguard[tunnel].get("mtu", p.topology.document.get("defaults", {}).get("mtu", 1420)))


def _prove_mtus(p: Prover) -> None:
    wanted = {(host, device(p, tunnel, host)): declared_mtu(p, tunnel) for tunnel, host, _ in p.topology.members()}
    if not p.lab.layer1:
        wanted |= {(node, "tailscale0"): 1280 for node in p.topology.nodes}
    for (host, name), mtu in wanted.items():
        found = json.loads(p.output(host, f"ip -j link show {name}"))[0]["mtu"]
        p.expect(found == mtu, f"{host}: {name} has MTU {found}, not {mtu}")


def _prove_bulk_tunnel(p: Prover, site: Site) -> str:
    prefix, host = next(residents(p, site), (None, site.router))
    address = str(p.topology.hosts[host].address_on(prefix)) if prefix else tunnel_address(p, site.tunnel, host)
    mtu, name = declared_mtu(p, site.tunnel), device(p, site.tunnel, site.hub)
    limit = mtu - (60 if ":" in address else 40)
    answers = "ip6[53] & 0x12 == 0x12" if ":" in address else "tcp[tcpflags] & (tcp-syn|tcp-ack) == (tcp-syn|tcp-ack)"
    with p.serving(host) as port, p.capture(site.hub, name, f"'{answers}' and src {address}") as lines:
        _fetch(p, site.hub, _url(address, port))
    found = re.search(r"mss (\d+)", "\n".join(lines))
    p.expect(found is not None, f"{site.hub}: no connection to {host} seen on {name}")
    mss = int(found.group(1)) if found else 0
    p.expect(mss <= limit, f"{host} offers MSS {mss} through {site.router}, more than {limit}: it is not clamped")
    return f"{_BULK // 1_000_000} MB {host} → {site.hub} by tunnel (MTU {mtu}, MSS {mss})"


def _prove_bulk_mesh(p: Prover) -> Iterator[str]:
    nodes = list(p.topology.nodes)
    behind = {host: site for site in sites(p) if site.hub in nodes for _, host in residents(p, site) if host in nodes}
    server = next(iter(behind), nodes[0])
    client = next((node for node in nodes if node != server and p.topology.hosts[node].lan is None), None)
    if client is None:
        return
    with p.serving(server) as port:
        url = _url(mesh_address(p, server), port)
        _fetch(p, client, url)
        yield f"{server} → {client} by mesh"
        # A hub could also send mesh packets into its tunnel to the home: they come through whole, or do not try.
        if server in behind:
            yield _prove_nested(p, behind[server], server, url)


def _prove_nested(p: Prover, site: Site, server: str, url: str) -> str:
    mtu, name = declared_mtu(p, site.tunnel), device(p, site.tunnel, site.hub)
    with p.capture(site.hub, name, "udp port 41641") as lines:
        # Let the hub look for paths anew: it tries every address that the peer has, those behind the tunnel too.
        p.output(site.hub, "tailscale debug rebind")
        _fetch(p, site.hub, url)
        p.output(site.hub, f"tailscale ping -c 5 {mesh_address(p, server)}")
    p.expect(
        mtu >= _NESTED_MTU or not lines,
        f"{site.hub}: mesh packets enter {name}, whose MTU {mtu} is too small for them: {' '.join(lines[:1])}",
    )
    return f"{server} → {site.hub} by mesh, {'through' if lines else 'kept out of'} the tunnel"


def _url(address: str, port: int) -> str:
    return f"http://{f'[{address}]' if ':' in address else address}:{port}/bytes/{_BULK}"


def _fetch(p: Prover, host: str, url: str) -> None:
    p.eventually(
        host,
        f"curl -sS -m 20 -o /dev/null -w %{{size_download}} {url}",
        lambda text: text.strip() == str(_BULK),
        "does not arrive whole",
        30,
    )


# As networking.firewall.checkReversePath writes it, but for ICMP alone: the rest of the host goes on.
_NIXOS_RPFILTER = """table inet nixos-rpfilter {
    chain rpfilter { type filter hook prerouting priority mangle + 10; policy accept; meta l4proto icmp fib saddr . mark . iif oif missing drop; }
}
"""


def prove_asymmetric(p: Prover) -> str:
    """A road warrior reaches its hub's mesh address through the tunnel, the answer comes back through the mesh."""
    pairs = [(tunnel, hub, w) for tunnel, hub, w in warriors(p) if "address" in p.topology.nodes.get(hub, {}) and w in p.topology.nodes]
    if not pairs:
        raise Absent("no road warrior and its hub are both nodes of the mesh")
    tunnel, hub, warrior = pairs[0]
    target = p.topology.nodes[hub]["address"]
    with _crossed(p, tunnel, hub, warrior):
        with p.capture(hub, device(p, tunnel, hub), f"icmp and dst {target}") as tunnel_side:
            with p.capture(hub, "tailscale0", f"icmp and src {target}") as mesh_side:
                p.eventually(warrior, f"ping -c 2 -i 0.3 -W 2 {target}", lambda _: True, "the asymmetric flow is dropped")
        p.expect(tunnel_side and mesh_side, "the flow was not asymmetric: it did not come by the tunnel and leave by the mesh")
        _prove_strict_drops(p, tunnel, hub, warrior, target)
        _prove_foreign_named(p, hub, warrior, target)
    return f"{warrior} → {hub} by tunnel, back by mesh; dropped with rp_filter 1; a foreign reverse-path rule that drops it is named"


def _prove_strict_drops(p: Prover, tunnel: str, hub: str, warrior: str, target: str) -> None:
    name = device(p, tunnel, hub)
    keys = ["net.ipv4.conf.all.rp_filter", f"net.ipv4.conf.{name}.rp_filter"]
    before = {key: p.output(hub, f"sysctl -n {key}").strip() for key in keys}
    p.expect(max(before.values()) == "2", f"{hub}: rp_filter of {name} is {max(before.values())}, not 2")
    dropped = _dropped(p, hub)
    try:
        p.output(hub, f"sysctl -w {' '.join(f'{key}=1' for key in keys)}")
        strict = p.run(warrior, f"ping -c 3 -i 0.3 -W 1 {target}")
    finally:
        p.output(hub, f"sysctl -w {' '.join(f'{key}={value}' for key, value in before.items())}")
    p.expect(strict.returncode != 0 and _dropped(p, hub) > dropped, "strict rp_filter drops nothing: this proof would not see a drop")


def _prove_foreign_named(p: Prover, hub: str, warrior: str, target: str) -> None:
    """The NixOS firewall's strict rule drops the flow although rp_filter is loose, and our status says which rule it is."""
    status = "fabricnet status --local-only -f /etc/fabricnet/fabric.json"
    where = "table inet nixos-rpfilter, chain rpfilter"
    p.expect("reverse-path rule" not in p.run(hub, status).stdout, f"{hub}: a foreign reverse-path rule is named though there is none")
    p.host(hub).check("nft", "-f", "-", input=_NIXOS_RPFILTER)
    try:
        foreign = p.run(warrior, f"ping -c 3 -i 0.3 -W 1 {target}")
        named = p.run(hub, status).stdout
    finally:
        p.output(hub, "nft delete table inet nixos-rpfilter")
    p.expect(foreign.returncode != 0, "the foreign reverse-path rule drops nothing: this proof would not see it")
    p.expect(where in named, f"{hub}: fabricnet status does not name the foreign reverse-path rule")


def _dropped(p: Prover, host: str) -> int:
    text = p.output(host, "nstat -az TcpExtIPReversePathFilter")
    return int(text.split()[-2])


@contextmanager
def _crossed(p: Prover, tunnel: str, hub: str, warrior: str) -> Iterator[None]:
    """The warrior's way to the hub's mesh address leads into the tunnel, the hub's way to the warrior's tunnel address into the mesh."""
    address = tunnel_address(p, tunnel, warrior)
    rule = f"to {p.topology.nodes[hub]['address']} lookup 20013 priority 13"
    try:
        p.output(warrior, f"ip route add {p.topology.nodes[hub]['address']} dev {device(p, tunnel, warrior)} src {address} table 20013")
        p.output(warrior, f"ip rule add {rule}")
        p.output(warrior, f"tailscale set --advertise-routes={address}/32")
        _approve(p, warrior, [f"{address}/32"])
        p.output(hub, "tailscale set --accept-routes")
        p.eventually(hub, f"ip route get {address}", lambda text: "tailscale0" in text, "is not routed by the mesh", 20)
        yield
    finally:
        for host, command in (
            (hub, "tailscale set --accept-routes=false"),
            (warrior, "tailscale set --advertise-routes="),
            (warrior, f"ip rule del {rule}"),
            (warrior, "ip route flush table 20013"),
        ):
            p.run(host, command)
        _approve(p, warrior, [])


def _approve(p: Prover, node: str, routes: list[str]) -> None:
    host = headscale_host(p)
    try:
        number = listed_nodes(p)[node]["id"]
    except KeyError:
        raise Failed(f"{node} is not enrolled") from None
    p.output(host, f"headscale nodes approve-routes -i {number} -r '{','.join(routes)}'")
