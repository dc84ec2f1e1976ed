"""Loops that wait for other threads, loops without end, and Ctrl-C."""

import os
import signal
import sys
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest
from numba import int32

from lstm_kernels.emulator import WaitsInVain, cuda, find_data_races, interrupt


@cuda.jit
def wait_for_the_last(flag, out):
    n = cuda.grid(1)
    if n == cuda.gridsize(1) - 1:
        cuda.atomic.exch(flag, 0, 1)
    while flag[0] == 0:
        pass
    out[n] = 1


@pytest.mark.parametrize("shape", [(1, 2), (1, 64), (8, 32)])
def test_a_flag_that_another_thread_sets(shape):
    flag, out = np.zeros(1, np.int32), np.zeros(shape[0] * shape[1])
    wait_for_the_last[shape](flag, out)
    assert out.all()


@cuda.jit
def add_with_a_lock(lock, total):
    while cuda.atomic.cas(lock, 0, 0, 1) != 0:
        pass
    total[0] += 1
    cuda.threadfence()
    cuda.atomic.exch(lock, 0, 0)


def test_a_lock():
    lock, total = np.zeros(1, np.int32), np.zeros(1, np.int64)
    add_with_a_lock[4, 64](lock, total)
    assert (total[0], lock[0]) == (256, 0)


@cuda.jit(device=True)
def wait(flag, value):
    while True:
        if flag[0] == value:
            break


@cuda.jit
def in_turn(flag, out):
    n = cuda.threadIdx.x
    wait(flag, cuda.blockDim.x - 1 - n)
    out[n] = flag[0]
    cuda.syncthreads()
    flag[0] = flag[0]


@cuda.jit
def pass_on(flag, out):
    """The last thread first: each waits for the one after it."""
    n = cuda.threadIdx.x
    wait(flag, cuda.blockDim.x - 1 - n)
    out[n] = flag[0]
    flag[0] += 1
    cuda.syncthreads()
    out[n] += 100 * flag[0]


def test_a_loop_in_a_device_function_and_a_barrier_after_it():
    flag, out = np.zeros(1, np.int32), np.zeros(40)
    pass_on[1, 40](flag, out)
    assert out.tolist() == [4000 + 39 - n for n in range(40)]


@cuda.jit
def nobody_sets_it(flag, out):
    n = cuda.grid(1)
    out[n] = 1
    while flag[0] == 0:
        pass
    out[n] = 2


@cuda.jit
def nobody_sets_it_counted(flag, out):
    tries = 0
    while flag[0] == 0:
        tries += 1
    out[cuda.grid(1)] = tries


@cuda.jit
def one_misses_the_barrier(flag, out):
    if cuda.threadIdx.x == 3:
        while flag[0] == 0:
            pass
    cuda.syncthreads()
    out[cuda.grid(1)] = 1


@pytest.mark.parametrize(
    ("kernel", "thread", "line"),
    [
        (nobody_sets_it, 0, 4),
        (nobody_sets_it_counted, 0, 3),
        (one_misses_the_barrier, 3, 3),
    ],
)
def test_threads_that_wait_in_vain_are_named(kernel, thread, line):
    started = time.perf_counter()
    with pytest.raises(WaitsInVain) as caught:
        kernel[2, 32](np.zeros(1, np.int32), np.zeros(64))
    assert time.perf_counter() - started < 30  # mostly to compile; found within some seconds
    line += kernel.py_func.__code__.co_firstlineno
    name = kernel.py_func.__name__
    assert f"thread ({thread}, 0, 0) of block (0, 0, 0) loops for ever" in str(caught.value)
    assert f"{name}, line {line}: while flag[0] == 0, in test_waiting.py" in str(caught.value)


def test_the_race_finder_sees_the_flag_as_a_race():
    races = find_data_races(wait_for_the_last, 1, 4, np.zeros(1, np.int32), np.zeros(4))
    assert [race.array for race in races] == ["flag"]


@cuda.jit
def first_above(x, limit, out):
    """A loop that reads memory and waits for nobody."""
    n = cuda.grid(1)
    k = n
    while x[k] <= limit:
        k = (k + 1) % x.shape[0]
    out[n] = k


def test_a_long_search_is_no_waiting():
    x, out = np.zeros(5000, np.int32), np.zeros(64, np.int32)
    x[4321] = 1
    first_above[2, 32](x, 0, out)
    assert (out == 4321).all()


@cuda.jit
def strided(x, out):
    n = cuda.grid(1)
    while n < x.shape[0]:
        out[n] = 2 * x[n]
        n += cuda.gridsize(1)


@cuda.jit(device=True)
def find(x, value):
    low, high = 0, x.shape[0]
    while low < high:
        middle = (low + high) // 2
        if x[middle] == value:
            return middle
        if x[middle] < value:
            low = middle + 1
        else:
            high = middle
    return -1


@cuda.jit
def finds(x, out):
    n = cuda.grid(1)
    out[n] = find(x, 2 * n) if n > 3 else 0


def test_loops_that_only_look_like_waiting_cost_nothing():
    x, out = np.arange(100.0), np.zeros(100)
    strided[2, 16](x, out)
    assert (out == 2 * x).all()
    assert not strided.build.waits
    found = np.zeros(10)
    finds[1, 10](2 * x, found)
    assert found.tolist() == [0] * 4 + [4, 5, 6, 7, 8, 9]
    assert not finds.build.waits


@cuda.jit
def until_done(flag, out):
    n = cuda.grid(1)
    if n == 3:
        flag[0] = 1
    done = False
    while not done:
        if flag[0] == 1:
            done = True
    seen = 0
    while seen == 0:
        seen = flag[0]
    out[n] = seen


def test_other_ways_to_write_a_loop_that_waits():
    flag, out = np.zeros(1, np.int32), np.zeros(4)
    until_done[1, 4](flag, out)
    assert out.tolist() == [1] * 4


# ---- Ctrl-C -------------------------------------------------------------------------------------


@cuda.jit
def endless(x):
    n = int32(0)
    while n >= 0:
        n = (n + 1) % 1000
    x[0] = n


@cuda.jit
def endless_in_turn(x):
    while True:
        cuda.syncthreads()
        x[cuda.threadIdx.x] += 1


@cuda.jit
def long_loops(x):
    n = cuda.grid(1)
    for i in range(1_000_000):
        for k in range(10_000):
            x[n] += i * k


@cuda.jit
def adds(x):
    x[cuda.grid(1)] += 1


@pytest.mark.skipif(sys.platform == "win32", reason="os.kill sends no Ctrl-C on Windows")
@pytest.mark.parametrize("kernel", [endless, endless_in_turn, nobody_sets_it_counted, long_loops])
@pytest.mark.parametrize("blocks", [1, 300])
def test_ctrl_c_ends_a_launch_within_two_seconds(kernel, blocks, ctrl_c):
    arrays = [np.zeros(1, np.int32)] if kernel is nobody_sets_it_counted else []
    arrays.append(np.zeros(40 * blocks))
    for _ in range(2):
        with pressing_ctrl_c(kernel) as pressed, pytest.raises(KeyboardInterrupt):
            kernel[blocks, 40](*arrays)
        assert time.perf_counter() - pressed[0] < 2
    y = np.zeros(4)
    adds[1, 4](y)
    assert y.tolist() == [1] * 4, "and the next launch works"


@contextmanager
def pressing_ctrl_c(kernel):
    """Press it a moment after the kernel runs; yields a list that will hold the moment."""
    pressed = []

    def press():
        while not (interrupt._under_way and kernel.build.launch.signatures):
            time.sleep(0.01)
        time.sleep(0.2)
        pressed.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press, daemon=True).start()
    yield pressed


@cuda.jit
def long_for_each_block(x, rounds):
    for _ in range(rounds):
        for k in range(1000):
            x[cuda.blockIdx.x] += k


@pytest.mark.skipif(sys.platform == "win32", reason="os.kill sends no Ctrl-C on Windows")
def test_ctrl_c_also_stops_all_cores(ctrl_c):
    x, launch = cuda.to_device(np.zeros(64)), long_for_each_block[64, 1]
    launch(x, 1)
    launch.seconds = 1.0  # long enough to be shared among the cores
    with pressing_ctrl_c(long_for_each_block) as pressed, pytest.raises(KeyboardInterrupt):
        launch(x, 10**9)
    assert time.perf_counter() - pressed[0] < 2
