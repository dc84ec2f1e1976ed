"""Step by step: one thread's walk through its lines, a block's from barrier to barrier.

All from the log of a launch that ran: `observe(..., log=True)`.  Plain variables are drawn as
registers: a compiler keeps them there where it can.  Lessons 07 and 13.
"""

import ast
import builtins
from functools import lru_cache
from math import isnan

from .board import board, box, rectangle, write
from .style import BLUE, GREEN, GREY, LIGHT, ORANGE, SKY, SOFT, VERMILLION, ink, listed, styled

COLORS = {"shared": SKY, "global": ORANGE}
ROWS = 6  # that a shelf has room for
SHELVES = (  # of memory, and who sees it
    ("registers", "this thread's own"),
    ("shared", "the block's"),
    ("global", "all threads'"),
)


# ---- one thread -------------------------------------------------------------------------------


def walk_of(seen, thread):
    """What a thread does, line by line: a list of lists of Steps, one for each visit of a line."""
    visits = []
    for step in seen.steps:
        if step.thread == thread:
            if not visits or _is_new(step, visits[-1]):
                visits.append([])
            visits[-1].append(step)
    return visits


def _is_new(step, visit):
    """Another line, or the same once more: more accesses than stand in it."""
    if step.place.whole != visit[0].place.whole or step.place.line != visit[0].place.line:
        return True
    same = [s for s in visit if (s.place, s.kind) == (step.place, step.kind)]
    return len(same) >= _times_in_line(step.place.whole, step.place.text, step.kind == "writes")


@lru_cache(maxsize=4096)
def _times_in_line(whole, text, is_write):
    """How often an element stands in a line, to be read or to be written; at least once."""
    nodes = [n for n in ast.walk(_tree(whole)) if isinstance(n, ast.Subscript)]
    kind = ast.Store if is_write else ast.Load
    return max(1, sum(ast.unparse(n) == text and isinstance(n.ctx, kind) for n in nodes))


def _tree(line):
    """A line of source as a syntax tree; an empty one for a line of a longer statement."""
    try:
        return ast.parse(f"{line} pass" if line.endswith(":") else line)
    except SyntaxError:
        return ast.Module([], [])


@styled
def draw_step(visit, number, steps):
    """One visit of a line by a thread: what it reads and writes, and where that lies.

    visit: one of `walk_of(seen, thread)`; number: which one, from 1; steps: how many there are.
    """
    place, shelves = visit[0].place, _shelves(visit)
    title = f"Thread {visit[0].thread}, step {number:,} of {steps:,}, in {place.function}()"
    told = [f"{name}: {listed(rows)}" for name, rows in shelves.items() if rows]
    alt = f"{title}, line {place.line}: {place.whole}. {'; '.join(told)}."
    picture, ax = board(12, 3.9, (0, 100), (7.6, 0), alt=alt, title=title)
    ax.text(1, 0.6, f"{place.line}   {place.whole}", family="monospace", fontsize=13, va="center")
    for shelf, (name, whose) in enumerate(SHELVES):
        _draw_shelf(ax, 1 + 33 * shelf, name, whose, shelves[name])
    return picture


def _shelves(visit):
    """{kind of memory: what is done there, in words}."""
    rows = {"registers": [], "shared": [], "global": []}
    for step in visit:
        element = f"{step.name}[{', '.join(map(str, step.index))}]"
        if step.kind == "reads":
            rows[step.memory].append(f"reads {element}: {_number(step.before)}")
        elif step.kind == "writes":
            rows[step.memory].append(f"writes {element}: {_number(step.after)}")
        else:
            change = f"{_number(step.before)} to {_number(step.after)}"
            rows[step.memory].append(f"changes {element}: {change}")
    done = zip(("reads", "writes"), _variables(visit[0].place.whole), strict=True)
    rows["registers"] = [f"{does} {listed(names)}" for does, names in done if names]
    return rows


def _variables(text):
    """Names of plain variables that a line reads and that it writes: numbers in registers."""
    nodes = list(ast.walk(_tree(text)))
    arrays = {n.value for n in nodes if isinstance(n, (ast.Subscript, ast.Attribute))}
    called = {n.func for n in nodes if isinstance(n, ast.Call)}
    names = [n for n in nodes if isinstance(n, ast.Name) and n not in arrays | called]
    names = [n for n in names if not hasattr(builtins, n.id)]
    added = {n.target for n in nodes if isinstance(n, ast.AugAssign)}
    written = {n.id for n in names if isinstance(n.ctx, ast.Store)}
    read = {n.id for n in names if isinstance(n.ctx, ast.Load) or n in added}
    return sorted(read), sorted(written)


def _number(value):
    if value is None:
        return "?"
    return "NaN" if isnan(value) else f"{value:.4g}"


def _draw_shelf(ax, left, name, whose, rows):
    color = {"registers": GREEN, **COLORS}[name]
    box(ax, left, 1.4, 31.5, 5.9, SOFT if rows else LIGHT, edge=color if rows else GREY, radius=0.3)
    ax.text(left + 1.2, 2.1, f"{name}", weight="bold", color=ink(color), va="center")
    ax.text(left + 30.3, 2.1, whose, ha="right", color=GREY, va="center", fontsize=12)
    if len(rows) > ROWS:
        rows = [*rows[: ROWS - 1], f"and {len(rows) - ROWS + 1} more"]
    for place, text in enumerate(rows):
        look = {"color": ink(VERMILLION if text[0] != "r" else BLUE), "fontsize": 12.5}
        ax.text(left + 1.2, 3.1 + 0.75 * place, text, va="center", **look)
    if not rows:
        write(ax, left + 15.7, 4.4, "not touched", color=GREY)


# ---- a block ----------------------------------------------------------------------------------


def phases_of(seen, threads, block=0):
    """What a block of `threads` does between barriers: {barriers passed: Steps}."""
    phases = {}
    for step in seen.steps:
        if step.thread // threads == block:
            phases.setdefault(step.barriers, []).append(step)
    return phases


@styled
def draw_phase(steps, threads):
    """A block between two barriers: which threads touch which memory, and which none.

    steps: of one phase of `phases_of(seen, threads)`.  A number says how often.
    """
    rows = _accesses(steps)
    busy = {step.thread % threads for step in steps}
    title = f"After barrier {steps[0].barriers}: {len(busy)} of {threads} threads touch memory"
    title += f", {threads - len(busy)} wait or only compute" if len(busy) < threads else ""
    told = [f"{kind} {text} ({memory})" for text, kind, memory in rows]
    alt = f"{title}. Of {threads} threads: {'; '.join(told)}."
    height = 1.1 + 0.36 * (len(rows) + 2)
    picture, ax = board(13, height, (-15, threads + 0.5), (len(rows) + 2, 0), alt=alt, title=title)
    for thread in range(threads):
        rectangle(ax, thread + 0.06, 0.1, 0.88, 0.8, GREEN if thread in busy else LIGHT)
        color = "white" if thread in busy else GREY
        write(ax, thread + 0.5, 0.5, str(thread), color=color, fontsize=11)
    ax.text(-0.3, 0.5, "thread", ha="right", va="center", weight="bold")
    for row, (key, counts) in enumerate(rows.items(), 1):
        _draw_access(ax, row, key, counts, threads)
    _draw_barrier(ax, len(rows) + 1.5, threads)
    return picture


def _accesses(steps):
    """{(text, kind, memory): {thread: how often}}, in the order in which they come."""
    rows = {}
    for step in steps:
        counts = rows.setdefault((step.place.text, step.kind, step.memory), {})
        counts[step.thread] = counts.get(step.thread, 0) + 1
    return rows


def _draw_access(ax, row, key, counts, threads):
    text, kind, memory = key
    look = {"ha": "right", "va": "center", "fontsize": 11}
    ax.text(-3.9, row + 0.5, f"{kind} {text}", color=ink(BLUE if kind == "reads" else VERMILLION),
            **look)  # fmt: skip
    ax.text(-0.3, row + 0.5, memory, color=ink(COLORS[memory]), **look)
    for thread, count in counts.items():
        rectangle(ax, thread % threads + 0.06, row + 0.1, 0.88, 0.8, COLORS[memory])
        write(ax, thread % threads + 0.5, row + 0.5, str(count), fontsize=10)


def _draw_barrier(ax, y, threads):
    ax.plot([0, threads], [y, y], color="black", lw=4, solid_capstyle="butt")
    ax.text(-0.3, y, "barrier or end", ha="right", va="center", fontsize=11)
