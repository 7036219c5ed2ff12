# SPDX-License-Identifier: LGPL-2.1-or-later
"""F15: the router as a neighbour, managed over ssh through the tunnel that the changes are about."""

import copy
import json
from typing import Any

from ... import key
from ..command import FILE
from .prover import Absent, Prover

_CHANGED = "/etc/fabricnet/changed.json"
_MTU = 1272


def _managed(p: Prover) -> tuple[str, str, str, str]:
    """A router, who manages it, and the tunnel between them with its device on the router."""
    for router, host in p.topology.document.get("hosts", {}).items():
        if "ssh" not in host:
            continue
        for tunnel, content in p.topology.wireguard.items():
            members = content["members"]
            for name, member in members.items():
                if router in members and name != router and "endpoint" in member:
                    return router, name, tunnel, members[router].get("interface", "wg0")
    raise Absent("no router is managed over ssh through a tunnel")


def _router(p: Prover, manager: str, verb: str, router: str, file: str, *options: str) -> tuple[int, str, str]:
    layer = ["--local-only"] if p.lab.layer1 else []
    p.note(manager, f"fabricnet router {verb} {router} {' '.join(['-f', file, *options])}")
    return p.lab.commands.run(manager, "router", "-f", file, verb, router, *layer, *options, timeout=150)


def _apply(p: Prover, manager: str, router: str, file: str) -> None:
    code, _, errors = _router(p, manager, "apply", router, file)
    p.expect(code == 0, f"{manager}: fabricnet router apply {router}: {errors.strip()}")


def _declare(p: Prover, manager: str, document: dict[str, Any]) -> None:
    p.host(manager).write(_CHANGED, json.dumps(document, indent=2) + "\n")


def prove_router(p: Prover) -> str:
    """A declared change arrives, drift is seen and mended, a change that breaks the way to the router is rolled back by it."""
    router, manager, tunnel, device = _managed(p)
    code, output, errors = _router(p, manager, "plan", router, FILE)
    p.expect(code == 0, f"{manager}: {router} is not as declared: {(output or errors).strip()}")
    try:
        _prove_change(p, router, manager, tunnel, device)
        _prove_drift(p, router, manager, device)
        _prove_rolled_back(p, router, manager, tunnel, device)
    finally:
        code, _, errors = _router(p, manager, "apply", router, FILE)
    p.expect(code == 0, f"{manager}: the file as it was is not applied: {errors.strip()}")
    p.expect(f"mtu {_MTU} " not in p.output(router, f"ip link show dev {device}"), f"{router}: {device} still has the MTU of the changed file")
    return f"{manager} manages {router} through {tunnel}: MTU {_MTU} arrived, drift was seen and mended, a wrong key for {manager} was rolled back"


def _prove_change(p: Prover, router: str, manager: str, tunnel: str, device: str) -> None:
    document = copy.deepcopy(p.topology.document)
    document["wireguard"][tunnel]["members"][router]["mtu"] = _MTU
    _declare(p, manager, document)
    _apply(p, manager, router, _CHANGED)
    p.expect(f"mtu {_MTU} " in p.output(router, f"ip link show dev {device}"), f"{router}: the MTU of {device} did not arrive")
    code, output, _ = _router(p, manager, "plan", router, _CHANGED)
    p.expect(code == 0, f"{manager}: once applied, {router} still differs: {output.strip()}")


def _prove_drift(p: Prover, router: str, manager: str, device: str) -> None:
    p.output(router, f"ip link set dev {device} mtu 1400")
    code, output, errors = _router(p, manager, "plan", router, _CHANGED)
    p.expect(code == 2 and "1400" in output, f"{manager}: the MTU that somebody set on {router} is not seen: {(output or errors).strip()}")
    _apply(p, manager, router, _CHANGED)
    p.expect(f"mtu {_MTU} " in p.output(router, f"ip link show dev {device}"), f"{router}: the drift was not mended")


def _prove_rolled_back(p: Prover, router: str, manager: str, tunnel: str, device: str) -> None:
    document = json.loads((p.host(manager).root / _CHANGED.lstrip("/")).read_text())
    member = document["wireguard"][tunnel]["members"][manager]
    right, member["public_key"] = member["public_key"], str(key.public(key.generate()))
    _declare(p, manager, document)
    code, output, errors = _router(p, manager, "apply", router, _CHANGED, "--confirm-within", "12s")
    p.expect(code == 4, f"{manager}: a change that breaks {tunnel} ended with {code}: {(errors or output).strip()}")
    peers = p.output(router, f"wg show {device} peers").split()
    p.expect(right in peers and member["public_key"] not in peers, f"{router}: {device} still has the wrong key for {manager}")
    p.reach(manager, p.topology.document["wireguard"][tunnel]["members"][router]["address"])
