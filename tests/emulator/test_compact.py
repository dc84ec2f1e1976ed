"""Arrays in one word: kernels with barriers use them like any others."""

import numba
import numpy as np
import pytest

from lstm_kernels.emulator import OutOfBounds, cuda, find_data_races

THREADS = 4


@cuda.jit(device=True)
def total(row):
    result = row.dtype.type(0)
    for value in row:
        result += value
    return result


@cuda.jit
def every_way(x, pair, factor, y):
    """Reads and writes by element, row, slice, iteration, and through a device function."""
    left, right = pair
    shared = cuda.shared.array((THREADS, 3), numba.float64)
    t = cuda.threadIdx.x
    for m in range(len(x[t])):
        shared[t, m] = x[t, m] * factor
    cuda.syncthreads()
    other = shared[(t + 1) % x.shape[0]]
    y[t, 0] = total(other) + total(x[-1])
    y[t, 1:3] = other[1]
    y[t][3] = left[t] - right[-1 - t]
    cuda.syncthreads()
    y[t, 4] = x.size + x.ndim + len(x) + shared.shape[1]


@pytest.mark.parametrize("layout", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_all_uses_of_an_array(layout, dtype):
    rng = np.random.default_rng(0)
    x = np.asarray(rng.normal(size=(THREADS, 3)), dtype, order=layout)
    left, right = rng.normal(size=(2, THREADS)).astype(dtype)
    y = np.zeros((THREADS, 5), dtype, order=layout)
    every_way[1, THREADS](x, (left, right), 2.0, y)
    other = np.roll(2.0 * x.astype(float), -1, axis=0)
    expected = np.empty((THREADS, 5))
    expected[:, 0] = other.sum(axis=1) + x[-1].sum()
    expected[:, 1:3] = other[:, 1:2]
    expected[:, 3] = left - right[::-1]
    expected[:, 4] = x.size + x.ndim + len(x) + 3
    assert np.allclose(y, expected, rtol=0, atol=1e-6)


def test_elements_that_are_not_one_number():
    @cuda.jit
    def turn(z, flags, points):
        t = cuda.threadIdx.x
        cuda.syncthreads()
        z[t] = z[t] * 1j
        flags[t] = not flags[t]
        points[t].x += t

    z, flags = np.array([1 + 2j, 3 - 1j]), np.array([True, False])
    points = np.zeros(2, [("x", np.float32), ("y", np.int64)])
    turn[1, 2](z, flags, points)
    assert z.tolist() == [-2 + 1j, 1 + 3j]
    assert flags.tolist() == [False, True]
    assert points["x"].tolist() == [0, 1]


@cuda.jit
def chosen(x, rows, which, y):
    """A name that stands for arrays of different kinds."""
    small, large = cuda.shared.array(2, numba.float32), cuda.shared.array(8, numba.float32)
    t = cuda.threadIdx.x
    small[t], large[t] = 1, 2
    cuda.syncthreads()
    buffer = small if which > 0 else large
    source = x if which > 0 else rows[1]
    cuda.syncthreads()
    y[t] = 100 * buffer.shape[0] + 10 * buffer[1 - t] + source[t]


@pytest.mark.parametrize("which, expected", [(1, [213, 214]), (0, [827, 828])])
def test_a_name_for_different_arrays(which, expected):
    x, rows, y = np.array([3.0, 4]), np.array([[5.0, 6], [7, 8]]), np.zeros(2)
    chosen[1, 2](x, rows, which, y)
    assert y.tolist() == expected


def test_an_index_outside_is_still_named():
    @cuda.jit
    def outside(x):
        part = cuda.shared.array((2, 3), numba.float32)
        t = cuda.threadIdx.x
        part[t, t] = x[t]
        cuda.syncthreads()
        x[t] = part[t, t + 2]

    with pytest.raises(
        OutOfBounds, match=r"part\[1, 3\] is outside part, .* \(2, 3\): thread \(1,"
    ):
        outside[1, 2](np.ones(2))


@cuda.jit(device=True)
def halved(value, steps):
    while steps > 0:
        value = value / 2 + cuda.shfl_xor_sync(0xFFFFFFFF, value, 1) / 2
        steps -= 1
    return value


def test_a_function_with_a_barrier_may_change_its_parameters():
    @cuda.jit
    def kernel(x):
        t = cuda.threadIdx.x
        mine, steps = x[t], 1
        mean = halved(mine, steps)
        x[t] = 100 * steps + 10 * mean + mine

    x = np.array([1.0, 3.0])
    kernel[1, 2](x)
    assert x.tolist() == [121, 123]


def test_a_paused_thread_keeps_addresses_not_arrays():
    every_way[1, THREADS](np.ones((THREADS, 3)), (np.ones(4), np.ones(4)), 2.0, np.ones((4, 5)))
    launch = every_way.build.launch
    numba.njit(error_model="numpy")(launch.py_func).compile(launch.signatures[0])  # not from cache
    thread, x, _, factor, y = launch.py_func.__globals__["every_way"].signatures[0]
    assert [str(kind).split("(")[0] for kind in (thread, x, y)] == ["Held", "Held", "Held"]
    assert factor == numba.float64


FACTOR = 2.0


@cuda.jit(device=True)
def scaled_later(x):
    cuda.syncthreads()
    return x * FACTOR + max(x, 0.0)


@pytest.mark.parametrize("tracing", [False, True])
def test_a_function_with_a_barrier_sees_its_own_globals(tracing):
    """... and not the variables of its caller that have the same names."""

    @cuda.jit
    def with_locals(x):
        t = cuda.threadIdx.x
        FACTOR, max = 5.0, 7.0
        x[t] = scaled_later(x[t]) + FACTOR + max

    @cuda.jit
    def with_arguments(x, FACTOR, max):
        t = cuda.threadIdx.x
        x[t] = scaled_later(x[t]) + FACTOR + max

    @cuda.jit(device=True)
    def between(x, FACTOR):
        return scaled_later(x) + FACTOR

    @cuda.jit
    def through_another(x, FACTOR, max):
        t = cuda.threadIdx.x
        x[t] = between(FACTOR=FACTOR, x=x[t]) + max

    for kernel, others in (
        (with_locals, ()),
        (with_arguments, (5.0, 7.0)),
        (through_another, (5.0, 7.0)),
    ):
        x = np.ones(2)
        if tracing:
            assert find_data_races(kernel, 1, 2, x, *others) == []
        kernel[1, 2](x, *others)
        assert x.tolist() == [15, 15]


def test_the_proof_about_blocks_names_arguments_as_the_caller_does():
    @cuda.jit
    def kernel(FACTOR, y):
        n = cuda.grid(1)
        FACTOR[n] = scaled_later(y[n])

    kernel[2, 2](np.ones(4), np.ones(4))
    assert kernel.build.written_apart == {"FACTOR"}
