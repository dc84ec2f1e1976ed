"""Where the time goes, and how far a parallel part can help: Amdahl's law.  Lesson 03.

`draw_class` puts the points that a class measured in lesson 12 beside the law's curve.
"""

import numpy as np

from lstm_kernels.lab.words import seconds_text

from .style import (
    BLACK,
    BLUE,
    COLORS,
    GREEN,
    GREY,
    LIGHT,
    ORANGE,
    PAPER,
    ink,
    listed,
    styled,
    subplots,
)


@styled
def draw_profile(parts, title="Where the time goes"):
    """One bar, cut into parts.  parts: {name: seconds}."""
    total, left = sum(parts.values()), 0.0
    said = [f"{name} {seconds / total:.1%}" for name, seconds in parts.items()]
    alt = f"{title}. One bar of {seconds_text(total)} in parts: {listed(said)}."
    picture, ax = subplots(1, 1, 13, 2.9, alt=alt)
    for place, (name, seconds) in enumerate(parts.items()):
        color = GREY if seconds < 0.03 * total else COLORS[place]
        ax.barh(0, seconds, left=left, height=0.8, color=color, edgecolor=PAPER, lw=2)
        _label_part(ax, left, seconds, total, name, color)
        left += seconds
    ax.set(xlim=(0, total * 1.19), ylim=(-0.85, 0.45))
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("wall time, seconds")
    ax.set_title(title)
    return picture


def _label_part(ax, left, seconds, total, name, color):
    """Inside its part if there is room, else beside the bar's end."""
    words = f"{seconds_text(seconds)}, {seconds / total:.1%}"
    if seconds < 0.03 * total:
        ax.text(total * 1.01, 0, f"{name}\n{words}", va="center", color=color, fontsize=12)
        return
    inside = BLACK if color == ORANGE else "white"
    ax.text(left + seconds / 2, 0, words, ha="center", va="center", color=inside, weight="bold")
    ax.text(left + seconds / 2, -0.5, name, ha="center", va="top", weight="bold")


def amdahl(fraction, workers):
    """Amdahl's law: the speed-up when this fraction of the time runs on so many workers."""
    return 1 / (1 - fraction + fraction / workers)


@styled
def draw_amdahl(fractions, most=1024, batch_size=None):
    """The bound by workers, a curve for each part that runs in parallel.

    fractions: {what runs in parallel: its fraction of the time, once per repeat}; drawn is the
    median, and written the smallest and the largest limit.  batch_size: mark where more workers
    find no whole sample.
    """
    said = [f"{name}, at most {_limit(np.median(p))}x" for name, p in fractions.items()]
    alt = f"""Speed-up against workers up to {most:,}, both logarithmic: Amdahl's law. Each curve
        flattens at a limit: {listed(said)}."""
    picture, ax = subplots(1, 1, 13, 5, alt=alt)
    workers = np.geomspace(1, most, 200)
    for (name, repeats), color in zip(fractions.items(), COLORS, strict=False):
        speedup = amdahl(np.median(repeats), workers)
        between = amdahl(min(repeats), workers), amdahl(max(repeats), workers)
        ax.fill_between(workers, *between, color=color, alpha=0.25, lw=0)
        ax.plot(workers, speedup, color=color)
        low, high = (_limit(p) for p in (min(repeats), max(repeats)))
        limit = f"{name}: at most {low}x" + (f" to {high}x" if high != low else "")
        ax.text(most * 1.1, speedup[-1], limit, color=ink(color), va="center", weight="bold")
    ax.plot(workers, workers, color=LIGHT, lw=6, zorder=0)
    words = {"rotation": 35, "rotation_mode": "anchor", "color": GREY}
    ax.text(8.5, 11, "as fast as there are workers", **words)
    if batch_size:
        ax.axvline(batch_size, color=GREY, lw=1.4, ls="--")
        words = f"{batch_size} whole\nsamples for\n{batch_size} workers"
        where = {"transform": ax.get_xaxis_transform(), "ha": "right", "va": "top"}
        ax.text(batch_size * 0.95, 0.97, words, color=GREY, **where)
    _amdahl_axes(ax, most, amdahl(max(max(p) for p in fractions.values()), most))
    return picture


NAMED = 12  # more points than these stay without names


@styled
def draw_class(serial, points):
    """A class's speed-ups beside Amdahl's law.  For the lecturer, after lesson 12.

    serial: the measured part of the work that stays on one worker, 0 to 1.  points: {name:
    (workers, times as fast as one)}.  ValueError names what is no such number.
    """
    _check_class(serial, points)
    most = max(2, *(workers for workers, _ in points.values()))
    workers = np.linspace(1, most, 200)
    bound = amdahl(1 - serial, workers)
    said = [f"{name} {speedup:.2f} with {k}" for name, (k, speedup) in points.items()]
    alt = f"""Speed-up against workers, up to {most}: Amdahl's bound with {serial:.1%} of the work
        on one worker, {bound[-1]:.2f} at the end, and measured points: {listed(said)}."""
    picture, ax = subplots(1, 1, 13, 5.6, alt=alt)
    ax.plot(workers, workers, color=LIGHT, lw=6, zorder=0, label="as fast as there are workers")
    ax.plot(workers, bound, color=BLUE, label=f"Amdahl's bound, {serial:.1%} on one worker")
    ax.plot(*zip(*points.values(), strict=True), "o", color=GREEN, ms=10, label="measured by us")
    if len(points) <= NAMED:
        for name, place in points.items():
            offset = {"xytext": (9, -4), "textcoords": "offset points"}
            ax.annotate(name, place, color=ink(GREEN), **offset)
    ax.set(xlim=(0.8, 1.12 * most), ylim=(0, 1.08 * most), xlabel="workers", ylabel="times faster")
    ax.legend(loc="upper left")
    ax.set_title("Amdahl's law, and our own machines")
    return picture


def _check_class(serial, points):
    if not 0 <= serial <= 1:
        raise ValueError(f"serial is {serial}; it is a part of the work, from 0 to 1")
    if not points:
        raise ValueError("points is empty: {name: (workers, times as fast as one)}")
    for name, (workers, speedup) in points.items():
        if workers < 1 or speedup <= 0:
            said = f"{workers} workers, {speedup} times as fast"
            raise ValueError(f"{name}: {said}; there is 1 worker at least, and a speed-up above 0")


def _limit(fraction):
    """Two digits of the speed-up with endless workers; no more are worth to be written."""
    limit = 1 / (1 - fraction)
    return f"{limit:.2g}" if limit < 10 else f"{limit:.0f}"


def _amdahl_axes(ax, most, highest):
    ax.set_xscale("log", base=2)
    ax.set_yscale("log", base=2)
    ticks = [4**power for power in range(20) if 4**power <= most]
    ax.set_xticks(ticks, ticks)
    ticks = [2**power for power in range(20) if 2**power <= highest * 2]
    ax.set_yticks(ticks, [f"{v}x" for v in ticks])
    ax.minorticks_off()
    ax.set(xlim=(1, most * 32), ylim=(0.9, highest * 2))
    ax.set_xlabel("workers (log)", loc="left")
    ax.set_ylabel("speed-up (log)")
    ax.set_title("Amdahl's law: the part that stays sequential sets the limit")
