# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the Internet has for a public host: an ACME authority (pebble), and a CDN with its API, its edge before what is behind it, and its ranges;
and on the host the daemons that a service manager would start."""

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from .authority import Authority, trust
from .command import Commands
from .host import Host
from .problem import Problem
from .secrets import ACME_URL, DIRECTORY
from .terminal import progress
from .topology import ACME_NAME, API_NAME, OUTSIDE, Topology
from .web import install_certificate, start_nginx

RANGES = "/var/lib/fabricnet/cdn-ranges"
BAN_SETTINGS = "/etc/fabricnet/ban.json"
_API = Path(__file__).with_name("cloudflare.py")
_API_PORT = 8787


def start(topology: Topology, hosts: Mapping[str, Host], authority: Authority) -> None:
    """Start the authority and the CDN on the outside host."""
    outside = hosts[OUTSIDE]
    if not topology.services:
        return
    for host in topology.servers():
        _install_files(topology, hosts[host], authority)
    if any("acme" in content for content in topology.document.get("certificates", {}).values()):
        _prepare_pebble(outside, authority)
        start_pebble(outside)
        root = outside.check("curl", "-sSk", "https://127.0.0.1:15000/roots/0")
        for host in hosts.values():
            trust(host, root)
        progress(f"certificates come from pebble, an ACME server of the rehearsal's own: {ACME_URL}")
    if token_host(topology) or _behind(topology):
        _start_cdn(topology, hosts, authority)


def _install_files(topology: Topology, host: Host, authority: Authority) -> None:
    """Certificates that somebody else makes."""
    declared = topology.document.get("certificates", {})
    names: dict[str, list[str]] = {}
    for name, service in topology.services_at(host.name).items():
        if "files" in declared.get(service.get("certificate"), {}):
            names.setdefault(service["certificate"], []).extend([name, *service.get("also", [])])
    for name, of in names.items():
        certificate, key = authority.issue(of)
        host.write(declared[name]["files"]["certificate"], certificate)
        host.write(declared[name]["files"]["key"], key, 0o600)


def _prepare_pebble(host: Host, authority: Authority) -> None:
    install_certificate(host, "/etc/pebble", authority, [ACME_NAME])
    settings = {
        "listenAddress": "0.0.0.0:14000",
        "managementListenAddress": "127.0.0.1:15000",
        "certificate": "/etc/pebble.pem",
        "privateKey": "/etc/pebble.key",
        "httpPort": 80,
        "tlsPort": 443,
        "ocspResponderURL": "",
        "externalAccountBindingRequired": False,
    }
    host.write("/etc/pebble.json", json.dumps({"pebble": settings}))


def start_pebble(host: Host) -> None:
    """Start the ACME server of a host that has its configuration, and wait until it answers."""
    host.start("pebble", "pebble", "-config", "/etc/pebble.json", env={"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"})
    host.await_daemon("pebble", lambda: host.run("curl", "-sSk", "-o", "/dev/null", "https://127.0.0.1:15000/roots/0").returncode == 0)


def token_host(topology: Topology) -> str | None:
    """The host whose bans the CDN is told, if there is one."""
    return next((host for host, edge in topology.edge.items() if "cloudflare" in edge.get("bans", {})), None)


def _behind(topology: Topology) -> dict[str, str]:
    """The names that are behind the CDN, with the address of who serves each."""
    names: dict[str, str] = {}
    for name, service in topology.services.items():
        if service.get("cdn"):
            names |= {each: str(topology.public_of(service["at"])) for each in (name, *service.get("also", []))}
    return names


def _start_cdn(topology: Topology, hosts: Mapping[str, Host], authority: Authority) -> None:
    outside = hosts[OUTSIDE]
    restart_api(topology, hosts)
    outside.check("ip", "address", "add", f"{topology.cdn}/32", "dev", "lo")
    install_certificate(outside, "/etc/nginx/api", authority, [API_NAME])
    text = _server(topology.web, API_NAME, "/etc/nginx/api", f"http://127.0.0.1:{_API_PORT}")
    names = _behind(topology)
    if names:
        install_certificate(outside, "/etc/nginx/cdn", authority, list(names))
    for name, origin in names.items():
        text += _server(topology.cdn, name, "/etc/nginx/cdn", f"$scheme://{origin}", str(topology.cdn))
    outside.write("/etc/nginx/conf.d/cdn.conf", text)
    start_nginx(outside)


def restart_api(topology: Topology, hosts: Mapping[str, Host], token: str | None = None) -> None:
    """Start the CDN's API anew, empty, with the token that the host has whose bans it is told, or with another one."""
    outside, keeper = hosts[OUTSIDE], token_host(topology)
    cloudflare = topology.edge[keeper]["bans"]["cloudflare"] if keeper else {"zone": "0" * 32}
    if keeper and not token:
        token = (hosts[keeper].root / DIRECTORY.lstrip("/") / cloudflare["token"]["file"]).read_text()
    outside.write("/etc/cdn.token", token or "none", 0o600)
    outside.stop("cloudflare")
    outside.log("cloudflare").unlink(missing_ok=True)
    outside.start("cloudflare", sys.executable, "-I", str(_API), str(_API_PORT), cloudflare["zone"], "/etc/cdn.token", f"{topology.cdn}/32")
    outside.await_daemon("cloudflare", lambda: "listening" in outside.log("cloudflare").read_text())


def _server(address: object, name: str, certificate: str, target: str, source: str | None = None) -> str:
    """A name that is passed on: from a source address, as the CDN does, it says who the visitor is."""
    plain = f"    listen {address}:80;\n" if source else ""
    edge = f"""        proxy_bind {source};
        proxy_ssl_server_name on;
        proxy_ssl_name {name};
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $http_connection;
        proxy_set_header CF-Connecting-IP $remote_addr;
"""
    return f"""server {{
{plain}    listen {address}:443 ssl;
    server_name {name};
    ssl_certificate {certificate}.pem;
    ssl_certificate_key {certificate}.key;
    location / {{
        proxy_pass {target};
        proxy_set_header Host $host;
{edge if source else ""}    }}
}}
"""


def learn_ranges(topology: Topology, host: Host) -> None:
    """What fabricnet-ranges.timer does at boot."""
    if any(service.get("cdn") for service in topology.services_at(host.name).values()):
        host.check("mkdir", "-p", "/var/lib/fabricnet")
        host.check("fabricnet", "ban", "ranges", RANGES)


def get_certificates(topology: Topology, commands: Commands, host: str) -> None:
    """Get what services need, and serve it."""
    wanted = {service.get("certificate") for service in topology.services_at(host).values()}
    declared = topology.document.get("certificates", {})
    if any(name in wanted and "files" not in content for name, content in declared.items()):
        commands.check(host, "certificates")
        progress(f"{host}: certificates are there, {commands.apply(host, local_only=True)} changes to serve them")


def start_guards(topology: Topology, host: Host) -> None:
    """Start the ban engine and fail2ban of a host, as their units would."""
    edge = topology.edge[host.name]
    if "bans" in edge:
        start_engine(host)
    if "fail2ban" in edge:
        host.check("mkdir", "-p", "/run/fail2ban")
        shutil.rmtree(host.root / "var/lib/fail2ban", ignore_errors=True)
        host.check("mkdir", "-p", "/var/lib/fail2ban")
        host.start("fail2ban", "fail2ban-server", "-f", "start")
        host.await_daemon("fail2ban", lambda: host.run("fail2ban-client", "ping").returncode == 0, 60)


def start_engine(host: Host) -> None:
    """Start the ban engine of a host that has its settings."""
    if not (host.root / BAN_SETTINGS.lstrip("/")).exists():
        raise Problem(f"{host.name}: {BAN_SETTINGS}: apply has not written it")
    host.start("engine", "fabricnet", "ban", "serve", BAN_SETTINGS)
    host.await_daemon("engine", lambda: host.run("fabricnet", "ban", "status").returncode == 0)
