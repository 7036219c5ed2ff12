# SPDX-License-Identifier: LGPL-2.1-or-later
"""A fabric file from what is there plans to no change."""
import json
import os
import pathlib
import subprocess
import uuid

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
COMMAND = os.environ.get("FBN_COMMAND", str(TOP / "build/examples/fabricnet/fabricnet"))


def run(*words, **options):
    return subprocess.run([*map(str, words)], capture_output=True, text=True, timeout=60, **options)


@pytest.fixture
def netns():
    name = f"fbn-import-{uuid.uuid4().hex[:8]}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    for words in ("link set lo up", "link add eth0 type veth peer name far", "link set eth0 up", "link set far up", "address add 203.0.113.2/24 dev eth0",
                  "route add default via 203.0.113.1", "link add lan0 type veth peer name lan1", "link set lan0 up", "link set lan1 up", "address add 192.168.8.1/24 dev lan0"):
        subprocess.run(["ip", "-n", name, *words.split()], check=True)
    yield name
    run(COMMAND, "--netns", name, "wg", "delete", "wg0")
    subprocess.run(["ip", "netns", "delete", name], check=True)


def keys(folder, name):
    private = run("wg", "genkey").stdout
    path = folder / f"{name}.key"
    path.write_text(private)
    path.chmod(0o600)
    return run("wg", "pubkey", input=private).stdout.strip()


def declared(folder):
    psk = folder / "b.psk"
    psk.write_text(run("wg", "genpsk").stdout)
    psk.chmod(0o600)
    members = {"a": {"address": "10.7.0.1", "listen": 51820, "endpoint": "198.51.100.7:51820", "private_key": {"file": "a.key"}, "announces": ["lan"], "keepalive": "25s"},
               "b": {"address": "10.7.0.2", "announces": ["far"], "preshared_key": {"file": "b.psk"}},
               "c": {"address": "10.7.0.3", "endpoint": "198.51.100.9:51820"}}
    for name, member in members.items():
        member["public_key"] = keys(folder, name)
    interfaces = {"eth0": {"wan": True, "address": "203.0.113.2"}, "lan0": {"address": "192.168.8.1"}}
    return {"fabric": 1, "name": "imported",
            "prefixes": {"p": "10.7.0.0/24", "lan": {"prefix": "192.168.8.0/24", "at": "a"}, "far": "192.168.30.0/24", "up": "203.0.113.0/24"},
            "hosts": {"a": {"forwarding": True, "interfaces": interfaces}, "b": {"forwarding": True}, "c": {}},
            "wireguard": {"t": {"prefix": "p", "mtu": 1380, "members": members}},
            "nat": {"a": [{"masquerade": ["p"], "out": {"interface": "eth0"}}, {"forward": "192.168.8.9:8443/tcp", "port": 443, "hairpin": True, "in": {"interface": "eth0"}},
                          {"accept": ["lan"], "to": ["far"]}, {"drop": ["lan"], "out": {"tunnel": "t"}, "name": "shut"}]}}


@pytest.fixture
def applied(netns, tmp_path):
    path = tmp_path / "fabric.json"
    path.write_text(json.dumps(declared(tmp_path)))
    done = run(COMMAND, "--netns", netns, "--state", tmp_path / "state", "-f", path, "--host", "a", "--local-only", "apply")
    assert done.returncode == 0, done.stderr
    return netns, tmp_path


def plan(netns, path):
    done = run(COMMAND, "--netns", netns, "-f", path, "--host", "a", "--local-only", "--json", "plan")
    assert done.returncode in (0, 2), done.stderr
    return [(step["domain"], step["kind"], step["object"], step["field"], step["before"], step["after"]) for step in json.loads(done.stdout)["steps"]]


def test_a_live_host_plans_to_no_change(applied):
    netns, folder = applied
    new = folder / "new" / "fabric.json"
    new.parent.mkdir()
    done = run(COMMAND, "--netns", netns, "--host", "a", "-o", new, "import")
    assert done.returncode == 0, done.stderr
    text = new.read_text()
    assert (folder / "a.key").read_text().strip() not in text + done.stdout and (folder / "b.psk").read_text().strip() not in text + done.stdout
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in (new.parent / "secrets").iterdir())
    assert plan(netns, new) == []
    again = run(COMMAND, "--netns", netns, "--host", "a", "-o", new, "import")
    assert again.returncode == 3 and "is there already" in again.stderr
    document = json.loads(text)
    assert document["hosts"]["a"]["interfaces"] == {"eth0": {"wan": True, "address": "203.0.113.2"}, "lan0": {"address": "192.168.8.1"}}
    assert [next(iter(set(entry) & {"masquerade", "forward", "accept", "drop"})) for entry in document["nat"]["a"]] == ["masquerade", "forward", "accept", "drop"]


def test_a_wg_quick_file_becomes_the_same_tunnel(applied):
    netns, folder = applied
    exported = run(COMMAND, "--netns", netns, "wg", "export", "wg0")
    assert exported.returncode == 0, exported.stderr
    conf = folder / "wg0.conf"
    conf.write_text(exported.stdout)
    conf.chmod(0o600)
    new = folder / "files" / "fabric.json"
    new.parent.mkdir()
    done = run(COMMAND, "--host", "a", "-o", new, "import", conf)
    assert done.returncode == 0, done.stderr
    assert [step for step in plan(netns, new) if step[0] in ("link", "address", "wireguard", "route")] == []


def test_a_road_warriors_file(netns, tmp_path):
    private, public = run("wg", "genkey").stdout.strip(), run("wg", "pubkey", input=run("wg", "genkey").stdout).stdout.strip()
    conf = tmp_path / "wg0.conf"
    conf.write_text(f"[Interface]\nPrivateKey = {private}\nAddress = 10.9.0.7/24\n[Peer]\nPublicKey = {public}\nAllowedIPs = 0.0.0.0/0\nEndpoint = vpn.example.org:51820\n")
    conf.chmod(0o600)
    done = run(COMMAND, "--host", "My Laptop", "-o", tmp_path / "fabric.json", "import", conf)
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "fabric.json").read_text())
    assert document["wireguard"]["wg0"]["members"]["my-laptop"]["road_warrior"] is True
    assert run(COMMAND, "-f", tmp_path / "fabric.json", "plan", "--netns", netns, "--host", "my-laptop", "--local-only", "--force").returncode == 2
    bad = tmp_path / "a name too long for a device.conf"
    bad.write_text("")
    assert run(COMMAND, "--host", "a", "import", bad).returncode == 3


NODES = json.loads((TOP / "tests/data/headscale/nodes-0.28.0.json").read_text())["nodes"]
USERS = json.loads((TOP / "tests/data/headscale/users-0.28.0.json").read_text())


@pytest.fixture
def headscale(json_server):
    json_server.answers = {"/version": {"version": "v0.28.0"}, "/api/v1/user": USERS, "/api/v1/policy": {"policy": "{}"}}
    return json_server


@pytest.mark.parametrize("addresses, gap", [
    ([["100.64.0.1"], ["100.64.0.2"]], False),
    ([["100.64.0.2"], ["100.64.0.1"]], False),
    ([["100.64.0.1"], ["100.64.0.3"]], True),
    ([["100.64.0.2"]], True),
    ([["100.64.0.1"], ["fd7a:115c:a1e0::2"]], False),
    ([["100.64.0.1"], ["100.64.1.2"]], True),
])
def test_addresses_that_a_new_server_would_not_give_are_allowed(headscale, tmp_path, addresses, gap):
    nodes = [{**NODES[0], "id": str(i), "givenName": f"n{i}", "ipAddresses": each} for i, each in enumerate(addresses, 1)]
    headscale.answers["/api/v1/node"] = {"nodes": nodes}
    (tmp_path / "key").write_text("swordfish\n")
    (tmp_path / "key").chmod(0o600)
    path = tmp_path / "fabric.json"
    done = run(COMMAND, "--host", "control", "--url", f"http://127.0.0.1:{headscale.server_port}", "--api-key", tmp_path / "key", "-o", path, "import")
    assert done.returncode == 0, done.stderr
    document = json.loads(path.read_text())
    assert [node["address"] for node in document["mesh"]["nodes"].values()] == [each[0] for each in addresses]
    assert [one["code"] for one in document.get("allow", [])] == (["enrolment-order"] if gap else [])
