"""The bench as a picture: time for one window against the batch, a panel a size.  Lesson 09."""

from textwrap import wrap

from lstm_kernels.lab.measure.neighbours import busy_text
from lstm_kernels.lab.measure.results import is_own
from lstm_kernels.lab.words import seconds_text

from .race import TORCH
from .style import GREY, LIGHT, VERSION_COLORS, styled, subplots

MARKS = {"pytorch": "s", "pytorch_cudnn": "D", "pytorch_graph": "^"}  # PyTorch's lines
RECORDED = "_graph"  # a version whose launches are recorded: its line is dotted


@styled
def draw_bench(found, machine):
    """found: the records of `bench`.  Emulated lines are dashed and grey: no GPU's time."""
    panels = sorted({(row["length"], row["hidden"]) for row in found})
    picture, axes = subplots(
        1, len(panels), 4.6 * len(panels) + 2.4, 5.6, squeeze=False, sharey=True
    )
    for ax, (T, H) in zip(axes[0], panels, strict=True):
        rows = [r for r in found if (r["length"], r["hidden"]) == (T, H) and "median" in r]
        _draw_panel(ax, rows)
        ax.set_title(f"T={T}, H={H}")
    axes[0][0].set_ylabel("training time for one window (log)")
    _legend(picture, found)
    title = f"{machine['cpu']}. {machine['kernels']}"
    others = max((row.get("others") or 0.0 for row in found), default=0.0)
    title += f" At times {busy_text(others)}." if busy_text(others) else ""
    letters = int(12 * picture.get_figwidth())  # that fit side by side
    picture.suptitle("\n".join(wrap(title, letters)), fontsize=11, color=GREY)
    return picture


def look(version, where):
    """Colour, dashes and mark of a version's line."""
    if not is_own(where):
        return {"color": GREY, "ls": "--", "marker": "o", "mfc": "white", "lw": 1.4}
    if version in MARKS:
        return {"color": TORCH, "ls": "-.", "marker": MARKS[version]}
    color = VERSION_COLORS.get(version.removesuffix(RECORDED), GREY)
    return {"color": color, "ls": ":" if version.endswith(RECORDED) else "-", "marker": "o"}


def lines_of(rows):
    """{(version, where): [(batch, seconds a window, its quartiles), ...]} in the rows' order."""
    lines = {}
    for row in rows:
        each = row["windows"] * row["epochs"]
        point = (row["batch"], row["median"] / each, row["q1"] / each, row["q3"] / each)
        lines.setdefault((row["version"], row["where"]), []).append(point)
    return {key: sorted(points) for key, points in lines.items()}


def _draw_panel(ax, rows):
    for key, points in lines_of(rows).items():
        batches, medians, lows, highs = zip(*points, strict=True)
        ax.plot(batches, medians, **look(*key))
        ax.vlines(batches, lows, highs, color=look(*key)["color"], lw=4, alpha=0.4)
    batches = sorted({row["batch"] for row in rows})
    ax.set(xscale="log", yscale="log", xlabel="batch size")
    ax.set_xticks(batches, [str(batch) for batch in batches])
    ax.minorticks_off()
    ax.yaxis.set_major_formatter(lambda seconds, _: seconds_text(seconds))
    ax.grid(axis="y", color=LIGHT)


def _legend(picture, found):
    keys = dict.fromkeys((r["version"], r["where"]) for r in found if "median" in r)
    lines = [picture.axes[0].plot([], [], **look(*key))[0] for key in keys]
    names = [name if is_own(where) else f"{name} ({where})" for name, where in keys]
    picture.legend(lines, names, loc="outside right center", fontsize=11)
