"""Typical wrong answers to the tasks of lesson 12, and a part of what the judge says."""

WRONG = {
    "12.1": [
        (
            "the rest is forgotten",
            "return w * N // workers, (w + 1) * N // workers",
            "return w * (N // workers), (w + 1) * (N // workers)",
            "10 samples, 3 workers: sample 9 has no worker",
        ),
        (
            "the rest goes to the last one",
            "return w * N // workers, (w + 1) * N // workers",
            "s = N // workers\n    return w * s, N if w == workers - 1 else (w + 1) * s",
            "The sizes may differ by one",
        ),
        (
            "rounded up",
            "return w * N // workers, (w + 1) * N // workers",
            "s = (N + workers - 1) // workers\n    return min(N, w * s), min(N, (w + 1) * s)",
            "The sizes may differ by one",
        ),
        ("the end belongs to it", "(w + 1) * N // workers", "(w + 1) * N // workers - 1", "no worker"),
        ("overlapping", "(w + 1) * N // workers", "(w + 1) * N // workers + (w == 0)", "has 2 workers"),
        ("floats", "w * N // workers, (w + 1) * N // workers", "w * N / workers, N", "the samples"),
        ("not compiled", "@compiled\n", "", "It is not compiled"),
    ],
    "12.2": [
        ("all add to the same gradients", "scale, G[w])", "scale, G[0])", "both write G[0, 0, 0]"),
        ("all of G", "scale, G[w])", "scale, G.reshape(-1, G.shape[2]))", "both write G[0, 0, 0]"),
        ("range", "in prange(", "in range(", "nothing runs in parallel"),
        ("not parallel", "parallel=True", "parallel=False", "compiled without parallel=True"),
        (
            "every worker takes everything",
            "begin, end = part_of(w, len(loss), x.shape[1])",
            "begin, end = 0, x.shape[1]",
            "sample 0 has 3 workers",
        ),
        ("shared by steps", "x.shape[1]", "x.shape[0]", "has no worker"),
        ("the loss is not kept", "loss[w] = train", "train", "the loss is not kept"),
        ("one loss for all", "loss[w] = train", "loss[0] += train", "both write loss[0]"),
        (
            "a round per sample",
            None,
            "@njit(parallel=True)\ndef share_samples(P, H, x, y, scale, G, loss):\n"
            "    for n in prange(x.shape[1]):\n"
            "        loss[0] += train_samples(n, n + 1, P, H, x, y, scale, G[0])",
            "The parallel loop has 7 rounds",
        ),
        (
            "not for Numba",
            "loss[w] = train_samples(",
            "begin = min([begin], key=abs)\n        loss[w] = train_samples(",
            "Numba cannot compile it",
        ),
    ],
    "12.3": [
        ("adds to the first part", "parts[0].copy()", "parts[0]", "It changes its argument: parts[0"),
        ("from the last one", None,
         "def sum_in_order(parts):\n    return np.add.accumulate(parts[::-1])[-1]",
         "these are not the bits"),
        ("in float64", None,
         "def sum_in_order(parts):\n    return parts.astype(np.float64).sum(0).astype(parts.dtype)",
         "these are not the bits"),
        ("the first is missing", "total = parts[0].copy()", "total = np.zeros_like(parts[0])",
         "expected"),
        ("the last is missing", "in parts[1:]", "in parts[1:-1]", "the last part is missing"),
        ("over everything", None, "def sum_in_order(parts):\n    return parts.sum()", "the shape ()"),
        ("float64 comes in", "parts[0].copy()", "parts[0].astype(np.float64)", "is float64"),
    ],
    "12.e1": [
        ("the sample's row", "parts[w, k]", "parts[n % workers, k]", "It is a race: round"),
        ("no longer parallel", "in prange(", "in range(", "nothing runs in parallel"),
        ("everyone adds everything", "range(w * N // workers, (w + 1) * N // workers)", "range(N)",
         "each worker adds up all samples"),
        ("stored, not added", "parts[w, k] +=", "parts[w, k] =", "parts["),
    ],
    "12.e2": [
        ("+= must be a race", "'rows': 'parallel'", "'rows': (0, 1, 'dW[0]')", "rows: no two rounds"),
        ("a chain is parallel", "'steps': (0, 1, 'h[1]')", "'steps': 'parallel'", "steps: not parallel"),
        ("in place is parallel", "'mirror': (0, 5, 'a[0]')", "'mirror': 'parallel'",
         "mirror: not parallel"),
        ("only reads", "'steps': (0, 1, 'h[1]')", "'steps': (0, 1, 'x[1]')",
         "round 0 does not touch x[1]"),
        ("the wrong element", "'steps': (0, 1, 'h[1]')", "'steps': (0, 1, 'h[0]')",
         "round 1 does not touch h[0]"),
        ("one round", "(0, 1, 'loss[0]')", "(1, 1, 'loss[0]')", "one round alone"),
        ("words", "(0, 1, 'loss[0]')", "'serial'", 'neither "parallel" nor'),
    ],
    "12.e3": [
        (
            "a sum over all rounds",
            None,
            "@njit(parallel=True)\ndef total(values):\n    result = values.dtype.type(0)\n"
            "    for p in prange(PARTS):\n"
            "        for n in range(p * len(values) // PARTS, (p + 1) * len(values) // PARTS):\n"
            "            result += values[n]\n    return result",
            "different results in 3 orders",
        ),
        ("a shared element", "sums[p] += values[n]", "sums[0] += values[n]", "different results in"),
        ("the last part is missing", "range(1, PARTS)", "range(1, PARTS - 1)", "The sum is"),
        ("a round per value", "prange(PARTS)", "prange(len(values))", "It stops with IndexError"),
        ("not parallel", "in prange(", "in range(", "nothing runs in parallel"),
    ],
    "12.e4": [
        ("the efficiency", "(many / one - 1 / k) / (1 - 1 / k)", "one / many / k", "the efficiency"),
        ("the time", "(many / one - 1 / k) / (1 - 1 / k)", "many", "the time on k threads"),
        ("1 / k forgotten", "(many / one - 1 / k) / (1 - 1 / k)", "many / one", "1 / k is forgotten"),
        ("upside down", "many / one", "one / many", "The serial part is"),
    ],
    "12.e5": [
        ("in turns", None, "def share_uneven(costs, workers):\n"
         "    return [n % workers for n in range(len(costs))]", "The aim is at most 1% more"),
        ("equal counts", None, "def share_uneven(costs, workers):\n"
         "    return [n * workers // len(costs) for n in range(len(costs))]",
         "The aim is at most 1% more"),
        ("in the order they come", "key=lambda n: -costs[n]", "key=lambda n: 0", "The aim is"),
        ("a worker too many", "] = w, load", "] = w + 1, load", "does not exist"),
        ("the shares, not the workers", "return worker_of", "return load", "does not exist"),
    ],
}  # fmt: skip
