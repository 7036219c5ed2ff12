# SPDX-License-Identifier: LGPL-2.1-or-later
"""F9, F10: published services and their certificates."""

import base64
import hashlib
import time
from typing import Any

from ..topology import VISITOR
from .prover import Absent, Prover
from .tunnel import device, sites

_KEY = base64.b64encode(b"a nonce of 16 by").decode()
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3


def prove_services(p: Prover) -> str:
    """An outside client fetches each service by name over verified TLS; a WebSocket gets through; an unknown name does not."""
    services = p.topology.services
    if not services:
        raise Absent("no service is declared")
    ways = [_prove_service(p, name, service) for name, service in services.items()]
    at = next(iter(services.values()))["at"]
    _prove_unknown(p, at)
    _prove_ours(p, at)
    through = ", ".join(sorted({way for way in ways if way}))
    return f"{len(services)} names over TLS{f' through {through}' if through else ''}, no port open at home, an unknown name is refused"


def _prove_service(p: Prover, name: str, service: dict[str, Any]) -> str:
    """The device of the tunnel that it is reached through, if it is."""
    host, port = service["to"].rsplit(":", 1)
    p.eventually(VISITOR, f"curl -sS -m 5 https://{name}/", lambda text: "sees" in text, "no page")
    way = _tunnel_to(p, service["at"], host)
    with p.capture(service["at"], way or "any", f"tcp port {port} and host {p.topology.address_of(host)}") as lines:
        page = p.output(VISITOR, f"curl -sS -m 5 https://{name}/")
    p.expect(page.startswith(f"{host}:{port} "), f"https://{name}/ shows {page.strip()}")
    p.expect(lines or host == service["at"], f"{service['at']}: nothing of https://{name}/ was seen on {way or 'any link'}")
    if service.get("websocket"):
        _prove_websocket(p, name)
    if host != service["at"]:
        _prove_closed(p, host, int(port))
    return way


def _tunnel_to(p: Prover, at: str, host: str) -> str:
    """The device of at's tunnel behind which a host's network is; "" if it is on a segment of at's own, or nowhere."""
    for site in sites(p):
        announced = p.topology.wireguard[site.tunnel]["members"][site.router].get("announces", [])
        if site.hub == at and any(p.topology.hosts[host].on(prefix) for prefix in announced):
            return device(p, site.tunnel, at)
    return ""


def _prove_ours(p: Prover, at: str) -> None:
    # Headscale's is its owner's, where nginx stands before it too.
    for path in p.output(at, "find /etc/nginx/conf.d /etc/nginx/sites-enabled -type f,l").split():
        first = p.output(at, f"head -n 1 {path}")
        p.expect(first.startswith("# fabricnet: made") or path.endswith("/headscale.conf"), f"{at}: {path} was not written by fabricnet apply")


def prove_certificates(p: Prover) -> str:
    """Certificates come from the authority that the rehearsal names, a renewal is served at once, status knows when each ends."""
    declared = p.topology.document.get("certificates", {})
    found = next(((name, service) for name, service in p.topology.services.items() if "acme" in declared.get(service.get("certificate"), {})), None)
    if not found:
        raise Absent("no certificate comes from an ACME authority")
    name, at = found[0], found[1]["at"]
    url = declared[found[1]["certificate"]]["acme"]["server"]
    first = _shown(p, name, at)
    issuer = p.output(at, f"openssl x509 -noout -issuer -in /etc/letsencrypt/live/{found[1]['certificate']}/cert.pem")
    p.expect("Pebble" in issuer, f"{at}: {name}: {issuer.strip()}: not the authority at {url}")
    timer = p.output(at, "cat /lib/systemd/system/certbot.timer")
    p.expect("OnCalendar" in timer, f"{at}: certbot.timer has no time")
    p.output(at, "certbot renew --force-renewal --no-random-sleep-on-renew", timeout=120)
    second = first
    deadline = time.monotonic() + 15 * p.patience
    while second in ("", first) and time.monotonic() < deadline:
        time.sleep(0.3)
        second = _shown(p, name, at)
    p.expect(second not in ("", first), f"{at}: after a renewal {name} still shows the certificate {first}")
    p.output(VISITOR, f"curl -sS -m 5 -o /dev/null https://{name}/")
    status = p.run(at, "fabricnet status --local-only -f /etc/fabricnet/fabric.json").stdout
    p.expect(f"certificate {found[1]['certificate']}" in status and "until 20" in status, f"{at}: fabricnet status does not say when certificates end")
    return f"pebble at {url}, renewed by certbot, timer certbot.timer; {name} showed {first}, then {second}"


def _shown(p: Prover, name: str, at: str) -> str:
    """The serial number of the certificate that a host shows for a name."""
    where = f"{p.topology.public_of(at)}:443"
    shown = p.run(at, f"sh -c 'openssl s_client -connect {where} -servername {name} </dev/null 2>/dev/null | openssl x509 -noout -serial'").stdout
    return shown.strip().removeprefix("serial=")


def _prove_websocket(p: Prover, name: str) -> None:
    # Only the server at the far end can compute the accept value from the key.
    accept = base64.b64encode(hashlib.sha1((_KEY + _GUID).encode()).digest()).decode()
    command = (
        f"curl -sS -i -N -m 2 --http1.1 -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' "
        f"-H 'Sec-WebSocket-Key: {_KEY}' https://{name}/"
    )
    answer = p.run(VISITOR, command).stdout
    p.expect(" 101 " in answer and accept in answer, f"{name}: no WebSocket: {answer.splitlines()[0] if answer else 'no answer'}")


def _prove_closed(p: Prover, host: str, port: int) -> None:
    public = p.topology.public_of(host)
    done = p.run(VISITOR, f"curl -sS -m 2 http://{public}:{port}/")
    p.expect(done.returncode in (7, 28), f"{public}:{port} is open to the outside")


def _prove_unknown(p: Prover, at: str) -> None:
    unknown, address = "nobody.invalid", p.topology.public_of(at)
    tls = p.run(VISITOR, f"curl -sSk -m 5 --resolve {unknown}:443:{address} https://{unknown}/")
    plain = p.run(VISITOR, f"curl -sS -m 5 --resolve {unknown}:80:{address} http://{unknown}/")
    p.expect(
        tls.returncode == 35 and plain.returncode == 52,
        f"{at}: an unknown name is answered (curl exits {tls.returncode}, {plain.returncode})",
    )
