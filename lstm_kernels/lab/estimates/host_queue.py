"""Who waits for whom: the host queues work, the card does it.  Lesson 15.

A model, not a measurement.  It counts nothing but waiting: how long a kernel takes is put in, and
so is what a launch and a copy cost.
"""

from typing import NamedTuple

from lstm_kernels.lab.estimates.bus import copied_names

HOST, CARD = "host", "card"


class Costs(NamedTuple):
    """Assumptions, in microseconds: put in what you know of your machine."""

    kernel: float = 60.0  # the gradients of one mini-batch, on the card
    update: float = 4.0  # the update of the parameters, on the card
    launch: float = 6.0  # the host's time to queue one launch
    copy: float = 10.0  # one small copy, which the host waits for
    optimizer: float = 30.0  # the update of the parameters, on the host (V3)


class Bar(NamedTuple):
    """One piece of work."""

    where: str  # HOST or CARD
    kind: str  # "launch", "kernel", "copy", "update" or "wait"
    start: float  # microseconds
    length: float


COPIES_IN, COPIES_OUT = map(len, copied_names("cuda_v3"))  # of each mini-batch


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
        work(HOST, "update", costs.optimizer)
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
