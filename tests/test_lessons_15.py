"""Lesson 15: the queue's model, pictures, widget; the cells show the module's code."""

import inspect
from pathlib import Path

import nbformat
import pytest

from lstm_kernels.lab.estimates import host_queue
from lstm_kernels.lab.estimates.bus import copied_names
from lstm_kernels.lab.estimates.host_queue import CARD, HOST, Costs, busy, end_of, v3_bars, v6_bars
from lstm_kernels.lab.figures import training as figures
from lstm_kernels.lab.figures.versions_table import versions_table
from lstm_kernels.lab.widgets.host_queue import LaunchQueue
from lstm_kernels.machine.watch import IN, OUT, Transfer
from lstm_kernels.versions import cuda_v6
from tests.test_lessons_13 import check_exercise

NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "15_cuda_v6.ipynb"
PNG = b"\x89PNG"


def test_the_model_makes_v3s_copies():
    into, out = copied_names("cuda_v3")
    assert (host_queue.COPIES_IN, host_queue.COPIES_OUT) == (len(into), len(out))


@pytest.mark.parametrize("bars_of", [v3_bars, v6_bars])
def test_nobody_does_two_things_at_once(bars_of):
    bars = bars_of(5, Costs())
    for where in (HOST, CARD):
        of_one = sorted((b.start, b.start + b.length) for b in bars if b.where == where)
        ends = [end for _, end in of_one]
        assert all(start >= end - 1e-9 for (start, _), end in zip(of_one[1:], ends, strict=False))


def test_the_slower_side_sets_v6s_pace():
    slow_card, slow_host = Costs(kernel=100, launch=1), Costs(kernel=1, update=1, launch=10)
    step = [end_of(v6_bars(11, c)) - end_of(v6_bars(10, c)) for c in (slow_card, slow_host)]
    assert step == pytest.approx([100 + slow_card.update, 20])
    assert busy(v6_bars(50, slow_card)) > 0.95 > 0.3 > busy(v6_bars(50, slow_host))


def test_figures_are_pngs():
    log = [Transfer(IN, 100), Transfer(OUT, 4)]
    pictures = (
        figures.draw_homes(),
        figures.draw_bus({"cuda_v3": log * 9, "cuda_v6": log}, "counted"),
        figures.draw_losses({"sgd": ([3, 2, 1], [3, 2, 1]), "adam": ([3, 2], [3, 2])}, 2),
        versions_table(upto="cuda_v6"),
    )
    assert all(picture._repr_png_().startswith(PNG) for picture in pictures)


def test_the_picture_of_homes_has_all_arrays_that_are_copied_in():
    words = " ".join(text.get_text() for text in figures.draw_homes().axes[0].texts)
    assert all(name in words for name in ("x, y, order", "state:", "rates:", "losses"))


def test_every_slider_repaints_the_picture():
    widget = LaunchQueue()
    for slider in widget.sliders:
        before = bytes(widget.image.value)
        slider.value = slider.options[-1]
        after = bytes(widget.image.value)
        assert after != before and after.startswith(PNG)
    widget.kernel.value = 2
    assert "The host, which queues the launches, sets" in widget.note.value


def test_cells_show_the_modules_code():
    cells = [c.source for c in nbformat.read(NOTEBOOK, 4).cells if c.cell_type == "code"]
    module = inspect.getsource(cuda_v6)
    for first in ("@cuda.jit\ndef sgd_kernel", "class DeviceTraining", "def fit("):
        (cell,) = (c for c in cells if c.startswith(first))
        assert f"\n{cell}\n" in module


@pytest.mark.parametrize("number", [1, 2, 3])
def test_each_exercise_of_lesson_15_is_solved_with_the_same_check(number):
    check_exercise("15_cuda_v6", number)
