"""Samples on the lanes and cores of a CPU.  Lesson 12."""

from lstm_kernels.lab.words import seconds_text
from lstm_kernels.versions import simd

from .board import blank, board, rectangle, write
from .style import BLACK, BLUE, COLORS, GREEN, GREY, LIGHT, ORANGE, VERSION_COLORS, styled, subplots

CORE_COLORS = tuple(color for color in COLORS if color not in (BLACK, GREY))
TORCH_COLOR = BLACK
LABEL = {"boxstyle": "circle,pad=0.25", "fc": "white", "ec": "none"}
MAX_ROWS = 10  # chunks that are drawn; the rest is told in words


def counted(number, word):
    """ "1 chunk", "2 chunks"."""
    return f"{number:,} {word}" + ("s" if number != 1 else "")


def rounds(chunks, cores):
    """How many chunks the busiest core computes, if they are shared out evenly."""
    return -(-chunks // cores)


@styled
def draw_cores(N, cores, lanes=32):
    """The map: sample n has lane n % lanes of chunk n // lanes; the cores share the chunks."""
    chunks = -(-N // lanes)
    drawn, idle = min(chunks, MAX_ROWS), chunks * lanes - N
    picture, ax = board(13, 1.7 + 0.42 * drawn, (-3.6, lanes + 3.6), (drawn + 0.8, -0.7))
    for chunk in range(drawn):
        core = chunk * cores // chunks
        color = CORE_COLORS[core % len(CORE_COLORS)]
        for lane in range(lanes):
            used = chunk * lanes + lane < N
            rectangle(ax, lane + 0.06, chunk + 0.1, 0.88, 0.8, color if used else LIGHT)
        ax.text(-0.4, chunk + 0.5, f"chunk {chunk}", ha="right", va="center", fontsize=12)
        words = f"core {core}"
        ax.text(lanes + 0.4, chunk + 0.5, words, color=color, va="center", weight="bold")
    ax.text(0.5, -0.25, "lane 0", ha="center", color=GREY, fontsize=11)
    ax.text(lanes - 0.5, -0.25, f"{lanes - 1}", ha="center", color=GREY, fontsize=11)
    if drawn < chunks:
        ax.text(0, drawn + 0.45, f"... and {counted(chunks - drawn, 'more chunk')}", color=GREY)
    busy = min(chunks, cores)
    picture.suptitle(
        f"{counted(N, 'sample')}: {counted(chunks, 'chunk')} on {busy} of "
        f"{counted(cores, 'core')}, {counted(idle, 'idle lane')},\n"
        f"{counted(rounds(chunks, cores), 'chunk')} in a row on the busiest core",
        weight="bold",
        x=0.02,
        ha="left",
    )
    return picture


@styled
def draw_lanes(units=3, lanes=8):
    """Samples apart or samples side by side: what one instruction can take."""
    picture, axes = subplots(1, 2, 13, 3.9)
    titles = ("sample after sample: h[n, j]", "samples last: h[j, n]")
    for ax, title, last in zip(axes, titles, (False, True), strict=True):
        for j in range(units):
            for n in range(lanes):
                lit = j == 0 and (last or n == 0)
                color = ORANGE if lit else LIGHT
                rectangle(ax, n + 0.05, j + 0.1, 0.9, 0.8, color)
                place = j * lanes + n if last else n * units + j
                write(ax, n + 0.5, j + 0.5, str(place), fontsize=12)
            ax.text(-0.2, j + 0.5, f"unit {j}", ha="right", va="center")
        words = f"one instruction: {lanes} samples" if last else "one instruction: 1 sample"
        ax.text(0, -0.3, words, color=BLACK, weight="bold")
        ax.text(0, units + 0.5, "columns: samples n; numbers: place in memory", color=GREY)
        blank(ax, (-1.8, lanes + 0.2), (units + 0.9, -0.9), title=title)
    return picture


@styled
def draw_tile(rows=simd.ROWS, columns=simd.COLUMNS, width=simd.BYTES // 4):
    """One turn of the product's inner loop: what is loaded, and the sums that stay."""
    picture, ax = subplots(1, 1, 13, 2.2 + 0.36 * rows)
    gap, wide = 2.2, 5.4
    ax.set_title("Turn q of C = A B: every number loaded is used in a whole row or column")
    names = ((0.5, rows / 2, "A"), (gap + wide - 0.1, -1.2, "B"), (gap + wide - 0.1, rows / 2, "C"))
    for x, y, name in names:
        style = {"fontsize": 17, "weight": "bold", "zorder": 3}
        write(ax, x, y, name, bbox=LABEL, **style)
    for r in range(rows):
        rectangle(ax, 0.1, r + 0.1, 0.8, 0.8, ORANGE)
        for v in range(columns):
            rectangle(ax, gap + v * wide, r + 0.1, wide - 0.25, 0.8, GREEN, alpha=0.5)
    for v in range(columns):
        rectangle(ax, gap + v * wide, -1.6, wide - 0.25, 0.8, BLUE, alpha=0.75)
    right, sums = gap + columns * wide + 0.2, counted(rows * columns, "vector")
    words = (
        (-1.2, f"loaded: row q of B, {counted(columns, 'vector')} of {width}", BLUE),
        (rows / 2 - 0.6, f"{sums} of sums: they stay in registers", GREEN),
        (rows / 2 + 0.6, f"{rows * columns} multiply-adds of {width} lanes in a turn", GREEN),
        (rows - 0.5, f"loaded: {rows} numbers of column q of A", ORANGE),
    )
    for y, text, color in words:
        ax.text(right, y, text, color=color, va="center", weight="bold")
    blank(ax, (-0.2, right + 11), (rows + 0.4, -2))
    return picture


@styled
def draw_speedup(timings, serial):
    """Speed-up by number of threads beside Amdahl's bound.  timings: {threads: Timing}."""
    picture, ax = subplots(1, 1, 11, 4.6)
    threads, first = list(timings), timings[1].median
    bound = [1 / (serial + (1 - serial) / k) for k in threads]
    measured = [first / timings[k].median for k in threads]
    low, high = zip(
        *([first / q for q in timings[k].quartiles[::-1]] for k in threads), strict=True
    )
    ax.plot(threads, threads, color=LIGHT)
    ax.plot(threads, bound, "s--", color=GREY)
    ax.fill_between(threads, low, high, color=GREEN, alpha=0.2, lw=0)
    ax.plot(threads, measured, "o-", color=GREEN)
    end = threads[-1] + 0.03 * threads[-1]
    close = abs(bound[-1] - measured[-1]) < 0.08 * threads[-1]
    places = ("bottom", "top") if close else ("center", "center")
    ax.text(end, bound[-1], "Amdahl's bound", color=GREY, va=places[0])
    ax.text(end, measured[-1], "measured", color=GREEN, va=places[1], weight="bold")
    ax.set(xlim=(0.9, threads[-1] * 1.35), ylim=(0, threads[-1] * 1.1), xticks=threads)
    ax.set_xlabel("threads")
    ax.set_ylabel("times faster than one")
    ax.set_title(f"More threads; {serial:.0%} of the work stays on one")
    return picture


@styled
def draw_against_torch(rows):
    """A group of bars a shape.  rows: of baselines.compare, with or without PyTorch."""
    picture, axes = subplots(1, len(rows), 13, 3.9)
    names = {"numpy_batched": BLUE, "numba_cpu": GREEN, "torch": TORCH_COLOR}
    for ax, row in zip(axes, rows, strict=True):
        top = 1.05 * max(min(t.quartiles[1], 2 * t.median) for t in row.timings.values())
        for place, (version, timing) in enumerate(row.timings.items()):
            color = VERSION_COLORS.get(version, names[version])
            low, high = timing.quartiles
            ax.bar(place, timing.median, color=color, width=0.7)
            for color, width in (("white", 7), (GREY, 3)):
                ax.plot([place] * 2, [low, min(high, top)], color=color, lw=width)
        labels = [f"{v}\n{seconds_text(t.median)}" for v, t in row.timings.items()]
        ax.set_xticks(range(len(labels)), labels, fontsize=11)
        ax.set(ylim=(0, top), xlim=(-0.6, len(labels) - 0.4), yticks=[])
        ax.set_title(f"N={row.N}, T={row.T}, H={row.H}")
        ax.spines["left"].set_visible(False)
    picture.supxlabel("grey line: half of the repeats", color=GREY, fontsize=11)
    return picture
