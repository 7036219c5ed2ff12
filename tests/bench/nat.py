# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ours against nft(8): a thousand rules made, and found to be there already (nft knows no "already": its file makes them anew); a set of
100,000 intervals with timeouts loaded, one added to it, a hundredth of it replaced."""
import growth as plot
from harness import Goal

RULES = 1000
ELEMENTS = 100_000
CHANGED = ELEMENTS // 100
DECLARED = "add table inet peer\nadd set inet peer load { type ipv4_addr; flags interval,timeout; }\n"


def rules():
    yield "table inet peer {\n  chain postrouting {\n    type nat hook postrouting priority 100;\n"
    for i in range(RULES):
        yield f'    ip saddr 10.{i >> 8}.{i & 255}.0/24 oifname "eth0" counter masquerade comment "rule-{i}"\n'
    yield "  }\n}\n"


def element(i):
    network = (10 << 24) + i * 32
    return f"{network >> 24}.{network >> 16 & 255}.{network >> 8 & 255}.{network & 255}/28 timeout 1h"


def add_element(first, count=1):
    return f"add element inet peer load {{ {', '.join(element(i) for i in range(first, first + count))} }}\n"


def run(bench):
    empty = lambda: bench.command("nft", "flush", "ruleset")
    ours = bench.program("nat")
    in_rules(bench, ours, empty)
    in_sets(bench, ours, bench.program("nat_limit"), empty)


def in_rules(bench, ours, empty):
    text = "".join(rules())
    theirs = {"nft -f": ["nft", "-f", bench.write("rules", text)]}
    again = {"nft -f": ["nft", "-f", bench.write("again", "add table inet peer\ndelete table inet peer\n" + text)]}
    bench.compare("rules-1k", [ours, "rules", RULES, RULES], theirs, {"nft -f": Goal(1)}, before=empty, rounds=9)
    empty()
    bench.command(ours, "rules", RULES, RULES)
    bench.compare("noop-1k", [ours, "rules", RULES, 0], again, {"nft -f": Goal(1)}, rounds=9)


def in_sets(bench, ours, limit, empty):
    def declared():
        empty()
        bench.command(ours, "set")
        bench.command("nft", "-f", bench.write("set", DECLARED))

    def loaded():
        declared()
        bench.command(ours, "add", 0, ELEMENTS)
        bench.command("nft", "-f", load)

    load = bench.write("load", add_element(0, ELEMENTS))
    reload = bench.write("reload", "flush set inet peer load\n" + add_element(CHANGED, ELEMENTS))
    whole = bench.write("whole", DECLARED + add_element(0, ELEMENTS))
    bench.compare("load-100k", [ours, "load", ELEMENTS], {"nft -f": ["nft", "-f", whole]}, {"nft -f": Goal(0.25, rss_kib=12288)}, before=empty,
                  rounds=5, cpu=True)
    bench.compare("load-100k", [ours, "add", 0, ELEMENTS], {"limit": [limit, "add", 0, ELEMENTS]}, {"limit": Goal(1.25)}, before=declared,
                  rounds=5, cpu=True)
    one = ["nft", add_element(ELEMENTS + CHANGED).strip()]
    bench.compare("one-into-100k", [ours, "add", ELEMENTS + CHANGED, 1], {"nft add element": one}, {"nft add element": Goal(0.025)},
                  before=loaded, rounds=3, cpu=True)
    known = [ours, "replace", CHANGED, ELEMENTS, 2 * CHANGED, 0]
    bench.compare("replace-1pct-100k", known, {"nft -f": ["nft", "-f", reload]}, {"nft -f": Goal(0.1)}, before=loaded, rounds=3, cpu=True)
    unknown = [ours, "replace", CHANGED, ELEMENTS, 2 * CHANGED]
    bench.compare("replace-unknown-100k", unknown, {"limit": [limit, "read"]}, before=loaded, rounds=3, cpu=True)


def growth(bench):
    ours, sizes = bench.program("nat"), (1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000)

    def empty(_=None):
        bench.command("nft", "flush", "ruleset")
        bench.command(ours, "set")

    def loaded(size):
        empty()
        bench.command(ours, "add", 0, size)

    series = {"load": plot.measure(bench, sizes, lambda size: [ours, "add", 0, size], empty),
              "bare loop": plot.measure(bench, sizes, lambda size: [bench.program("nat_limit"), "add", 0, size], empty),
              "1% replaced": plot.measure(bench, sizes, lambda size: [ours, "replace", size // 100, size, size // 100 * 2, 0], loaded, rounds=2),
              "one added": plot.measure(bench, sizes, lambda size: [ours, "add", size, 1], loaded, rounds=2),
              "read (32 KiB dumps)": plot.measure(bench, sizes[:5], lambda size: [ours, "read", size], loaded, rounds=2)}
    return "A set of IPv4 intervals with timeouts: time by number of elements", series
