# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measures commands side by side and prints what came out."""
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass

CACHE = pathlib.Path(os.environ.get("FBN_CACHE") or pathlib.Path.home() / ".cache/fabricnet-tests")


@dataclass
class Sample:
    value: float  # in the measure's unit
    cpu: float  # seconds, user and system
    rss: int  # KiB at its peak


@dataclass
class Goal:
    """What is hoped for; None: nothing."""

    ratio: float | None = None
    rss_ratio: float | None = None
    rss_kib: int | None = None

    def missed(self, line):
        if self.ratio is not None and line["ratio"] > self.ratio:
            yield f"ratio ≤{self.ratio:g}"
        if self.rss_ratio is not None and line["rss_ours_kib"] > self.rss_ratio * line["rss_theirs_kib"]:
            yield f"memory ≤{self.rss_ratio:g} × theirs"
        if self.rss_kib is not None and line["rss_ours_kib"] > self.rss_kib:
            yield f"memory ≤{self.rss_kib} KiB"


class Bench:
    """One benchmark's directory, programs and results."""

    def __init__(self, name, top, given):
        self.name, self.top, self.json, self.rounds = name, top, given.json, given.rounds
        self.programs = top / "build/tests/bench"
        self.width = 0

    def __enter__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="fabricnet-bench-", dir="/run"))
        if not self.json:
            print(f"{'':10}{'measure':20}{'peer':22}{'ours':>12}{'theirs':>12}{'ratio':>8}{'MiB ours':>10}{'theirs':>8}", flush=True)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.directory)

    def program(self, name):
        return str(self.programs / name)

    def write(self, name, text):
        path = self.directory / name
        path.write_text(text)
        path.chmod(0o600)  # may hold keys
        return str(path)

    def note(self, text):
        """Something to say that is no result."""
        print(f"{self.name}: {text}", file=sys.stderr if self.json else sys.stdout, flush=True)

    def has(self, program):
        if shutil.which(program):
            return True
        self.note(f"peer {program} not installed: skipped")
        return False

    def command(self, *command):
        """Run something that is not measured."""
        done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise SystemExit(f"{self.name}: {' '.join(map(str, command))}: {done.stdout[-2000:]}")
        return done.stdout

    def sample(self, command):
        """Run a command to its end: wall time, CPU time, peak memory of this process alone."""
        reader, writer = os.pipe()
        words = ["sh", "-c", 'exec "$@" 3>&%d' % writer, "sh", self.program("measure"), *map(str, command)]
        done = subprocess.run(words, pass_fds=[writer], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        os.close(writer)
        with os.fdopen(reader) as told:
            numbers = told.read().split()
        if done.returncode:
            raise SystemExit(f"{self.name}: {' '.join(map(str, command))}: exit {done.returncode}: {done.stderr[-2000:]}")
        wall, user, system, rss = map(float, numbers)
        return Sample(wall, user + system, int(rss))

    def compare(self, measure, ours, theirs, goals=None, before=None, rounds=7, unit="s", cpu=False):
        """Rounds of ours and of each of theirs in turn, medians at the end. ours: a command or a function that gives a Sample; theirs:
        the same by the peer's name; before: called ahead of each; cpu: tell the CPU time as a measure of its own too."""
        contenders = {None: ours, **theirs}
        samples = {name: [] for name in contenders}
        rounds = self.rounds or rounds
        for number in range(rounds):
            order = list(contenders) if number % 2 == 0 else list(contenders)[::-1]
            for name in order:
                if before:
                    before()
                what = contenders[name]
                samples[name].append(what() if callable(what) else self.sample(what))
        for peer in theirs:
            goal = (goals or {}).get(peer) or Goal()
            self.result(measure, peer, unit, samples[None], samples[peer], lambda s: s.value, goal)
            if cpu:
                self.result(measure + "-cpu", peer, "s", samples[None], samples[peer], lambda s: s.cpu, Goal())

    def result(self, measure, peer, unit, ours, theirs, value, goal):
        mine, others = (statistics.median(value(s) for s in samples) for samples in (ours, theirs))
        line = {"bench": self.name, "measure": measure, "peer": peer, "unit": unit, "ours": round(mine, 6), "theirs": round(others, 6),
                "ratio": round(mine / others, 3) if others else 0.0, "rss_ours_kib": int(statistics.median(s.rss for s in ours)),
                "rss_theirs_kib": int(statistics.median(s.rss for s in theirs)), "rounds": len(ours)}
        missed = ", ".join(goal.missed(line))
        if self.json:
            print(json.dumps(line), flush=True)
            if missed:
                self.note(f"{measure} [{peer}]: goal missed: {missed}")
            return
        show = lambda number: f"{number:.3f} {unit}" if unit == "s" else f"{number:.2f} {unit}"
        print(f"{self.name:10}{measure:20}{peer:22}{show(mine):>12}{show(others):>12}{line['ratio']:8.2f}{line['rss_ours_kib'] / 1024:10.1f}"
              f"{line['rss_theirs_kib'] / 1024:8.1f}{'  goal missed: ' + missed if missed else ''}", flush=True)
