# SPDX-License-Identifier: LGPL-2.1-or-later
"""Services through a real nginx, the visitor behind a CDN or without one."""
import json
import pathlib
import subprocess
import time

import pytest
from conftest import run, until
from world import CDN

import fabricnet


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-days", "2", "-subj",
        "/CN=photos.example.net")
    return folder


def test_services_come_stay_change_and_go(world):
    assert sorted(change.kind for change in world.apply(world.service())) == ["create", "create"]
    assert world.apply(world.service()) == []
    text = (world.directory / "fabricnet-photos.conf").read_text()
    assert text.startswith("# fabricnet: made by libfabricnet") and "proxy_pass http://10.9.0.2:8080;" in text
    world.start()
    assert world.get()[0] == 200
    assert world.get(name="other.example.net") == (0, "")
    two = world.service(name="files", names=["files.example.net", "*.files.example.net"], timeout_ms=1500, body_bytes=100)
    assert [(change.kind, pathlib.Path(change.object).name) for change in world.apply(world.service(), two)] == [("create", "fabricnet-files.conf")]
    assert until(lambda: world.get(name="a.files.example.net")[0] == 200)
    # Until the last worker of before is gone it may be the one that answers.
    assert until(lambda: world.get(name="files.example.net", words=["-d", "x" * 101])[0] == 413)
    assert until(lambda: world.get(name="files.example.net", words=["-d", "x" * 100])[0] == 200)
    assert [change.kind for change in world.apply(two, dry_run=True)] == ["delete"]
    assert [change.kind for change in world.apply(two)] == ["delete"]
    assert until(lambda: world.get()[0] == 0)
    (world.directory / "fabricnet-mine.conf").write_text("# by hand\n")
    assert len(world.apply()) == 2 and [path.name for path in world.directory.iterdir()] == ["fabricnet-mine.conf"]


def test_a_reload_ends_no_connection(world):
    world.apply(world.service())
    world.start()
    slow = subprocess.Popen(["ip", "netns", "exec", "visitor", "curl", "-sS", "-m", "20", "--limit-rate", "200", "--resolve", "photos.example.net:80:192.0.2.1",
                             "-H", "X-Long: " + "x" * 1500, "http://photos.example.net/"], stdout=subprocess.PIPE, text=True)
    time.sleep(1)
    world.apply(world.service(websocket=True))
    assert "x" * 1500 in slow.communicate()[0] and slow.returncode == 0


def test_what_nginx_refuses_leaves_all_as_it_was(world, tmp_path):
    world.apply(world.service())
    before = {path: path.read_bytes() for path in world.directory.iterdir()}
    with pytest.raises(fabricnet.InvalidError, match="cannot load certificate"):
        world.apply(world.service(certificate="/none/cert.pem", certificate_key="/none/key.pem"), world.service(name="b", names=["b.example.net"]))
    assert {path: path.read_bytes() for path in world.directory.iterdir()} == before
    theirs = world.directory / "theirs.conf"
    theirs.write_text("nonsense;\n")
    with pytest.raises(fabricnet.ConflictError, match="broken before, nothing changed: .*nonsense"):
        world.apply(world.service(websocket=True))
    theirs.unlink()
    (world.directory / "fabricnet-b.conf").write_text("# by hand\n")
    with pytest.raises(fabricnet.ConflictError, match="is not ours"):
        world.apply(world.service(), world.service(name="b", names=["b.example.net"]))
    (world.directory / "fabricnet-b.conf").unlink()
    assert {path: path.read_bytes() for path in world.directory.iterdir()} == before


@pytest.mark.parametrize("members, words", [
    ({"name": "a b"}, "a service needs a name"), ({"name": "../a"}, "a service needs a name"), ({"names": []}, "needs a host name"),
    ({"names": ["a;b"]}, "is no host name"), ({"names": ["a..b"]}, "is no host name"), ({"port": 0}, "address and port"),
    ({"certificate": "/a b", "certificate_key": "/c"}, "a blank"), ({"certificate": "/a"}, "both or none"), ({"hsts_s": 5}, "https to insist on")])
def test_services_that_are_wrong_are_refused(world, members, words):
    with pytest.raises(fabricnet.InvalidError, match=words):
        world.apply({**world.service(), **members})
    assert list(world.directory.iterdir()) == []


def test_an_upstream_is_reached_by_its_tunnel_or_not_at_all(world):
    assert world.apply(world.service(device="lan0"))
    with pytest.raises(fabricnet.ConflictError, match="10.9.0.2 would be reached by lan0, not by wg0"):
        world.apply(world.service(device="wg0"))
    run("ip", "link", "set", "lan0", "down")
    with pytest.raises(fabricnet.ConflictError, match="photos"):
        world.apply(world.service(device="lan0", websocket=True))


def test_tls_websocket_access_and_hsts(world, certificate):
    tls = {"certificate": str(certificate / "cert.pem"), "certificate_key": str(certificate / "key.pem"), "hsts_s": 3600}
    world.apply(world.service(websocket=True, **tls), world.service(name="inside", names=["inside.example.net"], allow=["203.0.113.0/24"], **tls))
    world.start()
    status, body = world.get(tls=True, words=["-D", "-"])
    assert status == 200 and "max-age=3600" in body and json.loads(body.splitlines()[-1])["x-forwarded-proto"] == "https"
    assert world.get(words=["-D", "-"])[1].count("Location: https://photos.example.net/") == 1
    assert world.get(tls=True, name="other.example.net") == (0, "")  # no certificate is shown
    upgrade = ["--http1.1", "-D", "-", "-H", "Connection: Upgrade", "-H", "Upgrade: websocket", "-H", "Sec-WebSocket-Version: 13", "-H", "Sec-WebSocket-Key: x"]
    assert "101 Switching Protocols" in world.get(tls=True, words=upgrade)[1]
    assert world.get(tls=True, name="inside.example.net", header="203.0.113.9")[0] == 200
    assert world.get(tls=True, name="inside.example.net", header="203.0.112.9")[0] == 403


@pytest.mark.parametrize("header, visitor", [
    ("203.0.113.50", "203.0.113.50"), ("2001:db8::77", "2001:db8::77"), (None, CDN), ("not an address", CDN), ("203.0.113.50, 203.0.113.51", "203.0.113.51"),
    ("203.0.113.300", CDN), ("", CDN)])
def test_who_the_cdn_says_is_believed_if_it_is_an_address(world, header, visitor):
    world.apply(world.service(cdn=True))
    world.start()
    assert world.seen(header=header) == visitor
    assert until(lambda: (world.folder / "access.log").exists() and (world.folder / "access.log").read_text().startswith(f"{visitor} {CDN} ["))


def test_one_of_two_headers_is_believed_never_another(world):
    world.apply(world.service(cdn=True))
    world.start()
    assert world.seen(header=["203.0.113.50", "203.0.113.51"]) in ("203.0.113.50", "203.0.113.51", CDN)


def test_who_does_not_come_by_the_cdn_is_not_believed_and_gets_no_answer(world):
    world.apply(world.service(cdn=True), world.service(name="open", names=["open.example.net"]))
    world.start()
    assert world.get(cdn=False, header="203.0.113.50") == (0, "")
    assert world.get(cdn=False) == (0, "")
    assert world.seen(cdn=False, name="open.example.net", header="203.0.113.50") == "192.0.2.2"
    chain = ["-H", "X-Forwarded-For: 203.0.113.50, 198.51.100.9", "-H", "X-Real-IP: 203.0.113.50"]
    status, body = world.get(cdn=False, name="open.example.net", words=chain)
    assert json.loads(body)["x-forwarded-for"] == "192.0.2.2" and json.loads(body)["x-real-ip"] == "192.0.2.2"


def test_only_the_cdns_certificate_opens_the_origin(world, certificate, tmp_path):
    ca = tmp_path / "ca"
    ca.mkdir()
    run("bash", "-ec", f"""cd {ca}
        openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=pulls
        for name in ours other; do openssl req -newkey rsa:2048 -nodes -keyout $name.key -out $name.csr -subj /CN=$name; done
        openssl x509 -req -in ours.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out ours.pem
        openssl x509 -req -in other.csr -signkey other.key -days 2 -out other.pem""")
    world.apply(world.service(cdn=True, certificate=str(certificate / "cert.pem"), certificate_key=str(certificate / "key.pem")), origin_ca=ca / "ca.pem")
    world.start()
    shown = lambda name: ["--cert", str(ca / f"{name}.pem"), "--key", str(ca / f"{name}.key")]
    assert world.get(tls=True, words=shown("ours"))[0] == 200
    assert world.get(tls=True)[0] == 400 and world.get(tls=True, words=shown("other"))[0] == 400
    assert world.get(tls=True, cdn=False, words=shown("ours"))[0] == 0


def test_a_service_behind_the_cdn_needs_its_ranges(world):
    with pytest.raises(fabricnet.InvalidError, match="ranges_file does not say"):
        world.apply(world.service(cdn=True), ranges_file=None)
    world.ranges.write_text("198.51.100.0/24\n<html>\n")
    with pytest.raises(fabricnet.InvalidError, match="'<html>' is no prefix"):
        world.apply(world.service(cdn=True))
