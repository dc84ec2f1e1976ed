"""Lesson 17: its pictures and its widget; a card that refuses to record does not stop it."""

import pytest

from lstm_kernels.lab.estimates import compile_report
from lstm_kernels.lab.estimates import roofline as r
from lstm_kernels.lab.estimates.cards import CARDS, get_card
from lstm_kernels.lab.figures import recorded_kernels
from lstm_kernels.lab.figures import roofline as figures
from lstm_kernels.lab.measure import cpu_baselines, cudnn, records
from lstm_kernels.lab.measure.timing import Timing
from lstm_kernels.lab.widgets.roofline import RooflineExplorer
from lstm_kernels.lab.words import seconds_text
from lstm_kernels.machine import device
from lstm_kernels.machine.cuda_graph import GraphError
from lstm_kernels.model import Sizes
from lstm_kernels.versions import cuda_v6
from tests.notebooks import cell
from tests.pictures import curves, names_on, no_overlap, painted, texts, titles, widths

SIZES = Sizes(12, 64, 1, 64, 1)


T4, BATCHES = CARDS["T4"], [1, 2, 4, 8, 16]


def test_the_idea_has_a_slope_a_ridge_and_a_flat_roof():
    picture = figures.draw_idea(T4)
    (ax,) = picture.axes
    roof = curves(ax)[0]
    assert (roof[0], roof[-1]) == pytest.approx((0.1 * T4.gigabytes_per_second, T4.tera * 1e3))
    words = " ".join(texts(ax))
    assert f"{T4.gigabytes_per_second:g} GB/s" in words and f"{T4.tera:.1f} TFLOP/s" in words
    assert f"the ridge: {T4.ridge:.0f} operations per byte" in words
    no_overlap(picture)


def test_bytes_asked_and_bytes_at_least_are_bars():
    picture = figures.draw_bytes(SIZES)
    (ax,) = picture.axes
    counts = [(r.bytes_asked(v, SIZES), r.bytes_at_least(v, SIZES)) for v in r.VERSIONS]
    assert widths(ax) == pytest.approx([n / 1e6 for pair in counts for n in pair])
    assert texts(ax)[::2] == [f"  {asked / 1e6:,.3g} MB asked" for asked, _ in counts]
    assert names_on(ax.yaxis) == ["V2, V3", "V4", "V5, V6"]
    no_overlap(picture)
    own = dict.fromkeys(r.VERSIONS, 3e6)
    assert texts(figures.draw_bytes(SIZES, own).axes[0])[::2] == ["  3 MB asked"] * 3


def test_each_version_stands_under_the_roof():
    picture = figures.draw_roofs([T4, CARDS["A100"]], SIZES)
    for ax, card in zip(picture.axes, (T4, CARDS["A100"]), strict=True):
        assert ax.get_title(loc="left").startswith(f"{card.name}: {card.tera:.1f} TFLOP/s")
        names = {w.split(": ")[0]: w.split(": ")[1] for w in texts(ax) if ": " in w}
        limits = {figures.NAMES[v]: r.bound(v, SIZES, card)[1] for v in r.VERSIONS}
        assert names == limits and list(limits) == ["V2, V3", "V4", "V5, V6"]
        assert all(max(line) <= card.tera * 1e3 for line in curves(ax))
    assert picture.get_suptitle().startswith("A model, no measurement")
    no_overlap(picture)


def test_bounds_are_drawn_under_what_was_recorded():
    recorded = {("cuda_v2", 1): 2e-3, ("cuda_v2", 16): 3e-3, ("cuda_v5", 16): 4e-5}
    picture = figures.draw_bounds(T4, SIZES, BATCHES, recorded)
    (ax,) = picture.axes
    for line, version in zip(curves(ax), r.VERSIONS, strict=False):
        bounds = [r.bound(version, SIZES._replace(N=N), T4)[0] for N in BATCHES]
        assert line == pytest.approx([1e6 * seconds for seconds in bounds])
    dots = [
        (*line.get_xdata(), *line.get_ydata()) for line in ax.lines if len(line.get_xdata()) == 1
    ]
    assert dots == [pytest.approx((N, 1e6 * s)) for (_, N), s in recorded.items()]
    models = [f"{name}: model" for name in ("V2, V3", "V4", "V5, V6")]
    assert sorted(texts(ax)) == sorted([*models, "V2 recorded", "V5 recorded", texts(ax)[-1]])
    no_overlap(figures.draw_bounds(T4, SIZES, BATCHES))


def test_bounds_beside_the_kept_recording_can_be_read():
    kept = {
        (row["version"], row["batch"]): row["kernel"]
        for row in records.kept("batch_h100")["rows"]
        if row["version"] in r.VERSIONS and "kernel" in row
    }
    sizes, batches = Sizes(11, 64, 1, 50, 1), [7, 64, 256, 1024]
    picture = figures.draw_bounds(CARDS["H100"], sizes, batches, kept)
    assert titles(picture) == ["H100: T=11, H=50"]
    no_overlap(picture)


def test_each_recorded_library_has_a_line_with_its_name():
    kept = records.kept("cudnn_h100")
    picture = recorded_kernels.draw_library(kept, ((64, cudnn.BATCH_SIZES), (128, (64, 256))))
    names = [{text.replace("\n", " ") for text in texts(ax)} for ax in picture.axes]
    cards = {"PyTorch, card", "PyTorch, card, as a graph"}
    assert names == [{"V6", "V6, launched one by one", *cards}, {"V4", "PyTorch, CPU", *cards}]
    rows = {(x["version"], x["batch"]): x["median"] / 16 for x in kept["rows"] if x["hidden"] == 64}
    of_v6 = [rows["cuda_v6", N] for N in cudnn.BATCH_SIZES]
    assert curves(picture.axes[0])[0] == pytest.approx(of_v6)
    no_overlap(picture)


def test_occupancy_is_a_bar_for_each_kernel_on_each_card():
    saved = compile_report.saved()
    rows = [row for row in saved if row.kernel.startswith(("cuda_v2", "cuda_v5, P"))]
    picture = figures.draw_occupancy(rows)
    cards = list(dict.fromkeys(row.cc for row in rows))
    assert titles(picture) == [get_card(cc).name for cc in cards]
    names = names_on(picture.axes[0].yaxis)
    for ax, cc in zip(picture.axes, cards, strict=True):
        found = {row.kernel: row.occupancy for row in rows if row.cc == cc}
        assert widths(ax)[1::2] == [found[name].fraction for name in names]
        assert [text.split(" of ")[0] for text in texts(ax)] == [
            str(found[name].warps) for name in names
        ]
    no_overlap(picture)


def test_this_machines_points_say_their_height():
    picture = figures.draw_own_roof(100, 12, 18, {"numpy_batched": 9, "torch": 90, "numba_cpu": 95})
    (ax,) = picture.axes
    assert curves(ax)[2:] == [[9], [90], [95]] and max(curves(ax)[0]) == 100
    assert {line.get_xdata()[0] for line in ax.lines[1:]} == {18}
    said = ["numba_cpu: 95 GFLOP/s", "torch: 90 GFLOP/s", "numpy_batched: 9 GFLOP/s"]
    assert texts(ax) == said
    assert titles(picture) == ["Measured here: 100 GFLOP/s, 12 GB/s"]
    no_overlap(picture)


def test_the_librarys_line_is_of_the_fastest_repeats():
    timings = {name: [Timing((1e-3, 2e-3, 3e-3))] * 2 for name in ("numpy_batched", "torch")}
    picture = figures.draw_library([8, 16], timings, "one core")
    (ax,) = picture.axes
    assert curves(ax) == [[1.0, 1.0]] * 2 and names_on(ax.xaxis) == ["8", "16"]
    assert set(texts(ax)) == set(timings)
    assert titles(picture) == ["Small layers and large ones, one core"]
    no_overlap(picture)


def test_a_measured_star_stands_at_the_bytes_that_this_card_is_asked_for():
    a100 = CARDS["A100"]
    picture = figures.draw_roofs([a100], SIZES, {"cuda_v6": 1e-4})
    (star,) = (line for line in picture.axes[0].lines if line.get_marker() == "*")
    x = r.operations(SIZES) / r.bytes_asked("cuda_v5", SIZES, a100.sms)
    assert [*star.get_xdata(), *star.get_ydata()] == [x, r.operations(SIZES) / 1e5]


def test_every_control_repaints_the_picture():
    widget = RooflineExplorer()
    said = ("H100", "N=16384", "T=96", "H=8")
    values = [control.options[-1] for control in widget.controls[:-1]]
    for control, value, words in zip(widget.controls, [*values, 8], said, strict=True):
        picture = painted(widget, control, value)
        assert words in titles(picture)[0] + picture.get_suptitle()
    assert widget.note.value == widget.sentence()
    widget.batch.value = 1
    assert widget.note.value.count("Limit: <b>waiting</b>") == 3


@pytest.mark.parametrize("card", CARDS)
def test_the_explorers_first_picture_can_be_read(card):
    no_overlap(RooflineExplorer(card=card).picture())


@pytest.mark.parametrize("N, H", [(1, 64), (1024, 64), (64, 8), (64, 16)])
def test_the_explorers_picture_of_other_sizes_can_be_read(N, H):
    no_overlap(RooflineExplorer(SIZES._replace(N=N, H=H)).picture())


def refuse(stream, queue):
    raise GraphError("this driver has no cuTomorrow")


@pytest.mark.parametrize("refused", [False, True])
def test_a_refused_recording_does_not_stop_the_lesson(refused, capsys, monkeypatch):
    lesson = {"cpu_baselines": cpu_baselines, "cudnn": cudnn, "device": device}
    lesson["seconds_text"] = seconds_text
    if refused:
        monkeypatch.setattr(cuda_v6, "Graph", refuse)
    for tag in ("graph-imports", "recorded-or-not", "your-card"):
        exec(cell("17_roofline", tag).source, lesson)
    said = "launched both times: this driver has no cuTomorrow" if refused else "the same bits"
    assert said in capsys.readouterr().out
    assert lesson["v6_step_seconds"](N=4, T=3, H=8, steps=2) > 0
