"""What cards took for one mini-batch at other sizes: lines for the dashboard's sweep.  Lesson 09.

All are recordings that came with the course, data/measured/.  A line has one size that changes
(batch N, hidden units H or length T) and two that do not.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from lstm_kernels.lab.measure import records
from lstm_kernels.lab.measure.card.kept import cards
from lstm_kernels.versions import VERSIONS

SIZES = ("N", "H", "T")
EPOCH, STEP = "an epoch / its mini-batches", "a step, its data on the card"
RECORDED_EPOCHS = {"V6 recorded": "cuda_v6"}  # in a card's steps: what V6 is today
FILES = ("batch_h100", "cudnn_h100")  # of `bench` and `bench --cudnn`


class Point(NamedTuple):
    """Seconds of one mini-batch of a version at one size."""

    card: str
    date: str
    what: str  # EPOCH or STEP
    version: str
    N: int
    H: int
    T: int
    low: float  # first quartile
    seconds: float  # median
    high: float


class RecordedLine(NamedTuple):
    """A version's points along one size, those of one card; the others' sizes are fixed."""

    version: str
    card: str
    date: str
    what: str
    points: dict  # {size: (first quartile, median, third quartile) in seconds}


@lru_cache(maxsize=1)
def all_points():
    """Every recorded point of the course's versions; the cards' own files first."""
    return tuple([*_points_of_cards(), *_points_of_benches()])


def _points_of_cards():
    for card in cards():
        place = card["card"], card["machine"]["date"][:10]
        for row in card["rows"]:
            version = _version_of(row)
            if version and "median" in row:
                step = row["section"] == "steps"
                share = 1.0 if step else 1 / 4  # a training is an epoch of four mini-batches
                times = [share * row[name] for name in ("q1", "median", "q3")]
                sizes = row["N"], row["H"], row["T"]
                yield Point(*place, STEP if step else EPOCH, version, *sizes, *times)


def _version_of(row):
    """The course's version that a card's row timed, at its best; None for all other rows."""
    if row["section"] == "trainings" and row["setup"] == "kept":
        return row["rival"] if row["rival"] in VERSIONS else None
    return RECORDED_EPOCHS.get(row["rival"]) if row["section"] == "steps" else None


def _points_of_benches():
    for found in map(records.kept, FILES):
        card, date = found["machine"]["kernels"].split(",")[0], found["machine"]["date"][:10]
        for row in found["rows"]:
            if row["version"] in VERSIONS and "median" in row:
                count = records.mini_batches(row)
                times = [row[name] / count for name in ("q1", "median", "q3")]
                sizes = row["batch"], row["hidden"], row["length"]
                yield Point(card, date, EPOCH, row["version"], *sizes, *times)


def card_names():
    """Names of all recorded cards, the newest recording first."""
    dates = {}
    for point in all_points():
        dates[point.card] = max(point.date, dates.get(point.card, ""))
    return sorted(dates, key=dates.get, reverse=True)


def recorded_lines(card, axis, fixed, versions):
    """The RecordedLines of a card along `axis`: at least two points each.

    axis: "N", "H" or "T".  fixed: the two other sizes, such as {"H": 50, "T": 11}.  Where a
    version was recorded in both ways, whole epochs count: a sweep times these, too.
    """
    return [line for version in versions if (line := _line(card, axis, fixed, version))]


def _line(card, axis, fixed, version):
    for what in (EPOCH, STEP):
        found = [
            p for p in all_points()
            if (p.card, p.what, p.version) == (card, what, version)
            and all(getattr(p, name) == size for name, size in fixed.items())
        ]  # fmt: skip
        if len({getattr(p, axis) for p in found}) >= 2:
            points = {getattr(p, axis): (p.low, p.seconds, p.high) for p in found}
            date = max(p.date for p in found)
            return RecordedLine(version, card, date, what, dict(sorted(points.items())))
    return None


def nearest(card, axis, fixed):
    """The two fixed sizes nearest to these at which the card has lines; None if there are none."""
    others = [name for name in SIZES if name != axis]
    sizes = {tuple(getattr(p, name) for name in others) for p in all_points() if p.card == card}
    sizes = [
        dict(zip(others, size, strict=True)) for size in sizes
        if recorded_lines(card, axis, dict(zip(others, size, strict=True)), VERSIONS)
    ]  # fmt: skip

    def distance(size):
        return sum(abs(np.log(size[name] / fixed[name])) for name in others)

    return min(sizes, key=distance, default=None)
