"""Every task of every lesson: ours is right, the stub is free, typical wrong answers are told.

wrong_07.WRONG keeps, for each task of lesson 07, at least three wrong answers: (what is wrong, the
piece of our answer that it replaces, by what, a part of the message).  No piece: all of it.
Each is compiled anew, so the first of each lesson is tried; with LSTM_KERNELS_LONG=1 the first of
each task, as in CI, and with LSTM_KERNELS_ALL_ANSWERS=1 as well all.
"""

import importlib
import os
import re

import pytest
from editions import answer_to, with_answer

from lstm_kernels.judge.ours import folded
from lstm_kernels.judge.tasks import lessons, tasks_of
from tests.judge.pages import cell_of, lesson_of, verdict_on
from tests.judge.right_otherwise import RIGHT
from tests.notebooks import LESSONS, read, tags

TASKS = {task.number: task for lesson in lessons() for task in tasks_of(lesson)}
WRONG = {
    number: answers
    for lesson in lessons()
    for number, answers in importlib.import_module(f"tests.judge.wrong_{lesson}").WRONG.items()
}
LEAST = 3
TRIED = None if os.environ.get("LSTM_KERNELS_ALL_ANSWERS") else 1
FIRST = {tasks_of(lesson)[0].number for lesson in lessons()}
SLOW = {"11.3", "14.4"}  # their kernels compile for 13 and 5 s


def ours(task):
    return answer_to(task.number, cell_of(task.number))


@pytest.fixture(autouse=True)
def own_progress(monkeypatch, tmp_path):
    monkeypatch.setenv("LSTM_KERNELS_PROGRESS", str(tmp_path / "progress.json"))


@pytest.mark.parametrize(
    "number",
    [pytest.param(number, marks=pytest.mark.long if number in SLOW else ()) for number in TASKS],
)
def test_ours_is_right(number, capsys):
    task = TASKS[number]
    said = verdict_on(task, ours(task), capsys)
    assert said.startswith(f"{number} {task.title}: right."), said


@pytest.mark.parametrize("number", TASKS)
def test_the_page_begins_with_a_stub_and_folds_ours(number):
    task, cells = TASKS[number], read(lesson_of(number))
    (cell,) = (c for c in cells if f"task:{number}" in tags(c))
    said = "".join(out.text for out in cell.outputs if out.output_type == "stream")
    assert f"{number} {task.title}: yours to " in said
    (below,) = (c for c in cells if f"ours:{number}" in tags(c))
    assert below.source == folded(task)
    last = cell.source.rstrip().split("\n")[-1]
    assert re.fullmatch(rf'(\w+) = judge\("{re.escape(number)}", \1\)', last), last


@pytest.mark.parametrize("number", TASKS)
def test_typical_wrong_answers_are_kept(number):
    assert len(WRONG.get(number, ())) >= LEAST


@pytest.mark.parametrize(
    "number, what",
    [
        pytest.param(number, wrong[0], marks=() if number in FIRST else pytest.mark.long)
        for number, answers in WRONG.items()
        for wrong in answers[:TRIED]
    ],
)
def test_a_wrong_answer_is_told_so_that_one_knows_where_to_look(number, what, capsys):
    task = TASKS[number]
    _, piece, instead, part = next(w for w in WRONG[number] if w[0] == what)
    answer = ours(task)
    if piece is not None:
        assert piece in answer, f"ours has no {piece!r}"
    answer = instead if piece is None else answer.replace(piece, instead)
    said = verdict_on(task, answer, capsys)
    assert said.startswith(f"{number} {task.title}: not yet."), said
    assert part in said and "\n" not in said.rstrip("\n"), said


@pytest.mark.parametrize("number", RIGHT)
def test_a_right_answer_of_another_style_is_right(number, capsys):
    said = verdict_on(TASKS[number], RIGHT[number], capsys)
    assert said.startswith(f"{number} {TASKS[number].title}: right."), said


def test_every_task_of_a_page_is_known():
    tagged = [t for name in LESSONS for c in read(name) for t in tags(c) if t.startswith("task:")]
    assert sorted(tagged) == sorted(f"task:{number}" for number in TASKS)


def test_a_solved_cell_keeps_what_is_around_the_answer():
    cell = "import math\n\n\ndef f(x):\n    ...\n\n\nf = judge('00.1', f)"
    wanted = "import math\ndef f(x):\n    return x\nf = judge('00.1', f)"
    assert with_answer(cell, "def f(x):\n    return x") == wanted
