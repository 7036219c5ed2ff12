# SPDX-License-Identifier: LGPL-2.1-or-later
"""What Prometheus is told, judged by its own client's parser."""
import json
import os
import pathlib
import signal
import subprocess
import time
import uuid

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
COMMAND = os.environ.get("FBN_COMMAND", str(TOP / "build/examples/fabricnet/fabricnet"))
PARSE = """
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
print(json.dumps({f.name: [f.type, [[s.name, s.labels, s.value] for s in f.samples]] for f in text_string_to_metric_families(sys.stdin.read())}))
"""


def run(*words, **options):
    return subprocess.run([*map(str, words)], capture_output=True, text=True, timeout=60, **options)


@pytest.fixture
def netns():
    name = f"fbn-metrics-{uuid.uuid4().hex[:8]}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    yield name
    subprocess.run(["ip", "netns", "delete", name], check=True)


@pytest.fixture
def on_host(netns, tmp_path):
    keys = {name: run("wg", "genkey").stdout.strip() for name in "ab"}
    public = {name: run("wg", "pubkey", input=key).stdout.strip() for name, key in keys.items()}
    (tmp_path / "a.key").write_text(keys["a"] + "\n")
    (tmp_path / "a.key").chmod(0o600)
    members = {name: {"address": f"10.7.0.{i}", "public_key": public[name], "endpoint": f"192.0.2.{i}:51820"} for i, name in enumerate("ab", 1)}
    members["a"]["private_key"] = {"file": "a.key"}
    document = {"fabric": 1, "name": "n", "prefixes": {"p": "10.7.0.0/24"}, "hosts": {"a": {}, "b": {}},
                "wireguard": {"t": {"prefix": "p", "members": members}},
                "expect": [{"from": "a", "to": "a/icmp", "is": "delivered"}]}
    path = tmp_path / "fabric.json"
    path.write_text(json.dumps(document))
    subprocess.run(["ip", "-n", netns, "link", "set", "lo", "up"], check=True)
    yield COMMAND, "--netns", netns, "--state", tmp_path / "state", "-f", path, "--host", "a", "--local-only"
    run(COMMAND, "--netns", netns, "wg", "delete", "wg0")


def test_a_stock_parser_reads_what_dashboards_expect(on_host):
    assert run(*on_host, "apply").returncode == 0
    told = run(*on_host, "--metrics", "--probe", "status")
    assert told.stdout.endswith("# EOF\n"), told.stderr
    families = json.loads(run("/usr/bin/python3", "-c", PARSE, input=told.stdout, check=True).stdout)
    (name, labels, value), = families["wireguard_latest_handshake_seconds"][1]
    assert (labels["interface"], labels["allowed_ips"], labels["friendly_name"], value) == ("wg0", "10.7.0.2/32", "b", 0)
    assert families["wireguard_sent_bytes"][0] == "counter" and families["wireguard_sent_bytes"][1][0][0] == "wireguard_sent_bytes_total"
    assert families["fabricnet_differences"][1][0][2] == 0
    assert ["fabricnet_fact_healthy", {"domain": "expect", "object": "a/icmp"}, 1] in families["fabricnet_fact_healthy"][1]
    assert families["fabricnet_probe_seconds"][1][0][1] == {"from": "a", "to": "a/icmp"}


def test_it_looks_again_and_again_until_interrupted(on_host):
    process = subprocess.Popen([*map(str, on_host), "--json", "--interval", "0.1", "status"], stdout=subprocess.PIPE, text=True)
    first, deadline = "", time.monotonic() + 30
    while first.count('"differences"') < 2 and time.monotonic() < deadline:
        first += process.stdout.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode in (0, 1, 2)
    assert first.count('"differences"') >= 2
