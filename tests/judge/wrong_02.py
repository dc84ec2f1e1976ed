"""Typical wrong answers to the tasks of lesson 02, and a part of what the judge says."""

MISSING_F = "`* f` is missing: dc goes back through"
WRONG = {
    "02.1": [
        ("one-sided", "p[index] = value - step", "p[index] = value", "Likely: one-sided"),
        (
            "one-sided, by one step",
            "            p[index] = value - step\n            below = loss(params)\n"
            "            p[index] = value\n            g[index] = (above - below) / (2 * step)",
            "            p[index] = value\n            below = loss(params)\n"
            "            g[index] = (above - below) / step",
            "Likely: one-sided",
        ),
        ("by one step", "(2 * step)", "step", "Likely: the two points are 2 step apart"),
        ("the sign", "above - below", "below - above", "Likely: the sign"),
        ("not put back", "            p[index] = value\n", "", "It changes its argument: U[0, 0]"),
        ("put back by adding", "            p[index] = value - step\n            below = loss(params)\n"
         "            p[index] = value\n", "            p[index] -= 2 * step\n"
         "            below = loss(params)\n            p[index] += step\n", "in their last digits"),
        ("its own step", "(2 * step)", "2e-5", "the slope by U[0, 0]"),
        ("the course's own", None,
         "from lstm_kernels import checks\n\n\ndef finite_differences(loss, params, step=1e-5):\n"
         "    return checks.finite_differences(loss, params, step)", "the course's own"),
    ],
    "02.2": [
        ("nothing from the next step", "dh += W[k, j] * dz_next[k]", "dh += 0.0",
         "Likely: the term from the next step is missing: W[k, j]"),
        ("no f", " * f_next[j]", "", "Likely: `* f_next` is missing"),
        ("the old memory", "np.tanh(c_after[j])", "np.tanh(c_before[j])", "tanh of the old memory"),
        ("not activated", "1 - tanh_c**2", "1 - c_after[j]**2", "Likely: 1 - c**2"),
        ("tanh twice", "1 - g**2", "1 - np.tanh(g)**2", "Likely: 1 - tanh(g)**2"),
        ("the new memory", "dc * c_before[j]", "dc * c_after[j]", "Likely: c_{t+1} for c_t"),
        ("dc for dh", "dz_o = dh", "dz_o = dc", "Likely: dc for dh"),
        ("W for W.T", "W[k, j]", "W[j, k]", "in line"),
        ("o and f", "dh * o *", "dh * f *", "dc is"),
    ],
    "02.3": [
        ("tanh twice", "1 - g**2", "1 - np.tanh(g)**2", "Likely: 1 - tanh(g)**2"),
        ("no f", "dc * f\n", "dc\n", MISSING_F),
        ("not activated", "1 - tanh_c**2", "1 - c[t + 1]**2", "Likely: 1 - c**2"),
        ("the old memory", "np.tanh(c[t + 1])", "np.tanh(c[t])", "tanh of the old memory"),
        ("nothing from W", "V.T @ dy[t] + dh_next", "V.T @ dy[t]", "in dh the term from the next"),
        ("nothing from c", "dc = dc + dh", "dc = dh", "in dc the term from the next step"),
        ("the new memory", "dc * c[t] *", "dc * c[t + 1] *", "Likely: c_{t+1} for c_t"),
        ("o and f", "dz[t, 3 * H :] = dh * tanh_c * o * (1 - o)",
         "dz[t, 3 * H :] = dc * c[t] * f * (1 - f)", "Likely: this is dz_f"),
        ("W for W.T", "W.T @ dz[t]", "W @ dz[t]", "in line"),
        ("changes dy", "dh = V.T @ dy[t] + dh_next", "dy[t] *= 2\n        dh = V.T @ dy[t]",
         "It changes its argument: dy["),
        ("one step alone", "dh_next, dc = W.T @ dz[t], dc * f", "break", "dz_"),
    ],
    "02.4": [
        ("h after the step", "h[:-1]", "h[1:]", "Likely: h_{t+1} for h_t"),
        ("h before the step", "h[1:]", "h[:-1]", "Likely: h_t for h_{t+1}"),
        ("h[-1] first", "h[:-1]", "np.roll(h[1:], 1, axis=0)", "Likely: h[-1] as the initial"),
        ("h of the step before", "h[:-1]", "np.roll(h, 1, axis=0)[:-1]", "Likely: h[t - 1] for"),
        ("the wrong axis", "dz.sum(0)", "dz.sum(1)", "Likely: the sum over the wrong axis"),
        ("summed over all", "dy.sum(0)", "dy.sum()", "Likely: summed over everything"),
        ("not added", "dU += dz.T @ x", "dU = dz.T @ x", "Likely: nothing was added"),
        ("overwritten", "dB += dz", "dB[:] = dz", "Likely: it was overwritten"),
        ("the mean", "dz.sum(0)", "dz.mean(0)", "Likely: the mean over the steps"),
        ("transposed", "dz.T @ x", "x.T @ dz", "in line"),
    ],
    "02.e1": [
        ("by T", "y.size", "len(y)", "Likely: divided by T alone"),
        ("by T O", "y.size", "(y.size / y.shape[1])", "Likely: divided by T O"),
        ("no 2", "2 / y.size", "1 / y.size", "Likely: the 2 of the square"),
        ("the sign", "2 / y.size * error", "-2 / y.size * error", "the sign"),
        ("the loss bent to the error", "(error**2).mean()", "(error**2).sum() / y.shape[1]",
         "loss is"),
    ],
    "02.e2": [
        ("no gate at all", "dc * f\n", "dc\n", MISSING_F),
        ("another gate", "dc * f\n", "dc * o\n", "dz_"),
        ("nothing carried", "dc * f\n", "0 * dc\n", "in dc the term from the next step"),
    ],
    "02.e3": [
        ("an absolute limit", " / np.abs(slope).max()", "", "It names none, expected W"),
        ("a NaN passes", "not error <= 1e-6", "error > 1e-6", "It names none, expected V"),
        ("to the last bit", "not error <= 1e-6", "not error == 0", "expected none"),
        ("too generous", "1e-6", "0.1", "It names none, expected W"),
        ("each value by its own slope", "np.abs(got - slope).max() / np.abs(slope).max()",
         "(np.abs(got - slope) / np.abs(slope)).max()", "not by its own"),
        ("the mean error", "np.abs(got - slope).max()", "(got - slope).mean()", "It names"),
    ],
    "02.e4": [
        ("f in one place", "dc_after * (c - g) * f", "dc_after * c * f", "f is used in two places"),
        ("no peephole on the way back", " + dz_f * p", "", "Likely: c is used in two places"),
        ("dp without c", "dz_f * c\n", "dz_f\n", "Likely: `* c` is missing"),
        ("not coupled", "(1 - f) * g\n", "g\n", "Likely: the gates are not coupled"),
        ("tanh twice", "1 - g**2", "1 - np.tanh(g)**2", "Likely: 1 - tanh(g)**2"),
        ("constants", None,
         "def coupled_step(z_f, z_g, p, c, dc_after):\n    f, g = sigmoid(z_f + p * c), np.tanh(z_g)\n"
         "    return f * c + (1 - f) * g, 0.1 + 0 * c, 0.2 + 0 * c, 0.3 + 0 * c, 0.4 + 0 * c",
         "by finite differences of your c_after"),
    ],
}  # fmt: skip
