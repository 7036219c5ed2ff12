# SPDX-License-Identifier: LGPL-2.1-or-later
"""Routes and rules of policy routing: Context.route, Context.rule."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping
from typing import Any

from . import _fabricnet as _c
from ._members import one_record
from ._values import AddressLike
from .context import Context
from .records import Change, Route, Rule


class Routes:
    """Routes of a context's namespace."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def list(self, **filter: Any) -> builtins.list[Route]:
        """Routes by family ("inet", "inet6"), table, protocol, device; without a table those of "local" are left out."""
        return _c.fbn_routes_all(_c.fbn_route_list(self._context.handle, filter))

    def add(self, route: Route | Mapping[str, Any] | None = None, /, **members: Any) -> None:
        """Add a route: add(destination="192.168.8.0/24", device="wg0")."""
        _c.fbn_route_add(self._context.handle, one_record(route, members))

    def delete(self, route: Route | Mapping[str, Any] | None = None, /, **members: Any) -> None:
        """Remove the first route that matches every member that is given."""
        _c.fbn_route_delete(self._context.handle, one_record(route, members))

    def get(self, destination: AddressLike) -> Route:
        """Where the kernel would send a packet; NotFoundError without a route."""
        return _c.fbn_routes_at(_c.fbn_route_get(self._context.handle, destination), 0)

    def apply(self, routes: Iterable[Route | Mapping[str, Any]], *, device: str | None = None, dry_run: bool = False) -> builtins.list[Change]:
        """Make our routes, or those through one link, as wanted; routes that we did not make stay."""
        handle = self._context.handle
        want = _c.fbn_routes_new(handle)
        _c.fbn_routes_fill(handle, want, routes)
        return _c.fbn_changes_all(_c.fbn_route_apply(handle, want, {"device": device, "dry_run": dry_run}))


class Rules:
    """Rules of policy routing of a context's namespace."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def list(self, family: str | None = None) -> builtins.list[Rule]:
        """All rules, or those of "inet" or "inet6"."""
        return _c.fbn_rules_all(_c.fbn_rule_list(self._context.handle, family))

    def add(self, rule: Rule | Mapping[str, Any] | None = None, /, **members: Any) -> None:
        """Add a rule: add(family="inet", priority=100, from_="10.0.0.0/8", table=52)."""
        _c.fbn_rule_add(self._context.handle, one_record(rule, members))

    def delete(self, rule: Rule | Mapping[str, Any] | None = None, /, **members: Any) -> None:
        _c.fbn_rule_delete(self._context.handle, one_record(rule, members))

    def apply(self, rules: Iterable[Rule | Mapping[str, Any]], *, dry_run: bool = False) -> builtins.list[Change]:
        """Make our rules as wanted; rules that we did not make stay."""
        handle = self._context.handle
        want = _c.fbn_rules_new(handle)
        _c.fbn_rules_fill(handle, want, rules)
        return _c.fbn_changes_all(_c.fbn_rule_apply(handle, want, {"dry_run": dry_run}))
