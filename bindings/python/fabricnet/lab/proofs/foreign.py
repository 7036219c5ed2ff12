# SPDX-License-Identifier: LGPL-2.1-or-later
"""Firewalls of others, as Docker, UFW and NixOS write them, on a host where ours must live beside them."""

from collections.abc import Iterator
from contextlib import contextmanager

from .prover import Prover

_DOCKER = """table ip docker-bridges {
    chain filter-FORWARD { type filter hook forward priority filter; policy accept; ct state established accept; }
    chain nat-POSTROUTING { type nat hook postrouting priority srcnat; oifname != "docker0" ip saddr 172.17.0.0/16 masquerade; }
    chain nat-PREROUTING { type nat hook prerouting priority dstnat; policy accept; tcp dport 8888 dnat to 172.17.0.2:80; }
}
"""
_UFW = """table ip ufw-like {
    set blocked { type ipv4_addr; elements = { 192.0.2.66 }; }
    chain ufw-before-input { type filter hook input priority filter; policy accept; ct state invalid drop; ip saddr @blocked drop; }
    chain ufw-before-forward { type filter hook forward priority filter; policy accept; ct state established,related accept; }
}
"""
_NIXOS = """table inet nixos-fw {
    chain input { type filter hook input priority filter; policy accept; ct state vmap { invalid : drop, established : accept }; }
    chain forward { type filter hook forward priority filter; policy accept; }
}
"""
_TABLES = {"ip docker-bridges": _DOCKER, "ip ufw-like": _UFW, "inet nixos-fw": _NIXOS}


class Foreign:
    """Foreign tables that stand on a host."""

    def __init__(self, p: Prover, host: str) -> None:
        self.p = p
        self.host = host
        self.tables = tuple(_TABLES)
        self.load()
        self.before = self._listed()

    def load(self) -> None:
        """Put the tables there."""
        self.p.host(self.host).check("nft", "-f", "-", input="".join(_TABLES.values()))

    def remove(self) -> None:
        """Take the tables away, with nft as their owners do."""
        for table in self.tables:
            self.p.run(self.host, f"nft delete table {table}")

    def reload(self) -> None:
        """Flush and load them again."""
        self.remove()
        self.load()

    def expect_untouched(self) -> None:
        """They are as they were loaded."""
        self.p.expect(self._listed() == self.before, f"{self.host}: a foreign table was changed")

    def _listed(self) -> str:
        return "".join(self.p.output(self.host, f"nft -s list table {table}") for table in self.tables)


@contextmanager
def foreign_firewalls(p: Prover, host: str) -> Iterator[Foreign]:
    """Foreign tables for the time of a block."""
    foreign = Foreign(p, host)
    try:
        yield foreign
    finally:
        foreign.remove()
