# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bans that hold: Context.ban asks an engine, Context.ban.engine() is one."""

from __future__ import annotations

import os
import select
from collections.abc import Iterable
from types import TracebackType
from typing import Any

from . import _fabricnet as _c
from ._values import Path, PrefixLike
from .context import Context, milliseconds
from .records import Ban, BanState


class BanEngine:
    """Keeps bans in force inside the caller's event loop: poll fileno() for events, or wait timeout(), then process(). Or run()."""

    def __init__(self, context: Context, options: dict[str, Any]) -> None:
        self._context = context
        self._made: Any = None
        self._made = _c.fbn_ban_engine_new(context.handle, options)

    @property
    def handle(self) -> Any:
        if self._made is None:
            raise ValueError("this engine is closed")
        return self._made

    def close(self) -> None:
        """End the engine; what is banned stays so."""
        self._made = None

    def __enter__(self) -> BanEngine:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def fileno(self) -> int:
        return _c.fbn_ban_engine_fd(self.handle)

    @property
    def events(self) -> int:
        """What to poll fileno() for."""
        return _c.fbn_ban_engine_events(self.handle)

    def timeout(self) -> float | None:
        """Seconds until process() is due without an event; None: never."""
        due = _c.fbn_ban_engine_timeout(self.handle)
        return None if due < 0 else due / 1000

    def process(self) -> None:
        """Do what is due, without waiting for anybody but the kernel and the disk."""
        _c.fbn_ban_engine_process(self._context.handle, self.handle)

    def wait(self) -> None:
        """Wait for something to do, then do it."""
        select.select([self], [], [], self.timeout())
        self.process()

    def run(self) -> None:
        """Serve until the context is cancelled, which raises CanceledError."""
        _c.fbn_ban_engine_run(self._context.handle, self.handle)

    @property
    def trouble(self) -> str:
        """What does not work now: the host's, the disk's, nginx's or the CDN's last failure; empty: nothing."""
        return _c.fbn_ban_engine_trouble(self.handle)


class Bans:
    """Asks the ban engine of this host."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def __call__(self, socket: Path) -> Bans:
        """The same of an engine that listens elsewhere."""
        other = Bans(self._context)
        other._socket = os.fspath(socket)
        return other

    _socket: str | None = None

    def add(self, prefix: PrefixLike, *, duration: float | None = None, for_good: bool = False, reason: str | None = None) -> bool:
        """Ban for so many seconds: in force and stored when this returns; False if it lasted that long already."""
        ban = {"prefix": prefix, "duration_ms": milliseconds(duration), "for_good": for_good, "reason": reason}
        return bool(_c.fbn_ban_add(self._context.handle, self._socket, ban))

    def delete(self, prefix: PrefixLike) -> bool:
        """Lift one ban, exactly this one; False if there is none."""
        return bool(_c.fbn_ban_delete(self._context.handle, self._socket, prefix))

    def flush(self) -> int:
        """Lift all; how many."""
        return _c.fbn_ban_flush(self._context.handle, self._socket)

    def reconcile(self) -> int:
        """Put right what the host and the CDN have otherwise; how many differences the host had."""
        return _c.fbn_ban_reconcile(self._context.handle, self._socket)

    def list(self) -> list[Ban]:
        return _c.fbn_bans_all(_c.fbn_ban_list(self._context.handle, self._socket))

    def status(self) -> BanState:
        return _c.fbn_bans_state(_c.fbn_ban_status(self._context.handle, self._socket))

    def engine(
        self,
        *,
        socket: Path | None = None,
        state_dir: Path | None = None,
        name: str | None = None,
        duration: float | None = None,
        never: Iterable[PrefixLike] = (),
        never_file: Path | None = None,
        trusted: Iterable[str] = (),
        nginx_map: Path | None = None,
        nginx_pid: Path | None = None,
        cdn_zone: str | None = None,
        cdn_account: str | None = None,
        cdn_list: str | None = None,
        cdn_token: Path | None = None,
        cdn_url: str | None = None,
        cdn_ca_file: Path | None = None,
        cdn_timeout: float | None = None,
    ) -> BanEngine:
        """An engine of this context's namespace; options as of fbn_ban_engine_options."""
        paths = {
            "socket": socket,
            "state_dir": state_dir,
            "never_file": never_file,
            "nginx_map": nginx_map,
            "nginx_pid": nginx_pid,
            "cdn_token": cdn_token,
            "cdn_ca_file": cdn_ca_file,
        }
        options = {
            "name": name,
            "duration_ms": milliseconds(duration),
            "never": list(never),
            "trusted": list(trusted),
            "cdn_zone": cdn_zone,
            "cdn_account": cdn_account,
            "cdn_list": cdn_list,
            "cdn_url": cdn_url,
            "cdn_timeout_ms": milliseconds(cdn_timeout),
            **{key: None if path is None else os.fspath(path) for key, path in paths.items()},
        }
        return BanEngine(self._context, options)
