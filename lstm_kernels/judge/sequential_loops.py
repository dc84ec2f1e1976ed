"""Loops of the sequential program, cut into rounds: which may run at the same time?  Lesson 03."""

import math

from lstm_kernels.judge.inputs import floats, random_params
from lstm_kernels.judge.rounds import Loop
from lstm_kernels.model import Params
from lstm_kernels.versions import sequential as program

T, N, D, H, O = 3, 2, 2, 2, 2  # noqa: E741  small, and no size is 1


def loops():
    """{name: Loop}: eight loops of the program, with random numbers; a name begins A to H."""
    params = Params(*(p.tolist() for p in random_params(D, H, O)))
    x, h, c, dz, dy = (
        floats(N, T + extra, width).tolist()
        for extra, width in ((0, D), (1, H), (1, H), (0, 4 * H), (0, O))
    )
    U, W, B, V, b_out = random_params(D, H, O)
    rows = {"dU": U.tolist(), "dW": W.tolist(), "dB": B.tolist()}
    sums = {**rows, "dV": V.tolist(), "db_out": b_out.tolist()}
    batch = {"x": x, "h": h, "dz": dz, "dy": dy}
    sample = {name: array[0] for name, array in batch.items()}
    some = floats(4 * H).tolist()
    of_units = {"gates": some, "c_t": c[0][0], "c_next": [0.0] * H, "h_next": [0.0] * H}
    row_inputs = {name: sample[name] for name in ("x", "h", "dz")}
    return {
        "A samples: forward, backward": Loop(N, whole_sample, {"params": params, **batch}),
        "B steps: c and h": Loop(T, one_step, {"params": params, "x": x[0], "h": h[0], "c": c[0]}),
        "C gate rows of a step: z": Loop(
            4 * H, one_row, {"params": params, "x_t": x[0][0], "h_t": h[0][0], "z": some}
        ),
        "D units of a step: c and h": Loop(H, one_unit, of_units),
        "E steps: the output": Loop(T, one_output, {"params": params, "h": h[0], "y": dy[0]}),
        "F samples: add_gradients": Loop(N, sums_of_sample, {**batch, **sums}),
        "G steps: add_gradients": Loop(T, sums_of_step, {**sample, **sums}),
        "H gate rows: dB, dU, dW": Loop(4 * H, add_row, {**row_inputs, **rows}),
    }


# ---- one round of each --------------------------------------------------------------------


def whole_sample(n, params, x, h, dz, dy):
    gates, c, states, _ = program.forward_sample(params, x[n])
    fill(h[n], states)
    fill(dz[n], program.backward_sample(params, gates, c, dy[n]))


def one_step(t, params, x, h, c):
    _, c_next, h_next = program.step(params, x[t], h[t], c[t])
    fill(c[t + 1], c_next)
    fill(h[t + 1], h_next)


def one_row(k, params, x_t, h_t, z):
    U, W, B, _, _ = params
    z[k] = B[k] + program.dot(U[k], x_t) + program.dot(W[k], h_t)


def one_unit(j, gates, c_t, c_next, h_next):
    i, f, g, o = (gates[row * H + j] for row in range(4))
    c_next[j] = f * c_t[j] + i * g
    h_next[j] = o * math.tanh(c_next[j])


def one_output(t, params, h, y):
    _, _, _, V, b_out = params
    fill(y[t], [b_out[q] + program.dot(V[q], h[t + 1]) for q in range(O)])


def sums_of_sample(n, x, h, dz, dy, **sums):
    program.add_gradients(sums.values(), x[n], h[n], dz[n], dy[n])


def sums_of_step(t, x, h, dz, dy, **sums):
    one, two = slice(t, t + 1), slice(t, t + 2)
    program.add_gradients(sums.values(), x[one], h[two], dz[one], dy[one])


def add_row(k, x, h, dz, dU, dW, dB):
    for t in range(len(x)):
        dB[k] += dz[t][k]
        for d in range(len(x[t])):
            dU[k][d] += dz[t][k] * x[t][d]
        for j in range(len(h[0])):
            dW[k][j] += dz[t][k] * h[t][j]


def fill(target, values):
    """Write nested lists into others, number by number."""
    for n, value in enumerate(values):
        if isinstance(value, list):
            fill(target[n], value)
        else:
            target[n] = value
