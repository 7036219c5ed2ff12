# SPDX-License-Identifier: LGPL-2.1-or-later
"""Draws how time grows with size: `tests/bench/run --growth NAME` calls growth(bench) of NAME.py, which returns a title and
{series: [(size, seconds), …]}, and writes growth-NAME.svg beside this file."""
import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 440, 70, 190, 44, 52
COLOURS = ["#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b"]
UNITS = {-6: "1 µs", -5: "10 µs", -4: "100 µs", -3: "1 ms", -2: "10 ms", -1: "100 ms", 0: "1 s", 1: "10 s", 2: "100 s", 3: "1000 s"}


def exponent(points):
    """Of the power law that fits best: 1 is linear. Over the upper half, where fixed costs are gone."""
    points = [(math.log(size), math.log(seconds)) for size, seconds in sorted(points)[len(points) // 2 - 1:]]
    mean_x, mean_y = (sum(values) / len(points) for values in zip(*points))
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)


def decades(values):
    return math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))


def size_name(power):
    return f"{10 ** power:,}" if power < 6 else f"{10 ** (power - 6)} M"


class Plane:
    def __init__(self, points):
        self.x, self.y = decades([size for size, _ in points]), decades([seconds for _, seconds in points])

    def at(self, size, seconds):
        part = lambda value, low, high: (math.log10(value) - low) / max(high - low, 1)
        return (LEFT + part(size, *self.x) * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - part(seconds, *self.y) * (HEIGHT - TOP - BOTTOM))

    def grid(self):
        for power in range(self.x[0], self.x[1] + 1):
            x = self.at(10**power, 10 ** self.y[0])[0]
            yield f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{HEIGHT - BOTTOM}" stroke="#ddd"/>'
            yield f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{size_name(power)}</text>'
        for power in range(self.y[0], self.y[1] + 1):
            y = self.at(10 ** self.x[0], 10**power)[1]
            yield f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#ddd"/>'
            yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{UNITS[power]}</text>'


def draw(title, series):
    """The whole SVG: both axes logarithmic, each series with the exponent of its growth."""
    plane = Plane([point for points in series.values() for point in points])
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">'
    yield f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/><text x="{LEFT}" y="24" font-size="15">{escape(title)}</text>'
    yield from plane.grid()
    for number, (name, points) in enumerate(series.items()):
        colour, places = COLOURS[number % len(COLOURS)], [plane.at(*point) for point in sorted(points)]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        yield f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>'
        yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places)
        y = TOP + 10 + number * 36
        yield f'<text x="{WIDTH - RIGHT + 14}" y="{y}" fill="{colour}">{escape(name)}</text>'
        yield f'<text x="{WIDTH - RIGHT + 14}" y="{y + 15}" fill="#666">grows as n^{exponent(points):.2f}</text>'
    yield "</svg>"


def write(path, title, series):
    path.write_text("\n".join(draw(title, series)) + "\n")


def measure(bench, sizes, command, before, rounds=3):
    """The least of some rounds for each size: command(size) is timed, before(size) is not."""
    points = []
    for size in sizes:
        samples = []
        for _ in range(rounds):
            before(size)
            samples.append(bench.sample(command(size)).value)
        points.append((size, min(samples)))
    return points
