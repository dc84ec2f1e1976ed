"""Typical wrong answers to the tasks of lesson 13, and a part of what the judge says."""

GATES_THERE = "        cuda.syncthreads()  # all gates are there\n        if k < H:\n"
STATE_THERE = "        cuda.syncthreads()  # the new state is there"
PARTS_THERE = "        cuda.syncthreads()  # all parts of dh are there"
ONE_THREAD_ADDS_ALL = """\
@cuda.jit
def block_sum(a, out):
    part = cuda.shared.array(256, float32)
    part[cuda.threadIdx.x] = a[cuda.threadIdx.x]
    cuda.syncthreads()
    if cuda.threadIdx.x == 0:
        total = a.dtype.type(0)
        for k in range(256):
            total += part[k]
        out[0] = total
"""
ONE_THREAD_IS_THE_RING = """\
@cuda.jit
def {name}(x, out):
    h = cuda.shared.array((64, 64), float32)
    new = cuda.shared.array(64, float32)
    k = cuda.threadIdx.x
    if k == 0:
        for j in range(64):
            new[j] = 0
        for t in range(x.shape[0]):
            for j in range(64):
                h[t, j] = math.tanh(new[j] - new[(j + 1) % 64] + x[t, j])
            for j in range(64):
                new[j] = h[t, j]
    cuda.syncthreads()
    for t in range(x.shape[0]):
        out[t, k] = h[t, k]
"""

WRONG = {
    "13.1": [
        (
            "the barrier inside `if k < H`",
            GATES_THERE,
            "        if k < H:\n            cuda.syncthreads()\n",
            "barrier",
        ),
        ("no second barrier", STATE_THERE, "        pass", "race on shared_h"),
        ("no first barrier", GATES_THERE, "        if k < H:\n", "race on shared_"),
        ("W's layout", "WT[j, k]", "WT[k, j]", "is outside"),
        ("sigmoid for all", "math.tanh(z) if 2 * H <= k < 3 * H else ", "", "gate g, rows 2 H"),
        (
            "i and f swapped",
            "shared_z[H + k] * cell + shared_z[k] * ",
            "shared_z[k] * cell + shared_z[H + k] * ",
            "f stands in rows H to 2 H",
        ),
        ("c for tanh(c)", "math.tanh(cell)", "cell", "h is o times tanh(c)"),
        (
            "h only in global memory",
            "            shared_h[k] = shared_z[3 * H + k] * math.tanh(cell)\n"
            "            h[t + 1, n, k] = shared_h[k]\n",
            "            h[t + 1, n, k] = shared_z[3 * H + k] * math.tanh(cell)\n",
            "never comes into shared_h",
        ),
        ("a half", "z += U[k, d]", "z += 0.5 * U[k, d]", "gates[0, 0, 0] is"),
    ],
    "13.2": [
        ("all 4 H rows", "range(first, first + H)", "range(4 * H)", "four times too large"),
        ("always gate i", "range(first, first + H)", "range(H)", "rows of gate i"),
        ("no barrier after it", PARTS_THERE, "        pass", "race on shared_z"),
        ("the part is not kept", "shared_z[4 * H + k] = part\n", "dz[t, n, k] = shared_z[k]\n",
         "nothing comes back from the step after"),
        ("the transpose", "W[m, j]", "W[m, m % H]", "dz["),
    ],
    "13.3": [
        (
            "the last tile taken as full",
            "min(SIDE, N - first), part)",
            "SIDE, part)",
            "nan stands in rows of a tile",
        ),
        ("no second barrier", "            cuda.syncthreads()  # nobody reads them any more\n", "",
         "race on tile_"),
        ("no first barrier", "            cuda.syncthreads()  # the tiles are there\n", "",
         "race on tile_"),
        ("no step over the warps", ", min(first + SIDE, N), ROWS)", ", min(first + SIDE, N))",
         "race on tile_"),
        ("one sample per warp", ", min(first + SIDE, N), ROWS)", ", min(first + warp + 1, N))",
         "a warp brings each ROWS-th"),
        ("only the first tile", "range(0, N, SIDE)", "range(0, SIDE, SIDE)", "only the first SIDE"),
        ("its place in the batch", "tile_a[n - first, lane]", "tile_a[n, lane]", "is outside"),
        (
            "without tiles",
            "            cuda.syncthreads()  # the tiles are there\n"
            "            add_samples(tile_a, tile_b, min(SIDE, N - first), part)\n"
            "            cuda.syncthreads()  # nobody reads them any more\n",
            "            pass\n"
            "        for n in range(N):\n"
            "            b = right(h, x, t, n, column, shift)\n"
            "            for i in range(4):\n"
            "                k = min(first_row + warp + ROWS * i, K - 1)\n"
            "                part[i] += a[t, n, k] * b\n",
            "once per block, into the tile",
        ),
    ],
    "13.e1": [
        ("one barrier less", "        cuda.syncthreads()  # all have read\n", "", "race on h["),
        ("not at the start", "    cuda.syncthreads()  # all begin with 0\n", "", "race on h["),
        ("without the ring", "h[(k + 1) % 64]", "h[min(k + 1, 63)]", "neighbour of unit 63 is unit 0"),
        ("one thread is the ring", None, ONE_THREAD_IS_THE_RING.format(name="ring"),
         "Thread 0 reads the inputs of 64 units"),
    ],
    "13.e2": [
        ("the steps, too", "'t': False", "'t': True", "'t', where a round is a step"),
        ("the sum, too", "'j': False", "'j': True", "'j', where a round is a term"),
        ("not the rows", "'k': True", "'k': False", "so they may"),
        ("words", "'k': True", "'k': 'yes'", "True or False, please"),
    ],
    "13.e3": [
        ("one thread adds up all", None, ONE_THREAD_ADDS_ALL, "ones are lost"),
        ("atomic additions", None,
         "@cuda.jit\ndef block_sum(a, out):\n    cuda.atomic.add(out, 0, a[cuda.threadIdx.x])\n",
         "different sums"),
        ("no barrier after a round", "        cuda.syncthreads()  # the sums of this round are there\n",
         "", "race on part"),
        ("the barrier inside the `if`",
         "        cuda.syncthreads()  # the sums of this round are there\n",
         "            cuda.syncthreads()\n", "barrier"),
        ("one thread does everything", None,
         "@cuda.jit\ndef block_sum(a, out):\n    if cuda.threadIdx.x == 0:\n"
         "        for k in range(256):\n            out[0] += a[k]\n", "is read by thread 0"),
    ],
    "13.e4": [
        ("two barriers per step", None,
         """\
@cuda.jit
def ring_in_few_barriers(x, out):
    h = cuda.shared.array(64, float32)
    k = cuda.threadIdx.x
    h[k] = 0
    cuda.syncthreads()
    for t in range(x.shape[0]):
        new = math.tanh(h[k] - h[(k + 1) % 64] + x[t, k])
        cuda.syncthreads()
        h[k] = new
        cuda.syncthreads()
        out[t, k] = new
""", "41 barriers for 20 steps"),
        ("no barrier in a step", "        cuda.syncthreads()  # all have written; `now` is read no more\n",
         "", "race on h["),
        ("one row", "t % 2, (t + 1) % 2", "0, 0", "race on h["),
        ("one thread is the ring", None,
         ONE_THREAD_IS_THE_RING.format(name="ring_in_few_barriers"), "inputs of 64 units"),
    ],
}  # fmt: skip
