# SPDX-License-Identifier: LGPL-2.1-or-later
"""F9: published services."""

import base64
import hashlib

from ..topology import VISITOR
from .prover import Absent, Prover

_KEY = base64.b64encode(b"a nonce of 16 by").decode()
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3


def prove_services(p: Prover) -> str:
    """An outside client fetches each service by name over verified TLS; a WebSocket gets through; an unknown name does not."""
    services = p.topology.services
    if not services:
        raise Absent("no service is declared")
    for name, service in services.items():
        host, port = service["to"].rsplit(":", 1)
        page = p.eventually(VISITOR, f"curl -sS -m 5 https://{name}/", lambda text: "sees" in text, "no page")
        p.expect(page.startswith(f"{host}:{port} "), f"https://{name}/ shows {page.strip()}")
        if service.get("websocket"):
            _prove_websocket(p, name)
        _prove_closed(p, host, int(port))
    _prove_unknown(p, next(iter(services.values()))["at"])
    return f"{len(services)} names over TLS, no port open at home, an unknown name is refused"


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
