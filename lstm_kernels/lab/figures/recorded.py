"""Times of a recorded card, alone or beside those of this machine.  Lessons 06 and 07."""

from matplotlib.ticker import NullFormatter

from lstm_kernels.lab.words import seconds_text

from .race import tick_text
from .style import BLACK, BLUE, GREY, LIGHT, ORANGE, VERSION_COLORS, listed, styled, subplots


@styled
def draw_dots(panels, emulated=()):
    """Times as dots on one log scale.  panels: {title: {version: Timing}}.

    All panels have the same versions.  A log scale has no zero, so there are no bars.  emulated:
    (title, version) of times that are no GPU's: their dots are empty.
    """
    rows = len(next(iter(panels.values())))
    said = [
        f"{title}: "
        + listed([
            f"{v} {seconds_text(t.median)}" + " (emulated)" * ((title, v) in emulated)
            for v, t in timings.items()
        ])
        for title, timings in panels.items()
    ]  # fmt: skip
    alt = f"Time of one mini-batch as dots on one log scale. {'; '.join(said)}."
    picture, axes = subplots(
        1, len(panels), 13, 1.5 + 0.45 * rows, alt=alt, sharex=True, sharey=True, squeeze=False
    )
    for ax, (title, timings) in zip(axes[0], panels.items(), strict=True):
        for place, (version, timing) in enumerate(timings.items()):
            _draw_dot(ax, place, version, timing, (title, version) in emulated)
        ax.set_yticks(range(len(timings)), list(timings))
        ax.set_ylim(rows - 0.5, -0.5)
        ax.grid(axis="x", color=LIGHT)
        ax.set_title(title)
    seconds = [t.median for timings in panels.values() for t in timings.values()]
    axes[0][0].set(xscale="log", xlim=(min(seconds) / 2, max(seconds) * 12))
    for ax in axes[0]:
        ax.xaxis.set_major_formatter(lambda seconds, _: tick_text(seconds))
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.set_xlabel("time of one mini-batch (log scale)")
    return picture


def _draw_dot(ax, place, version, timing, emulated):
    """A dot at the median, a line from the first quartile to the third, the time in words."""
    color = GREY if emulated else VERSION_COLORS.get(version, BLACK)
    ax.plot(timing.quartiles, [place] * 2, color=color, lw=3)
    edge = color if emulated else BLACK
    ax.plot(timing.median, place, "o", mec=edge, mfc="white" if emulated else color, ms=11)
    words = seconds_text(timing.median) + (" (emulated)" if emulated else "")
    ax.annotate(
        words, (timing.quartiles[1], place), (12, 0), textcoords="offset points", va="center"
    )


PARTS = {"copies_in": BLUE, "kernel": LIGHT, "copies_out": ORANGE, "host": "white"}


@styled
def draw_parts(rows, title, subtitle):
    """Where the time of a mini-batch goes: a bar from zero for each.  rows: {label: Measured}."""
    said = [
        f"{label}: kernel {seconds_text(m.kernel)}, copies {seconds_text(m.copies)}, "
        f"rest {seconds_text(m.host)}"
        for label, m in rows.items()
    ]
    alt = f"{title}. Bars of a mini-batch's time in parts. {'; '.join(said)}."
    picture, ax = subplots(1, 1, 13, 1.7 + 0.6 * len(rows), alt=alt)
    longest = max(1e3 * measured.whole for measured in rows.values())
    for place, measured in enumerate(rows.values()):
        start = 0
        for part, color in PARTS.items():
            length = 1e3 * getattr(measured, part)
            look = {"edgecolor": GREY, "lw": 0.6, "hatch": "///" if part == "host" else None}
            ax.barh(place, length, left=start, height=0.66, color=color, **look)
            start += length
        words = (
            f"kernel {seconds_text(measured.kernel)}, copies {seconds_text(measured.copies)}, "
            f"rest {seconds_text(measured.host)}"
        )
        ax.text(start + longest / 80, place, words, va="center", fontsize=12)
    ax.set_yticks(range(len(rows)), list(rows))
    ax.set(ylim=(len(rows) - 0.45, -0.55), xlim=(0, 1.75 * longest))
    ax.set_xlabel("milliseconds per mini-batch (blue, orange: copies; hatched: the rest)")
    ax.set_title(f"{title}\n")
    ax.text(0, 1.03, subtitle, transform=ax.transAxes, color=GREY, fontsize=11)
    return picture
