"""Lesson 03: its code is the module's, its pictures and its widget work."""

import inspect
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest

from lstm_kernels.lab.figures import descent, profile
from lstm_kernels.lab.figures.versions_table import ROWS, versions_table
from lstm_kernels.lab.widgets.descent import noise_widget
from lstm_kernels.versions import COURSE, VERSIONS, sequential

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
PNG = b"\x89PNG"


def cells(name):
    return nbformat.read(NOTEBOOKS / name, as_version=4).cells


@pytest.fixture
def noise():
    rng = np.random.default_rng(0)
    points = {b: rng.normal(size=(20, 2)) / np.sqrt(b) + (1, 0) for b in (1, 4, 16)}
    return points, {b: 1 / np.sqrt(b) for b in points}


# ---- the notebook -------------------------------------------------------------------------


def test_the_whole_module_is_shown_character_for_character():
    shown = [c.source for c in cells("03_sequential.ipynb") if c.cell_type == "code"]
    functions = [f for _, f in inspect.getmembers(sequential, inspect.isfunction)]
    functions = [f for f in functions if f.__module__ == sequential.__name__]
    assert len(functions) == 8
    for function in functions:
        assert any(inspect.getsource(function).strip() in text for text in shown), function


@pytest.mark.parametrize("number", ["03_sequential", "04_numpy"])
def test_each_exercise_is_solved_with_the_same_check(number):
    solutions = "\n".join(c.source for c in cells(f"solutions/{number[:2]}_solutions.ipynb"))
    exercises = [c.source for c in cells(f"{number}.ipynb") if "checks.exercise(" in c.source]
    assert len(exercises) == 3
    for text in exercises:
        assert text[text.index("\n\n\ndef check_") :].strip() in solutions
    for cell in cells(f"solutions/{number[:2]}_solutions.ipynb"):
        if "checks.exercise(" in cell.source:
            assert cell.outputs[0].text.startswith("ok: ")


# ---- the pictures -------------------------------------------------------------------------


def has_lesson(module):
    """Is there a notebook with the number that the module names?  A newcomer's may have none."""
    number = re.search(r"Lesson (\d\d)", module.__doc__)
    return bool(number) and any(NOTEBOOKS.glob(f"{number[1]}_*.ipynb"))


def test_every_version_with_a_lesson_has_a_row_in_the_table():
    assert list(ROWS)[: len(COURSE)] == list(COURSE)
    assert set(ROWS) == {name for name, module in VERSIONS.items() if has_lesson(module)}
    heights = [versions_table(upto=name).get_figheight() for name in ROWS]
    assert heights == sorted(set(heights))
    assert versions_table("numpy_batched", new=2)._repr_png_().startswith(PNG)
    with pytest.raises(ValueError, match="no row for 'cuda_v0'"):
        versions_table("cuda_v0")


def test_pictures_of_lesson_02(noise):
    curves = {1: [0.3, 0.1], 7: [0.4, 0.2], 59: [0.5, 0.4]}
    seconds = {"sequential": {b: [1.0, 2.0] for b in curves}}
    pictures = [
        descent.dependency_graph(),
        descent.draw_noise(*noise, 4),
        descent.draw_parallel_work(59, (1, 7, 59)),
        descent.draw_descent(curves, seconds, {1: "a", 7: "b", 59: "c"}),
        profile.draw_profile({"forward": 1.0, "backward": 1.0, "the rest": 0.01}),
        profile.draw_amdahl({"forward": 0.4, "all": 0.99}, batch_size=7),
    ]
    assert all(p._repr_png_().startswith(PNG) for p in pictures)


def test_two_directions_are_along_and_across_the_full_gradient():
    full = np.array([0.6, 0.8, 0.0])
    single = np.array([[0.6, 0.8, 3.0], [0.6, 0.8, -3.0]])
    points = descent.two_directions({1: single, 2: full[None]}, full)
    np.testing.assert_allclose(points[2], [[1, 0]], atol=1e-12)
    np.testing.assert_allclose(np.abs(points[1]), [[1, 3], [1, 3]], atol=1e-12)


def test_amdahl():
    assert profile.amdahl(1.0, 8) == pytest.approx(8)
    assert profile.amdahl(0.5, 1e12) == pytest.approx(2)
    assert profile.amdahl(0.0, 100) == 1


def test_short_times_as_ticks():
    assert [descent.tick_text(s) for s in (0.001, 0.1, 1.0, 10.0)] == [
        "1 ms",
        "100 ms",
        "1 s",
        "10 s",
    ]


# ---- the widget ---------------------------------------------------------------------------


def test_the_slider_changes_the_picture(noise):
    widget = noise_widget(*noise, 4)
    slider, image = widget.children
    before = bytes(image.value)
    assert before.startswith(PNG) and slider.options == (1, 4, 16)
    slider.value = 16
    after = bytes(image.value)
    assert after.startswith(PNG) and after != before
    slider.value = 4
    assert bytes(image.value) == before
