"""The lessons' task cells, and small pages in which an answer is tried as in a notebook."""

import ast
import linecache
import math
from itertools import count

import numpy as np
from numba import float32

from lstm_kernels import cuda
from lstm_kernels.judge.ours import source_of
from lstm_kernels.judge.source import plain
from lstm_kernels.judge.tasks import tasks_of
from lstm_kernels.judge.verdict import judge
from tests.notebooks import LESSONS, read, tags

DECORATORS = ("compiled", "njit", "prange")  # of functions for a CPU, as their module has them

_pages = count()


def lesson_of(number):
    """The notebook that holds a task: "07.2" -> "07_cuda_v2"."""
    return next(name for name in LESSONS if name.startswith(number.split(".")[0]))


def cell_of(number):
    """The source of the task's cell: the only one with its tag, `task:07.2`."""
    found = [c for c in read(lesson_of(number)) if f"task:{number}" in tags(c)]
    assert len(found) == 1, f"{len(found)} cells have the tag task:{number}; one should"
    return found[0].source


def solved(cell, answer):
    """A task's cell with its functions replaced by those of the answer, a text."""
    new = ast.parse(answer).body
    names = {part.name for part in new if hasattr(part, "name")}
    names |= {t.id for part in new if isinstance(part, ast.Assign) for t in part.targets}
    lines, kept = cell.split("\n"), []
    for part in ast.parse(cell).body:
        target = part.targets[0] if isinstance(part, ast.Assign) else None
        is_judged = target is not None and isinstance(part.value, ast.Call)
        name = getattr(part, "name", getattr(target, "id", None))
        if name in names and not is_judged:
            continue
        first = min([part.lineno, *(d.lineno for d in getattr(part, "decorator_list", ()))])
        kept.append((is_judged, "\n".join(lines[first - 1 : part.end_lineno])))
    before = [text for judged, text in kept if not judged]
    after = [text for judged, text in kept if judged]
    return "\n".join([*before, answer, *after])


def scope_of(task):
    """What a page knows where the task comes: the usual imports, and what is given."""
    ours = plain(task.ours)
    home = ours.__globals__ if ours is not None else {}
    given = {name: home[name] for name in (*task.given, *DECORATORS) if name in home}
    return {"np": np, "math": math, "cuda": cuda, "float32": float32, **given}


def run_cell(source, scope):
    """Run a cell in a scope, as IPython does: its source can be read afterwards."""
    name = f"<cell {next(_pages)}>"
    linecache.cache[name] = len(source), None, source.splitlines(keepends=True), name
    scope.setdefault("__name__", "__main__")
    exec(compile(source, name, "exec"), scope)
    return scope


def verdict_on(task, answer, capsys):
    """The line that the judge prints for this answer, a text in place of ours."""
    scope = {**scope_of(task), "judge": judge}
    capsys.readouterr()
    run_cell(solved(cell_of(task.number), answer), scope)
    return capsys.readouterr().out


def ours_text(task):
    """Our answer as a text."""
    return source_of(task)


def all_tasks(lesson):
    return {task.number: task for task in tasks_of(lesson)}
