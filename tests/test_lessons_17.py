"""Lesson 17: its pictures and its widget; a card that refuses to record does not stop it."""

import pytest

from lstm_kernels.lab.estimates import roofline as r
from lstm_kernels.lab.estimates.cards import CARDS
from lstm_kernels.lab.figures import recorded_kernels, wins
from lstm_kernels.lab.figures import roofline as figures
from lstm_kernels.lab.measure import cpu_baselines, cudnn, records
from lstm_kernels.lab.measure.card import kept, verdict
from lstm_kernels.lab.measure.card.file import CardFile
from lstm_kernels.lab.measure.card.points import timed
from lstm_kernels.lab.widgets.roofline import RooflineExplorer
from lstm_kernels.lab.words import seconds_text
from lstm_kernels.machine import device
from lstm_kernels.machine.cuda_graph import GraphError
from lstm_kernels.model import Sizes
from lstm_kernels.versions import cuda_v6
from tests.notebooks import cell, tagged
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
    assert names == [{"V6", "V6, launched", *cards}, {"V4", "PyTorch, CPU", *cards}]
    rows = {(x["version"], x["batch"]): x["median"] / 16 for x in kept["rows"] if x["hidden"] == 64}
    of_v6 = [rows["cuda_v6", N] for N in cudnn.BATCH_SIZES]
    assert curves(picture.axes[0])[0] == pytest.approx(of_v6)
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


def test_a_measured_star_stands_at_the_bytes_that_this_card_is_asked_for():
    a100 = CARDS["A100"]
    picture = figures.draw_roofs([a100], SIZES, {"cuda_v6": 1e-4})
    (star,) = (line for line in picture.axes[0].lines if line.get_marker() == "*")
    x = r.operations(SIZES) / r.bytes_asked("cuda_v5", SIZES, a100.sms)
    assert [*star.get_xdata(), *star.get_ydata()] == [x, r.operations(SIZES) / 1e5]


@pytest.mark.long
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


# ---- who wins where -----------------------------------------------------------------------

RATIOS = {(64, 32): 4.0, (64, 1024): 2.0, (512, 32): 1.0, (512, 1024): 0.5}


@pytest.fixture
def made_up(tmp_path, monkeypatch):
    """Recordings of two cards, in a data folder of their own."""
    monkeypatch.setenv("LSTM_KERNELS_DATA", str(tmp_path))
    (tmp_path / "measured").mkdir()
    for name, card in (("h200", "NVIDIA H200"), ("t4", "Tesla T4")):
        file = CardFile(str(tmp_path / "measured" / f"card_{name}.json"), card)
        file.add("right", {"what": "gradients", "H": 4}, [{"right": True, "error": 1e-7}])
        for (H, N), ratio in RATIOS.items():
            ours = H * H * N / 1e12 + 1e-5
            rivals = {verdict.OURS: ours, verdict.LIBRARY: ours * ratio}
            rivals[verdict.AS_IT_COMES] = ours * ratio / 2
            found = [{"rival": r, **timed([16 * s], 16)} for r, s in rivals.items()]
            file.add("steps", {"what": "step", "T": 12, "H": H, "N": N}, found)
        file.add(
            "steps", {"what": "step", "T": 12, "H": 32, "N": 32}, [{"rival": "V6", "note": "-"}]
        )
        in_graph = {"what": "gradients in a graph", "version": "cuda_v5", "T": 12, "H": 64, "N": 64}
        file.add("kernels", in_graph, [timed([3e-3], 100)])
        file.add("kernels", {"what": "grid sync"}, [timed([1e-6])])
        kernel = {"what": "kernels", "version": "cuda_v6", "T": 12, "H": 64, "N": 64}
        file.add("traces", kernel, [{"kernel": "cuda_v6.adam_kernel", **timed([4e-6])}])
        training = {"what": "training", "T": 11, "H": 50, "N": 64}
        file.add("trainings", training, [{"rival": "cuda_v6", "setup": "kept", **timed([2e-4])}])
        file.save()


def test_where_ours_is_faster_its_dots_are_above_one(made_up):
    picture = wins.draw_wins(kept.cards())
    assert [name.split(",")[0] for name in titles(picture)] == ["NVIDIA H200", "Tesla T4"]
    for ax in picture.axes:
        assert curves(ax)[0] == pytest.approx([4, 2], rel=1e-4)  # times are kept in nanoseconds
        assert curves(ax)[1] == pytest.approx([1, 0.5], rel=1e-4)
        ahead = {"above 1x: V6 is ahead", "below 1x: PyTorch is ahead"}
        assert set(texts(ax)) == {"H=64", "H=512", *ahead}
    assert "H=512 1 times at N=32, 0.5 at N=1024" in picture.alt
    no_overlap(picture)
    assert wins.draw_wins([]) is None and wins.draw_wins([{**kept.cards()[0], "rows": []}]) is None


def test_the_table_says_who_is_ahead_and_what_limits_each_side(made_up):
    for found in kept.cards():
        first, *lines, last, tf32 = verdict.table(found).splitlines()
        assert [line.split("  ")[0] for line in lines] == [f"H={H} N={N}" for H, N in RATIOS]
        who = "V6 4.00x", "V6 2.00x", "level", "PyTorch 2.00x"
        assert all(word in line for word, line in zip(who, lines, strict=True))
        said = "of 4 sizes V6 is ahead at 2, level at 1; PyTorch at 1: H=512 N=1024."
        assert last == f"full float32: {said}"
        said = "of 4 sizes V6 is ahead at 1, level at 1; PyTorch at 2: H=512 N=32, 1024."
        assert tf32 == f"PyTorch with TF32: {said}"
    assert "waiting, " in lines[0]


def test_what_limits_a_step_is_what_takes_more_than_half_of_it():
    sizes, h100 = Sizes(12, 1024, 1, 256, 1), CARDS["H100"]
    least = r.operations(sizes) / (h100.tera * 1e12)
    assert verdict.limit(1.25 * least, 256, 1024, h100) == "arithmetic, 80%"
    assert verdict.limit(10 * least, 256, 1024, h100) == "waiting, 10% arithmetic"
    assert verdict.limit(least, 256, 1024, None) == "-", "a card of which nothing is known"


@pytest.mark.parametrize("lesson", ["14_cuda_v5", "15_cuda_v6", "17_roofline"])
def test_a_lesson_shows_the_recordings_that_are_there(lesson, made_up, capsys):
    assert (cells := tagged(lesson, "cards"))
    exec("\n".join(c.source for c in cells), {})
    said = capsys.readouterr().out
    assert "NVIDIA H200" in said and "Tesla T4" in said and "is here yet" not in said
    wanted = {"14": "64 samples: 30.0 µs", "15": "cuda_v6.adam_kernel", "17": "PyTorch at 1: H=512"}
    assert wanted[lesson[:2]] in said


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


def test_a_recordings_sides_say_what_is_inside_their_times():
    sides = cudnn.sides(records.kept("cudnn_h100"))
    assert {side.name for side in sides if side.setup_inside} == {"V4"}
    assert {side.way for side in sides} == {"launched", "as a graph"}
    (v6,) = (s for s in sides if s[:4] == ("V6", 12, 64, 64) and s.way == "as a graph")
    assert v6.seconds == pytest.approx(62.3e-6, abs=0.05e-6)
