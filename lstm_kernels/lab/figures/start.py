"""The course at a glance: its questions, its series, the machine it runs on.  Lesson 00."""

import numpy as np

from lstm_kernels.lab.words import seconds_text

from .board import arrow, blank, board, box, rectangle, write
from .style import (
    BLACK,
    BLUE,
    GREY,
    HIGHLIGHT,
    LIGHT,
    ORANGE,
    SKY,
    VERMILLION,
    VERSION_COLORS,
    ink,
    styled,
    subplots,
)

PROGRAMS = (  # lesson, its program, its idea, colour
    ("03", "plain Python", "one number after another", VERSION_COLORS["sequential"]),
    ("04", "NumPy, a loop", "one sample after another", VERSION_COLORS["numpy_loop"]),
    ("04", "NumPy, a batch", "all samples at once", VERSION_COLORS["numpy_batched"]),
    ("06", "CUDA V1", "on the GPU, one thread", VERSION_COLORS["cuda_v1"]),
    ("07", "CUDA V2", "one thread for each sample", VERSION_COLORS["cuda_v2"]),
    ("08", "CUDA V3", "transfers under control", VERSION_COLORS["cuda_v3"]),
)
BARS = 6.3, 7.6  # where the bars of the programs begin, and the length of the first
RADIUS = 0.12  # of a box's corners


@styled
def draw_questions(past, held_out, seconds):
    """The course's two questions: what comes next, and which program is how fast?

    past, held_out: Series.  seconds: what plain Python takes for one training step, measured.
    """
    alt = f"""Left: monthly passengers in thousands from {past.dates[0]} on, rising with a yearly
        wave, and a question mark over the months held out. Right: six programs, lessons 03 to 08,
        three on the CPU and three on the GPU; only plain Python's time is known so far."""
    picture, (left, right) = subplots(1, 2, 14, 5.4, alt=alt, width_ratios=(1, 1.5))
    left.plot(past.dates, past.values, color=BLACK)
    start, end = held_out.dates[0], held_out.dates[-1]
    left.axvspan(start, end, color=LIGHT, lw=0)
    write(left, start + (end - start) // 2, 340, "?", fontsize=44)
    left.set(xlim=(past.dates[0], end), ylim=(80, 650), ylabel="passengers per month, thousands")
    left.set_title("What comes next?")
    title = "Six programs, the same numbers: how fast?"
    blank(right, (-0.1, 14), (len(PROGRAMS), -0.1), title=title)
    for row, program in enumerate(PROGRAMS):
        _draw_program(right, row, *program, seconds=None if row else seconds)
    for first, last, text in ((0, 3, "CPU"), (3, 6, "GPU")):
        right.plot([0.05] * 2, [first + 0.1, last - 0.1], color=GREY, lw=2)
        right.text(-0.1, (first + last) / 2, text, rotation=90, ha="right", va="center", color=GREY)
    return picture


def _draw_program(ax, row, lesson, name, idea, color, seconds):
    """Lesson, name and idea of a program; a bar if its time is known, else a question mark."""
    x, length = BARS
    middle = {"va": "center", "fontsize": 14}
    ax.text(0.4, row + 0.5, lesson, color=GREY, **middle)
    ax.text(1.25, row + 0.32, name, fontweight="bold", **middle)
    ax.text(1.25, row + 0.7, idea, va="center", fontsize=12.5, color=GREY)
    face, edge, style = (color, color, "-") if seconds else ("none", GREY, (0, (4, 3)))
    rectangle(ax, x, row + 0.16, length, 0.68, face, ec=edge, lw=1.6, ls=style)
    rectangle(ax, x - 0.32, row + 0.16, 0.2, 0.68, color)
    text = f"{seconds_text(seconds)}, measured here" if seconds else "?"
    bold = {"color": "white" if seconds else BLACK, "fontweight": "bold"}
    ax.text(x + length / 2, row + 0.5, text, ha="center", **bold, **middle)


@styled
def draw_series(series, held_out_from, first, T):
    """The series; one window of T inputs, and its targets: the same values, one step later.

    held_out_from: the first date that no training sees.  first: where the window begins.
    """
    values = series.values[first : first + T + 1]
    alt = f"""The {len(series.values)} monthly values rise from {series.values[0]:.0f} to
        {series.values[-1]:.0f} {series.unit} with a yearly wave; the end, from {held_out_from} on,
        is held out. One window is marked: it reads {values[0]:.0f} to {values[-2]:.0f} in {T} steps
        and has to say the same values one step later, {values[1]:.0f} to {values[-1]:.0f}."""
    picture, (ax, below) = subplots(2, 1, 11, 6.2, alt=alt, height_ratios=(2.4, 1))
    ax.axvspan(held_out_from, series.dates[-1], color=LIGHT, lw=0)
    ax.plot(series.dates, series.values, color=BLACK)
    dates = series.dates[first : first + T + 1]
    ax.plot(dates, values, "o-", color=BLUE, ms=5, lw=3)
    label = {"ha": "right", "color": BLUE, "fontweight": "bold"}
    ax.text(dates[T // 2], values.max() + 20, "one window", **label)
    middle = series.dates[-1] - (series.dates[-1] - held_out_from) // 2
    ax.text(middle, 150, "held out", ha="center", color=GREY)
    ax.set(xlim=(series.dates[0], series.dates[-1]), ylabel=f"{series.unit} of passengers")
    ax.set_title("Monthly US airline passengers: a trend, a season, 144 values")
    _draw_window(below, values)
    return picture


def _draw_window(ax, values):
    """The window's numbers, a column for each step: input x above, target y below."""
    T = len(values) - 1
    blank(ax, (-1.6, T), (-0.1, 3.2))
    ax.text(-0.15, 2.85, "step t", ha="right", va="center", color=GREY)
    rows = ((1.75, BLUE, "reads x"), (0.35, VERMILLION, "has to say y"))
    for shift, (y, color, name) in enumerate(rows):
        ax.text(-0.15, y, name, ha="right", va="center", color=ink(color), fontweight="bold")
        for t, value in enumerate(values[shift : T + shift]):
            box(ax, t + 0.06, y - 0.42, 0.88, 0.84, color, "none", RADIUS)
            write(ax, t + 0.5, y, f"{value:.0f}", color="white")
    for t in range(T):
        write(ax, t + 0.5, 2.85, t, color=GREY)
        if t:
            ax.plot([t + 0.3, t - 0.3], [1.3, 0.8], color=GREY, lw=1.2)


@styled
def draw_machine():
    """Host and device, and how a launch's threads are grouped: grid, blocks, warps, threads."""
    alt = """Left the host: a CPU that runs Python, and main memory. Right the device, the GPU:
        three multiprocessors (SMs) above device memory, each with one block of two warps of 32
        threads. The host launches a kernel there, and arrays are transferred both ways."""
    picture, ax = board(12, 5.6, (-0.2, 14.2), (-0.5, 5.9), alt=alt)
    box(ax, 0, 0, 3.4, 5, radius=RADIUS, lw=1.6)
    ax.text(1.7, 5.2, "host", ha="center", fontsize=16, fontweight="bold")
    for y, text in ((3.4, "CPU\nruns Python"), (0.5, "main\nmemory")):
        box(ax, 0.5, y, 2.4, 1.2, LIGHT, "none", RADIUS)
        write(ax, 1.7, y + 0.6, text)
    box(ax, 6, 0, 8, 5, radius=RADIUS, lw=1.6)
    ax.text(10, 5.2, "device (the GPU)", ha="center", fontsize=16, fontweight="bold")
    box(ax, 6.4, 0.3, 7.2, 0.8, LIGHT, "none", RADIUS)
    write(ax, 10, 0.7, "device memory")
    for number, x in enumerate((6.4, 8.9, 11.4)):
        _draw_sm(ax, x, number)
    arrow(ax, (3.5, 4.0), (5.9, 4.0), VERMILLION)
    ax.text(4.7, 4.15, "launch\na kernel", ha="center", va="bottom", color=VERMILLION)
    arrow(ax, (3.5, 0.85), (5.9, 0.85), BLUE, arrowstyle="<|-|>")
    ax.text(4.7, 1.0, "transfer\narrays", ha="center", va="bottom", color=BLUE)
    return picture


def _draw_sm(ax, x, number):
    """One multiprocessor with one block of two warps of threads."""
    box(ax, x, 1.35, 2.2, 3.35, "white", BLACK, RADIUS, lw=1.6)
    write(ax, x + 1.1, 4.42, f"SM {number}", fontweight="bold")
    box(ax, x + 0.15, 1.5, 1.9, 2.65, HIGHLIGHT, ORANGE, RADIUS, lw=1.6)
    write(ax, x + 1.1, 3.88, f"block {number}", color=BLACK)
    for warp, y in enumerate((2.75, 1.6)):
        for thread in range(32):
            left, bottom = x + 0.27 + 0.208 * (thread % 8), y + 0.5 - 0.165 * (thread // 8)
            rectangle(ax, left, bottom, 0.16, 0.12, SKY, zorder=3)
        write(ax, x + 1.1, y + 0.8, f"warp {warp}: 32 threads", fontsize=10.5)


@styled
def draw_forecast(past, held_out, forecasts, title):
    """The end of the past, the truth, and forecasts of its months.

    past, held_out: Series.  forecasts: name -> (values (M,) or (runs, M), colour), with direct
    labels at the end.
    """
    alt = f"{title}. The last three years of the past, then what happened, and the forecasts. "
    picture, ax = subplots(1, 1, 10.5, 4.4, alt=alt + _errors_text(held_out, forecasts))
    months = np.shape(next(iter(forecasts.values()))[0])[-1]
    dates, truth = held_out.dates[:months], held_out.values[:months]
    ax.plot(past.dates[-36:], past.values[-36:], color=BLACK)
    ax.plot(dates, truth, color=GREY, lw=6, alpha=0.45)
    highest = max(truth.max(), *(np.max(values) for values, _ in forecasts.values()))
    ax.text(dates[truth.argmax()], highest + 10, "what happened", color=GREY, ha="center")
    for name, (values, color) in forecasts.items():
        runs = np.atleast_2d(values)
        ax.plot(dates, runs.T, color=color, lw=2.2 if len(runs) == 1 else 1.4)
        place = dates[-1] + 1, runs[:, -1].mean()
        ax.text(*place, name, color=ink(color), va="center", fontweight="bold")
    ax.axvline(past.dates[-1], color=GREY, lw=1.2, ls="--")
    ax.text(past.dates[-1], ax.get_ylim()[0], "known so far ", color=GREY, ha="right",
            va="bottom", fontsize=12)  # fmt: skip
    ax.set(xlim=(past.dates[-36], dates[-1] + 7), ylim=(None, highest + 50))
    ax.set(ylabel="passengers, thousands", title=title)
    return picture


def _errors_text(held_out, forecasts):
    """How far each forecast is from the truth, in words."""
    errors = []
    for name, (values, _) in forecasts.items():
        off = np.abs(np.atleast_2d(values) - held_out.values[: np.shape(values)[-1]]).mean()
        errors.append(f"{name} is off by {off:.0f} thousand passengers per month")
    return f"On average: {'; '.join(errors)}."
