# SPDX-License-Identifier: LGPL-2.1-or-later
"""Calls of Headscale's API, against a server that answers at once, over plain HTTP: what remains is the client's own cost."""
import json
import subprocess
import sys
import time

from harness import Goal

PORT = 8080
CALLS = 2000
NODES = 10_000

IN_PYTHON = f"""
import json, urllib.request
request = urllib.request.Request("http://127.0.0.1:{PORT}/api/v1/node", headers={{"Authorization": "Bearer key"}})
assert len(json.load(urllib.request.urlopen(request))["nodes"]) == {NODES}
"""


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


def run(bench):
    users = bench.write("users", json.dumps({"users": [user(i, f"user-{i}") for i in range(3)]}))
    nodes = bench.write("nodes", json.dumps({"nodes": [node(i) for i in range(NODES)]}))
    server = subprocess.Popen([bench.program("headscale_server"), str(PORT), users, nodes])
    time.sleep(0.5)
    url = f"http://127.0.0.1:{PORT}/api/v1/"
    ours, limit = [bench.program("headscale"), PORT], bench.program("headscale_limit")
    bench.compare("small-calls", [*ours, "users", CALLS], {"limit": [limit, url + "user", CALLS]}, {"limit": Goal(1.3)}, rounds=7, cpu=True)
    bench.compare("list-10k", [*ours, "nodes", 1], {"python urllib": [sys.executable, "-c", IN_PYTHON]},
                  {"python urllib": Goal(0.5)}, rounds=7)
    bench.note("the real server is not asked: headscale cli is left out")
    server.kill()
    server.wait()
