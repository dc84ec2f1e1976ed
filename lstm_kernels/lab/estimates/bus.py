"""What one mini-batch copies between host and card, and what that costs.  Lesson 08.

The bytes are facts: they follow from the arrays' shapes, and a test counts them.  The modelled
times are only as good as the numbers in `Assumptions`: by default they are those of one recorded
card, and `calibrate` makes them from two of its batches.  On a card, device_times.py measures.
"""

from typing import NamedTuple

import numpy as np

from lstm_kernels.lab.estimates.cards import WARP
from lstm_kernels.machine.watch import IN, KERNEL, OUT
from lstm_kernels.model import Params, param_shapes
from lstm_kernels.versions.per_sample import workspace_shapes

HOST = "host"  # what is neither a copy nor the kernel


class Copy(NamedTuple):
    """Arrays that cross the bus once, together."""

    arrays: dict  # {name: bytes}
    direction: str  # IN or OUT

    @property
    def name(self):
        return ", ".join(self.arrays)

    @property
    def nbytes(self):
        return sum(self.arrays.values())


class Assumptions(NamedTuple):
    """About a machine.  By default: an H100, calibrated by data/measured/batch_h100.json."""

    gigabytes_per_second: float = 11.0  # of the bus
    latency: float = 15e-6  # seconds that each copy costs, however small it is
    step: float = 36e-9  # seconds of one multiply-add in a thread that is alone
    lane: float = 0.87e-9  # seconds that each busy lane of its warp adds to that
    host_v2: float = 1.6e-3  # seconds per mini-batch outside the copies and the kernel
    host_v3: float = 3.1e-3


class Measured(NamedTuple):
    """Seconds of one mini-batch, as they were measured on a card."""

    copies_in: float
    kernel: float
    copies_out: float
    host: float  # the rest of the wall time

    @property
    def copies(self):
        return self.copies_in + self.copies_out

    @property
    def whole(self):
        return sum(self)


class Span(NamedTuple):
    """One part of a time line."""

    name: str
    kind: str  # IN, KERNEL, OUT or HOST
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


def copied_names(version, then=False):
    """The names of each copy's arrays, in the order of the copies: what goes in, and what out.

    version: cuda_v2, cuda_v3 or cuda_v3c.  then: as it was recorded on the H100.  There V3
    copied its arrays one by one, and asked for memory for each of them in every mini-batch.
    """
    parameters = Params._fields
    gradients = [f"d{name}" for name in parameters]
    workspace = ["h", "c", "gates", "dc", "dz", "dy", "loss"]
    if version == "cuda_v2":  # every NumPy argument, both ways
        everything = [(name,) for name in (*parameters, "x", "y", *workspace, *gradients)]
        return everything, everything
    if version == "cuda_v3" and then:
        gone_in, back = [*parameters, "x", "y", *gradients], [*gradients, "loss"]
        return [(name,) for name in gone_in], [(name,) for name in back]
    if version in ("cuda_v3", "cuda_v3c"):  # in another order, as many numbers
        found = ("loss", *gradients)  # zeros in, results out
        return [(*parameters, "x", "y"), found], [found]
    raise ValueError(f"version is {version!r}; choose cuda_v2 or cuda_v3, or cuda_v3c")


def copies(version, sizes, itemsize=4, then=False):
    """All copies of one mini-batch of cuda_v2, cuda_v3 or cuda_v3c, in their order: a list of Copy.

    then: as it was recorded.
    """
    nbytes = {name: itemsize * int(np.prod(s)) for name, s in array_shapes(sizes).items()}
    both = zip(copied_names(version, then), (IN, OUT), strict=True)
    return [
        Copy({name: nbytes[name] for name in names}, direction)
        for copies, direction in both
        for names in copies
    ]


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
    """One thread's chain of steps.  All threads work side by side; full warps take longer.

    There is no limit for a whole card in it: what was recorded, up to 1,024 samples, has none.
    """
    lanes = min(sizes.N, WARP)
    return multiply_adds(sizes) * (machine.step + machine.lane * lanes)


def host_seconds(version, machine):
    """What the host does outside the copies and the kernel; the model takes it for constant."""
    return {"cuda_v2": machine.host_v2, "cuda_v3": machine.host_v3}[version]


def time_line(version, sizes, machine, itemsize=4):
    """The copies in, the kernel, the copies out, the host's rest: a list of Span.  As recorded.

    The host's work lies between and around the others; it is drawn at the end.
    """
    parts = [
        (copy.name, copy.direction, copy_seconds(copy.nbytes, machine))
        for copy in copies(version, sizes, itemsize, then=True)
    ]
    before = sum(kind == IN for _, kind, _ in parts)
    parts.insert(before, ("kernel", KERNEL, kernel_seconds(sizes, machine)))
    return one_after_the_other([*parts, ("rest", HOST, host_seconds(version, machine))])


def measured_line(measured):
    """The four parts of a Measured as a list of Span."""
    names = ("copies in", "kernel", "copies out", "rest")
    kinds = (IN, KERNEL, OUT, HOST)
    return one_after_the_other(zip(names, kinds, measured, strict=True))


def with_rest(spans, whole):
    """A measured time line, and what the wall time `whole` has beyond it, as the host's rest."""
    end = total_seconds(spans)
    return [*spans, Span("rest", HOST, end, max(0.0, whole - end))]


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


# ---- the model's numbers, from a recording ------------------------------------------------


def calibrate(small, large):
    """The Assumptions with which the model says what was measured, to two digits.

    small, large: (sizes, {version: Measured}) of two batch sizes, of V2 and V3.  A line through
    two points each: V2's copies by their bytes, both versions' kernel by its busy lanes.
    """
    (few, of_few), (many, of_many) = small, large
    bandwidth, latency = _fit_copies((few, of_few["cuda_v2"]), (many, of_many["cuda_v2"]))
    step, lane = _fit_kernel(small, large)
    hosts = [(of_few[v].host + of_many[v].host) / 2 for v in ("cuda_v2", "cuda_v3")]
    found = (bandwidth / 1e9, latency, step, lane, *hosts)
    return Assumptions(*(float(f"{number:.2g}") for number in found))


def _fit_copies(small, large):
    """Bytes per second, and seconds of a copy without bytes, from V2's copies."""
    made = [copies("cuda_v2", sizes) for sizes, _ in (small, large)]
    few, many = (sum(copy.nbytes for copy in some) for some in made)
    seconds = small[1].copies, large[1].copies
    bandwidth = (many - few) / (seconds[1] - seconds[0])
    return bandwidth, (seconds[0] - few / bandwidth) / len(made[0])


def _fit_kernel(small, large):
    """Seconds of a multiply-add without lanes, and what each busy lane adds."""
    lanes = [min(sizes.N, WARP) for sizes, _ in (small, large)]
    steps = [
        sum(part.kernel for part in measured.values()) / len(measured) / multiply_adds(sizes)
        for sizes, measured in (small, large)
    ]
    lane = (steps[1] - steps[0]) / (lanes[1] - lanes[0])
    return steps[0] - lane * lanes[0], lane
