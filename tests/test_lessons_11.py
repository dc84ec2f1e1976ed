"""Lesson 11: V3c is V3 with other indices, and touches an eighth of the pieces."""

import inspect
import re

import numpy as np
import pytest

from lstm_kernels import VERSIONS, checks, cuda
from lstm_kernels.judge.lesson_11 import add_of_warp
from lstm_kernels.lab.figures import memory
from lstm_kernels.lab.measure.card.kept import cards
from lstm_kernels.machine import device
from lstm_kernels.model import sizes, zeros_like
from lstm_kernels.versions import cuda_v2, cuda_v3c, per_sample
from lstm_kernels.versions.per_sample import Workspace, workspace_shapes
from tests.pictures import no_overlap, texts
from tests.problems import random_problem

LAID_OUT = ("h", "c", "gates", "dc", "dz")
ELEMENT = r"\b(x|y|h|c|gates|dz|dy|a|b)\[([^\[\],]+), n, ([^\]]+)\]"  # of (T, N, H)
SIZE = r"\b(x|y|h|dz|dy)\.shape\[2\]"
counted_here = pytest.mark.skipif(device.TARGET == "simulator", reason="the emulator counts")


def turned(source):
    """V3's code with the sample as the last index of each array of the batch."""
    source = source.replace("(T, _, D), H = x.shape", "(T, D, _), H = x.shape")
    source = source.replace("n < x.shape[1]", "n < N").replace("dc[n, j]", "dc[j, n]")
    source = re.sub(SIZE, r"\1.shape[1]", re.sub(ELEMENT, r"\1[\2, \3, n]", source))
    return source.replace("n < N", "n < x.shape[2]")


def code_of(function):
    """Its source without comments: those tell the shapes."""
    return re.sub(r" *#.*", "", inspect.getsource(function.py_func))


@pytest.mark.parametrize(
    "module, name",
    [(per_sample, name) for name in ("forward_sample", "loss_sample", "backward_sample")]
    + [(per_sample, "product_over_time"), (per_sample, "sum_over_time")]
    + [(cuda_v2, "add_gradients"), (cuda_v2, "kernel")],
)
def test_v3c_is_v3_but_for_the_order_of_the_indices(module, name):
    old, new = code_of(getattr(module, name)), code_of(getattr(cuda_v3c, name))
    assert turned(old) == new != old


def arguments_of(params, x, y, *, last):
    """Of one launch of V3's kernel; last: with the sample as the last index, of V3c's."""
    shapes = Workspace(*workspace_shapes(sizes(params, x), x.itemsize))
    *work, loss = shapes
    if last:
        x, y = (np.ascontiguousarray(a.transpose(0, 2, 1)) for a in (x, y))
        work = map(cuda_v3c.sample_last, work)
    rubbish = [np.full(shape, np.nan, x.dtype) for shape in (*work, loss)]
    return *params, x, y, x.dtype.type(1 / y.size), *rubbish, *zeros_like(params)


@counted_here
@pytest.mark.long
def test_a_request_touches_4_pieces_for_32():
    params, x, y = random_problem(3, 64, 2, 16, 2)
    v3, v3c = (
        checks.count(version.kernel, 2, 32, *arguments_of(params, x, y, last=last))
        for version, last in ((cuda_v2, False), (cuda_v3c, True))
    )
    for array in LAID_OUT:
        assert v3.of(array).sectors_per_request == 32, array
        assert v3c.of(array).sectors_per_request == 4, array
        assert v3c.of(array).requests == v3.of(array).requests, array
    for array in ("U", "W", "B", "V", "b_out", "dU", "dW", "dB", "dV", "db_out"):
        assert v3c.of(array) == v3.of(array), array
    assert v3c.operations == v3.operations


@counted_here
@pytest.mark.long
def test_a_card_counted_what_is_counted_here():
    """ncu on an H200: the stores to the last one, the loads within half a per cent."""
    (card,) = (card for card in cards() if card["card"] == "NVIDIA H200")
    found = [row for row in card["rows"] if row["section"] == "counters"]
    (row, *_) = (r for r in found if r["version"] == "cuda_v3" and "::kernel[" in r["kernel"])
    assert (row["T"], row["N"], row["H"]) == (12, 64, 32)
    params, x, y = random_problem(12, 64, 1, 32, 1)
    arguments = arguments_of(params, x, y, last=False)
    counted = checks.count(VERSIONS["cuda_v3"].kernel, 2, 32, *arguments)
    for way, short, tolerance in (("loads", "ld", 5e-3), ("stores", "st", 0)):
        asked = [access.asked for access in counted.accesses if access.way == way]
        for what in ("requests", "sectors"):
            recorded = row["counters"][f"l1tex__t_{what}_pipe_lsu_mem_global_op_{short}.sum"]
            ours = sum(getattr(a, what) for a in asked)
            assert ours == pytest.approx(recorded, rel=tolerance), (way, what)


@pytest.mark.long
@counted_here
@pytest.mark.parametrize("N", [1, 33, 64])
def test_no_two_threads_race(N):
    params, x, y = random_problem(1, N, 1, 2, 1)
    arguments = arguments_of(params, x, y, last=True)
    blocks = cuda_v2.blocks_for(N)
    assert not checks.find_data_races(cuda_v3c.kernel, blocks, cuda_v2.THREADS, *arguments)


@counted_here
def test_a_warps_sum_needs_one_atomic_addition_for_32():
    @cuda.jit
    def by_lane(parts, total):
        cuda.atomic.add(total, 0, parts[cuda.grid(1)])

    @cuda.jit
    def by_warp(parts, total):
        add_of_warp(total, 0, parts[cuda.grid(1)])

    parts, total = np.ones(128, np.float32), np.zeros(1, np.float32)
    lanes, warps = (
        checks.count(kernel, 4, 32, parts, total).of("total", "atomics").lanes
        for kernel in (by_lane, by_warp)
    )
    assert lanes == 32 * warps == 128


def test_the_picture_tells_what_is_recorded_and_what_is_expected():
    recorded = {7: (7, 42.0), 64: (32, 58.0), 1024: (32, 64.0)}
    picture = memory.draw_times_by_pieces(recorded, (4, 39.4), "recorded on a card")
    assert {"N = 7", "N = 64 and 1,024", "V3c: expected 39.4 ns"} <= set(texts(picture.axes[0]))
    assert "expected, not measured" in picture.alt and "64 ns with 32 pieces" in picture.alt
    no_overlap(picture)
