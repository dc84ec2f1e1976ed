"""Lesson 03: its pictures, its widget and what it measures."""

import re
import time

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.patches import Circle

from lstm_kernels import init_params
from lstm_kernels.lab.figures import descent, profile
from lstm_kernels.lab.figures.style import GREEN
from lstm_kernels.lab.figures.versions_table import HEADER, ROWS, versions_table
from lstm_kernels.lab.measure.batch_sizes import (
    best_losses,
    epoch_seconds,
    loss_after,
    random_gradients,
)
from lstm_kernels.lab.measure.stopwatch import time_parts
from lstm_kernels.lab.widgets import descent as widgets_descent
from lstm_kernels.lab.widgets.descent import noise_widget
from lstm_kernels.versions import COURSE, VERSIONS
from tests.notebooks import LESSONS
from tests.pictures import curves, kept, names_on, no_overlap, texts, titles, widths


@pytest.fixture
def noise():
    rng = np.random.default_rng(0)
    points = {b: rng.normal(size=(20, 2)) / np.sqrt(b) + (1, 0) for b in (1, 4, 16)}
    return points, {b: 1 / np.sqrt(b) for b in points}


# ---- the pictures -------------------------------------------------------------------------


def has_lesson(module):
    """Is there a notebook with the number that the module names?  A newcomer's may have none."""
    number = re.search(r"Lesson (\d\d)", module.__doc__)
    return bool(number) and any(lesson.startswith(number[1]) for lesson in LESSONS)


def test_every_version_with_a_lesson_has_a_row_in_the_table():
    assert list(ROWS)[: len(COURSE)] == list(COURSE)
    assert set(ROWS) == {name for name, module in VERSIONS.items() if has_lesson(module)}
    heights = [versions_table(upto=name).get_figheight() for name in ROWS]
    assert heights == sorted(set(heights))
    with pytest.raises(ValueError, match="no row for 'cuda_v0'"):
        versions_table("cuda_v0")


@pytest.mark.parametrize("upto, new", [("numpy_batched", 2), ("numba_cpu", 1), ("cuda_v6", 1)])
def test_the_table_has_a_row_a_version_and_its_new_words_are_bold(upto, new):
    picture = versions_table(upto, new)
    names = list(ROWS)[: list(ROWS).index(upto) + 1]
    written = picture.axes[0].texts
    assert [text.get_text() for text in written[: len(HEADER)]] == list(HEADER)
    cells = written[len(HEADER) :]
    assert [c.get_text() for c in cells] == [t for name in names for t in (name, *ROWS[name])]
    bold = {c.get_text() for c in cells if c.get_weight() == "bold"}
    assert set(names[-new:]) <= bold and not set(names[:-new]) & bold
    no_overlap(picture)


def test_the_graph_says_what_waits_and_what_may_run_together():
    picture = descent.dependency_graph()
    (ax,) = picture.axes
    words = texts(ax)
    assert all(words.count(step) == 2 * 3 for step in ("t = 0", "t = 1", "t = T-1")), "both ways"
    assert {"n = 0", "n = 1", "n = N-1", "sum of all\ngradients", "4H gate rows"} <= set(words)
    green = to_rgba(GREEN)
    circles = [p for p in ax.patches if isinstance(p, Circle) and p.get_facecolor() == green]
    assert len(circles) == 4 * descent.UNITS, "all gate rows are side by side"
    no_overlap(picture)


def test_the_noise_is_drawn_as_it_was_measured(noise):
    points, deviations = noise
    picture = descent.draw_noise(points, deviations, 4)
    cloud, spread = picture.axes
    np.testing.assert_array_equal(cloud.collections[0].get_offsets(), points[4])
    uphill = (points[4][:, 0] < 0).mean()
    assert titles(picture)[0] == f"Gradients of 4 samples: {uphill:.0%} point uphill"
    for limits, along in ((cloud.get_xlim(), points[4][:, 0]), (cloud.get_ylim(), points[4][:, 1])):
        assert limits[0] < along.min() and along.max() < limits[1]
        assert np.ptp(along) > 0.4 * np.ptp(limits), "the cloud fills the picture"
    line, measured, ring = curves(spread)
    assert measured == line == list(deviations.values()) and ring == [deviations[4]]
    assert names_on(spread.xaxis) == ["1", "4", "16"]
    no_overlap(picture)


def test_parallel_work_has_a_square_a_sample():
    picture = descent.draw_parallel_work(59, (1, 7, 59))
    (ax,) = picture.axes
    assert len(ax.collections) == 3 * 59
    words = [text.split("\n")[1] for text in texts(ax)]
    assert words == ["59 updates in a row,", "9 updates in a row,", "1 update,"]
    no_overlap(picture)


def test_curves_against_epochs_and_against_time():
    losses = {1: [0.3, 0.1], 7: [0.4, 0.2], 59: [0.5, 0.4]}
    seconds = {
        "sequential": {b: [1.0, 2.0] for b in losses},
        "numpy_batched": {b: [0.1, 0.2] for b in losses},
    }
    picture = descent.draw_descent(losses, seconds, {1: "a", 7: "b", 59: "c"})
    names = ("sequential", "numpy_batched")
    assert titles(picture) == ["Against epochs", *(f"Against time: {name}" for name in names)]
    assert all(curves(ax) == list(losses.values()) for ax in picture.axes)
    _, slow, fast = picture.axes
    assert [list(line.get_xdata()) for line in slow.lines] == [[1.0, 2.0]] * 3
    assert slow.get_xlim() == fast.get_xlim(), "one axis for both, or they cannot be compared"
    assert texts(picture.axes[0]) == ["a", "b", "c"]
    no_overlap(picture)


def test_the_profiles_parts_are_as_long_as_their_seconds():
    picture = profile.draw_profile({"forward": 1.0, "backward": 1.0, "the rest": 0.01})
    assert widths(picture.axes[0]) == pytest.approx([1.0, 1.0, 0.01])
    words = texts(picture.axes[0])
    assert words == ["1.00 s, 49.8%", "forward", "1.00 s, 49.8%", "backward", words[-1]]
    assert words[-1] == "the rest\n10.0 ms, 0.5%"
    no_overlap(picture)


def test_amdahls_curves_end_below_their_limits():
    parts = {"forward": [0.4, 0.4, 0.4], "all": [0.98, 0.995, 0.99]}
    picture = profile.draw_amdahl(parts, batch_size=7)
    (ax,) = picture.axes
    forward, everything, bound = curves(ax)[:3]
    assert (forward[-1], everything[-1]) == (profile.amdahl(0.4, 1024), profile.amdahl(0.99, 1024))
    assert bound == list(ax.lines[2].get_xdata()), "as fast as there are workers"
    words = texts(ax)
    assert words[:2] == ["forward: at most 1.7x", "all: at most 50x to 200x"]
    assert words[-1] == "7 whole\nsamples for\n7 workers"
    no_overlap(picture)


def test_a_classs_points_stand_beside_the_law():
    points = {"Ada": (2, 1.8), "Alan": (8, 5.0), "Grace": (4, 3.1)}
    picture = profile.draw_class(0.05, points)
    (ax,) = picture.axes
    _, bound, measured = curves(ax)
    assert bound[-1] == pytest.approx(1 / (0.05 + 0.95 / 8)) and measured == [1.8, 5.0, 3.1]
    assert {"Ada", "Alan", "Grace"} <= set(texts(ax))
    assert "5.0% of the work" in picture.alt and "Ada 1.80 with 2" in picture.alt
    many = profile.draw_class(0.0, {str(n): (2, 1.5) for n in range(80)})
    assert "79" not in texts(many.axes[0]), "so many names would be no picture"


@pytest.mark.parametrize(
    "serial, points, said",
    [
        (1.5, {"Ada": (2, 1.8)}, "serial is 1.5"),
        (0.1, {}, "points is empty"),
        (0.1, {"Ada": (0, 1.8)}, "Ada: 0 workers"),
        (0.1, {"Ada": (2, -1)}, "Ada: 2 workers, -1 times"),
    ],
)
def test_a_class_without_a_sense_is_refused(serial, points, said):
    with pytest.raises(ValueError, match=said):
        profile.draw_class(serial, points)


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


def test_the_slider_changes_the_picture(noise, monkeypatch):
    widget = noise_widget(*noise, 4)
    slider, image = widget.children
    before, pictures = bytes(image.value), kept(monkeypatch, widgets_descent, "draw_noise")
    assert slider.options == (1, 4, 16)
    slider.value = 16
    assert titles(pictures.pop())[0].startswith("Gradients of 16 samples: ")
    assert bytes(image.value) != before
    slider.value = 4
    assert bytes(image.value) == before


# ---- what is measured ---------------------------------------------------------------------


def inner(seconds):
    time.sleep(seconds)


def test_parts_of_the_time_add_up_to_the_whole():
    def call():
        time.sleep(0.01)
        inner(0.02)

    parts = time_parts(["inner"], lambda: call(), module=__name__)
    assert list(parts) == ["inner", "the rest"]
    assert parts["inner"] >= 0.02 and parts["the rest"] >= 0.01
    assert inner.__name__ == "inner", "the stopwatch is taken off again"


@pytest.fixture(scope="module")
def windows():
    rng = np.random.default_rng(0)
    return init_params(1, 2, 1), *rng.normal(size=(2, 3, 6, 1)).astype(np.float32)


def test_the_full_batch_has_no_noise(windows):
    full, vectors, noise = random_gradients(*windows, sizes=(1, 6), draws=5)
    assert np.linalg.norm(full) == pytest.approx(1)
    assert {size: v.shape for size, v in vectors.items()} == {1: (5, 35), 6: (5, 35)}
    assert noise[6] < 1e-5 < noise[1]


def test_each_batch_size_has_its_best_rate_and_a_loss_an_epoch(windows):
    found = best_losses(*windows, (2, 6), epochs=3, rates=(1e-6, 0.3))
    assert {b: (rate, len(curve)) for b, (rate, curve) in found.items()} == {
        2: (0.3, 3),
        6: (0.3, 3),
    }
    seconds = epoch_seconds(("sequential", "numpy_batched"), *windows, {2: 0.1}, rounds=1)
    assert all(of_one[2] > 0 for of_one in seconds.values())
    after = loss_after("sequential", *windows, 2, 0.3)
    assert after == pytest.approx(found[2][1][0], rel=1e-4), "the version changes no loss"
