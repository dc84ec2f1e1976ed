"""Shards, the parts into which the training windows are cut, and what is computed with one.

All that a worker runs stands here.  The cut depends on the number of windows and of shards, never
on the workers: so it does not matter which worker computes which shard.
"""

import sys
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from lstm_kernels.model import Params, check_array, check_batch, check_count
from lstm_kernels.versions import get_version, own_versions


@dataclass(frozen=True)
class InMemory:
    """Windows that travel to the workers.  x (T, n, D), y (T, n, O)."""

    x: np.ndarray
    y: np.ndarray

    def take(self, samples):
        return self.x[:, samples], self.y[:, samples]


@dataclass(frozen=True)
class OnDisk:
    """Windows `first`, first + 1, ... in two .npy files, x (N, T, D) and y (N, T, O)."""

    x: str
    y: str
    first: int

    def take(self, samples):
        return tuple(read(path, self.first + samples) for path in (self.x, self.y))


@dataclass(frozen=True)
class Lazy:
    """Windows of two Dask arrays, x (T, n, D), y (T, n, O): workers compute them, as InMemory."""

    x: object
    y: object


def read(path, numbers):
    """These windows of a .npy file (N, T, width), as (T, n, width); the rest is never touched.

    Each is read by itself.  Through a memory map it would be as simple, but a map also keeps what
    lies around a window, and so grows with the file.
    """
    plan = mapped(path)  # only where the values begin, and what they are
    windows = np.empty((len(numbers), *plan.shape[1:]), plan.dtype)
    with open(path, "rb", buffering=0) as file:
        for window, number in zip(windows, numbers.tolist(), strict=True):
            file.seek(plan.offset + number * window.nbytes)
            if file.readinto(window) != window.nbytes:
                raise ValueError(f"{path} ends within window {number}; it was cut off")
    return windows.swapaxes(0, 1)


def mapped(path):
    """The array of a .npy file, of which nothing is read yet; ValueError if it holds none."""
    try:
        return np.load(path, mmap_mode="r")
    except ValueError as error:
        raise ValueError(f"{path} is no whole .npy file of numbers: {error}") from None


def cut(params, x, y, shards):
    """(shards, where each begins and the last one ends); x and y: arrays, files, or Dask arrays.

    With fewer windows than shards there are fewer shards.  Errors as `check_batch`; values that are
    not in the memory are checked batch by batch, when they are used.
    """
    shards = check_count("shards", shards)
    N, shard = _source(params, x, y)
    shards = min(shards, N)
    bounds = [N * s // shards for s in range(shards + 1)]
    return [shard(*ends) for ends in pairwise(bounds)], bounds


def _source(params, x, y):
    """(the number of windows, the function that makes a shard of where it begins and ends)."""
    if isinstance(x, (str, Path)) and isinstance(y, (str, Path)):
        x, y = (str(Path(path).absolute()) for path in (x, y))
        return _check_files(params, x, y), lambda first, end: OnDisk(x, y, first)
    if lazy := is_lazy(x) and is_lazy(y):
        _check_lazy(params, x, y)
    else:
        check_batch(params, x, y)
    kind = Lazy if lazy else InMemory
    return x.shape[1], lambda first, end: kind(x[:, first:end], y[:, first:end])


def is_lazy(a):
    """Is it a Dask array?  Who has one has imported Dask's."""
    dask_array = sys.modules.get("dask.array")
    return dask_array is not None and isinstance(a, dask_array.Array)


def _check_files(params, *paths):
    """The number of windows in both files; errors as `check_batch`, by a look at the first ones."""
    arrays = [mapped(path) for path in paths]
    for name, a in zip("xy", arrays, strict=True):
        check_array(name, a)
        if a.ndim != 3 or not a.flags.c_contiguous:
            words = "it must be (N, T, width), in C order"
            raise ValueError(f"the file of {name} holds an array {a.shape}; {words}")
    if len(arrays[0]) != len(arrays[1]):
        raise ValueError(f"x has {len(arrays[0])} windows and y {len(arrays[1])}; as many are due")
    check_batch(params, *(np.array(a[:1]).swapaxes(0, 1) for a in arrays))
    return len(arrays[0])


def _check_lazy(params, x, y):
    """Errors as `check_batch`, but for the values."""
    for name, a in (("x", x), ("y", y)):
        if a.ndim != 3 or np.isnan(a.shape).any():
            words = "it must be (T, N, width), all known"
            raise ValueError(f"the Dask array {name} has shape {a.shape}; {words}")
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"x has {x.shape[1]} windows and y {y.shape[1]}; as many are due")
    a_window = ((a.shape[0], min(1, a.shape[1]), a.shape[2]) for a in (x, y))
    check_batch(params, *map(np.zeros, a_window, (x.dtype, y.dtype)))


# ---- who computes what, and how it is added up ------------------------------------------------


def dealt(batch, bounds):
    """[(shard, which of its windows), ...] of the shards that have windows in this batch."""
    found = []
    for shard, (first, end) in enumerate(pairwise(bounds)):
        mine = batch[(first <= batch) & (batch < end)] - first
        if len(mine):
            found.append((shard, mine))
    return found


def tree(parts, add):
    """The sum of all parts by a tree: add(a, b) of neighbours, until one is left.

    Its form depends on the number of parts alone: so the order of all additions.
    """
    while len(parts) > 1:
        pairs = (parts[i : i + 2] for i in range(0, len(parts), 2))
        parts = [add(*pair) if len(pair) == 2 else pair[0] for pair in pairs]
    return parts[0]


# ---- what a worker computes ---------------------------------------------------------------


@dataclass(frozen=True)
class Part:
    """A share of a batch's loss and gradients; the shares of all add up to them.

    seconds: ((worker, seconds of computing), ...).  worker: an address of Dask's, or a card.
    """

    loss: float
    grads: Params
    seconds: tuple


def keep(thing):
    """A shard, or the parameters of a step, as a task's result: it stays with the workers.

    The scheduler keeps the task, so that it can be done again if all who had its result are lost.
    """
    return thing


def function_of(version):
    """What tells a worker which gradients to use: a name, or for an own version the function."""
    gradients = get_version(version).gradients
    return gradients if version in own_versions() else version


def part(shard, params, samples, version, N, worker=None):
    """The share of `samples` of this shard in the gradients of a batch of N windows.

    worker: who computes it; None is a worker of Dask's.
    """
    gradients = get_version(version).gradients if isinstance(version, str) else version
    start = time.perf_counter()
    with np.errstate(over="ignore", invalid="ignore"):  # the training looks for it, and says so
        loss, grads = gradients(params, *shard.take(samples))
        share = len(samples) / N
        grads = Params(*(g.dtype.type(share) * g for g in grads))
    seconds = time.perf_counter() - start
    return Part(loss * share, grads, ((worker or _address(), seconds),))


def _address():
    import distributed

    return distributed.get_worker().address


def add(a, b):
    """Two parts as one."""
    with np.errstate(over="ignore", invalid="ignore"):
        grads = Params(*(p + q for p, q in zip(a.grads, b.grads, strict=True)))
    return Part(a.loss + b.loss, grads, a.seconds + b.seconds)
