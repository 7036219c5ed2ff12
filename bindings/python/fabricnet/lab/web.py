# SPDX-License-Identifier: LGPL-2.1-or-later
"""The web in the lab: small servers where services lead, a page on the outside host, nginx as its package brings it where services are
published: what it serves is fabricnet's business."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from .authority import Authority
from .host import Host
from .topology import OUTSIDE, Topology

_SERVER = Path(__file__).with_name("server.py")


def headscale_behind_nginx(topology: Topology) -> bool:
    """Whether Headscale's URL and published services share a port of one host, so that nginx has to stand before it."""
    host = topology.headscale_host
    return host is not None and topology.headscale_url[1] == 443 and any(s["at"] == host for s in topology.services.values())


def _headscale(name: str) -> str:
    """What its owner has written for Headscale."""
    return f"""server {{
    listen 443 ssl;
    server_name {name};
    ssl_certificate /etc/nginx/lab.pem;
    ssl_certificate_key /etc/nginx/lab.key;
    location / {{
        proxy_pass http://127.0.0.1:8080;
        proxy_http_version 1.1;
        proxy_buffering off;
        proxy_set_header Host $host;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection upgrade;
    }}
}}
"""


def start(topology: Topology, hosts: Mapping[str, Host], authority: Authority) -> None:
    """Start the small servers, the outside page, and nginx wherever a service is published."""
    for name, ports in {**topology.listeners(), OUTSIDE: {80}}.items():
        start_server(hosts[name], sorted(ports), address=str(topology.web) if name == OUTSIDE else None)
    for at in topology.servers():
        if headscale_behind_nginx(topology) and topology.headscale_host == at:
            install_certificate(hosts[at], "/etc/nginx/lab", authority, [topology.headscale_url[0]])
            hosts[at].write("/etc/nginx/conf.d/headscale.conf", _headscale(topology.headscale_url[0]))
        start_nginx(hosts[at])


def install_certificate(host: Host, path: str, authority: Authority, names: Sequence[str]) -> None:
    """Put a certificate of the lab's authority, PATH.pem, and its key, PATH.key, on a host."""
    certificate, key = authority.issue(names)
    host.write(f"{path}.pem", certificate)
    host.write(f"{path}.key", key, 0o600)


def start_nginx(host: Host) -> None:
    """Start the nginx of a host, and wait until it listens."""
    # Its package's page for all names, which whoever serves names of his own takes away.
    (host.root / "etc/nginx/sites-enabled/default").unlink(missing_ok=True)
    (host.root / "run/nginx.pid").unlink(missing_ok=True)
    host.start("nginx", "nginx", "-g", "daemon off;")
    # Its process id is written once every port is bound.
    host.await_daemon("nginx", lambda: (host.root / "run/nginx.pid").exists())


def start_server(host: Host, ports: Sequence[int], name: str = "server", address: str | None = None) -> None:
    """Start a small server on a host, and wait until it listens."""
    host.log(name).unlink(missing_ok=True)
    where = [f"{address}:{port}" if address else str(port) for port in ports]
    host.start(name, sys.executable, "-I", str(_SERVER), host.name, *where)
    host.await_daemon(name, lambda: "listening" in host.log(name).read_text())
