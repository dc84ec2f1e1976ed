"""The goals of the seminar project: speed-ups; time against the size of the data.  Lesson 09."""

from lstm_kernels.lab.words import seconds_text

from .race import label_ends, line_look, time_ticks
from .style import GREY, LIGHT, listed, styled, subplots

YES = "#CDEBE1"  # GREEN, light enough for black text


@styled
def draw_goals(ratios, goals):
    """A field for each version and goal.  ratios: {version: times faster, or None}.

    goals: {name: least ratio}.  None: no ratio may be given (no GPU here).
    """
    alt = f"""Goals reached against sequential: {listed(goals)}. {
        ". ".join(f"{v}: {_reached(ratio, goals)}" for v, ratio in ratios.items())
    }."""
    picture, ax = subplots(1, 1, 10, 1.3 + 0.55 * len(ratios), alt=alt)
    for row, ratio in enumerate(ratios.values()):
        if ratio is None:
            _draw_nothing(ax, row, len(goals))
            continue
        for column, least in enumerate(goals.values()):
            _draw_field(ax, row, column, ratio > least)
        ax.text(len(goals) - 0.4, row, f"{ratio:.3g}x", va="center", color=GREY)
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


def _reached(ratio, goals):
    """A version's goals in words."""
    if ratio is None:
        return "not measured here"
    return f"{ratio:.3g}x, {sum(ratio > least for least in goals.values())} of {len(goals)}"


def _draw_field(ax, row, column, reached):
    ax.barh(row, 0.94, left=column - 0.47, height=0.88, color=YES if reached else LIGHT)
    ax.text(column, row, "yes" if reached else "no", ha="center", va="center")


def _draw_nothing(ax, row, columns):
    """One field over all goals: an emulated time reaches none of them, and misses none."""
    ax.barh(row, columns - 0.06, left=-0.47, height=0.88, color="none", edgecolor=LIGHT)
    words = "no GPU here, so no ratio"
    ax.text((columns - 1) / 2, row, words, ha="center", va="center", color=GREY)


@styled
def draw_scaling(windows, lines):
    """Seconds for one epoch against the number of windows.  lines: {label: (seconds, slope)}.

    A label begins with its version's name; one that is not a GPU's or CPU's own time says so, and
    its line is grey.  A line may end before the last of the windows.
    """
    said = [f"{label} {seconds_text(of[-1])} for {windows[len(of) - 1]:,}, slope {s:.2f}"
            for label, (of, s) in lines.items()]  # fmt: skip
    alt = f"""One epoch's time against the number of training windows, both logarithmic; slope 1
        means as fast as the data. {"; ".join(said)}."""
    picture, ax = subplots(1, 1, 10, max(4.4, 1.4 + 0.52 * len(lines)), alt=alt)
    ends = []
    for number, (label, (seconds, gradient)) in enumerate(lines.items()):
        version = label.split(",")[0]
        look = line_look(version, "emulated" if "emulated" in label else "CPU")
        look["marker"] = "os^D"[number % 4]
        ax.plot(windows[: len(seconds)], seconds, **look)
        name = f"{label}\nslope {gradient:.2f}" if len(seconds) > 1 else label
        ends.append((windows[len(seconds) - 1], seconds[-1], name, look["color"]))
    first = max(seconds[0] for seconds, _ in lines.values())
    ax.plot(windows, [first * N / windows[0] for N in windows], "--", color=GREY, lw=1.4)
    ax.text(
        0.02, 0.94, "dashed: slope 1, time grows as fast as the data",
        color=GREY, transform=ax.transAxes, fontsize=12,
    )  # fmt: skip
    _scale_axes(ax, windows)
    label_ends(ax, ends, gap=0.13)
    ax.set_title("Does training time grow as fast as the data?")
    return picture


def _scale_axes(ax, windows):
    ax.set(xscale="log", yscale="log", xlabel="training windows (log scale)")
    ax.set_xticks(windows, [f"{N:,}" for N in windows], minor=False)
    ax.minorticks_off()
    ax.set_ylabel("one epoch (log scale)")
    low, high = ax.get_ylim()
    ax.set_ylim(low, high * (high / low) ** 0.1)  # room for the words at the top
    ax.set_yticks(*time_ticks(*ax.get_ylim()))
    ax.set_xlim(windows[0] / 1.2, windows[-1] * 1.2)
