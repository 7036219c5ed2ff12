# SPDX-License-Identifier: LGPL-2.1-or-later
"""Cloudflare's API as far as bans use it, with the faults that the real one has now and then. That its shapes are right is judged by
Cloudflare's own client: tests/edge/test_fake_cloudflare.py.

usage: cloudflare.py PORT ZONE TOKEN-FILE RANGE...
"""
import contextlib
import http.server
import ipaddress
import json
import sys
import threading
import time
import urllib.parse
import uuid

PREFIX = "/client/v4"
TARGETS = {("ip", 4): {32}, ("ip6", 6): {128}, ("ip_range", 4): {16, 24}, ("ip_range", 6): {32, 48, 64}}


class Cloudflare:
    def __init__(self, zone, token):
        self.zone = zone
        self.token = token
        self.rules = {}
        self.items = {}
        self.operations = {}
        self.ranges = {"ipv4_cidrs": ["198.51.100.0/24"], "ipv6_cidrs": ["2001:db8:cf::/48"]}
        self.faults = []  # what becomes of the next requests: a status, ("429", seconds), "hang", "lose" (done, but not answered), "page" (HTML)
        self.hangs = False
        self.log = []  # (monotonic time, method, path)
        self.lock = threading.Lock()
        self.freed = threading.Event()
        self.url = None

    def blocked(self):
        return sorted(rule["configuration"]["value"] for rule in self.rules.values())

    def listed(self):
        return sorted(item["ip"] for item in self.items.values())

    def add_rule(self, target, value, notes, mode="block"):
        number = uuid.uuid4().hex
        self.rules[number] = {"id": number, "paused": False, "notes": notes, "mode": mode, "modified_on": "2026-11-01T00:00:00Z",
                              "created_on": "2026-11-01T00:00:00Z", "allowed_modes": ["block", "challenge", "whitelist", "js_challenge"],
                              "scope": {"id": self.zone, "name": "example.net", "type": "zone"},
                              "configuration": {"target": target, "value": value}}
        return self.rules[number]


def failure(status, code, message):
    return status, {"success": False, "errors": [{"code": code, "message": message}], "messages": [], "result": None}


def success(result, **more):
    return 200, {"success": True, "errors": [], "messages": [], "result": result, **more}


def paged(found, query):
    page, per_page = int(query.get("page", ["1"])[0]), min(int(query.get("per_page", ["20"])[0]), 100)
    part = found[(page - 1) * per_page:page * per_page]
    return success(part, result_info={"page": page, "per_page": per_page, "count": len(part), "total_count": len(found),
                                      "total_pages": -(-len(found) // per_page)})


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        server = self.server.cloudflare
        url = urllib.parse.urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        with server.lock:
            server.log.append((time.monotonic(), self.command, self.path))
            fault = server.faults.pop(0) if server.faults else "hang" if server.hangs else None
        if fault == "hang":
            server.freed.wait(60)
            self.close_connection = True
            return
        extra = {}
        if isinstance(fault, tuple):
            extra, fault = {"Retry-After": str(fault[1])}, fault[0]
        if fault == "page":
            self.send(200, b"<html>Just a moment...</html>", "text/html", extra)
            return
        if isinstance(fault, int):
            status, reply = failure(fault, 10000 if fault in (401, 403) else 0, "made to fail")
        else:
            with server.lock:
                status, reply = self.route(server, url.path.removeprefix(PREFIX), urllib.parse.parse_qs(url.query), body)
        if fault == "lose":
            self.close_connection = True
            return
        self.send(status, json.dumps(reply).encode(), "application/json", extra)

    def send(self, status, data, kind, extra):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in extra.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = answer

    def route(self, server, path, query, body):
        words = path.strip("/").split("/")
        if words == ["ips"] and self.command == "GET":
            return success({**server.ranges, "etag": "e"})
        if self.headers.get("Authorization") != f"Bearer {server.token}":
            return failure(403, 10000, "Authentication error")
        try:
            data = json.loads(body) if body else None
        except ValueError:
            return failure(400, 10014, "malformed body")
        if words[:2] == ["zones", server.zone] and words[2:5] == ["firewall", "access_rules", "rules"]:
            return self.rules(server, words[5:], query, data)
        if words[:1] == ["accounts"] and words[2:4] == ["rules", "lists"]:
            return self.lists(server, words[4:], query, data)
        return failure(404, 7003, "Could not route to " + path)

    def rules(self, server, rest, query, data):
        if self.command == "POST" and not rest:
            return self.rule_made(server, data)
        if self.command == "DELETE" and len(rest) == 1:
            return success({"id": rest[0]}) if server.rules.pop(rest[0], None) else failure(404, 10001, "firewallaccessrules.api.not_found")
        if self.command == "GET" and not rest:
            def fits(rule):
                want = {name: values[0] for name, values in query.items()}
                return (want.get("configuration.target") in (None, rule["configuration"]["target"]) and
                        want.get("configuration.value") in (None, rule["configuration"]["value"]) and
                        want.get("notes", "").lower() in rule["notes"].lower() and want.get("mode") in (None, rule["mode"]))
            return paged([rule for rule in server.rules.values() if fits(rule)], query)
        return failure(405, 10405, "Method not allowed")

    def rule_made(self, server, data):
        configuration = (data or {}).get("configuration", {})
        try:
            network = ipaddress.ip_network(configuration["value"])
            good = network.prefixlen in TARGETS[configuration["target"], network.version] and data["mode"] in ("block", "challenge", "whitelist")
        except (KeyError, ValueError):
            good = False
        if not good:
            return failure(400, 10002, "firewallaccessrules.api.invalid_configuration")
        if any(rule["configuration"] == configuration for rule in server.rules.values()):
            return failure(400, 10009, "firewallaccessrules.api.duplicate_of_existing")
        return success(server.add_rule(configuration["target"], configuration["value"], data.get("notes", ""), data["mode"]))

    def lists(self, server, rest, query, data):
        if rest[:1] == ["bulk_operations"] and self.command == "GET":
            polls = server.operations.get(rest[1])
            if polls is None:
                return failure(404, 10001, "no such operation")
            server.operations[rest[1]] -= polls > 0
            return success({"id": rest[1], "status": "completed" if polls == 0 else "running"})
        if len(rest) != 2 or rest[1] != "items":
            return failure(404, 10001, "no such list")
        if self.command == "GET":
            return self.items(server, query)
        operation = uuid.uuid4().hex
        if self.command == "POST":
            for item in data:
                network = ipaddress.ip_network(item["ip"])
                low, high = (8, 32) if network.version == 4 else (4, 64)
                if not low <= network.prefixlen <= high:
                    return failure(400, 10027, "invalid item")
            for item in data:
                if item["ip"] not in {one["ip"] for one in server.items.values()}:
                    number = uuid.uuid4().hex
                    server.items[number] = {"id": number, "ip": item["ip"], "comment": item.get("comment", ""), "created_on": "2026-11-01T00:00:00Z",
                                            "modified_on": "2026-11-01T00:00:00Z"}
        else:
            for item in data["items"]:
                server.items.pop(item["id"], None)
        server.operations[operation] = 1
        return success({"operation_id": operation})

    def items(self, server, query):
        found, start, count = list(server.items.values()), int(query.get("cursor", ["0"])[0]), min(int(query.get("per_page", ["25"])[0]), 500)
        after = str(start + count) if start + count < len(found) else None
        about = {"cursors": {"after": after}, "cursor": after} if after else {}  # what is documented, and what their client reads
        return success(found[start:start + count], result_info=about)

    def log_message(self, *words):
        pass


@contextlib.contextmanager
def serve(zone, token, address=("127.0.0.1", 0)):
    server = http.server.ThreadingHTTPServer(address, Handler)
    server.daemon_threads = True
    server.cloudflare = cloudflare = Cloudflare(zone, token)
    cloudflare.url = f"http://127.0.0.1:{server.server_address[1]}{PREFIX}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield cloudflare
    finally:
        cloudflare.freed.set()
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    with open(sys.argv[3]) as file, serve(sys.argv[2], file.read().strip(), ("127.0.0.1", int(sys.argv[1]))) as cloudflare:
        cloudflare.ranges["ipv4_cidrs"] = sys.argv[4:]
        print("listening", flush=True)
        threading.Event().wait()
