# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ours against nft(8): a thousand rules made, and found to be there already. nft knows no "already": its file makes them anew."""
from harness import Goal

RULES = 1000


def rules():
    yield "table inet peer {\n  chain postrouting {\n    type nat hook postrouting priority 100;\n"
    for i in range(RULES):
        yield f'    ip saddr 10.{i >> 8}.{i & 255}.0/24 oifname "eth0" counter masquerade comment "rule-{i}"\n'
    yield "  }\n}\n"


def run(bench):
    bench.note("sets do not exist yet: load-100k, one-into-100k and replace-1pct-100k are left out")
    ours, text = bench.program("nat"), "".join(rules())
    theirs = {"nft -f": ["nft", "-f", bench.write("rules", text)]}
    again = {"nft -f": ["nft", "-f", bench.write("again", "add table inet peer\ndelete table inet peer\n" + text)]}

    def empty():
        bench.command("nft", "flush", "ruleset")

    bench.compare("rules-1k", [ours, RULES, RULES], theirs, {"nft -f": Goal(1)}, before=empty, rounds=9)
    empty()
    bench.command(ours, RULES, RULES)
    bench.compare("noop-1k", [ours, RULES, 0], again, {"nft -f": Goal(1)}, rounds=9)
