"""NumPy, sample after sample: the inner loops become vector operations.  Lesson 04.

This is how the model project used NumPy: a weak baseline, named as such.
"""

import numpy as np

from lstm_kernels.model import checked, zeros_like


def sigmoid(z):
    """1 / (1 + e^-z), written so that e^... never overflows."""
    return 0.5 * (1 + np.tanh(0.5 * z))


# ---- one sample, forward ------------------------------------------------------------------


def forward_sample(params, x):
    """Forward pass of one sample.  x (T, D); returns gates (T, 4H), c, h (T+1, H), y (T, O)."""
    U, W, B, V, b_out = params
    T, H = len(x), W.shape[1]
    gates = np.empty((T, 4 * H), x.dtype)
    c, h = np.zeros((2, T + 1, H), x.dtype)  # row 0: the initial state
    for t in range(T):
        z = U @ x[t] + W @ h[t] + B
        i, f, o = sigmoid(z[:H]), sigmoid(z[H : 2 * H]), sigmoid(z[3 * H :])
        g = np.tanh(z[2 * H : 3 * H])
        c[t + 1] = f * c[t] + i * g
        h[t + 1] = o * np.tanh(c[t + 1])
        gates[t] = np.concatenate((i, f, g, o))
    return gates, c, h, h[1:] @ V.T + b_out


# ---- one sample, backward -----------------------------------------------------------------


def backward_sample(params, gates, c, dy):
    """dz (T, 4H): the loss's derivatives by the gates' inputs, last step first."""
    _, W, _, V, _ = params
    T, H = len(gates), W.shape[1]
    dz = np.empty_like(gates)
    dh_next, dc = np.zeros((2, H), gates.dtype)  # from the step after
    for t in reversed(range(T)):
        i, f, g, o = gates[t].reshape(4, H)
        tanh_c = np.tanh(c[t + 1])
        dh = V.T @ dy[t] + dh_next
        dc = dc + dh * o * (1 - tanh_c**2)
        dz[t, :H] = dc * g * i * (1 - i)
        dz[t, H : 2 * H] = dc * c[t] * f * (1 - f)
        dz[t, 2 * H : 3 * H] = dc * i * (1 - g**2)
        dz[t, 3 * H :] = dh * tanh_c * o * (1 - o)
        dh_next, dc = W.T @ dz[t], dc * f
    return dz


def add_gradients(grads, x, h, dz, dy):
    """Add one sample's part to the five gradients: outer products summed over the steps."""
    dU, dW, dB, dV, db_out = grads
    dU += dz.T @ x
    dW += dz.T @ h[:-1]
    dB += dz.sum(0)
    dV += dy.T @ h[1:]
    db_out += dy.sum(0)


# ---- the whole batch ----------------------------------------------------------------------


def gradients(params, x, y):
    """Loss and gradients of one batch.  x (T, N, D), y (T, N, O); grads shaped as params."""
    params, x, y = checked(params, x, y)
    grads, loss = zeros_like(params), 0.0
    for n in range(x.shape[1]):
        gates, c, h, predictions = forward_sample(params, x[:, n])
        error = predictions - y[:, n]
        loss += float((error**2).sum()) / y.size
        dy = error * x.dtype.type(2 / y.size)
        add_gradients(grads, x[:, n], h, backward_sample(params, gates, c, dy), dy)
    return loss, grads
