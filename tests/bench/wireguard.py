# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ours against wg(8), ten thousand peers on wireguard-go. What first-10k takes is the daemon's work: it makes each peer's keys."""
import base64
import os
import pathlib
import random
import shutil
import signal
import subprocess
import time

import route
import wireguard_kernel
from harness import CACHE, Goal

PEERS = 10_000
WGCTRL = wireguard_kernel.WGCTRL
SOCKET = pathlib.Path("/var/run/wireguard/wg0.sock")


def prepare():
    """wgctrl-go's program, built once for what its folder holds, and pyroute2."""
    route.prepare()
    source = pathlib.Path(__file__).parent / "wgctrl"
    go = shutil.which("go") or CACHE / "go/go/bin/go"  # where tests/go/build puts one
    if WGCTRL.exists() and all(file.stat().st_mtime <= WGCTRL.stat().st_mtime for file in source.iterdir()):
        return
    if pathlib.Path(go).exists():
        WGCTRL.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([go, "build", "-trimpath", "-o", str(WGCTRL), "."], cwd=source, env={**os.environ, "CGO_ENABLED": "0"}, capture_output=True)


def key(source):
    return base64.b64encode(source.randbytes(32)).decode()


def configuration(peers):
    """The text of a file as wg(8) reads it; the same every time."""
    source = random.Random(4711)
    private = bytearray(source.randbytes(32))
    private[0] &= 248
    private[31] = private[31] & 127 | 64
    lines = ["[Interface]", f"PrivateKey = {base64.b64encode(private).decode()}", "ListenPort = 51820"]
    for i in range(peers):
        lines += ["[Peer]", f"PublicKey = {key(source)}", f"PresharedKey = {key(source)}",
                  f"AllowedIPs = 10.{i >> 16}.{i >> 8 & 255}.{i & 255}/32, fd00::{i:x}/128", f"Endpoint = 203.0.113.{i % 250 + 1}:{1024 + i}"]
    return "\n".join(lines) + "\n"


class Device:
    def __init__(self):
        self.process = None

    def start(self):
        """A daemon that has no peers yet."""
        self.stop()
        self.process = subprocess.Popen(["wireguard-go", "--foreground", "wg0"], env={**os.environ, "LOG_LEVEL": "silent"},
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while not SOCKET.exists():
            if self.process.poll() is not None or time.monotonic() > end:
                raise SystemExit("wireguard: wireguard-go does not start")
            time.sleep(0.01)
        subprocess.run(["ip", "link", "set", "wg0", "up"], check=True)

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait()
            SOCKET.unlink(missing_ok=True)


def run(bench):
    text = configuration(PEERS)
    config = bench.write("wg0.conf", text)
    other = bench.write("other.conf", text.replace("AllowedIPs = 10.0.19.136/32,", "AllowedIPs = 10.99.0.1/32,"))  # of peer 5,000
    apply, device = bench.program("wireguard"), Device()
    others = lambda *words: {"wgctrl-go": [WGCTRL, *words]} if WGCTRL.exists() else {}

    if not WGCTRL.exists():
        bench.note("peer wgctrl-go not built, for want of Go: skipped")
    device.start()
    bench.compare("first-10k", [apply, "apply", "wg0", config, PEERS + 2],
                  {"wg setconf": ["wg", "setconf", "wg0", config], **others("apply", "wg0", config)},
                  {"wg setconf": Goal(1.05, rss_ratio=2)}, before=device.start, rounds=7)
    bench.compare("noop-10k", [apply, "apply", "wg0", config, 0],
                  {"wg syncconf": ["wg", "syncconf", "wg0", config], **others("apply", "wg0", config)},
                  {"wg syncconf": Goal(0.4, rss_ratio=2)}, rounds=9, cpu=True)
    bench.compare("one-10k", [apply, "apply", "wg0", other, 2], {"wg syncconf": ["wg", "syncconf", "wg0", other]},
                  {"wg syncconf": Goal(0.45, rss_ratio=2)}, before=lambda: bench.command("wg", "syncconf", "wg0", config), rounds=9, cpu=True)
    bench.command("wg", "syncconf", "wg0", config)
    if lines(bench.command(apply, "show", "wg0")) != lines(bench.command("wg", "show", "wg0", "dump")):
        raise SystemExit("wireguard: ours and wg show do not print the same")
    bench.compare("get-10k", [apply, "show", "wg0"],
                  {"wg show": ["wg", "show", "wg0", "dump"], "limit": [bench.program("wireguard_limit"), "wg0"], **others("show", "wg0")},
                  {"wg show": Goal(0.6, rss_ratio=2)}, rounds=9, cpu=True)
    device.stop()
    wireguard_kernel.run(bench, configuration(wireguard_kernel.PEERS))


def lines(dump):
    """A dump without order: a daemon has none, neither of peers nor of allowed IPs."""
    return sorted(tuple(",".join(sorted(word.split(","))) for word in line.split("\t")) for line in dump.splitlines())
