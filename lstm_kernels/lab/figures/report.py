"""The compile report as bars: `python -m lstm_kernels report --png FILE`."""

from lstm_kernels.lab.estimates.cards import get_card
from lstm_kernels.lab.estimates.compile_report import limit_text

from .style import BLUE, GREY, LIGHT, SKY, listed, styled, subplots

COLUMNS = 2  # panels side by side


@styled
def draw_report(rows):
    """One panel per kernel, one bar per card.  rows: a list of compile_report.Row."""
    panels = {}
    for row in rows:
        panels.setdefault((row.kernel, row.dtype), []).append(row)
    lines = -(-len(panels) // COLUMNS)
    height = lines * (1.9 + 0.75 * max(map(len, panels.values())))
    columns = min(COLUMNS, len(panels))
    said = [f"{row.kernel} {row.dtype} on {get_card(row.cc).name} {row.occupancy.fraction:.0%}"
            for row in rows]  # fmt: skip
    alt = f"Theoretical occupancy of an SM, a bar for each kernel and card: {listed(said)}."
    picture, axes = subplots(lines, columns, 7.2 * columns, height, alt=alt, squeeze=False)
    for ax, (name, of_kernel) in zip(axes.flat, panels.items(), strict=False):
        draw_kernel(ax, " ".join(name), of_kernel)
    for ax in axes.flat[len(panels) :]:
        ax.set_axis_off()
    handles, labels = axes.flat[0].get_legend_handles_labels()
    picture.legend(handles, labels, loc="outside upper left", ncols=3)
    return picture


def draw_kernel(ax, name, rows):
    """Light: an SM's room for warps; middle: warps that fit; dark: lanes that have a thread."""
    places = range(len(rows))
    fractions = [row.occupancy.fraction for row in rows]
    lanes = [row.occupancy.fraction * row.lanes for row in rows]
    ax.barh(places, [1] * len(rows), 0.8, color=LIGHT, label="room on an SM")
    ax.barh(places, fractions, 0.8, color=SKY, label="warps that fit")
    ax.barh(places, lanes, 0.8, color=BLUE, label="lanes with a thread")
    for place, row in zip(places, rows, strict=True):
        _write(ax, place, row)
    ax.set_yticks(places, [f"{get_card(row.cc).name}\n{row.cc / 10}" for row in rows])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xlim(0, 1)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
    ax.set_xlabel("theoretical occupancy of an SM")
    threads = rows[0].threads
    ax.set_title(f"{name}\n", pad=6)
    plural = "thread" if threads == 1 else "threads"
    ax.text(0, 1.03, f"{threads} {plural} per block", transform=ax.transAxes, color=GREY)


def _write(ax, place, row):
    """What fits and why not more, at the right of the bar, where it is free."""
    found = row.occupancy
    text = f"{found.warps} warps, {row.registers} registers\nlimit: {limit_text(found)}"
    inside = found.fraction > 0.5
    x, color = (0.02, "white") if inside and row.lanes > 0.5 else (found.fraction + 0.02, "black")
    ax.text(x, place, text, va="center", color=color, fontsize=12)
