"""The LSTM, forward: the tasks of lesson 01."""

import math
from itertools import permutations

import numpy as np

from lstm_kernels.judge.compare import array_like, expect, same, several, unchanged
from lstm_kernels.judge.inputs import SIZES, floats, random_problem
from lstm_kernels.judge.tasks import task
from lstm_kernels.model import count_params
from lstm_kernels.versions import numpy_loop
from lstm_kernels.versions.numpy_loop import forward_sample, sigmoid

SIZES_TRIED = SIZES[1], SIZES[0], SIZES[2]  # not the smallest one first: its causes look alike


def text_without_n(sizes):
    """Of one sample: T = 3, D = 2, H = 3, O = 2."""
    return ", ".join(f"{name} = {getattr(sizes, name)}" for name in "TDHO")


# ---- the walk -----------------------------------------------------------------------------


def gate(x, h, u, w, b):
    """How far open is a gate, from 0 to 1?  All plain numbers."""
    z = u * x + w * h + b
    return 1 / (1 + math.exp(-z))


@task(
    "01.1", "gate",
    ours=gate,
    hints=(
        "Two steps: a sum of products, then the curve. What does the sigmoid do to 0?",
        "z = u x + w h + b, with plain numbers. Then 1 / (1 + e^-z); e^a is math.exp(a).",
        "return 1 / (1 + math.exp(-z))",
    ),
)  # fmt: skip
def one_gate(gate):
    for x, h, u, w, b in [*np.random.default_rng().normal(size=(20, 5)).tolist(), [0.0] * 5]:
        typical = {
            "tanh in place of the sigmoid": np.tanh(u * x + w * h + b),
            "the bias b is missing": sigmoid(u * x + w * h),
            "u and w are swapped: u goes with x, w with h": sigmoid(w * x + u * h + b),
            "the sign in the exponent: e^-z": sigmoid(-(u * x + w * h + b)),
            "the sigmoid is missing": u * x + w * h + b,
        }
        where = f"x = {x:.3f}, h = {h:.3f}, u = {u:.3f}, w = {w:.3f}, b = {b:.3f}"
        same("the gate", gate(x, h, u, w, b), sigmoid(u * x + w * h + b), typical, where=where)


def cell_step(z_i, z_f, z_g, z_o, c):
    """One unit, one step: the new memory and the new h.  All plain numbers."""
    i, f, o = sigmoid(z_i), sigmoid(z_f), sigmoid(z_o)
    g = np.tanh(z_g)
    c_after = f * c + i * g
    h_after = o * np.tanh(c_after)
    return c_after, h_after


@task(
    "01.2", "cell_step",
    ours=cell_step,
    hints=(
        "Three gates are between 0 and 1. Which of the four is not, and which curve does it need?",
        "i, f, o by the sigmoid, g by tanh. Keep a part of the old memory, add a part of g. Which "
        "memory is shown: the old or the new one?",
        "c_after = f * c + i * g; h_after = o * np.tanh(c_after)",
    ),
    given=("sigmoid",),
)  # fmt: skip
def one_step_of_one_unit(cell_step):
    for z_i, z_f, z_g, z_o, c in np.random.default_rng().normal(size=(20, 5)).tolist():
        got = several(cell_step(z_i, z_f, z_g, z_o, c), "c_after", "h_after")
        gates = sigmoid(z_i), sigmoid(z_f), np.tanh(z_g), sigmoid(z_o)
        c_after, h_after = cell_step_ours(z_i, z_f, z_g, z_o, c)
        where = f"z = {z_i:.3f}, {z_f:.3f}, {z_g:.3f}, {z_o:.3f}; c = {c:.3f}"
        typical = {
            **_wrong_c(*gates, c),
            "the sigmoid in place of tanh for g": gates[1] * c + gates[0] * sigmoid(z_g),
            "f and g read each other's z": sigmoid(z_g) * c + gates[0] * np.tanh(z_f),
        }
        same("c_after", got[0], c_after, typical, where=where)
        same("h_after", got[1], h_after, _wrong_h(*gates, c, c_after), where=where)


cell_step_ours = cell_step


def _wrong_c(i, f, g, o, c):
    """Typical mistakes on the memory line."""
    return {
        "`* f` is missing": c + i * g,
        "i and f are swapped: f goes with the old memory": i * c + f * g,
        "o and f are swapped": o * c + i * g,
        "`i *` is missing": f * c + g,
        "the old memory is missing": i * g,
    }


def _wrong_h(i, f, g, o, c, c_after):
    """Typical mistakes on the line of h."""
    return {
        "tanh of the old memory, c_t for c_{t+1}": o * np.tanh(c),
        "tanh is missing": o * c_after,
        "`o *` is missing": np.tanh(c_after),
        "o and f are swapped": f * np.tanh(c_after),
        "the sigmoid in place of tanh": o * sigmoid(c_after),
    }


@task(
    "01.3", "forward_sample",
    ours=numpy_loop.forward_sample,
    hints=(
        "Which rows of c and h does step t read, and which does it write?",
        "z = U @ x[t] + W @ h[t] + B has 4H numbers: z[:H] is for i, z[H : 2 * H] for f, then g, "
        "then o. Step t writes c[t + 1], h[t + 1] and gates[t] = np.concatenate((i, f, g, o)).",
        "c[t + 1] = f * c[t] + i * g; h[t + 1] = o * np.tanh(c[t + 1]); "
        "return gates, c, h, h[1:] @ V.T + b_out",
    ),
    given=("sigmoid",),
)  # fmt: skip
def forward_of_a_window(forward_sample):
    for s in SIZES_TRIED:
        params, x, _ = random_problem(s, np.float64)
        x, where = x[:, 0], text_without_n(s)
        before = [a.copy() for a in (*params, x)]
        got = several(forward_sample(params, x), *STATES)
        unchanged(before, [*params, x], [*params._fields, "x"], where)
        wanted = numpy_loop.forward_sample(params, x)
        _step_by_step(params, x, _arrays_like(wanted, got, where), wanted, where)
    params, x, _ = random_problem(s)
    _arrays_like(map(np.float32, wanted), forward_sample(params, x[:, 0]), where)


STATES = "gates", "c", "h", "the predictions"


def _arrays_like(wanted, got, where):
    """The four results as arrays of the right shapes and types."""
    return [array_like(*three, where) for three in zip(STATES, got, wanted, strict=True)]


def _step_by_step(params, x, got, wanted, where):
    """In the order of the program, so that the first wrong line is the one that is named."""
    gates, c, h, _ = wanted
    for name, states in (("c", got[1]), ("h", got[2])):
        words = f"{name}[0] is not 0: it is the initial state; step t reads t, writes t + 1."
        expect(not states[0].any(), words)
    for t in range(len(x)):
        four = gates[t].reshape(4, -1)
        wrong = _wrong_gates(params, x[t], h[t])
        same(f"gates[{t}]", got[0][t], gates[t], wrong, where=where)
        same(f"c[{t + 1}]", got[1][t + 1], c[t + 1], _wrong_c(*four, c[t]), where=where)
        wrong = _wrong_h(*four, c[t], c[t + 1])
        same(f"h[{t + 1}]", got[2][t + 1], h[t + 1], wrong, where=where)
    typical = {
        "h before the step, h[:-1]: the prediction reads the new h": h[:-1] @ params.V.T
        + params.b_out,
        "b_out is missing": h[1:] @ params.V.T,
    }
    same("the predictions", got[3], wanted[3], typical, where=where)


def _wrong_gates(params, x, h):
    """Typical mistakes in the four gates of a step; h: before it."""
    U, W, B, _, _ = params
    z = U @ x + W @ h + B
    parts = dict(zip("ifgo", z.reshape(4, -1), strict=True))
    active = {k: np.tanh(part) if k == "g" else sigmoid(part) for k, part in parts.items()}
    typical = {
        "the bias B is missing": _activated(z - B),
        "U @ x[t] is missing": _activated(z - U @ x),
        "W @ h[t] is missing, or reads h[t - 1]: row t is the state before step t": _activated(
            U @ x + B
        ),
        "the sigmoid for g, too: g is a tanh": sigmoid(z),
        "z itself: the curves are missing": z,
        "g and o read each other's part of z": np.concatenate(
            (active["i"], active["f"], np.tanh(parts["o"]), sigmoid(parts["g"]))
        ),
    }
    for order in permutations("ifgo"):
        stacked = np.concatenate([active[k] for k in order])
        typical[f"stacked as {', '.join(order)}; the order is i, f, g, o"] = stacked
    return typical


def _activated(z):
    i, f, g, o = z.reshape(4, -1)
    return np.concatenate((sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)))


# ---- exercises ----------------------------------------------------------------------------


def count_parameters(D, H, O):  # noqa: E741
    return 4 * H * (D + H + 1) + O * (H + 1)


@task(
    "01.e1", "count_parameters",
    ours=count_parameters,
    stars=1, kind="complete",
    hints=(
        "How many numbers does one row of the gates need: from x, from h, alone?",
        "U has 4H D numbers, W 4H H, B 4H, V O H, b_out O.",
        "return 4 * H * (D + H + 1) + O * (H + 1)",
    ),
)  # fmt: skip
def the_number_of_parameters(count_parameters):
    for D, H, O in [(1, 8, 1), *np.random.default_rng().integers(1, 60, (20, 3)).tolist()]:  # noqa: E741
        typical = {
            "B is missing": 4 * H * (D + H) + O * (H + 1),
            "the gates are four: 4H rows, not H": H * (D + H + 1) + O * (H + 1),
            "V and b_out are missing": 4 * H * (D + H + 1),
            "b_out is missing": 4 * H * (D + H + 1) + O * H,
            "two biases, as PyTorch has; here it is one": 4 * H * (D + H + 2) + O * (H + 1),
        }
        where, right = f"D = {D}, H = {H}, O = {O}", count_params(D, H, O)
        same("the number", count_parameters(D, H, O), right, typical, where=where)


def fill_states(params, x, c, h):
    """Fill c and h (T, H): row t holds the state *after* step t.  x (T, D)."""
    U, W, B, _, _ = params
    for t in range(len(x)):
        z = U @ x[t] + W @ h[t - 1] + B
        i, f, g, o = z.reshape(4, -1)
        c[t] = sigmoid(f) * c[t - 1] + sigmoid(i) * np.tanh(g)
        h[t] = sigmoid(o) * np.tanh(c[t])


PLANTED_START = fill_states


def fill_states(params, x, c, h):  # noqa: F811  ours, by the same name
    """Fill c and h (T, H): row t holds the state *after* step t.  x (T, D)."""
    U, W, B, _, _ = params
    c_before = h_before = np.zeros_like(c[0])
    for t in range(len(x)):
        z = U @ x[t] + W @ h_before + B
        i, f, g, o = z.reshape(4, -1)
        c[t] = sigmoid(f) * c_before + sigmoid(i) * np.tanh(g)
        h[t] = sigmoid(o) * np.tanh(c[t])
        c_before, h_before = c[t], h[t]


@task(
    "01.e2", "fill_states",
    ours=fill_states,
    planted=PLANTED_START,
    stars=2, kind="bug",
    hints=(
        "What does Python read as h[t - 1] when t is 0?",
        "h[-1] is the last row: the end of the window before. Step 0 must begin with zeros.",
        "c_before = h_before = np.zeros_like(c[0]) before the loop; at the end of each step "
        "c_before, h_before = c[t], h[t]",
    ),
    given=("sigmoid",),
)  # fmt: skip
def the_initial_state(fill_states):
    for s in SIZES_TRIED:
        params, x, _ = random_problem(s, np.float64)
        x, used = x[:, 0], floats(2, s.T, s.H, dtype=np.float64)
        got = [a.copy() for a in used]
        fill_states(params, x, *got)
        _, c, h, _ = numpy_loop.forward_sample(params, x)
        wrong = _from_row_minus_1(params, x, used)
        for n, (name, wanted) in enumerate((("c", c[1:]), ("h", h[1:]))):
            typical = {cause: arrays[n] for cause, arrays in wrong.items()}
            typical["nothing was written into the array"] = used[n]
            same(name, got[n], wanted, typical, where=text_without_n(s))


def _from_row_minus_1(params, x, used):
    """c and h of the planted program: with both mistakes, and with one of them."""
    made = {}
    for names in (("c", "h"), ("h",), ("c",)):
        states = [a.copy() for a in used]
        for name, array in zip("ch", states, strict=True):
            array[-1] *= name in names  # a row of zeros is the right start
        PLANTED_START(params, x, *states)
        row = " and ".join(f"{name}[-1]" for name in names)
        made[f"at t = 0 it reads {row}, which the window before has left"] = states
    return made


def forget_bias(steps):
    f = 0.5 ** (1 / steps)
    return np.log(f / (1 - f))


@task(
    "01.e3", "forget_bias",
    ours=forget_bias,
    stars=2, kind="complete",
    hints=(
        "With a constant f, which part of a memory is left after 2 steps? After 24?",
        "f ** steps = 1/2 gives f. Then solve f = 1 / (1 + e^-b) for b: this inverse of the "
        "sigmoid is called the logit.",
        "f = 0.5 ** (1 / steps); return np.log(f / (1 - f))",
    ),
)  # fmt: skip
def a_half_life(forget_bias):
    for steps in (1, 24, *np.random.default_rng().integers(2, 200, 20).tolist()):
        f = 0.5 ** (1 / steps)
        typical = {
            "this is f itself: its bias is asked": f,
            "the sign": -np.log(f / (1 - f)),
            "1/2 divided by the steps: the parts are multiplied, not added": _logit(
                1 - 0.5 / steps
            ),
            "half is lost, not kept": _logit(1 - f),
        }
        same("the bias", forget_bias(steps), _logit(f), typical, where=f"{steps} steps")


def _logit(f):
    return np.log(f / (1 - f))


def influence(params, x):
    """moved (T,): how far the last prediction moves if x[s] is 1 larger.  x (T, 1), one output."""
    before = forward_sample(params, x)[-1][-1, 0]
    moved = np.empty(len(x), x.dtype)
    for s in range(len(x)):
        changed = x.copy()
        changed[s] += 1
        moved[s] = forward_sample(params, changed)[-1][-1, 0] - before
    return moved


@task(
    "01.e4", "influence",
    ours=influence,
    stars=2, kind="measure",
    hints=(
        "You need the last prediction twice for each s: with x as it is, and with one value moved.",
        "x is not yours: change a copy, a new one for each s. forward_sample's last result holds "
        "the predictions (T, 1).",
        "moved[s] = forward_sample(params, changed)[-1][-1, 0] - before",
    ),
    given=("forward_sample",),
)  # fmt: skip
def how_far_back_it_remembers(influence):
    for T, H in ((3, 2), *[(7, 5)] * 5, (1, 1)):
        params, x, _ = random_problem(SIZES[0]._replace(T=T, H=H), np.float64)
        x, where = x[:, 0], f"T = {T}, H = {H}"
        kept = x.copy()
        got, wanted = influence(params, x), influence_ours(params, x)
        unchanged([kept], [x], ["x"], where)
        typical = {
            "the moves pile up: take a new copy of x for each s": _piled_up(params, x),
            "the sign: it is the moved prediction minus the one before": -wanted,
            "the sign: not the size is asked, a move down is below 0": np.abs(wanted),
            "in the order from the end": wanted[::-1],
        }
        same("moved", got, wanted, typical, where=where, tolerance=1e-9)


influence_ours = influence


def _piled_up(params, x):
    """Each move stays while the next ones are made."""
    steps = np.tri(len(x))[..., None]  # row s: the steps up to s
    last = np.array([forward_sample(params, x + row)[-1][-1, 0] for row in steps])
    return last - forward_sample(params, x)[-1][-1, 0]


def gru_sample(U, W, B, x):
    """h (T + 1, H) of a GRU, row 0 zeros.  U (3H, D), W (3H, H), B (3H,): r, z, n; x (T, D)."""
    H = W.shape[1]
    h = np.zeros((len(x) + 1, H), x.dtype)
    for t in range(len(x)):
        a = U[: 2 * H] @ x[t] + W[: 2 * H] @ h[t] + B[: 2 * H]
        r, z = sigmoid(a[:H]), sigmoid(a[H:])
        n = np.tanh(U[2 * H :] @ x[t] + W[2 * H :] @ (r * h[t]) + B[2 * H :])
        h[t + 1] = z * h[t] + (1 - z) * n
    return h


@task(
    "01.e5", "gru_sample",
    ours=gru_sample,
    stars=3, kind="complete",
    hints=(
        "Which of its three parts needs another one to be ready first?",
        "Rows 0 to 2H of U, W, B give r and z. Then rows 2H to 3H give n, but W reads r * h[t].",
        "n = np.tanh(U[2 * H :] @ x[t] + W[2 * H :] @ (r * h[t]) + B[2 * H :]); "
        "h[t + 1] = z * h[t] + (1 - z) * n",
    ),
    given=("sigmoid",),
)  # fmt: skip
def another_cell(gru_sample):
    for T, D, H in ((1, 1, 1), (3, 2, 3), (6, 1, 5)):
        shapes = (3 * H, D), (3 * H, H), (3 * H,), (T, D)
        U, W, B, x = arrays = [floats(*shape, dtype=np.float64) for shape in shapes]
        got, wanted = gru_sample(U, W, B, x), gru_ours(U, W, B, x)
        where = f"T = {T}, D = {D}, H = {H}"
        got = array_like("h", got, wanted, where)
        same("h[0]", got[0], wanted[0], where=where)
        for t in range(T):
            wrong = _wrong_gru(U, W, B, x[t], wanted[t])
            same(f"h[{t + 1}]", got[t + 1], wanted[t + 1], wrong, where=where)
        array_like("h", gru_sample(*map(np.float32, arrays)), np.float32(wanted), where)


gru_ours = gru_sample


def _wrong_gru(U, W, B, x, h):
    """Typical mistakes in one step."""
    (ur, uz, un), (wr, wz, wn) = (U @ x + B).reshape(3, -1), (W @ h).reshape(3, -1)
    r, z = sigmoid(ur + wr), sigmoid(uz + wz)
    n = np.tanh(un + W[2 * len(h) :] @ (r * h))
    swapped = np.tanh(un + W[2 * len(h) :] @ (z * h))
    outside, without = np.tanh(un + r * wn), np.tanh(un + wn)
    return {
        "z and 1 - z are swapped: z keeps the old h": (1 - z) * h + z * n,
        "r outside the product, as PyTorch has it: here W reads r * h": z * h + (1 - z) * outside,
        "r is not used": z * h + (1 - z) * without,
        "r and z are swapped": r * h + (1 - r) * swapped,
    }
