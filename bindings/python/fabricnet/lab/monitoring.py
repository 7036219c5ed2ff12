# SPDX-License-Identifier: LGPL-2.1-or-later
"""The exporter of the host that collects, as its unit would run it."""

from collections.abc import Mapping

from .command import FILE
from .host import Host
from .topology import Topology

EXPORTER = "127.0.0.1:9586"


def start(topology: Topology, hosts: Mapping[str, Host], layer1: bool) -> None:
    """Start the exporter where the file's metrics are collected, and wait until it answers."""
    at = topology.document.get("monitoring", {}).get("at")
    if at:
        start_exporter(hosts[at], layer1)


def start_exporter(host: Host, layer1: bool) -> None:
    """Start the exporter of one host, with the capabilities that its unit has."""
    words = ["fabricnet", "metrics", "serve", "-f", FILE, "--host", host.name, *(["--local-only"] if layer1 else [])]
    host.start("metrics", "setpriv", "--no-new-privs", "--bounding-set=-all,+net_admin,+net_raw", *words)
    host.await_daemon("metrics", lambda: host.run("curl", "-s", f"http://{EXPORTER}/").returncode == 0)
