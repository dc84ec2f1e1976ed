"""How training scales with the number of workers: where the time of a step goes.  Lesson 18.

Strong scaling: the same batch, shared by more workers; at best the step takes 1/W of the time.
Weak scaling: a batch for each worker, so W batches in all; at best the step takes the same time.
Messages: a sample of one step per worker, so next to no computing, with gradients of several sizes.
"""

from statistics import fmean, median
from typing import NamedTuple

import numpy as np

from lstm_kernels import cluster
from lstm_kernels.cluster import shards, step
from lstm_kernels.data import panel
from lstm_kernels.lab.words import aligned, count_text
from lstm_kernels.machine.threads import usable_cores
from lstm_kernels.model import count_params, init_params
from lstm_kernels.training import make_plan

WARM, STEPS = 5, 30  # steps before the clock counts, and those that are measured
KINDS = ("strong", "weak")
HIDDEN = (16, 512, 1024)  # of the messages
NUMBER = 4  # bytes of a float32


class Sizes(NamedTuple):
    """What is trained: the batch of one worker alone, hidden units, length, a version."""

    batch: int = 1024
    hidden: int = 64
    length: int = 24
    version: str = "numpy_batched"


class Times(NamedTuple):
    """The seconds of one step.  whole = compute + waiting + communication."""

    whole: float  # as the client saw it, without the update of the parameters
    compute: float  # of gradients, the mean of all workers
    waiting: float  # for the slowest worker, the mean of all workers
    communication: float  # the rest: Dask's scheduling, parameters out, gradients added and back


class Row(NamedTuple):
    """The steps of one kind on so many workers."""

    kind: str  # of KINDS, or "message"
    workers: int
    nbytes: int  # of all gradients
    steps: list  # of Times


def split(spent, workers):
    """A step's Times; spent: a step.Spent."""
    busy = [*spent.workers.values(), *[0.0] * (workers - len(spent.workers))]
    slowest = max(busy)
    return Times(spent.whole, fmean(busy), slowest - fmean(busy), spent.whole - slowest)


def measure(client, workers, weak, sizes, steps, check=lambda: None):
    """[Times] of so many steps, one shard for each worker; weak: `sizes.batch` samples for each."""
    batch = sizes.batch * (workers if weak else 1)
    params, (x, y) = init_params(1, sizes.hidden, 1), panel(batch, sizes.length)
    parts, bounds = shards.cut(params, x, y, workers)
    plan = make_plan(params, batch, steps + WARM, batch, 1e-3)
    one, times = step.Step(client, sizes.version, parts, bounds, plan), []
    for _ in range(WARM + steps):
        check()
        _, grads = one.gradients(params, np.arange(batch))
        params = plan.rule.update(params, grads)
        times.append(split(one.spent, workers))
    return times[WARM:]


def run(counts, sizes, told, steps, check=lambda: None):
    """Both kinds of scaling, and messages, for each number of workers; told(Row) after each.

    steps: how many are measured of each, after WARM others.
    """
    small = sizes._replace(batch=1, length=1, version="numpy_batched")  # it takes any H
    wanted = [(kind, sizes) for kind in KINDS]
    wanted += [("message", small._replace(hidden=hidden)) for hidden in HIDDEN]
    for workers in counts:
        with cluster.local(workers) as client:
            for kind, these in wanted:
                weak = kind != "strong"
                times = measure(client, workers, weak, these, steps, check)
                told(Row(kind, workers, gradient_bytes(these.hidden), times))


def gradient_bytes(hidden):
    """Bytes of all gradients, D = O = 1, float32."""
    return NUMBER * count_params(1, hidden, 1)


class Scaling(NamedTuple):
    """What `bench --workers` finds."""

    sizes: Sizes
    rows: list
    source: str  # "measured here", or whose recording it is

    def of(self, kind):
        """{workers: [Times]} of one kind of scaling."""
        return {row.workers: row.steps for row in self.rows if row.kind == kind}

    def messages(self):
        """[(workers, bytes, median seconds of communication)]."""
        return [
            (row.workers, row.nbytes, median(t.communication for t in row.steps))
            for row in self.rows
            if row.kind == "message"
        ]

    def seconds_per_sample(self):
        """Of computing, on one worker, the median."""
        first = min(self.of("weak"))
        return median(t.compute for t in self.of("weak")[first]) / self.sizes.batch


# ---- what it says -------------------------------------------------------------------------


def table(found):
    """found: a Scaling; medians in ms, and the efficiency against the first."""
    parts = [_table(found.of(kind), kind) for kind in KINDS if found.of(kind)]
    return "\n\n".join([*parts, *_messages(found)])


def _table(rows, kind):
    first = min(rows)
    lines = [f"{kind} scaling     step (quartiles)    compute  waiting  communication  efficiency"]
    for workers, times in sorted(rows.items()):
        whole = [t.whole * 1e3 for t in times]
        low, high = np.percentile(whole, (25, 75))
        parts = (median(part) * 1e3 for part in list(zip(*times, strict=True))[1:])
        spread = f"{median(whole):8.1f} ({low:.1f} to {high:.1f})"
        reached = efficiency(rows[first], first, times, workers, kind)
        line = f"{count_text(workers, 'worker'):>11}  {spread:25}"
        lines.append(line + "{:9.1f}{:9.1f}{:15.1f}{:11.0%}".format(*parts, reached))
    return "\n".join(lines)


def _messages(found):
    rows = [
        [count_text(workers, "worker"), f"{nbytes:,}", f"{seconds * 1e3:.1f}"]
        for workers, nbytes, seconds in found.messages()
    ]
    return [aligned([["messages", "bytes of gradients", "communication"], *rows])] if rows else []


def efficiency(one, first, many, workers, kind):
    """The share of the best possible speed, against the smallest number of workers measured."""
    faster = median(t.whole for t in one) / median(t.whole for t in many)
    return faster * first / workers if kind == "strong" else faster


def too_many(counts):
    """A sentence if there are more workers than cores: they share them, which is no scaling."""
    cores = len(usable_cores())
    if max(counts) <= cores:
        return ""
    return (
        f"{max(counts)} workers share {cores} cores here: above {cores}, the times show "
        "how they share, not how the training scales."
    )
