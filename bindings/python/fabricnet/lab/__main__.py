# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command line: python3 -m fabricnet.lab, which fabricnet lab starts."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from ..errors import Error, InvalidError, NotAllowedError
from . import rehearsal, verify
from .problem import BAD_INPUT, FAILED, NOT_ALLOWED, Problem
from .state import all_labs
from .terminal import progress
from .topology import read_document

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        self.exit(BAD_INPUT, f"lab: {message}; {self.format_usage().strip()}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="fabricnet lab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="up|down|exec|verify", parser_class=_Parser)
    common = _Parser(add_help=False)
    common.add_argument("-f", "--file", type=Path, default=Path("fabric.json"), help="the fabric file (default: fabric.json)")
    build = commands.add_parser("up", parents=[common], help="build the lab; an earlier one of the same fabric goes first")
    build.add_argument("--layer1", action="store_true", help="without the mesh: no Headscale, no Tailscale")
    build.add_argument("--secrets-dir", type=Path, help="where relative secret files are (default: beside the file)")
    remove = commands.add_parser("down", parents=[common], help="take the lab away")
    remove.add_argument("--all", action="store_true", help="the labs of every fabric")
    run = commands.add_parser("exec", parents=[common], help="run a command on a host")
    run.add_argument("host")
    run.add_argument("words", nargs=argparse.REMAINDER, metavar="command")
    prove = commands.add_parser("verify", parents=[common], help="prove each row with stock tools")
    prove.add_argument("--row", action="append", help="only this row, for instance F3; may be repeated")
    return parser


def _down(arguments: argparse.Namespace) -> int:
    names = all_labs() if arguments.all else [read_document(arguments.file)["name"]]
    for name in names:
        progress(f"{name}: the lab is gone" if rehearsal.down(name) else f"{name}: no lab is up")
    return 0


def _exec(arguments: argparse.Namespace) -> int:
    lab = rehearsal.find(arguments.file)
    if arguments.host not in lab.hosts:
        raise Problem(f"{arguments.host}: no such host in the lab; there are {', '.join(lab.hosts)}", BAD_INPUT)
    words = arguments.words[1:] if arguments.words[:1] == ["--"] else arguments.words
    argv = lab[arguments.host].enter(words or ["bash"])
    sys.stdout.flush()
    os.execvpe(argv[0], argv, {**lab[arguments.host].environment, "TERM": os.environ.get("TERM", "dumb")})


def _run(arguments: argparse.Namespace) -> int:
    if arguments.command == "up":
        return _up(arguments)
    if os.geteuid() != 0:
        raise Problem("not root: the lab's processes and mounts are root's; run it as root (sudo)", NOT_ALLOWED)
    if arguments.command == "verify":
        return verify.verify(rehearsal.find(arguments.file), arguments.row)
    return _down(arguments) if arguments.command == "down" else _exec(arguments)


def _up(arguments: argparse.Namespace) -> int:
    try:
        lab = rehearsal.up(arguments.file, arguments.secrets_dir, arguments.layer1)
        progress(f"{lab.topology.name}: the lab is up; fabricnet lab exec -f {arguments.file} HOST COMMAND runs something on a host")
        _ignore_signals()
    except KeyboardInterrupt:
        rehearsal.down(read_document(arguments.file)["name"])
        raise
    return 0


def _ignore_signals() -> None:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _interrupted(number: int, frame: FrameType | None) -> None:
    _ignore_signals()  # the clean-up is not to be interrupted again
    raise KeyboardInterrupt


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    arguments = _parser().parse_args(argv)
    for number in _SIGNALS:
        signal.signal(number, _interrupted)
    try:
        return _run(arguments)
    except Problem as problem:
        print(f"lab: {problem}", file=sys.stderr)
        return problem.code
    except Error as error:
        print(f"lab: {error}", file=sys.stderr)
        return BAD_INPUT if isinstance(error, InvalidError) else NOT_ALLOWED if isinstance(error, NotAllowedError) else FAILED
    except KeyboardInterrupt:
        print("lab: interrupted", file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        return FAILED


if __name__ == "__main__":
    sys.exit(main())
