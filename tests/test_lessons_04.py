"""Lesson 04: its code is the modules', its pictures, its counter and its widget work."""

import inspect
from pathlib import Path

import nbformat
import pytest

from lstm_kernels import checks
from lstm_kernels.lab.figures import timing as figures
from lstm_kernels.lab.measure.timing import Timing
from lstm_kernels.lab.widgets.timing import time_gradients, timing_title, timing_widget
from lstm_kernels.versions import numpy_batched, numpy_loop

NOTEBOOK = Path(__file__).resolve().parent.parent / "notebooks" / "04_numpy.ipynb"
PNG = b"\x89PNG"
NUMPYS = ("numpy_loop", "numpy_batched")


@pytest.fixture(scope="module")
def timings():
    return time_gradients(NUMPYS, batch_size=4, H=4, T=2, budget=0)


@pytest.mark.parametrize("module", [numpy_loop, numpy_batched])
def test_the_modules_are_shown_character_for_character(module):
    shown = [c.source for c in nbformat.read(NOTEBOOK, 4).cells if c.cell_type == "code"]
    functions = [f for _, f in inspect.getmembers(module, inspect.isfunction)]
    functions = [f for f in functions if f.__module__ == module.__name__]
    functions = [f for f in functions if f.__name__ != "predict"]  # not used in this lesson
    assert len(functions) >= 5
    for function in functions:
        assert any(inspect.getsource(function).strip() in text for text in shown), function


def test_time_gradients_times_every_version(timings):
    assert list(timings) == list(NUMPYS)
    assert all(len(t.seconds) >= 3 and min(t.seconds) > 0 for t in timings.values())
    with pytest.raises(ValueError, match="unknown version 'numpy'"):
        time_gradients(("numpy",), 4, 4)


def test_pictures_of_lesson_03(timings):
    counts = {"sequential": {7: 10_000, 28: 40_000}, "numpy_batched": {7: 500, 28: 500}}
    pictures = [
        figures.draw_grain(),
        figures.draw_repeats({"a": [1.0, 0.1, 0.2, 0.1], "b": [0.1, 0.1, 0.2, 0.1]}),
        figures.draw_timings(timings, timing_title(4, 4)),
        figures.draw_per_sample({v: {1: t, 4: t} for v, t in timings.items()}),
        figures.draw_counts(counts),
    ]
    assert all(p._repr_png_().startswith(PNG) for p in pictures)


def test_bars_show_medians_and_ratios():
    timings = {"sequential": Timing((2.0, 4.0, 6.0)), "numpy_loop": Timing((1.0, 1.0, 1.0))}
    texts = [t.get_text() for t in figures.draw_timings(timings, "title").axes[0].texts]
    assert texts[0].startswith("4.00 s (3.00 s to 5.00 s)")
    assert texts[1].endswith(": 4x")


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.0, "2 s"), (0.01, "10 ms"), (1e-4, "100 µs"), (1e-9, "1 ns")]
)
def test_ticks_of_a_time_axis(seconds, text):
    assert figures.tick_text(seconds) == text


def test_the_button_measures_and_repaints(timings):
    start = figures.draw_timings(timings, timing_title(4, 4))
    widget = timing_widget(NUMPYS, 4, 4, start)
    (batch, hidden, button), image = widget.children[0].children, widget.children[1]
    before = bytes(image.value)
    batch.value, hidden.value = 2, 8
    assert bytes(image.value) == before  # nothing is measured before the press
    button.click()
    after = bytes(image.value)
    assert after.startswith(PNG) and after != before
    assert not button.disabled


def test_an_exercise_says_what_is_missing_and_never_raises(capsys):
    def unsolved():
        raise AssertionError("three is missing")

    checks.exercise("count", unsolved)
    checks.exercise("nothing", lambda: None)
    assert capsys.readouterr().out == "not yet: count: three is missing\nok: nothing\n"
