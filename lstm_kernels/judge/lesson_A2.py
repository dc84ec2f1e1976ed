"""Lanes, packing and tiles of one CPU core: the tasks of appendix A2."""

import numpy as np

from lstm_kernels.judge.compare import NotYet, expect, same, unchanged
from lstm_kernels.judge.inputs import floats, random_params
from lstm_kernels.judge.parallel import compiled_with, with_names
from lstm_kernels.judge.tasks import task
from lstm_kernels.versions import numba_cpu, simd

# ---- the walk -----------------------------------------------------------------------------


@task(
    "A2.1", "pack",
    ours=numba_cpu.pack,
    hints=(
        "Row r * H + j of W is gate r of unit j. Into which row of P does it go?",
        "W.reshape(4, H, H)[r, j] is that row, and P[4 * j + r, :H] its place. U goes into the D "
        "columns from `units` on, B into the one after them.",
        "for r in range(4): P[r : 4 * H : 4, :H] = W[r * H : (r + 1) * H]; and so on for U and B. "
        "P[4 * units : 4 * units + O, :H] = V",
    ),
    given=("units_of", "whole"),
)  # fmt: skip
def parameters_in_one_matrix(pack):
    for D, H, O in ((1, 1, 1), (2, 3, 2), (3, 17, 5)):  # noqa: E741
        params, where = random_params(D, H, O), f"D = {D}, H = {H}, O = {O}"
        given = type(params)(*(p.copy() for p in params))
        got = pack(given)
        unchanged(params, given, params._fields, where)
        typical = {
            "the gates stand one after the other, row r H + j; the task asks for row 4 j + r":
                _packed(params, row=lambda g, j, H=H: g * H + j),
            "V begins right after the last gate, in row 4 H; it should in row 4 * units":
                _packed(params, first_output=4 * H),
            "U begins in column H; it should in column `units`": _packed(params, first_input=H),
        }  # fmt: skip
        same("P", got, _packed(params), typical, where=where)


def _packed(params, row=lambda g, j: 4 * j + g, first_output=None, first_input=None):
    """P, number by number."""
    U, W, B, V, b_out = params
    (O, H), D, units = V.shape, U.shape[1], numba_cpu.units_of(params)  # noqa: E741
    P = np.zeros((4 * units + numba_cpu.whole(O), numba_cpu.whole(units + D + 1)), U.dtype)
    begin = units if first_input is None else first_input
    below = 4 * units if first_output is None else first_output
    for g in range(4):
        for j in range(H):
            P[row(g, j), :H], P[row(g, j), begin : begin + D] = W[g * H + j], U[g * H + j]
            P[row(g, j), begin + D] = B[g * H + j]
    P[below : below + O, :H], P[below : below + O, units + D] = V, b_out
    return P


class Words:
    """Stands for simd.py: tiles of a size of its own, and counts of what goes to and fro."""

    def __init__(self):
        rng = np.random.default_rng()
        self.ROWS, self.COLUMNS, self.numbers = (int(n) for n in rng.integers(2, 6, 3))
        self.added = self.stored = 0

    def width(self, array):
        return self.numbers

    def zero_tile(self, array):
        return np.zeros((self.ROWS, self.COLUMNS * self.numbers), array.dtype)

    def add_outer(self, tile, A, i, q, B, j):
        self.added += 1
        return tile + np.outer(A[self._rows(A, i), q], B[q, self._columns(B, j)])

    def store_tile(self, array, i, j, tile):
        self.stored += 1
        array[self._rows(array, i), self._columns(array, j)] = tile

    def load_tile(self, array, i, j):
        return array[self._rows(array, i), self._columns(array, j)].copy()

    def _rows(self, array, i):
        return self._inside(i, self.ROWS, len(array), "row")

    def _columns(self, array, j):
        return self._inside(j, self.COLUMNS * self.numbers, array.shape[1], "column")

    def _inside(self, first, count, size, word):
        if not 0 <= first <= size - count:
            raise NotYet(f"A tile begins at {word} {first}; {count} {word}s from there on are more "
                         f"than the {size} there are.")  # fmt: skip
        return slice(first, first + count)


@task(
    "A2.2", "product",
    ours=numba_cpu.product,
    hints=(
        "Which of the three loops must be the innermost one, so that a tile of sums stays in the "
        "registers until it is whole?",
        "Outside: the first row k and the first column n of each tile, in steps of a whole tile. "
        "Inside: q. A new tile before the loop over q, and one store after it.",
        "for q in range(B.shape[0]): tile = simd.add_outer(tile, A, k, q, B, n)",
    ),
    given=("simd",),
)  # fmt: skip
def a_tile_stays_in_registers(product):
    for tiles, Q in (((1, 1), 3), ((3, 2), 5), ((2, 3), 1)):
        words = Words()
        wide = words.COLUMNS * words.numbers
        K, L = tiles[0] * words.ROWS, tiles[1] * wide
        A, B, C = floats(K, Q), floats(Q, L), np.full((K, L), np.nan, np.float32)
        where = f"tiles of {words.ROWS} x {wide}, C {K} x {L}, Q = {Q}"
        with_names(product, {"simd": words})(C, A, B)
        last = A[:, -1:] * B[-1:]
        typical = {"only the last q is in the sums: the tile begins anew for each q": last}
        same("C", C, A @ B, typical, where=where)
        count = tiles[0] * tiles[1]
        said = f"{words.stored} tiles are stored, but C has {count} ({where})"
        expect(
            words.stored == count, f"{said}: a tile leaves its registers once, when it is whole."
        )
        said = f"{words.added} outer products are added, {count * Q} are enough ({where})"
        expect(words.added == count * Q, f"{said}: how far is it to the next tile?")
    A, B, C = floats(16, 5), floats(5, 64), np.zeros((16, 64), np.float32)
    compiled_with(product, {"simd": simd})(C, A, B)
    same("C", C, A @ B, where="compiled")
    return "Each tile is stored once."


# ---- exercises ----------------------------------------------------------------------------


def place(n, N, lanes):
    chunk, lane = n // lanes, n % lanes
    return chunk, lane, max(0, (chunk + 1) * lanes - N)


@task(
    "A2.e1", "place",
    ours=place,
    stars=1, kind="complete",
    hints=(
        "Sample 37 in chunks of 32: how many chunks are full before it?",
        "chunk = n // lanes. The last sample that would fit into this chunk is "
        "(chunk + 1) * lanes - 1.",
        "return n // lanes, n % lanes, max(0, (n // lanes + 1) * lanes - N)",
    ),
)  # fmt: skip
def chunk_and_lane(place):
    rng = np.random.default_rng()
    cases = [(0, 1, 32), (31, 32, 32), (32, 33, 32), (5, 33, 32), (7, 20, 8)]
    for N, lanes in rng.integers(1, 300, (20, 2)).tolist():
        cases.append((int(rng.integers(N)), N, lanes))
    for n, N, lanes in cases:
        got = place(n, N, lanes)
        chunk = n // lanes
        wanted = (
            chunk,
            n - chunk * lanes,
            sum(k >= N for k in range(chunk * lanes, (chunk + 1) * lanes)),
        )
        expect(got is not None and len(got) == 3, f"It gives {got}; expected three numbers.")
        for name, one, right in zip(("chunk", "lane", "idle lanes"), got, wanted, strict=True):
            expect(one == right, f"Sample {n} of {N}, chunks of {lanes}: {name} {one}, expected "
                                 f"{right}.")  # fmt: skip


def dy_of_chunk(first, y, p):
    for n in range(len(p)):
        if first + n < len(y):
            p[n] = 2 * (p[n] - y[first + n])


PLANTED = dy_of_chunk


def dy_of_chunk(first, y, p):  # noqa: F811  ours, by the same name
    for n in range(len(p)):
        p[n] = 2 * (p[n] - y[first + n]) if first + n < len(y) else 0


@task(
    "A2.e2", "dy_of_chunk",
    ours=dy_of_chunk,
    planted=PLANTED,
    stars=2, kind="bug",
    hints=(
        "33 samples in chunks of 32: what is in lane 5 of the second chunk afterwards?",
        "The gradients are sums over *all* lanes. What must an idle lane hold, so that it adds "
        "nothing?",
        "p[n] = 2 * (p[n] - y[first + n]) if first + n < len(y) else 0",
    ),
)  # fmt: skip
def idle_lanes_add_nothing(dy_of_chunk):
    for N, lanes in ((1, 4), (4, 4), (33, 32), (129, 32)):
        y = floats(N)
        for first in range(0, N, lanes):
            p, where = floats(lanes), f"samples {first} to {first + lanes - 1} of {N}"
            used = min(lanes, N - first)
            wanted, kept = np.zeros(lanes, np.float32), p.copy()
            wanted[:used] = kept[:used] = 2 * (p[:used] - y[first : first + used])
            dy_of_chunk(first, y, p)
            typical = {"idle lanes keep what they had, and add it to the gradients": kept}
            same("p", p, wanted, typical, where=where)


def largest_error(approximate, exact, points):
    errors = [abs(approximate(z) - exact(z)) for z in points]
    worst = max(range(len(points)), key=lambda n: errors[n])
    return errors[worst], points[worst]


@task(
    "A2.e3", "largest_error",
    ours=largest_error,
    stars=2, kind="measure",
    hints=(
        "An error may be positive or negative. What do you compare?",
        "Keep the largest |approximate(z) - exact(z)| so far, and the z where it was.",
        "if abs(approximate(z) - exact(z)) > worst: worst, where = abs(...), z",
    ),
)  # fmt: skip
def how_far_and_where(largest_error):
    rng = np.random.default_rng()
    for sign in (1, -1):
        for size in (1, 50):
            points = np.sort(rng.normal(size=size)).tolist()
            off = dict(zip(points, sign * rng.uniform(0.1, 1, size), strict=True))
            got = largest_error(lambda z, off=off: z + off[z], lambda z: z, points)
            expect(got is not None and len(got) == 2, f"It gives {got}; expected the error and z.")
            worst = max(points, key=lambda z, off=off: abs(off[z]))
            typical = {
                "the sign: an error of -1 is larger than one of 0.5": max(off.values()),
                "the mean error": np.mean(list(off.values())),
            }
            same("The error", got[0], abs(off[worst]), typical, where=f"{size} points")
            typical = {
                "its number in the list": points.index(worst),
                "the z of the largest error with its sign": max(points, key=off.get),
            }
            same("z", got[1], worst, typical)


def best_tile(registers, most_columns):
    tiles = [
        (rows, columns)
        for columns in range(1, most_columns + 1)
        for rows in range(1, registers)
        if rows * columns + columns + 1 <= registers
    ]
    return min(tiles, key=lambda tile: (tile[0] + tile[1]) / (tile[0] * tile[1]))


ours_best_tile = best_tile


@task(
    "A2.e4", "best_tile",
    ours=best_tile,
    stars=3, kind="better",
    hints=(
        "Per turn a tile loads rows + columns things. How many products does it make of them?",
        "Try all tiles whose sums, vectors of B and number of A fit into the registers; keep the "
        "one with the fewest loads per product, (rows + columns) / (rows * columns).",
        "min(tiles, key=lambda tile: (tile[0] + tile[1]) / (tile[0] * tile[1]))",
    ),
)  # fmt: skip
def few_loads(best_tile):
    rng = np.random.default_rng()
    cases = [(32, 2), (16, 2), (32, 8), (3, 1), *rng.integers((6, 1), (129, 9), (10, 2)).tolist()]
    for registers, most in cases:
        said, got = f"{registers} registers, at most {most} columns", best_tile(registers, most)
        expect(got is not None and len(got) == 2, f"It gives {got}; expected rows and columns.")
        rows, columns = got
        expect(
            rows >= 1 and 1 <= columns <= most, f"{said}: there is no tile of {rows} x {columns}."
        )
        needed = rows * columns + columns + 1
        expect(needed <= registers, f"{said}: {rows} x {columns} needs {needed}.")
        loads, least = (_loads(*tile) for tile in (got, ours_best_tile(registers, most)))
        expect(loads <= least * 1.000001, f"{said}: {rows} x {columns} makes {loads:.3f} loads per "
                                          f"product; {least:.3f} is possible.")  # fmt: skip
    used = _loads(simd.ROWS, simd.COLUMNS)
    return (
        f"The course's own tile here, {simd.ROWS} x {simd.COLUMNS}, makes {used:.3f} per product."
    )


def _loads(rows, columns):
    return (rows + columns) / (rows * columns)
