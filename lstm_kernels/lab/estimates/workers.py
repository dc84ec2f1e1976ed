"""What a step of many workers takes: a model with three costs.  Lesson 18."""

import math
from typing import NamedTuple

import numpy as np


class Cost(NamedTuple):
    """Of one kind of worker and network."""

    per_sample: float  # seconds of computing
    latency: float  # seconds of a message without bytes
    bandwidth: float  # bytes per second


def rounds_of_step(workers):
    """Messages, one after another, in a step.

    The parameters go from the program to a worker, and down a tree; the gradients come up the tree,
    and back to the program.
    """
    return 2 * (1 + math.ceil(math.log2(workers)))


def step_seconds(W, N, nbytes, cost):
    """Seconds of a step: W workers, N samples in all, gradients of so many bytes."""
    compute = cost.per_sample * math.ceil(N / W)
    message = cost.latency + nbytes / cost.bandwidth
    return compute + rounds_of_step(W) * message


def times_as_fast(workers, N, nbytes, cost, K=1):
    """As one worker, in strong scaling, with an exchange after every K steps of N samples."""
    one, many = (step_seconds(W, K * N, nbytes, cost) for W in (1, workers))
    return one / many


def step_of_shares(shares, speeds):
    """The time of a step, in samples of a worker of speed 1: that of the slowest worker."""
    return max(share / speed for share, speed in zip(shares, speeds, strict=True))


def least_squares(columns, values):
    """The weights (K,) with which columns (M, K) come closest to values (M,)."""
    return np.linalg.lstsq(columns, values, rcond=None)[0]
