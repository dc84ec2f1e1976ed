"""Who waits for whom: the host queues work, the card does it.  Lesson 15.

A model: it counts nothing but waiting.  How long a kernel takes is put in, and so is what a launch
and a copy cost; `calibrate` takes them from what a real card did.
"""

from typing import NamedTuple

from lstm_kernels.lab.estimates.bus import copied_names

HOST, CARD = "host", "card"
LAUNCHES = 2  # of V6's mini-batch


class Costs(NamedTuple):
    """Microseconds; as recorded on an H100 (`calibrate`; data/measured/), but for `update`."""

    kernel: float = 58.3  # the gradients of one mini-batch, on the card
    update: float = 4.0  # the update of the parameters, on the card: an assumption
    launch: float = 61.9  # the host's time to queue one launch
    copy: float = 27.4  # one small copy, which the host waits for
    rest: float = 3768.0  # all else that V3's host does: memory, Python, the update


# of each mini-batch of V3, as it was recorded
COPIES_IN, COPIES_OUT = map(len, copied_names("cuda_v3", then=True))


def calibrate(launched, graph, whole, kernel, copies, update=4.0):
    """Costs from recorded seconds per mini-batch.

    launched, graph: V6 with its launches one by one, where they are what it waits for, and as a
    CUDA graph.  whole, kernel, copies: V3's mini-batch, its kernel, all of its copies.
    """
    launch = launched / LAUNCHES
    costs = graph - update / 1e6, launch, copies / (COPIES_IN + COPIES_OUT)
    kernel_of_v6, launch, copy = (1e6 * seconds for seconds in costs)
    rest = 1e6 * (whole - kernel - copies) - launch
    return Costs(kernel_of_v6, update, launch, copy, rest)


def pace(costs):
    """Microseconds per mini-batch of V6: the slower side sets them."""
    return max(LAUNCHES * costs.launch, costs.kernel + costs.update)


class Bar(NamedTuple):
    """One piece of work."""

    where: str  # HOST or CARD
    kind: str  # "launch", "kernel", "copy", "update", "rest" or "wait"
    start: float  # microseconds
    length: float


def v3_bars(batches, costs):
    """V3's mini-batches: every step waits for the one before, on one side or the other."""
    bars, now = [], 0.0

    def work(where, kind, length):
        nonlocal now
        bars.append(Bar(where, kind, now, length))
        now += length

    for _ in range(batches):
        for _ in range(COPIES_IN):
            work(HOST, "copy", costs.copy)
        work(HOST, "launch", costs.launch)
        bars.append(Bar(HOST, "wait", now, costs.kernel))
        work(CARD, "kernel", costs.kernel)
        for _ in range(COPIES_OUT):
            work(HOST, "copy", costs.copy)
        work(HOST, "rest", costs.rest)
    return bars


def v6_bars(batches, costs):
    """V6's mini-batches: the host queues launches; the card takes them one after the other."""
    bars, host, card = [], 0.0, 0.0
    for _ in range(batches):
        for kind, length in (("kernel", costs.kernel), ("update", costs.update)):
            bars.append(Bar(HOST, "launch", host, costs.launch))
            host += costs.launch
            card = max(card, host)  # work begins when it is queued and the card is free
            bars.append(Bar(CARD, kind, card, length))
            card += length
    bars.append(Bar(HOST, "wait", host, card - host))
    bars.append(Bar(HOST, "copy", card, costs.copy))  # the losses of the epoch
    return bars


def end_of(bars):
    """When the last piece of work is done, in microseconds."""
    return max(bar.start + bar.length for bar in bars)


def busy(bars, where=CARD):
    """Part of the whole time in which the card (or the host) works: 0 to 1."""
    return sum(b.length for b in bars if b.where == where and b.kind != "wait") / end_of(bars)
