"""Blocks of threads that share work, memory and registers.  Lessons 09 and 10."""

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.patches import Rectangle

from lstm_kernels.figures.style import (
    BLACK,
    BLUE,
    GATE_COLORS,
    GREEN,
    GREY,
    LIGHT,
    ORANGE,
    SKY,
    styled,
    subplots,
)

WARP = 32
CENTRE = {"ha": "center", "va": "center"}


def _board(ax, width, height):
    """Axes as a drawing board in units of its own, y downwards, nothing around it."""
    ax.set(xlim=(0, width), ylim=(height, 0))
    ax.axis("off")


def _cell(ax, x, y, text, face, ink="white", size=12, width=0.9, height=0.8):
    ax.add_patch(Rectangle((x + 0.05, y), width, height, fc=face, lw=0))
    ax.text(x + 0.05 + width / 2, y + height / 2, text, color=ink, fontsize=size, **CENTRE)


def _arrow(ax, start, end, color=GREY, lw=1.5):
    style = {"arrowstyle": "-|>", "color": color, "lw": lw, "mutation_scale": 14}
    ax.annotate("", end, start, arrowprops={**style, "shrinkA": 0, "shrinkB": 0})


# ---- lesson 09: one step of a block ------------------------------------------------------------


@styled
def draw_block_step(H=4):
    """One step of the forward pass: what each thread does, what lies in shared memory, barriers."""
    picture, ax = subplots(1, 1, 13, 6.2)
    left, K = 6.2, 4 * H
    _board(ax, left + K + 0.4, 9.2)
    ax.set_title(f"One block, one sample, one step: H={H} units, {K} threads, two barriers")
    lit = 1  # the unit whose path is drawn
    _row(ax, left, 0.1, "all threads:\nz of gate row k", [(k, _gate_color(k, H)) for k in range(K)])
    _row(ax, left, 2.1, "shared memory:\nthe gates", [("", SKY)] * K, ink=BLACK)
    for k in range(K):
        _arrow(ax, (left + k + 0.5, 0.95), (left + k + 0.5, 2.05))
        ax.text(left + k + 0.5, 2.5, f"{'ifgo'[k // H]}{k % H}", fontsize=12, **CENTRE)
    _barrier(ax, left, 3.45, K, "all gates are there")
    busy = [(k, GREEN if k < H else LIGHT) for k in range(K)]
    _row(ax, left, 4.6, "threads k < H:\nc and h of unit k", busy)
    for r in range(4):
        start = (left + r * H + lit + 0.5, 2.95)
        _arrow(ax, start, (left + lit + 0.5, 4.55), color=_gate_color(r * H, H), lw=2)
    waits = "these threads wait at the barrier"
    ax.text(left + H + 0.3, 5.65, waits, color=GREY, fontsize=12, va="center")
    _row(ax, left, 6.5, "shared memory:\nthe state", [(f"h{j}", SKY) for j in range(H)], ink=BLACK)
    for j in range(H):
        _arrow(ax, (left + j + 0.5, 5.45), (left + j + 0.5, 6.45))
    _barrier(ax, left, 7.85, K, "the new state is there; next step")
    return picture


def _gate_color(k, H):
    return GATE_COLORS["ifgo"[k // H]]


def _row(ax, left, y, label, cells, ink="white"):
    ax.text(left - 0.3, y + 0.4, label, ha="right", va="center", fontsize=13)
    for place, (text, face) in enumerate(cells):
        _cell(ax, left + place, y, str(text), face, GREY if face == LIGHT else ink)


def _barrier(ax, left, y, width, label):
    ax.plot([left, left + width], [y, y], color=BLACK, lw=5, solid_capstyle="butt")
    place = {"fontsize": 13, "weight": "bold"}
    ax.text(left - 0.3, y, "syncthreads()", ha="right", va="center", **place)
    ax.text(left + width, y + 0.15, label, ha="right", va="top", **place)


# ---- lesson 09: what a warp reads --------------------------------------------------------------


@styled
def draw_reads(H, j=0, itemsize=4):
    """The two ways to keep W, and what must be fetched when 32 threads k read column j of it."""
    lanes = range(min(WARP, 4 * H))
    as_is = [k * H + j for k in lanes]
    transposed = [j * 4 * H + k for k in lanes]
    picture, axes = subplots(1, 2, 13, 5.6, width_ratios=(1, 1.9))
    _draw_matrix(axes[0], (4 * H, H), as_is, itemsize, "W[k, j]", ("j", "k"))
    _draw_matrix(axes[1], (H, 4 * H), transposed, itemsize, "WT[j, k]", ("k", "j"))
    picture.suptitle(
        f"H={H}: {len(lanes)} threads read one number each (orange). Blue: fetched as well",
        x=0.01,
        ha="left",
        weight="bold",
        fontsize=15,
    )
    return picture


def _draw_matrix(ax, shape, reads, itemsize, name, axes):
    """A matrix in memory order, row after row; a piece is 32 bytes long."""
    in_piece = 32 // itemsize
    pieces = {read // in_piece for read in reads}
    shown = np.zeros(shape[0] * shape[1])
    for piece in pieces:
        shown[piece * in_piece : (piece + 1) * in_piece] = 1
    shown[reads] = 2
    colors = ListedColormap([LIGHT, BLUE, ORANGE])
    grid = shown.reshape(shape)
    lines = {"edgecolors": "white", "lw": 0.8} if max(shape) <= 64 else {}
    ax.pcolormesh(grid, cmap=colors, vmin=0, vmax=2, **lines)
    ax.set(xlim=(0, shape[1]), ylim=(shape[0], 0), xlabel=axes[0], ylabel=axes[1])
    ax.set_xticks([])
    ax.set_yticks([])
    plural = "piece" if len(pieces) == 1 else "pieces"
    ax.set_title(f"{name}: {len(pieces)} {plural} of 32 bytes")
    for spine in ax.spines.values():
        spine.set_visible(False)


# ---- lesson 09: how long a thread works --------------------------------------------------------


@styled
def draw_lines(xs, lines, title, xlabel, ylabel):
    """Lines over xs on logarithmic axes, each with its name at its end.  lines: name -> (ys, color)

    ys may hold Timings; then half of the repeats are shaded.
    """
    picture, ax = subplots(1, 1, 11, 4.6)
    for name, (ys, color) in lines.items():
        if hasattr(ys[0], "median"):
            low, high = zip(*(y.quartiles for y in ys), strict=True)
            ax.fill_between(xs, low, high, color=color, alpha=0.2, lw=0)
            ys = [y.median for y in ys]
        ax.plot(xs, ys, marker="o", color=color)
        ax.text(xs[-1] * 1.06, ys[-1], name, color=color, weight="bold", va="center")
    ax.set(xscale="log", yscale="log", xlim=(xs[0] / 1.15, xs[-1] * 1.9))
    ax.set_xticks(xs, [f"{x:,}" for x in xs])
    ax.minorticks_off()
    ax.set(xlabel=f"{xlabel} (log scale)", ylabel=f"{ylabel} (log scale)")
    ax.set_title(title)
    return picture
