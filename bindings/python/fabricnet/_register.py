# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tells the C module the classes that it makes; a record without one of the library's members is an ImportError."""

import types
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network

from . import _fabricnet, records
from ._values import Endpoint
from .errors import make_error

_classes = types.SimpleNamespace(
    **vars(records),
    IPv4Address=IPv4Address,
    IPv4Interface=IPv4Interface,
    IPv4Network=IPv4Network,
    IPv6Address=IPv6Address,
    IPv6Interface=IPv6Interface,
    IPv6Network=IPv6Network,
    Endpoint=Endpoint,
    make_error=make_error,
)
_fabricnet.register_classes(_classes)
