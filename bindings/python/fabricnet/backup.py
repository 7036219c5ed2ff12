# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files of other hosts, kept in generations: Context.backup."""

from __future__ import annotations

import os

from . import _fabricnet as _c
from ._values import Path
from .context import Context, interruptible
from .records import Backup, BackupState


class Backups:
    """Fetches files of other hosts."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def run(self, backup: Backup) -> bool:
        """Fetch the file; whether it became a new generation, because it differs from the newest."""
        return bool(interruptible(self._context, lambda: _c.fbn_backup_run(self._context.handle, backup)))

    def state(self, folder: Path) -> BackupState:
        """How a backup fares, from its folder."""
        return _c.fbn_backup_state_get(self._context.handle, os.fspath(folder))
