# SPDX-License-Identifier: LGPL-2.1-or-later
"""The host is the sandbox that tests/bindings/sandbox makes; a visitor and a server behind it are namespaces beside it."""
import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, os.environ.get("FBN_PYTHON", str(TOP / "build/bindings/python")))
from fabricnet.lab import cloudflare as fake_cloudflare  # noqa: E402

if "FBN_SANDBOX" not in os.environ:
    pytest.exit("tests/edge makes links and addresses where it runs: start it with tests/bindings/sandbox, as tests/run edge does", 3)

COMMAND = os.environ.get("FBN_COMMAND", str(TOP / "build/examples/fabricnet/fabricnet"))
ZONE = "0123456789abcdef0123456789abcdef"
TOKEN = "token-that-must-not-leak"


def run(*words, check=True, **options):
    result = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=120, **options)
    assert not check or result.returncode == 0, f"{words}: {result.returncode}: {result.stderr}"
    return result


def until(what, seconds=20.0, pause=0.02):
    """Poll what() until it is true, and give that back."""
    deadline = time.monotonic() + seconds
    while True:
        value = what()
        if value or time.monotonic() > deadline:
            return value
        time.sleep(pause)


def elements(name):
    """What nft(8) sees in a set."""
    listing = json.loads(run("nft", "-j", "list", "set", "inet", "fabricnet", name).stdout)
    found = next(one["set"] for one in listing["nftables"] if "set" in one).get("elem", [])
    texts = []
    for element in found:
        value = element["elem"]["val"] if isinstance(element, dict) and "elem" in element else element
        texts.append(f"{value['prefix']['addr']}/{value['prefix']['len']}" if isinstance(value, dict) else value)
    return sorted(texts)


class Engine:
    """`fabricnet ban serve` with a folder of its own."""

    def __init__(self, folder, **settings):
        self.folder = folder
        self.settings = {"socket": str(folder / "ban.sock"), "state_dir": str(folder / "state"), **settings}
        self.process = None
        self.log = folder / "engine.log"

    def start(self, *, wait=True, prefix=()):
        (self.folder / "ban.json").write_text(json.dumps(self.settings))
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*prefix, COMMAND, "ban", "serve", str(self.folder / "ban.json")], stderr=log)
        if wait:
            assert until(lambda: self.process.poll() is not None or self.ban("status", check=False).returncode == 0)
            assert self.process.poll() is None, self.log.read_text()
        return self

    def stop(self, number=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(30)
        return self.process.returncode if self.process else None

    def ban(self, *words, check=True):
        return run(COMMAND, "--socket", self.settings["socket"], "ban", *words, check=check)

    def say(self, lines):
        """All over one connection, which one round of the engine may take at once; the answers."""
        with socket.socket(socket.AF_UNIX) as asker:
            asker.connect(self.settings["socket"])
            threading.Thread(target=asker.sendall, args=("".join(line + "\n" for line in lines).encode(),), daemon=True).start()
            stream = asker.makefile()
            return [stream.readline().rstrip("\n") for _ in lines]

    def list(self):
        return {one["prefix"]: one for one in map(json.loads, self.ban("list", "--json").stdout.splitlines())}

    def status(self):
        return json.loads(self.ban("status", "--json").stdout)

    def cdn(self, prefix):
        one = self.list().get(prefix)
        return one and one["cdn"]


@pytest.fixture
def engines(tmp_path):
    made = []

    def make(**settings):
        folder = tmp_path / f"engine{len(made)}"
        folder.mkdir()
        made.append(Engine(folder, **settings))
        return made[-1].start()

    yield make
    for engine in made:
        engine.stop(signal.SIGKILL)
    run("nft", "flush", "ruleset")


@pytest.fixture
def engine(engines):
    return engines()


@pytest.fixture
def cloudflare():
    with fake_cloudflare.serve(ZONE, TOKEN) as server:
        yield server


@pytest.fixture
def token(tmp_path):
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def proxied(engines, cloudflare, token):
    """An engine with a CDN."""
    return engines(cdn_zone=ZONE, cdn_token=str(token), cdn_url=cloudflare.url, cdn_timeout="1s")


@contextlib.contextmanager
def links():
    """visitor 192.0.2.2 – host 192.0.2.1, 10.9.0.1 – server 10.9.0.2, and the same in IPv6 between visitor and host."""
    script = """
        ip netns add visitor; ip netns add server
        ip link add wan0 type veth peer name eth0 netns visitor; ip link add lan0 type veth peer name eth0 netns server
        ip address add 192.0.2.1/24 dev wan0; ip address add 2001:db8::1/64 dev wan0 nodad; ip address add 10.9.0.1/24 dev lan0
        ip -n visitor address add 192.0.2.2/24 dev eth0; ip -n visitor address add 192.0.2.3/24 dev eth0
        ip -n visitor address add 2001:db8::2/64 dev eth0 nodad; ip -n server address add 10.9.0.2/24 dev eth0
        ip link set wan0 up; ip link set lan0 up
        for host in visitor server; do ip -n $host link set lo up; ip -n $host link set eth0 up; done
        ip -n visitor route add default via 192.0.2.1; ip -n server route add default via 10.9.0.1
        sysctl -qw net.ipv4.ip_forward=1
    """
    try:
        run("bash", "-ec", script)
        yield
    finally:
        run("bash", "-c", "ip link delete wan0; ip link delete lan0; ip netns delete visitor; ip netns delete server", check=False)


@pytest.fixture
def network():
    with links():
        yield


def reaches(address, *, source=None, port=None):
    """Whether the visitor gets through: a ping, or a connection to the port."""
    if port:
        return run("ip", "netns", "exec", "visitor", "curl", "-sS", "-o", "/dev/null", "-m", "1", *(["--interface", source] if source else []),
                   f"http://{address}:{port}/", check=False).returncode == 0
    return run("ip", "netns", "exec", "visitor", "ping", "-n", "-q", "-c", "1", "-W", "1", *(["-I", source] if source else []), address,
               check=False).returncode == 0


@pytest.fixture
def world(tmp_path):
    from world import World

    with links():
        made = World(tmp_path)
        yield made
        made.close()
