"""The honest lines on a CPU: NumPy's batch, all cores, and PyTorch where it is installed.
Lesson 12.

One training step (loss and all gradients, float32) at six shapes, on the same number of threads for
all: `python -m lstm_kernels baselines`.  The versions take turns, so that a busy moment of the
machine hits all of them; a turn is many calls.  With more than one thread it begins with a pause: a
library's threads go on waiting, busily, for some time after its last call, and would take the cores
from the next version.
"""

import json
import os
import sys
import time
from typing import NamedTuple

import numpy as np

from lstm_kernels import init_params
from lstm_kernels.lab.apart import run_apart
from lstm_kernels.lab.measure.pytorch import count_threads, has_torch, torch_step
from lstm_kernels.lab.measure.timing import Timing
from lstm_kernels.machine.threads import THREAD_SETTINGS
from lstm_kernels.versions import numba_cpu, numpy_batched

SHAPES = ((1, 12, 16), (32, 12, 32), (64, 12, 64), (64, 24, 128), (256, 24, 128), (1024, 24, 64))
PAUSE = 0.25  # seconds; OpenMP's threads spin for up to 0.2 s, unless they are told otherwise


class ShapeTimings(NamedTuple):
    """One shape's timings, by version; "torch" is among them where it is installed."""

    N: int
    T: int
    H: int
    timings: dict


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


def take_turns(calls, seconds=3.0, turns=3, at_least=3, pause=0.0, times=None):
    """{name: Timing} of calls, measured for about so many seconds; each has so many turns.

    A turn begins with a pause (in seconds) and with one call that is not counted.
    times: a dict that gets {name: [seconds, ...]} as they come, for those who may be interrupted.
    """
    times = {} if times is None else times
    times |= {name: [] for name in calls}
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


def time_shapes(shapes=SHAPES, seconds=3.0, on_shape=None):
    """ShapeTimings of each (N, T, H).  Set the number of threads before (see THREAD_SETTINGS)."""
    found, pause = [], 0.0 if is_one_thread() else PAUSE
    for shape in shapes:
        calls = steps(*problem(*shape))
        found.append(ShapeTimings(*shape, take_turns(calls, seconds, pause=pause)))
        if on_shape:
            on_shape(found[-1])
    return found


def time_shapes_apart(threads, shapes=SHAPES, seconds=3.0):
    """The same, in a new process in which every library has this number of threads."""
    arguments = json.dumps(shapes), seconds
    found = run_apart("lab.measure.cpu_baselines", *arguments, settings=thread_settings(threads))
    return [
        ShapeTimings(*shape, {version: Timing(tuple(times)) for version, times in timings.items()})
        for *shape, timings in found
    ]


def is_one_thread():
    """True if every library was told to use one thread: then none waits beside the next."""
    return all(os.environ.get(name) == "1" for name in THREAD_SETTINGS)


def thread_settings(threads):
    """Environment variables that give every library this number of threads.

    ValueError unless this machine has so many cores.
    """
    cores = os.cpu_count() or 1
    if not 1 <= threads <= cores:
        raise ValueError(f"the number of threads is {threads}; the limit is 1 to {cores}")
    return dict.fromkeys(THREAD_SETTINGS, str(threads))


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


def threads_text():
    """How many threads each library uses, as far as it tells."""
    import numba

    text = f"threads: {numba.get_num_threads()} Numba"
    if has_torch():
        text += f", {count_threads()} PyTorch"
    return text + f", {os.environ.get('OPENBLAS_NUM_THREADS', 'as it comes')} NumPy's BLAS"


if __name__ == "__main__":
    timed = time_shapes(json.loads(sys.argv[1]), float(sys.argv[2]))
    print(json.dumps([(*t[:3], {v: one.seconds for v, one in t.timings.items()}) for t in timed]))
