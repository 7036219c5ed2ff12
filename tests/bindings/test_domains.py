# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each local domain through its attribute, checked with stock tools."""

import dataclasses
import ipaddress
import json
import time

import pytest
from conftest import run

import fabricnet


def test_links(c, ip, netns):
    c.link.create(name="v0", kind="veth", peer="v1")
    c.link.create(fabricnet.Link(name="br0", kind="bridge"))
    c.link.set(name="v0", state="up", mtu=1280, master="br0")
    (seen,) = ip("link", "show", "v0")
    assert (seen["mtu"], seen["master"], "UP" in seen["flags"]) == (1280, "br0", True)
    link = c.link.get("v0")
    assert (link.kind, link.mtu, link.state, link.master) == ("veth", 1280, "up", "br0")
    assert {link.name for link in c.link.list()} == {"lo", "v0", "v1", "br0"}
    run("ip", "netns", "add", "there")
    try:
        c.link.move("v1", "there")
        with fabricnet.Context(netns="there") as there:
            assert there.link.get("v1").kind == "veth"
    finally:
        run("ip", "netns", "delete", "there")
    c.link.delete("br0")
    with pytest.raises(fabricnet.NotFoundError):
        c.link.get("br0")


def test_apply_twice_changes_nothing(c, ip):
    wanted = {"name": "br1", "kind": "bridge", "state": "up", "alias": "fabricnet:test"}
    assert [change.kind for change in c.link.apply(wanted, dry_run=True)][0] == "create"
    assert not [link for link in ip("link") if link["ifname"] == "br1"]
    assert c.link.apply(**wanted)[0].kind == "create"
    assert c.link.apply(wanted) == []
    assert ip("link", "show", "br1")[0]["ifalias"] == "fabricnet:test"


def test_addresses(c, ip, veth):
    wanted = ["192.168.8.1/24", ipaddress.ip_interface("fd00::1/64"), fabricnet.LinkAddress(device=veth, address="10.9.0.1/24")]
    assert {change.kind for change in c.link.address_apply(veth, wanted)} == {"create"}
    assert c.link.address_apply(veth, wanted) == []
    read = {address.address for address in c.link.addresses(veth) if address.protocol == 251}
    assert read == {ipaddress.ip_interface(text) for text in ("192.168.8.1/24", "fd00::1/64", "10.9.0.1/24")}
    seen = {f"{info['local']}/{info['prefixlen']}" for info in ip("addr", "show", veth)[0]["addr_info"]}
    assert {"192.168.8.1/24", "fd00::1/64", "10.9.0.1/24"} <= seen
    c.link.address_delete(device=veth, address="192.168.8.1/24")
    assert "192.168.8.1" not in json.dumps(ip("addr", "show", veth))


def test_routes(c, ip, veth):
    wanted = [fabricnet.Route(destination="10.20.0.0/16", gateway="10.9.0.2", metric=7), {"destination": "10.30.0.0/16", "type": "blackhole"}]
    assert len(c.route.apply(wanted)) == 2
    assert c.route.apply(wanted) == []
    (seen,) = ip("route", "show", "10.20.0.0/16")
    assert (seen["gateway"], seen["metric"], seen["protocol"]) == ("10.9.0.2", 7, "251")
    assert c.route.get("10.20.1.1").gateway == ipaddress.ip_address("10.9.0.2")
    assert [route.type for route in c.route.list(protocol=251) if route.destination == ipaddress.ip_network("10.30.0.0/16")] == ["blackhole"]
    c.route.add(destination="10.40.0.0/16", device=veth)
    c.route.delete(destination="10.40.0.0/16")
    with pytest.raises(fabricnet.NotFoundError):
        c.route.delete(destination="10.40.0.0/16")
    with pytest.raises(fabricnet.NotFoundError):
        c.route.get("203.0.113.1")


def test_ten_thousand_routes_are_quick(c, ip, veth):
    wanted = [{"destination": f"10.{10 + i // 250}.{i % 250}.0/24", "gateway": "10.9.0.2"} for i in range(10_000)]
    start = time.perf_counter()
    assert len(c.route.apply(wanted)) == 10_000
    assert c.route.apply(wanted) == []
    assert len(c.route.list(protocol=251)) == 10_000
    assert time.perf_counter() - start < 3  # about 0.15 s on an idle machine
    assert len(ip("route", "show", "proto", "251")) == 10_000


def test_rules(c, ip):
    wanted = [{"family": "inet", "priority": 100, "from_": "10.0.0.0/8", "table": 52, "suppress_prefix_length": 0}]
    assert [change.kind for change in c.rule.apply(wanted)] == ["create"]
    assert c.rule.apply(wanted) == []
    (rule,) = (rule for rule in c.rule.list("inet") if rule.priority == 100)
    assert (rule.from_, rule.table, rule.suppress_prefix_length) == (ipaddress.ip_network("10.0.0.0/8"), 52, 0)
    (seen,) = (rule for rule in ip("rule") if rule["priority"] == 100)
    assert (seen["src"], seen["suppress_prefixlen"]) == ("10.0.0.0", 0)
    c.rule.add(family="inet6", priority=200, table=52)
    assert [rule.priority for rule in c.rule.list("inet6") if rule.protocol == 251] == [200]
    c.rule.delete(family="inet6", priority=200, table=52)
    with pytest.raises(ValueError, match="one of inet, inet6"):
        c.rule.list("ipx")


def test_sysctls(c, veth, netns):
    wanted = {"net.ipv4.ip_forward": 1, f"net.ipv4.conf.{veth}.rp_filter": 2}
    assert len(c.sysctl.apply(wanted)) == 2
    assert c.sysctl.apply([fabricnet.Sysctl(key=key, value=value) for key, value in wanted.items()]) == []
    assert c.sysctl.rp_filter(veth) == 2
    assert run("ip", "netns", "exec", netns, "cat", "/proc/sys/net/ipv4/ip_forward").strip() == "1"
    c.sysctl.set("net.ipv4.ip_forward", 0)
    assert c.sysctl.get("net.ipv4.ip_forward") == 0


def test_nat(c, netns):
    wanted = [
        fabricnet.NatRule(kind="masquerade", name="road warriors", sources=("172.26.5.0/24",), out_device="eth0"),
        {"kind": "clamp_mss", "name": "mss", "out_device": "wg0"},
    ]
    web = fabricnet.NatRule(kind="dnat", name="web", local=True, protocol="tcp", destination_port=80, destination_port_last=89, to="10.0.0.5",
                            to_port=8000, hairpin=24, states="new", log="web: ", log_group=3, rate=9)
    assert len(c.nat.apply([web, {"kind": "drop", "at": "arrival", "name": "ban", "sources": ["192.0.2.0/24"]}])) == 2
    read = {rule.name: rule for rule in c.nat.get()}
    assert (str(read["web"].to), read["web"].hairpin, read["web"].states, read["ban"].at) == ("10.0.0.5", 24, "new", "arrival")
    with pytest.raises(fabricnet.InvalidError, match="nat rule 1 'x': to is missing"):
        c.nat.apply([{"kind": "snat", "name": "x"}])
    c.nat.apply([])
    assert len(c.nat.apply(wanted)) == 2
    assert c.nat.apply(wanted) == []
    generation = c.nat.generation()
    assert c.nat.apply(wanted[:1], generation=generation) and c.nat.generation() != generation
    with pytest.raises(fabricnet.StaleError, match="since its generation"):
        c.nat.apply(wanted, generation=generation)
    assert c.nat.apply(wanted)
    assert [(rule.kind, rule.name, rule.packets) for rule in c.nat.get()] == [("masquerade", "road warriors", 0), ("clamp_mss", "mss", 0)]
    listed = run("ip", "netns", "exec", netns, "nft", "list", "table", "inet", "fabricnet")
    assert "172.26.5.0/24" in listed and "masquerade" in listed
    c.nat.apply([])
    with pytest.raises(fabricnet.NotFoundError):
        c.nat.get()
    assert c.nat.foreign() == []
    run("ip", "netns", "exec", netns, "nft", "add table inet fw; add chain inet fw rp; add rule inet fw rp fib saddr . mark . iif oif missing drop")
    assert c.nat.foreign() == [fabricnet.NatForeign(kind="reverse_path", where="table inet fw, chain rp", rules=1)]


def test_wireguard(c, netns):
    key, peer = fabricnet.key.generate(), fabricnet.key.public(fabricnet.key.generate())
    config = fabricnet.wireguard.Config(
        private_key=key, listen_port=51820, peers=[{"public_key": peer, "allowed_ips": ["192.168.8.0/24"], "keepalive": 25}]
    )
    assert c.wireguard.create("wg0", timeout=20) in ("kernel", "userspace")
    assert c.wireguard.apply("wg0", config, dry_run=True)
    assert "create" in {change.kind for change in c.wireguard.apply("wg0", config)}
    assert c.wireguard.apply("wg0", config) == []
    read = c.wireguard.get("wg0")
    assert (read.interface.private_key, read.interface.listen_port) == (key, 51820)
    assert [(p.public_key, p.keepalive, p.allowed_ips) for p in read.peers] == [(peer, 25, (ipaddress.ip_network("192.168.8.0/24"),))]
    assert run("ip", "netns", "exec", netns, "wg", "show", "wg0", "allowed-ips").split() == [peer, "192.168.8.0/24"]
    c.wireguard.apply("wg0", fabricnet.wireguard.Config(private_key=key), keep_peers=True)
    assert len(c.wireguard.get("wg0").peers) == 1
    c.wireguard.apply("wg0", fabricnet.wireguard.Config(private_key=key))
    assert c.wireguard.get("wg0").peers == ()
    assert [interface.name for interface in c.wireguard.list()] == ["wg0"]
    c.wireguard.delete("wg0")
    assert c.wireguard.list() == []
    with pytest.raises(fabricnet.NotFoundError, match="wg0"):
        c.wireguard.delete("wg0")


def test_wireguard_files_are_written_as_they_were_read():
    key, peer = bytes(fabricnet.key.encode(fabricnet.key.generate())).decode(), fabricnet.key.public(fabricnet.key.generate())
    text = (
        f"# ours\n[Interface]\nAddress = 10.0.0.1/24\nPrivateKey = {key}\nPostUp = echo %i\nJc = 4\n\n"
        f"# laptop\n[Peer]\nAllowedIPs = 10.0.0.2/32 # its own\nPublicKey = {peer}\n"
    )
    config = fabricnet.wireguard.parse(text)
    assert config.interface.hooks == ("PostUp = echo %i",)
    written = fabricnet.wireguard.format(config)
    assert bytes(written).decode() == text and key not in repr(config) + repr(written)
    config = fabricnet.wireguard.Config(dataclasses.replace(config.interface, name="wg0"), config.peers)
    assert b"[WireGuardPeer]" in bytes(fabricnet.wireguard.format(config, "netdev"))
    assert b"[Network]\nAddress=10.0.0.1/24\n" in bytes(fabricnet.wireguard.format(config, "network"))
    with pytest.raises(fabricnet.InvalidError, match="text:3:1: unknown key 'AllowedIP'; AllowedIPs is the nearest"):
        fabricnet.wireguard.parse("[Peer]\n\nAllowedIP = 10.0.0.0/8\n")


def test_wireguard_files(tmp_path):
    path = tmp_path / "wg0.conf"
    path.write_text("[Interface]\nListenPort = 51820\n[Peer]\nPublicKey = no\n")
    path.chmod(0o600)
    with pytest.raises(fabricnet.InvalidError, match=rf"{path}:4:\d+: "):
        fabricnet.wireguard.parse_file(path)
