"""Lesson 07: the race board, the pictures of goals and forecast, the cells' code."""

import inspect
from pathlib import Path

import nbformat
import pytest

from lstm_kernels import data, forecast, race, timing
from lstm_kernels.figures import forecast as forecast_figures
from lstm_kernels.figures import goals
from lstm_kernels.timing import Timing
from lstm_kernels.widgets.race import Race, reading

NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "07_race.ipynb"
PNG = b"\x89PNG"


def choose(board, *versions):
    for name, box in board.boxes.items():
        box.value = name in versions


@pytest.fixture
def board():
    board = Race(batch_size=1, H=4, T=2, budget=0.0)
    choose(board, "numpy_loop", "numpy_batched")
    return board


def test_run_times_the_checked_versions_and_repaints(board):
    before = bytes(board.image.value)
    board.button.click()
    (_, (workload, rows)) = board.results[-1]
    assert [row.version for row in rows] == ["numpy_loop", "numpy_batched"]
    assert (workload.batch_size, workload.H, workload.x.shape) == (1, 4, (2, 1, 1))
    assert bytes(board.image.value) != before and bytes(board.image.value).startswith(PNG)
    assert board.note.value.startswith("Done. Fastest: ")
    assert not board.button.disabled


def test_two_runs_stand_side_by_side_on_one_scale(board):
    board.run()
    board.batch.value = 7
    board.run()
    left, right = board.picture().axes
    assert left.get_xlim() == right.get_xlim()
    assert [number for number, _ in board.results] == [1, 2]


def test_a_board_offers_the_versions_that_it_is_given():
    board = Race(versions=("numpy_loop", "cuda_v2"))
    assert board.versions() == ("numpy_loop", "cuda_v2")


def test_no_version_and_no_second_run_at_once(board):
    choose(board)
    board.run()
    assert board.results == [] and board.note.value == "Choose at least one version."
    board.running = True
    choose(board, "numpy_loop")
    board.run()
    assert board.results == []


def test_an_error_in_one_version_leaves_the_others(board, monkeypatch):
    def broken(*_):
        raise ArithmeticError("broken on purpose")

    monkeypatch.setattr(race.get_version("numpy_loop"), "gradients", broken)
    board.run()
    failed, fine = board.results[-1][1][1]
    assert failed.failed and "broken on purpose" in failed.note and fine.timing
    assert not board.running and not board.button.disabled


def test_plain_python_is_left_out_where_it_takes_minutes(board):
    choose(board, "sequential")
    assert board.too_slow() == {}
    board.batch.value, board.hidden.value = 1024, 100
    assert "left out" in board.too_slow()["sequential"]
    board.run()
    (row,) = board.results[-1][1][1]
    assert row.timing is None and "left out" in row.note


def test_reading_never_compares_emulated_rows():
    fast = race.Row("cuda_v3", "emulated on CPU", Timing((1e-6,)))
    slow = race.Row("numpy_loop", "CPU", Timing((2.0,)))
    slower = race.Row("sequential", "CPU", Timing((8.0,)))
    assert (
        reading([slower, slow, fast]) == "Done. Fastest: numpy_loop, 4 times as fast as sequential."
    )
    assert reading([slow, fast]) == "Done. Emulated times are not compared."


def test_pictures_are_pngs():
    prepared = forecast.prepare(data.load_airline())
    study = forecast.study(prepared, forecast.CHOSEN._replace(epochs=1), seeds=(0, 1))
    pictures = (
        forecast_figures.draw_forecast(prepared.past, study),
        forecast_figures.draw_errors(study, forecast.medians(study)),
        goals.draw_goals({"numpy_loop": 3.0, "cuda_v3": None}, {"faster": 1, "5x": 5}),
        goals.draw_scaling([64, 128], {"batch 16": ([1e-3, 2e-3], 1.0)}),
    )
    assert all(picture._repr_png_().startswith(PNG) for picture in pictures)


def test_goals_say_no_gpu_instead_of_a_ratio():
    picture = goals.draw_goals({"numpy_loop": 3.0, "cuda_v3": None}, {"faster": 1, "5x": 5})
    texts = [text.get_text() for text in picture.axes[0].texts]
    assert texts == ["yes", "no", "3x", "no GPU", "no GPU", "not measured here"]


def test_cells_show_the_modules_code():
    cells = [c.source for c in nbformat.read(NOTEBOOK, 4).cells if c.cell_type == "code"]
    assert inspect.getsource(timing.measure).strip() in cells
    loops = (forecast.one_step, forecast.rollout)
    assert "\n\n\n".join(inspect.getsource(f).strip() for f in loops) in cells
