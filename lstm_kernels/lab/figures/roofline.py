"""Rooflines, lower bounds and the library.  Lesson 17.  Drawn from lab/estimates/roofline.py."""

import numpy as np

from lstm_kernels.lab.estimates.roofline import (
    VERSIONS,
    bound,
    bytes_asked,
    bytes_at_least,
    bytes_of_product,
    operations,
    without_caches,
)

from .cores import TORCH_COLOR
from .style import BLACK, GREY, LIGHT, PAPER, VERSION_COLORS, ink, listed, styled, subplots

NAMES = {"cuda_v2": "V2, V3", "cuda_v4": "V4", "cuda_v5": "V5, V6"}
X_RANGE = (0.1, 2e4)  # operations per byte: V5's of a large batch are 3 H squared
OVER_LINES = {"facecolor": PAPER, "edgecolor": "none", "alpha": 0.85, "pad": 1}  # for words


def sizes_text(sizes):
    return f"N={sizes.N}, T={sizes.T}, H={sizes.H}"


def color_of(version):
    return TORCH_COLOR if version == "torch" else VERSION_COLORS.get(version, GREY)


# ---- the idea -----------------------------------------------------------------------------


@styled
def draw_idea(card):
    """One card's roof, and what its two parts mean."""
    alt = f"""The roofline of a {card.name}: performance in GFLOP/s against operations per byte,
        both logarithmic. It rises with {card.gigabytes_per_second:g} GB/s, where the card waits
        for bytes, up to the ridge at {card.ridge:.0f} operations per byte, then is flat at
        {card.tera:.1f} TFLOP/s."""
    picture, ax = subplots(1, 1, 11, 5, alt=alt)
    _draw_roof(ax, card.tera * 1e3, card.gigabytes_per_second)
    ax.annotate(
        f"the slope: {card.gigabytes_per_second:g} GB/s from memory\n"
        "few operations per byte:\nthe card waits for bytes",
        (2, 2 * card.gigabytes_per_second), (0.13, 1.6e3), color=GREY,
        arrowprops={"arrowstyle": "-", "color": GREY},
    )  # fmt: skip
    ax.text(
        card.ridge * 1.1, card.tera * 1e3 * 1.25,
        f"the flat roof: {card.tera:.1f} TFLOP/s", color=GREY,
    )  # fmt: skip
    ax.plot([card.ridge] * 2, [10, card.tera * 1e3], color=GREY, lw=1, ls=":")
    ax.text(card.ridge * 1.1, 14, f"the ridge: {card.ridge:.0f} operations per byte", color=GREY)
    _finish(ax, 1e4 * 3)
    ax.set_title(f"Under the roof of a {card.name} (published numbers)")
    return picture


def _draw_roof(ax, giga, bandwidth):
    x = np.geomspace(*X_RANGE, 200)
    ax.plot(x, np.minimum(giga, bandwidth * x), color=BLACK, lw=2.6)
    ax.fill_between(x, 1e-3, np.minimum(giga, bandwidth * x), color=LIGHT, alpha=0.5, lw=0)


def _finish(ax, top, bottom=10):
    ax.set(xscale="log", yscale="log", xlim=X_RANGE, ylim=(bottom, top))
    ax.xaxis.set_major_formatter("{x:,g}")
    ax.yaxis.set_major_formatter("{x:,g}")
    ax.set_xlabel("operations per byte from memory")
    ax.set_ylabel("GFLOP/s")


# ---- bytes --------------------------------------------------------------------------------


@styled
def draw_bytes(sizes, counted=None):
    """What each version asks of memory, and what perfect caches would leave of it.

    counted: {version: bytes asked}; without it, those of `bytes_asked`.
    """
    counted = counted or {v: bytes_asked(v, sizes) for v in VERSIONS}
    rows = [(NAMES[v], counted[v], bytes_at_least(v, sizes), v) for v in VERSIONS]
    said = [f"{name} {asked / 1e6:.3g}, with perfect caches {least / 1e6:.2g}"
            for name, asked, least, _ in rows]  # fmt: skip
    alt = f"MB that a training step asks of memory ({sizes_text(sizes)}): {'; '.join(said)}."
    picture, ax = subplots(1, 1, 11, 3.9, alt=alt)
    for place, (_, asked, least, version) in enumerate(rows):
        ax.barh(place, asked / 1e6, 0.62, color=color_of(version), alpha=0.35)
        ax.barh(place, least / 1e6, 0.62, color=color_of(version))
        ax.text(asked / 1e6, place, f"  {asked / 1e6:,.3g} MB asked", va="center")
        ax.text(least / 1e6, place + 0.44, f"{least / 1e6:.2g} MB", va="center", color=GREY)
    ax.set_yticks(range(len(rows)), [name for name, *_ in rows])
    ax.set_ylim(len(rows) - 0.35, -0.55)
    ax.set_xlim(0, 1.25 * max(asked for _, asked, *_ in rows) / 1e6)
    ax.set_xlabel("MB per training step; dark: if caches were perfect")
    ax.set_title(f"Where the weights live decides the bytes ({sizes_text(sizes)})")
    return picture


# ---- the roofs ----------------------------------------------------------------------------


@styled
def draw_roofs(cards, sizes, measured=None):
    """A panel per card: each version at the height that its lower bound on time allows.

    measured: {version: seconds of a training step} for the last card, if there are any.
    """
    columns = min(2, len(cards))
    lines = -(-len(cards) // columns)
    wide = 6.8 * columns if len(cards) > 1 else 10
    alt = f"""Rooflines by the model, {sizes_text(sizes)}, and under them each version's lower
        bound. {" ".join(_roof_text(card, sizes) for card in cards)}
        {_stars_text(sizes, measured)}"""
    picture, axes = subplots(lines, columns, wide, 4.6 * lines, alt=alt, squeeze=False)
    for ax, card in zip(axes.flat, cards, strict=False):
        _draw_roof(ax, card.tera * 1e3, card.gigabytes_per_second)
        ends = [_draw_version(ax, version, sizes, card) for version in VERSIONS]
        low = min(1, *(0.2 * height for height, *_ in ends))
        _write_beside(ax, 1.2 * X_RANGE[1], ends)  # outside: dots may be anywhere
        x = operations(sizes) / bytes_of_product(sizes)
        ax.plot([x] * 2, [low, min(card.tera * 1e3, x * card.gigabytes_per_second)],
                color=GREY, ls=":", lw=1.5)  # fmt: skip
        ax.text(x * 1.15, 1.5 * low, "one matrix\nproduct per step", color=GREY, fontsize=11)
        for version, seconds in (measured or {}).items():
            _draw_star(ax, version, sizes, card, seconds)
        _finish(ax, 1e5, low)
        ax.set_title(f"{card.name}: {card.tera:.1f} TFLOP/s, {card.gigabytes_per_second:g} GB/s")
    what = "A model, but for the star" if measured else "A model, no measurement"
    picture.suptitle(
        f"{what} ({sizes_text(sizes)}). Hollow: no cache. Full: perfect caches, "
        "and the limit", color=GREY,
        fontsize=12, ha="left", x=0.02,
    )  # fmt: skip
    return picture


def _roof_text(card, sizes):
    """A card's panel in words."""
    said = []
    for version in VERSIONS:
        seconds, reason = bound(version, sizes, card)
        said.append(f"{NAMES[version]} {operations(sizes) / seconds / 1e9:,.0f} GFLOP/s ({reason})")
    return f"{card.name}: {listed(said)}."


def _stars_text(sizes, measured):
    """The measured steps in words."""
    done = operations(sizes)
    said = [f"{v} {done / s / 1e9:,.0f} GFLOP/s" for v, s in (measured or {}).items()]
    return f"Measured: {listed(said)}." if said else ""


def _draw_star(ax, version, sizes, card, seconds):
    """A measured time, at the bytes that the kernels ask for; its name is in the room below."""
    kernel = {"cuda_v3": "cuda_v2", "cuda_v6": "cuda_v5"}.get(version, version)
    done, color = operations(sizes), color_of(version)
    x, y = done / bytes_asked(kernel, sizes, card.sms), done / seconds / 1e9
    ax.plot(x, y, "*", ms=15, color=color, zorder=4)
    ax.annotate(
        f"{version}, measured: {y:,.0f} GFLOP/s", (x, y), (x, y / 6), color=ink(color),
        bbox=OVER_LINES,
        ha="center", arrowprops={"arrowstyle": "-", "color": GREY},
    )  # fmt: skip


def _draw_version(ax, version, sizes, card):
    """From no cache at all (hollow) to perfect caches (full): the truth lies between."""
    done, color = operations(sizes), color_of(version)
    x = [done / bytes_asked(version, sizes, card.sms), done / bytes_at_least(version, sizes)]
    seconds, reason = bound(version, sizes, card)
    y = [done / s / 1e9 for s in (without_caches(version, sizes, card), seconds)]
    ax.plot(x, y, color=color, lw=2.5)
    ax.plot(x[0], y[0], "o", color=color, mfc="white", mew=2.5, ms=10)
    ax.plot(x[1], y[1], "o", color=color, ms=10)
    return y[1], f"{NAMES[version]}: {reason}", color


def _write_beside(ax, x, ends, factor=2.6):
    """Texts at their heights, the highest first, pushed down until they are apart."""
    free = np.inf
    for height, text, color in sorted(ends, reverse=True):
        free = min(height, free / factor)
        ax.text(x, free, text, color=ink(color), va="center", weight="bold", bbox=OVER_LINES)


# ---- waiting ------------------------------------------------------------------------------


@styled
def draw_bounds(card, sizes, batch_sizes, recorded=None):
    """Lower bounds on time against the batch: flat while the card has room, then linear.

    recorded: {(version, batch): seconds of its kernels}, drawn as dots, of this card.
    """
    said = [f"{NAMES[v].split(',')[0]} at N={N:,}: {1e6 * s:.0f}"
            for (v, N), s in sorted((recorded or {}).items())]  # fmt: skip
    alt = f"""{card.name}, T={sizes.T}, H={sizes.H}: lower bounds on the µs per training step
        against the batch size N, from {batch_sizes[0]:,} to {batch_sizes[-1]:,}, both
        logarithmic: flat first, then rising.
        {f"Recorded kernels: {'; '.join(said)}." if said else ""}"""
    picture, ax = subplots(1, 1, 12, 5.4, alt=alt)
    ends = []
    for version in VERSIONS:
        color, many = color_of(version), [sizes._replace(N=N) for N in batch_sizes]
        low = [1e6 * bound(version, s, card)[0] for s in many]
        high = [1e6 * without_caches(version, s, card) for s in many]
        ax.fill_between(batch_sizes, low, high, color=color, alpha=0.3, lw=0)
        ax.plot(batch_sizes, low, color=color)
        ends.append((np.sqrt(low[-1] * high[-1]), f"{NAMES[version]}: model", color))
    _log_axes(ax, batch_sizes)
    _write_beside(ax, batch_sizes[-1] * 1.12, ends)
    _draw_dots(ax, recorded or {})
    ax.set_title(f"{card.name}: T={sizes.T}, H={sizes.H}\n")
    ax.text(0, 1.03, "lines: lower bounds, perfect caches; shaded: up to no cache at all; "
            "dots: recorded kernels", color=GREY, transform=ax.transAxes, fontsize=12)  # fmt: skip
    return picture


def _draw_dots(ax, recorded):
    """The recorded times, each version's named at its first dot."""
    names = {}
    for (version, N), seconds in sorted(recorded.items()):
        ax.plot(N, 1e6 * seconds, "o", ms=9, color=color_of(version), zorder=3)
        names.setdefault(version, (N, 1e6 * seconds))
    for version, first in names.items():
        name = NAMES[version].split(",")[0]
        ax.annotate(f"{name} recorded", first, (-10, 0), textcoords="offset points", ha="right",
                    va="center", color=ink(color_of(version)), weight="bold")  # fmt: skip


def _log_axes(ax, batch_sizes):
    ax.set(xscale="log", yscale="log")
    ax.set_xlim(batch_sizes[0] / 7, batch_sizes[-1] * 7)
    ax.set_xticks(batch_sizes, [f"{N:,}" for N in batch_sizes])
    ax.minorticks_off()
    ax.yaxis.set_major_formatter("{x:,g}")
    ax.set_xlabel("batch size N (log scale)")
    ax.set_ylabel("µs per training step (log scale)")


# ---- this machine -------------------------------------------------------------------------


@styled
def draw_own_roof(giga, bandwidth, x, heights):
    """This machine's measured roof, and programs of one intensity x.  heights: {name: GFLOP/s}.

    How many bytes each really moves is not known: x is what perfect caches would leave.
    """
    said = [f"{version} {height:.3g} GFLOP/s" for version, height in heights.items()]
    alt = f"""This machine's roof, measured: {giga:,.0f} GFLOP/s and {bandwidth:.0f} GB/s. Under
        it, at {x:.0f} operations per byte: {listed(said)}."""
    picture, ax = subplots(1, 1, 11, 5, alt=alt)
    _draw_roof(ax, giga, bandwidth)
    ax.axvline(x, color=GREY, lw=1, ls=":")
    _finish(ax, giga * 4, min(1, min(heights.values()) / 3))
    for version, height in heights.items():
        ax.plot(x, height, "*", ms=16, color=color_of(version))
    ends = [(height, f"{version}: {height:.3g} GFLOP/s", color_of(version))
            for version, height in heights.items()]  # fmt: skip
    _write_beside(ax, x * 1.35, ends, factor=1.5)
    ax.set_title(f"Measured here: {giga:,.0f} GFLOP/s, {bandwidth:.0f} GB/s")
    return picture
