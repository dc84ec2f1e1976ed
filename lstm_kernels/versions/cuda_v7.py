"""V7: the whole card holds the weights, and all its blocks take each step together.  Lesson 16.

For H above 64 one block cannot hold W.  So each block owns some hidden units: it keeps their part
of W in its shared memory for the whole sequence and computes these units for a group of samples.
A step of the LSTM needs all units of the step before: `grid.sync()`, a barrier of the whole card,
stands between two steps.  All blocks must be on the card at once: a cooperative launch.

Neighbours in memory are samples: h (T+1, P, N).  So a warp's 32 threads are 32 samples; it computes
some gate rows for them, and a number of W is the same for all 32.  Going forward a block needs its
units' rows of W, going backward their columns.

dW leaves the loop: it is one large product of dz and h over all steps and samples, computed
afterwards by a kernel of its own, in parts that are added up in a fixed order.

Persistent RNNs are by Diamos et al. 2016.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numba
import numpy as np

from lstm_kernels.machine import large_shared
from lstm_kernels.machine.device import check_memory, count_processors, cuda, shared_memory
from lstm_kernels.model import checked, count_params, param_shapes
from lstm_kernels.versions.buffers import allocate
from lstm_kernels.versions.packing import Layout, split
from lstm_kernels.versions.parts import one_batch

ALL = 0xFFFFFFFF  # the mask of a whole warp
THREADS, WARPS = 256, 8  # a block
CHUNK = 32  # rows of h, or of dz, that a block multiplies at once; H is padded to it
ROOM, PLUS = 0xFFFF, 0x7FFFFFFF  # masks tell the compiler: not negative, so no index like a[-1]
PAD = 4  # unused numbers after each row of W, against bank conflicts when it is written
SMALL = 0.04  # square of |z| below which tanh is its series: the next term is below 2e-8
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
def tanh(z):
    """By the same exponential; near zero, where that loses digits, by the series up to z^7."""
    one, square, s = type(z)(1), z * z, sigmoid(z + z)
    series = square * (type(z)(2 / 15) - square * type(z)(17 / 315)) - type(z)(1 / 3)
    return z + z * square * series if square < type(z)(SMALL) else s + s - one


@cuda.jit(device=True)
def fetch(samples, source, t, row, stride, n, on_the_way):
    """Read the thread's four rows of a chunk of source (T, rows, N)."""
    t, n = t & PLUS, n & PLUS
    for i in range(4):
        line = (row + i * stride) & PLUS
        for r in range(samples):
            on_the_way[i * samples + r] = source[t, line, n + 32 * r]


@cuda.jit(device=True)
def put(samples, on_the_way, shared, at):
    """Write them to rows warp, warp + 8, ... of a chunk in shared memory."""
    warp, lane = warp_and_lane()
    first = (at + warp * 32 * samples + lane) & ROOM
    for i in range(4):
        for r in range(samples):
            shared[first + (i * WARPS * samples + r) * 32] = on_the_way[i * samples + r]


@cuda.jit(device=True)
def multiply(rows, samples, count, pitch, shared, a, b, acc):
    """acc[m, r] += sum over k < count of W[k, m] * chunk[k, r], both in shared memory.

    A thread's samples are neighbours in fours, as its rows are: so four numbers are one read.
    """
    four = min(4, samples)
    for k in range(count):
        weights = (a + k * pitch) & (ROOM - 3)
        values = (b + k * samples * 32) & (ROOM + 1 - four)
        for m in range(rows):
            weight = shared[weights + m]
            for r in range(samples):
                value = shared[values + r // four * four * 32 + r % four]
                acc[m * samples + r] += weight * value


@cuda.jit(device=True)
def product(
    rows, samples, count, pitch, shared, a, a_step, chunks_at, b, source, t, step, stride, n, acc,
    on_the_way,
):  # fmt: skip
    """acc[m, r] = sum over k of W[k, m] * source[t, k, n + 32 r]: one chunk after the other.

    While a chunk is multiplied, the next one is on its way from memory.
    """
    warp, size = (cuda.threadIdx.x & (THREADS - 1)) >> 5, CHUNK * 32 * samples
    fetch(samples, source, t, warp, stride, n, on_the_way)
    put(samples, on_the_way, shared, chunks_at)
    for e in range(rows * samples):
        acc[e] = source.dtype.type(0)
    cuda.syncthreads()  # the first chunk is there
    chunks = source.shape[1] // CHUNK
    for chunk in range(chunks):
        if chunk + 1 < chunks:
            fetch(samples, source, t, (chunk + 1) * step + warp, stride, n, on_the_way)
        here = chunks_at + (chunk & 1) * size
        multiply(rows, samples, count, pitch, shared, a + chunk * a_step, here + b, acc)
        if chunk + 1 < chunks:
            put(samples, on_the_way, shared, chunks_at + ((chunk + 1) & 1) * size)
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
def keep_rows(units, P, packed, unit, pitch, shared):
    """W's rows of the block's units, as [k][unit][gate]."""
    warp, lane = warp_and_lane()
    for row in range(warp, 4 * units, WARPS):
        first = ((row & 3) * P + unit + (row >> 2)) * P
        for k in range(lane, P, 32):
            shared[k * pitch + row] = packed[first + k]


@cuda.jit(device=True)
def keep_columns(units, P, packed, unit, shared):
    """W's columns of the block's units, as [gate row][unit]."""
    for e in range(cuda.threadIdx.x, 4 * P * units, THREADS):
        shared[e] = packed[e // units * P + unit + e % units]


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
def forward_step(batch, units, samples, parts, shared, at, inputs_at, t, unit, n, xs, h, c, z, own):
    """Gates and states.  A thread takes `batch` pairs of a unit and a sample: reads, then writes.

    own: 5 numbers of a pair, its cell and the inputs of its gates.
    """
    P, pairs, thread = h.shape[1], units * samples, cuda.threadIdx.x & (THREADS - 1)
    for first in range(thread, pairs, batch * THREADS):
        for p in range(batch):
            u, s = unit_and_sample(first + p * THREADS, samples)
            own[5 * p + 4] = c[t, unit + u, n + s] if t > 0 else xs.dtype.type(0)
            for q in range(4):
                own[5 * p + q] = shared[inputs_at + 4 * u + q]
        for d in range(xs.shape[1]):
            for p in range(batch):
                u, s = unit_and_sample(first + p * THREADS, samples)
                value = xs[t, d, n + s]
                for q in range(4):
                    own[5 * p + q] += value * shared[inputs_at + ((1 + d) * units + u) * 4 + q]
        for p in range(batch):
            u, s = unit_and_sample(first + p * THREADS, samples)
            if t > 0:
                for k in range(parts):
                    for q in range(4):
                        place = at + ((k * units + u) * 4 + q) * samples + s
                        own[5 * p + q] += shared[place & ROOM]
            i, f = sigmoid(own[5 * p]), sigmoid(own[5 * p + 1])
            g, o = tanh(own[5 * p + 2]), sigmoid(own[5 * p + 3])
            cell = f * own[5 * p + 4] + i * g
            j, m = (unit + u) & PLUS, (n + s) & PLUS
            z[t, j, m], z[t, P + j, m], z[t, 2 * P + j, m], z[t, 3 * P + j, m] = i, f, g, o
            c[t + 1, j, m], h[t + 1, j, m] = cell, o * tanh(cell)


@cuda.jit(device=True)
def backward_step(
    batch, units, samples, parts, shared, at, packed, V_at, t, unit, n, dy, c, z, dc, own
):
    """The gates in z become dz.  As forward_step.

    own: 8 numbers of a pair, its gates, c before and after the step, and what came back to c and h.
    """
    (T, O, _), P, zero = dy.shape, c.shape[1], dy.dtype.type(0)  # noqa: E741
    one, pairs, thread = dy.dtype.type(1), units * samples, cuda.threadIdx.x & (THREADS - 1)
    for first in range(thread, pairs, batch * THREADS):
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
                own[8 * p + 7] += packed[V_at + q * P + unit + u] * dy[t, q, n + s]
        for p in range(batch):
            u, s = unit_and_sample(first + p * THREADS, samples)
            if t < T - 1:
                for k in range(parts):
                    own[8 * p + 7] += shared[(at + (k * units + u) * samples + s) & ROOM]
            j, m = (unit + u) & PLUS, (n + s) & PLUS
            i, f, g, o = own[8 * p], own[8 * p + 1], own[8 * p + 2], own[8 * p + 3]
            tanh_c, dh = tanh(own[8 * p + 5]), own[8 * p + 7]
            d = own[8 * p + 6] + dh * o * (one - tanh_c * tanh_c)
            z[t, j, m] = d * g * i * (one - i)
            z[t, P + j, m] = d * own[8 * p + 4] * f * (one - f)
            z[t, 2 * P + j, m] = d * i * (one - g * g)
            z[t, 3 * P + j, m] = dh * tanh_c * o * (one - o)
            dc[j, m] = d * f


# ---- the first kernel: all steps forward, then all steps backward ---------------------------


class Tile(NamedTuple):
    """What a block computes at once.  A warp has `units` units of 32 * `samples` samples."""

    units: int
    samples: int  # of a thread; they are 32 apart
    sharing: int  # so many warps share the sum over k

    @property
    def block(self):
        """Units and samples of a block."""
        return self.units * WARPS // self.sharing, 32 * self.samples

    def shared(self, P, D):
        """Numbers in shared memory: the weights, two chunks, and what x and the bias need."""
        units, samples = self.block
        return P * (4 * units + PAD) + 2 * CHUNK * samples + 4 * units * (1 + D)

    def cycles(self, P, tiles):
        """A rough count for a step forward and one back of an SM with so many tiles.

        It compares kinds of tiles: of reads from shared memory (one a cycle) and multiply-adds
        (four a cycle) the slower counts; the chunks come from L2, 64 bytes a cycle.
        """
        rows, samples = 4 * self.units, self.samples
        multiplying = 2 * WARPS * P // self.sharing * max(rows + samples, rows * samples / 4)
        return tiles * (multiplying + 5 * P * 32 * samples * 4 / 64)


TILES = tuple(Tile(u, s, w) for u, w in ((1, 2), (1, 1), (2, 1)) for s in (1, 2, 4, 8))


@lru_cache
def make_kernel(tile, dtype):
    """The kernel for one kind of tile: constants, so that loops unroll into registers."""
    number = numba.from_dtype(dtype)
    ROWS, SAMPLES, SHARING = 4 * tile.units, tile.samples, tile.sharing
    UNITS, WIDTH = tile.block
    BATCH, PITCH = min(4, max(1, UNITS * WIDTH // THREADS)), 4 * UNITS + PAD
    FORWARD, BACKWARD = CHUNK // SHARING, CHUNK // 4 // SHARING  # a warp's rows of a chunk
    GROUPS = WARPS // SHARING  # of warps: their units differ
    SUMS, ON_THE_WAY, OWN = ROWS * SAMPLES, 4 * SAMPLES, 8 * BATCH

    @cuda.jit
    def kernel(
        packed, U_at, B_at, V_at, b_at,  # parameters and where their parts begin
        x, y, order, first, count,  # (T, all, D), (T, all, O), (all,); the samples' places in order
        width, scale,  # count rounded up to whole tiles; 1 / (T count O)
        h, c, z, dc, dy, xs,  # workspace: shapes in Steps
        loss,  # (all,) in the order of `order`
    ):  # fmt: skip
        """Block b owns UNITS units, from UNITS (b % owners) on; owners = P / UNITS."""
        grid = cuda.cg.this_grid()
        shared = cuda.shared.array(0, number)
        acc, on_the_way = cuda.local.array(SUMS, number), cuda.local.array(ON_THE_WAY, number)
        own = cuda.local.array(OWN, number)
        (T, D, _), P, (warp, lane) = xs.shape, h.shape[1], warp_and_lane()
        owners = P // UNITS
        unit, start = cuda.blockIdx.x % owners * UNITS, cuda.blockIdx.x // owners * WIDTH
        inputs_at, stride = P * PITCH, cuda.gridDim.x // owners * WIDTH
        chunks_at = inputs_at + 4 * UNITS * (1 + D)

        gather(x, order, first, count, width, xs)
        keep_rows(UNITS, P, packed, unit, PITCH, shared)
        keep_inputs(UNITS, P, packed, U_at, B_at, unit, D, shared, inputs_at)
        grid.sync()  # xs and the weights are there
        row, share, mine = warp % GROUPS * ROWS, warp // GROUPS, lane * min(4, SAMPLES)
        a, b = share * FORWARD * PITCH + row, share * FORWARD * WIDTH + mine
        sums = chunks_at + (share * 4 * UNITS + row) * WIDTH + mine
        for t in range(T):
            for n in range(start, width, stride):
                if t > 0:
                    product(
                        ROWS, SAMPLES, FORWARD, PITCH, shared, a, CHUNK * PITCH, chunks_at, b,
                        h, t, CHUNK, WARPS, n + lane, acc, on_the_way,
                    )  # fmt: skip
                    leave(ROWS, SAMPLES, acc, shared, sums)
                    cuda.syncthreads()  # all sums are there
                forward_step(
                    BATCH, UNITS, WIDTH, SHARING, shared, chunks_at, inputs_at, t, unit, n,
                    xs, h, c, z, own,
                )  # fmt: skip
                cuda.syncthreads()  # they are used
            grid.sync()  # h_{t+1} is there

        keep_columns(UNITS, P, packed, unit, shared)
        outputs(
            P, packed, V_at, b_at, y, order, first, count, width, scale, h, dy, shared, chunks_at
        )
        grid.sync()  # dy and the weights are there
        gate, rest = warp >> 1, warp & 1  # the rest divides the units, or a gate's rows
        row, share = (0, rest) if SHARING > 1 else (rest * ROWS, 0)
        a = (gate * P + share * BACKWARD) * UNITS + row
        b = (gate * (CHUNK // 4) + share * BACKWARD) * WIDTH + mine
        sums = chunks_at + ((gate * SHARING + share) * UNITS + row) * WIDTH + mine
        for t in range(T - 1, -1, -1):
            for n in range(start, width, stride):
                if t < T - 1:
                    product(
                        ROWS, SAMPLES, BACKWARD, UNITS, shared, a, CHUNK // 4 * UNITS, chunks_at, b,
                        z, t + 1, CHUNK // 4, P, n + lane, acc, on_the_way,
                    )  # fmt: skip
                    leave(ROWS, SAMPLES, acc, shared, sums)
                    cuda.syncthreads()  # all sums are there
                backward_step(
                    BATCH, UNITS, WIDTH, 4 * SHARING, shared, chunks_at, packed, V_at, t, unit,
                    n, dy, c, z, dc, own,
                )  # fmt: skip
                cuda.syncthreads()  # they are used
            if t > 0:
                grid.sync()  # dz of step t is there
        losses(dy, first, count, scale, loss)

    return kernel


# ---- second kernel: the weights' gradients --------------------------------------------------


@cuda.jit(device=True)
def fetch_columns(side, a, t, row, n, on_the_way):
    """Read the thread's numbers of `side` rows of a (T, rows, N); zero below the last row."""
    t, row, n = t & PLUS, row & PLUS, n & PLUS
    for i in range(side // WARPS):
        r = row + i * WARPS
        on_the_way[i] = a[t, r, n] if r < a.shape[1] else a.dtype.type(0)


@cuda.jit(device=True)
def tile_of_dW(REPEAT, parts, part, width, row, column, z, h, shared, acc, one, other):
    """A tile of dW: sum over this part's steps and samples of dz[t, row, n] h[t, column, n].

    A part of the sum has every `parts`th piece of 32 samples of a step.  h_0 is zero.
    """
    side, (warp, lane), thread = 16 * REPEAT, warp_and_lane(), cuda.threadIdx.x & (THREADS - 1)
    x, y, pieces, pitch = thread & 15, thread >> 4, width >> 5, side + PAD
    for e in range(REPEAT * REPEAT):
        acc[e] = h.dtype.type(0)
    for piece in range(part, (z.shape[0] - 1) * pieces, parts):
        t, n = 1 + piece // pieces, piece % pieces * 32 + lane
        fetch_columns(side, z, t, row + warp, n, one)
        fetch_columns(side, h, t, column + warp, n, other)
        cuda.syncthreads()  # the last piece is used
        for i in range(side // WARPS):
            shared[lane * pitch + warp + i * WARPS] = one[i]
            shared[(32 + lane) * pitch + warp + i * WARPS] = other[i]
        cuda.syncthreads()  # this piece is there
        for n in range(32):
            mine, yours = (n * pitch + 4 * y) & (ROOM - 3), ((32 + n) * pitch + 4 * x) & (ROOM - 3)
            for i in range(REPEAT):
                value = shared[mine + i // 4 * 64 + i % 4]
                for j in range(REPEAT):
                    acc[i * REPEAT + j] += value * shared[yours + j // 4 * 64 + j % 4]


@cuda.jit(device=True)
def row_product(parts, part, width, a, row, b, column, shift):
    """This part's share of the sum over steps and samples of a[t, row, n] b[t + shift, column, n].

    For a warp.  Without b (column -1) the sum of a[t, row, n].
    """
    lane, pieces, total = cuda.threadIdx.x & 31, width >> 5, a.dtype.type(0)
    for piece in range(part, a.shape[0] * pieces, parts):
        t, n = piece // pieces, piece % pieces * 32 + lane
        total += a[t, row, n] * b[t + shift, column, n] if column >= 0 else a[t, row, n]
    for distance in (16, 8, 4, 2, 1):
        total += cuda.shfl_xor_sync(ALL, total, distance)
    return total


@cuda.jit(device=True)
def thin_row(parts, part, width, row, z, h, dy, xs, U_at, B_at, V_at, b_at, out):
    """What a warp adds up beside dW: a row of dU and its dB, or an element of dV or db_out."""
    P, D, O = h.shape[1], xs.shape[1], dy.shape[1]  # noqa: E741
    if row < 4 * P:
        out[B_at + row] = row_product(parts, part, width, z, row, xs, -1, 0)
        for d in range(D):
            out[U_at + d * 4 * P + row] = row_product(parts, part, width, z, row, xs, d, 0)
    elif row < (4 + O) * P:
        q, j = (row - 4 * P) // P, row % P
        out[V_at + q * P + j] = row_product(parts, part, width, dy, q, h, j, 1)
    elif row < (4 + O) * P + O:
        q = row - (4 + O) * P
        out[b_at + q] = row_product(parts, part, width, dy, q, xs, -1, 0)


@lru_cache
def make_weights_kernel(REPEAT, dtype):
    """The kernel for tiles of 16 REPEAT rows and columns; a thread has REPEAT x REPEAT numbers."""
    number = numba.from_dtype(dtype)
    SIDE, SUMS, ON_THE_WAY = 16 * REPEAT, REPEAT * REPEAT, 2 * REPEAT

    @cuda.jit
    def weights_kernel(z, h, dy, xs, width, U_at, B_at, V_at, b_at, tiles, parts):
        """Block (tile, part): a tile of dW.  The blocks after the tiles add up all the rest."""
        shared = cuda.shared.array(0, number)
        acc = cuda.local.array(SUMS, number)
        one, other = cuda.local.array(ON_THE_WAY, number), cuda.local.array(ON_THE_WAY, number)
        thread, P, S = cuda.threadIdx.x & (THREADS - 1), h.shape[1], parts.shape[0]
        block, part, columns = cuda.blockIdx.x, cuda.blockIdx.y, (P + SIDE - 1) // SIDE
        if block < tiles:
            row, column = block // columns * SIDE, block % columns * SIDE
            tile_of_dW(REPEAT, S, part, width, row, column, z, h, shared, acc, one, other)
            for i in range(REPEAT):
                m = row + 4 * (thread >> 4) + i // 4 * 64 + i % 4
                for j in range(REPEAT):
                    k = column + 4 * (thread & 15) + j // 4 * 64 + j % 4
                    if k < P:
                        parts[part, m * P + k] = acc[i * REPEAT + j]
        else:
            row = (block - tiles) * WARPS + (thread >> 5)
            thin_row(S, part, width, row, z, h, dy, xs, U_at, B_at, V_at, b_at, parts[part])

    return weights_kernel


# ---- the host -----------------------------------------------------------------------------


@lru_cache
def make_layout(D, H, O):  # noqa: E741
    """The parameters in their usual order, with H padded by zeros to a multiple of 32."""
    P = -(-H // CHUNK) * CHUNK
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
        self.owners, self.shared = P // units, self.tile.shared(P, D) * dtype.itemsize
        self.repeat, self.tiles, rows = plan_dW(P, T * N // 32, dtype)
        state = T + 1, P, N
        shapes = state, state, (T, 4 * P, N), (P, N), (T, O, N), (T, D, N), (rows, layout.size)
        needed = sum(map(math.prod, shapes)) * dtype.itemsize
        check_memory(needed, f"a batch of N={batch_size} samples with T={T}, {P} padded units")
        *self.work, self.parts = allocate([(shape, dtype) for shape in shapes])
        self.kernel, self.asked = make_kernel(self.tile, dtype), False
        self.weights_kernel = make_weights_kernel(self.repeat, dtype)

    def queue(self, packed, x, y, order, first, count, loss, stream=0):
        """Two launches for samples order[first : first + count]; returns the parts to add up.

        Nothing is allocated, copied or waited for.
        """
        layout, samples = self.layout, self.tile.block[1]
        at, tiles = (layout.U, layout.B, layout.V, layout.b_out), -(-count // samples)
        batch = x, y, order, first, count, tiles * samples
        scale = loss.dtype.type(1 / (self.T * count * layout.O))
        h, _, z, _, dy, xs = self.work
        blocks = self.owners * min(tiles, count_processors() // self.owners)
        arguments = packed, *at, *batch, scale, *self.work, loss
        if not self.asked:
            large_shared.allow(self.kernel, arguments, self.shared)
            self.asked = True
        self.kernel[blocks, THREADS, stream, self.shared](*arguments)
        thin = -(-((4 + layout.O) * layout.P + layout.O) // WARPS)
        room = 2 * 32 * (16 * self.repeat + PAD) * loss.dtype.itemsize
        grid = (self.tiles + thin, len(self.parts)), THREADS, stream, room
        sums = z, h, dy, xs, tiles * samples
        self.weights_kernel[grid](*sums, *at, self.tiles, self.parts)
        return self.parts


def plan_dW(P, pieces, dtype):
    """(numbers of a thread along each side, tiles, parts) of dW: enough blocks for all SMs."""
    for repeat in (8, 4):
        side, processors = 16 * repeat, count_processors()
        tiles = -(-4 * P // side) * -(-P // side)
        parts = min(MOST_PARTS, pieces)
        if repeat == 4 or (dtype.itemsize == 4 and tiles * parts >= processors):
            return repeat, tiles, max(1, min(parts, 2 * processors // tiles))


def tiles_that_fit(layout, dtype):
    """{tile: how many times the card holds all of W} of the kinds of tile that fit on it."""
    found = {}
    for tile in TILES:
        times = count_processors() * tile.block[0] // layout.P
        if times and tile.shared(layout.P, layout.D) * dtype.itemsize <= shared_memory():
            found[tile] = times
    return found


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
    return min(
        found, key=lambda tile: tile.cycles(layout.P, math.ceil(N / tile.block[1] / found[tile]))
    )


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
