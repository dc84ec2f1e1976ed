"""Lesson 09: the race board and the pictures of goals."""

import base64
import csv
import os
import re
import sys
import time
import types
from pathlib import Path

import pytest

from lstm_kernels import data
from lstm_kernels.lab.estimates import feasible
from lstm_kernels.lab.figures import ahead, goals
from lstm_kernels.lab.figures import race as race_figures
from lstm_kernels.lab.figures.scene import Words
from lstm_kernels.lab.measure import race, results
from lstm_kernels.lab.measure.card.kept import cards
from lstm_kernels.lab.measure.timing import Timing, Workload
from lstm_kernels.lab.widgets import race as race_widget
from lstm_kernels.lab.widgets.controls import Plan, repeats_done
from lstm_kernels.lab.widgets.race import Race, reading
from lstm_kernels.lab.widgets.scale import in_words
from lstm_kernels.lab.words import seconds_text
from lstm_kernels.machine import device
from lstm_kernels.versions import cuda_v4
from tests.pictures import curves, dots, names_on, no_overlap, texts, titles


def choose(board, *versions):
    for name, box in board.boxes.items():
        box.value = name in versions


@pytest.fixture
def dashboard():
    dashboard = Race(batch_size=1, H=4, T=2, budget=0.0)
    choose(dashboard.versus, "numpy_loop", "numpy_batched")
    return dashboard


@pytest.fixture
def board(dashboard):
    return dashboard.versus


def run(board):
    board.bar.run(wait=True)
    return board.results[-1][1] if board.results else None


def wait_for(condition, seconds=20):
    end = time.perf_counter() + seconds
    while not condition():
        assert time.perf_counter() < end, "waited too long"
        time.sleep(0.005)


def test_run_times_the_checked_versions_and_repaints(board, monkeypatch):
    painted = []
    board.image.observe(lambda change: painted.append(change["new"]), "value")
    monkeypatch.setattr(race_widget, "PAINT_EVERY", 0)
    board.bar.run_button.click()
    wait_for(lambda: not board.bar.runner.busy)
    workload, rows = board.results[-1][1]
    assert [row.version for row in rows] == ["numpy_loop", "numpy_batched"]
    assert (workload.batch_size, workload.H, workload.x.shape) == (1, 4, (2, 1, 1))
    assert len(set(painted)) >= 3 and painted[-1] == board.scene().svg()
    for row in rows:
        assert f">{seconds_text(row.timing.median)}" in painted[-1]
    assert board.bar.note.value.startswith("Done. Fastest: ")
    assert board.bar.progress.value == 1
    assert not board.bar.run_button.disabled and board.bar.cancel_button.disabled
    assert "numpy_loop" in board.table.value and "vs&nbsp;numpy_batched" in board.table.value


def test_the_note_names_the_version_and_the_time_left(board):
    notes = []
    board.bar.note.observe(lambda change: notes.append(change["new"]), "value")
    run(board)
    warming = re.compile(r"numpy_batched, warming up, about \d+ s left")
    counting = re.compile(r"numpy_batched, [23] repeats, about \d+ s left")
    assert any(map(warming.fullmatch, notes)) and any(map(counting.fullmatch, notes))
    assert any(note.startswith("numpy_loop, 1 repeat, about ") for note in notes)


def test_the_plan_learns_its_pace_from_what_is_done():
    plan = Plan({"a": 1.0, "b": 3.0})
    assert plan.progress("a") == (0, 4)
    plan.start -= 2  # "a" took twice as long as was expected
    plan.finish("a")
    share, left = plan.progress("b", 1 / 3)
    assert share == pytest.approx(0.5) and left == pytest.approx(2, rel=0.1)
    assert repeats_done(Timing((1.0,)), budget=0.3) == pytest.approx(1 / 3), "three at least"
    assert repeats_done(Timing((0.1,)), budget=1.0) == pytest.approx(0.1)


def test_epochs_and_length_are_those_of_the_sliders(board):
    board.length.value, board.epochs.value = 4, 2
    workload, _ = run(board)
    assert workload.x.shape == (4, 1, 1) and workload.epochs == 2


def test_the_bars_are_painted_at_each_repeat(board, monkeypatch):
    painted = []
    paint = lambda hurry=False, all_of_it=False: painted.append((hurry, all_of_it))  # noqa: E731
    monkeypatch.setattr(board, "paint", paint)
    choose(board, "numpy_batched")
    workload, (row,) = run(board)
    assert painted.count((True, False)) == len(row.timing.seconds)


def test_a_picture_that_was_left_out_is_made_up_for(board, monkeypatch):
    """Two repeats within PAINT_EVERY make one picture; the turn's end shows the second one."""
    painted = []
    board.image.observe(lambda change: painted.append(change["new"]), "value")
    monkeypatch.setattr(race_widget, "PAINT_EVERY", 60)
    board.runs.add(board.workload(), [results.Row("numpy_loop", "CPU", Timing((1.0,)))])
    board.paint(hurry=True)
    board.runs.kept[-1].rows[0] = results.Row("numpy_loop", "CPU", Timing((2.0,)))
    board.paint(hurry=True)
    assert len(painted) == 1 and ">1.00 s" in painted[0]
    board.paint(hurry=True, all_of_it=True)
    assert len(painted) == 2 and ">2.00 s" in painted[1]


def test_two_runs_stand_side_by_side_on_one_scale(board):
    run(board)
    board.batch.value = 7
    run(board)
    assert [number for number, _ in board.results] == [1, 2]
    assert {"Run 1", "Run 2"} <= set(said(board.scene()))
    before = board.image.value
    board.scale.value = "linear"
    assert board.image.value != before and "wall time" in said(board.scene())


def said(scene):
    """All words of a Scene."""
    return [words.text for words in scene.of(Words)]


def test_a_board_offers_the_versions_that_it_is_given():
    board = Race(versions=("numpy_loop", "cuda_v2", "cuda_v5")).versus
    assert list(board.boxes) == ["numpy_loop", "cuda_v2", "cuda_v5"]
    assert board.versions() == ("numpy_loop", "cuda_v2"), "checked: those of the lessons so far"


def test_an_impossible_setting_says_why_before_anything_runs(board, monkeypatch):
    choose(board)
    assert run(board) is None and board.bar.note.value == "Choose at least one version."
    choose(board, "sequential")
    board.batch.value, board.hidden.value = 1024, 100
    assert "sequential" in board.reasons.value and "left out: roughly" in board.reasons.value
    assert run(board) is None and "smaller sizes" in board.bar.note.value
    choose(board, "numpy_loop")
    monkeypatch.setattr(
        race.get_version("numpy_loop"), "check_hidden_size", cuda_v4.check_hidden_size, False
    )
    board.batch.value, board.hidden.value = 1, 128
    assert board.reasons.value == ""
    monkeypatch.setattr(cuda_v4, "MAX_H", 64)
    board.show_reasons()
    assert "impossible: H is 128" in board.reasons.value


def test_what_is_left_out_has_a_row_that_says_so(board):
    choose(board, "sequential", "numpy_batched")
    board.batch.value, board.hidden.value = 1024, 100
    _, (slow, fast) = run(board)
    assert slow.timing is None and "left out: roughly" in slow.note and fast.timing
    assert "left out" in board.table.value


def test_memory_that_a_card_does_not_have_is_said_in_advance(monkeypatch):
    monkeypatch.setattr(device, "free_memory", lambda: 1000)
    reason = feasible.refusal("cuda_v2", Workload(*data.panel(64), 64, 32))
    assert "impossible" in reason and "MiB" in reason


def slow_run(dashboard, monkeypatch):
    """Start a long run of numpy_batched, in the background; returns once it has repeats."""
    board = dashboard.versus
    board.budget = 60
    choose(board, "numpy_batched", "numpy_loop")
    gradients = race.get_version("numpy_loop").gradients

    def slow(*args):
        time.sleep(0.05)
        return gradients(*args)

    monkeypatch.setattr(race.get_version("numpy_loop"), "gradients", slow)
    board.epochs.value = 10
    board.bar.run_button.click()
    wait_for(lambda: board.results and board.results[-1][1][1][0].timing)
    return board


def test_cancel_answers_within_a_second_and_keeps_what_was_measured(dashboard, monkeypatch):
    board = slow_run(dashboard, monkeypatch)
    assert board.bar.run_button.disabled and not board.bar.cancel_button.disabled
    start = time.perf_counter()
    board.bar.cancel_button.click()
    assert "Cancelling" in board.bar.note.value
    wait_for(lambda: board.bar.note.value == "Cancelled; what was measured stays.")
    assert time.perf_counter() - start < 1
    assert dashboard.runner.wait(5)
    rows = {row.version: row for row in board.results[-1][1][1]}
    assert rows["numpy_loop"].timing and "cancelled after" in rows["numpy_loop"].note
    assert rows["numpy_batched"].note == "not run: cancelled"
    assert not board.bar.run_button.disabled


def test_two_runs_cannot_overlap_not_even_from_two_tabs(dashboard, monkeypatch):
    board = slow_run(dashboard, monkeypatch)
    board.bar.run()
    assert len(board.results) == 1 and "Something is running" in board.bar.note.value
    dashboard.scale.bar.run()
    assert dashboard.scale.lines == {} and "running" in dashboard.scale.bar.note.value
    other = Race(batch_size=1, H=4, T=2, budget=0.0).versus  # a second one in the same notebook
    other.bar.run()
    assert other.results == [] and "running" in other.bar.note.value
    board.bar.cancel()
    assert dashboard.runner.wait(5)


def test_on_colab_it_runs_in_the_callback(board, monkeypatch):
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    board.bar.run_button.click()
    assert board.bar.runner.thread is None and not board.bar.runner.busy
    assert board.bar.note.value.startswith("Done.")


def test_a_prediction_that_can_never_be_scored_says_so_before_the_run(board):
    guess = board.prediction
    guess.guessed.value, guess.baseline.value = "numpy_batched", "numpy_loop"
    guess.guess.value = 5
    assert board.reasons.value == "" and board.reasons.layout.display == "none"
    choose(board, "numpy_batched")
    assert "numpy_loop, which is not checked" in board.reasons.value
    assert board.reasons.layout.display == ""
    choose(board, "sequential", "numpy_batched")
    guess.baseline.value, board.batch.value, board.hidden.value = "sequential", 1024, 100
    assert "it needs sequential, which is left out" in board.reasons.value
    if not device.ON_GPU:
        choose(board, "numpy_loop", "cuda_v2")
        guess.baseline.value, guess.guessed.value = "numpy_loop", "cuda_v2"
        board.batch.value, board.hidden.value = 1, 4
        assert "no ratio can be made of it" in board.reasons.value


def test_the_first_question_compares_what_may_be_compared(board):
    first = (board.prediction.baseline.value, board.prediction.guessed.value)
    gpu = ("numpy_batched", "cuda_v2")
    assert first == (gpu if device.ON_GPU else ("numpy_loop", "numpy_batched"))


def test_an_error_in_one_version_leaves_the_others(board, monkeypatch):
    def broken(*_):
        raise ArithmeticError("broken <on> purpose")

    monkeypatch.setattr(race.get_version("numpy_loop"), "gradients", broken)
    _, (failed, fine) = run(board)
    assert failed.failed and "broken <on> purpose" in failed.note and fine.timing
    assert "broken &lt;on&gt; purpose" in board.table.value
    assert not board.bar.runner.busy and not board.bar.run_button.disabled


def test_an_interrupt_ends_the_run_and_keeps_its_rows(board, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(race.get_version("numpy_batched"), "gradients", interrupted)
    _, (done, stopped) = run(board)
    assert done.timing and stopped.timing is None
    assert board.bar.note.value == "Interrupted; what was measured stays."


@pytest.mark.parametrize("factor, points", [(1.0, 3), (1.9, 2), (0.25, 1), (20.0, 0)])
def test_the_prediction_is_scored(board, factor, points):
    guess = board.prediction
    guess.guessed.value, guess.baseline.value = "numpy_batched", "numpy_loop"
    guess.guess.value = 4 * factor
    rows = [
        results.Row("numpy_loop", "CPU", Timing((4.0,))),
        results.Row("numpy_batched", "CPU", Timing((1.0,))),
    ]
    guess.compare(rows, {})
    assert guess.points == [points] and f"{points} of 3 points" in guess.score.value
    guess.compare(rows[:1], {})
    assert "No ratio" in guess.score.value and len(guess.points) == 1


def test_export_offers_a_file_and_a_link(dashboard, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    board, export = dashboard.versus, dashboard.export
    export.button.click()
    assert "Nothing to export" in export.link.value
    run(board)
    run(board)
    export.button.click()
    with open("race.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(r["run"], r["version"]) for r in rows] == [
        ("Run 1", "numpy_loop"), ("Run 1", "numpy_batched"),
        ("Run 2", "numpy_loop"), ("Run 2", "numpy_batched"),
    ]  # fmt: skip
    assert all(float(row["median"]) > 0 for row in rows)
    code = re.search(r"base64,([^\"]+)", export.link.value).group(1)
    assert base64.b64decode(code).decode() == Path("race.csv").read_text(encoding="utf-8")


def test_export_overwrites_nobody_elses_file(dashboard, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    board, export = dashboard.versus, dashboard.export
    mine, there = Path("race.csv"), tmp_path / "elsewhere.csv"
    mine.write_text("my own", encoding="utf-8")
    there.write_text("a link's target", encoding="utf-8")
    if os.name != "nt":
        Path("race-2.csv").symlink_to(there)
    run(board)
    export.button.click()
    exported = tmp_path / ("race-2.csv" if os.name == "nt" else "race-3.csv")
    assert f"beside the notebook: {exported.name})" in export.link.value
    first = exported.read_text(encoding="utf-8")
    run(board)
    export.button.click()  # its own file, unchanged: written anew
    assert len(exported.read_text(encoding="utf-8")) > len(first)
    exported.write_text("edited", encoding="utf-8")
    export.button.click()
    assert exported.read_text(encoding="utf-8") == "edited"
    assert (tmp_path / "race-4.csv").exists() or os.name == "nt"
    assert mine.read_text(encoding="utf-8") == "my own"
    assert there.read_text(encoding="utf-8") == "a link's target"


def test_the_reading_says_why_nothing_is_compared():
    fine = results.Row("numpy_loop", "CPU", Timing((1.0,)))
    failed = results.Row("numpy_batched", "CPU", None, "ArithmeticError: x", failed=True)
    emulated = results.Row("cuda_v2", "emulated on CPU", Timing((1.0,)))
    said = race_widget.fastest_text
    assert said([fine, failed]) == "Done. Failed, so without a time: numpy_batched."
    assert said([failed]) == "Done. Failed, so without a time: numpy_batched."
    assert said([fine, emulated]) == "Done. Emulated times are not compared."
    assert said([fine]) == "Done. One version alone: nothing to compare it with."
    skipped = failed._replace(failed=False, note="left out")
    assert said([skipped]) == "Done. No version has a time."
    both = said([emulated, failed])
    assert "Emulated times" in both and "Failed" in both


def test_the_scale_tab_measures_lines_and_says_their_slope(dashboard, monkeypatch):
    scale = dashboard.scale
    scale.most.value = 256
    choose(scale, "numpy_batched")
    before = bytes(scale.image.value)
    scale.bar.run(wait=True)
    assert [len(seconds) for seconds in scale.lines.values()] == [2, 2]
    assert scale.words.value.count("slope") == 2 and bytes(scale.image.value) != before
    picture = scale.picture()
    assert titles(picture) == ["Does training time grow as fast as the data?"]
    assert curves(picture.axes[0])[:2] == list(scale.lines.values())
    assert scale.bar.note.value == "Done."
    choose(scale)
    scale.bar.run(wait=True)
    assert "at least one version" in scale.bar.note.value


def test_the_scale_tab_leaves_out_what_takes_minutes(dashboard, monkeypatch):
    monkeypatch.setattr(feasible, "PIECE_LIMIT", 0.05)  # 64 windows take longer on any machine
    scale = dashboard.scale
    scale.most.value, scale.hidden.value = 65536, 64
    choose(scale, "sequential")
    assert "sequential, batch 16" in scale.reasons.value, "before anything runs"
    assert "windows on left out: roughly" in scale.reasons.value
    assert scale.points() == [] and scale.lines == {}
    scale.bar.run(wait=True)
    assert scale.bar.note.value.startswith("No chosen version can run this")
    scale.boxes["numpy_batched"].value = True
    assert {line for line, _ in scale.points()} == {
        ("numpy_batched", "batch 16"), ("numpy_batched", "batch = windows / 4")
    }  # fmt: skip


def test_an_error_ends_only_its_own_line(dashboard, monkeypatch):
    def broken(*_):
        raise ArithmeticError("broken on purpose")

    monkeypatch.setattr(race.get_version("numpy_loop"), "gradients", broken)
    scale = dashboard.scale
    scale.most.value = 256
    choose(scale, "numpy_loop", "numpy_batched")
    scale.bar.run(wait=True)
    assert [version for version, _ in scale.lines] == ["numpy_batched"] * 2
    assert scale.words.value.count("at 64 windows: ArithmeticError: broken on purpose") == 2


@pytest.mark.long
def test_what_stops_only_between_epochs_is_kept_to_short_epochs():
    """V6 hears of Cancel at an epoch's end, so an epoch is what must be short."""
    long = Workload(*data.panel(65536, 2), 16, 64)
    assert "for an epoch (limit" in feasible.refusal("cuda_v6", long)
    assert feasible.refusal("cuda_v6", Workload(*data.panel(64, 2), 16, 16)) == ""


def test_the_scale_tab_takes_the_real_series_to_its_end(dashboard):
    scale = dashboard.scale
    scale.series.value = "CO2 at Mauna Loa (real)"
    there = data.co2_windows(scale.T)[0].shape[1]
    assert scale.windows() == [64, 256, 1024, there] and there < scale.most.value
    x, y = data.co2_workload(64)
    assert x.shape == y.shape == (11, 64, 1) and (x[1:] == y[:-1]).all()
    with pytest.raises(ValueError, match="the CO2 series has"):
        data.co2_workload(there + 1)


def test_every_live_picture_has_its_twin(dashboard):
    board, sweep, scale = dashboard.versus, dashboard.sweep, dashboard.scale
    run(board)
    scale.most.value = 256
    scale.bar.run(wait=True)
    for live, scene in ((board.image, board.scene()), (sweep.image, sweep.scene())):
        assert live.value == scene.svg()
    assert dashboard.picture().alt == board.scene().alt
    of_sweep, of_scale = dashboard.pictures()
    assert of_sweep.alt == sweep.scene().alt
    assert bytes(scale.image.value) == of_scale._repr_png_()


def test_names_beside_lines_keep_their_distance():
    places = race_figures.spread([0.5, 0.5, 0.52, 0.0], 0.1)
    ordered = sorted(places)
    assert all(b - a > 0.099 for a, b in zip(ordered, ordered[1:], strict=False))
    assert places[3] == 0 and places[2] == max(places)


def test_ratios_name_their_baseline():
    rows = [
        results.Row("sequential", "CPU", None, "left out"),
        results.Row("numpy_loop", "CPU", Timing((4.0,))),
        results.Row("numpy_batched", "CPU", Timing((1.0,))),
        results.Row("cuda_v2", "emulated on CPU", Timing((1.0,))),
    ]
    picture = race_figures.draw_race([("a", Workload(*data.panel(1), 1, 4), rows)])
    (ax,) = picture.axes
    assert ax.get_xlabel().endswith("x: times as fast as numpy_loop")
    assert {"4.00 s", "1.00 s = 4x", "1.00 s (emulated)", "left out"} <= set(texts(ax))
    faces = [line.get_markerfacecolor() for line in ax.lines if line.get_marker() == "o"]
    assert dots(ax) == [4.0, 1.0, 1.0] and faces[2] == "white" != faces[1], "emulated"
    no_overlap(picture)
    assert race_figures.time_ticks(0.0009, 0.03) == (
        [0.001, 0.002, 0.005, 0.01, 0.02], ["1 ms", "2 ms", "5 ms", "10 ms", "20 ms"],
    )  # fmt: skip


def test_slopes_in_words():
    windows = [64, 256, 1024]
    assert "as fast as the data" in in_words(windows, [1, 4, 16], "CPU")
    slow = in_words(windows, [1, 1.5, 2], "CPU")
    assert "more slowly than" in slow and "150% is reached" in slow
    emulated = in_words(windows, [1, 1.5, 2], "emulated on CPU")
    assert "nothing about a GPU" in emulated and "reached" not in emulated
    assert "needs two points" in in_words(windows, [1], "CPU")
    assert "reached" not in in_words(windows, [1, 3.6, 13], "CPU"), "0.93 may be noise"
    full = in_words(windows, [1, 1.1, 6], "CPU")
    assert full.endswith("The goal of 150% is reached on this range, but not at its end.")


def test_reading_never_compares_emulated_rows():
    fast = results.Row("cuda_v3", "emulated on CPU", Timing((1e-6,)))
    slow = results.Row("numpy_loop", "CPU", Timing((2.0,)))
    slower = results.Row("sequential", "CPU", Timing((8.0,)))
    assert (
        reading([slower, slow, fast]) == "Done. Fastest: numpy_loop, 4 times as fast as sequential."
    )
    close = results.Row("numpy_batched", "CPU", Timing((1.9,)))
    assert reading([slow, close]) == "Done. Fastest: numpy_batched, with numpy_loop close behind."
    assert reading([slow, fast]) == "Done. Emulated times are not compared."


def test_a_line_against_the_data_says_its_slope():
    picture = goals.draw_scaling([64, 128], {"batch 16": ([1e-3, 2e-3], 1.0)})
    (ax,) = picture.axes
    line, dashed = curves(ax)
    assert line == dashed == [1e-3, 2e-3], "exactly as fast as the data"
    assert texts(ax)[1] == "batch 16\nslope 1.00" and names_on(ax.xaxis) == ["64", "128"]
    no_overlap(picture)


def test_what_is_still_to_come_is_the_recordings_own():
    """Each dot stands at the recorded time of its row, and none is left out."""
    (card,) = (card for card in cards() if card["card"] == "NVIDIA H200")
    picture = ahead.draw_ahead(card)
    small, large = picture.axes
    for ax, rows, found in (
        (small, ahead.SMALL, ahead.small_net(card)),
        (large, ahead.LARGE, ahead.large_net(card)),
    ):
        drawn = [line.get_xdata()[0] for line in ax.lines]
        assert drawn == [found[key] for key, _ in rows]
        assert names_on(ax.yaxis) == [name for _, name in rows]
        assert texts(ax) == [seconds_text(seconds) for seconds in drawn]
    assert "V6 (15) 1.00 ms" in picture.alt and "NVIDIA H200" in picture.alt
    no_overlap(picture)
