# SPDX-License-Identifier: LGPL-2.1-or-later
"""F4–F8: the mesh layer."""

import json
import os
import signal
import time
from typing import Any

from ..mesh import await_tailscaled, start_tailscaled
from ..topology import VISITOR, Network
from .prover import Absent, Prover


def headscale_host(p: Prover) -> str:
    """The host that runs Headscale."""
    host = p.topology.headscale_host
    if not host:
        raise Absent("no mesh is declared")
    return host


def listed_nodes(p: Prover) -> dict[str, dict[str, Any]]:
    """The nodes that the server knows, by name."""
    return {node["name"]: node for node in p.json(headscale_host(p), "headscale nodes list -o json") or []}


def mesh_address(p: Prover, node: str) -> str:
    """The mesh address of a node: declared, or what it was given."""
    return str(p.topology.nodes[node].get("address") or p.output(node, "tailscale ip -4").strip())


def prove_headscale(p: Prover) -> str:
    """Health over verified TLS from outside, users and policy as declared, every key single-use and used."""
    host, mesh = headscale_host(p), p.topology.mesh
    health = p.eventually(VISITOR, f"curl -sS -m 5 {mesh['headscale']['url']}/health", lambda text: "pass" in text, "not well", 5)
    p.expect(json.loads(health) == {"status": "pass"}, f"health says {health.strip()}")
    users = {user["name"] for user in p.json(host, "headscale users list -o json") or []}
    p.expect(users == set(mesh["users"]), f"users are {', '.join(sorted(users)) or 'none'}, not {', '.join(mesh['users'])}")
    keys = p.json(host, "headscale preauthkeys list -o json") or []
    p.expect(len(keys) >= len(p.topology.nodes), f"{len(keys)} pre-auth keys for {len(p.topology.nodes)} nodes")
    p.expect(all(key.get("used") and not key.get("reusable") for key in keys), "a pre-auth key can be used again")
    if "policy" in mesh:
        policy = p.output(host, "headscale policy get")
        declared = (p.host(host).root / "etc/fabricnet" / mesh["policy"]["file"]).read_text()
        p.expect(policy.strip() == declared.strip(), "the policy is not the declared one")
    return f"users {', '.join(sorted(users))}; {len(keys)} single-use keys, all used"


def _all_online(p: Prover, text: str) -> bool:
    online = {node["name"] for node in json.loads(text) or [] if node.get("online")}
    return online >= set(p.topology.nodes)


def prove_enrolment(p: Prover) -> str:
    """The server lists every declared node, online with its address; each daemon says Running."""
    p.eventually(headscale_host(p), "headscale nodes list -o json", lambda text: _all_online(p, text), "some node is offline", 30)
    listed = listed_nodes(p)
    for name, node in p.topology.nodes.items():
        p.expect(name in listed, f"{name} is not enrolled")
        p.expect(listed[name].get("online"), f"{name} is offline")
        state = p.json(name, "tailscale status --json")
        p.expect(state["BackendState"] == "Running", f"{name}: tailscaled is {state['BackendState']}")
        if "address" in node:
            p.expect(
                node["address"] in listed[name]["ip_addresses"],
                f"{name} has {' '.join(listed[name]['ip_addresses'])}, not {node['address']}",
            )
            p.expect(node["address"] in state["Self"]["TailscaleIPs"], f"{name}: tailscaled has {' '.join(state['Self']['TailscaleIPs'])}")
    return f"{len(p.topology.nodes)} nodes"


def prove_router_address(p: Prover) -> str:
    """A router in the mesh has the very address that the file gives it."""
    routers = [name for name in dict.fromkeys(p.topology.at.values()) if "address" in p.topology.nodes.get(name, {})]
    if not routers:
        raise Absent("no router has a declared mesh address")
    for name in routers:
        address = p.output(name, "tailscale ip -4").strip()
        p.expect(address == p.topology.nodes[name]["address"], f"{name} has {address}, not {p.topology.nodes[name]['address']}")
    return ", ".join(f"{name} is {p.topology.nodes[name]['address']}" for name in routers)


def client_outside(p: Prover) -> str:
    """A node outside every segment that accepts routes."""
    for name, node in p.topology.nodes.items():
        if node.get("accepts_routes") and p.topology.hosts[name].lan is None:
            return name
    raise Absent("no node outside accepts routes")


def _target(p: Prover, prefix: str, but: set[str]) -> tuple[str, str]:
    """A host on a prefix without a mesh client, and the command that reaches it."""
    ports = p.topology.listeners()
    hosts = [h for h in p.topology.declared() if h.on(prefix) and h.name not in but]
    hosts.sort(key=lambda h: (h.name in p.topology.nodes, not ports.get(h.name)))
    if not hosts:
        raise Absent(f"nobody but subnet routers is on {prefix}")
    host = hosts[0]
    if ports.get(host.name):
        return host.name, f"curl -sS -m 2 http://{host.lan}:{min(ports[host.name])}/"
    return host.name, f"ping -c 1 -W 2 {host.lan}"


def _serving(p: Prover, client: str, network: Network) -> str | None:
    """Who carries a prefix now, as a client's daemon sees it."""
    peers = (p.json(client, "tailscale status --json").get("Peer") or {}).values()
    return next((peer["HostName"] for peer in peers if str(network) in (peer.get("PrimaryRoutes") or [])), None)


def prove_failover(p: Prover) -> str:
    """Routes as declared are approved, one serves, a device without a client is reached, also after the serving one was killed."""
    advertised = {name: node["advertises"] for name, node in p.topology.nodes.items() if node.get("advertises")}
    if not advertised:
        raise Absent("no node advertises a network")
    listed = listed_nodes(p)
    for name, prefixes in advertised.items():
        missing = {str(p.topology.prefixes[prefix]) for prefix in prefixes} - set(listed.get(name, {}).get("approved_routes") or [])
        p.expect(not missing, f"{name}: {', '.join(sorted(missing))} is not approved")
    client, prefix = client_outside(p), next(iter(advertised.values()))[0]
    routers = {name for name, prefixes in advertised.items() if prefix in prefixes}
    target, command = _target(p, prefix, routers)
    p.eventually(client, command, lambda _: True, f"{target} is not reached through the mesh")
    serving = _serving(p, client, p.topology.prefixes[prefix])
    p.expect(serving in routers, f"{client} sees {serving or 'nobody'} serve {prefix}")
    if len(routers) < 2:
        return f"{serving} serves {prefix}; {client} reaches {target} (no second router to take over)"
    took = _kill_and_wait(p, serving or "", client, command, prefix)
    return f"{client} reaches {target} through {serving}; {took}"


def _kill_and_wait(p: Prover, serving: str, client: str, command: str, prefix: str) -> str:
    network, start = p.topology.prefixes[prefix], time.monotonic()
    p.note(serving, "kill -9 $(pidof tailscaled)")
    os.kill(p.host(serving).daemon_pid("tailscaled") or p.fail(f"{serving}: tailscaled has ended before"), signal.SIGKILL)
    try:
        p.eventually(client, command, lambda _: _serving(p, client, network) not in (None, serving), "nobody takes over", 90)
        return f"{_serving(p, client, network)} takes over {time.monotonic() - start:.0f} s after its death"
    finally:
        start_tailscaled(p.host(serving))
        await_tailscaled(p.host(serving))
        p.eventually(
            serving, "tailscale status --json", lambda text: json.loads(text)["BackendState"] == "Running", "does not come back", 30
        )
