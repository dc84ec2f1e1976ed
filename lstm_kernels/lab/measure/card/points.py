"""What a section of `bench --card` is made of: points, each measured once, and their rows.

A section is a module with SECONDS, its share of the time; `points(plan, rows)`, which may look at
the rows that are there already; and `table(rows)`, a short text about its own rows.
"""

from contextlib import contextmanager
from typing import NamedTuple

from lstm_kernels.lab.measure.pytorch import first_line
from lstm_kernels.lab.measure.timing import Timing
from lstm_kernels.lab.words import seconds_text


class Point(NamedTuple):
    """Something to measure, and what tells it from all others."""

    key: dict  # "what", sizes, perhaps "version": plain texts and numbers
    measure: object  # a function without arguments; gives a list of dicts, a row each


class Settled(Exception):
    """There is nothing to measure at a point; its text says why.  That is no failure."""


@contextmanager
def may_refuse():
    """Inside, a version may refuse the sizes with a ValueError: then the point is settled."""
    try:
        yield
    except ValueError as why:
        raise Settled(f"refused: {why}") from why


def words_of(error):
    """An error in one line."""
    return f"{type(error).__name__}: {first_line(error)}"


def only_those_that_run(calls):
    """(what each call gave the first time, why the others failed), by name."""
    found, failed = {}, {}
    for name, call in calls.items():
        try:
            found[name] = call()
        except Exception as error:  # it gets a row that says so; the others are timed
            failed[name] = words_of(error)
    return found, failed


def timed(seconds, parts=1):
    """A row's fields of these repeats (in seconds), each of so many equal parts.

    Median and quartiles are those of one part; "seconds" holds every repeat, to the nanosecond.
    """
    timing = Timing(tuple(round(second, 9) for second in seconds))
    low, high = timing.quartiles
    found = {"median": timing.median / parts, "q1": low / parts, "q3": high / parts}
    return found | {"parts": parts, "seconds": list(timing.seconds)}


def sizes_text(row):
    """`T=12 H=64 N=32`, as far as the row has them."""
    return " ".join(f"{name}={row[name]}" for name in "THNDO" if name in row)


def time_text(row):
    """A row's median, or why there is none."""
    return seconds_text(row["median"]) if "median" in row else why_text(row)


def why_text(row):
    """What a row says in place of a number."""
    return row.get("failed") or row.get("note") or "-"
