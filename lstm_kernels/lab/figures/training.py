"""The training on the device: what crosses the bus, who waits, what the host sees.  Lesson 15."""

from matplotlib.ticker import LogLocator, NullLocator

from lstm_kernels.lab.estimates.host_queue import CARD, HOST, busy, end_of
from lstm_kernels.lab.words import bytes_text, count_text
from lstm_kernels.machine.watch import IN, OUT

from .board import arrow, board, box, write
from .style import (
    BLUE,
    GREEN,
    GREY,
    LIGHT,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    ink,
    listed,
    styled,
    subplots,
)

KIND_COLORS = {"copy": ORANGE, "launch": BLUE, "kernel": GREEN, "update": PURPLE, "rest": SKY,
               "wait": LIGHT}  # fmt: skip
NAMES_OF_RULES = {"sgd": "SGD", "adam": "Adam"}
NAMES = {"cuda_v3": "V3", "cuda_v6": "V6"}
DIRECTION_COLORS = {IN: BLUE, OUT: VERMILLION}
COPY = {"head": 16, "shrinkA": 2, "shrinkB": 2}  # an arrow from array to array


# ---- the idea -----------------------------------------------------------------------------


STATE = "state:\nparameters,\ntwo means"
HOMES = (  # an array's place (y, height), its name on the host and on the card, its copies
    (4.15, 0.75, "x, y, order", "x, y, order", ((IN, "once"),)),
    (3.1, 0.75, "losses", "losses", ((OUT, "once an epoch"),)),
    (1.5, 1.25, "parameters,\nzeros", STATE, ((IN, "once"), (OUT, "at the end"))),
    (0.45, 0.75, "step sizes", "rates:\nstep sizes", ((IN, "once"),)),
)


@styled
def draw_homes():
    """What lives on the card for the whole training, and what the two launches read and write."""
    alt = """Host memory left, card memory right. Once, data, order, parameters, zeros and step
        sizes are copied to the card and stay there; launch 1, V5's kernel, reads them and
        writes gradients and losses; launch 2, the update, changes parameters and both means.
        Losses come back once an epoch, parameters at the end."""
    picture, ax = board(13, 5.8, (-0.1, 13), (0, 5.75), alt=alt)
    _frame(ax, 0.0, 0.2, 2.4, 5.0, "host memory")
    _frame(ax, 4.1, 0.2, 8.8, 5.0, "card memory, for the whole training")
    for home in HOMES:
        _draw_home(ax, *home)
    _box(ax, 7.6, 3.3, 1.9, 1.0, "launch 1\nV5's kernel", GREEN)
    _box(ax, 7.6, 0.8, 1.9, 1.0, "launch 2\nthe update", PURPLE)
    _box(ax, 10.7, 2.1, 1.9, 0.9, "gradients:\na part per block", SKY)
    for start, end in (
        ((6.5, 4.52), (7.55, 4.1)), ((7.55, 3.75), (6.5, 3.5)), ((6.5, 2.4), (7.55, 3.4)),
        ((9.55, 3.75), (11.2, 3.05)), ((11.2, 2.05), (9.55, 1.35)), ((6.5, 0.8), (7.55, 1.1)),
    ):  # fmt: skip
        arrow(ax, start, end, GREY, **COPY)
    arrow(ax, (6.5, 1.95), (7.55, 1.5), GREY, arrowstyle="<|-|>", **COPY)
    return picture


def _draw_home(ax, y, height, on_host, on_card, copies):
    _box(ax, 0.2, y, 2.0, height, on_host, LIGHT)
    _box(ax, 4.35, y, 2.1, height, on_card, SKY)
    for number, (direction, when) in enumerate(copies, 1):
        at = y + height - height * number / (len(copies) + 1) - 0.1
        ends = ((2.3, at), (4.25, at))[:: 1 if direction == IN else -1]
        color = DIRECTION_COLORS[direction]
        arrow(ax, *ends, color, **COPY)
        ax.text(3.275, at + 0.06, when, ha="center", va="bottom", color=color, fontsize=12)


def _frame(ax, x, y, width, height, title):
    box(ax, x - 0.04, y - 0.04, width + 0.08, height + 0.08, "white", radius=0.04)
    ax.text(x + width / 2, y + height + 0.12, title, ha="center", color=GREY, fontsize=14)


def _box(ax, x, y, width, height, text, color):
    box(ax, x - 0.02, y - 0.02, width + 0.04, height + 0.04, color, "none", 0.02)
    write(ax, x + width / 2, y + height / 2, text)


# ---- who waits ----------------------------------------------------------------------------


@styled
def draw_queue(bars_by_version, subtitle):
    """Host and card side by side in time, each version on its own axis.

    bars_by_version: {version: list of host_queue.Bar}.
    """
    said = [f"{NAMES[v]}'s way takes {end_of(bars):,.0f} µs, the card works {busy(bars):.0%} of it"
            for v, bars in bars_by_version.items()]  # fmt: skip
    alt = f"What host and card do in time, side by side. {subtitle}. {'; '.join(said)}."
    picture, axes = subplots(len(bars_by_version), 1, 13, 6.2, alt=alt)
    for ax, (version, bars) in zip(axes, bars_by_version.items(), strict=True):
        for bar in bars:
            place = (HOST, CARD).index(bar.where)
            ax.barh(
                place, bar.length, left=bar.start, height=0.7, color=KIND_COLORS[bar.kind],
                edgecolor="white", lw=0.4,
            )  # fmt: skip
        ax.axvline(end_of(bars), color=GREY, lw=1.2, ls=":")
        ax.set_yticks((0, 1), (HOST, CARD))
        ax.set_ylim(1.5, -0.5)
        ax.set_xlim(0, 1.02 * end_of(bars))
        ax.xaxis.set_major_formatter("{x:,g}")
        works = f"the card works {busy(bars):.0%} of the time"
        ax.set_title(f"{NAMES[version]}'s way: {end_of(bars):,.0f} µs; {works}")
    axes[-1].set_xlabel("microseconds (each picture has its own axis)")
    axes[0].text(0, 1.25, subtitle, transform=axes[0].transAxes, color=GREY, fontsize=11)
    _name_kinds(axes[-1])
    return picture


def _name_kinds(ax):
    """The kinds of work in their colours, in a line below the axes."""
    names = {"copy": "copy", "launch": "queue a launch", "kernel": "gradients", "update": "update",
             "rest": "rest of the host", "wait": "wait"}  # fmt: skip
    for place, (kind, name) in enumerate(names.items()):
        ax.text(
            0.01 + 0.17 * place, -0.47, name, transform=ax.transAxes, weight="bold",
            color=GREY if kind == "wait" else ink(KIND_COLORS[kind]),
            bbox={"fc": LIGHT, "ec": "none"} if kind == "wait" else None,
        )  # fmt: skip


# ---- what crosses the bus -----------------------------------------------------------------


@styled
def draw_bus(logs, subtitle):
    """Every copy of a training, in order: a line up (in) or down (out).  {version: transfers}."""
    said = [f"{NAMES[version]} {len(log)} copies, {bytes_text(sum(t.nbytes for t in log))}"
            for version, log in logs.items()]  # fmt: skip
    alt = f"Every copy of a training in its order, a line up (in) or down (out): {listed(said)}."
    picture, axes = subplots(len(logs), 1, 13, 5.8, alt=alt, sharex=True)
    most = max(map(len, logs.values()))
    for ax, (version, log) in zip(axes, logs.items(), strict=True):
        for direction, sign in ((IN, 1), (OUT, -1)):
            places = [place for place, t in enumerate(log) if t.direction == direction]
            ax.vlines(places, 0, sign, color=DIRECTION_COLORS[direction], lw=450 / most)
        times = count_text(sum(t.direction == OUT for t in log), "time")
        nbytes = bytes_text(sum(t.nbytes for t in log))
        ax.set_title(f"{NAMES[version]}: {len(log)} copies, {nbytes}; the host waits {times}")
        ax.axhline(0, color=GREY, lw=1)
        ax.set_ylim(-1.15, 1.15)
        ax.set_yticks((0.5, -0.5), ("host to card", "card to host"))
        ax.set_xlim(-0.01 * most, 1.01 * most)
    axes[-1].set_xlabel("copies, in their order")
    axes[0].text(0, 1.25, subtitle, transform=axes[0].transAxes, color=GREY, fontsize=11)
    return picture


# ---- what the host sees -------------------------------------------------------------------


@styled
def draw_losses(histories, batches):
    """The loss of each mini-batch, ours on the reference.  histories: {name: (ours, reference)}."""
    said = [f"{NAMES_OF_RULES.get(name, name)} from {ours[0]:.1g} to {ours[-1]:.1g}"
            for name, (ours, _) in histories.items()]  # fmt: skip
    alt = f"Loss of each mini-batch, V6's dots on numpy_batched's grey line: {listed(said)}."
    picture, axes = subplots(1, len(histories), 13, 4.6, alt=alt)
    for ax, (name, (ours, reference)) in zip(axes, histories.items(), strict=True):
        steps = range(1, len(ours) + 1)
        ax.plot(steps, reference, color=GREY, alpha=0.35, lw=9, solid_capstyle="round")
        ax.plot(steps, ours, ".-", color=VERMILLION, lw=1.4, markersize=7)
        for epoch_end in range(batches, len(ours) + 1, batches):
            ax.axvline(epoch_end + 0.5, color=GREY, lw=1, ls=":")
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_minor_locator(NullLocator())
        ax.yaxis.set_major_formatter("{x:g}")
        ax.set_xlabel("mini-batch; dotted: the host reads the losses")
        ax.set_title(f"{NAMES_OF_RULES.get(name, name)}: V6 (dots) on numpy_batched (grey)")
    axes[0].set_ylabel("loss")
    return picture
