"""The forecast from rolling origins: month by month, and its errors by year.  Lesson 10."""

from itertools import product

import numpy as np

from lstm_kernels.lab.forecast import TASKS, best

from .style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    LIGHT,
    ORANGE,
    PALE,
    PURPLE,
    SKY,
    VERMILLION,
    ink,
    listed,
    styled,
    subplots,
)

FORECASTER_COLORS = {
    "LSTM": VERMILLION,
    "SARIMA": BLUE,
    "Holt-Winters": ORANGE,
    "seasonal drift": GREEN,
    "mean growth": PURPLE,
    "seasonal naive": SKY,
    "persistence": GREY,
}


def _axis(dates):
    """Dates as plain numbers: years, with the month as the fraction."""
    return 1970 + np.asarray(dates, "datetime64[M]").astype(int) / 12


@styled
def draw_months(past, rolled, rival="SARIMA", unit="thousand passengers"):
    """Each month's forecast, made at its start: the LSTM's runs and a rival, beside the truth.

    past: Series, of which the last year is drawn.  Below: forecast minus truth.
    """
    seeds = len(rolled.plans["LSTM"])
    alt = f"""{len(rolled.dates)} months from {rolled.dates[0]} on, each as it was forecast at its
        start by {rival} and by the LSTM with {seeds} seeds, beside the truth in {unit}; below,
        each forecast minus the truth."""
    picture, (ax, below) = subplots(2, 1, 12, 8, alt=alt, sharex=True, height_ratios=(3, 2))
    x, truth = _axis(rolled.dates), rolled.truth[:, 0]
    what_was = {"color": GREY, "lw": 6, "alpha": 0.45}
    known = _axis(past.dates[-12:]), past.values[-12:]
    ax.plot(np.append(known[0], x), np.append(known[1], truth), **what_was)
    below.plot(x, 0 * truth, **what_was)
    for name in (rival, "LSTM"):
        style = {"color": FORECASTER_COLORS[name], "lw": 1.4 if name == "LSTM" else 2.4}
        for run in rolled.plans[name]:
            ax.plot(x, run[:, 0], **style)
            below.plot(x, run[:, 0] - truth, **style)
    ax.set(ylabel=unit, title="Each month, as it was forecast at its start")
    below.set(ylabel=unit, title="Forecast minus truth: above 0, it was too high")
    _label_months(ax, below, rolled, rival)
    return picture


def _label_months(ax, below, rolled, rival):
    """Words instead of a legend, and a line at the start of each year."""
    first = int(_axis(rolled.dates)[0])
    runs = f"LSTM, {len(rolled.plans['LSTM'])} seeds"
    words = (("truth", GREY), (runs, VERMILLION), (rival, FORECASTER_COLORS[rival]))
    for line, (text, color) in enumerate(words):
        ax.text(0.02, 0.95 - 0.12 * line, text, color=ink(color), va="top", fontweight="bold",
                transform=ax.transAxes)  # fmt: skip
    below.text(0.02, 0.5, "known to all", color=GREY, va="center", transform=below.transAxes)
    years = range(first, first + 1 + len(rolled.dates) // 12)
    below.set_xticks([first - 1, *years])
    for of, year in product((ax, below), years):
        of.axvline(year - 1 / 24, color=LIGHT, lw=1.5, zorder=0)


@styled
def draw_by_year(errors, left_out=("persistence",), unit="thousand passengers"):
    """RMSE by task (row) and year (column): a dot per run, the median as a number.  As by_year.

    left_out: names without a line; persistence is so far to the right that the others would
    stand on top of each other.
    """
    groups = list(dict.fromkeys(group for _, group, _ in errors))
    there = {name for *_, name in errors} - set(left_out)
    names = [name for name in FORECASTER_COLORS if name in there]
    first = [f"{task}, {group}: {name}" for task in TASKS for group in groups
             for name in [best(errors, task, group)]]  # fmt: skip
    alt = f"""RMSE in {unit}, a dot for each run, of {listed(names)}. The lowest median:
        {"; ".join(first)}."""
    picture, grid = subplots(2, len(groups), 13, 7.6, alt=alt, sharey=True, sharex=True)
    for (axes, task), (column, group) in product(zip(grid, TASKS, strict=True), enumerate(groups)):
        _draw_group(axes[column], errors, task, group, names)
        axes[0].set_title(f"{task[0].upper()}{task[1:]}, {groups[0]}")
    shown = [errors[task, group, name].max() for task, group, name in errors if name in names]
    grid[0, 0].set(xlim=(0, 1.3 * max(shown)), ylim=(len(names) - 0.5, -0.5))
    for axes in grid:
        axes[0].set_yticks(range(len(names)), names)
        for label, name in zip(axes[0].get_yticklabels(), names, strict=True):
            label.set(color=ink(FORECASTER_COLORS[name]), fontweight="bold")
    picture.supxlabel(f"RMSE, {unit}: left is better. Bold: the lowest median", fontsize=14)
    return picture


def _draw_group(ax, errors, task, group, names):
    """One year of one task: a line for each forecaster, and the lowest median in bold."""
    lowest = best(errors, task, group)
    for place, name in enumerate(names):
        runs = errors[task, group, name]
        weight = {"fontweight": "bold"} if name == lowest else {}
        ax.axhline(place, color=LIGHT, lw=1.2, zorder=0)
        ax.plot(runs, np.full(len(runs), place), "o", color=FORECASTER_COLORS[name], mec=BLACK,
                mew=0.8, ms=9, alpha=0.8)  # fmt: skip
        ax.annotate(f"{np.median(runs):.1f}", (max(runs), place), (9, 0), va="center",
                    textcoords="offset points", **weight)  # fmt: skip
    ax.set_title(group)
    ax.set_facecolor(PALE if "-" in group else "none")
    ax.tick_params(left=False)
