# SPDX-License-Identifier: LGPL-2.1-or-later
"""Derived configurations and drawn ones, from Python; and from Lua, which must say the same."""

import ipaddress
import os
import subprocess

import pytest

import fabricnet
from fabricnet import wireguard


@pytest.fixture
def network():
    made = wireguard.Network(prefixes=["10.0.0.0/24"], preshared=fabricnet.key.preshared())
    made.add(name="hub", private_key=fabricnet.key.generate(), addresses=["10.0.0.1/24"], endpoint="vpn.example.org:51820", relay=True)
    made.add({"name": "phone", "private_key": fabricnet.key.generate(), "addresses": ["10.0.0.2/32"], "road_warrior": True, "keepalive": 25})
    return made


def test_both_ends_are_derived(network):
    hub, phone = network.derive("hub"), network.derive("phone")
    assert len(network) == 2 and [member.name for member in network.members] == ["hub", "phone"]
    assert phone.peers[0].public_key == hub.interface.public_key and hub.peers[0].public_key == phone.interface.public_key
    assert phone.peers[0].preshared_key == hub.peers[0].preshared_key
    assert phone.peers[0].allowed_ips == (ipaddress.ip_network("0.0.0.0/0"),)
    assert hub.peers[0].allowed_ips == (ipaddress.ip_network("10.0.0.2/32"),)
    assert hub.interface.listen_port == 51820
    text = bytes(wireguard.format(phone)).decode()
    assert text.startswith("# phone\n[Interface]\n") and "\n\n# hub\n[Peer]\n" in text


def test_a_free_address_is_found(network):
    assert network.next_address("10.0.0.0/24") == ipaddress.ip_interface("10.0.0.3/24")
    with pytest.raises(fabricnet.NotFoundError, match="every address is taken"):
        network.next_address("10.0.0.1/32")
    with pytest.raises(fabricnet.NotFoundError, match="no member is called 'x'"):
        network.derive("x")
    with pytest.raises(fabricnet.InvalidError, match="member y: a relay needs an endpoint"):
        network.add(name="y", public_key=fabricnet.key.public(fabricnet.key.generate()), addresses=["10.0.0.9/24"], relay=True)


def test_a_derived_configuration_is_drawn(network, tmp_path):
    picture = tmp_path / "phone.png"
    picture.write_bytes(bytes(wireguard.format(network.derive("phone"), "qr-png")))
    read = subprocess.run(["zbarimg", "--nodbus", "--quiet", "--raw", "-S*.disable", "-Sqrcode.enable", picture], capture_output=True, text=True)
    assert "Endpoint = vpn.example.org:51820\n" in read.stdout
    assert wireguard.parse(read.stdout).peers[0].endpoint_name == "vpn.example.org:51820"


LUA = """
local f = require "fabricnet"
local key = assert(f.key.generate())
local n <close> = assert(f.wireguard.network({{name = "hub", private_key = key, addresses = {"10.0.0.1/24"}, endpoint = "192.0.2.1:7", relay = true}},
                                     {prefixes = {"10.0.0.0/24"}, preshared = assert(f.key.preshared())}))
assert(n:add{name = "phone", private_key = assert(f.key.generate()), addresses = {assert(n:next_address("10.0.0.0/24"))}, road_warrior = true})
assert(#n:members() == 2 and n:members()[2].addresses[1] == "10.0.0.2/24")
local phone, hub = assert(n:derive("phone")), assert(n:derive("hub"))
assert(phone.peers[1].allowed_ips[1] == "0.0.0.0/0" and phone.peers[1].public_key == f.key.public(key))
assert(f.bytes(phone.peers[1].preshared_key) == f.bytes(hub.peers[1].preshared_key))
assert(f.bytes(assert(f.wireguard.format(phone, "qr-svg"))):find("^<svg "))
local none, message = n:derive("x")
assert(none == nil and message:find("no member is called 'x'", 1, true))
print("fine")
"""


def test_lua_says_the_same():
    done = subprocess.run(["lua5.4", "-e", LUA], capture_output=True, text=True, env=os.environ)
    assert done.stdout == "fine\n", done.stderr
