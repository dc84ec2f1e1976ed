"""Threads that wait for each other: blocks, warps and whole grids."""

import numpy as np
import pytest
from numba import float32, int32

from lstm_kernels.emulator import DivergentBarrier, LaunchError, UnsupportedCode, cuda

from .planted import grid_steps, sum_all, warp_exchange

ALL = 0xFFFFFFFF


def test_a_tree_of_sums():
    x, out = np.random.default_rng(0).normal(size=5 * 64), np.zeros(1)
    sum_all[5, 64](x, out)
    np.testing.assert_allclose(out[0], x.sum(), rtol=1e-12)


@cuda.jit(device=True)
def block_sum(part, value, scale=1.0):
    """A device function with barriers, in a loop."""
    t = cuda.threadIdx.x
    part[t] = value * scale
    cuda.syncthreads()
    step = cuda.blockDim.x // 2
    while step > 0:
        if t < step:
            part[t] += part[t + step]
        cuda.syncthreads()
        step //= 2
    total = part[0]
    cuda.syncthreads()
    return total


@cuda.jit
def two_sums(x, out):
    part = cuda.shared.array(0, float32)
    more = cuda.shared.array(0, float32)
    n = cuda.grid(1)
    first = block_sum(part, x[n])
    out[n] = block_sum(part, first + x[n], scale=2.0) + 0 * more[0]


def test_device_functions_with_barriers_and_dynamic_shared_memory():
    x, out = np.arange(32, dtype=np.float32), np.zeros(32, np.float32)
    two_sums[2, 16, 0, 64](x, out)
    sums = x.reshape(2, 16).sum(axis=1)
    np.testing.assert_allclose(out.reshape(2, 16), 2 * (17 * sums)[:, None] * np.ones(16))


@cuda.jit
def neighbours(x, steps):
    """Each step needs the whole step before it, over arrays in registers and shared memory."""
    now = cuda.shared.array(48, float32)
    past = cuda.local.array(8, float32)
    t = cuda.threadIdx.x
    now[t] = x[t]
    cuda.syncthreads()
    for step in range(steps):
        value = now[t] + now[(t + 1) % 48]
        past[step] = value
        cuda.syncthreads()
        now[t] = value / 2
        cuda.syncthreads()
    x[t] = now[t]
    for step in range(steps):
        x[t] += past[step]


def test_barriers_in_a_loop_keep_all_local_state():
    x = np.random.default_rng(0).normal(size=48).astype(np.float32)
    now, total = x.astype(np.float64), np.zeros(48)
    for _ in range(8):
        value = now + np.roll(now, -1)
        total += value
        now = value / 2
    neighbours[1, 48](x, 8)
    np.testing.assert_allclose(x, now + total, rtol=1e-5, atol=1e-5)


@cuda.jit
def warp_sums(x, out):
    value = x[cuda.grid(1)]
    for level in range(5):
        value += cuda.shfl_down_sync(ALL, value, 16 >> level)
    if cuda.laneid == 0:
        out[cuda.grid(1) // cuda.warpsize] = value


@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_shuffles_sum_a_warp(dtype):
    x, out = np.arange(128, dtype=dtype), np.zeros(4, dtype)
    warp_sums[2, 64](x, out)
    assert (out == x.reshape(4, 32).sum(axis=1)).all()


@cuda.jit
def all_shuffles(out):
    lane = cuda.laneid
    out[lane, 0] = cuda.shfl_sync(ALL, lane * 10, 3)
    out[lane, 1] = cuda.shfl_up_sync(ALL, lane, 2)
    out[lane, 2] = cuda.shfl_down_sync(ALL, lane, 2)
    out[lane, 3] = cuda.shfl_xor_sync(ALL, lane, 5)


def test_each_shuffle():
    out, lane = np.zeros((32, 4), np.int64), np.arange(32)
    all_shuffles[1, 32](out)
    assert (out[:, 0] == 30).all()
    assert (out[:, 1] == np.where(lane < 2, lane, lane - 2)).all()
    assert (out[:, 2] == np.where(lane > 29, lane, lane + 2)).all()
    assert (out[:, 3] == lane ^ 5).all()


@cuda.jit
def all_votes(x, out):
    n = cuda.grid(1)
    out[n, 0] = cuda.all_sync(ALL, x[n] > 0)
    out[n, 1] = cuda.any_sync(ALL, x[n] > 0)
    out[n, 2] = cuda.eq_sync(ALL, x[n] > 0)
    out[n, 3] = np.uint32(cuda.ballot_sync(ALL, x[n] > 0))  # an int32: lane 31 is its sign
    out[n, 4] = cuda.syncthreads_count(int32(x[n] > 0))
    out[n, 5] = cuda.syncthreads_and(int32(x[n] > 0))
    out[n, 6] = cuda.syncthreads_or(int32(x[n] > 0))


@pytest.mark.parametrize("positive", [0, 1, 20, 40])
def test_votes(positive):
    x, out = np.zeros(40), np.zeros((40, 7), np.int64)
    x[:positive] = 1
    all_votes[1, 40](x, out)
    for warp in (slice(0, 32), slice(32, 40)):
        votes = x[warp] > 0
        bits = sum(1 << lane for lane, vote in enumerate(votes) if vote)
        expected = [votes.all(), votes.any(), votes.all() or not votes.any(), bits]
        assert (out[warp, :4] == expected).all()
    assert (out[:, 4:] == [positive, positive == 40, positive > 0]).all()


@cuda.jit
def half_warps(out):
    lane = cuda.laneid
    if lane < 16:
        out[lane] = cuda.shfl_xor_sync(0x0000FFFF, lane, 1)
    else:
        out[lane] = cuda.shfl_xor_sync(0xFFFF0000, lane, 2)


def test_two_halves_of_a_warp_may_shuffle_on_their_own():
    out, lane = np.zeros(32, np.int64), np.arange(32)
    half_warps[1, 32](out)
    assert (out == np.where(lane < 16, lane ^ 1, lane ^ 2)).all()


def test_syncwarp():
    x, out = np.arange(64, dtype=np.float32), np.zeros(64, np.float32)
    warp_exchange[1, 64](x, out)
    assert (out.reshape(2, 32) == x.reshape(2, 32).sum(axis=1, keepdims=True)).all()


def test_grid_sync_over_many_blocks():
    x, y = np.arange(60.0), np.zeros(60)
    grid_steps[15, 4](x, y, 3)
    assert (x == np.roll(np.arange(60.0), -3) + 3).all()


def test_grid_sync_needs_all_blocks_on_the_card():
    with pytest.raises(LaunchError, match="641 blocks that wait for each other"):
        grid_steps[641, 64](np.zeros(3), np.zeros(3), 1)


@cuda.jit
def grid_with_shared(x):
    """256 bytes of shared memory, and as many more as the launch asks for."""
    fixed, more = cuda.shared.array(64, np.float32), cuda.shared.array(0, np.float32)
    fixed[0] = more[0] = cuda.blockIdx.x
    cuda.cg.this_grid().sync()
    x[cuda.blockIdx.x] = fixed[0] + more[0]


@pytest.mark.parametrize(("dynamic", "of_sm"), [(32 * 1024 - 256, 2), (32 * 1024, 1)])
def test_blocks_at_once_share_an_sms_memory(dynamic, of_sm):
    """64 KB an SM: two blocks of 32 KB, static and dynamic; with 256 bytes more, only one."""
    out, blocks = np.zeros(80), 40 * of_sm
    grid_with_shared[blocks, 1, 0, dynamic](out)
    assert (out[:blocks] == 2 * np.arange(blocks)).all() and not out[blocks:].any()
    message = f"{blocks + 1} blocks with {dynamic + 256} bytes of shared memory each that wait"
    with pytest.raises(LaunchError, match=message):
        grid_with_shared[blocks + 1, 1, 0, dynamic](out)


@cuda.jit
def some_wait(x, limit):
    if cuda.threadIdx.x < limit:
        cuda.syncthreads()
    x[cuda.threadIdx.x] = 1


@cuda.jit
def wait_in_two_places(x):
    if cuda.threadIdx.x % 2:
        cuda.syncthreads()
    else:
        cuda.syncthreads()
    x[cuda.threadIdx.x] = 1


@cuda.jit
def early_return(x):
    n = cuda.grid(1)
    if n >= x.shape[0]:
        return
    cuda.syncthreads()
    x[n] = 1


@cuda.jit
def some_blocks_wait(x):
    if cuda.blockIdx.x == 0:
        cuda.cg.this_grid().sync()
    x[0] = 1


@cuda.jit
def lanes_missing(x):
    if cuda.laneid < 8:
        x[0] = cuda.shfl_sync(ALL, 1, 0)
    else:
        cuda.syncthreads()


def test_a_barrier_that_all_reach_or_none():
    x = np.zeros(8)
    some_wait[1, 8](x, 8)
    some_wait[1, 8](x, 0)
    assert (x == 1).all()


def test_a_barrier_that_some_miss_names_two_threads():
    with pytest.raises(DivergentBarrier) as caught:
        some_wait[1, 8](np.zeros(8), 5)
    message = str(caught.value)
    assert "thread (0, 0, 0) of block (0, 0, 0) waits at a barrier (some_wait, line" in message
    assert "thread (5, 0, 0) of block (0, 0, 0) has left the kernel" in message


def test_other_ways_to_miss_a_barrier():
    with pytest.raises(DivergentBarrier, match="wait_in_two_places"):
        wait_in_two_places[1, 8](np.zeros(8))
    with pytest.raises(DivergentBarrier, match=r"thread \(2, 0, 0\) of block \(1, 0, 0\) has left"):
        early_return[2, 4](np.zeros(6))
    with pytest.raises(DivergentBarrier, match=r"of block \(1, 0, 0\) has left"):
        some_blocks_wait[2, 4](np.zeros(1))
    with pytest.raises(DivergentBarrier, match="shfl_sync"):
        lanes_missing[1, 32](np.zeros(1))


@cuda.jit
def reads_too_early(x, out):
    part = cuda.shared.array(4, float32)
    out[cuda.threadIdx.x] = part[3 - cuda.threadIdx.x]
    part[cuda.threadIdx.x] = x[cuda.threadIdx.x]


def test_shared_memory_starts_as_nan_in_each_block():
    out = np.zeros(4, np.float32)
    reads_too_early[2, 4](np.ones(4, np.float32), out)
    assert np.isnan(out[0])


@cuda.jit
def waits_under_condition(x):
    part = cuda.shared.array(4, float32)
    x[0] = block_sum(part, x[0]) if x[0] > 0 else 0.0


def test_a_waiting_device_function_under_a_condition_is_refused():
    with pytest.raises(UnsupportedCode, match="called under a condition"):
        waits_under_condition[1, 4](np.zeros(1))
