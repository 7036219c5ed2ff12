# SPDX-License-Identifier: LGPL-2.1-or-later
"""A real fail2ban that asks the ban engine, with nginx, nftables and the CDN; the CDN's ranges."""
import shutil
import signal
import subprocess

import pytest
from conftest import COMMAND, ZONE, elements, run, until

import fabricnet


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


def test_the_command_fetches_ranges(cloudflare, tmp_path):
    ranges = lambda *words: run(COMMAND, "ban", "ranges", tmp_path / "ranges", "--url", cloudflare.url + "/ips", *words, check=False)
    assert ranges("--dry-run").stdout == "create 198.51.100.0/24\ncreate 2001:db8:cf::/48\n" and not (tmp_path / "ranges").exists()
    assert ranges().returncode == 0 and "198.51.100.0/24\n" in (tmp_path / "ranges").read_text()
    assert ranges().stdout == ""
    cloudflare.faults = ["page"]
    result = ranges()
    assert result.returncode == 1 and "the answer is no JSON" in result.stderr and len(result.stderr.splitlines()) == 1


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
