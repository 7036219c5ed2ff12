# SPDX-License-Identifier: LGPL-2.1-or-later
"""A stand-in for pfSense behind a real sshd, in a namespace and a root of its own; its limits stand in pfSsh.php."""
import json
import pathlib
import re
import signal
import subprocess
import threading
import time

import pytest
from conftest import COMMAND, run, until

import fabricnet

HERE = pathlib.Path(__file__).parent
CONFIG = (HERE.parent / "data/router/config.xml").read_text()
ADDRESS = "192.0.2.1"
PRIVATE = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
ROOT = r"""
mkdir -p /run/router && mount -t tmpfs -o mode=755 router /run/router && cd /run/router && mkdir upper work root
mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root
for folder in proc sys dev; do mount --rbind /$folder root/$folder; done
mount -t tmpfs -o mode=755 run root/run && mkdir root/run/sshd root/conf root/conf/keys
install -D -m 755 "$1" root/usr/local/sbin/pfSsh.php
for key in host admin stranger other; do ssh-keygen -q -t ed25519 -N '' -C '' -f root/conf/keys/$key; done
ip netns add router && ip link add up0 type veth peer name lan0 netns router
ip address add 192.0.2.2/24 dev up0 && ip link set up0 up
ip -n router link set lo up && ip -n router address add 192.0.2.1/24 dev lan0 && ip -n router link set lan0 up
"""
RULE = {"kind": "rule", "name": "lan in", "content": json.dumps({"type": "pass", "interface": "@lan0", "source": {"any": ""}})}
CUT = {"kind": "rule", "name": "cut", "content": json.dumps({"type": "block", "interface": "@lan0", "source": {"any": ""}})}
HOST = {"kind": "host", "name": "nas", "content": json.dumps({"host": "nas", "domain": "local.example", "ip": "192.168.20.10", "aliases": ""})}
TUNNEL = {"kind": "tunnel", "name": "s2s", "content": json.dumps({"name": "tun_wg0", "enabled": "yes", "listenport": "51820", "addresses": ""})}


class Router:
    """The stand-in's root and its sshd."""

    def __init__(self):
        run("bash", "-ec", ROOT, "root", HERE / "pfSsh.php")
        self.root = pathlib.Path("/run/router/root")
        self.conf = self.root / "conf"
        self.config = self.conf / "config.xml"
        self.key = self.conf / "keys/admin"
        (self.conf / "keys/authorized").write_text((self.conf / "keys/admin.pub").read_text())
        self.sshd = None
        self.start()

    def start(self, host="host"):
        """sshd with this host key."""
        self.stop()
        words = ["-o", "AuthorizedKeysFile=/conf/keys/authorized", "-o", "StrictModes=no", "-o", "UsePAM=no", "-o", "PidFile=none"]
        self.sshd = subprocess.Popen(["ip", "netns", "exec", "router", "chroot", str(self.root), "/usr/sbin/sshd", "-D", "-e", "-f", "/dev/null", "-h",
                                      f"/conf/keys/{host}", *words], stderr=open("/run/router/sshd.log", "ab"))
        assert until(lambda: run("ssh-keyscan", "-t", "ed25519", ADDRESS, check=False).stdout), pathlib.Path("/run/router/sshd.log").read_text()

    def stop(self):
        if self.sshd and self.sshd.poll() is None:
            self.sshd.terminate()
            self.sshd.wait(20)

    def host_key(self, name="host"):
        return " ".join((self.conf / f"keys/{name}.pub").read_text().split()[:2])

    def reset(self):
        run("ip", "-n", "router", "link", "set", "lan0", "up")
        for path in (*self.conf.glob("fabricnet/*"), self.conf / "mood", self.conf / "calls", self.conf / "go"):
            path.unlink(missing_ok=True)
        self.config.write_text(CONFIG)

    def mood(self, word):
        (self.conf / "mood").write_text(word)

    def calls(self):
        path = self.conf / "calls"
        return path.read_text().splitlines() if path.exists() else []


def without_revision(text):
    return re.sub(r"<revision>.*</revision>", "", text, flags=re.DOTALL)


@pytest.fixture(scope="module")
def standin():
    router = Router()
    yield router
    router.stop()


@pytest.fixture
def router(standin):
    standin.reset()
    return standin


@pytest.fixture
def manage(router, tmp_path):
    context = fabricnet.Context()

    def make(*objects, **access):
        return context.router("home", objects, access={"host": ADDRESS, "private_key": str(router.key), "host_key": router.host_key(), "timeout_s": 20, **access})

    return make


def secret(text):
    with fabricnet.Context() as c:
        return c.secret(text.encode())


def kinds(changes):
    return [(change.kind, change.object) for change in changes]


def test_a_change_arrives_once_and_what_is_not_ours_stays(router, manage, tmp_path):
    ours = manage(RULE, HOST)
    assert kinds(ours.plan()) == [("create", "rule lan in"), ("create", "host nas")]
    assert router.config.read_text() == CONFIG and not router.calls()
    assert kinds(ours.apply(backups=tmp_path / "kept")) == [("create", "rule lan in"), ("create", "host nas")]
    text = router.config.read_text()
    lines = iter(text.splitlines())
    assert all(line in lines for line in without_revision(CONFIG).splitlines() if line.strip()), "a line of others is gone, or in another place"
    assert run("ip", "netns", "exec", "router", "sh", "-c", f"! ls {router.conf}/fabricnet/pending.*", check=False).returncode == 0
    assert {"filter_configure_sync", "services_unbound_configure"} <= set(router.calls()) and "wg_tunnel_sync" not in router.calls()
    assert ours.plan() == [] and ours.apply() == []
    assert router.config.read_text() == text
    kept = list((tmp_path / "kept").iterdir())
    assert [path.read_text() for path in kept] == [CONFIG] and kept[0].stat().st_mode & 0o777 == 0o600
    assert sorted((one.kind, one.name) for one in ours.read()) == [("host", "nas"), ("rule", "lan in")]


def test_taken_away_again_all_is_as_it_was(router, manage, tmp_path):
    manage(RULE, HOST).apply(backups=tmp_path)
    assert kinds(manage().apply(backups=tmp_path)) == [("delete", "rule lan in"), ("delete", "host nas")]
    assert without_revision(router.config.read_text()) == without_revision(CONFIG)


def test_drift_is_seen_and_mended(router, manage, tmp_path):
    ours = manage(RULE, HOST)
    ours.apply(backups=tmp_path)
    router.config.write_text(router.config.read_text().replace("192.168.20.10", "192.168.20.99"))
    assert [str(change) for change in ours.plan()] == ["update host nas: ip 192.168.20.99 → 192.168.20.10"]
    assert len(ours.apply(backups=tmp_path)) == 1 and "192.168.20.10" in router.config.read_text()


def test_a_change_that_cuts_us_off_undoes_itself(router, manage, tmp_path):
    ours = manage(CUT, timeout_s=8)
    began = time.monotonic()
    with pytest.raises(fabricnet.UndoneError, match="its configuration was put back"):
        ours.apply(confirm_within=8, backups=tmp_path)
    assert time.monotonic() - began > 6
    assert without_revision(router.config.read_text()) == without_revision(CONFIG)
    assert "filter_configure_sync cut" in router.calls() and router.calls()[-1] == "filter_configure_sync"
    assert kinds(ours.plan()) == [("create", "rule cut")]
    assert kinds(manage(RULE).apply(backups=tmp_path)) == [("create", "rule lan in")]


@pytest.mark.parametrize("mood, words", [("refuse", "pfSsh.php: the configuration is not to its taste"), ("die", "pfSsh.php gave no answer"),
                                         ("forget", "it did not keep what was written: rule lan in")])
def test_a_router_that_does_not_do_it_is_as_before(router, manage, tmp_path, mood, words):
    router.mood(mood)
    with pytest.raises(fabricnet.Error, match=words) as failure:
        manage(RULE).apply(confirm_within=20, backups=tmp_path)
    # Who refuses or dies does so with the undo as well: nobody says that it was put back, though nothing was changed.
    assert isinstance(failure.value, fabricnet.UndoneError)
    assert without_revision(router.config.read_text()) == without_revision(CONFIG)


def test_somebody_elses_change_meanwhile_is_not_lost(router, manage, tmp_path):
    router.mood("meddle")
    with pytest.raises(fabricnet.ConflictError, match="somebody changed its configuration meanwhile"):
        manage(RULE).apply(backups=tmp_path)
    assert "moved.arpa" in router.config.read_text() and "fabricnet:" not in router.config.read_text()
    assert not router.calls()


def test_a_connection_that_is_lost_midway_is_undone(router, manage, tmp_path):
    router.mood("slow")

    def lose():
        assert until(router.calls)
        run("ip", "-n", "router", "link", "set", "lan0", "down")
        time.sleep(5)
        run("ip", "-n", "router", "link", "set", "lan0", "up")

    losing = threading.Thread(target=lose)
    losing.start()
    try:
        with pytest.raises(fabricnet.UndoneError, match="its configuration was put back"):
            manage(RULE, timeout_s=10).apply(confirm_within=8, backups=tmp_path)
    finally:
        losing.join()
    assert without_revision(router.config.read_text()) == without_revision(CONFIG)
    assert not until(lambda: "fabricnet:home " in router.config.read_text(), 12), "who was still at it has written it afterwards"


def test_a_stranger_is_not_spoken_to(router, manage):
    with pytest.raises(fabricnet.UnavailableError, match="its key is not the declared one"):
        manage(RULE, host_key=router.host_key("other")).plan()
    router.start("other")
    try:
        for call in (manage(RULE).plan, manage(RULE).apply, manage(RULE).read):
            with pytest.raises(fabricnet.UnavailableError, match="its key is not the declared one"):
                call()
    finally:
        router.start()
    with pytest.raises(fabricnet.UnavailableError, match="our key is not in its authorized_keys"):
        manage(RULE, private_key=str(router.conf / "keys/stranger")).plan()
    assert router.config.read_text() == CONFIG and not router.calls()


def test_what_waits_keeps_others_away_and_a_dead_one_is_put_back(router, manage, tmp_path):
    manage(RULE).apply(backups=tmp_path)
    folder = router.conf / "fabricnet"
    sleeper = subprocess.Popen(["ip", "netns", "exec", "router", "sleep", "60"])
    try:
        (folder / "pending.abc").write_text(f"{sleeper.pid}\n")
        with pytest.raises(fabricnet.ConflictError, match="another change waits"):
            manage(RULE, HOST).apply(backups=tmp_path)
    finally:
        sleeper.send_signal(signal.SIGKILL)
        sleeper.wait()
    # The router went down before its deadline: nobody is left who would undo.
    text = router.config.read_text()
    (folder / "before.xml").write_text(CONFIG)
    router.config.write_text(text)
    (folder / "undo.play").write_text("config_restore('/conf/fabricnet/before.xml', 'undo');\necho \"\\nfabricnet-answer:e30=\\n\";\nexec\nexit\n")
    with pytest.raises(fabricnet.ConflictError, match="an earlier change had never been confirmed and was put back"):
        manage(RULE, HOST).apply(backups=tmp_path)
    assert without_revision(router.config.read_text()) == without_revision(CONFIG)
    assert len(manage(RULE, HOST).apply(backups=tmp_path)) == 2


def test_who_asks_while_another_puts_back_waits_for_him(router, manage, tmp_path):
    manage(RULE).apply(backups=tmp_path)
    folder, go = router.conf / "fabricnet", router.conf / "go"
    (folder / "pending.abc").touch()
    (folder / "before.xml").write_text(CONFIG)
    (folder / "undo.play").write_text("config_restore('/conf/fabricnet/before.xml', 'undo');\necho \"\\nfabricnet-answer:e30=\\n\";\nexec\nexit\n")
    router.mood("wait")
    undo = ["ip", "netns", "exec", "router", "chroot", str(router.root), "sh", "/conf/fabricnet/undo.sh", "0", "abc"]
    first = subprocess.Popen(undo)
    try:
        assert until(lambda: "config_restore undo" in router.calls())
        with pytest.raises(fabricnet.ConflictError, match="another change waits to be confirmed or put back"):
            manage(RULE, HOST).apply(backups=tmp_path)
        second = subprocess.Popen(undo)
        with pytest.raises(subprocess.TimeoutExpired):
            second.wait(3)
        assert first.poll() is None and "fabricnet:home " in router.config.read_text()
    finally:
        go.touch()
    assert first.wait(20) == 0 and second.wait(20) == 3 and router.calls().count("config_restore undo") == 1
    assert without_revision(router.config.read_text()) == without_revision(CONFIG)


def test_who_waits_for_confirmation_is_known_by_its_process(router, manage, tmp_path):
    router.mood("wait")
    mine = fabricnet.Context().router("home", [RULE], access={"host": ADDRESS, "private_key": str(router.key), "host_key": router.host_key(), "timeout_s": 20})
    applying = threading.Thread(target=lambda: mine.apply(confirm_within=60, backups=tmp_path))
    applying.start()
    try:
        def pending():
            return next((path for path in router.conf.glob("fabricnet/pending.*") if path.read_text().strip()), None)

        assert until(pending)
        path = pending()
        undo = pathlib.Path("/proc", path.read_text().strip())
        assert undo.joinpath("cmdline").read_bytes().split(b"\0")[-4:-1] == [b"/conf/fabricnet/undo.sh", b"60", path.suffix[1:].encode()]
        with pytest.raises(fabricnet.ConflictError, match="another change waits"):
            manage(RULE, HOST).apply(backups=tmp_path)
    finally:
        (router.conf / "go").touch()
        applying.join()
    assert kinds(manage(RULE).plan()) == [] and not list(router.conf.glob("fabricnet/pending.*"))
    assert until(lambda: not undo.exists() or not undo.joinpath("cmdline").read_bytes()), "who would have put it back is still there"


def test_no_secret_is_told_and_none_is_in_a_command_line(router, manage, tmp_path):
    before = set(pathlib.Path("/tmp").glob("fabricnet-router-*"))
    seen = []
    stop = threading.Event()

    def look():
        while not stop.wait(0.01):
            for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.append(path.read_bytes())
                except OSError:
                    pass

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        changes = manage({**TUNNEL, "secret": secret(PRIVATE)}).apply(backups=tmp_path)
        router.config.write_text(router.config.read_text().replace(PRIVATE, "A" * 43 + "="))
        changes += manage({**TUNNEL, "secret": secret(PRIVATE)}).plan()
    finally:
        stop.set()
        watcher.join()
    assert [str(change) for change in changes] == ["create tunnel s2s", "update tunnel s2s: privatekey (another) → (declared)"]
    assert any(b"ssh_config" in line for line in seen) and not any(PRIVATE.encode() in line for line in seen)
    assert PRIVATE not in "".join(router.calls())
    assert set(pathlib.Path("/tmp").glob("fabricnet-router-*")) == before
    assert (router.conf / "fabricnet").stat().st_mode & 0o77 == 0


def test_what_is_played_is_php(router, manage, tmp_path):
    """php -l judges all that goes to pfSsh.php, and no line begins with a word of that shell's own."""
    shell = router.root / "usr/local/sbin/pfSsh.php"
    original = shell.read_text()
    shell.write_text("#!/bin/sh\ncat > /conf/played.$$\n")
    try:
        with pytest.raises(fabricnet.Error):
            manage({**TUNNEL, "secret": secret(PRIVATE)}, HOST, RULE).apply(confirm_within=5, backups=tmp_path)
    finally:
        shell.write_text(original)
    played = [*router.conf.glob("played.*"), router.conf / "fabricnet/undo.play"]
    assert len(played) == 2
    for path in played:
        lines = path.read_text().splitlines()
        assert lines[-2:] == ["exec", "exit"] and all(re.match(r"[$} ]|try|echo|foreach|if", line) for line in lines[:-2])
        code = tmp_path / "played.php"
        code.write_text("<?php\n" + "\n".join(lines[:-2]) + "\n")
        run("php", "-l", code)
        assert PRIVATE not in path.read_text()
        path.unlink()


def test_a_damaged_configuration_is_named(router, manage):
    router.config.write_text("<pfsense><version>")
    with pytest.raises(fabricnet.Error, match="192.0.2.1: line 1"):
        manage(RULE).plan()
    router.config.unlink()
    with pytest.raises(fabricnet.UnavailableError, match="'cat' failed: .*No such file"):
        manage(RULE).plan()


def test_the_command(router, tmp_path):
    (tmp_path / "key").write_bytes(router.key.read_bytes())
    (tmp_path / "key").chmod(0o600)
    (tmp_path / "fabric.json").write_text(json.dumps({
        "fabric": 1, "name": "home", "prefixes": {"up": {"prefix": "192.0.2.0/24", "at": "router"}},
        "hosts": {"router": {"manager": "ssh", "interfaces": {"lan0": {"address": "192.0.2.1"}}, "forwarding": True,
                             "ssh": {"private_key": {"file": "key"}, "host_key": router.host_key()}},
                  "desk": {"interfaces": {"up0": {"address": "192.0.2.2"}}}},
        "dns": {"home.example": {"at": "router", "records": {"desk": "desk"}}}}))

    def command(verb, *words, code=0):
        done = run(COMMAND, "-f", tmp_path / "fabric.json", "--host", "desk", "--state", tmp_path / "kept", "router", verb, "router", *words, check=False)
        assert done.returncode == code, done.stderr
        return done.stdout if code in (0, 2) else done.stderr

    assert command("plan", code=2) == "create host desk.home.example\n"
    assert "<ip>192.0.2.2</ip>" in command("render")
    assert command("show") == "router has nothing of this fabric\n"
    assert json.loads(command("apply", "--json"))[0]["object"] == "host desk.home.example"
    assert command("plan") == "router is as declared\n" and json.loads(command("plan", "--json")) == []
    assert json.loads(command("show", "--json"))[0]["content"]["ip"] == "192.0.2.2"
    router.mood("forget")
    router.config.write_text(router.config.read_text().replace("<ip>192.0.2.2</ip>", "<ip>192.0.2.3</ip>"))
    assert "it did not keep what was written" in command("apply", "--confirm-within", "10s", code=4)
