"""What the tests ask of a picture: what is written on it, and whether one can read it."""

from itertools import combinations

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from lstm_kernels.lab.figures.style import STYLE

DPI = 110  # as a notebook shows it
TOLERANCE = 1.5  # pixels: letters touch no more than that


# ---- what is drawn ------------------------------------------------------------------------


def texts(ax):
    """All words that were written into these axes, without title, ticks and labels."""
    return [text.get_text() for text in ax.texts]


def titles(picture):
    """The title of each of the picture's axes."""
    return [ax.get_title(loc="left").strip() for ax in picture.axes]


def names_on(axis):
    """The words at an axis's ticks."""
    return [label.get_text() for label in axis.get_ticklabels()]


def widths(ax):
    """The lengths of horizontal bars, and of all other patches."""
    return [patch.get_width() for patch in ax.patches]


def faces(ax):
    """The colours of all patches, in capital letters as in figures/style.py."""
    return [to_hex(patch.get_facecolor()).upper() for patch in ax.patches]


def curves(ax):
    """The y values of each line."""
    return [list(line.get_ydata()) for line in ax.lines]


def dots(ax):
    """The x of each single dot, in the order in which they were drawn."""
    return [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o"]


def painted(widget, control, value):
    """The picture that a widget paints, once, when one of its controls gets this value."""
    pictures, draw, before = [], widget.picture, bytes(widget.image.value)

    def keep():
        pictures.append(draw())
        return pictures[-1]

    widget.picture = keep
    control.value = value
    del widget.picture
    assert len(pictures) == 1, f"painted {len(pictures)} times"
    assert bytes(widget.image.value) != before
    return pictures[0]


def kept(monkeypatch, module, draw):
    """A list of the pictures that a module's function `draw` will draw from now on."""
    pictures, real = [], getattr(module, draw)

    def keep(*given, **named):
        pictures.append(real(*given, **named))
        return pictures[-1]

    monkeypatch.setattr(module, draw, keep)
    return pictures


# ---- whether one can read it --------------------------------------------------------------


def no_overlap(picture):
    """No two labels of the picture lie on each other, and its edge cuts none."""
    boxes = drawn_boxes(picture)
    pairs = [(a, b) for (a, box), (b, other) in combinations(boxes, 2) if meet(box, other)]
    assert not pairs, f"one on the other: {pairs}"
    width, height = picture.get_size_inches() * DPI
    cut = [text for text, box in boxes if not inside(box, width, height)]
    assert not cut, f"cut by the edge: {cut}"


def meet(box, other):
    width = min(box.x1, other.x1) - max(box.x0, other.x0)
    height = min(box.y1, other.y1) - max(box.y0, other.y0)
    return width > TOLERANCE and height > TOLERANCE


def inside(box, width, height):
    left, right = -TOLERANCE, width + TOLERANCE
    return left < box.x0 and box.x1 < right and -TOLERANCE < box.y0 and box.y1 < height + TOLERANCE


def drawn_boxes(picture):
    """[(text, its box in pixels), ...] of all that is written on the picture, and visible."""
    picture.set_dpi(DPI)
    canvas = FigureCanvasAgg(picture)
    with rc_context(STYLE):
        canvas.draw()
    renderer, hidden = canvas.get_renderer(), out_of_view(picture)
    written = [text for text in picture.findobj(Text) if text.get_text().strip()]
    written = [text for text in written if text.get_visible() and text not in hidden]
    return [(text.get_text().strip(), box_of(text, renderer)) for text in written]


def box_of(text, renderer):
    """The box of the words alone, without an arrow, and without empty lines below them."""
    box, words = Text.get_window_extent(text, renderer), text.get_text()
    empty, lines = len(words) - len(words.rstrip("\n")), words.count("\n") + 1
    if not empty:
        return box
    return Bbox.from_extents(box.x0, box.y0 + box.height * empty / lines, box.x1, box.y1)


def out_of_view(picture):
    """Labels that matplotlib keeps but does not draw: of axes that are off, beyond the limits."""
    found = set()
    for ax in picture.axes:
        for axis in (ax.xaxis, ax.yaxis):
            if not ax.axison:
                found |= {axis.label, axis.offsetText}
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                if not (ax.axison and in_view(axis, tick.get_loc())):
                    found |= {tick.label1, tick.label2}
    return found


def in_view(axis, place):
    """Does a place lie between the axis's limits, on its scale?"""
    low, high = sorted(axis.get_view_interval())
    low, place, high = axis.get_transform().transform([low, place, high])
    return low - 1e-9 <= place <= high + 1e-9
