"""Typical wrong answers to the tasks of lesson 01, and a part of what the judge says."""

WRONG = {
    "01.1": [
        ("tanh", "1 / (1 + math.exp(-z))", "math.tanh(z)", "Likely: tanh in place of"),
        ("no bias", " + b", "", "Likely: the bias b is missing"),
        ("weights swapped", "u * x + w * h", "w * x + u * h", "Likely: u and w are swapped"),
        ("the sign", "math.exp(-z)", "math.exp(z)", "Likely: the sign in the exponent"),
        ("no curve", "1 / (1 + math.exp(-z))", "z", "Likely: the sigmoid is missing"),
        ("a constant", None, "def gate(x, h, u, w, b):\n    return 0.5", "the gate is 0.5"),
    ],
    "01.2": [
        ("nothing is forgotten", "f * c + i * g", "c + i * g", "Likely: `* f` is missing"),
        ("i and f swapped", "f * c + i * g", "i * c + f * g", "Likely: i and f are swapped"),
        ("the old memory shown", "np.tanh(c_after)", "np.tanh(c)", "Likely: tanh of the old"),
        ("o and f swapped", "o * np.tanh", "f * np.tanh", "Likely: o and f are swapped"),
        ("no tanh", "np.tanh(c_after)", "c_after", "Likely: tanh is missing"),
        ("a sigmoid for g", "np.tanh(z_g)", "sigmoid(z_g)", "Likely: the sigmoid in place of tanh"),
        ("h alone", "return c_after, h_after", "return h_after", "expected 2 values"),
    ],
    "01.3": [
        ("h of the step before", "W @ h[t]", "W @ h[t - 1]", "or reads h[t - 1]"),
        ("nothing is forgotten", "f * c[t] + i * g", "c[t] + i * g", "Likely: `* f` is missing"),
        ("the old memory shown", "np.tanh(c[t + 1])", "np.tanh(c[t])", "Likely: tanh of the old"),
        ("h before the step", "h[1:] @", "h[:-1] @", "Likely: h before the step"),
        ("another order", "(i, f, g, o))", "(f, i, g, o))", "Likely: stacked as f, i, g, o"),
        ("no bias", "+ W @ h[t] + B", "+ W @ h[t]", "Likely: the bias B is missing"),
        ("g and o swapped", "sigmoid(z[3 * H :])\n        g = np.tanh(z[2 * H : 3 * H])",
         "sigmoid(z[2 * H : 3 * H])\n        g = np.tanh(z[3 * H :])", "g and o read each other's"),
        ("V as it is", "V.T", "V", "`return gates, c, h, h[1:] @ V + b_out`"),
        ("a row too few", "(2, T + 1, H)", "(2, T, H)", "IndexError"),
        ("not in float32", "x.dtype)\n    c", "float)\n    c", "gates is float64, expected float32"),
    ],
    "01.e1": [
        ("one row per unit", "4 * H * (D", "H * (D", "Likely: the gates are four"),
        ("no bias", "(D + H + 1)", "(D + H)", "Likely: B is missing"),
        ("PyTorch's two", "D + H + 1", "D + H + 2", "Likely: two biases"),
        (
            "counted by the course's own",
            None,
            "from lstm_kernels import init_params\n\n\ndef count_parameters(D, H, O):\n"
            "    return sum(p.size for p in init_params(D, H, O))",
            "init_params, which is the course's own",
        ),
    ],
    "01.e2": [
        ("c from zeros, h not", "W @ h_before", "W @ h[t - 1]", "at t = 0 it reads h[-1]"),
        ("h from zeros, c not", "* c_before", "* c[t - 1]", "at t = 0 it reads c[-1]"),
        ("zeros at each step", "c_before, h_before = c[t], h[t]", "pass", "c[1"),
        ("nothing written", "c[t] = sigmoid(f) *", "c_new = sigmoid(f) *", "nothing was written"),
    ],
    "01.e3": [
        ("f itself", "np.log(f / (1 - f))", "f", "Likely: this is f itself"),
        ("the sign", "f / (1 - f)", "(1 - f) / f", "Likely: the sign"),
        ("divided", "0.5 ** (1 / steps)", "1 - 0.5 / steps", "multiplied, not added"),
        ("a constant", None, "def forget_bias(steps):\n    return 0.0", "the bias is 0"),
    ],
    "01.e4": [
        ("no copy", "x.copy()", "x", "It changes its argument: x[0, 0]"),
        ("the moves pile up", "    for s in range(len(x)):\n        changed = x.copy()\n",
         "    changed = x.copy()\n    for s in range(len(x)):\n", "Likely: the moves pile up"),
        ("the first prediction", "[-1][-1, 0] - before", "[-1][0, 0] - before", "moved["),
        ("its size", "return moved", "return np.abs(moved)", "Likely: the sign"),
        ("the sign", "return moved", "return -moved", "Likely: the sign"),
    ],
    "01.e5": [
        ("z the other way round", "z * h[t] + (1 - z) * n", "(1 - z) * h[t] + z * n", "z and 1 - z"),
        ("PyTorch's", "W[2 * H :] @ (r * h[t])", "r * (W[2 * H :] @ h[t])", "r outside the product"),
        ("no r", "(r * h[t])", "h[t]", "Likely: r is not used"),
        ("r and z swapped", "r, z = sigmoid(a[:H]), sigmoid(a[H:])",
         "z, r = sigmoid(a[:H]), sigmoid(a[H:])", "Likely: r and z are swapped"),
    ],
}  # fmt: skip
