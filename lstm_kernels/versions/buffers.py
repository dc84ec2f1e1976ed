"""Memory on the card: asked for once, in one piece, and kept from one use to the next.  Lesson 08.

To ask the driver for memory, or to give it back, costs the host time and may make it wait for the
card.  So the versions from V3 on ask once for all arrays of some sizes, and keep them: the next
mini-batch (or training) of the same sizes finds them made.
"""

import math
from contextlib import contextmanager
from threading import Lock

import numpy as np

from lstm_kernels.machine.device import KEEPERS, copy_in, copy_out, cuda

ALIGNED = 256  # bytes: where the driver's own allocations begin
KEPT = 2  # of each kind, things that wait for their next use: a full batch's and a short one's

# ---- one piece of memory for many arrays --------------------------------------------------


def places(specs, aligned=1):
    """Where the arrays (shape, dtype) begin and end in one piece, in bytes: [(start, end), ...].

    Each begins at a multiple of `aligned` and of its numbers' bytes.
    """
    found, end = [], 0
    for shape, dtype in specs:
        itemsize = np.dtype(dtype).itemsize
        start = round_up(end, max(aligned, itemsize))
        end = start + math.prod(shape) * itemsize
        found.append((start, end))
    return found


def round_up(nbytes, multiple):
    """The first multiple that is not less."""
    return -(-nbytes // multiple) * multiple


def bytes_of(specs, aligned=1):
    """What the arrays (shape, dtype) take in one piece."""
    return places(specs, aligned)[-1][1]


def cut(memory, specs, aligned=1):
    """The arrays (shape, dtype) that lie in `memory`, an array of bytes, here or on the card."""
    pieces = zip(specs, places(specs, aligned), strict=True)
    return [memory[at:end].view(dtype).reshape(shape) for (shape, dtype), (at, end) in pieces]


def allocate(specs):
    """Arrays (shape, dtype) on the card, with nothing useful in them: one allocation."""
    return cut(cuda.device_array(bytes_of(specs, ALIGNED), np.uint8), specs, ALIGNED)


class Piece:
    """Arrays (shape, dtype) side by side on the card, and their twins here: one copy moves all.

    memory: bytes on the card whose beginning is used; without it they are asked for.
    """

    def __init__(self, specs, memory=None):
        self.specs, nbytes = specs, bytes_of(specs)
        self.memory = cuda.device_array(nbytes, np.uint8) if memory is None else memory[:nbytes]
        self.arrays, self.host = cut(self.memory, specs), np.zeros(nbytes, np.uint8)
        self.twins = cut(self.host, specs)

    def send(self, *values, stream=0):
        """Copy values for the first arrays, and the other twins as they are, to the card."""
        for twin, value in zip(self.twins, values, strict=False):
            if value is not twin:
                twin[...] = value
        copy_in(self.memory, self.host, stream)

    def fetch(self):
        """New arrays with what stands on the card.  The host waits."""
        return cut(copy_out(self.memory), self.specs)


# ---- what is kept -------------------------------------------------------------------------

_shelf, _lock = [], Lock()  # [(key, thing), ...], the last used one at the end
KEEPERS.append(_shelf.clear)  # where memory is short, nothing is kept


@contextmanager
def lent(make, *key):
    """make(*key), or what it returned before and nobody uses now; inside, nobody else has it.

    After an error it is not used again.
    """
    thing = _take((make, *key))
    if thing is None:
        thing = make(*key)
    yield thing
    _put_back((make, *key), thing)


def _take(key):
    with _lock:
        for place, (kept, thing) in enumerate(_shelf):
            if kept == key:
                del _shelf[place]
                return thing


def _put_back(key, thing):
    """Keep it, and let go of the one of its kind that was used longest ago, if there are more."""
    with _lock:
        _shelf.append((key, thing))
        of_kind = [place for place, (kept, _) in enumerate(_shelf) if kept[0] == key[0]]
        dropped = _shelf.pop(of_kind[0]) if len(of_kind) > KEPT else None
    del dropped  # outside the lock: what ends with it may take time
