"""Honest timing: warm-up apart, repeats, the median and its spread.  Lesson 03 builds it."""

import time
from typing import NamedTuple

import numpy as np

from lstm_kernels import device
from lstm_kernels.model import init_params
from lstm_kernels.training import fit
from lstm_kernels.versions import get_version


class Timing(NamedTuple):
    """Wall times of the repeats of one call, in seconds; no warm-up among them."""

    seconds: tuple

    @property
    def median(self):
        return float(np.median(self.seconds))

    @property
    def quartiles(self):
        """The first and the third quartile: half of the repeats lie between them."""
        return tuple(float(q) for q in np.percentile(self.seconds, (25, 75)))

    def __str__(self):
        low, high = self.quartiles
        return f"{seconds_text(self.median)} ({seconds_text(low)} to {seconds_text(high)})"


class Workload(NamedTuple):
    """What is timed: `epochs` of training on these windows by mini-batches."""

    x: np.ndarray  # (T, N, D) all windows
    y: np.ndarray  # (T, N, O)
    batch_size: int
    H: int
    epochs: int = 1

    def __str__(self):
        T, N, _ = self.x.shape
        epochs = "1 epoch" if self.epochs == 1 else f"{self.epochs} epochs"
        return f"{N} windows, T={T}, batch {self.batch_size}, H={self.H}, {epochs}"


def seconds_text(seconds):
    """A time with three digits and a fitting unit: 0.01234 gives '12.3 ms'."""
    for unit, size in (("s", 1), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            digits = max(0, 2 - int(np.floor(np.log10(seconds / size))))
            return f"{seconds / size:.{digits}f} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def time_call(call, *, warm_up=None, at_least=3, at_most=30, budget=2.0, on_repeat=None):
    """Time `call()` again and again: at least 3 times, then until `budget` seconds are spent.

    One call of `warm_up` (by default of `call` itself) comes first and is not counted: it
    compiles, fills caches, starts clocks.  The device is synchronised before each look at the
    clock, because a launch returns before the kernel has finished.
    """
    (warm_up or call)()
    device.synchronize()
    seconds = []
    while len(seconds) < at_least or (sum(seconds) < budget and len(seconds) < at_most):
        start = time.perf_counter()
        call()
        device.synchronize()
        seconds.append(time.perf_counter() - start)
        if on_repeat:
            on_repeat(Timing(tuple(seconds)))
    return Timing(tuple(seconds))


def measure(version, workload, *, at_least=3, at_most=30, budget=2.0, on_repeat=None):
    """Timing of one version's training on a workload; the same start and order each time.

    The warm-up is one gradient of a full batch, which compiles all kernels; then each repeat
    is the whole `training.fit`.
    """
    x, y, batch_size, H, epochs = workload
    params = init_params(x.shape[2], H, y.shape[2], seed=0, dtype=x.dtype)
    gradients = get_version(version).gradients

    def warm_up():
        gradients(params, x[:, :batch_size], y[:, :batch_size])

    def train():
        fit(version, params, x, y, epochs=epochs, batch_size=batch_size, lr=1e-3, seed=0)

    limits = {"at_least": at_least, "at_most": at_most, "budget": budget}
    return time_call(train, warm_up=warm_up, on_repeat=on_repeat, **limits)
