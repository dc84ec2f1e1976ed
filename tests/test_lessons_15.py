"""Lesson 15: the queue's model, its pictures and its widget."""

import pytest

from lstm_kernels.lab.estimates import host_queue
from lstm_kernels.lab.estimates.bus import copied_names
from lstm_kernels.lab.estimates.host_queue import (
    CARD,
    HOST,
    Costs,
    busy,
    calibrate,
    end_of,
    pace,
    v3_bars,
    v6_bars,
)
from lstm_kernels.lab.figures import recorded_kernels
from lstm_kernels.lab.figures import training as figures
from lstm_kernels.lab.measure import records
from lstm_kernels.lab.widgets.host_queue import LaunchQueue
from lstm_kernels.machine.watch import IN, OUT, Transfer
from tests.pictures import curves, names_on, no_overlap, painted, texts, titles, widths


def test_the_model_makes_the_copies_of_v3_as_it_was_recorded():
    into, out = copied_names("cuda_v3", then=True)
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
    assert step == pytest.approx([pace(slow_card), pace(slow_host)])
    assert busy(v6_bars(50, slow_card)) > 0.95 > 0.3 > busy(v6_bars(50, slow_host))


BATCHES, GRAPHS = records.kept("batch_h100"), records.kept("cudnn_h100")


def steps():
    """{(version, batch): recorded seconds per mini-batch} of V6, launched and as a graph."""
    rows = (row for row in GRAPHS["rows"] if row["version"].startswith("cuda_v6"))
    return {(row["version"], row["batch"]): recorded_kernels.seconds_of_batch(row) for row in rows}


def test_the_models_costs_are_the_recorded_ones():
    (v3,) = (r for r in BATCHES["rows"] if (r["version"], r["batch"]) == ("cuda_v3", 64))
    copies = v3["host_to_device"] + v3["device_to_host"]
    v6 = steps()["cuda_v6_launched", 64], steps()["cuda_v6", 64]
    found = calibrate(*v6, recorded_kernels.seconds_of_batch(v3), v3["kernel"], copies)
    assert Costs() == pytest.approx(found, rel=2e-3)
    assert pace(found) == pytest.approx(1e6 * v6[0]) and busy(v6_bars(50, found)) < 0.55


def test_the_models_pace_is_drawn_under_the_recorded_points():
    picture = recorded_kernels.draw_pace(GRAPHS, {64: 124, 256: 125})
    model, launched, graph = curves(picture.axes[0])
    for name, line in (("cuda_v6_launched", launched), ("cuda_v6", graph)):
        assert line == pytest.approx([1e6 * steps()[name, N] for N in (64, 256)])
    assert model == [124, 125]
    said = "launched, by the model", "launched, recorded", "as a CUDA graph, recorded"
    assert set(said) < set(texts(picture.axes[0]))
    no_overlap(picture)


def test_each_recorded_version_has_a_dot_for_its_kernels_and_for_all_of_it():
    rows = {r["version"]: r for r in BATCHES["rows"] if r["batch"] == 64}
    picture = recorded_kernels.draw_recorded(BATCHES, ("cuda_v5", "numba_cpu", "cuda_v1"), 64)
    kernels, whole = picture.axes
    assert curves(kernels) == [[0]] and kernels.lines[0].get_xdata() == rows["cuda_v5"]["kernel"]
    assert [line.get_xdata()[0] for line in whole.lines] == [
        rows[name]["median"] / 4 for name in ("cuda_v5", "numba_cpu")
    ]
    assert texts(whole) == ["2.19 ms", "643 µs"]
    assert names_on(kernels.yaxis) == ["cuda_v5", "numba_cpu"], "V1 was left out there"
    assert picture.get_suptitle().startswith("NVIDIA H100 80GB HBM3, recorded on 2026-11-26")
    no_overlap(picture)


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


@pytest.mark.long
def test_every_slider_repaints_the_picture():
    widget = LaunchQueue()
    said = ("", "gradients: 1000,", "launch: 100,", "copy: 50,", "host: 3,000")
    for slider, words in zip(widget.sliders, said, strict=True):
        picture = painted(widget, slider, slider.options[-1])
        assert words in texts(picture.axes[0])[0]
    assert len(widths(picture.axes[0])) == 16 * len(v3_bars(1, Costs()))
    bars = v3_bars(*widget.settings())
    assert widths(picture.axes[0]) == pytest.approx([bar.length for bar in bars])
    assert titles(picture)[0].startswith(f"V3's way: {end_of(bars):,.0f} µs; the card works ")
    no_overlap(picture)
    widget.kernel.value = 2
    assert "The host, which queues the launches, sets" in widget.note.value
