"""Ours and PyTorch's training on the card, launched and recorded, an epoch a call.

All train the same model by the same mini-batches with Adam, and read the losses once an epoch.
"""

import gc
from contextlib import ExitStack, nullcontext
from functools import lru_cache
from itertools import cycle

from lstm_kernels import data
from lstm_kernels.lab.measure import cudnn, pytorch
from lstm_kernels.lab.measure.cudnn import torch_epochs, v6_epochs, v6_training
from lstm_kernels.lab.measure.timing import Workload
from lstm_kernels.machine.cuda_graph import GraphError
from lstm_kernels.versions import check_hidden_size

BATCHES = 16  # mini-batches of an epoch
EPOCHS = 8  # orders made beforehand; after the last one comes the first again
OURS = {"V6": False, "V6 recorded": True}  # name: recorded?
TORCH = {"PyTorch": pytorch.TorchTraining, "PyTorch recorded": pytorch.GraphTraining}
AS_IT_COMES = "PyTorch recorded, TF32"  # what PyTorch does unless it is told not to


def make_workload(T, H, N):
    """An epoch of BATCHES mini-batches of made-up windows."""
    return Workload(*data.panel(BATCHES * N, T), N, H)


def make_orders(workload, epochs=EPOCHS):
    """The windows' order in each epoch."""
    return cudnn.make_orders(workload, epochs)


def cycle_of_epochs():
    """Their numbers, again and again."""
    return cycle(range(EPOCHS))


def one_after_another(train):
    """A function without arguments: each call trains the next epoch."""
    epochs = cycle_of_epochs()
    return lambda: train(next(epochs))


@lru_cache
def torch_is_here(place="cuda"):
    """Can PyTorch train there?"""
    return pytorch.has_torch() and (place == "cpu" or not pytorch.why_no_torch_card())


def full_precision(place="cuda"):
    """PyTorch's full float32 where it is; else nothing."""
    return pytorch.full_precision(place) if torch_is_here(place) else nullcontext()


class Rivals:
    """`trains`: {name: a function that trains its next epoch, and gives the epoch's losses}.

    `notes`: {name: why it is absent}.  Inside a `with`; PyTorch computes in full float32, but for
    AS_IT_COMES, which is recorded before.
    """

    def __init__(self, workload, wrong=False, place="cuda"):
        self.workload, self.place, self.wrong = workload, place, wrong
        self.orders, self.trains, self.notes = make_orders(workload), {}, {}
        self.settings = ExitStack()

    def __enter__(self):
        has_torch = torch_is_here(self.place)
        if has_torch:
            self.take(AS_IT_COMES, lambda: self.torch(pytorch.GraphTraining))
        self.settings.enter_context(full_precision(self.place))
        for name, recorded in OURS.items():
            self.take(name, lambda recorded=recorded: self.ours(recorded))
        for name, kind in TORCH.items():
            if has_torch:
                self.take(name, lambda kind=kind: self.torch(kind))
        return self

    def __exit__(self, *error):
        self.settings.close()
        self.trains.clear()
        gc.collect()
        if self.place == "cuda" and torch_is_here():
            import torch

            torch.cuda.empty_cache()

    def take(self, name, make):
        """Make it; what cannot be recorded, or does not take so many units, is noted."""
        try:
            self.trains[name] = one_after_another(make())
        except (GraphError, ValueError, MemoryError) as error:
            self.notes[name] = pytorch.first_line(error)

    def ours(self, recorded):
        check_hidden_size("cuda_v6", self.workload.H)
        if self.wrong:
            raise ValueError("it is wrong here, so it gets no time")
        return v6_epochs(v6_training(self.workload, self.orders, recorded))

    def torch(self, kind):
        return torch_epochs(kind(self.workload, self.place), self.orders, self.place)
