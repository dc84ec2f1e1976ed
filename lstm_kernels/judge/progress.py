"""What is solved and what was guessed, kept in a small file beside the notebooks.

The file is `my_progress.json` in the folder where the notebook runs; LSTM_KERNELS_PROGRESS names
another.  A machine that is lost takes it along, so `to_line` gives it as one line to copy, and
`from_line` takes the line back.
"""

import base64
import json
import os
import zlib
from datetime import date
from pathlib import Path

from lstm_kernels.judge.tasks import lessons, tasks_of
from lstm_kernels.lab.saving import write_atomically

NAME = "my_progress.json"
EMPTY = {"solved": {}, "guesses": {}}


def path():
    """Where it is kept."""
    return Path(os.environ.get("LSTM_KERNELS_PROGRESS") or NAME)


def load():
    """{"solved": {task: day}, "guesses": {guess: {...}}}; ValueError if the file is not ours."""
    try:
        text = path().read_text(encoding="utf-8")
    except FileNotFoundError:
        return json.loads(json.dumps(EMPTY))
    return _checked(text, f"{path()} is no file of this course: rename it, and go on")


def solved(number):
    """Note that a task is solved; the first day counts."""
    _note("solved", number, date.today().isoformat())


def guessed(number, guess, measured, hit):
    """Note a guess beside what was measured, texts; the first guess counts.  hit: was it near?"""
    _note("guesses", number, {"guess": guess, "measured": measured, "hit": bool(hit)})


def _note(key, number, what):
    """Keep it unless there is one; a file that cannot be used is said, and ends no lesson."""
    try:
        kept = load()
        if number not in kept[key]:
            kept[key][number] = what
            _save(kept)
    except (OSError, ValueError) as error:
        print(f"(Your progress was not kept: {error})")


def overview():
    """[(lesson, walk, exercises, predictions), ...]: what figures.progress draws.

    walk: [is it solved?, ...]; exercises: [(stars, is it solved?), ...]; predictions: [was it
    near?, ...], of those that were made.
    """
    kept = load()
    return [(lesson, *_of_lesson(lesson, kept)) for lesson in lessons()]


def _of_lesson(lesson, kept):
    tasks = [(task, task.number in kept["solved"]) for task in tasks_of(lesson)]
    return (
        [is_solved for task, is_solved in tasks if not task.stars],
        [(task.stars, is_solved) for task, is_solved in tasks if task.stars],
        [bool(guess["hit"]) for n, guess in kept["guesses"].items() if n.split(".")[0] == lesson],
    )


def picture():
    """My progress, drawn: a row per lesson.  Lesson 00."""
    from lstm_kernels.lab.figures.progress import draw_progress  # the judge alone draws nothing

    return draw_progress(overview())


def to_line():
    """All of it as one line of letters and digits."""
    return base64.urlsafe_b64encode(zlib.compress(json.dumps(load()).encode())).decode()


def from_line(line):
    """Add what a line holds to what is here; ValueError if it is not whole."""
    try:
        text = zlib.decompress(
            base64.urlsafe_b64decode("".join(str(line).split()).encode())
        ).decode()
    except (ValueError, zlib.error):
        raise ValueError("this is no whole line of `progress.to_line()`: copy it again") from None
    other, kept = _checked(text, "this line is of another course"), load()
    _save({key: {**other[key], **kept[key]} for key in EMPTY})


def _checked(text, refusal):
    """The two dicts of a text; ValueError with this refusal if it holds something else."""
    try:
        kept = json.loads(text)
        solved, guesses = (kept[key] for key in EMPTY)
        whole = all(isinstance(day, str) for day in solved.values())
        whole = whole and all("hit" in guess for guess in guesses.values())
    except (ValueError, KeyError, TypeError, AttributeError):
        whole = False
    if not whole:
        raise ValueError(refusal)
    return {"solved": solved, "guesses": guesses}


def _save(kept):
    write_atomically(path(), json.dumps(kept, indent=1) + "\n")
