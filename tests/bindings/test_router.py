# SPDX-License-Identifier: LGPL-2.1-or-later
"""Routers from Python and Lua; over real ssh they are tested in edge/test_router.py and in the lab."""

import json
import subprocess

import pytest

import fabricnet

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBvFh3dBGqBlRwJMLZsxH1vkUQvqvV2cQbIKGMMCEfUF"
RULE = {"kind": "rule", "name": "lan in", "content": json.dumps({"type": "pass", "interface": "@lan0"})}


@pytest.fixture
def key(tmp_path):
    path = tmp_path / "key"
    path.touch(mode=0o600)
    path.write_text("no key\n")
    return path


@pytest.fixture
def declared(tmp_path, key):
    """A router with a tunnel, a network behind its peer, a zone and a mesh, seen from that peer."""
    private = fabricnet.key.generate()
    (tmp_path / "router.key").touch(mode=0o600)
    (tmp_path / "router.key").write_text(bytes(fabricnet.key.encode(private)).decode())

    def make(**members):
        path = tmp_path / "fabric.json"
        path.write_text(json.dumps({
            "fabric": 1, "name": "home",
            "prefixes": {"lan": {"prefix": "192.0.2.0/24", "at": "router"}, "far": {"prefix": "198.51.100.0/24", "at": "hub"}, "wg": "10.9.0.0/24",
                         "mesh": "100.64.0.0/10"},
            "hosts": {"router": {"manager": "ssh", "interfaces": {"lan0": {"address": "192.0.2.1"}, "wan0": {"wan": True}}, "forwarding": True,
                                 "ssh": {"private_key": {"file": "key"}, "host_key": HOST_KEY, **members.pop("ssh", {})}},
                      "hub": {"interfaces": {"eth0": {"wan": True}, "lan0": {"address": "198.51.100.1"}}, "forwarding": True},
                      "nas": {"interfaces": {"eth0": {"address": "192.0.2.9"}}}},
            "wireguard": {"s2s": {"prefix": "wg", "mtu": 1280, "members": {
                "router": {"address": "10.9.0.1", "interface": "tun_wg0", "announces": ["lan"], "keepalive": "25s",
                           "public_key": str(fabricnet.key.public(private)), "private_key": {"file": "router.key"}},
                "hub": {"address": "10.9.0.2", "endpoint": "hub.example.net:51820", "announces": ["far"],
                        "public_key": str(fabricnet.key.public(fabricnet.key.generate()))}}}},
            "mesh": {"headscale": {"host": "hub", "url": "https://hub.example.net"}, "prefix": "mesh", "users": ["home"],
                     "nodes": {"router": {"advertises": ["lan"]}}, "dns": {"split": {"home.example": "router"}}},
            "dns": {"home.example": {"at": "router", "records": {"nas": "nas"}}, "far.example": {"at": "hub", "records": {}}},
            "nat": {"router": [{"masquerade": ["lan"], "out": {"tunnel": "s2s"}}, {"drop": ["lan"], "to": ["far"]}]},
            **members}))
        return path

    return make


def test_objects_by_hand(key):
    access = {"host": "192.0.2.1", "private_key": str(key), "host_key": HOST_KEY}
    with fabricnet.Context() as c:
        router = c.router("home", [RULE, fabricnet.RouterObject(kind="outbound", name="page", content='{"mode": "hybrid"}')], access=access)
        assert [(one.kind, one.name) for one in router.objects] == [("rule", "lan in"), ("outbound", "page")]
        assert "<descr><![CDATA[fabricnet:home lan in]]></descr>" in router.render()
        with pytest.raises(fabricnet.InvalidError, match="kind 'ruel'"):
            c.router("home", [{**RULE, "kind": "ruel"}])
        with pytest.raises(fabricnet.InvalidError, match="host '-oProxyCommand=id'"):
            c.router("home", access={**access, "host": "-oProxyCommand=id"})
        with pytest.raises(fabricnet.InvalidError, match="it is not said how the router is reached"):
            c.router("home", [RULE]).plan()


def test_nobody_there_is_said(netns, key):
    with fabricnet.Context(netns=netns) as c:
        router = c.router("home", [RULE], access={"host": "192.0.2.1", "private_key": str(key), "host_key": HOST_KEY})
        for call in (router.plan, router.read, router.apply):
            with pytest.raises(fabricnet.UnavailableError, match="^192.0.2.1: .*(unreachable|[Nn]o route|refused)"):
                call()


def test_a_declared_pfsense(declared):
    with fabricnet.Context() as c:
        router = fabricnet.fabric.load(declared(), c).router("router", host="hub")
        objects = {(one.kind, one.name): json.loads(one.content) for one in router.objects}
        text = router.render()
    assert set(objects) == {
        ("nat", "masquerade-1 lan"), ("rule", "drop-2 lan far"), ("outbound", "page"), ("wireguard", "page"), ("interface", "tun_wg0"), ("tunnel", "s2s"),
        ("peer", "s2s/hub"), ("gateway", "s2s/hub"), ("route", "198.51.100.0/24"), ("rule", "mesh out of s2s"), ("rule", "s2s in"),
        ("host", "nas.home.example"), ("domain", "far.example"), ("acl", "askers"), ("tailscale", "page")}
    assert {(row["address"], row["mask"]) for row in objects["peer", "s2s/hub"]["allowedips"]["row"]} == {("10.9.0.0", "24"), ("198.51.100.0", "24")}
    assert objects["interface", "tun_wg0"]["mss"] == "1280"
    assert objects["gateway", "s2s/hub"]["name"] == "FBN_S2S_HUB" and objects["route", "198.51.100.0/24"]["gateway"] == "FBN_S2S_HUB"
    assert objects["domain", "far.example"]["ip"] == "10.9.0.2"
    assert objects["host", "nas.home.example"] == {"host": "nas", "domain": "home.example", "ip": "192.0.2.9", "aliases": ""}
    assert objects["tailscale", "page"]["row"] == [{"advertisedroutevalue": "192.0.2.0/24"}]
    rules = [one.name for one in router.objects if one.kind == "rule"]
    assert rules.index("drop-2 lan far") < rules.index("s2s in")
    assert "<privatekey>(secret)</privatekey>" in text


def test_a_segments_policy(declared):
    """Whom "from" names, by each of their addresses, then the segment's own, then nobody."""
    path = declared()
    document = json.loads(path.read_text())
    document["prefixes"]["lan"]["from"] = ["wg", "hub"]
    path.write_text(json.dumps(document))
    with fabricnet.Context() as c:
        rules = [(one.name, json.loads(one.content)) for one in fabricnet.fabric.load(path, c).router("router", host="hub").objects if one.kind == "rule"]
    policy = [(name, rule["type"], rule["source"], rule["destination"], rule.get("floating")) for name, rule in rules if name.startswith("lan-")]
    to = {"address": "192.0.2.0/24"}
    assert policy == [("lan-from wg lan", "pass", {"address": "10.9.0.0/24"}, to, "yes"),
                      ("lan-from hub 198.51.100.1 lan", "pass", {"address": "198.51.100.1/32"}, to, "yes"),
                      ("lan-from hub 10.9.0.2 lan", "pass", {"address": "10.9.0.2/32"}, to, "yes"),
                      ("lan-closed lan lan", "pass", to, to, "yes"), ("lan-closed all lan", "block", {"any": ""}, to, "yes")]


def test_a_login_is_written_only_with_a_key(declared, key):
    with fabricnet.Context() as c:
        router = fabricnet.fabric.load(declared(), c).router("router", host="hub", auth_key_file=str(key))
    login = next(one for one in router.objects if one.kind == "login")
    assert json.loads(login.content) == {"loginserver": "https://hub.example.net"} and login.secret


def test_what_pfsense_has_no_words_for_is_named(declared):
    with fabricnet.Context() as c:
        for nat, words in (([{"forward": "192.0.2.9:80/tcp", "in": {"interface": "wan0"}}], "/nat/router/0: .*port forwards"),
                           ([{"drop": ["lan"], "out": {"tunnel": "s2s"}}], '/nat/router/0: .*say "to"')):
            with pytest.raises(fabricnet.UnsupportedError, match=words):
                fabricnet.fabric.load(declared(nat={"router": nat}), c).router("router", host="hub")


def test_a_declared_linux_gets_the_file_and_its_own_secrets(declared):
    with fabricnet.Context() as c:
        fabric = fabricnet.fabric.load(declared(ssh={"system": "linux", "address": "192.0.2.77"}), c)
        router = fabric.router("router", host="hub")
        assert [(one.kind, one.name) for one in router.objects] == [("fabric", "router"), ("file", "router.key")]
        assert json.loads(router.render())["name"] == "home"
        with pytest.raises(fabricnet.InvalidError, match='/hosts/hub: it has no "ssh"'):
            fabric.router("hub", host="hub")
        with pytest.raises(fabricnet.InvalidError, match="no host 'ruter'; did you mean 'router'"):
            fabric.router("ruter", host="hub")


def test_included_parts_reach_a_linux_router(declared, tmp_path):
    path = declared(ssh={"system": "linux"})
    document = json.loads(path.read_text())
    (tmp_path / "dns.json").write_text(json.dumps({"dns": document.pop("dns")}))
    path.write_text(json.dumps({**document, "include": ["dns.json"]}))
    with fabricnet.Context() as c:
        whole = json.loads(fabricnet.fabric.load(path, c).router("router", host="hub").render())
    assert "include" not in whole and "home.example" in whole["dns"]


def test_a_key_that_is_not_the_declared_ones_is_refused(declared, tmp_path):
    path = declared()
    (tmp_path / "router.key").write_text(bytes(fabricnet.key.encode(fabricnet.key.generate())).decode())
    with fabricnet.Context() as c, pytest.raises(fabricnet.InvalidError, match="does not belong to the declared"):
        fabricnet.fabric.load(path, c).router("router", host="hub")


def test_lua_says_the_same(netns, declared, key):
    program = f"""
        local fabricnet = require "fabricnet"
        local c <close> = assert(fabricnet.context{{netns = "{netns}"}})
        local router = assert(c.router("home", {{{{kind = "rule", name = "x", content = "{{}}"}}}},
                                       {{host = "192.0.2.1", private_key = "{key}", host_key = "{HOST_KEY}"}}))
        assert(router:objects()[1].name == "x" and router:render():find("fabricnet:home x", 1, true))
        for _, verb in ipairs{{"plan", "read", "apply"}} do
                local done, message, code = router[verb](router)
                assert(not done and message:find("192.0.2.1: ", 1, true) and code == fabricnet.EUNAVAILABLE, message)
        end
        local made, message, code = c.router("home", {{{{kind = "ruel", name = "x"}}}})
        assert(not made and message:find("kind 'ruel'", 1, true) and code == fabricnet.EINVAL, message)
        local fabric = assert(fabricnet.fabric.load("{declared()}", c))
        assert(#fabric:router("router", "hub"):objects() > 10)
        made, message, code = fabric:router("hub", "hub")
        assert(not made and code == fabricnet.EINVAL, message)
    """
    subprocess.run(["lua5.4", "-e", program], check=True)
