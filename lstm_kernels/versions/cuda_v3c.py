"""V3c: V3 with the sample as the last index, (T, H, N): neighbouring threads, neighbouring numbers.

Lesson 11.  Line by line it is V3, with the names of per_sample.py and cuda_v2.py: only `[t, n, j]`
is written `[t, j, n]` here.
"""

import math

from lstm_kernels.machine.device import cuda
from lstm_kernels.model import Params, checked, param_shapes, sizes
from lstm_kernels.versions.buffers import Piece, allocate, lent
from lstm_kernels.versions.cuda_v2 import THREADS, blocks_for
from lstm_kernels.versions.per_sample import sigmoid, workspace_shapes


@cuda.jit(device=True)
def forward_sample(n, U, W, B, V, b_out, x, h, c, gates, dy):
    """Fill h, c, gates of sample n, and dy with its predictions."""
    (T, D, _), H = x.shape, W.shape[1]
    for j in range(H):
        h[0, j, n] = 0
        c[0, j, n] = 0
    for t in range(T):
        for k in range(4 * H):
            z = B[k]
            for d in range(D):
                z += U[k, d] * x[t, d, n]
            for j in range(H):
                z += W[k, j] * h[t, j, n]
            gates[t, k, n] = math.tanh(z) if 2 * H <= k < 3 * H else sigmoid(z)
        for j in range(H):
            i, f = gates[t, j, n], gates[t, H + j, n]
            g, o = gates[t, 2 * H + j, n], gates[t, 3 * H + j, n]
            c[t + 1, j, n] = f * c[t, j, n] + i * g
            h[t + 1, j, n] = o * math.tanh(c[t + 1, j, n])
        for q in range(V.shape[0]):
            prediction = b_out[q]
            for j in range(H):
                prediction += V[q, j] * h[t + 1, j, n]
            dy[t, q, n] = prediction


@cuda.jit(device=True)
def loss_sample(n, y, scale, dy, loss):
    """Replace predictions in dy by the loss's derivatives; scale is 1 / (T N O)."""
    total = loss.dtype.type(0)
    for t in range(y.shape[0]):
        for q in range(y.shape[1]):
            error = dy[t, q, n] - y[t, q, n]
            total += scale * error * error
            dy[t, q, n] = scale * (error + error)  # 2 * scale * error: a 2.0 would be float64
    loss[n] = total


@cuda.jit(device=True)
def backward_sample(n, W, V, c, gates, dy, dc, dz):
    """Fill dz of sample n, from the last step to the first."""
    T, H, one = gates.shape[0], W.shape[1], dz.dtype.type(1)
    for t in range(T - 1, -1, -1):
        for j in range(H):
            dh = dz.dtype.type(0)
            for q in range(V.shape[0]):
                dh += V[q, j] * dy[t, q, n]
            if t + 1 < T:
                for k in range(4 * H):
                    dh += W[k, j] * dz[t + 1, k, n]
            else:
                dc[j, n] = 0
            i, f = gates[t, j, n], gates[t, H + j, n]
            g, o = gates[t, 2 * H + j, n], gates[t, 3 * H + j, n]
            tanh_c = math.tanh(c[t + 1, j, n])
            dc_t = dc[j, n] + dh * o * (one - tanh_c * tanh_c)
            dz[t, j, n] = dc_t * g * i * (one - i)
            dz[t, H + j, n] = dc_t * c[t, j, n] * f * (one - f)
            dz[t, 2 * H + j, n] = dc_t * i * (one - g * g)
            dz[t, 3 * H + j, n] = dh * tanh_c * o * (one - o)
            dc[j, n] = dc_t * f


@cuda.jit(device=True)
def product_over_time(n, a, k, b, j, shift):
    """Sum over the steps t of a[t, k, n] * b[t + shift, j, n]."""
    total = a.dtype.type(0)
    for t in range(a.shape[0]):
        total += a[t, k, n] * b[t + shift, j, n]
    return total


@cuda.jit(device=True)
def sum_over_time(n, a, k):
    """Sum over the steps t of a[t, k, n]."""
    total = a.dtype.type(0)
    for t in range(a.shape[0]):
        total += a[t, k, n]
    return total


@cuda.jit(device=True)
def add_gradients(n, x, h, dz, dy, dU, dW, dB, dV, db_out):
    """Add sample n's part to the five gradients, in atomic steps: all threads share them."""
    for k in range(dz.shape[1]):
        cuda.atomic.add(dB, k, sum_over_time(n, dz, k))
        for d in range(x.shape[1]):
            cuda.atomic.add(dU, (k, d), product_over_time(n, dz, k, x, d, 0))
        for j in range(h.shape[1]):
            cuda.atomic.add(dW, (k, j), product_over_time(n, dz, k, h, j, 0))
    for q in range(dy.shape[1]):
        cuda.atomic.add(db_out, q, sum_over_time(n, dy, q))
        for j in range(h.shape[1]):
            cuda.atomic.add(dV, (q, j), product_over_time(n, dy, q, h, j, 1))


@cuda.jit
def kernel(
    U, W, B, V, b_out,  # parameters: (4H, D), (4H, H), (4H,), (O, H), (O,)
    x, y, scale,  # the batch: (T, D, N), (T, O, N); scale = 1 / (T N O)
    h, c, gates, dc, dz, dy, loss,  # workspace, shapes: Buffers
    dU, dW, dB, dV, db_out,  # gradients, zero at the start, shapes as the parameters
):  # fmt: skip
    """Thread n trains on sample n; threads past the batch's end do nothing."""
    n = cuda.grid(1)
    if n < x.shape[2]:
        forward_sample(n, U, W, B, V, b_out, x, h, c, gates, dy)
        loss_sample(n, y, scale, dy, loss)
        backward_sample(n, W, V, c, gates, dy, dc, dz)
        add_gradients(n, x, h, dz, dy, dU, dW, dB, dV, db_out)


def sample_last(shape):
    """(T, N, H) becomes (T, H, N), and (N, H) becomes (H, N)."""
    *steps, N, H = shape
    return (*steps, H, N)


class Buffers:
    """Memory on the card for mini-batches of these sizes: asked for once, used by each of them."""

    def __init__(self, size, dtype):
        T, N, D, H, O = size  # noqa: E741
        *work, loss = workspace_shapes(size, dtype.itemsize)
        parameters = param_shapes(D, H, O)
        self.given = Piece([(shape, dtype) for shape in (*parameters, (T, D, N), (T, O, N))])
        self.found = Piece([(shape, dtype) for shape in (loss, *parameters)])
        self.work = allocate([(sample_last(shape), dtype) for shape in work])


def gradients(params, x, y):
    """Loss and gradients of one batch.  x (T, N, D), y (T, N, O); grads shaped as params."""
    params, x, y = checked(params, x, y)
    scale = x.dtype.type(1 / y.size)
    with lent(Buffers, sizes(params, x), x.dtype) as card:
        # in: x and y on their way from (T, N, D) to (T, D, N)
        card.given.send(*params, x.transpose(0, 2, 1), y.transpose(0, 2, 1))
        card.found.send()
        arguments = *card.given.arrays, scale, *card.work, *card.found.arrays
        kernel[blocks_for(x.shape[1]), THREADS](*arguments)
        loss, *grads = card.found.fetch()
    return float(loss.sum()), Params(*grads)
