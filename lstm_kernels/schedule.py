"""What every training loop shares: its record, its order of the data.  Lesson 03."""

import warnings
from dataclasses import dataclass, field
from typing import NamedTuple

from lstm_kernels.model import check_count


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
