"""How fast is the course's emulator, against Numba's own simulator?  Lesson 09, `bench`.

    python -m lstm_kernels.lab.measure.emulator_speed VERSION T N H [REPEATS]   (prints JSON)

Both are measured here and now, by the same function, each in a process of its own: the choice
between them is made once, before Numba is imported.  Simulator and emulator are CPU programs;
nothing on this page is a GPU's time.
"""

import json
import sys

import numpy as np

from lstm_kernels.lab.apart import run_apart
from lstm_kernels.lab.words import seconds_text

V2_SMALL, V2_LARGE, V4 = ("cuda_v2", 12, 32, 16), ("cuda_v2", 12, 1024, 64), ("cuda_v4", 12, 32, 64)
V4_TINY = ("cuda_v4", 3, 2, 8)
LEAST_RATIO, MOST_SECONDS, MOST_SECONDS_V4 = 1000, 2.0, 5.0


def seconds_of(version, T, N, H, repeats):
    """Wall times of loss and gradients of one mini-batch; one call before them is not counted."""
    from lstm_kernels import data, init_params
    from lstm_kernels.lab.measure.timing import time_call
    from lstm_kernels.machine import device

    module = __import__(f"lstm_kernels.versions.{version}", fromlist=["gradients"])
    (x, y), params = data.panel(N, T), init_params(1, H, 1)
    warm_up = (lambda: None) if device.TARGET == "simulator" else None  # it compiles nothing
    call = lambda: module.gradients(params, x, y)  # noqa: E731
    limits = {"at_least": repeats, "at_most": repeats}
    return list(time_call(call, warm_up=warm_up, **limits).seconds)


def measure(target, setting, repeats):
    """Median seconds of one mini-batch with this target, in a process of its own."""
    settings = {"LSTM_KERNELS_TARGET": target}
    seconds = run_apart("lab.measure.emulator_speed", *setting, repeats, settings=settings)
    return float(np.median(seconds))


def run():
    """The three settings of the emulator, and the simulator beside them; a dict of numbers."""
    tiny = measure("simulator", V4_TINY, 1)
    found = {
        "v2_small_emulator": measure("emulator", V2_SMALL, 15),
        "v2_small_simulator": measure("simulator", V2_SMALL, 1),
        "v2_large_emulator": measure("emulator", V2_LARGE, 3),
        "v4_emulator": measure("emulator", V4, 5),
        "v4_tiny_simulator": tiny,
        "v4_simulator_extrapolated": tiny * thread_steps(V4) / thread_steps(V4_TINY),
    }
    found["v2_ratio"] = found["v2_small_simulator"] / found["v2_small_emulator"]
    found["v4_ratio_extrapolated"] = found["v4_simulator_extrapolated"] / found["v4_emulator"]
    return found


def thread_steps(setting):
    """Steps of all threads of V4's kernel: N blocks of 4 H threads, T steps each.

    The simulator's time grows at least as fast: a thread's step itself gets longer with H.
    """
    _, T, N, H = setting
    return T * N * 4 * H


def text(found):
    """The numbers in words."""
    seconds = {k: seconds_text(v) for k, v in found.items() if "ratio" not in k}
    return "\n".join(
        [
            "Emulator (loss and gradients of one mini-batch; CPU times, never a GPU's)",
            f"  V2, N=32, T=12, H=16: {seconds['v2_small_emulator']}; Numba's simulator "
            f"{seconds['v2_small_simulator']}: {found['v2_ratio']:,.0f} times as long",
            f"  V2, N=1024, T=12, H=64: {seconds['v2_large_emulator']}",
            f"  V4 (barriers, blocks of 256), N=32, T=12, H=64: {seconds['v4_emulator']}; the "
            f"simulator roughly {seconds['v4_simulator_extrapolated']} or more, "
            f"{found['v4_ratio_extrapolated']:,.0f} times as long (extrapolated from N=2, T=3, "
            f"H=8, {seconds['v4_tiny_simulator']}, by the steps of all threads)",
            *(f"  MISSED: {sentence}" for sentence in missed(found)),
        ]
    )


def missed(found):
    """The limits that were not kept, as sentences."""
    if not found:
        return []
    limits = (
        (
            found["v2_ratio"] >= LEAST_RATIO,
            f"V2 is to be {LEAST_RATIO} times the simulator's speed",
        ),
        (found["v2_large_emulator"] < MOST_SECONDS, f"V2 at N=1024 within {MOST_SECONDS:g} s"),
        (found["v4_emulator"] < MOST_SECONDS_V4, f"V4 within {MOST_SECONDS_V4:g} s"),
    )
    return [sentence for kept, sentence in limits if not kept]


if __name__ == "__main__":
    name, *numbers = sys.argv[1:]
    print(json.dumps(seconds_of(name, *map(int, numbers))))
