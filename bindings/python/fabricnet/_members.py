# SPDX-License-Identifier: LGPL-2.1-or-later
"""A record from an object, a mapping, or keyword arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

R = TypeVar("R")


def one_record(record: R | Mapping[str, Any] | None, members: dict[str, Any]) -> R | Mapping[str, Any]:
    """What the C module converts; it checks the names and types of the members."""
    if record is None:
        return members
    if members:
        raise TypeError("give a record or its members, not both")
    return record
