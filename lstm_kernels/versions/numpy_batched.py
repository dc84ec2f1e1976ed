"""NumPy, the whole batch in each operation: the honest CPU baseline.  Lesson 04.

Inside, the samples come last: x (T, D, N), h and c (T+1, H, N), gates (T, 4H, N).  So the
formulas read as for one sample, with matrices in place of vectors, and each gate is one
contiguous block of memory.
"""

import numpy as np

from lstm_kernels.model import Params, checked

# ---- all samples, forward -----------------------------------------------------------------


def half_or_one(H, dtype):
    """s (4H, 1): 1/2 for the rows of i, f, o, and 1 for those of g.

    sigmoid(z) = 1/2 tanh(z/2) + 1/2, so all gates are s tanh(s z) + (1 - s): one call of tanh.
    """
    s = np.full((4 * H, 1), 0.5, dtype)
    s[2 * H : 3 * H] = 1
    return s


def forward(params, x):
    """Forward pass.  x (T, D, N); returns gates (T, 4H, N), c, h (T+1, H, N), y (T, O, N)."""
    U, W, B, V, b_out = params
    (T, _, N), H = x.shape, W.shape[1]
    s = half_or_one(H, x.dtype)
    sW = s * W
    gates = (s * U) @ x + s * B[:, None]  # needs no recurrence: all steps at once
    c, h = np.zeros((2, T + 1, H, N), x.dtype)  # row 0: the initial state
    for t in range(T):
        z = gates[t]
        z += sW @ h[t]
        np.tanh(z, out=z)
        z *= s
        z += 1 - s
        i, f, g, o = z.reshape(4, H, N)
        c[t + 1] = f * c[t] + i * g
        h[t + 1] = o * np.tanh(c[t + 1])
    return gates, c, h, V @ h[1:] + b_out[:, None]


# ---- all samples, backward ----------------------------------------------------------------


def slopes(gates, c):
    """What dz and dc are multiplied by, for all steps at once: (T, 4H, N) and (T, H, N)."""
    T, H, N = c[1:].shape
    i, f, g, o = gates.reshape(T, 4, H, N).swapaxes(0, 1)
    tanh_c = np.tanh(c[1:])
    by_z = gates * (1 - gates)  # the slope of sigmoid
    by_z[:, :H] *= g
    by_z[:, H : 2 * H] *= c[:-1]
    by_z[:, 2 * H : 3 * H] = i * (1 - g * g)  # the slope of tanh
    by_z[:, 3 * H :] *= tanh_c
    return by_z, o * (1 - tanh_c * tanh_c)


def backward(params, gates, c, dy):
    """dz (T, 4H, N): the loss's derivatives by the gates' inputs, last step first."""
    _, W, _, V, _ = params
    T, H, N = c[1:].shape
    dz, by_c = slopes(gates, c)
    dh_out, f = V.T @ dy, gates[:, H : 2 * H]
    dh_next, dc = np.zeros((2, H, N), gates.dtype)  # from the step after
    for t in reversed(range(T)):
        dh = dh_out[t] + dh_next
        dc += dh * by_c[t]
        dz[t, : 3 * H].reshape(3, H, N)[:] *= dc
        dz[t, 3 * H :] *= dh
        dh_next = W.T @ dz[t]
        dc *= f[t]
    return dz


def sum_of_products(a, b):
    """Sum over steps and samples of a (T, K, N) times b (T, J, N): (K, J)."""
    return (a @ b.swapaxes(1, 2)).sum(0)


def weight_gradients(x, h, dz, dy):
    """The five gradients, each from all steps and samples at once."""
    dU, dW = sum_of_products(dz, x), sum_of_products(dz, h[:-1])
    dB, dV = dz.sum((0, 2)), sum_of_products(dy, h[1:])
    return Params(dU, dW, dB, dV, dy.sum((0, 2)))


# ---- the whole batch ----------------------------------------------------------------------


def gradients(params, x, y):
    """Loss and gradients of one batch.  x (T, N, D), y (T, N, O); grads shaped as params."""
    params, x, y = checked(params, x, y)
    x, y = np.ascontiguousarray(x.swapaxes(1, 2)), y.swapaxes(1, 2)
    gates, c, h, predictions = forward(params, x)
    error = predictions - y
    dy = error * x.dtype.type(2 / y.size)
    dz = backward(params, gates, c, dy)
    return float((error * error).mean()), weight_gradients(x, h, dz, dy)


def predict(params, x):
    """Predictions (T, N, O) for x (T, N, D)."""
    return forward(params, x.swapaxes(1, 2))[-1].swapaxes(1, 2)
