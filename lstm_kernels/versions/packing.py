"""The order in which V5 and V6 keep the parameters: what neighbouring threads read together
stands side by side.  Lesson 14.

Sizes are padded with zeros to P = 32 or 64 hidden units.  A unit whose weights are all zero
stays zero, and so do its gradients, so the kernels need no bounds checks.
"""

import math
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from lstm_kernels.model import Params, count_params, param_shapes

PADDED = (32, 64)  # numbers of hidden units that kernels are made for


class Layout(NamedTuple):
    """Where each part of the parameters stands in the packed array.  W begins at 0."""

    P: int  # hidden units, padded
    D: int
    O: int  # noqa: E741
    shapes: Params  # of the parameters as they were
    source: np.ndarray  # (size,) index into the flat parameters; their length means "a zero"
    U: int
    B: int
    V: int
    b_out: int

    @property
    def size(self):
        return len(self.source)


@lru_cache
def make_layout(D, H, O):  # noqa: E741
    """The layout for these sizes, H at most 64."""
    P = next(padded for padded in PADDED if H <= padded)
    shapes, numbers = param_shapes(D, H, O), np.arange(count_params(D, H, O))
    U, W, B, V, b_out = split(numbers, shapes)
    U, W, B = U.reshape(4, H, D), W.reshape(4, H, H), B.reshape(4, H)

    def pad(a, *axes):
        widths = [(0, P - H if axis in axes else 0) for axis in range(a.ndim)]
        return np.pad(a, widths, constant_values=len(numbers))

    parts = (
        pad(W, 1, 2).reshape(4, P, 4, P // 4).transpose(0, 3, 1, 2),  # [gate][column][j][q]
        pad(U, 1).transpose(2, 1, 0),  # [input][j][q]: thread q of unit j has gate row q
        pad(B, 1).T,  # [j][q]
        pad(V, 1),
        b_out,
    )
    firsts = np.cumsum([part.size for part in parts])[:4].tolist()
    return Layout(P, D, O, shapes, np.concatenate([part.ravel() for part in parts]), *firsts)


def split(flat, shapes):
    """Cut a flat array into Params of these shapes."""
    ends = accumulate(map(math.prod, shapes))
    pieces = zip(ends, shapes, strict=True)
    return Params(*(flat[end - math.prod(s) : end].reshape(s) for end, s in pieces))


def pack(params, layout):
    """The parameters in the packed order: one array (layout.size,), padding zero."""
    flat = np.concatenate([*(p.ravel() for p in params), np.zeros(1, params.U.dtype)])
    return flat[layout.source]


def unpack(packed, layout):
    """Params from an array in the packed order; the padding is left out."""
    flat = np.empty(sum(map(math.prod, layout.shapes)) + 1, packed.dtype)
    flat[layout.source] = packed
    return split(flat, layout.shapes)
