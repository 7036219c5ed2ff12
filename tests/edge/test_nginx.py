# SPDX-License-Identifier: LGPL-2.1-or-later
"""Services through a real nginx, the visitor behind a CDN, and fail2ban that asks the ban engine."""
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import pytest
from conftest import COMMAND, ZONE, elements, links, run, until

import fabricnet

HERE = pathlib.Path(__file__).parent
CDN = "198.51.100.1"


class World:
    """nginx on the host, a service on the server, and in the visitor's namespace both the CDN's edge and who comes without it."""

    def __init__(self, folder):
        self.folder = folder
        self.directory = folder / "conf.d"
        self.directory.mkdir()
        self.ranges = folder / "ranges"
        self.ranges.write_text("198.51.100.0/24\n2001:db8:cf::/48\n")
        self.options = {"directory": self.directory, "nginx_conf": folder / "nginx.conf", "nginx_pid": folder / "nginx.pid", "log": folder / "access.log",
                        "ranges_file": self.ranges}
        (folder / "nginx.conf").write_text(f"""user root; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u;
        scgi_temp_path {folder}/s; include {self.directory}/*.conf; }}
""")
        self.context = fabricnet.Context()
        self.upstream = subprocess.Popen(["ip", "netns", "exec", "server", sys.executable, str(HERE / "upstream.py"), "10.9.0.2", "8080"])
        assert until(lambda: run("curl", "-sS", "-o", "/dev/null", "-m", "1", "http://10.9.0.2:8080/", check=False).returncode == 0, 60)
        run("bash", "-ec", "ip address add 198.51.100.254/24 dev wan0; ip -n visitor address add 198.51.100.1/24 dev eth0")

    def service(self, **members):
        return {"name": "photos", "names": ["photos.example.net"], "upstream": "10.9.0.2", "port": 8080, **members}

    def apply(self, *services, **options):
        return self.context.edge.services(services, **{**self.options, **options})

    def start(self):
        run("nginx", "-c", self.folder / "nginx.conf")
        assert until(lambda: (self.folder / "nginx.pid").exists())

    def get(self, path="/", *, name="photos.example.net", cdn=True, header=None, words=(), tls=False):
        """What the visitor gets: (status, body); status 0 is no answer."""
        port = 443 if tls else 80
        command = ["ip", "netns", "exec", "visitor", "curl", "-sS", "-k", "-m", "5", "-w", "\n%{http_code}", "--resolve", f"{name}:{port}:192.0.2.1",
                   "--interface", CDN if cdn else "192.0.2.2", *words]
        for value in [header] if isinstance(header, str) else header or []:
            command += ["-H", f"CF-Connecting-IP: {value}"]
        result = run(*command, f"{'https' if tls else 'http'}://{name}{path}", check=False)
        body, _, status = result.stdout.rpartition("\n")
        return int(status), body

    def seen(self, **how):
        """Who the service thinks that the visitor is."""
        status, body = self.get(**how)
        return json.loads(body)["x-real-ip"] if status == 200 else status

    def close(self):
        if (self.folder / "nginx.pid").exists():
            run("kill", (self.folder / "nginx.pid").read_text().strip(), check=False)
        self.upstream.kill()
        self.upstream.wait()
        self.context.close()


@pytest.fixture
def world(tmp_path):
    with links():
        made = World(tmp_path)
        yield made
        made.close()


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
    assert world.get(name="files.example.net", words=["-d", "x" * 101])[0] == 413
    assert world.get(name="files.example.net", words=["-d", "x" * 100])[0] == 200
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


@pytest.mark.parametrize("change, words", [
    ({"ipv4_cidrs": []}, "ipv4_cidrs"), ({"ipv4_cidrs": ["0.0.0.0/0"]}, "too wide"), ({"ipv4_cidrs": ["192.168.0.0/16"]}, "public Internet"),
    ({"ipv4_cidrs": ["203.0.113.1/24"]}, "is no prefix"), ({"ipv6_cidrs": ["203.0.113.0/24"]}, "other family"), ({"ipv6_cidrs": "x"}, "ipv6_cidrs"),
    ({"ipv4_cidrs": [None]}, "is no prefix"), ({"ipv6_cidrs": ["2000::/3"]}, "too wide")])
def test_ranges_that_cannot_be_true_leave_the_last_good_ones(cloudflare, tmp_path, change, words):
    file = tmp_path / "ranges"
    with fabricnet.Context() as c:
        refresh = lambda: c.edge.refresh_ranges(file, url=cloudflare.url + "/ips")
        assert [change.object for change in refresh()] == ["198.51.100.0/24", "2001:db8:cf::/48"]
        assert refresh() == []
        before = file.read_text()
        cloudflare.ranges = {**cloudflare.ranges, **change}
        with pytest.raises(fabricnet.ProtocolError, match=words):
            refresh()
        for fault in ("page", 500, 403, "lose"):
            cloudflare.faults = [fault]
            with pytest.raises(fabricnet.Error):
                refresh()
        assert file.read_text() == before
        cloudflare.ranges = {"ipv4_cidrs": ["198.51.100.0/25"], "ipv6_cidrs": ["2001:db8:cf::/48"]}
        assert sorted((change.kind, change.object) for change in refresh()) == [("create", "198.51.100.0/25"), ("delete", "198.51.100.0/24")]
        file.write_text("203.0.113.0/24\n")
        with pytest.raises(fabricnet.ConflictError, match="is not ours"):
            refresh()


@pytest.fixture
def fail2ban(tmp_path):
    """A copy of the machine's configuration, and a server of it once start() was called."""
    folder = tmp_path / "fail2ban"
    shutil.copytree("/etc/fail2ban", folder)
    for jail in (folder / "jail.d").iterdir():
        jail.unlink()
    (folder / "fail2ban.local").write_text(f"[Definition]\nlogtarget = {tmp_path}/f2b.log\nsocket = {tmp_path}/f2b.sock\npidfile = {tmp_path}/f2b.pid\n"
                                           "dbfile = None\n")
    servers = []

    def start():
        servers.append(subprocess.Popen(["fail2ban-server", "-f", "-c", str(folder), "start"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        assert until(lambda: run("fail2ban-client", "-c", folder, "ping", check=False).returncode == 0, 60), (tmp_path / "f2b.log").read_text()

    folder_and_start = (folder, start)
    yield folder_and_start
    for server in servers:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


def test_a_brute_forcing_visitor_is_banned_everywhere_and_lifted_everywhere(world, engines, cloudflare, token, fail2ban):
    folder, start = fail2ban
    bans = world.folder / "bans.map"
    engine = engines(cdn_zone=ZONE, cdn_token=str(token), cdn_url=cloudflare.url, never_file=str(world.ranges), never=["10.9.0.0/24"], nginx_map=str(bans),
                     nginx_pid=str(world.folder / "nginx.pid"))
    world.apply(world.service(cdn=True), world.service(name="open", names=["open.example.net"]), ban_map=bans)
    world.start()
    assert world.get(header="203.0.113.50")[0] == 200 and until(lambda: (world.folder / "access.log").exists())
    options = {"directory": folder, "command": COMMAND, "socket": engine.settings["socket"], "log": world.folder / "access.log", "nginx": True, "max_retry": 4,
               "ranges_file": world.ranges}
    assert len(world.context.edge.fail2ban(**options)) == 3 and world.context.edge.fail2ban(**options) == []
    start()
    for _ in range(6):
        world.get("/login", header="not an address")  # the CDN's own address stands in the log
        world.get("/login", header="203.0.113.50", words=["-u", "a [01/Jan/2000:00:00:00 +0000] b:c"])
    assert until(lambda: "203.0.113.50" in elements("ban-ipv4"), 60), (world.folder / "f2b.log").read_text()
    assert until(lambda: cloudflare.blocked() == ["203.0.113.50"])
    assert engine.list()["203.0.113.50"]["reason"] == "nginx" and set(engine.list()) == {"203.0.113.50"}
    assert until(lambda: world.get(header="203.0.113.50")[0] == 0)  # nginx fills the gap until the CDN does it
    assert world.get(header="203.0.113.51")[0] == 200
    run("bash", "-ec", "nft 'add table ip docker; add chain ip docker pre { type nat hook prerouting priority -100; };"
        " add rule ip docker pre ip daddr 192.0.2.1 tcp dport 8081 dnat to 10.9.0.2:8080'")
    port = lambda: run("ip", "netns", "exec", "visitor", "curl", "-sS", "-m", "1", "--interface", "192.0.2.2", "http://192.0.2.1:8081/", check=False).returncode
    assert port() == 0
    for _ in range(6):
        world.get("/login", name="open.example.net", cdn=False, header="203.0.113.99")  # a header from elsewhere is not believed
    assert until(lambda: "192.0.2.2" in elements("ban-ipv4"), 60), (world.folder / "f2b.log").read_text()
    assert world.get(name="open.example.net", cdn=False)[0] == 0 and port() != 0
    assert "203.0.113.99" not in engine.list()
    assert until(lambda: cloudflare.blocked() == ["192.0.2.2", "203.0.113.50"])
    run("fail2ban-client", "-c", folder, "set", "fabricnet-nginx", "unbanip", "203.0.113.50")
    assert until(lambda: elements("ban-ipv4") == ["192.0.2.2"]) and until(lambda: cloudflare.blocked() == ["192.0.2.2"])
    assert until(lambda: world.get(header="203.0.113.50")[0] == 200)
    run("fail2ban-client", "-c", folder, "set", "fabricnet-nginx", "unbanip", "192.0.2.2")
    assert until(lambda: port() == 0) and until(lambda: cloudflare.blocked() == [])
    run("nft", "delete", "table", "ip", "docker")


def test_fail2ban_refuses_and_all_is_as_it_was(world, fail2ban):
    folder, _ = fail2ban
    options = {"directory": folder, "nginx": True, "sshd": True, "log": world.folder / "access.log"}
    (world.folder / "access.log").write_text("")
    (world.folder / "auth.log").write_text("")
    (folder / "jail.local").write_text(f"[sshd]\nlogpath = {world.folder}/auth.log\nbackend = auto\n")
    assert len(world.context.edge.fail2ban(**options, dry_run=True)) == 3 and not (folder / "jail.d/fabricnet.conf").exists()
    world.context.edge.fail2ban(**options)
    jails = (folder / "jail.d/fabricnet.conf").read_text()
    assert "[sshd]" in jails and "[fabricnet-nginx]" in jails
    (folder / "filter.d/sshd.conf").write_text("[nonsense\n")
    with pytest.raises(fabricnet.ConflictError, match="broken before, nothing changed"):
        world.context.edge.fail2ban(**{**options, "max_retry": 9})
    assert (folder / "jail.d/fabricnet.conf").read_text() == jails
    assert len(world.context.edge.fail2ban(directory=folder, dry_run=True)) == 3
