# SPDX-License-Identifier: LGPL-2.1-or-later
"""Routers as neighbours, managed over ssh: Context.router and Fabric.router."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from . import _fabricnet as _c
from ._values import Path
from .context import Context, interruptible
from .records import Change, RouterObject


class Router:
    """A router and what it should have."""

    def __init__(self, context: Context, handle: Any) -> None:
        self._context = context
        self._handle = handle

    @classmethod
    def made_of(
        cls, context: Context, fabric: str, objects: Iterable[RouterObject | Mapping[str, Any]], access: Mapping[str, Any] | None = None
    ) -> Router:
        """By hand; access has the members of fbn_router_access."""
        handle = _c.fbn_router_new(context.handle, fabric, access)
        _c.fbn_router_fill(context.handle, handle, objects)
        return cls(context, handle)

    @property
    def objects(self) -> list[RouterObject]:
        return _c.fbn_router_all(self._handle)

    def render(self) -> str:
        """The objects as they stand in config.xml, or the fabric file; no secret is in it."""
        return _c.fbn_router_render(self._context.handle, self._handle)

    def read(self) -> list[RouterObject]:
        """What of ours the router has now."""
        return _c.fbn_router_all(interruptible(self._context, lambda: _c.fbn_router_read(self._context.handle, self._handle)))

    def plan(self, *, local_only: bool = False) -> list[Change]:
        """What apply() would do now."""
        return self._apply({"dry_run": True, "local_only": local_only})

    def apply(self, *, confirm_within: int = 0, backups: Path | None = None, local_only: bool = False) -> list[Change]:
        """Make the router have these objects and of ours no other.

        UndoneError: it failed, and the router is as it was. After confirm_within seconds the router puts all back by itself unless we were
        there again.
        """
        folder = None if backups is None else os.fspath(backups)
        return self._apply({"confirm_within": confirm_within, "backups": folder, "local_only": local_only})

    def _apply(self, options: dict[str, Any]) -> list[Change]:
        return _c.fbn_changes_all(interruptible(self._context, lambda: _c.fbn_router_apply(self._context.handle, self._handle, options)))
