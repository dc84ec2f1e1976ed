"""Typical wrong answers to the tasks of lesson 16, and a part of what the judge says."""

SYNC = "\n        cuda.cg.this_grid().sync()  # all of h[t + 1] is there"
WRITE = "\n        h[t + 1, j] = math.tanh(total)"
BY_ONE_THREAD = """\
@cuda.jit
def all_steps(W, h):
    if cuda.grid(1) == 0:
        for t in range(h.shape[0] - 1):
            for j in range(W.shape[0]):
                total = float32(0)
                for k in range(W.shape[0]):
                    total += W[j, k] * h[t, k]
                h[t + 1, j] = math.tanh(total)
"""
FROM_GLOBAL_MEMORY = """\
@cuda.jit
def all_steps_few_reads(W, h):
    j = cuda.grid(1)
    for t in range(h.shape[0] - 1):
        total = float32(0)
        for k in range(W.shape[0]):
            total += W[j, k] * h[t, k]
        h[t + 1, j] = math.tanh(total)
        cuda.cg.this_grid().sync()
"""
COPY = "        cuda.syncthreads()  # the block has all of h[t]\n"

WRONG = {
    "16.1": [
        ("a barrier of the block", "cuda.cg.this_grid().sync()", "cuda.syncthreads()", "race on h"),
        ("no barrier", SYNC, "", "race on h"),
        ("the barrier before the write", WRITE + SYNC, SYNC + WRITE, "race on h"),
        ("one block's units", "range(W.shape[0])", "range(cuda.blockDim.x)", "not over one block's"),
        ("no tanh", "math.tanh(total)", "total", "tanh is missing"),
        ("one thread", None, BY_ONE_THREAD, "Thread 0 writes all of h"),
        ("in float64", "float32(0)", "0.0", "float64"),
    ],
    "16.2": [
        ("no remainder", "b % (P // units) * units", "b * units", "comes the first again"),
        ("neighbouring rows", "[q * P + j for q in range(4) for j in columns]",
         "list(range(4 * first, 4 * first + 4 * units))", "P apart"),
        ("all columns", "for j in columns], columns", "for j in columns], list(range(P))",
         "columns has the shape"),
        ("one gate", "range(4)", "range(1)", "rows has the shape"),
    ],
    "16.3": [
        ("no order", "order[first + n]", "first + n", "the order of `order`"),
        ("always from the first sample", "order[first + n]", "order[n]", "begins at order[first]"),
        ("no padding", " if n < count else x.dtype.type(0)", "", "is outside"),
        ("padding not written", "xs[t, d, n] = x[t, order[first + n], d] if n < count else "
         "x.dtype.type(0)", "if n < count:\n                xs[t, d, n] = x[t, order[first + n], d]",
         "from count on, are 0"),
        ("each block does everything", "cuda.blockIdx.x * THREADS + cuda.threadIdx.x",
         "cuda.threadIdx.x", "race on xs"),
        ("one step too short", "cuda.gridDim.x * THREADS", "xs.shape[0] * width", "xs["),
    ],
    "16.4": [
        ("h after the step", "h[:-1]", "h[1:]", "not h[t + 1]"),
        ("transposed", "->kj", "->jk", "It is transposed"),
        ("only the last step", 'np.einsum("tkn,tjn->kj", dz, h[:-1])', "dz[-1] @ h[-2].T",
         "add up over t"),
        ("the mean", "dz, h[:-1])", "dz, h[:-1]) / np.float32(len(dz))", "dW is a sum"),
    ],
    "16.5": [
        ("the weights one by one", "(units +", "(4 * units +", "also of the weights"),
        ("the samples one by one", "-(-samples // 4)", "samples", "up to four samples"),
        ("not rounded", "-(-samples // 4)", "samples / 4", "round up"),
        ("one gate", "(4 * units * samples)", "(units * samples)", "four gates"),
        ("upside down", "(units + -(-samples // 4)) / (4 * units * samples)",
         "4 * units * samples / (units + -(-samples // 4))", "multiply-adds per read"),
    ],
    "16.e1": [
        ("parts of units", None,
         "def largest_H(sms, shared_bytes):\n    return int((sms * shared_bytes / 16) ** 0.5)",
         "round up"),
        ("one row per unit", "* 4 * (H + 1) * 4", "* (H + 1) * 4", "one per gate"),
        ("one too many", "return H", "return H + 1", "does not fit"),
        ("one SM", "-(-(H + 1) // sms)", "(H + 1)", "all SMs share W"),
    ],
    "16.e2": [
        ("each group all samples", "H // units * H", "H // units * groups * H", "H = 96, N = 128"),
        ("one block", "H // units * H", "H", "every block reads"),
        ("numbers, not bytes", " * 4", "", "4 bytes"),
        ("a block per unit", "H // units * H", "H * H", "blocks in a group"),
    ],
    "16.e3": [
        ("from global memory", None, FROM_GLOBAL_MEMORY, "each block reads each number once"),
        ("no barrier of the block", COPY, "", "race on state"),
        ("only the block's own part", "range(cuda.threadIdx.x, H, cuda.blockDim.x)",
         "range(cuda.threadIdx.x, cuda.blockDim.x, cuda.blockDim.x)", "h[1][0] is"),
        ("no barrier of the grid", "cuda.cg.this_grid().sync()", "cuda.syncthreads()", "race on h"),
    ],
}  # fmt: skip
