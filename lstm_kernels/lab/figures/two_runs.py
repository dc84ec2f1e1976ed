"""Two runs of the dashboard side by side, on one scale: dots, or bars from zero.  Lesson 09."""

import math

from lstm_kernels.lab.words import seconds_text
from lstm_kernels.versions import VERSIONS

from .race import (
    axis_words,
    color_of,
    edge_of,
    in_words,
    label_of,
    tick_text,
    time_ticks,
    warnings_of,
)
from .scene import Box, Line, Mark, Scene, Words, width_of
from .style import BLACK, GREY, LIGHT, VERMILLION

WIDTH, TOP, BOTTOM, GAP = 1000, 56, 62, 22  # pixels
NAME, SMALL = 13, 12  # the height of letters
EMULATED = {True: "hollow", False: "hatched"}  # how such a time looks, on a log scale or not


def race_scene(runs, log=True, base=None):
    """A Scene with one or two runs.  runs: [(title, workload, rows), ...]; base: of all ratios.

    Both panels have the same rows and the same scale, whose ends are steady while times come in.
    An emulated time is hollow or hatched, and has no ratio.  A log scale has no zero: there a time
    is a dot, else a bar.
    """
    names = names_of([rows for *_, rows in runs])
    pitch = 27 if len(names) <= 7 else 22
    every = [row for *_, rows in runs for row in rows]
    scene = _empty_scene(runs, pitch * len(names), "; ".join(warnings_of(every, EMULATED[log])))
    left = _write_names(scene, names, pitch)
    width = (WIDTH - left - GAP) / 2
    scale = Scale(every, log, width)
    for number, run in enumerate(runs):
        Panel(scene, left + number * (width + GAP), pitch, names, scale, base).draw(*run)
    if len(runs) == 1:
        middle = left + 1.5 * width + GAP, TOP + pitch * len(names) / 2
        scene.add(Words(*middle, "The next run will stand here", GREY, NAME, "middle"))
    return scene


def _empty_scene(runs, rows_height, warned):
    """Room for the rows, and the warning at the bottom."""
    said = " ".join(f"{title}, {workload}: {in_words(rows)}" for title, workload, rows in runs)
    scene = Scene(WIDTH, TOP + rows_height + BOTTOM + 24 * bool(warned), f"Wall times. {said}")
    if warned:
        scene.add(Words(20, scene.height - 16, warned, GREY, SMALL))
    return scene


def _write_names(scene, names, pitch):
    """The versions' names, and where the panels begin: to the right of them."""
    left = max(width_of(name, NAME) for name in names) + 18
    for place, name in enumerate(names):
        y = TOP + pitch * (place + 0.5)
        scene.add(Words(left - 10, y, name, size=NAME, anchor="end", tip=about(name)))
    return left


def names_of(runs):
    """Every version of these runs once, in the order of the run that has most of them."""
    longest_first = sorted(runs, key=len, reverse=True)
    return list(dict.fromkeys(row.version for rows in longest_first for row in rows))


def about(version):
    """What a version is: the first line of its file, or of its docstring."""
    words = getattr(VERSIONS.get(version), "__doc__", None) or "a version of your own"
    return f"{version}: {words.strip().splitlines()[0]}"


class Scale:
    """Where a time lies on a panel's axis, in pixels from the panel's left end."""

    ROOM = 172  # pixels kept free on the right, for a time and its ratio

    def __init__(self, rows, log, width):
        self.log, self.width, self.length = log, width, width - self.ROOM
        ends = [q for row in rows if row.timing for q in (*row.timing.quartiles, row.timing.median)]
        self.empty = not ends
        low, high = (min(ends), max(ends)) if ends else (1e-3, 1.0)
        self.low, self.high = half_decades(low, high) if log else (0.0, round_up(high))

    def at(self, seconds):
        if self.log:
            share = math.log(seconds / self.low) / math.log(self.high / self.low)
        else:
            share = seconds / self.high
        return 8 + share * (self.length - 8)

    def ticks(self):
        """[(seconds, text), ...]"""
        if not self.log:
            return [(self.high * n / 4, tick_text(self.high * n / 4) if n else "0")
                    for n in range(0, 5, 2)]  # fmt: skip
        found = list(zip(*time_ticks(self.low, self.high), strict=True))
        apart = 52 * len(found) / self.length  # so that no two texts touch
        return found[:: max(1, math.ceil(apart))]


def half_decades(low, high):
    """The next powers of the square root of ten around two times, never the same."""
    below, above = math.floor(2 * math.log10(low) + 1e-9), math.ceil(2 * math.log10(high) - 1e-9)
    return 10 ** (below / 2), 10 ** (max(above, below + 1) / 2)


def round_up(seconds):
    """The next of 1, 2, 4, 8, 10, 20, ... times a power of ten."""
    power = 10.0 ** math.floor(math.log10(seconds))
    return power * next(digit for digit in (1, 2, 4, 8, 10) if seconds <= digit * power * 1.0001)


class Panel:
    """One run's part of the scene."""

    def __init__(self, scene, x, pitch, names, scale, base):
        self.scene, self.x, self.pitch, self.names = scene, x, pitch, names
        self.scale, self.base = scale, base
        self.bottom = TOP + pitch * len(names)

    def draw(self, title, workload, rows):
        self.scene.add(
            Words(self.x, 20, title, size=15, bold=True),
            Words(self.x, 41, str(workload), GREY, SMALL),
        )
        self.draw_axis(rows)
        for row in rows:
            y = TOP + self.pitch * (self.names.index(row.version) + 0.5)
            if row.timing is None:
                self.write_note(y, row)
            else:
                self.draw_time(y, row)
                self.write_time(y, row, rows)

    def draw_axis(self, rows):
        if not self.scale.empty:
            for seconds, text in self.scale.ticks():
                x = self.x + self.scale.at(seconds)
                self.scene.add(
                    Line(((x, TOP), (x, self.bottom)), LIGHT, 1),
                    Words(x, self.bottom + 13, text, GREY, SMALL, "middle"),
                )
        self.scene.add(Line(((self.x, TOP), (self.x, self.bottom)), GREY, 1))
        words = axis_words(rows, self.base, " (log scale)" if self.scale.log else "")
        for line, text in enumerate(words.split("\n")):
            self.scene.add(Words(self.x + 8, self.bottom + 33 + 16 * line, text, GREY, SMALL))

    def draw_time(self, y, row):
        """A dot, or a bar from zero, and the middle half of the repeats."""
        color = color_of(row.version) if row.comparable else GREY
        low, high = (self.x + self.scale.at(seconds) for seconds in row.timing.quartiles)
        middle, tip = self.x + self.scale.at(row.timing.median), tip_of(row)
        if self.scale.log:
            face = color if row.comparable else "white"
            self.scene.add(
                Line(((low, y), (high, y)), color, 3),
                Mark(middle, y, "o", face, edge_of(color), 6.5, tip),
            )
            return
        face, start = (color if row.comparable else LIGHT), self.x + self.scale.at(0)
        size = start, y - self.pitch * 0.34, middle - start, self.pitch * 0.68
        self.scene.add(
            Box(*size, face, GREY, hatched=not row.comparable, tip=tip),
            Line(((low, y), (high, y)), BLACK, 1.6),
        )

    def write_time(self, y, row, rows):
        words = label_of(rows, row, self.base)
        right = self.x + self.scale.at(max(row.timing.quartiles[1], row.timing.median))
        self.scene.add(Words(right + 12, y, words, size=SMALL, tip=tip_of(row)))

    def write_note(self, y, row):
        """In place of a time: why there is none; the whole of it is in the tip."""
        letters = int((self.scale.width - 16) / width_of("n", SMALL))
        note = row.note if len(row.note) <= letters else row.note[: letters - 4] + " ..."
        color = VERMILLION if row.failed else GREY
        self.scene.add(Words(self.x + 10, y, note, color, SMALL, tip=row.note))


def tip_of(row):
    """What a time's mark says when the mouse rests on it."""
    low, high = map(seconds_text, row.timing.quartiles)
    count = len(row.timing.seconds)
    return (
        f"{row.version}, {row.where}: {seconds_text(row.timing.median)}, "
        f"half of {count} repeats between {low} and {high}. {row.note}"
    ).strip()
