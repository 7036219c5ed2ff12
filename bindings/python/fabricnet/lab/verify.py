# SPDX-License-Identifier: LGPL-2.1-or-later
"""Prove every row that is served on a lab that is up, and print the table."""

from collections.abc import Sequence
from pathlib import Path

from .problem import BAD_INPUT, Problem
from .proofs import ROWS, Absent, Failed, Prover, Row
from .rehearsal import Rehearsal
from .terminal import elapsed, progress, table

_OWN_MEMORY = Path("/proc/self/status")


def verify(lab: Rehearsal, only: Sequence[str] | None = None) -> int:
    """Prove rows; 0 if every served row holds."""
    wanted = [row for row in ROWS if not only or row.code in only]
    if only and len(wanted) < len(set(only)):
        raise Problem(f"--row {' '.join(only)}: the rows are {', '.join(row.code for row in ROWS)}", BAD_INPUT)
    if lab.layer1:
        wanted = [row for row in wanted if row.layer == 1]
    lines: list[tuple[str, str, str, str]] = []
    verdicts = []
    for row in wanted:
        verdict, why, commands = prove(lab, row)
        if row.prove:
            progress(f"{row.code}: {verdict}")
        verdicts.append(verdict)
        lines.append((row.code, verdict, f"{row.what}{f' — {why}' if why else ''}", "\n".join(commands)))
    print(f"\n{table(lines)}\n")
    print(_summary(lab, verdicts))
    return 0 if "FAIL" not in verdicts else 1


def prove(lab: Rehearsal, row: Row, patience: float = 1) -> tuple[str, str, list[str]]:
    """One row: (verdict, why, commands); patience stretches or shortens what is waited for."""
    if row.prove is None:
        return "not yet", "", []
    prover = Prover(lab, patience)
    try:
        return "PASS", row.prove(prover), prover.commands
    except Absent as absent:
        return "absent", str(absent), prover.commands
    except (Failed, Problem) as failed:
        return "FAIL", str(failed), prover.commands


def _summary(lab: Rehearsal, verdicts: Sequence[str]) -> str:
    counts = {word: verdicts.count(word) for word in ("PASS", "FAIL", "not yet", "absent")}
    text = f"{lab.topology.name}: {counts['PASS']} of {counts['PASS'] + counts['FAIL']} served rows hold"
    text += f", {counts['not yet']} not yet" if counts["not yet"] else ""
    text += f", {counts['absent']} not in this file" if counts["absent"] else ""
    own = next(int(line.split()[1]) for line in _OWN_MEMORY.read_text().splitlines() if line.startswith("VmHWM:"))
    return f"{text}; {elapsed():.0f} s; peak memory: fabricnet {lab.commands.highest() / 1024:.1f} MB, the lab {own / 1024:.1f} MB"
