"""What one mini-batch copies between host and card, and what that costs.  Lesson 08.

The bytes are facts: they follow from the arrays' shapes, and a test counts them.  The modelled
times are only as good as the numbers in `Assumptions`; on a card, device_times.py measures.
"""

from typing import NamedTuple

import numpy as np

from lstm_kernels.machine.watch import IN, KERNEL, OUT
from lstm_kernels.model import Params, param_shapes
from lstm_kernels.versions.per_sample import workspace_shapes


class Copy(NamedTuple):
    """One array that crosses the bus once."""

    name: str
    direction: str  # IN or OUT
    nbytes: int


class Assumptions(NamedTuple):
    """About a bus and a card; no measurements: put in what you know of yours."""

    gigabytes_per_second: float = 6.0  # PCIe 3.0 with 16 lanes, from ordinary (pageable) memory
    latency: float = 10e-6  # seconds that each copy costs, however small it is
    step: float = 13e-9  # seconds of one multiply-add in one thread: 20 cycles at 1.5 GHz
    rate: float = 100e9  # multiply-adds in a second when all threads of the card work


class Span(NamedTuple):
    """One part of a time line."""

    name: str
    kind: str  # IN, KERNEL or OUT
    start: float  # seconds
    seconds: float


# ---- bytes: facts -------------------------------------------------------------------------


def array_shapes(sizes):
    """Shapes of the kernel's arrays by name, in the order of its arguments."""
    T, N, D, H, O = sizes  # noqa: E741
    parameters = param_shapes(D, H, O)._asdict()
    batch = {"x": (T, N, D), "y": (T, N, O)}
    workspace = workspace_shapes(sizes, itemsize=4)._asdict()
    gradients = {f"d{name}": shape for name, shape in parameters.items()}
    return {**parameters, **batch, **workspace, **gradients}


def copied_names(version):
    """Names of the arrays that cuda_v2 or cuda_v3 copies in, and out, in their order."""
    parameters = list(Params._fields)
    gradients = [f"d{name}" for name in parameters]
    workspace = ["h", "c", "gates", "dc", "dz", "dy", "loss"]
    if version == "cuda_v2":  # every NumPy argument, both ways
        everything = [*parameters, "x", "y", *workspace, *gradients]
        return everything, everything
    if version == "cuda_v3":
        return [*parameters, "x", "y", *gradients], [*gradients, "loss"]
    raise ValueError(f"version is {version!r}; choose cuda_v2 or cuda_v3")


def copies(version, sizes, itemsize=4):
    """All copies of one mini-batch of cuda_v2 or cuda_v3, in their order: a list of Copy."""
    nbytes = {name: itemsize * int(np.prod(s)) for name, s in array_shapes(sizes).items()}
    into, out = copied_names(version)
    return [Copy(n, IN, nbytes[n]) for n in into] + [Copy(n, OUT, nbytes[n]) for n in out]


# ---- seconds: a model ---------------------------------------------------------------------


def copy_seconds(nbytes, machine):
    """A copy waits for the latency, then its bytes cross the bus."""
    return machine.latency + nbytes / (machine.gigabytes_per_second * 1e9)


def multiply_adds(sizes):
    """Multiply-adds that one thread (one sample) does, one after the other."""
    T, _, D, H, O = sizes  # noqa: E741
    forward = 4 * H * (D + H) + O * H
    backward = H * (O + 4 * H)
    products_over_time = 4 * H * (1 + D + H) + O * (1 + H)
    return T * (forward + backward + products_over_time)


def kernel_seconds(sizes, machine):
    """One thread's chain of steps, or the card's limit when there are very many threads."""
    work = multiply_adds(sizes)
    return max(work * machine.step, work * sizes.N / machine.rate)


def time_line(version, sizes, machine, itemsize=4):
    """The copies in, the kernel, the copies out, each after the other: a list of Span."""
    parts = [
        (copy.name, copy.direction, copy_seconds(copy.nbytes, machine))
        for copy in copies(version, sizes, itemsize)
    ]
    before = sum(kind == IN for _, kind, _ in parts)
    parts.insert(before, ("kernel", KERNEL, kernel_seconds(sizes, machine)))
    return one_after_the_other(parts)


def one_after_the_other(parts):
    """Spans without gaps, from (name, kind, seconds)."""
    spans, now = [], 0.0
    for name, kind, seconds in parts:
        spans.append(Span(name, kind, now, seconds))
        now += seconds
    return spans


def total_seconds(spans):
    """Length of a time line."""
    return spans[-1].start + spans[-1].seconds
