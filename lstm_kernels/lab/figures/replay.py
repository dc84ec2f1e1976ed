"""A race, replayed: the same threads at one number, in two orders, with two results.  Lesson B1."""

from math import isnan

from .board import arrow, blank, rectangle, write
from .style import GREY, LIGHT, ORANGE, SKY, styled, subplots

FACES = SKY, ORANGE
WIDE = 8  # steps that fit beside each other


@styled
def draw_replay(runs, name, index, threads, result):
    """What two threads do to element `index` of array `name`, step by step, in each run.

    runs: {title: Observed with a log}, of `observe(..., order=..., log=True)`.  result: the name
    of the array whose first number is what comes out.  ValueError if no thread touches the element.
    """
    steps = {title: _steps(seen, name, index, threads) for title, seen in runs.items()}
    if not all(steps.values()):
        raise ValueError(f"no step of threads {threads} at {name}{list(index)} in {list(runs)}")
    came_out = {t: f"{result}[0] is {_number(s.arrays[result][0])}" for t, s in runs.items()}
    alt = f"Two threads at {name}{list(index)}. " + " ".join(
        f"{title}: {', '.join(f'thread {s.thread} {_does(s)}' for s in found)}; {came_out[title]}."
        for title, found in steps.items()
    )
    picture, axes = subplots(len(runs), 1, 13, 2.3 * len(runs), squeeze=False, alt=alt)
    for ax, (title, found) in zip(axes.flat, steps.items(), strict=True):
        _draw_run(ax, title, found, threads, came_out[title])
    return picture


def _steps(seen, name, index, threads):
    at = [step for step in seen.steps if (step.name, step.index) == (name, tuple(index))]
    return [step for step in at if step.thread in threads]


def _does(step):
    """In a few words, with values: `reads NaN`, `writes 1`, `turns 1 into 2`."""
    before, after = _number(step.before), _number(step.after)
    if step.kind == "reads":
        return f"reads {before}"
    return f"writes {after}" if step.kind == "writes" else f"turns {before} into {after}"


def _number(value):
    if value is None:
        return "?"
    return "NaN" if isnan(value) else f"{value:.6g}"


def _draw_run(ax, title, steps, threads, result):
    places = max(WIDE, len(steps))
    blank(ax, (-1.1, places + 2.2), (2.5, -0.1), title=title)
    for row, thread in enumerate(threads):
        ax.text(-0.15, row + 0.5, f"thread {thread}", ha="right", va="center", fontsize=13)
        ax.plot([0, places], [row + 0.5] * 2, color=LIGHT, lw=2, zorder=0)
    for time, step in enumerate(steps):
        row = threads.index(step.thread)
        rectangle(ax, time + 0.03, row + 0.12, 0.94, 0.76, FACES[row % 2], zorder=2)
        write(
            ax,
            time + 0.5,
            row + 0.5,
            _does(step).replace(" into ", "\ninto "),
            fontsize=11,
            zorder=3,
        )
    arrow(ax, (0, 2.25), (places, 2.25), GREY, 1.5, head=20)
    ax.text(places + 0.1, 2.25, "time", va="center", color=GREY)
    ax.text(places + 0.15, 1, result, va="center", fontsize=15, weight="bold")
