"""V5: weights and their gradients stay in registers for the whole sequence.  Lesson 14.

Four threads share a hidden unit j: thread 4 j + q holds, of the unit's four rows of W, the
columns q C .. q C + C - 1, and the same tile of dW.  Going forward, three shuffles add up the
four threads' parts so that thread q ends with gate q.  Going backward, the same tile gives dh: W
is read from memory once.  Blocks are persistent: no more than run on the card at the same time,
and each takes one sample after the other.  With P = 32 that is three an SM: the compiler needs
more registers on some cards, and a fourth block fits on the others only (compile report).

The loops over steps do only what must wait for the step before, and touch registers and shared
memory alone.  What x and the outputs add is computed before them, the gradients of U, B and V
after them, and there no step waits.  Shared memory has room for a window of 16 steps (float64: 8).
Longer sequences go through it window by window: forward only the states at the edges are kept, and
on the way back each window is computed once more.

Made for H up to 64: for more, the tiles do not fit into a thread's 255 registers.  `gradients`
then hands over to V7 where its weights fit on the card, else to V4, which takes H up to 128.
"""

import math
from functools import lru_cache

import numpy as np

from lstm_kernels.machine.device import check_memory, count_processors, cuda
from lstm_kernels.model import checked
from lstm_kernels.versions import cuda_v4, cuda_v7
from lstm_kernels.versions.buffers import allocate
from lstm_kernels.versions.packing import PADDED, make_layout
from lstm_kernels.versions.parts import one_batch

ALL = 0xFFFFFFFF  # the mask of a whole warp
BLOCKS_OF_SM = {32: 3, 64: 1}  # for P: so many fit on an SM of every card of the report
MASK = 0x7FFFFFFF  # tells the compiler that an index is not negative: no index like a[-1]
PAD = 4  # unused numbers after each row in shared memory: no bank conflict in a read


# ---- small pieces: q is the thread's place among the four of its unit ----------------------


@cuda.jit(device=True)
def thread_number():
    """threadIdx.x, and by its mask never negative: see MASK."""
    return cuda.threadIdx.x & 1023


@cuda.jit(device=True, fastmath=True)
def sigmoid(z):
    """By the fast exponential and division of the card: error below 3e-7 (CUDA guide, bounds)."""
    one = type(z)(1)
    return one / (one + math.exp(-z))


@cuda.jit(device=True)
def tanh(z):
    """By the same exponential as sigmoid: a warp's threads take one path, whatever their gate."""
    s = sigmoid(z + z)
    return s + s - type(z)(1)


@cuda.jit(device=True)
def activate(q, z):
    """Gate q of a unit: tanh for g, sigmoid for i, f and o."""
    s = sigmoid(z + z if q == 2 else z)
    return s + s - type(z)(1) if q == 2 else s


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
def sum_of_quad(a):
    """The sum over the four threads of a unit, for each of them."""
    a += cuda.shfl_xor_sync(ALL, a, 1)
    return a + cuda.shfl_xor_sync(ALL, a, 2)


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


# ---- one window of a sample, all threads of a block; h, c, gates, dh, dy in shared memory ----


@cuda.jit(device=True)
def step_of_lane(x, sample, start, steps, d):
    """Each lane of a warp gets one step of input d: all loads are on their way together."""
    return x[start + min(thread_number() & 31, steps - 1), sample, d]


@cuda.jit(device=True)
def inputs(packed, B_at, U_at, x, sample, start, steps, gates):
    """What the bias and x give to z, for all steps."""
    threads, thread, bias = cuda.blockDim.x & 1023, thread_number(), packed[B_at + thread_number()]
    for t in range(steps):
        gates[t, thread] = bias
    for d in range(x.shape[2]):
        weight = packed[U_at + d * threads + thread]
        value = step_of_lane(x, sample, start, steps, d)
        for t in range(steps):
            gates[t, thread] += weight * cuda.shfl_sync(ALL, value, t)


@cuda.jit(device=True)
def begin(C, start, before, h, c):
    """The state before the window: of the sample's first step, or what `keep` wrote."""
    thread, zero = thread_number(), before.dtype.type(0)
    j = thread >> 2
    cuda.syncthreads()  # nobody reads the window before any more
    if thread & 3 == 0:
        h[0, j // C * (C + PAD) + j % C] = before[0, j] if start > 0 else zero
        c[0, j] = before[1, j] if start > 0 else zero
    cuda.syncthreads()  # the state is there


@cuda.jit(device=True)
def forward(C, w, h, c, gates, steps):
    """Gates and states of all steps."""
    thread, ROW, zero = thread_number(), C + PAD, w[0] - w[0]
    q, j = thread & 3, thread >> 2
    place, cell = j // C * ROW + j % C, c[0, j]
    for t in range(steps):
        a0 = a1 = a2 = a3 = zero
        for m in range(C):
            value = h[t, q * ROW + m]
            a0 += w[m] * value
            a1 += w[C + m] * value
            a2 += w[2 * C + m] * value
            a3 += w[3 * C + m] * value
        a = activate(q, gates[t, thread] + add_quads(q, a0, a1, a2, a3))
        gates[t, thread] = a
        i, f, g, o = share_quads(q, a)
        cell = f * cell + i * g
        if q == 0:
            c[t + 1, j] = cell
            h[t + 1, place] = o * tanh(cell)
        cuda.syncthreads()  # h_{t+1} is there


@cuda.jit(device=True)
def keep(C, steps, h, c, after):
    """The state after the window, for `begin`: the same threads read it."""
    j = thread_number() >> 2
    if thread_number() & 3 == 0:
        after[0, j] = h[steps, j // C * (C + PAD) + j % C]
        after[1, j] = c[steps, j]


@cuda.jit(device=True)
def output(C, packed, V_at, b_at, y, sample, start, steps, k, h, dy, dh, scale):
    """Output k of all steps: dy, and what it gives to dh.  C threads a step, four units each."""
    thread, zero, V_k = thread_number(), scale - scale, V_at + k * 4 * C
    t, j, part = min(thread // C, steps - 1), thread % C, zero
    target = y[start + t, sample, k]
    for m in range(4):
        part += packed[V_k + m * C + j] * h[t + 1, m * (C + PAD) + j]
    for distance in (8, 4, 2, 1):
        if distance < C:
            part += cuda.shfl_xor_sync(ALL, part, distance)
    error = packed[b_at + k] + part - target
    if thread // C < steps:
        if j == 0:
            dy[k & 1, t] = scale * (error + error)
        for m in range(4):
            before = dh[t, m * C + j] if k > 0 else zero
            dh[t, m * C + j] = before + packed[V_k + m * C + j] * (scale * (error + error))
    cuda.syncthreads()  # dy and dh are there


@cuda.jit(device=True)
def output_gradients(C, V_at, b_at, steps, k, h, dy, parts):
    """Adds to the block's parts of dV and of the gradient of b_out.  Returns the sum of dy^2."""
    q, j = thread_number() & 3, thread_number() >> 2
    part = bias = squares = parts.dtype.type(0)
    for t in range(q, steps, 4):
        part += dy[k & 1, t] * h[t + 1, j // C * (C + PAD) + j % C]
        bias += dy[k & 1, t]
        squares += dy[k & 1, t] * dy[k & 1, t]
    part, bias, squares = sum_of_quad(part), sum_of_quad(bias), sum_of_quad(squares)
    if q == 0:
        parts[V_at + k * 4 * C + j] += part
        if j == 0:
            parts[b_at + k] += bias
    return squares


@cuda.jit(device=True)
def backward_step(q, a, c_before, c_after, dh, dc):
    """The unit's four dz, for each of its threads, and dc for the step before."""
    i, f, g, o = share_quads(q, a)
    tanh_c, one = tanh(c_after), type(dh)(1)
    dc += dh * o * (one - tanh_c * tanh_c)
    z0 = dc * g * i * (one - i)
    z1 = dc * c_before * f * (one - f)
    z2 = dc * i * (one - g * g)
    z3 = dh * tanh_c * o * (one - o)
    return z0, z1, z2, z3, dc * f


@cuda.jit(device=True)
def parts_of_dh(C, w, z0, z1, z2, z3, p):
    """What a warp's units give to dh_t: each thread ends with C / 8 columns of its tile."""
    for m in range(C):
        p[m] = w[m] * z0 + w[C + m] * z1 + w[2 * C + m] * z2 + w[3 * C + m] * z3
    halve(p, C // 2, 16)  # add over the eight units of the warp
    halve(p, C // 4, 8)
    halve(p, C // 8, 4)


@cuda.jit(device=True)
def first_column(C):
    """Of the C / 8 columns that a thread ends with after halving."""
    thread = thread_number()
    unit = (thread >> 4 & 1) * 4 + (thread >> 3 & 1) * 2 + (thread >> 2 & 1)
    return (thread & 3) * C + unit * (C // 8)


@cuda.jit(device=True)
def nothing_after(C, T, shared_dh):
    """Nothing comes back from after the last step.  A barrier must follow."""
    for m in range(C // 8):
        shared_dh[T & 1, thread_number() >> 5, first_column(C) + m] = 0


@cuda.jit(device=True)
def sum_of_warps(P, q, j, shared_dh, after):
    """dh of unit j from the parts of all warps: each of its four threads reads a quarter."""
    total = shared_dh[after, q, j]
    for k in range(1, P // 32):
        total += shared_dh[after, 4 * k + q, j]
    return sum_of_quad(total)


@cuda.jit(device=True)
def backward(C, w, dw, p, h, c, gates, dh, shared_dh, start, steps, z0, z1, z2, z3, dc):
    """Gates become dz, the last step first; adds to dw.  Returns z0 .. dc for the window before."""
    P, ROW, thread = 4 * C, C + PAD, thread_number()
    warp, q, j, column = thread >> 5, thread & 3, thread >> 2, first_column(C)
    c_after = c[steps, j]
    for t in range(steps - 1, -1, -1):
        a, c_before, now = gates[t, thread], c[t, j], (start + t) & 1
        for m in range(C):  # dW of step t + 1: no need to wait for its dh
            value = h[t + 1, q * ROW + m]
            dw[m] += z0 * value
            dw[C + m] += z1 * value
            dw[2 * C + m] += z2 * value
            dw[3 * C + m] += z3 * value
        part = dh[t, j] + sum_of_warps(P, q, j, shared_dh, 1 - now)
        z0, z1, z2, z3, dc = backward_step(q, a, c_before, c_after, part, dc)
        gates[t, thread] = (z0 if q == 0 else z1) if q < 2 else (z2 if q == 2 else z3)
        c_after = c_before
        if start + t > 0:  # h_0 is zero and needs no gradient: step 0 adds nothing to dW
            parts_of_dh(C, w, z0, z1, z2, z3, p)
            for m in range(C // 8):
                shared_dh[now, warp, column + m] = p[m]
            cuda.syncthreads()  # all warps' parts of dh are there
    return z0, z1, z2, z3, dc


@cuda.jit(device=True)
def input_gradients(B_at, U_at, x, sample, start, steps, dz, parts):
    """Adds to the block's parts of dB and dU.  Each thread reads what it wrote itself."""
    threads, thread = cuda.blockDim.x & 1023, thread_number()
    part = zero = parts.dtype.type(0)
    for t in range(steps):
        part += dz[t, thread]
    parts[B_at + thread] += part
    for d in range(x.shape[2]):
        value, part = step_of_lane(x, sample, start, steps, d), zero
        for t in range(steps):
            part += dz[t, thread] * cuda.shfl_sync(ALL, value, t)
        parts[U_at + d * threads + thread] += part


# ---- the kernels --------------------------------------------------------------------------


@lru_cache
def make_kernel(P, dtype):
    """The kernel for P padded hidden units: constants, so that loops unroll into registers."""
    if P > PADDED[-1]:
        raise ValueError(f"P is {P}; two tiles fit into a thread's registers up to {PADDED[-1]}")
    number = dtype.type
    C, STEPS = P // 4, window_steps(dtype)  # columns of a thread's tile; steps of a window
    TILE, STATES, H_SHAPE = 4 * C, (STEPS + 1, P), (STEPS + 1, 4 * (C + PAD))
    GATES, DY_SHAPE, DH_SHAPE = (STEPS, 4 * P), (2, STEPS), (STEPS, P)
    WARPS_DH = (2, P // 8, P + 2 * PAD)

    @cuda.jit
    def kernel(
        packed, U_at, B_at, V_at, b_at,  # parameters and where their parts begin: packing.py
        x, y, order, first, count, scale,  # (T, all, D), (T, all, O), (all,); 1 / (T count O)
        edges, parts,  # (blocks, windows, 2, P): h and c before a window; (blocks, size), packed
        loss,  # (all,), in the order of `order`
    ):  # fmt: skip
        """A block trains on samples order[first + n], n = block, block + blocks, ..."""
        h = cuda.shared.array(H_SHAPE, number)
        c = cuda.shared.array(STATES, number)
        gates = cuda.shared.array(GATES, number)
        dh = cuda.shared.array(DH_SHAPE, number)
        dy = cuda.shared.array(DY_SHAPE, number)
        shared_dh = cuda.shared.array(WARPS_DH, number)
        w, dw = cuda.local.array(TILE, number), cuda.local.array(TILE, number)
        p = cuda.local.array(C, number)
        thread, block, T = thread_number(), cuda.blockIdx.x, x.shape[0] & MASK
        U_at, B_at, V_at, b_at = U_at & MASK, B_at & MASK, V_at & MASK, b_at & MASK
        mine = parts[block]  # the block's
        last = (T - 1) // STEPS  # the last window
        for e in range(U_at + thread, parts.shape[1], 4 * P):
            mine[e] = 0
        for e in range(TILE):
            w[e] = packed[e * 4 * P + thread]
            dw[e] = 0
        for n in range(block, count, cuda.gridDim.x):
            sample = order[first + n] & MASK
            z0 = z1 = z2 = z3 = dc = squares = number(0)
            for turn in range(2 * last + 1):  # all windows there, only their edges stay, and back
                window = last - abs(last - turn)
                start = window * STEPS
                steps = min(STEPS, T - start)
                inputs(packed, B_at, U_at, x, sample, start, steps, gates)
                begin(C, start, edges[block, window], h, c)
                forward(C, w, h, c, gates, steps)
                if turn < last:
                    keep(C, steps, h, c, edges[block, window + 1])
                    continue
                if turn == last:
                    nothing_after(C, T, shared_dh)
                for k in range(y.shape[2]):
                    output(C, packed, V_at, b_at, y, sample, start, steps, k, h, dy, dh, scale)
                    squares += output_gradients(C, V_at, b_at, steps, k, h, dy, mine)
                z0, z1, z2, z3, dc = backward(
                    C, w, dw, p, h, c, gates, dh, shared_dh, start, steps, z0, z1, z2, z3, dc
                )
                input_gradients(B_at, U_at, x, sample, start, steps, gates, mine)
            if thread == 0:  # dy = 2 scale error, and the loss is scale times the sum of error^2
                loss[first + n] = number(0.25) * squares / scale
        for e in range(TILE):
            mine[e * 4 * P + thread] = dw[e]

    return kernel


# ---- the host -----------------------------------------------------------------------------


class Steps:
    """Memory for batches of up to batch_size samples, and the launch that fills `parts`.

    allocate: makes the arrays on the card, as `buffers.allocate` does.
    """

    def __init__(self, layout, T, batch_size, dtype, allocate=allocate):
        self.layout, self.kernel = layout, make_kernel(layout.P, dtype)
        blocks = count_blocks(batch_size, layout.P)
        shapes = workspace_shapes(T, batch_size, blocks, layout, dtype.itemsize)[:-1]
        *self.work, parts = allocate([(shape, dtype) for shape in shapes])
        self.parts = {blocks: parts}  # for a launch of so many blocks

    def queue(self, packed, x, y, order, first, count, loss, stream=0):
        """Queue a batch's gradients: returns parts (blocks, size), whose rows add up to them.

        The batch is samples order[first : first + count] of x (T, all, D) and y (T, all, O); their
        losses go to loss[first : first + count].  Nothing is allocated, copied or waited for.
        """
        layout, parts = self.layout, self.parts_of(count)
        at = layout.U, layout.B, layout.V, layout.b_out
        scale = packed.dtype.type(1 / (y.shape[0] * count * y.shape[2]))
        batch = x, y, order, first, count, scale
        grid = parts.shape[0], 4 * layout.P, stream
        self.kernel[grid](packed, *at, *batch, *self.work, parts, loss)
        return parts

    def parts_of(self, count):
        """A row for each block of a launch for so many samples."""
        most = next(iter(self.parts))
        rows = min(count, most)
        if rows not in self.parts:
            self.parts[rows] = self.parts[most][:rows]
        return self.parts[rows]


def check_hidden_size(H):
    """Raise ValueError, before any launch, if neither V5 nor who it hands over to can compute."""
    if H > max(PADDED[-1], cuda_v4.MAX_H):
        cuda_v7.check_hidden_size(H)


def gradients(params, x, y):
    """Loss and gradients of one batch.  x (T, N, D), y (T, N, O); grads shaped as params."""
    params, x, y = checked(params, x, y)
    if params.W.shape[1] > PADDED[-1]:  # too many for the registers
        larger = cuda_v7 if cuda_v7.fits(params) else cuda_v4
        return larger.gradients(params, x, y)
    return one_batch(make_layout, Steps, params, x, y)


def count_blocks(N, P):
    """Blocks of a launch: no more than run at the same time, and no more than samples."""
    return min(N, BLOCKS_OF_SM[P] * count_processors())


def window_steps(dtype):
    """Steps of a window, whose state fits into a block's 48 KB of shared memory: 16 or 8."""
    return 64 // np.dtype(dtype).itemsize


def workspace_shapes(T, N, blocks, layout, itemsize):
    """Shapes of edges, parts, loss; MemoryError if the device cannot hold them."""
    windows = -(-T * itemsize // 64)
    numbers = N + blocks * (2 * windows * layout.P + layout.size)
    what = f"a batch of N={N} samples with T={T}, {layout.P} padded hidden units"
    check_memory(itemsize * numbers, what)
    return (blocks, windows, 2, layout.P), (blocks, layout.size), (N,)
