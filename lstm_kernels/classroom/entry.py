"""One judged version as a small JSON file: what `judge` saves, and what `ranking` reads.

A file may come from anybody.  `read` believes nothing: a name, a text, a number that is none is an
error.  It cannot know whether a time is true.
"""

import json
import math
from pathlib import Path
from typing import NamedTuple

from lstm_kernels.judge.version import Counts
from lstm_kernels.lab.measure.records import KEY, has_fields
from lstm_kernels.lab.measure.results import is_own
from lstm_kernels.lab.saving import write_atomically
from lstm_kernels.versions import check_name

FORMAT = "an own version of the course Parallel LSTM training, 1"
MOST_BYTES = 200_000
MACHINE = ("date", "cpu", "kernels")
PLACES = ("CPU", "GPU", "emulated on CPU")
NUMBERS = tuple(name for name in Counts._fields if name not in ("same_bits", "in_float64"))


class Entry(NamedTuple):
    """A version that was judged.  rows: as in `bench`, its own and the course's, of one run."""

    name: str
    sha256: str  # of its source
    machine: dict  # date, cpu, kernels: in words
    wrong: str  # what differs first; "" if it is right
    where: str = ""
    counts: dict | None = None  # of one mini-batch, as judge.version.Counts
    beside: dict | None = None  # {a version of the course: its counts}
    rows: tuple = ()

    @property
    def comparable(self):
        return not self.wrong and is_own(self.where)

    def ratio(self, base, sizes):
        """How many times as fast as a version of the course, in the same run; None if unknown."""
        found = {row["version"]: row for row in self.rows if sizes_of(row) == sizes}
        pair = found.get(base), found.get(self.name)
        if not all(row and is_own(row["where"]) and "median" in row for row in pair):
            return None
        return pair[0]["median"] / pair[1]["median"]


def sizes_of(row):
    """(windows, T, batch, H, epochs) of a row."""
    return tuple(row[key] for key in KEY[2:])


def save(entry, path):
    """Write it as a whole."""
    text = json.dumps({"format": FORMAT, **entry._asdict()}, indent=1)
    write_atomically(path, text + "\n")


def read(path):
    """The entry in a file; ValueError, in a few words, if this is none."""
    if Path(path).stat().st_size > MOST_BYTES:
        raise ValueError(f"larger than {MOST_BYTES:,} bytes")
    try:
        found = json.loads(Path(path).read_bytes())
    except (ValueError, RecursionError):
        raise ValueError("no JSON") from None
    if not isinstance(found, dict) or found.pop("format", None) != FORMAT:
        raise ValueError("not saved by `python -m lstm_kernels judge`")
    if set(found) != set(Entry._fields) or not is_whole(Entry(**found)):
        raise ValueError("damaged")
    return Entry(**{**found, "rows": tuple(found["rows"])})


def is_whole(entry):
    """Has it all that the ranking reads, each of its kind?"""
    try:
        check_name(entry.name)
    except ValueError:
        return False
    texts = isinstance(entry.wrong, str) and isinstance(entry.sha256, str)
    machine = has_fields(entry.machine, MACHINE) and all(
        isinstance(entry.machine[name], str) for name in MACHINE
    )
    if not (texts and machine and isinstance(entry.rows, list)):
        return False
    if entry.wrong:
        return True
    beside = entry.beside if isinstance(entry.beside, dict) else {"": None}
    counted = all(map(_is_counted, (entry.counts, *beside.values())))
    return entry.where in PLACES and counted and all(map(_is_row, entry.rows))


def _is_counted(counts):
    if not has_fields(counts, Counts._fields) or not isinstance(counts["same_bits"], bool):
        return False
    return all(_is_number(counts[name], int) and counts[name] >= 0 for name in NUMBERS)


def _is_row(row):
    if not has_fields(row, KEY) or not all(isinstance(row[key], str) for key in KEY[:2]):
        return False
    times = [row[name] for name in ("median", "q1", "q3") if name in row]
    sizes = all(_is_number(size, int) for size in sizes_of(row))
    return sizes and all(_is_number(time, float) and time > 0 for time in times)


def _is_number(value, kind):
    return isinstance(value, kind) and not isinstance(value, bool) and math.isfinite(value)
