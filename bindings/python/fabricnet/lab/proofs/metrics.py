# SPDX-License-Identifier: LGPL-2.1-or-later
"""F16: a real Prometheus, by the rendered file, where the metrics are collected."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from ..command import FILE
from ..monitoring import EXPORTER
from ..tools import find
from .prover import Absent, Prover
from .tunnel import device

_SERVER = "127.0.0.1:9090"


def prove_metrics(p: Prover) -> str:
    """Prometheus scrapes by the rendered file; what it knows of each host's tunnels and mesh is what wg and tailscale say there."""
    monitoring = p.topology.document.get("monitoring", {})
    hosts = list(monitoring.get("hosts", {}))
    if not hosts:
        raise Absent("nobody is asked for metrics")
    if not find("prometheus"):
        p.fail("prometheus: not found on PATH; install the Debian package prometheus (tests/install installs all of them)")
    at = monitoring["at"]
    with _prometheus(p, at, monitoring.get("interval", "60s")):
        for host in hosts:
            _await_up(p, at, host)
            _prove_tunnels(p, at, host)
            if not p.lab.layer1 and host in p.topology.nodes:
                _prove_mesh(p, at, host)
    return f"{at}'s Prometheus knows tunnels{'' if p.lab.layer1 else ' and mesh'} of {', '.join(hosts)} as they are there"


@contextmanager
def _prometheus(p: Prover, at: str, interval: str) -> Iterator[None]:
    p.output(at, "mkdir -p /etc/prometheus")
    p.output(at, "rm -rf /var/lib/prometheus")  # what an earlier one saw would count for five minutes
    for format, file in (("prometheus", "prometheus.yml"), ("alerts", "fabricnet-alerts.yml")):
        p.note(at, f"fabricnet render {format} -f {FILE} -o /etc/prometheus/{file}")
        p.lab.commands.check(at, "render", format, "-o", f"/etc/prometheus/{file}")
    # The same file with a faster clock: nobody wants to wait.
    p.output(at, f"sed -i 's/_interval: {interval}/_interval: 1s/; s/_timeout: .*/_timeout: 1s/' /etc/prometheus/prometheus.yml")
    p.note(at, "prometheus --config.file=/etc/prometheus/prometheus.yml")
    p.host(at).start(
        "prometheus",
        "prometheus",
        "--config.file=/etc/prometheus/prometheus.yml",
        "--storage.tsdb.path=/var/lib/prometheus",
        f"--web.listen-address={_SERVER}",
    )
    try:
        yield
    finally:
        p.host(at).stop("prometheus", signal.SIGKILL)


def _await_up(p: Prover, at: str, host: str) -> None:
    def is_up(answer: str) -> bool:
        return any(result["value"][1] == "1" for result in _results(answer))

    try:
        p.eventually(at, _query(f'up{{host="{host}"}}'), is_up, f"Prometheus does not see {host}", 20)
    finally:
        why = p.host(at).run("curl", "-s", f"http://{EXPORTER}/metrics?host={host}").stdout
        if not why.startswith("#"):
            p.fail(f"{at}: metrics of {host}: {why.strip() or 'the exporter does not answer'}")


def _prove_tunnels(p: Prover, at: str, host: str) -> None:
    for tunnel, member_host, _ in p.topology.members():
        if member_host != host:
            continue
        link = device(p, tunnel, host)
        now = {line.split("\t")[0]: line.split("\t")[1:] for line in p.output(host, f"wg show {link} latest-handshakes").splitlines()}
        known = {result["metric"]["public_key"]: result for result in _ask(p, at, f'wireguard_latest_handshake_seconds{{host="{host}"}}')}
        for key, (seconds,) in now.items():
            value = float(known[key]["value"][1]) if key in known else -1
            p.expect(0 < value <= int(seconds), f"Prometheus has {value:.0f} as {host}'s last handshake with {key}, wg has {seconds}")
        sent = {line.split("\t")[0]: int(line.split("\t")[2]) for line in p.output(host, f"wg show {link} transfer").splitlines()}
        for result in _ask(p, at, f'wireguard_sent_bytes_total{{host="{host}"}}'):
            value, key = float(result["value"][1]), result["metric"]["public_key"]
            p.expect(0 < value <= sent.get(key, 0), f"Prometheus has {value:.0f} bytes sent by {host} to {key}, wg has {sent.get(key)}")


def _prove_mesh(p: Prover, at: str, host: str) -> None:
    running = [result["value"][1] for result in _ask(p, at, f'fabricnet_tailscale_running{{host="{host}"}}')]
    p.expect(running == ["1"], f"Prometheus does not know that {host}'s tailscaled runs: {running}")
    peers = p.json(host, "tailscale status --json")["Peer"].values()
    wanted = {peer["TailscaleIPs"][0] for peer in peers}
    known = {result["metric"]["address"] for result in _ask(p, at, f'fabricnet_tailscale_received_bytes_total{{host="{host}"}}')}
    p.expect(known == wanted, f"Prometheus knows {host}'s peers {sorted(known)}, tailscale has {sorted(wanted)}")


def _query(expression: str) -> str:
    return f"curl -s http://{_SERVER}/api/v1/query?query={quote(expression)}"


def _ask(p: Prover, at: str, expression: str) -> list[dict[str, Any]]:
    return _results(p.output(at, _query(expression)))


def _results(answer: str) -> list[dict[str, Any]]:
    return list(json.loads(answer)["data"]["result"]) if answer.startswith("{") else []
