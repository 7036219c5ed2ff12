# SPDX-License-Identifier: LGPL-2.1-or-later
"""The host's tailscaled: Context.tailscale."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from . import _fabricnet as _c
from ._fabricnet import Secret
from ._members import one_record
from ._values import Path
from .context import Context, interruptible, milliseconds, secret_of
from .records import Change, TailscalePrefs, TailscaleState


class Tailscale:
    """tailscaled at its usual socket, or at the one that each call may name. Time-outs are seconds."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def status(self, *, socket: Path | None = None, timeout: float | None = None) -> TailscaleState:
        """What the daemon says of itself, of this device and of its peers."""
        status = _c.fbn_tailscale_status_get(self._context.handle, _options(socket, timeout))
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
        **members: Any,
    ) -> list[Change]:
        """Enrol this device and wait until it is Running; login_server is required. Ctrl-C ends the wait."""
        handle, options = self._context.handle, _options(socket, timeout, dry_run)
        want, key = one_record(prefs, members), secret_of(self._context, auth_key)
        changes = interruptible(self._context, lambda: _c.fbn_tailscale_enrol(handle, options, want, key))
        return _c.fbn_changes_all(changes)

    def logout(self, *, socket: Path | None = None, timeout: float | None = None) -> None:
        """Log out and forget the node key."""
        _c.fbn_tailscale_logout(self._context.handle, _options(socket, timeout))


def _options(socket: Path | None, timeout: float | None, dry_run: bool = False) -> dict[str, Any]:
    return {"socket": None if socket is None else os.fspath(socket), "timeout_ms": milliseconds(timeout), "dry_run": dry_run}
