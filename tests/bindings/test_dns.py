# SPDX-License-Identifier: LGPL-2.1-or-later
import asyncio
import os
import signal
import socket
import threading
import time

import pytest

import fabricnet

QUERY = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03nas\x05local\x07example\x00\x00\x01\x00\x01"


@pytest.fixture
def upstream():
    """A server that answers every query with an address."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))

    def serve():
        while True:
            data, sender = server.recvfrom(4096)
            if not data:
                return
            record = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x01\x01\x01\x01"
            server.sendto(data[:2] + b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00" + data[12:35] + record, sender)

    thread = threading.Thread(target=serve)
    thread.start()
    address = server.getsockname()
    yield fabricnet.Endpoint(*address)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"", address)
    thread.join()
    server.close()


@pytest.fixture
def here():
    with fabricnet.Context() as context:
        yield context


def ask(stub):
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(5)
    client.sendto(QUERY, ("127.0.0.1", stub.addresses[0].port))
    return client


def test_a_query_goes_to_the_upstream_of_its_route(here, upstream):
    with fabricnet.dns.Stub(here, {"local.example": [upstream]}, listen=["127.0.0.1:0"]) as stub:
        with ask(stub) as client:
            deadline = time.monotonic() + 5
            while stub.counters.answers == 0 and time.monotonic() < deadline:
                stub.poll(0.1)
            assert client.recv(4096)[:4] == b"\x12\x34\x81\x80"
        assert (stub.counters.queries, stub.counters.failures) == (1, 0)
        assert stub.fileno() >= 0 and stub.events


def test_other_routes_keep_the_answers_of_those_that_stay(here, upstream):
    def ask_once(stub):
        before = stub.counters.answers
        with ask(stub):
            deadline = time.monotonic() + 5
            while stub.counters.answers == before and time.monotonic() < deadline:
                stub.poll(0.1)
        return stub.counters.cache_hits

    with fabricnet.dns.Stub(here, {".": [upstream]}, listen=["127.0.0.1:0"], strict=True) as stub:
        assert (ask_once(stub), ask_once(stub)) == (0, 1)
        stub.reload({".": [upstream], "other": ["192.0.2.1"]})
        assert ask_once(stub) == 2
        stub.reload({".": [upstream, "192.0.2.1"]})
        assert ask_once(stub) == 2
        with pytest.raises(fabricnet.InvalidError, match="the stub itself"):
            stub.reload({".": stub.addresses})


@pytest.mark.parametrize("cache_bytes, hits", [(None, 1), (65536, 1), (0, 0)])
def test_answers_are_kept_until_flushed(here, upstream, cache_bytes, hits):
    def answered(stub, count):
        deadline = time.monotonic() + 5
        with ask(stub) as client:
            while stub.counters.answers < count and time.monotonic() < deadline:
                stub.poll(0.1)
            assert client.recv(4096)[:4] == b"\x12\x34\x81\x80"

    with fabricnet.dns.Stub(here, {".": [upstream]}, listen=["127.0.0.1:0"], cache_bytes=cache_bytes) as stub:
        answered(stub, 1)
        answered(stub, 2)
        assert stub.counters.cache_hits == hits
        assert stub.counters.cache_entries == hits
        stub.flush()
        assert stub.counters.cache_entries == 0
        answered(stub, 3)
        assert (stub.counters.cache_hits, stub.counters.cache_misses) == (hits, 3 - hits)
    with pytest.raises(fabricnet.InvalidError, match="FBN_DNS_CACHE_OFF"):
        fabricnet.dns.Stub(here, {".": [upstream]}, listen=["127.0.0.1:0"], cache_bytes=100)


def test_sockets_logs_and_private_answers(here, upstream, tmp_path):
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.bind(("127.0.0.1", 0))
    with open(tmp_path / "log", "w") as log:
        options = {"sockets": [bound], "log": log, "log_names": True, "allow": ["10.0.0.0/8"], "allow_private": True, "shared": True}
        stub = fabricnet.dns.Stub(here, {".": [upstream]}, **options)
    with ask(stub) as client:
        bound.close()
        deadline = time.monotonic() + 5
        while stub.counters.answers == 0 and time.monotonic() < deadline:
            stub.poll(0.1)
        assert client.recv(4096)[:4] == b"\x12\x34\x81\x80"
    stub.reconnect()
    assert (stub.counters.cache_entries, stub.counters.stale, stub.counters.filtered) == (1, 0, 0)
    stub.close()
    assert " udp nas.local.example type=1 rcode=0 upstream" in (tmp_path / "log").read_text()
    with pytest.raises(ValueError, match="allow"):
        fabricnet.dns.Stub(here, {".": [upstream]}, listen=["127.0.0.1:0"], allow=["10.0.0.0/33"])


def test_it_serves_inside_asyncio(here, upstream):
    async def main():
        stub = here.dns.Stub({"local.example": [str(upstream)]}, listen=["127.0.0.1:0"], timeout=1)
        serving = asyncio.create_task(stub.serve())
        await asyncio.sleep(0)
        with ask(stub) as client:
            client.setblocking(False)
            answer = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client, 4096), 5)
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        return answer

    assert asyncio.run(main())[:4] == b"\x12\x34\x81\x80"


def test_ctrl_c_ends_run(here):
    stub = here.dns.Stub({".": ["127.0.0.1:1"]}, listen=["127.0.0.1:0"])
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        stub.run()
    assert 0.2 < time.monotonic() - start < 3
    timer.join()
    stub.process()


def test_the_longest_suffix_wins(here):
    routes = here.dns.Routes({"example": ["192.0.2.1"], "local.example": ["192.0.2.2:5353"], "*.below.example": ["192.0.2.3"]})
    assert routes.match("nas.local.example").upstreams[0].port == 5353
    assert str(routes.match("www.example").upstreams[0]) == "192.0.2.1:53"
    assert routes.match("elsewhere") is None
    assert [route.suffix for route in routes.list()] == ["example", "local.example", "*.below.example"]


def test_a_taken_port_is_named(here):
    stub = here.dns.Stub({".": ["192.0.2.1"]}, listen=["127.0.0.1:0"])
    with pytest.raises(fabricnet.ExistsError, match=str(stub.addresses[0].port)):
        here.dns.Stub({".": ["192.0.2.1"]}, listen=stub.addresses)
    stub.close()
    with pytest.raises(ValueError, match="closed"):
        stub.fileno()


def test_a_query_in_this_process_says_why_it_is_answered_so(here, upstream):
    routes = [{"suffix": "local.example", "upstreams": [upstream]}, {"suffix": "=nas.fabric", "addresses": ["10.7.0.3"]}, {"suffix": "fabric", "blocked": True}]
    with fabricnet.dns.Stub(here, routes, in_process=True) as stub:
        answer = stub.query("nas.local.example", timeout=5)
        assert [str(address) for address in answer.addresses] == ["1.1.1.1"]
        assert (answer[0].name, answer[0].type, answer[0].ttl, answer[0].data) == ("nas.local.example", "A", 60, "1.1.1.1")
        why = answer.explanation
        assert (why.route, why.source, str(why.upstream), why.status, why.kept_s) == ("local.example", "upstream", str(upstream), "NOERROR", 60)
        assert stub.query("nas.local.example").explanation.source == "cache"
        assert stub.query("nas.local.example").explanation.upstream is None
        assert stub.query("10.7.0.3", "PTR")[0].data == "nas.fabric."
        assert stub.query("x.fabric").explanation.status == "NXDOMAIN"
        assert [(record.section, record.type, record.ttl) for record in stub.query("x.fabric")] == [("authority", "SOA", 60)]
        with pytest.raises(fabricnet.InvalidError, match="no domain name"):
            stub.query("a..b")
        assert stub.addresses == []


def test_another_process_s_stub_says_why(here, upstream):
    with fabricnet.Context() as other, fabricnet.dns.Stub(other, {"local.example": [upstream]}, listen=["127.0.0.1:0"]) as stub:
        ended = threading.Event()

        def serve():
            while not ended.is_set():
                stub.poll(0.05)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            answers = [here.dns.explain("nas.local.example", stub=stub.addresses[0], timeout=10) for _ in range(2)]
        finally:
            ended.set()
            thread.join()
        assert [answer.explanation.source for answer in answers] == ["upstream", "cache"]
        assert answers[1].explanation.route == "local.example" and [str(address) for address in answers[1].addresses] == ["1.1.1.1"]
    with pytest.raises(fabricnet.UnavailableError, match="nobody answers"):
        here.dns.explain("nas.local.example", stub="127.0.0.1:9")


def test_the_host_is_looked_at_and_not_changed(here, upstream):
    host = here.dns.host()
    assert host.manager in ("resolved", "resolvconf", "dnsmasq", "unbound", "file") and host.reason
    with open("/etc/resolv.conf") as file:
        before = file.read()
    chosen = here.dns.host(manager="file")
    assert (chosen.manager, chosen.reason) == ("file", "it was chosen")
    assert all(f"nameserver {server.address}" in before for server in chosen.servers)
    with pytest.raises(fabricnet.UnsupportedError, match="DNS route x.example: .* knows no split"):
        here.dns.apply({"x.example": [upstream]}, manager="file", dry_run=True)
    with pytest.raises(fabricnet.UnsupportedError, match="knows no split"):
        here.dns.keep({"x.example": [upstream]}, manager="file")
    changes = here.dns.apply({"x.example": [upstream]}, manager="file", stub="127.0.0.1", dry_run=True)
    assert [(change.kind, change.object) for change in changes] == [("create", "/etc/resolv.conf")]
    assert here.dns.apply(None, manager="file", dry_run=True) == []
    with open("/etc/resolv.conf") as file:
        assert file.read() == before
