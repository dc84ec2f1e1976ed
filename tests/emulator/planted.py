"""Small correct kernels that wait in a block, in a warp, in the whole grid.

test_barriers.py checks what they compute; test_data_races.py plants a data race in each: it takes
out one barrier after another, and makes atomic additions plain ones.
"""

from numba import float32, float64

from lstm_kernels.emulator import cuda
from tests.emulator.elsewhere import twice_rank


@cuda.jit
def sum_all(x, out):
    """A tree of sums in each block; the blocks add atomically.  64 threads a block."""
    part = cuda.shared.array(64, float64)
    t = cuda.threadIdx.x
    part[t] = x[cuda.grid(1)]
    cuda.syncthreads()
    step = 32
    while step > 0:
        if t < step:
            part[t] += part[t + step]
        cuda.syncthreads()
        step //= 2
    if t == 0:
        cuda.atomic.add(out, 0, part[0])


@cuda.jit
def warp_exchange(x, out):
    """Lanes swap in pairs through shared memory, then sum over their warp."""
    part = cuda.shared.array(64, float32)
    t = cuda.threadIdx.x
    part[t] = x[t]
    cuda.syncwarp()
    value = part[t ^ 1]
    for level in range(5):
        value += cuda.shfl_xor_sync(0xFFFFFFFF, value, 1 << level)
    out[t] = value


@cuda.jit
def grid_steps(x, y, steps):
    """Each step moves all values by one place and adds 1, over all blocks."""
    grid = cuda.cg.this_grid()
    n, N = cuda.grid(1), x.shape[0]
    for _ in range(steps):
        y[n] = x[(n + 1) % N]
        grid.sync()
        x[n] = y[n] + 1
        grid.sync()


@cuda.jit
def recurrent(W, h, steps):
    """One block for each sample, a thread for each unit: the pattern of an LSTM's forward pass."""
    state = cuda.shared.array(0, float32)
    n, j = cuda.blockIdx.x, cuda.threadIdx.x
    state[j] = h[n, j]
    cuda.syncthreads()
    for _ in range(steps):
        z = float32(0)
        for m in range(W.shape[1]):
            z += W[j, m] * state[m]
        cuda.syncthreads()
        state[j] = z
        cuda.syncthreads()
    h[n, j] = state[j] + twice_rank(z)
