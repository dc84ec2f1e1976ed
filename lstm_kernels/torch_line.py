"""PyTorch on the course's own workloads: the line to beat, where it is installed.  Lesson 07.

The same model (nn.LSTM and nn.Linear with the course's start values), the same mini-batches, the
same mean squared error and Adam.  On a card nn.LSTM is NVIDIA's cuDNN.
"""

from copy import deepcopy

import numpy as np

from lstm_kernels.baselines import has_torch, torch_modules
from lstm_kernels.model import init_params
from lstm_kernels.race import Row
from lstm_kernels.schedule import shuffled_batches
from lstm_kernels.timing import Stopped, time_call


def describe():
    """One line for a person: which PyTorch there is, or that there is none."""
    if not has_torch():
        return "PyTorch is not installed (pip install torch): its line is absent."
    import torch

    if torch.cuda.is_available():
        return f"PyTorch {torch.__version__}: on the CPU, and with cuDNN on the GPU."
    return f"PyTorch {torch.__version__}: on the CPU, {torch.get_num_threads()} threads."


def rows(workload, *, budget=2.0, stop=lambda: False, on_repeat=None):
    """A Row for PyTorch on the CPU and one with cuDNN, as far as they are here."""
    if not has_torch():
        return [Row("pytorch", "CPU", None, "not installed")]
    import torch

    limits = {"budget": budget, "on_repeat": on_repeat, "stop": stop}
    found = [_faster_row(workload, limits)]
    if torch.cuda.is_available():
        found.append(_row("pytorch_cudnn", "GPU", "cuda", workload, limits))
    return found


def _faster_row(workload, limits):
    """On the CPU: with all its threads or with one, whichever is faster; the note says which."""
    import torch

    threads, found = torch.get_num_threads(), []
    try:
        for count in sorted({1, threads}):
            torch.set_num_threads(count)
            row = _row("pytorch", "CPU", "cpu", workload, limits)
            note = row.note or f"{count} thread{'s' * (count > 1)}, the better choice"
            found.append(row._replace(note=note))
    finally:
        torch.set_num_threads(threads)
    return min(found, key=lambda row: row.timing.median if row.timing else float("inf"))


def _row(name, where, place, workload, limits):
    so_far, tell = [], limits["on_repeat"]

    def note_repeat(timing):
        so_far.append(timing)
        if tell:
            tell(Row(name, where, timing))

    try:
        train = make_training(workload, place, limits["stop"])
        timing = time_call(train, budget=limits["budget"], on_repeat=note_repeat)
        return Row(name, where, timing)
    except Stopped:
        note = f"cancelled after {len(so_far)} repeats"
        return Row(name, where, so_far[-1] if so_far else None, note)
    except Exception as error:  # shown in its own row; the others go on
        return Row(name, where, None, f"{type(error).__name__}: {error}", failed=True)


def make_training(workload, place="cpu", stop=lambda: False):
    """A function without arguments that trains as `training.fit` does, from the same start.

    The windows are on `place` ("cpu" or "cuda") from the beginning.
    """
    import torch

    x, y, batch_size, H, epochs = workload
    params = init_params(x.shape[2], H, y.shape[2], seed=0, dtype=x.dtype)
    lstm, linear = modules = torch_modules(params, place)
    lstm.bias_hh_l0.requires_grad_(False)  # PyTorch has two biases; the course's model has one
    states = [deepcopy(module.state_dict()) for module in modules]
    x, y = torch.from_numpy(x).to(place), torch.from_numpy(y).to(place)

    def train():
        for module, state in zip(modules, states, strict=True):
            module.load_state_dict(state)
        trained = [p for p in (*lstm.parameters(), *linear.parameters()) if p.requires_grad]
        adam = torch.optim.Adam(trained, lr=1e-3)
        rng, losses = np.random.default_rng(0), []
        for _ in range(epochs):
            for batch in shuffled_batches(x.shape[1], batch_size, rng):
                index = torch.from_numpy(batch).to(place)
                adam.zero_grad()
                loss = ((linear(lstm(x[:, index])[0]) - y[:, index]) ** 2).mean()
                loss.backward()
                adam.step()
                losses.append(loss.item())  # as in training.fit: the loss is looked at
                if stop():
                    raise Stopped("stopped")
        return losses

    return train
