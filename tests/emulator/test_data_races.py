"""The finder of data races: some are planted, and others come with mutants of correct kernels."""

import numpy as np
import pytest
from numba import float32

from lstm_kernels.emulator import DivergentBarrier, OutOfBounds, cuda, find_data_races
from lstm_kernels.emulator.data_races import ORDERS, run_in_order
from tests.emulator import planted
from tests.emulator.planted import grid_steps, recurrent, sum_all, warp_exchange
from tests.mutants import switch, with_plain_addition, with_switches, without_barrier


@cuda.jit
def lost_updates(x, total):
    n = cuda.grid(1)
    if n < x.size:
        total[0] += x[n]


def test_a_plain_sum_is_a_race_that_is_named():
    x, total = np.ones(8), np.zeros(1)
    (race,) = find_data_races(lost_updates, 1, 8, x, total)
    assert (race.array, race.index, race.memory) == ("total", (0,), "global")
    assert {race.first.thread, race.second.thread} == {(0, 0, 0), (1, 0, 0)}
    assert race.first.action == "reads and writes"
    text = str(race)
    assert text.startswith("race on total[0] (global memory): thread (0, 0, 0) of block (0, 0, 0)")
    assert "lost_updates, line" in text and "no barrier lies between" in text


def test_the_arguments_are_not_changed():
    x, total, on_device = np.ones(8), np.zeros(1), cuda.to_device(np.zeros(1))
    find_data_races(lost_updates, 1, 8, x, total)
    find_data_races(lost_updates, 1, 8, x, on_device)
    assert total[0] == 0
    assert on_device.copy_to_host()[0] == 0


def test_one_thread_has_no_race():
    assert find_data_races(lost_updates, 1, 1, np.ones(8), np.zeros(1)) == []


@cuda.jit
def gradient_of_samples(x, dW):
    """Each sample adds to the same gradient; threads are samples."""
    n = cuda.grid(1)
    for k in range(dW.shape[0]):
        for j in range(dW.shape[1]):
            dW[k, j] += x[n] * k


def test_two_samples_that_write_one_gradient():
    races = find_data_races(gradient_of_samples, 2, 1, np.ones(2), np.zeros((3, 2)))
    assert len(races) == 1
    assert races[0].array == "dW"
    assert {races[0].first.block, races[0].second.block} == {(0, 0, 0), (1, 0, 0)}
    assert "blocks run in any order" in str(races[0])
    assert races[0].count == 6


@cuda.jit
def reads_neighbour(x):
    n = cuda.grid(1)
    x[n] = x[(n + 1) % x.size]


@cuda.jit
def atomic_and_plain(x, out):
    cuda.atomic.add(x, 0, 1)
    out[cuda.grid(1)] = x[0]


@cuda.jit
def block_barrier_is_not_a_grid_barrier(x, out):
    n = cuda.grid(1)
    x[n] = n
    cuda.syncthreads()
    out[n] = x[(n + 1) % x.size]


@cuda.jit
def many_readers_one_late_writer(x, out):
    """Block 0 only reads; block 1 reads, waits, and writes: the two blocks race."""
    n = cuda.grid(1)
    out[n] = x[0]
    cuda.syncthreads()
    if n == 64:
        x[0] = 1


@pytest.mark.parametrize(
    ("kernel", "arguments"),
    [
        (reads_neighbour, 1),
        (atomic_and_plain, 2),
        (block_barrier_is_not_a_grid_barrier, 2),
        (many_readers_one_late_writer, 2),
    ],
)
def test_other_planted_races(kernel, arguments):
    races = find_data_races(kernel, 2, 64, *[np.zeros(128) for _ in range(arguments)])
    assert [race.array for race in races] == ["x"] * len(races)
    assert races


@cuda.jit
def shared_without_barrier(x):
    part = cuda.shared.array(64, float32)
    more = cuda.shared.array((2, 4), float32)
    t = cuda.threadIdx.x
    part[t] = x[t]
    more[1, t % 4] = 1
    x[t] = part[63 - t]


def test_shared_arrays_are_named():
    races = find_data_races(shared_without_barrier, 1, 64, np.zeros(64))
    assert {race.array for race in races} == {"part", "more"}
    assert {race.memory for race in races} == {"shared"}
    more = next(race for race in races if race.array == "more")
    assert more.index[0] == 1


# ---- the orders of threads and blocks -----------------------------------------------------------


@cuda.jit
def last_writer(block, thread):
    block[0] = cuda.blockIdx.x
    thread[0] = cuda.threadIdx.x


@cuda.jit
def last_writer_after_a_barrier(block, thread):
    cuda.syncthreads()
    block[0] = cuda.blockIdx.x
    thread[0] = cuda.threadIdx.x


@pytest.mark.parametrize("kernel", [last_writer, last_writer_after_a_barrier])
def test_each_order_turns_blocks_and_threads_alike(kernel):
    last = []
    for order in ORDERS:
        block, thread = run_in_order(kernel, 5, 7, np.zeros(1), np.zeros(1), order=order)
        last.append((block[0], thread[0]))
    assert last[:2] == [(4, 6), (0, 0)]
    assert last[2] not in last[:2]


# ---- correct kernels: silent; their mutants: caught ---------------------------------------------


@cuda.jit
def adds_to_a_weight(W, h):
    """Each thread reads a row of W, and adds to one number of it, atomically."""
    n, j = cuda.blockIdx.x, cuda.threadIdx.x
    z = float32(0)
    for m in range(W.shape[1]):
        z += W[j, m] * h[n, m]
    cuda.atomic.add(W, (0, 0), z)


def zeros(*shape):
    return np.zeros(shape, np.float32)


CORRECT = {
    "sum_all": (sum_all, 2, 64, (zeros(128), zeros(1)), 0),
    "recurrent": (recurrent, 3, 8, (zeros(8, 8), zeros(3, 8), 2), 32),
    "warp_exchange": (warp_exchange, 1, 64, (zeros(64), zeros(64)), 0),
    "grid_steps": (grid_steps, 3, 4, (zeros(12), zeros(12), 2), 0),
}


@pytest.mark.parametrize("name", CORRECT)
def test_correct_kernels_are_silent(name):
    kernel, grid, block, args, shared_bytes = CORRECT[name]
    assert find_data_races(kernel, grid, block, *args, shared_bytes=shared_bytes) == []


def test_an_atomic_update_of_what_others_read_is_a_race():
    races = find_data_races(adds_to_a_weight, 2, 8, zeros(8, 8), zeros(2, 8))
    assert {(race.array, race.index) for race in races} == {("W", (0, 0))}


@pytest.fixture(scope="module")
def mutants():
    """The correct kernels, each of whose barriers and atomic additions can be made wrong."""
    return with_switches(planted, lambda text: without_barrier(text) or with_plain_addition(text))


def is_caught(kernel, grid, block, args, shared_bytes, number):
    """A race, or a thread that misses a barrier or an array's end."""
    given = *args, switch(number)
    try:
        return bool(find_data_races(kernel, grid, block, *given, shared_bytes=shared_bytes))
    except (DivergentBarrier, OutOfBounds):
        return True


EXPECTED_MUTANTS = {"sum_all": 3, "recurrent": 3, "warp_exchange": 1, "grid_steps": 2}


@pytest.mark.parametrize("name", CORRECT)
def test_every_mutant_is_caught(name, mutants):
    _, grid, block, args, shared_bytes = CORRECT[name]
    changed, statements = mutants
    launch = getattr(changed, name), grid, block, args, shared_bytes
    numbers = [n for n, (function, _) in enumerate(statements) if function == name]
    assert len(numbers) == EXPECTED_MUTANTS[name]
    assert not is_caught(*launch, None)
    unseen = [statements[number] for number in numbers if not is_caught(*launch, number)]
    assert unseen == []
