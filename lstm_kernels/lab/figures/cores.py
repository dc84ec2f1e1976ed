"""Samples on the cores of a CPU (lesson 12), and on the lanes of a core (appendix A2)."""

from matplotlib.ticker import MaxNLocator

from lstm_kernels.lab.words import seconds_text
from lstm_kernels.versions import simd
from lstm_kernels.versions.numba_cpu import part_of

from .board import arrow, blank, board, box, rectangle, write
from .race import spread as spread_out
from .race import tick_text
from .style import (
    BLACK,
    BLUE,
    COLORS,
    GREEN,
    GREY,
    LIGHT,
    ORANGE,
    PAPER,
    RIVAL_COLORS,
    VERSION_COLORS,
    ink,
    listed,
    styled,
    subplots,
)

CORE_COLORS = tuple(color for color in COLORS if color not in (BLACK, GREY))
TORCH_COLOR = RIVAL_COLORS["pytorch"]
LABEL = {"boxstyle": "circle,pad=0.25", "fc": PAPER, "ec": "none"}
MAX_ROWS = 10  # chunks that are drawn; the rest is told in words
MAX_NUMBERED, MAX_NAMED = 33, 8  # samples, workers: more of them have no words in the picture


def counted(number, word):
    """ "1 chunk", "2 chunks"."""
    return f"{number:,} {word}" + ("s" if number != 1 else "")


def rounds(chunks, cores):
    """How many chunks the busiest core computes, if they are shared out evenly."""
    return -(-chunks // cores)


@styled
def draw_workers(N, workers):
    """Samples above, a box per worker with its own gradients, and their sum below."""
    parts = [part_of(w, workers, N) for w in range(workers)]
    least, most = min(b - a for a, b in parts), max(b - a for a, b in parts)
    each = counted(most, "sample") if least == most else f"{least} or {most} samples"
    title = f"{counted(N, 'sample')}, {counted(workers, 'worker')} with {each} each"
    alt = f"""{title}. A row of samples, coloured by worker; under them a box per worker with
        gradients and a loss of its own, G[0] to G[{workers - 1}]; one box below adds them up in
        this order."""
    picture, ax = board(13, 4.4, (-0.2, N + 0.2), (4.7, -0.6), alt=alt)
    for w, (begin, end) in enumerate(parts):
        color, middle = CORE_COLORS[w % len(CORE_COLORS)], N * (w + 0.5) / workers
        for n in range(begin, end):
            rectangle(ax, n + 0.06, 0, 0.88, 0.8, color)
            ax.plot([n + 0.5, middle], [0.8, 1.7], color=color, lw=1.2)
            if N <= MAX_NUMBERED:
                write(ax, n + 0.5, 0.4, str(n), color=BLACK, weight="bold", fontsize=11)
        wide = 0.9 * N / workers
        box(ax, middle - wide / 2, 1.7, wide, 1, PAPER, color, lw=2)
        if workers <= MAX_NAMED:
            write(ax, middle, 2.2, f"worker {w}\nG[{w}], loss[{w}]", fontsize=11)
        arrow(ax, (middle, 2.7), (middle, 3.45), color)
    box(ax, 0, 3.5, N, 0.8, PAPER, BLACK)
    names = [f"G[{w}]" for w in range(workers)]
    shown = names if workers <= MAX_NAMED else [*names[:2], "...", names[-1]]
    write(ax, N / 2, 3.9, " + ".join(shown) + ", in this order", weight="bold")
    ax.text(0, -0.2, "samples of the batch", color=GREY, fontsize=11)
    picture.suptitle(title, weight="bold", x=0.02, ha="left")
    return picture


@styled
def draw_cores(N, cores, lanes=32):
    """The map: sample n has lane n % lanes of chunk n // lanes; the cores share the chunks."""
    chunks = -(-N // lanes)
    drawn, idle = min(chunks, MAX_ROWS), chunks * lanes - N
    busy = min(chunks, cores)
    title = (
        f"{counted(N, 'sample')}: {counted(chunks, 'chunk')} on {busy} of "
        f"{counted(cores, 'core')}, {counted(idle, 'idle lane')},\n"
        f"{counted(rounds(chunks, cores), 'chunk')} in a row on the busiest core"
    )
    alt = f"{title}. A row of {lanes} lanes for each chunk, coloured by core; idle lanes are grey."
    picture, ax = board(13, 1.7 + 0.42 * drawn, (-3.6, lanes + 3.6), (drawn + 0.8, -0.7), alt=alt)
    for chunk in range(drawn):
        core = chunk * cores // chunks
        color = CORE_COLORS[core % len(CORE_COLORS)]
        for lane in range(lanes):
            used = chunk * lanes + lane < N
            rectangle(ax, lane + 0.06, chunk + 0.1, 0.88, 0.8, color if used else LIGHT)
        ax.text(-0.4, chunk + 0.5, f"chunk {chunk}", ha="right", va="center", fontsize=12)
        words = f"core {core}"
        ax.text(lanes + 0.4, chunk + 0.5, words, color=ink(color), va="center", weight="bold")
    ax.text(0.5, -0.25, "lane 0", ha="center", color=GREY, fontsize=11)
    ax.text(lanes - 0.5, -0.25, f"{lanes - 1}", ha="center", color=GREY, fontsize=11)
    if drawn < chunks:
        ax.text(0, drawn + 0.45, f"... and {counted(chunks - drawn, 'more chunk')}", color=GREY)
    picture.suptitle(title, weight="bold", x=0.02, ha="left")
    return picture


@styled
def draw_lanes(units=3, lanes=8):
    """Samples apart or samples side by side: what one instruction can take."""
    alt = f"""A table of {units} units by {lanes} samples, twice, with each number's place in
        memory. Kept sample after sample, the {lanes} values of unit 0 lie {units} places apart
        and one instruction takes 1 sample; with samples last they are neighbours and it takes
        {lanes}."""
    picture, axes = subplots(1, 2, 13, 3.9, alt=alt)
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
    alt = f"""One turn of C = A B: {counted(columns, "vector")} of {width} numbers of B and {rows}
        numbers of A are loaded, and all of their products are added to {rows * columns} vectors of
        sums of C that stay in registers."""
    picture, ax = subplots(1, 1, 13, 2.2 + 0.36 * rows, alt=alt)
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
        (rows / 2 + 0.6, f"{rows * columns} multiply-adds of {width} numbers in a turn", GREEN),
        (rows - 0.5, f"loaded: {rows} numbers of column q of A", ORANGE),
    )
    for y, text, color in words:
        ax.text(right, y, text, color=ink(color), va="center", weight="bold")
    blank(ax, (-0.2, right + 11), (rows + 0.4, -2))
    return picture


@styled
def draw_times(timings, title, ratios=True):
    """A bar from zero for each, median and quartiles; with ratios to the first, if wished.

    timings: {name: Timing}.
    """
    said = [f"{name} {seconds_text(timing.median)}" for name, timing in timings.items()]
    alt = f"{title}. Bars of wall time, medians: {listed(said)}."
    picture, ax = subplots(1, 1, 13, 1.5 + 0.65 * len(timings), alt=alt)
    first = next(iter(timings.values())).median
    for place, (name, timing) in enumerate(timings.items()):
        low, high = timing.quartiles
        ax.barh(place, timing.median, height=0.66, color=VERSION_COLORS.get(name, GREY))
        ax.plot([low, high], [place, place], color=BLACK, lw=2, marker="|", ms=12)
        words = str(timing) + (f": {first / timing.median:.3g}x" if ratios and place else "")
        end = (max(high, timing.median), place)
        ax.annotate(words, end, (10, 0), textcoords="offset points", va="center", weight="bold")
    longest = max(max(t.median, t.quartiles[1]) for t in timings.values())
    ax.set_yticks(range(len(timings)), list(timings))
    ax.set(ylim=(len(timings) - 0.45, -0.55), xlim=(0, 1.7 * longest))
    ax.xaxis.set_major_locator(MaxNLocator(6))
    ax.xaxis.set_major_formatter(lambda seconds, _: tick_text(seconds) if seconds else "0")
    ax.set_xlabel("wall time: median (first to third quartile)")
    ax.set_title(title)
    return picture


@styled
def draw_speedup(timings, serial):
    """Speed-up by number of threads beside Amdahl's bound.  timings: {threads: Timing}."""
    threads, first = list(timings), timings[1].median
    bound = [1 / (serial + (1 - serial) / k) for k in threads]
    measured = [first / timings[k].median for k in threads]
    alt = f"""Speed-up against the number of threads, up to {threads[-1]}: measured
        {measured[-1]:.2f} times as fast as one thread, Amdahl's bound {bound[-1]:.2f}, with
        {serial:.0%} of the work on one thread."""
    picture, ax = subplots(1, 1, 11, 4.6, alt=alt)
    spread = [[first / q for q in timings[k].quartiles] for k in threads]
    lines = (
        ("k times faster", threads, ":", GREY),
        ("Amdahl's bound", bound, "s--", BLUE),
        ("measured", measured, "o-", GREEN),
    )
    for _, values, look, color in lines:
        ax.plot(threads, values, look, color=color, ms=9)
    for k, ends in zip(threads, spread, strict=True):
        ax.plot([k, k], ends, color=GREEN, lw=7, alpha=0.3, solid_capstyle="butt")
    top = 1.15 * max(*threads, *(q for ends in spread for q in ends))
    room = threads[-1] - 1 or 1
    ax.set(xlim=(1 - 0.15 * room, threads[-1] + 0.45 * room), ylim=(0, top), xticks=threads)
    places = spread_out([values[-1] / top for _, values, *_ in lines], 0.075)
    for (words, values, _, color), place in zip(lines, places, strict=True):
        ax.text(
            threads[-1] + 0.04 * room, place * top, f"{words}: {values[-1]:.2f}",
            color=color, va="center",
        )  # fmt: skip
    ax.set_xlabel("threads k (pale: half of the repeats)")
    ax.set_ylabel("times faster than one")
    ax.set_title(f"More threads; {serial:.0%} of the work stays on one")
    return picture


@styled
def draw_against_torch(rows):
    """A group of bars from zero for each shape, each with a scale of its own.

    rows: of cpu_baselines.time_shapes, with or without PyTorch.
    """
    said = [f"N={row.N}, T={row.T}, H={row.H}: " + listed([f"{v} {seconds_text(t.median)}"
            for v, t in row.timings.items()]) for row in rows]  # fmt: skip
    alt = f"Bars of the time per training step, a panel for each shape. {'; '.join(said)}."
    picture, axes = subplots(1, len(rows), 13, 4.2, alt=alt)
    names = {"numpy_batched": BLUE, "numba_cpu": GREEN, "torch": TORCH_COLOR}
    for ax, row in zip(axes, rows, strict=True):
        for place, (version, timing) in enumerate(row.timings.items()):
            color = VERSION_COLORS.get(version, names[version])
            ax.bar(place, timing.median, color=color, width=0.7)
            for color, width in ((PAPER, 7), (GREY, 3)):
                ax.plot([place] * 2, timing.quartiles, color=color, lw=width)
        labels = [f"{v}\n{seconds_text(t.median)}" for v, t in row.timings.items()]
        ax.set_xticks(range(len(labels)), labels, fontsize=10)
        top = 1.05 * max(max(t.median, t.quartiles[1]) for t in row.timings.values())
        ax.set(ylim=(0, top), xlim=(-0.6, len(labels) - 0.4))
        ax.yaxis.set_major_locator(MaxNLocator(4))
        ax.yaxis.set_major_formatter(lambda seconds, _: tick_text(seconds) if seconds else "0")
        ax.set_title(f"N={row.N}, T={row.T}, H={row.H}")
    picture.supxlabel("each picture has its own scale; grey: half of the repeats", fontsize=11)
    return picture
