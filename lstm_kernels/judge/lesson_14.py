"""V5, the weights stay in registers: the tasks of lesson 14."""

import ast

import numpy as np
from numba import float32

from lstm_kernels import cuda
from lstm_kernels.emulator.requests import bank_turns
from lstm_kernels.judge.compare import expect, same
from lstm_kernels.judge.eyes import is_kernel, no_doubles, no_race, watch
from lstm_kernels.judge.inputs import floats, zeros
from lstm_kernels.judge.lesson_13 import check_block_sum
from lstm_kernels.judge.source import plain, tree_of
from lstm_kernels.judge.tasks import task
from lstm_kernels.lab.estimates.cards import MAX_REGISTERS, MAX_THREADS, REGISTERS
from lstm_kernels.versions import cuda_v5
from lstm_kernels.versions.cuda_v5 import ALL
from lstm_kernels.versions.packing import PADDED, make_layout

# ---- the walk -----------------------------------------------------------------------------


def place(thread, e, P):
    j, q = divmod(thread, 4)
    r, m = divmod(e, P // 4)
    return r, j, q * (P // 4) + m


@task(
    "14.1", "place",
    ours=place,
    hints=(
        "Threads 0 to 3 belong to unit 0, threads 4 to 7 to unit 1. And thread 22?",
        "thread = 4 j + q, so j is thread // 4; e = r C + m with C = P // 4. The columns of "
        "quarter q begin at q C.",
        "return e // C, thread // 4, thread % 4 * C + e % C",
    ),
)  # fmt: skip
def the_tile_of_a_thread(place):
    for P in PADDED:
        C, W_at = P // 4, 4 * P  # before W, in the flat parameters, stands U (4P, 1)
        source = make_layout(1, P, 1).source
        random = np.random.default_rng().integers((4 * P, P), size=(50, 2)).tolist()
        for thread, e in ((0, 0), (3, 0), (4, 1), (P, C), (4 * P - 1, P - 1), *random):
            row, column = divmod(int(source[e * 4 * P + thread]) - W_at, P)
            r, m = divmod(e, C)
            wrong = {
                "thread 4 j + q: the unit is thread // 4, not thread % P as in V4": (
                    (r, thread % P, thread // P * C + m)
                ),
                "the unit is thread // 4, and the quarter thread % 4": (
                    (r, thread % 4, thread // 4 * C + m)
                ),
                "e = r C + m: the gate is e // C, and the column in the tile e % C": (
                    (e % 4, thread // 4, thread % 4 * C + e // 4)
                ),
                "the columns of quarter q begin at q C": (r, thread // 4, m),
            }
            right, what = (row // P, row % P, column), f"place({thread}, {e}, {P})"
            same(what, place(thread, e, P), right, wrong, where="it gives gate, unit, column")


@task(
    "14.2", "add_quads",
    ours=cuda_v5.add_quads,
    hints=(
        "After the first exchange a0 and a1 are halves of two gates. Which one does thread q keep, "
        "and who has the other half of it?",
        "Partners are now q and q ^ 1, so the distance is 1. An odd q keeps a1: swap first. Keep "
        "a0, and send a1.",
        "if q & 1: a0, a1 = a1, a0; then return a0 + cuda.shfl_xor_sync(ALL, a1, 1)",
    ),
    given=("ALL",),
)  # fmt: skip
def four_sums_in_three_shuffles(add_quads):
    is_kernel(add_quads, "@cuda.jit(device=True)")

    @cuda.jit
    def try_quads(parts, out):
        k = cuda.threadIdx.x
        out[k] = add_quads(k & 3, parts[k, 0], parts[k, 1], parts[k, 2], parts[k, 3])

    for threads in (32, 64):
        parts = floats(threads, 4)
        run = watch(try_quads, 1, threads, parts=parts, out=zeros(threads))
        right = parts.reshape(-1, 4, 4).sum(1).reshape(threads)
        wrong = {
            "the second partner is q ^ 2 again; it is q ^ 1": _quads(parts, partner=2),
            "a thread sends what it keeps; it must send the other one": _quads(parts, sent=0),
            "an odd q keeps the second of its two gates: the swap is missing": (
                _quads(parts, swaps=False)
            ),
            "only the first exchange is made": _quads(parts, partner=None),
        }
        same("result", run["out"], right, wrong, where="result[thread], q = thread & 3")
    no_doubles(try_quads, parts, right)
    shuffles = _written(add_quads, "shfl")
    expect(shuffles == 3, f"It is right, with {shuffles} shuffles of its own; the task asks for "
                          "three: the two given ones send halves, yours a sum.")  # fmt: skip
    return "Thread q has all of gate q, in three shuffles."


def _written(kernel, start):
    """How often `cuda.` and a name that begins so stands in a kernel: cuda.shfl_xor_sync."""
    nodes = ast.walk(tree_of(plain(kernel)))
    return sum(isinstance(node, ast.Attribute) and node.attr.startswith(start) for node in nodes)


def _quads(parts, partner=1, sent=1, swaps=True):
    """What add_quads gives, thread by thread; the rest are mistakes."""
    k = np.arange(len(parts))
    is_upper = (k & 2 > 0)[:, None]
    keep = np.where(is_upper, parts[:, 2:], parts[:, :2])
    keep = keep + np.where(is_upper, parts[:, :2], parts[:, 2:])[k ^ 2]
    keep = np.where((k & 1 > 0)[:, None] & swaps, keep[:, ::-1], keep)
    return keep[:, 0] + (0 if partner is None else keep[:, sent][k ^ partner])


@task(
    "14.3", "halve",
    ours=cuda_v5.halve,
    hints=(
        "Two threads have the same 2 width sums, in parts. Which half does each of them keep?",
        "Whose number has the bit `mask` keeps p[width + m] and sends p[m]; the other one keeps "
        "p[m] and sends p[width + m]. The result goes to p[m].",
        "p[m] = mine + cuda.shfl_xor_sync(ALL, yours, mask)",
    ),
    given=("ALL",),
)  # fmt: skip
def two_threads_share_their_sums(halve):
    is_kernel(halve, "@cuda.jit(device=True)")

    @cuda.jit
    def try_halve(sums, width, mask, out):
        p = cuda.local.array(8, float32)
        k = cuda.threadIdx.x
        for m in range(8):
            p[m] = sums[k, m]
        halve(p, width, mask)
        for m in range(width):
            out[k, m] = p[m]

    for width, mask in ((4, 16), (2, 8), (1, 4)):
        sums, given = floats(64, 8), (np.int32(width), np.int32(mask))
        arguments = {"sums": sums, "width": given[0], "mask": given[1], "out": zeros(64, width)}
        run = watch(try_halve, 1, 64, **arguments)
        wrong = {
            "a thread with the bit `mask` in its number keeps the second half, not the first": (
                _halved(sums, width, mask, keeps=0)
            ),
            "a thread sends what it keeps; it must send the other half": (
                _halved(sums, width, mask, sends=0)
            ),
            "all threads keep the first half": _halved(sums, width, mask, swaps=False),
            "the partner is `mask` away, not 1": _halved(sums, width, mask, partner=1),
        }
        where = f"p[thread, m], width = {width}, mask = {mask}"
        same("p", run["out"], _halved(sums, width, mask), wrong, where=where)
    no_doubles(try_halve, *arguments.values())


def _halved(sums, width, mask, keeps=1, sends=1, swaps=True, partner=None):  # noqa: PLR0913
    """What halve leaves, thread by thread; the rest are mistakes."""
    k = np.arange(len(sums))
    halves = np.stack((sums[:, :width], sums[:, width : 2 * width]))
    upper = ((k & mask > 0) & swaps).astype(int)
    mine = halves[upper if keeps else 1 - upper, k]
    yours = halves[(1 - upper if keeps else upper) if sends else upper, k]
    return mine + yours[k ^ (partner or mask)]


@task(
    "14.4", "parts_of_dh",
    ours=cuda_v5.parts_of_dh,
    hints=(
        "dh of column m is a sum over all rows of W. Which four rows does this thread have, and "
        "who in its warp has the others?",
        "p[m] takes the four products w[r * C + m] times z of gate r. Then the eight units of the "
        "warp: three times halve, with masks 16, 8, 4. Each time half as many sums are left.",
        "halve(p, C // 2, 16), then halve(p, C // 4, 8), then halve(p, C // 8, 4)",
    ),
    given=("halve",),
)  # fmt: skip
def a_warps_part_of_dh(parts_of_dh):
    is_kernel(parts_of_dh, "@cuda.jit(device=True)")
    for P in PADDED:
        _parts_of(parts_of_dh, P // 4)
    return "Eight units are added up, with P = 32 and P = 64."


def _parts_of(parts_of_dh, C):
    TILE = 4 * C

    @cuda.jit
    def try_parts(tiles, z, out):
        w, p = cuda.local.array(TILE, float32), cuda.local.array(C, float32)
        k = cuda.threadIdx.x
        j = k >> 2
        for e in range(TILE):
            w[e] = tiles[k, e]
        parts_of_dh(C, w, z[j, 0], z[j, 1], z[j, 2], z[j, 3], p)
        for m in range(C // 8):
            out[k, m] = p[m]

    tiles, z = floats(32, 4 * C), floats(8, 4)
    run = watch(try_parts, 1, 32, tiles=tiles, z=z, out=zeros(32, C // 8))
    by_gate = tiles.reshape(8, 4, 4, C)  # unit, quarter, gate, column of the tile
    products = np.einsum("jqrm,jr->jqm", by_gate, z)
    mixed = np.einsum("jqmr,jr->jqm", tiles.reshape(8, 4, C, 4), z)
    only_i = by_gate[:, :, 0] * z[:, 0, None, None]
    wrong = {
        "the units are not added up: three times halve is missing": (
            products.reshape(32, C)[:, : C // 8]
        ),
        "the masks come as 16, 8, 4: the first halving is with the partner 16 away": (
            _shared_out(products, (4, 8, 16))
        ),
        "number m of gate r is w[r * C + m]": _shared_out(mixed),
        "only gate i is multiplied; all four rows give to dh": _shared_out(only_i),
    }
    where = f"p[thread, m], P = {4 * C}"
    same("p", run["out"], _shared_out(products), wrong, where=where)
    no_doubles(try_parts, tiles, z, zeros(32, C // 8))


def _shared_out(products, masks=(16, 8, 4)):
    """(32, C / 8): what each thread has of the sums over units, halved by these masks."""
    sums, thread = products.sum(0), np.arange(32)
    part = sum((thread & mask > 0) * size for mask, size in zip(masks, (4, 2, 1), strict=True))
    width = sums.shape[1] // 8
    return sums[(thread & 3)[:, None], part[:, None] * width + np.arange(width)]


# ---- exercises ----------------------------------------------------------------------------


@cuda.jit
def warp_sum(a, out):
    thread = cuda.threadIdx.x
    value = a[thread]
    for distance in (16, 8, 4, 2, 1):
        value += cuda.shfl_xor_sync(ALL, value, distance)
    out[thread] = value


@task(
    "14.e1", "warp_sum",
    ours=warp_sum,
    stars=1, kind="kernel",
    hints=(
        "After an exchange with the neighbour 16 away, each thread has a sum of two. And after "
        "the next?",
        "Distances 16, 8, 4, 2, 1: each time the value and the partner's become one.",
        "value += cuda.shfl_xor_sync(ALL, value, distance)",
    ),
    given=("ALL",),
)  # fmt: skip
def a_sum_without_memory(warp_sum):
    for _ in range(2):
        a = floats(32)
        run = watch(warp_sum, 1, 32, a=a, out=zeros(32))
        no_race(run)
        right = np.full(32, a.sum(), np.float32)
        wrong = {
            "nothing is exchanged": a,
            "shfl_down_sync gives the sum to lane 0 alone; shfl_xor_sync to all": _summed_down(a),
        }
        same("out", run["out"], right, wrong, tolerance=1e-4)
    for k in range(32):
        readers = run.observed.readers_of(run.own_names["a"], k)
        expect(readers == {k}, f"a[{k}] is read by {len(readers)} threads; the task asks that only "
                               f"thread {k} reads it, and hands it on by shuffles.")  # fmt: skip
    counts = run.observed.counts
    expect(counts.barriers + counts.atomics == 0, f"{counts.barriers} barriers and "
           f"{counts.atomics} atomic additions: shuffles need neither.")  # fmt: skip
    expect(not _written(warp_sum, "shared"), "It uses shared memory; the task asks for shuffles.")
    no_doubles(warp_sum, a, right)


def _summed_down(a):
    """What shfl_down_sync leaves in each lane; one without a partner gets its own number back."""
    lane = np.arange(32)
    for distance in (16, 8, 4, 2, 1):
        a = a + a[np.where(lane + distance < 32, lane + distance, lane)]
    return a


def smallest_pad(width):
    return 1 - width % 2


@task(
    "14.e2", "smallest_pad",
    ours=smallest_pad,
    stars=2, kind="complete",
    hints=(
        "Row i begins at word i (width + pad). With which distances do 32 rows begin in 32 "
        "different banks?",
        "Distance 2 comes to banks 0, 2, ..., 30, 0, ...: half of them twice. Distance 3 visits "
        "all. What have the good ones in common?",
        "return 1 - width % 2",
    ),
)  # fmt: skip
def a_pad_without_conflict(smallest_pad):
    random = np.random.default_rng().integers(1, 300, 20).tolist()
    for width in (8, 16, 20, 32, 33, 64, 65, 100, *random):
        pad = smallest_pad(width)
        expect(isinstance(pad, int | np.integer) and pad >= 0,
               f"width {width}: the pad is {pad!r}; a whole number, please.")  # fmt: skip
        turns = bank_turns(np.arange(32) * (width + pad))
        expect(turns == 1, f"width {width}, pad {pad}: the read takes {turns} turns.")
        is_smallest = pad == 0 or bank_turns(np.arange(32) * (width + pad - 1)) > 1
        expect(is_smallest, f"width {width}: pad {pad} has no conflict, but {pad - 1} has none "
                            "either.")  # fmt: skip


def block_fits(P, q_threads, rest):
    threads = P * q_threads
    registers = 2 * 4 * P // q_threads + rest
    return threads <= 1024 and registers <= 255 and threads * registers <= 65_536


@task(
    "14.e3", "block_fits",
    ours=block_fits,
    stars=2, kind="complete",
    hints=(
        "How many threads has the block? How many numbers of W and dW does each of them keep?",
        "P q_threads threads. A unit has 4 P numbers of W and as many of dW: q_threads share them.",
        "registers = 2 * 4 * P // q_threads + rest; then three comparisons, joined by `and`",
    ),
)  # fmt: skip
def three_limits(block_fits):
    at_limits = [
        (32, 4, 98), (64, 4, 90), (128, 4, 90), (64, 2, 90), (128, 16, 10), (32, 2, 90),
        (64, 32, 10), (32, 64, 8), (64, 16, 32), (64, 16, 33), (32, 1, 0), (32, 2, 127),
        (32, 2, 128), (64, 4, 127), (64, 4, 128), (64, 4, 129),
    ]  # fmt: skip
    random = np.random.default_rng()
    for _ in range(60):
        P, q = int(random.choice((32, 64, 96, 128))), int(random.choice((1, 2, 4, 8, 16, 32)))
        at_limits.append((P, q, int(random.integers(0, 150))))
    for P, q_threads, rest in at_limits:
        threads, registers = P * q_threads, 8 * P // q_threads + rest
        broken = [words for words, is_broken in {
            f"{threads:,} threads": threads > MAX_THREADS,
            f"{registers} registers per thread": registers > MAX_REGISTERS,
            f"{threads * registers:,} registers in all": threads * registers > REGISTERS,
        }.items() if is_broken]  # fmt: skip
        got = block_fits(P, q_threads, rest)
        why = f"it has {' and '.join(broken)}" if broken else "no limit is broken"
        expect(got in (True, False) and bool(got) != bool(broken), f"P = {P}, {q_threads} threads "
               f"per unit, rest = {rest}: it says {got}, but {why}.")  # fmt: skip


@cuda.jit
def block_sum_in_few_barriers(a, out):
    of_warps = cuda.shared.array(8, float32)
    k = cuda.threadIdx.x
    value = a[k]
    for distance in (16, 8, 4, 2, 1):
        value += cuda.shfl_xor_sync(ALL, value, distance)
    if k & 31 == 0:
        of_warps[k >> 5] = value
    cuda.syncthreads()  # the sums of the eight warps are there
    value = of_warps[k & 7]
    for distance in (4, 2, 1):
        value += cuda.shfl_xor_sync(ALL, value, distance)
    if k == 0:
        out[0] = value


PAR = 1  # barriers of ours


@task(
    "14.e4", "block_sum_in_few_barriers",
    ours=block_sum_in_few_barriers,
    stars=3, kind="better",
    hints=(
        "The tree of lesson 13 needs a barrier per round. Which of its rounds stay inside a warp?",
        "Each warp adds up its 32 numbers by shuffles; its first lane leaves the sum in shared "
        "memory. One barrier. Then eight numbers are left, for the lanes of one warp.",
        "value = of_warps[k & 7], after the barrier; then shuffles with distances 4, 2, 1",
    ),
    given=("ALL",),
)  # fmt: skip
def few_barriers(block_sum):
    made = check_block_sum(block_sum).observed.counts.barriers
    words = f"Barriers: {made}. The aim is {PAR}; lesson 13's tree has 9."
    expect(made <= PAR, words)
    return words
