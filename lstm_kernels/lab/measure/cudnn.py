"""V6 beside PyTorch's training step on a card, step against step.  Lesson 17.

`python -m lstm_kernels bench --cudnn`.

PyTorch's step is autograd, nn.LSTM (on a card that is cuDNN), nn.Linear, the loss and Adam; cuDNN
is never timed by itself.  Data, parameters and optimiser are on the card before the clock starts;
all train the same model by the same mini-batches with Adam, and read the losses once an epoch.
TF32 is switched off, so that both sides compute in float32.  Both stand there twice: a whole epoch
recorded as a CUDA graph, as V6's `fit` does it, and their kernels launched one by one.
One step's gradients and the first epochs' losses are compared before anything is timed.
"""

import warnings
from itertools import cycle, islice
from typing import NamedTuple

import numpy as np

from lstm_kernels import data
from lstm_kernels.checks import relative_error
from lstm_kernels.lab.measure import records
from lstm_kernels.lab.measure.cpu_baselines import take_turns
from lstm_kernels.lab.measure.pytorch import (
    LR,
    GraphTraining,
    TorchTraining,
    full_precision,
    torch_gradients,
    why_no_torch_card,
)
from lstm_kernels.lab.measure.results import Row
from lstm_kernels.lab.measure.timing import Timing, Workload
from lstm_kernels.machine import device
from lstm_kernels.machine.cuda_graph import GraphError
from lstm_kernels.model import init_params
from lstm_kernels.optimizers import make_optimizer, shuffled_batches
from lstm_kernels.versions import cuda_v5
from lstm_kernels.versions.cuda_v6 import DeviceTraining

BATCH_SIZES, T, H = (32, 64, 128, 256), 12, 64
BATCHES = 16  # mini-batches per epoch
EPOCHS = 32  # orders made beforehand; after the last one comes the first again
CHECKED = 2  # epochs whose losses are compared
PRECISION, SAME = 1e-5, 1e-4  # largest relative errors: of one step's gradients; of those losses
NAMES = {
    "cuda_v6": "V6",
    "cuda_v6_launched": "V6 launched one by one",
    "pytorch_cudnn": "PyTorch (LSTM by cuDNN)",
    "pytorch_graph": "PyTorch (LSTM by cuDNN) as a CUDA graph",
}


WAYS = {  # version: whose it is, how its kernels are started, is its set-up inside its time?
    "cuda_v6": ("V6", "as a graph", False),
    "cuda_v6_launched": ("V6", "launched", False),
    "cuda_v4": ("V4", "launched", True),
    "pytorch_cudnn": ("PyTorch", "launched", False),
    "pytorch_graph": ("PyTorch", "as a graph", False),
}


class Side(NamedTuple):
    """One side of a comparison on a card: seconds per mini-batch, and what they hold."""

    name: str
    T: int
    H: int
    N: int
    way: str  # "launched", or "as a graph"
    setup_inside: bool  # its memory, its copies of the data: are they in the time?
    tf32: bool
    seconds: float


def sides(kept):
    """All Sides of a recording by `bench --cudnn`, which switches TF32 off."""
    found = []
    for row in kept["rows"]:
        if row["version"] in WAYS and "median" in row:
            name, way, setup = WAYS[row["version"]]
            sizes = row["length"], row["hidden"], row["batch"]
            seconds = row["median"] / records.mini_batches(row)
            found.append(Side(name, *sizes, way, setup, False, seconds))
    return found


def missing():
    """What this comparison lacks here, as a sentence; empty if nothing."""
    if not device.ON_GPU:
        return f"bench --cudnn needs an NVIDIA card. {device.describe()}"
    why = why_no_torch_card()
    return f"bench --cudnn needs PyTorch with CUDA: {why}" if why else ""


def workloads():
    """One epoch of BATCHES mini-batches for each batch size, of made-up windows."""
    return [Workload(*data.panel(BATCHES * N, T), N, H) for N in BATCH_SIZES]


def contestants(workload, orders, place="cuda"):
    """{name: function of an epoch's number that trains in orders[number], and gives its losses}.

    A CUDA graph that PyTorch does not record is left out, with a warning.
    """
    found = {
        "cuda_v6": v6_epochs(v6_training(workload, orders, recorded=True)),
        "cuda_v6_launched": v6_epochs(v6_training(workload, orders, recorded=False)),
        "pytorch_cudnn": torch_epochs(TorchTraining(workload, place), orders, place),
    }
    try:
        recorded = GraphTraining(workload, place)
    except GraphError as error:
        warn_left_out("pytorch_graph", error)
    else:
        found["pytorch_graph"] = torch_epochs(recorded, orders, place)
    return found


def warn_left_out(name, error):
    warnings.warn(f"{NAMES[name]} is left out: {error}", stacklevel=3)


def make_orders(workload, epochs=EPOCHS):
    """The windows' order in each epoch."""
    rng, N = np.random.default_rng(0), workload.x.shape[1]
    batches = (shuffled_batches(N, workload.batch_size, rng) for _ in range(epochs))
    return [np.concatenate(epoch) for epoch in batches]


def v6_training(workload, orders, recorded):
    """V6's training of this workload, with everything on the card."""
    x, y, batch_size, H, _ = workload
    params = init_params(x.shape[2], H, y.shape[2], dtype=x.dtype)
    rule = make_optimizer("adam", params, LR)
    return DeviceTraining(params, x, y, np.concatenate(orders), batch_size, rule, recorded)


def v6_epochs(training):
    """V6's training as a function of an epoch's number; a GraphError if it cannot be recorded."""

    def train(epoch):
        training.epoch(epoch)
        if training.room.refused:
            raise GraphError(training.room.refused)
        return training.losses(epoch)

    return train


def torch_epochs(training, orders, place):
    """PyTorch's training as a function of an epoch's number; the orders are on the card, too."""
    import torch

    there = [torch.from_numpy(order).to(place) for order in orders]
    return lambda epoch: training.epoch(there[epoch])


def check_precision(workload, place="cuda"):
    """RuntimeError unless PyTorch's gradients of a mini-batch are V5's: both in full float32.

    TF32 keeps 10 of float32's 23 bits of each factor, so its error is far above the limit.
    """
    x, y, N = workload.x, workload.y, workload.batch_size
    batch = init_params(x.shape[2], workload.H, y.shape[2], dtype=x.dtype), x[:, :N], y[:, :N]
    (loss, grads), (right_loss, right) = torch_gradients(*batch, place), cuda_v5.gradients(*batch)
    error = max(map(relative_error, (loss, *grads), (right_loss, *right)))
    if not error <= PRECISION:
        raise RuntimeError(
            f"PyTorch does not compute in full float32 here: its gradients are {error:.1e} off "
            f"V5's, and the limit is {PRECISION:g}.  Is TF32 switched on?"
        )


def check_same(trainings):
    """Train CHECKED epochs in each; RuntimeError unless all follow the same losses in 1e-4.

    If the driver does not record V6's launches, that one is left out, with a warning.
    """
    losses = {}
    for name, train in list(trainings.items()):
        try:
            losses[name] = np.concatenate([train(epoch) for epoch in range(CHECKED)])
        except GraphError as error:
            warn_left_out(name, error)
            del trainings[name]
    expected = losses["cuda_v6_launched"]
    for name, found in losses.items():
        error = relative_error(found, expected)
        if not error < SAME:
            raise RuntimeError(
                f"{name} is not the same training as cuda_v6_launched: losses {error:.1e} off"
            )


def time_epochs(workload, seconds=4.0, place="cuda"):
    """A Row for each contestant: times of one epoch, taken in turns.

    After Ctrl-C the KeyboardInterrupt has the rows so far as its `rows`.
    """
    orders = make_orders(workload)
    with full_precision(place):
        check_precision(workload, place)
        trainings = contestants(workload, orders, place)
        check_same(trainings)
        calls, times = {n: _one_epoch(train) for n, train in trainings.items()}, {}
        try:
            take_turns(calls, seconds, times=times)
        except KeyboardInterrupt as why:
            why.rows = _rows(times, "interrupted")
            raise
    return _rows(times)


def _rows(times, note=""):
    """times: {name: [seconds, ...]}."""
    timings = {name: Timing(tuple(seconds)) if seconds else None for name, seconds in times.items()}
    return [Row(name, "GPU", timing, note) for name, timing in timings.items()]


def _one_epoch(train):
    epochs = islice(cycle(range(EPOCHS)), CHECKED, None)  # those before are done
    return lambda: train(next(epochs))


def summary(results):
    """How many times faster V6's step is, least and most over the batch sizes; and a verdict."""
    return in_words([{row.version: row.timing.median for row in rows} for _, rows in results])


def summary_of(found):
    """The same, of what was saved."""
    medians = {}
    for row in found["rows"]:
        if row["hidden"] == H and "median" in row:
            medians.setdefault(row["batch"], {})[row["version"]] = row["median"]
    return in_words(list(medians.values()))


def in_words(medians):
    """medians: for each batch size {version: seconds}."""
    lines = []
    for ours in ("cuda_v6", "cuda_v6_launched"):
        for library in ("pytorch_cudnn", "pytorch_graph"):
            ratios = [m[library] / m[ours] for m in medians if ours in m and library in m]
            if ratios:
                words = f"{min(ratios):.2f}x to {max(ratios):.2f}x as fast"
                lines.append(f"{NAMES[ours]} against {NAMES[library]}: {words}")
    return "\n".join([*lines, verdict(medians)])


def verdict(medians):
    """Is V6 faster at each measured size?  Each way of starting against the library's same way."""
    launched = is_faster(medians, "cuda_v6_launched", "pytorch_cudnn")
    recorded = is_faster(medians, "cuda_v6", "pytorch_graph")
    what = "V6 faster at each of these batch sizes, by medians"
    return f"{what}: launched {launched}, as graphs {recorded}"


def is_faster(medians, ours, library):
    """ "yes" or "no"; "not measured" if either is missing at one of the batch sizes."""
    if not all(ours in m and library in m for m in medians):
        return "not measured"
    return "yes" if all(m[ours] < m[library] for m in medians) else "no"
