"""Small aims for the dashboard: each is met, or not, by runs that were measured.  Lesson 09.

A run is (title, workload, rows).  What counts: times of a CPU or of a GPU, never the emulator's.
"""

from collections.abc import Callable
from itertools import combinations
from typing import NamedTuple

from lstm_kernels.lab.estimates.feasible import sizes_of
from lstm_kernels.lab.measure.results import speedup
from lstm_kernels.lab.measure.timing import Workload
from lstm_kernels.lab.words import ratio_text

LEVEL = 1.5  # a loop that is no more than so many times slower is level
STEEP = 1.3  # slope in H: between 1 (calls, units) and 2 (products)
SAME, MANY, FEW = 0.05, 10, 3


class Run(NamedTuple):
    """What the dashboard measured at one size."""

    title: str
    workload: Workload
    rows: list

    def times(self):
        """{version: Timing of the repeats}, of comparable rows."""
        return {row.version: row.timing for row in self.rows if row.comparable}

    def sizes(self):
        """Sizes of a mini-batch, and how many were trained."""
        N = self.workload.x.shape[1]
        return (*sizes_of(self.workload), N, self.workload.epochs)


class Challenge(NamedTuple):
    """An aim, and how it is recognised.  met(runs): by what it is met, in words; "" if not yet."""

    aim: str
    needs_card: bool
    met: Callable


def earned(points):
    """A prediction with full points.  points: those of all predictions of the board."""
    best = max(points, default=0)
    return "a prediction earned 3 points" if best == 3 else ""


def same_again(runs):
    """Two runs of one setting whose medians nearly agree."""
    for a, b in combinations(runs, 2):
        if a.sizes() == b.sizes():
            for version, (first, second) in _both(a, b).items():
                if abs(first / second - 1) <= SAME:
                    off = abs(first / second - 1)
                    return f"{a.title} and {b.title}: {version}, {off:.1%} apart"
    return ""


def many_for_few(runs):
    """Ten times the batch, everything else the same, in less than three times the time."""
    for a, b in combinations(runs, 2):
        small, large = sorted((a, b), key=lambda run: run.workload.batch_size)
        s, l = sizes_of(small.workload), sizes_of(large.workload)  # noqa: E741
        if s._replace(N=l.N) == l and l.N >= MANY * s.N and _one_batch(small) and _one_batch(large):
            for version, (first, second) in _both(small, large).items():
                if second < FEW * first:
                    words = f"{l.N / s.N:.3g} times the batch takes {ratio_text(second / first)}"
                    return f"{version}, {large.title}: {words} the time"
    return ""


def level(runs):
    """numpy_batched hardly faster than numpy_loop, or slower."""
    return _first(runs, "numpy_batched", "numpy_loop", lambda ratio: ratio <= LEVEL)


def steep(runs):
    """The time of one version grows clearly faster than H; everything else is the same."""
    for a, b in combinations(runs, 2):
        small, large = sorted((a, b), key=lambda run: run.workload.H)
        s, l = small.sizes(), large.sizes()  # noqa: E741
        if s[:3] + s[4:] == l[:3] + l[4:] and s[3] < l[3]:
            for version, (first, second) in _both(small, large).items():
                if second / first >= (l[3] / s[3]) ** STEEP:
                    words = f"{version} takes {ratio_text(second / first)} the time"
                    return f"from H={s[3]} to H={l[3]}, {words}"
    return ""


def loses(runs):
    """cuda_v3 slower than numpy_batched, on a card."""
    return _first(runs, "cuda_v3", "numpy_batched", lambda ratio: ratio < 1)


def copies_half(runs):
    """A version whose copies take as long as its kernels, on a card."""
    for run in runs:
        for row in run.rows:
            if row.comparable and row.timing.parts and row.timing.parts.copies >= 0.5:
                return f"{run.title}: {row.version}, copies {row.timing.parts.copies:.0%}"
    return ""


def _one_batch(run):
    return run.workload.epochs == 1 and run.workload.x.shape[1] <= run.workload.batch_size


def _both(a, b):
    """{version: (its median in a, its median in b)}."""
    first, second = a.times(), b.times()
    return {v: (first[v].median, second[v].median) for v in first if v in second}


def _first(runs, version, baseline, holds):
    for run in runs:
        ratio = speedup(run.rows, version, baseline)
        if ratio is not None and holds(ratio):
            return f"{run.title}: {version} is {ratio_text(ratio)} as fast as {baseline}"
    return ""


CHALLENGES = (
    Challenge(f"Run one setting twice, until a version's medians are within {SAME:.0%}.",
              False, same_again),
    Challenge(f"{MANY} times the batch, the same H and T, in less than {FEW} times the time.",
              False, many_for_few),
    Challenge(f"Make numpy_batched at most {LEVEL} times as fast as numpy_loop.", False, level),
    Challenge(f"Two values of H between which a time grows faster than H to the power {STEEP}.",
              False, steep),
    Challenge("Make cuda_v3 lose to numpy_batched.", True, loses),
    Challenge("Find a size at which a version's copies take at least as long as its kernels.",
              True, copies_half),
)  # fmt: skip
PREDICTION = "Earn 3 points with one prediction."  # met by the board's points: `earned`
