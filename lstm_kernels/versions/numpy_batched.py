"""NumPy, the whole batch in each operation: the honest CPU baseline.  Lesson 03."""

import numpy as np

from lstm_kernels.model import Params, checked


def sigmoid(z):
    """1 / (1 + e^-z), written so that e^... never overflows."""
    return 0.5 * (1 + np.tanh(0.5 * z))


# ---- all samples, forward -----------------------------------------------------------------


def forward(params, x):
    """Forward pass.  x (T, N, D); returns gates (T, N, 4H), c, h (T+1, N, H), y (T, N, O)."""
    U, W, B, V, b_out = params
    (T, N, _), H = x.shape, W.shape[1]
    gates = x @ U.T + B  # the inputs' part needs no recurrence: all steps at once
    c, h = np.zeros((2, T + 1, N, H), x.dtype)  # row 0: the initial state
    for t in range(T):
        z = gates[t]
        z += h[t] @ W.T
        i, f, g, o = (z[:, row * H : (row + 1) * H] for row in range(4))  # views into gates
        i[:], f[:], g[:], o[:] = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        c[t + 1] = f * c[t] + i * g
        h[t + 1] = o * np.tanh(c[t + 1])
    return gates, c, h, h[1:] @ V.T + b_out


# ---- all samples, backward ----------------------------------------------------------------


def backward(params, gates, c, dy):
    """dz (T, N, 4H): the loss's derivatives by the gates' inputs, last step first."""
    _, W, _, V, _ = params
    (T, N, _), H = gates.shape, W.shape[1]
    dz, dh_out = np.empty_like(gates), dy @ V
    dh_next, dc = np.zeros((2, N, H), gates.dtype)  # from the step after
    for t in reversed(range(T)):
        i, f, g, o = (gates[t, :, row * H : (row + 1) * H] for row in range(4))
        tanh_c = np.tanh(c[t + 1])
        dh = dh_out[t] + dh_next
        dc = dc + dh * o * (1 - tanh_c**2)
        dz[t, :, :H] = dc * g * i * (1 - i)
        dz[t, :, H : 2 * H] = dc * c[t] * f * (1 - f)
        dz[t, :, 2 * H : 3 * H] = dc * i * (1 - g**2)
        dz[t, :, 3 * H :] = dh * tanh_c * o * (1 - o)
        dh_next, dc = dz[t] @ W, dc * f
    return dz


def weight_gradients(x, h, dz, dy):
    """The five gradients: one matrix product each over all steps and samples."""
    rows = dz.shape[0] * dz.shape[1]  # T * N
    dz, dy, x = (a.reshape(rows, -1) for a in (dz, dy, x))
    before, after = h[:-1].reshape(rows, -1), h[1:].reshape(rows, -1)
    return Params(dz.T @ x, dz.T @ before, dz.sum(0), dy.T @ after, dy.sum(0))


# ---- the whole batch ----------------------------------------------------------------------


def gradients(params, x, y):
    """Loss and gradients of one batch.  x (T, N, D), y (T, N, O); grads shaped as params."""
    params, x, y = checked(params, x, y)
    gates, c, h, predictions = forward(params, x)
    error = predictions - y
    dy = error * x.dtype.type(2 / y.size)
    dz = backward(params, gates, c, dy)
    return float((error**2).mean()), weight_gradients(x, h, dz, dy)


def predict(params, x):
    """Predictions (T, N, O) for x (T, N, D)."""
    return forward(params, x)[-1]
