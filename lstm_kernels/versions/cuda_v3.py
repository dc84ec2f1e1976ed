"""V3: V2's kernel unchanged; the host decides what is copied, when, and what is allocated.

Lesson 08.
"""

from lstm_kernels.model import Params, checked, param_shapes, sizes
from lstm_kernels.versions.buffers import Piece, allocate, lent
from lstm_kernels.versions.cuda_v2 import THREADS, blocks_for, kernel
from lstm_kernels.versions.per_sample import workspace_shapes


class Buffers:
    """Memory on the card for mini-batches of these sizes: asked for once, used by each of them."""

    def __init__(self, size, dtype):
        T, N, D, H, O = size  # noqa: E741
        *work, loss = workspace_shapes(size, dtype.itemsize)
        parameters = param_shapes(D, H, O)
        self.given = Piece([(shape, dtype) for shape in (*parameters, (T, N, D), (T, N, O))])
        self.found = Piece([(shape, dtype) for shape in (loss, *parameters)])
        self.work = allocate([(shape, dtype) for shape in work])


def gradients(params, x, y):
    """Loss and gradients of one batch.  x (T, N, D), y (T, N, O); grads shaped as params."""
    params, x, y = checked(params, x, y)
    scale = x.dtype.type(1 / y.size)
    with lent(Buffers, sizes(params, x), x.dtype) as card:
        # in: what the kernel reads, and the zeros that the gradients start from
        card.given.send(*params, x, y)
        card.found.send()
        # nothing is copied for the workspace: only the kernel uses it
        arguments = *card.given.arrays, scale, *card.work, *card.found.arrays
        kernel[blocks_for(x.shape[1]), THREADS](*arguments)
        # out: the loss and the gradients
        loss, *grads = card.found.fetch()
    return float(loss.sum()), Params(*grads)
