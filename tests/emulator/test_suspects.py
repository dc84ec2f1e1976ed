"""What a card does without a word: reads of fresh memory, negative indices, absent lanes."""

import numpy as np
import pytest
from numba import float32, float64, int32

from lstm_kernels import init_params
from lstm_kernels.checks import find_suspects
from lstm_kernels.emulator import cuda, dispatcher
from lstm_kernels.versions import get_version


def told(kernel, grid, block, *args, **options):
    """(kind, array, index, thread's x, text of the place) of each suspect."""
    found = find_suspects(kernel, grid, block, *args, **options)
    return [(s.kind, s.array, s.index, s.thread[0], s.place.text) for s in found]


@cuda.jit
def shared_tail(x, size):
    part = cuda.shared.array(8, int32)
    t = cuda.threadIdx.x
    if t < size:
        part[t] = -1
    cuda.syncthreads()
    x[t] = part[7 - t]


def test_shared_memory_that_no_thread_of_the_block_has_written():
    """-1 has all bits one, as fresh memory has, and is no suspect where it was written."""
    assert told(shared_tail, 2, 8, np.zeros(8), 8) == []
    (suspect,) = find_suspects(shared_tail, 2, 8, np.zeros(8), 7)
    assert (suspect.kind, suspect.array, suspect.index) == ("never written", "part", (7,))
    assert (suspect.memory, suspect.count) == ("shared", 2)
    line = shared_tail.py_func.__code__.co_firstlineno + 7
    assert str(suspect) == (
        "read of part[7], which was never written (shared memory): "
        f"thread (0, 0, 0) of block (0, 0, 0) (shared_tail, line {line}: part[7 - t])"
    )


@cuda.jit
def local_sums(x, size):
    other = cuda.local.array(2, float64)
    sums = cuda.local.array(3, float32)
    t = cuda.grid(1)
    other[:] = 0
    for n in range(size):
        sums[n] = 0
    for n in range(3):
        sums[n] += x[t]
    x[t] = sums[2]


@pytest.mark.long
def test_local_memory_is_each_threads_own():
    assert told(local_sums, 1, 4, np.zeros(4), 3) == []
    (suspect,) = find_suspects(local_sums, 1, 4, np.zeros(4), 2)
    assert (suspect.array, suspect.index, suspect.memory) == ("sums", (2,), "local")
    assert suspect.count == 4


@cuda.jit
def add_to(y, x):
    n = cuda.grid(1)
    y[n] += x[n]


@cuda.jit
def ones(y):
    y[cuda.grid(1)] = 1


@pytest.mark.long
def test_a_device_array_that_nobody_has_filled():
    x = np.ones(4)
    fresh, filled = cuda.device_array(4), cuda.to_device(np.full(4, np.nan))
    assert told(add_to, 1, 4, fresh, x) == [("never written", "y", (0,), 0, "y[n]")]
    assert told(add_to, 1, 4, filled, x) == told(add_to, 1, 4, x, x) == []
    assert told(add_to, 1, 2, fresh[2:], fresh)[0][1:3] == ("y", (0,))
    assert told(add_to, 1, 4, cuda.Out(x), x) == [("never written", "y", (0,), 0, "y[n]")]
    ones[1, 2](fresh)
    fresh[2:].copy_to_device(np.zeros(2))
    assert told(add_to, 1, 4, fresh, x) == []
    fresh = cuda.device_array(4, np.int32)
    fresh.copy_to_device(np.full(4, -1, np.int32))
    assert told(add_to, 1, 4, fresh, x) == []


@cuda.jit
def neighbour(x, y):
    n = cuda.grid(1)
    y[n] = x[n, n - 1]


@pytest.mark.long
def test_a_negative_index():
    x, y = np.ones((3, 3)), np.zeros(3)
    assert told(neighbour, 1, 3, x, y) == [("negative index", "x", (0, 2), 0, "x[n, n - 1]")]


@cuda.jit
def row_before(x, y):
    n = cuda.grid(1)
    y[n] = x[n - 1][n]


@pytest.mark.long
def test_a_negative_index_of_a_row():
    x, y = np.ones((3, 3)), np.zeros(3)
    assert told(row_before, 1, 3, x, y) == [("negative index", "x", (2, 0), 0, "x[n - 1]")]


@cuda.jit
def shift(x, mask, delta):
    t = cuda.threadIdx.x
    if t >= x.size:
        return
    x[t] = cuda.shfl_down_sync(mask, x[t], delta)


@cuda.jit
def swap(x, mask):
    t = cuda.threadIdx.x
    if (mask >> t) & 1:
        x[t] = cuda.shfl_xor_sync(mask, x[t], 4)


@pytest.mark.long
def test_a_shuffle_that_reads_from_a_lane_that_takes_no_part():
    text = "cuda.shfl_down_sync(mask, x[t], delta)"
    assert told(shift, 1, 32, np.zeros(32), 0xFFFFFFFF, 1) == []  # lane 31 keeps its own
    # lane 20 has left the kernel; a block of 20 threads has no lane 20
    assert told(shift, 1, 32, np.zeros(20), 0xFFFFFFFF, 1) == [("absent lane", "", (20,), 19, text)]
    assert told(shift, 1, 20, np.zeros(20), 0xFFFFFFFF, 1) == [("absent lane", "", (20,), 19, text)]
    text = "cuda.shfl_xor_sync(mask, x[t], 4)"
    assert told(swap, 1, 32, np.zeros(32), 0xFF) == []
    assert told(swap, 1, 32, np.zeros(32), 0x0F) == [("absent lane", "", (4,), 0, text)]
    found = find_suspects(swap, 1, 32, np.zeros(32), 0x0F)
    assert str(found[0]).startswith(
        "a shuffle reads from lane 4, which takes no part in it: thread"
    )


@pytest.mark.long
@pytest.mark.parametrize("name", ["cuda_v2", "cuda_v3c", "cuda_v5"])
def test_the_courses_kernels_are_above_suspicion(name):
    """Each kernel that a version launches for its gradients."""
    found = []

    def look(launch, args):
        options = {"shared_bytes": launch.shared_bytes}
        found.append(find_suspects(launch.kernel, launch.grid, launch.block, *args, **options))

    params = init_params(1, 8, 1, dtype=np.float32)
    x, y = np.ones((4, 3, 1), np.float32), np.ones((4, 3, 1), np.float32)
    dispatcher.before_launch.append(look)
    try:
        get_version(name).gradients(params, x, y)
    finally:
        dispatcher.before_launch.remove(look)
    assert found and not any(found)
