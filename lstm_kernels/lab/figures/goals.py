"""The seminar project's highest goal: training time against the size of the data.  Lesson 09."""

from lstm_kernels.lab.words import seconds_text

from .race import label_ends, line_look, time_ticks
from .style import GREY, styled, subplots


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
