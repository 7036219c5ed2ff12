# SPDX-License-Identifier: LGPL-2.1-or-later
"""One exception for each code of the library, all of them an Error."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .records import PlanStep


class Code(enum.IntEnum):
    """Values of fbn_error."""

    EINVAL = 1
    ENOMEM = 2
    ENOENT = 3
    EEXIST = 4
    EPERM = 5
    EUNSUPPORTED = 6
    ECONFLICT = 7
    EPARTIAL = 8
    ESYSTEM = 9
    EPROTOCOL = 10
    EUNAVAILABLE = 11
    EDENIED = 12
    ETIMEOUT = 13
    ECANCELED = 14
    ELOCKED = 15
    EINTERRUPTED = 16
    ESTALE = 17
    EUNDONE = 18


class Error(Exception):
    """The library could not do it. str() is one line that names the object."""

    def __init__(self, message: str, code: int = 0, errno: int = 0, object: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code  #: a Code, or a number that this package does not know yet
        self.errno = errno  #: of the system call that failed, 0 if none did
        self.object = object  #: what it is about: "wg0: peer 3"
        self.done: list[PlanStep] = []  #: steps that stand, when an apply of a fabric failed midway

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.message, self.code, self.errno, self.object)


class InvalidError(Error, ValueError):
    """An argument or a value in a file is wrong; nothing changed."""


class OutOfMemoryError(Error, MemoryError):
    """Out of memory."""


class NotFoundError(Error):
    """No such object."""


class ExistsError(Error):
    """The object exists already."""


class NotAllowedError(Error):
    """Privilege is missing."""


class UnsupportedError(Error):
    """This kernel, daemon or build cannot do it."""


class ConflictError(Error):
    """An object of somebody else stands in the way."""


class PartialError(Error):
    """Failed midway; the message, or `done`, says what stands."""


class SystemCallError(Error):
    """A system call failed; errno says how."""


class ProtocolError(Error):
    """The other side sent what it should not."""


class UnavailableError(Error):
    """A daemon or server cannot be reached."""


class DeniedError(Error):
    """The server refused: wrong key, not authorised."""


class TimedOutError(Error, TimeoutError):  # type: ignore[misc]  # errno is never None here
    """The deadline passed."""


class CanceledError(Error):
    """Context.cancel() was called."""


class LockedError(Error):
    """A secret file is locked by git-crypt."""


class InterruptedReadError(Error):
    """The kernel's answer kept changing while it was read; try again."""


class StaleError(Error):
    """The state changed since it was read."""


class UndoneError(Error):
    """Failed or not confirmed, and all was put back as it was."""


_CLASSES: dict[int, type[Error]] = {
    Code.EINVAL: InvalidError,
    Code.ENOMEM: OutOfMemoryError,
    Code.ENOENT: NotFoundError,
    Code.EEXIST: ExistsError,
    Code.EPERM: NotAllowedError,
    Code.EUNSUPPORTED: UnsupportedError,
    Code.ECONFLICT: ConflictError,
    Code.EPARTIAL: PartialError,
    Code.ESYSTEM: SystemCallError,
    Code.EPROTOCOL: ProtocolError,
    Code.EUNAVAILABLE: UnavailableError,
    Code.EDENIED: DeniedError,
    Code.ETIMEOUT: TimedOutError,
    Code.ECANCELED: CanceledError,
    Code.ELOCKED: LockedError,
    Code.EINTERRUPTED: InterruptedReadError,
    Code.ESTALE: StaleError,
    Code.EUNDONE: UndoneError,
}


def make_error(code: int, message: str, errno: int, object: str) -> Error:
    """What the C module raises."""
    if code not in _CLASSES:
        return Error(message, code, errno, object)
    return _CLASSES[code](message, Code(code), errno, object)
