"""The race: dots on a log scale, bars from zero.  Lesson 09, `python -m lstm_kernels race`."""

from textwrap import wrap

import numpy as np
from matplotlib.ticker import NullFormatter

from lstm_kernels.lab.measure.neighbours import busy_text
from lstm_kernels.lab.measure.results import BASELINES, PUBLISHED, busiest, is_own, speedup
from lstm_kernels.lab.words import ratio_text, seconds_text

from .style import (
    BLACK,
    GREY,
    LIGHT,
    RIVAL_COLORS,
    VERMILLION,
    VERSION_COLORS,
    ink,
    listed,
    outline,
    styled,
    subplots,
    version_color,
)

MARKS = {
    "cuda_v2": "s", "cuda_v3": "^", "cuda_v3c": "<", "cuda_v4": "D", "cuda_v5": "v", "cuda_v6": "P",
    "cuda_v7": "X",
}  # fmt: skip
LETTERS = 78  # of a warning below a panel: no line is wider than the picture


@styled
def draw_race(results):
    """One panel per workload.  results: a list of (name, workload, rows of the race).

    All ratios are to the slowest of the CPU baselines that was timed in all panels.
    """
    baseline = baseline_of([rows for *_, rows in results])
    height = 1.9 + 0.58 * max(len(rows) for *_, rows in results)
    alt = " ".join(f"{name}, {workload}: {in_words(rows)}" for name, workload, rows in results)
    size = 7.2 * len(results), height
    picture, axes = subplots(1, len(results), *size, alt=f"Wall times. {alt}", squeeze=False)
    for ax, (name, workload, rows) in zip(axes[0], results, strict=True):
        draw_times(ax, rows, baseline)
        ax.set_title(f"{name}\n", pad=10)
        ax.text(0, 1.03, str(workload), transform=ax.transAxes, color=GREY, fontsize=12)
    words = warnings_of([row for *_, rows in results for row in rows])
    lines = [line for text in words for line in wrap(text, LETTERS * len(results))]
    if lines:
        picture.supxlabel("\n".join(lines), fontsize=11, color=GREY)
    return picture


def in_words(rows):
    """The times of a race, the fastest first; then what has none."""
    timed = sorted((r for r in rows if r.timing), key=lambda row: row.timing.median)
    said = [
        f"{row.version} {seconds_text(row.timing.median)}" + " (emulated)" * (not row.comparable)
        for row in timed
    ]
    without = [row.version for row in rows if not row.timing]
    none = f" Without a time: {listed(without)}." if without else ""
    return (f"{listed(said)}." if said else "no time yet.") + none


def warnings_of(rows, look="hollow"):
    """What must be known before the times are believed.  look: how an emulated time is drawn."""
    words = []
    if any(row.timing and not row.comparable for row in rows):
        words.append(f"{look}: emulated on the CPU, not a GPU's time")
    if busy := busy_text(busiest(rows)):
        words.append(f"{busy}: the times may be too long")
    return words


@styled
def draw_invitation(text):
    """An empty picture that says what will be there."""
    picture, ax = subplots(1, 1, 6.6, 2, alt=text)
    ax.axis("off")
    ax.text(0.5, 0.5, text, ha="center", va="center", color=GREY)
    return picture


def mark_of(version):
    """The mark of a version's points; a version that is not the course's has a star."""
    return MARKS.get(version, "o" if version in VERSION_COLORS else "*")


def line_look(version, where):
    """Colour, dashes and mark of a version's line."""
    mark = mark_of(version)
    if is_own(where):
        color = color_of(version)
        return {"color": color, "marker": mark, "ms": 7, "path_effects": outline(color)}
    return {"color": GREY, "ls": "--", "lw": 1.6, "marker": mark, "mfc": "white", "ms": 7}


def label_ends(ax, ends, gap=0.07):
    """Names on the right, each joined to its line's end.  ends: [(x, y, name, color), ...].

    ax: logarithmic in y, its limits are final.  gap: least distance, as a part of its height.
    """
    low, high = np.log(ax.get_ylim())
    ax.set_ylim(*ax.get_ylim())
    places = spread([(np.log(y) - low) / (high - low) for _, y, *_ in ends], gap)
    for (x, y, name, color), place in zip(ends, places, strict=True):
        ax.annotate(
            name, (x, y), (1.06, place), textcoords="axes fraction", va="center", fontsize=12,
            color=ink(color), weight="bold", zorder=4,
            arrowprops={"arrowstyle": "-", "color": color, "lw": 1, "ls": ":", "shrinkA": 2,
                        "shrinkB": 5, "relpos": (0, 0.5)},  # to the words' left, not over them
        )  # fmt: skip


def spread(wanted, gap):
    """Places near the wanted ones (0 to 1), at least `gap` apart, the lowest not below 0."""
    order = sorted(range(len(wanted)), key=lambda n: wanted[n])
    places, above, below = list(wanted), 1 + gap, -gap
    for n in reversed(order):
        places[n] = above = min(wanted[n], above - gap)
    for n in order:
        places[n] = below = max(places[n], below + gap)
    return places


def time_ticks(low, high):
    """Ticks 1, 2, 5, 10, ... between two times in seconds (or 1, 10, ...), and their texts."""
    digits = (1, 2, 5) if high < 100 * low else (1,)
    ticks = [digit * 10.0**power for power in range(-9, 5) for digit in digits]
    ticks = [tick for tick in ticks if low <= tick <= high]
    return ticks, [tick_text(tick) for tick in ticks]


def tick_text(seconds):
    """A round time as short as can be: 0.02 gives '20 ms'."""
    units = (("s", 1), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))
    unit, size = next((u for u in units if seconds >= 0.999 * u[1]), units[0])
    return f"{seconds / size:.4g} {unit}"


def draw_times(ax, rows, baseline):
    """Median times with quartiles on a log scale; an emulated time is hollow, and has no ratio.

    A log scale has no zero, so a time is a dot.
    """
    for place, row in enumerate(rows):
        if row.timing is None:
            _write_note(ax, place, row)
        else:
            _draw_dot(ax, place, row)
            _write_time(ax, place, row, label_of(rows, row, baseline))
    ax.set_yticks(range(len(rows)), [row.version for row in rows])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.grid(axis="x", color=LIGHT)
    ax.set_axisbelow(True)
    ax.set_xscale("log")
    timed = [row for row in rows if row.timing]
    if timed:
        ax.set_xlim(*_log_limits(rows, timed, baseline))
        ax.xaxis.set_minor_formatter(NullFormatter())
    ax.xaxis.set_major_formatter(lambda seconds, _: tick_text(seconds))
    ax.set_xlabel(axis_words(rows, baseline))


def baseline_of(races):
    """The slowest of the CPU baselines that all these races timed; None if there is none."""
    timed = [{row.version for row in rows if row.comparable} for rows in races]
    return next((name for name in BASELINES if all(name in names for names in timed)), None)


def axis_words(rows, baseline, scale=" (log scale)"):
    """What the axis and the ratios mean: one line, or two."""
    words = f"wall time{scale}"
    timed = [row.version for row in rows if row.comparable]
    if baseline is None or not timed:
        return words
    if baseline not in timed:
        return words + f"\nno ratios: {baseline} has no time here"
    return words + (f"\nx: times as fast as {baseline}" if len(timed) > 1 else "")


def _log_limits(rows, timed, baseline):
    """Left and right end of a logarithmic axis: each bar leaves room for its label."""
    left = min(row.timing.median for row in timed) / 3
    decades = []
    for row in timed:
        room = min(0.85, 0.024 * len(label_of(rows, row, baseline)))
        decades.append(np.log10(row.timing.quartiles[1] / left) / (0.97 - room))
    return left, left * 10 ** max(decades)


def color_of(version):
    """A version's colour; another library's rows are brown, and own versions have one of theirs."""
    if version.startswith("PyTorch"):
        return RIVAL_COLORS["pytorch" if "CPU" in version else "pytorch_cudnn"]
    return RIVAL_COLORS.get(version) or version_color(version)


def _draw_dot(ax, place, row):
    color = color_of(row.version) if row.comparable else GREY
    ax.plot(row.timing.quartiles, [place] * 2, color=color, lw=3, solid_capstyle="butt")
    face = color if row.comparable else "white"
    ax.plot(row.timing.median, place, "o", ms=12, color=face, mec=edge_of(color), mew=1)


def edge_of(color):
    """Of a dot: black around a light colour, else it is its own."""
    return color if color == GREY else BLACK


def _write_time(ax, place, row, label):
    ax.annotate(
        label, (row.timing.quartiles[1], place), (11, 0), textcoords="offset points", va="center",
        fontsize=13,
    )  # fmt: skip


def label_of(rows, row, baseline):
    """Beside the bar: its time and, where one may be given, its ratio to the baseline."""
    text = seconds_text(row.timing.median)
    if not row.comparable:
        return text + " (emulated)"
    ratio = speedup(rows, row.version, baseline)
    return text if ratio is None or row.version == baseline else f"{text} = {ratio_text(ratio)}"


def _write_note(ax, place, row):
    """In place of a bar: why there is none, in at most two lines."""
    lines = wrap(row.note, 44)
    note = "\n".join(lines[:2]) + (" ..." if len(lines) > 2 else "")
    color, place_of_text = VERMILLION if row.failed else GREY, ax.get_yaxis_transform()
    ax.text(0.02, place, note, va="center", color=color, transform=place_of_text, fontsize=11)


@styled
def draw_published(rows):
    """Speed-up over sequential: the published versions beside the learner's own."""
    picture, ax = subplots(1, 1, 10, 0.75 * len(rows) + 1.4, alt=_published_text(rows))
    for place, row in enumerate(rows):
        mine = speedup(rows, row.version, "sequential")
        if row.version in PUBLISHED:
            theirs = PUBLISHED["sequential"] / PUBLISHED[row.version]
            _draw_ratio(ax, place - 0.19, theirs, "white", "published")
        if mine is not None:
            _draw_ratio(ax, place + 0.19, mine, color_of(row.version), "measured here")
        else:
            ax.text(1.05, place + 0.19, _why_no_ratio(row), va="center", color=GREY)
    ax.set_yticks(range(len(rows)), [row.version for row in rows])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xscale("log")
    ax.set_xlim(min(0.8, ax.get_xlim()[0]), ax.get_xlim()[1] * 6)
    ax.axvline(1, color=GREY, lw=1)
    ax.xaxis.set_major_formatter(lambda ratio, _: ratio_text(ratio))
    for place in range(1, len(rows)):
        ax.axhline(place - 0.5, color=LIGHT, lw=1.2, zorder=0)
    ax.set_xlabel("times faster than the sequential version of the same run (log scale)")
    ax.set_title("Published in 2023 beside this machine")
    return picture


def _why_no_ratio(row):
    """What stands in a ratio's place."""
    return f"{row.where}: no ratio" if row.timing else row.note or "no time"


def _draw_ratio(ax, place, ratio, color, label):
    ax.plot(ratio, place, "o", ms=11, color=color, mec=BLACK, mew=1)
    words = f"{ratio_text(ratio)}  {label}"
    ax.annotate(words, (ratio, place), (11, 0), textcoords="offset points", va="center",
                fontsize=12)  # fmt: skip


def _published_text(rows):
    """Both ratios of each version in words."""
    said = []
    for row in rows:
        mine = speedup(rows, row.version, "sequential")
        here = f"{ratio_text(mine)} here" if mine else "no ratio here"
        if row.version in PUBLISHED:
            here += f", {ratio_text(PUBLISHED['sequential'] / PUBLISHED[row.version])} published"
        said.append(f"{row.version} {here}")
    return f"Times faster than sequential, on a log scale: {'; '.join(said)}."
