"""What every training loop shares: its update rules, its order of the data, its record.  Lesson 03.

An optimiser's `update(params, grads)` returns new parameters and never changes the old ones,
so that training can stop between two updates and lose nothing.
"""

import math
import warnings
from dataclasses import dataclass, field
from numbers import Real
from typing import NamedTuple

import numpy as np

from lstm_kernels.model import Params, check_count, zeros_like

# ---- the update rules ---------------------------------------------------------------------


class SGD:
    """p - lr * gradient: the step of (mini-batch) gradient descent."""

    def __init__(self, params, lr):
        self.lr = lr

    def next_step(self):
        """The numbers of the next step: its lr."""
        return (self.lr,)

    def update(self, params, grads):
        lr = params.U.dtype.type(self.lr)
        return Params(*(p - lr * g for p, g in zip(params, grads, strict=True)))


class Adam:
    """Steps scaled by running means of the gradient and of its square.

    Kingma and Ba 2015, algorithm 1, with PyTorch's default constants.
    """

    BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8

    def __init__(self, params, lr):
        self.lr, self.steps = lr, 0
        self.mean, self.square = zeros_like(params), zeros_like(params)

    def next_step(self):
        """Count a step; its lr and epsilon, changed so that the means' start at zero is no bias."""
        self.steps += 1
        root = math.sqrt(1 - self.BETA_2**self.steps)
        return self.lr * root / (1 - self.BETA_1**self.steps), self.EPSILON * root

    def update(self, params, grads):
        lr, epsilon = self.next_step()
        arrays = zip(params, grads, self.mean, self.square, strict=True)
        return Params(*(self._step(lr, epsilon, *a) for a in arrays))

    def _step(self, lr, epsilon, p, g, mean, square):
        mean += p.dtype.type(1 - self.BETA_1) * (g - mean)
        square += p.dtype.type(1 - self.BETA_2) * (g * g - square)
        return p - p.dtype.type(lr) * mean / (np.sqrt(square) + p.dtype.type(epsilon))


OPTIMIZERS = {"sgd": SGD, "adam": Adam}


def make_optimizer(name, params, lr):
    """An optimiser by its name; an error for an unknown name or a useless learning rate."""
    if name not in OPTIMIZERS:
        raise ValueError(f"unknown optimizer {name!r}; choose one of: {', '.join(OPTIMIZERS)}")
    return OPTIMIZERS[name](params, check_learning_rate(lr, params.U.dtype))


def check_learning_rate(lr, dtype):
    """`lr` as a float; TypeError for no number, ValueError if it is not above 0 in this dtype."""
    if not isinstance(lr, Real):
        raise TypeError(f"learning rate lr is {lr!r}; it must be a number")
    with np.errstate(over="ignore", under="ignore"):  # reported just below
        step = dtype.type(lr)
    if not (np.isfinite(step) and step > 0):
        raise ValueError(f"learning rate lr is {lr}; in {dtype} it must be finite and above 0")
    return float(lr)


# ---- the record, and the order of the data ------------------------------------------------


class Progress(NamedTuple):
    """What `on_batch` is told after each update; epochs and batches count from 1."""

    epoch: int
    batch: int
    batches: int  # batches in one epoch
    loss: float  # of this batch, before its update


@dataclass
class History:
    """What happened: losses by batch and by epoch, wall time, and why it stopped early."""

    batch_losses: list = field(default_factory=list)
    epoch_losses: list = field(default_factory=list)  # mean over the epoch's samples
    validation_losses: list = field(default_factory=list)  # after each epoch
    seconds: list = field(default_factory=list)  # since the start, after each batch
    stopped: str = ""  # empty when all epochs were done


def check_schedule(N, epochs, batch_size):
    """Epochs and batch size to use; errors as `check_count`, a warning for a batch above N."""
    epochs, batch_size = check_count("epochs", epochs), check_count("batch_size", batch_size)
    if batch_size > N:
        warnings.warn(
            f"batch_size {batch_size} is larger than the {N} training windows: "
            f"one full batch of {N} is used",
            stacklevel=3,
        )
    return epochs, min(batch_size, N)


def shuffled_batches(N, batch_size, rng):
    """The indices 0..N-1 in random order, cut into batches; the last may be short."""
    order = rng.permutation(N)
    return [order[start : start + batch_size] for start in range(0, N, batch_size)]
