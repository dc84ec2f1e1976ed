"""Lesson 04: its ladder, its pictures, its exercises' verdict and its widget."""

import inspect

import numpy as np
import pytest

from lstm_kernels import checks, init_params
from lstm_kernels.lab.figures import timing as figures
from lstm_kernels.lab.measure import rungs
from lstm_kernels.lab.measure.stopwatch import count_instructions
from lstm_kernels.lab.measure.timing import Timing
from lstm_kernels.lab.widgets import timing as widgets_timing
from lstm_kernels.lab.widgets.timing import time_gradients, timing_title, timing_widget
from lstm_kernels.versions import numpy_batched, numpy_loop
from tests.pictures import curves, dots, kept, names_on, no_overlap, texts, titles

NUMPYS = ("numpy_loop", "numpy_batched")


@pytest.fixture(scope="module")
def timings():
    return time_gradients(NUMPYS, batch_size=4, H=4, T=2, budget=0)


@pytest.fixture(scope="module")
def problem():
    x, y = np.random.default_rng(0).normal(size=(2, 3, 5, 2))
    return init_params(2, 4, 2, dtype=np.float64), x, y


@pytest.mark.parametrize("name", rungs.rungs())
def test_every_rung_gives_the_gradients_of_the_baseline(name, problem):
    loss, grads = rungs.rungs()[name](*problem)
    expected_loss, expected = numpy_batched.gradients(*problem)
    assert loss == pytest.approx(expected_loss, rel=1e-12)
    assert max(map(checks.relative_error, grads, expected)) < 1e-12


def test_a_rung_differs_from_the_one_before_it_by_its_idea_alone():
    def lines(function):
        return {line.strip() for line in inspect.getsource(function).splitlines()[2:]}

    loop, axis = lines(numpy_loop.backward_sample), lines(rungs.backward_axis)
    assert axis - loop == {
        "T, H, N = c[1:].shape",
        "dh_next, dc = np.zeros((2, H, N), gates.dtype)  # from the step after",
        "i, f, g, o = gates[t].reshape(4, H, N)",
    }
    axis, first = lines(rungs.forward_axis), lines(rungs.forward_inputs_first)
    assert {line.partition("  #")[0] for line in first - axis} == {
        "Ux = U @ x + B[:, None]",
        "z = Ux[t] + W @ h[t]",
        "c, h = np.zeros((2, T + 1, H, N), x.dtype)",
    }


def test_the_ladder_is_climbed_in_turns_and_gains_are_of_neighbours(problem):
    order = []
    ladder = {name: lambda *a, name=name: order.append(name) for name in "abc"}
    seconds = rungs.climb(ladder, *problem, rounds=2)
    assert "".join(order) == "abcabc" and all(len(s) == 2 for s in seconds.values())
    gains = rungs.gains({"a": [8.0, 8.0, 6.0], "b": [4.0, 2.0, 1.0], "c": [1.0, 2.0, 1.0]})
    assert gains == {"b": (3.0, 4.0, 5.0), "c": (1.0, 1.0, 2.5)}


def test_instructions_are_counted_and_repeat_exactly():
    def loop(n):
        return [k * k for k in range(n)]

    ten, again, twenty = (count_instructions(lambda n=n: loop(n)) for n in (10, 10, 20))
    assert ten == again and 20 < twenty - ten < 200


def test_time_gradients_times_every_version(timings):
    assert list(timings) == list(NUMPYS)
    assert all(len(t.seconds) >= 3 and min(t.seconds) > 0 for t in timings.values())
    with pytest.raises(ValueError, match="unknown version 'numpy'"):
        time_gradients(("numpy",), 4, 4)


def test_a_tile_is_what_one_operation_computes():
    picture = figures.draw_grain(N=7, rows=12)
    assert titles(picture) == ["sequential", "numpy_loop", "numpy_batched"]
    assert [len(ax.patches) for ax in picture.axes] == [7 * 12, 7, 1]
    said = [texts(ax)[0] for ax in picture.axes]
    assert said[0].startswith("one number each:\n84 calls of dot")
    assert said[1].endswith("\n7 calls of @") and said[2].endswith("\n1 call of @")
    no_overlap(picture)


def test_repeats_are_dots_and_the_first_call_stands_apart():
    calls = {"a": [1.0, 0.1, 0.2, 0.1], "b": [0.1, 0.1, 0.2, 0.1]}
    picture = figures.draw_repeats(calls)
    assert titles(picture) == ["a", "b"]
    for ax, seconds in zip(picture.axes, calls.values(), strict=True):
        median, later, first = curves(ax)[:3]
        assert (median, later, first) == ([0.1, 0.1], seconds[1:], [seconds[0]])
    assert texts(picture.axes[0])[0] == "first call: 1.00 s"
    assert "median 100 ms" in texts(picture.axes[0])[1]
    no_overlap(picture)


def test_time_for_one_sample_is_the_time_by_the_batch():
    timings = {"numpy_loop": Timing((4.0, 4.0, 4.4)), "numpy_batched": Timing((1.0, 1.1, 1.2))}
    picture = figures.draw_per_sample({v: {1: t, 4: t} for v, t in timings.items()})
    (ax,) = picture.axes
    assert curves(ax) == [[t.median, t.median / 4] for t in timings.values()]
    assert texts(ax) == list(timings) and names_on(ax.xaxis) == ["1", "4"]
    no_overlap(picture)


def test_counts_are_dots_with_their_number():
    counts = {"sequential": {7: 10_000, 28: 40_000}, "numpy_batched": {7: 500, 28: 501}}
    picture = figures.draw_counts(counts)
    (ax,) = picture.axes
    assert dots(ax) == [10_000, 40_000, 500, 501] and not ax.patches
    assert texts(ax)[1] == "40,000  for 28 samples" and len(texts(ax)) == 4
    assert names_on(ax.yaxis) == list(counts)
    no_overlap(picture)


def test_dots_show_medians_and_ratios():
    timings = {"sequential": Timing((2.0, 4.0, 6.0)), "numpy_loop": Timing((1.0, 1.0, 1.0))}
    picture = figures.draw_timings(timings, "title")
    (ax,) = picture.axes
    words = texts(ax)
    assert words[0].startswith("4.00 s (3.00 s to 5.00 s)")
    assert words[1].endswith(": 4x")
    assert dots(ax) == [4.0, 1.0] and names_on(ax.yaxis) == list(timings)
    assert not ax.patches, "a bar on a log axis has no honest length"
    assert titles(picture) == ["title"]
    no_overlap(picture)


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.0, "2 s"), (0.01, "10 ms"), (1e-4, "100 µs"), (1e-9, "1 ns")]
)
def test_ticks_of_a_time_axis(seconds, text):
    assert figures.tick_text(seconds) == text


def test_the_button_measures_and_repaints(timings, monkeypatch):
    start = figures.draw_timings(timings, timing_title(4, 4))
    widget = timing_widget(NUMPYS, 4, 4, start)
    (batch, hidden, button), image = widget.children[0].children, widget.children[1]
    before, pictures = bytes(image.value), kept(monkeypatch, widgets_timing, "draw_timings")
    batch.value, hidden.value = 2, 8
    assert bytes(image.value) == before  # nothing is measured before the press
    button.click()
    assert bytes(image.value) != before
    (picture,) = pictures
    assert titles(picture) == [timing_title(2, 8)] and len(dots(picture.axes[0])) == len(NUMPYS)
    assert not button.disabled
