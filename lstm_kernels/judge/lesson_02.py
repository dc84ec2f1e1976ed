"""Backward, and the judge: the tasks of lesson 02."""

import numpy as np

from lstm_kernels.checks import finite_differences
from lstm_kernels.judge.compare import array_like, expect, same, several, unchanged
from lstm_kernels.judge.inputs import SIZES, floats, random_params, random_problem
from lstm_kernels.judge.lesson_01 import text_without_n
from lstm_kernels.judge.tasks import task
from lstm_kernels.model import Params, Sizes, zeros_like
from lstm_kernels.versions import numpy_loop
from lstm_kernels.versions.numpy_loop import forward_sample, sigmoid

LIMIT = 1e-9  # of errors in float64: formulas, no differences

# ---- the walk: finite differences ---------------------------------------------------------


@task(
    "02.1", "finite_differences",
    ours=finite_differences,
    hints=(
        "How do you get the slope of a curve from two of its points, one on each side?",
        "L(p + step) and L(p - step) lie 2 step apart. Keep the value of p[index] first: it must "
        "be there again at the end.",
        "g[index] = (above - below) / (2 * step), and before the next round p[index] = value",
    ),
    given=("zeros_like",),
)  # fmt: skip
def slopes_of_a_loss(finite_differences):
    for step, sizes in ((0.1, (2, 3, 2)), (1e-3, (1, 1, 1)), (0.3, (1, 2, 1))):
        params, loss = random_params(*sizes, np.float64), _bent_loss(*sizes)
        before, calls, count = [p.copy() for p in params], [], sum(p.size for p in params)
        slopes = finite_differences(lambda p: calls.append(0) or loss(p), params, step)  # noqa: B023
        where = f"step = {step}, {count} parameters"
        _put_back(before, params, where)
        several(slopes, *Params._fields)
        wrong = {cause: _slopes(loss, params, step, *w) for cause, w in WRONG_SLOPES.items()}
        wrong["the step is not the argument `step`"] = _slopes(loss, params, 1e-5)
        for n, wanted in enumerate(_slopes(loss, params, step)):
            typical = {cause: arrays[n] for cause, arrays in wrong.items()}
            name = f"the slope by {Params._fields[n]}"
            same(name, slopes[n], wanted, typical, where=where, tolerance=1e-8)
    return f"{len(calls)} losses for {count} parameters."


WRONG_SLOPES = {  # how far to the points above and below, and what divides: in steps
    "one-sided, (L(p + step) - L(p)) / step": (1, 0, 1),
    "one-sided, (L(p) - L(p - step)) / step": (0, 1, 1),
    "one-sided: the second point is p itself, not p - step": (1, 0, 2),
    "the two points are 2 step apart, not one": (1, 1, 1),
    "the sign: above minus below": (-1, -1, 2),
}


def _put_back(before, params, where):
    """The parameters are as before, to the last bit."""
    near = all(np.allclose(p, old, rtol=1e-9) for old, p in zip(before, params, strict=True))
    same_bits = all(np.array_equal(p, old) for old, p in zip(before, params, strict=True))
    expect(same_bits or not near, "The parameters have changed in their last digits: adding and "
           "subtracting the step rounds. Keep the value first, and put it back.")  # fmt: skip
    unchanged(before, params, Params._fields, where)


def _bent_loss(D, H, O):  # noqa: E741
    """A loss with bends that no one-sided slope gets right: a polynomial with random factors."""
    factors = [random_params(D, H, O, np.float64) for _ in range(3)]

    def loss(params):
        powers = (
            (f * p**n).sum()
            for n, fs in enumerate(factors, 1)
            for f, p in zip(fs, params, strict=True)
        )
        return float(sum(powers))

    return loss


def _slopes(loss, params, step, above=1, below=1, width=2):
    """Finite differences by any two points, on a copy."""
    moved, slopes = Params(*(p.copy() for p in params)), zeros_like(params)
    for p, s in zip(moved, slopes, strict=True):
        for index in np.ndindex(p.shape):
            value = p[index]
            p[index] = value + above * step
            high = loss(moved)
            p[index] = value - below * step
            s[index] = (high - loss(moved)) / (width * step)
            p[index] = value
    return slopes


# ---- the walk: one unit, with indices -----------------------------------------------------


def unit_backward(j, V, W, gates, c_before, c_after, dy, dz_next, dc_next, f_next):
    """dh, dc, dz_i, dz_f, dz_g, dz_o of unit j at step t, as plain numbers."""
    i, f, g, o = gates[0, j], gates[1, j], gates[2, j], gates[3, j]
    tanh_c = np.tanh(c_after[j])
    dh = 0.0
    for q in range(len(dy)):
        dh += V[q, j] * dy[q]
    for k in range(len(dz_next)):
        dh += W[k, j] * dz_next[k]
    dc = dh * o * (1 - tanh_c**2) + dc_next[j] * f_next[j]
    dz_i = dc * g * i * (1 - i)
    dz_f = dc * c_before[j] * f * (1 - f)
    dz_g = dc * i * (1 - g**2)
    dz_o = dh * tanh_c * o * (1 - o)
    return dh, dc, dz_i, dz_f, dz_g, dz_o


@task(
    "02.2", "unit_backward",
    ours=unit_backward,
    hints=(
        "In how many places is h[j] used? And c[j]? Each place gives one term.",
        "dh: V[q, j] * dy[q] for each q, and W[k, j] * dz_next[k] for each of the 4H rows k. dc: "
        "through tanh into h, and along the memory line into the next step.",
        "dc = dh * o * (1 - tanh_c**2) + dc_next[j] * f_next[j]; "
        "dz_f = dc * c_before[j] * f * (1 - f)",
    ),
)  # fmt: skip
def one_unit_backward(unit_backward):
    for H, O in ((3, 2), (1, 1), (5, 3)):  # noqa: E741
        at = _one_step(H, O)
        for j in range(H):
            where = f"j = {j}, H = {H}, O = {O}"
            got = several(unit_backward(j, **at), *UNIT)
            wanted = dict(zip(UNIT, unit_backward_ours(j, **at), strict=True))
            wrong = _wrong_unit(j, wanted, **at)
            for name, value in zip(UNIT, got, strict=True):
                same(name, value, wanted[name], wrong[name], where=where, tolerance=LIMIT)


unit_backward_ours = unit_backward
UNIT = ("dh", "dc", "dz_i", "dz_f", "dz_g", "dz_o")


def _one_step(H, O):  # noqa: E741
    """The arguments of unit_backward but j, random; gates in their ranges."""

    def normal(*shape):
        return floats(*shape, dtype=np.float64)

    i, f, o, f_next = sigmoid(normal(4, H))
    return {
        "V": normal(O, H), "W": normal(4 * H, H), "gates": np.stack((i, f, np.tanh(normal(H)), o)),
        "c_before": normal(H), "c_after": normal(H), "dy": normal(O),
        "dz_next": normal(4 * H), "dc_next": normal(H), "f_next": f_next,
    }  # fmt: skip


def _wrong_unit(j, right, V, W, gates, c_before, c_after, dy, dz_next, dc_next, f_next):
    """{name: typical mistakes in it}, all that comes before being right."""
    dh, dc = right["dh"], right["dc"]
    tanh_c, from_next = np.tanh(c_after[j]), dc_next[j] * f_next[j]
    H, of_prediction = len(c_after), V[:, j] @ dy
    return {
        "dh": {
            "the term from the next step is missing: W[k, j] * dz_next[k]": of_prediction,
            "the term from the prediction is missing: V[q, j] * dy[q]": dh - of_prediction,
            "not all of the 4H rows k of W": of_prediction + W[:H, j] @ dz_next[:H],
        },
        "dc": {
            "the term from the next step is missing: dc_next[j] * f_next[j]": dc - from_next,
            "`* f_next` is missing": dc - from_next + dc_next[j],
            "`* o` is missing": dh * (1 - tanh_c**2) + from_next,
            "this step's f for the next step's": dc - from_next + dc_next[j] * gates[1, j],
            **{
                cause: dh * gates[3, j] * slope + from_next
                for cause, slope in _wrong_tanh_slopes(c_before[j], c_after[j]).items()
            },
        },
        **_wrong_gates(dh, dc, gates[:, j], c_before[j], c_after[j]),
    }


def _wrong_tanh_slopes(c_before, c_after):
    """What people write for 1 - tanh(c_after)**2."""
    return {
        "1 - c**2: the slope of tanh is 1 - tanh(c)**2": 1 - c_after**2,
        "tanh of the old memory, c_t for c_{t+1}": 1 - np.tanh(c_before) ** 2,
        "tanh twice": 1 - np.tanh(np.tanh(c_after)) ** 2,
        "the slope of tanh is missing": 1.0 + 0 * c_after,
    }


def _wrong_gates(dh, dc, gates, c_before, c_after):
    """{dz_i ...: typical mistakes}, for numbers or for vectors."""
    wrong = _wrong_lines(dh, dc, gates, c_before, c_after)
    right = dict(zip(UNIT[2:], _gates_to_dz(dh, dc, gates, c_before, c_after), strict=True))
    for name in wrong:
        for other in right.keys() - {name}:
            wrong[name][f"this is {other}; the order is i, f, g, o"] = right[other]
    return wrong


def _wrong_lines(dh, dc, gates, c_before, c_after):
    """Typical mistakes in the line of each gate."""
    i, f, g, o = gates
    tanh_c = np.tanh(c_after)
    return {
        "dz_i": {
            "beside i stands g": dc * i * i * (1 - i),
            "the slope i (1 - i) is missing": dc * g,
            "the slope of a sigmoid is s (1 - s), not 1 - s**2": dc * g * (1 - i**2),
        },
        "dz_f": {
            "c_{t+1} for c_t: f stands beside the old memory": dc * c_after * f * (1 - f),
            "the slope f (1 - f) is missing": dc * c_before,
            "`* c` is missing": dc * f * (1 - f),
        },
        "dz_g": {
            "1 - tanh(g)**2: g is a tanh already, take 1 - g**2": dc * i * (1 - np.tanh(g) ** 2),
            "the slope 1 - g**2 is missing": dc * i,
            "the slope of a sigmoid: g is a tanh": dc * i * g * (1 - g),
            "`* i` is missing": dc * (1 - g**2),
        },
        "dz_o": {
            "dc for dh: o stands beside tanh(c), in h": dc * tanh_c * o * (1 - o),
            "tanh of the old memory, c_t for c_{t+1}": dh * np.tanh(c_before) * o * (1 - o),
            "tanh is missing": dh * c_after * o * (1 - o),
            "the slope o (1 - o) is missing": dh * tanh_c,
        },
    }  # fmt: skip


# ---- the walk: a window, with vectors -----------------------------------------------------


@task(
    "02.3", "backward_sample",
    ours=numpy_loop.backward_sample,
    hints=(
        "The same six lines, for all units at once. What replaces the two sums in dh?",
        "V.T @ dy[t] and dh_next, which the step after has left: W.T @ dz. dc arrives as what the "
        "step after has left, too: its own dc, times its f.",
        "dh = V.T @ dy[t] + dh_next; dc = dc + dh * o * (1 - tanh_c**2); at the end of the round "
        "dh_next, dc = W.T @ dz[t], dc * f",
    ),
)  # fmt: skip
def backward_of_a_window(backward_sample):
    _check_backward(backward_sample)


def _check_backward(backward_sample):
    """Step after step, the last one first: the first wrong line is the one that is named."""
    for s in (SIZES[1], SIZES[0], SIZES[2]._replace(T=7)):
        params, x, _ = random_problem(s, np.float64)
        gates, c, _, y = forward_sample(params, x[:, 0])
        dy, where = floats(*y.shape, dtype=np.float64), text_without_n(s)
        before = [a.copy() for a in (gates, c, dy)]
        got = backward_sample(params, gates, c, dy)
        unchanged(before, (gates, c, dy), ("gates", "c", "dy"), where)
        got = array_like("dz", got, gates, where)
        dh, dc = _ways(params, gates, c, dy)
        for t in reversed(range(s.T)):
            _same_step(t, got[t], dh, dc, params, gates, c, dy, where)
    with_32 = [a.astype(np.float32) for a in (gates, c, dy)]
    made = backward_sample(Params(*(p.astype(np.float32) for p in params)), *with_32)
    expect(made.dtype == np.float32, f"dz is {made.dtype} where all arrays are float32.")


def _ways(params, gates, c, dy):
    """dh and dc of all steps, right."""
    dh, dc = np.zeros((2, len(gates) + 1, params.W.shape[1]))  # a row more: nothing follows
    dz, f_next = np.zeros(gates.shape[1]), 0.0
    for t in reversed(range(len(gates))):
        four = gates[t].reshape(4, -1)
        dh[t] = params.V.T @ dy[t] + params.W.T @ dz
        dc[t] = dc[t + 1] * f_next + dh[t] * four[3] * (1 - np.tanh(c[t + 1]) ** 2)
        dz, f_next = np.concatenate(_gates_to_dz(dh[t], dc[t], four, c[t], c[t + 1])), four[1]
    return dh, dc


def _gates_to_dz(dh, dc, gates, c_before, c_after):
    i, f, g, o = gates
    return (
        dc * g * i * (1 - i),
        dc * c_before * f * (1 - f),
        dc * i * (1 - g**2),
        dh * np.tanh(c_after) * o * (1 - o),
    )


def _same_step(t, got, dh, dc, params, gates, c, dy, where):
    """The four parts of dz[t]: o first, which needs dh alone; then those that need dc."""
    four, states = gates[t].reshape(4, -1), (c[t], c[t + 1])
    wanted = _gates_to_dz(dh[t], dc[t], four, *states)
    wrong = _wrong_gates(dh[t], dc[t], four, *states)
    carried = {
        cause: _gates_to_dz(*ways, four, *states)
        for cause, ways in _wrong_ways(t, dh, dc, params, gates, c, dy).items()
    }
    for n in (3, 0, 1, 2):
        name = f"dz_{'ifgo'[n]}"
        typical = {cause: parts[n] for cause, parts in carried.items()} | wrong[name]
        same(
            f"{name}[{t}]", got.reshape(4, -1)[n], wanted[n], typical, where=where, tolerance=LIMIT
        )


def _wrong_ways(t, dh, dc, params, gates, c, dy):
    """{cause: (dh, dc)} of step t, by mistakes in what the next step gives and in the way to dc."""
    i, f, _, o = gates[t].reshape(4, -1)
    last = t == len(gates) - 1
    f_next = 0 * f if last else gates[t + 1].reshape(4, -1)[1]
    i_next = 0 * f if last else gates[t + 1].reshape(4, -1)[0]
    own, next_dc = dc[t] - dc[t + 1] * f_next, dc[t + 1]
    of_y = params.V.T @ dy[t]
    slope = 1 - np.tanh(c[t + 1]) ** 2
    slopes = {
        cause: (dh[t], dh[t] * o * wrong + next_dc * f_next)
        for cause, wrong in _wrong_tanh_slopes(c[t], c[t + 1]).items()
    }
    return slopes | {
        "`* o` is missing in dc": (dh[t], dh[t] * slope + next_dc * f_next),
        "in dh the term from the next step is missing: W.T @ dz[t + 1]": (
            of_y, of_y * o * slope + next_dc * f_next),
        "in dc the term from the next step is missing": (dh[t], own),
        "`* f` is missing: dc goes back through the next step's f": (dh[t], own + next_dc),
        "dc goes back through f, not through i": (dh[t], own + next_dc * i_next),
        "dc times the f of this step: it goes back through the next step's": (
            dh[t], own + next_dc * f),
    }  # fmt: skip


# ---- the walk: five gradients -------------------------------------------------------------


@task(
    "02.4", "add_gradients",
    ours=numpy_loop.add_gradients,
    hints=(
        "Which h did the gates read in step t? And which h did the prediction read?",
        "A sum over t of outer products is one product of matrices: (4H, T) @ (T, D) for dU. "
        "h[:-1] are the states before the steps, h[1:] those after.",
        "dW += dz.T @ h[:-1]; dV += dy.T @ h[1:]",
    ),
)  # fmt: skip
def five_gradients(add_gradients):
    for s in (Sizes(12, 1, 2, 3, 2), Sizes(5, 1, 1, 2, 3), Sizes(1, 1, 1, 1, 1)):
        given = [floats(*shape, dtype=np.float64) for shape in (
            (s.T, s.D), (s.T + 1, s.H), (s.T, 4 * s.H), (s.T, s.O))]  # fmt: skip
        start, where = random_params(s.D, s.H, s.O, np.float64), text_without_n(s)
        grads, before = Params(*(a.copy() for a in start)), [a.copy() for a in given]
        add_gradients(grads, *given)
        unchanged(before, given, ("x", "h", "dz", "dy"), where)
        parts, wrong = _products(*given), _wrong_products(*given)
        for name, got, old, part in zip(Params._fields, grads, start, parts, strict=True):
            typical = {cause: old + other for cause, other in wrong[name].items()}
            typical["nothing was added to it: `+=` changes the array that is in grads"] = old
            typical["it was overwritten, not added to"] = part
            same(f"d{name}", got, old + part, typical, where=where, tolerance=LIMIT)
    return "All five."


def _products(x, h, dz, dy):
    return dz.T @ x, dz.T @ h[:-1], dz.sum(0), dy.T @ h[1:], dy.sum(0)


def _wrong_products(x, h, dz, dy):
    """{name: typical mistakes}, for the five gradients."""
    wrapped = np.roll(h[1:], 1, axis=0)
    axis = {"the sum over the wrong axis: it goes over the steps": dz.sum(1)} if (
        len(dz) == dz.shape[1]) else {}  # fmt: skip
    return {
        "U": {"the mean over the steps, not the sum": dz.T @ x / len(x)},
        "W": {
            "h_{t+1} for h_t: the gates read the state before the step, h[:-1]": dz.T @ h[1:],
            "h[-1] as the initial state: it is h[0]": dz.T @ wrapped,
            "h[t - 1] for h[t]: row t is the state before it": dz.T @ np.roll(h, 1, axis=0)[:-1],
        },
        "B": {
            "summed over everything: the sum goes over the steps, axis 0": dz.sum() + 0 * dz[0],
            "the mean over the steps, not the sum": dz.mean(0),
            **axis,
        },
        "V": {
            "h_t for h_{t+1}: the prediction reads the state after the step, h[1:]": dy.T @ h[:-1],
        },
        "b_out": {
            "summed over everything: the sum goes over the steps, axis 0": dy.sum() + 0 * dy[0],
            "the mean over the steps, not the sum": dy.mean(0),
        },
    }


# ---- exercises ----------------------------------------------------------------------------


def loss_and_dy(prediction, y):
    """The mean of all squared errors, and its derivatives by the predictions.  Both (T, N, O)."""
    error = prediction - y
    loss = (error**2).mean()
    dy = 2 / y.shape[1] * error
    return loss, dy


PLANTED_MEAN = loss_and_dy


def loss_and_dy(prediction, y):  # noqa: F811  ours, by the same name
    """The mean of all squared errors, and its derivatives by the predictions.  Both (T, N, O)."""
    error = prediction - y
    loss = (error**2).mean()
    dy = 2 / y.size * error
    return loss, dy


@task(
    "02.e1", "loss_and_dy",
    ours=loss_and_dy,
    planted=PLANTED_MEAN,
    stars=1, kind="bug",
    hints=(
        "Over how many numbers does .mean() go?",
        "The mean goes over T, N and O. The derivative must be divided by the same number.",
        "dy = 2 / y.size * error",
    ),
)  # fmt: skip
def the_same_mean(loss_and_dy):
    for shape in ((3, 4, 2), (2, 5, 3), (1, 1, 1)):
        prediction, y = floats(*shape), floats(*shape)
        T, N, O = shape  # noqa: E741
        where, error = f"T = {T}, N = {N}, O = {O}", prediction - y
        loss, dy = several(loss_and_dy(prediction, y), "loss", "dy")
        same("loss", loss, (error**2).mean(), where=where)
        typical = {
            "divided by N alone: the mean goes over T, N and O": 2 / N * error,
            "divided by T alone: the mean goes over T, N and O": 2 / T * error,
            "divided by T O: the samples count, too": 2 / (T * O) * error,
            "divided by N O: the steps count, too": 2 / (N * O) * error,
            "divided by T N: the outputs count, too": 2 / (T * N) * error,
            "the 2 of the square is missing": error / y.size,
            "the sign: prediction minus target": -2 / y.size * error,
        }
        same("dy", dy, (2 / y.size * error).astype(np.float32), typical, where=where)


def colleagues_backward(params, gates, c, dy):
    """dz (T, 4H): the loss's derivatives by the gates' inputs, last step first."""
    _, W, _, V, _ = params
    T, H = len(gates), W.shape[1]
    dz = np.empty_like(gates)
    dh_next, dc = np.zeros((2, H), gates.dtype)
    for t in reversed(range(T)):
        i, f, g, o = gates[t].reshape(4, H)
        tanh_c = np.tanh(c[t + 1])
        dh = V.T @ dy[t] + dh_next
        dc = dc + dh * o * (1 - tanh_c**2)
        dz_i, dz_f = dc * g * i * (1 - i), dc * c[t] * f * (1 - f)
        dz_g, dz_o = dc * i * (1 - g**2), dh * tanh_c * o * (1 - o)
        dz[t] = np.concatenate((dz_i, dz_f, dz_g, dz_o))
        dh_next, dc = W.T @ dz[t], dc * i
    return dz


PLANTED_WAY = colleagues_backward


def colleagues_backward(params, gates, c, dy):  # noqa: F811
    """dz (T, 4H): the loss's derivatives by the gates' inputs, last step first."""
    _, W, _, V, _ = params
    T, H = len(gates), W.shape[1]
    dz = np.empty_like(gates)
    dh_next, dc = np.zeros((2, H), gates.dtype)
    for t in reversed(range(T)):
        i, f, g, o = gates[t].reshape(4, H)
        tanh_c = np.tanh(c[t + 1])
        dh = V.T @ dy[t] + dh_next
        dc = dc + dh * o * (1 - tanh_c**2)
        dz_i, dz_f = dc * g * i * (1 - i), dc * c[t] * f * (1 - f)
        dz_g, dz_o = dc * i * (1 - g**2), dh * tanh_c * o * (1 - o)
        dz[t] = np.concatenate((dz_i, dz_f, dz_g, dz_o))
        dh_next, dc = W.T @ dz[t], dc * f
    return dz


@task(
    "02.e2", "colleagues_backward",
    ours=colleagues_backward,
    planted=PLANTED_WAY,
    stars=2, kind="bug",
    hints=(
        "With one step all gradients are right, with two they are not. Which lines carry something "
        "from step to step?",
        "Forward, the memory goes from c[t] to c[t + 1] through one factor. Backward, too.",
        "dh_next, dc = W.T @ dz[t], dc * f",
    ),
)  # fmt: skip
def a_colleagues_backward(colleagues_backward):
    _check_backward(colleagues_backward)


def wrong_gradients(loss, params, grads):
    """The names of the gradients that are off by more than 1e-6 of the largest slope: a set."""
    wrong = set()
    slopes = finite_differences(loss, params)
    for name, slope, got in zip(params._fields, slopes, grads, strict=True):
        error = np.abs(got - slope).max() / np.abs(slope).max()
        if not error <= 1e-6:  # a NaN fails this; it would pass `error > 1e-6`
            wrong.add(name)
    return wrong


@task(
    "02.e3", "wrong_gradients",
    ours=wrong_gradients,
    stars=2, kind="measure",
    hints=(
        "Is an error of 0.001 large? What would you have to know?",
        "For each name: largest difference divided by largest slope. And what does Python say to "
        "`float('nan') > 1e-6`?",
        "if not error <= 1e-6: wrong.add(name)",
    ),
    given=("finite_differences",),
)  # fmt: skip
def a_judge_of_your_own(wrong_gradients):
    for scale in (1e-5, 1.0, 1e5):
        sizes = (2, 3, 2)
        params, bent = random_params(*sizes, np.float64), _bent_loss(*sizes)
        right = Params(*(scale * slope for slope in _slopes(bent, params, 1e-5)))
        for what, (names, grads) in _spoilt(right).items():
            got = wrong_gradients(lambda p: scale * bent(p), params, grads)  # noqa: B023
            _same_names(got, names, f"{what}; the largest slopes are near {scale:g}")


def _spoilt(right):
    """{what was done: (names that are wrong, gradients)}."""

    def changed(name, change):
        grads = Params(*(g.copy() for g in right))
        change(getattr(grads, name))
        return grads

    def one_value(a):
        a.flat[-1] += 1e-3 * np.abs(a).max()

    def a_small_one(a):
        a.flat[np.abs(a).argmin()] += 5e-7 * np.abs(a).max()

    def one_nan(a):
        a.flat[0] = np.nan

    return {
        "all five are right": (set(), right),
        "one value of W is off by a thousandth of the largest": ({"W"}, changed("W", one_value)),
        "one small value of W is off by 5e-7 of the largest: divide by the largest slope, not by "
        "its own": (set(), changed("W", a_small_one)),
        "B is twice what it should be": ({"B"}, right._replace(B=2 * right.B)),
        "V holds a NaN": ({"V"}, changed("V", one_nan)),
        "the signs of b_out and of U are wrong": (
            {"b_out", "U"}, right._replace(b_out=-right.b_out, U=-right.U)),
        "all are off by 1e-8 of their value, by rounding": (
            set(), Params(*(g * (1 + 1e-8) for g in right))),
    }  # fmt: skip


def _same_names(got, names, where):
    expect(isinstance(got, set | frozenset | list | tuple), f"It returns {got!r}, expected a set.")
    said = ", ".join(sorted(map(str, got))) or "none"
    wanted = ", ".join(sorted(names)) or "none"
    expect(set(got) == names, f"It names {said}, expected {wanted}. ({where})")


def coupled_step(z_f, z_g, p, c, dc_after):
    """c_after, dz_f, dz_g, dp, dc of one step with a peephole and coupled gates.  All (H,)."""
    f, g = sigmoid(z_f + p * c), np.tanh(z_g)
    c_after = f * c + (1 - f) * g
    dz_f = dc_after * (c - g) * f * (1 - f)
    dz_g = dc_after * (1 - f) * (1 - g**2)
    dp = dz_f * c
    dc = dc_after * f + dz_f * p
    return c_after, dz_f, dz_g, dp, dc


@task(
    "02.e4", "coupled_step",
    ours=coupled_step,
    stars=3, kind="complete",
    hints=(
        "Mark each place where f is used, and each place where c is used: two each.",
        "f stands beside c, and with a minus beside g. c stands on the memory line, and inside the "
        "gate, where its factor is p.",
        "dz_f = dc_after * (c - g) * f * (1 - f); dc = dc_after * f + dz_f * p",
    ),
    given=("sigmoid",),
)  # fmt: skip
def coupled_gates_with_a_peephole(coupled_step):
    names = "c_after", "dz_f", "dz_g", "dp", "dc"
    for H in (5, 8):  # of one unit alone, a slope may be near 0: then differences only round
        z_f, z_g, p, c, dc_after = given = floats(5, H, dtype=np.float64)
        before, where = given.copy(), f"H = {H}"
        got = several(coupled_step(*given), *names)
        unchanged(before, given, ("z_f", "z_g", "p", "c", "dc_after"), where)
        f, g = sigmoid(z_f + p * c), np.tanh(z_g)
        typical = _wrong_coupled(f, g, p, c, dc_after)
        same(names[0], got[0], f * c + (1 - f) * g, typical[names[0]], where=where, tolerance=LIMIT)
        for n, name in enumerate(names[1:]):
            slope = _slope_of_coupled(coupled_step, given, n)
            said = f"{where}; by finite differences of your c_after"
            same(name, got[n + 1], slope, typical[name], where=said, tolerance=1e-6)
    return "Proved by finite differences of your own forward line."


def _slope_of_coupled(coupled_step, given, n, step=1e-5):
    """d(dc_after . c_after) by argument n, central: each unit moves its own value alone."""
    above, below = given.copy(), given.copy()
    above[n] += step
    below[n] -= step
    return given[4] * (coupled_step(*above)[0] - coupled_step(*below)[0]) / (2 * step)


def _wrong_coupled(f, g, p, c, dc_after):
    """{name: typical mistakes}."""
    dz_f = dc_after * (c - g) * f * (1 - f)
    return {
        "c_after": {
            "the gates are not coupled: g counts 1 - f": f * c + g,
            "f and 1 - f are swapped": (1 - f) * c + f * g,
        },
        "dz_f": {
            "f is used in two places: also beside g, with a minus": dc_after * c * f * (1 - f),
            "the sign beside g: 1 - f falls when f rises": dc_after * (c + g) * f * (1 - f),
            "the slope f (1 - f) is missing": dc_after * (c - g),
        },
        "dz_g": {
            "1 - tanh(g)**2: g is a tanh already": dc_after * (1 - f) * (1 - np.tanh(g) ** 2),
            "`* (1 - f)` is missing": dc_after * (1 - g**2),
            "f for 1 - f": dc_after * f * (1 - g**2),
        },
        "dp": {
            "`* c` is missing": dz_f,
            "the slope f (1 - f) is missing": dc_after * (c - g) * c,
        },
        "dc": {
            "c is used in two places: also inside the gate, with the factor p": dc_after * f,
            "`* f` is missing on the memory line": dc_after + dz_f * p,
            "`* p` is missing inside the gate": dc_after * f + dz_f,
        },
    }
