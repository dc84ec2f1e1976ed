"""From numpy_loop to numpy_batched, one thing more on each rung, timed in turns.  Lesson 04.

Shapes as in numpy_batched: x (T, D, N), gates and dz (T, 4H, N), c and h (T+1, H, N), dy (T, O, N).
"""

import time
from itertools import pairwise

import numpy as np

from lstm_kernels.emulator.build import finish_preparing
from lstm_kernels.model import checked
from lstm_kernels.versions import numpy_batched, numpy_loop
from lstm_kernels.versions.numpy_batched import half_or_one, weight_gradients
from lstm_kernels.versions.numpy_loop import sigmoid

# ---- the axis alone: the lines of numpy_loop, for arrays with one axis more ---------------


def forward_axis(params, x):
    """Forward pass.  x (T, D, N); returns gates (T, 4H, N), c, h (T+1, H, N), y (T, O, N)."""
    U, W, B, V, b_out = params
    (T, _, N), H = x.shape, W.shape[1]
    gates = np.empty((T, 4 * H, N), x.dtype)
    c, h = np.zeros((2, T + 1, H, N), x.dtype)  # row 0: the initial state
    for t in range(T):
        z = U @ x[t] + W @ h[t] + B[:, None]
        i, f, o = sigmoid(z[:H]), sigmoid(z[H : 2 * H]), sigmoid(z[3 * H :])
        g = np.tanh(z[2 * H : 3 * H])
        c[t + 1] = f * c[t] + i * g
        h[t + 1] = o * np.tanh(c[t + 1])
        gates[t] = np.concatenate((i, f, g, o))
    return gates, c, h, V @ h[1:] + b_out[:, None]


def backward_axis(params, gates, c, dy):
    """dz (T, 4H, N): the loss's derivatives by the gates' inputs, last step first."""
    _, W, _, V, _ = params
    T, H, N = c[1:].shape
    dz = np.empty_like(gates)
    dh_next, dc = np.zeros((2, H, N), gates.dtype)  # from the step after
    for t in reversed(range(T)):
        i, f, g, o = gates[t].reshape(4, H, N)
        tanh_c = np.tanh(c[t + 1])
        dh = V.T @ dy[t] + dh_next
        dc = dc + dh * o * (1 - tanh_c**2)
        dz[t, :H] = dc * g * i * (1 - i)
        dz[t, H : 2 * H] = dc * c[t] * f * (1 - f)
        dz[t, 2 * H : 3 * H] = dc * i * (1 - g**2)
        dz[t, 3 * H :] = dh * tanh_c * o * (1 - o)
        dh_next, dc = W.T @ dz[t], dc * f
    return dz


# ---- with one trick, with two -------------------------------------------------------------


def forward_inputs_first(params, x):
    """The same with `U x` of all steps before the loop."""
    U, W, B, V, b_out = params
    (T, _, N), H = x.shape, W.shape[1]
    gates = np.empty((T, 4 * H, N), x.dtype)
    c, h = np.zeros((2, T + 1, H, N), x.dtype)
    Ux = U @ x + B[:, None]
    for t in range(T):
        z = Ux[t] + W @ h[t]
        i, f, o = sigmoid(z[:H]), sigmoid(z[H : 2 * H]), sigmoid(z[3 * H :])
        g = np.tanh(z[2 * H : 3 * H])
        c[t + 1] = f * c[t] + i * g
        h[t + 1] = o * np.tanh(c[t + 1])
        gates[t] = np.concatenate((i, f, g, o))
    return gates, c, h, V @ h[1:] + b_out[:, None]


def activate(z):
    """All gates (4H, N) from their inputs (4H, N), by one call of tanh."""
    s = half_or_one(len(z) // 4, z.dtype)
    return s * np.tanh(s * z) + (1 - s)


def forward_one_tanh(gates_of=activate):
    """And with this function in place of the calls of tanh and sigmoid."""

    def forward(params, x):
        U, W, B, V, b_out = params
        (T, _, N), H = x.shape, W.shape[1]
        gates = np.empty((T, 4 * H, N), x.dtype)
        c, h = np.zeros((2, T + 1, H, N), x.dtype)
        Ux = U @ x + B[:, None]
        for t in range(T):
            gates[t] = gates_of(Ux[t] + W @ h[t])
            i, f, g, o = gates[t].reshape(4, H, N)
            c[t + 1] = f * c[t] + i * g
            h[t + 1] = o * np.tanh(c[t + 1])
        return gates, c, h, V @ h[1:] + b_out[:, None]

    return forward


# ---- the ladder ---------------------------------------------------------------------------


def gradients_by(forward, backward, weights=weight_gradients):
    """A function `gradients(params, x, y)` of these passes, as each version has one."""

    def gradients(params, x, y):
        params, x, y = checked(params, x, y)
        x, y = np.ascontiguousarray(x.swapaxes(1, 2)), y.swapaxes(1, 2)
        gates, c, h, predictions = forward(params, x)
        error = predictions - y
        dy = error * x.dtype.type(2 / y.size)
        dz = backward(params, gates, c, dy)
        return float((error * error).mean()), weights(x, h, dz, dy)

    return gradients


def rungs(forward=forward_axis, weights=weight_gradients, gates_of=activate):
    """{name: gradients}: numpy_loop, the axis (by these functions), then one trick more each."""
    return {
        "numpy_loop": numpy_loop.gradients,
        "the axis N": gradients_by(forward, backward_axis, weights),
        "+ U x before the loop": gradients_by(forward_inputs_first, backward_axis),
        "+ one tanh": gradients_by(forward_one_tanh(gates_of), backward_axis),
        "+ in place": gradients_by(numpy_batched.forward, backward_axis),
        "+ slopes (numpy_batched)": gradients_by(numpy_batched.forward, numpy_batched.backward),
    }


def climb(ladder, params, x, y, rounds=100):
    """{rung: seconds, one per round}: one call of each in turns.  x (T, N, D), y (T, N, O)."""
    finish_preparing()
    seconds = {name: [] for name in ladder}
    for _ in range(rounds):
        for name, gradients in ladder.items():
            start = time.perf_counter()
            gradients(params, x, y)
            seconds[name].append(time.perf_counter() - start)
    return seconds


def gain(seconds, before, after):
    """Quartiles of how many times faster one rung is than another, in the same round."""
    return tuple(np.percentile(np.array(seconds[before]) / seconds[after], (25, 50, 75)))


def gains(seconds):
    """{rung: gain over the rung before it}; the first has none."""
    return {after: gain(seconds, before, after) for before, after in pairwise(seconds)}
