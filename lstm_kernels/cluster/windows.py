"""Windows in files, for training on more data than the memory holds.

Two .npy files: x (N, T, 1) and y (N, T, 1), a window after the other, so that one is one piece of
the file.  (In memory the time comes first: x (T, N, 1).)
"""

import sys
from pathlib import Path

import numpy as np

from lstm_kernels.data import panel
from lstm_kernels.machine.files import replacing
from lstm_kernels.model import check_count, random_numbers

AT_ONCE = 2**18  # bytes, about, of the windows that are made at once


def write_windows(folder, count, T=24, seed=0, dtype=np.float32):
    """Write x.npy and y.npy with the windows of `data.panel(count, T, seed)`; gives both paths.

    Piece by piece: the memory needed does not grow with `count`.
    """
    count, T, dtype = check_count("count", count), check_count("T", T), np.dtype(dtype)
    paths = [Path(folder, f"{name}.npy") for name in "xy"]
    Path(folder).mkdir(parents=True, exist_ok=True)
    with replacing(paths[0]) as x, replacing(paths[1]) as y:
        for file in (x, y):
            _begin(file, (count, T, 1), dtype)
        for windows in _pieces(count, T, random_numbers(seed), dtype):
            for file, a in zip((x, y), windows, strict=True):
                file.write(np.ascontiguousarray(a.swapaxes(0, 1)))
    return paths


def _begin(file, shape, dtype):
    about = {"descr": dtype.str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_2_0(file, about)


def _pieces(count, T, rng, dtype):
    """The windows of one panel, some at a time: the random numbers go on."""
    most = max(1, AT_ONCE // (T * dtype.itemsize))
    for done in range(0, count, most):
        yield panel(min(most, count - done), T, rng, dtype)


def main(folder, count, T):
    """`python -m lstm_kernels windows FOLDER --count N`; returns the exit status."""
    try:
        paths = write_windows(folder, count, T)
    except OSError as error:
        print(f"cannot write windows to {folder}: {error.strerror or error}", file=sys.stderr)
        return 2
    for path in paths:
        print(f"{path}: {count:,} windows of {T} steps, {path.stat().st_size / 2**20:,.1f} MiB")
    return 0
