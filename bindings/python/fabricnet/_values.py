# SPDX-License-Identifier: LGPL-2.1-or-later
"""Addresses, and the kinds of values that calls take."""

from __future__ import annotations

import os
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from typing import NamedTuple, Union

Address = Union[IPv4Address, IPv6Address]
Prefix = Union[IPv4Network, IPv6Network, IPv4Interface, IPv6Interface]
AddressLike = Union[str, Address]
PrefixLike = Union[str, Prefix, Address]
Path = Union[str, "os.PathLike[str]"]


class Endpoint(NamedTuple):
    """An address and a port; str() gives "192.0.2.1:51820" or "[2001:db8::1]:51820"."""

    address: AddressLike
    port: int
    scope: int = 0

    def __str__(self) -> str:
        if ":" not in str(self.address):
            return f"{self.address}:{self.port}"
        zone = f"%{self.scope}" if self.scope else ""
        return f"[{self.address}{zone}]:{self.port}"


EndpointLike = Union[str, Endpoint]
