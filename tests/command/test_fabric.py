# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the command says about a fabric: findings that are allowed, plans that are saved, ways of packets."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import time
import uuid

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
COMMAND = os.environ.get("FBN_COMMAND", str(TOP / "build/examples/fabricnet/fabricnet"))
HOMELAB = TOP / "examples/homelab/fabric.json"
PLAN_SCHEMA = json.loads((TOP / "libfabric-net/fabric/plan.schema.json").read_text())


def run(*words, **options):
    return subprocess.run([COMMAND, *map(str, words)], capture_output=True, text=True, timeout=60, **options)


@pytest.fixture
def netns():
    name = f"fbn-fabric-{uuid.uuid4().hex[:8]}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    yield name
    subprocess.run(["ip", "netns", "delete", name], check=True)


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "fabric.json"
    path.write_text(json.dumps({"fabric": 1, "name": "small", "prefixes": {"lan": "192.168.8.0/24"}, "hosts": {"a": {"rp_filter": "strict"}}}))
    return path


def test_a_saved_plan_is_applied_to_the_state_it_was_made_from_only(netns, small, tmp_path):
    jsonschema = pytest.importorskip("jsonschema")
    on_host = ("--netns", netns, "--state", tmp_path / "state", "-f", small, "--host", "a")
    saved = tmp_path / "plan.json"
    planned = run(*on_host, "plan", "-o", saved)
    assert planned.returncode == 2 and "rp_filter" in planned.stdout
    plan = json.loads(saved.read_text())
    jsonschema.Draft202012Validator.check_schema(PLAN_SCHEMA)
    jsonschema.Draft202012Validator(PLAN_SCHEMA).validate(plan)
    assert json.loads(run(*on_host, "plan", "--json").stdout) == plan
    subprocess.run(["ip", "netns", "exec", netns, "sysctl", "-qw", "net.ipv4.conf.all.rp_filter=2"], check=True)
    stale = run(*on_host, "apply", "--plan", saved)
    assert stale.returncode == 1 and "the plan was made of another state" in stale.stderr
    assert run(*on_host, "plan", "-o", saved).returncode == 2
    other = run(*on_host[:-1], "b", "apply", "--plan", saved)
    assert other.returncode == 3 and "is a plan for host 'a'" in other.stderr
    assert run(*on_host, "apply", "--plan", small).returncode == 3
    assert run(*on_host, "apply", "--plan", saved).returncode == 0
    assert run(*on_host, "plan").returncode == 0


def test_whoever_sits_at_ssh_is_told_of_the_branch_he_saws(netns, small):
    subprocess.run(["ip", "-n", netns, "link", "add", "br0", "up", "type", "bridge"], check=True)
    assert run("--netns", netns, "link", "address-add", "br0", "203.0.113.2/24").returncode == 0  # ours, and not in the file
    environment = {**os.environ, "SSH_CONNECTION": "203.0.113.9 50000 203.0.113.2 22"}
    told = run("--netns", netns, "-f", small, "--host", "a", "plan", env=environment)
    assert "[cuts-management-path]" in told.stderr and "203.0.113.9 by br0" in told.stderr


def test_what_is_allowed_is_shown_only_when_asked_for(tmp_path):
    document = json.loads(HOMELAB.read_text())
    document["allow"] = [{"code": "prefix-in-local-range", "at": "/prefixes/wg", "reason": "Docker's pools are elsewhere"}]
    path = tmp_path / "fabric.json"
    path.write_text(json.dumps(document))
    quiet = run("-f", path, "check")
    assert quiet.returncode == 0 and "prefix-in-local-range" not in quiet.stdout and "1 allowed" in quiet.stdout
    assert "Docker's pools are elsewhere" in run("-f", path, "-v", "check").stdout
    assert "Docker's pools are elsewhere" in [finding["allowed"] for finding in json.loads(run("-f", path, "--json", "check").stdout)]


def test_the_way_of_a_packet_and_its_end_are_told():
    there = run("-f", HOMELAB, "explain", "vps", "nas:8080/tcp")
    assert there.returncode == 0 and there.stdout.endswith("ACCEPTED\n") and "allowed IPs of 'pfsense'" in there.stdout
    lost = run("-f", HOMELAB, "--json", "explain", "tv", "laptop")
    assert lost.returncode == 1 and json.loads(lost.stdout)["disposition"] == "WG_SRC_NOT_ALLOWED"
    assert run("-f", HOMELAB, "explain", "vps").returncode == 3
    assert "no host 'vsp'" in run("-f", HOMELAB, "explain", "vsp", "nas").stderr


@pytest.mark.parametrize("words, said", [
    (("router", "plan", "pfsens"), "no host 'pfsens'; did you mean 'pfsense'?"),
    (("router", "show", "nobody"), "no host 'nobody'"),
    (("router", "plan", "vps"), '/hosts/vps: it has no "ssh"'),
    (("--host", "vsp", "plan"), "no host 'vsp'; did you mean 'vps'?"),
    (("--host", "vsp", "render", "nixos"), "no host 'vsp'; did you mean 'vps'?"),
    (("explain", "vsp", "nas"), "no host 'vsp'; did you mean 'vps'?"),
    (("metrics", "get", "pfsens"), "no host 'pfsens'; did you mean 'pfsense'?"),
    (("metrics", "get", "nas"), "/monitoring/hosts: 'nas' is not asked"),
    (("--host", "nas", "metrics", "get", "pfsense"), "'vps' collects, not 'nas'; run it there"),
])
def test_a_host_that_is_not_there_or_not_meant_is_bad_input(words, said):
    done = run("-f", HOMELAB, *words)
    assert done.returncode == 3 and said in done.stderr


def test_a_change_on_probation_ends_with_the_codes_of_the_contract(netns, small, tmp_path):
    on_host = ("--netns", netns, "--state", tmp_path / "state", "-f", small, "--host", "a")
    assert "nothing was applied here yet" in run(*on_host, "history").stdout
    applied = run(*on_host, "apply", "--confirm-within", "60s")
    assert applied.returncode == 0 and "unless 'fabricnet confirm' is called within 60 s" in applied.stderr
    busy = run(*on_host, "adopt")
    assert busy.returncode == 3 or busy.returncode == 1
    assert "waits to be confirmed" in busy.stderr
    assert run(*on_host, "confirm").returncode == 0
    assert run(*on_host, "confirm").returncode == 1
    back = run(*on_host, "rollback")
    assert back.returncode == 0 and "rp_filter" in back.stdout
    history = json.loads(run(*on_host, "history", "--json").stdout)
    assert [generation["verb"] for generation in history] == ["rollback", "apply"] and history[0]["outcome"] == "confirmed"
    assert "sysctl: change" in run(*on_host, "history", "1").stdout
    assert run(*on_host, "rollback", "77").returncode == 1
    assert run(*on_host, "rollback", "x").returncode == 3
    assert run(*on_host, "apply", "--confirm-within", "1d").returncode == 3
    assert run(*on_host, "apply", "--confirm-within", "2s").returncode == 0
    deadline = time.monotonic() + 30
    while json.loads(run(*on_host, "history", "--json").stdout)[0]["outcome"] == "open" and time.monotonic() < deadline:
        time.sleep(0.1)
    late = run(*on_host, "confirm")
    assert late.returncode == 4 and "too late" in late.stderr
    assert run(*on_host, "recover").returncode == 0
    assert run(*on_host, "apply", "--unchanged").returncode == 1


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze")
@pytest.mark.parametrize("unit", ["apply", "mesh", "status", "metrics", "backup", "dns"])
def test_the_units_are_shut_but_for_what_they_do(unit, tmp_path):
    text = (TOP / f"examples/fabricnet/systemd/fabricnet-{unit}.service.in").read_text().replace("@CMAKE_INSTALL_FULL_BINDIR@", "/usr/bin")
    path = tmp_path / f"fabricnet-{unit}.service"
    path.write_text(text)
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", path], capture_output=True, text=True, timeout=60)
    exposure = float(re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout).group(1))
    assert exposure < 4, done.stdout
