"""Typical wrong answers to the tasks of lesson 05, and a part of what the judge says."""

ONE_READS = """\
@cuda.jit
def year_totals(passengers, totals):
    year, total = cuda.blockIdx.x, float32(0)
    if cuda.threadIdx.x == 0:
        for m in range(12):
            total += passengers[12 * year + m]
        totals[year] = total
"""

ATOMIC_SUM = """\
@cuda.jit
def year_totals(passengers, totals):
    year, m = cuda.blockIdx.x, cuda.threadIdx.x
    if m < 12:
        cuda.atomic.add(totals, year, passengers[12 * year + m])
"""

ATOMIC_IN_SHARED = """\
@cuda.jit
def year_totals(passengers, totals):
    share = cuda.shared.array(1, float32)
    year, m = cuda.blockIdx.x, cuda.threadIdx.x
    if m == 0:
        share[0] = 0
    cuda.syncthreads()
    if m < 12:
        cuda.atomic.add(share, 0, passengers[12 * year + m])
    cuda.syncthreads()
    if m == 0:
        totals[year] = share[0]
"""

ONE_SORTS_OUT = """\
@cuda.jit
def sort_months(values, out):
    n, N = cuda.threadIdx.x, values.shape[0]
    if n < N:
        out[n] = values[n]
    cuda.syncthreads()
    if n == 0:
        for step in range(N):
            for left in range(N - 1):
                if out[left] > out[left + 1]:
                    low = out[left + 1]
                    out[left + 1] = out[left]
                    out[left] = low
"""

ONE_SUM = """\
@cuda.jit
def year_totals(passengers, totals):
    share = cuda.shared.array(16, float32)
    year, m = cuda.blockIdx.x, cuda.threadIdx.x
    if m < 12:
        share[m] = passengers[12 * year + m]
    cuda.syncthreads()
    if m == 0:
        total = float32(0)
        for k in range(12):
            total += share[k]
        totals[year] = total
"""
READ_ALL_BEFORE = """\
@cuda.jit
def carried_before(passengers, before):
    n = cuda.threadIdx.x
    if n < passengers.shape[0]:
        total = float32(0)
        for m in range(n):
            total += passengers[m]
        before[n] = total
"""
STRAIGHT = """\
@cuda.jit
def transpose(a, out):
    n, t = cuda.grid(2)
    if t < a.shape[0] and n < a.shape[1]:
        out[n, t] = a[t, n]
"""
WITHOUT_TILES = """\
@cuda.jit
def product(W, h, z):
    n, k = cuda.grid(2)
    if k < z.shape[0] and n < z.shape[1]:
        total = float32(0)
        for j in range(h.shape[0]):
            total += W[k, j] * h[j, n]
        z[k, n] = total
"""
THROUGH_SHARED = """\
@cuda.jit
def warp_sums(values, sums):
    share = cuda.shared.array(64, float32)
    n, m = cuda.grid(1), cuda.threadIdx.x
    share[m] = values[n] if n < values.shape[0] else float32(0)
    cuda.syncthreads()
    if m % 32 == 0:
        total = float32(0)
        for k in range(32):
            total += share[m + k]
        sums[n // 32] = total
"""
GUARDED_SHUFFLE = """\
@cuda.jit
def warp_sums(values, sums):
    n = cuda.grid(1)
    if n < values.shape[0]:
        own = values[n]
        for step in (16, 8, 4, 2, 1):
            own += cuda.shfl_down_sync(0xFFFFFFFF, own, step)
        if n % 32 == 0:
            sums[n // 32] = own
"""
FROM_GLOBAL = """\
@cuda.jit
def average_from_shared(values, average):
    n = cuda.grid(1)
    if n < average.shape[0]:
        total = float32(0)
        for m in range(12):
            total += values[n + m]
        average[n] = total / float32(12)
"""
ONE_SORTS = """\
@cuda.jit
def sort_months(values, out):
    line = cuda.shared.array(64, float32)
    n, N = cuda.threadIdx.x, values.shape[0]
    if n < N:
        line[n] = values[n]
    cuda.syncthreads()
    if n == 0:
        for last in range(N - 1, 0, -1):
            for m in range(last):
                if line[m] > line[m + 1]:
                    low = line[m + 1]
                    line[m + 1] = line[m]
                    line[m] = low
    cuda.syncthreads()
    if n < N:
        out[n] = line[n]
"""
BARRIER = "        cuda.syncthreads()\n"

WRONG = {
    "05.1": [
        ("before by after", "after[n] / before[n]", "before[n] / after[n]", "Likely: the two years"),
        ("one thread does all", "    rate[n] = after[n] / before[n]",
         "    if n == 0:\n        for m in range(rate.shape[0]):\n"
         "            rate[m] = after[m] / before[m]", "Thread 0 writes all of rate"),
        ("each thread does all", "    rate[n] =", "    for n in range(12):\n        rate[n] =",
         "is outside"),
        ("another index", "rate[n]", "rate[n + 1]", "rate[1] is outside"),
    ],
    "05.2": [
        ("no guard", "if n < values.shape[0]:", "if True:", "is outside"),
        ("one too many", "n < values", "n <= values", "is outside"),
        ("one too few", "values.shape[0]", "values.shape[0] - 1", "out[0] is 0"),
        ("the place in the block", "cuda.grid(1)", "cuda.threadIdx.x", "race on out[0]"),
        ("the size of the airline series", "values.shape[0]", "144", "is outside"),
    ],
    "05.3": [
        ("x and y swapped", "k, n = cuda.grid(2)", "n, k = cuda.grid(2)", "Likely: x and y are"),
        ("the guard of one axis", " and k < z.shape[1]", "", "is outside"),
        ("the guards swapped", "n < z.shape[0] and k < z.shape[1]",
         "k < z.shape[0] and n < z.shape[1]", "x[5] is outside x"),
        ("B left out", " + B[k]", "", "z[0, 0] is"),
    ],
    "05.4": [
        ("a window of 11", "range(12)", "range(11)", "Likely: a window of 11 months."),
        ("the guard of the longer array", "n < average.shape[0]", "n < values.shape[0]",
         "is outside"),
        ("from the month after", "range(12)", "range(1, 12)", "without its first"),
        ("not divided", " / float32(12)", "", "Likely: the sum, not yet divided by 12"),
        ("a plain 12", "float32(12)", "12", "computes in float64"),
    ],
    "05.5": [
        ("no barrier", BARRIER, "", "race on share["),
        ("the barrier inside the if", BARRIER + "        if m < step:\n",
         "        if m < step:\n            cuda.syncthreads()\n", "syncthreads"),
        ("one thread adds all", None, ONE_SUM, "1 of 16 threads of block 0 read shared"),
        ("one thread reads all", None, ONE_READS, "1 of 16 threads read any of passengers"),
        ("atomic additions", None, ATOMIC_SUM, "12 atomic additions, par is 0"),
        ("atomic additions in shared memory", None, ATOMIC_IN_SHARED, "queue up: add in a tree"),
        ("16 months", "if m < 12 else float32(0)", "if m < 16 else float32(0)", "is outside"),
        ("a step too few", "while step > 0", "while step > 1",
         "Likely: a step of the tree is missing"),
    ],
    "05.6": [
        ("without the stride", "values.shape[0], cuda.gridsize(1)",
         "min(values.shape[0], 256), 256", "Likely: only the first 256 months"),
        ("no barrier", BARRIER, "", "race on share["),
        ("one thread adds all", "cuda.grid(1), values.shape[0], cuda.gridsize(1)",
         "0 if cuda.grid(1) == 0 else values.shape[0], values.shape[0]",
         "1 of 256 threads read any of values"),
        ("an atomic sum", "parts[cuda.blockIdx.x] = share[0]",
         "cuda.atomic.add(parts, cuda.blockIdx.x, share[0])", "9 atomic additions, par is 0"),
    ],
    "05.7": [
        ("a race", "cuda.atomic.add(totals, n % 12, passengers[n])",
         "totals[n % 12] += passengers[n]", "race on totals["),
        ("no guard", "n < passengers.shape[0]", "n >= 0", "is outside"),
        ("the year, not the month", "n % 12", "n // 12", "totals[0] is"),
        ("one thread does all", "    if n < passengers.shape[0]:\n",
         "    for n in range(passengers.shape[0] if n == 0 else 0):\n",
         "1 of 32 threads read any of passengers"),
    ],
    "05.8": [
        ("straight into counts", "cuda.atomic.add(share, bins[n], 1)",
         "cuda.atomic.add(counts, bins[n], 1)", "1,032 atomic additions in global memory"),
        ("not zeroed", "share[m] = 0", "share[m] = share[m]", "counts[0] is"),
        ("a race in shared memory", "cuda.atomic.add(share, bins[n], 1)", "share[bins[n]] += 1",
         "race on share["),
        ("a race in global memory", "cuda.atomic.add(counts, m, share[m])",
         "counts[m] += share[m]", "race on counts[0]"),
        ("no shared counters", None,
         "@cuda.jit\ndef histogram(bins, counts):\n"
         "    for n in range(cuda.grid(1), bins.shape[0], cuda.gridsize(1)):\n"
         "        cuda.atomic.add(counts, bins[n], 1)\n",
         "1,000 atomic additions in global memory, par is 32"),
    ],
    "05.9": [
        ("inclusive", "passengers[n - 1] if 0 < n <= N", "passengers[n] if n < N",
         "Likely: month n is counted too"),
        ("no barrier between reading and adding",
         "        cuda.syncthreads()\n        share[n] += left", "        share[n] += left",
         "race on share["),
        ("a step too few", "while step < 64", "while step < 32", "before[33] is"),
        ("each thread adds all before it", None, READ_ALL_BEFORE, "63 reads by one thread, the limit is 20"),
        ("no guard", "if n < N:", "if n >= 0:", "is outside"),
    ],
    "05.10": [
        ("no padding", "(32, 33)", "(32, 32)", "bank conflicts, par is 0"),
        ("straight, without a tile", None, STRAIGHT, "pieces of 32 bytes move, par is 720"),
        ("the tile's place is not swapped",
         "32 * cuda.blockIdx.y + i, 32 * cuda.blockIdx.x + j",
         "32 * cuda.blockIdx.x + i, 32 * cuda.blockIdx.y + j", "out["),
        ("the tile is not turned", "= tile[i, j]", "= tile[j, i]", "not turned inside"),
        ("no barrier", "    cuda.syncthreads()\n", "", "race on tile["),
    ],
    "05.11": [
        ("the tile's index swapped", "of_W[j, m]", "of_W[m, j]", "each tile of W is turned"),
        ("the other tile's index swapped", "of_h[m, i]", "of_h[i, m]", "each tile of h is turned"),
        ("no second barrier", "of_h[m, i]\n        cuda.syncthreads()", "of_h[m, i]",
         "race on of_"),
        ("the small tile left out", "range(0, h.shape[0], 8)", "range(0, h.shape[0] // 8 * 8, 8)",
         "z[0, 0] is 0"),
        ("without tiles", None, WITHOUT_TILES, "reads, par is 1,190"),
        ("nothing beyond the edge is zeroed", "of_W[j, i] = of_h[j, i] = float32(0)", "pass",
         "is nan"),
    ],
    "05.12": [
        ("a mask of 16 lanes", "0xFFFFFFFF", "0xFFFF", "the mask is 0xFFFFFFFF"),
        ("inside the guard", None, GUARDED_SHUFFLE, "takes no part"),
        ("the first step left out", "(16, 8, 4, 2, 1)", "(8, 4, 2, 1)", "must bridge 16 lanes"),
        ("through shared memory", None, THROUGH_SHARED, "reads of shared memory, par is 0"),
        ("upward", "shfl_down_sync", "shfl_up_sync", "sums[0] is"),
    ],
    "05.e1": [
        ("a barrier too early", "    year[m] = months[n]\n    cuda.syncthreads()",
         "    cuda.syncthreads()\n    year[m] = months[n]", "race on year["),
        ("a barrier for some", "    cuda.syncthreads()",
         "    if m < 6:\n        cuda.syncthreads()", "syncthreads"),
        ("not turned", "year[11 - m]", "year[m]", "Likely: nothing is turned"),
    ],
    "05.e2": [
        ("from global memory", None, FROM_GLOBAL, "1,596 reads, par is 166"),
        ("without the 11 more", "if m < 11 and", "if m < 0 and", "average["),
        ("no barrier", "    cuda.syncthreads()\n", "", "race on share["),
        ("a window of 11", "range(12)", "range(11)", "Likely: a window of 11 months"),
    ],
    "05.e3": [
        ("one thread sorts", None, ONE_SORTS, "reads by one thread"),
        ("one thread sorts in global memory", None, ONE_SORTS_OUT, "reads by one thread"),
        ("no barrier", BARRIER, "", "race on line["),
        ("too few steps", "range(N)", "range(N // 4)", "out["),
        ("the largest first", "line[left] > line[left + 1]", "line[left] < line[left + 1]",
         "Likely: the largest comes first"),
    ],
}  # fmt: skip
