"""V2's map on the cores of the CPU: a worker takes some samples, SIMD lanes take one each.
Lesson 08.

The batch is cut into *workers*; each trains on its samples, and has gradients of its own.  The
cores share the workers, and the host adds the gradients in the workers' order.  Who does what
depends on the batch alone: the same bits on every run and on any number of cores.

All parameters are one matrix P = [W U B; V 0 b_out], and the input of a step is a = [h x 1].
So z = P a in one product; the sums of dz a give dW, dU and dB in another.  Row 4j + g of P, z
and dz is gate g (i, f, g, o) of unit j.  Rows and columns are multiples of 4, the rest is zero.
"""

import math
import threading

import numpy as np
from numba import njit, prange, types
from numba.extending import overload

from lstm_kernels.model import Params, checked, sizes

WORKERS = 64  # at most, for any number of cores
LANES = (0,) * 32  # samples side by side: the length of a tuple is known when code is compiled
FEW = 8  # up to so many samples, most lanes would stay idle: one sample after another
FAST = {"reassoc", "contract", "nsz"}  # a sum may be split over lanes; a * b + c is one step

compiled = njit(cache=True, fastmath=FAST, error_model="numpy")
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
def add_product(C, A, down, right, B, rows, terms, lanes):
    """C (rows, lanes) += A (rows, terms) B (terms, lanes), all flat; 4 rows by 4 terms at a time.

    A[r, q] is A[r * down + q * right].  rows and terms are multiples of 4.
    """
    L = len(lanes)
    for q in range(0, terms, 4):
        b = B[q * L : (q + 4) * L]
        for r in range(0, rows, 4):
            c = C[r * L : (r + 4) * L]
            k = r * down + q * right
            a00, a01, a02, a03 = A[k], A[k + right], A[k + 2 * right], A[k + 3 * right]
            k += down
            a10, a11, a12, a13 = A[k], A[k + right], A[k + 2 * right], A[k + 3 * right]
            k += down
            a20, a21, a22, a23 = A[k], A[k + right], A[k + 2 * right], A[k + 3 * right]
            k += down
            a30, a31, a32, a33 = A[k], A[k + right], A[k + 2 * right], A[k + 3 * right]
            for n in range(L):
                b0, b1, b2, b3 = b[n], b[n + L], b[n + 2 * L], b[n + 3 * L]
                c[n] += a00 * b0 + a01 * b1 + a02 * b2 + a03 * b3
                c[n + L] += a10 * b0 + a11 * b1 + a12 * b2 + a13 * b3
                c[n + 2 * L] += a20 * b0 + a21 * b1 + a22 * b2 + a23 * b3
                c[n + 3 * L] += a30 * b0 + a31 * b1 + a32 * b2 + a33 * b3


@compiled
def add_sums(G, Z, A, S):
    """G (K, Q) += Z (K, S) times A (Q, S) transposed: sums over S, the steps and samples."""
    for k in range(0, G.shape[0], 4):
        z0, z1, z2, z3 = Z[k], Z[k + 1], Z[k + 2], Z[k + 3]
        for q in range(0, G.shape[1], 2):
            a0, a1 = A[q], A[q + 1]
            s00 = s10 = s20 = s30 = s01 = s11 = s21 = s31 = Z.dtype.type(0)
            for s in range(S):
                s00 += z0[s] * a0[s]
                s10 += z1[s] * a0[s]
                s20 += z2[s] * a0[s]
                s30 += z3[s] * a0[s]
                s01 += z0[s] * a1[s]
                s11 += z1[s] * a1[s]
                s21 += z2[s] * a1[s]
                s31 += z3[s] * a1[s]
            G[k, q], G[k, q + 1] = G[k, q] + s00, G[k, q + 1] + s01
            G[k + 1, q], G[k + 1, q + 1] = G[k + 1, q] + s10, G[k + 1, q + 1] + s11
            G[k + 2, q], G[k + 2, q + 1] = G[k + 2, q] + s20, G[k + 2, q + 1] + s21
            G[k + 3, q], G[k + 3, q + 1] = G[k + 3, q] + s30, G[k + 3, q + 1] + s31


# ---- the lanes of a chunk: 32 samples side by side ----------------------------------------


@compiled
def activate(z, c, c_next, a, H, lanes):
    """z becomes the gates, of all lanes and units; fill c_next, and h in the first rows of a."""
    L = len(lanes)
    for j in range(H):
        gates = z[4 * j * L : 4 * (j + 1) * L]
        c_j, new, h = c[j * L : (j + 1) * L], c_next[j * L : (j + 1) * L], a[j * L : (j + 1) * L]
        for n in range(L):
            i, f, g = sigmoid(gates[n]), sigmoid(gates[n + L]), tanh(gates[n + 2 * L])
            o = sigmoid(gates[n + 3 * L])
            new[n] = f * c_j[n] + i * g
            h[n] = o * tanh(new[n])
            gates[n], gates[n + L], gates[n + 2 * L], gates[n + 3 * L] = i, f, g, o


@compiled
def gates_to_dz(z, c, c_next, dh, dc, H, lanes):
    """The gates in z become dz; dc goes back by one step."""
    L, one = len(lanes), z.dtype.type(1)
    for j in range(H):
        gates = z[4 * j * L : 4 * (j + 1) * L]
        c_j, new = c[j * L : (j + 1) * L], c_next[j * L : (j + 1) * L]
        dh_j, dc_j = dh[j * L : (j + 1) * L], dc[j * L : (j + 1) * L]
        for n in range(L):
            i, f, g, o = gates[n], gates[n + L], gates[n + 2 * L], gates[n + 3 * L]
            tanh_c = tanh(new[n])
            dc_t = dc_j[n] + dh_j[n] * o * (one - tanh_c * tanh_c)
            gates[n] = dc_t * g * i * (one - i)
            gates[n + L] = dc_t * c_j[n] * f * (one - f)
            gates[n + 2 * L] = dc_t * i * (one - g * g)
            gates[n + 3 * L] = dh_j[n] * tanh_c * o * (one - o)
            dc_j[n] = dc_t * f


@compiled
def remember(history, t, now, lanes):
    """Copy the rows of one step, now (rows, lanes), to their place in history (rows, steps)."""
    L = len(lanes)
    for r in range(history.shape[0]):
        for n in range(L):
            history[r, t * L + n] = now[r * L + n]


@compiled
def forward_chunk(first, P, x, a, c, z, p, history, lanes):
    """Forward pass of samples first, first + 1, ...: fill c, z, p and the history of a."""
    (T, N, D), L, Q, H4 = x.shape, len(lanes), P.shape[1], z.shape[1] // len(lanes)
    H, weights, output = H4 // 4, P[:H4].ravel(), P[H4:].ravel()
    for numbers in (a, c[0], z.ravel(), p.ravel()):
        numbers.fill(0)
    a[(H + D) * L : (H + D + 1) * L].fill(1)  # its weights are B and b_out
    for t in range(T):
        for n in range(min(L, N - first)):
            for d in range(D):
                a[(H + d) * L + n] = x[t, first + n, d]
        remember(history, t, a, lanes)
        add_product(z[t], weights, Q, 1, a, H4, Q, lanes)
        activate(z[t], c[t], c[t + 1], a, H, lanes)
        add_product(p[t], output, Q, 1, a, P.shape[0] - H4, Q, lanes)
    remember(history, T, a, lanes)


@compiled
def loss_chunk(first, y, scale, p, lanes):
    """The predictions p become dy; returns the loss.  Lanes past the batch's end get zeros."""
    L, total = len(lanes), p.dtype.type(0)
    for t in range(p.shape[0]):
        for q in range(y.shape[2]):
            for n in range(min(L, y.shape[1] - first)):
                error = p[t, q * L + n] - y[t, first + n, q]
                total += scale * error * error
                p[t, q * L + n] = scale * (error + error)
            p[t, q * L + y.shape[1] - first : (q + 1) * L].fill(0)
    return total


@compiled
def backward_chunk(P, c, z, dy, dz_history, dy_history, lanes):
    """Backward pass of a chunk: the gates in z become dz; both histories are filled."""
    L, Q, (T, size) = len(lanes), P.shape[1], z.shape
    H4, H = size // L, size // L // 4
    weights, output = P[:H4].ravel(), P[H4:].ravel()
    dh, dc = np.zeros(Q * L, z.dtype), np.zeros(H * L, z.dtype)
    rows = (H + 3) // 4 * 4
    for t in range(T - 1, -1, -1):
        dh.fill(0)
        add_product(dh, output, 1, Q, dy[t], rows, P.shape[0] - H4, lanes)
        if t + 1 < T:
            add_product(dh, weights, 1, Q, z[t + 1], rows, H4, lanes)
        gates_to_dz(z[t], c[t], c[t + 1], dh, dc, H, lanes)
        remember(dz_history, t, z[t], lanes)
        remember(dy_history, t, dy[t], lanes)


@compiled
def workspace(T, H, P, L):
    """a, c, z, p and the histories of a, dz and dy, cut from one piece of memory.

    (One large piece is kept by the C library for the next call; many would go back to the system.)
    """
    rows, Q = P.shape
    outputs, steps = rows - 4 * H, (T + 1) // 2 * 2 + 1  # odd: rows then use all of the cache
    sizes = (Q, (T + 1) * H, T * 4 * H, T * outputs, Q * steps, 4 * H * steps, outputs * steps)
    memory, ends = np.empty(sum(sizes) * L, P.dtype), np.cumsum(np.array(sizes)) * L
    a, c, z = memory[: ends[0]], memory[ends[0] : ends[1]], memory[ends[1] : ends[2]]
    p, a_history = memory[ends[2] : ends[3]], memory[ends[3] : ends[4]]
    dz_history, dy_history = memory[ends[4] : ends[5]], memory[ends[5] : ends[6]]
    histories = (
        a_history.reshape(Q, steps * L),
        dz_history.reshape(4 * H, steps * L),
        dy_history.reshape(outputs, steps * L),
    )
    c, z, p = c.reshape(T + 1, H * L), z.reshape(T, 4 * H * L), p.reshape(T, outputs * L)
    return a, c, z, p, histories


@compiled
def train_chunks(begin, end, P, H, x, y, scale, G, lanes):
    """Chunks begin..end, one after another: add their gradients to G; returns their loss."""
    T, L, total = x.shape[0], len(lanes), G.dtype.type(0)
    a, c, z, p, histories = workspace(T, H, P, L)
    a_history, dz_history, dy_history = histories
    for chunk in range(begin, end):
        forward_chunk(chunk * L, P, x, a, c, z, p, a_history, lanes)
        total += loss_chunk(chunk * L, y, scale, p, lanes)
        backward_chunk(P, c, z, p, dz_history, dy_history, lanes)
        add_sums(G[: 4 * H], dz_history, a_history, T * L)
        add_sums(G[4 * H :], dy_history, a_history[:, L:], T * L)
    return total


# ---- the cores ----------------------------------------------------------------------------


@njit(cache=True, parallel=True)
def share_samples(P, H, x, y, scale, G, loss):
    """Worker w takes its part of the samples, and has G[w] and loss[w] for itself."""
    N, workers = x.shape[1], len(loss)
    for w in prange(workers):
        begin, end = w * N // workers, (w + 1) * N // workers
        loss[w] = train_samples(begin, end, P, H, x, y, scale, G[w])


@njit(cache=True, parallel=True)
def share_chunks(P, H, x, y, scale, G, loss, lanes):
    """Worker w takes its part of the chunks, and has G[w] and loss[w] for itself."""
    chunks, workers = -(-x.shape[1] // len(lanes)), len(loss)
    for w in prange(workers):
        begin, end = w * chunks // workers, (w + 1) * chunks // workers
        loss[w] = train_chunks(begin, end, P, H, x, y, scale, G[w], lanes)


# ---- the host's part ----------------------------------------------------------------------


def pack(params):
    """P (4H + O, H + D + 1), rows and columns filled up to multiples of 4."""
    U, W, B, V, b_out = params
    (O, H), D = V.shape, U.shape[1]  # noqa: E741
    P = np.zeros((4 * H + -(-O // 4) * 4, -(-(H + D + 1) // 4) * 4), U.dtype)
    for part, p in (slice(H), W), (slice(H, H + D), U), (H + D, B):
        P[: 4 * H, part].reshape(H, 4, -1)[:] = p.reshape(4, H, -1).swapaxes(0, 1)
    P[4 * H : 4 * H + O, :H], P[4 * H : 4 * H + O, H + D] = V, b_out
    return P


def unpack(G, params):
    """The five gradients from G, which has P's shape."""
    (O, H), D = params.V.shape, params.U.shape[1]  # noqa: E741
    dz = np.ascontiguousarray(G[: 4 * H].reshape(H, 4, -1).swapaxes(0, 1)).reshape(4 * H, -1)
    dy = G[4 * H : 4 * H + O]
    parts = dz[:, H : H + D], dz[:, :H], dz[:, H + D], dy[:, :H], dy[:, H + D]
    return Params(*map(np.ascontiguousarray, parts))


def gradients(params, x, y):
    """Loss and gradients of one batch.  x (T, N, D), y (T, N, O); grads shaped as params."""
    params, x, y = checked(params, x, y)
    _, N, _, H, _ = sizes(params, x)
    P, scale = pack(params), x.dtype.type(1 / y.size)
    parts = N if N <= FEW else -(-N // len(LANES))
    workers = min(parts, WORKERS)
    G, loss = np.zeros((workers, *P.shape), x.dtype), np.zeros(workers, x.dtype)
    with one_at_a_time:
        if N == 1:
            loss[0] = train_samples(0, N, P, H, x, y, scale, G[0])
        elif N <= FEW:
            share_samples(P, H, x, y, scale, G, loss)
        elif workers == 1:  # nothing to share: do not wake the other cores
            loss[0] = train_chunks(0, 1, P, H, x, y, scale, G[0], LANES)
        else:
            share_chunks(P, H, x, y, scale, G, loss, LANES)
    return float(loss.sum()), unpack(G.sum(0), params)
