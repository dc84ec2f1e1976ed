"""Typical wrong answers to the tasks of lesson 18, and a part of what the judge says."""

CHAIN = """\
def tree_sum(parts):
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total, len(parts) - 1
"""
SUMS_IN_PLACE = """\
def tree_sum(parts):
    parts, rounds = list(parts), 0
    while len(parts) > 1:
        for k in range(0, len(parts) - 1, 2):
            parts[k] += parts[k + 1]
        parts, rounds = parts[::2], rounds + 1
    return parts[0], rounds
"""
IN_PLACE = """\
def local_round(params, batches, lr):
    for own in batches:
        for x, y in own:
            _, grads = gradients(params, x, y)
            for p, g in zip(params, grads):
                p -= lr * g
    return params
"""
SYNCHRONOUS = """\
def local_round(params, batches, lr):
    for at_once in zip(*batches):
        grads = [gradients(params, x, y)[1] for x, y in at_once]
        mean = [np.mean(arrays, axis=0) for arrays in zip(*grads)]
        params = Params(*(p - lr * g for p, g in zip(params, mean)))
    return params
"""
SUM_FIRST = """\
def message_cost(points):
    rounds, nbytes, seconds = np.array(points).T
    per_byte, latency = np.polyfit(nbytes, seconds / rounds, 1)
    return latency, 1 / per_byte
"""
BY_SPEED = """\
def shares(N, speeds):
    counts = [int(N * speed / sum(speeds)) for speed in speeds]
    counts[0] += N - sum(counts)
    return counts
"""
EQUAL = """\
def shares(N, speeds):
    W = len(speeds)
    return [N * (w + 1) // W - N * w // W for w in range(W)]
"""
WRONG = {
    "18.1": [
        ("a plain mean", "samples / N", "1 / len(arrived)", "a plain mean"),
        ("the sum", "samples / N * gradient", "gradient", "must add up to 1"),
        ("not divided", "samples / N", "samples", "not divided by N"),
        ("divided by the workers", "samples / N", "samples / len(arrived)", "not of samples"),
        ("in the order of arrival", "sorted(arrived)", "arrived", "in another order"),
        ("in the order of samples", "sorted(arrived)", "sorted(arrived, key=lambda w: arrived[w][0])",
         "in another order"),
        ("in place", "total = total + samples / N * gradient",
         "gradient *= samples / N\n        total = total + gradient", "It changes its argument"),
    ],
    "18.2": [
        ("a chain", None, CHAIN, "In pairs, 3 rounds are enough"),
        ("the last one is lost", "sums + parts[2 * len(sums) :]", "sums", "parts[2] is missing"),
        ("rounds are additions", "rounds += 1", "rounds += len(sums)", "made at the same time"),
        ("one round too many", "return parts[0], rounds", "return parts[0], rounds + 1",
         "one round too many"),
        ("the sum alone", "return parts[0], rounds", "return parts[0]", "expected 2 values"),
        ("the same twice", "parts[1::2]", "parts[::2]", "times in the sum"),
        ("in place", None, SUMS_IN_PLACE, "It changes its argument: parts[0]"),
    ],
    "18.3": [
        ("one after the other", "mine = params\n", "mine = ends[-1] if ends else params\n",
         "each worker begins where the one before has ended"),
        ("the sum", "sum(arrays) / len(ends)", "sum(arrays)", "not their mean"),
        ("gradients at the start", "gradients(mine, x, y)", "gradients(params, x, y)",
         "not where the worker is"),
        ("the last worker", "Params(*(sum(arrays) / len(ends) for arrays in zip(*ends, strict=True)))",
         "mine", "the last worker's parameters alone"),
        ("one step", "for x, y in own:", "for x, y in own[:1]:", "its first step only"),
        ("in place", None, IN_PLACE, "It changes its argument"),
        ("an exchange after each step", None, SYNCHRONOUS, "makes all its steps alone"),
        ("a mean over all steps", "    ends.append(mine)", "        ends.append(mine)",
         "only the last parameters count"),
        ("uphill", "p - lr * g", "p + lr * g", "against the gradient"),
    ],
    "18.4": [
        ("parts of samples", "math.ceil(N / W)", "N / W", "samples are whole"),
        ("all samples", "math.ceil(N / W)", "N", "share the samples"),
        ("one message", "rounds_of_step(W) * message", "message", "rounds_of_step(W) in a row"),
        ("the bytes once", "compute + rounds_of_step(W) * message",
         "compute + rounds_of_step(W) * cost.latency + nbytes / cost.bandwidth",
         "they do so in every round"),
        ("a chain of messages", "rounds_of_step(W) * message", "W * message", "W messages in a row"),
        ("times the bandwidth", "nbytes / cost.bandwidth", "nbytes * cost.bandwidth",
         "bytes *per* second"),
        ("rounded down", "math.ceil(N / W)", "(N // W)", "a sample more"),
    ],
    "18.5": [
        ("seconds per byte", "1 / per_byte", "per_byte", "one divided by them"),
        ("exchanged", "latency, 1 / per_byte", "1 / per_byte, latency", "the latency comes first"),
        ("columns exchanged", "latency, per_byte = least", "per_byte, latency = least",
         "the weights of the two columns"),
        ("no rounds", "np.stack([rounds, rounds * nbytes]", "np.stack([1 + 0 * rounds, nbytes]",
         "as if each point had one round"),
        ("the bytes once", "rounds * nbytes", "nbytes", "the bytes once"),
        ("divided first", None, SUM_FIRST, "fit the seconds themselves"),
        ("two points", "least_squares(columns, seconds)",
         "least_squares(columns[[0, -1]], seconds[[0, -1]])", "two of the points"),
    ],
    "18.e1": [
        ("upside down", "one / many / (W", "many / one * (W", "asks for the inverse"),
        ("strong as weak", "(W if kind == \"strong\" else 1)", "1", "share one batch"),
        ("weak as strong", "(W if kind == \"strong\" else 1)", "W", "has a whole batch"),
        ("per cent", "one / many", "100 * one / many", "per cent"),
    ],
    "18.e2": [
        ("as it was", "params = Params(*(p - lr * g for p, g in zip(params, grads, strict=True)))",
         "for p, g in zip(params, grads):\n            p -= lr * g", "the next worker begins there"),
        ("a new name, the same arrays", "    for x, y in batches:",
         "    mine = Params(*params)\n    for x, y in batches:\n        _, grads = gradients(mine, x, y)\n"
         "        for p, g in zip(mine, grads):\n            p -= lr * g\n    return mine\n"
         "    for x, y in batches:", "the next worker begins there"),
        ("nothing kept", "params = Params(*(", "mine = Params(*(", "nothing was trained"),
        ("uphill", "p - lr * g", "p + lr * g", "is"),
    ],
    "18.e3": [
        ("all of it", "W * many - 2 * once", "W * many", "but so is"),
        ("nine tenths", "W * many - 2 * once", "9 * W * many", "but so is"),
        ("one message", "rounds_of_step(W)", "rounds_of_step(1)", "the efficiency is"),
        ("no multiple", "return W * max(1, math.ceil((W * many - 2 * once) / cost.per_sample / W))",
         "return max(W, math.ceil((W * many - 2 * once) / cost.per_sample)) + 1",
         "must be a multiple"),
    ],
    "18.e4": [
        ("equal", None, EQUAL, "is possible"),
        ("by speed, the rest to the first", None, BY_SPEED, "is possible"),
        ("one is lost", "range(N)", "range(N - 1)", "samples in all"),
        ("no whole numbers", None,
         "def shares(N, speeds):\n    return [N * speed / sum(speeds) for speed in speeds]",
         "must be whole numbers"),
        ("to who is ready first now", "(count + 1) / speed", "count / speed", "is possible"),
    ],
}  # fmt: skip
