# SPDX-License-Identifier: LGPL-2.1-or-later
"""Headscale and tailscaled that are not there, or that are scripted; the real ones are the C tests' and the demo's."""

import http.server
import ipaddress
import json
import os
import signal
import socket
import threading
import time

import pytest

import fabricnet

USER = {"id": "7", "name": "home", "displayName": "", "email": "", "createdAt": "2026-01-02T03:04:05Z"}
NODE = {
    "id": "3",
    "name": "nas",
    "givenName": "nas",
    "user": USER,
    "ipAddresses": ["100.64.0.2", "fd7a:115c:a1e0::2"],
    "availableRoutes": ["192.168.8.0/24"],
    "approvedRoutes": [],
    "subnetRoutes": [],
    "online": True,
}


KEY = {"id": "5", "key": "hskey-auth-abcdefghijkl-***", "user": USER, "reusable": True, "expiration": "2036-01-02T03:04:05Z", "aclTags": ["tag:a"]}
API_KEY = {"id": "9", "prefix": "hskey-api-abcdefghijkl-***", "expiration": "2036-01-02T03:04:05Z"}


class Api(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.server.seen.append((self.command, self.path, self.rfile.read(length), self.headers.get("Authorization")))
        path = self.path.split("?")[0]
        replies = {
            "/health": {"status": "pass"},
            "/version": {"version": "v0.28.0"},
            "/api/v1/user": {"users": [USER]},
            "/api/v1/node": {"nodes": [NODE]},
            "/api/v1/node/3/approve_routes": {"node": NODE},
            "/api/v1/preauthkey": {"preAuthKey": {"key": "swordfish"}, "preAuthKeys": [KEY]},
            "/api/v1/preauthkey/expire": {},
            "/api/v1/apikey": {"apiKeys": [API_KEY]},
            "/api/v1/apikey/abcdefghijkl": {},
            "/api/v1/user/7/rename/house": {},
            "/api/v1/node/3/rename/box": {},
            "/api/v1/node/3/expire": {},
            "/api/v1/node/3/tags": {},
            "/api/v1/node/backfillips": {"changes": ["a", "b"]},
            "/api/v1/policy": {"policy": "{}"},
        }
        status = 200 if path in replies else 404
        if path.startswith("/api") and self.headers.get("Authorization") != "Bearer right":
            status = 401
        body = json.dumps(replies.get(path, {}) if status == 200 else {"code": 5, "message": "words of the server"}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = answer


@pytest.fixture
def api():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
    server.daemon_threads = True
    server.seen = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def here():
    with fabricnet.Context() as context:
        yield context


def client(here, api, key="right"):
    return here.headscale(f"http://127.0.0.1:{api.server_port}", here.secret(key.encode()), timeout=5)


def test_headscale_records(here, api):
    with client(here, api) as headscale:
        headscale.health()
        assert headscale.version() == "0.28.0"
        (user,) = headscale.users()
        assert (user.id, user.name) == (7, "home") and user.created > 0
        (node,) = headscale.nodes()
        assert node.addresses[0] == ipaddress.ip_address("100.64.0.2") and node.online
        assert node.available_routes == (ipaddress.ip_network("192.168.8.0/24"),)
        headscale.approve(node.id, ["192.168.8.0/24", ipaddress.ip_network("192.168.20.0/24")])
        sent = json.loads(api.seen[-1][2])
        assert sorted(sent["routes"]) == ["192.168.20.0/24", "192.168.8.0/24"]
        key = headscale.mint_key(user.id, valid_for=60, tags=["tag:router"])
        assert bytes(key) == b"swordfish" and "swordfish" not in repr(key)
        assert json.loads(api.seen[-1][2])["aclTags"] == ["tag:router"]
        assert headscale.policy() == "{}"
    with pytest.raises(ValueError, match="closed"):
        headscale.nodes()


def test_headscale_changes(here, api):
    with client(here, api) as headscale:
        assert headscale.can("set-expiry") and not headscale.can("check-policy")
        with pytest.raises(ValueError, match="fly"):
            headscale.can("fly")
        (key,) = headscale.keys()
        assert (key.kind, key.id, key.prefix, key.tags) == ("pre-auth", 5, "hskey-auth-abcdefghijkl", ("tag:a",))
        headscale.expire_key(5)
        assert json.loads(api.seen[-1][2]) == {"id": "5"}
        headscale.delete_key(5)
        assert api.seen[-1][:2] == ("DELETE", "/api/v1/preauthkey?id=5")
        assert [key.prefix for key in headscale.keys("api")] == ["hskey-api-abcdefghijkl"]
        headscale.delete_key(9, "api")
        assert api.seen[-1][:2] == ("DELETE", "/api/v1/apikey/abcdefghijkl")
        headscale.rename_user(7, "house")
        assert [node.name for node in headscale.each_node()] == ["nas"]
        assert headscale.backfill() == 2
        changes = headscale.change_node(3, given_name="box", tags=["tag:a"], dry_run=True)
        assert [(change.object, change.field) for change in changes] == [("node nas", "tags"), ("node nas", "name")]
        asked = len(api.seen)
        (change,) = headscale.change_node(3, given_name="box")
        assert (change.before, change.after) == ("nas", "box") and len(api.seen) == asked + 2
        with pytest.raises(fabricnet.UnsupportedError):
            headscale.check_policy("{}")
        with pytest.raises(fabricnet.UnsupportedError):
            headscale.judge_login("x", True)


def test_a_server_is_made_as_wanted(here, api):
    with client(here, api) as headscale:
        nodes = [{"given_name": "nas", "approved_routes": ["192.168.8.0/24"]}, {"given_name": "later"}]
        changes = headscale.apply(users=["home", {"name": "family"}], nodes=nodes, policy="{}", dry_run=True)
        assert [change.object for change in changes] == ["user family", "node nas"]
        assert headscale.apply(users=["home"], policy="{}") == []
        with pytest.raises(fabricnet.ConflictError, match="100.64.0.9"):
            headscale.apply(nodes=[{"given_name": "nas", "addresses": ["100.64.0.9"]}])


def test_files_and_keys_of_a_server_are_kept(here, api, tmp_path):
    config = {
        "server_url": "https://headscale.example.org",
        "base_domain": "mesh.example.net",
        "split": {"*.local.example": ["100.64.0.7"]},
        "records": {"nas.example": ["192.168.8.10", ipaddress.ip_address("fd00::1")]},
        "more": {"tls_cert_path": "/c"},
    }
    text = fabricnet.headscale.Headscale.render_config(here, **config)
    rendered = json.loads(text.split("\n", 1)[1])
    assert rendered["dns"]["nameservers"]["split"] == {"local.example": ["100.64.0.7"]} and rendered["tls_cert_path"] == "/c"
    assert [record["value"] for record in rendered["dns"]["extra_records"]] == ["192.168.8.10", "fd00::1"]
    with pytest.raises(fabricnet.InvalidError, match="no place for a port"):
        fabricnet.headscale.Headscale.render_config(here, **config | {"resolvers": ["1.1.1.1:53"]})
    records = tmp_path / "records.json"
    with client(here, api) as headscale:
        made = headscale.apply(config=config | {"records_path": records}, config_path=tmp_path / "config.yaml")
        assert [change.object for change in made] == [str(records), "extra record nas.example", "extra record nas.example", str(tmp_path / "config.yaml")]
        assert len(json.loads(records.read_text())) == 2
        assert headscale.apply(config=config | {"records_path": records}, config_path=tmp_path / "config.yaml") == []
        (change,) = headscale.apply(config=config | {"records_path": records, "records": {"nas.example": ["192.168.8.10"]}})
        assert (change.kind, change.before) == ("delete", "fd00::1")
        key = {"file": tmp_path / "ci.key", "user": "home", "reusable": True, "valid_for": 86400}
        (change,) = headscale.apply(keys=[key])
        assert change.object == f"pre-auth key {tmp_path}/ci.key" and (tmp_path / "ci.key").read_text() == "swordfish"
        assert headscale.set_policy("// new") == "{}"


def test_the_key_that_is_minted_has_to_work(here, api):
    with client(here, api) as headscale:
        with pytest.raises(fabricnet.Error, match="no key"):
            headscale.rotate_key()  # this server does not mint one
        assert headscale.users()


def test_a_wrong_key_is_denied_and_not_shown(here, api):
    with pytest.raises(fabricnet.DeniedError) as raised:
        client(here, api, "wr0ngkey").users()
    assert "wr0ngkey" not in str(raised.value)


def test_what_is_not_there_is_unavailable(here):
    with pytest.raises(fabricnet.UnavailableError):
        here.headscale("http://127.0.0.1:9").health()
    with pytest.raises(fabricnet.InvalidError):
        here.headscale("http://192.0.2.1")
    with pytest.raises(fabricnet.UnavailableError, match="/run/none"):
        here.tailscale.status(socket="/run/none")
    with pytest.raises(TypeError, match="TailscalePrefs has no member 'accept'"):
        here.tailscale.apply(accept=True)


def test_ctrl_c_ends_an_enrolment(here, tmp_path):
    """A daemon that takes the call and never answers."""
    path = tmp_path / "tailscaled.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as silent:
        silent.bind(str(path))
        silent.listen()
        timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        start = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            here.tailscale.enrol(login_server="http://127.0.0.1:9", auth_key=here.secret(b"k"), socket=path, timeout=60)
        assert time.monotonic() - start < 10
        timer.join()
    assert here.link.list()


def test_preferences_not_given_are_not_meant(here):
    handle = fabricnet._fabricnet
    with pytest.raises(TypeError, match="TailscalePrefs.accept_routes: expected bool"):
        handle.fbn_tailscale_apply(here.handle, None, {"accept_routes": "yes"})
