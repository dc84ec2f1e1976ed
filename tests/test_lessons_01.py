"""Lessons 00 and 01: their code is the module's, their pictures and the playground work."""

import inspect
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from lstm_kernels import data, init_params
from lstm_kernels.lab.figures import cell, start, style
from lstm_kernels.lab.widgets.gate_playground import LIMIT, SETTINGS, GatePlayground, with_offsets
from lstm_kernels.versions import numpy_loop

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
PNG = b"\x89PNG"


def cells(name):
    return nbformat.read(NOTEBOOKS / name, as_version=4).cells


@pytest.fixture(scope="module")
def playground():
    series = data.load_airline()
    scaled = data.Scaler.fit(series.values).transform(series.values)
    return GatePlayground(init_params(1, 4, 1), series.dates, scaled, unit=2)


# ---- the notebooks ------------------------------------------------------------------------


def test_lesson_01_shows_the_modules_own_source():
    source = inspect.getsource(numpy_loop)
    shown = [
        c.source for c in cells("01_lstm_math.ipynb") if "source:numpy_loop" in str(c.metadata)
    ]
    assert len(shown) == 2
    for function in ("sigmoid", "forward_sample", "backward_sample"):
        assert any(f"def {function}(" in text for text in shown)
    for text in shown:
        assert text.strip() in source


@pytest.mark.parametrize("number", ["00_start_here", "01_lstm_math"])
def test_each_exercise_of_the_lesson_is_solved_with_the_same_check(number):
    solutions = "\n".join(c.source for c in cells(f"solutions/{number[:2]}_solutions.ipynb"))
    exercises = [c.source for c in cells(f"{number}.ipynb") if "checks.exercise(" in c.source]
    assert len(exercises) >= 3
    for text in exercises:
        assert text[text.index("\n\n\ndef check_") :].strip() in solutions


def test_links_of_lesson_00_name_the_courses_notebooks():
    text = "\n".join(c.source for c in cells("00_start_here.ipynb"))
    links = set(re.findall(r"\]\(([^)#]+)\)", text))
    names = {path.name[:2] for path in NOTEBOOKS.glob("*.ipynb")} - {"00"}
    assert {link[:2] for link in links if link.endswith(".ipynb") and "/" not in link} == names
    for link in links:
        assert link.startswith("https://") or (NOTEBOOKS / link).exists(), link


def test_table_of_lesson_00_has_the_minutes_that_each_lesson_names():
    table = "\n".join(c.source for c in cells("00_start_here.ipynb"))
    rows = re.findall(r"\| \[\w\d [^]]*\]\((\w+\.ipynb)\) \|.*\| (\d+) \|", table)
    assert sorted(name for name, _ in rows) == sorted(p.name for p in NOTEBOOKS.glob("*.ipynb"))[1:]
    for name, minutes in rows:
        assert re.search(rf"about\s+{minutes} minutes", cells(name)[0].source), (name, minutes)


# ---- the figures --------------------------------------------------------------------------


@pytest.mark.parametrize("part", [None, "f", "ig", "c", "o"])
def test_the_cell_is_a_png_and_each_part_lights_something_else(part):
    png = cell.draw_cell(part)._repr_png_()
    assert png.startswith(PNG)
    assert part is None or png != cell.draw_cell()._repr_png_()


@pytest.mark.parametrize(
    "draw",
    [cell.draw_unrolled, cell.draw_backward, start.draw_machine],
)
def test_fixed_figures_are_png(draw):
    assert draw()._repr_png_().startswith(PNG)


def test_errors_below_and_above_the_limit_have_different_colours():
    picture = cell.draw_errors({"right": 1e-9, "wrong": 0.3}, 1e-6, "title")
    right, wrong = (line for line in picture.axes[0].lines if line.get_marker() != "None")
    assert right.get_color() != wrong.get_color() and right.get_marker() != wrong.get_marker()
    assert {"passes", "30% off"} <= {text.get_text() for text in picture.axes[0].texts}


def test_numbers_on_the_cell_and_derivatives_if_there_are_any():
    numbers = dict.fromkeys(cell.SLOPES, 0.25)
    plain, both = cell.draw_numbers(numbers), cell.draw_numbers(numbers, numbers)
    count = len(cell.SLOPES)
    for picture, derivatives in ((plain, 0), (both, count)):
        texts = [text.get_text() for text in picture.axes[0].texts]
        assert (texts.count("0.25"), texts.count("∂ 0.250")) == (count, derivatives)


def test_questions_give_one_time_and_leave_five_open():
    past, held_out = data.split_by_time(data.load_airline())
    picture = start.draw_questions(past, held_out, 0.25)
    texts = [text.get_text() for text in picture.axes[1].texts]
    assert texts.count("?") == len(start.PROGRAMS) - 1 == 5
    assert texts.count("250 ms, measured here") == 1


def test_a_windows_targets_are_its_inputs_one_step_later():
    series = data.load_airline()
    picture = start.draw_series(series, series.dates[120], first=60, T=11)
    texts = [text.get_text() for text in picture.axes[1].texts]
    for value in series.values[60:72]:
        assert f"{value:.0f}" in texts
    assert texts.count("188") == 2  # a target at step 0, an input at step 1


def contrast_with_white(color):
    """The contrast of WCAG 2: 21 for black, 1 for white; large letters need 3."""
    red, green, blue = (
        v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in to_rgb(color)
    )
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)


@pytest.mark.parametrize("color", sorted({*style.COLORS, *style.VERSION_COLORS.values()}))
def test_words_in_a_colour_can_be_read_on_white(color):
    assert contrast_with_white(style.ink(color)) > 3


def test_unrolled_has_one_cell_for_each_step():
    texts = [t.get_text() for t in cell.draw_unrolled(steps=4).axes[0].texts]
    assert sum(t.startswith("step t") for t in texts) == 4


# ---- the playground -----------------------------------------------------------------------


def test_offsets_move_only_the_three_gates_and_leave_the_model_alone():
    params = init_params(1, 2, 1)
    before = params.B.copy()
    moved = with_offsets(params, 1, 2, 3).B - params.B
    np.testing.assert_allclose(moved, [1, 1, 2, 2, 0, 0, 3, 3], atol=1e-6)
    np.testing.assert_array_equal(params.B, before)


def test_a_slider_and_a_unit_repaint_the_picture(playground):
    first = playground.image.value
    playground.sliders["f"].value = LIMIT
    second = playground.image.value
    playground.unit.value = 0
    assert len({first, second, playground.image.value}) == 3
    playground.unit.value = 2
    playground.set_offsets(0, 0, 0)
    assert playground.image.value == first


def test_buttons_set_all_sliders_and_repaint_once(playground, monkeypatch):
    painted = []
    real = playground.picture
    monkeypatch.setattr(playground, "picture", lambda: painted.append(1) or real())
    playground.set_offsets(1, 1, 1)
    painted.clear()
    for button, setting in zip(playground.settings, SETTINGS.values(), strict=True):
        button.click()
        assert playground.offsets() == setting
    assert len(painted) == len(SETTINGS)


def test_forgetting_all_leaves_no_memory_of_the_step_before(playground):
    params = with_offsets(playground.params, 0, -LIMIT, 0)
    gates, c, _, _ = numpy_loop.forward_sample(params, playground.values[:-1, None])
    i, f, g, _ = gates.reshape(-1, 4, 4).swapaxes(0, 1)
    assert f.max() < 0.01
    np.testing.assert_allclose(c[1:], i * g, atol=0.01)


def test_a_unit_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="unit is 9; the model has units 0 to 3"):
        GatePlayground(init_params(1, 4, 1), np.arange(3), np.zeros(3), unit=9)
