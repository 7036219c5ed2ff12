# SPDX-License-Identifier: LGPL-2.1-or-later
"""Random changes of sets of intervals with timeouts, checked against a model and against what nft(8) reads."""

import ipaddress
import json
import random

import pytest
from conftest import run

ROUNDS = 60


class Model:
    """Blocks that may touch each other but never overlap, each with a timeout."""

    def __init__(self, seed, network):
        self.random = random.Random(seed)
        bits = network.max_prefixlen - network.prefixlen - 7
        self.blocks = [str(block) for block in network.subnets(prefixlen_diff=7)]
        self.narrow = {block: [str(part) for part in ipaddress.ip_network(block).subnets(prefixlen_diff=min(2, bits))] for block in self.blocks}
        self.standing = {}

    def some(self, blocks):
        blocks = sorted(blocks)
        return self.random.sample(blocks, self.random.randint(0, min(12, len(blocks))))

    def fresh(self):
        """Elements for blocks that nothing of is in the set."""
        taken = {block for block, parts in self.narrow.items() if block in self.standing or any(part in self.standing for part in parts)}
        chosen = self.some(set(self.blocks) - taken)
        return {self.random.choice([block, *self.narrow[block]]): self.random.choice((0, 600_000, 900_000)) for block in chosen}


def records(elements):
    return [{"key": key, "timeout_ms": timeout} for key, timeout in elements.items()]


def as_nft(netns):
    """What nft reads, in our words."""
    [found] = [item["set"] for item in json.loads(run("ip", "netns", "exec", netns, "nft", "-j", "list", "set", "inet", "fabricnet", "s"))["nftables"] if "set" in item]
    read = {}
    for item in found.get("elem", []):
        value, timeout = (item["elem"]["val"], item["elem"].get("timeout", 0)) if isinstance(item, dict) and "elem" in item else (item, 0)
        key = f"{value['prefix']['addr']}/{value['prefix']['len']}" if isinstance(value, dict) else value
        read[str(ipaddress.ip_network(key))] = timeout * 1000
    return read


@pytest.mark.parametrize("key, network", [("ipv4_addr", "255.255.0.0/16"), ("ipv4_addr", "0.0.0.0/0"), ("ipv6_addr", "ff00::/8"), ("ipv6_addr", "::/0")])
def test_random_changes(c, netns, key, network):
    seed = random.randrange(1 << 32)
    print("seed", seed)  # shown when it fails
    model = Model(seed, ipaddress.ip_network(network))
    c.nat.apply([], sets=[{"name": "s", "key": key, "intervals": True, "timeouts": True}])
    elements = c.nat.elements("s")
    for _ in range(ROUNDS):
        verb, fresh = model.random.choice(("add", "delete", "refresh", "replace", "replace known")), model.fresh()
        chosen = {block: model.standing[block] for block in model.some(model.standing)}
        if verb == "add":
            assert elements.add(records(fresh)) == len(fresh)
            model.standing |= fresh
        elif verb == "delete":
            assert elements.delete(chosen) == len(chosen)
            model.standing = {block: timeout for block, timeout in model.standing.items() if block not in chosen}
        elif verb == "refresh":
            changed = dict.fromkeys(chosen, 700_000) | fresh
            assert elements.refresh(records(changed)) == len(changed)
            model.standing |= changed
        else:
            wanted = chosen | fresh
            if model.random.random() < 0.3:
                wanted |= dict.fromkeys(chosen, 800_000)
            known = records(model.standing) if verb == "replace known" else None
            assert elements.replace(records(wanted), known) >= (1 if set(wanted) ^ set(model.standing) and wanted else 0)
            model.standing = wanted
        ours = {str(ipaddress.ip_network(element.key)): element.timeout_ms for element in elements}
        assert ours == model.standing == as_nft(netns)
