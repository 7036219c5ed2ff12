# SPDX-License-Identifier: LGPL-2.1-or-later
"""fabricnet … watch: one event a line, until Ctrl-C, which is a clean end."""
import json
import os
import signal
import subprocess

import pytest

from test_command import COMMAND, one_line, run


@pytest.fixture
def sandbox():
    """Starts commands in network, mount and PID namespaces of their own, which go with the test."""
    holder = subprocess.Popen(["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-c",
                               "mount -t tmpfs tmpfs /run && ip link set lo up && echo ready && exec sleep 120"], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "ready\n"
    inside = subprocess.run(["pgrep", "-P", str(holder.pid)], capture_output=True, text=True, check=True).stdout.strip()
    yield lambda *words: ["nsenter", "-t", inside, "-n", "-m", "-p", *words]
    holder.kill()
    holder.wait()


class Watch:
    def __init__(self, sandbox, *words):
        self.process = subprocess.Popen(sandbox(COMMAND, *words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def event(self, **wanted):
        for line in self.process.stdout:
            event = json.loads(line)
            if all(event.get(key) == value for key, value in wanted.items()):
                return event
        raise AssertionError(f"ended without {wanted}: {self.process.stderr.read()}")

    def interrupt(self):
        command = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=True).stdout  # nsenter's child
        os.kill(int(command), signal.SIGINT)
        _, errors = self.process.communicate(timeout=10)
        return self.process.returncode, errors


def test_wg_watch(sandbox):
    watch = Watch(sandbox, "wg", "watch", "--json", "--interval", "0.1")
    subprocess.run(sandbox(COMMAND, "wg", "create", "wg0"), check=True)
    assert watch.event(event="added", type="interface")["object"] == "wg0"
    subprocess.run(sandbox("wg", "set", "wg0", "listen-port", "4711"), check=True)
    event = watch.event(event="changed", field="listen port")
    assert event["after"] == "4711" and event["time"] > 0
    subprocess.run(sandbox("sh", "-c", "wg set wg0 peer $(wg genkey | wg pubkey) endpoint 127.0.0.1:9"), check=True)
    assert watch.event(event="added", type="peer")["peer"]["endpoint"] == "127.0.0.1:9"
    subprocess.run(sandbox(COMMAND, "wg", "delete", "wg0"), check=True)
    assert watch.event(event="removed", type="interface")
    assert watch.interrupt() == (0, "")


def test_a_reader_that_has_enough_ends_it(sandbox):
    script = f"{COMMAND} wg create wg0 && {COMMAND} wg watch --interval 0.05 | head -1"
    done = subprocess.run(sandbox("sh", "-c", f"{script} & sleep 0.5; wg set wg0 listen-port 1; sleep 0.3; wg set wg0 listen-port 2; wait"), capture_output=True,
                          text=True, timeout=20)
    assert done.stdout.count("\n") == 1 and "added wg0" in done.stdout and done.stderr == ""


@pytest.mark.parametrize("words", [["wg", "watch", "a", "b"], ["wg", "watch", "--interval", "0"], ["wg", "watch", "--interval", "1x"], ["wg", "watch", "a/b"]])
def test_misuse(words):
    result = run(*words)
    assert result.returncode == 3
    one_line(result)


def test_route_and_link_watch(sandbox):
    subprocess.run(sandbox("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1"), check=True)
    links, routes = Watch(sandbox, "link", "watch", "v0", "--json"), Watch(sandbox, "route", "watch", "table", "77", "--json")
    assert links.event(event="added", type="link")["link"]["name"] == "v0"
    subprocess.run(sandbox("ip", "link", "set", "v0", "up"), check=True)
    assert links.event(event="changed", field="state")["after"] == "up"
    assert routes.event(type="rule")
    subprocess.run(sandbox("ip", "route", "add", "10.0.0.0/8", "dev", "v0", "table", "77"), check=True)
    assert routes.event(event="added", type="route")["route"]["device"] == "v0"
    subprocess.run(sandbox("ip", "link", "set", "v0", "down"), check=True)
    assert routes.event(event="removed", type="route")["before"] == "dev v0"
    assert links.interrupt() == (0, "") and routes.interrupt() == (0, "")


def test_nat_watch_names_who_did_it(sandbox):
    watch = Watch(sandbox, "nat", "watch", "--json")
    subprocess.run(sandbox("nft", "add table inet other; add table inet fabricnet"), check=True)
    assert watch.event(type="table")["object"] == "table inet fabricnet"
    subprocess.run(sandbox("nft", "flush", "ruleset"), check=True)
    assert watch.event(event="removed", type="table")["by"] == "nft"
    assert watch.interrupt() == (0, "")


def test_apply_resolves_names(sandbox, tmp_path):
    file = tmp_path / "wg0.conf"
    key = subprocess.run(["wg", "genkey"], capture_output=True, text=True, check=True).stdout.strip()
    peers = [subprocess.run("wg genkey | wg pubkey", shell=True, capture_output=True, text=True, check=True).stdout.strip() for _ in range(2)]
    file.touch(mode=0o600)
    file.write_text(f"[Interface]\nPrivateKey = {key}\n[Peer]\nPublicKey = {peers[0]}\nEndpoint = localhost:4711\n")
    subprocess.run(sandbox(COMMAND, "wg", "create", "wg0"), check=True)
    done = subprocess.run(sandbox(COMMAND, "wg", "apply", "wg0", str(file)), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    endpoints = subprocess.run(sandbox("wg", "show", "wg0", "endpoints"), capture_output=True, text=True, check=True).stdout
    assert endpoints.strip().endswith(":4711")
    again = subprocess.run(sandbox(COMMAND, "wg", "apply", "wg0", str(file)), capture_output=True, text=True)
    assert (again.returncode, again.stdout) == (0, "")
    with file.open("a") as out:
        out.write(f"[Peer]\nPublicKey = {peers[1]}\nEndpoint = nowhere.invalid:1\n")
    failed = subprocess.run(sandbox(COMMAND, "wg", "apply", "wg0", str(file)), capture_output=True, text=True)
    assert failed.returncode == 5 and "nowhere.invalid:1" in one_line(failed) and peers[1] in failed.stdout
