# SPDX-License-Identifier: LGPL-2.1-or-later
"""The declared network: one file, each host's own part of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import _fabricnet as _c
from ._fabricnet import Secret
from ._values import Path as FilePath
from .context import Context, default, interruptible
from .dns import Routes
from .monitor import Monitor
from .headscale import Headscale
from .records import Change, Fact, Finding, Generation, Hop, PlanStep
from .router import Router


@dataclass(frozen=True, slots=True)
class FabricStatus:
    """What is live on a host, and how it differs from what is declared."""

    facts: list[Fact]
    plan: list[PlanStep]
    metrics: str  #: OpenMetrics text for Prometheus


@dataclass(frozen=True, slots=True)
class Path:
    """A packet's way through the declared network, there and back."""

    disposition: str  #: "ACCEPTED", "DELIVERED_TO_SUBNET", "EXITS_NETWORK", or why not: "RPF_DROP", "NO_ROUTE" …
    hops: list[Hop]


class Plan(list[PlanStep]):
    """The steps in their order. apply() with plan_digest=plan.digest takes these or none."""

    def __init__(self, handle: Any) -> None:
        super().__init__(_c.fbn_plan_all(handle))
        self.digest: str = _c.fbn_plan_digest(handle)
        findings = _c.fbn_plan_findings(handle)
        #: what is live on the host, is not ours, and would get in the way
        self.findings: list[Finding] = _c.fbn_findings_all(findings) if findings else []


class Fabric:
    """A fabric file, read and valid. Made by load() or parse().

    plan(), apply() and status() act in the namespace of the fabric's context, or of the one that the call names.
    Their options: tailscale_socket, ca_file, auth_key_file, local_only, ignore_errors, management, plan_digest, probe, state_directory.
    """

    def __init__(self, handle: Any, context: Context | None = None) -> None:
        self._handle = handle
        self._context = context

    def _in(self, context: Context | None) -> Any:
        return default(context or self._context).handle

    @property
    def name(self) -> str:
        return _c.fbn_fabric_name(self._handle)

    @property
    def hosts(self) -> list[str]:
        """Names of the hosts in the order of the file."""
        return [_c.fbn_fabric_host_at(self._handle, index) for index in range(_c.fbn_fabric_host_count(self._handle))]

    def check(self, *, context: Context | None = None) -> list[Finding]:
        """What is valid but would not work."""
        return _c.fbn_findings_all(_c.fbn_fabric_check(self._in(context), self._handle))

    def explain(self, start: str, to: str, *, context: Context | None = None) -> Path:
        """Follow a packet from a host to a host, a name, a service or an address, with ":PORT/tcp" if ports matter."""
        path = _c.fbn_fabric_explain(self._in(context), self._handle, start, to)
        return Path(_c.fbn_fabric_path_disposition(path), _c.fbn_fabric_path_all(path))

    def render(self, host: str, format: str, tunnel: str | None = None, *, context: Context | None = None) -> str:
        """A host's part as "wg-quick", "netdev", "network", "headscale", "nixos", "prometheus" or "alerts"; keys are named by their paths."""
        return _c.fbn_fabric_render(self._in(context), self._handle, host, format, tunnel)

    def plan(self, host: str, *, context: Context | None = None, **options: Any) -> Plan:
        """What apply() would do on this host now."""
        used, members = default(context or self._context), _options(host, options)
        return Plan(interruptible(used, lambda: _c.fbn_fabric_plan(used.handle, self._handle, members)))

    def apply(
        self,
        host: str,
        *,
        context: Context | None = None,
        progress: Callable[[str], object] | None = None,
        **options: Any,
    ) -> list[PlanStep]:
        """Make this host as declared.

        progress is told each step before it is taken; what it raises ends the apply, and all is put back. With confirm_within, in seconds,
        so it is unless confirm() is called in time.
        """
        used = default(context or self._context)
        watch = _Progress(used, progress) if progress else None
        members = _options(host, {**options, "progress": watch})
        try:
            done = interruptible(used, lambda: _c.fbn_fabric_apply(used.handle, self._handle, members))
        finally:
            if watch:
                watch.finish()
        return _c.fbn_plan_all(done)

    def status(self, host: str, *, context: Context | None = None, **options: Any) -> FabricStatus:
        """Observe this host; with probe=True also try what the file expects from it."""
        used, members = default(context or self._context), _options(host, options)
        status = interruptible(used, lambda: _c.fbn_fabric_status_get(used.handle, self._handle, members))
        return FabricStatus(
            _c.fbn_fabric_status_all(status), _c.fbn_plan_all(_c.fbn_fabric_status_plan(status)), _c.fbn_fabric_status_metrics(status)
        )

    def backup(self, host: str, name: str | None = None, *, context: Context | None = None) -> list[Change]:
        """Fetch what the file backs up to this host, or that one of it; the new generations."""
        used = default(context or self._context)
        return _c.fbn_changes_all(interruptible(used, lambda: _c.fbn_fabric_backup(used.handle, self._handle, {"host": host}, name)))

    def collect(self, host: str, of: str, *, context: Context | None = None) -> str:
        """The metrics of another host as OpenMetrics, asked over ssh by this one as the file says."""
        used = default(context or self._context)
        return interruptible(used, lambda: _c.fbn_fabric_collect(used.handle, self._handle, {"host": host}, of))

    def certificates(self, host: str, *, context: Context | None = None) -> list[Change]:
        """Get the certificates of this host's services that are missing or due; their files."""
        used = default(context or self._context)
        return _c.fbn_changes_all(interruptible(used, lambda: _c.fbn_fabric_certificates(used.handle, self._handle, {"host": host})))

    def router(self, name: str, *, host: str, context: Context | None = None, **options: Any) -> Router:
        """A router that the file declares with "ssh", as it is managed from a host."""
        used = default(context or self._context)
        return Router(used, _c.fbn_fabric_router(used.handle, self._handle, _options(host, options), name))

    def headscale(self, *, ca_file: FilePath | None = None, context: Context | None = None) -> Headscale:
        """A connection to the fabric's Headscale server, with the API key that the file names."""
        used = default(context or self._context)
        authorities = None if ca_file is None else os.fspath(ca_file)
        return Headscale.of_handle(used, _c.fbn_fabric_headscale(used.handle, self._handle, authorities))

    def mint(self, headscale: Headscale, node: str) -> Secret:
        """A pre-auth key for a declared node: single use, valid for an hour, for the node's user and tags."""
        return _c.fbn_fabric_mint(headscale.context.handle, self._handle, headscale.handle, node)

    def dns(self, host: str, *, records: bool = True) -> Routes:
        """Where names go on a host; there is no default in it. records: with what is answered with authority, too."""
        return Routes.of(_c.fbn_fabric_dns(self._in(None), self._handle, host, records))

    def dns_keep(self, host: str, context: Context | None = None) -> Monitor:
        """Tell this host's resolver the declared names, and again whenever it restarts or somebody writes over it."""
        inside = default(context or self._context)
        return Monitor(inside, _c.fbn_fabric_dns_keep(inside.handle, self._handle, host))

    def headscale_dns(self) -> str:
        """The section "dns" of Headscale's configuration, in JSON: split domains and extra records."""
        return _c.fbn_fabric_headscale_dns(self._in(None), self._handle)

    def graph(self, format: str = "svg") -> str:
        """The topology as "svg" or "dot"."""
        return _c.fbn_fabric_graph(self._in(None), self._handle, format)


class _Progress:
    """The caller's function, called from C: its exception cancels the context and is raised when C has returned."""

    def __init__(self, context: Context, function: Callable[[str], object]) -> None:
        self._context = context
        self._function = function
        self._error: BaseException | None = None

    def __call__(self, step: str) -> None:
        if self._error is not None:
            return
        try:
            self._function(step)
        except BaseException as error:
            self._error = error
            self._context.cancel()

    def finish(self) -> None:
        if self._error is not None:
            self._context.resume()
            raise self._error


def confirm(*, context: Context | None = None, **options: Any) -> None:
    """Keep what was applied with confirm_within on this host. UndoneError: it is too late."""
    used = default(context)
    interruptible(used, lambda: _c.fbn_fabric_confirm(used.handle, _paths(options)))


def rollback(generation: int = 0, *, context: Context | None = None, **options: Any) -> list[PlanStep]:
    """Go back to what a generation of history() left behind.

    0 undoes what waits to be confirmed, else it goes back to what was before the last generation.
    """
    used = default(context)
    return _c.fbn_plan_all(interruptible(used, lambda: _c.fbn_fabric_rollback(used.handle, generation, _paths(options))))


def recover(*, context: Context | None = None, **options: Any) -> list[PlanStep]:
    """Put back what was left open by a kill, and after a boot bring back what was confirmed last; the steps of the latter."""
    used = default(context)
    return _c.fbn_plan_all(interruptible(used, lambda: _c.fbn_fabric_recover(used.handle, _paths(options))))


def history(*, context: Context | None = None, **options: Any) -> list[Generation]:
    """What was changed on this host, when and by whom, the last first."""
    return _c.fbn_generations_all(_c.fbn_fabric_history(default(context).handle, _paths(options)))


def _paths(options: dict[str, Any]) -> dict[str, Any]:
    paths = ("tailscale_socket", "ca_file", "auth_key_file", "state_directory", "command")
    return {name: os.fspath(value) if name in paths and value is not None else value for name, value in options.items()}


def _options(host: str, options: dict[str, Any]) -> dict[str, Any]:
    return {"host": host, **_paths(options)}


def load(path: FilePath, context: Context | None = None) -> Fabric:
    """Read and validate a fabric file; secrets and files that it names are relative to its folder."""
    return Fabric(_c.fbn_fabric_load_file(default(context).handle, os.fspath(path)), context)


def from_what_is(host: str, *, context: Context | None = None, **options: Any) -> str:
    """A fabric file from what is there: options name, folder, files (of wg-quick), live, url, api_key_file, ca_file. Keys go to folder/secrets."""
    return _c.fbn_fabric_import(default(context).handle, {"host": host, **options})


def parse(text: str, name: str = "fabric.json", context: Context | None = None) -> Fabric:
    """The same from text; name stands for the file in errors, and its folder for relative files."""
    return Fabric(_c.fbn_fabric_load(default(context).handle, name, text), context)
