"""What a measurement of a version found: one row, its ratios, and tables of rows.  Lesson 09."""

from typing import NamedTuple

from lstm_kernels.lab.measure.timing import Timing
from lstm_kernels.lab.words import aligned, ratio_text, seconds_text
from lstm_kernels.machine import device
from lstm_kernels.versions import launches_kernels, seen_where

PUBLISHED = {  # seconds; the seminar project of 2023 that the course builds on, its own hardware
    "sequential": 293.0,
    "numpy_loop": 130.0,
    "cuda_v1": 80.0,
    "cuda_v2": 18.8,
    "cuda_v3": 17.2,
}
BASELINES = ("sequential", "numpy_loop", "numpy_batched")


class Row(NamedTuple):
    """One version's result: a timing, or the reason why there is none."""

    version: str
    where: str  # "CPU", "GPU", or "emulated on CPU" (and then no ratio may be made of it)
    timing: Timing | None
    note: str = ""
    failed: bool = False
    others: float | None = None  # cores that other programs used meanwhile; None: unknown

    @property
    def comparable(self):
        """True if the time may stand beside others."""
        return self.timing is not None and is_own(self.where)


def is_own(where):
    """True if times taken there are a CPU's or a GPU's own, and not the emulator's."""
    return where in ("CPU", "GPU")


def busiest(rows):
    """The most cores that other programs used during one of the rows; None where unknown."""
    return max((row.others for row in rows if row.others is not None), default=None)


def where_it_runs(version):
    """ "CPU", "GPU", or what stands in for a missing GPU: as it was seen, before that a guess."""
    if seen := seen_where(version):
        return seen
    if not launches_kernels(version):
        return "CPU"
    return {"gpu": "GPU", "emulator": "emulated on CPU"}.get(device.TARGET, "simulated on CPU")


def speedup(rows, version, baseline):
    """How many times faster a version is than the baseline; None where none may be given."""
    by_name = {row.version: row for row in rows}
    a, b = by_name.get(version), by_name.get(baseline)
    if a is None or b is None or not (a.comparable and b.comparable):
        return None
    return b.timing.median / a.timing.median


def table(rows):
    """The rows as aligned text, with ratios to the three CPU baselines."""
    names = [f"vs {name}" for name in BASELINES]
    lines = [["version", "runs on", "median", "half of the repeats", "repeats", *names, ""]]
    lines += [_table_line(rows, row) for row in rows]
    return aligned(lines)


def _table_line(rows, row):
    if row.timing is None:
        return [row.version, row.where, *["-"] * (3 + len(BASELINES)), row.note]
    low, high = map(seconds_text, row.timing.quartiles)
    ratios = [ratio_text(speedup(rows, row.version, name)) for name in BASELINES]
    median, repeats = seconds_text(row.timing.median), str(len(row.timing.seconds))
    return [row.version, row.where, median, f"{low} to {high}", repeats, *ratios, row.note]


def parts_text(row):
    """Where a mini-batch's time goes on the device, in words; "" for a version of the CPU."""
    parts = row.timing and row.timing.parts
    if not parts:
        return ""
    copies_in, kernel, copies_out = map(seconds_text, parts[2:])
    mark = "" if parts.where == "GPU" else f" ({parts.where})"
    return f"a mini-batch: copies in {copies_in}, kernel {kernel}, copies out {copies_out}{mark}"
