# SPDX-License-Identifier: LGPL-2.1-or-later
"""fabricnet-dnsd: its file, its privileges, its signals, and what becomes of questions when it is killed."""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.request
import uuid

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
COMMAND = os.environ.get("FBN_COMMAND", str(TOP / "build/examples/fabricnet/fabricnet"))
DNSD = str(pathlib.Path(COMMAND).with_name("fabricnet-dnsd"))
UNIT = TOP / "build/examples/fabricnet-dnsd/fabricnet-dnsd.service"


def query(name, number=1):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return number.to_bytes(2) + b"\x01\x00\x00\x01" + bytes(6) + labels + b"\x00\x00\x01\x00\x01"


class Upstream:
    """Answers everything with one address, and remembers from where it was asked."""

    def __init__(self, address):
        self.address, self.asked, self.dumb = bytes(map(int, address.split("."))), [], False
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        while True:
            data, sender = self.socket.recvfrom(4096)
            if len(data) < 12:
                return
            self.asked.append(sender)
            if self.dumb:
                continue
            end = data.index(b"\0", 12) + 5
            answer = data[:2] + b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00" + data[12:end]
            self.socket.sendto(answer + b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x01\x00\x00\x04" + self.address, sender)

    def close(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(b"", self.socket.getsockname())
        self.thread.join()
        self.socket.close()

    def __str__(self):
        return "127.0.0.1:%d" % self.socket.getsockname()[1]


@pytest.fixture
def upstreams():
    made = [Upstream("1.1.1.1"), Upstream("2.2.2.2")]
    yield made
    for upstream in made:
        upstream.close()


class Daemon:
    def __init__(self, words, **options):
        self.process = subprocess.Popen([str(word) for word in words], stderr=subprocess.PIPE, text=True, **options)
        self.lines = []
        while not self.lines or not self.lines[-1].startswith("listening"):
            line = self.process.stderr.readline()
            assert line, "".join(self.lines)
            self.lines.append(line)
        self.port = int(self.lines[-1].rsplit(":", 1)[1])
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.process.stderr:
            self.lines.append(line)

    def said(self, text):
        deadline = time.monotonic() + 10
        while not any(text in line for line in self.lines):
            assert time.monotonic() < deadline, self.lines
            time.sleep(0.02)

    def ask(self, name, kind=socket.SOCK_DGRAM):
        """The address, or the status."""
        with socket.socket(socket.AF_INET, kind) as client:
            client.settimeout(10)
            client.connect(("127.0.0.1", self.port))
            message = query(name)
            client.send(message if kind == socket.SOCK_DGRAM else len(message).to_bytes(2) + message)
            answer = client.recv(4096)
        answer = answer if kind == socket.SOCK_DGRAM else answer[2:]
        return ".".join(map(str, answer[-4:])) if answer[7] else answer[3] & 15

    def status(self, word):
        return re.search(rf"^{word}:[ \t]*(.*)$", pathlib.Path(f"/proc/{self.process.pid}/status").read_text(), re.M).group(1)

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        code = self.process.wait(10)
        self.reader.join(10)
        return code


@pytest.fixture
def daemon(request):
    running = []

    def start(*words, **options):
        running.append(Daemon([DNSD, *words], **options))
        return running[-1]

    yield start
    for each in running:
        if each.process.poll() is None:
            each.stop()


def test_a_file_is_served_and_root_is_given_up(daemon, upstreams, tmp_path):
    file = tmp_path / "dnsd.conf"
    file.write_text(f"# ours\n\nlisten 127.0.0.1:0\nroute local.example {upstreams[0]}\nroute . {upstreams[1]}\nblock ads.example\n"
                    "answer =nas.example 192.0.2.10\nreverse local.example 198.51.100.0/24\nthreads 4\ncache 1M\ntimeout 2s\npending 100\n")
    served = daemon("-f", file)
    assert served.ask("www.example") == "2.2.2.2"
    assert served.ask("www.local.example") == "1.1.1.1"
    assert served.ask("www.local.example", socket.SOCK_STREAM) == "1.1.1.1"
    assert served.ask("x.ads.example") == 3
    assert served.ask("nas.example") == "192.0.2.10"
    assert served.status("Uid").split() == ["65534"] * 4
    assert served.status("Groups").split() == []
    assert {served.status(word) for word in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
    assert (served.status("NoNewPrivs"), served.status("Seccomp")) == ("1", "2")
    for task in pathlib.Path(f"/proc/{served.process.pid}/task").iterdir():
        assert "Seccomp:\t2" in (task / "status").read_text()
    assert served.stop() == 0


@pytest.mark.parametrize("line, said", [
    ("route local.example", ":2: write 'route SUFFIX UPSTREAM"), ("route . 1.2.3", ":2: '1.2.3' is no ADDRESS"), ("rout . 1.1.1.1", ":2: 'rout' is no word"),
    ("cache 8X", ":2: write 'cache BYTES'"), ("threads 0", ":2: write 'threads NUMBER', 1 to 64"), ("timeout -1s", ":2: write 'timeout TIME'"),
    ("log all", ":2: write 'log hashes'"), ("allow 10.0.0.0/33", ":2: '10.0.0.0/33' is no ADDRESS/LENGTH"), ("block", ":2: write 'block"),
    ("answer =a.example x", ":2: 'x' is no address"), ("metrics 127.0.0.1", ":2: write 'metrics"), ("a" * 5000, ":2: the line is longer"),
    ("block a..b", "'a..b' is no domain name"), ("answer =a.example 1.1.1.1\nblock =a.example", "exclude each other"),
])
def test_mistakes_are_named_with_their_place(tmp_path, line, said):
    file = tmp_path / "dnsd.conf"
    file.write_text(f"route . 127.0.0.1:9\n{line}\n")
    for words in ([], ["--check"]):
        done = subprocess.run([DNSD, "-f", file, "--listen", "127.0.0.1:0", *words], capture_output=True, text=True, timeout=10)
        assert done.returncode == 3 and done.stderr.count("\n") == 1
        assert str(file) in done.stderr and said in done.stderr


def test_what_is_missing_or_in_the_way_is_said(tmp_path):
    def run(*words):
        done = subprocess.run([DNSD, *map(str, words)], capture_output=True, text=True, timeout=10)
        return done.returncode, done.stderr

    assert run("-f", tmp_path / "none") == (3, f"fabricnet-dnsd: {tmp_path}/none: No such file or directory\n")
    assert run("--route", "x")[0] == 3
    assert run("--nonsense")[0] == 3
    (tmp_path / "empty").touch()
    assert "no routes" in run("-f", tmp_path / "empty")[1]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        code, said = run("--route", ".=127.0.0.1:9", "--listen", f"127.0.0.1:{port}")
        assert code == 1 and f"UDP port {port} is in use" in said
    assert run("--route", ".=127.0.0.1:9", "--listen", "127.0.0.1:0", "--set", "user nobody-here")[0] == 6


def test_sighup_takes_other_routes_and_keeps_what_was_answered(daemon, upstreams, tmp_path):
    file = tmp_path / "dnsd.conf"
    tmp_path.chmod(0o755)
    for above in tmp_path.parents:  # nobody must be able to read it again
        if above != pathlib.Path("/tmp") and str(above).startswith("/tmp/"):
            above.chmod(0o755)
    file.write_text(f"route local.example {upstreams[0]}\nroute . {upstreams[1]}\n")
    served = daemon("-f", file, "--listen", "127.0.0.1:0", "--set", "threads 2")
    assert served.ask("a.local.example") == "1.1.1.1"
    assert served.ask("kept.example") == "2.2.2.2"
    file.write_text(f"route . {upstreams[1]}\n")
    served.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 10
    while served.ask("a.local.example") != "2.2.2.2":
        assert time.monotonic() < deadline
    asked = len(upstreams[1].asked)
    assert served.ask("kept.example") == "2.2.2.2"
    assert len(upstreams[1].asked) <= asked + 1  # the other thread may not have had it
    file.write_text("nonsense\n")
    served.process.send_signal(signal.SIGHUP)
    served.said(f"{file}:1: 'nonsense' is no word")
    assert served.ask("b.local.example") == "2.2.2.2"
    assert served.stop() == 0


def test_metrics_are_openmetrics(daemon, upstreams):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    served = daemon("--route", f".={upstreams[0]}", "--listen", "127.0.0.1:0", "--set", f"metrics 127.0.0.1:{port}", "--set", "threads 3")
    for i in range(30):
        served.ask(f"n{i % 10}.example")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert text.endswith("# EOF\n")
    assert "# TYPE fabricnet_dns_queries counter\n" in text and "\nfabricnet_dns_queries_total 30\n" in text
    values = dict(re.findall(r"^(fabricnet_dns_\w+) (\d+)$", text, re.M))
    assert int(values["fabricnet_dns_cache_hits_total"]) + int(values["fabricnet_dns_cache_misses_total"]) == 30
    assert 10 <= int(values["fabricnet_dns_cache_entries"]) <= 30


def test_systemds_sockets_are_served(upstreams):
    udp, tcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket()
    udp.bind(("127.0.0.1", 0))
    tcp.bind(udp.getsockname())
    tcp.listen()
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    name = f"\0fabricnet-{uuid.uuid4().hex}"
    told.bind(name)
    told.settimeout(10)
    script = f'exec 3<&{udp.fileno()} 4<&{tcp.fileno()}; LISTEN_PID=$$ exec "$@"'
    served = Daemon(["bash", "-c", script, "bash", DNSD, "--route", f".={upstreams[0]}"], pass_fds=[udp.fileno(), tcp.fileno()],
                    env={**os.environ, "LISTEN_FDS": "2", "NOTIFY_SOCKET": "@" + name[1:]})
    try:
        assert told.recv(100) == b"READY=1"
        udp.close(), tcp.close()
        assert served.ask("a.example") == "1.1.1.1"
        assert served.ask("b.example", socket.SOCK_STREAM) == "1.1.1.1"
    finally:
        served.stop()
        told.close()


def test_killed_under_load_it_comes_back(daemon, upstreams):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ("--route", f".={upstreams[0]}", "--listen", f"127.0.0.1:{port}")
    served, answered, ended = daemon(*words), [], threading.Event()

    def load(first):
        number = first
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.1)
            client.connect(("127.0.0.1", port))
            while not ended.is_set():
                try:
                    client.send(query(f"n{number}.example", number & 0xffff))
                    while int.from_bytes(client.recv(4096)[:2]) != number & 0xffff:
                        pass
                except OSError:
                    continue  # asked again, as any resolver does
                answered.append(time.monotonic())
                number += 4

    loads = [threading.Thread(target=load, args=(first,)) for first in range(4)]
    for each in loads:
        each.start()
    try:
        for _ in range(3):
            time.sleep(0.5)
            before = len(answered)
            assert before
            assert served.stop(signal.SIGKILL) == -signal.SIGKILL
            served = daemon(*words)  # its port is free at once
            deadline = time.monotonic() + 10
            while len(answered) < before + 50:
                assert time.monotonic() < deadline
                time.sleep(0.01)
    finally:
        ended.set()
        for each in loads:
            each.join()
    assert served.stop() == 0


def test_other_links_are_other_ports(upstreams):
    """In a namespace of its own: an address more, and the next question comes from a socket that is new."""
    name = f"fbn-dnsd-{uuid.uuid4().hex[:8]}"
    program = f"""
import sys, time, subprocess
sys.path.insert(0, {str(TOP / 'tests/command')!r})
from test_dnsd import Daemon, Upstream, DNSD
up = Upstream("1.1.1.1")
served = Daemon([DNSD, "--route", f".={{up}}", "--listen", "127.0.0.1:0"])
try:
    for i in range(300):
        served.ask(f"a{{i}}.example")
    before = {{port for _, port in up.asked}}
    subprocess.run(["ip", "link", "add", "new", "type", "veth", "peer", "name", "newer"], check=True)
    time.sleep(1)
    del up.asked[:]
    for i in range(30):
        served.ask(f"b{{i}}.example")
    print(len(before), len(before & {{port for _, port in up.asked}}))
finally:
    served.stop(), up.close()
"""
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        done = subprocess.run(["ip", "netns", "exec", name, "python3", "-c", program], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        ports, kept = map(int, done.stdout.split())
        assert ports >= 40 and kept <= 3
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)


def test_the_command_becomes_the_daemon(upstreams):
    served = Daemon([COMMAND, "dns", "serve", "--route", f".={upstreams[0]}", "--listen", "127.0.0.1:0", "cache 1M", "strict"])
    try:
        assert served.ask("a.example") == "1.1.1.1"
        assert os.readlink(f"/proc/{served.process.pid}/exe").endswith("/fabricnet-dnsd")
        libraries = subprocess.run(["ldd", DNSD], capture_output=True, text=True, check=True).stdout
        assert "libfabricnet-core" in libraries and "libfabricnet.so" not in libraries and "jansson" not in libraries
    finally:
        assert served.stop() == 0


def test_the_log_is_off_unless_asked_for(daemon, upstreams):
    silent = daemon("--route", f".={upstreams[0]}", "--listen", "127.0.0.1:0")
    silent.ask("private.example")
    silent.stop()
    assert len(silent.lines) == 1
    hashed = daemon("--route", f".={upstreams[0]}", "--listen", "127.0.0.1:0", "--set", "log hashes")
    hashed.ask("private.example")
    hashed.said(" udp #")
    hashed.stop()
    assert not any("private" in line for line in hashed.lines)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze")
def test_the_unit_is_hardly_exposed(tmp_path):
    unit = tmp_path / "fabricnet-dnsd.service"
    unit.write_text(UNIT.read_text())
    shutil.copy(TOP / "examples/fabricnet-dnsd/fabricnet-dnsd.socket", tmp_path)
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", unit], capture_output=True, text=True, timeout=60)
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert exposure, done.stdout + done.stderr
    assert float(exposure.group(1)) < 2


@pytest.mark.parametrize("name", ["dns_stub", "dns_embed", "dns_libuv", "dns_libev", "dns_libevent"])
def test_the_stub_lives_in_other_programs_loops(upstreams, name):
    program = TOP / f"build/examples/example-{name}"
    if not program.exists():
        pytest.skip(f"{name} is not built")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([program, f"127.0.0.1:{port}", f"example={upstreams[0]}"], stdout=subprocess.DEVNULL)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.2)
            client.connect(("127.0.0.1", port))
            deadline = time.monotonic() + 10
            for number in range(100):
                try:
                    client.send(query("a.example", number))
                    answer = client.recv(4096)
                    break
                except OSError:
                    assert time.monotonic() < deadline and process.poll() is None
                    time.sleep(0.05)
        assert answer[-4:] == b"\1\1\1\1"
        upstreams[0].dumb = True  # only the loop's time-outs bring this failure
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(20)
            client.connect(("127.0.0.1", port))
            client.send(query("silent.example"))
            assert client.recv(4096)[3] & 15 == 2
    finally:
        process.kill()
        process.wait()
