"""The whole grid: versions x batch x hidden x length.  Lesson 09.

One point of the grid is one epoch over four mini-batches.  All versions get the same windows, the
same start values and float32.  Compilation and warm-up are never in a time.  Where PyTorch is
installed it stands in the same run, on the same work (on a card: its cuDNN LSTM, too): there, all
times hold the copies to the card and back.
"""

from itertools import product
from typing import NamedTuple

from lstm_kernels import data
from lstm_kernels.lab.estimates import feasible
from lstm_kernels.lab.measure import cudnn, race
from lstm_kernels.lab.measure.results import speedup
from lstm_kernels.lab.measure.timing import Workload
from lstm_kernels.lab.words import aligned, ratio_text, seconds_text
from lstm_kernels.versions import VERSIONS

AGAINST = (
    "sequential", "numpy_loop", "numpy_batched", "pytorch", "pytorch_cudnn", "pytorch_graph",
)  # fmt: skip


class Grid(NamedTuple):
    """What is combined with what."""

    batch: tuple = (7, 64, 256)
    hidden: tuple = (16, 50)
    length: tuple = (11, 48)

    def workloads(self):
        """One Workload for each combination: four mini-batches of made-up windows."""
        for T, H, batch in product(self.length, self.hidden, self.batch):
            yield Workload(*data.panel(4 * batch, T), batch, H)


QUICK = Grid(batch=(7, 64), hidden=(16,), length=(11,))
LARGE = Grid(batch=(64, 256), hidden=(128, 256), length=(cudnn.T,))  # of `bench --cudnn`


# ---- measuring ----------------------------------------------------------------------------


def run(
    grid, budget, versions=None, on_text=print, *, results=None, on_point=lambda: None
):  # fmt: skip
    """Race all versions at each point; returns a list of (workload, rows).

    versions: by default all there are, own ones that were entered too.
    results: a list to which they are added; on_point: called after each.  After Ctrl-C the list
    holds what was measured, of the point that was not finished, too.
    """
    points, results = list(grid.workloads()), [] if results is None else results
    versions = tuple(VERSIONS) if versions is None else versions
    for number, workload in enumerate(points, 1):
        on_text(f"\n[{number} of {len(points)}] {workload}")
        skip = feasible.refusals(versions, workload)
        results.append((workload, rows := []))
        race.race(workload, versions, budget=budget, skip=skip, rows=rows)
        try:
            rows += race.torch_rows(workload, budget=budget)
        except KeyboardInterrupt as why:
            rows += getattr(why, "rows", [])
            raise
        on_point()
        on_text(table(rows))
    return results


def table(rows):
    """The rows as aligned text: median, middle half, and how many times faster than whom."""
    names = [row.version for row in rows if row.timing]
    against = [name for name in AGAINST if name in names]
    lines = [["version", "runs on", "median", "half of the repeats"]]
    lines[0] += [f"vs {name}" for name in against]
    for row in rows:
        if row.timing is None:
            lines.append([row.version, row.where, row.note])
            continue
        low, high = map(seconds_text, row.timing.quartiles)
        ratios = [ratio_text(speedup(rows, row.version, name)) for name in against]
        median = seconds_text(row.timing.median)
        lines.append([row.version, row.where, median, f"{low} to {high}", *ratios, row.note])
    return aligned(lines)
