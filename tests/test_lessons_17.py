"""Lesson 17: pictures and widget; the cells show the module's code."""

import inspect
from pathlib import Path

import nbformat
import pytest

from lstm_kernels.lab.estimates import compile_report
from lstm_kernels.lab.estimates import roofline as r
from lstm_kernels.lab.estimates.cards import CARDS
from lstm_kernels.lab.figures import roofline as figures
from lstm_kernels.lab.measure import cpu_baselines, cudnn
from lstm_kernels.lab.measure.timing import Timing
from lstm_kernels.lab.widgets.roofline import RooflineExplorer
from lstm_kernels.lab.words import seconds_text
from lstm_kernels.machine import device
from lstm_kernels.machine.cuda_graph import GraphError
from lstm_kernels.model import Sizes
from lstm_kernels.versions.cuda_v6_graph import RecordedTraining
from tests.test_lessons_13 import check_exercise

NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "17_roofline.ipynb"
PNG = b"\x89PNG"
SIZES = Sizes(12, 64, 1, 64, 1)


def test_figures_are_pngs():
    t4, timing = CARDS["T4"], Timing((1e-3, 2e-3, 3e-3))
    batches = [1, 2, 4, 8, 16]
    rows = [
        row for row in compile_report.saved() if row.kernel.startswith(("cuda_v2", "cuda_v5, P"))
    ]
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


def test_a_measured_star_stands_at_the_bytes_that_this_card_is_asked_for():
    a100 = CARDS["A100"]
    picture = figures.draw_roofs([a100], SIZES, {"cuda_v6": 1e-4})
    (star,) = (line for line in picture.axes[0].lines if line.get_marker() == "*")
    x = r.operations(SIZES) / r.bytes_asked("cuda_v5", SIZES, a100.sms)
    assert [*star.get_xdata(), *star.get_ydata()] == [x, r.operations(SIZES) / 1e5]


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
    counts = r.operations, r.numbers_v4, r.numbers_v5
    for functions in (counts, (r.chain_v2, r.chain_v4, r.chain_v5)):
        assert "\n\n\n".join(inspect.getsource(f).strip() for f in functions) in cells
    assert inspect.getsource(RecordedTraining).strip() in cells


def refuse(stream, queue):
    raise GraphError("this driver has no cuTomorrow")


@pytest.mark.parametrize("refused", [False, True])
def test_a_refused_recording_does_not_stop_the_lesson(refused, capsys):
    cells = [c.source for c in nbformat.read(NOTEBOOK, 4).cells if c.cell_type == "code"]
    first = next(i for i, cell in enumerate(cells) if "import Graph, GraphError" in cell)
    lesson = {"cpu_baselines": cpu_baselines, "cudnn": cudnn, "device": device}
    lesson["seconds_text"] = seconds_text
    exec(cells[first], lesson)
    if refused:
        lesson["Graph"] = refuse
    on_this_card = next(cell for cell in cells if "def v6_step_seconds" in cell)
    for cell in (*cells[first + 1 : first + 3], on_this_card):
        exec(cell, lesson)
    kind = "DeviceTraining" if refused else "RecordedTraining"
    said = "goes on without a graph: this driver has no cuTomorrow" if refused else "the same bits"
    assert lesson["best_kind"].__name__ == kind and said in capsys.readouterr().out
    assert lesson["v6_step_seconds"](N=4, T=3, H=8, steps=2) > 0


@pytest.mark.parametrize("number", [1, 2, 3])
def test_each_exercise_of_lesson_17_is_solved_with_the_same_check(number):
    check_exercise("17_roofline", number)
