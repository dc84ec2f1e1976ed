"""V4: a block per sample, a thread per gate row, the state in shared memory.  Lesson 13."""

import math
from functools import lru_cache

from lstm_kernels.machine.device import cuda
from lstm_kernels.model import Params, checked, param_shapes, sizes
from lstm_kernels.versions.buffers import Piece, allocate, lent
from lstm_kernels.versions.per_sample import sigmoid, workspace_shapes

MAX_H = 128  # a block has 4 H threads; with 128 registers each they fill an SM's 65,536
ROOM = 8 * MAX_H  # numbers in shared memory: all gates' values, and four parts of dh
SIDE = 32  # of a tile; a block of the second kernel has SIDE x SIDE elements
ROWS = 8  # of its threads, SIDE in each
SQUARE = (SIDE, SIDE)  # of a tile in shared memory

# ---- first kernel: one sample, all its threads --------------------------------------------


@cuda.jit(device=True)
def forward(n, k, U, WT, B, x, h, c, gates, shared_h, shared_z):
    """Thread k computes gate row k, then (if k < H) the state of hidden unit j = k."""
    (T, _, D), H = x.shape, h.shape[2]
    cell = B.dtype.type(0)
    if k < H:
        shared_h[k] = cell
        h[0, n, k] = cell
        c[0, n, k] = cell
    cuda.syncthreads()
    for t in range(T):
        z = B[k]
        for d in range(D):
            z += U[k, d] * x[t, n, d]
        for j in range(H):
            z += WT[j, k] * shared_h[j]  # neighbours k read neighbouring addresses
        shared_z[k] = math.tanh(z) if 2 * H <= k < 3 * H else sigmoid(z)
        gates[t, n, k] = shared_z[k]
        cuda.syncthreads()  # all gates are there
        if k < H:
            cell = shared_z[H + k] * cell + shared_z[k] * shared_z[2 * H + k]
            shared_h[k] = shared_z[3 * H + k] * math.tanh(cell)
            h[t + 1, n, k] = shared_h[k]
            c[t + 1, n, k] = cell
        cuda.syncthreads()  # the new state is there


@cuda.jit(device=True)
def outputs(n, k, V, b_out, y, scale, h, dy, loss):
    """Predictions of all steps, a thread each; then the loss and its derivatives dy."""
    (T, _, O), H, threads = y.shape, h.shape[2], cuda.blockDim.x  # noqa: E741
    for pair in range(k, T * O, threads):
        t, q = pair // O, pair % O
        prediction = b_out[q]
        for j in range(H):
            prediction += V[q, j] * h[t + 1, n, j]
        dy[t, n, q] = prediction - y[t, n, q]
    cuda.syncthreads()
    if k == 0:
        total = dy.dtype.type(0)
        for t in range(T):
            for q in range(O):
                total += scale * dy[t, n, q] * dy[t, n, q]
        loss[n] = total
    cuda.syncthreads()
    for pair in range(k, T * O, threads):
        t, q = pair // O, pair % O
        dy[t, n, q] = scale * (dy[t, n, q] + dy[t, n, q])


@cuda.jit(device=True)
def backward(n, k, W, V, c, gates, dy, dz, shared_h, shared_z):
    """Thread k = r H + j adds up gate r's part of dh_j; thread j < H then computes dz."""
    T, H, one = dz.shape[0], W.shape[1], dz.dtype.type(1)
    j, first = k % H, k - k % H  # hidden unit, and the first row of this thread's gate
    dc = dz.dtype.type(0)
    shared_z[4 * H + k] = dc  # the four parts of dh, from the step after
    cuda.syncthreads()  # they are there, and all of dy
    for t in range(T - 1, -1, -1):
        if k < H:
            dh = shared_z[4 * H + j] + shared_z[5 * H + j]
            dh += shared_z[6 * H + j] + shared_z[7 * H + j]
            for q in range(V.shape[0]):
                dh += V[q, j] * dy[t, n, q]
            i, f = gates[t, n, j], gates[t, n, H + j]
            g, o = gates[t, n, 2 * H + j], gates[t, n, 3 * H + j]
            tanh_c = math.tanh(c[t + 1, n, j])
            dc += dh * o * (one - tanh_c * tanh_c)
            shared_z[j] = dc * g * i * (one - i)
            shared_z[H + j] = dc * c[t, n, j] * f * (one - f)
            shared_z[2 * H + j] = dc * i * (one - g * g)
            shared_z[3 * H + j] = dh * tanh_c * o * (one - o)
            dc *= f
        cuda.syncthreads()  # all of dz is there
        dz[t, n, k] = shared_z[k]
        part = one - one
        for m in range(first, first + H):
            part += W[m, j] * shared_z[m]  # neighbours j read neighbouring addresses
        shared_z[4 * H + k] = part
        cuda.syncthreads()  # all parts of dh are there


@lru_cache
def make_kernel(dtype):
    """The kernel for float32 or float64: shared memory needs its type before the launch."""
    number = dtype.type

    @cuda.jit
    def kernel(
        U, WT, W, B, V, b_out,  # (4H, D), (H, 4H), (4H, H), (4H,), (O, H), (O,)
        x, y, scale,  # the batch: (T, N, D), (T, N, O); scale = 1 / (T N O)
        h, c, gates, dz, dy, loss,  # workspace, shapes in per_sample.Workspace
    ):  # fmt: skip
        """Block n trains on sample n; launch it with [N, 4 H]."""
        shared_h = cuda.shared.array(MAX_H, number)
        shared_z = cuda.shared.array(ROOM, number)
        n, k = cuda.blockIdx.x, cuda.threadIdx.x
        forward(n, k, U, WT, B, x, h, c, gates, shared_h, shared_z)
        outputs(n, k, V, b_out, y, scale, h, dy, loss)
        backward(n, k, W, V, c, gates, dy, dz, shared_h, shared_z)

    return kernel


# ---- second kernel: the weights' gradients, a tile per block ------------------------------


@cuda.jit(device=True)
def right(h, x, t, n, column, shift):
    """The columns beside dz or dy: those of h_t (h_{t+1} for the outputs), then x_t, then ones."""
    H, D = h.shape[2], x.shape[2]
    if column < H:
        return h[t + shift, n, column]
    return x[t, n, column - H] if column < H + D else h.dtype.type(1)


@cuda.jit(device=True)
def add_samples(tile_a, tile_b, samples, part):
    """Adds the products of so many samples to the thread's four elements."""
    for m in range(samples):
        b = tile_b[m, cuda.threadIdx.x]
        for i in range(4):
            part[i] += tile_a[m, cuda.threadIdx.y + ROWS * i] * b


@cuda.jit(device=True)
def product(a, first_row, h, x, column, shift, tile_a, tile_b, part, result):
    """Sum over steps and samples of a[t, n, row] right(.., column), always in the same order.

    A sum per step, then the sum of those: shorter sums lose less to rounding than one long one.
    """
    (T, N, K), lane, warp = a.shape, cuda.threadIdx.x, cuda.threadIdx.y
    row = min(first_row + lane, K - 1)  # beyond the last one: read what is there, keep nothing
    for t in range(T):
        for i in range(4):
            part[i] = 0
        for first in range(0, N, SIDE):
            for n in range(first + warp, min(first + SIDE, N), ROWS):
                tile_a[n - first, lane] = a[t, n, row]
                tile_b[n - first, lane] = right(h, x, t, n, column, shift)
            cuda.syncthreads()  # the tiles are there
            add_samples(tile_a, tile_b, min(SIDE, N - first), part)
            cuda.syncthreads()  # nobody reads them any more
        for i in range(4):
            result[i] += part[i]


@lru_cache
def make_weights_kernel(dtype):
    """The kernel for float32 or float64.  Launch it with `weights_shape`."""
    number = dtype.type

    @cuda.jit
    def weights_kernel(x, h, dz, dy, dU, dW, dB, dV, db_out):
        """A block has 32 rows, of dz or of dy, and 32 columns; a thread four of their products."""
        tile_a, tile_b = cuda.shared.array(SQUARE, number), cuda.shared.array(SQUARE, number)
        part, result = cuda.local.array(4, number), cuda.local.array(4, number)
        (K, H), D, O = dW.shape, dU.shape[1], dV.shape[0]  # noqa: E741
        (column, _), of_gates = cuda.grid(2), (K + SIDE - 1) // SIDE  # blocks of dz's rows
        for i in range(4):
            result[i] = 0
        if cuda.blockIdx.y < of_gates:
            first = cuda.blockIdx.y * SIDE
            product(dz, first, h, x, column, 0, tile_a, tile_b, part, result)
        else:
            first = (cuda.blockIdx.y - of_gates) * SIDE
            product(dy, first, h, x, column, 1, tile_a, tile_b, part, result)
        for i in range(4):
            row = first + cuda.threadIdx.y + ROWS * i
            if cuda.blockIdx.y < of_gates:
                if row < K and column < H:
                    dW[row, column] = result[i]
                elif row < K and column < H + D:
                    dU[row, column - H] = result[i]
                elif row < K and column == H + D:
                    dB[row] = result[i]
            elif row < O and column < H:
                dV[row, column] = result[i]
            elif row < O and column == H + D:
                db_out[row] = result[i]

    return weights_kernel


# ---- the host -----------------------------------------------------------------------------


def check_hidden_size(H):
    """Raise ValueError, before any launch, if a block cannot have 4 H threads."""
    if H > MAX_H:
        raise ValueError(f"H is {H}; cuda_v4 needs 4 H threads per block: the limit is H={MAX_H}")


def weights_shape(D, H, O):  # noqa: E741
    """Grid and block of the second kernel: dz's rows and dy's have blocks of their own."""
    rows = -(-4 * H // SIDE) + -(-O // SIDE)
    return (-(-(H + D + 1) // SIDE), rows), (SIDE, ROWS)


class Buffers:
    """What a mini-batch of these sizes needs on the card."""

    def __init__(self, size, dtype):
        T, N, D, H, O = size  # noqa: E741
        work = workspace_shapes(size, dtype.itemsize)
        parameters = param_shapes(D, H, O)
        given = *parameters, (H, 4 * H), (T, N, D), (T, N, O)  # W again: its rows as columns
        self.given = Piece([(shape, dtype) for shape in given])
        self.found = Piece([(shape, dtype) for shape in (work.loss, *parameters)])
        self.work = allocate([(shape, dtype) for shape in work[:-1]])


def gradients(params, x, y):
    """Loss and gradients of one batch.  x (T, N, D), y (T, N, O); grads shaped as params."""
    params, x, y = checked(params, x, y)
    T, N, D, H, O = size = sizes(params, x)  # noqa: E741
    check_hidden_size(H)
    scale, kernel = x.dtype.type(1 / y.size), make_kernel(x.dtype)
    weights = make_weights_kernel(x.dtype)[weights_shape(D, H, O)]
    with lent(Buffers, size, x.dtype) as card:
        card.given.send(*params, params.W.T, x, y)
        U, W, B, V, b_out, WT, x_d, y_d = card.given.arrays
        (h, c, gates, _, dz, dy), (loss, *grads) = card.work, card.found.arrays
        kernel[N, 4 * H](U, WT, W, B, V, b_out, x_d, y_d, scale, h, c, gates, dz, dy, loss)
        weights(x_d, h, dz, dy, *grads)
        loss, *grads = card.found.fetch()
    return float(loss.sum()), Params(*grads)
