# SPDX-License-Identifier: LGPL-2.1-or-later
"""The host's tailscaled: Context.tailscale."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from . import _fabricnet as _c
from ._fabricnet import Secret
from ._members import one_record
from ._values import Path
from .context import Context, interruptible, milliseconds, secret_of
from .monitor import Monitor
from .records import Change, TailscaleNode, TailscalePong, TailscalePrefs, TailscaleState


class Tailscale:
    """tailscaled at its usual socket, or at the one that each call may name. Time-outs are seconds."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def status(self, *, socket: Path | None = None, timeout: float | None = None, advice: bool = False) -> TailscaleState:
        """What the daemon says of itself, of this device and of its peers; with advice also what it cannot see and is known to go wrong."""
        status = _c.fbn_tailscale_status_get(self._context.handle, _options(socket, timeout) | {"advice": advice})
        state = _c.fbn_tailscale_status_state(status)
        object.__setattr__(state, "peers", tuple(_c.fbn_tailscale_status_all(status)))
        return state

    def prefs(self, *, socket: Path | None = None, timeout: float | None = None) -> TailscalePrefs:
        return _c.fbn_tailscale_settings_prefs(_c.fbn_tailscale_settings_get(self._context.handle, _options(socket, timeout)))

    def apply(
        self,
        prefs: TailscalePrefs | Mapping[str, Any] | None = None,
        /,
        *,
        socket: Path | None = None,
        timeout: float | None = None,
        dry_run: bool = False,
        **members: Any,
    ) -> list[Change]:
        """Make the given preferences as wanted, patching only what differs: apply(accept_routes=True)."""
        want = one_record(prefs, members)
        return _c.fbn_changes_all(_c.fbn_tailscale_apply(self._context.handle, _options(socket, timeout, dry_run), want))

    def enrol(
        self,
        prefs: TailscalePrefs | Mapping[str, Any] | None = None,
        /,
        *,
        auth_key: Secret | Path | None = None,
        socket: Path | None = None,
        timeout: float | None = None,
        dry_run: bool = False,
        reauthenticate: bool = False,
        progress: Callable[[str], None] | None = None,
        **members: Any,
    ) -> list[Change]:
        """Enrol this device and wait until it is Running; login_server is required. Ctrl-C ends the wait."""
        handle = self._context.handle
        options = _options(socket, timeout, dry_run) | {"reauthenticate": reauthenticate, "progress": progress}
        want, key = one_record(prefs, members), secret_of(self._context, auth_key)
        changes = interruptible(self._context, lambda: _c.fbn_tailscale_enrol(handle, options, want, key))
        return _c.fbn_changes_all(changes)

    def whois(self, address: str, *, socket: Path | None = None, timeout: float | None = None) -> TailscaleNode:
        """Whose a mesh address is."""
        (node,) = _c.fbn_tailscale_status_all(_c.fbn_tailscale_whois(self._context.handle, _options(socket, timeout), str(address)))
        return node

    def ping(self, address: str, size: int = 0, *, socket: Path | None = None, timeout: float | None = None) -> TailscalePong:
        """Ping a mesh address, below IP; size: bytes of the packet to try."""
        return _c.fbn_tailscale_ping(self._context.handle, _options(socket, timeout), str(address), size)

    def resolve(self, name: str, type: str = "A", *, socket: Path | None = None, timeout: float | None = None) -> list[tuple[str, str, str]]:
        """What tailscaled's resolver answers: (name, type, value)."""
        text = _c.fbn_tailscale_resolve(self._context.handle, _options(socket, timeout), name, type)
        return [(words[0], words[1], words[2]) for words in (line.split(" ", 2) for line in text.splitlines())]

    def metrics(self, *, socket: Path | None = None, timeout: float | None = None) -> str:
        """The daemon's counters, in Prometheus' text format."""
        return _c.fbn_tailscale_metrics(self._context.handle, _options(socket, timeout))

    def watch(self, *, socket: Path | None = None, timeout: float | None = None) -> Monitor:
        """State, preferences and complaints as they change."""
        return Monitor(self._context, _c.fbn_tailscale_monitor_new(self._context.handle, _options(socket, timeout)))

    def logout(self, *, socket: Path | None = None, timeout: float | None = None) -> None:
        """Log out and forget the node key."""
        _c.fbn_tailscale_logout(self._context.handle, _options(socket, timeout))


def _options(socket: Path | None, timeout: float | None, dry_run: bool = False) -> dict[str, Any]:
    return {"socket": None if socket is None else os.fspath(socket), "timeout_ms": milliseconds(timeout), "dry_run": dry_run}
