"""The race: dots on a log scale, bars from zero.  Lesson 09, `python -m lstm_kernels race`."""

from textwrap import wrap

import numpy as np
from matplotlib.ticker import MaxNLocator, NullFormatter

from lstm_kernels.lab.measure.neighbours import busy_text
from lstm_kernels.lab.measure.results import BASELINES, PUBLISHED, busiest, is_own, speedup
from lstm_kernels.lab.words import ratio_text, seconds_text

from .style import (
    BLACK,
    GREY,
    LIGHT,
    OWN_COLOR,
    RIVAL_COLORS,
    VERMILLION,
    VERSION_COLORS,
    ink,
    listed,
    outline,
    styled,
    subplots,
)

EMULATED = {True: "hollow", False: "hatched"}  # how such a time looks, on a log scale or not
COLUMNS = 2  # panels side by side in the history
MARKS = {
    "cuda_v2": "s", "cuda_v3": "^", "cuda_v4": "D", "cuda_v5": "v", "cuda_v6": "P", "cuda_v7": "X",
}  # fmt: skip


@styled
def draw_race(results, log=True, shared=False, baseline=None):
    """One panel per workload.  results: a list of (name, workload, rows of the race).

    shared: one scale and the same rows in all panels, to compare by eye.  baseline: the version
    to which all ratios are, in every panel; a panel without its time shows none.  By default the
    slowest of the CPU baselines that was timed in all panels.
    """
    baseline = baseline or baseline_of([rows for *_, rows in results])
    width, bar = (6.2, 0.46) if shared else (7.2, 0.58)  # inches; those of the live page: smaller
    names = _names_of_all([rows for *_, rows in results]) if shared else ()
    height = 1.9 + bar * max(len(names), *(len(rows) for *_, rows in results))
    size, look = (width * len(results), height), {"squeeze": False, "sharey": shared}
    alt = " ".join(f"{name}, {workload}: {_in_words(rows)}" for name, workload, rows in results)
    picture, axes = subplots(1, len(results), *size, alt=f"Wall times. {alt}", **look)
    for ax, (name, workload, rows) in zip(axes[0], results, strict=True):
        draw_times(ax, rows, log, baseline, names)
        ax.set_title(f"{name}\n", pad=10)
        ax.text(0, 1.03, str(workload), transform=ax.transAxes, color=GREY, fontsize=12)
    if shared:
        _share_scale(axes[0], [rows for *_, rows in results])
    if words := _warnings([row for *_, rows in results for row in rows], log):
        picture.supxlabel("\n".join(words), fontsize=12, color=GREY)
    return picture


def _names_of_all(runs):
    """Every version of these runs once, in the order of the run that has most of them."""
    longest_first = sorted(runs, key=len, reverse=True)
    return list(dict.fromkeys(row.version for rows in longest_first for row in rows))


def _in_words(rows):
    """The times of a race, the fastest first; then what has none."""
    timed = sorted((r for r in rows if r.timing), key=lambda row: row.timing.median)
    said = [
        f"{row.version} {seconds_text(row.timing.median)}" + " (emulated)" * (not row.comparable)
        for row in timed
    ]
    without = [row.version for row in rows if not row.timing]
    none = f" Without a time: {listed(without)}." if without else ""
    return (f"{listed(said)}." if said else "no time yet.") + none


def _warnings(rows, log):
    """What must be known before the times are believed."""
    words = []
    if any(row.timing and not row.comparable for row in rows):
        words.append(f"{EMULATED[log]}: emulated on the CPU, not a GPU's time")
    if busy := busy_text(busiest(rows)):
        words.append(f"{busy}: the times may be too long")
    return words


def _share_scale(axes, rows_of_runs):
    """One scale for all panels, from those that show a time."""
    pairs = zip(axes, rows_of_runs, strict=True)
    timed = [ax for ax, rows in pairs if any(row.timing for row in rows)]
    if timed:
        limits = [ax.get_xlim() for ax in timed]
        for ax in axes:
            ax.set_xlim(min(left for left, _ in limits), max(right for _, right in limits))


@styled
def draw_invitation(text):
    """An empty picture that says what will be there."""
    picture, ax = subplots(1, 1, 6.6, 2, alt=text)
    ax.axis("off")
    ax.text(0.5, 0.5, text, ha="center", va="center", color=GREY)
    return picture


@styled
def draw_history(records):
    """Seconds of one mini-batch against the batch size: all runs so far.  records: as in `bench`.

    A panel for each H and T, a line for each version; emulated ones are dashed and grey: no GPU's
    time.
    """
    lines = _points(records)
    panels = sorted({key[2:] for key in lines}) or [(None, None)]
    most = max([sum(key[2:] == size for key in lines) for size in panels])
    wide = len(panels) > 1
    size = 6.4 * min(len(panels), COLUMNS) if wide else 10, max(4.4, 1.6 + 0.32 * most)
    rows = -(-len(panels) // COLUMNS)
    look = {"squeeze": False, "sharey": True, "alt": _history_text(lines)}
    picture, axes = subplots(rows, min(len(panels), COLUMNS), size[0], rows * size[1], **look)
    for ax, panel in zip(axes.flat, panels, strict=False):
        of_panel = {key[:2]: points for key, points in lines.items() if key[2:] == panel}
        _draw_history(ax, of_panel, panel, gap=max(0.055, 0.24 / size[1]))
    for ax in axes.flat[len(panels) :]:
        ax.set_axis_off()
    title = "Time against batch size: a point for each run"
    picture.suptitle(title, x=0.01, ha="left", weight="bold", fontsize=15)
    return picture


def _draw_history(ax, lines, panel, gap):
    """The lines of one H and T.  lines: {(version, where): {batch: seconds}}."""
    ends = []
    for key, points in lines.items():
        batches, seconds = zip(*sorted(points.items()), strict=True)
        ax.plot(batches, seconds, **line_look(*key))
        name = key[0] if is_own(key[1]) else f"{key[0]} (emulated)"
        ends.append((batches[-1], seconds[-1], name, line_look(*key)["color"]))
    _scale_history(ax, sorted({batch for points in lines.values() for batch in points}) or [1])
    label_ends(ax, ends, gap)
    ax.set_title("H={}, T={}".format(*panel) if lines else "")


def _history_text(lines):
    """Each line's times in words."""
    said = [
        f"{version}, H={H}, T={T}" + ("" if is_own(where) else " (emulated)") + ": "
        + listed([f"{seconds_text(s)} at batch {N}" for N, s in sorted(points.items())])
        for (version, where, H, T), points in lines.items()
    ]  # fmt: skip
    return f"Time of one mini-batch against the batch size. {'; '.join(said) or 'No run yet'}."


def _scale_history(ax, batches):
    ax.set(xscale="log", yscale="log", xlabel="batch size (log scale)")
    ax.set_xticks(batches, [str(batch) for batch in batches])
    ax.minorticks_off()
    ax.set_yticks(*time_ticks(*ax.get_ylim()))
    ax.set_ylabel("one mini-batch (log scale)")
    ax.set_xlim(batches[0] / 1.3, batches[-1] * 1.3)


def line_look(version, where):
    """Colour, dashes and mark of a version's line."""
    mark = MARKS.get(version, "o" if version in VERSION_COLORS else "*")
    if is_own(where):
        color = color_of(version)
        return {"color": color, "marker": mark, "ms": 7, "path_effects": outline(color)}
    return {"color": GREY, "ls": "--", "lw": 1.6, "marker": mark, "mfc": "white", "ms": 7}


def _points(records):
    """{(version, where, H, T): {batch: seconds of one epoch}}; the newest run of a point counts."""
    lines = {}
    for found in records:
        if "median" in found:
            key = found["version"], found["where"], found["hidden"], found["length"]
            lines.setdefault(key, {})[found["batch"]] = found["median"] / found["epochs"]
    return lines


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


def draw_times(ax, rows, log, baseline, names=()):
    """Median times with quartiles; an emulated time is hollow or hatched, and has no ratio.

    A log scale has no zero: there, a time is a dot, else a bar.  names: all rows of the panel, if
    they are more than those of this race.
    """
    names = names or [row.version for row in rows]
    for row in rows:
        place = names.index(row.version)
        if row.timing is None:
            _write_note(ax, place, row)
        else:
            (_draw_dot if log else _draw_bar)(ax, place, row)
            _write_time(ax, place, row, _label(rows, row, baseline))
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.grid(axis="x", color=LIGHT)
    ax.set_axisbelow(True)
    ax.set_xscale("log" if log else "linear")
    timed = [row for row in rows if row.timing]
    if timed and log:
        ax.set_xlim(*_log_limits(rows, timed, baseline))
        ax.xaxis.set_minor_formatter(NullFormatter())
    elif timed:
        ax.set_xlim(0, max(row.timing.median for row in timed) * 1.7)
        ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.xaxis.set_major_formatter(lambda seconds, _: tick_text(seconds) if seconds else "0")
    ax.set_xlabel(_axis_words(rows, baseline, log))


def baseline_of(races):
    """The slowest of the CPU baselines that all these races timed; None if there is none."""
    timed = [{row.version for row in rows if row.comparable} for rows in races]
    return next((name for name in BASELINES if all(name in names for names in timed)), None)


def _axis_words(rows, baseline, log):
    """What the axis and the ratios mean."""
    words = "wall time" + (" (log scale)" if log else "")
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
        room = min(0.85, 0.024 * len(_label(rows, row, baseline)))
        decades.append(np.log10(row.timing.quartiles[1] / left) / (0.97 - room))
    return left, left * 10 ** max(decades)


def color_of(version):
    """A version's colour; another library's rows are brown, and own versions have one of theirs."""
    if version.startswith("PyTorch"):
        return RIVAL_COLORS["pytorch" if "CPU" in version else "pytorch_cudnn"]
    return RIVAL_COLORS.get(version) or VERSION_COLORS.get(version, OWN_COLOR)


def _draw_dot(ax, place, row):
    color = color_of(row.version) if row.comparable else GREY
    ax.plot(row.timing.quartiles, [place] * 2, color=color, lw=3, solid_capstyle="butt")
    face = color if row.comparable else "white"
    ax.plot(row.timing.median, place, "o", ms=12, color=face, mec=edge_of(color), mew=1)


def edge_of(color):
    """Of a dot: black around a light colour, else it is its own."""
    return color if color == GREY else BLACK


def _draw_bar(ax, place, row):
    look = {"color": color_of(row.version)}
    if not row.comparable:
        look = {"color": LIGHT, "hatch": "///", "edgecolor": GREY}
    ax.barh(place, row.timing.median, height=0.68, **look)
    ax.plot(row.timing.quartiles, [place] * 2, color=BLACK, lw=1.6, marker="|", ms=9)


def _write_time(ax, place, row, label):
    ax.annotate(
        label, (row.timing.quartiles[1], place), (11, 0), textcoords="offset points", va="center",
        fontsize=13,
    )  # fmt: skip


def _label(rows, row, baseline):
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
