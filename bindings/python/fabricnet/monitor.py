# SPDX-License-Identifier: LGPL-2.1-or-later
"""What happens, as it happens: for event in c.wireguard.watch("wg0"), or async for inside asyncio."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

from . import _fabricnet as _c
from .context import Context
from .records import Event


class Monitor:
    """Events without end, as an iterator or an asynchronous one; or inside any loop: poll fileno(), process(), next().

    A plain loop ends with CanceledError after Context.cancel(), and with KeyboardInterrupt after Ctrl-C.
    """

    def __init__(self, context: Context, made: Any) -> None:
        self._context = context
        self._made = made

    @property
    def handle(self) -> Any:
        if self._made is None:
            raise ValueError("this monitor is closed")
        return self._made

    def close(self) -> None:
        """Close the descriptors."""
        self._made = None

    def __enter__(self) -> Monitor:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def fileno(self) -> int:
        return _c.fbn_monitor_fd(self.handle)

    @property
    def events(self) -> int:
        """Events of poll(2) to wait for."""
        return _c.fbn_monitor_events(self.handle)

    def timeout(self) -> float | None:
        """Seconds until process() is due; None: when the descriptor is ready, which it also is then."""
        due = _c.fbn_monitor_timeout(self.handle)
        return None if due < 0 else due / 1000

    def process(self) -> None:
        """Do what is due, without waiting."""
        _c.fbn_monitor_process(self._context.handle, self.handle)

    def next(self) -> Event | None:
        """The next event that process() found; None: no more now."""
        return _c.fbn_monitor_next(self.handle)

    def wait(self, timeout: float | None = None) -> Event | None:
        """The next event, waiting for it at most this long; None: the time passed."""
        end = None if timeout is None else time.monotonic() + timeout
        while (event := self.next()) is None:
            left = 200 if end is None else min(200, round((end - time.monotonic()) * 1000))
            if left < 0:
                return None
            _c.fbn_monitor_wait(self._context.handle, self.handle, left)
        return event

    def __iter__(self) -> Monitor:
        return self

    def __next__(self) -> Event:
        event = self.wait()
        assert event is not None
        return event

    def __aiter__(self) -> Monitor:
        return self

    async def __anext__(self) -> Event:
        while (event := self.next()) is None:
            await self._ready()
            self.process()
        return event

    async def _ready(self) -> None:
        import asyncio  # a third of the package's own time to load, for the few who need it

        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        fd = self.fileno()
        loop.add_reader(fd, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(fd)
