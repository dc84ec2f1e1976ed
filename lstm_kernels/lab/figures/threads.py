"""Threads and what they work on.  Lessons 06 and 07."""

from lstm_kernels.lab.estimates.cards import T4, WARP
from lstm_kernels.lab.words import seconds_text

from .board import arrow, blank, board, box, rectangle, write
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
    ink,
    listed,
    styled,
    subplots,
)

LIT = VERMILLION
SHOWN_WARPS = 12  # rows of the thread map
FRAME = {"radius": 0.8, "lw": 1.5}
FEW_THREADS = 8  # up to so many, two maps of threads to samples fit side by side
LARGE_WARPS = 4  # up to so many, rows are high enough for the samples' numbers


# ---- lesson 06: host and device ---------------------------------------------------------------


@styled
def draw_host_and_device(lit=1, card=T4):
    """The host, the device, what crosses between them, and how many of its cores work."""
    title = f"The launch kernel[1, 1] keeps {lit} of {card.sms * card.cores:,} cores busy"
    alt = f"""{title}. Left the host, its CPU and main memory; right the device, a {card.name} of
        {card.sms} multiprocessors of {card.cores} cores, with device memory. The host launches and
        copies parameters and batch in; gradients and loss come back."""
    picture, ax = board(13, 6.6, (0, 130), (66, 0), title=title, alt=alt)
    _draw_host(ax)
    _draw_crossing(ax)
    _draw_card(ax, lit, card)
    return picture


def _draw_host(ax):
    box(ax, 1, 2, 30, 62, SOFT, **FRAME)
    write(ax, 16, 6.5, "Host", weight="bold", fontsize=17)
    for place in range(4):
        rectangle(ax, 4 + 6.4 * place, 11, 5, 9, SKY if place else BLUE, ec="white")
    write(ax, 16, 23.5, "CPU: a few fast cores", fontsize=12)
    write(ax, 16, 32, "Python runs here:", fontsize=12)
    write(ax, 16, 36.5, "it prepares arrays,", fontsize=12)
    write(ax, 16, 41, "launches, and waits", fontsize=12)
    box(ax, 3, 48, 26, 12, "white", **FRAME)
    write(ax, 16, 54, "main memory", fontsize=13)


def _draw_crossing(ax):
    for y, ends, what in (
        (15, (32, 46), "launch\nkernel[1, 1]"),
        (53, (32, 46), "parameters,\nbatch"),
        (58, (46, 32), "gradients,\nloss"),
    ):
        arrow(ax, (ends[0], y), (ends[1], y), LIT if y == 15 else BLACK, 2.5, head=20)
        above = y != 58
        place = {"va": "bottom" if above else "top", "ha": "center"}
        ax.text(39, y - 1 if above else y + 1, what, fontsize=12, **place)


def _draw_card(ax, lit, card):
    box(ax, 47, 2, 82, 62, SOFT, **FRAME)
    ax.text(49.5, 6, f"Device: {card.name}", va="center", weight="bold", fontsize=17)
    what = f"{card.sms} multiprocessors (SMs) of {card.cores} cores"
    ax.text(127, 6, what, ha="right", va="center", fontsize=13)
    columns = 8
    rows = -(-card.sms // columns)
    wide, high = 78 / columns, 32.5 / rows
    for sm in range(card.sms):
        x, y = 49 + wide * (sm % columns), 14 + high * (sm // columns)
        rectangle(ax, x, y, wide * 0.92, high * 0.86, "white", ec=GREY, lw=0.8)
        _draw_cores(ax, x, y, wide * 0.92, high * 0.86, card.cores, lit if sm == 0 else 0)
    arrow(ax, (52.5, 11.2), (50.1, 14.4), LIT, 1.8, head=20)
    ax.text(53.3, 11, "the one thread", color=LIT, weight="bold", va="center", fontsize=13)
    box(ax, 49, 49, 78, 12, "white", **FRAME)
    write(ax, 88, 55, "device memory: a kernel reads and writes only here")


def _draw_cores(ax, x, y, width, height, cores, lit):
    """The cores of one SM as dots, four rows."""
    columns = cores // 4
    places = [(place % columns, place // columns) for place in range(cores)]
    xs = [x + width * (column + 0.75) / (columns + 0.5) for column, _ in places]
    ys = [y + height * (row + 0.75) / 4.5 for _, row in places]
    ax.scatter(xs[lit:], ys[lit:], s=5, c="#9AA0A6", lw=0)
    ax.scatter(xs[:lit], ys[:lit], s=60, c=LIT, lw=0, zorder=5)


# ---- lesson 06: what a launch writes ----------------------------------------------------------


@styled
def draw_written(out, blocks, threads):
    """One row of squares per block: the number that each thread wrote into `out`."""
    many = "thread writes" if blocks * threads == 1 else "threads write"
    alt = f"{blocks * threads} {many} their numbers, a row for each block: {list(map(int, out))}."
    picture, ax = board(11, 0.75 + 0.52 * blocks, (0, 17.5), (blocks + 0.1, 0), alt=alt)
    ax.set_title(f"hello[{blocks}, {threads}](out): {blocks * threads} {many} their numbers")
    for n, value in enumerate(out):
        block, thread = divmod(n, threads)
        color = COLORS[block % 6]
        rectangle(ax, 1.45 + thread, block + 0.06, 0.92, 0.86, color, alpha=0.25)
        write(ax, 1.91 + thread, block + 0.5, str(value), fontsize=14)
    for block in range(blocks):
        ax.text(1.2, block + 0.5, f"block {block}", ha="right", va="center", fontsize=13)
    return picture


# ---- lessons 06 and 07: threads to samples ----------------------------------------------------


@styled
def draw_who_works(maps, N):
    """Panels with threads above and samples below.  maps: (title, threads, pairs, remark) each.

    pairs: (thread, sample) for each sample that a thread works on.  Many threads need all of the
    picture's width: then the panels stand one below the other.
    """
    said = [f"{title}: {len({t for t, _ in pairs})} of {threads} threads work; {remark}"
            for title, threads, pairs, remark in maps]  # fmt: skip
    look = {"squeeze": False, "alt": f"Threads joined to the {N} samples that they work on. "
            f"{'. '.join(said)}."}  # fmt: skip
    if max(threads for _, threads, *_ in maps) > FEW_THREADS:
        picture, axes = subplots(len(maps), 1, 13, 3.1 * len(maps), **look)
    else:
        picture, axes = subplots(1, len(maps), 5.2 * len(maps), 3.9, **look)
    for ax, (title, threads, pairs, remark) in zip(axes.flat, maps, strict=True):
        _draw_map(ax, threads, pairs, N, wide=max(*(threads for _, threads, *_ in maps), N, 8))
        ax.set_title(title)
        ax.text(0, 2.72, remark, fontsize=13, va="center")
    return picture


def _draw_map(ax, threads, pairs, N, wide):
    blank(ax, (-0.6, wide), (2.9, -0.55))
    shift = (N - threads) / 2 if threads < N else 0
    busy = {thread for thread, _ in pairs}
    for thread, sample in pairs:
        ax.plot([thread + shift, sample], [0.2, 1.78], color=LIT, lw=1.3, alpha=0.75, zorder=1)
    for thread in range(threads):
        face, letters = (LIT, "white") if thread in busy else (LIGHT, GREY)
        _node(ax, thread + shift, 0, str(thread), face, letters)
    for sample in range(N):
        _node(ax, sample, 2, str(sample), BLUE, "white")
    ax.text(-0.5, -0.42, "threads", color=LIT, fontsize=12, weight="bold")
    ax.text(-0.5, 2.42, "samples", color=BLUE, fontsize=12, weight="bold")


def _node(ax, x, y, text, face, letters):
    ax.scatter([x], [y], s=330, c=face, lw=0, zorder=3)
    write(ax, x, y, text, color=letters, fontsize=11, zorder=4)


@styled
def draw_ratios(threads, ratios, where):
    """How many times too large the gradient came out, against the number of threads."""
    said = [f"{ratio:.3g} times with {n}" for n, ratio in zip(threads, ratios, strict=True)]
    alt = f"""Every thread does the whole batch: dW comes out too large, {listed(said)} threads;
        1 would be right ({where})."""
    picture, ax = subplots(1, 1, 10, 3.8, alt=alt)
    ax.bar([str(n) for n in threads], ratios, color=LIT, width=0.6)
    for place, ratio in enumerate(ratios):
        ax.text(place, ratio, f"{ratio:.3g}x", ha="center", va="bottom", fontsize=13)
    ax.axhline(1, color=GREEN, lw=2)
    ax.text(len(threads) - 0.6, 1.4, "right", color=GREEN, weight="bold")
    ax.set_xlim(-0.6, len(threads) - 0.1)
    ax.set_ylim(0, max(ratios) * 1.15 + 0.5)
    ax.set_xlabel("threads launched, each one doing the whole batch")
    ax.set_ylabel("size of dW / right size")
    ax.set_title(f"All threads do the whole batch: what becomes of dW? ({where})")
    return picture


# ---- lesson 07: the race ----------------------------------------------------------------------

LOST = (  # time, thread, what it does
    (0, 0, "reads 0"),
    (1, 1, "reads 0"),
    (2, 0, "adds 2"),
    (3, 1, "adds 3"),
    (4, 0, "writes 2"),
    (5, 1, "writes 3"),
)
KEPT = ((0.5, 0, "atomic: 0 + 2"), (3.5, 1, "atomic: 2 + 3"))


@styled
def draw_lost_update():
    """Two threads add to one element: read, add, write may mix; an atomic add may not."""
    alt = """Two threads add 2 and 3 to the same element, which is 0. Above: both read 0, then
        add, then write 2 and 3: one addition is lost, and 3 stays. Below, with atomic adds, one
        after the other: 5."""
    picture, axes = subplots(2, 1, 12, 5.4, alt=alt)
    _draw_steps(axes[0], LOST, 1, "dB[k] += part: one addition is lost", "dB[k] is 3", VERMILLION)
    title = "cuda.atomic.add(dB, k, part): both arrive"
    _draw_steps(axes[1], KEPT, 2, title, "dB[k] is 5", GREEN)
    return picture


def _draw_steps(ax, steps, width, title, result, color):
    blank(ax, (-1.2, 7.9), (1.75, -0.6), title=title)
    for thread, name in enumerate(("thread 0", "thread 1")):
        ax.text(-0.15, thread, name, ha="right", va="center", fontsize=13)
        ax.plot([0, 6.1], [thread, thread], color=LIGHT, lw=2, zorder=0)
    for time, thread, text in steps:
        face = ORANGE if thread else SKY
        rectangle(ax, time, thread - 0.33, 0.95 * width, 0.66, face, zorder=2)
        write(ax, time + 0.475 * width, thread, text, fontsize=13, zorder=3)
    arrow(ax, (0, 1.6), (6.1, 1.6), GREY, 1.5, head=20)
    ax.text(6.2, 1.6, "time", va="center", color=GREY)
    ax.text(6.3, 0.5, result, va="center", fontsize=16, weight="bold", color=ink(color))


# ---- lesson 07: the map of a launch -----------------------------------------------------------


@styled
def draw_thread_map(launch):
    """Lanes (above) and multiprocessors (below) that a launch uses, and what stays idle."""
    rows, high = _rows_of_warps(launch)
    columns = 20 if launch.card.sms <= 60 else 36
    heights = (0.75 + high * len(rows), 0.75 + 0.5 * -(-launch.card.sms // columns))
    alt = f"""{_sentence(launch)}. Above: a row of 32 lanes for each warp, coloured where a lane
        has a sample. Below: the SMs of a {launch.card.name} with their number of blocks."""
    picture, axes = subplots(2, 1, 13, 0.4 + sum(heights), alt=alt, height_ratios=heights)
    picture.suptitle(_sentence(launch), x=0.004, ha="left", weight="bold", fontsize=16)
    _draw_lanes(axes[0], launch, rows, numbered=high > 0.3)
    _draw_sms(axes[1], launch, columns)
    return picture


def _rows_of_warps(launch):
    """Warps to draw, None for those left out, and how high a row is in inches."""
    if launch.warps > SHOWN_WARPS:
        return [*range(SHOWN_WARPS - 2), None, launch.warps - 1], 0.26
    return list(range(launch.warps)), 0.55 if launch.warps <= LARGE_WARPS else 0.26


def _sentence(launch):
    samples = "sample" if launch.N == 1 else "samples"
    blocks = "block" if launch.blocks == 1 else "blocks"
    warps = "warp" if launch.warps == 1 else "warps"
    return (
        f"{launch.N:,} {samples} = {launch.blocks:,} {blocks} of {launch.threads}: "
        f"{launch.warps:,} {warps} with {launch.idle_lanes:,} idle lanes, "
        f"{launch.sms} of {launch.card.sms} SMs"
    )


def _draw_lanes(ax, launch, rows, numbered):
    blank(ax, (0, WARP + 2.6), (len(rows), 0))
    for row, warp in enumerate(rows):
        if warp is None:
            left_out = f"... {launch.warps - SHOWN_WARPS + 1:,} more warps ..."
            write(ax, 2.6 + WARP / 2, row + 0.5, left_out, color=GREY)
        else:
            ax.text(2.4, row + 0.5, f"warp {warp:,}", ha="right", va="center", fontsize=12)
            _draw_warp(ax, row, launch, warp, numbered)
    words = "Lanes, 32 in a warp: one colour for each block, grey is idle"
    ax.set_title(words, fontsize=13, weight="normal")


def _draw_warp(ax, row, launch, warp, numbered):
    """One row of 32 boxes: coloured with a sample (its number, if there is room), else grey."""
    samples = launch.samples_of_warp(warp)
    color = COLORS[warp // launch.warps_of_block % 6]
    for lane in range(WARP):
        face = color if lane < len(samples) else LIGHT
        rectangle(ax, 2.65 + lane, row + 0.07, 0.9, 0.86, face)
    letters = BLACK if color == ORANGE else "white"
    for lane, n in enumerate(samples if numbered else ()):
        write(ax, 3.1 + lane, row + 0.5, str(n), color=letters, fontsize=12, weight="bold")


def _draw_sms(ax, launch, columns):
    blank(ax, (0, columns), (-(-launch.card.sms // columns), 0))
    for sm, blocks in enumerate(launch.blocks_of_sms()):
        x, y = sm % columns, sm // columns
        face = GREEN if blocks else LIGHT
        rectangle(ax, x + 0.05, y + 0.07, 0.9, 0.86, face)
        if blocks:
            size = 13 if columns == 20 else 11
            write(ax, x + 0.5, y + 0.5, str(blocks), color="white", fontsize=size)
    title = f"{launch.card.name}: its SMs, with their number of blocks, grey is idle"
    ax.set_title(title, fontsize=13, weight="normal")


OCCUPIED = (  # what a square of the picture means, and its colour
    (BLUE, "a warp of the batch"),
    (SKY, "free: would fit"),
    (LIGHT, "cannot be used"),
)


@styled
def draw_occupancy(rows, room, N):
    """Room for warps on one SM: taken by a batch of N, still free for more blocks, not usable.

    rows: (threads of a block, warps that fit, what limits them, warps that the batch brings to
    one SM, SMs that it uses) each; room: the warps that an SM can hold.
    """
    said = [f"in blocks of {threads}, {fit} fit (limit: {limit}), {brought} are used on {sms} SMs"
            for threads, fit, limit, brought, sms in rows]  # fmt: skip
    alt = f"Room for {room} warps on one SM, and a batch of {N:,}: {'; '.join(said)}."
    picture, ax = board(13, 1.4 + 0.72 * len(rows), (0, 40), (len(rows) + 0.6, 0), alt=alt)
    ax.set_title(f"Room for {room} warps on one SM: what fits, and what a batch of {N:,} brings")
    for row, (threads, fit, limit, brought, sms) in enumerate(rows):
        ax.text(5.6, row + 0.5, f"blocks of {threads}", ha="right", va="center", fontsize=14)
        for warp in range(room):
            face = BLUE if warp < brought else SKY if warp < fit else LIGHT
            rectangle(ax, 6 + 0.72 * warp, row + 0.14, 0.62, 0.72, face)
        text = f"{brought} used, on {sms} SMs\n{fit} fit: limit is {limit}"
        ax.text(6.5 + 0.72 * room, row + 0.5, text, va="center", fontsize=13)
    for place, (face, words) in enumerate(OCCUPIED):
        rectangle(ax, 6 + 8.2 * place, len(rows) + 0.15, 0.62, 0.42, face)
        ax.text(6.9 + 8.2 * place, len(rows) + 0.36, words, va="center")
    return picture


# ---- lesson 07: measured ---------------------------------------------------------------------


@styled
def draw_times_by_batch(batches, timings, where, color):
    """Time of one gradient against the batch size; a time that is not a GPU's is dashed grey."""
    on_gpu = where == "GPU"
    label = "on the GPU" if on_gpu else f"{where}: not a GPU's time"
    said = [f"{seconds_text(t.median)} for {n:,}" for n, t in zip(batches, timings, strict=True)]
    alt = f"V2's time for one mini-batch, {label}, against the batch size: {listed(said)}."
    picture, ax = subplots(1, 1, 11, 4.6, alt=alt)
    look = {"color": color} if on_gpu else {"color": GREY, "ls": "--"}
    median = [1e3 * timing.median for timing in timings]
    low, high = zip(*([1e3 * q for q in timing.quartiles] for timing in timings), strict=True)
    ax.fill_between(batches, low, high, color=LIGHT)
    ax.plot(batches, median, marker="o", **look, mec=BLACK if on_gpu else GREY)
    ax.axvspan(min(batches), WARP, color=ORANGE, alpha=0.13, lw=0)
    ax.text(WARP * 0.93, 0.93, "one warp", ha="right", transform=ax.get_xaxis_transform())
    ax.set(xscale="log", yscale="log", ylim=(min(low) / 1.5, max(high) * 1.5))
    ax.set_xticks(batches, [f"{n:,}" for n in batches])
    ax.minorticks_off()
    ax.yaxis.set_major_formatter("{x:g}")
    ax.set_xlabel("batch size N (log scale)")
    ax.set_ylabel("ms per mini-batch (log scale)")
    ax.set_title(f"V2's time for one mini-batch, {label}")
    return picture
