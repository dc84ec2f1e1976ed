"""The race as bars.  Lesson 07 and `python -m lstm_kernels race`."""

import numpy as np

from lstm_kernels.figures.style import GREY, LIGHT, VERSION_COLORS, styled, subplots
from lstm_kernels.race import PUBLISHED, ratio_text, speedup
from lstm_kernels.timing import seconds_text


@styled
def draw_race(results, log=True, shared=False):
    """One panel a workload.  results: a list of (name, workload, rows of the race).

    shared: one scale for all panels, so that runs can be compared by eye.
    """
    height = 1.3 + 0.62 * max(len(rows) for *_, rows in results)
    picture, axes = subplots(1, len(results), 6.6 * len(results), height, squeeze=False)
    for ax, (name, workload, rows) in zip(axes[0], results, strict=True):
        draw_bars(ax, rows, log)
        ax.set_title(f"{name}\n", pad=10)
        ax.text(0, 1.03, str(workload), transform=ax.transAxes, color=GREY, fontsize=12)
    if shared:
        _share_scale(axes[0], [rows for *_, rows in results])
    return picture


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
    picture, ax = subplots(1, 1, 6.6, 2)
    ax.axis("off")
    ax.text(0.5, 0.5, text, ha="center", va="center", color=GREY)
    return picture


@styled
def draw_history(records):
    """Seconds of one epoch against the batch size: all runs so far.  records: as in `bench`.

    Each version has a line for each H and T; emulated ones are dashed and grey: no GPU's time.
    """
    picture, ax = subplots(1, 1, 10, 4.6)
    ends = []
    for (version, where, H, T), points in _points(records).items():
        batches, seconds = zip(*sorted(points.items()), strict=True)
        real = where in ("CPU", "GPU")
        color = VERSION_COLORS.get(version, GREY) if real else GREY
        ax.plot(batches, seconds, "o-" if real else "o--", color=color)
        name = version if real else f"{version} (emulated)"
        ends.append((seconds[-1], f"{name}, H={H}, T={T}", color))
    _label_ends(ax, ends)
    ax.set(xscale="log", yscale="log", xlabel="batch size (log scale)")
    batches = sorted({r["batch"] for r in records if "median" in r}) or [1]
    ax.set_xticks(batches, [str(batch) for batch in batches])
    ax.minorticks_off()
    ax.yaxis.set_major_formatter(lambda seconds, _: seconds_text(seconds))
    ax.set_ylabel("one mini-batch (log scale)")
    ax.set_xlim(batches[0] / 1.3, batches[-1] * 1.3)
    ax.set_title("Time against batch size: a point for each run")
    return picture


def _points(records):
    """{(version, where, H, T): {batch: seconds of one epoch}}; the newest run of a point counts."""
    lines = {}
    for found in records:
        if "median" in found:
            key = found["version"], found["where"], found["hidden"], found["length"]
            lines.setdefault(key, {})[found["batch"]] = found["median"] / found["epochs"]
    return lines


def _label_ends(ax, ends):
    """Names in a column on the right, in the order of the lines' ends."""
    for place, (_, text, color) in enumerate(sorted(ends, reverse=True)):
        ax.text(
            1.02, 0.97 - 0.075 * place, text, color=color, transform=ax.transAxes, va="center",
            fontsize=11,
        )  # fmt: skip


def draw_bars(ax, rows, log=True):
    """Median times with quartiles; an emulated time is hatched and has no ratio."""
    for place, row in enumerate(rows):
        if row.timing is None:
            _write_note(ax, place, row)
        else:
            _draw_bar(ax, place, row, speedup(rows, row.version, "sequential"))
    ax.set_yticks(range(len(rows)), [row.version for row in rows])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xscale("log" if log else "linear")
    emulated = any(row.timing and not row.comparable for row in rows)
    note = "\nhatched: emulated on the CPU, not a GPU's time" if emulated else ""
    ax.set_xlabel("wall time, seconds" + (" (log scale)" if log else "") + note)
    timed = [row for row in rows if row.timing]
    if timed and log:
        ax.set_xlim(*_log_limits(rows, timed))
    elif timed:
        ax.set_xlim(0, max(row.timing.median for row in timed) * 1.6)


def _log_limits(rows, timed):
    """Left and right end of a logarithmic axis: each bar leaves room for its label."""
    left = min(row.timing.median for row in timed) / 3
    decades = []
    for row in timed:
        room = min(0.85, 0.022 * len(_label(row, speedup(rows, row.version, "sequential"))))
        decades.append(np.log10(row.timing.quartiles[1] / left) / (0.97 - room))
    return left, left * 10 ** max(decades)


def _draw_bar(ax, place, row, ratio):
    median, (low, high) = row.timing.median, row.timing.quartiles
    look = {"color": VERSION_COLORS.get(row.version, GREY)}
    if not row.comparable:
        look = {"color": LIGHT, "hatch": "///", "edgecolor": GREY}
    ax.barh(place, median, height=0.68, **look)
    ax.plot([low, high], [place, place], color="black", lw=1.6, marker="|", ms=9)
    ax.annotate(
        _label(row, ratio), (high, place), (6, 0), textcoords="offset points",
        va="center", fontsize=12,
    )  # fmt: skip


def _label(row, ratio):
    """Beside the bar: its time and, where one may be given, its ratio to sequential."""
    text = seconds_text(row.timing.median)
    if not row.comparable:
        return text + " (emulated)"
    if ratio is not None and row.version != "sequential":
        return f"{text} = {ratio_text(ratio)}"
    return text


def _write_note(ax, place, row):
    note = row.note if len(row.note) < 60 else row.note[:57] + "..."
    ax.text(0.02, place, note, va="center", color=GREY, transform=ax.get_yaxis_transform())


@styled
def draw_published(rows):
    """Speed-up over sequential: the published versions beside the learner's own."""
    picture, ax = subplots(1, 1, 10, 0.75 * len(rows) + 1.2)
    for place, row in enumerate(rows):
        mine = speedup(rows, row.version, "sequential")
        if row.version in PUBLISHED:
            theirs = PUBLISHED["sequential"] / PUBLISHED[row.version]
            _draw_ratio(ax, place - 0.19, theirs, LIGHT, "published")
        if mine is not None:
            _draw_ratio(
                ax, place + 0.19, mine, VERSION_COLORS.get(row.version, GREY), "measured here"
            )
        else:
            ax.text(
                1.05, place + 0.19, row.note or f"{row.where}: no ratio", va="center", color=GREY
            )
    ax.set_yticks(range(len(rows)), [row.version for row in rows])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xscale("log")
    ax.set_xlim(1, ax.get_xlim()[1] * 6)
    ax.set_xlabel("times faster than the sequential version of the same run (log scale)")
    ax.set_title("Published in 2023 beside this machine")
    return picture


def _draw_ratio(ax, place, ratio, color, label):
    ax.barh(place, ratio, height=0.36, color=color)
    ax.text(ratio * 1.06, place, f"{ratio_text(ratio)}  {label}", va="center", fontsize=12)
