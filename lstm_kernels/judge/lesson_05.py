"""First kernels, a ladder of twelve: the tasks of lesson 05.

Each check tries a kernel in the emulator on random months, looks for races and for who did what,
and tells a counted measure beside its par, the count of a good plain solution.
"""

import numpy as np
from numba import float32, int32

from lstm_kernels import cuda
from lstm_kernels.judge.compare import expect, same
from lstm_kernels.judge.eyes import (
    bank_conflicts,
    no_doubles,
    no_race,
    own_parts,
    pieces,
    reads_by_thread,
    watch,
)
from lstm_kernels.judge.inputs import BATCHES, floats, zeros
from lstm_kernels.judge.tasks import task

YEAR = 12  # months


# ---- what the checks share ------------------------------------------------------------------


def _months(N):
    """Passengers of N months, in thousands."""
    return (100 + 500 * np.random.default_rng().random(N)).astype(np.float32)


def _blocks(N, threads=32):
    return -(-N // threads)


def _text(number, what="month"):
    return f"{number:,} {what}{'s' * (number != 1)}"


def _run(kernel, grid, block, **arguments):
    """One run of the kernel, watched; NotYet if threads race."""
    run = watch(kernel, grid, block, log=True, **arguments)
    no_race(run)
    return run


def _counted(run, **pars):
    """`24 reads, par is 24; 12 writes, par is 12.`"""
    counts = {**run.observed.counts._asdict(), "barriers": round(run.observed.barriers)}
    names = {"barriers": "barriers per block"}
    return _against_par(*((counts[what], names.get(what, what), par) for what, par in pars.items()))


def _against_par(*counted):
    """counted: (number, of what, par) each."""
    words = [f"{got:,} {what}, par is {par:,}{' (above par)' * (got > par)}"
             for got, what, par in counted]  # fmt: skip
    return f"{'; '.join(words)}."


def _at_most(got, what, most, why, limit="par is"):
    """NotYet if this count, which the rung is about, is above its limit."""
    expect(got <= most, f"The result is right, but {got:,} {what}, {limit} {most:,}: {why}.")


def _many_read(run, name, N, threads):
    """NotYet unless all threads take part in reading N numbers."""
    wanted, found = min(N, threads), len(run.observed.readers[run.own_names[name]])
    expect(found >= wanted, f"{N} numbers: {found} of {threads} threads read any of {name}; "
                            f"{wanted} could share the work.")  # fmt: skip


def _most_reads(run, *names):
    """The most reads that one thread makes, in shared memory and in these arrays."""
    counted = sum((reads_by_thread(run, name) for name in names), reads_by_thread(run))
    return max(counted.values())


def _share_the_sum(run, threads, wanted):
    """NotYet if few threads of block 0 add up what all have put there; none: by shuffles."""
    atomic = any(r.name == "shared" and "atomic" in r.kind for r in run.observed.requests)
    expect(not atomic, "The sum is right, but atomic additions to one number queue up: add in a "
                       "tree.")  # fmt: skip
    adding = len([n for n in reads_by_thread(run) if n < threads])
    words = f"The sum is right, but {adding} of {threads} threads of block 0 read shared memory"
    expect(adding >= wanted or not adding, f"{words}: in a tree's first step, {wanted} can.")


# ---- numbers in, numbers out ----------------------------------------------------------------


@cuda.jit
def growth(before, after, rate):
    n = cuda.threadIdx.x
    rate[n] = after[n] / before[n]


@task(
    "05.1", "map",
    ours=growth,
    hints=(
        "The loop `for n in range(12)` is gone: each thread does one round. Which one is mine?",
        "n = cuda.threadIdx.x is my place in the block: thread n reads before[n] and after[n].",
        "rate[n] = after[n] / before[n]",
    ),
)  # fmt: skip
def a_map(growth):
    for N in (12, 1, 31, 12):
        before, after = _months(N), _months(N)
        run = _run(growth, 1, N, before=before, after=after, rate=zeros(N))
        typical = {"the two years are swapped": before / after}
        same("rate", run["rate"], after / before, typical, where=_text(N))
        own_parts(run, "rate", range(N), part="month")
    no_doubles(growth, before, after, before)
    return _counted(run, reads=2 * N, writes=N)


@cuda.jit
def centre(values, mean, out):
    n = cuda.grid(1)
    if n < values.shape[0]:
        out[n] = values[n] - mean


@task(
    "05.2", "guard",
    ours=centre,
    hints=(
        "144 months in blocks of 32: what do the last 16 of the 160 threads do?",
        "n = cuda.grid(1) counts the threads over all blocks. Only an n below values.shape[0] has "
        "a month.",
        "if n < values.shape[0]:",
    ),
)  # fmt: skip
def a_guard(centre):
    for N in (*BATCHES, 144):
        values, mean = _months(N), np.float32(280)
        run = _run(centre, _blocks(N), 32, values=values, mean=mean, out=zeros(N))
        typical = {"mean - value, not value - mean": mean - values}
        same("out", run["out"], values - mean, typical, where=_text(N))
        own_parts(run, "out", range(N), part="month")
    no_doubles(centre, values, mean, values)
    return _counted(run, reads=N, writes=N)


SQUARE = 8  # threads of a block along x, and along y


@cuda.jit
def gate_rows(x, U, B, z):
    k, n = cuda.grid(2)
    if n < z.shape[0] and k < z.shape[1]:
        z[n, k] = U[k] * x[n] + B[k]


@task(
    "05.3", "two dimensions",
    ours=gate_rows,
    hints=(
        "A thread now has two numbers. Which of them counts the gate rows k, the last axis of z?",
        "k, n = cuda.grid(2): x comes first, and it is k. The guard needs both: n below "
        "z.shape[0], k below z.shape[1].",
        "if n < z.shape[0] and k < z.shape[1]: z[n, k] = U[k] * x[n] + B[k]",
    ),
)  # fmt: skip
def two_dimensions(gate_rows):
    for N, K in ((5, 24), (33, 8), (1, 4), (7, 20)):
        x, U, B, where = floats(N), floats(K), floats(K), f"N = {N}, 4H = {K}"
        grid = _blocks(K, SQUARE), _blocks(N, SQUARE)
        run = _run(gate_rows, grid, (SQUARE, SQUARE), x=x, U=U, B=B, z=zeros(N, K))
        z, swapped = np.outer(x, U) + B, zeros(N, K)
        done = slice(SQUARE * grid[0]), slice(SQUARE * grid[1])
        swapped[done] = z[done]
        same("z", run["z"], z, {"x and y are swapped: x counts k": swapped}, where=where)
        own_parts(run, "z", _threads_of(N, K, grid[0]))
    no_doubles(gate_rows, x, U, B, z)
    return _counted(run, reads=3 * N * K, writes=N * K)


def _threads_of(N, K, blocks_along_x):
    """Numbers of the threads that have an element of z, over the whole grid."""
    n, k = np.indices((N, K))
    block = n // SQUARE * blocks_along_x + k // SQUARE
    return (block * SQUARE**2 + n % SQUARE * SQUARE + k % SQUARE).ravel().tolist()


@cuda.jit
def moving_average(values, average):
    n = cuda.grid(1)
    if n < average.shape[0]:
        total = float32(0)
        for m in range(12):
            total += values[n + m]
        average[n] = total / float32(12)


@task(
    "05.4", "stencil",
    ours=moving_average,
    hints=(
        "Thread n reads 12 months. Which is its first, and which its last?",
        "values[n] to values[n + 11], that is values[n + m] for m in range(12); the guard goes by "
        "the shorter array, average.",
        "for m in range(12): total += values[n + m]",
    ),
)  # fmt: skip
def a_stencil(moving_average):
    for N in (*BATCHES, 133):
        values = _months(N + YEAR - 1)
        run = _run(moving_average, _blocks(N), 32, values=values, average=zeros(N))
        same("average", run["average"], *_averages(values, N), where=_text(len(values)))
        own_parts(run, "average", range(N))
    no_doubles(moving_average, values, values)
    return _counted(run, reads=YEAR * N, writes=N)


def _averages(values, N):
    """The N moving averages, and typical wrong ones."""
    seen = np.lib.stride_tricks.sliding_window_view(values, YEAR)
    return seen.mean(1), {
        "a window of 11 months": seen[:, :-1].sum(1) / YEAR,
        "a window of 11 months, without its first": seen[:, 1:].sum(1) / YEAR,
        "the sum, not yet divided by 12": seen.sum(1),
    }


# ---- together in a block --------------------------------------------------------------------


@cuda.jit
def year_totals(passengers, totals):
    share = cuda.shared.array(16, float32)
    year, m = cuda.blockIdx.x, cuda.threadIdx.x
    share[m] = passengers[12 * year + m] if m < 12 else float32(0)
    step = 8
    while step > 0:
        cuda.syncthreads()
        if m < step:
            share[m] += share[m + step]
        step //= 2
    if m == 0:
        totals[year] = share[0]


@task(
    "05.5", "block sums",
    ours=year_totals,
    hints=(
        "16 numbers lie in shared memory. If 8 threads add two each, what is left to do?",
        "share[m] += share[m + step] for m < step, with step 8, 4, 2, 1. Before each step all "
        "threads meet at cuda.syncthreads(), outside the `if`. Threads 12 to 15 put in a 0.",
        "if m < step: share[m] += share[m + step]",
    ),
)  # fmt: skip
def block_sums(year_totals):
    for years in (1, 3, 12):
        passengers = _months(YEAR * years)
        run = _run(year_totals, years, 16, passengers=passengers, totals=zeros(years))
        by_year = passengers.reshape(years, YEAR)
        typical = {"a step of the tree is missing": by_year[:, 0::2].sum(1)}
        same("totals", run["totals"], by_year.sum(1), typical, where=_text(years, "year"))
        _many_read(run, "passengers", YEAR * years, 16 * years)
        _at_most(run.observed.counts.atomics, "atomic additions", 0, "here a tree adds up")
        _share_the_sum(run, 16, 6)
    no_doubles(year_totals, passengers, passengers)
    return _counted(run, reads=YEAR * years, barriers=4)


BLOCKS = 8  # of the first step


@cuda.jit
def add_block(values, parts):
    share = cuda.shared.array(32, float32)
    m = cuda.threadIdx.x
    own = float32(0)
    for n in range(cuda.grid(1), values.shape[0], cuda.gridsize(1)):
        own += values[n]
    share[m] = own
    step = 16
    while step > 0:
        cuda.syncthreads()
        if m < step:
            share[m] += share[m + step]
        step //= 2
    if m == 0:
        parts[cuda.blockIdx.x] = share[0]


@task(
    "05.6", "two-step reduction",
    ours=add_block,
    hints=(
        "There are 256 threads and any number of months. Which ones does thread n add up alone?",
        "n, n + 256, n + 512, ...: range(cuda.grid(1), values.shape[0], cuda.gridsize(1)). Then "
        "the tree of 05.5 with 32 numbers, and parts[cuda.blockIdx.x].",
        "for n in range(cuda.grid(1), values.shape[0], cuda.gridsize(1)): own += values[n]",
    ),
)  # fmt: skip
def two_steps(add_block):
    for N in (1, 31, 129, 1000):
        values = _months(N)
        first = _run(add_block, BLOCKS, 32, values=values, parts=zeros(BLOCKS))
        second = _run(add_block, 1, 32, values=first["parts"], parts=zeros(1))
        start = {"only the first 256 months": values[: 32 * BLOCKS].sum(keepdims=True)}
        same("total", second["parts"], values.sum(keepdims=True), start, where=_text(N))
        _many_read(first, "values", N, 32 * BLOCKS)
        _share_the_sum(first, 32, 16)
    no_doubles(add_block, values, values)
    atomics = first.observed.counts.atomics + second.observed.counts.atomics
    _at_most(atomics, "atomic additions", 0, "here each block writes its own part")
    return _counted(first, reads=N, writes=BLOCKS, barriers=5)


# ---- together on the whole card ---------------------------------------------------------------


@cuda.jit
def season(passengers, totals):
    n = cuda.grid(1)
    if n < passengers.shape[0]:
        cuda.atomic.add(totals, n % 12, passengers[n])


@task(
    "05.7", "atomics",
    ours=season,
    hints=(
        "The threads of all Januaries add to totals[0]. What if two of them read it at once?",
        "cuda.atomic.add(array, index, value) reads, adds and writes with nobody in between. Month "
        "n is month n % 12 of its year.",
        "cuda.atomic.add(totals, n % 12, passengers[n])",
    ),
)  # fmt: skip
def atomics(season):
    for N in (*BATCHES, 144):
        passengers, totals = _months(N), zeros(YEAR)
        run = _run(season, _blocks(N), 32, passengers=passengers, totals=zeros(YEAR))
        np.add.at(totals, np.arange(N) % YEAR, passengers)
        same("totals", run["totals"], totals, where=_text(N))
        _many_read(run, "passengers", N, 32 * _blocks(N))
    no_doubles(season, passengers, totals)
    return _counted(run, reads=N, atomics=N)


BINS = 8


@cuda.jit
def histogram(bins, counts):
    share = cuda.shared.array(8, int32)
    m = cuda.threadIdx.x
    if m < 8:
        share[m] = 0
    cuda.syncthreads()
    for n in range(cuda.grid(1), bins.shape[0], cuda.gridsize(1)):
        cuda.atomic.add(share, bins[n], 1)
    cuda.syncthreads()
    if m < 8:
        cuda.atomic.add(counts, m, share[m])


@task(
    "05.8", "histogram",
    ours=histogram,
    given=("int32",),
    hints=(
        "256 threads queue up at 8 counters. What if each block had 8 counters of its own?",
        "In shared memory: zero them, barrier, add each month atomically, barrier; then threads 0 "
        "to 7 add one counter each to counts.",
        "cuda.atomic.add(share, bins[n], 1), and at the end cuda.atomic.add(counts, m, share[m])",
    ),
)  # fmt: skip
def a_histogram(histogram):
    for N in (1, 33, 1000):
        bins = np.random.default_rng().integers(0, BINS, N).astype(np.int32)
        run = _run(histogram, 4, 64, bins=bins, counts=np.zeros(BINS, np.int32))
        wanted = np.bincount(bins, minlength=BINS).astype(np.int32)
        same("counts", run["counts"], wanted, where=_text(N))
        _many_read(run, "bins", N, 256)
    made = run.observed.counts.atomics
    _at_most(made, "atomic additions in global memory", 4 * BINS, "each block counts for itself")
    return _counted(run, reads=N, atomics=4 * BINS, barriers=2)


@cuda.jit
def carried_before(passengers, before):
    share = cuda.shared.array(64, float32)
    n, N = cuda.threadIdx.x, passengers.shape[0]
    share[n] = passengers[n - 1] if 0 < n <= N else float32(0)
    step = 1
    while step < 64:
        cuda.syncthreads()
        left = share[n - step] if n >= step else float32(0)
        cuda.syncthreads()
        share[n] += left
        step *= 2
    if n < N:
        before[n] = share[n]


@task(
    "05.9", "scan",
    ours=carried_before,
    hints=(
        "If share[n] holds the sum of 1, then 2, then 4 numbers: how many steps until all 64?",
        "In each step: left = share[n - step], barrier, share[n] += left, barrier; step is 1, 2, "
        "4, ... Begin with the month *before*: share[n] = passengers[n - 1], and 0 for n = 0.",
        "left = share[n - step] if n >= step else float32(0)",
    ),
)  # fmt: skip
def a_scan(carried_before):
    for N in (1, 31, 33, 64):
        passengers = _months(N)
        run = _run(carried_before, 1, 64, passengers=passengers, before=zeros(N))
        up_to = passengers.cumsum()
        typical = {"month n is counted too (an inclusive scan)": up_to}
        same("before", run["before"], np.append(zeros(1), up_to[:-1]), typical, where=_text(N))
        own_parts(run, "before", range(N))
    no_doubles(carried_before, passengers, passengers)
    _at_most(_most_reads(run, "passengers", "before"), "reads by one thread", 20,
             "six steps are enough", "the limit is")  # fmt: skip
    return _counted(run, reads=64, barriers=12)


# ---- tiles and warps --------------------------------------------------------------------------


@cuda.jit
def transpose(a, out):
    tile = cuda.shared.array((32, 33), float32)
    i, j = cuda.threadIdx.x, cuda.threadIdx.y
    n, t = cuda.grid(2)
    if t < a.shape[0] and n < a.shape[1]:
        tile[j, i] = a[t, n]
    cuda.syncthreads()
    t, n = 32 * cuda.blockIdx.y + i, 32 * cuda.blockIdx.x + j
    if t < a.shape[0] and n < a.shape[1]:
        out[n, t] = tile[i, j]


@task(
    "05.10", "transpose",
    ours=transpose,
    hints=(
        "A warp should read neighbours and write neighbours. Where can its tile turn in between?",
        "tile[j, i] = a[t, n], barrier, out[n, t] = tile[i, j]: for the write, i counts t and j "
        "counts n. A tile of (32, 33): its columns lie in 32 banks.",
        "t, n = 32 * cuda.blockIdx.y + i, 32 * cuda.blockIdx.x + j",
    ),
)  # fmt: skip
def a_transpose(transpose):
    for T, N in ((20, 5), (33, 5), (1, 1), (40, 72)):
        a, grid = floats(T, N), (_blocks(N), _blocks(T))
        run = _run(transpose, grid, (32, 32), a=a, out=zeros(N, T))
        moved = _tiles(a, 32, np.nan).transpose(2, 1, 0, 3)
        typical = {"each tile is in its place, but not turned inside": _whole(moved)[:N, :T]}
        same("out", run["out"], a.T, typical, where=f"T = {T}, N = {N}")
    par = T * N // 8  # numbers of 4 bytes in pieces of 32
    count, conflicts = pieces(run, "a") + pieces(run, "out"), bank_conflicts(run)
    _at_most(count, "pieces of 32 bytes move", 2 * par, "the lanes of a warp, which differ in "
             "threadIdx.x, must be neighbours in the last axis, in a and in out")  # fmt: skip
    _at_most(conflicts, "bank conflicts", 0, "words 32 apart lie in one bank; a row of 33 helps")
    return _against_par((conflicts, "bank conflicts", 0), (count, "pieces", 2 * par))


def _tiles(a, size, beyond=0):
    """A matrix in tiles: (rows of tiles, size, columns of tiles, size), filled up at its edges."""
    rows, columns = (_blocks(n, size) for n in a.shape)
    filled = np.full((rows * size, columns * size), beyond, a.dtype)
    filled[: a.shape[0], : a.shape[1]] = a
    return filled.reshape(rows, size, columns, size)


def _whole(tiles):
    """The matrix of such tiles."""
    rows, high, columns, wide = tiles.shape
    return tiles.reshape(rows * high, columns * wide)


@cuda.jit
def product(W, h, z):
    of_W = cuda.shared.array((8, 8), float32)
    of_h = cuda.shared.array((8, 8), float32)
    i, j = cuda.threadIdx.x, cuda.threadIdx.y
    n, k = cuda.grid(2)
    total = float32(0)
    for first in range(0, h.shape[0], 8):
        of_W[j, i] = of_h[j, i] = float32(0)
        if k < W.shape[0] and first + i < W.shape[1]:
            of_W[j, i] = W[k, first + i]
        if first + j < h.shape[0] and n < h.shape[1]:
            of_h[j, i] = h[first + j, n]
        cuda.syncthreads()
        for m in range(8):
            total += of_W[j, m] * of_h[m, i]
        cuda.syncthreads()
    if k < z.shape[0] and n < z.shape[1]:
        z[k, n] = total


@task(
    "05.11", "matrix product",
    ours=product,
    hints=(
        "64 threads need 8 rows of W and 8 columns of h. How often is a number read that way?",
        "A tile each time: of_W[j, i] = W[k, first + i], of_h[j, i] = h[first + j, n], or 0 beyond "
        "the edge; barrier; add of_W[j, m] * of_h[m, i] for 8 m; barrier; the next tile.",
        "for m in range(8): total += of_W[j, m] * of_h[m, i]",
    ),
)  # fmt: skip
def a_product(product):
    for K, J, N in ((12, 3, 9), (4, 1, 1), (20, 17, 10)):
        W, h, where = floats(K, J), floats(J, N), f"4H = {K}, H = {J}, N = {N}"
        grid = _blocks(N, SQUARE), _blocks(K, SQUARE)
        run = _run(product, grid, (SQUARE, SQUARE), W=W, h=h, z=zeros(K, N))
        same("z", run["z"], W @ h, _wrong_products(W, h), where=where)
    no_doubles(product, W, h, h)
    reads, par = run.observed.counts.reads, K * J * grid[0] + J * N * grid[1]
    _at_most(reads, "reads", par, f"without tiles they are {2 * K * J * N:,}; with tiles a block "
             "reads each number once")  # fmt: skip
    return _counted(run, reads=par, barriers=2 * _blocks(J, SQUARE))


def _wrong_products(W, h):
    """Typical wrong ones."""
    K, N, full = len(W), h.shape[1], len(h) // SQUARE * SQUARE
    of_W, of_h = _tiles(W, SQUARE), _tiles(h, SQUARE)
    turned_W, turned_h = (_whole(tiles.transpose(0, 3, 2, 1)) for tiles in (of_W, of_h))
    return {
        "the last, smaller tile is left out": W[:, :full] @ h[:full],
        "each tile of W is turned: rows for columns": (turned_W @ _whole(of_h))[:K, :N],
        "each tile of h is turned: rows for columns": (_whole(of_W) @ turned_h)[:K, :N],
    }


@cuda.jit
def warp_sums(values, sums):
    n = cuda.grid(1)
    own = values[n] if n < values.shape[0] else float32(0)
    for step in (16, 8, 4, 2, 1):
        own += cuda.shfl_down_sync(0xFFFFFFFF, own, step)
    if n % 32 == 0:
        sums[n // 32] = own


@task(
    "05.12", "warp shuffles",
    ours=warp_sums,
    hints=(
        "The tree of 05.5 again, but the numbers are in registers. Who sends to whom in step 16?",
        "cuda.shfl_down_sync(0xFFFFFFFF, own, 16) gives lane n the number of lane n + 16. Then 8, "
        "4, 2, 1. All 32 lanes must take part, so no guard around it: own = 0 without a month.",
        "own += cuda.shfl_down_sync(0xFFFFFFFF, own, step)",
    ),
)  # fmt: skip
def shuffles(warp_sums):
    for N in (1, 33, 70, 128):
        values, each = _months(N), zeros(4, 32)
        each.ravel()[:N] = values
        run = _run(warp_sums, 2, 64, values=values, sums=zeros(4))
        why = "a lane asks one that takes no part. All 32 must come: the mask is 0xFFFFFFFF"
        expect(not np.isnan(run["sums"]).any(), f"sums has a nan ({_text(N)}): {why}.")
        half = {"the first step must bridge 16 lanes": each[:, :16].sum(1)}
        same("sums", run["sums"], each.sum(1), half, where=_text(N))
        _many_read(run, "values", N, 128)
    no_doubles(warp_sums, values, values)
    shared = sum(reads_by_thread(run).values())
    _at_most(shared, "reads of shared memory", 0, "a shuffle needs none")
    return _counted(run, reads=N, writes=4, barriers=0)


# ---- exercises --------------------------------------------------------------------------------


@cuda.jit
def turn_years(months, out):
    year = cuda.shared.array(12, float32)
    n, m = cuda.grid(1), cuda.threadIdx.x
    year[m] = months[n]
    out[n] = year[11 - m]


PLANTED = turn_years


@cuda.jit
def turn_years(months, out):  # noqa: F811  ours, by the same name
    year = cuda.shared.array(12, float32)
    n, m = cuda.grid(1), cuda.threadIdx.x
    year[m] = months[n]
    cuda.syncthreads()
    out[n] = year[11 - m]


@task(
    "05.e1", "turn_years",
    ours=turn_years,
    planted=PLANTED,
    stars=1, kind="bug",
    hints=(
        "Thread 0 reads what thread 11 has written. Has it written yet?",
        "Between the line that writes year[m] and the line that reads year[11 - m], all threads "
        "must meet.",
        "cuda.syncthreads()",
    ),
)  # fmt: skip
def the_missing_barrier(turn_years):
    for years in (1, 3, 12):
        months = _months(YEAR * years)
        run = _run(turn_years, years, YEAR, months=months, out=zeros(YEAR * years))
        turned = months.reshape(years, YEAR)[:, ::-1].ravel()
        same("out", run["out"], turned, {"nothing is turned": months}, where=_text(years, "year"))
        own_parts(run, "out", range(YEAR * years), part="month")
    return _counted(run, reads=YEAR * years, barriers=1)


@cuda.jit
def average_from_shared(values, average):
    share = cuda.shared.array(75, float32)
    n, m = cuda.grid(1), cuda.threadIdx.x
    if n < values.shape[0]:
        share[m] = values[n]
    if m < 11 and n + 64 < values.shape[0]:
        share[m + 64] = values[n + 64]
    cuda.syncthreads()
    if n < average.shape[0]:
        total = float32(0)
        for k in range(12):
            total += share[m + k]
        average[n] = total / float32(12)


@task(
    "05.e2", "average_from_shared",
    ours=average_from_shared,
    stars=2, kind="better",
    hints=(
        "A block of 64 threads reads 768 numbers. How many different ones are they?",
        "64 + 11. Each thread brings one into shared memory, and the first 11 a second one; then "
        "a barrier. The guard of the reads goes by values, that of the writes by average.",
        "if m < 11 and n + 64 < values.shape[0]: share[m + 64] = values[n + 64]",
    ),
)  # fmt: skip
def fewer_reads(average_from_shared):
    for N in (1, 63, 65, 133):
        values, blocks = _months(N + YEAR - 1), _blocks(N, 64)
        run = _run(average_from_shared, blocks, 64, values=values, average=zeros(N))
        same("average", run["average"], *_averages(values, N), where=_text(len(values)))
        own_parts(run, "average", range(N))
    no_doubles(average_from_shared, values, values)
    reads, par = run.observed.counts.reads, len(values) + (YEAR - 1) * (blocks - 1)
    _at_most(reads, "reads", par, "a block needs each of its months once")
    return _counted(run, reads=par, barriers=1)


@cuda.jit
def sort_months(values, out):
    line = cuda.shared.array(64, float32)
    n, N = cuda.threadIdx.x, values.shape[0]
    if n < N:
        line[n] = values[n]
    for step in range(N):
        cuda.syncthreads()
        left = 2 * n + step % 2
        if left + 1 < N and line[left] > line[left + 1]:
            low = line[left + 1]
            line[left + 1] = line[left]
            line[left] = low
    cuda.syncthreads()
    if n < N:
        out[n] = line[n]


@task(
    "05.e3", "sort_months",
    ours=sort_months,
    stars=3, kind="kernel",
    hints=(
        "Which pairs of neighbours can be put in order at the same time?",
        "In even steps (0, 1), (2, 3), ...; in odd steps (1, 2), (3, 4), ... N steps are enough, "
        "with a barrier before each.",
        "left = 2 * n + step % 2: swap line[left] and line[left + 1] if they are in wrong order",
    ),
)  # fmt: skip
def a_sort(sort_months):
    for N in (1, 31, 33, 64):
        values = _months(N)
        values[N // 2] = values[0]  # two equal ones
        run = _run(sort_months, 1, 64, values=values, out=zeros(N))
        typical = {"the largest comes first": np.sort(values)[::-1], "nothing is sorted": values}
        same("out", run["out"], np.sort(values), typical, where=_text(N))
        own_parts(run, "out", range(N), part="place")
    most = _most_reads(run, "values", "out")
    _at_most(most, "reads by one thread", 6 * N, "share the work", "the limit is")
    return _counted(run, reads=N, barriers=N + 1)
