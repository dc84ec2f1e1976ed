"""Small correct kernels that wait in a block, in a warp, in the whole grid.

test_barriers.py checks what they compute; test_races.py plants a race in each: it takes out one
barrier after another, and makes atomic additions plain ones.
"""

from numba import float32, float64

from lstm_kernels.emulator import cuda


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
