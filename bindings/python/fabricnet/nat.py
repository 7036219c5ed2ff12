# SPDX-License-Identifier: LGPL-2.1-or-later
"""Our nftables table: Context.nat."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from . import _fabricnet as _c
from ._values import PrefixLike
from .context import Context
from .monitor import Monitor
from .records import Change, NatBan, NatElement, NatForeign, NatRule, NatSet

ElementLike = NatElement | Mapping[str, Any] | str


class NatElements:
    """What a set has: iterate over it, change it. A string is an element with the set's own timeout."""

    def __init__(self, context: Context, name: str) -> None:
        self._context = context
        self._name = name

    def __iter__(self) -> Iterator[NatElement]:
        """Reads as a stream; InterruptedReadError if the ruleset changes meanwhile."""
        reader = _c.fbn_nat_reader_new(self._context.handle, self._name)
        while (element := _c.fbn_nat_reader_next(self._context.handle, reader)) is not None:
            yield element

    def _list(self, elements: Iterable[ElementLike]) -> Any:
        handle = self._context.handle
        given = _c.fbn_nat_elements_new(handle, self._name)
        _c.fbn_nat_elements_fill(handle, given, ({"key": element} if isinstance(element, str) else element for element in elements))
        return given

    def _send(self, verb: str, elements: Iterable[ElementLike]) -> int:
        return _c.fbn_nat_elements_send(self._context.handle, self._list(elements), verb)

    def add(self, elements: Iterable[ElementLike]) -> int:
        """Add all in one transaction."""
        return self._send("add", elements)

    def delete(self, elements: Iterable[ElementLike]) -> int:
        """Delete all, which must be there, in one transaction."""
        return self._send("delete", elements)

    def refresh(self, elements: Iterable[ElementLike]) -> int:
        """Add, and let the timeouts of those that are there begin anew."""
        return self._send("refresh", elements)

    def replace(self, elements: Iterable[ElementLike], known: Iterable[ElementLike] | None = None) -> int:
        """Make the set have exactly these, unread if it is known what it has; returns how many differed."""
        last = None if known is None else self._list(known)
        return _c.fbn_nat_elements_replace(self._context.handle, self._list(elements), last)

    def flush(self) -> None:
        """Take all elements out."""
        self.replace(())


class Nat:
    """The table "fabricnet" of a context's namespace."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def watch(self, *, all: bool = False, existing: bool = False, buffer: int = 0) -> Monitor:
        """What was done to our table, or to all, and by which process."""
        options = {"all": all, "existing": existing, "buffer_bytes": buffer}
        return Monitor(self._context, _c.fbn_nat_monitor_new(self._context.handle, options))

    def get(self) -> list[NatRule]:
        """Our rules with their counters; NotFoundError if there is no table of ours."""
        return _c.fbn_nat_all(_c.fbn_nat_get(self._context.handle))

    def generation(self) -> int:
        """The number of the whole ruleset's state: ask before get() when what is wanted is made from what stands, and give it to apply()."""
        return _c.fbn_nat_generation(self._context.handle)

    def sets(self) -> list[NatSet]:
        """Our sets, without what they have; NotFoundError if there is no table of ours."""
        return _c.fbn_nat_sets_all(_c.fbn_nat_get(self._context.handle))

    def elements(self, name: str) -> NatElements:
        """The elements of a set: elements("bans").add(["192.0.2.1"])."""
        return NatElements(self._context, name)

    def apply(
        self,
        rules: Iterable[NatRule | Mapping[str, Any]],
        *,
        sets: Iterable[NatSet | Mapping[str, Any]] = (),
        bans: Iterable[NatBan | Mapping[str, Any]] = (),
        dry_run: bool = False,
        keep_sets: bool = False,
        generation: int = 0,
    ) -> list[Change]:
        """Make our table as wanted in one transaction; nothing wanted removes it. The rules of bans come first."""
        handle = self._context.handle
        want = _c.fbn_nat_new(handle)
        _c.fbn_nat_sets_fill(handle, want, sets)
        _c.fbn_nat_bans_fill(handle, want, bans)
        _c.fbn_nat_fill(handle, want, rules)
        return _c.fbn_changes_all(_c.fbn_nat_apply(handle, want, {"dry_run": dry_run, "keep_sets": keep_sets, "generation": generation}))

    def trace(
        self,
        *,
        source: PrefixLike | None = None,
        destination: PrefixLike | None = None,
        protocol: str | None = None,
        source_port: int = 0,
        destination_port: int = 0,
        in_device: str | None = None,
        rate: int = 0,
    ) -> Monitor:
        """Follow packets through everybody's rules: each event has a NatTrace, the last of a packet its fate."""
        options = {
            "source": source,
            "destination": destination,
            "protocol": protocol,
            "source_port": source_port,
            "destination_port": destination_port,
            "in_device": in_device,
            "rate": rate,
        }
        return Monitor(self._context, _c.fbn_nat_trace_new(self._context.handle, options))

    def foreign(self) -> list[NatForeign]:
        """Places in other people's tables where what ours accepts can be dropped."""
        return _c.fbn_nat_foreigns_all(_c.fbn_nat_foreign_list(self._context.handle))
