"""What one traced run shows: results, races, who touched what, how often; and float64 by type."""

import linecache
import math

import numpy as np
import pytest
from numba import float32

from lstm_kernels.emulator import (
    ArgumentError,
    DivergentBarrier,
    OutOfBounds,
    UnsupportedCode,
    cuda,
    find_data_races,
)
from lstm_kernels.emulator.doubles import find_doubles
from lstm_kernels.emulator.observe import Counts, observe
from tests.emulator.planted import sum_all
from tests.notebooks import ROOT
from tests.processes import run_python


def floats(*shape):
    return np.arange(1, math.prod(shape) + 1, dtype=np.float32).reshape(shape)


# ---- results and who did what -------------------------------------------------------------------


@cuda.jit
def each_its_own(x, y):
    n = cuda.grid(1)
    if n < x.shape[0]:
        y[n] = 2 * x[n]


@cuda.jit
def one_does_all(x, y):
    if cuda.grid(1) == 5:
        for n in range(x.shape[0]):
            y[n] = 2 * x[n]


def test_the_same_result_and_another_worker():
    x, y = floats(7), np.zeros(7, np.float32)
    shared_out, alone = observe(each_its_own, 2, 4, x, y), observe(one_does_all, 2, 4, x, y)
    for seen in (shared_out, alone):
        assert seen.arrays["y"].tolist() == (2 * x).tolist()
        assert seen.counts == Counts(reads=7, writes=7, atomics=0, barriers=0)
        assert seen.races == []
    assert shared_out.writers == {"x": set(), "y": set(range(7))}
    assert shared_out.readers == {"x": set(range(7)), "y": set()}
    assert [shared_out.writers_of("y", n) for n in (0, 6)] == [{0}, {6}]
    assert alone.writers["y"] == alone.readers_of("x", 3) == {5}
    assert y.tolist() == [0] * 7  # the caller's array


@cuda.jit
def many_on_each(dW, counted, flags):
    """More threads touch one element than the race finder remembers."""
    n = cuda.grid(1)
    for k in range(dW.shape[0]):
        cuda.atomic.add(dW, (k, 1), 1)
    if flags[n % 2]:
        counted[0] += 1


@pytest.mark.parametrize("order", ["C", "F"])
def test_nothing_is_forgotten_where_many_threads_touch_one_element(order):
    arguments = np.zeros((3, 2), np.float32, order), np.zeros(1, np.uint8), np.array([True, False])
    seen = observe(many_on_each, 4, 32, *arguments)
    everyone = set(range(128))
    assert seen.writers_of("dW", (2, 1)) == seen.writers_of("dW", 0) == everyone
    assert seen.writers_of("dW", (2, 0)) == set()
    assert seen.writers["counted"] == {n for n in everyone if n % 2 == 0} == seen.readers["counted"]
    assert (seen.atomics("dW"), seen.atomics("counted")) == (3 * 128, 0)
    assert seen.counts_of["counted"] == Counts(reads=64, writes=64, atomics=0, barriers=0)
    assert seen.counts == Counts(reads=128 + 64, writes=64, atomics=3 * 128, barriers=0)
    assert seen.arrays["dW"].tolist() == [[0, 128]] * 3
    assert [race.array for race in seen.races] == ["counted"]


def test_barriers_are_counted_and_shared_memory_is_not():
    seen = observe(sum_all, 2, 64, np.ones(128), np.zeros(1))
    assert (seen.barriers, seen.counts) == (7, Counts(reads=128, writes=0, atomics=2, barriers=14))
    assert seen.arrays["out"] == [128]
    assert seen.writers["out"] == {0, 64}


@cuda.jit
def by_column(x, y):
    tile = cuda.shared.array((32, 32), float32)
    i, j = cuda.threadIdx.x, cuda.threadIdx.y
    tile[j, i] = x[j, i]
    cuda.syncthreads()
    y[j, i] = tile[i, j]


def test_a_log_tells_what_the_lanes_of_a_warp_ask_of_memory_together():
    x = floats(2, 32)
    arguments = np.resize(x, (32, 32)), np.zeros((32, 32), np.float32)
    seen = observe(by_column, 1, (32, 2), *arguments, log=True)
    asked = {}
    for request in seen.requests:
        asked.setdefault((request.name, request.kind), []).append(request)
    assert {key: len(found) for key, found in asked.items()} == {
        ("x", "reads"): 2,
        ("shared", "writes"): 2,
        ("shared", "reads"): 2,
        ("y", "writes"): 2,
    }
    second = asked["shared", "reads"][1]
    assert sorted(second.threads) == list(range(32, 64))
    assert sorted(second.offsets) == [4 * (32 * i + 1) for i in range(32)]
    assert observe(by_column, 1, (32, 2), *arguments).requests == []


def test_a_log_that_would_be_too_long_is_refused(monkeypatch):
    monkeypatch.setattr("lstm_kernels.emulator.observe.LOG_ROWS", 100)
    x = np.zeros((32, 32), np.float32)
    with pytest.raises(ArgumentError, match="256 accesses; the log has room for 100"):
        observe(by_column, 1, (32, 2), x, x, log=True)


@cuda.jit
def through_two_names(x, parts, y):
    parts[1][0] = x[0]


def test_one_array_with_two_names_and_one_without_elements():
    x = np.arange(3)
    seen = observe(through_two_names, 1, 1, x, (x, x), x[:0])
    assert seen.writers == {"x": {0}, "parts[0]": {0}, "parts[1]": {0}, "y": set()}
    assert seen.arrays["y"].size == 0


def test_the_order_of_the_threads_can_be_chosen():
    @cuda.jit
    def last(out):
        out[0] = cuda.grid(1)

    found = [observe(last, 2, 3, np.zeros(1, np.int32), order=order) for order in (0, 1)]
    assert [seen.arrays["out"][0] for seen in found] == [5, 0]
    assert [len(seen.races) for seen in found] == [1, 1]


# ---- kernels as a judge meets them --------------------------------------------------------------


def wrapped(answer, jit=cuda.jit):
    @jit
    def kernel(x, y):
        n = cuda.grid(1)
        if n < x.shape[0]:
            y[n] = answer(n, x)

    return kernel


def test_device_functions_in_a_closure_and_in_a_cell():
    text = "@cuda.jit(device=True)\ndef answer(n, x):\n    return x[n] + 0.5 * x[n - 1]\n"
    cell = "/tmp/ipykernel_1/2.py"
    linecache.cache[cell] = (len(text), None, text.splitlines(keepends=True), cell)
    names = {"cuda": cuda}
    exec(compile(text, cell, "exec"), names)
    kernel = wrapped(names["answer"])
    seen = observe(kernel, 1, 8, floats(4), floats(4))
    assert seen.arrays["y"].tolist() == [3, 2.5, 4, 5.5]
    assert seen.readers_of("x", 0) == {0, 1}
    assert (3, "return x[n] + 0.5 * x[n - 1]") in find_doubles(kernel, floats(4), floats(4))


def test_kernels_of_the_real_numba():
    real = pytest.importorskip("numba.cuda")

    @real.jit(device=True)
    def answer(n, x):
        return x[n] - real.blockIdx.x

    seen = observe(wrapped(answer, real.jit), 2, 2, floats(4), floats(4))
    assert seen.arrays["y"].tolist() == [1, 2, 2, 3]
    assert find_doubles(wrapped(answer, real.jit), floats(4), floats(4)) != []


@cuda.jit
def half_waits(x):
    if cuda.threadIdx.x < 2:
        cuda.syncthreads()
    x[0] = 1


@cuda.jit
def beyond(x):
    x[cuda.grid(1)] = 1


@cuda.jit
def with_a_list(x):
    x[0] = [1][0]


@pytest.mark.parametrize(
    ("kernel", "error"),
    [(half_waits, DivergentBarrier), (beyond, OutOfBounds), (with_a_list, UnsupportedCode)],
)
def test_errors_are_those_of_the_race_finder(kernel, error):
    said = []
    for tool in (find_data_races, observe):
        with pytest.raises(error) as raised:
            tool(kernel, 1, 4, floats(3))
        said.append(str(raised.value))
    assert said[0] == said[1]


def test_what_is_no_kernel_or_too_large_is_refused():
    with pytest.raises(ArgumentError, match="observe takes a kernel, not a function"):
        observe(floats, 1, 1)
    with pytest.raises(ArgumentError, match="GiB to remember who touched each of 10,000,000"):
        observe(each_its_own, 1024, 1024, floats(1), np.zeros(10_000_000 - 1, np.uint8))


# ---- float64 ------------------------------------------------------------------------------------


@cuda.jit(device=True)
def logistic(v):
    return float32(1) / (float32(1) + math.exp(-1.0 * v))


@cuda.jit
def doubled(x, y, k):
    n = cuda.grid(1)
    share = 1 / x.shape[0]
    y[n] = share * x[n]
    y[n] = logistic(y[n])
    total = 0.0
    for i in range(k):
        total += x[i]
    y[n] = k * x[n]
    y[int(n / 2)] = max(x[n], 0.0)


@cuda.jit
def clean(x, y, k):
    part = cuda.shared.array(4, float32)
    n = cuda.grid(1)
    two = float32(2.0)
    part[n] = two * x[n] ** 2 + float32(k) * math.exp(-x[n])
    cuda.syncthreads()
    if part[n] > 0.0:
        y[int(n / 2)] = max(part[3 - n], float32(0))


def test_lines_that_compute_with_float64():
    found = [text for _, text in find_doubles(doubled, floats(4), floats(4), 3)]
    assert found == [
        "return float32(1) / (float32(1) + math.exp(-1.0 * v))",
        "y[n] = share * x[n]",
        "total += x[i]",
        "y[n] = k * x[n]",
        "y[int(n / 2)] = max(x[n], 0.0)",
    ]
    (line, text), *_ = find_doubles(doubled, floats(4), floats(4), 3)
    assert linecache.getline(__file__, line).strip() == text
    assert find_doubles(clean, floats(4), floats(4), 3) == []


SEARCH_FIRST = """
import numpy as np
from numba import float32
from lstm_kernels import cuda
from lstm_kernels.emulator.doubles import find_doubles
from lstm_kernels.emulator.observe import observe

@cuda.jit
def alone(x):
    n = cuda.grid(1)
    if n < 3:
        x[n] = x[n] + x[n]

@cuda.jit
def meet(x):
    part = cuda.shared.array(64, float32)
    part[cuda.threadIdx.x] = x[cuda.threadIdx.x]
    cuda.syncthreads()
    x[0] = part[1]

x = np.ones(4, np.float32)
find_doubles(alone, x)
print(observe(meet, 1, 1, x).arrays["x"].shape)
"""


@pytest.mark.long
def test_a_search_for_doubles_leaves_numba_as_it_was(tmp_path):
    """Where nothing was compiled before, it made Numba unlearn `len`."""
    file = tmp_path / "search_first.py"
    file.write_text(SEARCH_FIRST)
    settings = {"LSTM_KERNELS_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = run_python(file, settings=settings)
    assert done.stdout == "(4,)\n", done.stderr


# ---- steps --------------------------------------------------------------------------------


@cuda.jit
def turned(x, y):
    part = cuda.shared.array(4, float32)
    k = cuda.threadIdx.x
    part[k] = x[k]
    cuda.syncthreads()
    y[k] = part[3 - k]
    y[0] += 1


def test_steps_tell_each_access_in_order_with_its_values():
    x, y = np.arange(1, 5, dtype=np.float32), np.zeros(4)
    seen = observe(turned, 1, 4, x, y, log=True)
    assert len(seen.steps) == 4 * 5
    first = [(s.thread, s.kind, s.name, s.index, s.memory, s.barriers) for s in seen.steps[:3]]
    assert first == [
        (0, "reads", "x", (0,), "global", 0),
        (0, "writes", "part", (0,), "shared", 0),
        (1, "reads", "x", (1,), "global", 0),
    ]
    assert seen.steps[1].after == 1 and np.isnan(seen.steps[1].before)
    sums = [(s.before, s.after) for s in seen.steps if s.kind == "reads and writes"]
    assert sums == [(4, 5), (5, 6), (6, 7), (7, 8)], "float64, beside float32"
    assert {s.barriers for s in seen.steps if s.name == "y"} == {1}
    assert seen.steps[1].place.text == "part[k]"
    assert observe(turned, 1, 4, x, y).steps == []


def test_what_shared_memory_holds_after_the_last_access_is_known_for_a_single_block_only():
    x, y = np.arange(1, 5, dtype=np.float32), np.zeros(4)
    for blocks, last in ((1, 1.0), (2, None)):
        steps = observe(turned, blocks, 4, x, y, log=True).steps
        reads = [s for s in steps if s.name == "part" and s.kind == "reads"]
        assert reads[-1].before == 1 and reads[-1].after == last


def test_the_requests_of_one_array_can_be_asked_for():
    x, y = np.arange(1, 5, dtype=np.float32), np.zeros(4)
    seen = observe(turned, 1, 4, x, y, log=True)
    (request,) = seen.asked("shared", "reads", "part[3 - k]")
    assert (request.lanes, request.offsets, request.itemsize) == ((0, 1, 2, 3), (12, 8, 4, 0), 4)
    with pytest.raises(ArgumentError, match=r"no requests: x writes ; there are none at all"):
        seen.asked("x", "writes")
