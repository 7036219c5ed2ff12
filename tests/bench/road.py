# SPDX-License-Identifier: LGPL-2.1-or-later
"""A road: a configuration that is as wanted is applied once a second for a minute, while packets go through the tunnel. How many are
lost? The flow's peer has a thousand networks, the tunnel's other end last among them; nothing ever differs."""
import base64
import ipaddress
import json
import os
import re
import signal
import subprocess
import time

from harness import Goal, Sample

SECONDS = 60  # a round
PINGS = 100  # a second
NETWORKS = 1_000
SIDES = {"left": ("192.0.2.1", "10.9.0.1"), "right": ("192.0.2.2", "10.9.0.2")}


def wg(*words, given=None):
    return subprocess.run(["wg", *words], input=given, capture_output=True, text=True, check=True).stdout.strip()


class Road:
    """Two hosts, a cable, a wireguard-go on either."""

    def __init__(self, bench):
        self.bench, self.daemons = bench, []
        bench.command("ip", "netns", "add", "left")
        bench.command("ip", "netns", "add", "right")
        bench.command("ip", "-n", "left", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", "right")
        keys = {side: wg("genkey") for side in SIDES}
        self.config = {}
        for (side, (outer, inner)), other in zip(SIDES.items(), ("right", "left")):
            self.start(side, outer, inner)
            networks = [f"{ipaddress.ip_address('10.64.0.0') + 256 * i}/24" for i in range(NETWORKS)] + [SIDES[other][1] + "/32"]
            self.config[side] = bench.write(f"wg-{side}.conf", "\n".join([
                "[Interface]", f"PrivateKey = {keys[side]}", "ListenPort = 51820",
                "[Peer]", f"PublicKey = {wg('pubkey', given=keys[other])}", f"Endpoint = {SIDES[other][0]}:51820",
                "PersistentKeepalive = 25", f"AllowedIPs = {', '.join(networks)}"]) + "\n")
            bench.command("ip", "netns", "exec", side, "wg", "setconf", f"wg-{side}", self.config[side])

    def start(self, side, outer, inner):
        enter = ["ip", "netns", "exec", side]
        self.daemons.append(subprocess.Popen([*enter, "wireguard-go", "--foreground", f"wg-{side}"], env={**os.environ, "LOG_LEVEL": "silent"},
                                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        end = time.monotonic() + 10
        while not os.path.exists(f"/var/run/wireguard/wg-{side}.sock"):
            if time.monotonic() > end:
                raise SystemExit("road: wireguard-go does not start")
            time.sleep(0.01)
        for words in ("link set lo up", "link set eth0 up", f"address add {outer}/24 dev eth0", f"address add {inner}/24 dev wg-{side}",
                      f"link set wg-{side} mtu 1420 up"):
            self.bench.command("ip", "-n", side, *words.split())

    def stop(self):
        for daemon in self.daemons:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait()


def lost_pings(text):
    sent, received = map(int, re.search(r"(\d+) packets transmitted, (\d+) received", text).groups())
    return sent - received, sent


def lost_datagrams(text):
    total = json.loads(text)["end"]["sum"]
    return total["lost_packets"], total["packets"]


def journey(bench, seconds, apply):
    """Packets through the tunnel for so long, apply called once a second. Gives lost and sent: of the pings, of the UDP flow."""
    target = SIDES["right"][1]
    server = subprocess.Popen(["ip", "netns", "exec", "right", "iperf3", "--server", "--one-off", "--bind", target], stdout=subprocess.DEVNULL)
    time.sleep(0.5)
    bench.command("ip", "netns", "exec", "left", "ping", "-c1", "-W5", target)
    flows = [subprocess.Popen(["ip", "netns", "exec", "left", *words], stdout=subprocess.PIPE, text=True) for words in (
        ["ping", "-q", "-i", str(1 / PINGS), "-c", str(seconds * PINGS), "-W", "2", target],
        ["iperf3", "--udp", "--client", target, "--bitrate", "5M", "--length", "500", "--time", str(seconds), "--json"])]
    for _ in range(seconds):
        time.sleep(1)
        if apply:
            apply()
    outputs = [flow.communicate()[0] for flow in flows]
    server.wait()
    return lost_pings(outputs[0]), lost_datagrams(outputs[1])


def run(bench):
    road = Road(bench)
    config, seconds = road.config["left"], bench.rounds or SECONDS
    enter = ["ip", "netns", "exec", "left"]
    applies = {None: [*enter, bench.program("wireguard"), "apply", "wg-left", config, "0"],
               "wg syncconf": [*enter, "wg", "syncconf", "wg-left", config], "nothing": None}
    results = {}
    for name, command in applies.items():
        samples = []
        lost = journey(bench, seconds, (lambda: samples.append(bench.sample(command))) if command else None)
        rss = max((sample.rss for sample in samples), default=0)
        results[name] = [Sample(flow[0], 0, rss) for flow in lost]
        bench.note(f"{name or 'ours'}: lost {lost[0][0]} of {lost[0][1]} pings, {lost[1][0]} of {lost[1][1]} datagrams")
    for number, flow in enumerate(("pings", "datagrams")):
        for peer in ("wg syncconf", "nothing"):
            bench.result(f"lost-{flow}", peer, "lost", [results[None][number]], [results[peer][number]], lambda s: s.value, Goal(0))
    road.stop()
