"""The race as bars.  Lesson 07 and `python -m lstm_kernels race`."""

import numpy as np

from lstm_kernels.figures.style import GREY, LIGHT, VERSION_COLORS, styled, subplots
from lstm_kernels.race import PUBLISHED, speedup
from lstm_kernels.timing import seconds_text


@styled
def draw_race(results):
    """One panel a workload.  results: a list of (name, workload, rows of the race)."""
    height = 1.3 + 0.62 * max(len(rows) for *_, rows in results)
    picture, axes = subplots(1, len(results), 6.6 * len(results), height, squeeze=False)
    for ax, (name, workload, rows) in zip(axes[0], results, strict=True):
        draw_bars(ax, rows)
        ax.set_title(f"{name}\n", pad=10)
        ax.text(0, 1.03, str(workload), transform=ax.transAxes, color=GREY, fontsize=12)
    return picture


def draw_bars(ax, rows, log=True):
    """Median times with quartiles; an emulated time is hatched and has no ratio."""
    for place, row in enumerate(rows):
        if row.timing is None:
            _write_note(ax, place, row)
        else:
            _draw_bar(ax, place, row, speedup(rows, row.version, "sequential"))
    ax.set_yticks(range(len(rows)), [row.version for row in rows])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xscale("log" if log else "linear")
    ax.set_xlabel("wall time, seconds" + (" (log scale)" if log else ""))
    timed = [row for row in rows if row.timing]
    if timed and log:
        ax.set_xlim(*_log_limits(rows, timed))
    elif timed:
        ax.set_xlim(0, max(row.timing.median for row in timed) * 1.6)


def _log_limits(rows, timed):
    """Left and right end of a logarithmic axis: each bar leaves room for its label."""
    left = min(row.timing.median for row in timed) / 3
    decades = []
    for row in timed:
        room = min(0.85, 0.022 * len(_label(row, speedup(rows, row.version, "sequential"))))
        decades.append(np.log10(row.timing.quartiles[1] / left) / (0.97 - room))
    return left, left * 10 ** max(decades)


def _draw_bar(ax, place, row, ratio):
    median, (low, high) = row.timing.median, row.timing.quartiles
    look = {"color": VERSION_COLORS.get(row.version, GREY)}
    if not row.comparable:
        look = {"color": LIGHT, "hatch": "///", "edgecolor": GREY}
    ax.barh(place, median, height=0.68, **look)
    ax.plot([low, high], [place, place], color="black", lw=1.6, marker="|", ms=9)
    ax.annotate(
        _label(row, ratio), (high, place), (6, 0), textcoords="offset points",
        va="center", fontsize=12,
    )  # fmt: skip


def _label(row, ratio):
    """Beside the bar: its time and, where one may be given, its ratio to sequential."""
    text = seconds_text(row.timing.median)
    if not row.comparable:
        return text + " (emulated, no GPU's time)"
    if ratio is not None and row.version != "sequential":
        return text + f" = {ratio:.3g}x"
    return text


def _write_note(ax, place, row):
    note = row.note if len(row.note) < 60 else row.note[:57] + "..."
    ax.text(0.02, place, note, va="center", color=GREY, transform=ax.get_yaxis_transform())


@styled
def draw_published(rows):
    """Speed-up over sequential: the published versions beside the learner's own."""
    picture, ax = subplots(1, 1, 10, 0.75 * len(rows) + 1.2)
    for place, row in enumerate(rows):
        mine = speedup(rows, row.version, "sequential")
        if row.version in PUBLISHED:
            theirs = PUBLISHED["sequential"] / PUBLISHED[row.version]
            _draw_ratio(ax, place - 0.19, theirs, LIGHT, "published")
        if mine is not None:
            _draw_ratio(
                ax, place + 0.19, mine, VERSION_COLORS.get(row.version, GREY), "measured here"
            )
        else:
            ax.text(
                1.05, place + 0.19, row.note or f"{row.where}: no ratio", va="center", color=GREY
            )
    ax.set_yticks(range(len(rows)), [row.version for row in rows])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xscale("log")
    ax.set_xlim(1, ax.get_xlim()[1] * 6)
    ax.set_xlabel("times faster than the sequential version of the same run (log scale)")
    ax.set_title("Published in 2023 beside this machine")
    return picture


def _draw_ratio(ax, place, ratio, color, label):
    ax.barh(place, ratio, height=0.36, color=color)
    ax.text(ratio * 1.06, place, f"{ratio:.3g}x  {label}", va="center", fontsize=12)
