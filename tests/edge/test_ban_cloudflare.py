# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bans at the CDN: from a queue that loses nothing, slowly enough, whatever the server does."""
import json
import signal
import time

import pytest
from conftest import TOKEN, ZONE, elements, run, until

ACCOUNT, LIST = "a" * 32, "b" * 32


def children(engine):
    return run("pgrep", "-P", engine.process.pid, check=False).stdout.split()


def test_bans_come_and_go_at_the_cdn(proxied, cloudflare):
    for prefix in ("203.0.113.5", "203.0.0.0/16", "203.1.113.0/24", "2001:db8::1", "2001:db8:1::/48"):
        proxied.ban("add", prefix, "1h", "nginx")
    wanted = ["2001:db8:1::/48", "2001:db8::1", "203.0.0.0/16", "203.0.113.5", "203.1.113.0/24"]
    assert until(lambda: cloudflare.blocked() == wanted)
    assert {rule["notes"] for rule in cloudflare.rules.values()} == {"fabricnet ban nginx"}
    assert until(lambda: {one["cdn"] for one in proxied.list().values()} == {"blocked"})
    proxied.ban("del", "203.0.113.5")
    assert "203.0.113.5" not in elements("ban-ipv4")
    assert until(lambda: cloudflare.blocked() == [one for one in wanted if one != "203.0.113.5"])
    assert until(lambda: len(proxied.list()) == 4)
    deleted = [path for _, method, path in cloudflare.log if method == "DELETE"]
    assert len(deleted) == 1 and not any(method == "GET" for _, method, _ in cloudflare.log)  # by the id that was kept


def test_a_ban_that_ends_is_lifted_at_the_cdn(proxied, cloudflare):
    proxied.ban("add", "203.0.113.5", "2s")
    assert until(lambda: cloudflare.blocked() == ["203.0.113.5"])
    assert until(lambda: cloudflare.blocked() == [] and proxied.list() == {})


def test_no_more_than_four_requests_a_second(proxied, cloudflare):
    for i in range(12):
        proxied.ban("add", f"203.0.113.{i}")
    assert until(lambda: len(cloudflare.blocked()) == 12)
    times = [when for when, _, _ in cloudflare.log]
    # By when they arrive on a busy machine: six take more than a second, which is five pauses of 0.25 s.
    assert min(b - a for a, b in zip(times, times[5:])) > 1


@pytest.mark.parametrize("faults", [[500], ["hang"], ["lose"], ["page"], [502, 503], ["lose", "hang", 500]])
def test_failures_are_tried_again_and_nothing_is_lost_or_doubled(proxied, cloudflare, faults):
    cloudflare.faults = list(faults)
    proxied.ban("add", "203.0.113.5")
    assert elements("ban-ipv4") == ["203.0.113.5"]
    assert until(lambda: proxied.status()["trouble"])
    assert until(lambda: proxied.cdn("203.0.113.5") == "blocked", 60)
    assert cloudflare.blocked() == ["203.0.113.5"] and proxied.status()["trouble"] == ""
    cloudflare.faults = list(faults)
    proxied.ban("del", "203.0.113.5")
    assert elements("ban-ipv4") == []
    assert until(lambda: cloudflare.blocked() == [] and proxied.list() == {}, 60)


def test_retry_after_is_honoured(proxied, cloudflare):
    cloudflare.faults = [(429, 4)]
    proxied.ban("add", "203.0.113.5")
    assert until(lambda: cloudflare.blocked() == ["203.0.113.5"])
    assert cloudflare.log[1][0] - cloudflare.log[0][0] >= 3.9
    assert "429" not in proxied.status()["trouble"]


def test_a_refused_token_is_told_and_not_hammered(proxied, cloudflare, token):
    cloudflare.token = "another"
    proxied.ban("add", "203.0.113.5")
    assert until(lambda: "HTTP 403: 10000 Authentication error" in proxied.status()["trouble"])
    assert "HTTP 403" in proxied.log.read_text()
    proxied.ban("add", "203.0.113.6")
    time.sleep(3)
    assert len(cloudflare.log) == 1 and elements("ban-ipv4") == ["203.0.113.5", "203.0.113.6"]
    assert proxied.status()["waiting"] == 2
    assert TOKEN not in proxied.log.read_text() + proxied.ban("status").stdout


def test_what_the_cdn_cannot_express_is_refused_and_holds_here(proxied, cloudflare):
    proxied.ban("add", "203.0.112.0/20")
    proxied.ban("add", "203.0.113.5")
    assert until(lambda: proxied.cdn("203.0.113.5") == "blocked")
    assert proxied.cdn("203.0.112.0/20") == "refused" and cloudflare.blocked() == ["203.0.113.5"]
    assert elements("ban-ipv4-nets") == ["203.0.112.0/20"]
    proxied.ban("del", "203.0.112.0/20")
    assert set(proxied.list()) == {"203.0.113.5"}


def test_somebody_elses_rule_for_the_same_address_is_left_alone(proxied, cloudflare):
    theirs = cloudflare.add_rule("ip", "203.0.113.5", "by hand")
    proxied.ban("add", "203.0.113.5")
    assert until(lambda: proxied.cdn("203.0.113.5") == "blocked")
    proxied.ban("del", "203.0.113.5")
    assert until(lambda: proxied.list() == {})
    assert list(cloudflare.rules) == [theirs["id"]]


def test_ids_and_the_queue_survive_a_crash(proxied, cloudflare):
    proxied.ban("add", "203.0.113.1")
    assert until(lambda: proxied.cdn("203.0.113.1") == "blocked")
    time.sleep(1.5)  # the id is on the disk within a second
    cloudflare.hangs = True
    proxied.ban("add", "203.0.113.2")
    proxied.ban("del", "203.0.113.1")
    proxied.stop(signal.SIGKILL)
    run("nft", "flush", "ruleset")
    cloudflare.hangs = False
    cloudflare.log.clear()
    proxied.start()
    assert until(lambda: cloudflare.blocked() == ["203.0.113.2"], 60)
    assert until(lambda: set(proxied.list()) == {"203.0.113.2"})
    assert not any(method == "GET" for _, method, _ in cloudflare.log)


def test_the_child_is_there_only_while_there_is_work(proxied, cloudflare):
    assert children(proxied) == []
    proxied.ban("add", "203.0.113.5")
    assert until(lambda: len(children(proxied)) == 1)
    run("kill", "-9", children(proxied)[0])
    assert until(lambda: proxied.cdn("203.0.113.5") == "blocked", 60)
    proxied.ban("add", "203.0.113.6")
    assert until(lambda: proxied.cdn("203.0.113.6") == "blocked", 60)
    assert "libcurl" not in open(f"/proc/{proxied.process.pid}/maps").read()
    assert until(lambda: children(proxied) == [], 30)


def test_the_child_dies_with_the_engine(proxied, cloudflare):
    cloudflare.hangs = True
    proxied.ban("add", "203.0.113.5")
    child = until(lambda: children(proxied))[0]
    environment = open(f"/proc/{child}/environ").read() if child else ""
    assert TOKEN not in environment + open(f"/proc/{child}/cmdline").read()
    proxied.stop(signal.SIGKILL)
    assert until(lambda: run("kill", "-0", child, check=False).returncode != 0 or " Z " in open(f"/proc/{child}/stat").read())


def test_lifted_while_it_is_being_blocked_and_banned_again_while_it_is_being_lifted(proxied, cloudflare):
    cloudflare.faults = ["hang"]
    proxied.ban("add", "203.0.113.5")
    assert until(lambda: cloudflare.log)
    proxied.ban("del", "203.0.113.5")
    assert proxied.cdn("203.0.113.5") in ("lifting", "waiting")
    assert until(lambda: proxied.list() == {} and cloudflare.blocked() == [], 60)
    proxied.ban("add", "203.0.113.6")
    assert until(lambda: proxied.cdn("203.0.113.6") == "blocked")
    cloudflare.faults = ["hang"]
    proxied.ban("del", "203.0.113.6")
    assert until(lambda: any(method == "DELETE" for _, method, _ in cloudflare.log[-1:]))
    proxied.ban("add", "203.0.113.6")
    assert until(lambda: proxied.cdn("203.0.113.6") == "blocked" and cloudflare.blocked() == ["203.0.113.6"], 60)
    time.sleep(2)
    assert cloudflare.blocked() == ["203.0.113.6"]


def test_reconcile_compares_all_pages_of_the_cdn(proxied, cloudflare):
    proxied.ban("add", "203.0.113.5")
    proxied.ban("add", "203.0.113.6")
    assert until(lambda: len(cloudflare.blocked()) == 2 and proxied.status()["waiting"] == 0)
    theirs = [cloudflare.add_rule("ip", f"198.18.{i // 256}.{i % 256}", "by hand")["id"] for i in range(230)]
    cloudflare.add_rule("ip", "203.0.113.7", "fabricnet ban sshd")  # ours, but nobody's any more
    cloudflare.add_rule("ip", "203.0.113.8", "fabricnet ban2")      # another engine's
    lost = next(number for number, rule in cloudflare.rules.items() if rule["configuration"]["value"] == "203.0.113.5")
    del cloudflare.rules[lost]
    proxied.ban("reconcile")
    assert until(lambda: {"203.0.113.5", "203.0.113.6", "203.0.113.8"} <= set(cloudflare.blocked()) and "203.0.113.7" not in cloudflare.blocked(), 60)
    assert set(theirs) <= set(cloudflare.rules)
    assert until(lambda: set(proxied.list()) == {"203.0.113.5", "203.0.113.6"})


def test_a_list_takes_many_bans_a_request(engines, cloudflare, token):
    engine = engines(cdn_account=ACCOUNT, cdn_list=LIST, cdn_token=str(token), cdn_url=cloudflare.url, cdn_timeout="1s")
    assert set(engine.say([f"add 203.0.113.{i} 3600 many" for i in range(120)])) == {"ok 1"}
    engine.ban("add", "203.0.96.0/20")
    engine.ban("add", "2001:db8::1")
    assert until(lambda: len(cloudflare.listed()) == 121, 60)
    assert len([1 for _, method, _ in cloudflare.log if method == "POST"]) <= 6
    assert until(lambda: engine.cdn("203.0.96.0/20") == "blocked" and engine.cdn("2001:db8::1") == "refused")
    cloudflare.items["c" * 32] = {"id": "c" * 32, "ip": "198.18.0.1", "comment": "by hand"}
    engine.ban("flush")
    assert until(lambda: cloudflare.listed() == ["198.18.0.1"] and engine.list() == {}, 60)


def test_ten_thousand_bans_wait_while_the_cdn_hangs(proxied, cloudflare):
    cloudflare.hangs = True
    assert set(proxied.say([f"add 10.0.{i >> 8}.{i & 255} 3600 burst" for i in range(10000)])) == {"ok 1"}
    assert proxied.status()["waiting"] == 10000
    proxied.ban("add", "203.0.113.5")
    assert len(elements("ban-ipv4")) == 10001 and cloudflare.blocked() == []


@pytest.mark.parametrize("settings, words", [({"cdn_zone": "x"}, "32 hexadecimal digits"), ({"cdn_zone": ZONE}, "cdn_token"), ({"cdn_list": LIST}, "cdn_account"),
                                             ({"cdn_zone": ZONE, "cdn_account": ACCOUNT, "cdn_list": LIST}, "one of them"), ({"nonsense": 1}, "nonsense"),
                                             ({"never": ["300.0.0.0/8"]}, "never/0"), ({"duration": "soon"}, "duration")])
def test_settings_that_are_wrong_are_named(tmp_path, settings, words):
    from conftest import COMMAND

    path = tmp_path / "ban.json"
    path.write_text(json.dumps({"state_dir": str(tmp_path / "state"), "socket": str(tmp_path / "sock"), **settings}))
    result = run(COMMAND, "ban", "serve", path, check=False)
    assert result.returncode == 3 and words in result.stderr and len(result.stderr.splitlines()) == 1
