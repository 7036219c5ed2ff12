# SPDX-License-Identifier: LGPL-2.1-or-later
"""Split DNS: which resolver answers for a name, and a stub that asks it."""

from __future__ import annotations

import builtins
import select
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Union

from . import _fabricnet as _c
from ._values import Endpoint, EndpointLike, PrefixLike
from .context import Context, default, milliseconds
from .monitor import Monitor
from .records import Change, DnsCounters, DnsExplanation, DnsHost, DnsRecord, DnsRoute

RoutesLike = Union[Mapping[str, Iterable[EndpointLike]], Iterable[Union[DnsRoute, Mapping[str, Any]]]]


class Routes:
    """A table of suffixes and their upstreams: Routes({"local.example": ["10.0.0.1:53"], ".": ["9.9.9.9"]})."""

    def __init__(self, routes: RoutesLike, context: Context | None = None) -> None:
        handle = default(context).handle
        items: Iterable[Any] = routes if not isinstance(routes, Mapping) else _from_mapping(routes)
        self.handle = _c.fbn_dns_routes_new(handle)
        _c.fbn_dns_routes_fill(handle, self.handle, items)

    @classmethod
    def of(cls, handle: Any) -> Routes:
        """A table that the library has made."""
        made = cls.__new__(cls)
        made.handle = handle
        return made

    def list(self) -> list[DnsRoute]:
        return _c.fbn_dns_routes_all(self.handle)

    def match(self, name: str) -> DnsRoute | None:
        """The route that a name takes; None if there is not even a default."""
        return _c.fbn_dns_routes_match(self.handle, name)


def _from_mapping(routes: Mapping[str, Iterable[EndpointLike]]) -> list[dict[str, Any]]:
    return [{"suffix": suffix, "upstreams": upstreams} for suffix, upstreams in routes.items()]


def _cache_option(size: int | None) -> int:
    return 0 if size is None else size or _c.FBN_DNS_CACHE_OFF


class Answer(Sequence[DnsRecord]):
    """The records of an answer, and why it is so."""

    def __init__(self, handle: Any) -> None:
        self._records: builtins.list[DnsRecord] = _c.fbn_dns_answer_all(handle)
        self.explanation: DnsExplanation = _c.fbn_dns_answer_explain(handle)

    def __getitem__(self, index: Any) -> Any:
        return self._records[index]

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[DnsRecord]:
        return iter(self._records)

    @property
    def addresses(self) -> builtins.list[Any]:
        """The addresses of the answer itself."""
        return [record.address for record in self._records if record.section == "answer" and record.address is not None]

    def __repr__(self) -> str:
        return f"Answer({self.explanation.name} {self.explanation.type}: {self.explanation.status}, {len(self)} records)"


def _descriptor(file: Any) -> int:
    return file if isinstance(file, int) else file.fileno()


class Stub:
    """A forwarding server inside the caller's event loop: poll fileno() for events, or wait timeout(), then process().

    in_process: it listens nowhere, query() alone asks it.
    strict: a port for each question instead of 64 that are renewed. cache_bytes: memory for answers kept; None is the default, 0 keeps nothing.
    allow: prefixes that may ask, private ones if there are none; allow_private: the default route may answer with private addresses;
    shared: other stubs share the addresses; sockets: bound by somebody else, such as systemd; log: a file that gets a line for each answer, with
    log_names the names themselves and not hashes.
    """

    def __init__(
        self,
        context: Context,
        routes: Routes | RoutesLike,
        *,
        listen: Iterable[EndpointLike] | None = None,
        timeout: float | None = None,
        max_pending: int = 0,
        strict: bool = False,
        in_process: bool = False,
        cache_bytes: int | None = None,
        allow: Iterable[PrefixLike] = (),
        allow_private: bool = False,
        shared: bool = False,
        sockets: Iterable[Any] = (),
        log: Any = None,
        log_names: bool = False,
    ) -> None:
        self._context = context
        table = routes if isinstance(routes, Routes) else Routes(routes, context)
        options = {
            "listen": listen,
            "timeout_ms": milliseconds(timeout),
            "max_pending": max_pending,
            "strict": strict,
            "in_process": in_process,
            "cache_bytes": _cache_option(cache_bytes),
            "allow": allow,
            "allow_private": allow_private,
            "shared": shared,
            "sockets": [_descriptor(each) for each in sockets],
            "log_fd": 0 if log is None else _descriptor(log),
            "log_names": log_names,
        }
        self._made: Any = None
        self._made = _c.fbn_dns_stub_new(context.handle, table.handle, options)

    @property
    def handle(self) -> Any:
        if self._made is None:
            raise ValueError("this stub is closed")
        return self._made

    def close(self) -> None:
        """Close the sockets."""
        self._made = None

    def __enter__(self) -> Stub:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def fileno(self) -> int:
        return _c.fbn_dns_stub_fd(self.handle)

    @property
    def events(self) -> int:
        """Events of poll(2) to wait for."""
        return _c.fbn_dns_stub_events(self.handle)

    def timeout(self) -> float | None:
        """Seconds until process() is due without an event; None: never."""
        due = _c.fbn_dns_stub_timeout(self.handle)
        return None if due < 0 else due / 1000

    def process(self) -> None:
        """Do what is due, without blocking."""
        _c.fbn_dns_stub_process(self._context.handle, self.handle)

    def run(self) -> None:
        """Serve until Context.cancel(), which is CanceledError, or Ctrl-C, which is KeyboardInterrupt."""
        _c.fbn_dns_stub_run(self._context.handle, self.handle)

    async def serve(self) -> None:
        """Serve inside a running asyncio loop until the task is cancelled."""
        import asyncio  # a third of the package's own time to load, for the few who need it

        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        fd = self.fileno()
        loop.add_reader(fd, ready.set)
        try:
            while True:
                try:
                    await asyncio.wait_for(ready.wait(), self.timeout())
                except asyncio.TimeoutError:
                    pass
                ready.clear()
                self.process()
        finally:
            loop.remove_reader(fd)

    def poll(self, timeout: float | None = None) -> bool:
        """Wait for an event or until process() is due, at most this long, then process. Whether there was one."""
        waits = [wait for wait in (timeout, self.timeout()) if wait is not None]
        poller = select.poll()
        poller.register(self.fileno(), self.events)
        happened = bool(poller.poll(min(waits) * 1000 if waits else None))
        self.process()
        return happened

    def query(self, name: str, type: str = "A", *, timeout: float | None = None) -> Answer:
        """Ask by the stub's routes, as one of its clients would; of PTR an address may be asked. Serves the others meanwhile."""
        return Answer(_c.fbn_dns_query(self._context.handle, self.handle, name, type, milliseconds(timeout)))

    def reload(self, routes: Routes | RoutesLike) -> None:
        """Take other routes; answers kept stay where a route's suffix and upstreams are the same."""
        table = routes if isinstance(routes, Routes) else Routes(routes, self._context)
        _c.fbn_dns_stub_reload(self._context.handle, self.handle, table.handle)

    def flush(self) -> None:
        """Forget all answers kept, such as after the network changed."""
        _c.fbn_dns_stub_flush(self.handle)

    def reconnect(self) -> None:
        """Forget what is known of the upstreams and the sockets towards them, not the cache: a link or an address changed."""
        _c.fbn_dns_stub_reconnect(self.handle)

    @property
    def counters(self) -> DnsCounters:
        return _c.fbn_dns_stub_counters(self.handle)

    @property
    def addresses(self) -> list[Endpoint]:
        """Where it listens, with the ports that were taken."""
        found: list[Endpoint] = []
        while (address := _c.fbn_dns_stub_address(self.handle, len(found))) is not None:
            found.append(address)
        return found


class Dns:
    """DNS in a context's namespace."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def Stub(self, routes: Routes | RoutesLike, **options: Any) -> Stub:  # noqa: N802, a class for the caller
        """A stub of this context; options as of fabricnet.dns.Stub."""
        return Stub(self._context, routes, **options)

    def Routes(self, routes: RoutesLike) -> Routes:  # noqa: N802
        return Routes(routes, self._context)

    def explain(self, name: str, type: str = "A", *, stub: EndpointLike = "127.0.0.1:53", timeout: float | None = None) -> Answer:
        """Ask a stub that another process of this host serves, such as fabricnet-dnsd, and why its answer is what it is."""
        return Answer(_c.fbn_dns_explain(self._context.handle, stub, name, type, milliseconds(timeout)))

    def host(self, **options: Any) -> DnsHost:
        """Who resolves the names of this host, and what it asked without us; options as of apply()."""
        return _c.fbn_dns_host_state_get(_c.fbn_dns_host_get(self._context.handle, options))

    def apply(self, routes: Routes | RoutesLike | None, **options: Any) -> list[Change]:
        """Make this host's own resolver follow the routes; None takes our part away.

        manager: "resolved", "resolvconf", "dnsmasq", "unbound", "file", as found if left out; device: a link for systemd-resolved; stub: an
        endpoint that has all of it; search: domains; restart: dnsmasq's command; dry_run.
        """
        table = routes if isinstance(routes, Routes) else Routes(routes or [], self._context)
        return _c.fbn_changes_all(_c.fbn_dns_host_apply(self._context.handle, table.handle, options))

    def keep(self, routes: Routes | RoutesLike, **options: Any) -> Monitor:
        """apply() now, and again whenever the service restarts or somebody writes over our part."""
        table = routes if isinstance(routes, Routes) else Routes(routes, self._context)
        return Monitor(self._context, _c.fbn_dns_host_monitor_new(self._context.handle, table.handle, options))
