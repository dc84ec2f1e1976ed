"""The goals of the course's model: speed-ups, and time against the size of the data.  Lesson 07."""

import itertools

from lstm_kernels.figures.style import BLUE, GREEN, GREY, LIGHT, ORANGE, PURPLE, styled, subplots

COLORS = (BLUE, GREEN, ORANGE, PURPLE)
YES = "#CDEBE1"  # GREEN, light enough for black text


@styled
def draw_goals(ratios, goals):
    """A field for each version and goal.  ratios: {version: times faster, or None}.

    goals: {name: least ratio}.  None: no ratio may be given (no GPU here).
    """
    picture, ax = subplots(1, 1, 10, 1.3 + 0.55 * len(ratios))
    for row, ratio in enumerate(ratios.values()):
        for column, least in enumerate(goals.values()):
            _draw_field(ax, row, column, ratio, least)
        text = "not measured here" if ratio is None else f"{ratio:.3g}x"
        ax.text(len(goals) - 0.4, row, text, va="center", color=GREY)
    ax.set_xticks(range(len(goals)), list(goals))
    ax.set_yticks(range(len(ratios)), list(ratios))
    ax.set_xlim(-0.5, len(goals) + 0.5)
    ax.set_ylim(len(ratios) - 0.5, -0.5)
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_title("Goals reached on this machine, against sequential", pad=14)
    return picture


def _draw_field(ax, row, column, ratio, least):
    text, color = ("no GPU", "white") if ratio is None else ("no", LIGHT)
    if ratio is not None and ratio > least:
        text, color = "yes", YES
    ax.barh(row, 0.94, left=column - 0.47, height=0.88, color=color, edgecolor=LIGHT)
    ax.text(column, row, text, ha="center", va="center", color=GREY if ratio is None else "black")


@styled
def draw_scaling(windows, lines):
    """Seconds for one epoch against the number of windows.  lines: {label: (seconds, slope)}.

    A line may end before the last of the windows; one that is not a GPU's or CPU's own time says
    so in its label, and is grey.
    """
    picture, ax = subplots(1, 1, 10, 5)
    ends = _apart([seconds[-1] for seconds, _ in lines.values()])
    colors = itertools.cycle(COLORS)
    for (label, (seconds, gradient)), end in zip(lines.items(), ends, strict=True):
        emulated = "emulated" in label
        color = GREY if emulated else next(colors)
        ax.plot(windows[: len(seconds)], seconds, "o--" if emulated else "o-", color=color)
        text = f"{label}\nslope {gradient:.2f}"
        ax.text(windows[-1] * 1.15, end, text, color=color, va="center")
    first = max(seconds[0] for seconds, _ in lines.values())
    proportional = [first * N / windows[0] for N in windows]
    ax.plot(windows, proportional, "--", color=GREY, lw=1.4)
    ax.text(
        0.02, 0.93, "dashed: slope 1, time grows as fast as the data",
        color=GREY, transform=ax.transAxes,
    )  # fmt: skip
    ax.set(xscale="log", yscale="log", xlabel="training windows (log scale)")
    ax.set_xticks(windows, [f"{N:,}" for N in windows], minor=False)
    ax.minorticks_off()
    ax.set_ylabel("one epoch (log scale)")
    ax.set_yticks(*_time_ticks(*ax.get_ylim()))
    ax.set_xlim(windows[0] / 1.2, windows[-1] * 12)
    ax.set_title("Does training time grow as fast as the data?")
    return picture


def _time_ticks(low, high):
    """Ticks 1, 2, 5, 10, ... milliseconds between two times in seconds, and their texts."""
    steps = [digit * 10.0**power for power in range(-3, 7) for digit in (1, 2, 5)]
    ticks = [step for step in steps if low <= step / 1e3 <= high]
    return [tick / 1e3 for tick in ticks], [f"{tick:g} ms" for tick in ticks]


def _apart(values, factor=1.6):
    """Heights for labels: each at its value, or higher where the one below is too near."""
    places, below = list(values), 0.0
    for n in sorted(range(len(values)), key=lambda n: values[n]):
        places[n] = below = max(values[n], below * factor)
    return places
