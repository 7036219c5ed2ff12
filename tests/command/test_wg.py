# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files and interfaces: `wg show` beside the real one, import, export, qr, keys. On wireguard-go in a world of the test's own."""
import json
import os
import pathlib
import pty
import re
import signal
import stat
import subprocess
import time

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
COMMAND = os.environ.get("FBN_COMMAND", str(TOP / "build/examples/fabricnet/fabricnet"))
PRIVATE = ["yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=", "cFIkAXHtTtCEDPPdrfLLfcX7sPdDvuVWVRhtiWvWQ0w="]
PEER = "IlE9Iupz8AY9vD7NdnSYFaR7lUQd0sH3Krv+VznNrwo="
PRESHARED = "FpCyhws9cxwWoV4xELtfJvjJN+zQVRPISllRWgeopVE="


def children(pid):
    return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


class World:
    """Network, mount and PID namespaces of their own, gone with the process that holds them."""

    def __init__(self):
        self.holder = subprocess.Popen([TOP / "tests/bindings/sandbox", "sh", "-c", "echo ready; exec sleep 280"],
                                       stdout=subprocess.PIPE, text=True)
        assert self.holder.stdout.readline() == "ready\n"
        (unshare,) = children(self.holder.pid)
        (self.first,) = children(unshare)

    def __call__(self, *words, check=True, **options):
        return subprocess.run(["nsenter", "-t", self.first, "-n", "-m", "-p", *map(str, words)], check=check, capture_output=True,
                              text=True, timeout=60, **options)

    def fabricnet(self, *words, **options):
        return self(COMMAND, *words, check=False, **options)

    def close(self):
        os.kill(int(self.first), signal.SIGKILL)  # the first process of the namespaces takes all others with it
        self.holder.wait()
        self.holder.stdout.close()


@pytest.fixture
def world():
    world = World()
    yield world
    world.close()


def public(private):
    return subprocess.run(["wg", "pubkey"], input=private, capture_output=True, text=True, check=True).stdout.strip()


def write(path, text, mode=0o600):
    path.write_text(text)
    path.chmod(mode)
    return path


def site(tmp_path, extra=""):
    return write(tmp_path / "wg0.conf",
                 f"# site\n[Interface]\nPrivateKey = {PRIVATE[0]}\nListenPort = 51820\nAddress = 10.7.0.1/24, fd00:7::1/64\nMTU = 1400\n{extra}\n"
                 f"[Peer]\nPublicKey = {public(PRIVATE[1])}\nAllowedIPs = 10.7.0.2/32, 192.168.77.0/24, fd00:7::2/128, fd00:77::/64\n"
                 f"PresharedKey = {PRESHARED}\nEndpoint = 127.0.0.1:51821\nPersistentKeepalive = 3725\n\n"
                 f"[Peer]\nPublicKey = {PEER}\n")


def sorted_show(text):
    """The system says interfaces, peers and allowed IPs in an order of its own: sort them, but for the order that handshakes give."""
    first, *more = text.rstrip("\n").split("\n\ninterface: ")
    return sorted(map(sorted_interface, [first.removeprefix("interface: "), *more]))


def sorted_interface(text):
    head, *peers = text.split("\n\npeer: ")
    peers = [re.sub(r"(allowed ips: )(.*)", lambda m: m[1] + ", ".join(sorted(m[2].split(", "))), peer) for peer in peers]
    return "\n\npeer: ".join([head] + [p for p in peers if "handshake" in p] + sorted(p for p in peers if "handshake" not in p))


def assert_shows_as_wg(world, *words):
    for _ in range(10):  # a second may pass between the two
        theirs, ours = world("wg", "show", *words).stdout, world.fabricnet("wg", "show", *words).stdout
        if sorted_show(theirs) == sorted_show(ours):
            return ours
    assert sorted_show(ours) == sorted_show(theirs)


def handshake(world):
    """A second interface at the other end, and a packet through."""
    world("wireguard-go", "wg1")
    world("wg", "set", "wg1", "private-key", "/dev/stdin", "listen-port", "51821", "peer", public(PRIVATE[0]), "allowed-ips", "10.7.0.1/32",
          "endpoint", "127.0.0.1:51820", "preshared-key", "/run/psk", input=PRIVATE[1])
    world("ip", "address", "add", "10.8.0.2/32", "dev", "wg1")
    world("ip", "link", "set", "wg1", "up")
    world("ip", "route", "add", "10.7.0.99/32", "dev", "wg1")
    end = time.monotonic() + 15  # an attempt that came too early is repeated after five seconds
    while world("wg", "show", "wg0", "latest-handshakes").stdout.count("\t0") > 1 and time.monotonic() < end:
        world("ping", "-c1", "-W1", "-I", "wg0", "10.7.0.2", check=False)


def test_show_is_what_wg_shows(world, tmp_path):
    assert world.fabricnet("wg", "import", site(tmp_path)).returncode == 0
    assert_shows_as_wg(world, "wg0")
    world("sh", "-c", f"echo {PRESHARED} > /run/psk")
    handshake(world)
    shown = assert_shows_as_wg(world, "wg0")
    assert "latest handshake: " in shown and "transfer: " in shown and "persistent keepalive: every 1 hour, 2 minutes, 5 seconds" in shown
    assert shown.index(public(PRIVATE[1])) < shown.index(PEER)  # whoever shook hands comes first
    world("wg", "set", "wg0", "fwmark", "0xca6c")
    everything = assert_shows_as_wg(world)
    assert "interface: wg1" in everything and "fwmark: 0xca6c" in everything
    for secret in (*PRIVATE, PRESHARED):
        assert secret not in everything


def test_show_is_coloured_on_a_terminal_only(world, tmp_path):
    world.fabricnet("wg", "import", site(tmp_path))

    def on_terminal(*words, **environment):
        leader, follower = pty.openpty()
        subprocess.run(["nsenter", "-t", world.first, "-n", "-m", *words], stdout=follower, env={**os.environ, **environment}, check=True)
        os.close(follower)
        text = b""
        try:
            while piece := os.read(leader, 65536):
                text += piece
        except OSError:
            pass
        os.close(leader)
        return text.decode()

    coloured = on_terminal(COMMAND, "wg", "show", "wg0")
    # wg resets all before it starts and marks every part anew: compare what each character looks like.
    def look(text):
        state, cells = (), []
        for part in re.split(r"(\x1b\[\d+m)", text):
            if part == "\x1b[0m":
                state = ()
            elif part.startswith("\x1b"):
                state = tuple(sorted({*state, part}))
            else:
                cells += [(character, state) for character in part if not character.isspace()]
        return cells

    theirs = on_terminal("wg", "show", "wg0", WG_COLOR_MODE="always")
    heads = lambda text: [line for line in text.splitlines() if "ips" not in line and "handshake" not in line]
    assert sorted(map(look, heads(coloured))) == sorted(map(look, heads(theirs)))
    assert "\x1b" not in on_terminal(COMMAND, "wg", "show", "wg0", NO_COLOR="1")


def test_json_has_no_secret(world, tmp_path):
    world.fabricnet("wg", "import", site(tmp_path))
    result = world.fabricnet("wg", "show", "wg0", "--json")
    shown = json.loads(result.stdout)
    assert shown["public_key"] == public(PRIVATE[0]) and shown["private_key"] is True and shown["listen_port"] == 51820
    assert {peer["public_key"]: peer["preshared_key"] for peer in shown["peers"]} == {public(PRIVATE[1]): True, PEER: False}
    assert PRIVATE[0] not in result.stdout and PRESHARED not in result.stdout
    assert [each["public_key"] for each in json.loads(world.fabricnet("wg", "show", "--json").stdout)] == [shown["public_key"]]


def test_import_brings_a_file_into_being_and_export_writes_it_back(world, tmp_path):
    path = site(tmp_path, "PostUp = touch /run/ran\nDNS = 10.7.0.53, example.org\n")
    result = world.fabricnet("wg", "import", path)
    assert result.returncode == 0, result.stderr
    assert "not run: PostUp = touch /run/ran" in result.stderr and "not set: DNS = 10.7.0.53" in result.stderr
    world("test", "!", "-e", "/run/ran")
    link = json.loads(world("ip", "-j", "address", "show", "wg0").stdout)[0]
    assert link["mtu"] == 1400 and "UP" in link["flags"]
    assert {"10.7.0.1/24", "fd00:7::1/64"} <= {f"{a['local']}/{a['prefixlen']}" for a in link["addr_info"]}
    routes = {route["dst"] for words in (["-4"], ["-6"]) for route in json.loads(world("ip", *words, "-j", "route", "show", "dev", "wg0").stdout)}
    assert {"192.168.77.0/24", "fd00:77::/64"} <= routes and "10.7.0.2" not in routes  # the last lies in the address's own network
    again = world.fabricnet("wg", "import", path)
    assert again.returncode == 1 and "wg0" in again.stderr
    written = world.fabricnet("wg", "export", "wg0")
    assert written.returncode == 0, written.stderr
    assert {"Address = 10.7.0.1/24, fd00:7::1/64", "MTU = 1400", f"PrivateKey = {PRIVATE[0]}", "PersistentKeepalive = 3725"} <= set(
        written.stdout.splitlines())
    assert world.fabricnet("wg", "diff", "wg0", write(tmp_path / "back.conf", written.stdout)).returncode == 0
    assert "[NetDev]\nName=wg0\n" in world.fabricnet("wg", "export", "wg0", "netdev").stdout
    assert "Address=10.7.0.1/24" in world.fabricnet("wg", "export", "wg0", "network").stdout
    kept = tmp_path / "kept.conf"
    assert world.fabricnet("wg", "export", "wg0", "-o", kept).returncode == 0
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert sorted(kept.read_text().split()) == sorted(written.stdout.split())  # the daemon's order of peers is random
    refused = world.fabricnet("wg", "export", "wg0", "-o", kept)
    assert refused.returncode == 1 and "exists already" in refused.stderr


@pytest.mark.parametrize("extra, words", [
    ("Table = lab", "a number is expected"), ("Table = 4294967296", "a number is expected"), ("Address = 10.7.0.0.1", "is not ADDRESS/LENGTH")])
def test_an_import_that_cannot_be_leaves_nothing(world, tmp_path, extra, words):
    result = world.fabricnet("wg", "import", site(tmp_path, extra))
    assert result.returncode == 3 and words in result.stderr and len(result.stderr.splitlines()) == 1
    assert world.fabricnet("wg", "list").stdout == ""


def test_an_import_that_fails_midway_is_taken_back(world, tmp_path):
    world("ip", "link", "add", "v0", "type", "veth", "peer", "v1")
    world("ip", "link", "set", "v0", "up")
    world("ip", "link", "set", "v1", "up")
    world("ip", "address", "add", "10.66.0.1/24", "dev", "v0")
    world("ip", "route", "add", "192.168.77.0/24", "via", "10.66.0.2")
    result = world.fabricnet("wg", "import", site(tmp_path))
    assert result.returncode == 1 and "192.168.77.0/24" in result.stderr
    assert "wg0" not in world("ip", "link").stdout
    assert world("sh", "-c", "ls /var/run/wireguard").stdout == ""


def test_a_default_route_is_not_ours_to_guess(world, tmp_path):
    path = write(tmp_path / "exit.conf", f"[Interface]\nPrivateKey = {PRIVATE[0]}\n[Peer]\nPublicKey = {PEER}\nAllowedIPs = ::/0\n")
    result = world.fabricnet("wg", "import", path)
    assert result.returncode == 3 and "would catch the tunnel's own packets" in result.stderr
    write(path, path.read_text().replace("[Peer]", "Table = 77\n[Peer]"))
    assert world.fabricnet("wg", "import", path, "wg9").returncode == 0
    assert [route["dst"] for route in json.loads(world("ip", "-6", "-j", "route", "show", "table", "77").stdout)] == ["default"]


def test_an_import_resolves_names_and_says_which_it_cannot(world, tmp_path):
    peers = f"[Peer]\nPublicKey = {PEER}\nEndpoint = localhost:7\n[Peer]\nPublicKey = {public(PRIVATE[1])}\nEndpoint = nowhere.invalid:7\n"
    result = world.fabricnet("wg", "import", write(tmp_path / "names.conf", f"[Interface]\nPrivateKey = {PRIVATE[0]}\n{peers}"))
    assert result.returncode == 5 and "nowhere.invalid" in result.stderr
    endpoints = dict(line.split("\t") for line in world("wg", "show", "names", "endpoints").stdout.splitlines())
    assert endpoints[PEER] in ("127.0.0.1:7", "[::1]:7") and endpoints[public(PRIVATE[1])] == "(none)"


def decoded(path):
    result = subprocess.run(["zbarimg", "--nodbus", "--quiet", "--raw", "-S*.disable", "-Sqrcode.enable", path], capture_output=True, text=True)
    assert result.returncode == 0
    return result.stdout


def test_a_phone_reads_what_qr_draws(world, tmp_path):
    world.fabricnet("wg", "import", site(tmp_path))
    for source in (tmp_path / "wg0.conf", "wg0"):
        picture = tmp_path / f"{source == 'wg0'}.png"
        assert world.fabricnet("wg", "qr", source, "--png", "-o", picture).returncode == 0
        assert stat.S_IMODE(picture.stat().st_mode) == 0o600
        assert f"PrivateKey = {PRIVATE[0]}\nAddress = 10.7.0.1/24, fd00:7::1/64\n" in decoded(picture)
    assert world.fabricnet("wg", "qr", "wg0", "--svg").stdout.startswith("<svg ")
    assert "▀" in world.fabricnet("wg", "qr", "wg0").stdout


def test_qr_says_what_it_cannot(world, tmp_path):
    many = "".join(f"[Peer]\nPublicKey = {public(key)}\n" for key in
                   (subprocess.run(["wg", "genkey"], capture_output=True, text=True).stdout for _ in range(60)))
    for words, said in (([site(tmp_path), "--svg", "--png"], "only one of them"), ([tmp_path / "none.conf"], "no such file"),
                        ([write(tmp_path / "many.conf", f"[Interface]\nPrivateKey = {PRIVATE[0]}\n{many}")], "too many for a QR code"),
                        ([write(tmp_path / "open.conf", f"[Interface]\nPrivateKey = {PRIVATE[0]}\n", 0o644)], "chmod 600")):
        result = world.fabricnet("wg", "qr", *words)
        assert result.returncode in (1, 3, 6) and said in result.stderr and not result.stdout
        assert PRIVATE[0] not in result.stderr


def test_keys_never_need_an_argument(tmp_path):
    def key(*words, **options):
        return subprocess.run([COMMAND, "key", *map(str, words)], capture_output=True, text=True, **options)

    private = key("generate").stdout
    assert key("public", input=private).stdout.strip() == public(private)
    path = write(tmp_path / "key", private)
    reader = os.open(path, os.O_RDONLY)
    assert key("public", f"/dev/fd/{reader}", pass_fds=[reader]).stdout.strip() == public(private)
    os.close(reader)
    assert len(key("preshared").stdout) == 45
    assert key("generate", "-o", tmp_path / "new").stdout == "" and (tmp_path / "new").stat().st_mode & 0o777 == 0o600
    assert key("generate", "-o", tmp_path / "new").returncode == 1
    for text, said in (("", "empty"), ("\n", "empty"), ("abc\n", "not a key"), (PRIVATE[0][:-1], "not a key")):
        result = key("public", input=text)
        assert result.returncode == 3 and said in result.stderr and not result.stdout
    assert key("public", input=private.strip() + "\r\n").returncode == 0
