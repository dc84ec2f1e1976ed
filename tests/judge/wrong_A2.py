"""Typical wrong answers to the tasks of appendix A2, and a part of what the judge says."""

LOOPS = "for p, part in ("
PACKED = (
    "def pack(params):\n    U, W, B, V, b_out = params\n"
    "    (O, H), D, units = V.shape, U.shape[1], units_of(params)\n"
    "    P = np.zeros((4 * units + whole(O), whole(units + D + 1)), U.dtype)\n"
    "    for g in range(4):\n"
    "        P[{rows}, :H] = W[g * H : (g + 1) * H]\n"
    "        P[{rows}, {first} : {first} + D] = U[g * H : (g + 1) * H]\n"
    "        P[{rows}, {first} + D] = B[g * H : (g + 1) * H]\n"
    "    P[{below} : {below} + O, :H], P[{below} : {below} + O, units + D] = V, b_out\n"
    "    return P\n"
)


def packed(rows="g : 4 * H : 4", first="units", below="4 * units"):
    return PACKED.format(rows=rows, first=first, below=below)


WRONG = {
    "A2.1": [
        ("gate by gate", None, packed(rows="g * H : (g + 1) * H"), "the gates stand one after the"),
        ("V right below", None, packed(below="4 * H"), "V begins right after the last gate"),
        ("U beside W", None, packed(first="H"), "U begins in column H"),
        ("no b_out", "V, b_out\n", "V, 0\n", "P["),
        ("float64", "U.dtype)", "np.float64)", "P is float64"),
    ],
    "A2.2": [
        (
            "the tile begins anew for each q",
            "            for q in range(B.shape[0]):\n                tile = simd.add_outer",
            "            for q in range(B.shape[0]):\n                tile = simd.zero_tile(C)\n"
            "                tile = simd.add_outer",
            "only the last q is in the sums",
        ),
        (
            "stored for each q",
            "            simd.store_tile",
            "                simd.store_tile",
            "tiles are stored, but C has",
        ),
        ("the width is forgotten", "simd.COLUMNS * simd.width(C)", "simd.COLUMNS", "A tile begins at"),
        ("each row", "C.shape[0], simd.ROWS", "C.shape[0], 1", "A tile begins at"),
        ("sizes of one machine", "simd.ROWS", "8", "not yet"),
        ("the sum is thrown away", "tile = simd.add_outer", "simd.add_outer", "All are 0"),
        ("rows of A for columns", "tile, A, k, q, B, n", "tile, A, k, q, B, k", "not yet"),
    ],
    "A2.e1": [
        ("lanes of the whole batch", "max(0, (chunk + 1) * lanes - N)", "-N % lanes", "idle lanes"),
        ("chunk by chunk", "n // lanes, n % lanes", "n % lanes, n // lanes", "chunk"),
        ("below zero", "max(0, (chunk + 1) * lanes - N)", "(chunk + 1) * lanes - N", "idle lanes -"),
        ("chunks of 32", "n // lanes, n % lanes", "n // 32, n % 32", "chunk"),
    ],
    "A2.e2": [
        ("one lane too many", "first + n < len(y)", "first + n <= len(y)", "It stops with IndexError"),
        ("the chunk alone", "if first + n < len(y)", "if n < len(y)", "It stops with IndexError"),
        ("ones", "else 0", "else 1", "expected 0"),
        ("kept", "else 0", "else p[n]", "idle lanes keep what they had"),
    ],
    "A2.e3": [
        ("with the sign", "abs(approximate(z) - exact(z))", "approximate(z) - exact(z)", "the sign"),
        ("the sign where it is looked for", None,
         "def largest_error(approximate, exact, points):\n"
         "    errors = [approximate(z) - exact(z) for z in points]\n"
         "    return max(map(abs, errors)), points[errors.index(max(errors))]",
         "the z of the largest error with its sign"),
        ("its number", "points[worst]", "worst", "its number in the list"),
        ("the mean", "errors[worst]", "sum(errors) / len(errors)", "The error is"),
        ("at the largest z", "key=lambda n: errors[n]", "key=lambda n: points[n]", "The error is"),
    ],
    "A2.e4": [
        ("as many sums as fit", "(tile[0] + tile[1]) / (tile[0] * tile[1])",
         "-(tile[0] * tile[1])", "loads per product"),
        ("the course's", None, "def best_tile(registers, most_columns):\n    return 8, 2",
         "is possible"),
        ("B's vectors are forgotten", "rows * columns + columns + 1", "rows * columns", "needs"),
        ("one column", "range(1, most_columns + 1)", "range(1, 2)", "is possible"),
    ],
}  # fmt: skip
