"""V2: one launch per mini-batch, one thread per sample.  Lesson 07."""

import numpy as np

from lstm_kernels.machine.device import cuda
from lstm_kernels.model import checked, sizes, zeros_like
from lstm_kernels.versions.per_sample import (
    Workspace,
    backward_sample,
    forward_sample,
    loss_sample,
    product_over_time,
    sum_over_time,
    workspace_shapes,
)

THREADS = 32  # a block: one warp, so that even a small batch spreads over many SMs


@cuda.jit(device=True)
def add_gradients(n, x, h, dz, dy, dU, dW, dB, dV, db_out):
    """Add sample n's part to the five gradients, in atomic steps: all threads share them."""
    for k in range(dz.shape[2]):
        cuda.atomic.add(dB, k, sum_over_time(n, dz, k))
        for d in range(x.shape[2]):
            cuda.atomic.add(dU, (k, d), product_over_time(n, dz, k, x, d, 0))
        for j in range(h.shape[2]):
            cuda.atomic.add(dW, (k, j), product_over_time(n, dz, k, h, j, 0))
    for q in range(dy.shape[2]):
        cuda.atomic.add(db_out, q, sum_over_time(n, dy, q))
        for j in range(h.shape[2]):
            cuda.atomic.add(dV, (q, j), product_over_time(n, dy, q, h, j, 1))


@cuda.jit
def kernel(
    U, W, B, V, b_out,  # parameters: (4H, D), (4H, H), (4H,), (O, H), (O,)
    x, y, scale,  # the batch: (T, N, D), (T, N, O); scale = 1 / (T N O)
    h, c, gates, dc, dz, dy, loss,  # workspace, shapes in per_sample.Workspace
    dU, dW, dB, dV, db_out,  # gradients, zero at the start, shapes as the parameters
):  # fmt: skip
    """Thread n trains on sample n; threads past the batch's end do nothing."""
    n = cuda.grid(1)
    if n < x.shape[1]:
        forward_sample(n, U, W, B, V, b_out, x, h, c, gates, dy)
        loss_sample(n, y, scale, dy, loss)
        backward_sample(n, W, V, c, gates, dy, dc, dz)
        add_gradients(n, x, h, dz, dy, dU, dW, dB, dV, db_out)


def blocks_for(N):
    """Number of blocks that gives each of N samples a thread."""
    return (N + THREADS - 1) // THREADS


def gradients(params, x, y):
    """Loss and gradients of one batch.  x (T, N, D), y (T, N, O); grads shaped as params."""
    params, x, y = checked(params, x, y)
    shapes = workspace_shapes(sizes(params, x), x.itemsize)
    work = Workspace(*(np.empty(shape, x.dtype) for shape in shapes))
    grads, scale = zeros_like(params), x.dtype.type(1 / y.size)
    kernel[blocks_for(x.shape[1]), THREADS](*params, x, y, scale, *work, *grads)
    return float(work.loss.sum()), grads
