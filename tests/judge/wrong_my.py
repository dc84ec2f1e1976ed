"""Typical wrong answers to the task of my_version, and a part of what the judge says."""

WRONG = {
    "my.1": [
        (
            "a plain addition: two blocks meet at an element",
            "cuda.atomic.add(dB, k, sum_over_block(first, last, dz, k))",
            "dB[k] += sum_over_block(first, last, dz, k)",
            "race on dB[0]",
        ),
        (
            "every thread takes every row",
            "range(cuda.threadIdx.x, dz.shape[2], THREADS)",
            "range(dz.shape[2])",
            "All are 32 times what is expected",
        ),
        ("no steps of THREADS", "dz.shape[2], THREADS", "dz.shape[2], 1", "dU["),
        (
            "only the rows below THREADS",
            "dz.shape[2], THREADS",
            "THREADS, THREADS",
            "dU[32, 0] is 0",
        ),
        (
            "the last sample is left out",
            "(first, last, dz, k)",
            "(first, last - 1, dz, k)",
            "dB[0]",
        ),
        ("h after the step for dW", "h, j, 0)", "h, j, 1)", "Likely: h of the wrong step"),
        (
            "each sample by itself",
            "        cuda.atomic.add(dB, k, sum_over_block(first, last, dz, k))",
            "        for n in range(first, last):\n"
            "            cuda.atomic.add(dB, k, sum_over_block(n, n + 1, dz, k))",
            "atomic additions (N = 31)",
        ),
    ]
}
