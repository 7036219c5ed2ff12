# SPDX-License-Identifier: LGPL-2.1-or-later
"""From fail2ban's decision until the host drops the address, while the CDN's API hangs: fail2ban's own actions (nftables, then Cloudflare) and
ours, a storm of bans each. Then 10,000 bans in a burst, and the engine's memory with 100,000."""
import json
import pathlib
import socket
import statistics
import subprocess
import sys
import threading
import time

from harness import Goal, Sample

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bindings/python/fabricnet/lab"))
import cloudflare as fake_cloudflare  # noqa: E402

ZONE, TOKEN = "0123456789abcdef0123456789abcdef", "token"
STORM = 4  # theirs takes as long as the API hangs for each
HANG = 5  # seconds that curl(1) is given, by their action as by ours

JAIL = """[DEFAULT]
allowipv6 = auto
[storm]
enabled = true
backend = polling
filter = storm
logpath = {directory}/log
maxretry = 1
findtime = 3600
bantime = 3600
action = {action}
"""
FILTER = "[Definition]\nfailregex = ^<HOST> failed$\ndatepattern = {NONE}\n"
# fail2ban's cloudflare.conf as Debian ships it, with the URL of the fake and a time-out, which the original has not: it would hang for good.
THEIRS = """[Definition]
actionban = curl -s -o /dev/null -m {hang} -X POST -H "Authorization: Bearer {token}" -H "Content-Type: application/json" \\
            -d '{{"mode":"block","configuration":{{"target":"ip","value":"<ip>"}},"notes":"Fail2Ban <name>"}}' \\
            {url}/zones/{zone}/firewall/access_rules/rules || true
actionunban = true
"""
OURS = """[Definition]
actionban = {command} --socket {socket} ban add <ip> <bantime>s <name>
actionunban = {command} --socket {socket} ban del <ip>
"""


def in_set(table, name, address):
    return subprocess.run(["nft", "get", "element", "inet", table, name, "{", address, "}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


class Watch:
    """When which address came into a set: nft(8) tells elements as they are added."""

    def __init__(self):
        self.seen = {}
        self.process = subprocess.Popen(["nft", "monitor", "new", "elements"], stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self.read, daemon=True).start()
        time.sleep(0.3)

    def read(self):
        for line in self.process.stdout:
            now = time.monotonic()
            for word in line.replace(",", " ").split():
                if word.startswith("198.18."):
                    self.seen.setdefault(word, now)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class Jail:
    """A fail2ban with one jail whose action is this."""

    def __init__(self, bench, name, action, definition):
        self.directory = bench.directory / name
        for folder in ("action.d", "filter.d", "jail.d"):
            (self.directory / folder).mkdir(parents=True)
        for own in ("nftables.conf", "nftables-allports.conf", "nftables-common.conf", "nftables-multiport.conf"):
            source = pathlib.Path("/etc/fail2ban/action.d") / own
            if source.exists():
                (self.directory / "action.d" / own).write_text(source.read_text())
        (self.directory / "action.d/storm.conf").write_text(definition)
        (self.directory / "filter.d/storm.conf").write_text(FILTER)
        (self.directory / "jail.conf").write_text(JAIL.format(directory=self.directory, action=action))
        (self.directory / "fail2ban.conf").write_text(
            f"[Definition]\nloglevel = INFO\nlogtarget = {self.directory}/f2b.log\nsyslogsocket = auto\nsocket = {self.directory}/f2b.sock\n"
            f"pidfile = {self.directory}/f2b.pid\ndbfile = None\ndbpurgeage = 1d\ndbmaxmatches = 10\n[Thread]\nstacksize = 0\n")
        (self.directory / "log").write_text("")
        self.count = 0

    def client(self, *words):
        return subprocess.run(["fail2ban-client", "-c", str(self.directory), *words], capture_output=True, text=True)

    def __enter__(self):
        self.server = subprocess.Popen(["fail2ban-server", "-f", "-c", str(self.directory), "start"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while self.client("status", "storm").returncode:
            if time.monotonic() > deadline:
                raise SystemExit(f"ban: fail2ban does not start: {(self.directory / 'f2b.log').read_text()[-1000:]}")
            time.sleep(0.1)
        return self

    def __exit__(self, *_):
        self.server.kill()
        self.server.wait()

    def storm(self, base):
        """Seconds until each of the addresses is in force, from the moment that all were asked for at once."""
        addresses = [f"198.18.{base}.{i + 1}" for i in range(STORM)]
        with Watch() as watch:
            start = time.monotonic()
            self.client("set", "storm", "banip", *addresses)
            deadline = start + STORM * (HANG + 5)
            while not set(addresses) <= set(watch.seen) and time.monotonic() < deadline:
                time.sleep(0.01)
            missing = set(addresses) - set(watch.seen)
            if missing:
                raise SystemExit(f"ban: {sorted(missing)} never came into force: {(self.directory / 'f2b.log').read_text()[-1000:]}")
            return [watch.seen[address] - start for address in addresses]


class Engine:
    def __init__(self, bench, name, **settings):
        self.command = str(bench.top / "build/examples/fabricnet/fabricnet")
        self.folder = bench.directory / name
        self.folder.mkdir()
        self.socket = str(self.folder / "sock")
        (self.folder / "ban.json").write_text(json.dumps({"socket": self.socket, "state_dir": str(self.folder / "state"), **settings}))

    def status(self):
        done = subprocess.run([self.command, "--socket", self.socket, "ban", "status", "--json"], capture_output=True, text=True)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def __enter__(self):
        self.process = subprocess.Popen([self.command, "ban", "serve", str(self.folder / "ban.json")], stderr=subprocess.DEVNULL)
        while self.status() is None:
            if self.process.poll() is not None:
                raise SystemExit("ban: the engine does not start")
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def resident(self):
        return self.status()["resident_kib"]

    def burst(self, count, second):
        """Seconds until so many bans on one connection were all answered."""
        lines = "".join(f"add 10.{second}.{i >> 8 & 255}.{i & 255} 36000 burst\n" if i < 65536 else f"add 10.{second + 1}.{i >> 8 & 255}.{i & 255} 36000 burst\n"
                        for i in range(count)).encode()
        with socket.socket(socket.AF_UNIX) as asker:
            asker.connect(self.socket)
            start = time.monotonic()
            threading.Thread(target=asker.sendall, args=(lines,), daemon=True).start()
            stream = asker.makefile()
            answers = [stream.readline() for _ in range(count)]
            taken = time.monotonic() - start
        lost = sum(answer != "ok 1\n" for answer in answers)
        if lost:
            raise SystemExit(f"ban: {lost} of {count} bans had no good answer")
        return taken


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def storms(bench, rounds):
    """Times of ours and theirs, interleaved."""
    with fake_cloudflare.serve(ZONE, TOKEN) as server:
        server.hangs = True
        token = bench.write("token", TOKEN + "\n")
        with Engine(bench, "engine", cdn_zone=ZONE, cdn_token=token, cdn_url=server.url, cdn_timeout=f"{HANG}s") as engine:
            ours = Jail(bench, "ours", "storm", OURS.format(command=engine.command, socket=engine.socket))
            theirs = Jail(bench, "theirs", "nftables[type=allports, name=storm]\n         storm",
                          THEIRS.format(hang=HANG, token=TOKEN, url=server.url, zone=ZONE))
            mine, others = [], []
            with ours, theirs:
                for number in range(rounds):
                    mine += ours.storm(number)
                    others += theirs.storm(100 + number)
            return mine, others, engine.resident()


def run(bench):
    if not bench.has("fail2ban-server"):
        return
    rounds = bench.rounds or 3
    bench.command("ip", "link", "set", "lo", "up")
    mine, others, resident = storms(bench, rounds)
    for measure, share, goal in (("in-force-median", 0.5, 0.05), ("in-force-p99", 0.99, 0.1)):
        ours, theirs = percentile(mine, share), percentile(others, share)
        bench.result(measure, "fail2ban", "s", [Sample(ours, 0, resident)] * len(mine), [Sample(theirs, 0, 0)] * len(others), lambda s: s.value, Goal(goal))
    bench.command("nft", "flush", "ruleset")
    with Engine(bench, "many") as engine:
        taken = engine.burst(10000, 0)
        count = int(bench.command("sh", "-c", "nft -j list set inet fabricnet ban-ipv4 | grep -o '\"10\\.' | wc -l"))
        if count != 10000 or engine.status()["bans"] != 10000:
            raise SystemExit(f"ban: {count} of 10,000 bans are in force")
        bench.note(f"10,000 bans in a burst: all answered, in force and stored in {taken:.2f} s ({taken * 100:.0f} µs each)")
        engine.burst(90000, 1)
        bench.note(f"100,000 bans: {engine.resident()} KiB resident{'' if engine.resident() <= 8192 else '; goal missed: ≤8192 KiB'}")
