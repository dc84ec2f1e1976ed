"""Time against the pieces of memory that a request touches.  Lesson 11."""

from .style import BLACK, GREY, LIGHT, VERSION_COLORS, ink, listed, styled, subplots


@styled
def draw_times_by_pieces(recorded, expected, label):
    """Recorded times as dots, a line through the first and the last, and what it says elsewhere.

    recorded: {N: (pieces per request, ns per multiply-add)}, smallest N first.  expected: (pieces,
    ns) on that line.  label: whose recording it is.
    """
    told = [f"{ns:.3g} ns with {pieces} pieces, N={n:,}" for n, (pieces, ns) in recorded.items()]
    alt = f"""Nanoseconds per multiply-add against the pieces of 32 bytes that a request to the
        workspace touches. {label}: {listed(told)}. On the line through the first and the last,
        {expected[1]:.3g} ns at {expected[0]} pieces: expected, not measured."""
    picture, ax = subplots(1, 1, 10, 4.6, alt=alt)
    _draw_recorded(ax, recorded)
    color = VERSION_COLORS["cuda_v3c"]
    ax.plot(*expected, "o", mec=color, mfc="white", mew=2, ms=10)
    ax.annotate(f"V3c: expected {expected[1]:.3g} ns", expected, (-8, -26), color=ink(color),
                textcoords="offset points", fontweight="bold")  # fmt: skip
    *_, (_, highest) = recorded.values()
    ax.set(xlim=(0, 40), ylim=(0, 1.2 * highest), xlabel="pieces of 32 bytes per request")
    ax.set_ylabel("ns per multiply-add")
    ax.set_title(f"V3: {label}", color=GREY, fontsize=13)
    return picture


def _draw_recorded(ax, recorded):
    """The dots, each with its N, and the line through the first and the last."""
    (x0, y0), *_, (x1, y1) = recorded.values()
    end, slope = 36, (y1 - y0) / (x1 - x0)
    ax.plot([0, end], [y0 - slope * x0, y0 + slope * (end - x0)], color=LIGHT, lw=2, zorder=0)
    look = {"color": VERSION_COLORS["cuda_v3"], "mec": BLACK, "ms": 10}
    ax.plot(*zip(*recorded.values(), strict=True), "o", **look)
    for pieces in (x0, x1):
        there = {f"{n:,}": ns for n, (x, ns) in recorded.items() if x == pieces}
        ax.text(pieces + 0.8, min(there.values()) - 4, f"N = {listed(there)}", va="center")
