"""`y[:] = 3`, `for v in x` and their like: many elements in one expression, each of them seen."""

import linecache

import numpy as np
import pytest
from numba import float64

from lstm_kernels.emulator import UnsupportedCode, cuda, find_data_races
from lstm_kernels.emulator.counters import count
from lstm_kernels.emulator.observe import observe

T = 4  # threads of each launch
# statement, with i = threadIdx.x -> elements read, elements written, elements in a race
# of x and y with 16 elements, x2 and y2 with 4 x 4
RACY = {
    "y[:] = 3": (0, 64, "y"),
    "y[4*i : 4*i+5] = 1": (0, 19, "y"),
    "y2[i : i+2] = 1": (0, 28, "y2"),
    "y2[i // 2] = 1": (0, 16, "y2"),
    "y2[-1, ::2] = x[i]": (4, 8, "y2"),
    "v = y[1:4]; v[:] = 2": (0, 12, "y"),
    "np.cos(x, y)": (64, 64, "y"),
    "y[i] = y[3:4].item()": (4, 4, "y"),
    "for v in x: x[i] = v": (64, 64, "x"),
    "y[i] = 3.0 in y": (64, 4, "y"),
    "y[i] = max(y)": (64, 4, "y"),
    "a, b = x[:2]; x[i] = a + b": (8, 4, "x"),
}
CLEAN = {
    "y[4*i : 4*i+4] = 1": (0, 16),
    "y2[i] = 1": (0, 16),
    "y2[i, :] = 0": (0, 16),
    "y2[:, i] = x2[i, 0]": (4, 16),
    "y[i::4] = 2": (0, 16),
    "v = y2[i]; v[1:3] = 2": (0, 8),
    "np.cos(x2[i], y2[i])": (16, 16),
    "for k, v in enumerate(x): y[i] = v + k": (64, 64),
    "for row in x2: y[i] = row[i]": (64 + 16, 16),
    "for k in range(4): y2[i, k] = min(x2[k])": (64, 16),
    "y2[i, 2:2] = 1": (0, 0),
    "y[i] = cuda.grid(1)": (0, 4),
    "y[i] = cuda.shfl_xor_sync(15, x[i], 1)": (4, 4),
    "y[i] = max(x2[i, 0], cuda.laneid)": (4, 4),
}
REFUSED = {
    "y[2:5] = x[2:5]": "this needs a new array, which a kernel cannot make",
    "y[:] = x + 1": "this needs a new array, which a kernel cannot make",
    "y.flat[i] = 1": "y.flat: write an index for each axis",
}
REFUSED_IF_TRACED = {
    "for v in x: break": "an array's elements in a loop with a break, a return or a barrier",
    "v = y[1:4]; v += 2": "an array is changed as a whole",
}


def made(statements):
    """The kernel with these statements, whose source can be found."""
    source = "def kernel(x, y, x2, y2):\n    i = cuda.threadIdx.x\n    " + statements.replace(
        "; ", "\n    "
    )
    file = f"<{statements}>"
    linecache.cache[file] = len(source), None, source.splitlines(keepends=True), file
    scope = {"cuda": cuda, "np": np}
    exec(compile(source, file, "exec"), scope)
    return cuda.jit(scope["kernel"])


def arrays():
    x = np.arange(16.0)
    return [x, np.zeros(16), x.reshape(4, 4).copy(), np.zeros((4, 4))]


def check(statements, read, written, racy):
    kernel = made(statements)
    races = find_data_races(kernel, 1, T, *arrays())
    assert {race.array for race in races} == racy, [str(race) for race in races]
    seen = observe(kernel, 1, T, *arrays())
    assert seen.counts == (read, written, 0, 0)


def test_a_whole_array_and_parts():
    """The three forms of a store to many elements; all others are tried by the long tests."""
    check("y[:] = 3", 0, 64, {"y"})
    check("y2[i] = 1", 0, 16, set())
    check("y2[:, i] = x2[i, 0]", 4, 16, set())


@pytest.mark.long
@pytest.mark.parametrize("statements", RACY)
def test_planted_races_are_found(statements):
    read, written, array = RACY[statements]
    check(statements, read, written, {array})


@pytest.mark.long
@pytest.mark.parametrize("statements", CLEAN)
def test_clean_kernels_are_silent(statements):
    check(statements, *CLEAN[statements], set())


@pytest.mark.long
def test_who_wrote_which_element():
    seen = observe(made("y2[i, 1:3] = 1"), 1, T, *arrays(), log=True)
    assert [seen.writers_of("y2", (n, 2)) for n in range(4)] == [{0}, {1}, {2}, {3}]
    assert seen.writers_of("y2", (slice(None), 0)) == set()
    assert [step.index for step in seen.steps if step.thread == 1] == [(1, 1), (1, 2)]
    assert {(step.before, step.after) for step in seen.steps} == {(0.0, 1.0)}


@pytest.mark.long
def test_the_counters_see_a_loop_over_the_elements():
    """4 lanes write 4 elements each: one request for each turn of the loop, in both."""
    parts = count(made("y2[i, :] = 1"), 1, T, *arrays()).of("y2")
    loop = count(made("for k in range(4): y2[i, k] = 1"), 1, T, *arrays()).of("y2")
    assert parts == loop
    assert (parts.requests, parts.lanes, parts.sectors) == (4, 16, 16)
    reads = count(made("y[i] = max(x)"), 1, T, *arrays()).of("x")
    assert (reads.requests, reads.lanes, reads.sectors) == (16, 64, 16)


@cuda.jit
def shared_zeros(x, shift):
    part = cuda.shared.array(8, float64)
    i = cuda.threadIdx.x
    part[2 * i : 2 * i + 2] = 0
    part[2 * i] += x[i]
    x[i] = part[(2 * i + shift) % 8]


@pytest.mark.long
def test_a_part_of_a_shared_array():
    assert find_data_races(shared_zeros, 1, T, np.ones(4), 1) == []
    races = find_data_races(shared_zeros, 1, T, np.ones(4), 2)
    assert {(race.array, race.memory) for race in races} == {("part", "shared")}


@pytest.mark.long
@pytest.mark.parametrize("statements", REFUSED | REFUSED_IF_TRACED)
def test_what_is_refused_in_one_sentence(statements):
    kernel = made(statements)
    if statements in REFUSED:
        with pytest.raises(UnsupportedCode, match=REFUSED[statements]) as caught:
            kernel[1, T](*arrays())
        assert "kernel, line 3: " in str(caught.value)
    for look in (find_data_races, count):
        with pytest.raises(UnsupportedCode, match=(REFUSED | REFUSED_IF_TRACED)[statements]):
            look(kernel, 1, T, *arrays())
