#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Holds the include graph to the table in libfabric-net/ARCHITECTURE.md: who may include whom."""
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parents[2] / "libfabric-net"

# What a room may include of other rooms' insides.
INSIDE = {
    "base": set(),
    "netlink": {"base"},
    "link": {"base", "netlink"},
    "wireguard": {"base", "netlink"},
    "route": {"base", "netlink"},
    "nat": {"base", "netlink"},
    "sysctl": {"base"},
    "dns": {"base"},
    "http": {"base"},
    "headscale": {"base", "http"},
    "tailscale": {"base", "http"},
    "edge": {"base", "http"},
    "fabric": {"base"},
}
# Whose public header it may include besides its own and those of base.
BASE_HEADERS = {"changes", "context", "error", "monitor", "secret", "types", "version"}
PUBLIC = {
    "wireguard": {"link"},
    "route": {"link", "rpfilter"},
    "nat": {"link"},
    "edge": {"nat", "route", "router"},
    "fabric": {"edge", "router", "link", "wireguard", "route", "rpfilter", "sysctl", "nat", "dns", "headscale", "tailscale", "fabricnet"},
}


def faults():
    files = sorted(TOP.rglob("*.[ch]"))
    if len(files) < 10:
        yield f"only {len(files)} files found below {TOP}"
    for path in files:
        room = path.relative_to(TOP).parts[0]
        if room not in INSIDE:
            yield f"{room}: not a room of the table"
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            where = f"{path.relative_to(TOP)}:{number}"
            inside = re.match(r'#include "([a-z]+)/', line)
            public = re.match(r"#include <fabricnet/([a-z]+)\.h>", line)
            if inside and inside[1] != room and inside[1] not in INSIDE[room]:
                yield f"{where}: {room} may not include the inside of {inside[1]}"
            if public and public[1] != room and public[1] not in BASE_HEADERS | PUBLIC.get(room, set()):
                yield f"{where}: {room} may not include <fabricnet/{public[1]}.h>"
            if "curl/curl.h" in line and room != "http":
                yield f"{where}: libcurl is reached through http alone"


found = list(faults())
print("\n".join(found) if found else "1 passed")
sys.exit(bool(found))
