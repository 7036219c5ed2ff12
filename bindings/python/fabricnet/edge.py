# SPDX-License-Identifier: LGPL-2.1-or-later
"""What nginx and fail2ban on the public host are to do: Context.edge."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from . import _fabricnet as _c
from ._values import Path, PrefixLike
from .context import Context, milliseconds
from .records import Change, Service


def _paths(**paths: Path | None) -> dict[str, str | None]:
    return {name: None if path is None else os.fspath(path) for name, path in paths.items()}


class Edge:
    """The public host of a context's namespace."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def refresh_ranges(
        self, file: Path, *, url: str | None = None, ca_file: Path | None = None, timeout: float | None = None, dry_run: bool = False
    ) -> list[Change]:
        """Fetch the CDN's ranges into the file; ProtocolError if they cannot be true, the file is then as it was."""
        options = {"url": url, "timeout_ms": milliseconds(timeout), "dry_run": dry_run, **_paths(file=file, ca_file=ca_file)}
        return _c.fbn_changes_all(_c.fbn_cdn_refresh(self._context.handle, options))

    def services(
        self,
        services: Iterable[Service | Mapping[str, Any]],
        *,
        directory: Path | None = None,
        nginx: Path | None = None,
        nginx_conf: Path | None = None,
        nginx_pid: Path | None = None,
        log: Path | None = None,
        ranges_file: Path | None = None,
        origin_ca: Path | None = None,
        ban_map: Path | None = None,
        acme_root: Path | None = None,
        dry_run: bool = False,
    ) -> list[Change]:
        """Make nginx serve these and no other name; if it refuses the files, the old ones are back."""
        handle = self._context.handle
        made = _c.fbn_services_new(handle)
        _c.fbn_services_fill(handle, made, services)
        options = {
            "dry_run": dry_run,
            **_paths(
                directory=directory,
                nginx=nginx,
                nginx_conf=nginx_conf,
                nginx_pid=nginx_pid,
                log=log,
                ranges_file=ranges_file,
                origin_ca=origin_ca,
                ban_map=ban_map,
                acme_root=acme_root,
            ),
        }
        return _c.fbn_changes_all(_c.fbn_services_apply(handle, made, options))

    def fail2ban(
        self,
        *,
        directory: Path | None = None,
        command: Path | None = None,
        socket: Path | None = None,
        log: Path | None = None,
        sshd: bool = False,
        nginx: bool = False,
        max_retry: int = 0,
        find: float | None = None,
        ban: float | None = None,
        ignore: Iterable[PrefixLike] = (),
        ranges_file: Path | None = None,
        dry_run: bool = False,
    ) -> list[Change]:
        """Make fail2ban ask the ban engine; find and ban in seconds."""
        options = {
            "sshd": sshd,
            "nginx": nginx,
            "max_retry": max_retry,
            "find_ms": milliseconds(find),
            "ban_ms": milliseconds(ban),
            "ignore": list(ignore),
            "dry_run": dry_run,
            **_paths(directory=directory, command=command, socket=socket, log=log, ranges_file=ranges_file),
        }
        return _c.fbn_changes_all(_c.fbn_fail2ban_apply(self._context.handle, options))
