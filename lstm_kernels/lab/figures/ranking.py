"""The class's own versions side by side: times of CPU and GPU, and counted work.  Lesson 09."""

from lstm_kernels.lab.words import ratio_text

from .style import BLUE, GREY, LIGHT, ORANGE, OWN_COLOR, listed, styled, subplots

MOST = 30  # rows of a panel


@styled
def draw_ranking(timed, counted, base, beside, workload):
    """Two panels, the best on top.

    timed: [(name, times as fast as `base`), ...].  counted: [(name, (atomic additions, accesses to
    global memory), each as a part of those of the version `beside`), ...].  workload: the timed
    one, in words.
    """
    timed, counted = timed[:MOST], counted[:MOST]
    height = 2.2 + 0.42 * max(len(timed), len(counted), 3)
    words = _in_words(timed, counted, base, beside, workload)
    picture, (left, right) = subplots(1, 2, 13, height, alt=words)
    _draw_timed(left, timed, base, workload)
    _draw_counted(right, counted, beside)
    return picture


def _in_words(timed, counted, base, beside, workload):
    times = [f"{name} {ratio_text(ratio)}" for name, ratio in timed]
    work = [f"{name} {a:.3g} and {m:.3g}" for name, (a, m) in counted]
    return (
        f"Left, {workload}: times as fast as {base} on the same machine: "
        f"{listed(times or ['none yet'])}. "
        f"Right: atomic additions and accesses to global memory, as parts of {beside}'s: "
        f"{listed(work or ['none yet'])}."
    )


def _draw_timed(ax, timed, base, workload):
    for place, (_, ratio) in enumerate(timed):
        ax.barh(place, ratio, height=0.66, color=OWN_COLOR)
        ax.text(ratio, place, f" {ratio_text(ratio)}", va="center")
    ax.axvline(1, color=GREY, lw=1.4)
    ax.set_title(f"Timed: {workload}", fontsize=13)
    ax.set_xlabel(f"times as fast as {base}, on the same machine")
    _names(ax, [name for name, _ in timed], max([1, *(ratio for _, ratio in timed)]))


def _draw_counted(ax, counted, beside):
    kinds = (("atomic additions", ORANGE, -0.17), ("accesses to global memory", BLUE, 0.17))
    for n, (label, color, shift) in enumerate(kinds):
        places = [place + shift for place in range(len(counted))]
        parts = [part[n] for _, part in counted]
        ax.barh(places, parts, height=0.33, color=color, label=label)
        for place, part in zip(places, parts, strict=True):
            ax.text(part, place, f" {part:.2g}", va="center", fontsize=11)
    ax.axvline(1, color=GREY, lw=1.4)
    ax.set_title("Counted: one mini-batch", fontsize=13)
    ax.set_xlabel(f"as a part of {beside}'s; the same on every machine")
    _names(ax, [name for name, _ in counted], max([1, *(max(part) for _, part in counted)]))
    if counted:
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.3 * 3 / max(3, len(counted))))


def _names(ax, names, most):
    ax.set_yticks(range(len(names)), names, parse_math=False)
    ax.set_ylim(max(len(names), 3) - 0.5, -0.5)
    ax.set_xlim(0, 1.25 * most)
    ax.grid(axis="x", color=LIGHT)
    ax.set_axisbelow(True)
    if not names:
        ax.text(0.5, 0.5, "none yet", transform=ax.transAxes, ha="center", color=GREY)
