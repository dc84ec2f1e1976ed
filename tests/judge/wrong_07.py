"""Typical wrong answers to the tasks of lesson 07, and a part of what the judge says."""

WRONG = {
    "07.1": [
        ("rounded down", "(N + THREADS - 1) // THREADS", "N // THREADS", "N = 1: 0 blocks"),
        ("one more always", "(N + THREADS - 1) // THREADS", "N // THREADS + 1", "N = 32: 2 blocks"),
        ("a block per sample", "(N + THREADS - 1) // THREADS", "N", "more than are needed"),
        ("a float", "(N + THREADS - 1) // THREADS", "np.ceil(N / THREADS)", "no whole number"),
    ],
    "07.2": [
        (
            "a plain addition",
            "cuda.atomic.add(dB, k, sum_over_time(n, dz, k))",
            "dB[k] += sum_over_time(n, dz, k)",
            "race on dB[0]",
        ),
        ("h after the step for dW", "h, j, 0)", "h, j, 1)", "Likely: h of the wrong step"),
        ("h before the step for dV", "h, j, 1)", "h, j, 0)", "Likely: h of the wrong step"),
        ("stored, not added", "cuda.atomic.add(db_out, q, ", "cuda.atomic.max(db_out, q, ", "db_out"),
    ],
    "07.3": [
        ("no guard", "if n < x.shape[1]:", "if n >= 0:", "is outside"),
        ("one too many", "n < x.shape[1]", "n <= x.shape[1]", "is outside"),
        ("only the first 31", "n < x.shape[1]", "n < min(31, x.shape[1])", "Thread 31 writes nothing"),
        ("the last sample first", "n = cuda.grid(1)\n    if n < x.shape[1]:",
         "n = x.shape[1] - 1 - cuda.grid(1)\n    if n >= 0:", "loss[0] is written by the threads [30]"),
        ("the place in the block", "cuda.grid(1)", "cuda.threadIdx.x", "race on"),
        (
            "one thread does everything",
            "    if n < x.shape[1]:\n",
            "    for n in range(x.shape[1] if n == 0 else 0):\n",
            "Thread 0 writes all of loss",
        ),
    ],
    "07.e1": [
        ("a guard that knows the size", "n < a.shape[0]", "n < 31", "is outside"),
        ("one too few", "n < a.shape[0]", "n < a.shape[0] - 1", "out[0] is 0"),
        ("one thread", "n < a.shape[0]:", "n == 0:", "is 0, expected"),
    ],
    "07.e2": [
        ("one thread adds all", "n < parts.shape[0]:\n        cuda.atomic.add(total, 0, parts[n])",
         "n == 0:\n        for n in range(parts.shape[0]):\n            total[0] += parts[n]",
         "Thread 0 writes all of total"),
        ("the largest, not the sum", "atomic.add", "atomic.max", "total[0] is"),
        ("no guard", "n < parts.shape[0]", "n >= 0", "is outside"),
    ],
    "07.e3": [
        ("always the largest", None, "def threads_for(N):\n    return 1024", "too few blocks, 1"),
        ("always the smallest", None, "def threads_for(N):\n    return 32", "is larger and still"),
        ("N by 40", "(N - 1) // 39 // 32 * 32", "N // 40 // 32 * 32", "is larger and still gives"),
        ("a float", "32 * 32))", "32 * 32.0))", "a launch needs an int"),
        ("no multiple of a warp", "(N - 1) // 39 // 32 * 32", "(N - 1) // 39", "no multiple of 32"),
    ],
    "07.e4": [
        ("an addition per number", "own += parts[n]", "cuda.atomic.add(total, 0, parts[n])", "5,1"),
        ("without the stride", "cuda.gridsize(1)):", "32):", "total[0] is"),
        ("only thread 0", "cuda.grid(1), parts", "0 if cuda.grid(1) == 0 else 5000, parts", "total[0]"),
        ("one thread adds all, the others look", "    cuda.atomic.add(total, 0, own)",
         "    if cuda.grid(1) == 0:\n        own = parts.dtype.type(0)\n"
         "        for n in range(parts.shape[0]):\n            own += parts[n]\n"
         "        cuda.atomic.add(total, 0, own)", "thread 0 reads 129 of them"),
        ("float64 sum", "parts.dtype.type(0)", "0.0", "computes in float64"),
    ],
}  # fmt: skip
