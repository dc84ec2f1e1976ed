"""An order made by atomic operations: with cuda.threadfence() it is one, without it a race.

Two clean kernels, and mutants: a text of theirs is replaced by another.
"""

import linecache

import numpy as np
import pytest
from numba import float64, int32

from lstm_kernels.emulator import cuda, find_data_races
from lstm_kernels.emulator.clocks import MOST_THREADS

FENCE = "cuda.threadfence()"
LAST_BLOCK = """
def last_block(x, partial, count, out):
    last = cuda.shared.array(1, int32)
    part = cuda.shared.array(8, float64)
    t, b = cuda.threadIdx.x, cuda.blockIdx.x
    part[t] = x[cuda.grid(1)]
    cuda.syncthreads()
    if t == 0:
        partial[b] = part[0] + part[1]
        cuda.threadfence()
        last[0] = cuda.atomic.add(count, 0, 1) == cuda.gridDim.x - 1
    cuda.syncthreads()
    if last[0] and t == 1:
        for k in range(cuda.gridDim.x):
            out[0] += partial[k]
        count[0] = 0
"""
LOCK = """
def lock(x, locks, out):
    n = cuda.grid(1)
    while cuda.atomic.compare_and_swap(locks, 0, 1) != 0:
        pass
    cuda.threadfence()
    out[0] += x[n]
    cuda.threadfence()
    cuda.atomic.exch(locks, 0, 0)
"""
# name: what is replaced, by what, the arrays in a race, whether a fence is named as missing
LAST_BLOCKS = {
    "no fence": (FENCE, "pass", {"partial", "count"}, True),
    "a fence of the block": (FENCE, "cuda.threadfence_block()", {"partial"}, True),
    "a fence too early": (
        "partial[b] = part[0] + part[1]\n        cuda.threadfence()",
        "cuda.threadfence()\n        partial[b] = part[0] + part[1]",
        {"partial"},
        True,
    ),
    "two counters": ("(count, 0, 1)", "(count, b % 2, 3)", {"partial", "out", "count"}, False),
    "the first block": ("== cuda.gridDim.x - 1", "== 0", {"partial", "out", "count"}, False),
    "no barrier before the end": (
        "    cuda.syncthreads()\n    if last", "    if last",
        {"last", "partial", "count", "out"}, False,
    ),
}  # fmt: skip
KIND_LAST_BLOCKS = {
    "each thread has a fence": (
        f"        {FENCE}\n        last[0]",
        f"    {FENCE}\n    cuda.syncthreads()\n    if t == 0:\n        last[0]",
    ),
    "a fence behind it, too": ("    if last[0]", f"    {FENCE}\n    if last[0]"),
    "inc": ("cuda.atomic.add(count, 0, 1)", "cuda.atomic.inc(count, 0, cuda.gridDim.x)"),
    "system": (FENCE, "cuda.threadfence_system()"),
}
LOCKS = {
    "no fence": (FENCE, "pass", {"out"}, True),
    "no fence before it is opened": (f"{FENCE}\n    cuda.atomic.exch", "cuda.atomic.exch",
                                     {"out"}, True),
    "no lock": ("while cuda.atomic.compare_and_swap(locks, 0, 1) != 0", "while n < 0",
                {"out"}, False),
    "another lock": ("compare_and_swap(locks, 0, 1)", "cas(locks, n % 2, 0, 0)", {"out"}, False),
    "opened by a plain write": ("cuda.atomic.exch(locks, 0, 0)", "locks[0] = 0",
                                {"locks", "out"}, False),
}  # fmt: skip


def made(source):
    """The kernel of a text, whose source can be found."""
    file = f"<fences {abs(hash(source))}>"
    linecache.cache[file] = len(source), None, source.splitlines(keepends=True), file
    scope = {"cuda": cuda, "float64": float64, "int32": int32}
    exec(compile(source, file, "exec"), scope)
    return cuda.jit(scope[source.split()[1].split("(")[0]])


def mutant(source, old, new):
    assert old in source
    return made(source.replace(old, new))


def last_block_races(kernel, blocks=4, threads=8):
    arrays = np.ones(blocks * threads), np.zeros(blocks), np.zeros(2, np.uint32), np.zeros(1)
    return find_data_races(kernel, blocks, threads, *arrays)


def lock_races(kernel, blocks=3, threads=4):
    arrays = np.ones(blocks * threads), np.zeros(2, np.int32), np.zeros(1)
    return find_data_races(kernel, blocks, threads, *arrays)


def check(races, arrays, names_a_fence):
    assert {race.array for race in races} == arrays
    assert any("cuda.threadfence() is missing" in str(race) for race in races) == names_a_fence


def test_the_last_block_adds_up():
    """Clean with its fence, and the fence is named where it is missing."""
    assert last_block_races(made(LAST_BLOCK)) == []
    check(last_block_races(mutant(LAST_BLOCK, *LAST_BLOCKS["no fence"][:2])), {"partial", "count"},
          True)  # fmt: skip


def test_a_lock():
    assert lock_races(made(LOCK)) == []
    check(lock_races(mutant(LOCK, *LOCKS["no fence"][:2])), {"out"}, True)


@pytest.mark.long
@pytest.mark.parametrize("name", LAST_BLOCKS)
def test_mutants_of_the_last_block(name):
    old, new, arrays, names_a_fence = LAST_BLOCKS[name]
    check(last_block_races(mutant(LAST_BLOCK, old, new)), arrays, names_a_fence)


@pytest.mark.long
@pytest.mark.parametrize("name", KIND_LAST_BLOCKS)
def test_other_ways_to_write_it(name):
    assert last_block_races(mutant(LAST_BLOCK, *KIND_LAST_BLOCKS[name])) == []


@pytest.mark.long
@pytest.mark.parametrize("name", LOCKS)
def test_mutants_of_the_lock(name):
    old, new, arrays, names_a_fence = LOCKS[name]
    check(lock_races(mutant(LOCK, old, new)), arrays, names_a_fence)


GRID_BARRIER = """
def grid_barrier(x, y, count):
    n = cuda.grid(1)
    y[n] = x[n]
    cuda.syncthreads()
    if cuda.threadIdx.x == 0:
        cuda.threadfence()
        cuda.atomic.add(count, 0, 1)
        while cuda.atomic.add(count, 0, 0) < cuda.gridDim.x:
            pass
        cuda.threadfence()
    cuda.syncthreads()
    x[n] = y[(n + 1) % y.size]
"""


@pytest.mark.long
def test_a_barrier_of_the_grid_made_by_hand():
    """All that a block's threads know goes on through one of them."""
    arrays = np.ones(12), np.ones(12), np.zeros(1, np.int32)
    assert find_data_races(made(GRID_BARRIER), 3, 4, *arrays) == []
    check(find_data_races(mutant(GRID_BARRIER, FENCE, "pass"), 3, 4, *arrays), {"y"}, True)
    too_soon = mutant(GRID_BARRIER, "cuda.gridDim.x:", "cuda.gridDim.x - 1:")
    assert {race.array for race in find_data_races(too_soon, 3, 4, *arrays)} == {"y"}


@cuda.jit
def lock_of_a_block(total, out):
    """The lock and what it guards are shared memory; each block has its own."""
    lock = cuda.shared.array(1, int32)
    value = cuda.shared.array(1, float64)
    if cuda.threadIdx.x == 0:
        lock[0], value[0] = 0, 0.0
        if cuda.blockIdx.x == 1:
            total[0] += 1
    cuda.syncthreads()
    while cuda.atomic.cas(lock, 0, 0, 1) != 0:
        pass
    value[0] += 1
    total[1] += 1
    cuda.threadfence_block()
    cuda.atomic.exch(lock, 0, 0)
    cuda.syncthreads()
    out[cuda.grid(1)] = value[0]


@pytest.mark.long
def test_a_lock_in_shared_memory_orders_its_block_alone():
    out = cuda.to_device(np.zeros(16))
    assert find_data_races(lock_of_a_block, 1, 8, np.zeros(2), out) == []
    races = find_data_races(lock_of_a_block, 2, 8, np.zeros(2), out)
    assert {(race.array, race.index) for race in races} == {("total", (1,))}


@pytest.mark.long
def test_too_many_threads_are_told():
    """Where the clocks would be too large a race is told as one, with the limit."""
    kernel = made(LAST_BLOCK)
    races = last_block_races(kernel, blocks=MOST_THREADS // 8 + 1)
    assert {race.array for race in races} == {"partial", "count"}
    assert all(f"in grids of up to {MOST_THREADS} threads" in str(race) for race in races)
    assert last_block_races(kernel, blocks=MOST_THREADS // 8) == []
