"""Typical wrong answers to the tasks of lesson 04, and a part of what the judge says."""

WRONG = {
    "04.1": [
        ("no factor 2", "2 / y.size", "1 / y.size", "no factor 2"),
        ("the mean over one sample", "x.dtype.type(2 / y.size)", "x.dtype.type(2 / error.size)", "the mean over one sample"),
        ("the sign", "predictions - y[:, n]", "y[:, n] - predictions", "the sign: the error is"),
        ("a sum of squares", ".sum()) / y.size", ".sum())", "a sum of squares"),
        ("only the last loss", "loss +=", "loss =", "only the last sample's part"),
        ("the last batch's gradients", "        gates, c, h", "        grads = zeros_like(params)\n        gates, c, h", "dU[0, 0] is"),
        ("float64", "x.dtype.type(2 / y.size)", "np.float64(2 / y.size)\n        grads = type(grads)(*(g.astype(dy.dtype) for g in grads))", "dU is float64"),
        ("the version itself", None, "from lstm_kernels.versions import VERSIONS\ndef gradients(params, x, y):\n    return VERSIONS['numpy_loop'].gradients(params, x, y)", "the course's own"),
    ],
    "04.2": [
        ("B without its axis", "B[:, None]", "B", "B without [:, None]"),
        ("b_out without its axis", "b_out[:, None]", "b_out", "b_out without [:, None]"),
        ("sigmoid for g", "g = np.tanh(", "g = sigmoid(", "sigmoid for the gate g"),
        ("output of h before", "V @ h[1:]", "V @ h[:-1]", "h before the step in the output"),
        ("add before multiply", "f * c[t] + i * g", "f * (c[t] + i) * g", "brackets, or + before"),
        ("sample after sample", "        z = U @ x[t] + W @ h[t] + B[:, None]\n",
         "        z = np.stack([U @ x[t][:, n] + W @ h[t][:, n] + B for n in range(N)], axis=1)\n", "a loop over the samples"),
        ("gates in another order", "(i, f, g, o))", "(i, f, o, g))", "the order of the gates"),
    ],
    "04.3": [
        ("the wrong axes", ".sum((0, 2))", ".sum((0, 1))", "the sum over the wrong axes"),
        ("a mean over the batch", "dz.sum((0, 2))", "dz.mean((0, 2))", "a mean for a sum"),
        ("h after for before", "h[:-1]", "h[1:]", "h after the step for h before it"),
        ("h before for after", "h[1:]", "h[:-1]", "h before the step for h after it"),
        ("not transposed", "a @ b.swapaxes(1, 2)", "a @ b", "It stops with ValueError"),
        ("only the last step", ".sum(0)", "[-1]", "only the last step"),
        ("the other way round", "(a @ b.swapaxes(1, 2))", "(b @ a.swapaxes(1, 2))", "It is transposed"),
        ("a loop over the steps", "(a @ b.swapaxes(1, 2)).sum(0)", "sum(p @ q.T for p, q in zip(a, b))", "a loop over the steps"),
        ("a loop over the samples", "(a @ b.swapaxes(1, 2)).sum(0)",
         "sum(a[:, :, n].T @ b[:, :, n] for n in range(a.shape[2]))", "a loop over the samples"),
    ],
    "04.4": [
        ("z not scaled", "np.tanh(s * z)", "np.tanh(z)", "z must be scaled before tanh"),
        ("nothing added", " + (1 - s)", "", "no + (1 - s)"),
        ("two calls", "s * np.tanh(s * z) + (1 - s)",
         "np.where(s == 1, np.tanh(z), 0.5 * np.tanh(0.5 * z) + 0.5).astype(z.dtype)", "It makes 2 calls"),
        ("in place", "s * np.tanh(s * z) + (1 - s)", "s * np.tanh(np.multiply(z, s, out=z)) + (1 - s)", "changes its argument: z"),
        ("the course's own", None, "from lstm_kernels.lab.measure.rungs import activate as given\ndef activate(z):\n    return given(z)", "the course's own"),
    ],
    "04.e1": [
        ("a row", "b_out[:, None]", "b_out[None, :]", "b_out along the samples"),
        ("transposed", "V @ h + b_out[:, None]", "(V @ h + b_out[:, None]).T", "y[0, 1] is"),
        ("one for all", "b_out[:, None]", "b_out[0]", "y[1, 0] is"),
    ],
    "04.e2": [
        ("one run", None, "def speedup(slow, fast, clock):\n    a = clock()\n    slow()\n    b = clock()\n    fast()\n    return (b - a) / (clock() - b)", "is called 1 times"),
        ("the mean", "np.median(seconds)", "np.mean(seconds)", "is it a ratio of medians"),
        ("the best call", "np.median(seconds)", "np.min(seconds[1:])", "is it a ratio of medians"),
        ("turned over", "median_of(slow) / median_of(fast)", "median_of(fast) / median_of(slow)", "typical calls differ"),
        ("the sum with the first", "        call()  # the warm-up is not counted\n        seconds = []", "        seconds = []\n        repeats = 1", "is called 1 times"),
        ("a clock of its own", "clock()", "__import__('time').perf_counter()", "write it without"),
    ],
    "04.e3": [
        ("the mean of the parts", "len(part) / x.shape[1] for", "1 / workers for", "each part counts alike"),
        ("a sum of the means", "len(part) / x.shape[1] for", "1 for", "a sum of means"),
        ("not in parallel", "run(lambda part: gradients(params, x[:, part], y[:, part]), parts)",
         "[gradients(params, x[:, part], y[:, part]) for part in parts]", "It calls `gradients` itself"),
        ("the rest is lost", "np.array_split(np.arange(x.shape[1]), workers)",
         "[np.arange(n * (x.shape[1] // workers), (n + 1) * (x.shape[1] // workers)) for n in range(workers)]", "the parts have [2, 2, 2] samples"),
        ("one worker does everything", "np.array_split(np.arange(x.shape[1]), workers)", "[np.arange(x.shape[1])]", "the parts have [6] samples"),
    ],
    "04.e4": [
        ("missing * f", "        dc *= f[t]\n", "", "a missing `* f`"),
        ("no step after", "dh_out[t] + dh_next", "dh_out[t]", "dh without the step after"),
        ("the axis alone", None, '''def backward(params, gates, c, dy):
    _, W, _, V, _ = params
    T, H, N = c[1:].shape
    dz = np.empty_like(gates)
    dh_next, dc = np.zeros((2, H, N), gates.dtype)
    for t in reversed(range(T)):
        i, f, g, o = gates[t].reshape(4, H, N)
        tanh_c = np.tanh(c[t + 1])
        dh = V.T @ dy[t] + dh_next
        dc = dc + dh * o * (1 - tanh_c**2)
        dz[t, :H] = dc * g * i * (1 - i)
        dz[t, H : 2 * H] = dc * c[t] * f * (1 - f)
        dz[t, 2 * H : 3 * H] = dc * i * (1 - g**2)
        dz[t, 3 * H :] = dh * tanh_c * o * (1 - o)
        dh_next, dc = W.T @ dz[t], dc * f
    return dz''', "and the aim is"),
        ("in the gates' own place", "by_z = gates * (1 - gates)", "by_z = np.multiply(gates, 1 - gates, out=gates)", "changes its argument: gates"),
    ],
}  # fmt: skip
