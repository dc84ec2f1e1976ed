"""Random kernels with barriers, shuffles, votes and atomics, beside a plain model of a block.

A program is a list of rows (operation, a, b, c). Each thread has four numbers r[0..3], each block
`s` (one number for each thread) and `bins` (eight, for atomics); the grid has eight numbers `g`.
Each operation is written once as lines of a kernel, and once as a function of the model, which lets
one thread after the other do it, in plain Python.

`interpreter` is one kernel that runs any program: it is compiled once. `compiled` writes a program
out as a kernel of its own.
"""

import linecache
import random

import numpy as np
from numba import int32

from lstm_kernels.emulator import cuda

WARP = 32
OPERATIONS = {}  # name: (lines of the kernel, model)


def operation(lines):
    """The model below does what these lines do in a kernel."""

    def keep(model):
        OPERATIONS[model.__name__] = lines.strip().splitlines(), model
        return model

    return keep


def wrapped(number):
    """As an int32 holds it."""
    return (number + 2**31) % 2**32 - 2**31


class Block:
    """What one block knows: `r` of each thread, `s`, `bins`, and the grid's `g`."""

    def __init__(self, rows, g):
        self.r, self.g = [list(row) for row in rows], g
        self.threads = range(len(rows))
        self.s, self.bins = [0] * len(rows), [0] * 8

    def warp(self, t):
        """The threads of t's warp."""
        return range(t // WARP * WARP, t // WARP * WARP + WARP)

    def each(self, a, value):
        """All threads compute before one of them stores."""
        new = [wrapped(value(t)) for t in self.threads]
        for t in self.threads:
            self.r[t][a] = new[t]


@operation("r[a] = r[b] * 3 + c + t")
def compute(block, a, b, c):
    block.each(a, lambda t: block.r[t][b] * 3 + c + t)


@operation("""
if r[a] & 1:
    r[b] += c
else:
    r[b] ^= r[a]
""")
def branch(block, a, b, c):
    block.each(b, lambda t: branched(block.r[t], a, b, c))


def branched(r, a, b, c):
    return r[b] + c if r[a] & 1 else r[b] ^ r[a]


@operation("""
cuda.syncthreads()
s[(t + c) % T] = r[a]
cuda.syncthreads()
r[b] += s[(t * 3 + c) % T]
cuda.syncthreads()
""")
def through_shared(block, a, b, c):
    T = len(block.threads)
    for t in block.threads:
        block.s[(t + c) % T] = block.r[t][a]
    block.each(b, lambda t: block.r[t][b] + block.s[(t * 3 + c) % T])


@operation("""
s[t] = r[a]
cuda.syncwarp()
r[b] += s[t ^ (c & 31)]
cuda.syncwarp()
""")
def through_warp(block, a, b, c):
    for t in block.threads:
        block.s[t] = block.r[t][a]
    block.each(b, lambda t: block.r[t][b] + block.s[t ^ (c & 31)])


@operation("r[a] = cuda.shfl_sync(FULL, r[b], (lane * 5 + c) & 31)")
def shuffle(block, a, b, c):
    block.each(a, lambda t: block.r[block.warp(t)[(t % WARP * 5 + c) & 31]][b])


@operation("r[a] += cuda.shfl_up_sync(FULL, r[b], c & 31)")
def up(block, a, b, c):
    delta = c & 31
    block.each(a, lambda t: block.r[t][a] + block.r[t - delta if t % WARP >= delta else t][b])


@operation("r[a] += cuda.shfl_down_sync(FULL, r[b], c & 31)")
def down(block, a, b, c):
    delta = c & 31
    block.each(a, lambda t: block.r[t][a] + block.r[t + delta if t % WARP + delta < WARP else t][b])


@operation("r[a] ^= cuda.shfl_xor_sync(HIGH if lane > 15 else LOW, r[b], c & 15)")
def of_half_a_warp(block, a, b, c):
    block.each(a, lambda t: block.r[t][a] ^ block.r[t ^ (c & 15)][b])


@operation("r[a] += cuda.ballot_sync(FULL, r[b] & 1)")
def ballot(block, a, b, c):
    block.each(
        a, lambda t: block.r[t][a] + sum((block.r[n][b] & 1) << n % WARP for n in block.warp(t))
    )


@operation("r[a] += 1 if cuda.any_sync(FULL, r[b] > c) else 2")
def any_of_warp(block, a, b, c):
    block.each(a, lambda t: block.r[t][a] + 2 - any(block.r[n][b] > c for n in block.warp(t)))


@operation("r[a] += 1 if cuda.all_sync(FULL, r[b] > c) else 2")
def all_of_warp(block, a, b, c):
    block.each(a, lambda t: block.r[t][a] + 2 - all(block.r[n][b] > c for n in block.warp(t)))


@operation("r[a] += cuda.syncthreads_count(r[b] & 2)")
def count(block, a, b, c):
    block.each(a, lambda t: block.r[t][a] + sum(r[b] & 2 != 0 for r in block.r))


@operation("r[a] ^= cuda.syncthreads_and(r[b] & 3) + 2 * cuda.syncthreads_or(r[b] & 4)")
def both(block, a, b, c):
    votes = all(r[b] & 3 for r in block.r) + 2 * any(r[b] & 4 for r in block.r)
    block.each(a, lambda t: block.r[t][a] ^ votes)


@operation("""
cuda.syncthreads()
cuda.atomic.add(bins, (r[a] + c) & 7, r[b])
cuda.syncthreads()
r[b] = bins[lane & 7]
cuda.syncthreads()
""")
def add_to_bins(block, a, b, c):
    for t in block.threads:
        place = (block.r[t][a] + c) & 7
        block.bins[place] = wrapped(block.bins[place] + block.r[t][b])
    block.each(b, lambda t: block.bins[t % WARP & 7])


@operation("""
cuda.syncthreads()
cuda.atomic.max(bins, c & 7, r[a])
cuda.atomic.min(bins, (c + 1) & 7, r[b])
cuda.syncthreads()
r[a] = bins[(t + c) & 7]
cuda.syncthreads()
""")
def largest_and_smallest(block, a, b, c):
    block.bins[c & 7] = max(block.bins[c & 7], *(r[a] for r in block.r))
    block.bins[(c + 1) & 7] = min(block.bins[(c + 1) & 7], *(r[b] for r in block.r))
    block.each(a, lambda t: block.bins[(t + c) & 7])


@operation("cuda.atomic.xor(g, (r[a] + c) & 7, r[b])")
def change_grid(block, a, b, c):
    for r in block.r:
        block.g[(r[a] + c) & 7] ^= r[b]


# ---- programs, and the two ways to run them ------------------------------------------------------

HEAD = """
def {name}(program, r_of_all, g):
    t, T = cuda.threadIdx.x, cuda.blockDim.x
    lane = t % 32
    n = cuda.grid(1)
    s = cuda.shared.array(96, int32)
    bins = cuda.shared.array(8, int32)
    r = cuda.local.array(4, int32)
    for k in range(4):
        r[k] = r_of_all[n, k]
    s[t] = 0
    if t < 8:
        bins[t] = 0
    cuda.syncthreads()
"""
TAIL = """
    for k in range(4):
        r_of_all[n, k] = r[k]
"""
NAMES = {"cuda": cuda, "int32": int32, "FULL": 0xFFFFFFFF, "LOW": 0xFFFF, "HIGH": 0xFFFF0000}


def kernel(name, body):
    """The kernel with these lines in its middle, and a source that can be found."""
    text = HEAD.format(name=name) + "".join(f"    {line}\n" for line in body) + TAIL
    file = f"<random kernel {name}>"
    linecache.cache[file] = len(text), None, text.splitlines(keepends=True), file
    namespace = dict(NAMES)
    exec(compile(text, file, "exec"), namespace)
    return cuda.jit(namespace[name])


def interpreter():
    """The kernel that reads its operations from a table."""
    body = ["for row in range(program.shape[0]):"]
    body += [f"    {name} = program[row, {n}]" for n, name in enumerate(("op", "a", "b", "c"))]
    for number, (lines, _) in enumerate(OPERATIONS.values()):
        body += [f"    if op == {number}:", *(f"        {line}" for line in lines)]
    return kernel("interpreter", body)


def compiled(program, name):
    """A kernel that does this program, and no other."""
    body = []
    for op, a, b, c in program.tolist():
        body += [f"a, b, c = {a}, {b}, {c}", *list(OPERATIONS.values())[op][0]]
    return kernel(name, body)


def random_program(seed, most=24):
    """Rows of (operation, a, b, c)."""
    rng = random.Random(seed)
    return np.array(
        [
            (
                rng.randrange(len(OPERATIONS)),
                rng.randrange(4),
                rng.randrange(4),
                rng.randrange(-9, 90),
            )
            for _ in range(rng.randint(1, most))
        ],
        np.int64,
    )


def random_launch(seed):
    """Blocks, threads of a block, and the numbers that all begin with."""
    rng = np.random.default_rng(seed)
    blocks, threads = int(rng.integers(1, 4)), WARP * int(rng.integers(1, 4))
    r = rng.integers(-(2**31), 2**31, (blocks * threads, 4)).astype(np.int32)
    return blocks, threads, r, rng.integers(-(2**31), 2**31, 8).astype(np.int32)


def expected(program, blocks, threads, r, g):
    """What the model makes of it: r and g afterwards."""
    g, models = g.tolist(), [model for _, model in OPERATIONS.values()]
    parts = [Block(r[n * threads : (n + 1) * threads].tolist(), g) for n in range(blocks)]
    for block in parts:
        for op, a, b, c in program.tolist():
            models[op](block, a, b, c)
    return np.array([row for block in parts for row in block.r]), np.array(g)


def differs(kernel, program, seed):
    """Does the kernel compute anything else than the model?"""
    blocks, threads, r, g = random_launch(seed)
    wanted_r, wanted_g = expected(program, blocks, threads, r, g)
    kernel[blocks, threads](program, r, g)
    return not (np.array_equal(r, wanted_r) and np.array_equal(g, wanted_g))
