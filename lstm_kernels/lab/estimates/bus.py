"""What one mini-batch copies between host and card, and what that costs.  Lesson 08.

The bytes are facts: they follow from the arrays' shapes, and a test counts them.  The modelled
times are only as good as the numbers in `Machine`; on a card, `measure_time_line` measures.
"""

from typing import NamedTuple

import numpy as np

from lstm_kernels.machine.device import cuda
from lstm_kernels.model import Params, sizes
from lstm_kernels.versions.cuda_v2 import THREADS, blocks_for, kernel
from lstm_kernels.versions.per_sample import workspace_shapes

IN, OUT = "host to device", "device to host"  # as in device.Transfer


class Copy(NamedTuple):
    """One array that crosses the bus once."""

    name: str
    direction: str  # IN or OUT
    nbytes: int


class Machine(NamedTuple):
    """Assumptions about a bus and a card, not measurements: put in what you know of yours."""

    gigabytes_per_second: float = 6.0  # PCIe 3.0 with 16 lanes, from ordinary (pageable) memory
    latency: float = 10e-6  # seconds that each copy costs, however small it is
    step: float = 13e-9  # seconds of one multiply-add in one thread: 20 cycles at 1.5 GHz
    rate: float = 100e9  # multiply-adds in a second when all threads of the card work


class Span(NamedTuple):
    """One part of a time line."""

    name: str
    kind: str  # IN, OUT or "kernel"
    start: float  # seconds
    seconds: float


# ---- bytes: facts -------------------------------------------------------------------------


def array_shapes(sizes):
    """Shapes of the kernel's arrays by name, in the order of its arguments."""
    T, N, D, H, O = sizes  # noqa: E741
    parameters = Params((4 * H, D), (4 * H, H), (4 * H,), (O, H), (O,))._asdict()
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
    parts.insert(before, ("kernel", "kernel", kernel_seconds(sizes, machine)))
    return _one_after_the_other(parts)


def _one_after_the_other(parts):
    spans, now = [], 0.0
    for name, kind, seconds in parts:
        spans.append(Span(name, kind, now, seconds))
        now += seconds
    return spans


def total_seconds(spans):
    """Length of a time line."""
    return spans[-1].start + spans[-1].seconds


# ---- seconds: measured --------------------------------------------------------------------


def measure_time_line(version, params, x, y, repeats=20):
    """The same time line from the card's own clock (events): medians of the repeats.

    V2's hidden copies are made one by one here, in the order in which its launch makes them.
    A part lasts from the event before it to its own: what Python needs to ask for it is in it.
    """
    arrays = host_arrays(params, x, y)
    _timed_mini_batch(version, params, x, arrays)  # compiles; not counted
    runs = [_timed_mini_batch(version, params, x, arrays) for _ in range(repeats)]
    names, kinds, _ = zip(*runs[0], strict=True)
    seconds = np.median([[part[2] for part in run] for run in runs], axis=0)
    return _one_after_the_other(zip(names, kinds, map(float, seconds), strict=True))


def host_arrays(params, x, y):
    """The kernel's arrays in the host's memory, by name, in the order of its arguments."""
    shapes = array_shapes(sizes(params, x))
    arrays = {name: np.zeros(shape, x.dtype) for name, shape in shapes.items()}
    return {**arrays, **params._asdict(), "x": x, "y": y}


def _timed_mini_batch(version, params, x, arrays):
    """One mini-batch with an event after each part: a list of (name, kind, seconds)."""
    into, out = copied_names(version)
    on_card = {name: cuda.device_array(a.shape, a.dtype) for name, a in arrays.items()}
    marks = [("start", "", _event())]
    for name in into:
        on_card[name].copy_to_device(arrays[name])
        marks.append((name, IN, _event()))
    arguments = list(on_card.values())
    arguments.insert(7, x.dtype.type(1 / arrays["y"].size))  # scale, after x and y
    kernel[blocks_for(x.shape[1]), THREADS](*arguments)
    marks.append(("kernel", "kernel", _event()))
    for name in out:
        on_card[name].copy_to_host(arrays[name].copy())
        marks.append((name, OUT, _event()))
    marks[-1][2].synchronize()
    pairs = zip(marks, marks[1:], strict=False)
    return [(b[0], b[1], cuda.event_elapsed_time(a[2], b[2]) / 1e3) for a, b in pairs]


def _event():
    event = cuda.event()
    event.record()
    return event
