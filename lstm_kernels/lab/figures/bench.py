"""The bench as a picture: time for one window against the batch, a panel per size.  Lesson 09."""

from textwrap import wrap

from lstm_kernels.lab.measure.neighbours import busy_text
from lstm_kernels.lab.measure.results import is_own
from lstm_kernels.lab.words import seconds_text

from .race import label_ends, tick_text
from .style import (
    GREY,
    LIGHT,
    RIVAL_COLORS,
    RIVAL_MARKS,
    RIVAL_NAMES,
    listed,
    outline,
    styled,
    subplots,
    version_color,
)

RECORDED = "_graph"  # a version whose launches are recorded: its line is dotted


@styled
def draw_bench(found, machine):
    """found: the records of `bench`.  Emulated lines are dashed and grey: no GPU's time."""
    panels = sorted({(row["length"], row["hidden"]) for row in found})
    most = len({(row["version"], row["where"]) for row in found})
    size = 7.6 * len(panels), max(5.6, 1.6 + 0.34 * most)
    words = " ".join(_in_words(found, *panel) for panel in panels)
    alt = f"Training time for one window against the batch size, both logarithmic. {words}"
    picture, axes = subplots(1, len(panels), *size, alt=alt, squeeze=False, sharey=True)
    for ax, (T, H) in zip(axes[0], panels, strict=True):
        rows = _rows_of(found, T, H)
        ax.set_title(f"T={T}, H={H}")
        _draw_panel(ax, rows)
    axes[0][0].set_ylabel("training time for one window (log)")
    for ax, panel in zip(axes[0], panels, strict=True):
        _name_lines(ax, _rows_of(found, *panel), gap=min(0.075, 1 / most))
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
    if version in RIVAL_MARKS:
        return {"color": RIVAL_COLORS[version], "ls": "-.", "marker": RIVAL_MARKS[version]}
    color = version_color(version.removesuffix(RECORDED))
    edge = {"path_effects": outline(color)}
    return {"color": color, "ls": ":" if version.endswith(RECORDED) else "-", "marker": "o", **edge}


def lines_of(rows):
    """{(version, where): [(batch, seconds per window, its quartiles), ...]} in the rows' order."""
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
    ax.yaxis.set_major_formatter(lambda seconds, _: tick_text(seconds))
    ax.grid(axis="y", color=LIGHT)


def _rows_of(found, T, H):
    """What was timed at these sizes."""
    return [r for r in found if (r["length"], r["hidden"]) == (T, H) and "median" in r]


def _name(version, where):
    name = RIVAL_NAMES.get(version, version)
    return name if is_own(where) else f"{name} ({where})"


def _name_lines(ax, rows, gap):
    """Each line's name beside its end."""
    ends = [
        (points[-1][0], points[-1][1], _name(*key), look(*key)["color"])
        for key, points in lines_of(rows).items()
    ]
    label_ends(ax, ends, gap)


def _in_words(found, T, H):
    """A panel's lines at their last point, the fastest first; emulated ones are no GPU's."""
    ends = [(points[-1][1], key) for key, points in lines_of(_rows_of(found, T, H)).items()]
    said = [f"{_name(*key)} {seconds_text(seconds)}" for seconds, key in sorted(ends)]
    return f"At T={T}, H={H} and its largest batch: {listed(said)}." if said else ""
