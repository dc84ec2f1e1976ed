"""Our recorded training step against PyTorch's, on each card that was measured.  Lesson 17."""

from lstm_kernels.lab.measure.card import verdict

from .race import label_ends
from .style import BLACK, COLORS, GREY, LIGHT, listed, styled, subplots

TICKS = (0.125, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64)
ROOM = 1.6  # above the highest dot and below the lowest: a factor, for words


@styled
def draw_wins(cards):
    """How many times as fast ours is, over the batch size: a panel per card, a line for each H.

    cards: recordings by `bench --card`.  None if no step of both sides was timed on any of them.
    """
    found = {title(card): verdict.ratios(card["rows"]) for card in cards}
    found = {name: of_lines(ratios) for name, ratios in found.items() if ratios}
    if not found:
        return None
    alt = f"""How many times as fast as PyTorch's recorded step V6's is, against the batch size N.
        {" ".join(card_text(name, lines) for name, lines in found.items())}"""
    picture, axes = subplots(1, len(found), 13, 5.4, alt=alt, sharey=True, squeeze=False)
    for ax, (name, lines) in zip(axes[0], found.items(), strict=True):
        draw_lines(ax, lines)
        ax.set_title(name)
    everywhere = [
        ratio for lines in found.values() for of in lines.values() for ratio in of.values()
    ]
    finish(axes[0], min(*everywhere, 0.9), max(*everywhere, 1.1))
    for ax, lines in zip(axes[0], found.values(), strict=True):
        ends = [(*list(of.items())[-1], f"H={H}", color_of(H, lines)) for H, of in lines.items()]
        label_ends(ax, ends)
    return picture


def title(card):
    return f"{card['card']}, {card['machine']['date'][:10]}"


def of_lines(ratios):
    """{H: {N: ratio}}, in the order of both."""
    return {
        H: {N: ratio for (at, N), ratio in sorted(ratios.items()) if at == H}
        for H in sorted({H for H, _ in ratios})
    }


def color_of(H, lines):
    return COLORS[list(lines).index(H) % len(COLORS)]


def draw_lines(ax, lines):
    for H, of in lines.items():
        ax.plot(list(of), list(of.values()), "o-", ms=8, color=color_of(H, lines), zorder=3)
    sizes = sorted({N for of in lines.values() for N in of})
    ax.set(xscale="log", xlabel="batch size N (log scale)")
    ax.set_xticks(sizes, [str(N) for N in sizes])
    ax.minorticks_off()


def finish(axes, low, high):
    """A line at 1, and who is ahead on which side of it, in the room above and below all dots."""
    low, high = low / ROOM, high * ROOM
    ticks = [tick for tick in TICKS if low <= tick <= high]
    for ax in axes:
        ax.axhline(1, color=BLACK, lw=1.5)
        ax.set(yscale="log", ylim=(low, high))
        ax.set_yticks(ticks, [f"{tick:g}x" for tick in ticks])
        ax.minorticks_off()
        ax.grid(axis="y", color=LIGHT)
        ax.set_axisbelow(True)
        look = {"color": GREY, "fontsize": 12, "transform": ax.transAxes, "ha": "right"}
        ax.text(0.98, 0.98, "above 1x: V6 is ahead", va="top", **look)
        ax.text(0.98, 0.02, "below 1x: PyTorch is ahead", va="bottom", **look)
    axes[0].set_ylabel("PyTorch's step / V6's (log scale)")


def card_text(name, lines):
    """A card's panel in words: both ends of each line."""
    said = []
    for H, of in lines.items():
        (first, at_first), *_, (last, at_last) = [*of.items()] * (1 + (len(of) == 1))
        said.append(f"H={H} {at_first:.2g} times at N={first}, {at_last:.2g} at N={last}")
    return f"{name}: {listed(said)}."
