"""Typical wrong answers to the tasks of lesson 14, and a part of what the judge says."""

NO_SHUFFLE = """\
@cuda.jit
def warp_sum(a, out):
    value = a.dtype.type(0)
    for k in range(32):
        value += a[k]
    out[cuda.threadIdx.x] = value
"""
IN_SHARED_MEMORY = """\
@cuda.jit
def warp_sum(a, out):
    row = cuda.shared.array(32, float32)
    row[cuda.threadIdx.x] = a[cuda.threadIdx.x]
    cuda.syncthreads()
    value = a.dtype.type(0)
    for k in range(32):
        value += row[k]
    out[cuda.threadIdx.x] = value
"""
ONE_THREAD_ADDS_ALL = """\
@cuda.jit
def block_sum_in_few_barriers(a, out):
    part = cuda.shared.array(256, float32)
    part[cuda.threadIdx.x] = a[cuda.threadIdx.x]
    cuda.syncthreads()
    if cuda.threadIdx.x == 0:
        total = a.dtype.type(0)
        for k in range(256):
            total += part[k]
        out[0] = total
"""
TREE = """\
@cuda.jit
def block_sum_in_few_barriers(a, out):
    part = cuda.shared.array(256, float32)
    k, working = cuda.threadIdx.x, 128
    part[k] = a[k]
    cuda.syncthreads()
    while working > 0:
        if k < working:
            part[k] += part[k + working]
        cuda.syncthreads()
        working //= 2
    if k == 0:
        out[0] = part[0]
"""

EIGHT_SHUFFLES = """\
@cuda.jit(device=True)
def sum_of(a):
    a += cuda.shfl_xor_sync(ALL, a, 1)
    return a + cuda.shfl_xor_sync(ALL, a, 2)


@cuda.jit(device=True)
def add_quads(q, a0, a1, a2, a3):
    a0, a1, a2, a3 = sum_of(a0), sum_of(a1), sum_of(a2), sum_of(a3)
    low, high = a1 if q & 1 else a0, a3 if q & 1 else a2
    return high if q & 2 else low
"""

WRONG = {
    "14.1": [
        ("the numbering of V4", "j, q = divmod(thread, 4)", "q, j = divmod(thread, P)",
         "not thread % P as in V4"),
        ("unit and quarter swapped", "j, q = divmod(thread, 4)", "q, j = divmod(thread, 4)",
         "the unit is thread // 4"),
        ("gate and column swapped", "r, m = divmod(e, P // 4)", "m, r = divmod(e, 4)",
         "e = r C + m"),
        ("the column in the tile", "q * (P // 4) + m", "m", "begin at q C"),
        ("two numbers", "return r, j, q", "return r * P + j, q", "has the shape (2,)"),
    ],
    "14.2": [
        ("the distance of 2 again", "a1, 1)", "a1, 2)", "the second partner is q ^ 2 again"),
        ("sends what it keeps", "shfl_xor_sync(ALL, a1, 1)", "shfl_xor_sync(ALL, a0, 1)",
         "sends what it keeps"),
        ("no swap", "    if q & 1:\n        a0, a1 = a1, a0\n", "", "the swap is missing"),
        ("no second exchange", " + cuda.shfl_xor_sync(ALL, a1, 1)", "",
         "only the first exchange"),
        (
            "four shuffles",
            "    if q & 1:\n        a0, a1 = a1, a0\n"
            "    return a0 + cuda.shfl_xor_sync(ALL, a1, 1)",
            "    a0 += cuda.shfl_xor_sync(ALL, a0, 1)\n"
            "    a1 += cuda.shfl_xor_sync(ALL, a1, 1)\n"
            "    return a1 if q & 1 else a0",
            "with 4 shuffles of its own",
        ),
        ("eight shuffles, in a function of its own", None, EIGHT_SHUFFLES, "with 0 shuffles of its own"),
        ("only one bit of q", "if q & 1:", "if q == 1:", "result["),
    ],
    "14.3": [
        ("sends what it keeps", "(ALL, yours, mask)", "(ALL, mine, mask)", "sends what it keeps"),
        ("the other half", "if cuda.threadIdx.x & mask:", "if not cuda.threadIdx.x & mask:",
         "keeps the second half"),
        ("always the first half", "if cuda.threadIdx.x & mask:", "if mask < 0:",
         "all threads keep the first half"),
        ("the neighbour", "yours, mask)", "yours, 1)", "the partner is `mask` away"),
        ("a shuffle inside the branch", "            mine, yours = yours, mine\n",
         "            mine, yours = yours, cuda.shfl_xor_sync(ALL, mine, mask)\n", "shfl"),
    ],
    "14.4": [
        (
            "the masks in the other order",
            "halve(p, C // 2, 16)  # add over the eight units of the warp\n"
            "    halve(p, C // 4, 8)\n    halve(p, C // 8, 4)",
            "halve(p, C // 2, 4)\n    halve(p, C // 4, 8)\n    halve(p, C // 8, 16)",
            "the masks come as 16, 8, 4",
        ),
        ("one gate", " + w[C + m] * z1 + w[2 * C + m] * z2 + w[3 * C + m] * z3", "",
         "only gate i is multiplied"),
        ("no halving",
         "    halve(p, C // 2, 16)  # add over the eight units of the warp\n"
         "    halve(p, C // 4, 8)\n    halve(p, C // 8, 4)", "    pass",
         "three times halve is missing"),
        ("another order in the tile",
         "w[m] * z0 + w[C + m] * z1 + w[2 * C + m] * z2 + w[3 * C + m] * z3",
         "w[4 * m] * z0 + w[4 * m + 1] * z1 + w[4 * m + 2] * z2 + w[4 * m + 3] * z3",
         "is w[r * C + m]"),
        ("no last halving", "    halve(p, C // 8, 4)", "    pass", "p["),
    ],
    "14.e1": [
        ("no shuffle", None, NO_SHUFFLE, "is read by 32 threads"),
        ("in shared memory", None, IN_SHARED_MEMORY, "shuffles need neither"),
        ("in shared memory, without a barrier", None,
         IN_SHARED_MEMORY.replace("syncthreads", "syncwarp"), "It uses shared memory"),
        ("the sum in lane 0 alone", "shfl_xor_sync", "shfl_down_sync", "to lane 0 alone"),
        ("four exchanges", "(16, 8, 4, 2, 1)", "(16, 8, 4, 2)", "out[0] is"),
        ("nothing", "(16, 8, 4, 2, 1)", "(0,)", "out[0] is"),
    ],
    "14.e2": [
        ("made for one width", "1 - width % 2", "0 if width == 33 else 1", "turns"),
        ("always 1", "1 - width % 2", "1", "the read takes"),
        ("to a multiple of 32", "1 - width % 2", "-width % 32", "turns"),
        ("V5's own", "1 - width % 2", "4", "turns"),
    ],
    "14.e3": [
        ("no limit of threads", "threads <= 1024 and ", "", "2,048 threads"),
        ("no limit per thread", "registers <= 255 and ", "", "registers per thread"),
        ("W alone", "2 * 4 * P", "4 * P", "it says True, but"),
        ("always", None, "def block_fits(P, q_threads, rest):\n    return True", "it says True"),
    ],
    "14.e4": [
        ("lesson 13's tree", None, TREE, "Barriers: 9"),
        ("one thread adds up all", None, ONE_THREAD_ADDS_ALL, "ones are lost"),
        ("no barrier", "    cuda.syncthreads()  # the sums of the eight warps are there\n", "",
         "race on of_warps"),
        ("only four warps", "of_warps[k & 7]", "of_warps[k & 3]", "out[0] is"),
    ],
}  # fmt: skip
