"""Lesson 12: pictures and widget; the cells show the module's code."""

import inspect
from pathlib import Path

import nbformat
import pytest

from lstm_kernels import report
from lstm_kernels import roofline as r
from lstm_kernels.figures import roofline as figures
from lstm_kernels.model import Sizes
from lstm_kernels.recorded import RecordedTraining
from lstm_kernels.timing import Timing
from lstm_kernels.widgets.roofline import RooflineExplorer
from tests.test_lessons_09 import check_exercise

NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "12_roofline.ipynb"
PNG = b"\x89PNG"
SIZES = Sizes(12, 64, 1, 64, 1)


def test_figures_are_pngs():
    t4, timing = r.PEAKS["T4"], Timing((1e-3, 2e-3, 3e-3))
    batches = [1, 2, 4, 8, 16]
    rows = [row for row in report.saved() if row.kernel.startswith(("cuda_v2", "cuda_v5, P"))]
    pictures = (
        figures.draw_idea(t4),
        figures.draw_bytes(SIZES),
        figures.draw_roofs([t4], SIZES, {"cuda_v6": 1e-4}),
        figures.draw_bounds(t4, SIZES, batches),
        figures.draw_bounds(t4, SIZES, batches, {"numpy_batched": [1, 2, 3, 4, 5]}),
        figures.draw_occupancy(rows),
        figures.draw_own_roof(100, 12, {"numpy_batched": (18, 9), "torch": (18, 20)}),
        figures.draw_library([8, 16], {"numpy_batched": [timing] * 2, "torch": [timing] * 2}, "x"),
    )
    assert all(picture._repr_png_().startswith(PNG) for picture in pictures)


def test_every_control_repaints_the_picture():
    widget = RooflineExplorer()
    for control in widget.controls:
        before = bytes(widget.image.value)
        control.value = control.options[-1 if control.value != control.options[-1] else 0]
        after = bytes(widget.image.value)
        assert after != before and after.startswith(PNG)
    assert widget.note.value == widget.sentence()
    widget.batch.value = 1
    assert widget.note.value.count("Limit: <b>waiting</b>") == 3


def test_cells_show_the_modules_code():
    cells = [c.source for c in nbformat.read(NOTEBOOK, 4).cells if c.cell_type == "code"]
    for functions in (r.LESSON_COUNTS, r.LESSON_CHAIN):
        assert "\n\n\n".join(inspect.getsource(f).strip() for f in functions) in cells
    assert inspect.getsource(RecordedTraining).strip() in cells


@pytest.mark.parametrize("number", [1, 2, 3])
def test_each_exercise_of_lesson_12_is_solved_with_the_same_check(number):
    check_exercise("12_roofline", number)
