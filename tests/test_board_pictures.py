"""The dashboard's drawings: one Scene is SVG on the page and a Picture on paper.  Lesson 09."""

import time
from xml.etree import ElementTree

import pytest

from lstm_kernels import data
from lstm_kernels.lab.figures.scene import Box, Line, Mark, Scene, Words
from lstm_kernels.lab.figures.style import GREY, SPARE, VERSION_COLORS, version_color
from lstm_kernels.lab.figures.sweep import sweep_scene
from lstm_kernels.lab.figures.two_runs import half_decades, race_scene, round_up
from lstm_kernels.lab.measure import recorded_lines as recorded
from lstm_kernels.lab.measure.results import Row
from lstm_kernels.lab.measure.timing import Timing, Workload
from lstm_kernels.versions import VERSIONS
from tests.pictures import no_overlap

SECONDS = {7: (4.0, 0.5, 3.0), 32: (16.0, 0.9, 3.1)}
THREE = (("numpy_loop", "CPU"), ("numpy_batched", "CPU"), ("cuda_v2", "emulated on CPU"))
MOST = 0.02  # seconds of this process for one picture; a page has 0.06 from a repeat to the paint


def two_runs():
    """With times of our own: those of a live run are other ones on each machine."""
    return [
        (f"Run {number}", Workload(*data.panel(batch), batch, 4),
         [Row(*version, Timing((time,))) for version, time in zip(THREE, times, strict=True)])
        for number, (batch, times) in enumerate(SECONDS.items(), 1)
    ]  # fmt: skip


def said(scene):
    return [words.text for words in scene.of(Words)]


# ---- a scene ------------------------------------------------------------------------------


def test_a_scene_is_svg_and_a_picture():
    scene = Scene(300, 200, "A line  and\n a dot <here>.")
    scene.add(
        Line(((0, 0), (9, 9)), GREY, dash="--"),
        Mark(5, 5, "o", "white", GREY, tip="7 & 8"),
        Mark(5, 5, "^", "white", GREY),
        Box(10, 10, 90, 20, "white", GREY, hatched=True),
        Words(20, 100, "<b>not bold</b>"),
    )
    root = ElementTree.fromstring(scene.svg())
    assert root.get("role") == "img" and root.get("aria-label") == "A line and a dot <here>."
    tags = [node.tag.split("}")[1] for node in root]
    assert tags[:4] == ["rect", "polyline", "circle", "polygon"] and tags[-1] == "text"
    assert [node.text for node in root.iter() if node.tag.endswith("title")] == ["7 & 8"]
    assert root[-1].text == "<b>not bold</b>"
    picture = scene.picture()
    assert picture.alt == scene.alt
    assert [text.get_text() for text in picture.axes[0].texts] == ["<b>not bold</b>"]
    no_overlap(picture)
    with pytest.raises(ValueError, match="alt is empty"):
        Scene(3, 2, " ")


def test_a_version_without_a_colour_gets_one_that_differs():
    names = [f"mine {number}" for number in range(len(SPARE))]
    colors = [version_color(name) for name in names]
    assert len(set(colors)) == len(SPARE) and not set(colors) & set(VERSION_COLORS.values())
    assert [version_color(name) for name in names] == colors, "it keeps its colour"
    assert version_color("cuda_v3") == VERSION_COLORS["cuda_v3"]


# ---- two runs -----------------------------------------------------------------------------


def test_two_runs_are_aligned_and_can_be_read():
    scene = race_scene(two_runs(), base="numpy_loop")
    marks = scene.of(Mark)
    left, right = marks[:3], marks[3:]
    assert [mark.y for mark in left] == [mark.y for mark in right], "the same rows"
    assert not scene.of(Box), "a bar on a log axis has no honest length"
    moved = {(m.x - n.x) for m, n in zip(right, left, strict=True)}
    assert len(moved) == 3, "other times, on one scale"
    assert [mark.face for mark in left] == [
        VERSION_COLORS["numpy_loop"], VERSION_COLORS["numpy_batched"], "white",
    ]  # fmt: skip
    assert {"4.00 s", "500 ms = 8x", "3.00 s (emulated)", "900 ms = 17.8x"} <= set(said(scene))
    assert "hollow: emulated on the CPU, not a GPU's time" in said(scene)
    no_overlap(scene.picture())


def test_bars_begin_at_zero():
    scene = race_scene(two_runs(), log=False, base="numpy_loop")
    bars = scene.of(Box)
    lengths = [bar.width for bar in bars]
    times = [time for of_run in SECONDS.values() for time in of_run]
    assert [length / time for length, time in zip(lengths, times, strict=True)] == pytest.approx(
        [lengths[0] / times[0]] * 6
    )
    assert [bar.hatched for bar in bars] == [False, False, True] * 2
    assert "0" in said(scene)
    no_overlap(scene.picture())


def test_the_scale_is_steady_while_times_come_in():
    (title, workload, rows), _ = two_runs()
    nearly = [row._replace(timing=Timing((row.timing.median * 1.04,))) for row in rows]
    now, then = (race_scene([(title, workload, r)], base="numpy_loop") for r in (rows, nearly))
    grid = [[line.points for line in scene.of(Line) if line.width == 1] for scene in (now, then)]
    assert grid[0] == grid[1]
    low, high = half_decades(0.5, 4.0)
    assert low == pytest.approx(10**-0.5) and high == pytest.approx(10)
    assert half_decades(1.0, 1.0) == (1.0, pytest.approx(10**0.5))
    assert [round_up(seconds) for seconds in (0.3, 1.0, 5.0)] == pytest.approx([0.4, 1.0, 8.0])


def test_what_one_run_lacks_stays_empty():
    (title, workload, rows), (second, _, _) = two_runs()
    more = [Row("sequential", "CPU", None, "left out: " + "x" * 90), *rows]
    scene = race_scene([(title, workload, rows), (second, workload, more)], base="sequential")
    names = [words for words in scene.of(Words) if words.anchor == "end"]
    assert [words.text for words in names] == ["sequential", *(name for name, _ in THREE)]
    assert names[-1].tip.startswith("cuda_v2: V2: one launch per mini-batch")
    (note,) = [words for words in scene.of(Words) if words.text.startswith("left out")]
    assert note.text.endswith(" ...") and note.tip == more[0].note, "the whole of it in the tip"
    assert said(scene).count("no ratios: sequential has no time here") == 2
    no_overlap(scene.picture())


def test_all_versions_fit_side_by_side():
    rows = [Row(name, "CPU", Timing((10.0**-n,))) for n, name in enumerate(VERSIONS)]
    workload = Workload(*data.panel(7), 7, 4)
    scene = race_scene([("a", workload, rows), ("b", workload, rows)], base="cuda_v7")
    assert len(scene.of(Mark)) == 2 * len(VERSIONS) and scene.height < 400
    no_overlap(scene.picture())


# ---- a sweep ------------------------------------------------------------------------------


def lines_of(versions=("numpy_batched", "cuda_v3", "cuda_v6")):
    return recorded.recorded_lines("NVIDIA H200", "N", {"H": 50, "T": 11}, versions)


def test_a_sweep_has_what_was_measured_emulated_and_recorded():
    measured = {
        ("numpy_batched", "CPU"): {7: Timing((1e-3,)), 64: Timing((2e-3,))},
        ("cuda_v3", "emulated on CPU"): {7: Timing((5e-3,))},
    }
    scene = sweep_scene("batch size N", "H=50, T=11", measured, lines_of(), (1, 7, 64))
    looks = {(mark.face, mark.edge) for mark in scene.of(Mark)}
    assert (VERSION_COLORS["numpy_batched"], "#000000") in looks, "measured: full"
    assert ("white", GREY) in looks, "emulated: open and grey"
    assert ("white", VERSION_COLORS["cuda_v3"]) in looks, "recorded: open, in its colour"
    thick = [line.dash for line in scene.of(Line) if line.width == 2.2]
    assert thick == ["-", "--", "--", "--"], "one point makes no line"
    names = ("numpy_batched", "cuda_v3, emulated", "cuda_v3, recorded", "cuda_v6, recorded")
    assert set(names) <= set(said(scene))
    (legend,) = [text for text in said(scene) if "open, dashed: recorded" in text]
    assert "NVIDIA H200, 2026-11-27" in legend and "grey: emulated, no GPU's time" in legend
    assert {"1", "7", "64", "256", "1,024"} <= set(said(scene))
    assert "numpy_batched 1.00 ms at 7 to 2.00 ms at 64" in scene.alt
    no_overlap(scene.picture())


def test_higher_up_takes_longer_and_more_to_the_right_is_larger():
    times = {8: 1e-3, 80: 1e-2, 800: 1e-1}
    measured = {("numpy_loop", "CPU"): {n: Timing((t,)) for n, t in times.items()}}
    one, two, three = sweep_scene("batch size N", "H=4, T=2", measured).of(Mark)
    assert one.x < two.x < three.x and one.y > two.y > three.y
    assert two.x - one.x == pytest.approx(three.x - two.x)
    assert one.y - two.y == pytest.approx(two.y - three.y)
    assert one.tip.startswith("numpy_loop at 8: 1.00 ms")


def test_all_recorded_versions_of_a_card_can_be_read():
    for card in recorded.card_names():
        lines = recorded.recorded_lines(card, "N", {"H": 50, "T": 11}, tuple(VERSIONS))
        assert len(lines) >= 8
        no_overlap(sweep_scene("batch size N", "H=50, T=11", {}, lines).picture())


def test_an_empty_sweep_says_what_to_press():
    assert "Press Sweep: the lines grow here" in said(sweep_scene("length T", "N=7, H=4", {}))


# ---- recorded lines -----------------------------------------------------------------------


def test_recorded_lines_are_those_of_the_files():
    """V3 of the H200: an epoch of four mini-batches; V6 against H: a step."""
    _, line, v6 = lines_of()
    (card,) = (card for card in recorded.cards() if card["card"] == "NVIDIA H200")
    rows = {
        row["N"]: row for row in card["rows"]
        if row["section"] == "trainings" and (row["setup"], row["rival"]) == ("kept", "cuda_v3")
    }  # fmt: skip
    assert {n: 4 * t for n, (_, t, _) in line.points.items()} == pytest.approx(
        {n: row["median"] for n, row in rows.items()}
    )
    assert (line.what, v6.what) == (recorded.EPOCH, recorded.EPOCH)
    (step,) = recorded.recorded_lines(
        "NVIDIA H200", "H", {"N": 64, "T": 12}, ("cuda_v6", "cuda_v1")
    )
    assert step.what == recorded.STEP and list(step.points) == [32, 64, 128, 256, 512]
    assert recorded.recorded_lines("NVIDIA H200", "N", {"H": 49, "T": 11}, tuple(VERSIONS)) == []
    assert recorded.card_names()[0] == "NVIDIA H200", "the newest first"


def test_the_nearest_recorded_sizes_are_named():
    assert recorded.nearest("NVIDIA H200", "N", {"H": 49, "T": 11}) == {"H": 50, "T": 11}
    assert recorded.nearest("no card", "N", {"H": 49, "T": 11}) is None


# ---- quick --------------------------------------------------------------------------------


def test_a_picture_is_ready_long_before_the_eye_asks():
    """The time of this thread alone, so that a busy machine does not count."""
    runs, lines = two_runs(), lines_of(tuple(VERSIONS))
    for draw in (
        lambda: race_scene(runs, base="numpy_loop").svg(),
        lambda: sweep_scene("batch size N", "H=50, T=11", {}, lines).svg(),
    ):
        draw()
        times = []
        for _ in range(5):
            start = time.thread_time()
            draw()
            times.append(time.thread_time() - start)
        assert sorted(times)[2] < MOST
