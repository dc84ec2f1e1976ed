"""Sequential: one number after the other, in plain Python lists and floats.  Lesson 03."""

import math

import numpy as np

from lstm_kernels.model import Params, checked

# ---- helpers ------------------------------------------------------------------------------


def sigmoid(z):
    """1 / (1 + e^-z), written so that e^... never overflows."""
    return 0.5 * (1.0 + math.tanh(0.5 * z))


def dot(a, b):
    """Sum of the products of two lists."""
    return sum(p * q for p, q in zip(a, b, strict=True))


def zeros(*shape):
    """Nested lists of 0.0 with this shape."""
    if len(shape) == 1:
        return [0.0] * shape[0]
    return [zeros(*shape[1:]) for _ in range(shape[0])]


# ---- one sample, forward ------------------------------------------------------------------


def step(params, x_t, h_t, c_t):
    """One step of the cell: from the state before it to the gates and the state after it."""
    U, W, B, _, _ = params
    H = len(h_t)
    z = [B[k] + dot(U[k], x_t) + dot(W[k], h_t) for k in range(4 * H)]
    gates = [math.tanh(z[k]) if 2 * H <= k < 3 * H else sigmoid(z[k]) for k in range(4 * H)]
    i, f, g, o = gates[:H], gates[H : 2 * H], gates[2 * H : 3 * H], gates[3 * H :]
    c_next = [f[j] * c_t[j] + i[j] * g[j] for j in range(H)]
    h_next = [o[j] * math.tanh(c_next[j]) for j in range(H)]
    return gates, c_next, h_next


def forward_sample(params, x):
    """Forward pass of one sample.  x: T lists of D; returns gates, c, h, predictions."""
    _, _, _, V, b_out = params
    H = len(V[0])
    gates, c, h = [], [[0.0] * H], [[0.0] * H]  # row 0 of c and h: the initial state
    for x_t in x:
        gates_t, c_next, h_next = step(params, x_t, h[-1], c[-1])
        gates.append(gates_t)
        c.append(c_next)
        h.append(h_next)
    predictions = [[b_out[q] + dot(V[q], h_t) for q in range(len(V))] for h_t in h[1:]]
    return gates, c, h, predictions


# ---- one sample, backward -----------------------------------------------------------------


def backward_sample(params, gates, c, dy):
    """dz (T lists of 4H): the loss's derivatives by the gates' inputs, last step first."""
    _, W, _, V, _ = params
    T, H = len(gates), len(V[0])
    dz, dc = zeros(T, 4 * H), [0.0] * H
    for t in reversed(range(T)):
        for j in range(H):
            dh = sum(V[q][j] * dy[t][q] for q in range(len(V)))
            if t + 1 < T:
                dh += sum(W[k][j] * dz[t + 1][k] for k in range(4 * H))
            i, f, g, o = (gates[t][row * H + j] for row in range(4))
            tanh_c = math.tanh(c[t + 1][j])
            dc[j] += dh * o * (1 - tanh_c * tanh_c)
            dz[t][j] = dc[j] * g * i * (1 - i)
            dz[t][H + j] = dc[j] * c[t][j] * f * (1 - f)
            dz[t][2 * H + j] = dc[j] * i * (1 - g * g)
            dz[t][3 * H + j] = dh * tanh_c * o * (1 - o)
            dc[j] *= f
    return dz


def add_gradients(grads, x, h, dz, dy):
    """Add one sample's part to the five gradients: products summed over the steps."""
    dU, dW, dB, dV, db_out = grads
    for t in range(len(x)):
        for k, dz_k in enumerate(dz[t]):
            dB[k] += dz_k
            for d, x_d in enumerate(x[t]):
                dU[k][d] += dz_k * x_d
            for j, h_j in enumerate(h[t]):
                dW[k][j] += dz_k * h_j
        for q, dy_q in enumerate(dy[t]):
            db_out[q] += dy_q
            for j, h_j in enumerate(h[t + 1]):
                dV[q][j] += dy_q * h_j


# ---- the whole batch ----------------------------------------------------------------------


def gradients(params, x, y):
    """Loss and gradients of one batch.  x (T, N, D), y (T, N, O); grads shaped as params."""
    params, x, y = checked(params, x, y)
    T, N, O = y.shape  # noqa: E741
    lists = Params(*(p.tolist() for p in params))
    grads = Params(*(zeros(*p.shape) for p in params))
    loss, scale = 0.0, 2 / (T * N * O)
    for n in range(N):
        x_n, y_n = x[:, n].tolist(), y[:, n].tolist()
        gates, c, h, predictions = forward_sample(lists, x_n)
        error = [[predictions[t][q] - y_n[t][q] for q in range(O)] for t in range(T)]
        loss += sum(e * e for row in error for e in row) / (T * N * O)
        dy = [[scale * e for e in row] for row in error]
        add_gradients(grads, x_n, h, backward_sample(lists, gates, c, dy), dy)
    return loss, Params(*(np.array(g, dtype=x.dtype) for g in grads))
