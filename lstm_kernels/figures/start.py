"""The course at a glance: its path, its series, the machine it runs on.  Lesson 00."""

import numpy as np
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

from lstm_kernels.figures.style import (
    BLACK,
    BLUE,
    GREY,
    LIGHT,
    ORANGE,
    SKY,
    VERMILLION,
    VERSION_COLORS,
    styled,
    subplots,
)

STOPS = (  # lesson, its name, its idea, colour
    ("01", "the maths", "equations,\nbackward pass", LIGHT),
    ("02", "sequential", "one number\nafter another", VERSION_COLORS["sequential"]),
    ("03", "NumPy", "vectors, then\nthe whole batch", VERSION_COLORS["numpy_batched"]),
    ("04", "CUDA V1", "on the GPU,\none thread", VERSION_COLORS["cuda_v1"]),
    ("05", "CUDA V2", "one thread\na sample", VERSION_COLORS["cuda_v2"]),
    ("06", "CUDA V3", "transfers\nunder control", VERSION_COLORS["cuda_v3"]),
    ("07", "the race", "all versions,\nhonest clocks", LIGHT),
)
DARK = (VERSION_COLORS["sequential"], VERSION_COLORS["numpy_batched"], VERSION_COLORS["cuda_v3"])


def _canvas(width, height, xlim, ylim):
    """A Picture whose only axes have no frame."""
    picture, ax = subplots(1, 1, width, height)
    ax.set(xlim=xlim, ylim=ylim)
    ax.axis("off")
    return picture, ax


def _box(ax, x, y, width, height, color, edge="none", lw=1.6, zorder=1):
    shape = "round,pad=0,rounding_size=0.12"
    box = FancyBboxPatch((x, y), width, height, shape, fc=color, ec=edge, lw=lw, zorder=zorder)
    ax.add_patch(box)


def _arrow(ax, start, end, color=BLACK, both=False):
    style = {"arrowstyle": "<|-|>" if both else "-|>", "mutation_scale": 18}
    ax.add_patch(FancyArrowPatch(start, end, color=color, lw=2, shrinkA=0, shrinkB=0, **style))


@styled
def draw_path():
    """The seven lessons as stepping stones: one change a step, CPU first, then GPU."""
    picture, ax = _canvas(12, 3.7, (-0.1, 14.1), (-0.05, 3.75))
    for place, (number, name, idea, color) in enumerate(STOPS):
        x, y = 2 * place, 0.85 + 0.12 * place
        ink = "white" if color in DARK else BLACK
        _box(ax, x + 0.08, y, 1.72, 1.15, color)
        ax.text(x + 0.94, y + 0.8, number, ha="center", va="center", color=ink, fontsize=15)
        ax.text(x + 0.94, y + 0.36, name, ha="center", va="center", color=ink,
                fontsize=14, fontweight="bold")  # fmt: skip
        ax.text(x + 0.94, y - 0.15, idea, ha="center", va="top", fontsize=12)
        if place:
            _arrow(ax, (x - 0.18, y + 0.52), (x + 0.06, y + 0.57))
    for start, end, text in ((2, 5.8, "on the CPU"), (6, 11.8, "on the GPU")):
        ax.plot([start + 0.08, end], [3.2, 3.2], color=GREY, lw=2, solid_capstyle="butt")
        ax.text((start + end) / 2, 3.28, text, ha="center", va="bottom", color=GREY)
    return picture


@styled
def draw_series(series, held_out_from, first, T):
    """The series; one window of T inputs and its targets, one month later.

    held_out_from: the first date that no training sees.  first: where the window begins.
    """
    picture, ax = subplots(1, 1, 11, 4.6)
    ax.axvspan(held_out_from, series.dates[-1], color=LIGHT, lw=0)
    ax.plot(series.dates, series.values, color=BLACK)
    for start, color, lift, text in ((first, BLUE, 70, "x"), (first + 1, VERMILLION, 110, "y")):
        dates, values = series.dates[start : start + T], series.values[start : start + T]
        level = np.full(T, series.values[first : first + T + 1].max() + lift)
        ax.plot(dates, level, "o-", color=color, ms=5)
        ax.plot(dates, values, "o", color=color, ms=9 if text == "x" else 4)
        side = {"va": "center", "fontsize": 15, "fontweight": "bold", "color": color}
        ax.text(dates[-1] + 2, level[0], text, **side)
    what = f"one window: {T} months in (x),\nthe same months one later (y)"
    ax.text(series.dates[first], level[0] + 30, what, color=GREY)
    middle = series.dates[-1] - (series.dates[-1] - held_out_from) // 2
    ax.text(middle, 150, "held out", ha="center", color=GREY)
    ax.set(xlim=(series.dates[0], series.dates[-1]), ylabel=f"{series.unit} of passengers")
    ax.set_title("Monthly US airline passengers: a trend, a season, 144 values")
    return picture


@styled
def draw_machine():
    """Host and device, and how a launch's threads are grouped: grid, blocks, warps, threads."""
    picture, ax = _canvas(12, 5.6, (-0.2, 14.2), (-0.5, 5.9))
    _box(ax, 0, 0, 3.4, 5, "#F7F7F7", GREY)
    ax.text(1.7, 5.2, "host", ha="center", fontsize=16, fontweight="bold")
    for y, text in ((3.4, "CPU\nruns Python"), (0.5, "main\nmemory")):
        _box(ax, 0.5, y, 2.4, 1.2, LIGHT)
        ax.text(1.7, y + 0.6, text, ha="center", va="center")
    _box(ax, 6, 0, 8, 5, "#F7F7F7", GREY)
    ax.text(10, 5.2, "device (the GPU)", ha="center", fontsize=16, fontweight="bold")
    _box(ax, 6.4, 0.3, 7.2, 0.8, LIGHT)
    ax.text(10, 0.7, "device memory", ha="center", va="center")
    for number, x in enumerate((6.4, 8.9, 11.4)):
        _draw_sm(ax, x, number)
    _arrow(ax, (3.5, 4.0), (5.9, 4.0), VERMILLION)
    ax.text(4.7, 4.15, "launch\na kernel", ha="center", va="bottom", color=VERMILLION)
    _arrow(ax, (3.5, 0.85), (5.9, 0.85), BLUE, both=True)
    ax.text(4.7, 1.0, "transfer\narrays", ha="center", va="bottom", color=BLUE)
    return picture


def _draw_sm(ax, x, number):
    """One multiprocessor with one block of two warps of threads."""
    _box(ax, x, 1.35, 2.2, 3.35, "white", BLACK)
    ax.text(x + 1.1, 4.42, f"SM {number}", ha="center", va="center", fontweight="bold")
    _box(ax, x + 0.15, 1.5, 1.9, 2.65, "#FFF6D6", ORANGE)
    ax.text(x + 1.1, 3.88, f"block {number}", ha="center", va="center", color=BLACK)
    for warp, y in enumerate((2.75, 1.6)):
        for thread in range(32):
            cell = (x + 0.27 + 0.208 * (thread % 8), y + 0.5 - 0.165 * (thread // 8))
            ax.add_patch(Rectangle(cell, 0.16, 0.12, fc=SKY, ec="none", zorder=3))
        ax.text(
            x + 1.1, y + 0.8, f"warp {warp}: 32 threads", ha="center", va="center", fontsize=10.5
        )


@styled
def draw_forecast(past, held_out, forecasts, title):
    """The end of the past, the truth, and forecasts of its months.

    past, held_out: Series.  forecasts: name -> (values (M,), colour), direct labels at the end.
    """
    picture, ax = subplots(1, 1, 10.5, 4.4)
    months = len(next(iter(forecasts.values()))[0])
    dates, truth = held_out.dates[:months], held_out.values[:months]
    ax.plot(past.dates[-36:], past.values[-36:], color=BLACK)
    ax.plot(dates, truth, color=GREY, lw=6, alpha=0.45)
    highest = int(truth.argmax())
    ax.text(dates[highest], truth[highest] + 14, "what happened", color=GREY, ha="center")
    for name, (values, color) in forecasts.items():
        ax.plot(dates, values, color=color)
        ax.text(dates[-1] + 1, values[-1], name, color=color, va="center", fontweight="bold")
    ax.axvline(past.dates[-1], color=GREY, lw=1.2, ls="--")
    ax.text(past.dates[-1], ax.get_ylim()[0], "known to the model ", color=GREY, ha="right",
            va="bottom", fontsize=12)  # fmt: skip
    ax.set(xlim=(past.dates[-36], dates[-1] + 6), ylim=(None, truth.max() + 50))
    ax.set(ylabel="passengers, thousands", title=title)
    return picture
