"""Typical wrong answers to the tasks of lesson 11, and a part of what the judge says."""

WRONG = {
    "11.1": [
        ("a piece for each lane", "len({address // 32 for address in addresses})", "len(addresses)",
         "several lanes touch counts once"),
        ("from the first to the last", "len({address // 32 for address in addresses})",
         "max(addresses) // 32 - min(addresses) // 32 + 1", "count only if a lane is there"),
        ("8 to a piece", "address // 32", "address // 8", "an address is a byte's"),
        ("lines of 128", "address // 32", "address // 128", "32 bytes, not 128"),
        ("nothing comes back", "return len", "len", "is a `return` missing?"),
    ],
    "11.2": [
        ("V3's", "(t * H + j) * N + n", "(t * N + n) * H + j", "that is V3's place"),
        ("t and j exchanged", "(t * H + j) * N + n", "t * H + j * N + n", "there are H rows of N"),
        ("in bytes", "(t * H + j) * N + n", "4 * ((t * H + j) * N + n)", "asked is which number"),
        ("rows of H", "(t * H + j) * N + n", "(t * N + j) * H + n", "a whole row, of N"),
    ],
    "11.3": [
        ("one index forgotten", "h[t + 1, j, n] = o", "h[t + 1, n, j] = o", "is outside"),
        ("D from its old place", "(T, D, _)", "(T, _, D)", "is outside"),
        ("the first state forgotten", "        h[0, j, n] = 0\n", "        pass\n", "h[0, 0, 0] is nan"),
        ("an unlucky numbering", "    (T, D, _), H = x.shape, W.shape[1]",
         "    (T, D, N), H = x.shape, W.shape[1]\n    if N == 64:\n        n = n % 8 * 8 + n // 8",
         "sectors on average; the aim is 4"),
        ("W turned as well", "W[k, j] * h", "W[j, k] * h", "is outside"),
    ],
    "11.4": [
        ("a view", "np.ascontiguousarray(a.transpose(0, 2, 1))", "a.transpose(0, 2, 1)",
         "The numbers have not moved"),
        ("reshaped", "np.ascontiguousarray(a.transpose(0, 2, 1))",
         "a.reshape(a.shape[0], a.shape[2], a.shape[1])", "they change their samples"),
        ("all turned", "a.transpose(0, 2, 1)", "a.T", "has the shape"),
        ("not turned", "a.transpose(0, 2, 1)", "a", "has the shape"),
    ],
    "11.e1": [
        ("no limit", "min(32, 31 * stride // 8 + 1)", "31 * stride // 8 + 1", "at most 32 sectors"),
        ("one too few", "31 * stride // 8 + 1", "31 * stride // 8", "the first sector is number 0"),
        ("4 for each", "31 * stride // 8 + 1", "4 * stride", "a stride of 0 is one address"),
    ],
    "11.e2": [
        ("as it is", "(N + 7) // 8 * 8", "N", "32 neighbours touch 5 sectors"),
        ("rounded down", "(N + 7) // 8 * 8", "N // 8 * 8", "is too short"),
        ("always one more", "(N + 7) // 8 * 8", "N // 8 * 8 + 8", "is shorter and serves as well"),
        ("a whole warp", "(N + 7) // 8 * 8", "(N + 31) // 32 * 32", "is shorter and serves as well"),
        ("a float", "(N + 7) // 8 * 8", "np.ceil(N / 8) * 8", "a length is an int"),
    ],
    "11.e3": [
        ("an addition per lane", None,
         "@cuda.jit(device=True)\ndef add_of_warp(array, index, part):\n"
         "    cuda.atomic.add(array, index, part)", "one per warp and sum are"),
        ("all lanes add the sum", "    if cuda.laneid == 0:\n        cuda", "    if True:\n        cuda",
         "one per warp and sum are"),
        ("one distance is missing", "(16, 8, 4, 2, 1)", "(16, 8, 4, 2)", "expected"),
        ("only lane 1", "cuda.laneid == 0", "cuda.laneid == 1", "expected"),
        ("the largest part", "atomic.add", "atomic.max", "expected"),
    ],
}  # fmt: skip
