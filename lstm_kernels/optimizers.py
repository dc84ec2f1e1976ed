"""What all trainings share: update rules, order of the data, record, checkpoints.  Lesson 03.

An optimiser's `update(params, grads)` returns new parameters and never changes the old ones,
so that training can stop between two updates and lose nothing.
"""

import hashlib
import io
import json
import math
import os
import warnings
import zipfile
from dataclasses import asdict, dataclass, field
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np

from lstm_kernels.machine.files import check_writable, write_atomically
from lstm_kernels.model import Params, check_count, zeros_like

# ---- the update rules ---------------------------------------------------------------------


class SGD:
    """p - lr * gradient: the step of (mini-batch) gradient descent."""

    def __init__(self, params, lr):
        self.lr = lr

    def state(self):
        """What it remembers between two updates, by name: nothing."""
        return {}

    def restore(self, state):
        """Go on from what `state` gave."""

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

    def state(self):
        """What it remembers between two updates, by name, as arrays."""
        state = {"steps": np.array(self.steps)}
        for name, mean, square in zip(Params._fields, self.mean, self.square, strict=True):
            state |= {f"mean_{name}": mean, f"square_{name}": square}
        return state

    def restore(self, state):
        """Go on from what `state` gave."""
        self.steps = int(state["steps"])
        self.mean, self.square = (
            Params(*(state[f"{kind}_{name}"] for name in Params._fields))
            for kind in ("mean", "square")
        )

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
            stacklevel=4,
        )
    return epochs, min(batch_size, N)


def shuffled_batches(N, batch_size, rng):
    """The indices 0..N-1 in random order, cut into batches; the last may be short."""
    order = rng.permutation(N)
    return [order[start : start + batch_size] for start in range(0, N, batch_size)]


# ---- checkpoints --------------------------------------------------------------------------


class Checkpoint:
    """A file (.npz) with all that a training needs to go on after its last whole epoch.

    It holds the parameters, the optimiser's state, the random numbers that shuffle, the history,
    and `settings`, those of this training: a dict of texts and numbers.  It does not hold the data.
    """

    def __init__(self, path, params, settings):
        """OSError now, not after an epoch, if the file cannot be written."""
        check_writable(path)
        self.path, self.settings = path, {**settings, "first parameters": digest(params)}

    def load(self, rule, rng):
        """(params, History) as they were saved, rule and rng set; None where no file is yet.

        ValueError if the file is of another training, or no checkpoint at all.
        """
        if not os.path.exists(self.path):
            return None
        try:
            with np.load(self.path) as file:
                arrays = {name: file[name] for name in file.files}
            about = json.loads(str(arrays["about"]))
            params = Params(*(arrays[f"params_{name}"] for name in Params._fields))
        except (ValueError, TypeError, KeyError, EOFError, AttributeError, zipfile.BadZipFile):
            raise ValueError(f"{self.path} is no checkpoint of a training") from None
        self.check(about["settings"])
        rule.restore(arrays)
        rng.bit_generator.state = about["rng"]
        return params, History(**about["history"])

    def check(self, saved):
        """ValueError if the training that was saved is another one."""
        for name in self.settings | saved:
            theirs, ours = saved.get(name), self.settings.get(name)
            if theirs != ours:
                raise ValueError(
                    f"{self.path} is of another training: its {name} is {theirs}, here it is "
                    f"{ours}. Give the same settings, or another file"
                )

    def save(self, params, rule, rng, history):
        """Write the file as a whole: whatever happens, it is the old one or the new one."""
        about = {"settings": self.settings, "rng": rng.bit_generator.state}
        about["history"] = asdict(history)
        arrays = {f"params_{name}": p for name, p in zip(Params._fields, params, strict=True)}
        about = json.dumps(about, default=np.ndarray.tolist)  # some generators' states are arrays
        np.savez(data := io.BytesIO(), about=about, **arrays, **rule.state())
        write_atomically(self.path, data.getvalue())


def seed_name(seed):
    """What a checkpoint knows a seed by: a generator by its kind, for the file holds its state."""
    if isinstance(seed, (np.random.Generator, np.random.BitGenerator, np.random.RandomState)):
        return type(np.random.default_rng(seed).bit_generator).__name__
    return repr(int(seed) if isinstance(seed, Integral) else seed)


def digest(params):
    """A short text that differs for other parameters."""
    return hashlib.sha256(b"".join(p.tobytes() for p in params)).hexdigest()[:16]
