# SPDX-License-Identifier: LGPL-2.1-or-later
"""Events from monitors, by iteration, in loops of the caller's, and in asyncio."""

import asyncio
import select
import threading

import pytest

import fabricnet
from conftest import run

KEY = fabricnet.key.generate()
PEER = fabricnet.key.public(fabricnet.key.generate())


@pytest.fixture
def wg(c):
    c.wireguard.create("wg0", backend="userspace")
    yield "wg0"
    c.wireguard.delete("wg0")


def apply(c, *peers):
    c.wireguard.apply("wg0", fabricnet.wireguard.Config(private_key=KEY, peers=[{"public_key": peer} for peer in peers]))


def test_iterating_waits_for_events(c, wg):
    monitor = c.wireguard.watch("wg0", interval=0.05)
    assert monitor.wait(0.1) is None
    timer = threading.Timer(0.3, c.cancel)
    apply(c, PEER)
    timer.start()
    seen = []
    with pytest.raises(fabricnet.CanceledError):
        for event in monitor:
            seen.append(event)
    c.resume()
    timer.join()
    assert [(event.kind, event.type) for event in seen if event.type == "peer"] == [("added", "peer")]
    assert seen[-1].peer.public_key == PEER and seen[-1].object == f"wg0: peer {PEER}" and str(seen[-1]) == f"added wg0: peer {PEER}"
    assert seen[-1].time > 1_600_000_000_000_000_000


def test_a_loop_of_the_callers(c, wg):
    with c.wireguard.watch("wg0", interval=0.05, existing=True) as monitor:
        poller = select.poll()
        poller.register(monitor.fileno(), monitor.events)
        assert monitor.timeout() <= 0.05 and poller.poll(1000)
        monitor.process()
        assert monitor.next().type == "interface" and monitor.next() is None
        assert 0 < monitor.timeout() <= 0.05
    with pytest.raises(ValueError, match="closed"):
        monitor.process()


def test_asyncio(c, wg):
    async def first(monitor):
        async for event in monitor:
            if event.type == "peer":
                return event

    async def both():
        monitor = c.wireguard.watch(interval=0.05)
        task = asyncio.create_task(first(monitor))
        await asyncio.sleep(0.2)
        apply(c, PEER)
        return await asyncio.wait_for(task, 5)

    assert asyncio.run(both()).peer.public_key == PEER


def test_what_is_no_name(c):
    with pytest.raises(fabricnet.InvalidError, match="no name of an interface"):
        c.wireguard.watch("a/b")


def test_names_of_endpoints(c, wg):
    config = fabricnet.wireguard.Config(private_key=KEY, peers=[{"public_key": PEER, "endpoint_name": "localhost:4711"}])
    resolved = c.wireguard.resolve(config, "wg0", timeout=5)
    assert resolved.peers[0].endpoint.port == 4711 and resolved.peers[0].endpoint_name is None and resolved.interface.private_key == KEY
    c.wireguard.apply("wg0", config)
    with c.wireguard.resolver("wg0", config, interval=0.1, family="inet") as resolver:
        event = resolver.wait(5)
    assert (event.kind, event.field, event.after) == ("changed", "endpoint", "127.0.0.1:4711")
    assert str(c.wireguard.get("wg0").peers[0].endpoint) == "127.0.0.1:4711"


def test_routes_and_links(c, veth):
    links, routes = c.link.watch("v0"), c.route.watch(table=77, rules=False)
    c.link.set(name="v0", mtu=1400)
    event = links.wait(5)
    assert (event.type, event.field, event.before, event.after, event.link.mtu) == ("link", "mtu", "1500", "1400", 1400)
    c.route.add(destination="10.8.0.0/16", device="v0", table=77)
    c.route.add(destination="10.9.0.0/16", device="v0", table=78)
    event = routes.wait(5)
    assert (event.kind, event.object, event.route.device) == ("added", "route 10.8.0.0/16 table 77", "v0")
    c.link.set(name="v0", state="down")  # the kernel says nothing of the route
    event = routes.wait(5)
    assert (event.kind, event.object, event.before) == ("removed", "route 10.8.0.0/16 table 77", "dev v0")
    assert routes.wait(0.1) is None


def test_neighbours(c, veth):
    monitor = c.route.watch(routes=False, rules=False, neighbours=True, device="v0")
    c.neighbour.add(address="10.9.0.7", device="v0", link_address="02:00:00:00:00:07")
    event = monitor.wait(5)
    assert (event.kind, event.type, event.after) == ("added", "neighbour", "02:00:00:00:00:07 permanent")
    assert event.neighbour.link_address == "02:00:00:00:00:07"
    c.neighbour.delete(address="10.9.0.7", device="v0")
    while event.kind != "removed":
        event = monitor.wait(5)
    assert event.neighbour.device == "v0"


def test_somebody_flushes_our_table(c, netns):
    monitor = c.nat.watch()
    c.nat.apply([{"kind": "masquerade", "name": "web", "sources": ["10.0.0.0/8"], "out_device": "eth0"}])
    event = monitor.wait(5)
    assert (event.kind, event.type, event.object) == ("added", "table", "table inet fabricnet")
    run("ip", "netns", "exec", netns, "nft", "flush", "ruleset")
    while not (event.kind == "removed" and event.type == "table"):
        event = monitor.wait(5)
    assert event.by == "nft" and event.pid
