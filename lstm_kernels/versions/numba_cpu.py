"""V2's map on the cores of the CPU: a worker takes some samples, SIMD lanes take one each.
Lesson 12; appendix A2 for the lanes and the tiles.

The batch is cut into *workers*; each trains on its samples, and has gradients of its own.  The
cores share the workers, and the host adds the gradients in the workers' order.  Who does what
depends on the batch alone: the same bits on every run and on any number of cores.

All parameters are one matrix P = [W U B; V 0 b_out], and the input of a step is a = [h x 1].
So z = P a in one product; the sums of dz a give dW, dU and dB in another.  Row 4j + r of P, z
and dz is gate r (0 to 3: i, f, g, o) of unit j.  Rows and columns are filled up by zeros to whole
tiles (see simd.py): units and weights that are always 0 change nothing.
"""

import math
import threading
from functools import lru_cache

import numpy as np
from numba import from_dtype, prange, typeof, types
from numba.core.types.function_type import CompileResultWAP
from numba.extending import overload

from lstm_kernels.emulator.cache import njit  # Numba's, and no cache on disk can stop it
from lstm_kernels.model import Params, checked
from lstm_kernels.versions import simd

WORKERS = 64  # at most, for any number of cores
LANES = 32  # samples side by side; for Numba a global is a constant, known when it compiles
FEW = 8  # up to so many samples, most lanes would stay idle: one sample after another
FAST = {"reassoc", "contract", "nsz"}  # a sum may be split in a vector; a * b + c is one step

compiled = njit(cache=True, fastmath=FAST, error_model="numpy")
into_caller = njit(fastmath=FAST, error_model="numpy", inline="always")  # compiled there alone
CACHE_LINE = 64  # bytes

one_at_a_time = threading.Lock()  # Numba's simplest threading layer cannot be entered twice


# ---- activations --------------------------------------------------------------------------

LIMIT, ONE = np.float32(8.5), np.float32(1)  # tanh(8.5) is 1 in float32
TOP = tuple(map(np.float32, (
    0.99999994, 0.130791724, 0.00309866318, 1.11019081e-05, -2.00298587e-08,
    5.19281181e-11, -8.29155944e-14,
)))  # fmt: skip
BOTTOM = tuple(map(np.float32, (1, 0.464124918, 0.0244737975, 0.000253861363)))


@compiled
def tanh_of_float32(z):
    """tanh as a fraction of two polynomials, error below 4e-7: plain arithmetic, for all lanes."""
    z = min(max(z, -LIMIT), LIMIT)
    s = z * z
    top = ((TOP[6] * s + TOP[5]) * s + TOP[4]) * s + TOP[3]
    top = ((top * s + TOP[2]) * s + TOP[1]) * s + TOP[0]
    bottom = ((BOTTOM[3] * s + BOTTOM[2]) * s + BOTTOM[1]) * s + BOTTOM[0]
    return min(max(z * top / bottom, -ONE), ONE)


def tanh(z):
    """tanh in compiled code: the fraction in float32, math.tanh in float64."""
    return math.tanh(z)


@overload(tanh)
def choose_tanh(z):
    """Called when tanh is compiled, with the type of z."""
    if z == types.float32:
        return lambda z: tanh_of_float32(z)
    return lambda z: math.tanh(z)


@compiled
def sigmoid(z):
    half = type(z)(0.5)
    return half * tanh(half * z) + half


# ---- one sample after another -------------------------------------------------------------


@compiled
def dot(u, v):
    total = u.dtype.type(0)
    for q in range(len(u)):
        total += u[q] * v[q]
    return total


@compiled
def add_scaled(total, factor, v):
    """total += factor * v, element by element."""
    for q in range(len(total)):
        total[q] += factor * v[q]


@compiled
def forward_sample(n, P, x, a, c, z, dy):
    """Forward pass of sample n.  a (T+1, Q), c (T+1, H), z (T, 4H); dy gets its predictions."""
    (T, _, D), H = x.shape, c.shape[1]
    for j in range(H):
        a[0, j], c[0, j] = 0, 0
    for t in range(T):
        for d in range(D):
            a[t, H + d] = x[t, n, d]
        for k in range(4 * H):
            z[t, k] = dot(P[k], a[t])
        for j in range(H):
            i, f = sigmoid(z[t, 4 * j]), sigmoid(z[t, 4 * j + 1])
            g, o = tanh(z[t, 4 * j + 2]), sigmoid(z[t, 4 * j + 3])
            c[t + 1, j] = f * c[t, j] + i * g
            a[t + 1, j] = o * tanh(c[t + 1, j])
            z[t, 4 * j], z[t, 4 * j + 1], z[t, 4 * j + 2], z[t, 4 * j + 3] = i, f, g, o
        for q in range(dy.shape[1]):
            dy[t, q] = dot(P[4 * H + q], a[t + 1])


@compiled
def loss_sample(n, y, scale, dy):
    """The predictions in dy become the loss's derivatives; returns the loss."""
    total = dy.dtype.type(0)
    for t in range(y.shape[0]):
        for q in range(y.shape[2]):
            error = dy[t, q] - y[t, n, q]
            total += scale * error * error
            dy[t, q] = scale * (error + error)
    return total


@compiled
def backward_sample(P, a, c, z, dy, G):
    """The gates in z become dz, from the last step to the first; add the gradients to G."""
    (T, H), one = (len(z), c.shape[1]), z.dtype.type(1)
    dh, dc = np.zeros(H, z.dtype), np.zeros(H, z.dtype)
    for t in range(T - 1, -1, -1):
        for q in range(dy.shape[1]):
            add_scaled(dh, dy[t, q], P[4 * H + q])
            add_scaled(G[4 * H + q], dy[t, q], a[t + 1])
        for j in range(H):
            i, f, g, o = z[t, 4 * j], z[t, 4 * j + 1], z[t, 4 * j + 2], z[t, 4 * j + 3]
            tanh_c = tanh(c[t + 1, j])
            dc_t = dc[j] + dh[j] * o * (one - tanh_c * tanh_c)
            z[t, 4 * j] = dc_t * g * i * (one - i)
            z[t, 4 * j + 1] = dc_t * c[t, j] * f * (one - f)
            z[t, 4 * j + 2] = dc_t * i * (one - g * g)
            z[t, 4 * j + 3] = dh[j] * tanh_c * o * (one - o)
            dc[j] = dc_t * f
        dh.fill(0)
        for k in range(4 * H):
            add_scaled(dh, z[t, k], P[k])
            add_scaled(G[k], z[t, k], a[t])


@compiled
def train_samples(begin, end, P, H, x, y, scale, G):
    """Samples begin..end, one after another: add their gradients to G; returns their loss."""
    (T, _, _), total = x.shape, G.dtype.type(0)
    a, c = np.zeros((T + 1, P.shape[1]), G.dtype), np.empty((T + 1, H), G.dtype)
    for t in range(T + 1):
        a[t, H + x.shape[2]] = 1  # its weights are B and b_out
    z, dy = np.empty((T, 4 * H), G.dtype), np.empty((T, y.shape[2]), G.dtype)
    for n in range(begin, end):
        forward_sample(n, P, x, a, c, z, dy)
        total += loss_sample(n, y, scale, dy)
        backward_sample(P, a, c, z, dy, G)
    return total


# ---- products -----------------------------------------------------------------------------


@compiled
def product(C, A, B):
    """C (K, L) = A (K, Q) B (Q, L); a tile of C stays in registers for the sum over Q."""
    for k in range(0, C.shape[0], simd.ROWS):
        for n in range(0, C.shape[1], simd.COLUMNS * simd.width(C)):
            tile = simd.zero_tile(C)
            for q in range(B.shape[0]):
                tile = simd.add_outer(tile, A, k, q, B, n)
            simd.store_tile(C, k, n, tile)


@compiled
def add_sums(G, Z, A):
    """G (K, Q) += Z (K, S) times A (Q, S) transposed: sums over S, the steps and samples."""
    for k in range(0, G.shape[0], simd.ROWS):
        for q in range(0, G.shape[1], simd.COLUMNS):
            tile = simd.zero_tile(G)
            for s in range(0, Z.shape[1], simd.width(Z)):
                tile = simd.add_pairs(tile, Z, k, s, A, q, s)
            simd.add_totals(G, k, q, tile)


# ---- the lanes of a chunk: 32 samples side by side ----------------------------------------


@compiled
def columns(t):
    """The columns of step t, in arrays of L lanes per step."""
    return slice(t * LANES, (t + 1) * LANES)


@compiled
def activate(z, c, a, t):
    """z becomes the gates of step t, of all lanes and units; fill c and h (in a) of the next."""
    now, then = columns(t), columns(t + 1)
    for j in range(c.shape[0]):
        z_i, z_f, z_g, z_o = z[4 * j, now], z[4 * j + 1, now], z[4 * j + 2, now], z[4 * j + 3, now]
        c_j, new, h = c[j, now], c[j, then], a[j, then]
        for n in range(LANES):
            i, f, g, o = sigmoid(z_i[n]), sigmoid(z_f[n]), tanh(z_g[n]), sigmoid(z_o[n])
            new[n] = f * c_j[n] + i * g
            h[n] = o * tanh(new[n])
            z_i[n], z_f[n], z_g[n], z_o[n] = i, f, g, o


@compiled
def gates_to_dz(z, c, dh, dc, t):
    """The gates of step t, in z, become dz; dc goes back by one step."""
    now, then, one = columns(t), columns(t + 1), z.dtype.type(1)
    for j in range(c.shape[0]):
        z_i, z_f, z_g, z_o = z[4 * j, now], z[4 * j + 1, now], z[4 * j + 2, now], z[4 * j + 3, now]
        c_j, new, dh_j, dc_j = c[j, now], c[j, then], dh[j], dc[j]
        for n in range(LANES):
            i, f, g, o = z_i[n], z_f[n], z_g[n], z_o[n]
            tanh_c = tanh(new[n])
            dc_t = dc_j[n] + dh_j[n] * o * (one - tanh_c * tanh_c)
            z_i[n] = dc_t * g * i * (one - i)
            z_f[n] = dc_t * c_j[n] * f * (one - f)
            z_g[n] = dc_t * i * (one - g * g)
            z_o[n] = dh_j[n] * tanh_c * o * (one - o)
            dc_j[n] = dc_t * f


@into_caller
def forward_chunk(first, P, x, a, c, z, p):
    """Forward pass of samples first, first + 1, ...: fill a, c, z and the predictions p.

    (P[k:, :], not P[k:]: so Numba sees the same kinds of array in all products: one to compile.)
    """
    (T, N, D), L, H = x.shape, LANES, c.shape[0]
    for t in range(T):
        for n in range(min(L, N - first)):
            for d in range(D):
                a[H + d, t * L + n] = x[t, first + n, d]
        now = columns(t)
        product(z[:, now], P[: 4 * H, :], a[:, now])
        activate(z, c, a, t)
    product(p[:, L : (T + 1) * L], P[4 * H :, :], a[:, L:])


@into_caller
def loss_chunk(first, y, scale, p):
    """The predictions p become dy; returns the loss.  Lanes past the batch's end get zeros."""
    (T, N, O), L, total = y.shape, LANES, p.dtype.type(0)  # noqa: E741
    for q in range(O):
        for t in range(T):
            p_t = p[q, columns(t + 1)]
            for n in range(min(L, N - first)):
                error = p_t[n] - y[t, first + n, q]
                total += scale * error * error
                p_t[n] = scale * (error + error)
            p_t[N - first :].fill(0)
    return total


@into_caller
def backward_chunk(P, c, z, T):
    """The gates in z become dz, from the last step to the first; the rows below hold dy."""
    H, rows = c.shape[0], -(-c.shape[0] // simd.ROWS) * simd.ROWS
    dh, dc = np.empty((rows, LANES), z.dtype), np.zeros((H, LANES), z.dtype)
    for t in range(T - 1, -1, -1):
        begin = 0 if t + 1 < T else 4 * H  # after the last step come predictions alone
        product(dh[:, :LANES], P[begin:, :rows].T, z[begin:, columns(t + 1)])
        gates_to_dz(z, c, dh, dc, t)


@into_caller
def workspace(T, H, P, L):
    """a, c, and z with p below: rows of all steps, L lanes in each, cut from one piece of memory.

    (One large piece is kept by the C library for the next call; many would go back to the system.)
    """
    Q, steps = P.shape[1], (T + 1) // 2 * 2 + 1  # odd: the rows then use all of the cache
    rows = Q + H + P.shape[0]
    memory = np.empty(rows * steps * L + CACHE_LINE, P.dtype)
    start = -memory.ctypes.data % CACHE_LINE // P.itemsize
    memory = memory[start : start + rows * steps * L].reshape(rows, steps * L)
    return memory[:Q], memory[Q : Q + H], memory[Q + H :]


@compiled
def train_chunks(w, P, H, x, y, scale, G, loss):
    """Worker w takes its part of the chunks, and has G[w] and loss[w] for itself."""
    (T, N, D), L, G_w, total = x.shape, LANES, G[w], G.dtype.type(0)
    a, c, z = workspace(T, H, P, L)
    a[:], c[:, :L] = 0, 0
    a[H + D] = 1  # its weights are B and b_out
    p = z[4 * H :]
    begin, end = part_of(w, len(loss), -(-N // L))
    for chunk in range(begin, end):
        forward_chunk(chunk * L, P, x, a, c, z[: 4 * H], p)
        total += loss_chunk(chunk * L, y, scale, p)
        backward_chunk(P, c, z, T)
        add_sums(G_w[: 4 * H], z[: 4 * H, : T * L], a[:, : T * L])
        add_sums(G_w[4 * H :], p[:, L : (T + 1) * L], a[:, L:])
    loss[w] = total


# ---- the cores ----------------------------------------------------------------------------


@compiled
def part_of(w, workers, N):
    """Worker w's part of N samples, as (first, last + 1); the parts' sizes differ by at most 1."""
    return w * N // workers, (w + 1) * N // workers


@njit(cache=True, parallel=True)
def share_samples(P, H, x, y, scale, G, loss):
    """Worker w takes its part of the samples, and has G[w] and loss[w] for itself."""
    for w in prange(len(loss)):
        begin, end = part_of(w, len(loss), x.shape[1])
        loss[w] = train_samples(begin, end, P, H, x, y, scale, G[w])


@njit(cache=True, parallel=True)
def share_chunks(train, P, H, x, y, scale, G, loss):
    """All workers; train is what `at_its_address` returns."""
    for w in prange(len(loss)):
        train(np.intp(w), P, H, x, y, scale, G, loss)


@lru_cache
def at_its_address(dtype):
    """train_chunks, compiled for this dtype, as a value: a call goes to where its code is.

    A call by its name would compile all of it again, in each of the pieces that Numba makes of a
    parallel loop.
    """
    real = from_dtype(dtype)
    P, batch, scale, loss = real[:, ::1], real[:, :, ::1], real, real[::1]
    arguments = types.intp, P, types.intp, batch, batch, scale, batch, loss
    train_chunks.compile(arguments)
    train = CompileResultWAP(train_chunks.overloads[arguments])
    train._numba_type_ = typeof(train)  # asked at each call: Numba would work it out each time
    return train


# ---- the host's part ----------------------------------------------------------------------


def whole(count):
    """The smallest multiple of simd.ROWS that is not below this count."""
    return -(-count // simd.ROWS) * simd.ROWS


def units_of(params):
    """H, filled up: the rows of all gates make whole tiles."""
    return whole(4 * params.W.shape[1]) // 4


def pack(params):
    """P (4H + O, H + D + 1), with H, rows and columns filled up by zeros to whole tiles."""
    U, W, B, V, b_out = params
    (O, H), D, units = V.shape, U.shape[1], units_of(params)  # noqa: E741
    P = np.zeros((4 * units + whole(O), whole(units + D + 1)), U.dtype)
    for part, p in (slice(H), W), (slice(units, units + D), U), (units + D, B):
        P[: 4 * H, part].reshape(H, 4, -1)[:] = p.reshape(4, H, -1).swapaxes(0, 1)
    P[4 * units : 4 * units + O, :H], P[4 * units : 4 * units + O, units + D] = V, b_out
    return P


def unpack(G, params):
    """The five gradients from G, which has P's shape."""
    (O, H), D, units = params.V.shape, params.U.shape[1], units_of(params)  # noqa: E741
    dz = np.ascontiguousarray(G[: 4 * H].reshape(H, 4, -1).swapaxes(0, 1)).reshape(4 * H, -1)
    dy = G[4 * units : 4 * units + O]
    parts = dz[:, units : units + D], dz[:, :H], dz[:, units + D], dy[:, :H], dy[:, units + D]
    return Params(*map(np.ascontiguousarray, parts))


def sum_in_order(parts):
    """Sum of the workers' parts (workers, ...), one after the other: always the same bits."""
    total = parts[0].copy()
    for part in parts[1:]:
        total += part
    return total


def gradients(params, x, y):
    """Loss and gradients of one batch.  x (T, N, D), y (T, N, O); grads shaped as params."""
    params, x, y = checked(params, x, y)
    N, H = x.shape[1], units_of(params)
    P, scale = pack(params), x.dtype.type(1 / y.size)
    parts = N if N <= FEW else -(-N // LANES)
    workers = min(parts, WORKERS)
    G, loss = np.zeros((workers, *P.shape), x.dtype), np.zeros(workers, x.dtype)
    with one_at_a_time:
        if N == 1:
            loss[0] = train_samples(0, N, P, H, x, y, scale, G[0])
        elif N <= FEW:
            share_samples(P, H, x, y, scale, G, loss)
        elif workers == 1:  # nothing to share: do not wake the other cores
            train_chunks(0, P, H, x, y, scale, G, loss)
        else:
            loss[:] = -1
            share_chunks(at_its_address(x.dtype), P, H, x, y, scale, G, loss)
            if (loss < 0).any():  # a worker gave up: an error cannot leave a parallel loop
                raise MemoryError(f"no room for the steps of {LANES} samples on each core")
    return float(loss.sum()), unpack(sum_in_order(G), params)
