"""Index maps: which thread reads what, and writes what.  Lesson 05.

Blue is read, red are threads, green is written, light blue is shared memory, grey is idle.
"""

from .board import arrow, blank, rectangle, write
from .style import (
    BLACK,
    BLUE,
    COLORS,
    GREEN,
    GREY,
    LIGHT,
    ORANGE,
    SKY,
    SOFT,
    VERMILLION,
    styled,
    subplots,
)

READ, THREAD, WRITTEN, SHARED = BLUE, VERMILLION, GREEN, SKY
YEAR, BLOCK, TREE, SQUARE = 12, 32, 16, 8


def _panels(height, alt, left, right, widths=(1, 1)):
    """A picture of two panels; left, right: (title, function that draws it)."""
    picture, axes = subplots(1, 2, 13, height, alt=alt, width_ratios=widths)
    for ax, (title, draw) in zip(axes, (left, right), strict=True):
        draw(ax)
        ax.set_title(title)
    return picture


def _cells(ax, x, y, words, face, color="white", size=11):
    """A row of squares, one for each word; an empty word is an empty square."""
    for place, word in enumerate(words):
        rectangle(ax, x + place + 0.05, y, 0.9, 0.8, face)
        if word != "":
            write(ax, x + place + 0.5, y + 0.4, str(word), color=color, fontsize=size)


def _label(ax, y, words, x=-0.3):
    ax.text(x, y + 0.4, words, ha="right", va="center", fontsize=12)


def _threads(ax, x, y, numbers):
    """Threads as red dots with their numbers."""
    for place, n in enumerate(numbers):
        ax.scatter([x + place + 0.5], [y + 0.4], s=300, c=THREAD, lw=0, zorder=4)
        write(ax, x + place + 0.5, y + 0.4, str(n), color="white", fontsize=11, zorder=5)


def _down(ax, x, y, to_x, to_y, color=GREY):
    arrow(ax, (x + 0.5, y), (to_x + 0.5, to_y), color, 1.4, head=12)


def _barrier(ax, y, width):
    ax.plot([0, width], [y, y], color=BLACK, lw=4, solid_capstyle="butt")


# ---- 05.1 and 05.2 ----------------------------------------------------------------------------


@styled
def draw_map_and_guard(months=144):
    """A map in one block of 12; a guard in the last of the blocks of 32."""
    blocks = -(-months // BLOCK)
    idle = blocks * BLOCK - months
    alt = f"""05.1: twelve threads; thread n reads before[n] and after[n] and writes rate[n]. 05.2:
        {blocks} rows, one for each block of {BLOCK} threads, for {months} months; the last {idle}
        threads, {months} to {blocks * BLOCK - 1}, have no month."""
    return _panels(
        3.9, alt, ("05.1: thread n, month n", _map),
        (f"05.2: {months} months, {blocks * BLOCK} threads", lambda ax: _guard(ax, months)),
    )  # fmt: skip


def _map(ax):
    blank(ax, (-2.6, YEAR), (5.9, -0.2))
    rows = ((0, "before", READ), (1, "after", READ), (4.6, "rate", WRITTEN))
    for y, name, face in rows:
        _cells(ax, 0, y, range(YEAR), face)
        _label(ax, y, name)
    _threads(ax, 0, 2.8, range(YEAR))
    _label(ax, 2.8, "thread")
    for n in range(YEAR):
        _down(ax, n, 1.9, n, 2.6)
        _down(ax, n, 3.8, n, 4.5)


def _guard(ax, months):
    blocks = -(-months // BLOCK)
    blank(ax, (-5.2, BLOCK), (blocks + 1.4, -0.2))
    for block in range(blocks):
        _label(ax, block, f"block {block}")
        for m in range(BLOCK):
            has_month = block * BLOCK + m < months
            rectangle(ax, m + 0.08, block, 0.84, 0.8, THREAD if has_month else LIGHT)
    words = f"grey: n from {months} to {blocks * BLOCK - 1} has no month"
    ax.text(-5, blocks + 0.7, words, fontsize=12, va="center")


# ---- 05.3 and 05.4 ----------------------------------------------------------------------------


@styled
def draw_grid_and_stencil(N=10, K=20, lit=(3, 10)):
    """z[n, k] in blocks of 8 by 8; a moving window of 12 months."""
    n, k = lit
    alt = f"""05.3: the {N} by {K} numbers of z, covered by 2 by 3 blocks of 8 by 8 threads, some
        beyond the edge. The thread of n = {n}, k = {k} reads x[{n}], U[{k}] and B[{k}] and writes
        z[{n}, {k}]. 05.4: 20 months and 9 averages; thread 2 reads months 2 to 13 and writes
        average[2], thread 3 months 3 to 14."""
    return _panels(
        4.6, alt, ("05.3: x counts k, y counts n", lambda ax: _grid(ax, N, K, n, k)),
        ("05.4: thread n reads 12 months from n on", _stencil),
    )  # fmt: skip


def _grid(ax, N, K, n, k):
    wide, high = -(-K // SQUARE) * SQUARE, -(-N // SQUARE) * SQUARE
    blank(ax, (-4.6, wide + 0.3), (high + 0.5, -4.2))
    for row in range(high):
        for column in range(wide):
            inside = row < N and column < K
            face = WRITTEN if (row, column) == (n, k) else SOFT if inside else LIGHT
            rectangle(ax, column + 0.06, row + 0.06, 0.88, 0.88, face, ec=GREY, lw=0.4)
    for x in range(0, wide, SQUARE):
        for y in range(0, high, SQUARE):
            rectangle(ax, x, y, SQUARE, SQUARE, "none", ec=THREAD, lw=2.2)
    for y, name in ((-3.6, "U"), (-2.2, "B")):
        ax.text(-0.5, y + 0.5, name, ha="right", va="center", fontsize=12)
        for column in range(K):
            rectangle(ax, column + 0.06, y, 0.88, 0.95, READ if column == k else LIGHT)
    ax.text(-1.9, -0.8, "x", ha="center", va="center", fontsize=12)
    for row in range(N):
        rectangle(ax, -2.4, row + 0.06, 0.95, 0.88, READ if row == n else LIGHT)
    write(ax, -3.6, n + 0.5, f"n={n}", fontsize=11)
    ax.text(k + 1.3, -0.7, f"k={k}", fontsize=11, va="center")


def _stencil(ax, values=20, window=YEAR):
    blank(ax, (-3.4, values), (6.4, -1.2))
    _label(ax, 0, "values")
    for n in range(values):
        _cells(ax, n, 0, [n], READ if 2 <= n < 2 + window else LIGHT, _on(2 <= n < 2 + window))
    for n, y in ((2, -0.35), (3, -0.8)):
        ax.plot([n + 0.1, n + window - 0.1], [y, y], color=(READ, ORANGE)[n - 2], lw=4)
    _label(ax, 2.6, "thread")
    _threads(ax, 2, 2.6, (2, 3))
    for n in range(2, 2 + window):
        ax.plot([n + 0.5, 2.5], [0.85, 2.75], color=GREY, lw=0.9, zorder=0)
    _down(ax, 2, 3.6, 2, 4.7)
    _label(ax, 4.8, "average")
    for n in range(values - window + 1):
        _cells(ax, n, 4.8, [n], WRITTEN if n == 2 else LIGHT, _on(n == 2))
    ax.text(8.5, 3.3, "the windows of threads 2 (blue)\nand 3 (orange) share 11 months",
            fontsize=12, va="center")  # fmt: skip


def _on(lit):
    """The colour of words on a lit square, and on a grey one."""
    return "white" if lit else BLACK


# ---- 05.5 and 05.6 ----------------------------------------------------------------------------


@styled
def draw_tree_and_two_steps():
    """A tree of sums in shared memory; two launches for any number of months."""
    alt = """05.5: 16 numbers in shared memory, 12 months and four zeros; after steps 8, 4, 2 and 1,
        with a barrier before each, 8, 4, 2 and 1 sums are left. 05.6, drawn small: 32 months for 4
        blocks of 4 threads; thread n takes months n and n + 16. Each block adds up to one of 4
        parts; a second launch of one block adds up the parts."""
    return _panels(
        5.2, alt, ("05.5: one year, one block of 16", _tree),
        ("05.6, drawn small: 4 blocks of 4", _two_steps), (1, 1.15),
    )  # fmt: skip


def _tree(ax):
    blank(ax, (-3.4, TREE), (9.3, -0.2))
    _cells(ax, 0, 0, range(YEAR), SHARED, BLACK)
    _cells(ax, YEAR, 0, [0] * (TREE - YEAR), LIGHT, BLACK)
    _label(ax, 0, "share")
    for row, step in enumerate((8, 4, 2, 1)):
        y = 2.1 * row
        _barrier(ax, y + 1.15, TREE)
        for m in range(step):
            _down(ax, m + step, y + 0.85, m, y + 2.05)
        _cells(ax, 0, y + 2.1, [""] * step, SHARED)
        _label(ax, y + 2.1, f"step {step}")
    ax.text(5.5, 6.4, "black: all threads meet,\nsyncthreads()", fontsize=12, va="center")


def _two_steps(ax, months=32, blocks=4, each=4):
    blank(ax, (-4.6, months), (9.3, -1.4))
    for n in range(months):
        block = n // each % blocks
        rectangle(ax, n + 0.06, 0, 0.88, 1.1, COLORS[block])
    _label(ax, 0.1, "values")
    write(ax, 8, -0.8, "months 0 to 15", fontsize=12)
    write(ax, 24, -0.8, "16 to 31: the same threads", fontsize=12)
    for block in range(blocks):
        x = 4 + 7 * block
        for start in (block * each, 16 + block * each):
            ends, look = [start + 2, x + 1.5], {"lw": 1.2, "alpha": 0.55, "zorder": 0}
            ax.plot(ends, [1.15, 4.5], color=COLORS[block], **look)
        rectangle(ax, x, 4.5, 3, 1.1, COLORS[block])
        write(ax, x + 1.5, 5.05, str(block), color="white", fontsize=12)
        arrow(ax, (x + 1.5, 5.7), (16, 7.9), GREY, 1.4, head=12)
    _label(ax, 4.65, "parts")
    rectangle(ax, 14.5, 8, 3, 1.1, WRITTEN)
    _label(ax, 8.15, "total")
    ax.text(19, 8.55, "second launch: one block", fontsize=12, va="center")


# ---- 05.7 and 05.8 ----------------------------------------------------------------------------


@styled
def draw_atomics_and_histogram():
    """Months of three years that add to twelve totals; counters in shared memory first."""
    alt = """05.7: three rows of twelve months; the threads of one column, such as three Januaries,
        add to the same of twelve totals, one after the other. 05.8: four blocks, each with eight
        counters of its own in shared memory; at the end each block adds its eight counters to the
        eight in global memory: 32 atomic additions there."""
    return _panels(
        4.6, alt, ("05.7: n % 12 says to which total", _atomics),
        ("05.8: each block counts for itself first", _histogram), (1, 1.15),
    )  # fmt: skip


def _atomics(ax, years=3):
    blank(ax, (-3, YEAR), (6.9, -0.4))
    for year in range(years):
        first = YEAR * year
        _threads(ax, 0, 1.2 * year, range(first, first + YEAR))
        _label(ax, 1.2 * year, f"year {year}")
    for m in range(YEAR):
        _down(ax, m, 3.5, m, 4.9)
    _cells(ax, 0, 5, range(YEAR), WRITTEN)
    _label(ax, 5, "totals")
    ax.text(0, 6.4, "a column: threads that add to the same total", fontsize=12, va="center")


def _histogram(ax, blocks=4, bins=8):
    wide = bins + 1
    blank(ax, (-4.8, blocks * wide), (6.9, -0.4))
    _label(ax, 0, "64 threads each", x=-0.4)
    _label(ax, 2.2, "shared", x=-0.4)
    middle = (blocks * wide - 1 - bins) / 2
    for block in range(blocks):
        x = block * wide
        for thread in range(bins):
            ax.scatter([x + thread + 0.5], [0.4], s=45, c=THREAD, lw=0)
            to = x + (3 * thread + block) % bins
            ax.plot([x + thread + 0.5, to + 0.5], [0.6, 2.15], color=GREY, lw=0.9, zorder=0)
        _cells(ax, x, 2.2, [""] * bins, SHARED)
        start, end = (x + bins / 2, 3.1), (middle + 1 + 2 * block, 4.9)
        arrow(ax, start, end, THREAD, 2, head=16)
    _cells(ax, middle, 5, range(bins), WRITTEN)
    _label(ax, 5, "counts", x=middle - 0.4)
    ax.text(0, 6.4, f"a thick arrow: {bins} atomic additions in global memory", fontsize=12,
            va="center")  # fmt: skip


# ---- 05.9 and 05.10 ---------------------------------------------------------------------------


@styled
def draw_scan_and_banks(passengers=(3, 1, 4, 1, 5, 9, 2, 6)):
    """Sums that double their reach; a tile's banks without and with a 33rd column."""
    alt = f"""05.9: {len(passengers)} months {", ".join(map(str, passengers))}. The first row is
        moved by one and begins with 0; after steps 1, 2 and 4 each place holds the sum of all
        months before it: {", ".join(map(str, _scanned(passengers)[-1]))}. 05.10, drawn with 8
        banks: in a tile of 8 columns the first column lies in one bank, in a tile of 9, whose last
        column is not used, in all eight."""
    return _panels(
        5, alt, ("05.9, drawn with 8 months", lambda ax: _scan(ax, passengers)),
        ("05.10, drawn with 8 banks: reading a column", _banks), (1, 1.25),
    )  # fmt: skip


def _scanned(passengers):
    """The rows of an exclusive scan: moved by one, then after each step."""
    rows, step = [[0, *passengers[:-1]]], 1
    while step < len(passengers):
        old = rows[-1]
        rows.append([own + (old[n - step] if n >= step else 0) for n, own in enumerate(old)])
        step *= 2
    return rows


def _scan(ax, passengers):
    blank(ax, (-3.2, len(passengers)), (9.6, -0.2))
    _cells(ax, 0, 0, passengers, READ)
    _label(ax, 0, "passengers")
    for place, row in enumerate(_scanned(passengers)):
        y, step = 2 + 2.2 * place, 2 ** (place - 1)
        last = 2**place >= len(passengers)
        _cells(ax, 0, y, row, WRITTEN if last else SHARED, "white" if last else BLACK)
        _label(ax, y, f"step {step}" if place else "share")
        for n in range(len(row)):
            if place and n >= step:
                _down(ax, n - step, y - 1.35, n, y - 0.1, THREAD)
            elif not place and n:
                _down(ax, n - 1, 0.85, n, y - 0.1)


def _banks(ax, banks=8):
    blank(ax, (-0.3, 2 * banks + 5), (banks + 2.6, -1.2))
    for left, width in ((0, banks), (banks + 3, banks + 1)):
        for row in range(banks):
            for column in range(width):
                bank = (row * width + column) % banks
                face = (*COLORS[:6], "#7A3B69", GREY)[bank]
                lit = column == 0
                unused = column == banks
                look = {"alpha": 1 if lit else 0.3, "hatch": "///" if unused else None}
                rectangle(ax, left + column + 0.05, row + 0.05, 0.9, 0.9, face, **look)
                color = "white" if lit else BLACK
                write(ax, left + column + 0.5, row + 0.5, str(bank), color=color, fontsize=11)
        write(ax, left + width / 2, -0.6, f"({banks}, {width})", fontsize=13, weight="bold")
    words = "number and colour: the bank; strong: a column that is read together"
    ax.text(0, banks + 1.2, words, fontsize=12, va="center")


# ---- 05.11 and 05.12 --------------------------------------------------------------------------


@styled
def draw_tiles_and_shuffles(K=20, J=17, N=10):
    """The tiles of one block of a matrix product; a sum inside a warp."""
    alt = f"""05.11: W of {K} by {J}, h of {J} by {N} and z of {K} by {N}, in tiles of 8 by 8. The
        block that computes z's second tile from above reads W's second row of tiles and h's first
        column of tiles, one pair after the other. 05.12, drawn with 8 lanes: in steps 4, 2 and 1
        lane n gets the number of lane n + step and adds it; at the end lane 0 has the sum."""
    return _panels(
        5.4, alt, ("05.11: z = W h by tiles", lambda ax: _tiles(ax, K, J, N)),
        ("05.12, drawn with 8 lanes", _shuffles),
    )  # fmt: skip


def _tiles(ax, K, J, N):
    gap = 3
    blank(ax, (-2.6, J + gap + N + 5), (J + gap + K + 0.5, -1.6))
    parts = (  # name, corner, size, lit tiles: (row, column)
        ("W", (0, J + gap), (K, J), [(1, t) for t in range(3)], READ),
        ("h", (J + gap, 0), (J, N), [(t, 0) for t in range(3)], READ),
        ("z", (J + gap, J + gap), (K, N), [(1, 0)], WRITTEN),
    )
    for name, (x, y), (rows, columns), lit, face in parts:
        for top in range(0, rows, SQUARE):
            for left in range(0, columns, SQUARE):
                tile = top // SQUARE, left // SQUARE
                size = min(SQUARE, columns - left), min(SQUARE, rows - top)
                look = {"ec": BLACK, "lw": 1.2}
                rectangle(ax, x + left, y + top, *size, face if tile in lit else SOFT, **look)
                if tile in lit and name != "z" and min(size) > 1:
                    number = str(sum(tile) - (name == "W") + 1)
                    write(ax, x + left + size[0] / 2, y + top + size[1] / 2, number, color="white")
        write(ax, x + columns / 2, y - 0.9, name, fontsize=14, weight="bold")
    ax.text(0, 4, "pair after pair of tiles:\n1, 2, and the small 3\nat the edge", fontsize=12,
            va="center")  # fmt: skip


def _shuffles(ax, lanes=8):
    blank(ax, (-3.2, lanes), (9.6, -0.2))
    _threads(ax, 0, 0, range(lanes))
    _label(ax, 0, "lane")
    step = lanes // 2
    for row in range(3):
        y = 2.6 * (row + 1)
        for n in range(step):
            _down(ax, n + step, y - 1.7, n, y - 0.15, THREAD)
            _down(ax, n, y - 1.7, n, y - 0.15)
        last = step == 1
        face, color = (WRITTEN, "white") if last else (SHARED, BLACK)
        _cells(ax, 0, y, [lanes // step] * step, face, color)
        _cells(ax, step, y, [""] * (lanes - step), LIGHT)
        _label(ax, y, f"step {step}")
        step //= 2
    ax.text(0, 9.2, "in a square: how many numbers it has added up", fontsize=12, va="center")


# ---- the learner's own average ----------------------------------------------------------------


@styled
def draw_average(series, average):
    """The series, and its moving averages, each at the middle of its 12 months."""
    first, last = average[0], average[-1]
    alt = f"""{series.name} by month, in {series.unit}, with the season's waves; and the moving
        averages over 12 months, a smooth line that rises from {first:.0f} to {last:.0f}."""
    picture, ax = subplots(1, 1, 11, 3.8, alt=alt)
    ax.plot(series.dates, series.values, color=LIGHT, marker="o", ms=3, mfc=GREY, mec=GREY)
    ax.plot(series.dates[6 : 6 + len(average)], average, color=WRITTEN, lw=3)
    ax.set_ylabel(series.unit)
    ax.set_title(f"{series.name}: your average over 12 months")
    return picture
