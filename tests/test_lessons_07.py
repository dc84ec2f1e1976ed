"""Lesson 07: its pictures and its widget."""

import pytest

from lstm_kernels.lab.estimates.thread_layout import ThreadLayout
from lstm_kernels.lab.figures import recorded
from lstm_kernels.lab.figures import threads as figures
from lstm_kernels.lab.figures.style import BLUE, LIGHT, ORANGE, SKY
from lstm_kernels.lab.measure.recorded import Recording
from lstm_kernels.lab.measure.timing import Timing
from lstm_kernels.lab.widgets.request import RequestMap
from lstm_kernels.lab.widgets.thread_map import ThreadMap
from tests.pictures import curves, faces, names_on, no_overlap, painted, texts, titles, widths


@pytest.mark.parametrize("N, threads", [(1, 32), (7, 32), (1000, 32), (250, 100), (20000, 1024)])
def test_the_thread_map_says_what_is_idle(N, threads):
    launch = ThreadLayout(N, threads)
    picture = figures.draw_thread_map(launch)
    said = picture.get_suptitle()
    assert f"{launch.idle_lanes:,} idle lanes" in said and f"{launch.sms} of 40 SMs" in said
    lanes, sms = picture.axes
    rows = min(launch.warps, figures.SHOWN_WARPS - (launch.warps > figures.SHOWN_WARPS))
    assert len([w for w in texts(lanes) if w.startswith("warp ")]) == rows
    assert len(faces(lanes)) == 32 * rows and len(faces(sms)) == 40
    assert faces(sms).count(LIGHT) == 40 - launch.sms and len(texts(sms)) == launch.sms
    no_overlap(picture)


VERBS = ("read", "adds", "writ", "atom")  # what a step begins with


def test_the_lost_update_has_all_steps_in_their_order():
    picture = figures.draw_lost_update()
    lost, kept = ([w for w in texts(ax) if w[:4] in VERBS] for ax in picture.axes)
    assert lost == ["reads 0", "reads 0", "adds 2", "adds 3", "writes 2", "writes 3"]
    assert kept == ["atomic: 0 + 2", "atomic: 2 + 3"]
    assert [texts(ax)[-1] for ax in picture.axes] == ["dB[k] is 3", "dB[k] is 5"]
    no_overlap(picture)


@pytest.mark.parametrize("where, said", [("GPU", "on the GPU"), ("emulated", "not a GPU's time")])
def test_a_time_is_labelled_by_where_it_ran(where, said):
    timings = [Timing((0.001, 0.002, 0.003)), Timing((0.004, 0.005, 0.006))]
    picture = figures.draw_times_by_batch((7, 32), timings, where, ORANGE)
    assert said in titles(picture)[0]
    assert curves(picture.axes[0]) == [pytest.approx([2.0, 5.0])]
    assert names_on(picture.axes[0].xaxis) == ["7", "32"]
    no_overlap(picture)


def test_the_recorded_parts_are_bars_from_zero():
    h100 = Recording("batch_h100")
    rows = {f"V2, N = {N}": h100.parts("cuda_v2", N) for N in (7, 1024)}
    picture = recorded.draw_parts(rows, "Where the time goes", str(h100))
    (ax,) = picture.axes
    assert widths(ax) == pytest.approx([1e3 * part for parts in rows.values() for part in parts])
    assert [bar.get_x() for bar in ax.patches][::4] == [0, 0] and ax.get_xlim()[0] == 0
    assert texts(ax)[0] == "kernel 14.3 ms, copies 620 µs, rest 1.44 ms"
    assert texts(ax)[-1] == str(h100) and names_on(ax.yaxis) == list(rows)
    no_overlap(picture)


@pytest.mark.parametrize(
    "control, value, said",
    [("batch", 1000, "1,000 samples"), ("threads", 64, "of 64"), ("card", "H100", "132 SMs")],
)
def test_each_control_repaints_the_thread_map(control, value, said):
    thread_map = ThreadMap(N=59, threads=32)
    picture = painted(thread_map, getattr(thread_map, control), value)
    assert said in picture.get_suptitle()


def test_occupancy_says_what_fits_and_what_is_used():
    rows = [(32, 16, "blocks per SM", 1, 32), (256, 16, "registers", 8, 4)]
    picture = figures.draw_occupancy(rows, room=32, N=1000)
    assert len(picture.axes[0].patches) == 2 * 32 + len(figures.OCCUPIED)
    assert "1 used, on 32 SMs\n16 fit: limit is blocks per SM" in texts(picture.axes[0])
    squares = faces(picture.axes[0])[: 2 * 32]
    assert [squares.count(color) for color in (BLUE, SKY, LIGHT)] == [1 + 8, 15 + 8, 16 + 16]
    no_overlap(picture)


@pytest.mark.parametrize(
    "control, value, said",
    [
        ("layout_of_h", "(H, N)", "128 are moved, 4 x 32: 100 %"),
        ("units", 16, "1,024 are moved, 32 x 32: 12.5 %"),
        ("units", 1, "128 are moved, 4 x 32: 100 %"),
        ("units", 4, "512 are moved, 16 x 32: 25 %"),
        ("offset", 3, "1,024 are moved, 32 x 32: 12.5 %"),
        ("shape", "8 x 4", "256 are moved, 8 x 32: 50 %"),
    ],
)
def test_each_control_runs_the_read_anew(control, value, said):
    request_map = RequestMap(layout="(N, H)", H=8)
    (title,) = titles(painted(request_map, getattr(request_map, control), value))
    assert said in title


def test_an_offset_costs_one_more_piece_where_all_lie_side_by_side():
    request_map = RequestMap(layout="(H, N)", offset=1)
    assert "160 are moved, 5 x 32: 80 %" in titles(request_map.picture())[0]
    assert sorted(request_map.request().threads) == list(range(32))
