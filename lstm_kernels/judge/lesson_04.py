"""NumPy, fewer operations and larger ones: the tasks of lesson 04."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch

import numpy as np

from lstm_kernels.judge.compare import expect, same, several, unchanged
from lstm_kernels.judge.inputs import SIZES, floats, random_problem, text
from lstm_kernels.judge.mistakes import typical
from lstm_kernels.judge.tasks import task
from lstm_kernels.lab.measure import rungs
from lstm_kernels.lab.measure.stopwatch import count_instructions
from lstm_kernels.model import Params, Sizes
from lstm_kernels.versions import numpy_batched, numpy_loop
from lstm_kernels.versions.numpy_loop import sigmoid


def passed(s):
    """params, x (T, D, N), gates, c, h, dy (T, O, N) of a forward pass, samples last."""
    params, x, _ = random_problem(s)
    x = np.ascontiguousarray(x.swapaxes(1, 2))
    gates, c, h, _ = rungs.forward_axis(params, x)
    return params, x, gates, c, h, floats(s.T, s.O, s.N)


def check_array(name, got, words="this lesson works on arrays"):
    expect(got is not None, f"{name} is None: is a `return` missing?")
    expect(isinstance(got, np.ndarray), f"{name} is a {type(got).__name__}: {words}.")


def no_loop(over, few, many):
    """NotYet if the interpreter executes more instructions in the call `many` than in `few`."""
    less, more = count_instructions(few), count_instructions(many)
    grown = f"With twice as many {over} Python executes {more:,} instructions instead of {less:,}"
    expect(more == less, f"{grown}: there is still a loop over the {over}.")


# ---- the walk -----------------------------------------------------------------------------

LOOP_MISTAKES = {
    "no factor 2: the derivative of a square": ("2 / y.size", "1 / y.size"),
    "the mean over one sample: divide by y.size, that of the whole batch": (
        "x.dtype.type(2 / y.size)",
        "(2 / error.size)",
    ),
    "the sign: the error is prediction minus target": (
        "predictions - y[:, n]",
        "y[:, n] - predictions",
    ),
    "a sum of squares: the loss is a mean over all T N O numbers": (".sum()) / y.size", ".sum())"),
    "each sample's own mean: the loss is a mean over the whole batch": (
        ".sum()) / y.size",
        ".mean())",
    ),
    "only the last sample's part: add it": ("loss +=", "loss ="),
}


@task(
    "04.1", "gradients",
    ours=numpy_loop.gradients,
    hints=(
        "The loss is the mean of (prediction - y)^2 over all T N O numbers of the batch. What is "
        "its derivative by one prediction?",
        "error = predictions - y[:, n] is (T, O). The loss gets the sum of error**2 by y.size; dy "
        "is error times 2 / y.size, and that number in x's type: x.dtype.type(2 / y.size).",
        "dy = error * x.dtype.type(2 / y.size); add_gradients(grads, x[:, n], h, "
        "backward_sample(params, gates, c, dy), dy)",
    ),
    given=("checked", "zeros_like", "forward_sample", "backward_sample", "add_gradients"),
)  # fmt: skip
def sample_after_sample(gradients):
    for s in (*SIZES[1:], Sizes(2, 33, 1, 2, 2), SIZES[0]):
        problem = random_problem(s)
        before = [a.copy() for a in (*problem[0], *problem[1:])]
        loss, grads = several(gradients(*problem), "loss", "grads")
        unchanged(before, (*problem[0], *problem[1:]), (*Params._fields, "x", "y"), text(s))
        wanted_loss, wanted = numpy_loop.gradients(*problem)
        run_loss = lambda f, now=problem: f(*now)[0]  # noqa: E731
        causes = typical(LOOP_MISTAKES, (numpy_loop.gradients,), run_loss)
        same("The loss", loss, wanted_loss, causes, where=text(s))
        for part, name in enumerate(Params._fields):
            run = lambda f, now=problem, p=part: f(*now)[1][p]  # noqa: E731
            causes = typical(LOOP_MISTAKES, (numpy_loop.gradients,), run)
            same(f"d{name}", grads[part], wanted[part], causes, where=text(s))


AXES = (  # N = 4H = O in the first: there a forgotten axis fits by chance
    Sizes(2, 4, 1, 1, 4),
    Sizes(1, 1, 1, 1, 1),
    Sizes(4, 33, 2, 3, 2),
)
FORWARD_MISTAKES = {
    "b_out without [:, None]: NumPy lays it along the samples": ("b_out[:, None]", "b_out"),
    "no b_out in the output": (" + b_out[:, None]", ""),
    "h before the step in the output, which reads h after it, h[1:]": ("V @ h[1:]", "V @ h[:-1]"),
    "o * c for o * tanh(c)": ("o * np.tanh(c[t + 1])", "o * c[t + 1]"),
    "c before the step in h: h needs c[t + 1]": ("np.tanh(c[t + 1])", "np.tanh(c[t])"),
    "no f * c[t]: the cell forgets everything": ("f * c[t] + ", ""),
    "i and f exchanged: f keeps what was, i lets the new in": ("f * c[t] + i", "i * c[t] + f"),
    "B without [:, None]: NumPy lays it along the samples": ("B[:, None]", "B"),
    "no W h in z": (" + W @ h[t]", ""),
    "brackets, or + before *, in f * c[t] + i * g": ("f * c[t] + i * g", "f * (c[t] + i) * g"),
    "sigmoid for the gate g, which has tanh": ("g = np.tanh(", "g = sigmoid("),
    "the order of the gates, which is i, f, g, o": ("(i, f, g, o))", "(i, f, o, g))"),
}


@task(
    "04.2", "forward_axis",
    ours=rungs.forward_axis,
    hints=(
        "Which lines of forward_sample are right for matrices as they stand? What has no axis N?",
        "U @ x[t] is (4H, D) @ (D, N) = (4H, N): a column per sample. B (4H,) and b_out (O,) have "
        "no column: [:, None] gives them one.",
        "z = U @ x[t] + W @ h[t] + B[:, None]; predictions = V @ h[1:] + b_out[:, None]; the other "
        "lines are those of forward_sample",
    ),
    given=("sigmoid",),
)  # fmt: skip
def a_column_per_sample(forward_axis):
    names = ("gates", "c", "h", "predictions")
    for s in AXES:
        params, x, *_ = passed(s)
        before = x.copy()
        got = several(forward_axis(params, x), *names)
        unchanged((before,), (x,), ("x",), text(s))
        wanted = rungs.forward_axis(params, x)
        for part, name in enumerate(names):
            check_array(name, got[part])
            run = lambda f, now=(params, x), p=part: f(*now)[p]  # noqa: E731
            causes = typical(FORWARD_MISTAKES, (rungs.forward_axis,), run)
            same(name, got[part], wanted[part], causes, where=text(s))
    few, many = (passed(Sizes(2, N, 1, 2, 1))[:2] for N in (5, 10))
    no_loop("samples", lambda: forward_axis(*few), lambda: forward_axis(*many))


OURS_WEIGHTS = numpy_batched.weight_gradients, numpy_batched.sum_of_products
WEIGHT_MISTAKES = {
    "h after the step for h before it, h[:-1], in dW": ("h[:-1]", "h[1:]"),
    "h before the step for h after it, h[1:], in dV": ("h[1:]", "h[:-1]"),
    "a mean for a sum: dy holds 1 / (T N O) already": (".sum((0, 2))", ".mean((0, 2))"),
    "the sum over the wrong axes: steps and samples are 0 and 2": (".sum((0, 2))", ".sum((0, 1))"),
    "only the last step": ("swapaxes(1, 2)).sum(0)", "swapaxes(1, 2))[-1]"),
    "a mean over the steps for a sum": (
        "swapaxes(1, 2)).sum(0)",
        "swapaxes(1, 2)).mean(0)",
    ),
}  # fmt: skip


@task(
    "04.3", "weight_gradients",
    ours=numpy_batched.weight_gradients,
    shown=(numpy_batched.sum_of_products, numpy_batched.weight_gradients),
    hints=(
        "dW[k, j] is a sum over t and n of dz[t, k, n] h[t, j, n]. Which of the sums is a matrix "
        "product?",
        "(K, N) @ (N, J) sums over the samples. For all steps: a (T, K, N) @ b with its last two "
        "axes exchanged, (T, N, J). Then the sum over t. dB sums dz over its axes 0 and 2.",
        "return (a @ b.swapaxes(1, 2)).sum(0); dW = sum_of_products(dz, h[:-1]), dV = "
        "sum_of_products(dy, h[1:])",
    ),
    given=("Params",),
)  # fmt: skip
def sums_over_steps_and_samples(weight_gradients):
    for s in (*AXES, Sizes(3, 5, 2, 2, 3)):
        _, x, gates, _, h, dy = passed(s)
        arguments = x, h, floats(*gates.shape), dy
        before = [a.copy() for a in arguments]
        got = several(weight_gradients(*arguments), *(f"d{name}" for name in Params._fields))
        unchanged(before, arguments, ("x", "h", "dz", "dy"), text(s))
        wanted = numpy_batched.weight_gradients(*arguments)
        for part, name in enumerate(Params._fields):
            check_array(f"d{name}", got[part])
            run = lambda f, now=arguments, p=part: f(*now)[p]  # noqa: E731
            causes = typical(WEIGHT_MISTAKES, OURS_WEIGHTS, run)
            same(f"d{name}", got[part], wanted[part], causes, where=text(s))
    _no_loop_in(weight_gradients, "samples", Sizes(4, 6, 1, 2, 1), Sizes(4, 12, 1, 2, 1))
    _no_loop_in(weight_gradients, "steps", Sizes(4, 6, 1, 2, 1), Sizes(8, 6, 1, 2, 1))


def _no_loop_in(weight_gradients, over, few, many):
    calls = []
    for s in (few, many):
        _, x, gates, _, h, dy = passed(s)
        calls.append(lambda now=(x, h, gates, dy): weight_gradients(*now))
    no_loop(over, *calls)


ACTIVATE_MISTAKES = {
    "z must be scaled before tanh, too: tanh(s * z)": ("np.tanh(s * z)", "np.tanh(z)"),
    "no s before tanh's result": ("s * np.tanh", "np.tanh"),
    "no + (1 - s)": (" + (1 - s)", ""),
    "+ s for + (1 - s)": (" + (1 - s)", " + s"),
}


@task(
    "04.4", "activate",
    ours=rungs.activate,
    hints=(
        "sigmoid(z) = 1/2 tanh(z/2) + 1/2. And how does tanh(z) look, written in the same form?",
        "With s = 1/2: s tanh(s z) + (1 - s) is the sigmoid. With s = 1 it is tanh. Which rows "
        "need which s?",
        "s = half_or_one(len(z) // 4, z.dtype); return s * np.tanh(s * z) + (1 - s)",
    ),
    given=("half_or_one",),
)  # fmt: skip
def one_call_of_tanh(activate):
    for H, N in ((1, 1), (3, 4), (5, 33)):
        z, where = floats(4 * H, N), f"H = {H}, N = {N}"
        before, calls = z.copy(), Counter()
        watched = {name: _counting(getattr(np, name), calls) for name in ("tanh", "exp")}
        with patch.multiple(np, **watched):
            got = activate(z)
        check_array("gates", got)
        unchanged((before,), (z,), ("z",), where)
        run = lambda f, now=z: f(now)  # noqa: E731
        causes = typical(ACTIVATE_MISTAKES, (rungs.activate,), run)
        same("gates", got, activate_each(z), causes, where=where)
        made = calls["tanh"] + calls["exp"]
        expect(made == 1, f"It makes {made} calls of tanh or exp; one call of tanh is enough.")
    return "One call of tanh for four gates."


def activate_each(z):
    """The gates (4H, N) of their inputs, one after the other."""
    i, f, g, o = np.split(z, 4)
    return np.concatenate([sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)])


def _counting(function, calls):
    def counted(*arguments, **options):
        calls[function.__name__] += 1
        return function(*arguments, **options)

    return counted


# ---- exercises ----------------------------------------------------------------------------


def outputs(V, h, b_out):
    return V @ h + b_out


PLANTED_AXIS = outputs


def outputs(V, h, b_out):  # noqa: F811  ours, by the same name
    return V @ h + b_out[:, None]


@task(
    "04.e1", "outputs",
    ours=outputs,
    planted=PLANTED_AXIS,
    stars=1, kind="bug",
    hints=(
        "V @ h is (O, N) and b_out is (O,). Along which axis does NumPy lay b_out, if N = O?",
        "NumPy aligns shapes from the right: (O,) beside (O, N) meets N. A column is (O, 1).",
        "return V @ h + b_out[:, None]",
    ),
)  # fmt: skip
def a_number_per_row(outputs):
    for O, N in ((3, 3), (1, 1), (2, 33), (4, 4)):  # noqa: E741
        V, h, b_out = floats(O, 5), floats(5, N), floats(O)
        along = "b_out along the samples: it has a number per output, so per row"
        typical_one = {along: V @ h + b_out} if N == O else {}
        got = outputs(V, h, b_out)
        same("y", got, V @ h + b_out[:, None], typical_one, where=f"O = {O}, N = {N}")


def speedup(slow, fast, clock):
    def median_of(call, repeats=11):
        call()  # the warm-up is not counted
        seconds = []
        for _ in range(repeats):
            start = clock()
            call()
            seconds.append(clock() - start)
        return np.median(seconds)

    return median_of(slow) / median_of(fast)


class Rehearsed:
    """A clock, and calls whose times are chosen: the first one compiles, some are disturbed."""

    def __init__(self):
        self.now, self.calls = float(np.random.default_rng().uniform(0, 1e4)), Counter()

    def clock(self):
        return self.now

    def call(self, name, usual):
        """A function that takes about `usual` seconds of this clock, and no real time."""

        def take_time():
            number = self.calls[name]
            self.calls[name] += 1
            factor = 300 if number == 0 else 1
            if name == "fast":
                factor = {2: 40, 3: 0.4}.get(number % 5, factor)
            self.now += usual * factor * np.random.default_rng().uniform(0.98, 1.02)

        return take_time


@task(
    "04.e2", "speedup",
    ours=speedup,
    stars=2, kind="measure",
    hints=(
        "What do the first call, and one call of five, have to do that the others do not?",
        "For each of the two: one call that is not counted, then several whose times you keep. "
        "Which number of them does one wild call hardly move?",
        "call(); then seconds.append(clock() - start) in a loop; np.median(seconds)",
    ),
)  # fmt: skip
def honest_timing(speedup):
    for usual in np.random.default_rng().uniform(2, 30, 3):
        rehearsed = Rehearsed()
        slow, fast = rehearsed.call("slow", 1e-3 * usual), rehearsed.call("fast", 1e-3)
        got = speedup(slow, fast, rehearsed.clock)
        expect(got is not None, "It returns None: is a `return` missing?")
        for name in ("slow", "fast"):
            made = rehearsed.calls[name]
            expect(
                made > 3, f"`{name}` is called {made} times: one is the warm-up, repeat the rest."
            )
        why = "is it a ratio of medians, by `clock`, without the first call?"
        near = np.isfinite(got) and abs(got / usual - 1) < 0.1
        expect(near, f"It says {got:.3g}; typical calls differ {usual:.3g} times: {why}")


def in_parts(gradients, params, x, y, workers, run):
    parts = np.array_split(np.arange(x.shape[1]), workers)
    results = run(lambda part: gradients(params, x[:, part], y[:, part]), parts)
    shares = [len(part) / x.shape[1] for part in parts]
    loss = sum(share * result[0] for share, result in zip(shares, results, strict=True))
    arrays = zip(*(grads for _, grads in results), strict=True)
    sums = (sum(share * g for share, g in zip(shares, a, strict=True)) for a in arrays)
    return loss, Params(*sums)


class Workers:
    """`run` of the exercise: all calls at the same time, started in a random order."""

    def __init__(self):
        self.samples, self.inside = [], False

    def run(self, function, parts):
        """[function(part), ...] in the order of the parts."""
        parts, results = list(parts), {}
        self.inside = True
        with ThreadPoolExecutor(len(parts) or 1) as pool:
            for n in np.random.default_rng().permutation(len(parts)).tolist():
                results[n] = pool.submit(function, parts[n])
        self.inside = False
        return [results[n].result() for n in range(len(parts))]

    def gradients(self, params, x, y):
        expect(
            self.inside, "It calls `gradients` itself: hand a function to `run`, with the parts."
        )
        expect(x.shape[1] > 0, "A worker has no sample.")
        self.samples.append(x.shape[1])
        return numpy_batched.gradients(params, x, y)


@task(
    "04.e3", "in_parts",
    ours=in_parts,
    stars=2, kind="parallel",
    hints=(
        "`gradients` of a part is a mean over the part's own samples. How much does a part count?",
        "np.array_split(np.arange(N), workers) gives parts that differ by one sample at most. A "
        "part with n samples counts n / N, in the loss and in each gradient.",
        "results = run(lambda part: gradients(params, x[:, part], y[:, part]), parts); then sum "
        "len(part) / N times each result",
    ),
    given=("Params",),
)  # fmt: skip
def samples_in_parts(in_parts):
    for N, count in ((6, 2), (7, 3), (5, 5), (10, 4), (4, 1)):
        params, x, y = random_problem(Sizes(2, N, 1, 2, 2))
        workers, where = Workers(), f"N = {N}, {count} workers"
        before = [a.copy() for a in (*params, x, y)]
        got = several(
            in_parts(workers.gradients, params, x, y, count, workers.run), "loss", "grads"
        )
        unchanged(before, (*params, x, y), (*Params._fields, "x", "y"), where)
        parts = sorted(workers.samples)
        fair = sorted(map(len, np.array_split(np.arange(N), count)))
        expect(parts == fair, f"{where}: the parts have {parts} samples, expected {fair}.")
        _same_as_whole(got, params, x, y, count, where)
    return "In any order, and at the same time."


def _same_as_whole(got, params, x, y, count, where):
    loss, grads = numpy_batched.gradients(params, x, y)
    parts = np.array_split(np.arange(x.shape[1]), count)
    losses = [numpy_batched.gradients(params, x[:, part], y[:, part])[0] for part in parts]
    causes = {
        "a sum of means: a part counts n / N": sum(losses),
        "each part counts alike; one with n samples counts n / N": np.mean(losses),
    }
    same("The loss", float(got[0]), loss, causes, where=where)
    names = [f"d{name}" for name in Params._fields]
    for name, array, wanted in zip(names, several(got[1], *names), grads, strict=True):
        same(name, array, wanted, where=where)


BACKWARD_MISTAKES = {
    "dh without the step after, dh_next": ("dy[t] + dh_next", "dy[t]"),
    "a missing `* f`: dc goes on to the step before times f": ("dc * f\n", "dc\n"),
    "dc of the step after is lost: dc = dc + ...": ("dc = dc + dh", "dc = dh"),
    "1 - tanh_c for the slope 1 - tanh_c**2": ("(1 - tanh_c**2)", "(1 - tanh_c)"),
    "tanh of g once more: g is activated, so its slope is 1 - g**2": (
        "(1 - g**2)",
        "(1 - np.tanh(g) ** 2)",
    ),
    "the sigmoid's slope for g, which is a tanh: 1 - g**2": ("i * (1 - g**2)", "i * g * (1 - g)"),
    "c after the step beside f, which met c before it, c[t]": ("c[t] * f", "c[t + 1] * f"),
    "dc for dh beside the gate o": ("= dh * tanh_c", "= dc * tanh_c"),
    "the new dz is not in dh_next: W.T @ dz[t]": ("W.T @ dz[t]", "W.T @ dz[t] * 0"),
}


AIM = 0.6  # of backward_axis's instructions in a step


@task(
    "04.e4", "backward",
    ours=numpy_batched.backward,
    shown=(numpy_batched.slopes, numpy_batched.backward),
    stars=3, kind="better",
    hints=(
        "Which parts of dz[t] need nothing from the step after? They may leave the loop.",
        "dz of i is dc times g i (1 - i); of f: dc times c f (1 - f); of g: dc times i (1 - g^2); "
        "of o: dh times tanh_c o (1 - o). All these factors, for all steps: one array (T, 4H, N), "
        "before the loop. tanh(c) and V.T @ dy, too.",
        "dz[t, : 3 * H].reshape(3, H, N)[:] *= dc, where dz already holds the factors",
    ),
)  # fmt: skip
def fewer_instructions(backward):
    for s in (*AXES, Sizes(5, 4, 1, 6, 3)):
        params, _, gates, c, _, dy = passed(s)
        before = [a.copy() for a in (gates, c, dy)]
        got = backward(params, gates, c, dy)
        check_array("dz", got)
        unchanged(before, (gates, c, dy), ("gates", "c", "dy"), text(s))
        run = lambda f, now=(params, gates, c, dy): f(*now)  # noqa: E731
        causes = typical(BACKWARD_MISTAKES, (rungs.backward_axis,), run)
        wanted = rungs.backward_axis(params, gates, c, dy)
        same("dz", got, wanted, causes, where=text(s), last_first=True)
    made, axis, ours = map(_per_step, (backward, rungs.backward_axis, numpy_batched.backward))
    words = f"{made:.0f} instructions per step; backward_axis has {axis:.0f}"
    expect(made <= AIM * axis, f"{words}, and the aim is {AIM * axis:.0f}.")
    return f"{words}, ours {ours:.0f}."


def _per_step(backward):
    """Instructions of Python that one step more costs."""
    counts = []
    for T in (8, 16):
        params, _, gates, c, _, dy = passed(Sizes(T, 5, 1, 3, 1))
        call = lambda now=(params, gates, c, dy): backward(*now)  # noqa: E731
        counts.append(count_instructions(call))
    return (counts[1] - counts[0]) / 8
