"""Start here: the tasks of lesson 00."""

import numpy as np

from lstm_kernels.judge.compare import expect, number, same, several, unchanged
from lstm_kernels.judge.tasks import task


def moving_average(values, k):
    """The mean of each k values in a row: (L - k + 1,).  values (L,)."""
    means = []
    for n in range(len(values) - k + 1):
        means.append(values[n : n + k].mean())
    return np.array(means)


@task(
    "00.1", "moving_average",
    ours=moving_average,
    hints=(
        "Which values are meant for n = 0 and k = 12? And for n = 1?",
        "A slice takes some values in a row: values[0:12] are those with the numbers 0 to 11.",
        "means.append(values[n : n + k].mean())",
    ),
)  # fmt: skip
def means_of_neighbours(moving_average):
    for L, k in ((12, 12), (20, 3), (30, 1), (40, 12)):
        values = np.random.default_rng().uniform(100, 500, L)
        kept = values.copy()
        sums = np.cumsum([0.0, *values])
        wanted = (sums[k:] - sums[:-k]) / k
        at = np.arange(L - k + 1)
        wrong = {
            "one value too few in each mean: the end of a slice is not in it": (
                (sums[at + k - 1] - sums[at]) / max(k - 1, 1)
            ),
            "the sum, not the mean": wanted * k,
            "the first values again and again: n is missing": np.full(L - k + 1, wanted[0]),
            "all values from n on": [values[n:].mean() for n in at],
            "the value itself, no mean": values[: L - k + 1],
        }
        same("means", moving_average(values, k), wanted, wrong, where=f"{L} values, k = {k}")
        unchanged([kept], [values], ["values"])


# ---- to warm up ---------------------------------------------------------------------------


def count_windows(L, T):
    return L - T


def whole(name, got):
    """NotYet unless it is one whole number."""
    expect(got is not None, f"{name} is None: is a `return` missing?")
    expect(isinstance(got, int | np.integer), f"{name} is {got!r:.40}: no whole number.")


def some(low, high):
    """Five random whole numbers."""
    return np.random.default_rng().integers(low, high, 5).tolist()


@task(
    "00.e1", "count_windows",
    ours=count_windows,
    stars=1, kind="complete",
    hints=(
        "Take L = 4 and T = 2, and draw the windows. How many are there?",
        "The window at n needs the values n to n + T. The last value is number L - 1.",
        "return L - T",
    ),
)  # fmt: skip
def windows_that_fit(count_windows):
    for L, T in ((144, 11), (12, 11), (11, 11), *zip(some(100, 200), some(1, 100), strict=True)):
        got, fit = count_windows(L, T), sum(n + T <= L - 1 for n in range(L))
        whole("The number of windows", got)
        why = " One too many: the last target needs a value too." if got == fit + 1 else ""
        expect(got == fit, f"L = {L}, T = {T}: {got}, expected {fit}.{why}")


def batches(N, size):
    number = (N + size - 1) // size  # N / size, rounded up
    return number, N - (number - 1) * size


@task(
    "00.e2", "batches",
    ours=batches,
    stars=1, kind="complete",
    hints=(
        "59 samples in batches of 7: how many full ones, and what is left? And 56 samples?",
        "Rounded up: (N + size - 1) // size. The last one has what the others leave.",
        "number = (N + size - 1) // size, and then N - (number - 1) * size",
    ),
)  # fmt: skip
def nothing_is_left_out(batches):
    for N, size in (
        (59, 7),
        (64, 8),
        (5, 7),
        (1, 1),
        *zip(some(50, 900), some(2, 50), strict=True),
    ):
        full, rest = divmod(N, size)
        wanted = (full + (rest > 0), rest or size)
        many, last = several(batches(N, size), "batches", "samples in the last one")
        whole("The number of batches", many)
        words = f"N = {N}, size = {size}"
        why = " The short one is left out." if many == full < wanted[0] else ""
        expect(many == wanted[0], f"{words}: {many} batches, expected {wanted[0]}.{why}")
        expect(last == wanted[1], f"{words}: {number(last)} samples in the last batch, expected "
                                  f"{wanted[1]}.")  # fmt: skip


def blocks_and_idle(N):
    blocks = (N + 31) // 32
    return blocks, 32 * blocks - N


@task(
    "00.e3", "blocks_and_idle",
    ours=blocks_and_idle,
    stars=2, kind="complete",
    hints=(
        "33 samples: how many blocks of 32 threads, and how many threads are that?",
        "The same rounding up as for batches. All threads of all blocks, less those with a sample.",
        "blocks = (N + 31) // 32, and then 32 * blocks - N",
    ),
)  # fmt: skip
def threads_without_work(blocks_and_idle):
    for N in (7, 32, 33, 1000, *some(1, 5000)):
        wanted = -(-N // 32), -N % 32
        blocks, idle = several(blocks_and_idle(N), "blocks", "idle threads")
        whole("The number of blocks", blocks)
        expect(blocks == wanted[0], f"N = {N}: {blocks} blocks, expected {wanted[0]}.")
        expect(idle == wanted[1], f"N = {N}: {number(idle)} idle threads, expected {wanted[1]}.")
