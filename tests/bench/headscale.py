# SPDX-License-Identifier: LGPL-2.1-or-later
"""Calls of Headscale's API: first to a server that answers at once, so that what remains is the client's own cost; then the list of a real
headscale with ten thousand nodes, which needs most of the time itself. Plain HTTP: TLS would be the same for all."""
import json
import os
import pathlib
import sqlite3
import subprocess
import sys
import time
import urllib.request

from harness import CACHE, Goal

PORT, REAL_PORT = 8080, 8081
# Of this version because newer ones compare every pair of nodes when they start, which takes minutes for ten thousand.
PROGRAM = CACHE / "bin/headscale-0.26.1"
CALLS = 2000
NODES = 10_000

WITH_REQUESTS = f"""
import sys, requests
session = requests.Session()
session.headers["Authorization"] = "Bearer " + open(sys.argv[1]).read().strip()
assert len(session.get(f"http://127.0.0.1:{{sys.argv[2]}}/api/v1/node").json()["nodes"]) == {NODES}
"""

CONFIG = """
server_url: http://127.0.0.1:{port}
listen_addr: 127.0.0.1:{port}
metrics_listen_addr: ""
grpc_listen_addr: 127.0.0.1:50443
unix_socket: {folder}/sock
noise: {{private_key_path: {folder}/noise.key}}
prefixes: {{v4: 100.64.0.0/10, v6: fd7a:115c:a1e0::/48, allocation: sequential}}
derp:
  server: {{enabled: true, region_id: 999, region_code: t, region_name: t, stun_listen_addr: "127.0.0.1:3478", private_key_path: {folder}/derp.key,
           automatically_add_embedded_derp_region: true, ipv4: 127.0.0.1}}
  urls: []
  paths: []
  auto_update_enabled: false
disable_check_updates: true
database: {{type: sqlite, sqlite: {{path: {folder}/db.sqlite, write_ahead_log: true}}}}
log: {{level: error, format: text}}
policy: {{mode: database}}
dns: {{magic_dns: false, base_domain: mesh.example, override_local_dns: false, nameservers: {{global: []}}}}
logtail: {{enabled: false}}
"""


class Real:
    """A headscale of the bench's own, with NODES nodes: one that is registered, and copies of its row."""

    def __init__(self, bench):
        self.program = PROGRAM
        self.folder = bench.directory
        self.config = bench.write("config.yaml", CONFIG.format(port=REAL_PORT, folder=self.folder))
        self.process = None
        self.start()
        words = [self.program, "-c", self.config, "apikeys", "create"]
        key = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout.split()[-1]
        self.key = bench.write("api.key", key)
        self.post("user", {"name": "home"})
        self.post("debug/node", {"user": "home", "key": "a" * 24, "name": "host", "routes": ["10.0.0.0/24"]})
        self.post("node/register?user=home&key=" + "a" * 24, {})
        self.stop()
        self.multiply()
        self.start()

    def start(self):
        self.process = subprocess.Popen([self.program, "-c", self.config, "serve"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{REAL_PORT}/health", timeout=5)
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit("headscale does not start")

    def stop(self):
        self.process.kill()
        self.process.wait()

    def post(self, path, body):
        headers = {"Authorization": "Bearer " + pathlib.Path(self.key).read_text(), "Content-Type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{REAL_PORT}/api/v1/{path}", json.dumps(body).encode(), headers)
        urllib.request.urlopen(request, timeout=30).read()

    def multiply(self):
        database = sqlite3.connect(self.folder / "db.sqlite")
        columns = [row[1] for row in database.execute("pragma table_info(nodes)")]
        row = dict(zip(columns, database.execute("select * from nodes").fetchone()))
        rows = []
        for i in range(2, NODES + 1):
            routes = json.dumps([f"10.{i >> 8}.{i & 255}.0/24"] if i % 10 == 0 else [])
            made = row | {"id": i, "machine_key": f"mkey:{i:064x}", "node_key": f"nodekey:{i:064x}", "hostname": f"host-{i}", "given_name": f"host-{i}",
                          "ipv4": f"100.{64 + (i >> 16)}.{i >> 8 & 255}.{i & 255}", "ipv6": f"fd7a:115c:a1e0::{i:x}", "approved_routes": routes}
            rows.append([made[column] for column in columns])
        database.executemany(f"insert into nodes values ({','.join('?' * len(columns))})", rows)
        database.commit()
        database.close()


def user(i, name):
    return {"id": str(i), "name": name, "createdAt": "2026-01-01T00:00:00.123456789Z", "displayName": "", "email": "", "providerId": "", "provider": "",
            "profilePicUrl": ""}


def node(i):
    """As 0.28 describes one."""
    routes = [f"10.{i >> 8}.{i & 255}.0/24"] if i % 10 == 0 else []
    return {"id": str(i + 1), "machineKey": f"mkey:{i:064x}", "nodeKey": f"nodekey:{i:064x}", "discoKey": f"discokey:{i:064x}",
            "ipAddresses": [f"100.{64 + (i >> 16)}.{i >> 8 & 255}.{i & 255}", f"fd7a:115c:a1e0::{i:x}"], "name": f"host-{i}", "user": user(1, "home"),
            "lastSeen": "2026-11-22T12:00:00.123456789Z", "expiry": None, "preAuthKey": None, "createdAt": "2026-01-01T00:00:00.123456789Z",
            "registerMethod": "REGISTER_METHOD_AUTH_KEY", "givenName": f"host-{i}", "online": i % 3 > 0, "approvedRoutes": routes,
            "availableRoutes": routes, "subnetRoutes": routes, "tags": ["tag:router"] if routes else []}


def own_cost(bench):
    users = bench.write("users", json.dumps({"users": [user(i, f"user-{i}") for i in range(3)]}))
    nodes = bench.write("nodes", json.dumps({"nodes": [node(i) for i in range(NODES)]}))
    server = subprocess.Popen([bench.program("headscale_server"), str(PORT), users, nodes])
    time.sleep(0.5)
    key = bench.write("key", "key")
    limit = [bench.program("headscale_limit"), f"http://127.0.0.1:{PORT}/api/v1/user", CALLS]
    bench.compare("small-calls", [bench.program("headscale"), PORT, "users", CALLS], {"limit": limit}, {"limit": Goal(1.1)}, rounds=9, cpu=True)
    peers = {"python requests": [sys.executable, "-c", WITH_REQUESTS, key, PORT],
             "limit": [bench.program("headscale_limit"), f"http://127.0.0.1:{PORT}/api/v1/node", 1]}
    bench.compare("read-10k", [bench.program("headscale"), PORT, "nodes", 1], peers, {"python requests": Goal(0.5, rss_ratio=1 / 3)}, rounds=9, cpu=True)
    server.kill()
    server.wait()


def long_list(bench):
    if not PROGRAM.exists():
        bench.note("no headscale 0.26.1: run tests/go/build --all; list-10k is left out")
        return
    os.environ["HOME"] = str(bench.directory)  # headscale looks for a configuration there, too
    real = Real(bench)
    ours = bench.program("headscale")
    cli = ["sh", "-c", 'exec "$0" -c "$1" nodes list -o json >/dev/null', real.program, real.config]
    requests = [sys.executable, "-c", WITH_REQUESTS, real.key, REAL_PORT]
    limit = [bench.program("headscale_limit"), f"http://127.0.0.1:{REAL_PORT}/api/v1/node", 1, real.key]
    goal = Goal(0.5, rss_ratio=1 / 3)
    bench.compare("list-10k", [ours, REAL_PORT, "nodes", 1, real.key], {"headscale cli": cli, "python requests": requests, "limit": limit},
                  {"headscale cli": goal, "python requests": goal}, rounds=9)
    bench.compare("noop-apply-10k", [ours, REAL_PORT, "apply", 1, real.key], {"two lists": [ours, REAL_PORT, "nodes", 2, real.key]},
                  {"two lists": Goal(1.25)}, rounds=9)
    real.stop()


def run(bench):
    own_cost(bench)
    long_list(bench)
