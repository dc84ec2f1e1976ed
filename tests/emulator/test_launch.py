"""Indices, arguments, limits: the launch itself."""

import numpy as np
import pytest
from numba import float32, int32

from lstm_kernels.emulator import ArgumentError, LaunchError, OutOfBounds, UnsupportedCode, cuda

from . import elsewhere


@cuda.jit
def where_am_i(out):
    x, y, z = cuda.grid(3)
    w, h, _ = cuda.gridsize(3)
    out[x, y, z, 0] = x + w * (y + h * z)
    out[x, y, z, 1] = cuda.threadIdx.x + 100 * cuda.threadIdx.y + 10000 * cuda.threadIdx.z
    out[x, y, z, 2] = cuda.blockIdx.x + 100 * cuda.blockIdx.y + 10000 * cuda.blockIdx.z
    out[x, y, z, 3] = cuda.blockDim.x + 100 * cuda.gridDim.y
    out[x, y, z, 4] = cuda.laneid


def test_indices_in_three_dimensions():
    grid, block = (2, 3, 2), (4, 3, 5)
    out = np.zeros((8, 9, 10, 5), np.int64)
    where_am_i[grid, block](out)
    x, y, z = np.meshgrid(range(8), range(9), range(10), indexing="ij")
    assert (out[..., 0] == x + 8 * (y + 9 * z)).all()
    assert (out[..., 1] == x % 4 + 100 * (y % 3) + 10000 * (z % 5)).all()
    assert (out[..., 2] == x // 4 + 100 * (y // 3) + 10000 * (z // 5)).all()
    assert (out[..., 3] == 4 + 100 * 3).all()
    assert (out[..., 4] == (x % 4 + 4 * (y % 3 + 3 * (z % 5))) % 32).all()


@cuda.jit
def scale(a, x, y):
    n = cuda.grid(1)
    if n < x.shape[0]:
        y[n] = a * x[n]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_arguments_of_several_types(dtype):
    x, y = np.arange(70, dtype=dtype), np.zeros(70, dtype)
    scale[3, 32](dtype(2), x, y)
    assert (y == 2 * x).all()


def test_the_same_launch_object_is_kept_and_forall_covers_all():
    assert scale[2, 32] is scale[2, 32]
    x, y = np.ones(1000), np.zeros(1000)
    scale.forall(1000)(2.0, x, y)
    assert y.sum() == 2000


@cuda.jit
def sum_of_tuple(pair, out):
    out[0] = pair[0][1] + pair[1][2]


def test_a_tuple_of_arrays():
    out = np.zeros(1)
    sum_of_tuple[1, 1]((np.arange(3.0), np.arange(3.0)), out)
    assert out[0] == 3


@pytest.mark.parametrize(
    ("grid", "block", "message"),
    [
        (1, 1025, "1025 threads"),
        (1, (32, 33), "1056 threads in a block"),
        (1, (1, 1, 65), "65 threads of a block along Z"),
        ((1, 65536), 1, "65536 blocks of a grid along Y"),
        (0, 32, "grid holds 0"),
        (1, 0, "block holds 0"),
        (1, -3, "block holds -3"),
        (1.5, 32, "whole numbers, not 1.5"),
        ((1, 1, 1, 1), 32, "4 dimensions"),
    ],
)
def test_shapes_that_no_card_launches(grid, block, message):
    with pytest.raises(LaunchError, match=message):
        scale[grid, block]


def test_a_launch_without_threads_is_refused():
    with pytest.raises(LaunchError, match="both are needed"):
        scale[1]
    with pytest.raises(LaunchError, match=r"scale\[blocks, threads\]"):
        scale(1.0, np.ones(1), np.ones(1))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1.0], "argument x is a list"),
        ("text", "argument x is a str"),
        (None, "argument x is a NoneType"),
        (np.array(["a"]), "dtype <U1"),
        (np.array([None]), "dtype object"),
    ],
)
def test_arguments_that_no_kernel_takes(value, message):
    with pytest.raises(TypeError, match=message):
        scale[1, 1](1.0, value, np.ones(3))


def test_the_number_of_arguments():
    with pytest.raises(ArgumentError, match=r"takes 3 arguments \(a, x, y\), not 2"):
        scale[1, 1](1.0, np.ones(3))


@cuda.jit
def off_by_one(x, rows):
    n = cuda.grid(1)
    rows[0, n] = 1
    x[n + 1, 2] += 1


def test_out_of_bounds_names_array_index_and_thread():
    with pytest.raises(OutOfBounds) as caught:
        off_by_one[2, 4](np.zeros((8, 3)), np.zeros((1, 8)))
    message = str(caught.value)
    assert "x[8, 2] is outside x, whose shape is (8, 3)" in message
    assert "thread (3, 0, 0) of block (1, 0, 0) in off_by_one, line" in message
    assert isinstance(caught.value, IndexError)


@cuda.jit
def from_the_end(x):
    x[-1] = 7
    x[-3] = 5


def test_negative_indices_count_from_the_end_and_are_checked():
    x = np.zeros(3)
    from_the_end[1, 1](x)
    assert x.tolist() == [5, 0, 7]
    with pytest.raises(OutOfBounds, match=r"x\[-3\] is outside x"):
        from_the_end[1, 1](np.zeros(2))


@cuda.jit
def atomic_outside(x):
    cuda.atomic.add(x, cuda.grid(1), 1)


@cuda.jit
def row_outside(x, out):
    row = x[cuda.grid(1), :]
    out[0] = row[0]


def test_atomics_and_slices_are_checked_too():
    with pytest.raises(OutOfBounds, match=r"x\[4\] is outside x"):
        atomic_outside[1, 5](np.zeros(4))
    with pytest.raises(OutOfBounds, match="x.* is outside x"):
        row_outside[1, 5](np.zeros((4, 2)), np.zeros(1))


@cuda.jit
def every_atomic(x, y, old):
    old[0] = cuda.atomic.add(x, 0, 2)
    old[1] = cuda.atomic.sub(x, 1, 2)
    old[2] = cuda.atomic.max(x, 2, 50)
    old[3] = cuda.atomic.min(x, 3, -5)
    old[4] = cuda.atomic.exch(x, 4, 9)
    old[5] = cuda.atomic.cas(x, 5, 5, 77)
    old[6] = cuda.atomic.cas(x, 6, 0, 77)
    old[7] = cuda.atomic.and_(x, 7, 3)
    old[8] = cuda.atomic.or_(x, 8, 3)
    old[9] = cuda.atomic.xor(x, 9, 3)
    old[10] = cuda.atomic.inc(y, 10, 10)  # on the card, of numbers without a sign only
    old[11] = cuda.atomic.dec(y, 11, 5)


def test_atomics_return_the_old_value():
    x, old = np.arange(12, dtype=np.int32), np.zeros(12, np.int32)
    y = np.arange(12, dtype=np.uint32)
    every_atomic[1, 1](x, y, old)
    x[10:] = y[10:]
    assert (old == np.arange(12)).all()
    assert x.tolist() == [2, -1, 50, -5, 9, 77, 6, 7 & 3, 8 | 3, 9 ^ 3, 0, 5]


@cuda.jit
def histogram(x, counts):
    n = cuda.grid(1)
    if n < x.size:
        cuda.atomic.add(counts, (0, x[n]), 1)


def test_atomics_over_many_blocks():
    x = np.random.default_rng(0).integers(0, 10, 1000)
    counts = np.zeros((1, 10), np.int32)
    histogram[8, 128](x, counts)
    assert (counts[0] == np.bincount(x, minlength=10)).all()


WIDTH = 4


@cuda.jit
def with_arrays(x, out):
    mine = cuda.local.array((2, WIDTH), float32)
    ours = cuda.shared.array(shape=WIDTH, dtype=int32)
    n = cuda.grid(1)
    for k in range(WIDTH):
        mine[0, k] = x[n] * k
    ours[n % WIDTH] = n
    out[n, 0] = mine[0, WIDTH - 1]
    out[n, 1] = mine[1, 0]


def test_local_arrays_start_as_nan():
    out = np.zeros((4, 2), np.float32)
    with_arrays[2, 2](np.arange(4, dtype=np.float32), out)
    assert out[:, 0].tolist() == [0, 3, 6, 9]
    assert np.isnan(out[:, 1]).all()


@cuda.jit
def too_much_shared(out):
    big = cuda.shared.array(49153, np.int8)
    big[0] = 1
    out[0] = big[0]


@cuda.jit
def dynamic_shared(out):
    part = cuda.shared.array(0, np.float32)
    out[0] = part.shape[0]


def test_shared_memory_has_limits():
    with pytest.raises(
        LaunchError, match="49153 bytes of static shared memory: the limit is 49152"
    ):
        too_much_shared[1, 1](np.zeros(1))
    out = np.zeros(1)
    dynamic_shared[1, 1, 0, 65536](out)
    assert out[0] == 16384
    with pytest.raises(LaunchError, match="65540 bytes of shared memory"):
        dynamic_shared[1, 1, 0, 65540](out)


@cuda.jit
def calls_elsewhere(x, out):
    n = cuda.grid(1)
    out[n] = elsewhere.twice_rank(x[n]) + elsewhere.OFFSET


def test_device_functions_and_constants_of_another_module():
    out = np.zeros(4)
    calls_elsewhere[2, 2](np.ones(4), out)
    assert out.tolist() == [110, 112, 110, 112]


def kernel_for(size):
    """A closure: `size` is a constant of the kernel."""

    @cuda.jit
    def fill(out):
        mine = cuda.local.array(size, float32)
        for k in range(size):
            mine[k] = k
        out[0] = mine[size - 1]

    return fill


def test_closures_are_constants():
    small, large, out = kernel_for(3), kernel_for(30), np.zeros(1)
    small[1, 1](out)
    assert out[0] == 2
    large[1, 1](out)
    assert out[0] == 29


def test_results_repeat_to_the_last_bit():
    x = np.random.default_rng(0).normal(size=1000).astype(np.float32)

    def total():
        out = np.zeros(1, np.float32)
        sum_atomically[8, 128](x, out)
        return out[0]

    assert total() == total()


@cuda.jit
def sum_atomically(x, out):
    n = cuda.grid(1)
    if n < x.size:
        cuda.atomic.add(out, 0, x[n])


@cuda.jit
def small_functions(x, out):
    out[0] = cuda.fma(2.0, 3.0, 4.0)
    out[1] = cuda.selp(x[0] > 0, 1.0, 2.0)
    out[2] = cuda.popc(x[1])
    out[3] = cuda.clz(x[1])
    out[4] = cuda.ffs(x[1])
    out[5] = cuda.brev(x[1])
    out[6] = cuda.cbrt(27.0)
    cuda.threadfence()


def test_small_functions():
    out = np.zeros(7)
    small_functions[1, 1](np.array([1, 0b1100], np.uint32), out)
    assert out.tolist() == [10, 1, 2, 28, 3, 0b0011 << 28, 3]


@cuda.jit
def sizes_of_dynamic(out):
    whole, bytes_ = cuda.shared.array(0, int32), cuda.shared.array(0, np.int8)
    out[0], out[1] = whole.shape[0], bytes_.size
    whole[-1] = 7
    out[2] = whole[5]


@pytest.mark.parametrize(("nbytes", "sizes"), [(24, [6, 24, 7]), (27, [6, 27, 7])])
def test_dynamic_shared_memory_has_its_size_to_the_byte(nbytes, sizes):
    out = np.zeros(3)
    sizes_of_dynamic[1, 1, 0, nbytes](out)
    assert out.tolist() == sizes


@cuda.jit
def beyond_dynamic(out):
    part = cuda.shared.array(0, int32)
    part[7] = 1


def test_an_index_beyond_dynamic_shared_memory():
    with pytest.raises(OutOfBounds, match=r"part\[7\] is outside part, whose shape is \(6\)"):
        beyond_dynamic[1, 1, 0, 24](np.zeros(1))


@cuda.jit
def all_lanes(out):
    lanes = cuda.activemask()
    if cuda.laneid < 3:
        out[cuda.laneid] = lanes


@cuda.jit
def lanes_in_a_branch(out):
    if cuda.laneid < 3:
        out[cuda.laneid] = cuda.activemask()


def test_which_lanes_run_together_is_known_before_any_branch():
    out = np.zeros(3, np.int64)
    all_lanes[1, 40](out)
    assert out.tolist() == [0xFF] * 3  # of the second warp, which has 8 threads
    with pytest.raises(UnsupportedCode, match="call it before any branch, loop or return"):
        lanes_in_a_branch[1, 32](out)
