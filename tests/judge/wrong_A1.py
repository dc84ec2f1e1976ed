"""Typical wrong answers to the tasks of appendix A1, and a part of what the judge says."""

ONE_THREAD_TO_ITS_END = """\
def run_block(threads):
    barriers = 0
    for thread in threads:
        barriers = len(list(thread))
    return barriers
"""
NO_CHECK = """\
def run_block(threads):
    barriers = 0
    while True:
        places = [next(thread, None) for thread in threads]
        if places == [None] * len(places):
            return barriers
        barriers += 1
"""
UNTIL_THE_FIRST_ENDS = """\
def run_block(threads):
    barriers = 0
    while None not in [next(thread, None) for thread in threads]:
        barriers += 1
    return barriers
"""
FOREVER = """\
def run_block(threads):
    while True:
        for thread in threads:
            next(thread, None)
"""
LIKE_A_BLOCK = """\
def run_warps(threads, width):
    while True:
        places = {next(thread, None) for thread in threads}
        if places == {None}:
            return
        if len(places) > 1:
            raise RuntimeError(places)
"""

WRONG = {
    "A1.1": [
        ("a pause inside the if", '        yield "added"\n', '            yield "added"\n',
         "all must pause at the same place"),
        ("no pause", None,
         "def sum_twin(t, x, part):\n    part[t] = x[t]\n    if t == 0:\n        x[0] = part[0]",
         "no generator"),
        ("no first pause", '    yield "written"\n', "", "before all have written it"),
        ("no pause in the loop", '        yield "added"\n', "", "x[0] is"),
        ("a pause without a name", 'yield "written"', "yield", "say which barrier"),
        ("empty pauses, and thread 0 adds all", None,
         "def sum_twin(t, x, part):\n    part[t] = x[t]\n    yield 'written'\n    width = len(x) // 2\n"
         "    while width:\n        yield 'added'\n        width //= 2\n    if t == 0:\n"
         "        x[0] = part.sum()", "nothing is added in pairs"),
        ("thread 0 adds all", None,
         "def sum_twin(t, x, part):\n    part[t] = x[t]\n    yield 'written'\n    if t == 0:\n"
         "        x[0] = part.sum()", "It pauses 1 times"),
    ],
    "A1.2": [
        ("each thread to its end", None, ONE_THREAD_TO_ITS_END, "Thread 0 passes barrier 0 before"),
        ("no check", None, NO_CHECK, "it must raise RuntimeError"),
        ("the first that ends", None, UNTIL_THE_FIRST_ENDS, "it must raise RuntimeError"),
        ("forever", None, FOREVER, "when is the block done"),
        ("the rounds are counted", "barriers = 0", "barriers = 1", "The result is 1, expected 0"),
    ],
    "A1.3": [
        ("atomic additions race", '({"reads"}, {"adds"})', '({"reads"},)', "expected no race"),
        ("reads race", '({"reads"}, {"adds"})', '({"adds"},)', "reads and reads"),
        ("barriers are not seen", " or a.barriers != b.barriers", "", "a barrier between them"),
        ("a thread against itself", "a.thread == b.thread or ", "", "of one thread alone"),
        ("any element", " or a.element != b.element", "", "of two elements"),
        ("only two writes", "not in ({\"reads\"}, {\"adds\"})", "== {\"writes\"}",
         "reads and writes"),
        ("a list", "return found", "return list(found)", "a set of elements"),
    ],
    "A1.e1": [
        ("with the barrier", None, "def hasty_result(x, order):\n    return x[::-1].copy()",
         "with the barrier"),
        ("always 0, 1, 2, ...", "for t in order", "for t in range(len(x))", "depends on `order`"),
        ("made for four", None,
         "def hasty_result(x, order):\n    return np.array([np.nan, np.nan, x[1], x[0]], np.float32)",
         "x["),
        ("x is changed", "result = np.full_like(x, np.nan), x.copy()",
         "result = np.full_like(x, np.nan), x", "changes its argument"),
    ],
    "A1.e2": [
        ("no barrier", "    cuda.syncthreads()\n", "", "race on"),
        ("out of bounds", "    if t < x.size:\n        out", "    if t >= 0:\n        out",
         "outside"),
        ("one thread does everything", None,
         "@cuda.jit\ndef add_neighbour(x, out):\n    if cuda.threadIdx.x == 0:\n"
         "        for t in range(x.size):\n            out[t] = x[t] + x[(t + 1) % x.size]",
         "Thread 0 writes all of out"),
        ("the last without a neighbour", "part[(t + 1) % x.size]", "part[min(t + 1, x.size - 1)]",
         "is the first"),
    ],
    "A1.e3": [
        ("a block only", None, LIKE_A_BLOCK, "RuntimeError"),
        ("warps wait for all", 'if set(at[warp]) == {"warp"}', 'if set(at) == {"warp"}',
         "nobody can go on"),
        ("made for warps of two", "range(0, len(threads), width)", "range(0, len(threads), 2)",
         "nobody can go on"),
        ("nobody is missed", 'raise RuntimeError(f"nobody can go on: {at}")', "return",
         "it must raise RuntimeError"),
        ("the block as a warp", 'if set(at[warp]) == {"warp"}',
         'if set(at[warp]) <= {"warp", "block"}', "before thread"),
    ],
}  # fmt: skip
