"""Many workers: the tasks of lesson 18."""

import math

import numpy as np

from lstm_kernels.judge.compare import expect, same, several, unchanged
from lstm_kernels.judge.inputs import floats, random_params, text
from lstm_kernels.judge.tasks import task
from lstm_kernels.lab.estimates.workers import (
    Cost,
    least_squares,
    rounds_of_step,
    step_of_shares,
    step_seconds,
)
from lstm_kernels.model import Params, Sizes
from lstm_kernels.versions.numpy_batched import gradients

# ---- the walk -----------------------------------------------------------------------------


def whole_gradient(arrived):
    """The gradient of the whole batch.  arrived: {worker: (samples, gradient)}."""
    N, total = sum(samples for samples, _ in arrived.values()), 0
    for worker in sorted(arrived):
        samples, gradient = arrived[worker]
        total = total + samples / N * gradient
    return total


@task(
    "18.1", "whole_gradient",
    ours=whole_gradient,
    hints=(
        "Each gradient is a mean over its worker's samples. Does a worker with 1 sample count as "
        "much as one with 99?",
        "Worker k has the share N_k / N of all samples: its gradient counts with this weight. And "
        "`sorted(arrived)` gives the workers in an order that no network changes.",
        "for worker in sorted(arrived): total = total + samples / N * gradient",
    ),
)  # fmt: skip
def weighted_and_in_order(whole_gradient):
    rng = np.random.default_rng()
    for W in (2, 1, 3, 5, 5):
        counts = rng.permutation(9)[:W] + 1
        counts[: W - 2] = counts[0]  # so their order is that of the workers only
        gradients = [floats(40, 3) for _ in counts]
        arrived = {int(w): (int(counts[w]), gradients[w]) for w in rng.permutation(W)}
        before, where = [g.copy() for g in gradients], f"samples {counts.tolist()}"
        right, typical = _weighted(counts, gradients), _usual_means(counts, gradients)
        got = whole_gradient(dict(arrived))
        same("The gradient", got, right, typical, where=where)
        unchanged(before, gradients, [f"arrived[{w}][1]" for w in range(W)], where)
        other = whole_gradient({w: arrived[w] for w in reversed(arrived)})
        expect(np.array_equal(got, other), f"The last bits differ if the {W} gradients arrive in "
               "another order. Add them in the order of the workers' numbers.")  # fmt: skip


def _weighted(counts, gradients):
    weights = np.array(counts) / sum(counts)
    return np.tensordot(weights, np.array(gradients, np.float64), 1).astype(np.float32)


def _usual_means(counts, gradients):
    total, N = sum(gradients), sum(counts)
    weighted = N * _weighted(counts, gradients)
    return {
        "a plain mean: but a worker with more samples must count more, N_k / N": (
            total / len(counts)
        ),
        "the sum of the gradients: the weights N_k / N must add up to 1": total,
        "weighted by N_k, and not divided by N": weighted,
        "divided by the number of workers, not of samples": weighted / len(counts),
    }


def tree_sum(parts):
    """(sum of the parts, number of rounds): in each round, neighbours are added in pairs."""
    rounds = 0
    while len(parts) > 1:
        sums = [a + b for a, b in zip(parts[::2], parts[1::2], strict=False)]
        parts = sums + parts[2 * len(sums) :]  # without a partner: as it is
        rounds += 1
    return parts[0], rounds


class Part:
    """A part that remembers what was added to it, and how many additions wait for each other."""

    def __init__(self, leaves, depth=0):
        self.leaves, self.depth = leaves, depth

    def __add__(self, other):
        if not isinstance(other, Part):
            return self.__radd__(other)
        return Part((self.leaves, other.leaves), max(self.depth, other.depth) + 1)

    def __radd__(self, start):
        zero = isinstance(start, int | float) and start == 0
        expect(zero, f"It adds {start!r:.40} to a part; there are only parts to add.")
        return self  # sum() begins with 0

    def numbers(self):
        """The numbers of the parts in it."""

        def walk(leaves):
            return [leaves] if isinstance(leaves, int) else [n for a in leaves for n in walk(a)]

        return walk(self.leaves)


@task(
    "18.2", "tree_sum",
    ours=tree_sum,
    hints=(
        "Four workers: who can add at the same time, in the first round?",
        "parts[0] + parts[1], parts[2] + parts[3], ...: half as many are left. One without a "
        "partner goes on as it is. Again, until one is left.",
        "sums = [a + b for a, b in zip(parts[::2], parts[1::2])]; "
        "parts = sums + parts[2 * len(sums):]",
    ),
)  # fmt: skip
def in_pairs(tree_sum):
    for W in (8, 3, 2, 1, 5, 4, 13, *np.random.default_rng().integers(2, 50, 3).tolist()):
        parts = [Part(w) for w in range(W)]
        total, rounds = several(tree_sum(list(parts)), "the sum", "rounds")
        _all_in_it(total, W)
        needed = math.ceil(math.log2(W))
        expect(total.depth <= needed, f"{W} parts: the last addition waits for {total.depth - 1} "
               f"others, one after another. In pairs, {needed} rounds are enough.")  # fmt: skip
        same("rounds", rounds, needed, {
            "these are the additions; those of a round are made at the same time": W - 1,
            "one round too many": needed + 1,
            "one with an odd number of parts has its round, too": int(math.log2(W)),
        }, where=f"{W} parts")  # fmt: skip
        again, _ = tree_sum(list(parts))
        expect(again.leaves == total.leaves, "A second call adds in another order.")
    arrays = [floats(4) for _ in range(7)]
    before, right = [a.copy() for a in arrays], np.sum(arrays, axis=0)
    got, _ = tree_sum(list(arrays))
    unchanged(before, arrays, [f"parts[{w}]" for w in range(7)], "7 arrays; `+` makes a new one")
    same("The sum", got, right, where="7 arrays")
    return "1,000 parts are added in 10 rounds."


def _all_in_it(total, W):
    expect(isinstance(total, Part), f"The sum is {total!r:.40}; of parts it is a part.")
    found = total.numbers()
    for w in range(W):
        times = found.count(w)
        expect(times, f"{W} parts: parts[{w}] is missing in the sum.")
        expect(times == 1, f"{W} parts: parts[{w}] is {times} times in the sum.")


def local_round(params, batches, lr):
    """Each worker trains alone on its batches, from params on; the mean of all that they have."""
    ends = []
    for own in batches:
        mine = params
        for x, y in own:
            _, grads = gradients(mine, x, y)
            mine = Params(*(p - lr * g for p, g in zip(mine, grads, strict=True)))
        ends.append(mine)
    return Params(*(sum(arrays) / len(ends) for arrays in zip(*ends, strict=True)))


@task(
    "18.3", "local_round",
    ours=local_round,
    hints=(
        "Where does each worker begin? And what does it know of the others' steps?",
        "Per worker: mine = params; for each batch the gradient at `mine`, and a step. At the end "
        "the mean of each of the five arrays, over the workers.",
        "mine = Params(*(p - lr * g for p, g in zip(mine, grads)))",
    ),
    given=("gradients", "Params"),
)  # fmt: skip
def alone_then_the_mean(local_round):
    for W, K in ((2, 3), (3, 2), (1, 2), (4, 1)):
        sizes, lr = Sizes(3, 4, 1, 3, 1), 0.5
        params = random_params(1, 3, 1)
        batches = [[(floats(3, 4, 1), floats(3, 4, 1)) for _ in range(K)] for _ in range(W)]
        before, where = [p.copy() for p in params], f"{W} workers, {K} steps, {text(sizes)}"
        got = several(local_round(params, batches, lr), *Params._fields)
        unchanged(before, params, Params._fields, where)
        right, typical = _local(params, batches, lr), _usual_rounds(params, batches, lr)
        for name, *arrays in zip(Params._fields, got, right, strict=True):
            wrong = {cause: getattr(p, name) for cause, p in typical.items()}
            same(name, *arrays, wrong, where=where)


def _step(params, at, batch, lr):
    """A step from params, with the gradient of a batch at other ones."""
    _, grads = gradients(at, *batch)
    return Params(*(p - np.float32(lr) * g for p, g in zip(params, grads, strict=True)))


def _walk(params, batches, lr):
    for batch in batches:
        params = _step(params, params, batch, lr)
    return params


def _mean(ends):
    return Params(*(np.mean(arrays, axis=0) for arrays in zip(*ends, strict=True)))


def _local(params, batches, lr):
    return _mean([_walk(params, own, lr) for own in batches])


def _usual_rounds(params, batches, lr):
    """What the usual mistakes give."""
    ends = [_walk(params, own, lr) for own in batches]
    chain = [params]
    for own in batches:
        chain.append(_walk(chain[-1], own, lr))
    from_start, uphill = [], []
    for own in batches:
        end = params
        for batch in own:
            end = _step(end, params, batch, lr)
        from_start.append(end)
        uphill.append(_walk(params, own, -lr))
    each = [_walk(params, own[: k + 1], lr) for own in batches for k in range(len(own))]
    together = params
    for at_once in zip(*batches, strict=True):
        together = _mean([_step(together, together, batch, lr) for batch in at_once])
    return {
        "each worker begins where the one before has ended; all begin at params": _mean(chain[1:]),
        "the sum of the workers' parameters, not their mean": (
            Params(*(np.sum(arrays, axis=0) for arrays in zip(*ends, strict=True)))
        ),
        "the last worker's parameters alone": ends[-1],
        "the gradients are taken at params, not where the worker is by then": _mean(from_start),
        "one worker after the other, on all batches": chain[-1],
        "each worker makes its first step only": _mean(
            [_walk(params, own[:1], lr) for own in batches]
        ),
        "an exchange after each step; here each worker makes all its steps alone": together,
        "a mean over all steps: of each worker only the last parameters count": _mean(each),
        "p + lr * g: a step goes against the gradient": _mean(uphill),
    }


@task(
    "18.4", "step_seconds",
    ours=step_seconds,
    hints=(
        "Two things add up: the computing of the worker with most samples, and messages that wait "
        "for each other. How many samples has it?",
        "Computing: per_sample times N / W, rounded up. A message: latency + nbytes / bandwidth; "
        "there are rounds_of_step(W) of them, one after another.",
        "return compute + rounds_of_step(W) * message",
    ),
    given=("rounds_of_step",),
)  # fmt: skip
def computing_and_messages(step_seconds):
    rng = np.random.default_rng()
    for W in (2, 1, 3, 7, 64, 1000):
        N, nbytes = int(rng.integers(3, 9) * W + rng.integers(W)), int(rng.integers(1e4, 1e6))
        latency = 10 ** rng.uniform(-4, -2)
        sending = rng.uniform(0.52, 0.56) * latency  # each part shows, and no two mistakes agree
        message = latency + sending
        cost = Cost(rng.uniform(1.2, 1.3) * message, latency, nbytes / sending)
        rounds, compute = rounds_of_step(W), cost.per_sample * -(-N // W)
        typical = {
            "the workers share the samples, N / W": cost.per_sample * N + rounds * message,
            "N / W, not rounded up: samples are whole": cost.per_sample * N / W + rounds * message,
            "one message; there are rounds_of_step(W) in a row": compute + message,
            "the bytes travel once; they do so in every round": (
                compute + rounds * cost.latency + sending
            ),
            "the latency is paid once; it is paid in every round": (
                compute + cost.latency + rounds * sending
            ),
            "the bytes do not count": compute + rounds * cost.latency,
            "W messages in a row: but a tree's are sent at the same time": compute + W * message,
            "the messages alone": rounds * message,
            "the computing alone": compute,
            "the rest of N / W: some worker has a sample more": (
                cost.per_sample * (N // W) + rounds * message
            ),
            "bytes times bandwidth; it is bytes *per* second": (
                compute + rounds * (cost.latency + nbytes * cost.bandwidth)
            ),
        }
        where = f"W = {W}, N = {N}, {nbytes:,} bytes"
        right = compute + rounds * message
        same("A step's seconds", step_seconds(W, N, nbytes, cost), right, typical, where=where)


def message_cost(points):
    """(latency, bandwidth) by least squares.  points: [(rounds, bytes, seconds), ...]."""
    rounds, nbytes, seconds = np.array(points).T
    columns = np.stack([rounds, rounds * nbytes], axis=1)
    latency, per_byte = least_squares(columns, seconds)
    return latency, 1 / per_byte


@task(
    "18.5", "message_cost",
    ours=message_cost,
    hints=(
        "seconds = rounds * latency + rounds * bytes / bandwidth. Which two numbers are unknown?",
        "A column per unknown: rounds, and rounds * bytes. least_squares(columns, seconds) gives "
        "the latency and the seconds *per* byte.",
        "columns = np.stack([rounds, rounds * nbytes], axis=1)",
    ),
    given=("least_squares", "linalg"),
)  # fmt: skip
def by_least_squares(message_cost):
    rng = np.random.default_rng()
    for count in (6, 2, 9):
        latency, bandwidth = rng.uniform(1e-3, 9e-3), 10 ** rng.uniform(7.5, 8.5)
        rounds = rng.permutation([2, 4, 6] * 3)[:count].astype(float)
        nbytes = (rng.permutation(9)[:count] + 1.0) * 1e5
        seconds = rounds * (latency + nbytes / bandwidth)
        if count > 2:  # no line goes through all points
            seconds *= rng.uniform(0.9, 1.1, count)
        points = list(zip(rounds.tolist(), nbytes.tolist(), seconds.tolist(), strict=True))
        got = several(message_cost(points), "latency", "bandwidth")
        found = _fits(rounds, nbytes, seconds)
        for n, name in enumerate(("latency", "bandwidth")):
            typical = {cause: wrong[n] for cause, wrong in found.items()}
            right = typical.pop("right")
            same(f"The {name}", got[n], right, typical, where=f"{count} points", tolerance=1e-4)


def _fits(rounds, nbytes, seconds):
    """{cause: (latency, bandwidth)}, "right" among them."""

    def fitted(*columns):
        first, slope = least_squares(np.stack(columns, axis=1), seconds)
        return first, 1 / slope

    right, ends = fitted(rounds, rounds * nbytes), [0, -1]
    return {
        "right": right,
        "the two are exchanged; the latency comes first": right[::-1],
        "the weights of the two columns are exchanged": (1 / right[1], 1 / right[0]),
        "the seconds per byte; the bandwidth is one divided by them": (right[0], 1 / right[1]),
        "as if each point had one round": fitted(np.ones_like(rounds), nbytes),
        "the latency once, not per round": fitted(np.ones_like(rounds), rounds * nbytes),
        "the bytes once, not per round": fitted(rounds, nbytes),
        "the seconds of a round first: fit the seconds themselves": np.polyfit(
            nbytes, seconds / rounds, 1
        )[::-1] ** [1, -1],
        "a line through two of the points; all count": (
            np.linalg.solve(np.stack([rounds, rounds * nbytes], axis=1)[ends], seconds[ends])
            ** [1, -1]
        ),
    }  # fmt: skip


# ---- exercises ----------------------------------------------------------------------------


def efficiency(kind, one, many, W):
    """The share of the best speed that W workers reach.  kind: "strong" or "weak"."""
    return one / many / (W if kind == "strong" else 1)


@task(
    "18.e1", "efficiency",
    ours=efficiency,
    stars=1, kind="complete",
    hints=(
        "What would the best step take: with the same batch in all, and with a batch per worker?",
        "Strong: at best one / W. Weak: at best one. The efficiency is the best time divided by "
        "the real one.",
        'return one / many / (W if kind == "strong" else 1)',
    ),
)  # fmt: skip
def of_the_best(efficiency):
    rng = np.random.default_rng()
    for W in (2, 1, 5, 1000):
        for kind in ("strong", "weak"):
            one, share = rng.uniform((1, 0.1), (9, 0.9))
            many = one / share / (W if kind == "strong" else 1)
            typical = {
                "the real time divided by the best; the task asks for the inverse": 1 / share,
                "per cent; a share lies below 1": 100 * share,
                **_other_kind(kind, share, W),
            }
            where = f"{kind} scaling, {W} workers, {one:.3g} s and {many:.3g} s"
            same("The efficiency", efficiency(kind, one, many, W), share, typical, where=where)


def _other_kind(kind, share, W):
    """The cause, and what it gives, if one kind is taken for the other."""
    if kind == "strong":
        return {"strong: W workers share one batch, so the best time is one / W": share * W}
    return {"weak: each worker has a whole batch, so the best time is `one`": share / W}


def alone(params, batches, lr):
    for x, y in batches:
        _, grads = gradients(params, x, y)
        for p, g in zip(params, grads, strict=True):
            p -= lr * g
    return params


PLANTED_ALONE = alone


def alone(params, batches, lr):  # noqa: F811  ours, by the same name
    for x, y in batches:
        _, grads = gradients(params, x, y)
        params = Params(*(p - lr * g for p, g in zip(params, grads, strict=True)))
    return params


@task(
    "18.e2", "alone",
    ours=alone,
    planted=PLANTED_ALONE,
    stars=2, kind="bug",
    hints=(
        "The first worker is right. With which parameters does the second one begin?",
        "`p -= ...` writes into the array itself, and all workers were given the same arrays. "
        "`p - ...` makes a new one.",
        "params = Params(*(p - lr * g for p, g in zip(params, grads)))",
    ),
    given=("gradients", "Params"),
)  # fmt: skip
def nobody_disturbs_the_next_one(alone):
    params, lr = random_params(1, 3, 1), 0.5
    for worker, K in enumerate((2, 3, 1)):
        batches = [(floats(3, 4, 1), floats(3, 4, 1)) for _ in range(K)]
        before, where = Params(*(p.copy() for p in params)), f"worker {worker}, {K} steps"
        got = several(alone(params, batches, lr), *Params._fields)
        unchanged(before, params, Params._fields, f"{where}; the next worker begins there")
        right, start = _walk(before, batches, lr), before
        for batch in batches:
            start = _step(start, before, batch, lr)
        for name, *arrays in zip(Params._fields, got, right, strict=True):
            typical = {
                "the gradients are taken at the start": getattr(start, name),
                "nothing was trained": getattr(before, name),
            }
            same(name, *arrays, typical, where=where)


def batch_for_half(W, nbytes, cost):
    """The smallest N, a multiple of W, with which W workers reach an efficiency of a half."""
    once = rounds_of_step(1) * (cost.latency + nbytes / cost.bandwidth)
    many = rounds_of_step(W) * (cost.latency + nbytes / cost.bandwidth)
    return W * max(1, math.ceil((W * many - 2 * once) / cost.per_sample / W))


@task(
    "18.e3", "batch_for_half",
    ours=batch_for_half,
    stars=2, kind="measure",
    hints=(
        "With half of the best speed, W workers are W / 2 times as fast as one. What does that "
        "say of the two steps' times?",
        "step(1) = W / 2 * step(W). Write both as computing + messages, and solve for N. Then "
        "round up to a multiple of W.",
        "N = (W * messages of W workers - 2 * messages of one) / cost.per_sample",
    ),
    given=("rounds_of_step", "step_seconds"),
)  # fmt: skip
def half_of_the_best(batch_for_half):
    rng = np.random.default_rng()
    for W in (2, 4, 16, 100, 1000):
        cost = Cost(*10 ** rng.uniform((-5, -4, 7), (-4, -3, 9)))
        nbytes = int(rng.integers(1e4, 1e6))

        def reached(N, W=W, cost=cost, nbytes=nbytes):
            one, many = (step_seconds(w, N, nbytes, cost) for w in (1, W))
            return one / many / W

        said, N = f"{W} workers, {nbytes:,} bytes", batch_for_half(W, nbytes, cost)
        whole = isinstance(N, int | np.integer) and N > 0 and N % W == 0
        expect(whole, f"{said}: N is {N!r:.40}; it must be a multiple of {W}, an int.")
        expect(reached(N) >= 0.5, f"{said}: with N = {N:,} the efficiency is {reached(N):.3f}.")
        less = N - W
        expect(less == 0 or reached(less) < 0.5,
               f"{said}: N = {N:,} is enough, but so is {less:,}.")  # fmt: skip
    return f"{W:,} workers need {N:,} samples per step in the last of the cases."


def shares(N, speeds):
    """How many of N samples each worker gets, so that the slowest is ready as early as possible."""
    counts = [0] * len(speeds)
    for _ in range(N):
        ready = [(count + 1) / speed for count, speed in zip(counts, speeds, strict=True)]
        counts[ready.index(min(ready))] += 1
    return counts


@task(
    "18.e4", "shares",
    ours=shares,
    stars=3, kind="better",
    hints=(
        "When is a worker ready that has n samples and the speed v? And which of them decides?",
        "Give out the samples one by one: each to the worker that would be ready first with one "
        "sample more, (n + 1) / v.",
        "counts[ready.index(min(ready))] += 1",
    ),
)  # fmt: skip
def the_slowest_decides(shares):
    rng, saved = np.random.default_rng(), []
    cases = [(1024, [1, 1, 1, 1 / 3]), (10, [1, 1, 1]), (3, [1, 2, 1, 5, 1])]
    cases += [(int(rng.integers(1, 300)), rng.uniform(0.2, 2, 5).tolist()) for _ in range(6)]
    for N, speeds in cases:
        said, got = f"N = {N}, speeds {', '.join(f'{v:.3g}' for v in speeds)}", shares(N, speeds)
        expect(got is not None and len(got) == len(speeds),
               f"{said}: it gives {got!r:.40}; expected a number per worker.")  # fmt: skip
        counts = [int(n) for n in got]
        expect(all(n == m and m >= 0 for n, m in zip(got, counts, strict=True)),
               f"{said}: the shares are {got!r:.60}; they must be whole numbers.")  # fmt: skip
        expect(sum(counts) == N, f"{said}: the shares are {sum(counts)} samples in all.")
        best = ours_of_shares(N, speeds)
        par, reached = (step_of_shares(c, speeds) for c in (best, counts))
        expect(reached <= par * (1 + 1e-9),
               f"{said}: the slowest needs {reached:.4g}; {par:.4g} is possible.")  # fmt: skip
        equal = [N * (w + 1) // len(speeds) - N * w // len(speeds) for w in range(len(speeds))]
        saved.append(step_of_shares(equal, speeds) / par)
    return f"With a worker three times slower: {saved[0]:.2f} times as fast as equal shares."


ours_of_shares = shares
