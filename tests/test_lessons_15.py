"""Lesson 15: the queue's model, its pictures and its widget."""

import pytest

from lstm_kernels.lab.estimates import host_queue
from lstm_kernels.lab.estimates.bus import copied_names
from lstm_kernels.lab.estimates.host_queue import CARD, HOST, Costs, busy, end_of, v3_bars, v6_bars
from lstm_kernels.lab.figures import training as figures
from lstm_kernels.lab.widgets.host_queue import LaunchQueue
from lstm_kernels.machine.watch import IN, OUT, Transfer
from tests.pictures import curves, no_overlap, painted, texts, titles, widths


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


def test_the_bus_has_a_line_for_each_copy():
    log = [Transfer(IN, 100), Transfer(OUT, 4)]
    picture = figures.draw_bus({"cuda_v3": log * 9, "cuda_v6": log}, "counted")
    for ax, (copies, waits) in zip(picture.axes, ((18, 9), (2, 1)), strict=True):
        lines = [len(group.get_segments()) for group in ax.collections]
        assert lines == [copies - waits, waits]
    assert titles(picture)[0] == "V3: 18 copies, 936 bytes; the host waits 9 times"
    assert titles(picture)[1].startswith("V6: 2 copies, 104 bytes; the host waits 1 time")
    assert texts(picture.axes[0]) == ["counted"]
    no_overlap(picture)


def test_our_losses_are_drawn_on_the_references():
    histories = {"sgd": ([3, 2, 1], [3, 2.5, 1]), "adam": ([3, 2], [3, 2])}
    picture = figures.draw_losses(histories, 2)
    assert [title.split(":")[0] for title in titles(picture)] == ["SGD", "Adam"]
    for ax, (ours, reference) in zip(picture.axes, histories.values(), strict=True):
        assert curves(ax)[:2] == [reference, ours]
        assert [line.get_xdata()[0] for line in ax.lines[2:]] == [2.5], "the end of an epoch"
    no_overlap(picture)


def test_the_picture_of_homes_has_all_arrays_that_are_copied_in():
    picture = figures.draw_homes()
    words = " ".join(texts(picture.axes[0]))
    assert all(name in words for name in ("x, y, order", "state:", "rates:", "losses"))
    assert words.count("once an epoch") == words.count("at the end") == 1
    no_overlap(picture)


def test_every_slider_repaints_the_picture():
    widget = LaunchQueue()
    said = ("16 mini-batches", "gradients 1000 µs", "a launch 20 µs", "a copy 50 µs")
    for slider, words in zip(widget.sliders, said, strict=True):
        picture = painted(widget, slider, slider.options[-1])
        assert words in texts(picture.axes[0])[0]
    bars = v3_bars(*widget.settings())
    assert widths(picture.axes[0]) == pytest.approx([bar.length for bar in bars])
    assert titles(picture)[0].startswith(f"V3's way: {end_of(bars):,.0f} µs; the card works ")
    no_overlap(picture)
    widget.kernel.value = 2
    assert "The host, which queues the launches, sets" in widget.note.value
