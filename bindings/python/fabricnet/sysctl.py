# SPDX-License-Identifier: LGPL-2.1-or-later
"""Kernel settings below "net": Context.sysctl."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from . import _fabricnet as _c
from ._members import one_record
from ._values import Path
from .context import Context
from .records import Change, RpFilterPacket, RpFilterResult, RpFilterState, Sysctl, SysctlEffect


class Sysctls:
    """Settings of a context's namespace."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def get(self, key: str) -> int:
        return _c.fbn_sysctl_get(self._context.handle, key)

    def set(self, key: str, value: int) -> None:
        _c.fbn_sysctl_set(self._context.handle, key, value)

    def apply(self, want: Mapping[str, int] | Iterable[Sysctl], *, dry_run: bool = False) -> list[Change]:
        """Make settings as wanted, writing only what differs: apply({"net.ipv4.ip_forward": 1})."""
        return _c.fbn_changes_all(_c.fbn_sysctl_apply(self._context.handle, self._filled(want), {"dry_run": dry_run}))

    def snapshot(self, want: Mapping[str, int] | Iterable[Sysctl]) -> list[Sysctl]:
        """What apply(want) would overwrite; apply() it to undo."""
        return _c.fbn_sysctls_all(_c.fbn_sysctl_snapshot(self._context.handle, self._filled(want)))

    def persist(self, path: Path, want: Mapping[str, int] | Iterable[Sysctl] = ()) -> bool:
        """Make a file of sysctl.d(5) that sets these at each boot; without any remove it. Whether something was done is returned."""
        return bool(_c.fbn_sysctl_persist(self._context.handle, os.fspath(path), self._filled(want)))

    def explain(self, device: str) -> list[SysctlEffect]:
        """What is in force on a link, how it comes about, and what it does."""
        return _c.fbn_sysctl_effects_all(_c.fbn_sysctl_explain(self._context.handle, device))

    def _filled(self, want: Mapping[str, int] | Iterable[Sysctl]) -> Any:
        handle = self._context.handle
        items: list[Any] = [{"key": key, "value": value} for key, value in want.items()] if isinstance(want, Mapping) else list(want)
        sysctls = _c.fbn_sysctls_new(handle)
        _c.fbn_sysctls_fill(handle, sysctls, items)
        return sysctls

    def rpfilter(self, packet: RpFilterPacket | Mapping[str, Any] | None = None, /, **members: Any) -> RpFilterResult:
        """What this namespace does with a packet: rpfilter(source="10.0.0.7", destination="10.9.0.1", in_device="eth0")."""
        return _c.fbn_rpfilter_ask(self._context.handle, one_record(packet, members))

    def rpfilter_verdict(self, state: RpFilterState | Mapping[str, Any] | None = None, /, **members: Any) -> RpFilterResult:
        """The same from an explicit state: nothing is read."""
        return _c.fbn_rpfilter_verdict(self._context.handle, one_record(state, members))

    def rp_filter(self, device: str) -> int:
        """The reverse-path filter in force on a link: 0 off, 1 strict, 2 loose."""
        return _c.fbn_sysctl_rp_filter(self._context.handle, device)
