# SPDX-License-Identifier: LGPL-2.1-or-later
"""Our nftables table: Context.nat."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from . import _fabricnet as _c
from .context import Context
from .records import Change, NatForeign, NatRule


class Nat:
    """The table "fabricnet" of a context's namespace."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def get(self) -> list[NatRule]:
        """Our rules with their counters; NotFoundError if there is no table of ours."""
        return _c.fbn_nat_all(_c.fbn_nat_get(self._context.handle))

    def apply(self, rules: Iterable[NatRule | Mapping[str, Any]], *, dry_run: bool = False) -> list[Change]:
        """Make our table as wanted in one transaction; no rules remove it."""
        handle = self._context.handle
        want = _c.fbn_nat_new(handle)
        _c.fbn_nat_fill(handle, want, rules)
        return _c.fbn_changes_all(_c.fbn_nat_apply(handle, want, {"dry_run": dry_run}))

    def foreign(self) -> list[NatForeign]:
        """Places in other people's tables where what ours accepts can be dropped."""
        return _c.fbn_nat_foreigns_all(_c.fbn_nat_foreign_list(self._context.handle))
