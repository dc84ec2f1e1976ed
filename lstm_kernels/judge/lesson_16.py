"""V7, the card as one large block: the tasks of lesson 16."""

import math

import numpy as np
from numba import float32

from lstm_kernels import cuda
from lstm_kernels.judge.compare import array_like, expect, same, several, unchanged
from lstm_kernels.judge.eyes import is_kernel, no_doubles, no_race, own_parts, watch
from lstm_kernels.judge.inputs import floats
from lstm_kernels.judge.tasks import task
from lstm_kernels.versions import cuda_v7
from lstm_kernels.versions.cuda_v7 import THREADS

LAUNCHES = ((2, 4), (3, 2))  # blocks, and threads of each: 8 and 6 units
STEPS = 3

# ---- the walk -----------------------------------------------------------------------------


@cuda.jit
def all_steps(W, h):
    j = cuda.grid(1)
    for t in range(h.shape[0] - 1):
        total = float32(0)
        for k in range(W.shape[0]):
            total += W[j, k] * h[t, k]
        h[t + 1, j] = math.tanh(total)
        cuda.cg.this_grid().sync()  # all of h[t + 1] is there


@task(
    "16.1", "all_steps",
    ours=all_steps,
    hints=(
        "Step t + 1 reads all of h[t + 1]. Who writes it, and does cuda.syncthreads() wait for "
        "them all?",
        "total is the sum of W[j, k] * h[t, k] over all k; it starts as float32(0). The barrier of "
        "the grid comes after h[t + 1, j] is written.",
        "h[t + 1, j] = math.tanh(total); then cuda.cg.this_grid().sync()",
    ),
)  # fmt: skip
def a_barrier_of_the_whole_card(all_steps):
    for blocks, threads in LAUNCHES:
        run, arguments = _try_steps(all_steps, blocks, threads)
    no_doubles(all_steps, *arguments.values())
    return "No race, with 2 and 3 blocks."


def _try_steps(kernel, blocks, threads):
    """One run of the small model, which is right; and its arguments."""
    is_kernel(kernel)
    H = blocks * threads
    W, h = floats(H, H), floats(STEPS + 1, H)
    run = watch(kernel, blocks, threads, W=W, h=h)
    where = f"{blocks} blocks of {threads} threads"
    wrong = {
        "tanh is missing": _model(W, h, activate=lambda z: z),
        "the sum goes over all H units, not over one block's": _model(W, h, units=threads),
        "it is row j of W, not column j": _model(W.T, h),
    }
    no_race(run)
    same("h[1]", run["h"][1], _model(W, h)[1], {k: v[1] for k, v in wrong.items()}, where=where)
    same("h", run["h"], _model(W, h), wrong, where=where)
    own_parts(run, "h", range(H), part="unit")
    unchanged([W], [run["W"]], ["W"])
    return run, {"W": W, "h": h}


def _model(W, h, activate=np.tanh, units=None):
    h = h.copy()
    for t in range(STEPS):
        h[t + 1] = activate(W[:, :units] @ h[t, :units])
    return h


def owned(b, P, units):
    first = b % (P // units) * units
    columns = list(range(first, first + units))
    return [q * P + j for q in range(4) for j in columns], columns


@task(
    "16.2", "owned",
    ours=owned,
    hints=(
        "P = 24, 4 units per block: how many blocks hold all of W? Which units has block 7?",
        "first = b % (P // units) * units. Unit j has the rows j, P + j, 2 P + j and 3 P + j, one "
        "per gate, and column j.",
        "rows = [q * P + j for q in range(4) for j in columns]",
    ),
)  # fmt: skip
def who_owns_what(owned):
    for P, units in ((24, 4), (32, 1), (96, 8)):
        owners = P // units
        for b in (0, 1, owners - 1, owners, owners + 1, 3 * owners + 2):
            rows, columns = several(owned(b, P, units), "rows", "columns")
            first, where = b % owners * units, f"block {b}, P = {P}, units = {units}"
            right = np.arange(first, first + units)
            same("columns", np.sort(columns), right, where=where, typical={
                "after the last owner comes the first again: b % owners": b * units + right - first,
                "a block's units are neighbours, from units * b on": b % owners + right - first,
            })  # fmt: skip
            right = (np.arange(4)[:, None] * P + right).ravel()
            same("rows", np.sort(rows), right, where=where, typical={
                "row q P + j: a unit's four rows are P apart": 4 * first + np.arange(4 * units),
            })  # fmt: skip


@task(
    "16.3", "gather",
    ours=cuda_v7.gather,
    hints=(
        "xs has samples of the padding. What stands there? And which sample of x is the third of "
        "this mini-batch?",
        "e runs over all pairs (t, n): t = e // width, n = e % width. Sample n of the mini-batch "
        "is number order[first + n] of x; from n = count on there is none.",
        "xs[t, d, n] = x[t, order[first + n], d] if n < count else x.dtype.type(0)",
    ),
    given=("THREADS",),
)  # fmt: skip
def samples_side_by_side(gather):
    is_kernel(gather, "@cuda.jit(device=True)")

    @cuda.jit
    def try_gather(x, order, first, count, width, xs):
        gather(x, order, first, count, width, xs)

    for T, first, count, width in ((2, 3, 5, 8), (20, 4, 29, 32), (1, 0, 1, 4)):
        D, N = 2, first + count
        x, order = floats(T, N, D), np.random.default_rng().permutation(N)
        given = {"x": x, "of_samples": order, "first": first, "count": count, "width": width}
        empty = np.full((T, D, width), 7, np.float32)
        run = watch(try_gather, 2, THREADS, **given, xs=empty)
        no_race(run)
        where = f"T = {T}, first = {first}, count = {count}, width = {width}"
        wrong = {
            "the samples come in the order of `order`": _gathered(x, np.arange(N), first, width),
            "the mini-batch begins at order[first]": _gathered(x, order, 0, width, count),
            "the samples of the padding, from count on, are 0": (
                _gathered(x, order, first, width, rest=7)
            ),
        }
        same("xs", run["xs"], _gathered(x, order, first, width), wrong, where=where)
        made, most = len(run.writers("xs")), min(T * width, 2 * THREADS)
        expect(made == most, f"{made} threads write to xs, expected {most} ({where}): share the "
                             "pairs (t, n) out among all blocks' threads.")  # fmt: skip
    no_doubles(try_gather, *given.values(), empty)
    return "All blocks share the work."


def _gathered(x, order, first, width, count=None, rest=0):  # noqa: PLR0913
    """xs (T, D, width), samples last."""
    taken = order[first:] if count is None else order[first : first + count]
    xs = np.full((len(x), x.shape[2], width), rest, x.dtype)
    xs[:, :, : len(taken)] = x[:, taken].transpose(0, 2, 1)
    return xs


def gradient_of_W(dz, h):
    return np.einsum("tkn,tjn->kj", dz, h[:-1])


@task(
    "16.4", "gradient_of_W",
    ours=gradient_of_W,
    hints=(
        "Row k, column j of dW: which two numbers are multiplied, and over what are the products "
        "added up?",
        "dW[k, j] is the sum over t and n of dz[t, k, n] * h[t, j, n], with h before the step.",
        'return np.einsum("tkn,tjn->kj", dz, h[:-1])',
    ),
)  # fmt: skip
def a_product_outside_the_loop(gradient_of_W):
    for T, H, N in ((1, 3, 2), (5, 2, 7), (3, 4, 1), (4, 5, 33)):
        dz, h = floats(T, 4 * H, N), floats(T + 1, H, N)
        before = dz.copy(), h.copy()
        got = array_like("dW", gradient_of_W(dz, h), np.zeros((4 * H, H), np.float32))
        unchanged(before, (dz, h), ("dz", "h"))
        products = [dz[t] @ h[t].T for t in range(T)]
        wrong = {
            "h before the step, h[t], not h[t + 1]": sum(dz[t] @ h[t + 1].T for t in range(T)),
            "only the last step is there; add up over t": products[-1],
            "the mean is taken; dW is a sum": sum(products) / T,
        }
        same("dW", got, sum(products), wrong, where=f"T = {T}, H = {H}, N = {N}")
    return "One product over all steps and samples."


def reads_per_multiply_add(units, samples):
    return (units + -(-samples // 4)) / (4 * units * samples)


@task(
    "16.5", "reads_per_multiply_add",
    ours=reads_per_multiply_add,
    hints=(
        "How many numbers of W does a thread with 2 units need for one k, and in how many reads?",
        "Four weights of a unit are one read, and up to four samples are one. Multiply-adds: four "
        "gates times units times samples.",
        "(units + ceil(samples / 4)) / (4 * units * samples)",
    ),
)  # fmt: skip
def why_large_tiles(reads_per_multiply_add):
    random = np.random.default_rng().integers(1, 20, (20, 2)).tolist()
    for units, samples in ((2, 4), (2, 5), (1, 1), (1, 8), *random):
        reads, products = units + -(-samples // 4), 4 * units * samples
        wrong = {
            "four neighbours are one read, also of the weights": (
                (4 * units + -(-samples // 4)) / products
            ),
            "up to four samples are one read": (units + samples) / products,
            "a part of four samples is a read, too: round up": (units + samples / 4) / products,
            "a unit has four gates: four multiply-adds per sample": 4 * reads / products,
            "that is multiply-adds per read": products / reads,
        }
        got = reads_per_multiply_add(units, samples)
        same("The result", got, reads / products, wrong, where=f"{units} x {samples}")


# ---- exercises ----------------------------------------------------------------------------


def largest_H(sms, shared_bytes):
    H = 0
    while -(-(H + 1) // sms) * 4 * (H + 1) * 4 <= shared_bytes:
        H += 1
    return H


@task(
    "16.e1", "largest_H",
    ours=largest_H,
    stars=1, kind="complete",
    hints=(
        "H units on so many SMs: how many units has the fullest block? How many bytes is that?",
        "The fullest block has ceil(H / sms) units, each with four rows of H numbers, 4 bytes "
        "each. Count H up while this fits.",
        "while -(-(H + 1) // sms) * 4 * (H + 1) * 4 <= shared_bytes: H += 1",
    ),
)  # fmt: skip
def how_large_may_H_be(largest_H):
    random = np.random.default_rng()
    cases = [(40, 64 * 1024), (132, 227 * 1024), (1, 16), (1, 15), (7, 1000)]
    cases += [(int(random.integers(1, 150)), int(random.integers(16, 10**5))) for _ in range(20)]
    for sms, room in cases:
        H = next(H for H in range(10**4) if math.ceil((H + 1) / sms) * 16 * (H + 1) > room)
        wrong = {
            "a block owns whole units: round up": math.isqrt(sms * room // 16),
            "a unit has four rows, one per gate": (
                next(H for H in range(10**5) if math.ceil((H + 1) / sms) * 4 * (H + 1) > room)
            ),
            "all SMs share W": math.isqrt(room // 16),
            "that one is the first that does not fit": H + 1,
        }
        same("H", largest_H(sms, room), H, wrong, where=f"{sms} SMs, {room:,} bytes each")


def bytes_of_h(H, N, units, groups):
    return H // units * H * N * 4


@task(
    "16.e2", "bytes_of_h",
    ours=bytes_of_h,
    stars=2, kind="measure",
    hints=(
        "How many blocks are in a group, and how many samples has a group? What does each block "
        "read?",
        "H // units blocks per group; together the groups have all N samples. A block reads H "
        "numbers for each of its group's samples.",
        "return H // units * H * N * 4",
    ),
)  # fmt: skip
def what_h_costs(bytes_of_h):
    random = np.random.default_rng()
    cases = [(96, 64, 4, 1), (96, 128, 8, 2), (256, 96, 16, 3)]
    for _ in range(5):
        units, owners, pieces, groups = random.integers(1, 9, 4).tolist()
        cases.append((units * owners, 32 * pieces, units, groups))
    for H, N, units, groups in cases:
        owners, right = H // units, 0
        for block in range(owners * groups):
            for n in range(block // owners * 32, N, groups * 32):  # its samples
                right += 4 * H * len(range(n, n + 32))
        wrong = {
            "the groups share the samples: each reads its own only": right * groups,
            "a float32 has 4 bytes": right // 4,
            "every block reads all of h for its samples": right // owners,
            "there are H / units blocks in a group": right * units,
        }
        where = f"{H = }, {N = }, {units = }, {groups = }"
        same("The result", bytes_of_h(H, N, units, groups), right, wrong, where=where)


@cuda.jit
def all_steps_few_reads(W, h):
    state = cuda.shared.array(64, float32)
    j, H = cuda.grid(1), W.shape[0]
    for t in range(h.shape[0] - 1):
        for k in range(cuda.threadIdx.x, H, cuda.blockDim.x):
            state[k] = h[t, k]
        cuda.syncthreads()  # the block has all of h[t]
        total = float32(0)
        for k in range(H):
            total += W[j, k] * state[k]
        h[t + 1, j] = math.tanh(total)
        cuda.cg.this_grid().sync()


@task(
    "16.e3", "all_steps_few_reads",
    ours=all_steps_few_reads,
    stars=3, kind="better",
    hints=(
        "All threads of a block read the same h[t]. Where could the block keep it for one step?",
        "In shared memory: the threads copy h[t] together, wait for their block, and multiply from "
        "there. Which barrier, which place?",
        "state[k] = h[t, k] for k in range(threadIdx.x, H, blockDim.x); cuda.syncthreads(); then "
        "task 16.1 with state[k] for h[t, k]",
    ),
)  # fmt: skip
def each_block_reads_h_once(all_steps_few_reads):
    for blocks, threads in LAUNCHES:
        run, arguments = _try_steps(all_steps_few_reads, blocks, threads)
        made, aim = run.reads("h"), STEPS * blocks * blocks * threads
        expect(made <= aim, f"It is right, with {made} reads of h by {blocks} blocks of {threads} "
                            f"threads. The aim is {aim}: each block reads each number "
                            "once.")  # fmt: skip
    no_doubles(all_steps_few_reads, *arguments.values())
    return f"{made} reads of h; ours makes {aim}."
