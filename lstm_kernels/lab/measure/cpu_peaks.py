"""What this machine's CPU can do at best, measured.  Lesson 17."""

import json
from typing import NamedTuple

import numpy as np

from lstm_kernels.lab.apart import run_apart
from lstm_kernels.lab.measure.cpu_baselines import thread_settings
from lstm_kernels.lab.measure.timing import time_call


class Peaks(NamedTuple):
    """The roof of a CPU, as an ordinary program finds it."""

    giga: float  # float32 operations in a second, in 1e9: the fastest matrix product
    gigabytes_per_second: float  # the fastest copy of a large array: its bytes count twice


def measure_peaks(seconds=1.0):
    """Peaks with as many threads as NumPy takes here."""
    a, b = np.random.default_rng(0).normal(size=(2, 1024, 1024)).astype(np.float32)
    source, target = np.zeros((2, 2**24), np.float32)
    product = time_call(lambda: a @ b, budget=seconds, at_most=100)
    copy = time_call(lambda: np.copyto(target, source), budget=seconds)
    return Peaks(
        2 * 1024**3 / min(product.seconds) / 1e9, 2 * source.nbytes / min(copy.seconds) / 1e9
    )


def measure_peaks_apart(threads):
    """The same in a new process, in which NumPy has this number of threads."""
    return Peaks(*run_apart("lab.measure.cpu_peaks", settings=thread_settings(threads)))


if __name__ == "__main__":
    print(json.dumps(measure_peaks()))
