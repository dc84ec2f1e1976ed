"""V5: weights and their gradients stay in registers for the whole sequence.  Lesson 10.

Four threads share a hidden unit j: thread 4 j + q holds, of the unit's four rows of W, the
columns q C .. q C + C - 1, and the same tile of dW.  Going forward, three shuffles add up the
four threads' parts so that thread q ends with gate q.  Going backward, the same tile gives dh: W
is read from memory once.  Blocks are persistent: each takes one sample after the other.
"""

import math
from functools import lru_cache

import numba
import numpy as np

from lstm_kernels.device import check_memory, count_processors, cuda
from lstm_kernels.model import checked, sizes
from lstm_kernels.versions import cuda_v4
from lstm_kernels.versions.packing import PADDED, make_layout, pack, unpack

ALL = 0xFFFFFFFF  # the mask of a whole warp
PAD = 4  # unused numbers after each row in shared memory: no two threads in one bank


# ---- small pieces: q is the thread's place among the four of its unit ----------------------


@cuda.jit(device=True)
def sigmoid(z):
    one = type(z)(1)
    return one / (one + math.exp(-z))


@cuda.jit(device=True)
def tanh(z):
    """By the same exponential as sigmoid: threads of one warp that differ in gate stay close."""
    s = sigmoid(z + z)
    return s + s - type(z)(1)


@cuda.jit(device=True)
def add_quads(q, a0, a1, a2, a3):
    """Add over the four threads of a unit; thread q returns the sum of the a_q."""
    if q & 2:
        a0, a1, a2, a3 = a2, a3, a0, a1
    a0 += cuda.shfl_xor_sync(ALL, a2, 2)
    a1 += cuda.shfl_xor_sync(ALL, a3, 2)
    if q & 1:
        a0, a1 = a1, a0
    return a0 + cuda.shfl_xor_sync(ALL, a1, 1)


@cuda.jit(device=True)
def share_quads(q, a):
    """What the four threads of a unit have, in the order of q, for each of them."""
    first = (cuda.threadIdx.x & 31) - q
    a0, a1 = cuda.shfl_sync(ALL, a, first), cuda.shfl_sync(ALL, a, first + 1)
    a2, a3 = cuda.shfl_sync(ALL, a, first + 2), cuda.shfl_sync(ALL, a, first + 3)
    return a0, a1, a2, a3


@cuda.jit(device=True)
def halve(p, width, mask):
    """Threads `mask` apart share the first 2 width sums of p: each ends with width of them."""
    for m in range(width):
        mine, yours = p[m], p[width + m]
        if cuda.threadIdx.x & mask:
            mine, yours = yours, mine
        p[m] = mine + cuda.shfl_xor_sync(ALL, yours, mask)


# ---- one sample, all threads of a block ---------------------------------------------------


@cuda.jit(device=True)
def forward(C, w, bias, packed, U_at, x, sample, n, h, c, gates, shared_h):
    """Gates and states of all steps: shared_h holds h_t and h_{t+1} in turn."""
    (T, _, D), threads, ROW = x.shape, 16 * C, C + PAD
    thread = cuda.threadIdx.x
    q, j = thread & 3, thread >> 2
    place = j // C * ROW + j % C
    cell = bias - bias
    cuda.syncthreads()  # nobody reads the last sample's state any more
    if q == 0:
        shared_h[0, place] = h[0, n, j] = c[0, n, j] = cell
    cuda.syncthreads()
    for t in range(T):
        a0 = a1 = a2 = a3 = bias - bias
        for m in range(C):
            value = shared_h[t & 1, q * ROW + m]
            a0 += w[m] * value
            a1 += w[C + m] * value
            a2 += w[2 * C + m] * value
            a3 += w[3 * C + m] * value
        z = bias + add_quads(q, a0, a1, a2, a3)
        for d in range(D):
            z += packed[U_at + d * threads + thread] * x[t, sample, d]
        a = tanh(z) if q == 2 else sigmoid(z)
        gates[t, n, thread] = a
        i, f, g, o = share_quads(q, a)
        cell = f * cell + i * g
        if q == 0:
            c[t + 1, n, j] = cell
            shared_h[(t + 1) & 1, place] = h[t + 1, n, j] = o * tanh(cell)
        cuda.syncthreads()  # h_{t+1} is there


@cuda.jit(device=True)
def outputs(P, packed, V_at, b_at, sample, n, y, h, dy, parts, scale):
    """A warp a prediction; then dy and the gradient of b_out.  Returns the loss (thread 0 only)."""
    T, O = y.shape[0], y.shape[2]  # noqa: E741
    thread = cuda.threadIdx.x
    for pair in range(thread >> 5, T * O, P // 8):
        t, k = pair // O, pair % O
        part = scale - scale
        for m in range(thread & 31, P, 32):
            part += packed[V_at + k * P + m] * h[t + 1, n, m]
        for distance in (16, 8, 4, 2, 1):
            part += cuda.shfl_xor_sync(ALL, part, distance)
        if thread & 31 == 0:
            dy[t, n, k] = packed[b_at + k] + part - y[t, sample, k]
    cuda.syncthreads()
    total = scale - scale
    if thread == 0:
        for k in range(O):
            for t in range(T):
                total += scale * dy[t, n, k] * dy[t, n, k]
                dy[t, n, k] = scale * (dy[t, n, k] + dy[t, n, k])
                parts[cuda.blockIdx.x, b_at + k] += dy[t, n, k]
    cuda.syncthreads()
    return total


@cuda.jit(device=True)
def backward_step(t, n, q, j, c, gates, dh, dc):
    """dz of this thread's gate, and dc for the step before."""
    a, one = gates[t, n, cuda.threadIdx.x], type(dh)(1)
    i, f, g, o = share_quads(q, a)
    tanh_c = tanh(c[t + 1, n, j])
    dc += dh * o * (one - tanh_c * tanh_c)
    if q == 0:
        dz = dc * g * i * (one - i)
    elif q == 1:
        dz = dc * c[t, n, j] * f * (one - f)
    elif q == 2:
        dz = dc * i * (one - g * g)
    else:
        dz = dh * tanh_c * o * (one - o)
    return dz, dc * f


@cuda.jit(device=True)
def backward(
    C, w, dw, p, packed, U_at, V_at, x, sample, n, h, c, gates, dy, parts, shared_h, shared_dh
):
    """dz of all steps, last first; adds to dw and to the block's parts; returns dbias."""
    (T, _, D), O, P, ROW = x.shape, dy.shape[2], 4 * C, C + PAD  # noqa: E741
    thread, block = cuda.threadIdx.x, cuda.blockIdx.x
    q, j = thread & 3, thread >> 2
    unit = (thread >> 4 & 1) * 4 + (thread >> 3 & 1) * 2 + (thread >> 2 & 1)
    column = (thread >> 5) * (P + 2 * PAD) + q * C + unit * (C // 8)  # of p[0] in shared_dh
    dc = dh_next = dbias = w[0] - w[0]
    for t in range(T - 1, -1, -1):
        now, dh = t & 1, dh_next
        if q == 0:
            shared_h[now, j // C * ROW + j % C] = h[t, n, j]
        for k in range(O):
            dh += packed[V_at + k * P + j] * dy[t, n, k]
            if q == k & 3:
                parts[block, V_at + k * P + j] += dy[t, n, k] * h[t + 1, n, j]
        dz, dc = backward_step(t, n, q, j, c, gates, dh, dc)
        dbias += dz
        for d in range(D):
            parts[block, U_at + d * 4 * P + thread] += dz * x[t, sample, d]
        z0, z1, z2, z3 = share_quads(q, dz)
        for m in range(C):  # this unit's part of dh_{t-1}, for the tile's columns
            p[m] = w[m] * z0 + w[C + m] * z1 + w[2 * C + m] * z2 + w[3 * C + m] * z3
        halve(p, C // 2, 16)  # add over the eight units of the warp
        halve(p, C // 4, 8)
        halve(p, C // 8, 4)
        for m in range(C // 8):
            shared_dh[now, column + m] = p[m]
        cuda.syncthreads()  # h_t and all warps' parts of dh are there
        for m in range(C):
            value = shared_h[now, q * ROW + m]
            dw[m] += z0 * value
            dw[C + m] += z1 * value
            dw[2 * C + m] += z2 * value
            dw[3 * C + m] += z3 * value
        dh_next = dbias - dbias
        for warp in range(q, P // 8, 4):
            dh_next += shared_dh[now, warp * (P + 2 * PAD) + j]
        dh_next += cuda.shfl_xor_sync(ALL, dh_next, 1)
        dh_next += cuda.shfl_xor_sync(ALL, dh_next, 2)
    return dbias


# ---- the kernels --------------------------------------------------------------------------


@lru_cache
def make_kernel(P, dtype):
    """The kernel for P padded hidden units: constants, so that loops unroll into registers."""
    number = numba.from_dtype(dtype)
    C = P // 4  # columns of a thread's tile
    TILE, H_SHAPE, DH_SHAPE = 4 * C, (2, 4 * (C + PAD)), (2, P // 8 * (P + 2 * PAD))

    @cuda.jit
    def kernel(
        packed, U_at, B_at, V_at, b_at,  # parameters and where their parts begin: packing.py
        x, y, order, first, count, scale,  # (T, all, D), (T, all, O), (all,); 1 / (T count O)
        h, c, gates, dy,  # workspace: (T+1, N, P), (T+1, N, P), (T, N, 4P), (T, N, O)
        parts, loss,  # results: (blocks, size) in the packed order, (all,) in the order of `order`
    ):  # fmt: skip
        """A block trains on samples order[first + n], n = block, block + blocks, ..."""
        shared_h = cuda.shared.array(H_SHAPE, number)
        shared_dh = cuda.shared.array(DH_SHAPE, number)
        w, dw = cuda.local.array(TILE, number), cuda.local.array(TILE, number)
        p = cuda.local.array(C, number)
        thread, block = cuda.threadIdx.x, cuda.blockIdx.x
        for e in range(TILE):
            w[e] = packed[e * 4 * P + thread]
            dw[e] = 0
        for e in range(U_at + thread, parts.shape[1], 4 * P):
            parts[block, e] = 0
        bias, dbias = packed[B_at + thread], number(0)
        for n in range(block, count, cuda.gridDim.x):
            sample = order[first + n]
            forward(C, w, bias, packed, U_at, x, sample, n, h, c, gates, shared_h)
            sample_loss = outputs(P, packed, V_at, b_at, sample, n, y, h, dy, parts, scale)
            if thread == 0:
                loss[first + n] = sample_loss
            dbias += backward(
                C, w, dw, p, packed, U_at, V_at, x, sample, n,
                h, c, gates, dy, parts, shared_h, shared_dh,
            )  # fmt: skip
        for e in range(TILE):
            parts[block, e * 4 * P + thread] = dw[e]
        parts[block, B_at + thread] = dbias

    return kernel


@cuda.jit(device=True)
def sum_of_parts(parts, e):
    """Element e of the gradient: the blocks' parts, added in the same order each time."""
    result = parts[0, e]
    for block in range(1, parts.shape[0]):
        result += parts[block, e]
    return result


@cuda.jit
def sum_kernel(parts, sums):
    """Thread e adds up element e over the blocks."""
    e = cuda.grid(1)
    if e < sums.size:
        sums[e] = sum_of_parts(parts, e)


# ---- the host -----------------------------------------------------------------------------


def gradients(params, x, y):
    """Loss and gradients of one batch.  x (T, N, D), y (T, N, O); grads shaped as params."""
    params, x, y = checked(params, x, y)
    T, N, D, H, O = sizes(params, x)  # noqa: E741
    if H > PADDED[-1]:  # too many for the registers: weights are read again in each step
        return cuda_v4.gradients(params, x, y)
    layout, blocks = make_layout(D, H, O), min(N, count_processors())
    work = [cuda.device_array(s, x.dtype) for s in workspace_shapes(T, N, blocks, layout)]
    *_, parts, loss = work
    packed, order = cuda.to_device(pack(params, layout)), cuda.to_device(np.arange(N))
    batch = cuda.to_device(x), cuda.to_device(y), order, 0, N, x.dtype.type(1 / y.size)
    at = layout.U, layout.B, layout.V, layout.b_out
    make_kernel(layout.P, x.dtype)[blocks, 4 * layout.P](packed, *at, *batch, *work)
    sums = cuda.device_array(layout.size, x.dtype)
    sum_kernel[-(-layout.size // 128), 128](parts, sums)
    return float(loss.copy_to_host().sum()), unpack(sums.copy_to_host(), layout)


def workspace_shapes(T, N, blocks, layout):
    """Shapes of h, c, gates, dy, parts, loss; MemoryError if the device cannot hold them."""
    P, O = layout.P, layout.O  # noqa: E741
    numbers = 2 * (T + 1) * N * P + 4 * T * N * P + T * N * O + N + blocks * layout.size
    check_memory(8 * numbers, f"a batch of N={N} samples with T={T}, {P} padded hidden units")
    state = (T + 1, N, P)
    return state, state, (T, N, 4 * P), (T, N, O), (blocks, layout.size), (N,)
