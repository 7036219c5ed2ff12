# SPDX-License-Identifier: LGPL-2.1-or-later
"""Kernel settings below "net": Context.sysctl."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from . import _fabricnet as _c
from .context import Context
from .records import Change, Sysctl


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
        handle = self._context.handle
        items: list[Any] = [{"key": key, "value": value} for key, value in want.items()] if isinstance(want, Mapping) else list(want)
        sysctls = _c.fbn_sysctls_new(handle)
        _c.fbn_sysctls_fill(handle, sysctls, items)
        return _c.fbn_changes_all(_c.fbn_sysctl_apply(handle, sysctls, {"dry_run": dry_run}))

    def rp_filter(self, device: str) -> int:
        """The reverse-path filter in force on a link: 0 off, 1 strict, 2 loose."""
        return _c.fbn_sysctl_rp_filter(self._context.handle, device)
