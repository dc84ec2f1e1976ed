"""Time against one size, growing point by point; a card's recording in the same plot.  Lesson 09.

Three kinds of lines: measured here (full marks), emulated (grey, dotted, no GPU's time), and
recorded on a card (the version's colour, dashed, open marks).
"""

import math

from lstm_kernels.lab.measure.results import is_own
from lstm_kernels.lab.words import seconds_text

from .race import color_of, edge_of, mark_of, spread, time_ticks
from .scene import Line, Mark, Scene, Words, width_of
from .style import GREY, LIGHT, ink, listed
from .two_runs import about, half_decades

WIDTH, HEIGHT = 1000, 336  # pixels
LEFT, TOP, BOTTOM = 78, 60, 284  # of the plot
LABEL, SMALL = 12, 12  # the height of letters


def sweep_scene(axis, subtitle, measured, recorded=(), ahead=(), warned=""):
    """A Scene.  axis: its name, such as "batch size N".  subtitle: the fixed sizes.

    measured: {(version, where): {size: Timing of one mini-batch}}.  recorded: RecordedLines.
    ahead: sizes that are still to come; the axis has room for them from the start.  warned: what
    must be known before the lines are believed.
    """
    lines = [*_measured_lines(measured), *_recorded_lines(recorded)]
    scene = Scene(WIDTH, HEIGHT, _alt(axis, subtitle, lines))
    scene.add(Words(20, 20, f"Time of one mini-batch against the {axis}", size=15, bold=True))
    scene.add(Words(20, 42, _legend(subtitle, measured, recorded), GREY, SMALL))
    scene.add(Words(WIDTH - 20, 20, warned, GREY, SMALL, "end"))
    if not lines:
        words = "Press Sweep: the lines grow here"
        scene.add(Words(WIDTH / 2, HEIGHT / 2, words, GREY, 14, "middle"))
        return scene
    plot = _Plot(scene, lines, ahead)
    plot.draw_axes(axis)
    for line in lines:
        plot.draw_line(line)
    plot.name_ends()
    return scene


class _Drawn:
    """A line: its name, its points {size: (low, median, high)}, and how it looks."""

    def __init__(self, version, points, kind):
        self.version, self.points, self.kind = version, dict(sorted(points.items())), kind
        self.name = version + {"measured": ""}.get(kind, f", {kind}")
        self.color = GREY if kind == "emulated" else color_of(version)
        self.dash = {"measured": "-", "emulated": ":"}.get(kind, "--")

    def tip(self, size):
        low, middle, high = map(seconds_text, self.points[size])
        return f"{self.name} at {size:,}: {middle}, half of the repeats {low} to {high}"


def _measured_lines(measured):
    for (version, where), of in measured.items():
        points = {}
        for size, timing in of.items():
            low, high = timing.quartiles
            points[size] = low, timing.median, high
        yield _Drawn(version, points, "measured" if is_own(where) else "emulated")


def _recorded_lines(recorded):
    return [_Drawn(line.version, line.points, "recorded") for line in recorded]


class _Plot:
    """The plot's two logarithmic scales, and what is drawn on them."""

    def __init__(self, scene, lines, ahead):
        self.scene, self.lines = scene, lines
        self.right = WIDTH - 34 - max(width_of(line.name, LABEL) for line in lines)
        self.sizes = sorted({*ahead, *(size for line in lines for size in line.points)})
        times = [time for line in lines for point in line.points.values() for time in point]
        self.low, self.high = half_decades(min(times), max(times))

    def x(self, size):
        low, high = math.log(self.sizes[0]), math.log(self.sizes[-1])
        share = (math.log(size) - low) / (high - low) if high > low else 0.5
        return LEFT + 14 + share * (self.right - LEFT - 28)

    def y(self, seconds):
        low, high = math.log(self.low), math.log(self.high)
        return BOTTOM - (math.log(seconds) - low) / (high - low) * (BOTTOM - TOP)

    def draw_axes(self, axis):
        ticks = zip(*time_ticks(self.low, self.high * 1.001), strict=True)
        for seconds, text in ticks:
            y = self.y(seconds)
            self.scene.add(Line(((LEFT, y), (self.right, y)), LIGHT, 1))
            self.scene.add(Words(LEFT - 8, y, text, GREY, SMALL, "end"))
        self.scene.add(Line(((LEFT, TOP), (LEFT, BOTTOM), (self.right, BOTTOM)), GREY, 1))
        before = -1e9
        for size in self.sizes:
            x, text = self.x(size), f"{size:,}"
            self.scene.add(Line(((x, BOTTOM), (x, BOTTOM + 5)), GREY, 1))
            if x - before > width_of(text, SMALL) + 6:
                self.scene.add(Words(x, BOTTOM + 16, text, GREY, SMALL, "middle"))
                before = x
        middle = (LEFT + self.right) / 2
        self.scene.add(
            Words(
                middle, BOTTOM + 38, f"{axis} (both scales are logarithmic)", GREY, SMALL, "middle"
            )
        )

    def draw_line(self, line):
        corners = tuple((self.x(n), self.y(t)) for n, (_, t, _) in line.points.items())
        if len(corners) > 1:
            self.scene.add(Line(corners, line.color, 2.2, line.dash))
        for size, (low, seconds, high) in line.points.items():
            x = self.x(size)
            self.scene.add(Line(((x, self.y(low)), (x, self.y(high))), line.color, 3))
            full = line.kind == "measured"
            face, edge = (line.color, edge_of(line.color)) if full else ("white", line.color)
            mark = mark_of(line.version)
            self.scene.add(Mark(x, self.y(seconds), mark, face, edge, 5.5, line.tip(size)))

    def name_ends(self):
        """Each line's name on the right, joined to its last point."""
        ends = [(list(line.points)[-1], list(line.points.values())[-1][1]) for line in self.lines]
        room = BOTTOM - TOP + 20
        gap = min(17, room / len(self.lines)) / room
        places = spread([1 - (self.y(time) - TOP + 10) / room for _, time in ends], gap)
        for line, (size, time), place in zip(self.lines, ends, places, strict=True):
            x, y = self.right + 20, TOP - 10 + (1 - place) * room
            start = self.x(size) + 8, self.y(time)
            self.scene.add(
                Line((start, (x - 4, y)), line.color, 1, ":"),
                Words(x, y, line.name, ink(line.color), LABEL, bold=line.kind == "measured",
                      tip=about(line.version)),
            )  # fmt: skip


def _legend(subtitle, measured, recorded):
    """The fixed sizes; what open and grey marks are."""
    words = [subtitle]
    if recorded:
        whats = listed(list(dict.fromkeys(line.what for line in recorded)))
        words.append(
            f"open, dashed: recorded beside an {recorded[0].card}, {recorded[0].date} ({whats})"
        )
    if any(not is_own(where) for _, where in measured):
        words.append("grey: emulated, no GPU's time")
    return "; ".join(words)


def _alt(axis, subtitle, lines):
    """Each line's first and last time in words."""
    said = []
    for line in lines:
        sizes, times = list(line.points), [seconds_text(t) for _, t, _ in line.points.values()]
        end = f" to {times[-1]} at {sizes[-1]:,}" if len(sizes) > 1 else ""
        said.append(f"{line.name} {times[0]} at {sizes[0]:,}{end}")
    words = "; ".join(said) or "nothing measured yet"
    return f"Time of one mini-batch against the {axis}, {subtitle}, on log scales: {words}."
