"""Honest timing: warm-up apart, repeats, the median and its spread.  Lesson 04 builds it."""

import time
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from lstm_kernels.emulator.build import finish_preparing
from lstm_kernels.lab.measure.device_times import Parts, measure_parts
from lstm_kernels.lab.words import seconds_text
from lstm_kernels.machine import device
from lstm_kernels.model import check_count, init_params
from lstm_kernels.training import fit
from lstm_kernels.versions import launches_kernels


class Timing(NamedTuple):
    """Wall times of the repeats of one call, in seconds; no warm-up among them."""

    seconds: tuple
    parts: Parts | None = None  # CUDA versions: where one mini-batch's time goes, measured apart

    @property
    def median(self):
        return float(np.median(self.seconds))

    @property
    def quartiles(self):
        """The first and the third quartile: half of the repeats lie between them."""
        return _quartiles(self.seconds)

    @property
    def spread(self):
        """Width of the middle half of the repeats, as a part of the median."""
        low, high = self.quartiles
        return (high - low) / self.median

    def __str__(self):
        low, high = self.quartiles
        return f"{seconds_text(self.median)} ({seconds_text(low)} to {seconds_text(high)})"


@lru_cache(maxsize=4096)  # a live page asks again and again
def _quartiles(seconds):
    return tuple(float(q) for q in np.percentile(seconds, (25, 75)))


class _Workload(NamedTuple):
    x: np.ndarray  # (T, N, D) all windows
    y: np.ndarray  # (T, N, O)
    batch_size: int
    H: int
    epochs: int = 1


class Workload(_Workload):
    """What is timed: `epochs` of training on these windows by mini-batches.

    ValueError or TypeError unless batch_size, H and epochs are whole numbers of at least 1.
    """

    __slots__ = ()

    def __new__(cls, x, y, batch_size, H, epochs=1):
        counts = zip(("batch_size", "H", "epochs"), (batch_size, H, epochs), strict=True)
        return super().__new__(cls, x, y, *(check_count(*pair) for pair in counts))

    @classmethod
    def _make(cls, values):
        return cls(*values)  # `_replace` comes by here: it is checked, too

    def __str__(self):
        T, N, _ = self.x.shape
        epochs = "1 epoch" if self.epochs == 1 else f"{self.epochs} epochs"
        return f"{N} windows, T={T}, batch {self.batch_size}, H={self.H}, {epochs}"


class Stopped(Exception):
    """A timed training ended early: somebody wished it, or it diverged.  Its text says which."""


def wall_seconds(call):
    """Wall time of one `call()`, until the device has finished.

    A launch returns before its kernel has ended, hence the look at the device before the clock.
    """
    finish_preparing()
    start = time.perf_counter()
    call()
    device.synchronize()
    return time.perf_counter() - start


def time_call(
    call, *, warm_up=None, at_least=3, at_most=30, budget=2.0, spread=0.01, on_repeat=None
):
    """Time `call()` again and again: at least 3 times, then until `budget` seconds are spent.

    One call of `warm_up` (by default of `call` itself) comes first and is not counted: it
    compiles, fills caches, starts clocks.  The repeats end before the budget does when there
    are 7 or more and their middle half is narrower than `spread` times the median.
    """
    check_count("at_least", at_least)
    wall_seconds(warm_up or call)
    seconds = []
    while len(seconds) < at_least or (sum(seconds) < budget and len(seconds) < at_most):
        seconds.append(wall_seconds(call))
        timing = Timing(tuple(seconds))
        if on_repeat:
            on_repeat(timing)
        if len(seconds) >= max(7, at_least) and timing.spread < spread:
            break
    return timing


def measure(version, workload, *, stop=lambda: False, **limits):
    """Timing of one version's training on a workload; the same start and order each time.

    The warm-up trains on one full mini-batch and on one as short as the last, which compiles all
    kernels; then each repeat is the whole `training.fit`.  A CUDA version's `parts` come from
    mini-batches of their own.  limits: as in time_call.  stop() is asked after each mini-batch;
    when it is true, or when the training diverges, Stopped is raised.
    """
    x, y, batch_size, H, epochs = workload
    N, batch_size = x.shape[1], min(batch_size, x.shape[1])
    params = init_params(x.shape[2], H, y.shape[2], seed=0, dtype=x.dtype)

    def train(windows=N, epochs=epochs):
        _, history = fit(
            version, params, x[:, :windows], y[:, :windows], epochs=epochs,
            batch_size=batch_size, lr=1e-3, seed=0, on_batch=lambda progress: not stop(),
        )  # fmt: skip
        if history.stopped:
            raise Stopped(history.stopped)  # an interrupted time is no time

    first = wall_seconds(lambda: train(batch_size + N % batch_size, 1))
    timing = time_call(train, warm_up=lambda: train(batch_size, 1), **limits)
    if not launches_kernels(version):
        return timing
    return timing._replace(parts=measure_parts(lambda: train(batch_size, 1), first))
