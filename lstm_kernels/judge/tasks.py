"""What a task is, and where all of them are: lesson_07.py holds those of lesson 07."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

KINDS = {  # of the exercises at a lesson's end
    "complete": "complete the program",
    "bug": "find the planted bug",
    "parallel": "which loops may run in parallel, and what proves it",
    "kernel": "a kernel from an empty cell",
    "measure": "measure and explain",
    "better": "faster or smaller by a counted measure; open-ended",
}
HINTS = ("a question", "a picture or an index line", "the line itself")


@dataclass(frozen=True)
class Task:
    """One task.  Its check takes the answer, raises NotYet, and may return a sentence."""

    number: str  # "07.2" in the lesson's walk, "07.e1" at its end
    title: str
    check: Callable  # (answer) -> None, or what it measured as a sentence: "5 atomics; par is 5."
    ours: object  # what goes on in the page until the answer is right
    hints: tuple  # three, as in HINTS
    given: tuple = ()  # names of the course's own functions that the answer may call
    planted: object = None  # the function with the bug, where the page begins with one
    shown: tuple = ()  # whose source the folded cell shows; nothing: that of `ours`
    stars: int = 0  # 1 to 3 for an exercise
    kind: str = ""  # of KINDS, for an exercise

    @property
    def points(self):
        """One for a task of the walk; an exercise's stars."""
        return self.stars or 1

    def __post_init__(self):
        is_exercise = ".e" in self.number
        wrong = {
            f"{len(self.hints)} hints; there are {len(HINTS)}": len(self.hints) != len(HINTS),
            f"{self.stars} stars; 1 to 3 in an exercise, 0 in the walk": (
                self.stars not in ((1, 2, 3) if is_exercise else (0,))
            ),
            f"kind {self.kind!r}; one of {', '.join(KINDS)} in an exercise, none in the walk": (
                self.kind not in (KINDS if is_exercise else ("",))
            ),
        }
        for words, is_wrong in wrong.items():
            if is_wrong:
                raise ValueError(f"task {self.number}: {words}")


TASKS = {}


def task(number, title, *, ours, hints, **more):
    """Make the function below it the check of a task (see Task)."""

    def register(check):
        if number in TASKS:
            raise ValueError(f"there are two tasks {number}")
        TASKS[number] = Task(number, title, check, ours, hints, **more)
        return check

    return register


def lessons():
    """The lessons that have tasks, in their order: "01", ..., "A1"."""
    files = Path(__file__).parent.glob("lesson_*.py")
    return sorted(path.stem.removeprefix("lesson_") for path in files)


def tasks_of(lesson):
    """The tasks of a lesson, in their order; ValueError names the lessons there are."""
    if lesson not in lessons():
        raise ValueError(f"lesson {lesson!r} has no tasks; there are {', '.join(lessons())}")
    import_module(f"lstm_kernels.judge.lesson_{lesson}")
    return [TASKS[number] for number in TASKS if number.split(".")[0] == lesson]


def find(number):
    """The task of this number; ValueError names those of its lesson."""
    found = {task.number: task for task in tasks_of(str(number).split(".")[0])}
    if number not in found:
        raise ValueError(f"there is no task {number!r}; this lesson has {', '.join(found)}")
    return found[number]
