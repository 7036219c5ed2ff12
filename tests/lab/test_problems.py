# SPDX-License-Identifier: LGPL-2.1-or-later
"""Wrong input and faults: one line that says what, where and what to do, the contract's exit code, and nothing left behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import BUILD, renamed
from fabricnet.lab import rehearsal
from fabricnet.lab.state import ROOT
from fabricnet.lab.tools import SEARCH

NAME = f"faulty-{os.getpid()}"


def lab(*arguments: str, path: str | None = None, before: list[str] | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **({"PATH": path} if path else {})}
    argv = [*(before or []), sys.executable, "-m", "fabricnet.lab", *arguments]
    return subprocess.run(argv, capture_output=True, text=True, env=environment, timeout=120)


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    yield
    rehearsal.down(NAME)


def leftovers() -> list[str]:
    names = [str(path) for path in Path("/run/netns").glob(f"{NAME}-*")] if Path("/run/netns").is_dir() else []
    names += [str(ROOT / NAME)] if (ROOT / NAME).exists() else []
    names += [line for line in Path("/proc/self/mounts").read_text().splitlines() if NAME in line]
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = entry.read_bytes().decode(errors="replace")
        except OSError:
            continue
        names += [text] if f"{ROOT / NAME}/" in text else []
    return names


def said_once(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    assert done.returncode == code, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert all(word in lines[0] for word in words), lines[0]
    assert leftovers() == []


def edited(folder: Path, **changes: object) -> Path:
    path = renamed(folder, NAME)
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return path


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    said_once(lab("up", "-f", str(tmp_path / "none.json")), 3, "none.json", "-f FILE")


def test_broken_json_has_its_place(tmp_path: Path) -> None:
    path = tmp_path / "fabric.json"
    path.write_text('{"fabric": 1,\n "name": }')
    said_once(lab("up", "-f", str(path)), 3, "fabric.json:2:")


def test_an_invalid_fabric_is_refused_before_anything_is_built(tmp_path: Path) -> None:
    said_once(lab("up", "-f", str(edited(tmp_path, surprise=1))), 3, "surprise", "unknown member")


def test_a_host_that_is_called_as_one_of_the_labs_own_is_refused(tmp_path: Path) -> None:
    hosts = json.loads(renamed(tmp_path, NAME).read_text())["hosts"]
    said_once(lab("up", "-f", str(edited(tmp_path, hosts={**hosts, "visitor": {}}))), 3, "/hosts/visitor", "rename")


def test_an_ordinary_user_is_told_to_be_root(tmp_path: Path) -> None:
    path = renamed(tmp_path, NAME)
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents[:2]:
        folder.chmod(0o755)
    user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    if subprocess.run([*user, sys.executable, "-c", "import fabricnet"], capture_output=True).returncode != 0:
        pytest.skip("an ordinary user cannot run this Python or this build")
    said_once(lab("up", "-f", str(path), before=user), 6, "root")
    said_once(lab("down", "-f", str(path), before=user), 6, "root")


@pytest.mark.parametrize("missing", ["unbound", "wireguard-go"])
def test_a_missing_package_is_named(tmp_path: Path, missing: str) -> None:
    if missing == "wireguard-go" and Path("/sys/module/wireguard").exists():
        pytest.skip("the kernel has WireGuard")
    (tmp_path / "nothing").touch()
    hide = ["unshare", "--mount", "--propagation", "private", "sh", "-c", f'mount --bind "$0" "$(command -v {missing})" && exec "$@"']
    done = lab("up", "--layer1", "-f", str(renamed(tmp_path, NAME)), before=[*hide, str(tmp_path / "nothing")])
    said_once(done, 1, missing, "install the Debian package")


def test_missing_servers_of_the_mesh_are_named_with_how_to_build_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FBN_CACHE", str(tmp_path))
    done = lab("up", "-f", str(renamed(tmp_path, NAME)), path=f"{BUILD / 'examples' / 'fabricnet'}:{SEARCH}")
    said_once(done, 1, "headscale", "tests/go/build")


def test_a_port_that_is_in_use_is_named_and_the_lab_taken_away(tmp_path: Path) -> None:
    services = {"dns.akunito.com": {"at": "vps", "to": "pfsense:53"}}
    done = lab("up", "--layer1", "-f", str(edited(tmp_path, services=services)))
    said_once(done, 1, "pfsense", "address already in use")


def test_an_interrupt_leaves_nothing(tmp_path: Path) -> None:
    path = renamed(tmp_path, NAME)
    for delay in (0.6, 1.5, 3.0):
        process = subprocess.Popen([sys.executable, "-m", "fabricnet.lab", "up", "--layer1", "-f", str(path)], stdout=subprocess.PIPE)
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        if process.returncode == 0:
            lab("down", "-f", str(path))
        assert leftovers() == []


def test_after_a_kill_down_takes_the_half_built_lab_away(tmp_path: Path) -> None:
    path = renamed(tmp_path, NAME)
    for delay in (0.5, 1.0, 2.0):
        process = subprocess.Popen([sys.executable, "-m", "fabricnet.lab", "up", "--layer1", "-f", str(path)], stdout=subprocess.PIPE)
        time.sleep(delay)
        process.kill()
        process.communicate(timeout=60)
        assert lab("down", "-f", str(path)).returncode == 0
        assert leftovers() == []


def test_two_fabrics_are_up_at_once_and_one_goes_without_the_other(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    one, two = renamed(first, f"{NAME}-1"), renamed(second, f"{NAME}-2")
    try:
        for path in (one, two):
            done = lab("up", "--layer1", "-f", str(path))
            assert done.returncode == 0, done.stderr
        assert lab("down", "-f", str(one)).returncode == 0
        done = lab("verify", "--row", "F1", "--row", "F3", "-f", str(two))
        assert done.returncode == 0, done.stdout + done.stderr
    finally:
        for path in (one, two):
            lab("down", "-f", str(path))
        shutil.rmtree(first)
    assert leftovers() == []
