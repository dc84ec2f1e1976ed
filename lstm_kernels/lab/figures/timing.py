"""Pictures of operations and of honest timings.  Lesson 04."""

import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter, NullLocator

from lstm_kernels.lab.words import seconds_text

from .board import blank, rectangle
from .race import tick_text
from .style import (
    BLACK,
    BLUE,
    GREY,
    LIGHT,
    PAPER,
    VERMILLION,
    VERSION_COLORS,
    ink,
    listed,
    styled,
    subplots,
    version_color,
)

# ---- how much one operation does ----------------------------------------------------------


@styled
def draw_grain(N=7, rows=12):
    """W h of one step, gate rows by N samples: how much one call computes."""
    alt = f"""A table of {rows} gate rows by {N} samples, cut by what one call computes: in
        sequential single numbers, {N * rows} calls; in numpy_loop one column each, {N} calls;
        in numpy_batched the whole table, 1 call."""
    picture, axes = subplots(1, 3, 13, 4.6, alt=alt)
    grains = {
        "sequential": ((1, 1), f"one number each:\n{N * rows} calls of dot,\neach a loop over H"),
        "numpy_loop": ((rows, 1), f"one sample each:\n{N} calls of @"),
        "numpy_batched": ((rows, N), "the whole batch:\n1 call of @"),
    }
    for ax, (version, ((high, wide), words)) in zip(axes, grains.items(), strict=True):
        _draw_tiles(ax, rows, N, high, wide, VERSION_COLORS[version])
        ax.set_title(version)
        ax.text(N + 0.3, rows / 2, words, va="center", fontsize=12)
        ax.text(N / 2, -0.3, f"{N} samples n", ha="center", color=GREY, fontsize=12)
    axes[0].text(-0.3, rows / 2, "4H gate rows k", rotation=90, va="center", ha="right", color=GREY)
    return picture


def _draw_tiles(ax, rows, N, high, wide, color):
    """A rectangle of `rows` by N numbers, cut into tiles of high by wide."""
    for k in range(0, rows, high):
        for n in range(0, N, wide):
            tile = n + 0.08, k + 0.08, wide - 0.16, high - 0.16
            rectangle(ax, *tile, color, alpha=0.55, ec=color, lw=1.4)
    for k in range(rows):
        ax.plot(np.arange(N) + 0.5, [k + 0.5] * N, ".", color=BLACK, ms=3)
    blank(ax, (-0.9, N + 5.6), (rows + 0.1, -1.2))


# ---- one run, many runs -------------------------------------------------------------------


@styled
def draw_repeats(calls, title="The same call, again and again"):
    """Every repeat as a dot, in order.  calls: {name: seconds of each call, the first one too}."""
    said = [
        f"{name}: first call {seconds_text(seconds[0])}, "
        f"median of the later ones {seconds_text(np.median(seconds[1:]))}"
        for name, seconds in calls.items()
    ]
    alt = f"{title}: each call's time as a dot, in order. {'; '.join(said)}."
    picture, axes = subplots(1, len(calls), 13, 4.4, alt=alt, squeeze=False)
    for ax, (name, seconds) in zip(axes[0], calls.items(), strict=True):
        _draw_dots(ax, np.asarray(seconds))
        ax.set_title(name)
        ax.set_xlabel("call number")
    axes[0][0].set_ylabel("wall time (log)")
    return picture


def _draw_dots(ax, seconds):
    first, later = seconds[0], seconds[1:]
    low, middle, high = np.percentile(later, (25, 50, 75))
    ax.axhspan(low, high, color=BLUE, alpha=0.18, lw=0)
    ax.axhline(middle, color=BLUE, lw=1.6)
    ax.plot(np.arange(2, len(seconds) + 1), later, ".", color=BLACK, ms=5, alpha=0.6)
    ax.plot(1, first, "o", color=VERMILLION, ms=9)
    beside = len(seconds) * 0.05
    words = f"first call: {seconds_text(first)}"
    high_up = first if first > 4 * later.max() else later.max() * 1.8
    ax.plot([1, 1 + beside * 0.8], [first, high_up], color=VERMILLION, lw=1)
    ax.text(1 + beside, high_up, words, color=VERMILLION, va="center", weight="bold")
    words = f"later calls: median {seconds_text(middle)},\nhalf of them in the blue band"
    ax.text(len(seconds), later.max() * 5, words, color=BLUE, ha="right", va="bottom")
    ax.set_yscale("log")
    ax.set_ylim(later.min() / 1.6, max(first, later.max() * 9) * 1.6)
    _time_axis(ax.yaxis)


def _time_axis(axis):
    """Ticks as "10 ms" rather than 10⁻²."""
    axis.set_major_formatter(lambda seconds, _: tick_text(seconds))
    axis.set_minor_formatter(NullFormatter())


# ---- versions side by side ----------------------------------------------------------------

WORDS = {"va": "center", "weight": "bold", "bbox": {"fc": PAPER, "ec": "none", "pad": 1}}


@styled
def draw_timings(timings, title):
    """A dot per version at its median, a line between the quartiles; no bars on a log axis.

    timings: {version: Timing}, the slowest first.
    """
    said = [f"{version} {seconds_text(t.median)}" for version, t in timings.items()]
    alt = f"{title}. Wall times as dots on a log axis, medians: {listed(said)}."
    picture, ax = subplots(1, 1, 13, 1.5 + 0.6 * len(timings), alt=alt)
    slowest = next(iter(timings.values())).median
    for place, (version, timing) in enumerate(timings.items()):
        (low, high), color = timing.quartiles, version_color(version)
        ax.plot([low, high], [place, place], color=color, lw=4, solid_capstyle="butt")
        ax.plot(timing.median, place, "o", ms=12, color=color, mec=BLACK)
        words = str(timing)
        if place:
            words += f": {slowest / timing.median:.3g}x"
        ax.annotate(words, (high, place), (14, 0), textcoords="offset points", **WORDS)
    medians = [timing.median for timing in timings.values()]
    ax.set_yticks(range(len(timings)), list(timings))
    ax.set(ylim=(len(timings) - 0.45, -0.55), xscale="log")
    ax.set_xlim(min(medians) / 2, max(medians) * max(4, (max(medians) / min(medians)) ** 0.6))
    ax.grid(color=LIGHT)
    if max(medians) < 30 * min(medians):  # powers of ten alone might be none
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    _time_axis(ax.xaxis)
    ax.set_xlabel("wall time (log): median (first to third quartile)")
    ax.set_title(title)
    return picture


@styled
def draw_per_sample(timings):
    """Time divided by the batch size.  timings: {version: {batch size: Timing}}."""
    said = [f"{version} from {seconds_text(t[min(t)].median / min(t))} at {min(t)} to "
            f"{seconds_text(t[max(t)].median / max(t))} at {max(t)}"
            for version, t in timings.items()]  # fmt: skip
    alt = f"Time for one sample against the samples in the batch: {listed(said)}."
    picture, ax = subplots(1, 1, 13, 4.8, alt=alt)
    for version, by_batch in timings.items():
        sizes, color = list(by_batch), version_color(version)
        middle = [t.median / b for b, t in by_batch.items()]
        spread = np.array([t.quartiles for t in by_batch.values()]).T / sizes
        ax.fill_between(sizes, *spread, color=color, alpha=0.25, lw=0)
        ax.plot(sizes, middle, "o-", color=color)
        ax.text(sizes[-1] * 1.12, middle[-1], version, color=ink(color), va="center", weight="bold")
    ax.set(xscale="log", yscale="log")
    ax.set_xticks(sizes, sizes)
    ax.xaxis.set_minor_locator(NullLocator())
    _time_axis(ax.yaxis)
    ax.set_xlim(sizes[0] / 1.15, sizes[-1] * 2.6)
    ax.grid(axis="y", color=LIGHT)
    ax.set_xlabel("samples in the batch")
    ax.set_title("Time for one sample, median and quartiles")
    return picture


@styled
def draw_counts(counts):
    """Python instructions of one batch.  counts: {version: {batch size: instructions}}."""
    said = [
        f"{version} {count:,} for {batch_size} samples"
        for version, by_batch in counts.items()
        for batch_size, count in by_batch.items()
    ]
    alt = f"Python instructions for the gradients of one batch, on a log axis: {listed(said)}."
    picture, ax = subplots(1, 1, 13, 3.9, alt=alt)
    place, ticks = 0.0, {}
    for version, by_batch in counts.items():
        for batch_size, count in by_batch.items():
            ax.plot(count, place, "o", ms=11, color=version_color(version))
            words = f"{count:,}  for {batch_size} samples"
            ax.annotate(words, (count, place), (14, 0), textcoords="offset points", **WORDS)
            place += 0.9
        ticks[place - 0.45 - 0.45 * len(by_batch)] = version
        place += 0.6
    most = max(count for by_batch in counts.values() for count in by_batch.values())
    ax.set_yticks(list(ticks), list(ticks.values()))
    ax.set(xscale="log", ylim=(place - 0.9, -0.6), xlim=(100, most * 40))
    ax.grid(axis="x", color=LIGHT)
    ax.set_xlabel("Python instructions for the gradients of one batch (log)")
    ax.set_title("The same arithmetic, ever fewer instructions for the interpreter")
    return picture
