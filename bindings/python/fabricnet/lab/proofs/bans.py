# SPDX-License-Identifier: LGPL-2.1-or-later
"""F11: who fails too often is banned."""

import json
from typing import Any

from ..host import wait_until
from ..topology import API_NAME, VISITOR
from .prover import Absent, Prover

_FORGED = "192.0.2.66"
_HEADER = "/run/fabricnet-lab.header"  # of curl, so that the token is in no command line


def prove_bans(p: Prover) -> str:
    """Who brute-forces is banned in nftables and at the CDN's API, as himself: what he says that he is counts only from the CDN."""
    at = next((host for host, edge in p.topology.edge.items() if "nginx" in edge.get("fail2ban", {}).get("jails", [])), None)
    if not at:
        raise Absent("nobody counts failures")
    services = p.topology.services_at(at)
    open_name = next((name for name, service in services.items() if not service.get("cdn")), None)
    hidden_name = next((name for name, service in services.items() if service.get("cdn")), None)
    visitor = str(p.topology.public_of(VISITOR))
    told = []
    _forget(p, at)
    try:
        if open_name:
            told += [_prove_forged(p, at, open_name, visitor)]
        if hidden_name:
            told += [_prove_behind(p, at, hidden_name, visitor)]
    finally:
        _forget(p, at)
    jails = p.output(at, "fail2ban-client status")
    for jail in p.topology.edge[at]["fail2ban"]["jails"]:
        p.expect(jail in jails, f"{at}: fail2ban has no jail {jail}")
    return "; ".join(told)


def _forget(p: Prover, at: str) -> None:
    """fail2ban first: whom it believes to be banned it does not ban again."""
    p.run(at, "fail2ban-client unban --all")
    p.run(at, "fabricnet ban flush")


def _retries(p: Prover, at: str) -> int:
    return int(p.topology.edge[at]["fail2ban"].get("retries", 5)) + 1


def _fail(p: Prover, at: str, name: str, header: str = "") -> None:
    for _ in range(_retries(p, at)):
        p.run(VISITOR, f"curl -sS -m 3 -o /dev/null {header} https://{name}/login")


def _prove_forged(p: Prover, at: str, name: str, visitor: str) -> str:
    """He comes directly and says that he is somebody else."""
    _fail(p, at, name, f"-H 'CF-Connecting-IP: {_FORGED}' -H 'X-Forwarded-For: {_FORGED}'")
    _await_banned(p, at, visitor)
    p.expect(_FORGED not in _banned(p, at), f"{at}: {_FORGED}, which somebody said that he is, was banned")
    done = p.run(VISITOR, f"curl -sS -m 2 -o /dev/null https://{name}/")
    p.expect(done.returncode == 28, f"{visitor} is banned and reaches {name} (curl exits {done.returncode})")
    _lift(p, at, visitor)
    p.eventually(VISITOR, f"curl -sS -m 3 https://{name}/", lambda text: "sees" in text, "no page after the ban")
    return f"{visitor} is banned, not {_FORGED} that it says it is"


def _prove_behind(p: Prover, at: str, name: str, visitor: str) -> str:
    """He comes through the CDN, which says who he is."""
    direct = p.run(VISITOR, f"curl -sSk -m 3 --resolve {name}:443:{p.topology.public_of(at)} -H 'CF-Connecting-IP: {_FORGED}' https://{name}/")
    p.expect(direct.returncode != 0, f"{at}: {name} is answered past the CDN")
    _fail(p, at, name)
    _await_banned(p, at, visitor)
    p.expect(str(p.topology.cdn) not in _banned(p, at), f"{at}: the CDN is banned")
    closed = wait_until(lambda: p.run(VISITOR, f"curl -sS -m 3 -f -o /dev/null https://{name}/").returncode != 0, 10 * p.patience)
    p.expect(closed, f"{visitor} is banned and reaches {name} through the CDN")
    _lift(p, at, visitor)
    p.eventually(VISITOR, f"curl -sS -m 3 https://{name}/", lambda text: "sees" in text, "no page after the ban")
    return f"through the CDN too, where {p.topology.cdn} is trusted; unbanning lifts it in nftables and at the API"


def _await_banned(p: Prover, at: str, visitor: str) -> None:
    if not wait_until(lambda: visitor in _banned(p, at), 30 * p.patience):
        p.fail(f"{at}: {visitor} failed {_retries(p, at)} times and is not banned in nftables")
    if _zone(p, at) and not wait_until(lambda: visitor in _told(p, at), 20 * p.patience):
        p.fail(f"{at}: {visitor} is banned here and not at the CDN")


def _lift(p: Prover, at: str, visitor: str) -> None:
    p.output(at, f"fail2ban-client set fabricnet-nginx unbanip {visitor}")
    if not wait_until(lambda: visitor not in _banned(p, at), 10 * p.patience):
        p.fail(f"{at}: {visitor} is unbanned and still in nftables")
    if _zone(p, at) and not wait_until(lambda: visitor not in _told(p, at), 20 * p.patience):
        p.fail(f"{at}: {visitor} is unbanned and still blocked at the CDN")


def _banned(p: Prover, at: str) -> str:
    return p.run(at, "nft list set inet fabricnet ban-ipv4").stdout


def _zone(p: Prover, at: str) -> dict[str, Any]:
    return dict(p.topology.edge[at]["bans"].get("cloudflare", {}))


def _told(p: Prover, at: str) -> list[str]:
    """Whom the CDN's API blocks."""
    zone = _zone(p, at)
    host = p.host(at)
    token = (host.root / "etc/fabricnet" / zone["token"]["file"]).read_text().strip()
    host.write(_HEADER, f"Authorization: Bearer {token}\n", 0o600)
    rules = p.json(at, f"curl -sS -m 5 -H @{_HEADER} https://{API_NAME}/client/v4/zones/{zone['zone']}/firewall/access_rules/rules")
    p.expect(rules["success"], f"{at}: {API_NAME} says {rules['errors']}")
    return [rule["configuration"]["value"] for rule in rules["result"]]
