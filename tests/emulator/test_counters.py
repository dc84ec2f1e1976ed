"""The counters against answers computed by hand: a warp is 32 lanes, a sector 32 bytes."""

import math

import numpy as np
import pytest
from numba import float32, float64

from lstm_kernels import checks
from lstm_kernels.emulator import ArgumentError, OutOfBounds, cuda
from lstm_kernels.lab.estimates.thread_layout import sectors

pytestmark = pytest.mark.long
F4, F8, U1 = np.float32, np.float64, np.uint8


@cuda.jit
def read(x, out, stride, offset):
    n = cuda.grid(1)
    out[n] = x[n * stride + offset]


def reads(dtype, stride, offset, block, grid=1):
    threads = grid * block
    x = np.zeros(threads * max(stride, 1) + offset, dtype)
    counted = checks.count(read, grid, block, x, np.zeros(threads, dtype), stride, offset)
    return counted.of("x", "loads")


@pytest.mark.parametrize(
    "dtype, stride, offset, block, wanted",
    [
        (F4, 1, 0, 32, 4),  # 128 bytes
        (F4, 2, 0, 32, 8),
        (F4, 4, 0, 32, 16),
        (F4, 8, 0, 32, 32),  # a sector for each lane
        (F4, 32, 0, 32, 32),
        (F4, 33, 0, 32, 32),
        (F4, 1, 1, 32, 5),  # bytes 4 to 131
        (F4, 1, 8, 32, 4),  # a whole sector further
        (F4, 0, 3, 32, 1),  # all lanes read one number
        (F4, 1, 0, 16, 2),  # half a warp
        (F4, 1, 0, 7, 1),  # 28 bytes
        (F8, 1, 0, 32, 8),
        (F8, 2, 0, 32, 16),
        (F8, 4, 0, 32, 32),
        (F8, 1, 1, 32, 9),  # bytes 8 to 263
        (U1, 1, 0, 32, 1),
        (U1, 32, 0, 32, 32),
    ],
)
def test_sectors_of_one_request(dtype, stride, offset, block, wanted):
    asked = reads(dtype, stride, offset, block)
    assert (asked.requests, asked.lanes, asked.sectors) == (1, block, wanted)
    size = np.dtype(dtype).itemsize
    assert (asked.bytes_asked, asked.bytes_moved) == (block * size, 32 * wanted)
    assert sectors(size * (offset + stride * np.arange(block))) == wanted, "thread_layout agrees"


def test_each_warp_of_each_block_makes_its_request():
    """Blocks of 48 threads: a whole warp, 128 bytes, and half of one, 64 bytes."""
    asked = reads(F4, 1, 0, 48, grid=2)
    assert (asked.requests, asked.lanes, asked.sectors) == (4, 96, 2 * (4 + 2))
    assert asked.sectors_per_request == 3


@cuda.jit
def read_plane(x, out):
    out[cuda.threadIdx.y, cuda.threadIdx.x] = x[cuda.threadIdx.y, cuda.threadIdx.x]


@cuda.jit
def read_column(x, out):
    out[cuda.threadIdx.x] = x[cuda.threadIdx.x, 1]


@cuda.jit
def read_box(x, out):
    k, j, i = cuda.threadIdx.z, cuda.threadIdx.y, cuda.threadIdx.x
    out[k, j, i] = x[k, j, i]


@pytest.mark.parametrize(
    "kernel, block, shape, wanted",
    [
        (read_plane, (8, 4), (4, 8), 4),  # 32 numbers side by side
        (read_plane, (8, 4), (4, 16), 4),  # each row of 8 fills a sector
        (read_plane, (8, 4), (4, 12), 6),  # rows begin at bytes 0, 48, 96, 144: 1 + 2 + 1 + 2
        (read_plane, (32, 2), (2, 32), 8),  # two warps
        (read_column, 32, (32, 9), 32),
        (read_box, (4, 4, 2), (2, 4, 4), 4),
    ],
)
def test_sectors_of_blocks_with_several_dimensions(kernel, block, shape, wanted):
    x = np.zeros(shape, F4)
    assert checks.count(kernel, 1, block, x, x.copy()).of("x", "loads").sectors == wanted


@cuda.jit
def swap(out, stride):
    part = cuda.shared.array(1100, float32)
    t = cuda.threadIdx.x
    part[t] = t
    cuda.syncthreads()
    out[t] = part[t * stride]


@cuda.jit
def swap_doubles(out, stride):
    part = cuda.shared.array(600, float64)
    t = cuda.threadIdx.x
    part[t] = t
    cuda.syncthreads()
    out[t] = part[t * stride]


@cuda.jit
def swap_dynamic(out, stride):
    part = cuda.shared.array(0, float32)
    t = cuda.threadIdx.x
    part[t] = t
    cuda.syncthreads()
    out[t] = part[t * stride]


@pytest.mark.parametrize(
    "kernel, stride, turns, conflicts",
    [
        (swap, 1, 1, 0),  # 32 banks
        (swap, 2, 2, 1),  # 16 banks, two words each
        (swap, 8, 8, 7),
        (swap, 32, 32, 31),  # one bank
        (swap, 33, 1, 0),
        (swap, 0, 1, 0),  # one word for all
        (swap_doubles, 1, 2, 0),  # half a warp in a turn: 16 x 2 words
        (swap_doubles, 2, 4, 2),
        (swap_dynamic, 1, 1, 0),
        (swap_dynamic, 32, 32, 31),
    ],
)
def test_turns_of_shared_memory(kernel, stride, turns, conflicts):
    shared_bytes = 4400 if kernel is swap_dynamic else 0
    counted = checks.count(kernel, 1, 32, np.zeros(32), stride, shared_bytes=shared_bytes)
    asked = counted.of("part", "loads")
    assert (asked.requests, asked.turns, asked.conflicts) == (1, turns, conflicts)
    assert (asked.sectors, asked.bytes_asked) == (0, 0), "they are global memory's"
    assert counted.barriers == 1


@cuda.jit
def transpose(x, out):
    tile = cuda.shared.array((32, 32), float32)
    i, j = cuda.threadIdx.x, cuda.threadIdx.y
    tile[j, i] = x[j, i]
    cuda.syncthreads()
    out[j, i] = tile[i, j]


@cuda.jit
def transpose_padded(x, out):
    tile = cuda.shared.array((32, 33), float32)
    i, j = cuda.threadIdx.x, cuda.threadIdx.y
    tile[j, i] = x[j, i]
    cuda.syncthreads()
    out[j, i] = tile[i, j]


@pytest.mark.parametrize("kernel, turns", [(transpose, 32), (transpose_padded, 1)])
def test_a_transposed_tile(kernel, turns):
    """32 warps, each with a row to write and a column to read."""
    x = np.zeros((32, 32), F4)
    counted = checks.count(kernel, 1, (32, 32), x, x.copy())
    assert counted.of("tile", "stores").turns == 32
    assert counted.of("tile", "loads").turns == 32 * turns
    assert counted.of("x").sectors == counted.of("out").sectors == 32 * 4


@cuda.jit
def add_up(x, bins):
    n = cuda.grid(1)
    cuda.atomic.add(bins, n % bins.size, x[n])


@pytest.mark.parametrize("bins, meeting, pieces", [(1, 32, 1), (4, 8, 1), (32, 1, 4)])
def test_atomics_that_meet(bins, meeting, pieces):
    counted = checks.count(add_up, 1, 32, np.zeros(32, F4), np.zeros(bins, F4))
    asked = counted.of("bins")
    assert asked == counted.of("bins", "atomics")
    assert (asked.requests, asked.lanes, asked.meeting, asked.sectors) == (1, 32, meeting, pieces)


@cuda.jit
def both_ways(x):
    n = cuda.grid(1)
    x[n] += float32(1)


def test_an_update_is_a_load_and_a_store():
    counted = checks.count(both_ways, 1, 32, np.zeros(32, F4))
    for way in ("loads", "stores"):
        assert (counted.of("x", way).requests, counted.of("x", way).sectors) == (1, 4)
    assert counted.total.requests == 2
    assert counted.operations.float32 == 32 and counted.operations.float64 == 0


# ---- ways and lanes -------------------------------------------------------------------------


@cuda.jit
def odd_ones(x):
    n = cuda.grid(1)
    if n % 2:
        x[n] = 1
    else:
        x[n] = 2


@cuda.jit
def second_warp(x):
    n = cuda.grid(1)
    if n // 32:
        x[n] = 1


@cuda.jit
def some_rounds(x):
    n = cuda.grid(1)
    for i in range(n % 4):
        x[n] = i


@cuda.jit
def until_done(x):
    n = cuda.grid(1)
    i = n % 2
    while i < 3:
        x[n] = i
        i += 1


@pytest.mark.parametrize(
    "kernel, looks, lanes, splits",
    [
        (odd_ones, 2, 64, 2),  # each of the two warps
        (second_warp, 2, 64, 0),  # each warp goes one way
        # 32 lanes look, 8 leave; 24, 8 leave; 16, 8 leave; 8 leave together; in each warp
        (some_rounds, 8, 2 * (32 + 24 + 16 + 8), 6),
        # three looks of all; the fourth: the odd ones have left after the third, and 16 look
        (until_done, 8, 2 * (32 + 32 + 32 + 16), 2),
    ],
)
def test_branches_that_split_a_warp(kernel, looks, lanes, splits):
    counted = checks.count(kernel, 1, 64, np.zeros(64, F4))
    (line,) = (one for one in counted.lines if one.text.startswith(("if", "for", "while")))
    assert (line.visits, line.lanes, line.splits) == (looks, lanes, splits)
    assert counted.splits == splits


@cuda.jit
def by_a_number(x):
    n = cuda.grid(1)
    if n & 2:
        x[n] = 1


def test_a_test_may_be_any_number():
    """n & 2 is 0 or 2: 16 of 32 lanes go in, in each warp."""
    counted = checks.count(by_a_number, 1, 64, np.zeros(64, F4))
    assert counted.splits == 2 and counted.of("x").lanes == 32


@cuda.jit
def lone_and_long(x):
    n = cuda.grid(1)
    if n % 32 == 5:
        for i in range(600):
            x[n] = i
            x[0] = x[n]
    x[1] = 1


def test_long_lists_of_few_lanes():
    """One lane of each warp goes on alone for 600 rounds; all write at the end."""
    counted = checks.count(lone_and_long, 2, 64, np.zeros(128, F4))
    warps = 4
    assert counted.of("x", "loads").requests == counted.of("x", "loads").lanes == 600 * warps
    assert counted.of("x", "stores").lanes == warps * (2 * 600 + 32)
    visits = {line.text: (line.visits, line.lanes) for line in counted.lines}
    assert visits["x[0] = x[n]"] == visits["x[n] = i"] == (600 * warps, 600 * warps)
    assert visits["for i in range(600):"] == (601 * warps, 601 * warps)
    assert visits["x[1] = 1"] == (warps, 32 * warps)


def test_each_way_has_its_lanes():
    """Of 32 lanes 16 write 1 and 16 write 2: requests of 16 lanes in each warp."""
    counted = checks.count(odd_ones, 1, 64, np.zeros(64, F4))
    asked = [line.asked for line in counted.lines if line.text.startswith("x[n]")]
    assert [(a.requests, a.lanes, a.sectors) for a in asked] == [(2, 32, 8), (2, 32, 8)]
    written = [line.lanes_per_visit for line in counted.lines if line.text.startswith("x[n]")]
    assert written == [16, 16]


@cuda.jit
def guarded(x):
    n = cuda.grid(1)
    if n < x.size:
        x[n] = 1


def test_idle_lanes_and_warps():
    """40 numbers, 3 blocks of 48 threads: warps of 32 and 16 lanes."""
    counted = checks.count(guarded, 3, 48, np.zeros(40, F4))
    assert counted.idle_lanes == 3 * 48 - 40
    assert counted.idle_warps == 4, "both of the second block, both of the third"
    assert counted.missing_lanes == 3 * 16
    assert counted.splits == 1, (
        "the first block's second warp: threads 32 to 39 go in, 40 to 47 not"
    )


@cuda.jit
def through_barriers(x):
    t = cuda.threadIdx.x
    for i in range(2):
        if t < 16 and i == 0:
            x[t] = 1
        cuda.syncthreads()
        x[t] = x[31 - t]
        cuda.syncthreads()


def test_lanes_meet_again_at_a_barrier():
    """Behind it, the second visit of some is the first of others: they ask together again."""
    counted = checks.count(through_barriers, 2, 32, np.zeros(32, F4))
    assert counted.barriers == 2 * 2 * 2
    (line,) = (one for one in counted.lines if "31" in one.text)
    assert (line.visits, line.lanes) == (4, 4 * 32)
    assert counted.of("x", "loads").requests == 4


# ---- operations -----------------------------------------------------------------------------


@cuda.jit
def singles(x):
    n = cuda.grid(1)
    x[n] = float32(2) * x[n] + float32(1)


@cuda.jit
def doubles(x):
    n = cuda.grid(1)
    x[n] = 2.0 * x[n] + 1.0


@cuda.jit
def functions(x):
    n = cuda.grid(1)
    x[n] = math.exp(-x[n]) + math.sqrt(x[n])


@pytest.mark.parametrize(
    "kernel, wanted",
    [(singles, (64, 0, 0, 0)), (doubles, (0, 64, 0, 0)), (functions, (32, 0, 64, 0))],
)
def test_operations_by_type(kernel, wanted):
    assert tuple(checks.count(kernel, 1, 32, np.ones(32, F4)).operations) == wanted


@cuda.jit(device=True)
def twice(x, n):
    return x[n] + x[n]


@cuda.jit
def by_a_function(x, out):
    n = cuda.grid(1)
    out[n] = twice(x, n)


def test_a_device_functions_lines_are_its_own():
    x = np.ones(32, F4)
    counted = checks.count(by_a_function, 1, 32, x, x.copy())
    (line,) = (one for one in counted.lines if one.function == "twice")
    assert line.text == "return x[n] + x[n]"
    assert [(a.array, a.way, a.asked.requests) for a in line.accesses] == 2 * [("x", "loads", 1)]
    assert line.operations.float32 == 32


@cuda.jit(device=True)
def thrice(x, n):
    return x[n] + twice(x, n)


@cuda.jit
def by_the_later_one_first(x, out):
    n = cuda.grid(1)
    out[n] = thrice(x, n) + twice(x, n)


def test_functions_come_in_the_order_of_the_source_not_of_the_calls():
    x = np.ones(32, F4)
    counted = checks.count(by_the_later_one_first, 1, 32, x, x.copy())
    names = list(dict.fromkeys(line.function for line in counted.lines))
    assert names == ["twice", "thrice", "by_the_later_one_first"]
    numbers = [line.number for line in counted.lines]
    assert numbers == sorted(numbers)


@cuda.jit
def locally(x):
    n = cuda.grid(1)
    own = cuda.local.array(4, float32)
    for i in range(4):
        own[i] = x[n]
    x[n] = own[3]


def test_local_arrays_are_told_apart():
    counted = checks.count(locally, 1, 32, np.ones(32, F4))
    kinds = {(a.array, a.memory, a.way): a.asked.requests for a in counted.accesses}
    assert kinds[("own", "local", "stores")] == 4 and kinds[("own", "local", "loads")] == 1
    assert counted.total.requests == 5, "four loads and a store of x"


# ---- around it ------------------------------------------------------------------------------


def test_the_same_on_every_run_and_the_arguments_stay():
    x, out = np.arange(32.0), np.zeros(32)
    one, two = (checks.count(read, 1, 32, x, out, 1, 0) for _ in range(2))
    assert one == two and not out.any()


def test_errors_are_a_launchs():
    with pytest.raises(OutOfBounds, match=r"x\[32\] is outside x"):
        checks.count(both_ways, 1, 33, np.zeros(32, F4))
    with pytest.raises(ArgumentError, match="count takes a kernel, not a function"):
        checks.count(lambda x: x, 1, 1, np.zeros(1))
    counted = checks.count(both_ways, 1, 32, np.zeros(32, F4))
    with pytest.raises(ArgumentError, match="no access to y; there are accesses to x"):
        counted.of("y")


def test_too_many_steps_are_refused_in_words(monkeypatch):
    from lstm_kernels.emulator import counters

    monkeypatch.setattr(counters, "MAX_BYTES", 32 * 8 * 5)
    with pytest.raises(ArgumentError, match="takes 8 steps; .* room for 5 each: count a smaller"):
        checks.count(some_rounds, 1, 32, np.zeros(32, F4))


def test_too_many_places_are_refused_in_words(monkeypatch):
    from lstm_kernels.emulator import counting

    monkeypatch.setattr(counting, "MOST_SITES", 2)
    with pytest.raises(ArgumentError, match="has 3 places to count, the limit is 2: count a part"):
        checks.count(both_ways, 1, 32, np.zeros(32, F4))
