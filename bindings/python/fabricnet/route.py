# SPDX-License-Identifier: LGPL-2.1-or-later
"""Routes, nexthop objects, rules of policy routing, neighbours: Context.route, .nexthop, .rule, .neighbour."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from . import _fabricnet as _c
from ._members import one_record
from ._values import AddressLike
from .context import Context
from .monitor import Monitor
from .records import Change, Neighbour, Nexthop, Route, Rule


class Lookup(NamedTuple):
    """Where a packet goes, and why."""

    way: Route  #: link, gateway, source, table
    match: Route | None  #: the route that it matched, where the kernel tells
    rule: Rule | None  #: the rule that sent it to that table


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

    def replace(self, route: Route | Mapping[str, Any] | None = None, /, **members: Any) -> None:
        """Add a route in place of the one of its destination, table and metric, whoever made that."""
        _c.fbn_route_replace(self._context.handle, one_record(route, members))

    def append(self, route: Route | Mapping[str, Any] | None = None, /, **members: Any) -> None:
        """Add a route behind those of its destination, table and metric."""
        _c.fbn_route_append(self._context.handle, one_record(route, members))

    def get(self, destination: AddressLike, **packet: Any) -> Route:
        """Where the kernel would send a packet; NotFoundError says why it goes nowhere. More of the packet: source, in_device, mark …"""
        return self.lookup(destination, **packet).way

    def lookup(self, destination: AddressLike, **packet: Any) -> Lookup:
        """The same with the route that was matched and the rule that chose the table."""
        query = {"destination": destination, **packet}
        found = _c.fbn_routes_all(_c.fbn_route_get(self._context.handle, query))
        rules = _c.fbn_rules_all(_c.fbn_rule_match(self._context.handle, query))
        rule = next((rule for rule in rules if rule.table == found[0].table), None)
        return Lookup(found[0], found[1] if len(found) > 1 else None, rule)

    def apply(self, routes: Iterable[Route | Mapping[str, Any]], *, device: str | None = None, dry_run: bool = False) -> builtins.list[Change]:
        """Make our routes, or those through one link, as wanted; routes that we did not make stay."""
        handle = self._context.handle
        want = _c.fbn_routes_new(handle)
        _c.fbn_routes_fill(handle, want, routes)
        return _c.fbn_changes_all(_c.fbn_route_apply(handle, want, {"device": device, "dry_run": dry_run}))

    def watch(
        self,
        *,
        family: str | None = None,
        table: int = 0,
        protocol: int = 0,
        device: str | None = None,
        routes: bool = True,
        rules: bool = True,
        neighbours: bool = False,
        existing: bool = False,
        buffer: int = 0,
    ) -> Monitor:
        """Events of routes and rules, and of neighbours if asked for. buffer: bytes in the kernel for what was not yet read."""
        options = {
            "family": family,
            "table": table,
            "protocol": protocol,
            "device": device,
            "no_routes": not routes,
            "no_rules": not rules,
            "neighbours": neighbours,
            "existing": existing,
            "buffer_bytes": buffer,
        }
        return Monitor(self._context, _c.fbn_route_monitor_new(self._context.handle, options))


class Nexthops:
    """Nexthop objects of a context's namespace."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def list(self) -> builtins.list[Nexthop]:
        return _c.fbn_nexthops_all(_c.fbn_nexthop_list(self._context.handle))

    def add(self, nexthop: Nexthop | Mapping[str, Any] | None = None, /, **members: Any) -> None:
        """Add one: add(id=1, gateway="10.0.0.1", device="eth0"), or a group: add(id=9, members=[{"id": 1}, {"id": 2}])."""
        _c.fbn_nexthop_add(self._context.handle, one_record(nexthop, members))

    def delete(self, id: int) -> None:
        """Remove one, and with it the routes that use it."""
        _c.fbn_nexthop_delete(self._context.handle, id)

    def apply(self, nexthops: Iterable[Nexthop | Mapping[str, Any]], *, dry_run: bool = False) -> builtins.list[Change]:
        """Make our nexthop objects as wanted; those that we did not make stay."""
        handle = self._context.handle
        want = _c.fbn_nexthops_new(handle)
        _c.fbn_nexthops_fill(handle, want, nexthops)
        return _c.fbn_changes_all(_c.fbn_nexthop_apply(handle, want, {"dry_run": dry_run}))


class Neighbours:
    """The neighbour tables of a context's namespace."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def list(self, device: str | None = None) -> builtins.list[Neighbour]:
        return _c.fbn_neighbours_all(_c.fbn_neighbour_list(self._context.handle, device))

    def add(self, neighbour: Neighbour | Mapping[str, Any] | None = None, /, **members: Any) -> None:
        """Add a permanent entry: add(address="10.0.0.2", device="eth0", link_address="02:00:00:00:00:01"), or a proxy one."""
        _c.fbn_neighbour_add(self._context.handle, one_record(neighbour, members))

    def delete(self, neighbour: Neighbour | Mapping[str, Any] | None = None, /, **members: Any) -> None:
        """Remove an entry, by address, device and proxy."""
        _c.fbn_neighbour_delete(self._context.handle, one_record(neighbour, members))

    def apply(self, neighbours: Iterable[Neighbour | Mapping[str, Any]], *, dry_run: bool = False) -> builtins.list[Change]:
        """Make our entries as wanted; those that we did not make stay, but what the kernel learnt by itself gives way."""
        handle = self._context.handle
        want = _c.fbn_neighbours_new(handle)
        _c.fbn_neighbours_fill(handle, want, neighbours)
        return _c.fbn_changes_all(_c.fbn_neighbour_apply(handle, want, {"dry_run": dry_run}))


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

    def match(self, destination: AddressLike, **packet: Any) -> builtins.list[Rule]:
        """The rules that look at a packet, in their order; more of it: source, in_device, mark …"""
        return _c.fbn_rules_all(_c.fbn_rule_match(self._context.handle, {"destination": destination, **packet}))

    def apply(self, rules: Iterable[Rule | Mapping[str, Any]], *, dry_run: bool = False) -> builtins.list[Change]:
        """Make our rules as wanted; rules that we did not make stay."""
        handle = self._context.handle
        want = _c.fbn_rules_new(handle)
        _c.fbn_rules_fill(handle, want, rules)
        return _c.fbn_changes_all(_c.fbn_rule_apply(handle, want, {"dry_run": dry_run}))
