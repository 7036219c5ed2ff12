# SPDX-License-Identifier: LGPL-2.1-or-later
import collections
import dataclasses
import ipaddress

import pytest

import fabricnet
from fabricnet import _fabricnet

PUBLIC = fabricnet.key.public(fabricnet.key.generate())


@pytest.fixture
def there():
    return fabricnet.Context()


@pytest.mark.parametrize(
    ("members", "exception", "words"),
    [
        ({"devise": "v0"}, TypeError, "Route has no member 'devise'"),
        ({3: "v0"}, TypeError, "Route: names of members are str"),
        ({"device": 3}, TypeError, "Route.device: expected str, not int"),
        ({"device": "a\0b"}, ValueError, "Route.device: .*zero byte"),
        ({"mtu": "1280"}, TypeError, "Route.mtu: expected int, not str"),
        ({"mtu": True}, TypeError, "Route.mtu: expected int, not bool"),
        ({"mtu": -1}, ValueError, "Route.mtu: -1: negative"),
        ({"mtu": 1 << 32}, ValueError, "Route.mtu: 4294967296: too large"),
        ({"mtu": 1 << 70}, ValueError, "Route.mtu: .*: too large"),
        ({"protocol": 256}, ValueError, "Route.protocol: 256: too large"),
        ({"onlink": 1}, TypeError, "Route.onlink: expected bool, not int"),
        ({"type": "unicorn"}, ValueError, "Route.type: 'unicorn': one of unicast, blackhole"),
        ({"gateway": "10.0.0"}, ValueError, "Route.gateway: '10.0.0': no IP address"),
        ({"gateway": 10}, TypeError, "Route.gateway: expected str or IPv4Address"),
        ({"gateway": ipaddress.ip_network("10.0.0.0/8")}, TypeError, "Route.gateway"),
        ({"destination": "10.0.0.0/33"}, ValueError, "Route.destination: '10.0.0.0/33': no ADDRESS/LENGTH"),
        (3, TypeError, "expected Route or a mapping"),
        (fabricnet.Link(name="x"), TypeError, "expected Route or a mapping"),
    ],
)
def test_what_does_not_fit_is_named(there, members, exception, words):
    with pytest.raises(exception, match=words):
        there.route.add(members)


def test_a_record_and_members_together_are_refused(there):
    with pytest.raises(TypeError, match="not both"):
        there.route.add(fabricnet.Route(device="v0"), mtu=3)


def test_lists_refuse_what_is_none(there):
    for upstreams in ("127.0.0.1", b"x", {"a": 1}, 3):
        with pytest.raises(TypeError, match="DnsRoute.upstreams: expected a list"):
            fabricnet.dns.Routes({"x": upstreams}, there)
    with pytest.raises(ValueError, match="DnsRoute.upstreams: 'host:53': no ADDRESS:PORT"):
        fabricnet.dns.Routes({"x": ["host:53"]}, there)


def test_what_the_library_refuses_is_its_own_error(there):
    with pytest.raises(fabricnet.InvalidError, match="10.0.0.1/8"):
        there.route.apply([{"destination": "10.0.0.1/8", "device": "lo"}])


def test_records_are_frozen_and_complete(there):
    link = there.link.get("lo")
    with pytest.raises(dataclasses.FrozenInstanceError):
        link.name = "x"
    assert dataclasses.replace(link, mtu=3).mtu == 3
    assert link == there.link.get("lo") and hash(link)
    assert {field.name for field in dataclasses.fields(link)} == set(dataclasses.asdict(link))


PEER = fabricnet.WireguardPeer(
    public_key=PUBLIC,
    preshared_key=fabricnet.key.preshared(),
    endpoint="[2001:db8::1]:51820",
    endpoint_name=None,
    keepalive=25,
    allowed_ips=("10.0.0.0/8", ipaddress.ip_network("fd00::/8"), ipaddress.ip_address("192.0.2.1")),
    last_handshake=-(1 << 63),
    received=(1 << 64) - 1,
    sent=(1 << 53) + 1,
    protocol_version=1,
)


@pytest.mark.parametrize("peer", [PEER, {f.name: getattr(PEER, f.name) for f in dataclasses.fields(PEER)}])
def test_every_type_of_member_comes_back(there, peer):
    handle = _fabricnet.fbn_wireguard_new(there.handle, {})
    _fabricnet.fbn_wireguard_add(there.handle, handle, collections.UserDict(peer) if isinstance(peer, dict) else peer)
    read = _fabricnet.fbn_wireguard_at(handle, 0)
    assert read.public_key == PUBLIC and read.preshared_key == PEER.preshared_key
    assert read.endpoint == fabricnet.Endpoint(ipaddress.ip_address("2001:db8::1"), 51820) and str(read.endpoint) == PEER.endpoint
    assert set(read.allowed_ips) == {ipaddress.ip_network(str(prefix)) for prefix in PEER.allowed_ips}
    assert (read.last_handshake, read.received, read.sent) == (PEER.last_handshake, PEER.received, PEER.sent)
    assert (read.keepalive, read.endpoint_name, read.protocol_version) == (25, None, 1)
    assert _fabricnet.fbn_wireguard_at(handle, 1) is None and _fabricnet.fbn_wireguard_count(handle) == 1


def test_host_bits_make_an_interface():
    read = fabricnet.wireguard.parse("[Interface]\nAddress = 172.26.5.1/24, 10.0.0.1/32\n").interface.addresses
    assert read == (ipaddress.ip_interface("172.26.5.1/24"), ipaddress.ip_interface("10.0.0.1/32"))
    assert _fabricnet.fbn_prefix_parse("10.0.0.1/8") == ipaddress.ip_interface("10.0.0.1/8")
    assert _fabricnet.fbn_prefix_network("10.0.0.1/8") == ipaddress.ip_network("10.0.0.0/8")
    assert _fabricnet.fbn_prefix_contains("10.0.0.0/8", ipaddress.ip_address("10.2.3.4"))
    assert not _fabricnet.fbn_prefix_overlaps("10.0.0.0/8", "fd00::/8")
    assert _fabricnet.fbn_address_format("FD00:0::1") == "fd00::1"
    with pytest.raises(ValueError):
        _fabricnet.fbn_address_parse("10.0.0")


def test_a_mapping_that_fails_midway_raises_its_own_error(there):
    class Odd(collections.UserDict):
        def items(self):
            raise KeyError("odd")

    with pytest.raises(KeyError):
        there.route.add(Odd())
    with pytest.raises(ZeroDivisionError):
        there.route.apply({"device": "lo", "mtu": 1 // i} for i in (1, 0))
