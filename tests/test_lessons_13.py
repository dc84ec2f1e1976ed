"""Lesson 13: its code is V4's own, its pictures and its widget work."""

import inspect

import numpy as np
import pytest

from lstm_kernels import checks, cuda
from lstm_kernels.lab.estimates import compile_report
from lstm_kernels.lab.figures import blocks as figures
from lstm_kernels.lab.widgets.blocks import ReadMap
from lstm_kernels.machine import device
from lstm_kernels.versions import cuda_v4
from tests.test_lessons_06 import PNG, code_cells

SHOWN = ("forward", "outputs", "backward", "make_kernel", "product", "total", "weights_kernel")
SHOWN += ("check_hidden_size", "gradients")


def source_of(function):
    """Text of a function in its module, whatever decorated it."""
    for inner in ("py_func", "fn", "__wrapped__"):
        function = getattr(function, inner, function)
    return inspect.getsource(function).strip()


def check_exercise(lesson, number):
    """The solution has the lesson's own check."""
    solutions = "\n".join(code_cells(f"solutions/{lesson[:2]}_solutions"))
    text = next(t for t in code_cells(lesson) if f'checks.exercise("{number},' in t)
    assert text[text.index("\n\n\ndef check_") :].strip() in solutions


@pytest.mark.parametrize("name", SHOWN)
def test_lesson_13_shows_the_modules_own_source(name):
    source = source_of(getattr(cuda_v4, name))
    assert any(source in text for text in code_cells("13_cuda_v4"))


@pytest.mark.parametrize("name", ["MAX_H", "ROOM", "TILE"])
def test_lesson_13_has_the_modules_constants(name):
    line = next(s for s in inspect.getsource(cuda_v4).splitlines() if s.startswith(f"{name} ="))
    assert any(line in text.splitlines() for text in code_cells("13_cuda_v4"))


@pytest.mark.parametrize("number", [1, 2, 3])
def test_each_exercise_of_lesson_13_is_solved_with_the_same_check(number):
    check_exercise("13_cuda_v4", number)


@pytest.mark.parametrize(
    "H, itemsize, as_is, transposed", [(8, 4, 32, 4), (64, 4, 32, 4), (64, 8, 32, 8), (1, 4, 1, 1)]
)
def test_the_reads_picture_counts_pieces(H, itemsize, as_is, transposed):
    picture = figures.draw_reads(H, j=0, itemsize=itemsize)
    said = [ax.get_title(loc="left") for ax in picture.axes]
    assert said[0].startswith(f"W[k, j]: {as_is} piece")
    assert said[1].startswith(f"WT[j, k]: {transposed} piece")


def test_the_other_pictures_are_png():
    assert figures.draw_block_step(3)._repr_png_().startswith(PNG)
    lines = {"V2": ((1, 2), "C0"), "V4": ((1, 3), "C1")}
    assert figures.draw_lines((16, 32), lines, "title", "x", "y")._repr_png_().startswith(PNG)


@pytest.mark.parametrize("control, value", [("hidden", 64), ("dtype", 8)])
def test_each_control_repaints_the_read_map(control, value):
    read_map = ReadMap(H=16)
    before = bytes(read_map.image.value)
    getattr(read_map, control).value = value
    after = bytes(read_map.image.value)
    assert after.startswith(PNG) and after != before


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
