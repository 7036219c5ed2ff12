# SPDX-License-Identifier: LGPL-2.1-or-later
"""A client of a Headscale server's API: Context.headscale()."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import timedelta
from types import TracebackType
from typing import Any

from . import _fabricnet as _c
from ._fabricnet import Secret
from ._values import Path, PrefixLike
from .context import Context, milliseconds, secret_of
from .records import HeadscaleNode, HeadscaleUser


class Headscale:
    """A connection that stays open between calls. Without an API key only health() and version() can be asked."""

    def __init__(
        self,
        context: Context,
        url: str,
        api_key: Secret | Path | None = None,
        *,
        ca_file: Path | None = None,
        timeout: float | None = None,
    ) -> None:
        self._context = context
        self._made: Any = None
        options = {
            "url": url,
            "api_key": secret_of(context, api_key),
            "ca_file": None if ca_file is None else os.fspath(ca_file),
            "timeout_ms": milliseconds(timeout),
        }
        self._made = _c.fbn_headscale_new(context.handle, options)

    @classmethod
    def of_handle(cls, context: Context, handle: Any) -> Headscale:
        """A connection that the library made."""
        made = cls.__new__(cls)
        made._context = context
        made._made = handle
        return made

    @property
    def context(self) -> Context:
        """The context that it was made with."""
        return self._context

    @property
    def handle(self) -> Any:
        """The C module's own."""
        return self._both()[1]

    def _both(self) -> tuple[Any, Any]:
        if self._made is None:
            raise ValueError("this connection is closed")
        return self._context.handle, self._made

    def close(self) -> None:
        self._made = None

    def __enter__(self) -> Headscale:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def health(self) -> None:
        """Nothing if the server says that it is well, else UnavailableError."""
        _c.fbn_headscale_health(*self._both())

    def version(self) -> str:
        return _c.fbn_headscale_version(*self._both())

    def users(self) -> list[HeadscaleUser]:
        return _c.fbn_headscale_users_all(_c.fbn_headscale_user_list(*self._both()))

    def create_user(self, name: str) -> HeadscaleUser:
        """Make a user and give it as the server has it."""
        _c.fbn_headscale_user_create(*self._both(), name)
        return next(user for user in self.users() if user.name == name)

    def delete_user(self, user_id: int) -> None:
        _c.fbn_headscale_user_delete(*self._both(), user_id)

    def mint_key(
        self,
        user_id: int,
        *,
        reusable: bool = False,
        ephemeral: bool = False,
        valid_for: float | timedelta | None = None,
        tags: Iterable[str] = (),
    ) -> Secret:
        """A pre-auth key; valid_for in seconds, an hour if not given."""
        seconds = valid_for.total_seconds() if isinstance(valid_for, timedelta) else valid_for or 0
        options = {
            "user": user_id,
            "reusable": reusable,
            "ephemeral": ephemeral,
            "valid_for": round(seconds * 1_000_000_000),
            "tags": list(tags),
        }
        return _c.fbn_headscale_key_mint(*self._both(), options)

    def nodes(self) -> list[HeadscaleNode]:
        return _c.fbn_headscale_nodes_all(_c.fbn_headscale_node_list(*self._both()))

    def approve(self, node_id: int, routes: Iterable[PrefixLike]) -> None:
        """Approve exactly these routes of a node."""
        _c.fbn_headscale_node_approve(*self._both(), node_id, routes)

    def register(self, user: str, registration: str) -> None:
        """Let a node in that waits with this registration id."""
        _c.fbn_headscale_node_register(*self._both(), user, registration)

    def rename_node(self, node_id: int, name: str) -> None:
        _c.fbn_headscale_node_rename(*self._both(), node_id, name)

    def delete_node(self, node_id: int) -> None:
        _c.fbn_headscale_node_delete(*self._both(), node_id)

    def policy(self) -> str:
        """The policy as it was put, HuJSON; "" if there is none."""
        return _c.fbn_headscale_policy_get(*self._both())

    def set_policy(self, policy: str) -> None:
        _c.fbn_headscale_policy_set(*self._both(), policy)
