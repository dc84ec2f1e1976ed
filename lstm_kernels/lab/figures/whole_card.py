"""V7: the card as one large block.  Lesson 16."""

from lstm_kernels.lab.estimates.whole_card import (
    bytes_of_W,
    cycles_per_k,
    largest_H,
    plan,
    rooms,
    shared_of_block,
    step_seconds,
)
from lstm_kernels.lab.words import seconds_text

from .board import arrow, blank, board, rectangle, write
from .race import tick_text
from .style import (
    BLACK,
    BLUE,
    COLORS,
    GREEN,
    GREY,
    LIGHT,
    ORANGE,
    RIVAL_COLORS,
    RIVAL_MARKS,
    SKY,
    VERMILLION,
    VERSION_COLORS,
    YELLOW,
    ink,
    listed,
    styled,
    subplots,
)

KIB, MIB = 2**10, 2**20


def size_text(nbytes):
    """Bytes, in KiB or MiB where there are enough of them."""
    if nbytes < KIB:
        return f"{nbytes:,} bytes"
    return f"{nbytes / MIB:.3g} MiB" if nbytes >= MIB else f"{nbytes / KIB:.3g} KiB"


# ---- what hurt: how much room W needs -----------------------------------------------------


@styled
def draw_rooms(cards, sizes=(32, 64, 128, 256, 512, 1024)):
    """The bytes of W against H, and the room there is: a panel for each card."""
    said = [f"{card.name}: {_rooms_text(card)}." for card in cards]
    ends = [f"{size_text(bytes_of_W(H))} at H={H}" for H in (sizes[0], sizes[-1])]
    alt = f"Bytes of W against H, both logarithmic: {listed(ends)}; and the room. {' '.join(said)}"
    picture, axes = subplots(1, len(cards), 13, 5.2, alt=alt, sharey=True)
    for ax, card in zip(axes, cards, strict=True):
        _draw_rooms(ax, card, sizes)
        ax.set_title(f"{card.name}: V7 takes H up to {largest_H(card):,}")
    axes[0].set_ylabel("bytes (log scale)")
    return picture


def _rooms_text(card):
    return listed([f"{where} {size_text(size)}" for where, size in rooms(card).items()])


def _draw_rooms(ax, card, sizes):
    ax.plot(sizes, [bytes_of_W(H) for H in sizes], "o-", color=BLACK)
    ax.text(sizes[-2] * 0.86, bytes_of_W(sizes[-2]) * 1.3, "W", ha="right", weight="bold")
    *_, largest = rooms(card)
    for (where, size), color in zip(rooms(card).items(), COLORS[1:], strict=False):
        ax.axhline(size, color=color, lw=2)
        x, side = (sizes[0] * 0.85, "left") if where == largest else (sizes[-1] * 1.15, "right")
        height = "top" if where == "a block's shared memory" else "bottom"
        place = {"ha": side, "va": height, "fontsize": 12, "weight": "bold"}
        ax.text(x, size, f"{where}: {size_text(size)}", color=ink(color), **place)
    ax.set(xscale="log", yscale="log", xlabel="hidden units H (log scale)")
    ax.set(xlim=(sizes[0] * 0.8, sizes[-1] * 1.2), ylim=(300, 2e8))
    ax.set_xticks(sizes, [str(H) for H in sizes])
    ax.set_yticks([KIB, 32 * KIB, MIB, 32 * MIB], ["1 KiB", "32 KiB", "1 MiB", "32 MiB"])
    ax.minorticks_off()


# ---- the idea: a step of the whole card -----------------------------------------------------


@styled
def draw_step(blocks=4):
    """One step: all blocks read h_t, each computes its own units of h_{t+1}; all wait for all."""
    colors = (SKY, ORANGE, YELLOW, GREEN)
    alt = f"""From top to bottom: h_t in global memory, a piece for each of {blocks} blocks. Each
        block reads all of it, and keeps its own rows of W in shared memory. Each writes its own
        units of h_(t+1) to global memory. Then grid.sync(), a barrier of all blocks, and the
        next step."""
    picture, ax = board(13, 5.7, (0, 30), (11.4, 0), alt=alt)
    ax.set_title("One step: each block reads all of h_t, and writes its own units of h_(t+1)")
    left, width = 7.0, 5.0
    for y, name in ((0.4, "global memory: h_t"), (7.2, "global memory: h_(t+1)")):
        ax.text(left - 0.4, y + 0.5, name, ha="right", va="center", fontsize=13)
    ax.text(left - 0.4, 4.4, "blocks, on SMs of their own", ha="right", va="center", fontsize=13)
    for b, color in zip(range(blocks), colors, strict=True):
        x = left + b * width
        for y in (0.4, 7.2):
            rectangle(ax, x, y, width, 1.0, color, ec="white", lw=2)
            write(ax, x + width / 2, y + 0.5, f"units of block {b}", fontsize=12)
        rectangle(ax, x + 0.4, 3.2, width - 0.8, 2.4, color)
        write(ax, x + width / 2, 4.4, f"block {b}\nits rows of W,\nkept for all steps", fontsize=12)
        for other in range(blocks):
            start = left + other * width + width / 2
            arrow(ax, (start, 1.5), (x + width / 2, 3.1), colors[other], 1.2, head=10)
        arrow(ax, (x + width / 2, 5.7), (x + width / 2, 7.1), color, 3)
    ax.plot([left, left + blocks * width], [9.3, 9.3], color=BLACK, lw=5, solid_capstyle="butt")
    bold = {"fontsize": 13, "weight": "bold", "va": "center"}
    ax.text(left - 0.4, 9.3, "grid.sync()", ha="right", **bold)
    ax.text(left, 10.3, "all of h_(t+1) is there: next step", **bold)
    return picture


# ---- what a barrier costs -------------------------------------------------------------------


@styled
def draw_barriers(card, waits, batches=(32, 64, 256, 1024), sizes=(64, 128, 256, 512, 1024)):
    """A step's arithmetic at the card's peak against H, and a barrier's time where it is known.

    waits: {name of a recorded card: seconds of one grid.sync()}.
    """
    lines = {N: [1e6 * step_seconds(card, H, N) for H in sizes] for N in batches}
    said = [f"N={N}: {us[0]:.2g} to {us[-1]:.0f}" for N, us in lines.items()]
    known = [f"{name}: {1e6 * s:.2g}" for name, s in waits.items()] or ["none recorded"]
    alt = f"""Microseconds of a step's multiply-adds with W at the peak of the {card.name}, against
        H from {sizes[0]} to {sizes[-1]}: {"; ".join(said)}. One grid.sync(): {"; ".join(known)}."""
    picture, ax = subplots(1, 1, 11, 4.8, alt=alt)
    for (N, us), color in zip(lines.items(), (SKY, BLUE, GREEN, BLACK), strict=True):
        ax.plot(sizes, us, "o-", color=color)
        place = {"color": ink(color), "va": "center", "weight": "bold"}
        ax.text(sizes[-1] * 1.06, us[-1], f"N={N:,}", **place)
    for place, (name, seconds) in enumerate(waits.items()):
        ax.axhline(1e6 * seconds, color=VERMILLION, ls=("-", "--", ":")[place % 3])
        text = f"this line: one grid.sync(), recorded on {name}: {seconds_text(seconds)}"
        ax.text(0.02, 0.93 - 0.08 * place, text, color=VERMILLION, transform=ax.transAxes)
    ax.set(xscale="log", yscale="log", xlim=(sizes[0] * 0.9, sizes[-1] * 1.6))
    ax.set(xlabel="hidden units H (log scale)", ylabel="µs per step (log scale)")
    ax.set_xticks(sizes, [str(H) for H in sizes])
    ax.yaxis.set_major_formatter(lambda us, _: f"{us:g}")
    ax.minorticks_off()
    ax.set_title(f"A step's multiply-adds with W, at the peak of the {card.name}")
    return picture


# ---- tiles: reads against multiply-adds -----------------------------------------------------

SHAPES = ((1, "reading, a warp of 1 x 32", ORANGE), (4, "reading, a warp of 4 x 8", GREEN))


@styled
def draw_cycles(card, kinds):
    """Cycles to read and to multiply, per k and warp, for each kind of a thread's tile.

    kinds: (units, samples) of a thread.
    """
    costs = {kind: _costs(card, *kind) for kind in kinds}
    said = [f"{_kind_text(*k)}: {', '.join(f'{c:g}' for c in cs)}" for k, cs in costs.items()]
    names, colors = [name for _, name, _ in SHAPES], [color for *_, color in SHAPES]
    names, colors = [*names, "multiply-adds"], [*colors, BLUE]
    alt = f"""Cycles of the {card.name}, by a count, for one k of a warp's product, by the tile of a
        thread; {"; ".join(names)}. {"; ".join(said)}. The bars are these, divided by the tile's
        units times samples."""
    picture, ax = subplots(1, 1, 12, 1.6 + 0.62 * len(costs), alt=alt)
    for place, ((units, samples), cycles) in enumerate(costs.items()):
        for shift, cost, color in zip((-0.27, 0, 0.27), cycles, colors, strict=True):
            length = cost / (units * samples)
            ax.barh(place + shift, length, 0.25, color=color)
            text = f" {cost:g} / {units * samples}"
            ax.text(length, place + shift, text, va="center", fontsize=10)
    ax.set_yticks(range(len(costs)), [_kind_text(*kind) for kind in costs])
    ax.set(ylim=(len(costs) - 0.5, -0.5), xlabel="cycles / (units x samples of a thread)")
    for line, (name, color) in enumerate(zip(names, colors, strict=True)):
        place = {"transform": ax.transAxes, "ha": "right", "weight": "bold", "fontsize": 13}
        ax.text(0.99, 0.3 - 0.07 * line, name, color=ink(color), **place)
    ax.set_title(f"An SM's cycles for one k of a warp's product ({card.name}, counted)")
    return picture


def _costs(card, units, samples):
    """Reading with each shape of a warp, and multiplying."""
    reading = [cycles_per_k(card, units, samples, across)[0] for across, *_ in SHAPES]
    return *reading, cycles_per_k(card, units, samples, 1)[1]


def _kind_text(units, samples):
    return f"{units} unit{'s' * (units > 1)} x {samples} sample{'s' * (samples > 1)}"


# ---- what was recorded ----------------------------------------------------------------------

RIVALS = {  # of a card's recording: name, colour, mark
    "V6 recorded": ("V6", VERSION_COLORS["cuda_v7"], "o"),
    "PyTorch recorded": ("PyTorch", RIVAL_COLORS["pytorch_graph"], RIVAL_MARKS["pytorch_graph"]),
}


@styled
def draw_steps(name, rows):
    """V6's recorded steps above 64 units against PyTorch's.  rows: those of a card's steps."""
    sizes = sorted({row["H"] for row in rows})
    said = [f"H={H}: {listed(_ends(rows, H))}." for H in sizes]
    alt = f"{name}: time per mini-batch against the batch size. {' '.join(said)}"
    picture, axes = subplots(1, len(sizes), 13, 5, alt=alt, sharey=True, squeeze=False)
    for ax, H in zip(axes[0], sizes, strict=True):
        for rival, (label, color, mark) in RIVALS.items():
            points = _points(rows, H, rival)
            if points:
                ax.plot(*zip(*points, strict=True), marker=mark, ms=8, color=color, label=label)
        batches = sorted({row["N"] for row in rows if row["H"] == H})
        ax.set(xscale="log", yscale="log", xlabel="batch size N (log scale)")
        ax.set_xticks(batches, [str(N) for N in batches], rotation=45)
        ax.minorticks_off()
        ax.yaxis.set_major_formatter(lambda seconds, _: tick_text(seconds))
        ax.grid(axis="y", color=LIGHT)
        ax.set_title(f"H={H}")
    axes[0][0].set_ylabel("time per mini-batch (log scale)")
    axes[0][0].legend()
    picture.suptitle(f"{name}: recorded, both as CUDA graphs", fontsize=12, color=GREY)
    return picture


def _points(rows, H, rival):
    """[(N, seconds)] of a rival."""
    found = [(row["N"], row["median"]) for row in rows if (row["H"], row["rival"]) == (H, rival)]
    return sorted(found)


def _ends(rows, H):
    """Each rival's first and last point, in words."""
    texts = []
    for rival, (label, *_) in RIVALS.items():
        points = _points(rows, H, rival)
        ends = [f"{seconds_text(s)} at N={N}" for N, s in (points[:1] + points[1:][-1:])]
        texts += [f"{label} {listed(ends)}"] if points else []
    return texts


# ---- play: V7's launch on a card --------------------------------------------------------------

IDLE = LIGHT
GROUPS = (SKY, ORANGE, GREEN, YELLOW, BLUE, "#CC79A7", VERMILLION, GREY)


@styled
def draw_plan(card, H, N):
    """The card's SMs, coloured by their group of blocks, and what lies in a block's memory."""
    found = plan(card, H, N)
    picture, axes = subplots(1, 2, 13, 5.2, alt=_plan_text(card, H, N, found), width_ratios=(3, 2))
    _draw_sms(axes[0], card, found)
    axes[0].set_title(f"{card.name}, H={H}, N={N:,}: {_blocks_text(card, found)}")
    _draw_shared(axes[1], card, found)
    return picture


def _blocks_text(card, found):
    if found is None:
        return "W does not fit"
    kind = _kind_text(*found.tile.block)
    return f"{found.blocks} blocks on {card.sms} SMs\na block: {kind} at once"


def _plan_text(card, H, N, found):
    room = size_text(shared_of_block(card))
    words = f"{card.name}, H={H}, N={N}: {_blocks_text(card, found)}.".replace("\n", "; ")
    if found is None:
        return f"{words} W has {size_text(bytes_of_W(H))}; a block has at most {room}."
    parts = [f"{name} {size_text(size)}" for name, size in found.shared().items()]
    return f"""{words} Groups of {found.owners} blocks that hold all of W: {found.groups}.
        In a block's shared memory of {room}: {listed(parts)}."""


def _draw_sms(ax, card, found, columns=12):
    """A square for each SM."""
    rows = -(-card.sms // columns)
    blank(ax, (-0.2, columns + 0.2), (max(rows, 6) + 0.9, -0.2))
    for sm in range(card.sms):
        busy = found is not None and sm < found.blocks
        face = GROUPS[sm // found.owners % len(GROUPS)] if busy else IDLE
        rectangle(ax, sm % columns + 0.06, sm // columns + 0.06, 0.88, 0.88, face)
    text = "grey: nothing to do"
    if found is not None:
        text = f"a colour: a group of {found.owners} blocks that holds all of W; light: idle"
    ax.text(0, rows + 0.45, text, va="center", fontsize=12, color=GREY)


def _draw_shared(ax, card, found):
    """A bar: what lies in a block's shared memory, and its limit."""
    room, bottom = shared_of_block(card) / KIB, 0
    parts = {} if found is None else found.shared()
    for (name, size), color in zip(parts.items(), (BLUE, SKY), strict=False):
        ax.bar(0, size / KIB, 0.7, bottom=bottom, color=color)
        ax.text(0.42, bottom + size / KIB / 2, f"{name}: {size / KIB:.4g} KiB", va="center")
        bottom += size / KIB
    ax.axhline(room, color=VERMILLION, lw=2)
    ax.text(1.9, room * 1.02, f"limit {room:g} KiB", color=VERMILLION, weight="bold", ha="right")
    ax.set(xlim=(-0.5, 1.9), ylim=(0, 1.15 * room), xticks=[], ylabel="KiB")
    ax.set_title("shared memory of a block")
