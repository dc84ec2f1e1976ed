"""PyTorch on the course's own workloads: the line to beat, where it is installed.  Lesson 09.

The same model (nn.LSTM and nn.Linear with the course's start values), the same mini-batches, the
same mean squared error and Adam, float32 without TF32.  On a card nn.LSTM is NVIDIA's cuDNN; it
stands there twice: as it comes, and recorded as a CUDA graph, which takes the launches' cost away.
In a timed training windows and start values are copied to the card and the trained parameters back,
as with V6; modules, memory and graph are made before.
"""

from contextlib import ExitStack, contextmanager
from copy import deepcopy

import numpy as np

from lstm_kernels.lab.measure.cpu_baselines import (
    first_line,
    has_torch,
    torch_modules,
    why_no_torch_card,
)
from lstm_kernels.lab.measure.race import Row
from lstm_kernels.lab.measure.timing import Stopped, time_call
from lstm_kernels.machine.cuda_graph import GraphError
from lstm_kernels.model import from_torch, init_params
from lstm_kernels.optimizers import shuffled_batches

LR = 1e-3  # as timing.measure
WARM_UPS = 3  # epochs before a CUDA graph is recorded: cuDNN chooses its way in the first


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
        with torch.cuda.graph(graph):
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


# ---- its rows in a table ------------------------------------------------------------------

ON_CARD = {"pytorch_cudnn": TorchTraining, "pytorch_graph": GraphTraining}
IN_RACE = {"pytorch": "PyTorch, CPU", "pytorch_cudnn": "PyTorch, cuDNN"}  # as they come


def race_rows(workload, budget, on_row):
    """PyTorch's rows for the race; none without PyTorch.  on_row: told of each."""
    found = rows(workload, budget=budget, on_card=("pytorch_cudnn",)) if has_torch() else []
    found = [row._replace(version=IN_RACE[row.version]) for row in found]
    for row in found:
        on_row(row)
    return found


def rows(workload, *, on_card=tuple(ON_CARD), budget=2.0, stop=lambda: False, on_repeat=None):
    """A Row for PyTorch on the CPU and those of `on_card` with cuDNN, as far as they are here."""
    if not has_torch():
        return [Row("pytorch", "CPU", None, "not installed")]
    import torch

    limits = {"budget": budget, "on_repeat": on_repeat, "stop": stop}
    found = [_faster_row(workload, limits)]
    if not torch.cuda.is_available():
        return found
    if why := why_no_torch_card():
        return [*found, *(Row(name, "GPU", None, why) for name in on_card)]
    return found + [_row(n, ON_CARD[n], "cuda", workload, limits) for n in on_card]


def _faster_row(workload, limits):
    """On the CPU: with all its threads or with one, whichever is faster; the note says which."""
    import torch

    threads, found = torch.get_num_threads(), []
    try:
        for count in sorted({1, threads}):
            torch.set_num_threads(count)
            row = _row("pytorch", TorchTraining, "cpu", workload, limits)
            note = row.note or f"{count} thread{'s' * (count > 1)}, the better choice"
            found.append(row._replace(note=note))
    finally:
        torch.set_num_threads(threads)
    return min(found, key=lambda row: row.timing.median if row.timing else float("inf"))


def _row(name, kind, place, workload, limits):
    so_far, tell = [], limits["on_repeat"]
    where = {"cpu": "CPU", "cuda": "GPU"}[place]

    def note_repeat(timing):
        so_far.append(timing)
        if tell:
            tell(Row(name, where, timing))

    try:
        with full_precision(place):
            train = make_training(workload, kind, place, limits["stop"])
            timing = time_call(train, budget=limits["budget"], on_repeat=note_repeat)
        return Row(name, where, timing)
    except Stopped:
        note = f"cancelled after {len(so_far)} repeats"
        return Row(name, where, so_far[-1] if so_far else None, note)
    except GraphError as error:
        return Row(name, where, None, f"left out: {error}")
    except Exception as error:  # shown in its own row; the others go on
        return Row(name, where, None, f"{type(error).__name__}: {error}", failed=True)
