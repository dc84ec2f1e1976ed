"""V4, a block per sample: the tasks of lesson 13."""

import math

import numpy as np
from numba import float32

from lstm_kernels import cuda
from lstm_kernels.judge.compare import expect, same
from lstm_kernels.judge.eyes import is_kernel, no_doubles, no_race, own_parts, watch
from lstm_kernels.judge.inputs import floats, random_params, zeros
from lstm_kernels.judge.tasks import task
from lstm_kernels.model import Sizes
from lstm_kernels.versions import cuda_v4
from lstm_kernels.versions.cuda_v4 import MAX_H, ROOM, ROWS, SIDE, SQUARE

BLOCKS = (  # a block per sample: one step; sizes that are no powers of two; several inputs
    Sizes(T=1, N=1, D=1, H=1, O=1),
    Sizes(T=3, N=2, D=2, H=3, O=2),
    Sizes(T=4, N=1, D=1, H=10, O=1),
)

# ---- the walk -----------------------------------------------------------------------------


@task(
    "13.1", "forward",
    ours=cuda_v4.forward,
    hints=(
        "Four threads compute what one unit needs. When may thread j read what they wrote?",
        "z gets WT[j, k] * shared_h[j] for all j; its gate's value goes to shared_z[k] and to "
        "gates[t, n, k]. A barrier. Then, only for k < H: cell, shared_h[k], h[t + 1, n, k] and "
        "c[t + 1, n, k]. A barrier, for all.",
        "cell = shared_z[H + k] * cell + shared_z[k] * shared_z[2 * H + k]",
    ),
    given=("sigmoid",),
)  # fmt: skip
def a_thread_per_gate_row(forward):
    is_kernel(forward, "@cuda.jit(device=True)")

    @cuda.jit
    def one_sample_per_block(U, WT, B, x, h, c, gates):
        shared_h = cuda.shared.array(MAX_H, float32)
        shared_z = cuda.shared.array(ROOM, float32)
        n, k = cuda.blockIdx.x, cuda.threadIdx.x
        forward(n, k, U, WT, B, x, h, c, gates, shared_h, shared_z)

    for s in BLOCKS:
        _forward_of(one_sample_per_block, s)
    return "No race, with 1 to 10 units."


def _forward_of(kernel, s):
    params, x, where = random_params(s.D, s.H, s.O), floats(s.T, s.N, s.D), f"H = {s.H}"
    WT, states = np.ascontiguousarray(params.W.T), (s.T + 1, s.N, s.H)
    given = {"U": params.U, "WT": WT, "B": params.B, "x": x}
    work = {"h": zeros(*states), "c": zeros(*states), "gates": zeros(s.T, s.N, 4 * s.H)}
    run = watch(kernel, s.N, 4 * s.H, **given, **work)
    right = _forward(params, x)
    wrong = {
        "gate g, rows 2 H to 3 H, takes tanh, and the other three sigmoid": (
            _forward(params, x, gate_g=_sigmoid)
        ),
        "the new h never comes into shared_h, so that each step takes h_0": (
            _forward(params, x, kept=0)
        ),
        "f stands in rows H to 2 H, and goes with the old cell": _forward(params, x, order="fi"),
        "h is o times tanh(c), not o times c": _forward(params, x, squash=np.asarray),
    }
    no_race(run)
    for name in ("gates", "c", "h"):
        typical = {cause: arrays[name] for cause, arrays in wrong.items()}
        same(name, run[name], right[name], typical, where=where)
    own_parts(run, "gates", range(4 * s.N * s.H), part="gate row")
    no_doubles(kernel, *given.values(), *work.values())


def _sigmoid(z):
    return 1 / (1 + np.exp(-z))


def _forward(params, x, gate_g=np.tanh, kept=1, order="if", squash=np.tanh):
    """gates, c and h, laid out as V4's.  The rest are mistakes."""
    (T, N, _), H = x.shape, params.W.shape[1]
    gates, (h, c) = zeros(T, N, 4 * H), zeros(2, T + 1, N, H)
    for t in range(T):
        z = x[t] @ params.U.T + kept * h[t] @ params.W.T + params.B
        gates[t] = _sigmoid(z)
        gates[t, :, 2 * H : 3 * H] = gate_g(z[:, 2 * H : 3 * H])
        parts = dict(zip((*order, "g", "o"), np.split(gates[t], 4, axis=1), strict=True))
        c[t + 1] = parts["f"] * c[t] + parts["i"] * parts["g"]
        h[t + 1] = parts["o"] * squash(c[t + 1])
    return {"gates": gates, "c": c, "h": h}


@task(
    "13.2", "backward",
    ours=cuda_v4.backward,
    hints=(
        "Thread k = r H + j: which H of the 4 H rows of dz belong to gate r?",
        "Gate r has the rows r H to r H + H, and r H is k - j. Add W[m, j] * shared_z[m] over "
        "them, into shared_z[4 * H + k]. Thread j reads it in the next round: after what?",
        "for m in range(k - j, k - j + H): part += W[m, j] * shared_z[m]",
    ),
)  # fmt: skip
def a_quarter_of_each_dh(backward):
    is_kernel(backward, "@cuda.jit(device=True)")

    @cuda.jit
    def one_sample_per_block(W, V, c, gates, dy, dz):
        shared_h = cuda.shared.array(MAX_H, float32)
        shared_z = cuda.shared.array(ROOM, float32)
        n, k = cuda.blockIdx.x, cuda.threadIdx.x
        backward(n, k, W, V, c, gates, dy, dz, shared_h, shared_z)

    for s in BLOCKS:
        _backward_of(one_sample_per_block, s)
    return "No race, with 1 to 10 units."


def _backward_of(kernel, s):
    params = random_params(s.D, s.H, s.O)
    c, gates, dy = floats(s.T + 1, s.N, s.H), floats(s.T, s.N, 4 * s.H), floats(s.T, s.N, s.O)
    given = {"W": params.W, "V": params.V, "c": c, "gates": gates, "dy": dy}
    run = watch(kernel, s.N, 4 * s.H, **given, dz=zeros(s.T, s.N, 4 * s.H))
    H = s.H

    def with_sum(back):
        return lambda: _dz(params, c, gates, dy, back)

    wrong = {
        "each of the four threads adds up all 4 H rows, so that dh is four times too large": (
            with_sum(lambda W, dz: 4 * (dz @ W))
        ),
        "all four threads of a unit add up the rows of gate i": (
            with_sum(lambda W, dz: 4 * (dz[:, :H] @ W[:H]))
        ),
        "nothing comes back from the step after; it reads shared_z[4 * H + k]": (
            with_sum(lambda W, dz: 0)
        ),
    }
    no_race(run)
    right = _dz(params, c, gates, dy, lambda W, dz: dz @ W)
    same("dz", run["dz"], right, wrong, where=f"H = {H}", tolerance=1e-4, last_first=True)
    own_parts(run, "dz", range(4 * s.N * H), part="gate row")
    no_doubles(kernel, *given.values(), zeros(s.T, s.N, 4 * H))


def _dz(params, c, gates, dy, back):
    """dz (T, N, 4H).  back(W, dz of a step) -> what comes back to h of the step before."""
    T, N, H = c[1:].shape
    dz, dc, dh = np.zeros_like(gates), zeros(N, H), zeros(N, H)
    for t in reversed(range(T)):
        i, f, g, o = np.split(gates[t], 4, axis=1)
        tanh_c, dh = np.tanh(c[t + 1]), dh + dy[t] @ params.V
        dc = dc + dh * o * (1 - tanh_c * tanh_c)
        by_z = dc * g * i * (1 - i), dc * c[t] * f * (1 - f), dc * i * (1 - g * g)
        dz[t] = np.hstack((*by_z, dh * tanh_c * o * (1 - o)))
        dc, dh = dc * f, back(params.W, dz[t])
    return dz


@task(
    "13.3", "product",
    ours=cuda_v4.product,
    hints=(
        "Who fills a tile, and who reads it? What must lie between the two, and what after them?",
        "Warp w brings the samples first + w, first + w + ROWS, ...: a[t, n, row] goes to row "
        "n - first of tile_a, right(h, x, t, n, column, shift) to that of tile_b. The last tile "
        "may hold fewer than SIDE samples.",
        "for n in range(first + warp, min(first + SIDE, N), ROWS):",
    ),
    given=("add_samples", "right", "SIDE", "ROWS"),
)  # fmt: skip
def sums_by_tiles(product):
    is_kernel(product, "@cuda.jit(device=True)")

    @cuda.jit
    def one_tile(a, h, x, out):
        tile_a = cuda.shared.array(SQUARE, float32)
        tile_b = cuda.shared.array(SQUARE, float32)
        part, result = cuda.local.array(4, float32), cuda.local.array(4, float32)
        for i in range(4):
            result[i] = 0
        first = cuda.blockIdx.y * SIDE
        product(a, first, h, x, cuda.threadIdx.x, 1, tile_a, tile_b, part, result)
        for i in range(4):
            row = first + cuda.threadIdx.y + ROWS * i
            if row < out.shape[0] and cuda.threadIdx.x < out.shape[1]:
                out[row, cuda.threadIdx.x] = result[i]

    for T, N in ((1, 1), (1, 31), (2, 33), (1, 70)):
        _tile_of(one_tile, T, N)
    return "Each number is read once per block, with 1 to 70 samples."


def _tile_of(kernel, T, N, K=36, D=2, H=9):  # noqa: PLR0913
    a, h, x, where = floats(T, N, K), floats(T + 1, N, H), floats(T, N, D), f"N = {N}, T = {T}"
    out = zeros(K, H + D + 1)
    run = watch(kernel, (1, 2), (SIDE, ROWS), a=a, h=h, x=x, out=out)
    right = np.concatenate((h[1:], x, np.ones((T, N, 1), np.float32)), axis=2)
    wrong = {
        "nan stands in rows of a tile that no thread has written. The last tile holds fewer than "
        "SIDE samples, and a warp brings each ROWS-th": np.full_like(out, np.nan),
        "the last tile holds fewer than SIDE samples: what was in its other rows is added again": (
            _with_old_rows(a, right)
        ),
        "only the first SIDE samples are added": _sum(a[:, :SIDE], right[:, :SIDE]),
    }
    no_race(run)
    same("the sum", run["out"], _sum(a, right), wrong, where=where, tolerance=1e-4)
    made, wanted = run.observed.counts_of["a"].reads, 2 * SIDE * T * N
    expect(made <= wanted, f"{made:,} reads of a ({where}), where {wanted:,} are enough: each "
                           "number once per block, into the tile.")  # fmt: skip
    no_doubles(kernel, a, h, x, out)


def _sum(a, b):
    """Over steps and samples."""
    return np.einsum("tnk,tnj->kj", a, b)


def _with_old_rows(a, b):
    """All tiles taken as full: in the last one stand samples of the tile before."""
    N = a.shape[1]
    old = np.arange(N - SIDE, N - N % SIDE) if N > SIDE else np.arange(0)
    return _sum(a, b) + _sum(a[:, old], b[:, old])


# ---- exercises ----------------------------------------------------------------------------

UNITS = 64  # of the ring


@cuda.jit
def ring(x, out):
    h = cuda.shared.array(64, float32)
    k = cuda.threadIdx.x
    h[k] = 0
    for t in range(x.shape[0]):
        h[k] = math.tanh(h[k] - h[(k + 1) % 64] + x[t, k])
        cuda.syncthreads()
        out[t, k] = h[k]


PLANTED_RING = ring


@cuda.jit
def ring(x, out):  # noqa: F811  ours, by the same name
    h = cuda.shared.array(64, float32)
    k = cuda.threadIdx.x
    h[k] = 0
    cuda.syncthreads()  # all begin with 0
    for t in range(x.shape[0]):
        new = math.tanh(h[k] - h[(k + 1) % 64] + x[t, k])
        cuda.syncthreads()  # all have read
        h[k] = new
        cuda.syncthreads()  # all have written
        out[t, k] = h[k]


@task(
    "13.e1", "ring",
    ours=ring,
    planted=PLANTED_RING,
    stars=1, kind="bug",
    hints=(
        "Thread 0 is fast and writes its new h. Which thread wanted to read the old one?",
        "Begin; read | write | read ...: a barrier belongs at each change. Keep the new number in "
        "a variable of your own, `new`, until all have read.",
        "new = math.tanh(...), then a barrier, then h[k] = new, then a barrier; and one before "
        "the loop.",
    ),
)  # fmt: skip
def a_ring_without_a_race(ring):
    for T in (1, 2, 5):
        _ring_of(ring, T)
    return f"{_ring_of(ring, 10).observed.counts.barriers} barriers for 10 steps; ours has 21."


def _ring_of(kernel, T):
    x, where = floats(T, UNITS), f"{T} steps"
    run = watch(kernel, 1, UNITS, x=x, out=zeros(T, UNITS))
    wanted = _ring(x)
    wrong = {"the right neighbour of unit 63 is unit 0": _ring(x, is_closed=False)}
    no_race(run)
    same("out", run["out"], wanted, wrong, where=where, tolerance=1e-4)
    own_parts(run, "out", range(UNITS), part="unit")
    _nobody_does_all(run)
    no_doubles(kernel, x, zeros(T, UNITS))
    return run


def _ring(x, is_closed=True):
    """The ring's states after each step, (T, UNITS)."""
    h, out = zeros(UNITS), zeros(*x.shape)
    for t, of_step in enumerate(x):
        neighbour = np.roll(h, -1)
        neighbour[-1] = h[0 if is_closed else -1]
        out[t] = h = np.tanh(h - neighbour + of_step)
    return out


MOST_COLUMNS = 8  # of x that one thread may read: its own unit's, and those of some neighbours


def _nobody_does_all(run):
    """NotYet if one thread reads the inputs of many units: then it does their work, too."""
    read = [run.observed.readers_of(run.own_names["x"], (0, k)) for k in range(UNITS)]
    for thread in range(UNITS):
        columns = sum(thread in readers for readers in read)
        expect(columns <= MOST_COLUMNS, f"Thread {thread} reads the inputs of {columns} units: "
                                        "the task asks for one thread per unit.")  # fmt: skip


LOOPS = {  # of V4's forward pass: {letter: what a round is}
    "n": "a sample",
    "t": "a step",
    "k": "a gate row of one step",
    "j": "a term W[k, j] h_j of one row's sum",
    "u": "a unit of one step: its c and its h",
}
together = {"n": True, "t": False, "k": True, "j": False, "u": True}


@task(
    "13.e2", "together",
    ours=together,
    stars=1, kind="parallel",
    hints=(
        "Take two rounds of a loop. Does one need what the other has written? Do both write to "
        "the same place?",
        "Step t needs h of step t - 1. All terms of one row are added to the same z.",
        'together = {"n": True, "t": False, "k": True, "j": False, "u": True}',
    ),
)  # fmt: skip
def rounds_at_the_same_time(together):
    expect(isinstance(together, dict) and set(together) == set(LOOPS),
           f"It needs an answer, True or False, for each of {', '.join(LOOPS)}.")  # fmt: skip
    params, x = random_params(2, 3, 1), floats(3, 2, 2)
    wanted = _by_rounds(params, x)
    for loop, what in LOOPS.items():
        said = together[loop]
        expect(isinstance(said, bool), f"{loop!r} is {said!r}; True or False, please.")
        got = _by_rounds(params, x, loop)
        differs = [name for name in wanted if not np.array_equal(got[name], wanted[name])]
        tried = f"Loop {loop!r}, where a round is {what}: with all rounds at the same moment"
        expect(said or differs, f"{tried} each array keeps its bits, so they may.")
        expect(not said or not differs, f"{tried}, each seeing what was there before the loop, "
                                        f"{', '.join(differs)} come out wrong.")  # fmt: skip
    return "Each loop was run with all of its rounds at the same moment."


def _by_rounds(params, x, at_once=""):
    """gates, c, h and z of the forward pass, loop by loop; `at_once`: the loop whose rounds all
    see what was there before it, and then write."""
    (T, N, _), H = x.shape, params.W.shape[1]
    memory = {"z": zeros(N, 4 * H), "gates": zeros(T, N, 4 * H)}
    memory |= {name: zeros(T + 1, N, H) for name in ("c", "h")}

    def run(loop, rounds, body, seen):
        before = {name: a.copy() for name, a in seen.items()}
        for r in rounds:
            mine = {name: a.copy() for name, a in before.items()} if loop == at_once else seen
            body(r, mine)
            for name in before if loop == at_once else ():
                np.copyto(seen[name], mine[name], where=mine[name] != before[name])

    def sample(n, m):
        run("t", range(T), lambda t, m: step(n, t, m), m)

    def step(n, t, m):
        run("k", range(4 * H), lambda k, m: row(n, t, k, m), m)
        run("u", range(H), lambda u, m: unit(n, t, u, m), m)

    def row(n, t, k, m):
        m["z"][n, k] = params.B[k] + params.U[k] @ x[t, n]
        run("j", range(H), lambda j, m: term(n, t, k, j, m), m)
        activation = np.tanh if 2 * H <= k < 3 * H else _sigmoid
        m["gates"][t, n, k] = activation(m["z"][n, k])

    def term(n, t, k, j, m):
        m["z"][n, k] += params.W[k, j] * m["h"][t, n, j]

    def unit(n, t, u, m):
        i, f, g, o = m["gates"][t, n].reshape(4, H)[:, u]
        m["c"][t + 1, n, u] = f * m["c"][t, n, u] + i * g
        m["h"][t + 1, n, u] = o * np.tanh(m["c"][t + 1, n, u])

    run("n", range(N), sample, memory)
    return memory


@cuda.jit
def block_sum(a, out):
    part = cuda.shared.array(256, float32)
    k, working = cuda.threadIdx.x, 128
    part[k] = a[k]
    cuda.syncthreads()  # all numbers are there
    while working > 0:
        if k < working:
            part[k] += part[k + working]
        cuda.syncthreads()  # the sums of this round are there
        working //= 2
    if k == 0:
        out[0] = part[0]


NUMBERS, LARGE = 256, 2.0**24  # LARGE + 1 is LARGE, in float32


@task(
    "13.e3", "block_sum",
    ours=block_sum,
    stars=2, kind="kernel",
    hints=(
        "256 threads, 256 numbers. How many of them can add something in the first round, if no "
        "two add to the same place?",
        "Thread k < 128 adds number k + 128 to number k; then k < 64 adds k + 64; ... A barrier "
        "after each round, where all threads pass.",
        "while working > 0: if k < working: part[k] += part[k + working]; then the barrier, and "
        "working //= 2",
    ),
)  # fmt: skip
def a_sum_in_pairs(block_sum):
    check_block_sum(block_sum)
    return "The same bits in three orders of the threads."


def check_block_sum(block_sum):
    """NotYet unless 256 threads add up 256 numbers, in pairs.  The last run.  Lesson 14, too."""
    a = floats(NUMBERS)
    runs = [watch(block_sum, 1, NUMBERS, order=order, a=a, out=zeros(1)) for order in range(3)]
    no_race(runs[0])
    same("out", runs[0]["out"], a.sum(keepdims=True), where=f"{NUMBERS} numbers", tolerance=1e-3)
    different = len({run["out"].tobytes() for run in runs})
    expect(different == 1, f"{different} different sums in three orders of the threads: atomic "
                           "additions come in any order.")  # fmt: skip
    for k in range(NUMBERS):
        readers = runs[0].observed.readers_of(runs[0].own_names["a"], k)
        expect(readers == {k}, f"a[{k}] is read by thread {min(readers, default='-')}: the task "
                               f"asks that thread {k} reads it, and no other.")  # fmt: skip
    no_doubles(block_sum, a, zeros(1))
    for _ in range(3):
        _short_chains(block_sum)
    return runs[-1]


def _short_chains(block_sum):
    """NotYet if one large number swallows many ones: then they were added to it one by one."""
    a = np.ones(NUMBERS, np.float32)
    a[np.random.default_rng().integers(NUMBERS)] = LARGE
    got = float(watch(block_sum, 1, NUMBERS, a=a, out=zeros(1))["out"][0])
    lost = round(LARGE + NUMBERS - 1 - got)
    expect(abs(lost) <= 16, f"255 ones and {LARGE:,.0f} give {got:,.0f}: {lost} ones are lost. One "
                            "thread adds them up one by one; in pairs, few are lost.")  # fmt: skip


@cuda.jit
def ring_in_few_barriers(x, out):
    h = cuda.shared.array((2, 64), float32)
    k = cuda.threadIdx.x
    h[0, k] = 0
    cuda.syncthreads()  # all begin with 0
    for t in range(x.shape[0]):
        now, then = t % 2, (t + 1) % 2
        h[then, k] = math.tanh(h[now, k] - h[now, (k + 1) % 64] + x[t, k])
        cuda.syncthreads()  # all have written; `now` is read no more
        out[t, k] = h[then, k]


STEPS, PAR = 20, 21  # of the ring; barriers of ours: one per step, and one at the start


@task(
    "13.e4", "ring_in_few_barriers",
    ours=ring_in_few_barriers,
    stars=3, kind="better",
    hints=(
        "One barrier guards the old numbers from those who write. What if nobody writes there?",
        "Two rows in shared memory: read from one, write to the other, and change their roles.",
        "h[then, k] = math.tanh(h[now, k] - h[now, (k + 1) % 64] + x[t, k]), now = t % 2 and "
        "then = (t + 1) % 2",
    ),
)  # fmt: skip
def few_barriers(ring):
    for T in (1, 2, 5):
        _ring_of(ring, T)
    made = _ring_of(ring, STEPS).observed.counts.barriers
    expect(made <= PAR, f"{made} barriers for {STEPS} steps. The aim is {PAR}: one per step.")
    return f"{made} barriers for {STEPS} steps; ours has {PAR}."
