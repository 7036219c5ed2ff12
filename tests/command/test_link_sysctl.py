# SPDX-License-Identifier: LGPL-2.1-or-later
"""fabricnet link and sysctl by hand."""
import json
import os
import pathlib
import subprocess
import uuid

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
COMMAND = os.environ.get("FBN_COMMAND", str(TOP / "build/examples/fabricnet/fabricnet"))


@pytest.fixture
def host():
    name = f"fbn-link-{uuid.uuid4().hex[:8]}"
    subprocess.run(["ip", "netns", "add", name], check=True)

    def run(*words, code=0):
        done = subprocess.run([COMMAND, "--netns", name, *words], capture_output=True, text=True, timeout=60)
        assert done.returncode == code, f"{words}: {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout if code in (0, 2) else done.stderr

    run.netns = name
    yield run
    subprocess.run(["ip", "netns", "delete", name], check=True)


def ip(host, *words):
    return json.loads(subprocess.run(["ip", "-n", host.netns, "-j", "-d", *words], capture_output=True, text=True, check=True).stdout)


def test_links(host):
    host("link", "add", "v0", "veth", "peer", "v1", "mtu", "1400", "altname", "uplink")
    host("link", "add", "br0", "bridge", "stp", "on")
    host("link", "set", "v0", "master", "br0", "up", "altname", "second")
    (seen,) = ip(host, "link", "show", "v0")
    assert (seen["mtu"], seen["master"], seen["altnames"]) == (1400, "br0", ["uplink", "second"])
    assert ip(host, "link", "show", "br0")[0]["linkinfo"]["info_data"]["stp_state"] == 1
    assert json.loads(host("link", "show", "v0", "--json"))[0]["altnames"] == ["uplink", "second"]
    assert "altname uplink" in host("link", "show", "v0")
    host("link", "altname-del", "v0", "second")
    assert "has no altname" in host("link", "altname-del", "v0", "second", code=1)
    assert "create link br1" in host("link", "diff", "br1", "bridge", "up", code=2)
    host("link", "apply", "br1", "bridge", "up")
    assert host("link", "diff", "br1", "bridge", "up").strip() in ("", "nothing to do")
    host("link", "del", "br1")
    for words in (["link", "add", "x", "bridge", "stp", "maybe"], ["link", "add", "x", "bridge", "nonsense", "1"], ["link", "set", "v0", "mtu"]):
        assert host(*words, code=3).startswith("fabricnet: ")


def test_addresses(host):
    host("link", "add", "v0", "veth", "peer", "v1")
    host("link", "address-add", "v0", "10.0.0.1/32", "peer", "10.0.0.2", "valid", "600", "preferred", "60", "noprefixroute")
    host("link", "address-add", "v0", "fd00::1/64", "nodad")
    (seen,) = [info for info in ip(host, "address", "show", "v0")[0]["addr_info"] if info["family"] == "inet"]
    assert (seen["address"], seen["noprefixroute"]) == ("10.0.0.2", True) and 590 < seen["valid_life_time"] <= 600
    read = {address["address"]: address for address in json.loads(host("link", "addresses", "v0", "--json"))}
    assert read["10.0.0.1/32"]["peer"] == "10.0.0.2" and read["fd00::1/64"]["no_dad"] and read["fd00::1/64"]["ours"]
    host("link", "address-del", "v0", "10.0.0.1/32", "peer", "10.0.0.2")
    assert "create v0: address 10.1.0.1/24" in host("link", "address-apply", "v0", "10.1.0.1/24", "fd00::1/64")
    assert host("link", "address-add", "v0", "10.0.0.1/32", "valid", "x", code=3).startswith("fabricnet: link: 'x' is nothing for 'valid'")


def test_settings(host, tmp_path):
    host("link", "add", "v0", "veth", "peer", "v1")
    host("sysctl", "apply", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.v0.rp_filter=0")
    assert "net.ipv4.conf.v0.rp_filter" in host("sysctl", "diff", "net.ipv4.conf.v0.rp_filter=2", code=2)
    host("sysctl", "apply", "net.ipv4.conf.v0.rp_filter=2", "net.ipv4.ip_forward=1")
    explained = {one["key"]: one for one in json.loads(host("sysctl", "explain", "v0", "--json"))}
    assert explained["net/ipv4/conf/v0/rp_filter"]["effective"] == 2
    assert "loose" in host("sysctl", "explain", "v0")
    assert json.loads(host("sysctl", "show", "--json"))["v0"]["net/ipv4/conf/v0/forwarding"] == 1
    assert "rp_filter = 2" in host("sysctl", "show")
    path = tmp_path / "60-fabricnet.conf"
    host("sysctl", "persist", path, "net.ipv4.ip_forward=1")
    assert path.read_text().splitlines()[1:] == ["net.ipv4.ip_forward = 1"]
    host("sysctl", "persist", path)
    path.write_text("# mine\n")
    assert "somebody else's" in host("sysctl", "persist", path, "net.ipv4.ip_forward=1", code=1)
    assert host("sysctl", "apply", "net.ipv4.ip_forward", code=3).startswith("fabricnet: sysctl: ")


def test_a_packet_explained(host):
    host("link", "add", "v0", "veth", "peer", "v1", "up")
    host("link", "set", "v1", "up")
    host("link", "address-add", "v0", "10.0.0.1/24")
    host("link", "address-add", "v1", "10.0.1.1/24")
    host("sysctl", "apply", "net.ipv4.conf.all.rp_filter=1")
    assert host("sysctl", "explain", "v0", "10.0.0.7", "10.0.1.1").startswith("accepted: ")
    verdict = json.loads(host("sysctl", "explain", "v0", "10.0.1.7", "10.0.0.1", "mark", "1", "--json"))
    assert verdict["verdict"] == "dropped by the reverse-path filter" and "strict" in verdict["why"]
    assert "does not exist for IPv6" in host("sysctl", "explain", "v0", "fd00::1", "fd00::2", code=3)
