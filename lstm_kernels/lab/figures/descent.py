"""What may run in parallel, and what a batch size costs and buys.  Lesson 03."""

import numpy as np
from matplotlib.patches import Circle
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, NullLocator

from lstm_kernels.lab.words import seconds_text

from .board import arrow, board, box, write
from .race import tick_text
from .style import BLACK, BLUE, GREEN, GREY, LIGHT, VERMILLION, ink, listed, styled, subplots

BATCH_COLORS = (VERMILLION, BLUE, GREEN)  # small, middle and full batch
BATCH_MARKERS = "o^s"  # the same, for eyes that see no colours
UNITS = 6  # drawn in the dependency graph

# ---- the dependency graph -----------------------------------------------------------------


@styled
def dependency_graph():
    """Samples, steps both ways, gates, updates: which of them wait for each other (lesson 03)."""
    alt = """Rows are samples: boxes of the forward steps t = 0 to T-1, then of the backward steps
        T-1 to 0, each waiting for the one before; the rows do not wait for each other. All meet in
        the sum of the gradients, then the update, then the next mini-batch. Inside one step the 4H
        gate rows are independent, and so are the H units of c and h after them."""
    picture, ax = board(13, 7.0, (-1.7, 13.0), (-3.85, 4.05), alt=alt, aspect="equal")
    ax.set_title("What is green may run at the same time; a red arrow means: wait")
    rows = [(3.0, "n = 0"), (2.0, "n = 1"), (0.0, "n = N-1")]
    for y, label in rows:
        _draw_sample(ax, y, label)
    for x, words in ((1.5, "forward pass: t goes up  →"), (6.0, "backward pass: t goes down  →")):
        write(ax, x, 1.02, "⋮", fontsize=22, color=GREEN)
        ax.text(x, 3.6, words, ha="center", color=VERMILLION)
    ax.text(-1.68, 1.5, "samples, side by side", va="center", rotation=90, color=GREEN)
    _draw_updates(ax, [y for y, _ in rows])
    _draw_zoom(ax)
    _draw_key(ax)
    return picture


FORWARD = {0.0: "t = 0", 1.2: "t = 1", 3.0: "t = T-1"}  # where a row's boxes are
BACKWARD = {4.5: "t = T-1", 6.3: "t = 1", 7.5: "t = 0"}
WIDE = 0.86  # of a box


def _draw_sample(ax, y, label):
    """One row: a sample's steps forward, then backward, each waiting for the one before."""
    ax.text(-0.55, y, label, ha="right", va="center", color=GREEN, fontsize=12)
    places = {**FORWARD, **BACKWARD}
    for x, step in places.items():
        _box(ax, x, y, WIDE, 0.62, step, GREEN)
    for left, right in zip(list(places)[:-1], list(places)[1:], strict=True):
        left, right = left + WIDE / 2, right - WIDE / 2
        if right - left < 0.9:
            _wait(ax, (left, y), (right, y))
            continue
        _wait(ax, (left, y), (left + 0.3, y))
        write(ax, (left + right) / 2, y + 0.03, "…", fontsize=16, color=VERMILLION)
        _wait(ax, (right - 0.3, y), (right, y))


def _draw_updates(ax, ys):
    """All samples meet in the sum; the next mini-batch waits for the update."""
    for y in ys:
        _wait(ax, (7.93, y), (8.72, 1.5 + (y - 1.5) * 0.28))
    _box(ax, 9.35, 1.5, 1.26, 1.2, "sum of all\ngradients", VERMILLION)
    _wait(ax, (9.98, 1.5), (10.37, 1.5))
    _box(ax, 11.0, 1.5, 1.26, 1.2, "update of\nthe params", VERMILLION)
    _wait(ax, (11.63, 1.5), (12.02, 1.5))
    ax.text(12.1, 1.5, "next\nmini-\nbatch", va="center", color=VERMILLION)


def _draw_zoom(ax):
    """Inside one step: 4H sums that do not need each other, then H units that do not."""
    for x, corner in ((1.2 - WIDE / 2, -0.1), (1.2 + WIDE / 2, 6.85)):
        ax.plot([x, corner], [-0.33, -1.06], color=GREY, lw=1, ls=":")
    _box(ax, 3.37, -2.4, 7.1, 2.7, "", GREY)
    ax.text(0.1, -1.36, "one forward step:", va="center", color=GREY)
    ax.text(2.3, -1.36, "4H gate rows", va="center", color=GREEN, weight="bold")
    write(ax, 5.6, -1.36, "H units", color=GREEN, weight="bold")
    for row, gate in enumerate("ifgo"):
        y = -1.85 - 0.47 * row
        write(ax, 0.3, y, gate, weight="bold")
        for j in range(UNITS):
            ax.add_patch(Circle((0.8 + 0.42 * j, y), 0.16, color=GREEN, lw=0))
    _wait(ax, (3.4, -2.55), (4.2, -2.55))
    for row, name in enumerate(("c", "h")):
        y = -2.08 - 0.94 * row
        for j in range(UNITS):
            _box(ax, 4.55 + 0.42 * j, y, 0.34, 0.62, name, GREEN)
    _wait(ax, (5.6, -2.4), (5.6, -2.7))


def _draw_key(ax):
    lines = (
        (GREEN, "samples: N of them"),
        (GREEN, "gates: 4 for each hidden unit"),
        (GREEN, "hidden units: H of them"),
        (VERMILLION, "steps: h and c go forward, dh and dc back"),
        (VERMILLION, "updates: each needs the new parameters"),
    )
    for place, (color, text) in enumerate(lines):
        y = -1.3 - 0.48 * place
        if color == GREEN:
            _box(ax, 7.6, y, 0.32, 0.3, "", color)
        else:
            _wait(ax, (7.4, y), (7.82, y))
        ax.text(7.95, y + 0.13, text, va="top", fontsize=13)


def _box(ax, x, y, width, height, text, color):
    """A box around (x, y), its words in the middle."""
    corner = x - width / 2, y - height / 2
    box(ax, *corner, width, height, (color, 0.13), color, 0.06, lw=1.6)
    write(ax, x, y, text, fontsize=12)


def _wait(ax, start, end):
    """A red arrow: what is at its end waits for what is at its start."""
    arrow(ax, start, end, VERMILLION, 1.8, head=13)


# ---- the noise of a batch's gradient ------------------------------------------------------


def two_directions(vectors, full):
    """Each gradient's part along the full one, and across it where single samples differ most.

    vectors: {batch size: (draws, P)}; full (P,), of length 1.  {batch size: (draws, 2)}
    """
    smallest = vectors[min(vectors)]
    across = smallest - np.outer(smallest @ full, full)
    across = np.linalg.svd(across - across.mean(axis=0))[2][0]
    return {b: np.stack([v @ full, v @ across], axis=1) for b, v in vectors.items()}


@styled
def draw_noise(points, deviations, batch_size):
    """Gradients of random batches around the full gradient, and their spread by batch size.

    points: {batch size: (draws, 2)}: the part along the full gradient and the part across it, in
    units of the full gradient's length.  deviations: {batch size: root mean square distance}.
    """
    uphill = float((points[batch_size][:, 0] < 0).mean())
    said = [f"{deviation:.2g} at {b}" for b, deviation in deviations.items()]
    alt = f"""Left: gradients of random batches of {batch_size} as a cloud around the full gradient,
        an arrow of length 1; {uphill:.0%} point uphill. Right: their typical distance from it
        falls with the batch, about as one over its square root: {listed(said)}."""
    picture, (left, right) = subplots(1, 2, 13, 5.2, alt=alt, width_ratios=(1.25, 1))
    _draw_cloud(left, points[batch_size], batch_size)
    _draw_deviations(right, deviations, batch_size)
    return picture


def _draw_cloud(ax, points, batch_size):
    low, high = _limits(points)
    ax.axvspan(low[0], 0, color=VERMILLION, alpha=0.09, lw=0)
    words = {"transform": ax.transAxes, "color": VERMILLION}
    ax.text(0.02, 0.03, "red ground: steps by these gradients lead uphill", **words)
    ax.scatter(points[:, 0], points[:, 1], s=22, color=BLUE, alpha=0.45, lw=0)
    arrow(ax, (0, 0), (1, 0), lw=2.4, head=13)
    ax.text(0.02, 0.97, "black arrow: the full gradient", va="top", transform=ax.transAxes)
    uphill = float((points[:, 0] < 0).mean())
    samples = "1 sample" if batch_size == 1 else f"{batch_size} samples"
    ax.set_title(f"Gradients of {samples}: {uphill:.0%} point uphill")
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(6, steps=(1, 2, 5, 10)))
    ax.set_xlabel("along the full gradient (its length is 1)")
    ax.set_ylabel("across it, in the same unit")


def _limits(points):
    """The corners of axes that hold these points and the full gradient; room for words."""
    low = np.minimum(points.min(axis=0), (-0.5, -0.5))
    high = np.maximum(points.max(axis=0), (1.5, 0.5))
    room = (high - low) * ((0.05, 0.15),)
    return (low - room)[0], (high + room)[0]


def _draw_deviations(ax, deviations, batch_size):
    sizes = np.array([b for b, value in deviations.items() if value > 1e-3])
    values = np.array([deviations[b] for b in sizes])
    ax.plot(sizes, values[0] / np.sqrt(sizes), color=GREY, lw=1.4, ls="--")
    ax.text(sizes[-1] * 1.05, values[0] / np.sqrt(sizes[-1]), "1/√batch", color=GREY, va="center")
    ax.plot(sizes, values, "o-", color=BLUE)
    if batch_size in sizes:
        ax.plot(batch_size, deviations[batch_size], "o", ms=15, mfc="none", mec=BLACK, mew=2)
    ax.set_xscale("log", base=2)
    ax.set_yscale("log", base=2)
    ax.set_xticks(sizes, sizes)
    ticks = [v for v in (0.125, 0.25, 0.5, 1, 2, 4, 8) if values.min() / 2 < v < values.max() * 2]
    ax.set_yticks(ticks, [f"{v:g}" for v in ticks])
    ax.minorticks_off()
    ax.set_xlim(sizes[0] / 1.2, sizes[-1] * 2.4)
    ax.set_xlabel("samples in the batch")
    ax.set_ylabel("in lengths of the full gradient (log)")
    ax.set_title("Typical distance from the full gradient")


# ---- stochastic, mini-batch, full batch ---------------------------------------------------


@styled
def draw_parallel_work(N, batch_sizes):
    """One epoch: updates one after the other, and in each the samples that may run together."""
    said = [f"batch {b}: {-(-N // b)} in a row, up to {min(N, b)} samples together"
            for b in batch_sizes]  # fmt: skip
    alt = f"One epoch of {N} samples as updates in a row. {'; '.join(said)}."
    picture, ax = subplots(1, 1, 13, 4.4, alt=alt)
    left = 0
    for batch_size, color in zip(batch_sizes, BATCH_COLORS, strict=True):
        updates, wide = -(-N // batch_size), min(N, batch_size)
        for n in range(N):
            x, y = left + n // batch_size, n % batch_size
            ax.fill_between([x + 0.08, x + 0.92], y + 0.1, y + 0.9, color=color, lw=0)
        chain = f"{updates} updates in a row" if updates > 1 else "1 update"
        words = f"batch {batch_size}\n{chain},\n"
        words += f"{wide} sample{'s' * (wide > 1)} at a time"
        beside = batch_size == N
        at = (left + 2, 0.8 * N) if beside else (left, wide + 2)
        ax.text(*at, words, color=ink(color), va="top" if beside else "bottom", weight="bold")
        left += max(updates, 22) + 4
    ax.set(xlim=(-1, left - 1), ylim=(-1.5, N + 1))
    ax.set_xticks([])
    ax.set_yticks([0, N], ["0", str(N)])
    ax.set_xlabel("updates, one after the other  →")
    ax.set_ylabel("independent\nsamples  →")
    ax.set_title("One epoch, three ways: what is wide must wait, what is tall may run together")
    return picture


@styled
def draw_descent(losses, seconds, labels):
    """Loss against epochs, and against the wall time of two versions.

    losses: {batch size: loss after each epoch}; seconds: {version: {batch size: seconds since
    the start, after each epoch}}; labels: {batch size: its label}.
    """
    ends = [f"batch {b} ends at loss {curve[-1]:.2g}" + "".join(
            f", after {seconds_text(s[b][-1])} with {name}" for name, s in seconds.items())
            for b, curve in losses.items()]  # fmt: skip
    alt = f"Loss against epochs, and against the wall time of {listed(seconds)}: {'; '.join(ends)}."
    picture, axes = subplots(1, 1 + len(seconds), 14, 4.8, alt=alt, sharey=True)
    epochs = {b: np.arange(1, len(curve) + 1) for b, curve in losses.items()}
    panels = [("Against epochs", "epochs", epochs)]
    panels += [(f"Against time: {name}", "wall time (log)", s) for name, s in seconds.items()]
    times = [s for by_batch in seconds.values() for curve in by_batch.values() for s in curve]
    for ax, (title, words, xs) in zip(axes, panels, strict=True):
        looks = zip(losses.items(), BATCH_COLORS, BATCH_MARKERS, strict=True)
        for (batch_size, curve), color, marker in looks:
            ax.plot(xs[batch_size], curve, color=color, marker=marker, markevery=4, ms=8)
        ax.set_title(title)
        ax.set_xlabel(words)
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_locator(NullLocator())
        ax.grid(axis="y", color=LIGHT)
        if xs is not epochs:
            ax.set(xscale="log", xlim=(min(times) / 1.4, max(times) * 1.4))  # the same in all
            decades = np.log10(max(times) / min(times))
            ax.xaxis.set_major_locator(LogLocator(subs=(1,) if decades > 2 else (1, 3)))
            ax.xaxis.set_major_formatter(lambda seconds, _: tick_text(seconds))
            ax.xaxis.set_minor_formatter(NullFormatter())
    _label_curves(axes[0], losses, epochs, labels)
    axes[0].set_ylabel("loss on all windows (log)")
    return picture


def _label_curves(ax, losses, epochs, labels):
    """Write each curve's name beside its end."""
    for (batch_size, curve), color in zip(losses.items(), BATCH_COLORS, strict=True):
        x, y = epochs[batch_size][-1], curve[-1]
        ax.text(x * 1.03, y, labels[batch_size], color=ink(color), va="center", weight="bold")
    last = max(e[-1] for e in epochs.values())
    ax.set(xlim=(0, last * 1.45), xticks=(0, last // 2, last))
