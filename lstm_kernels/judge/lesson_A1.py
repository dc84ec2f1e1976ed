"""How the emulator works: the tasks of appendix A1."""

from typing import NamedTuple

import numpy as np
from numba import float32

from lstm_kernels import cuda
from lstm_kernels.judge.compare import NotYet, expect, same, unchanged
from lstm_kernels.judge.eyes import is_kernel, no_race, own_parts, watch
from lstm_kernels.judge.inputs import floats, zeros
from lstm_kernels.judge.tasks import task

MOST = 1000  # times that a thread is resumed before it counts as forever


class Noted:
    """A thread that notes in `log` how far it is; resumed by `next`, as a generator.

    places: the barriers that it comes to, one after the other.
    """

    def __init__(self, number, places, log):
        self.number, self.places, self.log, self.resumed = number, places, log, 0

    def __iter__(self):
        return self

    def __next__(self):
        self.resumed += 1
        if self.resumed > MOST:
            raise NotYet(f"Thread {self.number} is resumed more than {MOST} times, though it has "
                         "ended: when is the block done?")  # fmt: skip
        passed = self.resumed - 1
        if passed <= len(self.places):
            self.log.append((self.number, passed))
        if passed >= len(self.places):
            raise StopIteration
        return self.places[passed]

    def send(self, value):
        return next(self)


# ---- the walk -----------------------------------------------------------------------------


def sum_twin(t, x, part):
    part[t] = x[t]
    yield "written"
    width = len(x) // 2
    while width > 0:
        if t < width:
            part[t] += part[t + width]
        yield "added"
        width //= 2
    if t == 0:
        x[0] = part[0]


@task(
    "A1.1", "sum_twin",
    ours=sum_twin,
    hints=(
        "At which lines may no thread go on before all have come? What is Python's word for a "
        "pause?",
        "All lines stay, but t, x and part are given. Each barrier becomes a yield; the second "
        "one stands in the loop, and outside the `if`: all threads come to it.",
        'yield "written" after the first line; yield "added" after the `if`, in the loop',
    ),
)  # fmt: skip
def a_kernel_becomes_a_generator(sum_twin):
    for n in (8, 1, 2, 32):
        for step in (1, -1):  # the threads forward, then backward
            before = floats(n)
            x, part = before.copy(), np.full(n, np.nan, np.float32)
            threads = [sum_twin(t, x, part) for t in range(n)][::step]
            expect(all(hasattr(thread, "__next__") for thread in threads),
                   "It is no generator: a function becomes one by a `yield`.")  # fmt: skip
            where = f"{n} threads, run {'forward' if step == 1 else 'backward'}"
            pauses = _pauses(threads, where)
            pairs = _added_in_pairs(before)
            wrong = {"part is read before all have written it": [np.nan, *before[1:]],
                     "the sum must go from part[0] to x[0]": before}  # fmt: skip
            same("x", x, np.append(pairs[0], before[1:]), wrong, where=where, tolerance=1e-4)
            wanted = 1 + n.bit_length() - 1
            expect(pauses == wanted, f"It pauses {pauses} times; the kernel passes {wanted} "
                                     f"barriers ({where}).")  # fmt: skip
            same("part", part, pairs, {"nothing is added in pairs": before}, where=where)
    return "A barrier, a yield."


def _added_in_pairs(x):
    """What `part` holds at the end."""
    part, width = x.copy(), len(x) // 2
    while width:
        part[:width] += part[width : 2 * width]
        width //= 2
    return part


def _pauses(threads, where):
    """Run them in step; how often all pause.  NotYet if some pause and others do not."""
    for pauses in range(MOST):
        places = [next(thread, "its end") for thread in threads]
        if set(places) == {"its end"}:
            return pauses
        expect(None not in places, 'It yields None: say which barrier it is: yield "written".')
        kinds = list(dict.fromkeys(places))
        expect(len(kinds) == 1, f"Some threads come to {kinds[0]!r} and others to {kinds[-1]!r} "
                                f"({where}): all must pause at the same place.")  # fmt: skip
    raise NotYet(f"It pauses without end ({where}).")


def run_block(threads):
    barriers = 0
    while True:
        places = {next(thread, None) for thread in threads}
        if places == {None}:  # all have ended
            return barriers
        if len(places) > 1:
            raise RuntimeError(f"threads wait at {places}; None has ended")
        barriers += 1


@task(
    "A1.2", "run_block",
    ours=run_block,
    hints=(
        "Four threads, one barrier: in which order are the eight pieces between the pauses run?",
        "One round resumes each thread once: next(thread, None) gives the barrier where it pauses, "
        "and None when it has ended. What may the results of one round be?",
        "places = {next(thread, None) for thread in threads}: all None is the end; more than one "
        "place is an error.",
    ),
)  # fmt: skip
def a_scheduler(run_block):
    for n, barriers in ((1, 0), (1, 2), (4, 1), (7, 3), (33, 2)):
        log, places = [], [f"line {k}" for k in range(barriers)]
        passed = run_block([Noted(t, places, log) for t in range(n)])
        _in_step(log, n, barriers)
        same("The result", passed, barriers, where=f"{n} threads, {barriers} barriers")
    _refused(run_block, "thread 2 has ended, and the others wait", 2, ["a"], [])
    _refused(run_block, "thread 0 has ended, and the others wait", 0, ["a"], [])
    _refused(run_block, "thread 3 waits at another barrier", 3, ["a", "b"], ["a", "c"])
    _refused(run_block, "thread 1 comes to a second barrier alone", 1, ["a"], ["a", "b"])
    return "In step, and divergence is refused."


def _in_step(log, n, barriers):
    """NotYet unless each thread runs to its end, and none passes a barrier before all came."""
    for thread, passed in log:
        missing = sorted({t for t in range(n) if passed and (t, passed - 1) not in log} |
                         {t for t in range(n) if passed and (t, passed - 1) in log and
                          log.index((t, passed - 1)) > log.index((thread, passed))})  # fmt: skip
        expect(not missing, f"Thread {thread} passes barrier {passed - 1} before thread "
                            f"{(missing or [0])[0]} has come to it ({n} threads).")  # fmt: skip
    for t in range(n):
        expect((t, barriers) in log, f"Thread {t} never comes to its end ({n} threads, {barriers} "
                                     "barriers).")  # fmt: skip


def _refused(run_block, what, other, places, places_of_other):
    """NotYet unless RuntimeError says that the threads diverge."""
    threads = [Noted(t, places_of_other if t == other else places, []) for t in range(4)]
    try:
        run_block(threads)
    except RuntimeError:
        return
    raise NotYet(f"Four threads, and {what}: it must raise RuntimeError, but says nothing.")


class Access(NamedTuple):
    thread: int
    barriers: int
    element: int
    kind: str


KINDS = "reads", "writes", "adds"


def racing(accesses):
    found = set()
    for a in accesses:
        for b in accesses:
            alone = a.thread == b.thread or a.element != b.element or a.barriers != b.barriers
            if not alone and {a.kind, b.kind} not in ({"reads"}, {"adds"}):
                found.add(a.element)
    return found


@task(
    "A1.3", "racing",
    ours=racing,
    hints=(
        "Take two accesses. Of what must they have the same, and of what something different, to "
        "be a race?",
        "The same element, the same number of barriers, two threads. Then the kinds: two reads "
        "are harmless, and two atomic additions.",
        'a race unless {a.kind, b.kind} is {"reads"} or {"adds"}',
    ),
)  # fmt: skip
def a_small_race_finder(racing):
    pairs = {(a, b): a == b != "writes" for a in KINDS for b in KINDS}
    for (one, other), is_harmless in pairs.items():
        for a, b, may_race, words in (
            (Access(0, 0, 5, one), Access(1, 0, 5, other), True, "of one element"),
            (Access(3, 1, 5, one), Access(3, 1, 5, other), False, "of one thread alone"),
            (Access(0, 0, 5, one), Access(1, 1, 5, other), False, "with a barrier between them"),
            (Access(0, 2, 5, one), Access(1, 2, 6, other), False, "of two elements"),
        ):
            right = {5} if may_race and not is_harmless else set()
            _elements(racing, [a, b], right, f"{one} and {other}, {words}")
    random = np.random.default_rng()
    for _ in range(20):
        numbers = random.integers(0, (3, 2, 4), (8, 3)).tolist()
        accesses = [Access(*row, str(random.choice(KINDS))) for row in numbers]
        _elements(racing, accesses, _races_of(accesses), "eight accesses")
    return "Two threads, one element, no barrier between, and not both harmless."


def _races_of(accesses):
    """By another way than `racing`: the accesses of each element between two barriers."""
    found = set()
    for element, barriers in {(a.element, a.barriers) for a in accesses}:
        here = [a for a in accesses if (a.element, a.barriers) == (element, barriers)]
        for a in here:
            others = {b.kind for b in here if b.thread != a.thread}
            if others and (a.kind == "writes" or others - {a.kind}):
                found.add(element)
    return found


def _elements(racing, accesses, right, words):
    got = racing(list(accesses))
    expect(isinstance(got, set | frozenset), f"It returns {got!r:.40}; a set of elements is asked "
                                             "for.")  # fmt: skip
    said = "; ".join(f"thread {a.thread} {a.kind} element {a.element} after {a.barriers} barriers"
                     for a in accesses[:2])  # fmt: skip
    expect(set(got) == right, f"{words}: it finds {sorted(got) or 'no race'}, expected "
                              f"{sorted(right) or 'no race'} ({said}).")  # fmt: skip


# ---- exercises ----------------------------------------------------------------------------


def hasty_result(x, order):
    part, result = np.full_like(x, np.nan), x.copy()
    for t in order:
        part[t] = x[t]
        result[t] = part[len(x) - 1 - t]
    return result


@task(
    "A1.e1", "hasty_result",
    ours=hasty_result,
    stars=1, kind="measure",
    hints=(
        "Thread 0 comes first. Which element of part does it read, and who has written it by then?",
        "Without a barrier each thread does both of its lines, and then the next thread of "
        "`order` comes. Unwritten elements of part are NaN.",
        "for t in order: part[t] = x[t]; result[t] = part[len(x) - 1 - t]",
    ),
)  # fmt: skip
def what_a_missing_barrier_leaves(hasty_result):
    random = np.random.default_rng()
    orders = [range(4), range(3, -1, -1), *(random.permutation(n).tolist() for n in (1, 5, 8, 8))]
    for order in orders:
        x = floats(len(order))
        before, right = x.copy(), _by_times(x, list(order))
        got = hasty_result(x, list(order))
        unchanged([before], [x], ["x"])
        wrong = {
            "that is the result with the barrier": x[::-1],
            "which threads came before depends on `order`": _by_times(x, list(range(len(x)))),
        }
        same("x", got, right, wrong, where=f"order {list(order)}")
    return "Half of it is luck."


def _by_times(x, order):
    """Thread t reads its partner's number if the partner came earlier, or is itself."""
    turn = np.argsort(order)
    is_there = turn[::-1] <= turn
    return np.where(is_there, x[::-1], np.float32(np.nan))


@cuda.jit
def add_neighbour(x, out):
    part = cuda.shared.array(32, float32)
    t = cuda.threadIdx.x
    if t < x.size:
        part[t] = x[t]
        cuda.syncthreads()
        out[t] = x[t] + part[(t + 1) % x.size]


PLANTED = add_neighbour


@cuda.jit
def add_neighbour(x, out):  # noqa: F811  ours, by the same name
    part = cuda.shared.array(32, float32)
    t = cuda.threadIdx.x
    if t < x.size:
        part[t] = x[t]
    cuda.syncthreads()
    if t < x.size:
        out[t] = x[t] + part[(t + 1) % x.size]


@task(
    "A1.e2", "add_neighbour",
    ours=add_neighbour,
    planted=PLANTED,
    stars=2, kind="bug",
    hints=(
        "32 threads, 5 numbers: which threads come to the barrier?",
        "All threads of the block must come to it. So it cannot stand inside the `if`.",
        "Close the `if` before cuda.syncthreads(), and open it again after it.",
    ),
)  # fmt: skip
def a_barrier_for_all(add_neighbour):
    is_kernel(add_neighbour)
    for n in (1, 5, 31, 32):
        x = floats(n)
        run = watch(add_neighbour, 1, 32, x=x, out=zeros(n))
        no_race(run)
        own_parts(run, "out", range(n))
        typical = {"the neighbour of the last number is the first": x + np.append(x[1:], x[-1:])}
        same("out", run["out"], x + np.roll(x, -1), typical, where=f"{n} numbers, 32 threads")


def run_warps(threads, width):
    at = [next(thread, "end") for thread in threads]
    while set(at) != {"end"}:
        before = list(at)
        for first in range(0, len(threads), width):
            warp = slice(first, first + width)
            if set(at[warp]) == {"warp"}:
                at[warp] = [next(thread, "end") for thread in threads[warp]]
                before = None
        if set(at) == {"block"}:
            at = [next(thread, "end") for thread in threads]
        elif at == before:
            raise RuntimeError(f"nobody can go on: {at}")


@task(
    "A1.e3", "run_warps",
    ours=run_warps,
    stars=3, kind="complete",
    hints=(
        "When may a warp go on, when the whole block, and when nobody?",
        'Keep a list: where each thread waits, "warp", "block" or "end". A warp whose threads all '
        'wait at "warp" goes on alone.',
        'if set(at[warp]) == {"warp"}: resume this warp; if set(at) == {"block"}: resume all; if '
        "nothing has moved: RuntimeError",
    ),
)  # fmt: skip
def barriers_of_warps(run_warps):
    for ways in (
        [["block"]] * 2,
        [["warp"], ["warp"]],
        [["warp", "warp", "block"], ["block"]],
        [["block", "warp"], ["warp", "warp", "block"], ["warp", "block"]],
        [[], []],
    ):
        for width in (2, 3):
            _warps_in_step(run_warps, ways, width)
    for what, ways in {
        "warp 1 has ended, and warp 0 waits for the block": [["block"], []],
        "warp 1 waits for itself, where half of it has ended": [["block"], ["half"]],
    }.items():
        try:
            run_warps(_threads_of(ways, [])[0], 2)
        except RuntimeError:
            continue
        raise NotYet(f"Two warps, and {what}: it must raise RuntimeError, but says nothing.")
    return "Warps wait alone, blocks together."


def _threads_of(ways, log, width=2):
    """A warp per way; "half": only every other thread comes to a barrier of the warp."""
    places = [
        (["warp"] if t % 2 == 0 else []) if way == ["half"] else way
        for way in ways
        for t in range(width)
    ]
    return [Noted(t, way, log) for t, way in enumerate(places)], places


def _warps_in_step(run_warps, ways, width):
    log = []
    threads, places = _threads_of(ways, log, width)
    run_warps(threads, width)
    where = f"{width} threads per warp, which come to {ways}"
    for t, way in enumerate(places):
        expect((t, len(way)) in log, f"Thread {t} never comes to its end ({where}).")
        for k, kind in enumerate(way):
            after = log.index((t, k + 1))
            rank = way[:k].count("block")
            for other, way_of_other in enumerate(places):
                if kind == "block":
                    here = [n for n, place in enumerate(way_of_other) if place == "block"][rank]
                elif other // width == t // width:
                    here = k
                else:
                    continue
                came = log.index((other, here))
                expect(came < after, f"Thread {t} passes a barrier of the {kind} before thread "
                                     f"{other} has come to it ({where}).")  # fmt: skip
