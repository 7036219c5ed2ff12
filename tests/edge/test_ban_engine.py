# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bans on the host: in force when the answer comes, kept whatever happens, lifted exactly."""
import contextlib
import json
import os
import signal
import socket
import threading

import pytest
from conftest import COMMAND, elements, reaches, run, until


def test_a_ban_is_in_force_when_it_is_answered_and_lifted_alone(engine, network):
    assert reaches("192.0.2.1") and reaches("2001:db8::1") and reaches("10.9.0.2")
    engine.ban("add", "192.0.2.2", "10m", "sshd")
    assert elements("ban-ipv4") == ["192.0.2.2"]
    assert not reaches("192.0.2.1") and not reaches("10.9.0.2")
    assert reaches("192.0.2.1", source="192.0.2.3")
    engine.ban("add", "2001:db8::2", "10m")
    engine.ban("add", "192.0.2.3", "10m")
    assert not reaches("2001:db8::1") and not reaches("192.0.2.1", source="192.0.2.3")
    engine.ban("del", "192.0.2.2")
    assert elements("ban-ipv4") == ["192.0.2.3"] and elements("ban-ipv6") == ["2001:db8::2"]
    assert reaches("192.0.2.1") and not reaches("192.0.2.1", source="192.0.2.3")


def test_who_comes_in_by_a_trusted_link_is_not_looked_at(engines, network):
    engines(trusted=["wan0"]).ban("add", "192.0.2.2")
    assert elements("ban-ipv4") == ["192.0.2.2"] and reaches("192.0.2.1")


def test_loopback_is_never_looked_at(engine):
    run("nft", "add", "element", "inet", "fabricnet", "ban-ipv4", "{ 127.0.0.9 }")
    run("nft", "delete", "element", "inet", "fabricnet", "ban-never-ipv4", "{ 127.0.0.0/8 }")
    assert run("ping", "-n", "-q", "-c", "1", "-W", "1", "-I", "127.0.0.9", "127.0.0.1", check=False).returncode == 0
    run("nft", "flush", "set", "inet", "fabricnet", "ban-trusted")
    assert run("ping", "-n", "-q", "-c", "1", "-W", "1", "-I", "127.0.0.9", "127.0.0.1", check=False).returncode == 1


@pytest.mark.parametrize("prefix, meets", [("192.168.8.5", "192.168.0.0/16"), ("192.0.0.0/8", "192.168.0.0/16"), ("127.0.0.1", "127.0.0.0/8"),
                                           ("240.1.2.3", "240.0.0.0/4"), ("2a06:98c0:3600::103", "2a06:98c0:3600::103"), ("::/0", "::1"),
                                           ("198.51.100.7", "198.51.100.0/24")])
def test_some_are_never_banned(engines, tmp_path, prefix, meets):
    (tmp_path / "ranges").write_text("# of a CDN\n198.51.100.0/24\n")
    engine = engines(never=["192.168.0.0/16"], never_file=str(tmp_path / "ranges"))
    result = engine.ban("add", prefix, check=False)
    assert result.returncode == 1 and f"it meets {meets}" in result.stderr and len(result.stderr.splitlines()) == 1
    assert engine.list() == {}


def test_ranges_that_are_wrong_leave_those_before_them(engines, tmp_path):
    ranges = tmp_path / "ranges"
    ranges.write_text("198.51.100.0/24\n")
    engine = engines(never_file=str(ranges))
    engine.ban("add", "203.0.113.7")
    for text in ("<html>Just a moment...</html>\n", "203.0.113.0/24\n198.51.100.0/99\n"):
        ranges.write_text(text)
        assert engine.ban("reconcile", check=False).returncode == 3
        assert engine.ban("add", "198.51.100.7", check=False).returncode == 1
        assert elements("ban-ipv4") == ["203.0.113.7"]
    ranges.write_text("203.0.113.0/24\n")
    engine.ban("reconcile")
    assert engine.list() == {} and elements("ban-ipv4") == []
    engine.ban("add", "198.51.100.7")


def test_a_shorter_ban_does_not_shorten_a_longer_one(engine):
    engine.ban("add", "203.0.113.5", "2h", "sshd")
    assert json.loads(engine.ban("add", "203.0.113.5", "1h", "nginx", "--json").stdout) == {"added": 0}
    assert engine.list()["203.0.113.5"]["reason"] == "sshd"
    assert json.loads(engine.ban("add", "203.0.113.5", "ever", "--json").stdout) == {"added": 1}
    assert engine.list()["203.0.113.5"]["seconds"] is None
    assert json.loads(engine.ban("del", "203.0.113.6", "--json").stdout) == {"lifted": 0}
    assert json.loads(engine.ban("del", "203.0.113.5", "--json").stdout) == {"lifted": 1}


def test_a_ban_ends_by_itself_and_prefixes_do_not_swallow_each_other(engine):
    engine.ban("add", "203.0.113.0/25", "1h")
    engine.ban("add", "203.0.113.9", "1h")
    engine.ban("add", "203.0.113.0/24", "2s")
    assert elements("ban-ipv4-nets") == ["203.0.113.0/24"]
    assert until(lambda: elements("ban-ipv4-nets") == ["203.0.113.0/25"])
    assert elements("ban-ipv4") == ["203.0.113.9"]
    assert set(engine.list()) == {"203.0.113.0/25", "203.0.113.9"}


def test_a_smaller_prefix_waits_behind_a_larger_one(engine):
    for prefix in ("2001:db8::/32", "2001:db8:1::/48", "2001:db8:1:2::/64"):
        engine.ban("add", prefix, "1h")
    assert elements("ban-ipv6-nets") == ["2001:db8::/32"] and len(engine.list()) == 3
    engine.ban("del", "2001:db8::/32")
    assert elements("ban-ipv6-nets") == ["2001:db8:1::/48"]
    engine.stop(signal.SIGKILL)
    engine.start()
    assert elements("ban-ipv6-nets") == ["2001:db8:1::/48"]
    engine.ban("del", "2001:db8:1::/48")
    assert elements("ban-ipv6-nets") == ["2001:db8:1:2::/64"]


def test_whoever_flushes_the_ruleset_has_the_bans_back(engine, network):
    engine.ban("add", "192.0.2.2")
    engine.ban("add", "198.51.100.0/24")
    run("nft", "flush", "ruleset")
    assert until(lambda: not reaches("192.0.2.1"))
    assert elements("ban-ipv4-nets") == ["198.51.100.0/24"]
    run("nft", "delete", "table", "inet", "fabricnet")
    engine.ban("add", "192.0.2.3")
    assert elements("ban-ipv4") == ["192.0.2.2", "192.0.2.3"]


def test_reconcile_puts_right_what_hands_did(engine):
    for prefix in ("203.0.113.1", "203.0.113.2"):
        engine.ban("add", prefix, "1h")
    run("nft", "delete", "element", "inet", "fabricnet", "ban-ipv4", "{ 203.0.113.1 }")
    run("nft", "add", "element", "inet", "fabricnet", "ban-ipv4", "{ 203.0.113.3 timeout 10m }")
    assert json.loads(engine.ban("reconcile", "--json").stdout) == {"differences": 2}
    assert json.loads(engine.ban("reconcile", "--json").stdout) == {"differences": 0}
    assert elements("ban-ipv4") == ["203.0.113.1", "203.0.113.2", "203.0.113.3"]
    assert engine.list()["203.0.113.3"]["reason"] == "adopted"


def test_bans_survive_death_and_the_loss_of_the_ruleset(engine):
    for i in range(1, 6):
        engine.ban("add", f"203.0.113.{i}", "1h", "sshd")
    engine.ban("add", "2001:db8::/64", "ever")
    engine.ban("del", "203.0.113.2")
    before = engine.list()
    engine.stop(signal.SIGKILL)
    run("nft", "flush", "ruleset")
    engine.start()
    after = engine.list()
    assert set(after) == set(before) and elements("ban-ipv4") == [f"203.0.113.{i}" for i in (1, 3, 4, 5)]
    assert all(after[prefix]["reason"] == before[prefix]["reason"] for prefix in before)
    assert engine.stop() == 0


def test_what_was_answered_survives_being_killed_in_a_storm(engine):
    """Whatever had an answer before the kill is there after it, and nothing is there that was lifted."""
    answered, stop = [], threading.Event()

    def ask():
        with socket.socket(socket.AF_UNIX) as asker:
            asker.connect(engine.settings["socket"])
            stream = asker.makefile("rw")
            for i in range(100000):
                try:
                    stream.write(f"add 10.{i >> 16}.{i >> 8 & 255}.{i & 255} 3600 storm\n")
                    stream.flush()
                    line = stream.readline()
                except OSError:
                    return
                if line != "ok 1\n" or stop.is_set():
                    return
                answered.append(f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}")

    thread = threading.Thread(target=ask)
    thread.start()
    assert until(lambda: len(answered) > 300, 60)
    engine.stop(signal.SIGKILL)
    stop.set()
    thread.join()
    engine.start()
    assert set(answered) <= set(engine.list()) and len(engine.list()) <= len(answered) + 1


def test_a_torn_or_rotten_journal_loses_only_what_is_rotten(engine):
    for i in range(1, 5):
        engine.ban("add", f"203.0.113.{i}", "1h")
    engine.stop(signal.SIGKILL)
    journal = engine.folder / "state/bans"
    size = journal.stat().st_size
    assert size % 60 == 0
    with open(journal, "r+b") as file:
        file.seek(size - 2 * 60 + 20)  # of the last but one: 203.0.113.3
        file.write(b"\xff\xff\xff")
        file.seek(0, os.SEEK_END)
        file.write(b"half an entry")
    run("nft", "flush", "ruleset")
    engine.start()
    assert set(engine.list()) == {"203.0.113.1", "203.0.113.2", "203.0.113.4"}
    assert journal.stat().st_size % 60 == 0


def test_a_full_disk_does_not_stop_bans(tmp_path, engines):
    small = tmp_path / "small"
    small.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(small))
    try:
        engine = engines(state_dir=str(small / "state"))
        engine.ban("add", "203.0.113.1", "1h")
        (small / "fill").write_bytes(b"x" * 65536)
        rest = os.open(small / "rest", os.O_WRONLY | os.O_CREAT)
        with contextlib.suppress(OSError):
            while True:
                os.write(rest, b"x" * 4096)
        os.close(rest)
        results = [engine.ban("add", f"203.0.113.{i}", "1h", check=False) for i in range(2, 90)]
        failed = [result for result in results if result.returncode]
        assert failed and all(result.returncode == 5 and "in force, but not stored" in result.stderr for result in failed)
        assert len(elements("ban-ipv4")) == 89
        assert engine.status()["stored"] is False and "No space left" in engine.status()["trouble"]
        (small / "fill").unlink()
        assert until(lambda: engine.status()["stored"] and not engine.status()["trouble"])
        engine.stop(signal.SIGKILL)
        run("nft", "flush", "ruleset")
        engine.start()
        assert len(engine.list()) == 89
        engine.stop()
    finally:
        run("umount", "-l", str(small))


def test_two_engines_do_not_share_a_state(engine, tmp_path):
    settings = {**engine.settings, "socket": str(tmp_path / "other.sock")}
    (tmp_path / "other.json").write_text(json.dumps(settings))
    result = run(COMMAND, "ban", "serve", tmp_path / "other.json", check=False)
    assert result.returncode == 1 and "another ban engine has this state" in result.stderr


def test_only_root_may_ask(engines):
    engine = engines(socket="/run/fabricnet/ban.sock")
    assert os.stat(engine.settings["socket"]).st_mode & 0o777 == 0o600
    assert os.stat("/run/fabricnet").st_mode & 0o777 == 0o755
    result = run("setpriv", "--reuid", "65534", "--clear-groups", COMMAND, "--socket", engine.settings["socket"], "ban", "list", check=False)
    assert result.returncode == 6


def test_without_an_engine_it_is_said_what_to_do(tmp_path):
    result = run(COMMAND, "--socket", tmp_path / "none", "ban", "list", check=False)
    assert result.returncode == 1 and "fabricnet ban serve" in result.stderr


@pytest.mark.parametrize("line", ["", "nonsense", "add", "add 203.0.113.5", "add 203.0.113.5/33 1 -", "add 203.0.113.5 -1 -", "add 203.0.113.5 1 a;b",
                                  "delete", "list now", "add 203.0.113.5 99999999999 -", "x" * 511])
def test_nonsense_is_refused_and_the_next_line_is_heard(engine, line):
    with socket.socket(socket.AF_UNIX) as asker:
        asker.connect(engine.settings["socket"])
        asker.sendall(f"{line}\nadd 203.0.113.5 60 -\n".encode())
        stream = asker.makefile()
        assert stream.readline().startswith("error 1 ")
        assert stream.readline() == "ok 1\n"


def test_a_line_without_end_is_cut_off(engine):
    with socket.socket(socket.AF_UNIX) as asker:
        asker.connect(engine.settings["socket"])
        asker.sendall(b"a" * 600)
        assert asker.makefile().read() == "error 1 the line is too long\n"
    assert engine.status()["bans"] == 0


def test_who_asks_and_hangs_up_is_heard_all_the_same(engine):
    with socket.socket(socket.AF_UNIX) as asker:
        asker.connect(engine.settings["socket"])
        asker.sendall(b"add 203.0.113.5 600 gone\n")
    assert until(lambda: elements("ban-ipv4") == ["203.0.113.5"])


def test_answers_come_in_order_and_many_askers_are_served_at_once(engine):
    askers = [socket.socket(socket.AF_UNIX) for _ in range(100)]
    for asker in askers:
        asker.connect(engine.settings["socket"])
    for i, asker in enumerate(askers):
        asker.sendall(f"add 203.0.113.{i} 60 -\ndelete 203.0.113.200\nadd 203.0.113.{i} 30 -\nadd 127.0.0.1 1 -\ndelete 203.0.113.{i}\n".encode())
        asker.shutdown(socket.SHUT_WR)
    for asker in askers:
        lines = asker.makefile().read().splitlines()
        assert [line.split(maxsplit=2)[:2] for line in lines] == [["ok", "1"], ["ok", "0"], ["ok", "0"], ["error", "12"], ["ok", "1"]]
        asker.close()
    assert elements("ban-ipv4") == []


def test_ten_thousand_bans_in_a_burst_lose_none(engine):
    many = [f"10.{i >> 8}.{i & 255}.7" for i in range(10000)]
    assert set(engine.say([f"add {one} 3600 burst" for one in many])) == {"ok 1"}
    assert len(elements("ban-ipv4")) == 10000
    engine.stop(signal.SIGKILL)
    run("nft", "flush", "ruleset")
    engine.start()
    assert set(engine.list()) == set(many) and len(elements("ban-ipv4")) == 10000
    assert json.loads(engine.ban("flush", "--json").stdout) == {"lifted": 10000}
    assert elements("ban-ipv4") == []


def test_a_hundred_thousand_bans_take_eight_megabytes(engine):
    assert set(engine.say([f"add 10.{i >> 16}.{i >> 8 & 255}.{i & 255} 36000 many" for i in range(100000)])) == {"ok 1"}
    assert engine.status()["bans"] == 100000
    assert engine.status()["resident_kib"] <= 8192
    engine.stop()
    engine.start()
    assert engine.status()["bans"] == 100000
    assert engine.status()["resident_kib"] <= 8192
    assert len(engine.list()) == 100000




def test_steps_of_the_clock_neither_end_nor_prolong_a_ban(engine, tmp_path):
    """The wall clock of the engine is moved by a preloaded clock_gettime(), whose offset is in a file."""
    source, library, offset = tmp_path / "clock.c", tmp_path / "clock.so", tmp_path / "offset"
    source.write_text("""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
int clock_gettime(clockid_t id, struct timespec *now)
{
        int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
        int r = real(id, now);
        FILE *file = id == CLOCK_REALTIME ? fopen(getenv("CLOCK_OFFSET"), "r") : NULL;
        long seconds = 0;

        if (file && fscanf(file, "%ld", &seconds) == 1)
                now->tv_sec += seconds;
        if (file)
                fclose(file);
        return r;
}
""")
    run("gcc", "-shared", "-fPIC", "-o", library, source, "-ldl")
    engine.stop()
    offset.write_text("0")
    prefix = ["env", f"LD_PRELOAD={library}", f"CLOCK_OFFSET={offset}"]
    engine.start(prefix=prefix)
    engine.ban("add", "203.0.113.1", "1h")
    for step in (86400 * 400, -86400 * 400, 0):
        offset.write_text(str(step))
        engine.ban("add", "203.0.113.2", "2h")
        assert 3500 < engine.list()["203.0.113.1"]["seconds"] <= 3600
        engine.stop(signal.SIGKILL)
        run("nft", "flush", "ruleset")
        engine.start(prefix=prefix)
        assert 3500 < engine.list()["203.0.113.1"]["seconds"] <= 3600
        assert elements("ban-ipv4") == ["203.0.113.1", "203.0.113.2"]
