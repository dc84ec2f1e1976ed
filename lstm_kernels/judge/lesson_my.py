"""The task of notebooks/my_version.ipynb: V2 with a better sum."""

import numpy as np

from lstm_kernels import cuda
from lstm_kernels.judge.compare import expect, same
from lstm_kernels.judge.eyes import is_kernel, no_doubles, no_race, watch
from lstm_kernels.judge.inputs import BATCHES, floats, zeros
from lstm_kernels.judge.tasks import task
from lstm_kernels.model import Sizes, count_params
from lstm_kernels.versions.cuda_v2 import THREADS, blocks_for
from lstm_kernels.versions.per_sample import product_over_time, sum_over_time

WRONG_STEP = "h of the wrong step: before it (shift 0) for dW, after it (1) for dV"


@cuda.jit(device=True)
def sum_over_block(first, last, a, k):
    """Sum over the samples n from first to last - 1, and over the steps t, of a[t, n, k]."""
    total = a.dtype.type(0)
    for n in range(first, last):
        total += sum_over_time(n, a, k)
    return total


@cuda.jit(device=True)
def product_over_block(first, last, a, k, b, j, shift):
    """Sum over the same samples and steps of a[t, n, k] * b[t + shift, n, j]."""
    total = a.dtype.type(0)
    for n in range(first, last):
        total += product_over_time(n, a, k, b, j, shift)
    return total


@cuda.jit(device=True)
def add_block(first, last, x, h, dz, dy, dU, dW, dB, dV, db_out):
    """Add the samples first to last - 1 of this block: each of its threads takes some rows."""
    for k in range(cuda.threadIdx.x, dz.shape[2], THREADS):
        cuda.atomic.add(dB, k, sum_over_block(first, last, dz, k))
        for d in range(x.shape[2]):
            cuda.atomic.add(dU, (k, d), product_over_block(first, last, dz, k, x, d, 0))
        for j in range(h.shape[2]):
            cuda.atomic.add(dW, (k, j), product_over_block(first, last, dz, k, h, j, 0))
    for q in range(cuda.threadIdx.x, dy.shape[2], THREADS):
        cuda.atomic.add(db_out, q, sum_over_block(first, last, dy, q))
        for j in range(h.shape[2]):
            cuda.atomic.add(dV, (q, j), product_over_block(first, last, dy, q, h, j, 1))


@task(
    "my.1", "add_block",
    ours=add_block,
    hints=(
        "In V2 thread n takes one sample, and adds it to every row. Which of the two may a thread "
        "take in its place: fewer samples, or fewer rows?",
        "The outer loops stay as they are: a thread takes the rows k = its number, and on in steps "
        "of THREADS. Inside, V2's lines with sum_over_block(first, last, ...) in place of "
        "sum_over_time(n, ...), and product_over_block in place of product_over_time.",
        "cuda.atomic.add(dW, (k, j), product_over_block(first, last, dz, k, h, j, 0))",
    ),
    given=("sum_over_block", "product_over_block", "THREADS"),
)  # fmt: skip
def the_sum_of_a_block(add_block):
    is_kernel(add_block, "@cuda.jit(device=True)")

    @cuda.jit
    def add_all(x, h, dz, dy, dU, dW, dB, dV, db_out):
        first = cuda.blockIdx.x * THREADS
        last = min(first + THREADS, x.shape[1])
        add_block(first, last, x, h, dz, dy, dU, dW, dB, dV, db_out)

    for N in BATCHES:
        made, par = _sums_of(add_all, Sizes(T=3, N=N, D=2, H=9, O=2))
    return f"{made:,} atomic additions for {N} samples; one per sample would be {N * par:,}."


def _sums_of(add_all, s):
    """(atomic additions that were made, numbers of parameters)."""
    T, N, D, H, O = s  # noqa: E741
    given = {"x": floats(T, N, D), "h": floats(T + 1, N, H), "dz": _shifted(T, N, 4 * H)}
    given["dy"] = _shifted(T, N, O)
    results = {"dU": zeros(4 * H, D), "dW": zeros(4 * H, H), "dB": zeros(4 * H)}
    results |= {"dV": zeros(O, H), "db_out": zeros(O)}
    run = watch(add_all, blocks_for(N), THREADS, **given, **results)
    no_race(run)
    right, other = _sums(**given), _sums(**given, shifts=(1, 0))
    for name in results:
        same(name, run[name], right[name], {WRONG_STEP: other[name]}, where=f"N = {N}")
    made, par = run.observed.counts.atomics, count_params(D, H, O)
    most = par * blocks_for(N)
    expect(made <= most, f"{made:,} atomic additions (N = {N}); one for each block and parameter "
           f"are {most:,}.")  # fmt: skip
    no_doubles(add_all, *given.values(), *results.values())
    return made, par


def _sums(x, h, dz, dy, shifts=(0, 1)):
    """The five gradients by their formulas.  shifts: of h, for dW and for dV."""
    T = len(x)
    of_dW, of_dV = (h[shift : shift + T] for shift in shifts)
    products = {"dU": (dz, x), "dW": (dz, of_dW), "dV": (dy, of_dV)}
    sums = {name: np.einsum("tnk,tnj->kj", *pair) for name, pair in products.items()}
    return sums | {"dB": dz.sum((0, 1)), "db_out": dy.sum((0, 1))}


def _shifted(*shape):
    """Random numbers around 2: the rounding of their sum is small beside the sum."""
    return floats(*shape) + np.float32(2)
