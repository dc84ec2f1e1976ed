"""Typical wrong answers to the tasks of lesson B1, and a part of what the judge says."""

WRONG = {
    "B1.1": [
        ("another slope, of sigmoid", "(1 - g**2)", "g * (1 - g)", "dz["),
        ("the slope of g left, a copy", "(1 - g**2)", "(1 - np.tanh(g) * np.tanh(g))", "Likely: the slope of g"),
        ("the slope of i spoiled", "g * i * (1 - i)", "g * (1 - i * i)", "dz["),
        ("changes its argument", "dh_next, dc = W.T @ dz[t], dc * f", "dh_next, dc = W.T @ dz[t], dc * f\n        gates[t] = 0", "It changes its argument: gates["),
    ],
    "B1.2": [
        ("only h", "h[-1], c[-1] = 0, 0", "h[-1] = 0", "the prediction["),
        ("the wrong end", "h[-1], c[-1] = 0, 0", "h[0], c[0] = 0, 0", "Likely: the states of the sample before"),
        ("new arrays", "h[-1], c[-1] = 0, 0", "h, c = np.zeros_like(h), np.zeros_like(c)", "not written into the h"),
        ("zero in each step", "z = U @ x[t] + W @ h[t - 1] + B", "h[t - 1] = 0\n        z = U @ x[t] + W @ h[t - 1] + B", "the prediction["),
    ],
    "B1.3": [
        ("one barrier of two", "            part[k] += part[k + half]\n        cuda.syncthreads()", "            part[k] += part[k + half]", "race on part["),
        ("the barrier inside the if", "            part[k] += part[k + half]\n        cuda.syncthreads()", "            part[k] += part[k + half]\n            cuda.syncthreads()", "waits at a barrier"),
        ("one thread adds", "        if k < half:\n            part[k] += part[k + half]", "        if k == 0:\n            part[k] += part[k + half]", "totals[0] is"),
    ],
    "B1.4": [
        ("an atomic step, the loop stays", "n = cuda.grid(1)\n    if n < y.shape[0]:", "for n in range(y.shape[0]):", "each thread does the whole batch"),
        ("no guard", "if n < y.shape[0]:", "if True:", "is outside"),
        ("a race", "cuda.atomic.add(total, 0, error * error)", "total[0] += error * error", "race on total[0]"),
        ("one thread alone", "if n < y.shape[0]:", "for n in range(y.shape[0] if n == 0 else 0):", "threads that read predictions: 1"),
    ],
    "B1.5": [
        ("no warm-up", "    call()\n    seconds = []", "    seconds = []", "a warm-up and 7 repeats are 8"),
        ("the mean", "np.median(seconds)", "np.mean(seconds)", "or one that was disturbed"),
        ("the largest", "np.median(seconds)", "np.max(seconds)", "or one that was disturbed"),
        ("a constant", None, "def seconds_of(call, repeats=5):\n    return 0.004", "0 calls"),
        ("a constant after all calls", None, "def seconds_of(call, repeats=5):\n"
         "    for _ in range(repeats + 1):\n        call()\n    return 0.009", "s for a call that takes"),
    ],
    "B1.6": [
        ("the loss before the training", None,
         "def train_epoch(params, batches, validation, gradients, lr):\n"
         "    loss, _ = gradients(params, *validation)\n"
         "    for x, y in batches:\n"
         "        _, grads = gradients(params, x, y)\n"
         "        params = [p - lr * g for p, g in zip(params, grads)]\n"
         "    return params, loss", "Likely: the loss is taken before"),
        ("in place", "params = [p - lr * g for p, g in zip(params, grads, strict=True)]",
         "for p, g in zip(params, grads):\n            p -= lr * g", "It changes its argument"),
        ("a batch left out", "for x, y in batches:", "for x, y in batches[:-1]:", "Likely: a batch is left out"),
        ("up the hill", "p - lr * g", "p + lr * g", "params[0]"),
    ],
    "B1.7": [
        ("still dropped", "range(0, N, batch_size)", "range(0, N - batch_size + 1, batch_size)", "56 of 59 numbers"),
        ("filled up", "order[first : first + batch_size]", "order[np.arange(first, first + batch_size) % N]", "of 59 numbers"),
        ("no random order", "rng.permutation(N)", "np.arange(N)", "same order"),
        ("a table", None, "def batches_of(N, batch_size, rng):\n    return [np.arange(7)] * 8 + [np.arange(3)]", "a number comes twice"),
    ],
    "B1.8": [
        ("one of the two", "one / (one + ", "1.0 / (one + ", "computes in float64"),
        ("whole numbers", "one / (one + ", "1 / (1 + ", "computes in float64"),
        ("another function", "one / (one + math.exp(-z[n]))", "math.tanh(z[n])", "Likely: it is tanh"),
        ("no guard", "if n < z.shape[0]:", "if n >= 0:", "is outside"),
    ],
}  # fmt: skip
