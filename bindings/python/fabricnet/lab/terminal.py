# SPDX-License-Identifier: LGPL-2.1-or-later
"""Progress and tables on the terminal; colour only on a terminal and without NO_COLOR."""

import os
import sys
import time
from collections.abc import Sequence

_START = time.monotonic()
_GREEN, _RED, _YELLOW, _DIM = "32", "31", "33", "2"


def elapsed() -> float:
    """Seconds since the command was started."""
    return time.monotonic() - _START


def _coloured() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def paint(text: str, colour: str) -> str:
    """The text in a colour, or as it is where colours are not wanted."""
    return f"\033[{colour}m{text}\033[0m" if _coloured() else text


def progress(text: str) -> None:
    """One line of progress with the time that has passed."""
    print(f"{paint(f'{elapsed():6.1f} s', _DIM)}  {text}", flush=True)


def warn(text: str) -> None:
    """Something that the user should know, on standard error."""
    print(f"lab: {text}", file=sys.stderr, flush=True)


def verdict(text: str) -> str:
    """PASS, FAIL or "not yet" in its colour, padded to one width."""
    colour = {"PASS": _GREEN, "FAIL": _RED}.get(text, _YELLOW)
    return paint(f"{text:<7}", colour)


def table(rows: Sequence[tuple[str, str, str, str]]) -> str:
    """Rows of (row, verdict, what, command) as text; the command stands below its row."""
    lines = []
    for row, result, what, command in rows:
        lines.append(f"{row:<4} {verdict(result)} {what}")
        lines += [paint(f"{'':12} $ {line}", _DIM) for line in command.splitlines()]
    return "\n".join(lines)
