"""V2, one thread per sample: the tasks of lesson 07."""

from collections import Counter

import numpy as np

from lstm_kernels import cuda
from lstm_kernels.judge.compare import expect, same
from lstm_kernels.judge.eyes import (
    is_kernel,
    no_doubles,
    no_race,
    own_parts,
    watch,
    with_stand_ins,
)
from lstm_kernels.judge.inputs import BATCHES, floats, random_problem, zeros
from lstm_kernels.judge.tasks import task
from lstm_kernels.lab.estimates.thread_layout import ThreadLayout
from lstm_kernels.model import Sizes, sizes, zeros_like
from lstm_kernels.versions import cuda_v2
from lstm_kernels.versions.per_sample import Workspace, workspace_shapes


def shifted(*shape):
    """Random numbers around 2: the rounding of their sum is small beside the sum."""
    return floats(*shape) + np.float32(2)


# ---- the walk -----------------------------------------------------------------------------


@task(
    "07.1", "blocks_for",
    ours=cuda_v2.blocks_for,
    hints=(
        "33 samples in blocks of 32 threads: how many blocks? And 32 samples?",
        "N // THREADS rounds down. What must be added to N first, so that it rounds up?",
        "return (N + THREADS - 1) // THREADS",
    ),
    given=("THREADS",),
)  # fmt: skip
def enough_blocks(blocks_for):
    for N in (1, 31, 32, 33, 64, 129, *np.random.default_rng().integers(1, 10_000, 20).tolist()):
        got, wanted = blocks_for(N), -(-N // cuda_v2.THREADS)
        expect(got is not None, "It returns None: is a `return` missing?")
        few = "too few: some samples get no thread" if got < wanted else "more than are needed"
        expect(got == wanted, f"N = {N}: {got} blocks, which is {few}. Expected: {wanted}.")
        expect(isinstance(got, int), f"N = {N}: {got!r} is no whole number; a launch needs one.")


@task(
    "07.2", "add_gradients",
    ours=cuda_v2.add_gradients,
    hints=(
        "Many threads add to dB[k] at the same time. Which step may no other thread come into?",
        "cuda.atomic.add(dB, k, part) adds to dB[k]; with two indices: cuda.atomic.add(dW, (k, j), "
        "part). dU goes with x, dW with h *before* the step (shift 0), dV with h after it (1).",
        "cuda.atomic.add(dW, (k, j), product_over_time(n, dz, k, h, j, 0))",
    ),
    given=("product_over_time", "sum_over_time"),
)  # fmt: skip
def sums_of_all_threads(add_gradients):
    is_kernel(add_gradients, "@cuda.jit(device=True)")

    @cuda.jit
    def add_all(x, h, dz, dy, dU, dW, dB, dV, db_out):
        n = cuda.grid(1)
        if n < x.shape[1]:
            add_gradients(n, x, h, dz, dy, dU, dW, dB, dV, db_out)

    for N in BATCHES:
        _sums_of(add_all, Sizes(T=3, N=N, D=2, H=3, O=2))
    _sums_of(add_all, Sizes(T=1, N=2, D=1, H=1, O=1))
    return "No race, with 1 to 129 samples."


def _sums_of(add_all, s):
    x, h, dz = floats(s.T, s.N, s.D), floats(s.T + 1, s.N, s.H), floats(s.T, s.N, 4 * s.H)
    dy, where = shifted(s.T, s.N, s.O), f"N = {s.N}, T = {s.T}"
    D, H, O = s.D, s.H, s.O  # noqa: E741
    grads = zeros(4 * H, D), zeros(4 * H, H), zeros(4 * H), zeros(O, H), zeros(O)
    names = ("dU", "dW", "dB", "dV", "db_out")
    given = dict(zip(("x", "h", "dz", "dy"), (x, h, dz, dy), strict=True))
    arguments = {**given, **dict(zip(names, grads, strict=True))}
    run = watch(add_all, cuda_v2.blocks_for(s.N), cuda_v2.THREADS, **arguments)
    no_race(run)
    right = _products(x, h[:-1], h[1:], dz, dy)
    wrong = _products(x, h[1:], h[:-1], dz, dy)
    for name, wanted, other in zip(names, right, wrong, strict=True):
        typical = {"h of the wrong step: before it (shift 0) for dW, after it (1) for dV": other}
        same(name, run[name], wanted, typical, where=where)
    no_doubles(add_all, *arguments.values())


def _products(x, h_of_dW, h_of_dV, dz, dy):
    """The five gradients by their formulas."""
    dU, dW = np.einsum("tnk,tnd->kd", dz, x), np.einsum("tnk,tnj->kj", dz, h_of_dW)
    return dU, dW, dz.sum((0, 1)), np.einsum("tnq,tnj->qj", dy, h_of_dV), dy.sum((0, 1))


@task(
    "07.3", "kernel",
    ours=cuda_v2.kernel,
    hints=(
        "Who am I? Each thread learns its number. Which numbers have no sample?",
        "n = cuda.grid(1), and then the four calls of V1, but only if n is below the batch size N.",
        "if n < x.shape[1]:",
    ),
    given=("forward_sample", "loss_sample", "backward_sample", "add_gradients"),
)  # fmt: skip
def one_thread_per_sample(kernel):
    short = with_stand_ins(kernel, **STAND_INS)
    for N in BATCHES:
        params, x, y = random_problem(Sizes(T=1, N=N, D=1, H=2, O=1))
        x = np.abs(x)  # so that dU is no difference of two large sums
        shapes = workspace_shapes(sizes(params, x), x.itemsize)
        work = Workspace(*(np.full(shape, 7, x.dtype) for shape in shapes))
        grads, scale = zeros_like(params), np.float32(1 / y.size)
        arguments = {**params._asdict(), "x": x, "y": y, "scale": scale, **work._asdict()}
        arguments |= {f"d{name}": g for name, g in grads._asdict().items()}
        run = watch(short, cuda_v2.blocks_for(N), cuda_v2.THREADS, **arguments)
        no_race(run)
        own_parts(run, "loss", range(N), part="sample")
        for n in range(N):
            who = run.observed.writers_of(run.own_names["loss"], n)
            expect(who == {n}, f"loss[{n}] is written by the threads {sorted(who)}; thread n "
                   f"trains on sample n (N = {N}).")  # fmt: skip
        loss, sums = by_stand_ins(params, x[0, :, 0], y[0, :, 0], scale)
        same("loss", run["loss"], loss, where=f"N = {N}")
        for name, wanted in sums.items():
            same(f"d{name}", run[f"d{name}"].flat[0], wanted, where=f"N = {N}", tolerance=1e-4)
    return "Thread n trains on sample n, with 1 to 129 samples."


# Short functions in place of the four that the kernel calls: a wrong order of calls or of arguments
# changes their results.


@cuda.jit(device=True)
def forward_stand_in(n, U, W, B, V, b_out, x, h, c, gates, dy):
    h[1, n, 0] = U[0, 0] - W[0, 1]
    c[1, n, 0] = B[0] - V[0, 1]
    gates[0, n, 0] = b_out[0]
    dy[0, n, 0] = x[0, n, 0]


@cuda.jit(device=True)
def loss_stand_in(n, y, scale, dy, loss):
    loss[n] = dy[0, n, 0] - scale * y[0, n, 0]
    dy[0, n, 0] = loss[n] * loss[n]


@cuda.jit(device=True)
def backward_stand_in(n, W, V, c, gates, dy, dc, dz):
    dc[n, 0] = gates[0, n, 0] * V[0, 0]
    dz[0, n, 0] = dy[0, n, 0] * W[0, 1] - c[1, n, 0] + dc[n, 0]


@cuda.jit(device=True)
def add_stand_in(n, x, h, dz, dy, dU, dW, dB, dV, db_out):
    cuda.atomic.add(dB, 0, dz[0, n, 0])
    cuda.atomic.add(dU, (0, 0), dz[0, n, 0] * x[0, n, 0])
    cuda.atomic.add(dW, (0, 0), dz[0, n, 0] * h[1, n, 0])
    cuda.atomic.add(dV, (0, 0), dy[0, n, 0] * h[1, n, 0])
    cuda.atomic.add(db_out, 0, dy[0, n, 0])


STAND_INS = {
    "forward_sample": forward_stand_in,
    "loss_sample": loss_stand_in,
    "backward_sample": backward_stand_in,
    "add_gradients": add_stand_in,
}


def by_stand_ins(params, x, y, scale):
    """The loss (N,), and the first element of each gradient, as the stand-ins compute them."""
    U, W, B, V, b_out = params
    loss = x - scale * y
    dy, h = loss * loss, U[0, 0] - W[0, 1]
    dz = dy * W[0, 1] - (B[0] - V[0, 1]) + b_out[0] * V[0, 0]
    sums = {"U": dz * x, "W": dz * h, "B": dz, "V": dy * h, "b_out": dy}
    return loss, {name: part.sum(dtype=np.float32) for name, part in sums.items()}


# ---- exercises ----------------------------------------------------------------------------


@cuda.jit
def double_all(a, out):
    n = cuda.grid(1)
    if n <= a.shape[0]:
        out[n] = a[n] + a[n]


PLANTED_EDGE = double_all


@cuda.jit
def double_all(a, out):  # noqa: F811  ours, by the same name
    n = cuda.grid(1)
    if n < a.shape[0]:
        out[n] = a[n] + a[n]


@task(
    "07.e1", "double_all",
    ours=double_all,
    planted=PLANTED_EDGE,
    stars=1, kind="bug",
    hints=(
        "An array of 31 numbers has which last index?",
        "Thread 31 passes the check, too. It reads a[31].",
        "if n < a.shape[0]:",
    ),
)  # fmt: skip
def the_edge(double_all):
    for N in BATCHES:
        a = floats(N)
        run = watch(double_all, cuda_v2.blocks_for(N) + 1, 32, a=a, out=zeros(N))
        same("out", run["out"], a + a, where=f"{N} numbers")
        own_parts(run, "out", range(N), part="number")


@cuda.jit
def add_up(parts, total):
    n = cuda.grid(1)
    if n < parts.shape[0]:
        total[0] += parts[n]


PLANTED_RACE = add_up


@cuda.jit
def add_up(parts, total):  # noqa: F811
    n = cuda.grid(1)
    if n < parts.shape[0]:
        cuda.atomic.add(total, 0, parts[n])


@task(
    "07.e2", "add_up",
    ours=add_up,
    planted=PLANTED_RACE,
    stars=1, kind="bug",
    hints=(
        "total[0] += part is three steps. What may happen between them?",
        "The three steps in one: cuda.atomic.add(array, index, value).",
        "cuda.atomic.add(total, 0, parts[n])",
    ),
)  # fmt: skip
def a_sum_without_a_race(add_up):
    for N in BATCHES:
        parts = shifted(N)
        run = watch(add_up, cuda_v2.blocks_for(N), 32, parts=parts, total=zeros(1))
        no_race(run)
        own_parts(run, "total", range(N), part="number")
        same("total", run["total"], parts.sum(keepdims=True), where=f"{N} numbers", tolerance=1e-4)


def threads_for(N):
    return max(32, min(1024, (N - 1) // 39 // 32 * 32))


@task(
    "07.e3", "threads_for",
    ours=threads_for,
    stars=2, kind="complete",
    hints=(
        "40 blocks are launched if at least how many samples are left for the last one?",
        "With t threads per block there are at least 40 blocks if 39 t < N.",
        "return max(32, min(1024, (N - 1) // 39 // 32 * 32))",
    ),
)  # fmt: skip
def a_block_size_for_40_sms(threads_for):
    random = np.random.default_rng().integers(1, 50_000, 30).tolist()
    for N in (1, 7, 1000, 1248, 1249, 2560, 5000, 10_240, 1_000_000, *random):
        got = threads_for(N)
        said = f"N = {N}: {got}"
        expect(got in range(32, 1025, 32), f"{said} is no multiple of 32 from 32 to 1,024.")
        expect(isinstance(got, int), f"{said} is a {type(got).__name__}; a launch needs an int.")
        blocks = ThreadLayout(N, got).blocks
        expect(blocks >= 40 or got == 32, f"{said} gives too few blocks, {blocks}.")
        if got < 1024:
            fewer = ThreadLayout(N, got + 32).blocks
            expect(fewer < 40, f"{said}, but {got + 32} is larger and still gives {fewer} blocks.")


@cuda.jit
def add_up_in_few_steps(parts, total):
    own = parts.dtype.type(0)
    for n in range(cuda.grid(1), parts.shape[0], cuda.gridsize(1)):
        own += parts[n]
    cuda.atomic.add(total, 0, own)


BLOCKS, PAR = 4, 128  # of the launch; atomic additions of ours: one per thread


@task(
    "07.e4", "add_up_in_few_steps",
    ours=add_up_in_few_steps,
    stars=3, kind="better",
    hints=(
        "There are 128 threads and many more numbers. What can a thread add up alone first?",
        "Thread n takes the numbers n, n + 128, n + 256, ...: cuda.gridsize(1) is 128 here. Its "
        "own sum is a plain variable, not an array.",
        "for n in range(cuda.grid(1), parts.shape[0], cuda.gridsize(1)): own += parts[n]",
    ),
)  # fmt: skip
def few_atomic_additions(add_up):
    for N in (1, 129, 4096, 5000):
        parts = shifted(N)
        run = watch(add_up, BLOCKS, 32, parts=parts, total=zeros(1))
        no_race(run)
        same("total", run["total"], parts.sum(keepdims=True), where=f"{N} numbers", tolerance=1e-4)
        _fair(run, N)
        no_doubles(add_up, parts, zeros(1))
    made = run.observed.counts.atomics
    words = f"{N} numbers: {made:,} atomic additions. The aim is {PAR}, one per thread."
    expect(made <= PAR, words)
    return f"{made} atomic additions for {N:,} numbers; ours makes {PAR}."


def _fair(run, N):
    """NotYet unless all threads take part, and none reads more than twice its share."""
    name, share = run.own_names["parts"], -(-N // (32 * BLOCKS))
    readers = [run.observed.readers_of(name, n) for n in range(N)]
    read = Counter(thread for threads in readers for thread in threads)
    busy, most = read.most_common(1)[0]
    expect(most <= 2 * share, f"{N} numbers: thread {busy} reads {most} of them. Each of the "
           f"{32 * BLOCKS} threads should take about {share}.")  # fmt: skip
    idle = min(N, 32 * BLOCKS) - len(read)
    expect(idle <= 0, f"{N} numbers: only {len(read)} threads read any of them.")
