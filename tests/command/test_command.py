# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command as a person meets it: exit codes of the contract, one-line errors, JSON, secrets, signals."""
import json
import os
import pathlib
import pty
import signal
import subprocess
import time
import uuid

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
COMMAND = os.environ.get("FBN_COMMAND", str(TOP / "build/examples/fabricnet/fabricnet"))
HOMELAB = TOP / "examples/homelab/fabric.json"


def run(*words, **options):
    return subprocess.run([COMMAND, *map(str, words)], capture_output=True, text=True, timeout=60, **options)


def one_line(result):
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    return lines[0]


@pytest.fixture
def netns():
    name = f"fbn-command-{uuid.uuid4().hex[:8]}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    yield name
    subprocess.run(["ip", "netns", "delete", name], check=True)


def test_help_and_version():
    assert run("--help").returncode == 0
    assert run("--version").stdout.startswith("fabricnet 0.")
    assert run().returncode == 3


@pytest.mark.parametrize("words", [["nonsense"], ["--nonsense"], ["wg"], ["wg", "nonsense"], ["wg", "show", "a", "b"], ["nat", "masquerade", "a"],
                                   ["check", "one-too-many"], ["sysctl", "set", "net.ipv4.ip_forward", "yes"], ["route", "add", "10.0.0.0/33"]])
def test_misuse_is_bad_input(words):
    result = run(*words)
    assert result.returncode == 3
    assert result.stderr and not result.stdout


@pytest.mark.parametrize("words", [
    "route del 10.0.0.0/8 table lab", "route del 10.0.0.0/8 table 4294967296", "route add 10.0.0.0/8 dev lo metric +1",
    "link set lo mtu 1400x", "link add v vlan parent lo vlan 65537", "headscale routes approve 1x"])
def test_what_is_no_number_is_not_taken_for_one(netns, words):
    result = run("--netns", netns, *words.split())
    assert result.returncode == 3
    assert words.split()[-1] in one_line(result)


def test_check_passes_on_the_homelab():
    result = run("check", "-f", HOMELAB)
    assert result.returncode == 0, result.stdout + result.stderr
    findings = json.loads(run("check", "--json", "-f", HOMELAB).stdout)
    assert not [f for f in findings if f["severity"] == "error"]


def test_errors_name_file_line_column_and_pointer(tmp_path):
    text = HOMELAB.read_text().replace('"mtu": 1280,\n', '"mtuu": 1280,\n', 1)
    broken = tmp_path / "broken.json"
    broken.write_text(text)
    result = run("check", "-f", broken)
    assert result.returncode == 3
    line = text.splitlines().index('      "mtuu": 1280,') + 1
    message = one_line(result)
    assert f"broken.json:{line}:" in message and "/wireguard/s2s/mtuu" in message and "mtu" in message


def test_a_missing_file_and_a_missing_namespace_are_named():
    assert "nowhere.json" in run("check", "-f", "nowhere.json").stderr
    result = run("--netns", "no-such-netns", "link", "list")
    assert result.returncode == 3 and "no-such-netns" in one_line(result)


def test_graph_is_xml_and_dot(tmp_path):
    import xml.etree.ElementTree as tree

    assert run("graph", "-f", HOMELAB, "-o", tmp_path / "home.svg").returncode == 0
    root = tree.parse(tmp_path / "home.svg").getroot()
    assert root.tag.endswith("svg")
    words = " ".join(root.itertext())
    for word in ("vps", "pfsense", "192.168.8.0/24", "tv"):
        assert word in words
    assert run("graph", "--dot", "-f", HOMELAB).stdout.lstrip().startswith(("graph", "digraph"))


def test_keys_agree_with_wg(tmp_path):
    private = tmp_path / "private.key"
    assert run("key", "generate", "-o", private).returncode == 0
    assert private.stat().st_mode & 0o777 == 0o600
    expected = subprocess.run(["wg", "pubkey"], input=private.read_text(), capture_output=True, text=True, check=True).stdout
    assert run("key", "public", private).stdout == expected
    again = run("key", "generate", "-o", private)
    assert again.returncode == 1 and "left as it is" in one_line(again)
    assert len(run("key", "preshared").stdout.strip()) == 44


def test_a_locked_secret_is_named_as_locked(tmp_path):
    locked = tmp_path / "locked.key"
    locked.write_bytes(b"\0GITCRYPT\0" + b"x" * 40)
    result = run("key", "public", locked)
    assert result.returncode == 3 and "git-crypt" in one_line(result)


def test_json_everywhere(netns):
    assert json.loads(run("--netns", netns, "link", "show", "--json").stdout)[0]["name"] == "lo"
    assert json.loads(run("--netns", netns, "nat", "show", "--json").stdout) == []
    assert json.loads(run("--netns", netns, "sysctl", "get", "net.ipv4.ip_forward", "--json").stdout)["value"] in (0, 1)
    assert isinstance(json.loads(run("--netns", netns, "route", "rule", "show", "--json").stdout), list)


def test_by_hand(netns):
    for words in (["link", "add", "veth0", "veth", "peer", "veth1"], ["link", "set", "veth0", "up", "mtu", "1400"],
                  ["link", "set", "veth1", "up"], ["link", "address-add", "veth0", "10.9.0.1/24"],
                  ["route", "add", "10.8.0.0/24", "via", "10.9.0.2"], ["nat", "add", "one", "masquerade", "sources", "10.0.0.0/8", "out", "veth0"],
                  ["sysctl", "set", "net.ipv4.ip_forward", "1"]):
        result = run("--netns", netns, *words)
        assert result.returncode == 0, f"{words}: {result.stderr}"
    stock = subprocess.run(["ip", "-n", netns, "-j", "route", "show", "10.8.0.0/24"], capture_output=True, text=True, check=True).stdout
    assert json.loads(stock)[0]["gateway"] == "10.9.0.2"
    assert "10.9.0.1/24" in run("--netns", netns, "link", "addresses", "veth0").stdout
    assert "masquerade" in subprocess.run(["ip", "netns", "exec", netns, "nft", "list", "table", "inet", "fabricnet"],
                                          capture_output=True, text=True, check=True).stdout
    assert "one" in run("--netns", netns, "nat", "show").stdout
    assert run("--netns", netns, "nat", "clear").returncode == 0
    assert run("--netns", netns, "route", "del", "10.8.0.0/24").returncode == 0
    missing = run("--netns", netns, "route", "del", "10.8.0.0/24")
    assert missing.returncode == 1 and "10.8.0.0/24" in one_line(missing)


def test_without_privilege_it_says_so(netns):
    result = run("link", "add", "veth9", "veth", "peer", "veth8", user=65534, group=65534, extra_groups=[])
    assert result.returncode == 6
    assert "root" in one_line(result) or "not allowed" in one_line(result)


def test_dns_routes_come_from_the_file_or_the_command_line():
    routes = {route["suffix"]: route for route in json.loads(run("dns", "routes", "--json", "-f", HOMELAB, "--host", "laptop").stdout)}
    assert routes["local.akunito.com"]["upstreams"] == ["100.64.0.7:53"]
    assert routes["local.akunito.com"]["reverse"] == ["192.168.8.0/24", "192.168.20.0/24"]
    assert routes["=nas.mesh.akunito.com"]["addresses"] == ["100.64.0.2"]
    assert routes["."]["system"]
    given = run("dns", "explain", "--dry-run", "a.b.example", "--route", "b.example=192.0.2.1:5353", "--route", "*.b.example=blocked")
    assert (given.returncode, given.stdout) == (0, "*.b.example → blocked\n")
    none = run("dns", "routes", "-f", "/none.json")
    assert none.returncode == 3 and "--route SUFFIX=UPSTREAM" in none.stderr


def test_dns_answers_are_printed_and_explained():
    answer = run("dns", "query", "nas.local.akunito.com", "-f", HOMELAB, "--host", "pfsense")
    assert (answer.returncode, answer.stdout) == (0, "nas.local.akunito.com  60  A  192.168.20.10\n")
    reverse = run("dns", "query", "192.168.20.10", "PTR", "-f", HOMELAB, "--host", "pfsense")
    assert reverse.stdout.split() == ["10.20.168.192.in-addr.arpa", "60", "PTR", "nas.local.akunito.com."]
    none = run("dns", "query", "x.local.akunito.com", "-f", HOMELAB, "--host", "pfsense")
    assert (none.returncode, none.stdout, none.stderr) == (1, "", "fabricnet: x.local.akunito.com A: NXDOMAIN\n")
    why = json.loads(run("dns", "explain", "nas.local.akunito.com", "AAAA", "--json", "-f", HOMELAB, "--host", "pfsense").stdout)
    assert (why["status"], why["route"], why["source"], why["stub"]) == ("NOERROR", "=nas.local.akunito.com", "route", None)
    assert [(record["section"], record["type"], record["ttl"]) for record in why["records"]] == [("authority", "SOA", 60)]
    assert run("dns", "query", "a..b", "--route", ".=192.0.2.1").returncode == 3


def test_dns_host_is_looked_at_and_refused_without_a_change():
    host = json.loads(run("dns", "host", "--json", "--manager", "file").stdout)
    assert (host["manager"], host["ours"]) == ("file", False)
    refused = run("dns", "apply", "--manager", "file", "--dry-run", "--route", "x.example=192.0.2.1")
    assert refused.returncode == 1 and "DNS route x.example" in refused.stderr and "--stub" in refused.stderr
    by_stub = run("dns", "apply", "--manager", "file", "--dry-run", "--stub", "127.0.0.1", "--route", "x.example=192.0.2.1")
    assert (by_stub.returncode, by_stub.stdout) == (2, "create /etc/resolv.conf\n")
    assert run("dns", "remove", "--dry-run").stdout == ""
    assert run("dns", "apply", "--manager", "bind", "--route", ".=192.0.2.1").returncode == 3


def test_dns_of_headscale_as_a_table():
    assert run("headscale", "dns", "-f", HOMELAB).stdout.split() == "local.akunito.com and below: asked at 100.64.0.7".split()
    assert json.loads(run("headscale", "dns", "--json", "-f", HOMELAB).stdout)["nameservers"]["split"] == {"local.akunito.com": ["100.64.0.7"]}


def test_dns_section_of_headscale():
    section = json.loads(run("dns", "headscale", "-f", HOMELAB).stdout)
    assert section["nameservers"] == {"global": [], "split": {"local.akunito.com": ["100.64.0.7"]}}
    assert section["extra_records"] == [] and section["search_domains"] == []


def test_dns_serves_until_interrupted(netns):
    subprocess.run(["ip", "-n", netns, "link", "set", "lo", "up"], check=True)
    process = subprocess.Popen([COMMAND, "--netns", netns, "dns", "serve", "--route", ".=127.0.0.1:5399", "--listen", "127.0.0.1:5398"],
                               stderr=subprocess.PIPE, text=True)
    assert "127.0.0.1:5398" in process.stderr.readline()
    in_use = run("--netns", netns, "dns", "serve", "--route", ".=127.0.0.1:5399", "--listen", "127.0.0.1:5398")
    assert in_use.returncode == 1 and "127.0.0.1:5398" in one_line(in_use)
    process.send_signal(signal.SIGINT)
    assert process.wait(5) == 0


def test_colour_only_on_a_terminal_and_not_with_no_color():
    def on_terminal(**environment):
        primary, secondary = pty.openpty()
        process = subprocess.Popen([COMMAND, "key", "public", "/nonexistent"], stderr=secondary, env={**os.environ, **environment})
        process.wait(10)
        os.close(secondary)
        time.sleep(0.05)
        output = os.read(primary, 4096)
        os.close(primary)
        return output

    assert b"\033[" in on_terminal(NO_COLOR="")
    assert b"\033[" not in on_terminal(NO_COLOR="1")
    assert "\033[" not in run("key", "public", "/nonexistent").stderr


def test_a_key_may_come_at_standard_input_or_a_descriptor(json_server, tmp_path):
    json_server.answers["/api/v1/user"] = {"users": []}
    words = [COMMAND, "--url", f"http://127.0.0.1:{json_server.server_port}", "headscale", "users", "--api-key"]
    subprocess.run([*words, "-"], input="swordfish\n", text=True, check=True, timeout=60)
    (tmp_path / "key").write_text("halibut\n")
    (tmp_path / "key").chmod(0o600)
    with open(tmp_path / "key") as file:
        subprocess.run([*words, f"fd:{file.fileno()}"], pass_fds=[file.fileno()], check=True, timeout=60)
    assert json_server.keys == ["Bearer swordfish", "Bearer halibut"]


def test_a_key_is_typed_unseen(json_server):
    """At a terminal of its own; what is echoed would come back."""
    json_server.answers["/api/v1/user"] = {"users": []}
    words = [COMMAND, "--url", f"http://127.0.0.1:{json_server.server_port}", "headscale", "users", "--api-key", "-"]
    child, terminal = pty.fork()
    if child == 0:
        os.execv(words[0], words)
    shown = b""
    while b"API key: " not in shown:
        shown += os.read(terminal, 1024)
    os.write(terminal, b"swordfish\n")
    try:
        while data := os.read(terminal, 1024):
            shown += data
    except OSError:
        pass  # the other side is gone
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert json_server.keys == ["Bearer swordfish"] and b"swordfish" not in shown
