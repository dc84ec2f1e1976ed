"""The LSTM cell: its parts, the cell unrolled in time, its gates at work.  Lessons 01 and 02."""

import numpy as np
from matplotlib.patches import Circle

from .board import arrow, board, box, write
from .style import (
    BLACK,
    GATE_COLORS,
    GREEN,
    GREY,
    HIGHLIGHT,
    LIGHT,
    ORANGE,
    VERMILLION,
    ink,
    listed,
    styled,
    subplots,
)

FRAME = {"radius": 0.2, "lw": 1.6, "zorder": 0}  # of a cell
ROLES = {"i": "i  write?", "f": "f  keep?", "g": "g  what?", "o": "o  show?"}
PLACES = {"f": 2.3, "i": 3.75, "g": 5.25, "o": 6.65}  # of the gates' boxes, from left to right
CELL_ALT = """The whole cell: c_t+1 = f c_t + i g runs on top; tanh of it times gate o gives h_t+1,
    which goes on to the right and down to the prediction V h_t+1 + b_out. f, i and o are sigmoids
    of the inputs h_t and x_t, g is a tanh."""


# ---- one cell -----------------------------------------------------------------------------


@styled
def draw_cell():
    """One LSTM cell."""
    picture, _ = _cell(CELL_ALT)
    return picture


def _cell(alt, texts=None):
    """A cell: its picture and axes.  texts: for each gate's box, in place of its activation."""
    picture, ax = board(9.4, 5.0, (-0.55, 10.6), (-0.35, 5.15), alt=alt, aspect="equal")
    box(ax, 1.15, 0.85, 7.75, 4.0, **FRAME)
    _memory_line(ax)
    _inputs(ax, PLACES["o"])
    for gate in PLACES:
        _gate(ax, gate, texts[gate] if texts else "tanh" if gate == "g" else "σ")
    _write_path(ax)
    _show_path(ax)
    return picture, ax


def _line(ax, points, color=BLACK, head=True, lw=2.2):
    """A line through the points, with a head at its end."""
    xs, ys = zip(*(points[:-1] if head else points), strict=True)
    ax.plot(xs, ys, color=color, lw=lw, solid_joinstyle="round", zorder=2)
    if head:
        arrow(ax, points[-2], points[-1], color, lw, zorder=2)


def _operation(ax, x, y, text, color=BLACK):
    ax.add_patch(Circle((x, y), 0.24, fc="white", ec=color, lw=2, zorder=3))
    middle = {"ha": "center", "va": "center_baseline", "fontsize": 17}
    ax.text(x, y - 0.01, text, color=color, zorder=4, **middle)


def _gate(ax, gate, text):
    """A gate's box on the line of inputs: its letter, and its activation or another text."""
    x = PLACES[gate]
    _line(ax, [(x, 1.35), (x, 1.85)])
    box(ax, x - 0.52, 1.85, 1.04, 0.8, GATE_COLORS[gate], "none", zorder=3)
    middle = {"ha": "center", "va": "baseline", "color": "white", "zorder": 4}
    ax.text(x, 2.33, gate, fontsize=17, fontweight="bold", **middle)
    ax.text(x, 1.97, text, fontsize=13, **middle)


def _memory_line(ax):
    """c on top, from left to right, and what f does to it."""
    _line(ax, [(0.3, 4.2), (10.0, 4.2)])
    ax.text(0.2, 4.2, "$c_t$", ha="right", va="center", fontsize=18)
    ax.text(10.08, 4.2, "$c_{t+1}$", va="center", fontsize=18)
    _line(ax, [(2.3, 2.65), (2.3, 3.96)], GATE_COLORS["f"])
    _operation(ax, 2.3, 4.2, "×", GATE_COLORS["f"])


def _inputs(ax, end):
    """h and x below, up to the last gate: every gate reads both."""
    _line(ax, [(0.3, 1.35), (end, 1.35)], head=False)
    _line(ax, [(1.65, 0.3), (1.65, 1.35)])
    ax.text(0.2, 1.35, "$h_t$", ha="right", va="center", fontsize=18)
    write(ax, 1.65, 0.05, "$x_t$", fontsize=18)


def _write_path(ax):
    """i times g, added to c."""
    for gate, end in (("i", 4.26), ("g", 4.74)):
        place = PLACES[gate]
        _line(ax, [(place, 2.65), (place, 3.3), (end, 3.3)], GATE_COLORS[gate])
    _line(ax, [(4.5, 3.54), (4.5, 3.96)])
    _operation(ax, 4.5, 3.3, "×")
    _operation(ax, 4.5, 4.2, "+")


def _show_path(ax):
    """o times tanh(c): the new h, and the prediction."""
    _line(ax, [(7.85, 4.2), (7.85, 3.22)])
    _line(ax, [(6.65, 2.65), (6.65, 2.98), (7.61, 2.98)], GATE_COLORS["o"])
    frame = {"boxstyle": "round,pad=0.25", "fc": "white", "ec": BLACK, "lw": 1.6}
    write(ax, 7.85, 3.66, "tanh", fontsize=12.5, zorder=4, bbox=frame)
    _operation(ax, 7.85, 2.98, "×")
    _line(ax, [(7.85, 2.74), (7.85, 1.35), (10.0, 1.35)])
    _line(ax, [(8.35, 1.35), (8.35, 0.3)])
    ax.text(10.08, 1.35, "$h_{t+1}$", va="center", fontsize=18)
    write(ax, 8.35, 0.02, r"$\hat{y}_t = V h_{t+1} + b_{out}$", fontsize=16)


SLOPES = {  # where each derivative is written, beside its wire: x, y, alignment
    "f": (2.42, 3.45, "left"),
    "i": (3.62, 2.88, "right"),
    "g": (5.38, 2.88, "left"),
    "o": (7.02, 3.24, "center"),
    "c_t": (0.68, 3.8, "center"),
    "c_t+1": (6.2, 3.8, "center"),
    "h_t+1": (9.5, 0.95, "center"),
}


@styled
def draw_numbers(values, slopes=None):
    """The cell of one hidden unit with a number on each wire, and in a box the derivative by it.

    values: a number for each name in SLOPES; slopes: dh_t+1 / d(value), likewise.
    """
    alt = "The whole cell with numbers on its wires: " + _equal(values) + "."
    alt += f" The derivatives of h_t+1 by them: {_equal(slopes)}." if slopes else ""
    picture, ax = _cell(alt, {gate: f"{values[gate]:.3g}" for gate in "ifgo"})
    for name in ("c_t", "c_t+1", "h_t+1"):
        x, y, side = SLOPES[name]
        ax.text(x, y + 0.6, f"{values[name]:.3g}", ha=side, fontsize=14, fontweight="bold")
    for name, slope in (slopes or {}).items():
        x, y, side = SLOPES[name]
        frame = {"boxstyle": "round,pad=0.2", "fc": HIGHLIGHT, "ec": ORANGE}
        ax.text(x, y, f"∂ {slope:.3f}", ha=side, fontsize=13, bbox=frame, zorder=5)
    return picture


def _equal(values):
    """ "i = 0.5, f = 0.25"."""
    return ", ".join(f"{name} = {value:.3g}" for name, value in values.items())


# ---- unrolled -----------------------------------------------------------------------------


@styled
def draw_unrolled(steps=3):
    """The cell, once for each step: c flows on top, h below, one set of weights for all."""
    end = 3.2 * steps + 0.6  # where the last step's states leave
    alt = f"""The same cell {steps} times from left to right, one for each step t: c and h start
        at 0 and flow from step to step, each step reads x_t and gives a prediction, and all use
        one set of weights U, W, B, V, b_out."""
    picture, ax = board(11, 5.4, (-0.95, end + 0.6), (-1.35, 4.5), alt=alt, aspect="equal")
    box(ax, 0.6, 3.65, end - 1.3, 0.7, HIGHLIGHT, ORANGE, **FRAME)
    text = "one set of weights  U, W, B, V, b_out,  used by every step"
    write(ax, (end - 0.1) / 2, 4.0, text, fontsize=15)
    for t in range(steps):
        _small_cell(ax, 0.6 + 3.2 * t, t)
    for name, y in (("c", 2.3), ("h", 0.55)):
        _line(ax, [(end - 0.7, y), (end, y)])
        ax.text(-0.1, y, f"${name}_0 = 0$", ha="right", va="center", fontsize=16)
        ax.text(end + 0.05, y, f"${name}_{steps}$", va="center", fontsize=16)
        for t in range(1, steps):
            ax.text(3.2 * t + 0.22, y + 0.25, f"${name}_{t}$", ha="center", fontsize=15)
    return picture


def _small_cell(ax, x, t):
    """Step t: states from the left, an input and a prediction below."""
    box(ax, x, 0.1, 2.5, 2.6, **FRAME)
    start = x - (0.65 if t == 0 else 0.7)
    _line(ax, [(start, 2.3), (x, 2.3)])
    _line(ax, [(start, 0.55), (x, 0.55)])
    _line(ax, [(x, 2.3), (x + 2.5, 2.3)], head=False)
    _line(ax, [(x, 0.55), (x + 1.84, 0.55)], head=False)
    _line(ax, [(x + 2.25, 2.3), (x + 2.25, 0.55), (x + 2.5, 0.55)], head=False)
    for place, gate in enumerate("figo"):
        middle = x + 0.34 + 0.5 * place
        box(ax, middle - 0.21, 1.0, 0.42, 0.5, GATE_COLORS[gate], "none", 0.06, zorder=3)
        write(ax, middle, 1.25, gate, color="white", fontsize=14, zorder=4)
        top = [(middle, 1.5), (middle, 2.3)]
        if gate == "o":
            top = [(middle, 1.5), (middle, 1.8), (x + 2.25, 1.8)]
        _line(ax, top, GATE_COLORS[gate], head=False, lw=1.8)
        _line(ax, [(middle, 0.55), (middle, 1.0)], head=False, lw=1.4)
    _line(ax, [(x + 0.12, -0.55), (x + 0.12, 0.55)])
    _line(ax, [(x + 2.25, 0.55), (x + 2.25, -0.55)])
    ax.plot([x + 1.25] * 2, [2.7, 3.65], color=ORANGE, lw=1.8, ls="--")
    write(ax, x + 0.12, -0.8, f"$x_{t}$", fontsize=17)
    write(ax, x + 2.25, -0.8, rf"$\hat{{y}}_{t}$", fontsize=17)
    write(ax, x + 1.25, -1.15, f"step t = {t}", color=GREY)


# ---- backward -----------------------------------------------------------------------------


@styled
def draw_backward():
    """Where each derivative comes from: from the right (later steps) and from the loss below."""
    alt = """Derivatives flow against the arrows of time, from step t + 1 at the right to step t - 1
        at the left. dh_t+1 comes from the loss, by dy_t times V transposed, and from dz_t+1 times W
        transposed; dc_t+1 from dc_t+2 times f, and from dh_t+1. Both give dz_t, and from it
        dU, dW and dB; dc_t and dh_t go on to the step before."""
    picture, ax = board(10.8, 5.7, (-1.0, 11.4), (-1.2, 5.3), alt=alt, aspect="equal")
    nodes = {
        "dy": (7.2, 0.3, r"$dy_t$", BLACK),
        "dh": (7.2, 2.3, r"$dh_{t+1}$", BLACK),
        "dc": (5.0, 4.3, r"$dc_{t+1}$", BLACK),
        "dz": (2.8, 2.3, r"$dz_t$", GATE_COLORS["i"]),
        "later_c": (10.2, 4.3, r"$dc_{t+2}$", GREY),
        "later_z": (10.2, 2.3, r"$dz_{t+1}$", GREY),
        "before_c": (0.0, 4.3, r"$dc_t$", GREY),
        "before_h": (0.0, 2.3, r"$dh_t$", GREY),
    }
    _arrow_text(ax, nodes, "later_c", "dc", r"$\times\ f_{t+1}$", (7.75, 4.62))
    _arrow_text(ax, nodes, "dh", "dc", r"$\times\ o_t\,(1-\tanh^2 c_{t+1})$", (6.4, 3.55), "left")
    _arrow_text(ax, nodes, "later_z", "dh", r"$W^{\top}$", (8.75, 2.62))
    _arrow_text(ax, nodes, "dy", "dh", r"$V^{\top}$", (7.4, 1.25), "left")
    _arrow_text(ax, nodes, "dc", "dz", "into i, f, g", (3.55, 3.55), "right")
    _arrow_text(ax, nodes, "dh", "dz", "into o", (5.0, 2.58))
    _arrow_text(ax, nodes, "dc", "before_c", r"$\times\ f_t$", (2.4, 4.62))
    _arrow_text(ax, nodes, "dz", "before_h", r"$W^{\top}$", (1.35, 2.62))
    for x, y, text, color in nodes.values():
        style = {"boxstyle": "round,pad=0.35", "fc": "white", "ec": color, "lw": 2}
        write(ax, x, y, text, fontsize=18, bbox=style, zorder=5)
    ax.text(7.95, 0.3, "from the loss at step t", va="center", color=GREY)
    ax.text(10.2, 5.05, "from step t + 1", ha="center", color=GREY)
    ax.text(0.0, 5.05, "to step t − 1", ha="center", color=GREY)
    for x, start, end, text in ((2.8, 1.95, 1.4, "dU, dW, dB"), (7.2, -0.1, -0.6, "dV, db_out")):
        _line(ax, [(x, start), (x, end)], ORANGE)
        ax.text(x, end - 0.08, text, ha="center", va="top", color=ink(ORANGE), fontweight="bold")
    return picture


def _arrow_text(ax, nodes, start, end, text, place, align="center"):
    """An arrow from one node to another, and the factor on its way."""
    (x0, y0, name, _), (x1, y1, other, _) = nodes[start], nodes[end]
    gaps = [26 if y0 != y1 else 36 if "+" in n else 25 for n in (name, other)]  # points
    arrow(ax, (x0, y0), (x1, y1), head=20, shrinkA=gaps[0], shrinkB=gaps[1], zorder=2)
    ax.text(*place, text, ha=align, va="center", fontsize=15)


# ---- gates at work ------------------------------------------------------------------------


@styled
def draw_gates(dates, values, gates, title, trained_until=None):
    """One unit's gates, month by month, under the series.  gates (T, 4) in the order i, f, g, o.

    trained_until: a date; what follows it was not seen in training and is shaded.
    """
    ranges = [f"{g} {v.min():.1f} to {v.max():.1f}" for g, v in zip("ifgo", gates.T, strict=True)]
    alt = f"""{title}. The series on top; below it the unit's four gates month by month, from
        {dates[0]} to {dates[-1]}: {listed(ranges)}."""
    picture, axes = subplots(
        5, 1, 11, 8.4, alt=alt, sharex=True, gridspec_kw={"height_ratios": (2, 1, 1, 1, 1)}
    )
    axes[0].plot(dates, values, color=BLACK)
    axes[0].set_ylabel("passengers,\nthousands")
    axes[0].set_title(title)
    for ax, (gate, role), line in zip(axes[1:], ROLES.items(), gates.T, strict=True):
        color, floor = GATE_COLORS[gate], -1 if gate == "g" else 0
        ax.fill_between(dates, 0, line, color=color, alpha=0.25, lw=0)
        ax.plot(dates, line, color=color)
        ax.set(ylim=(floor, 1.05), yticks=(floor, 0, 1) if floor else (0, 1))
        ax.set_ylabel(
            role, color=ink(color), rotation=0, ha="right", va="center", fontweight="bold"
        )
    for ax in axes:
        _mark_years(ax, dates, trained_until)
    if trained_until is not None:
        where = {"transform": axes[0].get_xaxis_transform(), "va": "top", "color": GREY}
        axes[0].text(trained_until + 1, 0.2, " not seen\n in training", fontsize=12, **where)
    return picture


def _mark_years(ax, dates, trained_until=None):
    """A thin line at each July, the season's top; a grey ground after the training part."""
    months = dates.astype("datetime64[M]")
    for july in months[months.astype(int) % 12 == 6]:
        ax.axvline(july, color=LIGHT, lw=1.2, zorder=0)
    ax.set_xlim(dates[0], dates[-1])
    if trained_until is not None:
        ax.axvspan(trained_until, dates[-1], color=LIGHT, alpha=0.6, lw=0, zorder=-1)


@styled
def draw_playground(dates, values, prediction, gates, c, h, title):
    """The trained cell at work: forecast above; one unit's gates i, f, o; its c and h below.

    values, prediction, c, h (T,) in scaled units; gates (T, 4) in the order i, f, g, o.
    """
    off = np.abs(prediction - values).mean()
    alt = f"""{title}. On top the series and the forecast, {off:.2f} apart on average (scaled); then
        one unit's gates i, f and o; below its memory c, {c.min():.1f} to {c.max():.1f}, and h."""
    picture, axes = subplots(
        3, 1, 11, 6.2, alt=alt, sharex=True, gridspec_kw={"height_ratios": (1.5, 1, 1.3)}
    )
    axes[0].plot(dates, values, color=GREY, lw=4, alpha=0.5)
    axes[0].plot(dates, prediction, color=BLACK, lw=1.8)
    axes[0].set_ylabel("series (grey)\nforecast (black)")
    axes[0].set(ylim=(-2.2, 4.2), title=title)
    for row, gate in enumerate("ifgo"):
        if gate != "g":
            axes[1].plot(dates, gates[:, row], color=GATE_COLORS[gate])
    _end_labels(axes[1], {g: (gates[-1, "ifgo".index(g)], GATE_COLORS[g]) for g in "ifo"})
    axes[1].set(ylim=(-0.06, 1.06), yticks=(0, 1), ylabel="gates")
    axes[2].plot(dates, c, color=ORANGE)
    axes[2].plot(dates, h, color=BLACK)
    low, high = min(-1.2, 1.1 * c.min()), max(1.2, 1.1 * c.max())  # h lies between -1 and 1
    axes[2].set(ylim=(low, high), ylabel="memory c,\nshown h")
    _end_labels(axes[2], {"c": (c[-1], ORANGE), "h": (h[-1], BLACK)})
    for ax in axes:
        _mark_years(ax, dates)
    return picture


def _end_labels(ax, ends, gap=0.14, fontsize=15):
    """A bold name at the right end of each line, moved apart where two lines meet.

    ends: {name: (last value, colour)}; gap: between two names, as a part of the axes' height.
    """
    names = sorted(ends, key=lambda name: ends[name][0])
    at = ax.transData + ax.transAxes.inverted()
    places = [min(max(at.transform((ax.get_xlim()[1], ends[n][0]))[1], 0), 1) for n in names]
    for k in range(1, len(places)):
        places[k] = max(places[k], places[k - 1] + gap)
    shift = max(0.0, places[-1] - 1.0)
    for name, place in zip(names, places, strict=True):
        ax.text(1.01, place - shift, name, transform=ax.transAxes, color=ink(ends[name][1]),
                fontsize=fontsize, fontweight="bold", va="center")  # fmt: skip


# ---- fading over time ---------------------------------------------------------------------


@styled
def draw_fading(panels):
    """How much of a gradient is left k steps back; on a log scale where little is left.

    panels: {title: [(label, sizes (K,), colour), ...]}; the first value of each sizes is 1.
    """
    ends = [f"{label} {sizes[-1]:.1g}" for curves in panels.values() for label, sizes, _ in curves]
    alt = f"""What is left of a gradient, 1 at the last step, against the steps back. At the end:
        {"; ".join(ends)}."""
    picture, axes = subplots(1, len(panels), 13, 4.8, alt=alt, squeeze=False)
    for ax, (title, curves) in zip(axes[0], panels.items(), strict=True):
        last = len(curves[0][1]) - 1
        for _, sizes, color in curves:
            ax.plot(np.arange(last + 1), sizes, color=color)
        little = min(sizes.min() for _, sizes, _ in curves) < 0.01
        ax.set(yscale="log" if little else "linear", xlim=(0, last), title=title)
        if not little:
            ax.set_ylim(bottom=0)
        ax.set(xlabel="steps back from the last prediction", xticks=range(0, last + 1, 10))
        ax.set_ylabel("size (log)" if little else "size (1 at the last step)")
        ax.grid(axis="y", color=LIGHT)
        ends = {label: (sizes[-1], color) for label, sizes, color in curves}
        _end_labels(ax, ends, gap=0.07, fontsize=13)
    return picture


# ---- how wrong a mistake is ---------------------------------------------------------------


@styled
def draw_errors(errors, limit, title):
    """Relative errors of gradients on a log scale.  errors: name -> error; limit: still right."""
    passes = [name for name, error in errors.items() if error <= limit]
    off = [f"{name} {error:.0%}" for name, error in errors.items() if error > limit]
    alt = f"{title}. Below the limit {limit:g}: {listed(passes)}. " if passes else f"{title}. "
    alt += f"Off against finite differences: {listed(off)}." if off else ""
    picture, ax = subplots(1, 1, 10, 0.62 * len(errors) + 1.7, alt=alt)
    ax.axvspan(1e-12, limit, color=GREEN, alpha=0.1, lw=0)
    for place, error in enumerate(errors.values()):
        right = error <= limit
        look = {"color": GREEN, "marker": "o"} if right else {"color": VERMILLION, "marker": "X"}
        ax.plot(max(error, 1e-12), place, ms=14, **look)
        text = "passes" if right else f"{error:.0%} off"
        style = {"va": "center", "fontweight": "bold", "color": look["color"]}
        ax.text(max(error, 1e-12) * 3, place, text, **style)
    ax.axvline(limit, color=GREY, ls="--", lw=1.6)
    ax.text(limit, -0.62, "limit of the check", color=GREY, ha="center", va="bottom", fontsize=12)
    ax.set_yticks(range(len(errors)), list(errors))
    ax.grid(axis="y", color=LIGHT)
    ax.set(xscale="log", xlim=(1e-12, 1000), ylim=(len(errors) - 0.5, -0.6))
    ax.set_title(title, pad=24)
    ax.set_xlabel("largest relative error against finite differences (log scale)")
    return picture
