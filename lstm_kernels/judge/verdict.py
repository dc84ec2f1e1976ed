"""The verdict on one answer, in one line; and the hints."""

import linecache
import traceback
from typing import NamedTuple

from lstm_kernels.emulator.errors import EmulatorError
from lstm_kernels.judge import progress
from lstm_kernels.judge.compare import NotYet
from lstm_kernels.judge.source import (
    functions_of,
    is_unwritten,
    refuse_another_kind,
    refuse_borrowed,
)
from lstm_kernels.judge.tasks import HINTS, Task, find, tasks_of

UNWRITTEN, NOT_YET, RIGHT = "unwritten", "not yet", "right"
_hints_given = {}
_latest = {}  # {task: the state of its last verdict in this session}


class Verdict(NamedTuple):
    """What the judge found."""

    task: Task
    state: str  # UNWRITTEN, NOT_YET or RIGHT
    words: str = ""  # what differs first, or what was measured

    def line(self):
        """All of it in one line."""
        doing = "mend" if self.task.planted is not None else "write"
        said = {
            UNWRITTEN: f"yours to {doing}; until then the course's own goes on.",
            NOT_YET: f'not yet. {self.words} Stuck? judge.hint("{self.task.number}")',
            RIGHT: f"right. {self.words}".rstrip(),
        }
        return f"{self.task.number} {self.task.title}: {said[self.state]}"


def judge(number, answer):
    """Print in one line whether the answer to a task is right; return it, or the course's own.

    number: "07.2", the second task of lesson 07.  answer: the function, kernel or value that the
    task asks for.  Not written yet (None, or `...` inside) costs nothing.  Right: the lesson goes
    on with it.  Else the line says what differs first, and the lesson goes on with the course's
    own.  ValueError names the lesson's tasks if there is no such task.
    """
    found = verdict(number, answer)
    print(found.line())
    _latest[number] = found.state
    if found.state != RIGHT:
        return found.task.ours
    progress.solved(number)
    return answer


def verdict(number, answer):
    """The same without a word: a Verdict.  An error that is not the answer's is raised."""
    task = find(number)
    try:
        is_ours = callable(answer) and answer is task.ours  # this cell ran before
        if is_ours or is_unwritten(answer, task.planted):
            return Verdict(task, UNWRITTEN)
        refuse_another_kind(answer, task.ours)
        refuse_borrowed(answer, task.given)
        return Verdict(task, RIGHT, task.check(answer) or "")
    except Exception as error:
        return Verdict(task, NOT_YET, reason(error, answer))


def points(lesson):
    """Print which tasks of a lesson this session has solved; return their points, a number.

    A task of the walk gives one point, an exercise as many as it has stars.  The last verdict on a
    task counts.
    """
    tasks = tasks_of(lesson)
    solved = [task for task in tasks if _latest.get(task.number) == RIGHT]
    got, most = (sum(task.points for task in some) for some in (solved, tasks))
    names = ", ".join(task.number for task in solved) or "none yet"
    print(f"Lesson {lesson}: {got} of {most} points; solved: {names}.")
    return got


def hint(number):
    """Print the next of a task's three hints: a question, an index line, the line itself."""
    task = find(number)
    step = min(_hints_given.get(number, 0), len(HINTS) - 1)
    _hints_given[number] = step + 1
    print(f"{number}, hint {step + 1} of {len(HINTS)}: {task.hints[step]}")


judge.hint = hint
judge.points = points


def reason(error, answer):
    """Why it is not right, as a sentence; an error that is not the answer's is raised again."""
    if isinstance(error, NotYet | EmulatorError):
        words = str(error)
        return words if words.endswith((".", "?", "!")) else f"{words}."
    place = _place(error, answer)
    if place is None:
        raise error
    said = str(error) or "no message"
    return f"It stops with {type(error).__name__}: {said}, in {place}."


def _place(error, answer):
    """The answer's own line in which an error came up; None if it came from elsewhere."""
    functions = functions_of(answer)
    homes = {function.__code__.co_filename for function in functions}
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename in homes]
    if not frames:
        return next(filter(None, (_does_not_take(error, f) for f in functions)), None)
    line = linecache.getline(frames[-1].filename, frames[-1].lineno).strip()
    return f"line {frames[-1].lineno}: `{line}`"


def _does_not_take(error, function):
    """Its call failed: it takes other arguments than the task says."""
    said = str(error)
    if isinstance(error, TypeError) and function.__name__ in said and "argument" in said:
        return "the call itself: the task gives its arguments"
    return None
