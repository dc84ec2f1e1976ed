"""Lessons 00 and 01: their pictures, and the playground."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from lstm_kernels import data, init_params
from lstm_kernels.lab.figures import cell, slopes, start, style
from lstm_kernels.lab.widgets.gate_playground import LIMIT, SETTINGS, GatePlayground, with_offsets
from lstm_kernels.versions import numpy_loop
from tests.pictures import curves, faces, no_overlap, painted, texts, titles


@pytest.fixture(scope="module")
def playground():
    series = data.load_airline()
    scaled = data.Scaler.fit(series.values).transform(series.values)
    return GatePlayground(init_params(1, 4, 1), series.dates, scaled, unit=2)


# ---- the figures --------------------------------------------------------------------------


def test_a_cell_has_four_gates_of_which_one_is_a_tanh():
    picture = cell.draw_cell()
    (ax,) = picture.axes
    assert {gate for gate, color in style.GATE_COLORS.items() if color in faces(ax)} == set("figo")
    words = texts(ax)
    assert [gate for gate in words if gate in tuple("figo")] == list("figo")
    assert words.count("σ") == 3 and words.count("tanh") == 2, "g, and on the way to h"
    assert {"$c_t$", "$h_t$", "$x_t$", "$c_{t+1}$", "$h_{t+1}$"} <= set(words)
    no_overlap(picture)


def test_the_sigmoid_begins_at_0_and_tanh_at_minus_1():
    picture = slopes.draw_activations()
    sigmoid, tanh = (line.get_ydata() for line in picture.axes[0].lines[:2])
    middle = len(sigmoid) // 2
    np.testing.assert_allclose([sigmoid[0], sigmoid[middle], sigmoid[-1]], [0, 0.5, 1], atol=0.01)
    np.testing.assert_allclose([tanh[0], tanh[middle], tanh[-1]], [-1, 0, 1], atol=0.01)
    no_overlap(picture)


def test_the_machine_has_three_sms_with_a_block_of_two_warps():
    picture = start.draw_machine()
    (ax,) = picture.axes
    words = texts(ax)
    assert {"host", "device (the GPU)", "device memory", "launch\na kernel"} <= set(words)
    assert [w for w in words if w[:2] == "SM"] == ["SM 0", "SM 1", "SM 2"]
    assert [w for w in words if w[:5] == "block"] == ["block 0", "block 1", "block 2"]
    assert words.count("warp 0: 32 threads") == words.count("warp 1: 32 threads") == 3
    assert faces(ax).count(style.SKY) == 3 * 2 * 32
    no_overlap(picture)


def test_questions_give_one_time_and_leave_five_open():
    past, held_out = data.split_by_time(data.load_airline())
    picture = start.draw_questions(past, held_out, 0.25)
    words = texts(picture.axes[1])
    assert words.count("?") == len(start.PROGRAMS) - 1 == 5
    assert words.count("250 ms, measured here") == 1
    assert curves(picture.axes[0]) == [list(past.values)]
    no_overlap(picture)


def test_a_windows_targets_are_its_inputs_one_step_later():
    series = data.load_airline()
    picture = start.draw_series(series, series.dates[120], first=60, T=11)
    words = texts(picture.axes[1])
    for value in series.values[60:72]:
        assert f"{value:.0f}" in words
    assert words.count("188") == 2  # a target at step 0, an input at step 1
    assert curves(picture.axes[0]) == [list(series.values), list(series.values[60:72])]
    no_overlap(picture)


def test_a_year_ahead_shows_each_seed():
    past, held_out = data.split_by_time(data.load_airline())
    truth, last_year = held_out.values[:12], past.values[-12:]
    seeds = np.array([truth * factor for factor in (0.9, 1.0, 1.2)])
    forecasts = {"seeds": (seeds, style.VERMILLION), "as last year": (last_year, style.BLUE)}
    picture = start.draw_forecast(past, held_out, forecasts, "A year ahead")
    (ax,) = picture.axes
    drawn = [list(values) for values in (past.values[-36:], truth, *seeds, last_year)]
    assert curves(ax)[:6] == drawn
    (label,) = (text for text in ax.texts if text.get_text() == "what happened")
    assert seeds.max() < label.get_position()[1] < ax.get_ylim()[1], "above all lines"
    no_overlap(picture)


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
    picture = cell.draw_unrolled(steps=4)
    words = texts(picture.axes[0])
    assert [w for w in words if w.startswith("step t")] == [f"step t = {t}" for t in range(4)]
    assert all(words.count(gate) == 4 for gate in "figo") and {"$c_4$", "$h_4$"} <= set(words)
    assert words.count("one set of weights  U, W, B, V, b_out,  used by every step") == 1
    no_overlap(picture)


# ---- the playground -----------------------------------------------------------------------


def test_offsets_move_only_the_three_gates_and_leave_the_model_alone():
    params = init_params(1, 2, 1)
    before = params.B.copy()
    moved = with_offsets(params, 1, 2, 3).B - params.B
    np.testing.assert_allclose(moved, [1, 1, 2, 2, 0, 0, 3, 3], atol=1e-6)
    np.testing.assert_array_equal(params.B, before)


def test_a_slider_and_a_unit_repaint_the_picture(playground):
    first = bytes(playground.image.value)
    picture = painted(playground, playground.sliders["f"], LIMIT)
    assert titles(picture)[0] == "The gates set to: never forget"
    gates = curves(picture.axes[1])
    no_overlap(picture)
    picture = painted(playground, playground.unit, 0)
    assert titles(picture)[0] == "The gates set to: never forget"
    assert curves(picture.axes[1]) != gates, "those of another unit"
    playground.unit.value = 2
    playground.set_offsets(0, 0, 0)
    assert playground.image.value == first


def test_buttons_set_all_sliders_and_repaint_once(playground, monkeypatch):
    pictures = []
    real = playground.picture
    monkeypatch.setattr(playground, "picture", lambda: pictures.append(real()) or pictures[-1])
    playground.set_offsets(1, 1, 1)
    assert titles(pictures.pop())[0] == "Biases moved by i +1.0, f +1.0, o +1.0"
    for button, setting in zip(playground.settings, SETTINGS.values(), strict=True):
        button.click()
        assert playground.offsets() == setting
    for picture, name in zip(pictures, SETTINGS, strict=True):
        said = titles(picture)[0].removeprefix("The gates ")
        assert said == (name if name == "as trained" else f"set to: {name}")


def test_forgetting_all_leaves_no_memory_of_the_step_before(playground):
    params = with_offsets(playground.params, 0, -LIMIT, 0)
    gates, c, _, _ = numpy_loop.forward_sample(params, playground.values[:-1, None])
    i, f, g, _ = gates.reshape(-1, 4, 4).swapaxes(0, 1)
    assert f.max() < 0.01
    np.testing.assert_allclose(c[1:], i * g, atol=0.01)


def test_a_unit_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="unit is 9; the model has units 0 to 3"):
        GatePlayground(init_params(1, 4, 1), np.arange(3), np.zeros(3), unit=9)
