"""Whole trainings, an epoch of four mini-batches at T=11, H=50, as in `batch_h100.json`.

Three ways, the same on both sides.  inside: memory, modules and graphs are made within the clock.
kept: they are there from a training before; windows and start values are copied in, the parameters
back.  outside: all is on the card; timed are the epoch, its losses, and parameters, copied back.
"""

from lstm_kernels import data
from lstm_kernels.lab.estimates import feasible
from lstm_kernels.lab.measure import cudnn, pytorch
from lstm_kernels.lab.measure.card import rivals
from lstm_kernels.lab.measure.card.points import (
    Point,
    only_those_that_run,
    sizes_text,
    time_text,
    timed,
)
from lstm_kernels.lab.measure.card.right import is_wrong
from lstm_kernels.lab.measure.cpu_baselines import take_turns
from lstm_kernels.lab.measure.timing import Stopped, Workload
from lstm_kernels.lab.words import aligned
from lstm_kernels.machine import device
from lstm_kernels.model import init_params
from lstm_kernels.training import fit
from lstm_kernels.versions import VERSIONS, launches_kernels

SECONDS = 130.0
T, H, BATCHES = 11, 50, 4
WAYS = INSIDE, KEPT, OUTSIDE = "inside", "kept", "outside"  # of set-up
ON_CPU = ("numpy_batched", "numba_cpu")
KINDS = {
    "PyTorch": pytorch.TorchTraining, "PyTorch recorded": pytorch.GraphTraining,
}  # fmt: skip


def points(plan, rows):
    for N in plan.trainings:
        key = {"what": "training", "T": T, "H": H, "N": N}
        yield Point(key, lambda N=N: time_trainings(N, plan.training_seconds, rows))


def time_trainings(N, seconds, rows, place="cuda"):
    """A row for each rival and each way of set-up."""
    workload = Workload(*data.panel(BATCHES * N, T), N, H)
    with rivals.full_precision(place):
        calls = {}
        for way in (inside, kept, outside):
            calls |= way(workload, rows, place)
        found, failed = only_those_that_run(calls)
        times = take_turns({name: calls[name] for name in found}, seconds, at_least=1)
    results = {name: timed(timing.seconds) for name, timing in times.items()}
    results |= {name: {"failed": why} for name, why in failed.items()}
    return [{"rival": rival, "setup": way, **of} for (rival, way), of in results.items()]


def launching(workload, rows):
    """The versions that launch kernels, are right, and take no more than some seconds."""
    names = [name for name in VERSIONS if launches_kernels(name) and not is_wrong(rows, name, H)]
    return [name for name in names if not feasible.refusal(name, workload)]


def inside(workload, rows, place="cuda"):
    """{(name, INSIDE): a whole training, that begins with nothing on the card}."""
    found = {
        (name, INSIDE): lambda name=name: anew(name, workload) for name in launching(workload, rows)
    }
    if rivals.torch_is_here(place):
        for name, kind in KINDS.items():
            found[name, INSIDE] = lambda kind=kind: pytorch.make_training(workload, kind, place)()
    return found


def anew(version, workload):
    """One training that finds no memory kept from the one before."""
    device.release_memory()
    train(version, workload)


def kept(workload, rows, place="cuda"):
    """{(name, KEPT): a whole training, that finds what the one before has made}."""
    names = [*ON_CPU, *launching(workload, rows)]
    found = {(name, KEPT): lambda name=name: train(name, workload) for name in names}
    if rivals.torch_is_here("cpu"):
        found["PyTorch, CPU", KEPT] = pytorch.make_training(workload)
    if rivals.torch_is_here(place):
        for name, kind in KINDS.items():
            found[name, KEPT] = pytorch.make_training(workload, kind, place)
    return found


def train(version, workload):
    """One training by `fit`, from the course's start values."""
    x, y, batch_size, H, epochs = workload
    params = init_params(x.shape[2], H, y.shape[2], dtype=x.dtype)
    settings = {"epochs": epochs, "batch_size": batch_size, "lr": pytorch.LR, "seed": 0}
    history = fit(version, params, x, y, **settings)[1]
    if history.stopped.startswith("interrupted"):
        raise KeyboardInterrupt
    if history.stopped:
        raise Stopped(history.stopped)


def outside(workload, rows, place="cuda"):
    """{(name, OUTSIDE): an epoch, its losses, and the parameters}; all else is made here."""
    found, orders = {}, rivals.make_orders(workload)
    for name, recorded in rivals.OURS.items():
        if not is_wrong(rows, "cuda_v6", H):
            found[name, OUTSIDE] = our_epochs(cudnn.v6_training(workload, orders, recorded))
    if rivals.torch_is_here(place):
        for name, kind in KINDS.items():
            found[name, OUTSIDE] = torch_epochs(kind(workload, place), orders, place)
    return found


def our_epochs(training):
    epoch = rivals.cycle_of_epochs()

    def call():
        number = next(epoch)
        training.epoch(number)
        training.losses(number)
        return training.params(training.started)

    return call


def torch_epochs(training, orders, place):
    train = rivals.one_after_another(cudnn.torch_epochs(training, orders, place))

    def call():
        train()
        return training.params()

    return call


def table(rows):
    sizes = list(dict.fromkeys(map(sizes_text, rows)))
    lines, found = [["a training", "set-up", *sizes]], {}
    for row in rows:
        if "rival" in row:
            found.setdefault((row["rival"], row["setup"]), {})[sizes_text(row)] = row
    for name, of in found.items():
        lines.append([*name, *(time_text(of[size]) if size in of else "-" for size in sizes)])
    return aligned(lines)
