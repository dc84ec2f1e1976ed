"""Quick questions, three or four per lesson: predict a count, find the race, name the bound.

A file per lesson, lesson_07.py for lesson 07, holds its questions as text:

    ? the question
    = the right choice
    > why it is right
    - a wrong choice
    > what it reveals

A line that begins with two blanks goes on with the one above; an empty line ends a question.
`python .ci/notebooks.py stamp` makes notebooks/lecturer/questions.md of them, the widget in
lab/widgets/quiz.py asks them in the lessons.
"""

import random
import re
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

LETTERS = "ABCD"


class Choice(NamedTuple):
    text: str
    why: str  # why it is right, or what it reveals
    right: bool


class Question(NamedTuple):
    number: str  # "07.q1"
    text: str
    choices: tuple  # in the order in which they are shown


def lessons():
    """The lessons that have questions, in the course's order: "00", ..., "B1"."""
    return sorted(path.stem.removeprefix("lesson_") for path in Path(__file__).parent.glob("l*.py"))


def questions_of(lesson):
    """[Question, ...] of a lesson, for example "07"; ValueError if it has none."""
    if lesson not in lessons():
        raise ValueError(f"lesson {lesson!r} has no questions; these have: {', '.join(lessons())}")
    text = import_module(f"lstm_kernels.lab.quiz.lesson_{lesson}").TEXT
    blocks = re.sub(r"\n  +", " ", text).strip().split("\n\n")
    return [_read(f"{lesson}.q{n}", block.split("\n")) for n, block in enumerate(blocks, 1)]


def _read(number, lines):
    """A Question; the order of its choices is shuffled, always in the same way."""
    question, *rest = lines
    choices = [
        Choice(choice[2:], why[2:], choice[0] == "=")
        for choice, why in zip(rest[::2], rest[1::2], strict=True)
    ]
    random.Random(number).shuffle(choices)
    return Question(number, question[2:], tuple(choices))
