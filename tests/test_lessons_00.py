"""Lesson 00: the first line, and my progress as a picture.  Its other pictures: test_lessons_01."""

import re

import numpy as np
import pytest
from matplotlib.colors import to_hex

from lstm_kernels import data
from lstm_kernels.judge import progress
from lstm_kernels.judge.lesson_00 import moving_average
from lstm_kernels.judge.tasks import tasks_of
from lstm_kernels.lab.figures.progress import EMPTY, SOLVED, draw_progress
from lstm_kernels.lab.figures.scene import Line
from lstm_kernels.lab.figures.style import BLUE
from lstm_kernels.lab.widgets.average import MovingAverage
from tests.notebooks import cell, code_cells
from tests.pictures import names_on, no_overlap

LESSONS = [
    ("01", [True, False], [(1, True), (3, False)], [True, False]),
    ("02", [False], [(2, True)], []),
]


@pytest.fixture(autouse=True)
def kept(monkeypatch, tmp_path):
    monkeypatch.setenv("LSTM_KERNELS_PROGRESS", str(tmp_path / "progress.json"))


def marks(picture, mark):
    """(row, is it full?) of each mark of a kind, from left to right."""
    found = [line for line in picture.axes[0].lines if line.get_marker() == mark]
    found.sort(key=lambda line: (line.get_ydata()[0], line.get_xdata()[0]))
    return [(line.get_ydata()[0], line.get_markerfacecolor() != EMPTY) for line in found]


def test_what_is_solved_is_full_and_as_many_stars_as_an_exercise_has():
    picture = draw_progress(LESSONS)
    assert marks(picture, "s") == [(0, True), (0, False), (1, False)]
    assert marks(picture, "*") == [(0, True), *[(0, False)] * 3, (1, True), (1, True)]
    assert marks(picture, "o") == [(0, True), (0, False)]
    assert names_on(picture.axes[0].yaxis) == ["01", "02"]
    assert len({to_hex(color) for color in SOLVED.values()}) == 3
    no_overlap(picture)


def test_the_words_have_the_counts():
    assert draw_progress(LESSONS).alt == (
        "My progress: 1 of 3 tasks of the walks and 2 of 3 exercises solved, 3 of 6 stars; 1 of 2 "
        "predictions near. Lesson 01: 1 of 2 tasks, 1 of 2 exercises, 1 of 2 near. Lesson 02: "
        "0 of 1 tasks, 1 of 1 exercises, 0 of 0 near."
    )


def test_many_predictions_have_room():
    many = [("01", [True], [(1, True)], [True] * 20)]
    (ax,) = draw_progress(many).axes
    assert max(line.get_xdata()[0] for line in ax.lines) < ax.get_xlim()[1]


def test_the_overview_has_every_task_and_what_is_kept():
    before = {lesson: rest for lesson, *rest in progress.overview()}
    assert not any(any(walk) or guesses for walk, _, guesses in before.values())
    progress.solved("07.2")
    progress.solved("07.e4")
    progress.guessed("07.p1", "3", "4", True)
    walk, exercises, guesses = {n: rest for n, *rest in progress.overview()}["07"]
    tasks = tasks_of("07")
    assert len(walk) + len(exercises) == len(tasks) and walk == [False, True, False]
    assert [stars for stars, _ in exercises] == [t.stars for t in tasks if t.stars]
    assert [solved for _, solved in exercises] == [False, False, False, True] and guesses == [True]
    assert "Lesson 07: 1 of 3 tasks, 1 of 4 exercises, 1 of 1 near." in progress.picture().alt


def test_the_saved_page_shows_nobodys_progress():
    (output,) = cell("00_start_here", "progress").outputs
    said = output.data["text/plain"]
    assert re.match(r"My progress: 0 of \d+ tasks of the walks and 0 of \d+ exercises solved", said)
    assert "Lesson" not in said


def test_the_first_thing_after_the_set_up_is_a_task():
    assert 'judge("00.1", ' in code_cells("00_start_here")[1]


@pytest.fixture
def board():
    return MovingAverage(data.load_airline(), moving_average)


def test_the_average_is_drawn_at_the_last_of_its_months(board):
    series, picture = board.series, board.picture()
    values, means = [line for line in board.scene().of(Line) if len(line.points) > 2]
    assert len(values.points) == 144 and len(means.points) == 144 - 11
    assert means.color == BLUE and means.points[0][0] == values.points[11][0]
    (low, high), (first, last) = (np.sort(series.values)[[0, -1]], series.values[[0, -1]])
    heights = [y for _, y in values.points]
    scale = (max(heights) - min(heights)) / (high - low)
    assert heights[0] - heights[-1] == pytest.approx(scale * (last - first))
    rise = series.values[-12:].mean() - series.values[:12].mean()
    assert means.points[0][1] - means.points[-1][1] == pytest.approx(scale * rise)
    no_overlap(picture)


def test_the_average_answers_at_once_while_the_slider_moves(board):
    painted = []
    board.image.observe(lambda change: painted.append(change["new"]), "value")
    assert board.k.continuous_update
    for k, fell in ((12, 3), (24, 0), (13, 24)):
        board.k.value = k
        assert f"falls in {fell} of {144 - k} months" in board.note.value
    assert len(painted) == 2 and "mean of 24" in painted[0] and "mean of 13" in painted[1]


def test_the_slider_draws_the_learners_own_mean():
    mine = MovingAverage(data.load_airline(), lambda values, k: values[k - 1 :])
    fell = int((np.diff(mine.series.values[11:]) < 0).sum())
    assert fell > 3 and f"falls in {fell} of 132 months" in mine.note.value
