"""Plain Python, one number after the other: the tasks of lesson 03."""

import copy

import numpy as np

from lstm_kernels.judge.compare import NotYet, expect, same, several, unchanged
from lstm_kernels.judge.inputs import SIZES, floats, random_params, random_problem, text
from lstm_kernels.judge.mistakes import typical
from lstm_kernels.judge.rounds import Loop, first_conflict, run, trace
from lstm_kernels.judge.sequential_loops import add_row, loops
from lstm_kernels.judge.tasks import task
from lstm_kernels.model import Params, Sizes
from lstm_kernels.optimizers import Adam
from lstm_kernels.versions import sequential

HELPERS = ("dot", "sigmoid", "zeros")
PLAIN = *SIZES[1:], SIZES[0]  # first those in which every index counts


def lists(arrays):
    """Arrays as nested lists of floats."""
    return [np.asarray(a, np.float64).tolist() for a in arrays]


def one_sample(s):
    """params and x of one sample, as lists; the same arrays in float64."""
    params, x, _ = random_problem(s._replace(N=1), np.float64)
    return params, Params(*lists(params)), x[:, 0].tolist()


def check_lists(name, got):
    """NotYet unless it is a list: this lesson has no arrays."""
    expect(got is not None, f"{name} is None: is a `return` missing?")
    is_list = isinstance(got, list)
    expect(is_list, f"{name} is a {type(got).__name__}: this lesson is written in plain lists.")


# ---- the walk -----------------------------------------------------------------------------

PASS = sequential.forward_sample, sequential.step
FORWARD_MISTAKES = {  # those of the last lines first
    "b_out is missing": ("b_out[q] + ", ""),
    "h before the step in the output, which reads h after it": ("in h[1:]", "in h[:-1]"),
    "o * c for o * tanh(c)": ("math.tanh(c_next[j])", "c_next[j]"),
    "the old c in h: h needs c after the step": ("math.tanh(c_next[j])", "math.tanh(c_t[j])"),
    "no f * c_t: the cell forgets everything": ("f[j] * c_t[j] + ", ""),
    "i and f exchanged: f keeps what was, i lets the new in": (
        "f[j] * c_t[j] + i[j] * g[j]",
        "i[j] * c_t[j] + f[j] * g[j]",
    ),
    "no W h, or h of the start in every step, where the newest, h[-1], belongs": (
        "h[-1],",
        "h[0],",
    ),
    "sigmoid for the gate g, which has tanh": ("math.tanh(z[k]) if 2 * H <= k < 3 * H else ", ""),
    "the order of the rows, which is i, f, g, o": ("2 * H <= k < 3 * H", "3 * H <= k"),
}


@task(
    "03.1", "forward_sample",
    ours=sequential.forward_sample,
    shown=(sequential.step, sequential.forward_sample),
    hints=(
        "What does one step need from the step before it, and what must it hand on?",
        "z[k] = B[k] + U[k] . x_t + W[k] . h_t. Rows 2H to 3H - 1 are the gate g: tanh. All "
        "others: sigmoid. Row j of gate number r is r * H + j.",
        "c_next = [f[j] * c_t[j] + i[j] * g[j] for j in range(H)]; h_next = [o[j] * "
        "math.tanh(c_next[j]) for j in range(H)]; the loop calls step(params, x_t, h[-1], c[-1])",
    ),
    given=HELPERS,
)  # fmt: skip
def one_sample_forward(forward_sample):
    names = ("gates", "c", "h", "predictions")
    for s in PLAIN:
        _, params, x = one_sample(s)
        before = copy.deepcopy((*params, x))
        got = several(forward_sample(params, x), *names)
        unchanged(before, (*params, x), (*Params._fields, "x"))
        expected = sequential.forward_sample(params, x)
        for part, name in enumerate(names):
            check_lists(name, got[part])
            causes = typical(FORWARD_MISTAKES, PASS, lambda f, p=part: f(params, x)[p])  # noqa: B023
            same(name, got[part], expected[part], causes, where=_text(s))


def _text(s):
    return text(s._replace(N=1)).replace("N = 1, ", "")


BACKWARD_MISTAKES = {
    "dh without the step after: W and dz[t + 1]": (
        "if t + 1 < T:",
        "if False:",
    ),
    "dz[t] for dz[t + 1] in dh": ("dz[t + 1][k]", "dz[t][k]"),
    "a missing `* f`: dc[j] goes on to the step before times f": ("            dc[j] *= f\n", ""),
    "= for += at dc[j]: what came from the step after is lost": ("dc[j] += dh", "dc[j] = dh"),
    "1 - tanh_c for the slope 1 - tanh_c * tanh_c": ("(1 - tanh_c * tanh_c)", "(1 - tanh_c)"),
    "tanh of g once more: g is activated, so its slope is 1 - g * g": (
        "(1 - g * g)",
        "(1 - math.tanh(g) ** 2)",
    ),
    "the sigmoid's slope for g, which is a tanh: 1 - g * g": (
        "dc[j] * i * (1 - g * g)",
        "dc[j] * i * g * (1 - g)",
    ),
    "c after the step beside f, which met c before it, c[t]": (
        "dc[j] * c[t][j]",
        "dc[j] * c[t + 1][j]",
    ),
    "tanh of c before the step, for c after it, c[t + 1]": (
        "math.tanh(c[t + 1][j])",
        "math.tanh(c[t][j])",
    ),
    "dc for dh beside the gate o": ("= dh * tanh_c * o", "= dc[j] * tanh_c * o"),
    "a missing slope, i * (1 - i)": (" * i * (1 - i)", ""),
}


@task(
    "03.2", "backward_sample",
    ours=sequential.backward_sample,
    hints=(
        "The output of step t and the next step read h[t + 1]. Which derivatives come back?",
        "dh = sum over q of V[q][j] dy[t][q], and if t + 1 < T also the sum over all 4H rows k of "
        "W[k][j] dz[t + 1][k]. dc[j] gets dh * o * tanh'. Each dz: dc (dh for o), times the gate's "
        "partner, times the gate's own slope.",
        "dc[j] += dh * o * (1 - tanh_c * tanh_c); dz[t][j] = dc[j] * g * i * (1 - i); "
        "dz[t][H + j] = dc[j] * c[t][j] * f * (1 - f); dz[t][2 * H + j] = dc[j] * i * (1 - g * g); "
        "dz[t][3 * H + j] = dh * tanh_c * o * (1 - o); dc[j] *= f",
    ),
    given=HELPERS,
)  # fmt: skip
def one_sample_backward(backward_sample):
    for s in PLAIN:
        _, params, x = one_sample(s)
        gates, c, _, _ = sequential.forward_sample(params, x)
        dy = floats(s.T, s.O).tolist()
        before = copy.deepcopy((gates, c, dy, *params))
        got = backward_sample(params, gates, c, dy)
        check_lists("dz", got)
        names = ("gates", "c", "dy", *Params._fields)
        unchanged(before, (gates, c, dy, *params), names)
        causes = typical(
            BACKWARD_MISTAKES,
            (sequential.backward_sample,),
            lambda f: f(params, gates, c, dy),  # noqa: B023
        )
        expected = sequential.backward_sample(params, gates, c, dy)
        same("dz", got, expected, causes, where=_text(s), last_first=True)


SUM_MISTAKES = {
    "= for +=: what other samples have added is lost": ("+=", "="),
    "h after the step for h before it, h[t], in dW": ("enumerate(h[t])", "enumerate(h[t + 1])"),
    "h before the step for h after it, h[t + 1], in dV": ("enumerate(h[t + 1])", "enumerate(h[t])"),
    "only the last step is in it": ("range(len(x))", "range(len(x) - 1, len(x))"),
    "only the first step is in it": ("range(len(x))", "range(1)"),
    "the sign": ("+=", "-="),
}


@task(
    "03.3", "add_gradients",
    ours=sequential.add_gradients,
    hints=(
        "dz[t][k] is the derivative by z[k] of step t. Which numbers was z[k] a sum of?",
        "For each t and k: dB[k] gets dz[t][k]; dU[k][d] gets it times x[t][d], dW[k][j] times "
        "h[t][j]. For each t and q: db_out[q] gets dy[t][q], dV[q][j] gets it times h[t + 1][j].",
        "dW[k][j] += dz[t][k] * h[t][j]; dV[q][j] += dy[t][q] * h[t + 1][j]",
    ),
)  # fmt: skip
def sums_of_one_sample(add_gradients):
    for s in PLAIN:
        shapes = (s.T, s.D), (s.T + 1, s.H), (s.T, 4 * s.H), (s.T, s.O)
        arguments = lists(floats(*shape) for shape in shapes)
        start = lists(random_params(s.D, s.H, s.O))  # what other samples have added
        before = copy.deepcopy(arguments)
        got, expected = (
            _sums(function, start, arguments)
            for function in (add_gradients, sequential.add_gradients)
        )
        unchanged(before, arguments, ("x", "h", "dz", "dy"))
        for part, name in enumerate(Params._fields):
            run_one = lambda f, p=part, now=(start, arguments): _sums(f, *now)[p]  # noqa: E731
            causes = typical(SUM_MISTAKES, (sequential.add_gradients,), run_one)
            same(f"d{name}", got[part], expected[part], causes, where=_text(s))


def _sums(add_gradients, start, arguments):
    """The five gradients after one sample has added to them."""
    grads = copy.deepcopy(start)
    add_gradients(grads, *arguments)
    return grads


def train(gradients, params, x, y, epochs, batch_size, lr, seed=0):
    """Mini-batch gradient descent; returns the trained parameters."""
    rng = np.random.default_rng(seed)  # one seed: the same order for every version
    for _ in range(epochs):
        order = rng.permutation(x.shape[1])  # of the N samples, another one in each epoch
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            _, grads = gradients(params, x[:, batch], y[:, batch])
            params = Params(*(p - lr * g for p, g in zip(params, grads, strict=True)))
    return params


TRAIN_MISTAKES = {
    "the sign: a step goes against the gradient": ("p - lr * g", "p + lr * g"),
    "the learning rate counts twice": ("p - lr * g", "p - lr * lr * g"),
    "the learning rate is missing": ("p - lr * g", "p - g"),
    "a division by the batch: the gradient is that of a mean already": (
        "p - lr * g",
        "p - lr * g / len(batch)",
    ),
    "params stay as they were at the start: each update goes on from the last one": (
        "gradients(params, x[:, batch], y[:, batch])\n            params = Params(*(p - lr * g",
        "gradients(params, x[:, batch], y[:, batch])\n            old = Params(*(p - lr * g",
    ),
}


class Recorder:
    """`gradients` for a training loop under test: it knows which samples it was given."""

    def __init__(self, x, y):
        self.x, self.y, self.batches = x, y, []

    def __call__(self, params, x, y):
        samples = [int(np.flatnonzero(self.x[0, :, 0] == value)[0]) for value in x[0, :, 0]]
        alike = np.array_equal(y, self.y[:, samples])
        expect(alike, "x and y of a batch are not the same samples.")
        expect(len(samples) > 0, "A batch is empty.")
        self.batches.append(samples)
        return 0.0, Params(*(np.cos(p + samples[0]) for p in params))


@task(
    "03.4", "train",
    ours=train,
    hints=(
        "10 samples in batches of 4: which samples has each batch, and how many has the last?",
        "A batch is order[start : start + batch_size], with start = 0, batch_size, 2 batch_size, "
        "... below N; x[:, batch] are its samples. The new parameters are the old ones minus lr "
        "times the gradient.",
        "params = Params(*(p - lr * g for p, g in zip(params, grads)))",
    ),
    given=("Params",),
)  # fmt: skip
def mini_batches(answer):
    random = np.random.default_rng()
    some = int(random.integers(20, 40))
    for N, batch_size, epochs in ((7, 7, 1), (10, 4, 2), (1, 3, 1), (some, 7, 3)):
        lr, seed = float(random.uniform(0.1, 0.5)), int(random.integers(1000))
        problem = random_problem(Sizes(2, N, 1, 2, 1), np.float64)
        params, schedule = problem[0], (epochs, batch_size, lr, seed)
        where = f"N = {N}, batch_size = {batch_size}, epochs = {epochs}"
        before = [p.copy() for p in params]
        got, batches = _trained(answer, problem, schedule)
        expected, wanted = _trained(train, problem, schedule)
        unchanged(before, params, Params._fields, where)
        _same_batches(batches, wanted, N * epochs, where)
        several(got, *Params._fields)
        for part, name in enumerate(Params._fields):
            one = lambda f, p=part, now=(problem, schedule): _trained(f, *now)[0][p]  # noqa: E731
            causes = typical(TRAIN_MISTAKES, (train,), one)
            same(name, got[part], expected[part], causes, where=f"trained, {where}")
    return "Every sample once per epoch, the short batch too."


def _trained(train, problem, schedule):
    """What a training loop returns, and the batches that it used."""
    params, x, y = problem
    recorder = Recorder(x, y)
    return train(recorder, params, x, y, *schedule), recorder.batches


def _same_batches(got, wanted, many, where):
    """NotYet unless each epoch uses every sample once, in the order of the seed."""
    made = f"{len(got)} updates ({where}), expected {len(wanted)}"
    missing = many - sum(map(len, got))
    expect(not missing > many / 4, f"{made}: is an epoch missing?")
    expect(not missing > 0, f"{made}: the last batch may be short, and it is used, too.")
    expect(len(got) == len(wanted), f"{made}.")
    for update, (one, other) in enumerate(zip(got, wanted, strict=True), 1):
        wrong = f"Update {update} takes the samples {one}, expected {other} ({where})"
        expect(one == other, f"{wrong}: the order is `order`, a new one in each epoch.")


# ---- exercises ----------------------------------------------------------------------------


def epoch_loss(losses, sizes):
    return sum(losses) / len(losses)


PLANTED_MEAN = epoch_loss


def epoch_loss(losses, sizes):  # noqa: F811  ours, by the same name
    return sum(loss * size for loss, size in zip(losses, sizes, strict=True)) / sum(sizes)


@task(
    "03.e1", "epoch_loss",
    ours=epoch_loss,
    planted=PLANTED_MEAN,
    stars=1, kind="bug",
    hints=(
        "One batch has 7 samples and the last one has 3. How much does one sample count in each?",
        "Each batch's loss is a mean over its own samples. Which number gives their sum again?",
        "return sum(loss * size for loss, size in zip(losses, sizes)) / sum(sizes)",
    ),
)  # fmt: skip
def mean_over_samples(epoch_loss):
    for sizes in ([4], [7, 7, 3], [1], np.random.default_rng().integers(1, 9, 5).tolist()):
        samples = [floats(size) ** 2 for size in sizes]
        losses = [float(s.mean()) for s in samples]
        wanted = np.concatenate(samples).mean(dtype=np.float64)
        cause = "the mean of the batches, in which a short one counts as much as a full one"
        of_batches = {cause: np.mean(losses)}
        got = epoch_loss(list(losses), list(sizes))
        same("The epoch's loss", got, wanted, of_batches, where=f"batches of {sizes}")


class Counted(float):
    """A float that counts the multiplications it takes part in."""

    made = 0

    def __mul__(self, other):
        Counted.made += 1
        return float(self) * other


def products_forward(T, D, H, O):  # noqa: E741
    return T * (4 * H * (D + H) + H * O)


def counted_products(T, D, H, O):  # noqa: E741
    """Multiplications with U, W and V in a forward pass of one sample, by running it."""
    U, W, B, V, b_out = Params(*lists(random_params(D, H, O)))
    U, W, V = ([[Counted(v) for v in row] for row in matrix] for matrix in (U, W, V))
    Counted.made = 0
    sequential.forward_sample(Params(U, W, B, V, b_out), floats(T, D).tolist())
    return Counted.made


@task(
    "03.e2", "products_forward",
    ours=products_forward,
    stars=2, kind="measure",
    hints=(
        "How long is the list U[k], how long W[k], how long V[q]? How many k and q are there?",
        "In each step: 4H rows of dot(U[k], x_t) and dot(W[k], h_t), and O rows of dot(V[q], h).",
        "return T * (4 * H * (D + H) + O * H)",
    ),
)  # fmt: skip
def how_many_products(products_forward):
    one_more = (np.ones((4, 4), int) + np.eye(4, dtype=int)).tolist()
    random = np.random.default_rng().integers(1, 7, (4, 4)).tolist()
    for sizes in ([1, 1, 1, 1], *one_more, *random):
        got, wanted = products_forward(*sizes), counted_products(*sizes)
        where = "T = {}, D = {}, H = {}, O = {}".format(*sizes)
        expect(got is not None, "It returns None: is a `return` missing?")
        expect(got == wanted, f"{where}: {got}, but the program multiplies {wanted} times.")
    return "Counted in the running program, for nine sizes."


def adam(p, g, m, v, k, lr, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g * g
    step = lr * (m / (1 - beta_1**k)) / (np.sqrt(v / (1 - beta_2**k)) + epsilon)
    return p - step, m, v


ADAM_MISTAKES = {
    "m not divided by 1 - beta_1**k": ("(m / (1 - beta_1**k))", "m"),
    "v not divided by 1 - beta_2**k": ("v / (1 - beta_2**k)", "v"),
    "neither mean is corrected": (
        "(m / (1 - beta_1**k)) / (np.sqrt(v / (1 - beta_2**k))",
        "m / (np.sqrt(v)",
    ),
    "beta for beta to the power k": ("**k", ""),
    "g for g * g in v": ("(1 - beta_2) * g * g", "(1 - beta_2) * g"),
    "epsilon inside the root, which stands beside it": (
        "np.sqrt(v / (1 - beta_2**k)) + epsilon",
        "np.sqrt(v / (1 - beta_2**k) + epsilon)",
    ),
    "no epsilon, or a number in its place: it is an argument": (" + epsilon", " + 1e-8"),
    "0.9 and 0.999 typed in: both betas are arguments": (
        "    m = beta_1",
        "    beta_1, beta_2 = 0.9, 0.999\n    m = beta_1",
    ),
    "no square root of v": ("np.sqrt(v / (1 - beta_2**k))", "v / (1 - beta_2**k)"),
    "the sign": ("p - step", "p + step"),
}


@task(
    "03.e3", "adam",
    ours=adam,
    stars=2, kind="complete",
    hints=(
        "There are four lines: the new m, the new v, the length of the step, the new p.",
        "Both means first. Then divide m by 1 - beta_1**k and v by 1 - beta_2**k, for this step "
        "only: what is returned are the means themselves.",
        "step = lr * (m / (1 - beta_1**k)) / (np.sqrt(v / (1 - beta_2**k)) + epsilon)",
    ),
)  # fmt: skip
def adams_update(answer):
    random = np.random.default_rng()
    usual = Adam.BETA_1, Adam.BETA_2, Adam.EPSILON
    others = *random.uniform(0.5, 0.9, 2).tolist(), float(random.uniform(0.1, 1))
    for shape, constants in (((1,), usual), ((3, 2), others)):
        lr = float(random.uniform(0.01, 0.1))
        start = floats(*shape, dtype=np.float64)
        gradients = [floats(*shape, dtype=np.float64) * 10.0**-k for k in range(1, 4)]
        now = start, gradients, lr, constants
        got, expected = _descend(answer, *now), _by_our_rule(*now)
        for k in range(3):
            one = lambda f, k=k, now=now: _descend(f, *now)[k]  # noqa: E731
            causes = typical(ADAM_MISTAKES, (adam,), one)
            where = "after update {}, beta_1 = {:.3g}, beta_2 = {:.3g}, epsilon = {:.3g}"
            where = where.format(k + 1, *constants)
            same("p", got[k], expected[k], causes, where=where, tolerance=1e-6)


def _descend(update, start, gradients, lr, constants):
    """p after each update by a function as `adam`."""
    now, seen = (start, np.zeros_like(start), np.zeros_like(start)), []
    for k, g in enumerate(gradients, 1):
        p, m, v = now
        before = [a.copy() for a in (p, g, m, v)]
        with np.errstate(all="ignore"):  # a wrong answer may take the root of a negative number
            now = several(update(p, g, m, v, k, lr, *constants), "p", "m", "v")
        unchanged(before, (p, g, m, v), ("p", "g", "m", "v"), f"in update {k}")
        seen.append(now[0])
    return seen


def _by_our_rule(start, gradients, lr, constants):
    """p after each update by the course's Adam."""
    as_params = lambda p: Params(p, *(np.zeros(1) for _ in range(4)))  # noqa: E731
    rule, now, seen = Adam(as_params(start), lr), as_params(start), []
    rule.BETA_1, rule.BETA_2, rule.EPSILON = constants
    for g in gradients:
        now = rule.update(now, as_params(g))
        seen.append(now.U)
    return seen


@task(
    "03.e4", "add_row",
    ours=add_row,
    stars=2, kind="parallel",
    hints=(
        "Which elements of dB, dU and dW belong to row k alone?",
        "The loop over t moves inside: round k adds over all steps, into dB[k], dU[k], dW[k].",
        "for t in range(len(x)): dB[k] += dz[t][k], and the same for dU[k][d] and dW[k][j]",
    ),
)  # fmt: skip
def a_round_per_row(answer):
    for s in SIZES[1:]:
        dU, dW, dB, _, _ = lists(random_params(s.D, s.H, s.O))
        shapes = {"x": (s.T, s.D), "h": (s.T + 1, s.H), "dz": (s.T, 4 * s.H)}
        arrays = {name: floats(*shape).tolist() for name, shape in shapes.items()}
        loop = Loop(4 * s.H, answer, {**arrays, "dU": dU, "dW": dW, "dB": dB})
        reads, writes = trace(loop)
        clash = first_conflict(reads, writes)
        if clash is not None:
            raise NotYet("Rounds {} and {} both touch {}: they must not run at the same time"
                         " ({}).".format(*clash, _text(s)))  # fmt: skip
        for k, written in enumerate(writes):
            other = [e for e in sorted(written) if not e.startswith(_own(k))]
            expect(not other, f"Round {k} writes {''.join(other[:1])}, which is not of its row.")
        order = np.random.default_rng().permutation(4 * s.H).tolist()
        got, expected = run(loop, order), run(loop._replace(body=add_row), order)
        for name in ("dB", "dU", "dW"):
            same(name, got[name], expected[name], where=_text(s))
    return "No round writes what another one touches."


def _own(k):
    """How the elements of row k begin."""
    return f"dB[{k}]", f"dU[{k}]", f"dW[{k}]"


@task(
    "03.e5", "first_conflict",
    ours=first_conflict,
    stars=3, kind="parallel",
    hints=(
        "Both rounds read x[0]. Does it matter which comes first? And if one of them writes it?",
        "For each pair of different rounds a and b: is there an element that a writes, and that b "
        "writes or reads? Neighbours are not enough, and a may be later than b.",
        "shared = writes[a] & (writes[b] | reads[b])",
    ),
)  # fmt: skip
def a_proof_for_loops(find_conflict):
    named = {name: trace(loop) for name, loop in loops().items()}
    for name, (reads, writes) in {**named, **_made_up()}.items():
        got = find_conflict(copy.deepcopy(reads), copy.deepcopy(writes))
        if got is not None:
            _is_conflict(name, got, reads, writes)
        elif wanted := first_conflict(reads, writes):
            a, b, element = wanted
            how = "writes" if element in writes[b] else "reads"
            missed = f"round {a} writes {element}, which round {b} {how}"
            raise NotYet(f"{name}: it finds nothing, but {missed}.")
    return f"{len(named)} loops of the program, and {MADE_UP} made-up ones."


MADE_UP = 40


def _is_conflict(name, got, reads, writes):
    said = f"{name}: it returns {got!r}"
    whole = isinstance(got, tuple | list) and len(got) == 3
    expect(whole, f"{said}; wanted are two rounds and an element.")
    a, b, element = got
    two = {a, b} <= set(range(len(writes))) and a != b
    expect(two, f"{said}, but {a!r} and {b!r} are no two rounds.")
    for n in (a, b):
        touched = element in writes[n] | reads[n]
        expect(touched, f"{said}, but round {n} does not touch {element}.")
    written = element in writes[a] | writes[b]
    expect(written, f"{said}, but both only read {element}: that disturbs nobody.")


def _made_up():
    """Random rounds: none or one conflict, between any two of them."""
    random, made = np.random.default_rng(), {}
    for number in range(MADE_UP):
        rounds = int(random.integers(2, 7))
        both_write, one_reads = number % 4 == 1, number % 4 == 3
        writes = [{f"a[{n}]"} for n in range(rounds)]
        reads = [{"x[0]"} if both_write else {"x[0]", f"a[{n}]"} for n in range(rounds)]
        a, b = random.permutation(rounds)[:2].tolist()
        if both_write or one_reads:
            (writes if both_write else reads)[b].add(f"a[{a}]")
        made[f"A made-up loop of {rounds} rounds (number {number})"] = reads, writes
    return made
