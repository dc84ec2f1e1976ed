"""Is it right?  Finite differences, versions against each other, races.  Lessons 01 to 08."""

import math

import numpy as np

from lstm_kernels.model import zeros_like
from lstm_kernels.versions import get_version


def relative_error(a, b):
    """Largest difference of two arrays, as a part of the largest value of b (max norm).

    Infinity where a or b holds a NaN: Python's max() of several errors would pass over a NaN.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.shape != b.shape:
        raise ValueError(f"shapes {a.shape} and {b.shape} differ; they must be equal")
    largest = np.abs(b).max()
    with np.errstate(invalid="ignore"):  # infinity - infinity is a NaN too
        error = float(np.abs(a - b).max() / (largest if largest else 1))
    return math.inf if math.isnan(error) else error


def finite_differences(loss, params, step=1e-5):
    """Gradients by central differences: two evaluations of `loss(params)` per parameter.

    Slow and simple, so a check for the fast and complicated.  Use float64: the error is about
    step² plus 1e-16 / step.
    """
    grads = zeros_like(params)
    for p, g in zip(params, grads, strict=True):
        for index in np.ndindex(p.shape):
            value = p[index]
            p[index] = value + step
            above = loss(params)
            p[index] = value - step
            below = loss(params)
            p[index] = value
            g[index] = (above - below) / (2 * step)
    return grads


def compare(version, reference, params, x, y):
    """Largest relative error of a version's loss and gradients against another version's."""
    loss, grads = get_version(version).gradients(params, x, y)
    expected_loss, expected = get_version(reference).gradients(params, x, y)
    return max(relative_error(loss, expected_loss), *map(relative_error, grads, expected))


def assert_close(name, a, b, tolerance=1e-5):
    """Print "ok" if a and b agree within the tolerance (max norm), else raise AssertionError."""
    error = relative_error(a, b)
    if not error <= tolerance:
        raise AssertionError(f"{name}: relative error {error:.2g}; the limit is {tolerance:g}")
    print(f"ok: {name} agrees within {tolerance:g}")


def find_data_races(kernel, grid, block, *args, shared_bytes=0):
    """Pairs of threads that touch one element with nothing to order them: a list of DataRace.

    Runs the kernel in the emulator, also where there is a GPU, in several orders of its threads,
    on copies of the arguments.  An empty list means that none was found.  Lesson 07.
    """
    from lstm_kernels.emulator import data_races

    return data_races.find_data_races(kernel, grid, block, *args, shared_bytes=shared_bytes)


def find_suspects(kernel, grid, block, *args, shared_bytes=0):
    """What is allowed and mostly a mistake: a list of Suspect, one for each place in the source.

    Reads of memory that was never written (shared and local arrays, `cuda.device_array`), negative
    indices, shuffles that read from a lane that takes no part.  Runs as find_data_races does, once.
    """
    from lstm_kernels.emulator import suspects

    return suspects.find_suspects(kernel, grid, block, *args, shared_bytes=shared_bytes)


def count(kernel, grid, block, *args, shared_bytes=0):
    """What the warps of one launch ask of memory and compute, line by line: a Counted.

    Runs in the emulator, also where there is a GPU, on copies of the arguments; exact, and the same
    on every run.  Names and limits: emulator/counters.py.
    """
    from lstm_kernels.emulator import counters

    return counters.count(kernel, grid, block, *args, shared_bytes=shared_bytes)


def different_results(kernel, grid, block, *args):
    """How many different results, to the last bit, a kernel gives in three orders of its threads.

    Runs in the emulator, also where there is a GPU, on copies of the arguments.  Lesson 13.
    """
    from lstm_kernels.emulator import data_races

    runs = (data_races.run_in_order(kernel, grid, block, *args, order=o) for o in data_races.ORDERS)
    return len({b"".join(array.tobytes() for array in arrays) for arrays in runs})
