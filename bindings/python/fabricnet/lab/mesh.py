# SPDX-License-Identifier: LGPL-2.1-or-later
"""Headscale and tailscaled as real hosts run them, with an embedded DERP and nothing of the Internet."""

import json
from collections.abc import Mapping
from typing import Any

from .. import fabric
from ..errors import Error as FabricnetError
from .authority import BUNDLE, Authority
from .host import Host
from .problem import Problem
from .topology import Topology
from .web import headscale_behind_nginx

_STATE = "/var/lib/headscale"
_TAILSCALED = (
    "tailscaled",
    "--tun=tailscale0",
    "--statedir=/var/lib/tailscale",
    "--socket=/var/run/tailscale/tailscaled.sock",
    "--port=41641",
    "--no-logs-no-support",
)
_TAILSCALED_ENVIRONMENT = {
    "SSL_CERT_FILE": BUNDLE,
    "TS_NO_LOGS_NO_SUPPORT": "true",
    "TS_DEBUG_FIREWALL_MODE": "nftables",
    "TS_DISABLE_PORTMAPPER": "1",
    "TS_PANIC_IF_HIT_MAIN_CONTROL": "1",
    "TS_ASSUME_NETWORK_UP_FOR_TEST": "1",
}


def headscale_configuration(topology: Topology) -> dict[str, Any]:
    """What /etc/headscale/config.yaml says; JSON is YAML."""
    mesh = topology.mesh
    name, port = topology.headscale_url
    address = str(topology.public_of(topology.headscale_host or ""))
    behind = headscale_behind_nginx(topology)
    derp = {
        "enabled": True,
        "region_id": 999,
        "region_code": "lab",
        "region_name": "lab",
        "verify_clients": False,
        "stun_listen_addr": "0.0.0.0:3478",
        "private_key_path": f"{_STATE}/derp.key",
        "automatically_add_embedded_derp_region": True,
        "ipv4": address,
    }
    configuration: dict[str, Any] = {
        "server_url": mesh["headscale"]["url"],
        "listen_addr": "127.0.0.1:8080" if behind else f"0.0.0.0:{port}",
        "metrics_listen_addr": "",
        "grpc_listen_addr": "127.0.0.1:50443",
        "unix_socket": "/var/run/headscale/headscale.sock",
        "unix_socket_permission": "0700",
        "noise": {"private_key_path": f"{_STATE}/noise.key"},
        "prefixes": {"v4": str(topology.prefixes[mesh["prefix"]]), "allocation": "sequential"},
        "derp": {"server": derp, "urls": [], "paths": [], "auto_update_enabled": False},
        "disable_check_updates": True,
        "database": {"type": "sqlite", "sqlite": {"path": f"{_STATE}/db.sqlite", "write_ahead_log": True}},
        "log": {"level": "info", "format": "text"},
        "policy": {"mode": "database"},
        "dns": _dns(topology),
        "logtail": {"enabled": False},
    }
    if not behind:
        configuration |= {"tls_cert_path": "/etc/headscale/tls.pem", "tls_key_path": "/etc/headscale/tls.key"}
    return configuration


def _dns(topology: Topology) -> dict[str, Any]:
    try:
        section: dict[str, Any] = json.loads(fabric.parse(json.dumps(topology.document)).headscale_dns())
    except FabricnetError as error:
        raise Problem(str(error), 3) from None
    return section


def start_headscale(topology: Topology, hosts: Mapping[str, Host], authority: Authority) -> None:
    """Start Headscale on its host and wait until it says that it is well."""
    host = hosts[topology.headscale_host or ""]
    certificate, key = authority.issue([topology.headscale_url[0]])
    host.write("/etc/headscale/tls.pem", certificate)
    host.write("/etc/headscale/tls.key", key, 0o600)
    host.write("/etc/headscale/config.yaml", json.dumps(headscale_configuration(topology), indent=2) + "\n", 0o600)
    host.check("mkdir", "-p", "-m", "700", _STATE, "/run/headscale")
    restart_headscale(topology, hosts)


def restart_headscale(topology: Topology, hosts: Mapping[str, Host]) -> None:
    """Start the Headscale of a host that has its configuration, and wait until it is well."""
    host = hosts[topology.headscale_host or ""]
    host.start("headscale", "headscale", "serve")
    host.await_daemon("headscale", lambda: '"pass"' in host.run("curl", "-s", topology.mesh["headscale"]["url"] + "/health").stdout)


def make_api_key(host: Host) -> str:
    """A key for Headscale's API, made by its own command."""
    return host.check("headscale", "apikeys", "create", "--expiration", "1d").strip().splitlines()[-1]


def start_tailscaled(host: Host) -> None:
    """Start tailscaled on a host; it waits there for its enrolment."""
    host.check("mkdir", "-p", "-m", "700", "/var/lib/tailscale", "/run/tailscale")
    host.start("tailscaled", *_TAILSCALED, env=_TAILSCALED_ENVIRONMENT)


def await_tailscaled(host: Host) -> None:
    """Wait until tailscaled answers on its socket."""
    host.await_daemon("tailscaled", lambda: "BackendState" in host.run("tailscale", "status", "--json").stdout)
