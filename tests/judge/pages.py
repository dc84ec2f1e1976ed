"""The lessons' task cells, and small pages in which an answer is tried as in a notebook."""

import linecache
import math
from itertools import count

import numpy as np
from editions import with_answer
from numba import float32

from lstm_kernels import cuda
from lstm_kernels.judge.source import plain
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
    run_cell(with_answer(cell_of(task.number), answer), scope)
    return capsys.readouterr().out
