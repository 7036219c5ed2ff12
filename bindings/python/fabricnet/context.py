# SPDX-License-Identifier: LGPL-2.1-or-later
"""Contexts: where a program meets the library."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from . import _fabricnet as _c
from ._fabricnet import Secret
from ._values import Path

if TYPE_CHECKING:
    from .backup import Backups
    from .ban import Bans
    from .dns import Dns
    from .edge import Edge
    from .headscale import Headscale
    from .link import Links
    from .nat import Nat
    from .records import RouterObject
    from .route import Neighbours, Nexthops, Routes, Rules
    from .router import Router
    from .sysctl import Sysctls
    from .tailscale import Tailscale
    from .wireguard import Wireguard

T = TypeVar("T")


class Context:
    """A network namespace, a place for secrets, and one attribute for each domain.

    Belongs to one thread at a time; only cancel() may come from another one.
    """

    def __init__(self, *, netns: str | None = None, secrets_dir: Path | None = None) -> None:
        self._made: Any = None
        directory = None if secrets_dir is None else os.fspath(secrets_dir)
        self._made = _c.fbn_context_new({"netns": netns, "secrets_dir": directory})

    @property
    def handle(self) -> Any:
        """The C module's own."""
        if self._made is None:
            raise ValueError("this context is closed")
        return self._made

    @property
    def closed(self) -> bool:
        return self._made is None

    def close(self) -> None:
        """Close sockets and wipe secrets, once nothing else uses them."""
        self._made = None

    def __enter__(self) -> Context:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def cancel(self) -> None:
        """Make whatever the context is doing end with CanceledError, until resume(). From any thread."""
        _c.fbn_context_cancel(self.handle)

    def resume(self) -> None:
        """Let a cancelled context work again."""
        _c.fbn_context_resume(self.handle)

    def secret(self, data: bytes) -> Secret:
        """Bytes that must not leak, in guarded memory."""
        return _c.fbn_secret_new(self.handle, data)

    def secret_file(self, path: Path) -> Secret:
        """A secret from a file, without its trailing newline; relative to secrets_dir if there is one."""
        return _c.fbn_secret_read_file(self.handle, os.fspath(path))

    def credential(self, name: str) -> Secret:
        """A secret that systemd hands over with LoadCredential=."""
        return _c.fbn_secret_read_credential(self.handle, name)

    def write_secret(self, secret: Secret, path: Path) -> None:
        """Write a secret to a new file of mode 0600."""
        _c.fbn_secret_write_file(self.handle, secret, os.fspath(path))

    @property
    def link(self) -> Links:
        from .link import Links

        return Links(self)

    @property
    def route(self) -> Routes:
        from .route import Routes

        return Routes(self)

    @property
    def rule(self) -> Rules:
        from .route import Rules

        return Rules(self)

    @property
    def nexthop(self) -> Nexthops:
        from .route import Nexthops

        return Nexthops(self)

    @property
    def neighbour(self) -> Neighbours:
        from .route import Neighbours

        return Neighbours(self)

    @property
    def sysctl(self) -> Sysctls:
        from .sysctl import Sysctls

        return Sysctls(self)

    @property
    def wireguard(self) -> Wireguard:
        from .wireguard import Wireguard

        return Wireguard(self)

    @property
    def nat(self) -> Nat:
        from .nat import Nat

        return Nat(self)

    @property
    def backup(self) -> Backups:
        """Files of other hosts, kept in generations."""
        from .backup import Backups

        return Backups(self)

    def router(
        self, fabric: str, objects: Iterable[RouterObject | Mapping[str, Any]] = (), *, access: Mapping[str, Any] | None = None
    ) -> Router:
        """A router and what it should have; without access it can only be rendered."""
        from .router import Router

        return Router.made_of(self, fabric, objects, access)

    @property
    def ban(self) -> Bans:
        from .ban import Bans

        return Bans(self)

    @property
    def edge(self) -> Edge:
        from .edge import Edge

        return Edge(self)

    @property
    def dns(self) -> Dns:
        from .dns import Dns

        return Dns(self)

    @property
    def tailscale(self) -> Tailscale:
        from .tailscale import Tailscale

        return Tailscale(self)

    def headscale(
        self,
        url: str | None = None,
        api_key: Secret | Path | None = None,
        *,
        ca_file: Path | None = None,
        timeout: float | None = None,
        **options: Any,
    ) -> Headscale:
        """A connection to a Headscale server; api_key is a secret or the file that holds it.

        options: pinned_key ("sha256//…"), proxy, socket, reply_limit (bytes), tries, http2.
        """
        from .headscale import Headscale

        return Headscale(self, url, api_key, ca_file=ca_file, timeout=timeout, **options)


_local = threading.local()


def default(context: Context | None = None) -> Context:
    """The given context, or this thread's own for what needs no namespace."""
    if context is not None:
        return context
    made: Context | None = getattr(_local, "context", None)
    if made is None or made.closed:
        made = _local.context = Context()
    return made


def milliseconds(seconds: float | None) -> int:
    """As options have time-outs; 0 is the default of the call."""
    if seconds is None:
        return 0
    if seconds <= 0:
        raise ValueError("a time-out is more than 0 seconds")
    return max(1, round(seconds * 1000))


def secret_of(context: Context, secret: Secret | Path | None) -> Secret | None:
    """A secret as it is, or read from the file that is named."""
    return secret if secret is None or isinstance(secret, Secret) else context.secret_file(secret)


def interruptible(context: Context, call: Callable[[], T]) -> T:
    """Run something slow so that Ctrl-C ends it: in a thread of its own, which is cancelled and waited for."""
    if threading.current_thread() is not threading.main_thread():
        return call()
    results: list[T] = []
    errors: list[BaseException] = []
    done = threading.Event()  # Thread.join() takes an interrupted wait for the thread's end: bpo-45274

    def work() -> None:
        try:
            results.append(call())
        except BaseException as error:
            errors.append(error)
        finally:
            done.set()

    threading.Thread(target=work, name="fabricnet", daemon=True).start()
    try:
        while not done.wait(0.2):
            pass
    except BaseException:
        context.cancel()
        done.wait()
        context.resume()
        raise
    if errors:
        raise errors[0]
    return results[0]
