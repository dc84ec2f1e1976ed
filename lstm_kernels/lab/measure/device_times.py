"""Where the time of a mini-batch goes: copies in, kernels, copies out.  Lesson 09.

Each copy and each launch gets an event before and one after it (machine/watch.py), on a card and
in the emulator; there it is CPU time, and `Parts.where` says so.
"""

from typing import NamedTuple

import numpy as np

from lstm_kernels.lab.estimates.bus import array_shapes, copied_names, one_after_the_other
from lstm_kernels.machine import device
from lstm_kernels.machine.device import cuda
from lstm_kernels.machine.watch import IN, KERNEL, OUT, span, watch
from lstm_kernels.model import sizes
from lstm_kernels.versions.buffers import Piece
from lstm_kernels.versions.cuda_v2 import THREADS, blocks_for, kernel

# ---- a mini-batch of any version -----------------------------------------------------------


class Parts(NamedTuple):
    """Seconds of one mini-batch on the device; `compile` is what the very first one took more."""

    where: str  # "GPU" or "emulated on CPU"
    compile: float  # near 0 where this process (or the emulator's cache) had compiled before
    host_to_device: float
    kernel: float
    device_to_host: float

    @property
    def copies(self):
        """The share of the copies in copies and kernels together, 0 to 1."""
        moved = self.host_to_device + self.device_to_host
        return moved / (moved + self.kernel)


def measure_parts(train_batch, first_seconds, repeats=3):
    """Medians over `repeats` calls; None where no events can be had (Numba's simulator).

    first_seconds: wall time of the first call ever, which compiled.
    """
    if device.TARGET not in ("gpu", "emulator"):
        return None
    runs = [_one_run(train_batch) for _ in range(repeats)]
    wall, copied_in, kernels, copied_out = (float(m) for m in np.median(runs, axis=0))
    where = "GPU" if device.ON_GPU else "emulated on CPU"
    return Parts(where, max(0.0, first_seconds - wall), copied_in, kernels, copied_out)


def _one_run(train_batch):
    """Seconds: the whole call by the wall clock, then copies in, kernels, copies out."""
    whole = []
    with watch() as spans, span("whole", whole):
        train_batch()
        device.synchronize()
    return [_seconds(whole, "whole"), *(_seconds(spans, kind) for kind in (IN, KERNEL, OUT))]


def _seconds(spans, kind):
    return sum(cuda.event_elapsed_time(a, b) for name, a, b in spans if name == kind) / 1e3


# ---- V2's and V3's time line --------------------------------------------------------------


def measure_time_line(version, params, x, y, repeats=20):
    """The time line of `bus`, from the card's own clock (events): medians of the repeats.

    V2's hidden copies are made one by one here, in the order in which its launch makes them.
    A part lasts from the event before it to its own: what Python needs to ask for it is in it.
    """
    there = on_card(version, host_arrays(params, x, y))
    _timed_mini_batch(version, *there, x, y)  # compiles; not counted
    runs = [_timed_mini_batch(version, *there, x, y) for _ in range(repeats)]
    names, kinds, _ = zip(*runs[0], strict=True)
    seconds = np.median([[part[2] for part in run] for run in runs], axis=0)
    return one_after_the_other(zip(names, kinds, map(float, seconds), strict=True))


def host_arrays(params, x, y):
    """The kernel's arrays in the host's memory, by name, in the order of its arguments."""
    shapes = array_shapes(sizes(params, x))
    arrays = {name: np.zeros(shape, x.dtype) for name, shape in shapes.items()}
    return {**arrays, **params._asdict(), "x": x, "y": y}


def on_card(version, arrays):
    """Memory on the card: {names: Piece} of what is copied; and the kernel's arrays, in order."""
    into, out = copied_names(version)
    pieces, places = {}, {}
    for names in dict.fromkeys((*into, *out)):
        piece = pieces[names] = Piece([(arrays[name].shape, arrays[name].dtype) for name in names])
        places |= zip(names, piece.arrays, strict=True)
        for twin, name in zip(piece.twins, names, strict=True):
            twin[...] = arrays[name]
    for name in arrays.keys() - places:
        places[name] = cuda.device_array(arrays[name].shape, arrays[name].dtype)
    return pieces, [places[name] for name in arrays]


def _timed_mini_batch(version, pieces, arguments, x, y):
    """One mini-batch with an event after each part: a list of (name, kind, seconds)."""
    into, out = copied_names(version)
    marks = [("start", "", _event())]
    for names in into:
        pieces[names].send()
        marks.append((", ".join(names), IN, _event()))
    scale = x.dtype.type(1 / y.size)
    kernel[blocks_for(x.shape[1]), THREADS](*arguments[:7], scale, *arguments[7:])
    marks.append(("kernel", KERNEL, _event()))
    for names in out:
        pieces[names].fetch()
        marks.append((", ".join(names), OUT, _event()))
    marks[-1][2].synchronize()
    pairs = zip(marks, marks[1:], strict=False)
    return [(b[0], b[1], cuda.event_elapsed_time(a[2], b[2]) / 1e3) for a, b in pairs]


def _event():
    event = cuda.event()
    event.record()
    return event
