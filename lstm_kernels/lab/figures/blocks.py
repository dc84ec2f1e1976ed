"""Blocks of threads that share work, memory and registers.  Lessons 13 and 14."""

import numpy as np
from matplotlib.colors import ListedColormap

from lstm_kernels.emulator.requests import bank_turns
from lstm_kernels.lab.estimates.cards import MAX_REGISTERS, WARP

from .board import arrow, board, rectangle, write
from .style import (
    BLACK,
    BLUE,
    GATE_COLORS,
    GREY,
    LIGHT,
    ORANGE,
    SKY,
    SOFT,
    VERMILLION,
    VERSION_COLORS,
    YELLOW,
    ink,
    styled,
    subplots,
)

RED = VERMILLION
QUAD = (SKY, ORANGE, BLACK, GREY)  # the four threads of a unit


def _cell(ax, x, y, text, face, color="white"):
    rectangle(ax, x + 0.05, y, 0.9, 0.8, face, lw=0)
    write(ax, x + 0.5, y + 0.4, text, color=color, fontsize=12)


# ---- lesson 13: one step of a block ------------------------------------------------------------


@styled
def draw_block_step(H=4):
    """One step of the forward pass: what each thread does, what lies in shared memory, barriers."""
    left, K = 6.2, 4 * H
    alt = f"""From top to bottom: all {K} threads compute a gate row each and write it to shared
        memory; a barrier; the {H} threads k < H compute c and h of their unit from its four gates
        while the others wait; the new h goes to shared memory; a second barrier, then the next
        step."""
    picture, ax = board(13, 5.9, (0, left + K + 0.4), (8.6, 0), alt=alt)
    ax.set_title(f"One block, one sample, one step: H={H} units, {K} threads, two barriers")
    lit = 1  # the unit whose path is drawn
    _row(ax, left, 0.1, "all threads:\nz of gate row k", [(k, _gate_color(k, H)) for k in range(K)])
    _row(ax, left, 2.1, "shared memory:\nthe gates", [("", SKY)] * K, color=BLACK)
    for k in range(K):
        arrow(ax, (left + k + 0.5, 0.95), (left + k + 0.5, 2.05), GREY, 1.5, head=14)
        write(ax, left + k + 0.5, 2.5, f"{'ifgo'[k // H]}{k % H}", fontsize=12)
    _barrier(ax, left, 3.45, K, "all gates are there")
    busy = [(k, BLACK if k < H else LIGHT) for k in range(K)]
    _row(ax, left, 4.6, "threads k < H:\nc and h of unit k", busy)
    for r in range(4):
        start = (left + r * H + lit + 0.5, 2.95)
        arrow(ax, start, (left + lit + 0.5, 4.55), _gate_color(r * H, H), head=14)
    waits = "these threads wait at the barrier"
    ax.text(left + H + 0.3, 5.65, waits, color=GREY, fontsize=12, va="center")
    state = [(f"h{j}", SKY) for j in range(H)]
    _row(ax, left, 6.5, "shared memory:\nthe state", state, color=BLACK)
    for j in range(H):
        arrow(ax, (left + j + 0.5, 5.45), (left + j + 0.5, 6.45), GREY, 1.5, head=14)
    _barrier(ax, left, 7.85, K, "the new state is there; next step")
    return picture


def _gate_color(k, H):
    return GATE_COLORS["ifgo"[k // H]]


def _row(ax, left, y, label, cells, color="white"):
    ax.text(left - 0.3, y + 0.4, label, ha="right", va="center", fontsize=13)
    for place, (text, face) in enumerate(cells):
        _cell(ax, left + place, y, str(text), face, GREY if face == LIGHT else color)


def _barrier(ax, left, y, width, label):
    ax.plot([left, left + width], [y, y], color=BLACK, lw=5, solid_capstyle="butt")
    place = {"fontsize": 13, "weight": "bold"}
    ax.text(left - 0.3, y, "syncthreads()", ha="right", va="center", **place)
    ax.text(left + width, y + 0.15, label, ha="right", va="top", **place)


# ---- lesson 13: the way back -------------------------------------------------------------------


@styled
def draw_block_back(H=4):
    """One step of the backward pass: how 4H threads share the sums dh = W^T dz."""
    left, K, lit = 6.6, 4 * H, 1  # lit: the unit whose path is drawn
    alt = f"""From top to bottom: the {H} threads k < H write the four dz of their unit to shared
        memory; a barrier; all {K} threads, k = r H + j, add up the {H} rows of gate r for unit j,
        as drawn for gate f and unit {lit}, and write this part of dh to shared memory; a second
        barrier; then thread j < H adds the four parts of its unit: dh of the step before."""
    picture, ax = board(13, 6.9, (0, left + K + 0.4), (10.2, 0), alt=alt)
    ax.set_title(f"The way back, one step: {K} threads share the sums over the {K} rows of W")
    busy = [(k, BLACK if k < H else LIGHT) for k in range(K)]
    _row(ax, left, 0.1, "threads k < H:\nfour dz of unit k", busy)
    _row(ax, left, 1.9, "shared memory:\ndz", [("", SKY)] * K, color=BLACK)
    for k in range(K):
        write(ax, left + k + 0.5, 2.3, f"{'ifgo'[k // H]}{k % H}", fontsize=12)
    for r in range(4):
        end = (left + r * H + lit + 0.5, 1.85)
        arrow(ax, (left + lit + 0.5, 0.95), end, GREY, 1.5, head=14)
    _barrier(ax, left, 3.2, K, "all of dz is there")
    _row(
        ax,
        left,
        4.5,
        "all threads: H rows\nof one gate",
        [(k, _gate_color(k, H)) for k in range(K)],
    )
    for j in range(H):
        start, end = (left + H + j + 0.5, 2.75), (left + H + lit + 0.5, 4.45)
        arrow(ax, start, end, _gate_color(H, H), head=14)
    _row(ax, left, 6.2, "shared memory:\nparts of dh", [("", SKY)] * K, color=BLACK)
    for k in range(K):
        arrow(ax, (left + k + 0.5, 5.35), (left + k + 0.5, 6.15), GREY, 1.5, head=14)
        write(ax, left + k + 0.5, 6.6, f"{'ifgo'[k // H]}:{k % H}", fontsize=11)
    _barrier(ax, left, 7.5, K, "all parts of dh are there")
    _row(ax, left, 8.8, "threads k < H:\ndh of unit k", busy)
    for r in range(4):
        start = (left + r * H + lit + 0.5, 7.05)
        arrow(ax, start, (left + lit + 0.5, 8.75), _gate_color(r * H, H), head=14)
    return picture


# ---- lesson 13: what a warp reads --------------------------------------------------------------


@styled
def draw_reads(H, j=0, itemsize=4):
    """The two ways to keep W, and what must be fetched when 32 threads k read column j of it."""
    lanes = range(min(WARP, 4 * H))
    as_is = [k * H + j for k in lanes]
    transposed = [j * 4 * H + k for k in lanes]
    fetched = [len({read * itemsize // 32 for read in reads}) for reads in (as_is, transposed)]
    alt = f"""H={H}: {len(lanes)} threads read one number each. With W[k, j] the numbers lie in a
        column, far apart, and {fetched[0]} pieces of 32 bytes are fetched; with WT[j, k] they lie
        side by side, and {fetched[1]} are."""
    picture, axes = subplots(1, 2, 13, 5.6, alt=alt, width_ratios=(1, 1.9))
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


# ---- lesson 14: tiles --------------------------------------------------------------------------


@styled
def draw_tiles(P=16, j=5):
    """W as four squares, one per gate, and in it the tiles of unit j's four threads."""
    C = P // 4
    title = f"P={P}: four threads keep the four rows of unit {j}, a quarter of the columns each"
    alt = f"""{title}. W is drawn as four squares of {P} by {P}, one for each gate; in each, row
        {j} is cut into four tiles of {C} columns, one for each of the threads 4 j to 4 j + 3."""
    picture, ax = board(13, 4.6, (0, 4 * P + 10.7), (P + 6, 0), title=title, alt=alt)
    for r, gate in enumerate("ifgo"):
        left = 6 + r * (P + 1.5)
        rectangle(ax, left, 1.6, P, P, SOFT, ec=GREY, lw=1)
        write(ax, left + P / 2, 0.7, f"gate {gate}", fontsize=13)
        for q, color in enumerate(QUAD):
            rectangle(ax, left + q * C, 1.6 + j, C, 1, color, ec="white", lw=1)
    ax.text(5.6, 2.1 + j, f"row j={j}", ha="right", va="center", fontsize=13)
    ax.text(6, P + 2.9, "columns: the units of h", color=GREY, fontsize=12, va="center")
    for q, color in enumerate(QUAD):
        left = 1 + q * 19.4
        text = f"thread 4 j + {q}: columns {q * C} to {q * C + C - 1}"
        rectangle(ax, left, P + 4.2, 1.2, 1, color)
        ax.text(left + 1.7, P + 4.7, text, va="center", fontsize=12)
    return picture


# ---- lesson 14: shuffles -----------------------------------------------------------------------


@styled
def draw_exchange():
    """How four threads with four parts each end with one whole sum each, in three shuffles."""
    alt = """Three stages of four threads, q = 0 to 3. First each thread has a quarter of the sums
        of all gates i, f, g and o. After an exchange with its partner q ^ 2 it has a half of two
        gates; after one with q ^ 1 the whole sum of one gate: thread q that of gate q."""
    picture, ax = board(13, 5.4, (0, 27.4), (9.4, 0), alt=alt)
    ax.set_title("Each thread has a part of all four gates; in the end thread q has all of gate q")
    _stage(ax, 2.2, "own columns", [["i", "f", "g", "o"]] * 4, ["a quarter"] * 4)
    half = [["i", "f"], ["i", "f"], ["g", "o"], ["g", "o"]]
    _stage(ax, 13.2, "after partner q ^ 2", half, ["a half"] * 4)
    _stage(ax, 22.6, "after partner q ^ 1", [["i"], ["f"], ["g"], ["o"]], ["whole"] * 4)
    for left, right, distance in ((6.7, 11.9, 2), (15.6, 21.3, 1)):
        for q in range(4):
            start, end = (left, 2.1 + 1.9 * (q ^ distance)), (right, 2.1 + 1.9 * q)
            arrow(ax, start, end, QUAD[q ^ distance], head=14)
    text = "an arrow: the sums that the partner keeps are sent to it, and it adds them to its own"
    ax.text(2.2, 9.1, text, color=GREY, fontsize=12, va="center")
    return picture


def _stage(ax, left, title, gates, how_much):
    ax.text(left, 0.7, title, fontsize=13, weight="bold", va="center")
    for q, (kept, part) in enumerate(zip(gates, how_much, strict=True)):
        y = 1.7 + 1.9 * q
        place = {"ha": "right", "va": "center", "weight": "bold", "color": ink(QUAD[q])}
        ax.text(left - 0.2, y + 0.4, f"q={q}", **place)
        for place, gate in enumerate(kept):
            _cell(ax, left + place, y, gate, GATE_COLORS[gate])
        ax.text(left + 0.1, y + 1.15, part, fontsize=11, color=GREY, va="center")


# ---- lesson 14: the way back -------------------------------------------------------------------

HALVINGS = (16, 8, 4)  # masks: the partner's unit is 4, 2 and 1 away


@styled
def draw_halvings():
    """How the eight units of a warp add up their parts of dh: three times halve, then memory."""
    alt = """One thread of each of a warp's eight units, with eight columns each. First each has a
        part of all eight columns. After halve with mask 16 units 0 to 3 keep the first four, each
        the sum of two units, and units 4 to 7 the last four; after mask 8 two columns are left,
        sums of four units; after mask 4 one, the sum of all eight. They go to shared memory, a
        row per warp; after a barrier the rows of all warps are added up."""
    left, wide = 5.4, 2.45  # of a unit; eight cells and a gap
    picture, ax = board(13, 6.6, (0, left + 8 * wide), (11.4, 0), alt=alt)
    ax.set_title(
        "P=32, one quarter q: each unit's thread has parts of eight sums; in the end one sum"
    )
    for u in range(8):
        write(ax, left + u * wide + 1, 0.5, f"unit {u}", fontsize=13, weight="bold")
    for stage in range(4):
        _draw_stage(ax, stage, left, wide)
    for u in range(8):
        start = (left + u * wide + 0.25 * u + 0.125, 8.1)
        arrow(ax, start, (left + 8 + u * 0.45 + 0.2, 8.95), GREY, 1.3, head=10)
        _cell_of(ax, left + 8 + u * 0.45, 9.0, 0.42, SKY)
    _side(ax, left, 9.3, "shared memory:\na row per warp")
    width = 8 * wide - 0.45
    _barrier(ax, left, 10.3, width, "then the rows of all warps are added up")
    return picture


def _draw_stage(ax, stage, left, wide):
    """A row of the picture: what each unit's thread has after so many halvings."""
    y, kept = 1.0 + 2.15 * stage, 8 >> stage
    label = f"after mask {HALVINGS[stage - 1]}:\nsums of {1 << stage} units" if stage else (
        "own columns:\nparts of one unit")  # fmt: skip
    _side(ax, left, y + 0.35, label)
    for u in range(8):
        first = sum((u >> bit & 1) * (1 << bit) for bit in range(3 - stage, 3))
        for m in range(8):
            is_kept = first <= m < first + kept
            face = GATE_COLORS["i"] if is_kept and stage == 3 else SKY if is_kept else LIGHT
            _cell_of(ax, left + u * wide + m * 0.25, y, 0.23, face)
    if stage < 3:
        partner = 4 >> stage
        for a, b in ((0, partner), (partner, 0)):
            start, end = (left + x * wide + 1 for x in (a, b))
            arrow(ax, (start, y + 0.8), (end, y + 2.1), ORANGE, 1.8, head=14)


def _cell_of(ax, x, y, width, face):
    rectangle(ax, x, y, width, 0.7, face, lw=0)


def _side(ax, left, y, label):
    ax.text(left - 0.3, y, label, ha="right", va="center", fontsize=13)


# ---- lesson 14: banks --------------------------------------------------------------------------


def words_of_h(P, pad):
    """Words of shared_h that a warp's 32 threads read together in turn m = 0 of the forward pass.

    Thread 4 j + q reads number 0 of quarter q.
    """
    return [(thread & 3) * (P // 4 + pad) for thread in range(WARP)]


def words_of_dh(P, pad):
    """Words of shared_dh that the first warp reads together in the backward pass.

    Thread 4 j + q reads what warp q left for unit j; a row holds P numbers and 2 pad unused ones.
    """
    return [(thread & 3) * (P + 2 * pad) + (thread >> 2) for thread in range(WARP)]


@styled
def draw_banks(P=64, pads=(0, 4)):
    """The banks of shared memory that a warp's reads hit, for h and for dh, by the padding."""
    turns = [f"pad {pad}: h {bank_turns(words_of_h(P, pad))}, dh {bank_turns(words_of_dh(P, pad))}"
             for pad in pads]  # fmt: skip
    alt = f"""The 32 banks of shared memory, and the words that a warp reads from each together.
        Turns that the read takes, the most words in one bank: {"; ".join(turns)}."""
    width = 13 if len(pads) > 1 else 10
    picture, axes = subplots(2, len(pads), width, 5.2, alt=alt, squeeze=False)
    for column, pad in enumerate(pads):
        for ax, name, words in (
            (axes[0][column], "h", words_of_h(P, pad)),
            (axes[1][column], "dh", words_of_dh(P, pad)),
        ):
            _draw_banks(ax, words)
            turns = bank_turns(words)
            cost = "1 turn" if turns == 1 else f"{turns} turns"
            ax.set_title(f"reading {name}, pad {pad}: {cost}", color=BLACK if turns == 1 else RED)
    picture.supxlabel("bank of shared memory (a colour: a thread q, as before)", fontsize=13)
    return picture


def _draw_banks(ax, words):
    """One square for each word asked for, above its bank; colours are the four threads q."""
    height = [0] * WARP
    asked = {word: thread & 3 for thread, word in enumerate(words)}
    for word, q in asked.items():
        bank = word % WARP
        rectangle(ax, bank + 0.06, height[bank] + 0.06, 0.88, 0.88, QUAD[q])
        height[bank] += 1
    ax.set(xlim=(0, WARP), ylim=(0, 4.2), yticks=range(5), ylabel="words")
    ax.set_xticks([0.5, 8.5, 16.5, 24.5, 31.5], ["0", "8", "16", "24", "31"])


# ---- lesson 14: registers ----------------------------------------------------------------------


@styled
def draw_tile_map(H, T=12):
    """What H hidden units need: padding, registers, and the bytes of W that a sample reads."""
    P = next((padded for padded in (32, 64) if H <= padded), None)
    units = P or 128
    fits = f"padded to P={P}: {4 * P} threads" if P else "does not fit: V7's turn"
    v4, v5 = 2 * T * 16 * H * H / 1024, 16 * P * P / 1024 if P else 0
    alt = f"""H={H}, {fits}. {2 * units} registers per thread for W and dW, of at most
        {MAX_REGISTERS}. For one sample of {T} steps a block reads {v4:,.0f} KiB of W in V4,
        {f"{v5:,.0f} KiB in V5" if P else "and V5 does not fit"}."""
    picture, axes = subplots(2, 1, 12, 4.6, alt=alt, height_ratios=(1, 1.2))
    axes[0].barh(0, 2 * H, 0.5, color=BLUE)
    axes[0].barh(0, 2 * (units - H), 0.5, left=2 * H, color=YELLOW)
    axes[0].axvline(MAX_REGISTERS, color=RED, lw=2)
    axes[0].text(MAX_REGISTERS + 2, 0, f"limit\n{MAX_REGISTERS}", color=RED, va="center")
    axes[0].set(xlim=(0, 300), ylim=(-0.5, 0.5), yticks=[])
    axes[0].set_title(f"H={H}, {fits}; registers per thread for W and dW (yellow: padding)")
    _draw_traffic(axes[1], v4, v5)
    axes[1].set_xlabel(f"KiB of W that a block reads for one sample of {T} steps")
    return picture


def _draw_traffic(ax, v4, v5):
    """Bars of what V4 and V5 read, with the number at the end; no bar if V5 does not fit."""
    rows = (("V4", v4, VERSION_COLORS["cuda_v4"]), ("V5", v5, VERSION_COLORS["cuda_v5"]))
    for place, (_, size, color) in enumerate(rows):
        ax.barh(place, size, 0.6, color=color)
        words = f"{size:,.0f} KiB" if size else "does not fit"
        ax.text(size + max(v4, v5) * 0.01, place, words, va="center")
    ax.set(xlim=(0, 1.15 * max(v4, v5) + 1), ylim=(1.5, -0.5))
    ax.set_yticks([0, 1], [name for name, *_ in rows])
