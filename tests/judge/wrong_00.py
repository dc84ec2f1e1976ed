"""Typical wrong answers to the tasks of lesson 00, and a part of what the judge says."""

WRONG = {
    "00.1": [
        ("one value too few", "values[n : n + k].mean()", "values[n : n + k - 1].sum() / max(k - 1, 1)", "Likely: one value too few in each mean"),
        ("the sum", ".mean()", ".sum()", "Likely: the sum, not the mean"),
        ("always the first", "values[n : n + k]", "values[:k]", "n is missing"),
        ("from n on", "values[n : n + k]", "values[n:]", "Likely: all values from n on"),
        ("no mean", "values[n : n + k].mean()", "values[n]", "Likely: the value itself"),
        ("one mean too few", "len(values) - k + 1", "len(values) - k", "has the shape (0,), expected (1,)"),
        ("a constant", "values[n : n + k].mean()", "0.0", "means[0] is 0, expected"),
    ],
    "00.e1": [
        ("one too many", "L - T", "L - T + 1", "One too many"),
        ("one at least", "L - T", "max(L - T, 1)", "L = 11, T = 11: 1, expected 0"),
        ("no overlap", "L - T", "L // T", "expected"),
        ("a lookup table", "L - T", "{(144, 11): 133, (12, 11): 1}.get((L, T), 96)", "expected"),
        ("no return", "return L - T", "L - T", "is a `return` missing"),
    ],
    "00.e2": [
        ("the short one is left out", "(N + size - 1) // size", "N // size", "The short one is left out"),
        ("the rest", "N - (number - 1) * size", "N % size", "0 samples in the last batch, expected 8"),
        ("one number", "return number, N - (number - 1) * size", "return number", "expected 2 values"),
        ("a float", "(N + size - 1) // size", "np.ceil(N / size)", "no whole number"),
    ],
    "00.e3": [
        ("rounded down", "(N + 31) // 32", "N // 32", "N = 7: 0 blocks, expected 1"),
        ("one more always", "(N + 31) // 32", "N // 32 + 1", "N = 32: 2 blocks, expected 1"),
        ("the threads that work", "32 * blocks - N", "N", "7 idle threads, expected 25"),
        ("the rest", "32 * blocks - N", "32 - N % 32", "N = 32: 32 idle threads, expected 0"),
    ],
}  # fmt: skip
