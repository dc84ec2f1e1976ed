"""PyTorch on the course's own workloads: the line to beat, where it is installed.  Lesson 09.

The same model (nn.LSTM and nn.Linear with the course's start values), the same mini-batches, the
same mean squared error and Adam, float32 without TF32.  On a card nn.LSTM is NVIDIA's cuDNN; it
stands there twice: as it comes, and recorded as a CUDA graph, which takes the launches' cost away.
In a timed training windows and start values are copied to the card and the trained parameters back,
as with V6; modules, memory and graph are made before.
"""

from contextlib import ExitStack, contextmanager
from copy import deepcopy
from importlib.util import find_spec

import numpy as np

from lstm_kernels.lab.measure.timing import Stopped
from lstm_kernels.machine.cuda_graph import GraphError, nothing_freed
from lstm_kernels.model import Params, check_batch, from_torch, init_params, to_torch
from lstm_kernels.optimizers import shuffled_batches

LR = 1e-3  # as timing.measure
WARM_UPS = 3  # epochs before a CUDA graph is recorded: cuDNN chooses its way in the first


# ---- is it here? --------------------------------------------------------------------------


def has_torch():
    """True if PyTorch is installed; the course never needs it."""
    return find_spec("torch") is not None


def why_no_torch_card():
    """Why PyTorch cannot train on a card here, as a sentence; empty if it can.

    A PyTorch may see a card that it has no kernels for: only a first step on it tells.
    """
    if not has_torch():
        return "PyTorch is not installed (pip install torch)."
    import torch

    if not torch.cuda.is_available():
        return f"PyTorch {torch.__version__} sees no card."
    try:
        lstm = torch.nn.LSTM(1, 1, device="cuda")
        lstm(torch.ones(1, 1, 1, device="cuda"))[0].sum().backward()
        torch.cuda.synchronize()
    except RuntimeError as error:
        why = f"this PyTorch ({torch.__version__}) has no kernels for this card, or cannot use it"
        return f"{why}: {first_line(error)}"
    return ""


def first_line(error):
    """What an error says, without the advice that PyTorch writes below it."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def describe():
    """One line for a person: which PyTorch there is, or that there is none."""
    if not has_torch():
        return "PyTorch is not installed (pip install torch): its line is absent."
    import torch

    on_cpu = f"PyTorch {torch.__version__}: on the CPU, {torch.get_num_threads()} threads"
    if not torch.cuda.is_available():
        return f"{on_cpu}."
    why = why_no_torch_card()
    return f"{on_cpu}; not on the GPU: {why}" if why else f"{on_cpu}, and with cuDNN on the GPU."


def sees_card():
    """Does PyTorch see a card here?"""
    import torch

    return torch.cuda.is_available()


def count_threads():
    """How many threads PyTorch uses on the CPU."""
    import torch

    return torch.get_num_threads()


@contextmanager
def with_threads(count):
    """Inside, PyTorch uses so many threads on the CPU."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


# ---- one step -----------------------------------------------------------------------------


def torch_modules(params, where="cpu"):
    """nn.LSTM and Linear that hold these parameters, on "cpu" or "cuda"."""
    import torch

    (O, H), D = params.V.shape, params.U.shape[1]  # noqa: E741
    dtype = torch.float64 if params.U.dtype == np.float64 else torch.float32
    modules = torch.nn.LSTM(D, H), torch.nn.Linear(H, O)
    for module, arrays in zip(modules, to_torch(params), strict=True):
        module.to(device=where, dtype=dtype)
        module.load_state_dict({name: torch.from_numpy(a) for name, a in arrays.items()})
    return modules


def torch_step(params, x, y, where="cpu"):
    """A function without arguments: one training step of PyTorch; returns loss and gradients.

    Modules and tensors are made here, once, so the function is PyTorch's work alone.  What it
    returns are tensors; with two biases as in nn.LSTM, whose gradients are the same.
    """
    import torch

    check_batch(params, x, y)
    lstm, linear = modules = torch_modules(params, where)
    x, y = (torch.from_numpy(np.ascontiguousarray(a)).to(where) for a in (x, y))
    trained = (lstm.weight_ih_l0, lstm.weight_hh_l0, lstm.bias_ih_l0, linear.weight, linear.bias)

    def step():
        for module in modules:
            module.zero_grad()
        loss = torch.nn.functional.mse_loss(linear(lstm(x)[0]), y)
        loss.backward()
        return loss.detach(), Params(*(p.grad for p in trained))

    return step


def torch_gradients(params, x, y, where="cpu"):
    """Loss and gradients by PyTorch, with the signature of the course's versions."""
    loss, grads = torch_step(params, x, y, where)()
    return loss.item(), Params(*(g.cpu().numpy() for g in grads))


# ---- the training -------------------------------------------------------------------------


class TorchTraining:
    """nn.LSTM, nn.Linear and Adam on "cpu" or "cuda"; the windows are there from the start.

    Nothing is waited for inside an epoch: the losses stay where they are made.  The windows are
    put into the epoch's order once, so that a step is PyTorch's work alone.
    """

    def __init__(self, workload, place="cpu"):
        import torch

        x, y, self.batch_size, H, _ = workload
        self.modules = torch_modules(init_params(x.shape[2], H, y.shape[2], dtype=x.dtype), place)
        self.modules[0].bias_hh_l0.requires_grad_(False)  # the course's model has one bias
        self.start = [deepcopy(module).cpu().state_dict() for module in self.modules]
        self.host = torch.from_numpy(x), torch.from_numpy(y)
        self.x, self.y = (windows.to(place) for windows in self.host)
        parameters = [p for module in self.modules for p in module.parameters() if p.requires_grad]
        on_card = {"fused": True, "capturable": True} if place == "cuda" else {}
        self.adam = torch.optim.Adam(parameters, lr=LR, **on_card)
        self.order = torch.empty(x.shape[1], dtype=torch.int64, device=place)
        self.full = x.shape[1] // self.batch_size * self.batch_size  # windows in full batches
        counts = self.batch_size, x.shape[1] - self.full
        self.zeros = {N: self.x.new_zeros(1, N, H) for N in counts}  # initial h and c

    def reset(self):
        """Copy windows and start values again, in place: a recorded graph keeps pointing there."""
        self.x.copy_(self.host[0])
        self.y.copy_(self.host[1])
        for module, state in zip(self.modules, self.start, strict=True):
            module.load_state_dict(state)
        for state in self.adam.state.values():
            for value in state.values():
                value.zero_()

    def params(self):
        """The trained parameters, copied back."""
        states = (module.state_dict() for module in self.modules)
        return from_torch(*({name: p.cpu() for name, p in state.items()} for state in states))

    def batches(self, windows):
        """`windows` (T, N, D) in the order of `self.order`, cut; each batch lies in one piece."""
        full, rest = (windows[:, part] for part in self.order.tensor_split([self.full]))
        cut = full.unflatten(1, (self.full // self.batch_size, self.batch_size))
        return [*cut.transpose(0, 1).contiguous(), *([rest] if rest.shape[1] else [])]

    def step(self, x, y):
        """One update by a batch x (T, N, D), y (T, N, O); its loss before it."""
        import torch

        lstm, linear = self.modules
        self.adam.zero_grad()
        zeros = self.zeros[x.shape[1]]
        predictions = linear(lstm(x, (zeros, zeros))[0])
        loss = torch.nn.functional.mse_loss(predictions, y)
        loss.backward()
        self.adam.step()
        return loss.detach()

    def all_steps(self, after_batch=lambda: None):
        """One epoch in the order of `self.order`: the losses of its batches, as one tensor."""
        import torch

        losses = []
        for x, y in zip(self.batches(self.x), self.batches(self.y), strict=True):
            losses.append(self.step(x, y))
            after_batch()
        return torch.stack(losses)

    def epoch(self, order, after_batch=lambda: None):
        """Train on all windows in this order (array or tensor of indices); the batches' losses."""
        self.set_order(order)
        return self.all_steps(after_batch).tolist()

    def set_order(self, order):
        import torch

        self.order.copy_(torch.as_tensor(order))


class GraphTraining(TorchTraining):
    """The same, the steps of an epoch recorded as one CUDA graph: a single launch replays them."""

    def __init__(self, workload, place="cuda"):
        super().__init__(workload, place)
        self.set_order(np.arange(len(self.order)))
        self.graph, self.losses = record(self.all_steps)
        self.reset()

    def epoch(self, order, after_batch=lambda: None):
        self.set_order(order)
        self.graph.replay()
        after_batch()
        return self.losses.tolist()


def record(work):
    """(CUDA graph of `work`, what `work` returned): each replay fills the same tensors again."""
    import torch

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):  # PyTorch's rule: warm up on a stream that is not the default
        for _ in range(WARM_UPS):
            work()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    try:
        with nothing_freed(), torch.cuda.graph(graph):
            result = work()
    except RuntimeError as error:
        raise GraphError(f"PyTorch does not record it: {first_line(error)}") from error
    return graph, result


@contextmanager
def full_precision(place):
    """On a card: float32 as the course's kernels have it; by default cuDNN may round to TF32.

    RuntimeError if PyTorch's settings of it contradict each other, so that none can be relied on.
    """
    with ExitStack() as settings:
        if place == "cuda":
            try:
                turn_tf32_off(settings)
            except RuntimeError as error:
                raise RuntimeError(
                    "PyTorch's old and new settings of TF32 are mixed: set neither, or start "
                    f"Python anew. PyTorch says: {first_line(error)}"
                ) from error
        yield


def turn_tf32_off(settings):
    """What is set here is set back when `settings` (an ExitStack) ends."""
    import torch

    backends, matmul = torch.backends, torch.backends.cuda.matmul
    if hasattr(backends, "fp32_precision"):  # PyTorch 2.9: "tf32" there outlasts allow_tf32=False
        for part in (matmul, backends.cudnn.rnn, backends.cudnn.conv):
            settings.callback(setattr, part, "fp32_precision", part.fp32_precision)
        settings.enter_context(backends.flags(fp32_precision="none"))
    settings.enter_context(backends.cudnn.flags(enabled=True, allow_tf32=False))
    settings.callback(setattr, matmul, "allow_tf32", matmul.allow_tf32)
    matmul.allow_tf32 = False


def make_training(workload, kind=TorchTraining, place="cpu", stop=lambda: False):
    """A function without arguments that trains as `training.fit` does, from the same start.

    It returns the trained parameters and the losses of all batches.  stop() is asked after each
    batch (of a graph: after each epoch); when it is true, Stopped is raised.
    """
    training, N = kind(workload, place), workload.x.shape[1]

    def ask():
        if stop():
            raise Stopped("stopped")

    def train():
        training.reset()
        rng, losses = np.random.default_rng(0), []
        for _ in range(workload.epochs):
            order = np.concatenate(shuffled_batches(N, workload.batch_size, rng))
            losses += training.epoch(order, ask)
        return training.params(), losses

    return train
