"""One look for all pictures: sizes for a projector, colours for every eye.

Colours are those of Okabe and Ito (2008), which colour-blind readers can tell apart.
Pictures are drawn without pyplot, so that no hidden state is shared between cells, widget
callbacks and threads.
"""

from functools import wraps
from io import BytesIO
from threading import RLock

from matplotlib import rc_context
from matplotlib.figure import Figure

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY, LIGHT = "#6E6E6E", "#E6E6E6"
PALE, SOFT, HIGHLIGHT = "#F7F7F7", "#F4F6F8", "#FFF6D6"  # grounds, for black text
TEXT_COLORS = {ORANGE: "#A66F00", SKY: "#2A84BD", YELLOW: "#8A8000"}  # light ones, as text
COLORS = (BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY, BLACK, GREY)

GATE_COLORS = {"i": BLUE, "f": VERMILLION, "g": GREEN, "o": PURPLE}
VERSION_COLORS = {
    "sequential": GREY,
    "numpy_loop": SKY,
    "numpy_batched": BLUE,
    "cuda_v1": YELLOW,
    "cuda_v2": ORANGE,
    "cuda_v3": VERMILLION,
    "numba_cpu": GREEN,
    "cuda_v4": PURPLE,
    "cuda_v5": "#7A3B69",  # a darker purple: V5 and V6 go on from V4
    "cuda_v6": BLACK,
}
DRAWING = RLock()  # one thread draws at a time: matplotlib's settings and fonts are shared
STYLE = {
    "font.size": 13,
    "axes.titlesize": 15,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "lines.linewidth": 2.2,
    "legend.frameon": False,
}


class Picture(Figure):
    """A matplotlib Figure that a notebook shows by itself as a PNG."""

    def _repr_png_(self):
        buffer = BytesIO()
        with DRAWING, rc_context(STYLE):  # ticks are made only now
            self.savefig(buffer, format="png", dpi=110, facecolor="white")
        return buffer.getvalue()


def ink(color):
    """The colour for words that name something of this colour: darker, if it is a light one."""
    return TEXT_COLORS.get(color, color)


def subplots(rows=1, columns=1, width=10.0, height=4.5, **options):
    """A Picture and its axes, in the course's style; sizes in inches."""
    with DRAWING, rc_context(STYLE):
        picture = Picture(figsize=(width, height), layout="constrained")
        return picture, picture.subplots(rows, columns, **options)


def styled(draw):
    """Decorator: everything that the function draws has the course's fonts and lines."""

    @wraps(draw)
    def draw_in_style(*args, **kwargs):
        with DRAWING, rc_context(STYLE):
            return draw(*args, **kwargs)

    return draw_in_style
