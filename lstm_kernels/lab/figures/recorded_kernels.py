"""What a real card did, from a saved recording: dots on a log axis, each with its name.

Lessons 13 to 17 draw data/measured/*.json; `records.kept` reads them.
"""

from lstm_kernels.lab.measure.records import mini_batches
from lstm_kernels.lab.words import seconds_text

from .race import spread, tick_text
from .style import (
    BLACK,
    BLUE,
    GREY,
    LIGHT,
    RIVAL_COLORS,
    RIVAL_MARKS,
    RIVAL_NAMES,
    VERSION_COLORS,
    ink,
    listed,
    styled,
    subplots,
)

LIBRARY = {  # PyTorch's three: name, colour, mark
    version: (name.replace(", as", ",\nas"), RIVAL_COLORS[version], RIVAL_MARKS[version])
    for version, name in RIVAL_NAMES.items()
}
OURS = {
    "cuda_v4": ("V4", VERSION_COLORS["cuda_v4"], "o"),
    "cuda_v6": ("V6", BLACK, "o"),
    "cuda_v6_launched": ("V6, launched", BLACK, "o"),
}
LOOKS = {**OURS, **LIBRARY}
HOLLOW = {"cuda_v6_launched": "white"}  # the face of its marks; its line is dotted


def card_of(machine):
    """The card's name and the day, for a title."""
    return f"{machine['kernels'].split(',')[0]}, recorded on {machine['date'][:10]}"


def color_of(version):
    return LOOKS[version][1] if version in LIBRARY else VERSION_COLORS.get(version, GREY)


# ---- a dot for each version ---------------------------------------------------------------


@styled
def draw_recorded(found, versions, batch):
    """Kernels of a mini-batch, and a whole mini-batch: a dot for each version, with its time.

    found: a whole recording; a version without kernels on the card has no dot on the left.
    """
    rows = {row["version"]: row for row in found["rows"] if row["batch"] == batch}
    shown = [rows[name] for name in versions if "median" in rows.get(name, {})]
    kernels = {row["version"]: row["kernel"] for row in shown if "kernel" in row}
    whole = {row["version"]: seconds_of_batch(row) for row in shown}
    said = [f"{v} {seconds_text(s)}" + (f", its kernels {seconds_text(kernels[v])}"
            if v in kernels else "") for v, s in whole.items()]  # fmt: skip
    alt = f"Time per mini-batch of {batch}, {card_of(found['machine'])}: {'; '.join(said)}."
    picture, axes = subplots(1, 2, 13, 1.9 + 0.42 * len(shown), alt=alt, sharey=True)
    for ax, times in zip(axes, (kernels, whole), strict=True):
        _draw_dots(ax, times, list(whole))
    axes[0].set_title("on the card: its kernels alone")
    axes[1].set_title("all of it: an epoch / its mini-batches")
    size = f"batch {batch}, T={shown[0]['length']}, H={shown[0]['hidden']}"
    picture.suptitle(f"{card_of(found['machine'])}: {size}", fontsize=12, color=GREY)
    picture.supxlabel("time per mini-batch (log scale)", fontsize=13)
    return picture


def seconds_of_batch(row):
    """The median time per mini-batch: an epoch's, divided by its mini-batches."""
    return row["median"] / mini_batches(row)


def _draw_dots(ax, times, names):
    ax.set(xscale="log", ylim=(len(names) - 0.4, -0.6))
    for name, seconds in times.items():
        place = names.index(name)
        ax.plot(seconds, place, "o", ms=11, color=color_of(name), mec=BLACK)
        ax.annotate(seconds_text(seconds), (seconds, place), (9, 0), textcoords="offset points",
                    va="center", fontsize=12)  # fmt: skip
    ax.set_xlim(min(times.values()) / 2, max(times.values()) * 8)
    ax.set_yticks(range(len(names)), names)
    ax.grid(color=LIGHT)
    ax.set_axisbelow(True)
    ax.minorticks_off()
    ax.xaxis.set_major_formatter(lambda seconds, _: tick_text(seconds))


# ---- steps against the batch --------------------------------------------------------------


@styled
def draw_library(found, sizes):
    """Time per mini-batch against the batch size, a panel for each H; names at the lines' ends."""
    alt = f"""{card_of(found["machine"])}: time per mini-batch against the batch size, a panel for
        each H. {" ".join(_library_text(found, H, batches[-1]) for H, batches in sizes)}"""
    ratios = [len(batches) for _, batches in sizes]
    picture, axes = subplots(1, len(sizes), 13, 5.6, alt=alt, sharey=True, width_ratios=ratios)
    for ax, (H, batches) in zip(axes, sizes, strict=True):
        rows = [row for row in found["rows"] if row["hidden"] == H and "median" in row]
        _draw_batches(ax, rows, batches)
        ax.set_title(f"H={H}")
    axes[0].set_ylabel("time per mini-batch (log scale)")
    _names_at_ends(axes)
    picture.suptitle(
        f"{card_of(found['machine'])}. Bars: half of the repeats", fontsize=12, color=GREY
    )
    return picture


def _library_text(found, H, batch):
    """The times at one batch size, the fastest first."""
    rows = [r for r in found["rows"] if (r["hidden"], r["batch"]) == (H, batch) and "median" in r]
    rows = sorted((r for r in rows if r["version"] in LOOKS), key=seconds_of_batch)
    said = [f"{LOOKS[r['version']][0]} {seconds_text(seconds_of_batch(r))}" for r in rows]
    return f"H={H}, batch {batch}: {listed(said)}." if said else ""


def _draw_batches(ax, rows, batches):
    for version, (_, color, mark) in LOOKS.items():
        points = sorted((r for r in rows if r["version"] == version), key=lambda r: r["batch"])
        if points:
            xs, ys = [r["batch"] for r in points], [seconds_of_batch(r) for r in points]
            face, dashes = HOLLOW.get(version, color), ":" if version in HOLLOW else "-"
            ax.plot(xs, ys, dashes, marker=mark, ms=8, color=color, mfc=face, gid=version)
            scale = [y / r["median"] for y, r in zip(ys, points, strict=True)]
            ends = [[r[q] * s for r, s in zip(points, scale, strict=True)] for q in ("q1", "q3")]
            ax.vlines(xs, *ends, color=color, lw=5, alpha=0.4)
    ax.set(xscale="log", yscale="log", xlabel="batch size")
    ax.set_xlim(batches[0] / 1.25, batches[-1] * 4.5)
    ax.set_xticks(batches, [str(N) for N in batches])
    ax.minorticks_off()
    ax.yaxis.set_major_formatter(lambda seconds, _: tick_text(seconds))
    ax.grid(axis="y", color=LIGHT)


def _names_at_ends(axes, gap=0.075):
    """Each line's name at its end, pushed apart where two ends are close."""
    low, high = axes[0].get_ylim()
    axes[0].set_ylim(low, high)
    for ax in axes:
        lines = sorted((line for line in ax.lines if line.get_gid()), key=_end)
        wanted = [ax.transAxes.inverted().transform(ax.transData.transform((1, _end(line))))[1]
                  for line in lines]  # fmt: skip
        for line, height in zip(lines, spread(wanted, gap), strict=True):
            name, color, _ = LOOKS[line.get_gid()]
            x = line.get_xdata()[-1] * 1.12
            ax.text(x, height, name, transform=ax.get_xaxis_transform(), va="center",
                    color=ink(color), weight="bold", fontsize=11)  # fmt: skip


def _end(line):
    return line.get_ydata()[-1]


# ---- the queue's model and the recording --------------------------------------------------


@styled
def draw_pace(found, modelled):
    """V6's step, launched and recorded, and the model's line.  modelled: {batch: microseconds}."""
    said = [f"{us:.0f} at batch {N}" for N, us in modelled.items()]
    alt = f"""Microseconds per mini-batch of V6 against the batch size: launched and as a CUDA
        graph, recorded; and launched by the model: {listed(said)}.
        {_pace_text(found, modelled)}"""
    picture, ax = subplots(1, 1, 11, 4.4, alt=alt)
    rows = [r for r in found["rows"] if r["version"] in OURS and r["batch"] in modelled]
    rows = [r for r in rows if r["hidden"] == 64]
    batches = list(modelled)
    ax.plot(batches, list(modelled.values()), color=BLUE, ls="--", lw=1.8)
    ends = [(modelled[batches[-1]], "launched, by the model", BLUE)]
    for version, name in (("cuda_v6_launched", "launched"), ("cuda_v6", "as a CUDA graph")):
        points = sorted((r for r in rows if r["version"] == version), key=lambda r: r["batch"])
        scale = [1e6 * seconds_of_batch(r) / r["median"] for r in points]
        ys = [s * r["median"] for s, r in zip(scale, points, strict=True)]
        color = LOOKS[version][1]
        ax.plot(batches, ys, "o", ms=9, color=color, mfc=HOLLOW.get(version, color), zorder=3)
        ends.append((ys[-1], f"{name}, recorded", color))
        quartiles = [[s * r[q] for s, r in zip(scale, points, strict=True)] for q in ("q1", "q3")]
        ax.vlines(batches, *quartiles, color=color, lw=5, alpha=0.4)
    for y, name, color in ends:
        ax.text(
            batches[-1] * 1.1, y, name, color=ink(color), va="center", weight="bold", fontsize=12
        )
    ax.set(xscale="log", xlabel="batch size (log scale)", ylabel="µs per mini-batch")
    ax.set_xlim(batches[0] / 1.2, batches[-1] * 3.2)
    ax.set_ylim(0, ax.get_ylim()[1])
    ax.set_yticks(range(0, int(ax.get_ylim()[1]), 50))
    ax.set_xticks(batches, [str(N) for N in batches])
    ax.minorticks_off()
    ax.set_title("Dots: V6's recorded mini-batches; bars: half of the repeats")
    ax.text(0, -0.27, card_of(found["machine"]), transform=ax.transAxes, color=GREY, fontsize=11)
    return picture


def _pace_text(found, modelled):
    """What was recorded, in words."""
    rows = [r for r in found["rows"] if r["hidden"] == 64 and r["batch"] in modelled]
    said = [
        f"{name} {1e6 * seconds_of_batch(r):.0f} at batch {r['batch']}"
        for version, (name, *_) in OURS.items()
        for r in rows
        if r["version"] == version != "cuda_v4"
    ]
    return f"Recorded: {listed(said)}."
