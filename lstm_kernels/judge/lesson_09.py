"""The race: the tasks of lesson 09.

No clock runs here.  The programs that are timed are stand-ins on a machine of our own, whose time
goes on only when they work: so each second that is measured wrongly has a cause with a name.
"""

from itertools import product
from math import ceil, log2
from types import SimpleNamespace

import numpy as np

from lstm_kernels.judge.compare import expect, number, same, unchanged
from lstm_kernels.judge.inputs import floats
from lstm_kernels.judge.tasks import task

# ---- the walk: who may stand in the race --------------------------------------------------


def agrees(got, reference):
    """True if each array of `got` is within 1e-5 of its reference's largest absolute value."""
    for a, b in zip(got, reference, strict=True):
        if not np.abs(a - b).max() <= 1e-5 * np.abs(b).max():
            return False
    return True


@task(
    "09.1", "agrees",
    ours=agrees,
    hints=(
        "When is a gradient right? Its small numbers have large *relative* errors in float32. What "
        "is the error compared with?",
        "For each pair: np.abs(a - b).max() against 1e-5 * np.abs(b).max(). And what does Python "
        "say to nan > 1?",
        "if not np.abs(a - b).max() <= 1e-5 * np.abs(b).max(): return False",
    ),
)  # fmt: skip
def right_before_fast(agrees):
    for words, got, reference, wanted in _results():
        before = [a.copy() for a in (*got, *reference)]
        said = agrees(got, reference)
        expect(said is not None, "It returns None: is a `return` missing?")
        expect(said in (True, False), f"It returns {said!r}; expected True or False.")
        expect(bool(said) == wanted, f"{words}: it says {bool(said)}, expected {wanted}.")
        unchanged(before, (*got, *reference), [f"array {n}" for n in range(len(before))])


def _results():
    """(what is special, results, reference, do they agree?)"""
    shapes = ((), (8, 1), (8, 2), (8,), (1, 2), (1,))
    right = [np.asarray(floats(*shape) if shape else np.float32(0.7)) for shape in shapes]
    for a in right[1:]:
        a.flat[0] = 2  # the largest, or near it
    for a in right:
        np.clip(a, -2, 2, out=a)

    def changed(n, by):
        other = [a.copy() for a in right]
        other[n].flat[-1] += np.float32(by)
        return other

    yield "The same numbers", changed(0, 0), right, True
    yield "An error of a tenth in one array", changed(2, 0.2), right, False
    yield "The same error with the other sign", changed(2, -0.2), right, False
    yield "An error in the last array", changed(5, 0.1), right, False
    yield "An error in the loss, the first of them", changed(0, 0.1), right, False
    yield "A nan in one array", changed(3, np.nan), right, False
    yield "An infinite number in one array", changed(4, np.inf), right, False
    yield "An error of 5e-5 of the largest value", changed(1, 1e-4), right, False
    small = [np.array([2, 1e-6], np.float32)]
    twice = [np.array([2, 2e-6], np.float32)]
    yield "A number near 0 that is off by 1e-6, beside one of 2", twice, small, True
    large = [np.array([-3000, 1], np.float32)]
    near = [np.array([-3000, 1.02], np.float32)]
    yield "An error of 0.02 beside a value of -3000", near, large, True
    off = [*large, *changed(3, 0.01)]
    yield "An error of 0.01, with -3000 only in another array", off, [*large, *right], False


# ---- the walk: a fair time ----------------------------------------------------------------


def seconds_of(call, wait, clock, repeats):
    """(median, all seconds) of `repeats` calls of `call()`, without what happens only once."""
    call()
    wait()
    seconds = []
    for _ in range(repeats):
        start = clock()
        call()
        wait()
        seconds.append(clock() - start)
    return float(np.median(seconds)), seconds


class Machine:
    """A host and a device with a time of their own: a stand-in for a program and its clock.

    Each call compiles if it is the first one, then orders work of the device and returns; the
    device works on.  work: seconds of each call's work, in their order.
    """

    LAUNCH, COMPILE = 0.001, 30.0

    def __init__(self, work):
        self.work, self.now, self.busy_until, self.calls, self.reads = work, 0.0, 0.0, 0, 0

    def call(self):
        expect(self.calls < len(self.work), f"More than {len(self.work)} calls for "
                                            f"{len(self.work) - 1} repeats.")  # fmt: skip
        self.now += self.LAUNCH + self.COMPILE * (self.calls == 0)
        self.busy_until = max(self.now, self.busy_until) + self.work[self.calls]
        self.calls += 1

    def wait(self):
        self.now = max(self.now, self.busy_until)

    def clock(self):
        self.reads += 1
        return self.now


@task(
    "09.2", "seconds_of",
    ours=seconds_of,
    hints=(
        "Which call compiles? Who is still at work when `call()` of a GPU program comes back?",
        "call(), wait(): the warm-up, before any clock. Then, for each repeat: clock, call, wait, "
        "clock. The difference goes into a list.",
        "start = clock(); call(); wait(); seconds.append(clock() - start)   and at the end   "
        "return float(np.median(seconds)), seconds",
    ),
)  # fmt: skip
def a_fair_time(seconds_of):
    for repeats in (1, 4, 7, int(np.random.default_rng().integers(8, 30))):
        work = np.random.default_rng().uniform(0.02, 0.03, repeats + 1)
        work[repeats // 2 + 1 :: 5] = 0.4  # now and then another program is busy
        machine = Machine(work.tolist())
        got = seconds_of(machine.call, machine.wait, machine.clock, repeats)
        expect(got is not None, "It returns None: is a `return` missing?")
        pair = isinstance(got, tuple) and len(got) == 2
        expect(pair, f"It returns {got!r:.60}; expected a pair (median, list of seconds).")
        expect(machine.reads, "It never reads `clock`: it takes the place of time.perf_counter.")
        _judge_seconds(machine, got, repeats)
    return "Neither compilation, nor half-done work, nor a busy moment is in it."


def _judge_seconds(machine, got, repeats):
    work, where = np.array(machine.work), f"repeats = {repeats}"
    right = work[1:] + machine.LAUNCH
    expect(isinstance(got[1], list | tuple | np.ndarray), f"Not a list of seconds: {got[1]!r:.60}.")
    longest = max(got[1], default=0)
    words = f"{where}: one of the seconds is {number(longest)}: the first call is in it."
    expect(longest < machine.COMPILE, f"{words} It compiles: make it before any clock.")
    expect(machine.calls == repeats + 1, f"{where}: {machine.calls} calls. One more than the "
                                         "repeats is needed: the first one compiles.")  # fmt: skip
    typical = {
        "the clock stops before the device has finished: wait()": np.full(repeats, machine.LAUNCH),
        "the device still works on the warm-up when the clock starts": [
            work[0] + work[1], *right[1:]
        ],
        "the start is read only once": np.cumsum(right),
    }  # fmt: skip
    same("seconds", got[1], right, typical, where=where)
    ordered = np.sort(right)
    typical = {
        "the mean, which one busy moment spoils": right.mean(),
        "the best one, which nobody can count on": right.min(),
        "of an even number of times the median is between the two in the middle": ordered[
            repeats // 2
        ],
        "the sum": right.sum(),
        "not sorted": right[repeats // 2],
    }
    same("The median", got[0], np.median(right), typical, where=where)


# ---- the walk: ratios ---------------------------------------------------------------------


def speedups(medians, base, own):
    """{name: how many times as fast as `base`}, of those whose times are a CPU's or a GPU's own."""
    if base not in own:
        return {}
    return {name: medians[base] / medians[name] for name in medians if name in own}


@task(
    "09.3", "speedups",
    ours=speedups,
    hints=(
        "A takes 6 s and B takes 2 s. B is how many times as fast? Which of the two is divided?",
        "medians[base] / medians[name], for the names in `own` only; {} if the base is not one.",
        "return {name: medians[base] / medians[name] for name in medians if name in own}",
    ),
)  # fmt: skip
def ratios_with_a_base(speedups):
    random = np.random.default_rng()
    names = ["sequential", "numpy_loop", "numpy_batched", "cuda_v2"]
    for base, on_gpu in product(names, (False, True)):
        times = random.permutation([0.001, 0.02, 0.3, 4.0]) * random.uniform(0.5, 2)
        medians, own = dict(zip(names, times.tolist(), strict=True)), set(names[: 3 + on_gpu])
        got = speedups(dict(medians), base, set(own))
        where = f"base {base}, emulated: {'nothing' if on_gpu else 'cuda_v2'}"
        expect(isinstance(got, dict), f"It returns {got!r:.60}; expected a dict.")
        none = base in own or not got
        expect(none, f"{where}: the base's own time is emulated, so no ratio may be made of it.")
        emulated = sorted(set(got) - own)
        expect(not emulated, f"{where}: there is a ratio of {', '.join(emulated)}. An emulated "
                             "time is no GPU's.")  # fmt: skip
        wanted = {name: medians[base] / medians[name] for name in own} if base in own else {}
        missing = sorted(set(wanted) - set(got))
        expect(not missing, f"{where}: no ratio of {', '.join(missing)}.")
        for name, ratio in wanted.items():
            typical = {
                "the wrong way round: 2 means twice as fast": 1 / ratio,
                "to the slowest, not to the base": max(medians.values()) / medians[name],
            }
            same(f"The ratio of {name}", got[name], ratio, typical, where=where)


# ---- exercises ----------------------------------------------------------------------------


def stops_gaining(batch_sizes, seconds):
    for n in range(len(seconds) - 1):
        if seconds[n + 1] > 0.9 * seconds[n]:
            return batch_sizes[n]
    return batch_sizes[-1]


@task(
    "09.e1", "stops_gaining",
    ours=stops_gaining,
    stars=1, kind="measure",
    hints=(
        "What is compared with what? Say it for two neighbours in the list.",
        "Doubling saves less than 10% if seconds[n + 1] > 0.9 * seconds[n].",
        "if seconds[n + 1] > 0.9 * seconds[n]: return batch_sizes[n]",
    ),
)  # fmt: skip
def where_it_stops(stops_gaining):
    cases = [
        ([1, 2, 4, 8], [8.0, 4.0, 2.0, 1.9], 4),
        ([1, 2, 4], [4.0, 2.0, 1.0], 4),
        ([16, 32, 64], [5.0, 5.1, 1.0], 16),
        ([7], [1.0], 7),
        ([2, 4], [1.0, 0.85], 4),
    ]
    for _ in range(20):
        steps = np.random.default_rng().choice([0.5, 0.7, 0.895, 0.905, 1.1], 6)
        sizes = [2**n for n in range(7)]
        seconds = np.cumprod([1.0, *steps]).tolist()
        stop = next((sizes[n] for n, step in enumerate(steps) if step > 0.9), sizes[-1])
        cases.append((sizes, seconds, stop))
    for sizes, seconds, wanted in cases:
        got = stops_gaining(list(sizes), list(seconds))
        shown = ", ".join(map(number, seconds))
        expect(got == wanted, f"Batch sizes {sizes}, seconds {shown}: {got}, expected {wanted}.")


def go_on(seconds, budget, at_least, at_most, spread):
    if len(seconds) < at_least:
        return True
    if len(seconds) >= at_most or sum(seconds) >= budget:
        return False
    low, median, high = np.percentile(seconds, (25, 50, 75))
    return len(seconds) < 7 or high - low >= spread * median


@task(
    "09.e2", "go_on",
    ours=go_on,
    stars=2, kind="complete",
    hints=(
        "Which of the rules comes first: is it worth a fourth repeat if one takes a minute?",
        "Four questions in this order: too few? enough of them, or is the time spent? fewer than "
        "7? Is the middle half narrow? np.percentile(seconds, (25, 50, 75)) gives its ends.",
        "return len(seconds) < 7 or high - low >= spread * median",
    ),
)  # fmt: skip
def how_many_repeats(go_on):
    quiet, noisy = [1.0] * 40, np.tile([1.0, 1.2], 20).tolist()
    limits = {"budget": 15.5, "at_least": 3, "at_most": 20, "spread": 0.01}
    cases = [
        ("no repeat yet", [], {}, True),
        ("2 of at least 3", quiet[:2], {}, True),
        ("2 of at least 3, and the budget is spent", [90.0] * 2, {}, True),
        ("3, and the budget is spent", [90.0] * 3, {}, False),
        ("6 that agree", quiet[:6], {}, True),
        ("7 that agree", quiet[:7], {}, False),
        ("7 that do not agree", noisy[:7], {}, True),
        ("7 of which one is far off", [1.0] * 6 + [3.0], {}, False),
        ("7 whose middle half is 20% wide, with spread 0.3", noisy[:7], {"spread": 0.3}, False),
        ("12 that do not agree, within the budget", noisy[:12], {}, True),
        ("14 that do not agree, just within the budget", noisy[:14], {}, True),
        ("16 that do not agree, over the budget", noisy[:16], {}, False),
        ("20, the most", noisy[:20], {"budget": 99.0}, False),
        ("7 of 10 s, half of them within 0.05 s", [10, 10.05] * 3 + [10], {"budget": 99.0}, False),
        ("8 that agree, of at least 9", quiet[:8], {"at_least": 9}, True),
    ]
    for words, seconds, other, wanted in cases:
        got = go_on(list(seconds), **{**limits, **other})
        expect(got is not None, f"{words}: it returns None. Is a `return` missing?")
        expect(bool(got) == wanted, f"{words}: it says {bool(got)}, expected {wanted}.")


def train_all(programs, start, batches, rng):
    results, params = {}, start
    for name, step in programs.items():
        for b in rng.permutation(len(batches)):
            params = step(params, batches[b])
        results[name] = params
    return results


PLANTED_UNFAIR = train_all


def train_all(programs, start, batches, rng):  # noqa: F811  ours, by the same name
    order = rng.permutation(len(batches))
    results = {}
    for name, step in programs.items():
        params = start
        for b in order:
            params = step(params, batches[b])
        results[name] = params
    return results


@task(
    "09.e3", "train_all",
    ours=train_all,
    planted=PLANTED_UNFAIR,
    stars=2, kind="bug",
    hints=(
        "With what does the second program begin? In which order does it get the batches?",
        "Two lines stand at the wrong depth: one of them must be inside the loop over programs, "
        "and one before it.",
        "order = rng.permutation(len(batches)) before the loop; params = start inside it",
    ),
)  # fmt: skip
def same_start_same_order(train_all):
    orders = []
    for seed in (1, 2):
        start, batches = floats(3), [floats(3) for _ in range(9)]
        kept = [a.copy() for a in (start, *batches)]
        runs = {name: SimpleNamespace(began=None, got=[]) for name in ("numpy", "numba", "cuda")}
        programs = {name: _program(run, batches) for name, run in runs.items()}
        got = train_all(programs, start, batches, np.random.default_rng(seed))
        unchanged(kept, (start, *batches), ["start", *(f"batches[{b}]" for b in range(9))])
        for name, run in runs.items():
            expect(run.got, f"{name} gets no batch at all.")
            same(f"The start of {name}", run.began, start)
            order = run.got
            expect(sorted(order) == list(range(9)), f"{name} gets the batches {order}: each "
                                                    "should come once.")  # fmt: skip
            first = runs["numpy"].got
            expect(order == first, f"{name} gets the batches in the order {order}, numpy in "
                                   f"{first}.")  # fmt: skip
        _judge_results(got, runs, start, batches)
        orders.append(order)
    expect(orders[0] != orders[1], "Two different rng give the same order of the batches.")


def _program(run, batches):
    """A step that notes with what it began, and which batches it got."""

    def step(params, batch):
        run.began = params.copy() if run.began is None else run.began
        found = [b for b, other in enumerate(batches) if np.array_equal(other, batch)]
        expect(found, "A program gets a batch that is none of `batches`.")
        run.got.append(found[0])
        return params / 2 + batch

    return step


def _judge_results(got, runs, start, batches):
    expect(isinstance(got, dict), f"It returns {got!r:.60}; expected a dict.")
    missing = sorted(set(runs) - set(got))
    expect(not missing, f"There is no result of {', '.join(missing)}.")
    wanted = start
    for b in runs["numpy"].got:
        wanted = wanted / 2 + batches[b]
    for name in runs:
        same(f"The parameters of {name}", got[name], wanted)


def first_win(ours, theirs, sizes):
    low, high = 0, len(sizes)
    while low < high:
        middle = (low + high) // 2
        if ours(sizes[middle]) < theirs(sizes[middle]):
            high = middle
        else:
            low = middle + 1
    return sizes[low] if low < len(sizes) else None


SIZES = 63  # of which the first that wins is looked for
PAR = 2 * ceil(log2(SIZES + 1))  # measurements: both programs, at each halving


@task(
    "09.e4", "first_win",
    ours=first_win,
    stars=3, kind="better",
    hints=(
        "Once ours wins, it wins at all larger sizes. What does one look in the middle tell?",
        "Keep two ends: below `low` ours loses, from `high` on it wins. Each look halves what is "
        "between. At the end low == high.",
        "if ours(sizes[middle]) < theirs(sizes[middle]): high = middle, else: low = middle + 1",
    ),
)  # fmt: skip
def few_measurements(first_win):
    random, most = np.random.default_rng(), 0
    for place in (0, SIZES - 1, SIZES, 31, 32, *random.integers(0, SIZES, 20).tolist()):
        sizes = np.cumsum(random.integers(1, 40, SIZES)).tolist()
        theirs_at = np.sort(random.uniform(1, 9, SIZES))
        lead = random.uniform(0.1, 0.9, SIZES)  # of the faster one; no line goes through them
        ours_at = np.where(np.arange(SIZES) < place, theirs_at + lead, theirs_at - lead)
        if place:
            ours_at[place - 1] = theirs_at[place - 1]  # as fast, which is not yet faster
        measured = []
        ours, theirs = (_measured(sizes, at, measured) for at in (ours_at, theirs_at))
        got = first_win(ours, theirs, list(sizes))
        wanted = sizes[place] if place < SIZES else None
        case = f"ours wins from {wanted} on" if wanted else "ours never wins"
        expect(got == wanted, f"{SIZES} sizes, {sizes[0]} to {sizes[-1]}, {case}: it says {got}.")
        most = max(most, len(measured))
    expect(most <= PAR, f"It is right, with up to {most} measurements. The aim is {PAR}.")
    return f"{most} measurements at most; ours makes {PAR}."


def _measured(sizes, seconds, measured):
    """A program that takes these seconds at these sizes, and notes where it is measured."""

    def program(N):
        expect(N in sizes, f"It measures at {N}, which is none of the sizes.")
        measured.append(N)
        return float(seconds[sizes.index(N)])

    return program
