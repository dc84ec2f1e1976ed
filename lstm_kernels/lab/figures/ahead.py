"""What is still to come after the race of six: the later versions, recorded.  Lesson 09."""

from matplotlib.ticker import NullFormatter

from lstm_kernels.lab.measure.card.kept import times
from lstm_kernels.lab.words import seconds_text

from .race import tick_text
from .style import BLACK, GREY, LIGHT, RIVAL_COLORS, VERSION_COLORS, listed, styled, subplots

BATCH, HIDDEN = 1024, 256  # of the recording: samples per mini-batch on the left, H on the right
SMALL = (  # (as recorded, as named in the picture)
    ("numpy_batched", "numpy_batched (04)"),
    ("cuda_v2", "V2 (07)"),
    ("cuda_v3", "V3 (08)"),
    ("numba_cpu", "all CPU cores (12)"),
    ("cuda_v4", "V4 (13)"),
    ("cuda_v5", "V5 (14)"),
    ("cuda_v6", "V6 (15)"),
    ("PyTorch recorded", "PyTorch, as a graph (17)"),
)
LARGE = (("V6 recorded", "V7's kernels (16)"), ("PyTorch recorded", "PyTorch, as a graph (17)"))
COLORS = {**VERSION_COLORS, "V6 recorded": VERSION_COLORS["cuda_v7"]}


def small_net(card):
    """{as recorded: seconds of an epoch of four mini-batches}, T=11, H=50, N=1,024.

    card: a recording by `bench --card`.  What a training before has made is there: memory, graphs.
    """
    found = times(card, "trainings", "training", N=BATCH, setup="kept")
    return {row["rival"]: row["median"] for row in found}


def large_net(card):
    """{as recorded: seconds of one training step}, T=12, H=256, N=64; full float32."""
    found = times(card, "steps", "step", T=12, H=HIDDEN, N=64)
    return {row["rival"]: row["median"] for row in found}


@styled
def draw_ahead(card):
    """Two panels of dots: our versions and the library on one recorded card."""
    panels = {
        f"H=50, {BATCH:,} samples per batch": ("one epoch, 4 mini-batches", SMALL, small_net(card)),
        f"H={HIDDEN}, 64 samples per batch": ("one mini-batch", LARGE, large_net(card)),
    }
    words = [
        f"{title}, {what}: " + listed([f"{name} {seconds_text(of[key])}" for key, name in rows])
        for title, (what, rows, of) in panels.items()
    ]
    place = f"{card['card']}, recorded on {card['machine']['date'][:10]}"
    alt = f"Times on a machine with an {place}, on log scales. {'; '.join(words)}."
    ratios = {"width_ratios": (3, 2)}
    picture, axes = subplots(1, 2, 14, 5.2, alt=alt, gridspec_kw=ratios)
    for ax, (title, panel) in zip(axes, panels.items(), strict=True):
        _draw_panel(ax, title, *panel)
    picture.supxlabel(f"In brackets: the lesson. {place}.", fontsize=12, color=GREY)
    return picture


def _draw_panel(ax, title, what, rows, seconds):
    """A dot for each row at its time, with the time in words."""
    found = [seconds[key] for key, _ in rows]
    for place, (key, _) in enumerate(rows):
        color = COLORS.get(key, RIVAL_COLORS["pytorch_graph"])
        mark = "o" if key in COLORS else "D"
        ax.plot(seconds[key], place, mark, color=color, mec=BLACK, ms=12)
        ax.annotate(seconds_text(seconds[key]), (seconds[key], place), (13, 0),
                    textcoords="offset points", va="center")  # fmt: skip
    ax.set_yticks(range(len(rows)), [name for _, name in rows])
    ax.set(xscale="log", xlim=(min(found) / 2, max(found) * 8), ylim=(len(rows) - 0.4, -0.6))
    ax.set(title=title, xlabel=f"time of {what} (log scale)")
    ax.grid(axis="x", color=LIGHT)
    ax.set_axisbelow(True)
    ax.xaxis.set_major_formatter(lambda value, _: tick_text(value))
    ax.xaxis.set_minor_formatter(NullFormatter())
