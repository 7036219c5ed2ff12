# SPDX-License-Identifier: LGPL-2.1-or-later
"""A client of a Headscale server's API: Context.headscale()."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from types import TracebackType
from typing import Any

from . import _fabricnet as _c
from ._fabricnet import Secret
from ._values import Path, PrefixLike
from .context import Context, milliseconds, secret_of
from .monitor import Monitor
from .records import Change, HeadscaleKey, HeadscaleNode, HeadscaleUser

Wanted = Mapping[str, Any]


class Headscale:
    """A connection that stays open between calls. Without an API key only health() and version() can be asked."""

    def __init__(
        self,
        context: Context,
        url: str | None = None,
        api_key: Secret | Path | None = None,
        *,
        ca_file: Path | None = None,
        timeout: float | None = None,
        pinned_key: str | None = None,
        proxy: str | None = None,
        socket: Path | None = None,
        reply_limit: int = 0,
        tries: int = 0,
        http2: bool = False,
    ) -> None:
        self._context = context
        self._made: Any = None
        options = {
            "url": url,
            "api_key": secret_of(context, api_key),
            "ca_file": None if ca_file is None else os.fspath(ca_file),
            "timeout_ms": milliseconds(timeout),
            "pinned_key": pinned_key,
            "proxy": proxy,
            "socket": None if socket is None else os.fspath(socket),
            "reply_limit": reply_limit,
            "tries": tries,
            "http2": http2,
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

    def can(self, ability: str) -> bool:
        """Whether the server's version can: "set-expiry", "move-nodes", "untag", "check-policy", "delete-keys", "mint-tagged", "judge-logins"."""
        return bool(_c.fbn_headscale_can(*self._both(), ability))

    @staticmethod
    def check_config(context: Context, path: Path) -> list[str]:
        """What in a server's config.yaml the server refuses, or takes and ignores."""
        return _c.fbn_headscale_config_check(context.handle, os.fspath(path)).splitlines()

    @staticmethod
    def render_config(context: Context, **config: Any) -> str:
        """A server's config.yaml: server_url, listen, folder, prefixes, base_domain, resolvers, split (a mapping of domains to their resolvers),
        search_domains, records (a mapping of names to their addresses), records_path, more (a mapping of further members)."""
        return _c.fbn_headscale_config_render(context.handle, _config(config))

    def users(self) -> list[HeadscaleUser]:
        return _c.fbn_headscale_users_all(_c.fbn_headscale_user_list(*self._both()))

    def create_user(self, name: str) -> HeadscaleUser:
        """Make a user and give it as the server has it."""
        _c.fbn_headscale_user_create(*self._both(), name)
        return next(user for user in self.users() if user.name == name)

    def rename_user(self, user_id: int, name: str) -> None:
        _c.fbn_headscale_user_rename(*self._both(), user_id, name)

    def delete_user(self, user_id: int) -> None:
        _c.fbn_headscale_user_delete(*self._both(), user_id)

    def mint_key(
        self,
        user_id: int = 0,
        *,
        kind: str = "pre-auth",
        reusable: bool = False,
        ephemeral: bool = False,
        valid_for: float | timedelta | None = None,
        tags: Iterable[str] = (),
    ) -> Secret:
        """A pre-auth key, valid for an hour if valid_for (seconds) is not given, or a key of kind "api", for 90 days."""
        options = {
            "user": user_id,
            "reusable": reusable,
            "ephemeral": ephemeral,
            "valid_for": _nanoseconds(valid_for),
            "tags": list(tags),
            "kind": kind,
        }
        return _c.fbn_headscale_key_mint(*self._both(), options)

    def keys(self, kind: str = "pre-auth") -> list[HeadscaleKey]:
        """All keys of a kind, "pre-auth" or "api", expired ones too."""
        return _c.fbn_headscale_keys_all(_c.fbn_headscale_key_list(*self._both(), kind))

    def expire_key(self, key_id: int, kind: str = "pre-auth") -> None:
        _c.fbn_headscale_key_expire(*self._both(), kind, key_id)

    def delete_key(self, key_id: int, kind: str = "pre-auth") -> None:
        _c.fbn_headscale_key_delete(*self._both(), kind, key_id)

    def rotate_key(self, valid_for: float | timedelta | None = None) -> Secret:
        """Another API key for this connection, which goes on with it; the old one works until expire_key(its id, "api")."""
        return _c.fbn_headscale_key_rotate(*self._both(), _nanoseconds(valid_for))

    def nodes(self) -> list[HeadscaleNode]:
        return _c.fbn_headscale_nodes_all(_c.fbn_headscale_node_list(*self._both()))

    def each_node(self) -> Iterator[HeadscaleNode]:
        """The nodes one by one, on a connection of its own: only one is held, however many there are."""
        context, reader = self._context.handle, _c.fbn_headscale_reader_new(*self._both())
        while (node := _c.fbn_headscale_reader_next(context, reader)) is not None:
            yield node

    def change_node(
        self,
        node_id: int,
        *,
        add: Iterable[PrefixLike] = (),
        remove: Iterable[PrefixLike] = (),
        wait: float | None = None,
        dry_run: bool = False,
        **members: Any,
    ) -> list[Change]:
        """Change given_name, user, tags, approved_routes or expiry, as far as they differ, or single routes beside the others.

        With wait (seconds): until the approved routes that the node offers are served.
        """
        options = {"add": list(add), "remove": list(remove), "wait_ms": milliseconds(wait), "dry_run": dry_run}
        return _c.fbn_changes_all(_c.fbn_headscale_node_change(*self._both(), {"id": node_id, **members}, options))

    def apply(
        self,
        *,
        users: Iterable[str | Wanted] = (),
        nodes: Iterable[Wanted] = (),
        policy: str | None = None,
        policy_before: Path | None = None,
        keys: Iterable[Wanted] = (),
        config: Wanted | None = None,
        config_path: Path | None = None,
        wait: float | None = None,
        dry_run: bool = False,
    ) -> list[Change]:
        """Make users, policy, keys, nodes and a server's files as wanted, as far as they differ; others are left alone. An error's done says what stands.

        keys are kept in files: file, kind, user, tags, reusable, ephemeral, valid_for and renew_before (seconds). config has the members of
        render_config(), for a server on this host.
        """
        want = {
            "users": [{"name": user} if isinstance(user, str) else user for user in users],
            "nodes": list(nodes),
            "policy": policy,
            "policy_before": None if policy_before is None else os.fspath(policy_before),
            "keys": [_kept(key) for key in keys],
            "config": None if config is None else _config(config),
            "config_path": None if config_path is None else os.fspath(config_path),
        }
        options = {"wait_ms": milliseconds(wait), "dry_run": dry_run}
        return _c.fbn_changes_all(_c.fbn_headscale_apply(*self._both(), want, options))

    def watch(self, interval: float | None = None) -> Monitor:
        """Nodes as they come, go and change; the server is asked at the interval, 5 seconds if not given."""
        return Monitor(self._context, _c.fbn_headscale_monitor_new(*self._both(), milliseconds(interval)))

    def judge_login(self, login_id: str, yes: bool) -> None:
        """Say yes or no to a login that waits."""
        _c.fbn_headscale_login_judge(*self._both(), login_id, yes)

    def backfill(self) -> int:
        """Give addresses to nodes that lack one of a family; returns how many."""
        return _c.fbn_headscale_node_backfill(*self._both())

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

    def check_policy(self, policy: str) -> None:
        """InvalidError with the server's reason if it would not take it."""
        _c.fbn_headscale_policy_check(*self._both(), policy)

    def set_policy(self, policy: str) -> str:
        """Put a policy in force; returns the one until now, "" if there was none."""
        return _c.fbn_headscale_policy_set(*self._both(), policy)


def _nanoseconds(duration: float | timedelta | None) -> int:
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else duration or 0
    return round(seconds * 1_000_000_000)


def _kept(key: Wanted) -> dict[str, Any]:
    return {**key, "file": os.fspath(key["file"])} | {name: _nanoseconds(key[name]) for name in ("valid_for", "renew_before") if name in key}


def _config(config: Wanted) -> dict[str, Any]:
    made = dict(config)
    if isinstance(split := made.get("split"), Mapping):
        made["split"] = [{"suffix": suffix, "resolvers": list(resolvers)} for suffix, resolvers in split.items()]
    if isinstance(records := made.get("records"), Mapping):
        made["records"] = [{"name": name, "address": address} for name, addresses in records.items() for address in addresses]
    if isinstance(more := made.get("more"), Mapping):
        made["more"] = json.dumps(more)
    if (path := made.get("records_path")) is not None:
        made["records_path"] = os.fspath(path)
    return made
