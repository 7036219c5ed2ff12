# SPDX-License-Identifier: LGPL-2.1-or-later
"""An engine inside this process, asked by other threads of it; nft(8) tells what holds."""

import subprocess
import threading

import pytest

import fabricnet


@pytest.fixture
def paths(tmp_path):
    return {"socket": tmp_path / "sock", "state_dir": tmp_path / "state"}


@pytest.fixture
def engine(paths, netns):
    """Runs in a thread with a context of its own."""
    with fabricnet.Context(netns=netns) as context, context.ban.engine(**paths, never=["192.168.0.0/16"], trusted=["wg0"]) as engine:
        failures = []

        def serve():
            with pytest.raises(fabricnet.CanceledError):
                engine.run()
            failures.append(None)

        thread = threading.Thread(target=serve)
        thread.start()
        yield engine
        context.cancel()
        thread.join()
        assert failures == [None]
        context.resume()


def elements(netns, name):
    return subprocess.run(["ip", "netns", "exec", netns, "nft", "list", "set", "inet", "fabricnet", name], check=True, capture_output=True, text=True).stdout


def test_bans_come_are_told_and_go(c, netns, paths, engine):
    ban = c.ban(paths["socket"])
    assert ban.add("203.0.113.5", duration=600, reason="sshd") and not ban.add("203.0.113.5", duration=60)
    assert ban.add("2001:db8::/48", for_good=True)
    assert "203.0.113.5" in elements(netns, "ban-ipv4")
    first, second = ban.list()
    assert (str(first.prefix), first.reason, first.for_good, first.cdn) == ("203.0.113.5/32", "sshd", False, None)
    assert 500000 < first.duration_ms <= 600000 and first.since > 1.7e18
    assert (str(second.prefix), second.reason, second.for_good) == ("2001:db8::/48", None, True)
    state = ban.status()
    assert state.bans == 2 and state.stored and state.trouble == "" and state.resident_kib > 0
    assert ban.reconcile() == 0
    assert ban.delete("203.0.113.5") and not ban.delete("203.0.113.5")
    assert "203.0.113.5" not in elements(netns, "ban-ipv4")
    assert ban.flush() == 1 and ban.list() == []


def test_what_must_not_be_banned_is_denied(c, paths, engine):
    with pytest.raises(fabricnet.DeniedError, match="192.168.8.5/32 is never banned: it meets 192.168.0.0/16"):
        c.ban(paths["socket"]).add("192.168.8.5")
    with pytest.raises(fabricnet.InvalidError, match="a reason is a word"):
        c.ban(paths["socket"]).add("203.0.113.5", reason="a b")
    with pytest.raises(fabricnet.UnavailableError, match="fabricnet ban serve"):
        c.ban(paths["socket"].parent / "none").list()


def test_an_engine_lives_in_any_loop(c, paths):
    with c.ban.engine(**paths, duration=60) as engine:
        assert engine.events and engine.fileno() >= 0 and engine.timeout() is not None and engine.trouble == ""
        done = threading.Event()
        asked = []

        def ask():
            with fabricnet.Context() as other:
                asked.append(other.ban(paths["socket"]).add("203.0.113.5"))
            done.set()

        threading.Thread(target=ask).start()
        while not done.is_set():
            engine.wait()
        assert asked == [True]
    with pytest.raises(ValueError, match="closed"):
        engine.process()
    with pytest.raises(fabricnet.InvalidError, match="cdn_token"):
        c.ban.engine(**paths, cdn_zone="0" * 32)
