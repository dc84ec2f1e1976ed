"""Typical wrong answers to the tasks of lesson 06, and a part of what the judge says."""

LOOP = "for n in range(x.shape[1]):"
TANH = "math.tanh(z) if 2 * H <= k < 3 * H else sigmoid(z)"
LAUNCH = "kernel[1, 1](*params, x, y, scale, *work, *grads)"
FOUR_ROWS = """\
            dW[row, j], dW[H + row, j] = i, f
            dW[2 * H + row, j], dW[3 * H + row, j] = g, o"""

WRONG = {
    "06.1": [
        ("without the shift", "t + shift", "t", "Likely: `shift` is not used"),
        ("always one later", "t + shift", "t + 1", "Likely: 1 in place of `shift`"),
        ("stored, not added", "total += a", "total = a", "Likely: only the last step is kept"),
        ("begins as a double", "a.dtype.type(0)", "0.0", "computes in float64"),
        ("n and t swapped", "a[t, n, k] * b", "a[n, t, k] * b", "outside"),
        ("no return", "return total", "pass", "is a `return` missing?"),
    ],
    "06.2": [
        ("h after the step", "W[k, j] * h[t, n, j]", "W[k, j] * h[t + 1, n, j]", "Likely: h after the"),
        ("no bias", "z = B[k]", "z = type(B[k])(0)", "Likely: B[k] is missing"),
        ("no row gets the tanh", TANH, "sigmoid(z)", "Likely: no row gets its tanh"),
        ("the tanh for o", "2 * H <= k < 3 * H", "3 * H <= k", "Likely: tanh for o"),
        ("W transposed", "W[k, j] *", "W[j, k] *", "outside"),
        ("no recurrent part", "z += W[k, j] * h[t, n, j]", "pass", "Likely: W h is missing"),
        ("the step before of x", "x[t, n, d]", "x[t - 1, n, d]", "Likely: x of the step before"),
        ("always sample 0", "x[t, n, d]", "x[t, 0, d]", "Likely: x of sample 0"),
    ],
    "06.3": [
        ("a round per step, not per sample", LOOP, "for n in range(x.shape[0]):", "has no loss"),
        ("only the first sample", LOOP, "for n in range(1):", "Sample [1] has no loss"),
        ("the gradients forgotten", "        add_gradients(n, x, h, dz, dy, dU, dW, dB, dV, db_out)",
         "", "dU is 0"),
        ("the loss after the way back", "loss_sample(n, y, scale, dy, loss)\n        "
         "backward_sample(n, W, V, c, gates, dy, dc, dz)", "backward_sample(n, W, V, c, gates, dy, "
         "dc, dz)\n        loss_sample(n, y, scale, dy, loss)", "dU is"),
        ("one sample too many", LOOP, "for n in range(x.shape[1] + 1):", "outside"),
    ],
    "06.4": [
        ("32 threads", "kernel[1, 1]", "kernel[1, 32]", "launched as [1, 32]: 32 threads"),
        ("a thread per sample", "kernel[1, 1]", "kernel[1, x.shape[1]]", "each do the whole batch"),
        ("a double", "x.dtype.type(1 / y.size)", "1 / y.size", "scale is a float"),
        ("1 / N", "1 / y.size", "1 / y.shape[1]", "Likely: 1 / N in place of 1 / (T N O)"),
        ("gradients first", LAUNCH, "kernel[1, 1](*params, x, y, scale, *grads, *work)",
         "h, argument 9 of 20, has the shape"),
        ("y before x", "*params, x, y, scale", "*params, y, x, scale", "Likely: this is y"),
        ("scale forgotten", "x, y, scale, *work", "x, y, *work", "gets 19 arguments; it takes 20"),
        ("the mean of the losses", "work.loss.sum()", "work.loss.mean()", "Likely: the mean"),
        ("not launched", LAUNCH, "pass", "launches no kernel"),
        ("the gradients begin as the parameters", "grads, scale = zeros_like(params)",
         "grads, scale = params", "(as the kernel gets it)"),
        ("the launch's result", "return float(work.loss.sum()), grads", "return work.loss.sum()",
         "does not return two things"),
    ],
    "06.e1": [
        ("an integer", "type(a)(1)", "1", "computes in float64"),
        ("the sigmoid's slope", "type(a)(1) - a * a", "a * (type(a)(1) - a)", "Likely: this is the"),
        ("tanh of what is activated", "return type(a)(1) - a * a",
         "b = math.tanh(a)\n    return type(a)(1) - b * b", "Likely: a is activated already"),
    ],
    "06.e2": [
        ("one thread does everything", "range(cuda.grid(1), z.shape[0], cuda.gridsize(1))",
         "range(z.shape[0] if cuda.grid(1) == 0 else 0)", "out[1] is written by the threads [0]"),
        ("a bounds check, no loop", "for n in range(cuda.grid(1), z.shape[0], cuda.gridsize(1)):",
         "n = cuda.grid(1)\n    if n < z.shape[0]:", "out[8] is 0"),
        ("the block's size as the step", "cuda.gridsize(1)", "cuda.blockDim.x", "written by the"),
        ("all threads do all", "range(cuda.grid(1), z.shape[0], cuda.gridsize(1))",
         "range(z.shape[0])", "out[0] is written by the threads [0, 1,"),
        ("z itself", "sigmoid(z[n])", "z[n]", "Likely: z itself"),
    ],
    "06.e3": [
        ("one step", "return T * ", "return ", "Likely: the T steps"),
        ("a product is one read", "1 + 2 * D + 2 * H", "1 + D + H", "Likely: each product of a gate"),
        ("c only once", "4 + 1 + 1", "4 + 1", "Likely: c is read twice"),
        ("no units", "H * unit", "0", "Likely: the units"),
    ],
    "06.e4": [
        ("the way it was, in another order", None,
         """@cuda.jit
def sum_dW(dz, h, dW):
    for j in range(dW.shape[1]):
        for k in range(dW.shape[0]):
            total = dW.dtype.type(0)
            for t in range(dz.shape[0]):
                for n in range(dz.shape[1]):
                    total += dz[t, n, k] * h[t, n, j]
            dW[k, j] = total""", "2 reads per product; the aim is 1.5"),
        ("h after the step", "h[t, n, j]", "h[t + 1, n, j]", "Likely: h after the step"),
        ("two rows swapped", FOUR_ROWS, FOUR_ROWS.replace("= i, f", "= f, i"), "dW[0, 0] is"),
        ("a double", "dW.dtype.type(0)", "0.0", "computes in float64"),
    ],
}  # fmt: skip
