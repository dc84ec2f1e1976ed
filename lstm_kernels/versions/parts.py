"""Parts of a gradient: blocks leave them, and a kernel adds them up in a fixed order.  Lesson 14.

V5, V6 and V7 share it.
"""

from functools import lru_cache

import numpy as np

from lstm_kernels.machine.device import cuda
from lstm_kernels.model import sizes
from lstm_kernels.versions.buffers import Piece, lent
from lstm_kernels.versions.packing import pack, unpack

SUM_THREADS, SUM_ROWS = 512, 32  # of a block that adds up parts; its rows at most
MASK = 0x7FFFFFFF  # tells the compiler that an index is not negative: no index like a[-1]

# ---- the kernel ---------------------------------------------------------------------------


@cuda.jit(device=True)
def sum_of_parts(parts, e, shared):
    """Element e of the gradient, in the block's first row: added in the same order each time.

    Each row of the block adds its share of the parts, one after the other; then the rows add up
    in pairs, through shared (SUM_THREADS,).
    """
    rows, row, width = cuda.blockDim.y & 63, cuda.threadIdx.y & 31, cuda.blockDim.x & 1023
    here, count = row * width + (cuda.threadIdx.x & 1023), parts.shape[0] & MASK
    halvings = cuda.popc(rows - 1)
    part, last = row * count >> halvings, (row + 1) * count >> halvings
    result = parts.dtype.type(0)
    if e < parts.shape[1]:
        while part < last:
            result += parts[part & MASK, e & MASK]
            part += 1
    shared[here] = result
    while rows > 1:
        cuda.syncthreads()  # what each row has so far is there
        rows >>= 1
        if row < rows:
            shared[here] += shared[here + rows * width]
    return shared[here]


@lru_cache
def make_sum_kernel(dtype):
    """The kernel that adds up the parts.  Launch it with sum_shape."""
    number = dtype.type

    @cuda.jit
    def sum_kernel(parts, sums):
        """Thread (e, 0) writes element e."""
        shared, e = cuda.shared.array(SUM_THREADS, number), cuda.grid(1)
        total = sum_of_parts(parts, e, shared)
        if cuda.threadIdx.y == 0 and e < sums.size:
            sums[e] = total

    return sum_kernel


# ---- the host -----------------------------------------------------------------------------


def sum_shape(rows, size):
    """Grid and block of a kernel that adds up `rows` parts of `size` elements.

    As few rows of threads, a power of two, as leave at most 16 parts per row; at most 32.  So the
    longest chain of additions is 16 and then 4, or, for the 396 parts of an H100, 13 and then 5.
    """
    height = min(SUM_ROWS, 1 << (-(-rows // 16) - 1).bit_length())
    width = SUM_THREADS // height
    return -(-size // width), (width, height)


class Buffers:
    """What a mini-batch of these sizes needs on the card, by this version's layout and Steps."""

    def __init__(self, make_layout, make_steps, size, dtype):
        T, N, D, H, O = size  # noqa: E741
        self.layout = make_layout(D, H, O)
        self.steps = make_steps(self.layout, T, N, dtype)
        packed = (self.layout.size,), dtype
        samples = ((T, N, D), dtype), ((T, N, O), dtype), ((N,), np.int64)
        self.given = Piece([packed, *samples])
        self.found = Piece([packed, ((N,), dtype)])  # gradients, losses


def one_batch(make_layout, make_steps, params, x, y):
    """The same of checked arguments, by a layout and the Steps that are made for it."""
    size = sizes(params, x)
    with lent(Buffers, make_layout, make_steps, size, x.dtype) as card:
        layout, (sums, loss) = card.layout, card.found.arrays
        card.given.send(pack(params, layout), x, y, np.arange(size.N))
        parts = card.steps.queue(*card.given.arrays, 0, size.N, loss)
        make_sum_kernel(x.dtype)[sum_shape(len(parts), layout.size)](parts, sums)
        sums, loss = card.found.fetch()
    return float(loss.sum()), unpack(sums, layout)
