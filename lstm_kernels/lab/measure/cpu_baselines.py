"""The honest lines on a CPU: NumPy's batch, all cores, and PyTorch where it is installed.
Lesson 12.

    python -m lstm_kernels.lab.measure.cpu_baselines [--threads 1] [--seconds 3]

times one training step (loss and all gradients, float32) at six shapes, on the same number of
threads for all.  The versions take turns, so that a busy moment of the machine hits all of them;
a turn is many calls.  With more than one thread it begins with a pause: a library's threads go on
waiting, busily, for some time after its last call, and would take the cores from the next version.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np

from lstm_kernels import init_params
from lstm_kernels.lab.measure.timing import Timing
from lstm_kernels.machine import device
from lstm_kernels.model import Params, check_batch, to_torch
from lstm_kernels.versions import numba_cpu, numpy_batched

SHAPES = ((1, 12, 16), (32, 12, 32), (64, 12, 64), (64, 24, 128), (256, 24, 128), (1024, 24, 64))
THREAD_SETTINGS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
)  # fmt: skip
PAUSE = 0.25  # seconds; OpenMP's threads spin for up to 0.2 s, unless they are told otherwise


class Row(NamedTuple):
    """One shape's timings, by version; "torch" is among them where it is installed."""

    N: int
    T: int
    H: int
    timings: dict


# ---- PyTorch ------------------------------------------------------------------------------


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


# ---- side by side -------------------------------------------------------------------------


def problem(N, T, H):
    """Parameters and a batch of random numbers, float32, D = O = 1."""
    x, y = np.random.default_rng(0).normal(size=(2, T, N, 1)).astype(np.float32)
    return init_params(1, H, 1), x, y


def steps(params, x, y):
    """{version: a function without arguments that does one training step}."""
    found = {
        "numpy_batched": lambda: numpy_batched.gradients(params, x, y),
        "numba_cpu": lambda: numba_cpu.gradients(params, x, y),
    }
    return found | ({"torch": torch_step(params, x, y)} if has_torch() else {})


def take_turns(calls, seconds=3.0, turns=3, at_least=3, pause=0.0):
    """{name: Timing} of calls, measured for about so many seconds; each has so many turns.

    A turn begins with a pause (in seconds) and with one call that is not counted.
    """
    times = {name: [] for name in calls}
    for turn in range(1, turns + 1):
        for name, call in calls.items():
            time.sleep(pause)
            call()
            end = time.perf_counter() + seconds / turns / len(calls)
            while time.perf_counter() < end or len(times[name]) < at_least * turn:
                start = time.perf_counter()
                call()
                times[name].append(time.perf_counter() - start)
    return {name: Timing(tuple(seconds)) for name, seconds in times.items()}


def compare(shapes=SHAPES, seconds=3.0, on_row=None):
    """A Row for each (N, T, H).  Set the number of threads before (see THREAD_SETTINGS)."""
    rows, pause = [], 0.0 if is_one_thread() else PAUSE
    for shape in shapes:
        calls = steps(*problem(*shape))
        rows.append(Row(*shape, take_turns(calls, seconds, pause=pause)))
        if on_row:
            on_row(rows[-1])
    return rows


def compare_apart(threads, shapes=SHAPES, seconds=3.0):
    """As `compare`, in a new process in which every library has this number of threads."""
    check_threads(threads)
    settings = dict.fromkeys(THREAD_SETTINGS, str(threads))
    command = [
        sys.executable,
        "-m",
        "lstm_kernels.lab.measure.cpu_baselines",
        "--json",
        json.dumps(shapes),
    ]
    done = subprocess.run(
        [*command, f"--seconds={seconds}"],
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"the process that measures ended with {done.returncode}")
    return [
        Row(*shape, {version: Timing(tuple(times)) for version, times in timings.items()})
        for *shape, timings in json.loads(done.stdout.splitlines()[-1])
    ]


def is_one_thread():
    """True if every library was told to use one thread: then none waits beside the next."""
    return all(os.environ.get(name) == "1" for name in THREAD_SETTINGS)


def check_threads(threads):
    """ValueError unless this machine has so many cores."""
    cores = os.cpu_count() or 1
    if not 1 <= threads <= cores:
        raise ValueError(f"the number of threads is {threads}; the limit is 1 to {cores}")


def ratio(row, version, fastest=False):
    """How many times faster than PyTorch, by median or fastest repeat; None without PyTorch."""
    if "torch" not in row.timings:
        return None
    ours, torch = (row.timings[name] for name in (version, "torch"))
    if fastest:
        return min(torch.seconds) / min(ours.seconds)
    return torch.median / ours.median


def row_text(row):
    """One line: each median with its quartiles, and ratios to PyTorch (medians; fastest)."""
    parts = [f"N={row.N:<5}T={row.T:<4}H={row.H:<5}"]
    for version, timing in row.timings.items():
        text = f"{version} {timing}"
        if version != "torch" and "torch" in row.timings:
            text += f" = {ratio(row, version):.2f}x; {ratio(row, version, fastest=True):.2f}x"
        parts.append(f"{text:<58}")
    return "".join(parts).rstrip()


def summary(rows):
    """What the rows say about PyTorch, in two lines; an empty text without PyTorch."""
    if not rows or "torch" not in rows[0].timings:
        return "PyTorch is not installed: no line of its own, and no ratios."
    lines = []
    for name, fastest in (("medians", False), ("fastest repeats", True)):
        numpy = [ratio(row, "numpy_batched", fastest) for row in rows]
        best = [
            max(n, ratio(row, "numba_cpu", fastest)) for n, row in zip(numpy, rows, strict=True)
        ]
        mean = np.exp(np.mean(np.log(numpy)))
        lines.append(
            f"{name}: the better of two against PyTorch {min(best):.2f}x to {max(best):.2f}x; "
            f"numpy_batched alone {mean:.2f}x in the geometric mean"
        )
    return "\n".join(lines)


def main(arguments=None):
    """Print the table; with --threads in a new process, which alone can set them for all."""
    parser = argparse.ArgumentParser(prog="python -m lstm_kernels.lab.measure.cpu_baselines")
    parser.add_argument("--threads", type=int, help="of every version; default: as it comes")
    parser.add_argument("--seconds", type=float, default=3.0, help="for each shape")
    parser.add_argument("--json", type=json.loads, metavar="SHAPES", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.json:
        rows = compare(options.json, options.seconds)
        print(
            json.dumps([(*row[:3], {v: t.seconds for v, t in row.timings.items()}) for row in rows])
        )
        return 0
    if options.threads is not None:
        try:
            check_threads(options.threads)
        except ValueError as error:
            parser.error(str(error))
        settings = dict.fromkeys(THREAD_SETTINGS, str(options.threads))
        command = [
            sys.executable,
            "-m",
            "lstm_kernels.lab.measure.cpu_baselines",
            f"--seconds={options.seconds}",
        ]
        return subprocess.run(command, env=os.environ | settings, check=False).returncode
    print(f"CPU: {device.describe_cpu()}; {threads_text()}; float32, D = O = 1")
    print("median (half of the repeats) = ratio to PyTorch by medians; by fastest repeats")
    print(summary(compare(seconds=options.seconds, on_row=lambda row: print(row_text(row)))))
    return 0


def threads_text():
    """How many threads each library uses, as far as it tells."""
    import numba

    text = f"threads: {numba.get_num_threads()} Numba"
    if has_torch():
        import torch

        text += f", {torch.get_num_threads()} PyTorch"
    return text + f", {os.environ.get('OPENBLAS_NUM_THREADS', 'as it comes')} NumPy's BLAS"


if __name__ == "__main__":
    sys.exit(main())
