# SPDX-License-Identifier: LGPL-2.1-or-later
"""The web in the lab: nginx where services are published, small servers where they lead, a page on the outside host."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from .authority import Authority
from .host import Host
from .topology import OUTSIDE, Topology

_SERVER = Path(__file__).with_name("server.py")
_HEAD = """user root;
worker_processes 1;
pid /run/nginx.pid;
error_log stderr;
events { worker_connections 256; }
http {
    access_log /var/log/nginx/access.log;
    map $http_upgrade $connection_upgrade { default upgrade; '' close; }
    server { listen 80 default_server; return 444; }
    server { listen 443 ssl default_server; ssl_reject_handshake on; }
"""
_UPGRADE = """            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
"""


def headscale_behind_nginx(topology: Topology) -> bool:
    """Whether Headscale's URL and published services share a port of one host, so that nginx has to stand before it."""
    host = topology.headscale_host
    return host is not None and topology.headscale_url[1] == 443 and any(s["at"] == host for s in topology.services.values())


def configuration(topology: Topology, at: str, headscale: str | None) -> str:
    """nginx.conf of a host that publishes services; headscale is the URL behind Headscale's name, if nginx stands before it."""
    text = _HEAD
    for name, service in topology.services.items():
        if service["at"] == at:
            host, port = service["to"].rsplit(":", 1)
            target = "127.0.0.1" if host == at else topology.address_of(host) if host in topology.hosts else host
            text += _virtual_host(name, f"http://{target}:{port}", bool(service.get("websocket")))
    if headscale:
        text += _virtual_host(topology.headscale_url[0], headscale, True)
    return text + "}\n"


def _virtual_host(name: str, target: str, upgrade: bool) -> str:
    return f"""    server {{
        listen 443 ssl;
        server_name {name};
        ssl_certificate /etc/nginx/lab/{name}.pem;
        ssl_certificate_key /etc/nginx/lab/{name}.key;
        location / {{
            proxy_pass {target};
            proxy_http_version 1.1;
            proxy_buffering off;
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $remote_addr;
{_UPGRADE if upgrade else ""}        }}
    }}
"""


def start(topology: Topology, hosts: Mapping[str, Host], authority: Authority) -> None:
    """Start the small servers, the outside page, and nginx wherever a service is published."""
    for name, ports in {**topology.listeners(), OUTSIDE: {80}}.items():
        start_server(hosts[name], sorted(ports))
    for at in dict.fromkeys(service["at"] for service in topology.services.values()):
        _publish(topology, hosts[at], authority)


def _publish(topology: Topology, host: Host, authority: Authority) -> None:
    names = [name for name, service in topology.services.items() if service["at"] == host.name]
    headscale = "http://127.0.0.1:8080" if headscale_behind_nginx(topology) and topology.headscale_host == host.name else None
    for name in [*names, *([topology.headscale_url[0]] if headscale else [])]:
        certificate, key = authority.issue([name])
        host.write(f"/etc/nginx/lab/{name}.pem", certificate)
        host.write(f"/etc/nginx/lab/{name}.key", key, 0o600)
    host.write("/etc/nginx/lab/nginx.conf", configuration(topology, host.name, headscale))
    host.write("/var/log/nginx/access.log", "")
    start_nginx(host)


def start_nginx(host: Host) -> None:
    """Start the nginx of a host that has its configuration, and wait until it listens."""
    (host.root / "run/nginx.pid").unlink(missing_ok=True)
    host.start("nginx", "nginx", "-c", "/etc/nginx/lab/nginx.conf", "-g", "daemon off;")
    # Its process id is written once every port is bound.
    host.await_daemon("nginx", lambda: (host.root / "run/nginx.pid").exists())


def start_server(host: Host, ports: Sequence[int], name: str = "server") -> None:
    """Start a small server on a host, and wait until it listens."""
    host.log(name).unlink(missing_ok=True)
    host.start(name, sys.executable, "-I", str(_SERVER), host.name, *(str(port) for port in ports))
    host.await_daemon(name, lambda: "listening" in host.log(name).read_text())
