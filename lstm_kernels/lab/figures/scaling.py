"""Many workers: who adds what, where a step's time goes, what a model expects.  Lesson 18."""

import math
from statistics import median

from matplotlib.image import imread

from lstm_kernels.data import data_folder
from lstm_kernels.lab.words import seconds_text

from .board import arrow, board, box, rectangle, write
from .style import (
    BLACK,
    BLUE,
    COLORS,
    GREEN,
    GREY,
    LIGHT,
    ORANGE,
    PAPER,
    VERMILLION,
    ink,
    listed,
    styled,
    subplots,
)

PARTS = {"compute": BLUE, "waiting": ORANGE, "communication": VERMILLION}
MOST = 1000  # workers, as far as a model is drawn


DASHBOARD = "dask_dashboard.png"  # data/README.md

# ---- the idea -----------------------------------------------------------------------------


@styled
def draw_tree(shards):
    """A step of data-parallel training.  shards: samples of each worker, a power of two of them."""
    W, height = len(shards), int(math.log2(len(shards)))
    words = listed([f"{n} samples for worker {w}" for w, n in enumerate(shards)])
    alt = f"""From top to bottom: {words}. Each worker has all parameters, and computes the
        gradients of its shard. They are added in pairs, {height} rounds for {W} workers. The sum is
        the gradient of the batch: all workers get it, and make the same step."""
    bottom = 3.0 + 1.6 * height
    picture, ax = board(13, 2.4 + height, (-0.2, 4 * W + 4.2), (bottom, -0.3), alt=alt)
    for w, n in enumerate(shards):
        color, left = COLORS[w], 4 * w
        for k in range(n):
            rectangle(ax, left + 1.6 + (k - n / 2) * 0.42, 0, 0.34, 0.5, color)
        arrow(ax, (left + 1.6, 0.55), (left + 1.6, 1.15), color)
        box(ax, left + 0.2, 1.2, 2.8, 1.1, PAPER, color, lw=2)
        write(ax, left + 1.6, 1.75, f"worker {w}\n{n} samples", fontsize=12)
    _pairs(ax, [(4 * w + 1.6, 2.3) for w in range(W)], 1)
    ax.text(4 * W + 0.1, 0.25, "the batch, in shards", color=GREY, va="center", fontsize=12)
    ax.text(4 * W + 0.1, 1.75, "gradients, each alone", color=GREY, va="center", fontsize=12)
    return picture


def _pairs(ax, places, number):
    """Additions of one round below these places, and of all later rounds."""
    below = []
    for (x0, y0), (x1, _) in zip(places[::2], places[1::2], strict=True):
        x, y = (x0 + x1) / 2, y0 + 1.0
        for start in (x0, x1):
            arrow(ax, (start, y0), (x, y), GREY, 1.6, head=14)
        box(ax, x - 0.5, y, 1.0, 0.6, PAPER, BLACK)
        write(ax, x, y + 0.3, "+", weight="bold")
        below.append((x, y + 0.6))
    ax.text(ax.get_xlim()[1] - 4.1, places[0][1] + 1.3, f"round {number}", color=GREY, va="center",
            fontsize=12)  # fmt: skip
    if len(below) > 1:
        _pairs(ax, below, number + 1)
        return
    ((x, y),) = below
    write(
        ax, x, y + 0.55, "the batch's gradient: back to all workers, the same step", weight="bold"
    )


# ---- where the time goes ------------------------------------------------------------------


@styled
def draw_spent(found):
    """Computing, waiting and communication of a step, stacked.  found: a measured Scaling."""
    kinds = {kind: _medians(found.of(kind)) for kind in ("strong", "weak")}
    told = [
        f"{kind} scaling, {workers} worker{'s' * (workers > 1)}: "
        + ", ".join(f"{name} {seconds_text(t)}" for name, t in parts.items())
        for kind, rows in kinds.items()
        for workers, parts in rows.items()
    ]
    alt = f"Stacked bars of a step's time, {found.source}. {'; '.join(told)}."
    picture, axes = subplots(2, 1, 12, 1.9 + 0.7 * len(told), alt=alt, sharex=True)
    batches = "the same batch, shared", "a batch per worker"
    for ax, kind, batch in zip(axes, kinds, batches, strict=True):
        _stacked(ax, kinds[kind])
        steps = [median(t.whole for t in times) for _, times in sorted(found.of(kind).items())]
        for n, (parts, step) in enumerate(zip(kinds[kind].values(), steps, strict=True)):
            words = f" step: {seconds_text(step)}"
            ax.text(1e3 * sum(parts.values()), n, words, va="center", fontsize=12)
        ax.set_title(f"{kind} scaling: {batch}", fontsize=13)
    for (name, color), x in zip(PARTS.items(), (0.55, 0.67, 0.77), strict=True):
        look = {"color": ink(color), "weight": "bold", "fontsize": 12}
        axes[0].text(x, 1.06, name, transform=axes[0].transAxes, **look)
    longest = max(sum(parts.values()) for rows in kinds.values() for parts in rows.values())
    axes[0].set_xlim(0, 1.2e3 * longest)
    axes[1].set_xlabel("milliseconds, medians", fontsize=12)
    picture.suptitle(found.source, color=GREY, fontsize=12, x=0.02, ha="left")
    return picture


def _medians(rows):
    """{workers: {part: median seconds}}."""
    return {
        workers: {name: median(getattr(t, name) for t in times) for name in PARTS}
        for workers, times in sorted(rows.items())
    }


def _stacked(ax, rows):
    names = [f"{workers} worker{'s' * (workers > 1)}" for workers in rows]
    left = [0.0] * len(rows)
    for part, color in PARTS.items():
        widths = [1e3 * parts[part] for parts in rows.values()]
        ax.barh(names, widths, left=left, color=color, height=0.6)
        left = [a + b for a, b in zip(left, widths, strict=True)]
    ax.invert_yaxis()


# ---- fewer exchanges ----------------------------------------------------------------------


@styled
def show_dashboard():
    """Dask's own dashboard in a training on two workers: a screenshot."""
    alt = """A screenshot of Dask's dashboard. On the right, a row per worker over eight seconds:
        long bars, in which it computes gradients; between them short red ones, data on their way
        from the other worker; and gaps, in which it has nothing to do. On the left, the bytes that
        each worker stores, and the tasks that it has. Below, how far the tasks keep, part and add
        are."""
    picture, ax = subplots(width=10, height=5.7, alt=alt)
    ax.imshow(imread(data_folder() / DASHBOARD))
    ax.axis("off")
    return picture


@styled
def draw_losses(panels):
    """panels: {title: {K: [(samples, loss), ...]}}; K steps alone between two exchanges."""
    ends = [
        f"{title}: " + listed([f"K={K} ends at {points[-1][1]:.3g}" for K, points in runs.items()])
        for title, runs in panels.items()
    ]
    alt = f"The loss against the samples used, log scale. {'. '.join(ends)}."
    picture, axes = subplots(1, len(panels), 12, 4.4, alt=alt, sharey=True, squeeze=False)
    for ax, (title, runs) in zip(axes[0], panels.items(), strict=True):
        for points, color in zip(runs.values(), (BLACK, BLUE, VERMILLION), strict=False):
            ax.plot(*zip(*points, strict=True), color=color, marker="o", ms=4, lw=1.8)
        _name_ends(ax, runs)
        ax.set(yscale="log", xlabel="samples used, all workers together")
        ax.set_title(title, fontsize=13)
        ax.grid(axis="y", color=LIGHT)
        ax.margins(x=0.22)
        ax.set_xlim(left=0)
    axes[0][0].set_ylabel("loss (log scale)")
    axes[0][0].set_yticks([0.1, 0.2, 0.4, 0.8], ["0.1", "0.2", "0.4", "0.8"])
    axes[0][0].minorticks_off()
    return picture


def _name_ends(ax, runs):
    """K beside each curve's end, apart from each other."""
    low, high = (f([loss for points in runs.values() for _, loss in points]) for f in (min, max))
    least, above = math.log(high / low) / 16, -math.inf
    places = sorted((math.log(points[-1][1]), K, points) for K, points in runs.items())
    colors = dict(zip(runs, (BLACK, BLUE, VERMILLION), strict=False))
    for height, K, points in places:
        above = max(height, above + least)
        ax.text(points[-1][0] * 1.02, math.exp(above), f"K = {K}", color=ink(colors[K]),
                va="center", weight="bold", fontsize=12)  # fmt: skip


# ---- a model ------------------------------------------------------------------------------


@styled
def draw_model(lines, measured=(), source=""):
    """Speed-up against the number of workers: dots as measured, dashed as a model expects.

    lines: {name: [(workers, times as fast as one)]}; measured: [(workers, times as fast)], source:
    whose they are.
    """
    best = {name: max(points, key=lambda p: p[1]) for name, points in lines.items()}
    told = [f"{name}: at most {y:.3g}, with {w:,} workers" for name, (w, y) in best.items()]
    dots = ", ".join(f"{y:.2f} with {w}" for w, y in measured)
    alt = f"""Times as fast as one worker, against the number of workers, log scales. Dashed lines,
        a model, not measured: {"; ".join(told)}. Grey: the best possible.
        {f"Dots, {source}: {dots}." if measured else ""}"""
    picture, ax = subplots(1, 1, 12, 5.2, alt=alt)
    ax.plot([1, MOST], [1, MOST], color=LIGHT, lw=2, zorder=0)
    ax.text(300, 420, "the best possible", color=GREY, ha="right", fontsize=12)
    for (name, points), color in zip(lines.items(), (BLUE, GREEN, VERMILLION), strict=False):
        ax.plot(*zip(*points, strict=True), "--", color=color, lw=2)
        w, y = points[-1]
        ax.text(w * 1.15, y, name, color=ink(color), va="center", weight="bold", fontsize=12)
    if measured:
        ax.plot(*zip(*measured, strict=True), "o", color=BLUE, mec=BLACK, ms=9, zorder=4)
    ax.set(xscale="log", yscale="log", xlim=(0.9, 12 * MOST), xlabel="workers (log scale)")
    ticks = [1, 10, 100, MOST]
    for set_ticks in (ax.set_xticks, ax.set_yticks):
        set_ticks(ticks, [f"{tick:,}" for tick in ticks])
    ax.set_ylabel("times as fast as one (log scale)")
    ax.minorticks_off()
    title = "dashed: a model, not measured" + (f"\ndots: {source}" if measured else "")
    ax.set_title(title, fontsize=12, color=GREY)
    return picture


# ---- stragglers ---------------------------------------------------------------------------


@styled
def draw_stragglers(panels):
    """panels: {title: (shares, speeds)}; how long each worker computes, and then waits."""
    ends = {title: [n / v for n, v in zip(*both, strict=True)] for title, both in panels.items()}
    told = [
        f"{title}: {listed([f'{t:.0f}' for t in times])}, so a step takes {max(times):.0f}"
        for title, times in ends.items()
    ]
    alt = f"Bars: how long each worker computes, then waits for the slowest. {'; '.join(told)}."
    picture, axes = subplots(len(panels), 1, 11, 2.6 * len(panels), alt=alt, sharex=True)
    for ax, (title, times) in zip(axes, ends.items(), strict=True):
        names, last = [f"worker {w}" for w in range(len(times))], max(times)
        ax.barh(names, times, color=BLUE, height=0.6)
        ax.barh(names, [last - t for t in times], left=times, color=ORANGE, height=0.6)
        for w, (n, t) in enumerate(zip(panels[title][0], times, strict=True)):
            ax.text(
                t - 8, w, f"{n:.0f} samples", color="white", ha="right", va="center", fontsize=11
            )
        ax.text(last, 0, f" {last:.0f}", va="center", weight="bold")
        ax.invert_yaxis()
        ax.set_title(title, fontsize=13)
        ax.set_xlim(0, 1.08 * max(map(max, ends.values())))
    axes[-1].set_xlabel("time, in samples of a fast worker: blue computes, orange waits")
    return picture
