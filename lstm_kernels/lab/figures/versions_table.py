"""The course's table of versions: what runs where.  Every lesson from 03 on adds its row."""

from typing import NamedTuple

from .board import board
from .style import BLACK, GREY, HIGHLIGHT, LIGHT, VERSION_COLORS, listed, styled

HEADER = ("version", "an epoch", "a mini-batch", "a data sample", "thread positioning", "transfers")
WIDTHS = (0.135, 0.105, 0.185, 0.185, 0.17, 0.22)  # of the columns; their sum is 1


class Placement(NamedTuple):
    """One version: where each part of the training runs, and who decides it."""

    epoch: str
    batch: str
    sample: str
    threads: str
    transfers: str


ROWS = {
    "sequential": Placement(
        "CPU\nPython loop",
        "CPU\nPython loop over samples",
        "CPU\nPython loops over\nsteps and units",
        "none\none CPU thread",
        "none\nall is in main memory",
    ),
    "numpy_loop": Placement(
        "CPU\nPython loop",
        "CPU\nPython loop over samples",
        "CPU\nPython loop over steps,\nNumPy vectors of units",
        "left to the library\nBLAS may use several",
        "none\nall is in main memory",
    ),
    "numpy_batched": Placement(
        "CPU\nPython loop",
        "CPU\nPython loop over steps,\nall samples at once",
        "CPU\none column of\nevery matrix",
        "left to the library\nBLAS may use several",
        "none\nall is in main memory",
    ),
    "cuda_v1": Placement(
        "CPU\nPython loop",
        "GPU\none launch,\nloop over samples",
        "GPU\nthe same single thread",
        "none\nlaunched as [1, 1]",
        "left to Numba\nevery array, both ways,\nat each launch",
    ),
    "cuda_v2": Placement(
        "CPU\nPython loop",
        "GPU\none launch,\nno loop over samples",
        "GPU\none thread of its own",
        "n = cuda.grid(1)\nand a bounds check",
        "left to Numba\nevery array, both ways,\nat each launch",
    ),
    "cuda_v3": Placement(
        "CPU\nPython loop",
        "GPU\none launch,\nno loop over samples",
        "GPU\none thread of its own",
        "n = cuda.grid(1)\nand a bounds check",
        "explicit\nin: parameters, batch, zeros\nout: gradients, loss",
    ),
    "cuda_v3c": Placement(
        "CPU\nPython loop",
        "GPU\none launch,\nno loop over samples",
        "GPU\none thread of its own,\nneighbours in memory",
        "n = cuda.grid(1)\nand a bounds check",
        "explicit\nin: parameters, batch, zeros\nout: gradients, loss",
    ),
    "numba_cpu": Placement(
        "CPU\nPython loop",
        "CPU cores\nprange over workers",
        "CPU\none lane of a core,\n32 samples side by side",
        "prange\nno bounds check:\nidle lanes get zeros",
        "none\nall is in main memory",
    ),
    "cuda_v4": Placement(
        "CPU\nPython loop",
        "GPU\ntwo launches: a block per\nsample; then the sums",
        "GPU\na thread per gate row,\nloop over steps",
        "block n, thread k,\nbarriers in each step",
        "explicit\nin: parameters, W.T, batch\nout: gradients, loss",
    ),
    "cuda_v5": Placement(
        "CPU\nPython loop",
        "GPU\ntwo launches, samples\nshared out over blocks",
        "GPU\n4 threads per unit,\nweights in registers",
        "block: some samples,\nthread 4 j + q",
        "explicit\nin: parameters, batch\nout: gradients, loss",
    ),
    "cuda_v6": Placement(
        "GPU\nqueued by\nthe host",
        "GPU\ntwo launches: gradients,\nthen the update",
        "GPU\n4 threads per unit,\nweights in registers",
        "as V5; in the update\na thread per parameter",
        "explicit, once\nin: data, parameters\nout: losses, each epoch",
    ),
    "cuda_v7": Placement(
        "GPU\nqueued by\nthe host",
        "GPU\nthree launches: steps,\ndW, then the update",
        "GPU\na lane of a warp, in all\nblocks that share W",
        "block: some units,\nlane: some samples,\nwarp: gate rows",
        "explicit, once\nin: data, parameters\nout: losses, each epoch",
    ),
}

BEFORE = {"cuda_v4": "cuda_v3"}  # what lies between them is an aside


@styled
def versions_table(upto="cuda_v3", new=1):
    """The rows of all versions up to this one, as a Picture; the `new` last are highlighted.

    In these rows, a cell that differs from the row above has bold text: what is new.
    Raises ValueError for a version without a row.
    """
    if upto not in ROWS:
        raise ValueError(f"no row for {upto!r}; choose one of: {', '.join(ROWS)}")
    names = list(ROWS)[: list(ROWS).index(upto) + 1]
    height = 0.55 + 0.82 * len(names)
    picture, ax = board(13, height, (0, 1), (height, 0), alt=_in_words(names, new))
    _draw_header(ax)
    for place, name in enumerate(names):
        newest = place >= len(names) - new
        before = ROWS[BEFORE.get(name, names[max(place - 1, 0)])] if newest else ROWS[name]
        _draw_row(ax, 0.55 + 0.82 * place, name, before, newest)
    return picture


def _in_words(names, new):
    """The table's new rows, field by field."""
    said = [
        f"{name}: "
        + "; ".join(f"{head}: {text}" for head, text in zip(HEADER[1:], ROWS[name], strict=True))
        for name in names[-new:]
    ]
    return f"Table of the versions {listed(names)}: what runs where. {'. '.join(said)}."


def _draw_header(ax):
    for left, title in zip(_edges(), HEADER, strict=True):
        ax.text(left + 0.012, 0.28, title, va="center", weight="bold", fontsize=13)
    ax.plot([0, 1], [0.55, 0.55], color=BLACK, lw=1.6)


def _draw_row(ax, top, name, before, newest):
    """One row; `before` is the row to compare with, to find what is new."""
    if newest:
        ax.axhspan(top, top + 0.82, color=HIGHLIGHT, lw=0)
    ax.fill_between([0, 0.006], top + 0.06, top + 0.76, color=VERSION_COLORS.get(name, GREY), lw=0)
    ax.plot([0, 1], [top + 0.82] * 2, color=LIGHT, lw=1)
    left, *edges = _edges()
    weight = "bold" if newest else "normal"
    ax.text(left + 0.012, top + 0.41, name, va="center", weight=weight, fontsize=13)
    for left, text, old in zip(edges, ROWS[name], before, strict=True):
        new = "bold" if text != old else "normal"
        ax.text(left + 0.012, top + 0.41, text, va="center", weight=new, fontsize=11)


def _edges():
    """Left edge of each column."""
    return [sum(WIDTHS[:column]) for column in range(len(WIDTHS))]
