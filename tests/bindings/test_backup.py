# SPDX-License-Identifier: LGPL-2.1-or-later
"""Backups from Python and Lua; over real ssh they are tested in netns/test_edge_backup.c and in the lab."""

import json
import subprocess
import time

import pytest

import fabricnet

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBvFh3dBGqBlRwJMLZsxH1vkUQvqvV2cQbIKGMMCEfUF"
FABRIC = {
    "fabric": 1,
    "name": "home",
    "prefixes": {"lan": {"prefix": "192.0.2.0/24", "at": "router"}},
    "hosts": {"router": {"interfaces": {"lan0": {"address": "192.0.2.1"}}}, "nas": {"interfaces": {"eth0": {"address": "192.0.2.2"}}}},
}


@pytest.fixture
def backup(tmp_path):
    key = tmp_path / "key"
    key.touch(mode=0o600)
    key.write_text("no key\n")
    return fabricnet.Backup(host="192.0.2.1", path="config.xml", private_key=str(key), host_key=HOST_KEY, folder=str(tmp_path / "kept"), timeout_s=20)


def declared(tmp_path, **members):
    router = {"of": "router", "to": "nas", "file": "config.xml", "private_key": {"file": "key"}, "host_key": HOST_KEY}
    path = tmp_path / "fabric.json"
    path.write_text(json.dumps({**FABRIC, "backups": {"router": {**router, "folder": str(tmp_path / "kept"), **members}}}))
    return path


def test_a_failure_is_an_exception_and_in_the_state(netns, backup, tmp_path):
    with fabricnet.Context(netns=netns) as c:
        with pytest.raises(fabricnet.NotFoundError, match="kept: no such folder"):
            c.backup.state(tmp_path / "kept")
        with pytest.raises(fabricnet.UnavailableError, match="192.0.2.1: config.xml: "):
            c.backup.run(backup)
        state = c.backup.state(tmp_path / "kept")
    assert state.generations == 0 and state.newest == "" and state.succeeded_at == 0
    assert abs(state.failed_at - time.time()) < 60
    assert state.failure.startswith("192.0.2.1: config.xml: ")


def test_wrong_input_is_named_before_anything_is_made(netns, backup, tmp_path):
    with fabricnet.Context(netns=netns) as c, pytest.raises(fabricnet.InvalidError, match="host '-x'"):
        c.backup.run(fabricnet.Backup(**{**{name: getattr(backup, name) for name in backup.__slots__}, "host": "-x"}))
    assert not (tmp_path / "kept").exists()


def test_generations_are_counted(netns, tmp_path):
    for name in ("20260102T030405Z-config.xml", "20270102T030405Z-config.xml", "notes"):
        (tmp_path / name).write_text("<x/>")
    with fabricnet.Context(netns=netns) as c:
        state = c.backup.state(tmp_path)
    assert (state.generations, state.newest, state.newest_at) == (2, "20270102T030405Z-config.xml", 1798859045)


def test_of_a_fabric_only_the_fetching_host_runs_it(netns, backup, tmp_path):
    with fabricnet.Context(netns=netns) as c:
        fabric = fabricnet.fabric.load(declared(tmp_path), c)
        with pytest.raises(fabricnet.NotFoundError, match="/backups/router: 'nas' fetches it, not 'router'"):
            fabric.backup("router", "router")
        with pytest.raises(fabricnet.NotFoundError, match="no backup is called 'ruter'"):
            fabric.backup("nas", "ruter")
        with pytest.raises(fabricnet.UnavailableError, match="backup router: 192.0.2.1: config.xml: "):
            fabric.backup("nas")
        facts = [fact for fact in fabric.status("nas", local_only=True).facts if fact.domain == "backup"]
    assert [(fact.object, fact.health) for fact in facts] == [("router", "down")]


def test_a_host_without_an_address_is_refused(netns, tmp_path):
    path = declared(tmp_path)
    document = json.loads(path.read_text())
    document["hosts"]["router"] = {}
    path.write_text(json.dumps(document))
    with pytest.raises(fabricnet.InvalidError, match="/backups/router/of: 'router' has no declared address"):
        fabricnet.fabric.load(path)


def test_lua_says_the_same(netns, tmp_path):
    (tmp_path / "20270102T030405Z-config.xml").write_text("<x/>")
    program = f"""
        local fabricnet = require "fabricnet"
        local c <close> = assert(fabricnet.context{{netns = "{netns}"}})
        local state = assert(c.backup.state("{tmp_path}"))
        assert(state.generations == 1 and state.newest_at == 1798859045 and state.failure == "")
        local ran, message, code = c.backup.run{{host = "192.0.2.1", path = "a b"}}
        assert(not ran and message:find("path 'a b'", 1, true) and code == fabricnet.EINVAL, message)
        local fabric = assert(fabricnet.fabric.load("{declared(tmp_path)}", c))
        ran, message, code = fabric:backup("router")
        assert(not ran and message:find("nothing is backed up to 'router'", 1, true) and code == fabricnet.ENOENT, message)
    """
    subprocess.run(["lua5.4", "-e", program], check=True)
