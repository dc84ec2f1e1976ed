"""Arrays that share memory: the same array given twice, in other shapes, or parts that overlap.

The race finder works on copies of the arguments. Where these share memory, so must the copies; and
an element has one name, whichever array it was reached by.
"""

import ctypes
import math

import numpy as np

try:
    from numpy.lib.array_utils import byte_bounds
except ImportError:  # NumPy 1
    from numpy import byte_bounds


def flat(values):
    """All values, those inside tuples too."""
    for value in values:
        if isinstance(value, tuple):
            yield from flat(value)
        else:
            yield value


def areas(arrays):
    """The pieces of memory, as (start, end), that these arrays lie in; none touches another."""
    found = []
    for start, end in sorted(byte_bounds(array) for array in arrays if array.size):
        if found and start < found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return found


class Copies:
    """Copies of arrays, each piece of memory once."""

    def __init__(self, arrays):
        self.pieces = {}
        for start, end in areas(arrays):
            piece = np.empty(end - start, np.uint8)
            ctypes.memmove(piece.ctypes.data, start, end - start)
            self.pieces[start, end] = piece

    def of(self, array):
        """The same array in the copied memory."""
        first, _ = byte_bounds(array) if array.size else (0, 0)
        for (start, end), piece in self.pieces.items():
            if start <= first < end:
                at = array.__array_interface__["data"][0] - start
                return np.ndarray(array.shape, array.dtype, piece, at, array.strides)
        return array.copy()


def smallest_step(arrays, start):
    """The largest number of bytes that divides all elements' sizes and places in the area."""
    places = [byte_bounds(array)[0] - start for array in arrays]
    return math.gcd(*places, *(step_of(array.dtype) for array in arrays))


def step_of(dtype):
    """The same for one dtype: the size of a number; of a record, what divides all its fields."""
    parts = (dtype.fields or {}).values()
    return math.gcd(
        dtype.itemsize, *(math.gcd(offset, step_of(part.base)) for part, offset, *_ in parts)
    )


def index_at(array, address):
    """The index of the element that holds this address; None if it lies between elements."""
    rest = address - array.__array_interface__["data"][0]
    index = [0] * array.ndim
    for axis in sorted(range(array.ndim), key=lambda axis: -array.strides[axis]):
        if array.shape[axis] > 1 and array.strides[axis] > 0:
            index[axis], rest = divmod(rest, array.strides[axis])
    inside = all(0 <= n < size for n, size in zip(index, array.shape, strict=True))
    return tuple(index) if inside and 0 <= rest < array.itemsize else None
