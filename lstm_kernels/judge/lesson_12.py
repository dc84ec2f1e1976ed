"""All cores, a worker per part of the batch: the tasks of lesson 12."""

import numpy as np
from numba import njit, prange

from lstm_kernels.judge.compare import expect, same, unchanged
from lstm_kernels.judge.inputs import BATCHES, floats, zeros
from lstm_kernels.judge.parallel import (
    compiled_with,
    is_parallel,
    no_conflict,
    one_round_each,
    same_in_all_orders,
    watch_in_orders,
    watch_rounds,
)
from lstm_kernels.judge.tasks import task
from lstm_kernels.lab.figures.cores import counted
from lstm_kernels.versions import numba_cpu

# ---- the walk -----------------------------------------------------------------------------


@task(
    "12.1", "part_of",
    ours=numba_cpu.part_of,
    hints=(
        "10 samples, 3 workers: where may the second part begin, and where the third?",
        "The border below worker w is at w / workers of the batch, rounded down to a whole number.",
        "return w * N // workers, (w + 1) * N // workers",
    ),
)  # fmt: skip
def every_sample_once(part_of):
    expect(hasattr(part_of, "py_func"), "It is not compiled: write @compiled above `def`.")
    random = np.random.default_rng().integers(1, 300, (20, 2)).tolist()
    for N, workers in ((10, 3), (3, 3), (64, 64), (1, 1), (5, 8), *random):
        parts = [part_of.py_func(w, workers, N) for w in range(workers)]
        for w, part in enumerate(parts):
            is_pair = isinstance(part, tuple) and len(part) == 2
            expect(is_pair, f"part_of({w}, {workers}, {N}) is {part}; expected two numbers, the "
                            "part's first sample and the one after its last.")  # fmt: skip
        _shared_out(parts, N)
    same_compiled = tuple(part_of(1, 3, 10)) == tuple(part_of.py_func(1, 3, 10))
    expect(same_compiled, "Compiled, it gives something else.")
    return "Each sample has one worker, and no worker has two samples more than another."


def parts_of(workers, N):
    return [numba_cpu.part_of.py_func(w, workers, N) for w in range(workers)]


def _shared_out(parts, N):
    """NotYet unless each of N samples is in one part, and the parts are of nearly the same size."""
    where = f"{counted(N, 'sample')}, {counted(len(parts), 'worker')}"
    found = np.zeros(N, int)
    for w, (begin, end) in enumerate(parts):
        inside = begin == int(begin) and end == int(end) and 0 <= begin <= end <= N
        expect(inside, f"{where}: worker {w} has the samples {begin} to {end - 1}, but they are "
                       f"numbered 0 to {N - 1}.")  # fmt: skip
        found[int(begin) : int(end)] += 1
    for n in np.flatnonzero(found != 1).tolist()[:1]:
        who = "no worker" if found[n] == 0 else f"{found[n]} workers"
        expect(False, f"{where}: sample {n} has {who}; it needs one.")
    sizes = [end - begin for begin, end in parts]
    few, many = int(np.argmin(sizes)), int(np.argmax(sizes))
    expect(sizes[many] - sizes[few] <= 1,
           f"{where}: worker {many} has {sizes[many]} samples, worker {few} only {sizes[few]}. "
           "The sizes may differ by one.")  # fmt: skip


def train_some(begin, end, P, H, x, y, scale, G):
    """Stands for train_samples: adds x of its samples to G, and returns the sum of y."""
    total = y.dtype.type(0)
    for n in range(begin, end):
        total += y[0, n, 0]
        for k in range(G.shape[0]):
            for q in range(G.shape[1]):
                G[k, q] += x[0, n, 0]
    return total


compiled_train_some = njit(train_some)


@task(
    "12.2", "share_samples",
    ours=numba_cpu.share_samples,
    hints=(
        "Which loop may run in parallel here: the one over the workers, or the one over the steps?",
        "Round w of the loop over `prange(len(loss))` asks part_of for its samples, and hands "
        "train_samples its own G[w]. What it returns is loss[w].",
        "loss[w] = train_samples(begin, end, P, H, x, y, scale, G[w])",
    ),
    given=("part_of", "train_samples"),
)  # fmt: skip
def workers_with_gradients_of_their_own(share_samples):
    is_parallel(share_samples)
    for N, workers in ((7, 3), (33, 33), (64, 5)):
        _own_gradients(share_samples, N, workers)
    using = {"train_samples": compiled_train_some, "part_of": numba_cpu.part_of}
    batch, G, loss = _batch(9, 4)
    compiled_with(share_samples, using)(*batch.values(), G, loss)
    _as_expected(G, loss, parts_of(4, 9), batch, "compiled")
    return "Each worker has its own samples, and writes what no other one touches."


def _batch(N, workers):
    """Arguments of share_samples up to scale, then G and loss of zeros."""
    arrays = {"P": floats(4, 3), "H": 1, "x": floats(2, N, 1), "y": floats(2, N, 1)}
    batch = {**arrays, "scale": np.float32(0.5)}
    return batch, zeros(workers, 4, 3), zeros(workers)


def _own_gradients(share_samples, N, workers):
    """Run it round by round, with a train_samples that notes who asks for which samples."""
    batch, G, loss = _batch(N, workers)
    parts = {}

    def note(begin, end, P, H, x, y, scale, G):
        parts.setdefault(loss_run(G), []).append((begin, end))
        return train_some(begin, end, P, H, x, y, scale, G)

    using = {"train_samples": note, "part_of": numba_cpu.part_of.py_func}
    run = watch_rounds(share_samples, using=using, **batch, G=G, loss=loss)
    where = f"{counted(N, 'sample')}, {counted(workers, 'worker')}"
    one_round_each(run, workers, "workers")
    no_conflict(run)
    calls = [parts.get(w, []) for w in range(workers)]
    for w, made in enumerate(calls):
        expect(len(made) == 1, f"{where}: round {w} calls train_samples {len(made)} times; once is "
                               "enough.")  # fmt: skip
    _shared_out([made[0] for made in calls], N)
    _as_expected(run["G"], run["loss"], [made[0] for made in calls], batch, where)


def loss_run(G):
    """The round that runs, which every noted array knows."""
    return G.run.now[1] if getattr(G, "run", None) and G.run.now else None


def _as_expected(G, loss, parts, batch, where):
    x, y = batch["x"][0, :, 0], batch["y"][0, :, 0]
    sums = np.array([x[begin:end].sum() for begin, end in parts], np.float32)
    losses = np.array([y[begin:end].sum() for begin, end in parts], np.float32)
    same("G", G, np.broadcast_to(sums[:, None, None], G.shape), where=where)
    same("loss", loss, losses, {"the loss is not kept": np.zeros_like(losses)}, where=where)


@task(
    "12.3", "sum_in_order",
    ours=numba_cpu.sum_in_order,
    hints=(
        "What does a float32 sum depend on, besides its numbers?",
        "Begin with a copy of parts[0] (why a copy?), then add parts[1], parts[2], ... to it.",
        "for part in parts[1:]: total += part",
    ),
)  # fmt: skip
def always_the_same_bits(sum_in_order):
    for shape in ((2, 5, 4), (1, 2, 3), (64, 3, 7), (33, 1, 1)):
        parts = floats(*shape) * (10 ** np.random.default_rng().uniform(-3, 3, shape)).astype("f4")
        given, where = parts.copy(), f"parts {shape}"
        got, wanted = sum_in_order(given), np.add.accumulate(parts)[-1]
        typical = {
            "the sum over the wrong axis": lambda p=parts: (
                p.sum(1) if p.shape[0] == p.shape[1] else 0
            ),
            "the first part is missing": parts[1:].sum(0),
            "the last part is missing": parts[:-1].sum(0),
        }
        same("total", got, wanted, typical, where=where)
        unchanged([parts], [given], ["parts"], where)
        own = not np.may_share_memory(got, given)
        expect(own, "It returns a part of `parts`: who changes the sum changes parts.")
        backward = np.array_equal(got, np.add.accumulate(parts[::-1])[-1])
        expect(np.array_equal(got, wanted),
               "It is right up to rounding, but these are not the bits of parts[0] + parts[1] + "
               f"... in this order.{' It begins with the last one.' * backward}")  # fmt: skip
    return "The same bits as the additions one by one, in the workers' order."


# ---- exercises ----------------------------------------------------------------------------


@njit(parallel=True)
def bias_gradient(dz, parts):
    workers, (N, K) = len(parts), dz.shape
    for w in prange(workers):
        for n in range(w * N // workers, (w + 1) * N // workers):
            for k in range(K):
                parts[0, k] += dz[n, k]


PLANTED = bias_gradient


@njit(parallel=True)
def bias_gradient(dz, parts):  # noqa: F811  ours, by the same name
    workers, (N, K) = len(parts), dz.shape
    for w in prange(workers):
        for n in range(w * N // workers, (w + 1) * N // workers):
            for k in range(K):
                parts[w, k] += dz[n, k]


@task(
    "12.e1", "bias_gradient",
    ours=bias_gradient,
    planted=PLANTED,
    stars=1, kind="bug",
    hints=(
        "Two workers run at the same time. Which element do both of them add to?",
        "There is a row of `parts` for each worker.",
        "parts[w, k] += dz[n, k]",
    ),
)  # fmt: skip
def a_loop_without_a_race(bias_gradient):
    is_parallel(bias_gradient)
    for N, workers in ((1, 1), (33, 4), (129, 7)):
        dz, where = floats(N, 3), f"{N} samples, {workers} workers"
        run = watch_rounds(bias_gradient, dz=dz, parts=zeros(workers, 3))
        one_round_each(run, workers, "workers")
        no_conflict(run)
        wanted = np.array([dz[begin:end].sum(0) for begin, end in parts_of(workers, N)])
        all_in_each = np.broadcast_to(dz.sum(0), wanted.shape)
        typical = {"each worker adds up all samples": all_in_each}
        same("parts", run["parts"], wanted, typical, where=where, tolerance=1e-4)


def cells(i, f, g, c):
    for j in prange(6):
        c[j] = f[j] * c[j] + i[j] * g[j]


def steps(x, h):
    for t in prange(6):
        h[t + 1] = 0.5 * h[t] + x[t]


def loss_of_all(error, loss):
    for n in prange(6):
        loss[0] += error[n] * error[n]


def rows(dz, h, dW):
    for k in prange(6):
        for n in range(6):
            dW[k] += dz[n, k] * h[n]


def mirror(a):
    for j in prange(6):
        a[j] = a[5 - j]


LOOPS = (cells, steps, loss_of_all, rows, mirror)
VERDICTS = {
    "cells": "parallel",
    "steps": (0, 1, "h[1]"),
    "loss_of_all": (0, 1, "loss[0]"),
    "rows": "parallel",
    "mirror": (0, 5, "a[0]"),
}


@task(
    "12.e2", "which loops",
    ours=VERDICTS,
    stars=2, kind="parallel",
    hints=(
        "For each loop: which elements does round 0 write? Which other round reads or writes them?",
        "A `+=` is no proof: in `rows` each round has a row of its own. In `mirror`, what does "
        "round 5 read?",
        'steps: round 1 reads h[1], which round 0 writes, so (0, 1, "h[1]"). mirror: round 0 '
        'writes a[0], and round 5 reads it.',
    ),
)  # fmt: skip
def loops_and_proofs(verdicts):
    expect(isinstance(verdicts, dict) and set(verdicts) == set(VERDICTS),
           f"It needs an answer for each of {', '.join(VERDICTS)}.")  # fmt: skip
    for loop in LOOPS:
        names = loop.__code__.co_varnames[: loop.__code__.co_argcount]
        shapes = {"dz": (6, 6), "h": (7,), "loss": (1,)}
        run = watch_rounds(loop, **{name: floats(*shapes.get(name, (6,))) for name in names})
        _proved(loop.__name__, verdicts[loop.__name__], run)


def _proved(name, verdict, run):
    """NotYet unless a loop's verdict is right, with two rounds that do meet where it says."""
    conflicts = any(run.conflicts())
    if verdict == "parallel":
        expect(not conflicts, f"{name}: not parallel. Two rounds touch one element, and one of "
                              "them writes it. Which?")  # fmt: skip
        return
    is_proof = isinstance(verdict, tuple) and len(verdict) == 3
    expect(is_proof, f'{name}: {verdict!r} is neither "parallel" nor two rounds and an element.')
    expect(conflicts, f"{name}: no two rounds touch an element that one of them writes: it is "
                      "parallel.")  # fmt: skip
    one, other, element = verdict
    array, _, index = str(element).partition("[")
    place = index.rstrip("] ")
    known = array in run.arrays and place.isdigit() and int(place) < run[array].size
    expect(known, f"{name}: there is no element {element!r}.")
    readers, writers = run.touched.get((0, array, int(place)), (set(), set()))
    for here in (one, other):
        expect(here in readers | writers, f"{name}: round {here} does not touch {element}.")
    expect(one != other, f"{name}: one round alone is no conflict.")
    expect({one, other} & writers, f"{name}: both rounds only read {element}; that is no conflict.")


PARTS = 13  # whatever the number of threads


@njit(parallel=True)
def total(values):
    sums = np.zeros(PARTS, values.dtype)
    for p in prange(PARTS):
        for n in range(p * len(values) // PARTS, (p + 1) * len(values) // PARTS):
            sums[p] += values[n]
    result = sums[0]
    for p in range(1, PARTS):
        result += sums[p]
    return result


@task(
    "12.e3", "total",
    ours=total,
    stars=2, kind="complete",
    hints=(
        "If every thread adds up its own part: what do the bits depend on?",
        "PARTS parts, each summed alone into sums[p] by one round; after the loop, without prange, "
        "they are added in order.",
        "for n in range(p * len(values) // PARTS, (p + 1) * len(values) // PARTS): "
        "sums[p] += values[n]",
    ),
    given=("PARTS",),
)  # fmt: skip
def a_sum_of_13_parts(total):
    is_parallel(total)
    for N in (1000, 5, *BATCHES):
        values, where = floats(N), f"{N} values"
        runs = watch_in_orders(total, values=values)
        one_round_each(runs[0], PARTS, "parts")
        same("The sum", runs[0].result, values.sum(), where=where, tolerance=1e-4)
        same_in_all_orders(runs)
        sums = [_one_by_one(values[begin:end]) for begin, end in parts_of(PARTS, N)]
        expect(runs[0].result == _one_by_one(sums),
               f"It is right up to rounding, but these are not the bits of {PARTS} parts, added in "
               f"order ({where}).")  # fmt: skip
    compiled = compiled_with(total, {})(values)
    expect(compiled == runs[0].result, "Compiled, it gives other bits than in plain Python.")


def _one_by_one(values):
    return np.add.accumulate([np.float32(0), *values], dtype=np.float32)[-1]


def serial_fraction(one, many, k):
    return (many / one - 1 / k) / (1 - 1 / k)


@task(
    "12.e4", "serial_fraction",
    ours=serial_fraction,
    stars=2, kind="measure",
    hints=(
        "If s of the work stays on one thread, how long do k threads take?",
        "many = one * (s + (1 - s) / k). Solve for s.",
        "return (many / one - 1 / k) / (1 - 1 / k)",
    ),
)  # fmt: skip
def amdahl_backwards(serial_fraction):
    rng = np.random.default_rng()
    cases = [(s, one, 2) for s in (0.1, 0.0, 1.0) for one in (3.0, 2.0)]
    cases += [(rng.uniform(), rng.uniform(0.1, 9), int(rng.integers(2, 65))) for _ in range(20)]
    for s, one, k in cases:
        many = one * (s + (1 - s) / k)
        typical = {
            "the time on k threads, not the serial part": many,
            "the efficiency": one / many / k,
            "1 / k is forgotten: even perfect threads take one / k": many / one,
        }
        same("The serial part", serial_fraction(one, many, k), s, typical,
             where=f"{one:.3g} s on one thread, {many:.3g} s on {k}")  # fmt: skip


def share_uneven(costs, workers):
    load, worker_of = [0] * workers, [0] * len(costs)
    for n in sorted(range(len(costs)), key=lambda n: -costs[n]):  # the longest first
        w = load.index(min(load))
        worker_of[n], load[w] = w, load[w] + costs[n]
    return worker_of


@task(
    "12.e5", "share_uneven",
    ours=share_uneven,
    stars=3, kind="better",
    hints=(
        "When all workers but one have ended, what would you have given away earlier?",
        "Take the samples from the longest to the shortest; each goes to the worker that has least "
        "to do so far.",
        "w = load.index(min(load)); worker_of[n] = w; load[w] += costs[n]",
    ),
)  # fmt: skip
def the_busiest_worker(share_uneven):
    rng, theirs, ours = np.random.default_rng(), 0, 0
    for N, workers in ((1, 1), (3, 5), (40, 4), (59, 8), (200, 16), (64, 3)):
        costs = rng.integers(1, 100, N).tolist()
        theirs += _busiest(share_uneven(list(costs), workers), costs, workers)
        ours += _busiest(plain_share(costs, workers), costs, workers)
    words = f"The busiest workers of six batches have {theirs} steps in all; ours have {ours}."
    expect(theirs <= 1.01 * ours, f"{words} The aim is at most 1% more.")
    return words


plain_share = share_uneven


def _busiest(worker_of, costs, workers):
    """The steps of the busiest worker; NotYet unless each sample has a worker that there is."""
    expect(worker_of is not None, "It returns None: is a `return` missing?")
    said = f"{counted(len(costs), 'sample')}, {counted(workers, 'worker')}"
    expect(
        len(worker_of) == len(costs), f"{said}: it gives {len(worker_of)} numbers; one per sample."
    )
    load = [0] * workers
    for n, (w, cost) in enumerate(zip(worker_of, costs, strict=True)):
        expect(w in range(workers), f"{said}: sample {n} goes to worker {w}, which does not exist.")
        load[w] += cost
    return max(load)
