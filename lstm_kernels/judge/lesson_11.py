"""V3c, memory as the card sees it: the tasks of lesson 11."""

import numpy as np

from lstm_kernels import cuda
from lstm_kernels.checks import count
from lstm_kernels.emulator.requests import SECTOR, WARP, sectors
from lstm_kernels.judge.compare import expect, same
from lstm_kernels.judge.eyes import is_kernel, no_doubles, no_race, watch
from lstm_kernels.judge.inputs import BATCHES, SIZES, floats, random_params, text, zeros
from lstm_kernels.judge.tasks import task
from lstm_kernels.model import Sizes
from lstm_kernels.versions import cuda_v3c, per_sample
from lstm_kernels.versions.cuda_v2 import THREADS, blocks_for
from lstm_kernels.versions.cuda_v5 import ALL

NUMBER = 4  # bytes of a float32
LAID_OUT = ("x", "h", "c", "gates", "dy")  # the sample is their last index
PAR = 4  # sectors of a request: 32 neighbours of 4 bytes

# ---- the walk -----------------------------------------------------------------------------


def sectors_of(addresses):
    """How many sectors, pieces of 32 bytes, hold these byte addresses."""
    return len({address // 32 for address in addresses})


@task(
    "11.1", "sectors_of",
    ours=sectors_of,
    hints=(
        "Bytes 0 to 31 are sector 0. In which sector is byte 100?",
        "Sector number: address // 32. Two lanes in the same sector need it once only.",
        "return len({address // 32 for address in addresses})",
    ),
)  # fmt: skip
def pieces_of_32_bytes(sectors_of):
    random = np.random.default_rng()
    lanes = np.arange(WARP)
    tried = {
        "32 neighbours": NUMBER * lanes,
        "all lanes at one address": np.full(WARP, 400),
        "200 bytes apart": 200 * lanes,
        "neighbours from byte 20 on": 20 + NUMBER * lanes,
        "neighbours, the last lane first": NUMBER * lanes[::-1],
        "random addresses": NUMBER * random.integers(0, 200, WARP),
        "three lanes": NUMBER * random.integers(0, 99, 3),
    }
    for what, addresses in tried.items():
        given = addresses.tolist()
        wanted, typical = sectors(given), _typical_sectors(given)
        same("the number of sectors", sectors_of(given), wanted, typical, where=what)


def _typical_sectors(addresses):
    return {
        "a sector that several lanes touch counts once": len(addresses),
        "pieces between the smallest and the largest address count only if a lane is there": (
            max(addresses) // SECTOR - min(addresses) // SECTOR + 1
        ),
        "an address is a byte's, not a number's: 32 bytes to a sector": (
            len({address // 8 for address in addresses})
        ),
        "a sector has 32 bytes, not 128": len({address // 128 for address in addresses}),
    }


def place(t, j, n, H, N):
    """Which number of the memory is element (t, j, n) of an array (T, H, N)?"""
    return (t * H + j) * N + n


@task(
    "11.2", "place",
    ours=place,
    hints=(
        "The last index is the one whose neighbours lie side by side. How far apart are j and "
        "j + 1, and how far t and t + 1?",
        "From n to n + 1: one number. From j to j + 1: a row of N. From t to t + 1: H rows.",
        "return (t * H + j) * N + n",
    ),
)  # fmt: skip
def row_after_row(place):
    random = np.random.default_rng()
    for _ in range(20):
        T, H, N = random.integers(2, 9, 3).tolist()
        t, j, n = (int(random.integers(1, size)) for size in (T, H, N))
        typical = {
            "that is V3's place, of (T, N, H)": (t * N + n) * H + j,
            "that is the place in (H, T, N)": (j * T + t) * N + n,
            "from t to t + 1 there are H rows of N": t * H + j * N + n,
            "from j to j + 1 there is a whole row, of N": (t * N + j) * H + n,
            "of the memory's bytes; asked is which number": NUMBER * ((t * H + j) * N + n),
        }
        wanted = int(np.ravel_multi_index((t, j, n), (T, H, N)))
        where = f"t = {t}, j = {j}, n = {n}, H = {H}, N = {N}"
        same("the place", place(t, j, n, H, N), wanted, typical, where=where)


@task(
    "11.3", "forward_sample",
    ours=cuda_v3c.forward_sample,
    planted=per_sample.forward_sample,
    hints=(
        "In which of its lines does n stand between two other indices, or H numbers before j?",
        "x (T, D, N), h and c (T + 1, H, N), gates (T, 4H, N), dy (T, O, N): n is the last index "
        "of all five. U, W, B, V and b_out stay as they are. Where does D stand now in x.shape?",
        "(T, D, _), H = x.shape, W.shape[1]; z += W[k, j] * h[t, j, n]; gates[t, k, n] = ...",
    ),
    given=("sigmoid",),
)  # fmt: skip
def the_sample_is_the_last_index(forward_sample):
    is_kernel(forward_sample, "@cuda.jit(device=True)")

    @cuda.jit
    def forward_all(U, W, B, V, b_out, x, h, c, gates, dy):
        n = cuda.grid(1)
        if n < x.shape[2]:
            forward_sample(n, U, W, B, V, b_out, x, h, c, gates, dy)

    for s in (*SIZES, Sizes(T=2, N=33, D=1, H=3, O=1)):
        arguments, where = _forward_arguments(s), text(s)
        run = watch(forward_all, blocks_for(s.N), THREADS, **arguments)
        no_race(run)
        for name, right in _forward(arguments).items():
            same(name, run[name], right, where=where)
    no_doubles(forward_all, *arguments.values())
    return _neighbours_side_by_side(forward_all)


def _neighbours_side_by_side(forward_all):
    """NotYet if a request touches more sectors than it must; else how many it touches."""
    arguments = _forward_arguments(Sizes(T=2, N=2 * WARP, D=1, H=3, O=1))
    counted = count(forward_all, 2, THREADS, *arguments.values())
    touched = [counted.of(name) for name in LAID_OUT]
    for name, asked in zip(LAID_OUT, touched, strict=True):
        said = f"A request to {name} touches {asked.sectors_per_request:.1f} sectors on average"
        expect(asked.sectors <= PAR * asked.requests, f"{said}; the aim is {PAR}.")
    together = sum(touched[1:], touched[0])
    return f"{together.sectors_per_request:.3g} sectors per request to {', '.join(LAID_OUT)}."


def _forward_arguments(s):
    """By name, in the order of the kernel; of x, h, c, gates and dy the sample is the last index.

    h and c hold rubbish: the kernel sets their first step.
    """
    work = {
        "h": np.full((s.T + 1, s.H, s.N), np.nan, np.float32),
        "c": np.full((s.T + 1, s.H, s.N), np.nan, np.float32),
        "gates": zeros(s.T, 4 * s.H, s.N),
        "dy": zeros(s.T, s.O, s.N),
    }
    return {**random_params(s.D, s.H, s.O)._asdict(), "x": floats(s.T, s.D, s.N), **work}


def _forward(given):
    """h, c, gates, and the predictions in dy, by NumPy."""
    U, W, B, V, b_out, x = (given[name] for name in ("U", "W", "B", "V", "b_out", "x"))
    (T, _, N), H = x.shape, W.shape[1]
    h, c, gates, dy = zeros(T + 1, H, N), zeros(T + 1, H, N), zeros(T, 4 * H, N), []
    for t in range(T):
        z = U @ x[t] + W @ h[t] + B[:, None]
        gates[t] = 1 / (1 + np.exp(-z))
        gates[t, 2 * H : 3 * H] = np.tanh(z[2 * H : 3 * H])
        i, f, g, o = np.split(gates[t], 4)
        c[t + 1] = f * c[t] + i * g
        h[t + 1] = o * np.tanh(c[t + 1])
        dy.append(V @ h[t + 1] + b_out[:, None])
    return {"h": h, "c": c, "gates": gates, "dy": np.stack(dy)}


def rearranged(a):
    """An array (T, N, D) as (T, D, N), neighbouring samples side by side in memory."""
    return np.ascontiguousarray(a.transpose(0, 2, 1))


@task(
    "11.4", "rearranged",
    ours=rearranged,
    hints=(
        "a.transpose(0, 2, 1) exchanges the last two indices. Does it move a number in memory?",
        "A transposed array is a view: the same memory, read in another order. "
        "np.ascontiguousarray copies into the order of the indices.",
        "return np.ascontiguousarray(a.transpose(0, 2, 1))",
    ),
)  # fmt: skip
def moved_and_not_only_renamed(rearranged):
    for T, N, D in ((3, 5, 2), (2, 33, 3), (1, 4, 4), (4, 7, 1)):
        a, where = floats(T, N, D), f"T = {T}, N = {N}, D = {D}"
        before, got = a.copy(), rearranged(a)
        typical = {
            "reshape keeps the order of the numbers: they change their samples": (
                a.reshape(T, D, N)
            ),
        }
        same("the array", got, a.transpose(0, 2, 1), typical, where=where)
        same("a", a, before, where=where)
        expect(got.flags.c_contiguous, f"The numbers have not moved ({where}): from sample to "
               f"sample it is {got.strides[2]} bytes, and should be {NUMBER}. A transposed array "
               "is a view.")  # fmt: skip


# ---- exercises ----------------------------------------------------------------------------


def sectors_of_stride(stride):
    """Sectors of a request in which lane n reads the float32 number n * stride."""
    return min(32, 31 * stride // 8 + 1)


@task(
    "11.e1", "sectors_of_stride",
    ours=sectors_of_stride,
    stars=1, kind="measure",
    hints=(
        "8 numbers fill a sector. In which sector is the number of the last lane?",
        "Up to a stride of 8 no sector is left out: all from 0 to that of the last lane. Beyond "
        "8, each lane has its own.",
        "return min(32, 31 * stride // 8 + 1)",
    ),
)  # fmt: skip
def each_stride(sectors_of_stride):
    for stride in (*range(1, 21), 0, 50, 200):
        addresses = [NUMBER * stride * lane for lane in range(WARP)]
        typical = {
            "a stride of 0 is one address, and a sector": min(WARP, 4 * stride),
            "there are 32 lanes, which touch at most 32 sectors": 31 * stride // 8 + 1,
            "one too few: the first sector is number 0": min(WARP, 31 * stride // 8),
        }
        wanted, where = sectors(addresses), f"a stride of {stride}"
        same("the number of sectors", sectors_of_stride(stride), wanted, typical, where=where)


def padded(N):
    """The least row length from N on with which each row begins at a sector's edge."""
    return (N + 7) // 8 * 8


@task(
    "11.e2", "padded",
    ours=padded,
    stars=2, kind="complete",
    hints=(
        "With N = 33, row 1 begins at byte 132. How many sectors do its first 32 numbers touch?",
        "A row begins at a sector's edge if the rows before it have a multiple of 8 numbers.",
        "return (N + 7) // 8 * 8",
    ),
)  # fmt: skip
def rows_that_begin_at_an_edge(padded):
    random = np.random.default_rng().integers(1, 5000, 20).tolist()
    for N in (1, 7, 8, 9, 32, 33, 1024, *random):
        got = padded(N)
        said = f"N = {N}: {got}"
        expect(isinstance(got, int), f"{said!s:.60} is a {type(got).__name__}; a length is an int.")
        expect(got >= N, f"{said} is too short for {N} samples.")
        worst = max(sectors(NUMBER * (got * row + lane) for lane in range(WARP))
                    for row in range(8))  # fmt: skip
        expect(worst == PAR, f"{said}; in one of its rows, 32 neighbours touch {worst} sectors.")
        expect(got < N + 8, f"{said} is right, but {got - 8} is shorter and serves as well.")


@cuda.jit(device=True)
def add_of_warp(array, index, part):
    """Add all lanes' parts to array[index], by one atomic step.  All 32 lanes call it."""
    for distance in (16, 8, 4, 2, 1):
        part += cuda.shfl_down_sync(ALL, part, distance)
    if cuda.laneid == 0:
        cuda.atomic.add(array, index, part)


@task(
    "11.e3", "add_of_warp",
    ours=add_of_warp,
    stars=3, kind="better",
    hints=(
        "32 lanes hold 32 numbers in registers. How can one lane learn another's without memory?",
        "cuda.shfl_down_sync(ALL, part, 16) gives lane n the part of lane n + 16. Add it, and go "
        "on with 8, 4, 2, 1: then lane 0 holds the sum. Only lane 0 adds it to the array.",
        "part += cuda.shfl_down_sync(ALL, part, distance)",
    ),
    given=("ALL",),
)  # fmt: skip
def one_atomic_step_for_a_warp(add_of_warp):
    is_kernel(add_of_warp, "@cuda.jit(device=True)")

    @cuda.jit
    def add_all(parts, sums, total):
        n, (K, N) = cuda.grid(1), parts.shape
        for k in range(K):
            add_of_warp(sums, (k, k + 1), parts[k, n] if n < N else parts.dtype.type(0))
        add_of_warp(total, 0, parts[0, n] if n < N else parts.dtype.type(0))

    K = 3
    for N in BATCHES:
        parts = floats(K, N) + np.float32(2)
        given, right = {"parts": parts, "sums": zeros(K, K + 1), "total": zeros(1)}, zeros(K, K + 1)
        right[range(K), range(1, K + 1)] = parts.sum(axis=1)
        run = watch(add_all, blocks_for(N), THREADS, **given)
        no_race(run)
        typical = {"that is the last warp's sum alone: add, do not store": _of_last_warp(parts)}
        same("the sums", run["sums"], right, typical, where=f"N = {N}")
        same("total", run["total"], parts[0].sum(keepdims=True), where=f"N = {N}")
        made, par = run.observed.counts.atomics, (K + 1) * blocks_for(N)
        expect(made <= par, f"{made} atomic additions (N = {N}, {K + 1} sums); one per warp and "
               f"sum are {par}.")  # fmt: skip
    no_doubles(add_all, *given.values())
    return f"{made} atomic additions for {K + 1} sums of {N}; one per lane would be " \
           f"{(K + 1) * THREADS * blocks_for(N)}."  # fmt: skip


def _of_last_warp(parts):
    K, N = parts.shape
    sums = zeros(K, K + 1)
    sums[range(K), range(1, K + 1)] = parts[:, (N - 1) // WARP * WARP :].sum(axis=1)
    return sums
