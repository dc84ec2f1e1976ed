"""What V1, V2 and V3 share: the device functions that train on one sample n.  Lesson 06.

Line by line they are the sequential version.  They run on the device, called by a kernel.
`type(z)(1)` is a one of z's own type: a plain 1.0 would turn float32 arithmetic into float64.
"""

import math
from typing import NamedTuple

from lstm_kernels.machine.device import check_memory, cuda
from lstm_kernels.model import count_params


class Workspace(NamedTuple):
    """The arrays that a kernel fills on its way, besides the gradients."""

    h: object  # (T+1, N, H)  hidden states, row 0 the initial state
    c: object  # (T+1, N, H)  cell states
    gates: object  # (T, N, 4H)  i, f, g, o after their activation
    dc: object  # (N, H)      the loss's derivative by c, carried back through time
    dz: object  # (T, N, 4H)  ... by the gates' inputs
    dy: object  # (T, N, O)   ... by the predictions
    loss: object  # (N,)      each sample's part of the loss


def workspace_shapes(sizes, itemsize):
    """Shapes of the workspace; MemoryError if the device cannot hold it and all else it needs."""
    T, N, D, H, O = sizes  # noqa: E741
    shapes = Workspace(
        (T + 1, N, H), (T + 1, N, H), (T, N, 4 * H), (N, H), (T, N, 4 * H), (T, N, O), (N,)
    )
    parameters = count_params(D, H, O)  # and as many gradients
    numbers = sum(map(math.prod, shapes)) + T * N * (D + O) + 2 * parameters
    check_memory(itemsize * numbers, f"a batch of N={N} samples with T={T}, H={H}")
    return shapes


@cuda.jit(device=True)
def sigmoid(z):
    one = type(z)(1)
    return one / (one + math.exp(-z))


@cuda.jit(device=True)
def forward_sample(n, U, W, B, V, b_out, x, h, c, gates, dy):
    """Fill h, c, gates of sample n, and dy with its predictions."""
    (T, _, D), H = x.shape, W.shape[1]
    for j in range(H):
        h[0, n, j] = 0
        c[0, n, j] = 0
    for t in range(T):
        for k in range(4 * H):
            z = B[k]
            for d in range(D):
                z += U[k, d] * x[t, n, d]
            for j in range(H):
                z += W[k, j] * h[t, n, j]
            gates[t, n, k] = math.tanh(z) if 2 * H <= k < 3 * H else sigmoid(z)
        for j in range(H):
            i, f = gates[t, n, j], gates[t, n, H + j]
            g, o = gates[t, n, 2 * H + j], gates[t, n, 3 * H + j]
            c[t + 1, n, j] = f * c[t, n, j] + i * g
            h[t + 1, n, j] = o * math.tanh(c[t + 1, n, j])
        for q in range(V.shape[0]):
            prediction = b_out[q]
            for j in range(H):
                prediction += V[q, j] * h[t + 1, n, j]
            dy[t, n, q] = prediction


@cuda.jit(device=True)
def loss_sample(n, y, scale, dy, loss):
    """Replace predictions in dy by the loss's derivatives; scale is 1 / (T N O)."""
    total = loss.dtype.type(0)
    for t in range(y.shape[0]):
        for q in range(y.shape[2]):
            error = dy[t, n, q] - y[t, n, q]
            total += scale * error * error
            dy[t, n, q] = scale * (error + error)  # 2 * scale * error: a 2.0 would be float64
    loss[n] = total


@cuda.jit(device=True)
def backward_sample(n, W, V, c, gates, dy, dc, dz):
    """Fill dz of sample n, from the last step to the first."""
    T, H, one = gates.shape[0], W.shape[1], dz.dtype.type(1)
    for t in range(T - 1, -1, -1):
        for j in range(H):
            dh = dz.dtype.type(0)
            for q in range(V.shape[0]):
                dh += V[q, j] * dy[t, n, q]
            if t + 1 < T:
                for k in range(4 * H):
                    dh += W[k, j] * dz[t + 1, n, k]
            else:
                dc[n, j] = 0
            i, f = gates[t, n, j], gates[t, n, H + j]
            g, o = gates[t, n, 2 * H + j], gates[t, n, 3 * H + j]
            tanh_c = math.tanh(c[t + 1, n, j])
            dc_t = dc[n, j] + dh * o * (one - tanh_c * tanh_c)
            dz[t, n, j] = dc_t * g * i * (one - i)
            dz[t, n, H + j] = dc_t * c[t, n, j] * f * (one - f)
            dz[t, n, 2 * H + j] = dc_t * i * (one - g * g)
            dz[t, n, 3 * H + j] = dh * tanh_c * o * (one - o)
            dc[n, j] = dc_t * f


@cuda.jit(device=True)
def product_over_time(n, a, k, b, j, shift):
    """Sum over the steps t of a[t, n, k] * b[t + shift, n, j]."""
    total = a.dtype.type(0)
    for t in range(a.shape[0]):
        total += a[t, n, k] * b[t + shift, n, j]
    return total


@cuda.jit(device=True)
def sum_over_time(n, a, k):
    """Sum over the steps t of a[t, n, k]."""
    total = a.dtype.type(0)
    for t in range(a.shape[0]):
        total += a[t, n, k]
    return total
