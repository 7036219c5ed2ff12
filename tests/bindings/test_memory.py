# SPDX-License-Identifier: LGPL-2.1-or-later
"""Nothing is lost and nothing is let go of twice, on the way in, out, and out by an exception."""

import contextlib
import gc
import sys

import pytest

import fabricnet

KEY = fabricnet.key.generate()
PUBLIC = fabricnet.key.public(KEY)
PEER = {"public_key": PUBLIC, "preshared_key": KEY, "allowed_ips": [f"10.{i}.0.0/16" for i in range(40)], "endpoint": "192.0.2.1:1"}


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def good(c):
    config = fabricnet.wireguard.Config(private_key=KEY, peers=[PEER])
    handle = fabricnet._fabricnet.fbn_wireguard_new(c.handle, config.interface)
    fabricnet._fabricnet.fbn_wireguard_fill(c.handle, handle, config.peers)
    assert fabricnet._fabricnet.fbn_wireguard_all(handle)[0].preshared_key == KEY


def wrong_member(c):
    with contextlib.suppress(TypeError):
        large = c.secret(b"x" * 60_000)  # has guarded memory of its own
        fabricnet._fabricnet.fbn_wireguard_new(c.handle, {"private_key": large, "dns": ["a" * 100] * 50, "nonsense": 1})


def refused(c):
    with contextlib.suppress(fabricnet.InvalidError):
        handle = fabricnet._fabricnet.fbn_wireguard_new(c.handle, {"private_key": KEY})
        fabricnet._fabricnet.fbn_wireguard_fill(c.handle, handle, [{**PEER, "allowed_ips": ["10.0.0.1/8"] * 50}])


def not_found(c):
    with contextlib.suppress(fabricnet.NotFoundError):
        c.link.list("nowhere")


def text(c):
    with contextlib.suppress(fabricnet.InvalidError):
        fabricnet.wireguard.parse("[Interface]\nPrivateKey = x\n", context=c)
    c.dns.Routes({"a.example": ["127.0.0.1"]}).match("b.a.example")


@pytest.mark.parametrize("work", [good, wrong_member, refused, not_found, text])
def test_nothing_is_lost(work):
    with fabricnet.Context() as c:
        for _ in range(300):
            work(c)
        gc.collect()
        before, references = resident(), sys.getrefcount(KEY)
        for _ in range(3000):
            work(c)
        gc.collect()
        assert resident() - before < 2 << 20
        assert sys.getrefcount(KEY) == references


def test_a_dropped_list_leaves_its_records():
    with fabricnet.Context() as c:
        link = c.link.get("lo")
        secret = c.secret(b"still here")
    gc.collect()
    assert link.name == "lo" and bytes(secret) == b"still here"
