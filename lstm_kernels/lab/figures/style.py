"""One look for all pictures: sizes for a projector, colours for every eye, words for no eye.

Colours are those of Okabe and Ito (2008), which colour-blind readers can tell apart.  A picture is
a pale card with round corners, which neither a white page nor a dark one swallows or glares at.
Pictures are drawn without pyplot, so that no hidden state is shared between cells, widget
callbacks and threads.
"""

from base64 import b64encode
from functools import wraps
from io import BytesIO
from threading import RLock

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.patheffects import Normal, Stroke

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY, LIGHT, PAPER = "#5F6368", "#D2D6DB", "#EDEFF2"
PALE, SOFT, HIGHLIGHT = "#FCFCFD", "#FCFCFD", "#FFF1C2"  # grounds on paper, for black text
TEXT_COLORS = {  # of the light ones, for words
    ORANGE: "#966400",
    SKY: "#1F77AD",
    YELLOW: "#7A7100",
    GREEN: "#007D5B",
    PURPLE: "#A84C82",
}
COLORS = (BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY, BLACK, GREY)

GATE_COLORS = {"i": BLUE, "f": VERMILLION, "g": GREEN, "o": PURPLE}
VERSION_COLORS = {
    "sequential": GREY,
    "numpy_loop": SKY,
    "numpy_batched": BLUE,
    "cuda_v1": YELLOW,
    "cuda_v2": ORANGE,
    "cuda_v3": VERMILLION,
    "cuda_v3c": "#8C3A00",  # a darker vermillion: V3's program
    "numba_cpu": GREEN,
    "cuda_v4": PURPLE,
    "cuda_v5": "#7A3B69",  # a darker purple: V5 and V6 go on from V4
    "cuda_v6": BLACK,
    "cuda_v7": "#4C2A85",
}
OWN_COLOR = "#B8004E"  # of a version that is not the course's; a second one gets the next
SPARE = (OWN_COLOR, "#66A61E", "#1B9E9E", "#E7298A")
_GIVEN = {}  # {such a version: its colour}
RIVAL_COLORS = {  # a library's: browns, with marks of their own
    "pytorch": "#B98A55",
    "pytorch_cudnn": "#8A5A2B",
    "pytorch_graph": "#55300F",
}
RIVAL_MARKS = {"pytorch": "s", "pytorch_cudnn": "D", "pytorch_graph": "^"}
RIVAL_NAMES = {
    "pytorch": "PyTorch, CPU",
    "pytorch_cudnn": "PyTorch, card",
    "pytorch_graph": "PyTorch, card, as a graph",
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
    "axes.facecolor": "none",
    "hatch.color": GREY,
}
MARGIN, CORNER = 0.14, 0.12  # inches: around all that is drawn; radius of the card's corners


class Picture(Figure):
    """A matplotlib Figure that a notebook shows by itself as a PNG, and as a text.

    alt: what is drawn, in words: for those who cannot see it, and where no image is shown.
    """

    alt = ""

    def _repr_png_(self):
        buffer = BytesIO()
        with DRAWING, rc_context(STYLE):  # ticks are made only now
            words = {"Description": self.alt}
            self.savefig(buffer, format="png", dpi=110, facecolor="none", metadata=words)
        return buffer.getvalue()

    def _repr_mimebundle_(self, include=None, exclude=None):
        """The image with its `alt`, where pages look for it, and the same words as plain text."""
        shown = {"image/png": b64encode(self._repr_png_()).decode(), "text/plain": self.alt}
        return shown, {"image/png": {"alt": self.alt}}


def version_color(version):
    """A version's colour; one without a colour in the table gets a spare one, and keeps it."""
    if version in VERSION_COLORS:
        return VERSION_COLORS[version]
    return _GIVEN.setdefault(version, SPARE[len(_GIVEN) % len(SPARE)])


def ink(color):
    """The colour for words that name something of this colour: darker, if it is a light one."""
    return TEXT_COLORS.get(color, color)


def outline(color):
    """For a line: yellow gets a dark edge, else it is hardly seen."""
    return [Stroke(linewidth=4, foreground=GREY), Normal()] if color == YELLOW else []


def subplots(rows=1, columns=1, width=10.0, height=4.5, *, alt, **options):
    """A Picture and its axes, in the course's style; sizes in inches.

    alt: what is drawn, in a sentence or two with the main values, for those who cannot see it.
    """
    if not alt.strip():
        raise ValueError("alt is empty: say in words what the picture shows")
    with DRAWING, rc_context(STYLE):
        picture = Picture(figsize=(width, height), layout="constrained")
        picture.alt = " ".join(alt.split())
        picture.get_layout_engine().set(w_pad=MARGIN, h_pad=MARGIN)
        picture.add_artist(_card(picture, width, height))
        return picture, picture.subplots(rows, columns, **options)


def _card(picture, width, height):
    """The pale ground with round corners."""
    shape = f"round,pad=0,rounding_size={CORNER}"
    look = {"fc": PAPER, "ec": "none", "zorder": -10, "transform": picture.dpi_scale_trans}
    return FancyBboxPatch((0, 0), width, height, shape, **look)


def listed(words):
    """`a`, `a and b`, `a, b and c`."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def styled(draw):
    """Decorator: everything that the function draws has the course's fonts and lines."""

    @wraps(draw)
    def draw_in_style(*args, **kwargs):
        with DRAWING, rc_context(STYLE):
            return draw(*args, **kwargs)

    return draw_in_style
