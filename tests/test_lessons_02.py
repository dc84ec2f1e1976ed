"""Lesson 02: the pictures of the way back."""

import numpy as np
from matplotlib.patches import FancyArrowPatch

from lstm_kernels.lab.figures import cell, slopes
from lstm_kernels.lab.figures.style import BLUE, ORANGE
from tests.pictures import curves, names_on, no_overlap, texts, titles


def test_each_derivative_comes_along_an_arrow():
    picture = cell.draw_backward()
    (ax,) = picture.axes
    names = ("dy_t", "dh_{t+1}", "dc_{t+1}", "dz_t", "dc_{t+2}", "dz_{t+1}", "dc_t", "dh_t")
    words = texts(ax)
    assert all(words.count(f"${name}$") == 1 for name in names)
    assert {"from the loss at step t", "dU, dW, dB", "dV, db_out"} <= set(words)
    arrows = [patch for patch in ax.patches if isinstance(patch, FancyArrowPatch)]
    assert len(arrows) == len(names) + 2, "one out of a name or into it; two to the parameters"
    no_overlap(picture)


def test_errors_below_and_above_the_limit_have_different_colours():
    picture = cell.draw_errors({"right": 1e-9, "wrong": 0.3}, 1e-6, "title")
    right, wrong = (line for line in picture.axes[0].lines if line.get_marker() != "None")
    assert right.get_color() != wrong.get_color() and right.get_marker() != wrong.get_marker()
    assert {"passes", "30% off"} <= set(texts(picture.axes[0]))
    assert names_on(picture.axes[0].yaxis) == ["right", "wrong"] and titles(picture) == ["title"]
    no_overlap(picture)


def test_fading_is_logarithmic_only_where_little_is_left():
    half, none = np.array([1.0, 0.5]), np.array([1.0, 1e-6])
    picture = cell.draw_fading({"a": [("x", half, "k"), ("y", none, "k")], "b": [("x", half, "k")]})
    left, right = picture.axes
    assert (left.get_yscale(), right.get_yscale()) == ("log", "linear")
    assert curves(left) == [[1.0, 0.5], [1.0, 1e-6]] and curves(right) == [[1.0, 0.5]]
    assert titles(picture) == ["a", "b"] and right.get_ylim()[0] == 0
    assert sorted(texts(left)) == ["x", "y"]
    no_overlap(picture)


def test_numbers_on_the_cell_and_derivatives_if_there_are_any():
    numbers = dict.fromkeys(cell.SLOPES, 0.25)
    plain, both = cell.draw_numbers(numbers), cell.draw_numbers(numbers, numbers)
    count = len(cell.SLOPES)
    for picture, derivatives in ((plain, 0), (both, count)):
        words = texts(picture.axes[0])
        assert (words.count("0.25"), words.count("∂ 0.250")) == (count, derivatives)
        no_overlap(picture)


def test_the_best_step_of_each_curve_is_marked():
    steps, rough = np.array([1e-1, 1e-2, 1e-3]), np.array([1e-1, 1e-3, 1e-2])
    picture = slopes.draw_step_errors(steps, {"a": (rough, BLUE), "b": (rough[::-1], ORANGE)})
    (ax,) = picture.axes
    assert curves(ax) == [list(rough), [1e-3], list(rough[::-1]), [1e-3]]
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log") and ax.xaxis_inverted()
    assert sorted(texts(ax)) == ["a", "b"] and "a 1e-03 at 1e-02" in picture.alt
