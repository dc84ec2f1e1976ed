"""V7: the whole card holds the weights, and all its blocks take each step together.  Lesson 16.

For H above 64 one block cannot hold W.  So each block owns some hidden units: it keeps their part
of W in its shared memory for the whole sequence and computes these units for a group of samples.
A step of the LSTM needs all units of the step before: `grid.sync()`, a barrier of the whole card,
stands between two steps.  All blocks must be on the card at once: a cooperative launch.

Neighbours in memory are samples: h (T+1, P, N).  A thread computes a small tile, some gate rows of
some samples, and a warp has four groups of rows by eight of samples: each number that it reads from
shared memory serves many multiply-adds.  Going forward a block needs its units' rows of W, going
backward their columns.

dW leaves the loop: it is one large product of dz and h over all steps and samples, computed
afterwards by a kernel of its own, in parts that are added up in a fixed order.

Persistent RNNs are by Diamos et al. 2016.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from lstm_kernels.machine import large_shared
from lstm_kernels.machine.device import check_memory, count_processors, cuda, shared_memory
from lstm_kernels.model import checked, count_params, param_shapes
from lstm_kernels.versions.buffers import allocate
from lstm_kernels.versions.packing import Layout, split
from lstm_kernels.versions.parts import one_batch

THREADS, WARPS = 256, 8  # a block
MULTIPLE = 32  # H is padded to a multiple of it
ROOM, PLUS = 0xFFFF, 0x7FFFFFFF  # masks tell the compiler: not negative, so no index like a[-1]
PAD = 4  # unused numbers after each row of W, against bank conflicts when it is written
LATENCY, BYTES_A_CYCLE = 800, 24  # of a read from L2, for an SM while all others read, roughly
MOST_PARTS = 16  # of dW: sums that the update adds one after the other


# ---- small pieces -------------------------------------------------------------------------


@cuda.jit(device=True)
def warp_and_lane():
    thread = cuda.threadIdx.x & (THREADS - 1)
    return thread >> 5, thread & 31


@cuda.jit(device=True, fastmath=True)
def sigmoid(z):
    """By the fast exponential and division of the card."""
    one = type(z)(1)
    return one / (one + math.exp(-z))


@cuda.jit(device=True)
def fetch(samples, loads, group, P, source, t, k, n, on_the_way):
    """Read the thread's rows of a chunk of source (T, rows, N): k .. k + group of each P rows."""
    t, k, n = t & PLUS, k & PLUS, n & PLUS
    for i in range(loads // samples):
        row = k + i * WARPS // group * P + i * WARPS % group
        for r in range(samples):
            on_the_way[i * samples + r] = source[t, row, n + 32 * r]


@cuda.jit(device=True)
def put(samples, loads, on_the_way, shared, at):
    """Write them to rows warp, warp + 8, ... of a chunk in shared memory."""
    warp, lane = warp_and_lane()
    first = (at + warp * 32 * samples + lane) & ROOM
    for i in range(loads // samples):
        for r in range(samples):
            shared[first + (i * WARPS * samples + r) * 32] = on_the_way[i * samples + r]


@cuda.jit(device=True)
def multiply_row(rows, samples, shared, weights, values, acc):
    """acc[m, r] += W[m] * chunk[r] of one row each, both in shared memory.

    A thread's rows are neighbours, and its samples are in fours: so four numbers are one read.
    """
    four = min(4, samples)
    for m in range(rows):
        weight = shared[weights + m]
        for r in range(samples):
            acc[m * samples + r] += weight * shared[values + r // four * four * 32 + r % four]


@cuda.jit(device=True)
def multiply_two(rows, samples, pitch, shared, weights, values, acc):
    multiply_row(rows, samples, shared, weights, values, acc)
    multiply_row(rows, samples, shared, weights + pitch, values + 32 * samples, acc)


@cuda.jit(device=True)
def multiply_four(rows, samples, pitch, shared, weights, values, acc):
    multiply_two(rows, samples, pitch, shared, weights, values, acc)
    multiply_two(rows, samples, pitch, shared, weights + 2 * pitch, values + 64 * samples, acc)


@cuda.jit(device=True)
def multiply(rows, samples, count, few, pitch, shared, a, b, acc):
    """The sum of that over k < count: W's rows are `pitch` apart, the chunk's 32 * samples.

    `few` rows are written out one after another, so that what is read is ahead of its use.
    """
    for k in range(0, count, few):
        weights = (a + k * pitch) & (ROOM - 3)
        values = (b + k * samples * 32) & (ROOM + 1 - min(4, samples))
        if few == 2:
            multiply_two(rows, samples, pitch, shared, weights, values, acc)
        else:
            multiply_four(rows, samples, pitch, shared, weights, values, acc)
        if few == 8:
            weights, values = weights + 4 * pitch, values + 128 * samples
            multiply_four(rows, samples, pitch, shared, weights, values, acc)


@cuda.jit(device=True)
def product(
    rows, samples, loads, group, count, few, pitch, P, shared, a, chunks_at, b, source, t, n, acc,
    on_the_way,
):  # fmt: skip
    """acc[m, r] = sum over k of W[k, m] * source[t, k, n + 32 r]: one chunk after the other.

    While a chunk is multiplied, the next one is on its way from memory.
    """
    warp, size = (cuda.threadIdx.x & (THREADS - 1)) >> 5, loads * THREADS
    fetch(samples, loads, group, P, source, t, warp, n, on_the_way)
    put(samples, loads, on_the_way, shared, chunks_at)
    for e in range(rows * samples):
        acc[e] = source.dtype.type(0)
    cuda.syncthreads()  # the first chunk is there
    for chunk in range(P // group):
        k = (chunk + 1) * group + warp
        if k < P:
            fetch(samples, loads, group, P, source, t, k, n, on_the_way)
        here = chunks_at + (chunk & 1) * size
        at = a + chunk * group * pitch
        multiply(rows, samples, count, few, pitch, shared, at, here + b, acc)
        if k < P:
            put(samples, loads, on_the_way, shared, chunks_at + ((chunk + 1) & 1) * size)
        cuda.syncthreads()  # the next chunk is there, and this one is free


@cuda.jit(device=True)
def leave(rows, samples, acc, shared, at):
    """Put the warp's sums where the other warps find them: rows of 32 * samples numbers."""
    four = min(4, samples)
    at &= ROOM + 1 - four
    for m in range(rows):
        for r in range(samples):
            shared[at + m * samples * 32 + r // four * four * 32 + r % four] = acc[m * samples + r]


# ---- before and between the two passes over time --------------------------------------------


@cuda.jit(device=True)
def gather(x, order, first, count, width, xs):
    """xs (T, D, N): this mini-batch's x, samples last; zero for the samples of the padding."""
    start = cuda.blockIdx.x * THREADS + cuda.threadIdx.x
    for e in range(start, xs.shape[0] * width, cuda.gridDim.x * THREADS):
        t, n = e // width, e % width
        for d in range(xs.shape[1]):
            xs[t, d, n] = x[t, order[first + n], d] if n < count else x.dtype.type(0)


@cuda.jit(device=True)
def keep_rows(units, P, pitch, packed, unit, shared, some):
    """W's rows of the block's units, as [k][unit][gate].  Eight reads are on the way at once."""
    thread, unit = cuda.threadIdx.x & (THREADS - 1), unit & PLUS
    for first in range(thread, 4 * units * P, 8 * THREADS):
        for i in range(8):
            row, k = (first + i * THREADS) // P, (first + i * THREADS) % P
            if row < 4 * units:
                some[i] = packed[((row & 3) * P + unit + (row >> 2)) * P + k]
        for i in range(8):
            row, k = (first + i * THREADS) // P, (first + i * THREADS) % P
            if row < 4 * units:
                shared[k * pitch + row] = some[i]


@cuda.jit(device=True)
def keep_columns(units, P, packed, unit, shared, some):
    """W's columns of the block's units, as [gate row][unit]."""
    thread, unit = cuda.threadIdx.x & (THREADS - 1), unit & PLUS
    for first in range(thread, 4 * units * P, 8 * THREADS):
        for i in range(8):
            e = first + i * THREADS
            if e < 4 * units * P:
                some[i] = packed[e // units * P + unit + e % units]
        for i in range(8):
            e = first + i * THREADS
            if e < 4 * units * P:
                shared[e] = some[i]


@cuda.jit(device=True)
def keep_inputs(units, P, packed, U_at, B_at, unit, D, shared, at):
    """B's and U's rows of the block's units: B, then a row for each input."""
    for e in range(cuda.threadIdx.x, (1 + D) * 4 * units, THREADS):
        row = e % (4 * units)
        source = (row & 3) * P + unit + (row >> 2)
        d = e // (4 * units) - 1
        shared[at + e] = packed[B_at + source] if d < 0 else packed[U_at + d * 4 * P + source]


@cuda.jit(device=True)
def outputs(P, packed, V_at, b_at, y, order, first, count, width, scale, h, dy, shared, at):
    """A block predicts for 32 samples at a step, its warps share the units; then dy."""
    (T, O, _), (warp, lane), groups = dy.shape, warp_and_lane(), width >> 5  # noqa: E741
    for item in range(cuda.blockIdx.x, T * groups, cuda.gridDim.x):
        t, n = item // groups, item % groups * 32 + lane
        for q in range(O):
            part = scale - scale
            for j in range(warp, P, WARPS):
                part += packed[V_at + q * P + j] * h[t + 1, j, n]
            shared[at + warp * 32 + lane] = part
            cuda.syncthreads()  # the warps' parts are there
            if warp == 0:
                error = packed[b_at + q]
                for k in range(WARPS):
                    error += shared[at + k * 32 + lane]
                if n < count:
                    error -= y[t, order[first + n], q]
                dy[t, q, n] = scale * (error + error) if n < count else scale - scale
            cuda.syncthreads()  # they are read


@cuda.jit(device=True)
def losses(dy, first, count, scale, loss):
    """Each sample's part of the loss: scale times the sum of its squared errors."""
    start = cuda.blockIdx.x * THREADS + cuda.threadIdx.x
    for n in range(start, count, cuda.gridDim.x * THREADS):
        squares = scale - scale
        for t in range(dy.shape[0]):
            for q in range(dy.shape[1]):
                squares += dy[t, q, n] * dy[t, q, n]
        loss[first + n] = type(scale)(0.25) * squares / scale


# ---- a step of the block's units for its samples: what comes after the product ---------------


@cuda.jit(device=True)
def unit_and_sample(pair, samples):
    pair &= ROOM
    return pair // samples, pair % samples


@cuda.jit(device=True)
def read_forward(batch, units, samples, shared, inputs_at, first, t, unit, n, xs, c, own):
    """What a step needs beside the product, for `batch` pairs of a unit and a sample at once.

    own: 5 numbers of a pair, the inputs of its gates and its cell.
    """
    for p in range(batch):
        u, s = unit_and_sample(first + p * THREADS, samples)
        own[5 * p + 4] = c[t, (unit + u) & PLUS, (n + s) & PLUS] if t > 0 else xs.dtype.type(0)
        for q in range(4):
            own[5 * p + q] = shared[inputs_at + 4 * u + q]
    for d in range(xs.shape[1]):
        for p in range(batch):
            u, s = unit_and_sample(first + p * THREADS, samples)
            value = xs[t, d, (n + s) & PLUS]
            for q in range(4):
                own[5 * p + q] += value * shared[inputs_at + ((1 + d) * units + u) * 4 + q]


@cuda.jit(device=True)
def finish_forward(batch, units, samples, parts, P, shared, at, first, t, unit, n, h, c, z, own):
    """Gates and states of the same pairs."""
    for p in range(batch):
        u, s = unit_and_sample(first + p * THREADS, samples)
        if t > 0:
            for k in range(parts):
                for q in range(4):
                    place = at + ((k * units + u) * 4 + q) * samples + s
                    own[5 * p + q] += shared[place & ROOM]
        i, f = sigmoid(own[5 * p]), sigmoid(own[5 * p + 1])
        g, o = math.tanh(own[5 * p + 2]), sigmoid(own[5 * p + 3])
        cell = f * own[5 * p + 4] + i * g
        j, m = (unit + u) & PLUS, (n + s) & PLUS
        z[t, j, m], z[t, P + j, m], z[t, 2 * P + j, m], z[t, 3 * P + j, m] = i, f, g, o
        c[t + 1, j, m], h[t + 1, j, m] = cell, o * math.tanh(cell)


@cuda.jit(device=True)
def read_backward(batch, samples, P, packed, V_at, first, t, unit, n, dy, c, z, dc, own):
    """What a step back needs beside the product.

    own: 8 numbers of a pair: its gates, c before and after the step, what came back to c and h.
    """
    (T, O, _), zero = dy.shape, dy.dtype.type(0)  # noqa: E741
    for p in range(batch):
        u, s = unit_and_sample(first + p * THREADS, samples)
        j, m = (unit + u) & PLUS, (n + s) & PLUS
        own[8 * p], own[8 * p + 1] = z[t, j, m], z[t, P + j, m]
        own[8 * p + 2], own[8 * p + 3] = z[t, 2 * P + j, m], z[t, 3 * P + j, m]
        own[8 * p + 4], own[8 * p + 5] = c[t, j, m] if t > 0 else zero, c[t + 1, j, m]
        own[8 * p + 6], own[8 * p + 7] = dc[j, m] if t < T - 1 else zero, zero
    for q in range(O):
        for p in range(batch):
            u, s = unit_and_sample(first + p * THREADS, samples)
            own[8 * p + 7] += packed[V_at + q * P + unit + u] * dy[t, q, (n + s) & PLUS]


@cuda.jit(device=True)
def finish_backward(batch, units, samples, parts, P, shared, at, first, t, unit, n, z, dc, own):
    """The gates in z become dz.  parts is 0 at the last step: nothing comes from after it."""
    one = z.dtype.type(1)
    for p in range(batch):
        u, s = unit_and_sample(first + p * THREADS, samples)
        for k in range(parts):
            own[8 * p + 7] += shared[(at + (k * units + u) * samples + s) & ROOM]
        j, m = (unit + u) & PLUS, (n + s) & PLUS
        i, f, g, o = own[8 * p], own[8 * p + 1], own[8 * p + 2], own[8 * p + 3]
        tanh_c, dh = math.tanh(own[8 * p + 5]), own[8 * p + 7]
        d = own[8 * p + 6] + dh * o * (one - tanh_c * tanh_c)
        z[t, j, m] = d * g * i * (one - i)
        z[t, P + j, m] = d * own[8 * p + 4] * f * (one - f)
        z[t, 2 * P + j, m] = d * i * (one - g * g)
        z[t, 3 * P + j, m] = dh * tanh_c * o * (one - o)
        dc[j, m] = d * f


# ---- the first kernel: all steps forward, then all steps backward ---------------------------


class Tile(NamedTuple):
    """What a block computes at once.  A thread has 4 * `units` rows of `samples` samples."""

    units: int  # whose gates are a thread's rows, going forward
    samples: int
    sharing: int  # so many warps share the sum over k
    loads: int  # numbers that a thread has on the way from memory

    @property
    def block(self):
        """Units and samples of a block."""
        return self.units * WARPS // self.sharing, 32 * self.samples

    def groups(self, P):
        """Rows of h in a chunk, going forward; rows of each gate's dz, going back."""
        rows = self.loads * WARPS // self.samples
        return math.gcd(rows, P), math.gcd(rows // 4, P)

    def shared(self, P, D):
        """Numbers in shared memory: the weights, two chunks, and what x and the bias need."""
        units = self.block[0]
        return P * (4 * units + PAD) + 2 * self.loads * THREADS + 4 * units * (1 + D)

    def cycles(self, P, tiles):
        """A rough count for a step forward and one back of an SM with so many tiles.

        It compares kinds of tiles.  A row of a chunk costs each scheduler its instructions for two
        warps, and shared memory its reads; the chunks come from L2 meanwhile.
        """
        units, samples, reads = self.units, self.samples, self.units + max(1, self.samples / 4)
        row = max(2 * (4 * units * samples + reads + 3), WARPS * reads)
        total = 0
        for group, rows in zip(self.groups(P), (P, 4 * P), strict=True):
            chunks, coming = P // group, rows * 128 * samples / BYTES_A_CYCLE
            each = max(LATENCY, P / self.sharing * row / chunks, coming / chunks)
            total += LATENCY + chunks * (each + 6 * self.loads)
        return tiles * total


TILES = tuple(
    Tile(units, samples, sharing, loads)
    for units, sharing in ((1, 2), (1, 1), (2, 2), (2, 1))
    for samples in (1, 2, 4, 8)
    for loads in (8, 16, 32)
    if loads >= 4 * samples
)


@lru_cache
def make_kernel(tile, P, dtype):
    """The kernel for one kind of tile and P units: constants, so that loops unroll."""
    number = dtype.type
    ROWS, SAMPLES, SHARING, LOADS = 4 * tile.units, tile.samples, tile.sharing, tile.loads
    UNITS, WIDTH = tile.block
    OWNERS, PITCH, PAIRS = P // UNITS, 4 * UNITS + PAD, UNITS * WIDTH
    BATCH = min(4, max(1, PAIRS // THREADS))
    EARLY = PAIRS <= BATCH * THREADS  # what a step needs is read before its product
    AHEAD, BACK = tile.groups(P)
    LOADS_AHEAD, LOADS_BACK = AHEAD * SAMPLES // WARPS, 4 * BACK * SAMPLES // WARPS
    SUMS, OWN = ROWS * SAMPLES, 8 * BATCH
    FEW = min(8, max(2, 32 // SUMS))  # rows that are written out: more, where a row is short
    AHEAD_FEW, BACK_FEW = math.gcd(FEW, AHEAD // SHARING), math.gcd(FEW, BACK // SHARING)

    @cuda.jit
    def kernel(
        packed, U_at, B_at, V_at, b_at,  # parameters and where their parts begin
        x, y, order, first, count,  # (T, all, D), (T, all, O), (all,); the samples' places in order
        width, scale,  # count rounded up to whole tiles; 1 / (T count O)
        h, c, z, dc, dy, xs,  # workspace: shapes in Steps
        loss,  # (all,) in the order of `order`
    ):  # fmt: skip
        """Block b owns UNITS units, from UNITS (b % OWNERS) on."""
        grid = cuda.cg.this_grid()
        shared = cuda.shared.array(0, number)
        acc, on_the_way = cuda.local.array(SUMS, number), cuda.local.array(LOADS, number)
        own = cuda.local.array(OWN, number)
        (T, D, _), (warp, lane) = xs.shape, warp_and_lane()
        thread, inputs_at = cuda.threadIdx.x & (THREADS - 1), P * PITCH
        unit, start = cuda.blockIdx.x % OWNERS * UNITS, cuda.blockIdx.x // OWNERS * WIDTH
        stride, chunks_at = cuda.gridDim.x // OWNERS * WIDTH, inputs_at + 4 * UNITS * (1 + D)

        gather(x, order, first, count, width, xs)
        keep_rows(UNITS, P, PITCH, packed, unit, shared, own)
        keep_inputs(UNITS, P, packed, U_at, B_at, unit, D, shared, inputs_at)
        grid.sync()  # xs and the weights are there
        # a warp: four groups of rows by eight of samples, so that its reads are few
        share, row = (warp >> 2, 0) if SHARING > 1 else (0, (warp >> 2) * 4 * ROWS)
        row += (lane >> 3) * ROWS
        mine, rows = ((warp & 3) * 8 + (lane & 7)) * min(4, SAMPLES), AHEAD // SHARING
        a, b = share * rows * PITCH + row, share * rows * WIDTH + mine
        sums = chunks_at + (share * 4 * UNITS + row) * WIDTH + mine
        for t in range(T):
            for n in range(start, width, stride):
                if EARLY and thread < PAIRS:
                    read_forward(
                        BATCH, UNITS, WIDTH, shared, inputs_at, thread, t, unit, n, xs, c, own
                    )
                if t > 0:
                    product(
                        ROWS, SAMPLES, LOADS_AHEAD, AHEAD, rows, AHEAD_FEW, PITCH, P, shared, a,
                        chunks_at, b, h, t, n + lane, acc, on_the_way,
                    )  # fmt: skip
                    leave(ROWS, SAMPLES, acc, shared, sums)
                    cuda.syncthreads()  # all sums are there
                for pair in range(thread, PAIRS, BATCH * THREADS):
                    if not EARLY:
                        read_forward(
                            BATCH, UNITS, WIDTH, shared, inputs_at, pair, t, unit, n, xs, c, own
                        )
                    finish_forward(
                        BATCH, UNITS, WIDTH, SHARING, P, shared, chunks_at, pair, t, unit, n,
                        h, c, z, own,
                    )  # fmt: skip
                cuda.syncthreads()  # the sums are used
            grid.sync()  # h_{t+1} is there

        keep_columns(UNITS, P, packed, unit, shared, own)
        outputs(
            P, packed, V_at, b_at, y, order, first, count, width, scale, h, dy, shared, chunks_at
        )
        grid.sync()  # dy and the weights are there
        gate, rows = warp >> 1, BACK // SHARING
        if SHARING > 1:  # a gate has two warps: they divide its rows, or units and samples
            share, row, mine = warp & 1, 0, lane * min(4, SAMPLES)
        else:
            share, row = 0, (lane >> 4) * ROWS
            mine = ((warp & 1) * 16 + (lane & 15)) * min(4, SAMPLES)
        a = (gate * P + share * rows) * UNITS + row
        b = (gate * BACK + share * rows) * WIDTH + mine
        sums = chunks_at + ((gate * SHARING + share) * UNITS + row) * WIDTH + mine
        for t in range(T - 1, -1, -1):
            for n in range(start, width, stride):
                if EARLY and thread < PAIRS:
                    read_backward(
                        BATCH, WIDTH, P, packed, V_at, thread, t, unit, n, dy, c, z, dc, own
                    )
                if t < T - 1:
                    product(
                        ROWS, SAMPLES, LOADS_BACK, BACK, rows, BACK_FEW, UNITS, P, shared, a,
                        chunks_at, b, z, t + 1, n + lane, acc, on_the_way,
                    )  # fmt: skip
                    leave(ROWS, SAMPLES, acc, shared, sums)
                    cuda.syncthreads()  # all sums are there
                for pair in range(thread, PAIRS, BATCH * THREADS):
                    if not EARLY:
                        read_backward(
                            BATCH, WIDTH, P, packed, V_at, pair, t, unit, n, dy, c, z, dc, own
                        )
                    finish_backward(
                        BATCH, UNITS, WIDTH, 4 * SHARING if t < T - 1 else 0, P, shared, chunks_at,
                        pair, t, unit, n, z, dc, own,
                    )  # fmt: skip
                cuda.syncthreads()  # the sums are used
            if t > 0:
                grid.sync()  # dz of step t is there
        losses(dy, first, count, scale, loss)

    return kernel


# ---- second kernel: the weights' gradients --------------------------------------------------


@cuda.jit(device=True)
def fetch_piece(side, a, t, row, n, on_the_way):
    """Read the thread's numbers of `side` rows, 32 samples of a (T, rows, N); 0 past the rows."""
    t, row, n = t & PLUS, row & PLUS, n & PLUS
    for i in range(side // 32):
        for j in range(4):
            inside = row + 32 * i < a.shape[1]
            on_the_way[4 * i + j] = a[t, row + 32 * i, n + 8 * j] if inside else a.dtype.type(0)


@cuda.jit(device=True)
def put_piece(side, on_the_way, shared, at):
    """Turn them around: [sample][row] in shared memory.  A warp has 8 samples of 4 rows."""
    warp, lane = warp_and_lane()
    first = (at + (lane & 7) * (side + PAD) + 4 * warp + (lane >> 3)) & ROOM
    for i in range(side // 32):
        for j in range(4):
            shared[first + 8 * j * (side + PAD) + 32 * i] = on_the_way[4 * i + j]


@cuda.jit(device=True)
def multiply_sample(REPEAT, shared, left, right, acc):
    """acc[i, j] += left[i] * right[j] of one sample; both are read in fours."""
    left, right = left & (ROOM - 3), right & (ROOM - 3)
    for i in range(REPEAT):
        value = shared[left + i // 4 * 64 + i % 4]
        for j in range(REPEAT):
            acc[i * REPEAT + j] += value * shared[right + j // 4 * 64 + j % 4]


@cuda.jit(device=True)
def multiply_piece(REPEAT, shared, left, right, acc):
    """The sum of that over the piece's 32 samples."""
    pitch = 16 * REPEAT + PAD
    for n in range(0, 32, 2):
        multiply_sample(REPEAT, shared, left + n * pitch, right + n * pitch, acc)
        multiply_sample(REPEAT, shared, left + (n + 1) * pitch, right + (n + 1) * pitch, acc)


@cuda.jit(device=True)
def fetch_pieces(side, z, h, t, row, column, n, left, right):
    """A piece of dz's and of h's rows; there is no dz of step T, and h_0 is zero."""
    if t < z.shape[0]:
        fetch_piece(side, z, t, row, n, left)
    if t > 0:
        fetch_piece(side, h, t, column, n, right)


@cuda.jit(device=True)
def add_rows(side, t, n, xs, shared, slots):
    """dB and dU: a piece of dz's rows by itself, and times x.  A row has THREADS / side threads.

    Each thread adds to numbers of its own: THREADS of them for each sum, from slots on.
    """
    thread, each = cuda.threadIdx.x & (THREADS - 1), 32 * side // THREADS
    first, row, total = thread // side * each, thread % side, xs.dtype.type(0)
    for m in range(first, first + each):
        total += shared[m * (side + PAD) + row]
    shared[slots + thread] += total
    for d in range(xs.shape[1]):
        total = xs.dtype.type(0)
        for m in range(first, first + each):
            total += shared[m * (side + PAD) + row] * xs[t, d, n + m]
        shared[slots + (1 + d) * THREADS + thread] += total


@cuda.jit(device=True)
def add_columns(side, t, n, dy, shared, at, slots):
    """dV and db_out: a piece of h's rows times dy, and dy by itself.  As add_rows."""
    thread, each = cuda.threadIdx.x & (THREADS - 1), 32 * side // THREADS
    first, row = thread // side * each, thread % side
    for q in range(dy.shape[1]):
        total = alone = dy.dtype.type(0)
        for m in range(first, first + each):
            value = dy[t, q, n + m]
            total += shared[at + m * (side + PAD) + row] * value
            alone += value
        shared[slots + 2 * q * THREADS + thread] += total
        shared[slots + (2 * q + 1) * THREADS + thread] += alone


@cuda.jit(device=True)
def sum_of_slot(side, shared, slots, slot):
    """The sums of a row's threads, for a thread of the first ones."""
    place, total = slots + slot * THREADS + cuda.threadIdx.x, shared.dtype.type(0)
    for other in range(0, THREADS, side):
        total += shared[place + other]
    return total


@lru_cache
def make_weights_kernel(REPEAT, P, dtype):
    """The kernel for tiles of 16 REPEAT rows and columns; a thread has REPEAT x REPEAT numbers."""
    number = dtype.type
    SIDE, SUMS, LOADS = 16 * REPEAT, REPEAT * REPEAT, 2 * REPEAT
    COLUMNS, RIGHT, SLOTS = -(-P // SIDE), 32 * (SIDE + PAD), 64 * (SIDE + PAD)

    @cuda.jit
    def weights_kernel(z, h, dy, xs, width, U_at, B_at, V_at, b_at, parts):
        """Block (tile, part): a tile of dW, and beside it, in the first tiles, all the rest.

        A part of the sums has every so many of the pieces of 32 samples of a step.
        """
        shared = cuda.shared.array(0, number)
        acc = cuda.local.array(SUMS, number)
        left, right = cuda.local.array(LOADS, number), cuda.local.array(LOADS, number)
        (T, D, _), O, (warp, lane) = xs.shape, dy.shape[1], warp_and_lane()  # noqa: E741
        thread, part, pieces = cuda.threadIdx.x & (THREADS - 1), cuda.blockIdx.y, width >> 5
        row, column = cuda.blockIdx.x // COLUMNS * SIDE, cuda.blockIdx.x % COLUMNS * SIDE
        begin, end = 0 if column == 0 else 1, T + 1 if row == 0 else T  # h_0 = 0; h_T for dV
        my_row, my_n, y, x = 4 * warp + (lane >> 3), lane & 7, 4 * (warp >> 1), 8 * (warp & 1)
        y, x = y + (lane >> 3), x + (lane & 7)  # 16 by 16 threads; a warp has 4 by 8 of them
        for e in range(SUMS):
            acc[e] = number(0)
        for slot in range(1 + D + 2 * O):
            shared[SLOTS + slot * THREADS + thread] = number(0)
        first, last, step = begin * pieces + part, end * pieces, parts.shape[0]
        if first < last:
            t, n = first // pieces, first % pieces * 32 + my_n
            fetch_pieces(SIDE, z, h, t, row + my_row, column + my_row, n, left, right)
        for piece in range(first, last, step):
            cuda.syncthreads()  # the last piece is used
            put_piece(SIDE, left, shared, 0)
            put_piece(SIDE, right, shared, RIGHT)
            cuda.syncthreads()  # this piece is there
            if piece + step < last:
                t, n = (piece + step) // pieces, (piece + step) % pieces * 32 + my_n
                fetch_pieces(SIDE, z, h, t, row + my_row, column + my_row, n, left, right)
            t, n = piece // pieces, piece % pieces * 32
            if t > 0 and t < T:
                multiply_piece(REPEAT, shared, 4 * y, RIGHT + 4 * x, acc)
            if t < T and column == 0:
                add_rows(SIDE, t, n, xs, shared, SLOTS)
            if t > 0 and row == 0:
                add_columns(SIDE, t - 1, n, dy, shared, RIGHT, SLOTS + (1 + D) * THREADS)
        for i in range(REPEAT):
            m = row + 4 * y + i // 4 * 64 + i % 4
            for j in range(REPEAT):
                k = column + 4 * x + j // 4 * 64 + j % 4
                if k < P:
                    parts[part, m * P + k] = acc[i * REPEAT + j]
        cuda.syncthreads()  # all slots are there
        if thread < SIDE and column == 0:
            parts[part, B_at + row + thread] = sum_of_slot(SIDE, shared, SLOTS, 0)
            for d in range(D):
                place = U_at + d * 4 * P + row + thread
                parts[part, place] = sum_of_slot(SIDE, shared, SLOTS, 1 + d)
        if thread < SIDE and row == 0 and column + thread < P:
            for q in range(O):
                place = V_at + q * P + column + thread
                parts[part, place] = sum_of_slot(SIDE, shared, SLOTS, 1 + D + 2 * q)
                if column + thread == 0:
                    parts[part, b_at + q] = sum_of_slot(SIDE, shared, SLOTS, 2 + D + 2 * q)

    return weights_kernel


# ---- the host -----------------------------------------------------------------------------


def padded(H):
    """H units, filled up to whole multiples of 32."""
    return -(-H // MULTIPLE) * MULTIPLE


@lru_cache
def make_layout(D, H, O):  # noqa: E741
    """The parameters in their usual order, with H padded by zeros to a multiple of 32."""
    P = padded(H)
    shapes, numbers = param_shapes(D, H, O), np.arange(count_params(D, H, O))
    U, W, B, V, b_out = split(numbers, shapes)

    def pad(a, *axes):
        widths = [(0, P - H if axis in axes else 0) for axis in range(a.ndim)]
        return np.pad(a, widths, constant_values=len(numbers))

    parts = (
        pad(W.reshape(4, H, H), 1, 2),  # [gate][j][column]
        pad(U.reshape(4, H, D), 1).transpose(2, 0, 1),  # [input][gate][j]
        pad(B.reshape(4, H), 1),  # [gate][j]
        pad(V, 1),
        b_out,
    )
    firsts = np.cumsum([part.size for part in parts])[:4].tolist()
    return Layout(P, D, O, shapes, np.concatenate([part.ravel() for part in parts]), *firsts)


class Steps:
    """Buffers for mini-batches of up to `batch_size` samples, the launches that fill `parts`."""

    def __init__(self, layout, T, batch_size, dtype, allocate=allocate):
        dtype = np.dtype(dtype)
        self.layout, self.T, self.tile = layout, T, choose_tile(layout, batch_size, dtype)
        P, D, O, (units, samples) = layout.P, layout.D, layout.O, self.tile.block  # noqa: E741
        N = -(-batch_size // samples) * samples
        repeat, self.tiles, rows = plan_dW(P, T * N // 32, dtype)
        self.owners, self.asked = P // units, False
        room = 64 * (16 * repeat + PAD) + THREADS * (1 + D + 2 * O)
        self.shared = self.tile.shared(P, D) * dtype.itemsize, room * dtype.itemsize
        state = T + 1, P, N
        shapes = state, state, (T, 4 * P, N), (P, N), (T, O, N), (T, D, N), (rows, layout.size)
        needed = sum(map(math.prod, shapes)) * dtype.itemsize
        check_memory(needed, f"a batch of N={batch_size} samples with T={T}, {P} padded units")
        *self.work, self.parts = allocate([(shape, dtype) for shape in shapes])
        self.kernel = make_kernel(self.tile, P, dtype)
        self.weights_kernel = make_weights_kernel(repeat, P, dtype)

    def queue(self, packed, x, y, order, first, count, loss, stream=0):
        """Two launches for samples order[first : first + count]; returns the parts to add up.

        x (T, all, D), y (T, all, O); the samples' losses go to loss[first : first + count].
        Nothing is allocated, copied or waited for.
        """
        layout, (h, c, z, dc, dy, xs) = self.layout, self.work
        at, tiles = (layout.U, layout.B, layout.V, layout.b_out), -(-count // self.tile.block[1])
        width = tiles * self.tile.block[1]
        scale = packed.dtype.type(1 / (self.T * count * layout.O))
        batch = x, y, order, first, count, width, scale
        steps = packed, *at, *batch, h, c, z, dc, dy, xs, loss
        weights = z, h, dy, xs, width, *at, self.parts
        if not self.asked:
            large_shared.allow(self.kernel, steps, self.shared[0])
            large_shared.allow(self.weights_kernel, weights, self.shared[1])
            self.asked = True
        blocks = self.owners * min(tiles, count_processors() // self.owners)
        self.kernel[blocks, THREADS, stream, self.shared[0]](*steps)
        grid = self.tiles, len(self.parts)
        self.weights_kernel[grid, THREADS, stream, self.shared[1]](*weights)
        return self.parts


def plan_dW(P, pieces, dtype):
    """(numbers of a thread along each side, tiles, parts) of dW: enough blocks for all SMs."""
    for repeat, blocks in ((8, 1), (4, 2)):  # so many blocks of an SM
        side, processors = 16 * repeat, count_processors()
        tiles, parts = -(-4 * P // side) * -(-P // side), min(MOST_PARTS, pieces)
        if repeat == 4 or (dtype.itemsize == 4 and tiles * parts >= processors):
            return repeat, tiles, max(1, min(parts, blocks * processors // tiles))


def tiles_for(P, D, itemsize, processors, room):
    """{tile: how many times a card holds all of W} of the kinds of tile that fit on it.

    The card has so many SMs, and a block `room` bytes of shared memory.
    """
    times = {tile: processors * tile.block[0] // P for tile in TILES}
    return {t: n for t, n in times.items() if n and t.shared(P, D) * itemsize <= room}


def cheapest(found, P, N):
    """Of tiles_for's, the tile with the fewest cycles for N samples."""
    return min(found, key=lambda tile: tile.cycles(P, math.ceil(N / tile.block[1] / found[tile])))


def tiles_that_fit(layout, dtype):
    """tiles_for the card that is here."""
    here = count_processors(), shared_memory()
    return tiles_for(layout.P, layout.D, dtype.itemsize, *here)


def choose_tile(layout, N, dtype):
    """The kind of tile with the fewest cycles for N samples; ValueError if none fits the card."""
    found = tiles_that_fit(layout, dtype)
    if not found:
        raise ValueError(
            f"H is {layout.shapes.V[1]}; cuda_v7 keeps W in the card's shared memory, "
            f"{4 * layout.P**2 * dtype.itemsize / 2**20:.1f} MiB, H padded to {layout.P}. "
            f"This card has {count_processors()} SMs, and a block has at most "
            f"{shared_memory() // 1024} KiB."
        )
    return cheapest(found, layout.P, N)


def check_hidden_size(H):
    """Raise ValueError, before any launch, if the weights do not fit on this card."""
    choose_tile(make_layout(1, H, 1), 1, np.dtype(np.float32))


def fits(params):
    """Do these parameters' weights fit on this card?"""
    (O, H), D = params.V.shape, params.U.shape[1]  # noqa: E741
    return bool(tiles_that_fit(make_layout(D, H, O), params.U.dtype))


def gradients(params, x, y):
    """Loss and gradients of one batch.  x (T, N, D), y (T, N, O); grads shaped as params."""
    return one_batch(make_layout, Steps, *checked(params, x, y))
