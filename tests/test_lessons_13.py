"""Lesson 13: its pictures and its widget; pieces in a module made anew; the saved compile report;
different_results."""

import numpy as np
import pytest
from matplotlib.patches import FancyArrowPatch

from lstm_kernels import checks, cuda, data, init_params
from lstm_kernels.lab.estimates import compile_report
from lstm_kernels.lab.figures import blocks as figures
from lstm_kernels.lab.pieces import with_pieces
from lstm_kernels.lab.widgets.blocks import ReadMap
from lstm_kernels.machine import device
from lstm_kernels.versions import cuda_v4
from tests.pictures import no_overlap, painted, texts, titles


@pytest.mark.parametrize(
    "H, itemsize, as_is, transposed", [(8, 4, 32, 4), (64, 4, 32, 4), (64, 8, 32, 8), (1, 4, 1, 1)]
)
def test_the_reads_picture_counts_pieces(H, itemsize, as_is, transposed):
    picture = figures.draw_reads(H, j=0, itemsize=itemsize)
    said = titles(picture)
    assert said[0].startswith(f"W[k, j]: {as_is} piece")
    assert said[1].startswith(f"WT[j, k]: {transposed} piece")
    no_overlap(picture)


def test_a_step_of_a_block_has_all_threads_and_two_barriers():
    picture = figures.draw_block_step(3)
    (ax,) = picture.axes
    words = texts(ax)
    assert [w for w in words if w.isdecimal()] == [str(k) for k in range(12)] * 2
    assert all(words.count(f"{gate}{j}") == 1 for gate in "ifgo" for j in range(3))
    assert words.count("syncthreads()") == 2 and words.count("") == 12
    assert titles(picture)[0].endswith("H=3 units, 12 threads, two barriers")
    no_overlap(picture)


def test_the_way_back_of_a_block_has_all_threads_and_two_barriers():
    picture = figures.draw_block_back(3)
    (ax,) = picture.axes
    words = texts(ax)
    assert [w for w in words if w.isdecimal()] == [str(k) for k in range(12)] * 3
    assert all(words.count(f"{gate}{j}") == 1 for gate in "ifgo" for j in range(3))
    assert all(words.count(f"{gate}:{j}") == 1 for gate in "ifgo" for j in range(3))
    assert words.count("syncthreads()") == 2
    arrows = [p for p in ax.patches if isinstance(p, FancyArrowPatch)]
    assert len(arrows) == 4 + 3 + 12 + 4, "four dz; a gate's rows; all parts; four parts"
    no_overlap(picture)


def test_a_module_made_anew_runs_on_other_pieces():
    params, x, y = init_params(D=1, H=3, O=1), *data.panel(2, T=2)
    doubled = with_pieces(cuda_v4, right=twice_right)
    loss, grads = doubled.gradients(params, x, y)
    right_loss, right = cuda_v4.gradients(params, x, y)
    assert loss == right_loss and np.array_equal(grads.W, right.W + right.W)
    with pytest.raises(ValueError, match="has no left"):
        with_pieces(cuda_v4, left=twice_right)


@cuda.jit(device=True)
def twice_right(h, x, t, n, column, shift):
    once = cuda_v4.right(h, x, t, n, column, shift)
    return once + once


@pytest.mark.parametrize(
    "control, value, said",
    [
        ("hidden", 64, ["W[k, j]: 32 pieces of 32 bytes", "WT[j, k]: 4 pieces of 32 bytes"]),
        ("dtype", 8, ["W[k, j]: 32 pieces of 32 bytes", "WT[j, k]: 8 pieces of 32 bytes"]),
    ],
)
def test_each_control_repaints_the_read_map(control, value, said):
    read_map = ReadMap(H=16)
    assert titles(painted(read_map, getattr(read_map, control), value)) == said


def test_the_smallest_layer_can_be_chosen():
    read_map = ReadMap(H=16)
    painted(read_map, read_map.hidden, read_map.hidden.options[0])


def test_the_saved_compile_report_is_whole_and_without_fault():
    rows = compile_report.saved()
    assert {row.cc for row in rows} == {60, 75, 80, 89, 90}
    assert {"cuda_v4", "cuda_v4, weights", "cuda_v5, P=32", "cuda_v5, P=64"} <= {
        row.kernel for row in rows
    }
    assert compile_report.faults(rows) == []


def test_a_report_that_is_kept_comes_back(tmp_path, monkeypatch):
    rows = compile_report.saved()[:3]
    monkeypatch.setenv("LSTM_KERNELS_DATA", str(tmp_path))
    monkeypatch.setattr(compile_report.metadata, "version", lambda name: "1.2.3")
    compile_report.save(rows)
    assert compile_report.saved() == rows


@cuda.jit
def add_all(a, out):
    cuda.atomic.add(out, 0, a[cuda.grid(1)])


@cuda.jit
def copy_all(a, out):
    n = cuda.grid(1)
    out[n] = a[n]


@pytest.mark.skipif(device.TARGET == "simulator", reason="looks at the emulator")
def test_different_results_counts_bit_patterns():
    a = np.random.default_rng(0).uniform(0, 1, 512).astype(np.float32)
    assert checks.different_results(add_all, 4, 128, a, np.zeros(1, np.float32)) > 1
    out = np.zeros_like(a)
    assert checks.different_results(copy_all, 4, 128, a, out) == 1
    assert not out.any(), "the caller's arrays are not changed"
