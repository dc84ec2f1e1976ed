"""A drawing in pixels that is two things: SVG on a live page, and a Picture for paper.  Lesson 09.

A live page draws anew after each repeat.  Text of SVG is quick to write, sharp at every size, and
its marks say what they are when the mouse rests on them.  The same shapes drawn by matplotlib are
the static twin, so the two cannot differ.
"""

import html
from typing import NamedTuple

from matplotlib.patches import Polygon

from .style import BLACK, GREY, PAPER, styled, subplots

DPI = 110  # of a Picture on a page: one pixel here is one there
FONT = "'DejaVu Sans', Verdana, Geneva, sans-serif"
LETTER = 0.64  # the width of a letter in parts of its height, rounded up
ROUND = 12  # pixels: radius of the card's corners
POLYGONS = {  # marks of radius 1, y downward
    "s": ((-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)),
    "^": ((0, -1.05), (1, 0.85), (-1, 0.85)),
    "v": ((0, 1.05), (1, -0.85), (-1, -0.85)),
    "*": (
        (0, -1.3), (0.3, -0.4), (1.24, -0.4), (0.48, 0.15), (0.76, 1.05), (0, 0.5),
        (-0.76, 1.05), (-0.48, 0.15), (-1.24, -0.4), (-0.3, -0.4),
    ),
    "D": ((0, -1.15), (1.15, 0), (0, 1.15), (-1.15, 0)),
    "P": (
        (-0.4, -1.1), (0.4, -1.1), (0.4, -0.4), (1.1, -0.4), (1.1, 0.4), (0.4, 0.4),
        (0.4, 1.1), (-0.4, 1.1), (-0.4, 0.4), (-1.1, 0.4), (-1.1, -0.4), (-0.4, -0.4),
    ),
    "X": (
        (-1.05, -0.5), (-0.5, -1.05), (0, -0.55), (0.5, -1.05), (1.05, -0.5), (0.55, 0),
        (1.05, 0.5), (0.5, 1.05), (0, 0.55), (-0.5, 1.05), (-1.05, 0.5), (-0.55, 0),
    ),
}  # fmt: skip
DASHES = {"-": (), "--": (7, 4), ":": (2, 4)}


class Line(NamedTuple):
    """A line through points in pixels."""

    points: tuple
    color: str
    width: float = 2.0
    dash: str = "-"
    tip: str = ""


class Mark(NamedTuple):
    """A dot at a point: round, or one of POLYGONS."""

    x: float
    y: float
    kind: str
    face: str
    edge: str
    radius: float = 6.0
    tip: str = ""


class Box(NamedTuple):
    """A rectangle; its corner (x, y) is at its top left."""

    x: float
    y: float
    width: float
    height: float
    face: str
    edge: str = "none"
    hatched: bool = False
    tip: str = ""


class Words(NamedTuple):
    """One line of text; (x, y) is its middle line's start, middle or end."""

    x: float
    y: float
    text: str
    color: str = BLACK
    size: float = 13.0
    anchor: str = "start"
    bold: bool = False
    tip: str = ""


class Scene:
    """Shapes in the order in which they are drawn.  alt: what is drawn, in words."""

    def __init__(self, width, height, alt):
        if not alt.strip():
            raise ValueError("alt is empty: say in words what the scene shows")
        self.width, self.height, self.alt = width, height, " ".join(alt.split())
        self.shapes = []

    def add(self, *shapes):
        """Draw these above what is there."""
        self.shapes += shapes

    def of(self, kind):
        """The shapes of one kind."""
        return [shape for shape in self.shapes if isinstance(shape, kind)]

    def svg(self):
        """The scene as SVG for an HTML page; a screen reader says `alt`."""
        body = "".join(_SVG[type(shape)](shape) for shape in self.shapes)
        card = f'<rect width="{self.width}" height="{self.height}" rx="{ROUND}" fill="{PAPER}"/>'
        return (
            f'<svg class="lstm-scene" xmlns="http://www.w3.org/2000/svg" role="img" '
            f'viewBox="0 0 {self.width} {self.height}" aria-label="{html.escape(self.alt)}" '
            f'style="width:100%;max-width:{1.3 * self.width:.0f}px;display:block;margin:0 auto" '
            f'font-family="{FONT}">{card}{body}</svg>'
        )

    @styled
    def picture(self):
        """The same shapes as a Picture."""
        size = self.width / DPI, self.height / DPI
        picture, ax = subplots(1, 1, *size, alt=self.alt)
        picture.set_layout_engine("none")
        ax.set_position([0, 0, 1, 1])
        ax.set(xlim=(0, self.width), ylim=(self.height, 0))
        ax.axis("off")
        for place, shape in enumerate(self.shapes):
            _DRAW[type(shape)](ax, shape, zorder=place + 1)
        return picture


def width_of(text, size):
    """Pixels that a text needs at most."""
    return LETTER * size * len(text)


# ---- SVG ----------------------------------------------------------------------------------


def _svg(tag, tip, inside="", **look):
    said = f"<title>{html.escape(tip)}</title>" if tip else ""
    words = " ".join(f'{name.replace("_", "-")}="{value}"' for name, value in look.items())
    return f"<{tag} {words}>{said}{inside}</{tag}>"


def _points(points):
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _line_svg(line):
    look = {"stroke": line.color, "stroke_width": line.width, "fill": "none"}
    dash = " ".join(map(str, DASHES[line.dash]))
    look |= {"stroke_dasharray": dash} if dash else {}
    return _svg("polyline", line.tip, points=_points(line.points), **look)


def _mark_svg(mark):
    look = {"fill": mark.face, "stroke": mark.edge, "stroke_width": 1.4}
    if mark.kind not in POLYGONS:
        return _svg(
            "circle", mark.tip, cx=f"{mark.x:.1f}", cy=f"{mark.y:.1f}", r=mark.radius, **look
        )
    return _svg("polygon", mark.tip, points=_points(_corners(mark)), **look)


def _corners(mark):
    return [(mark.x + mark.radius * x, mark.y + mark.radius * y) for x, y in POLYGONS[mark.kind]]


def _box_svg(box):
    look = {"x": f"{box.x:.1f}", "y": f"{box.y:.1f}", "height": f"{box.height:.1f}"}
    look |= {"width": f"{max(box.width, 0):.1f}", "fill": box.face, "stroke": box.edge}
    lines = "".join(map(_line_svg, _hatch(box)))
    return _svg("rect", box.tip, **look) + lines


def _hatch(box, step=9):
    """Slanted lines over a box that is hatched."""
    if not box.hatched:
        return
    bottom, right = box.y + box.height, box.x + box.width
    start = box.x
    while start < right:
        end = min(start + box.height, right)
        yield Line(((start, bottom), (end, bottom - (end - start))), GREY, 1.0)
        start += step


def _words_svg(words):
    look = {"x": f"{words.x:.1f}", "y": f"{words.y + 0.36 * words.size:.1f}", "fill": words.color}
    look |= {"font_size": words.size, "text_anchor": words.anchor}
    look |= {"font_weight": "bold"} if words.bold else {}
    return _svg("text", words.tip, html.escape(words.text), **look)


_SVG = {Line: _line_svg, Mark: _mark_svg, Box: _box_svg, Words: _words_svg}


# ---- matplotlib ---------------------------------------------------------------------------


def _points_of(pixels):
    """Printer's points."""
    return 72 / DPI * pixels


def _draw_line(ax, line, **place):
    xs, ys = zip(*line.points, strict=True)
    width = _points_of(line.width)
    dashes = DASHES[line.dash]
    style = (0, tuple(part / line.width for part in dashes)) if dashes else "-"
    ax.plot(xs, ys, color=line.color, lw=width, ls=style, solid_capstyle="butt", **place)


def _draw_mark(ax, mark, **place):
    edge = {"mec": mark.edge, "mew": _points_of(1.4)}
    if mark.kind in POLYGONS:
        look = {"fc": mark.face, "ec": mark.edge, "lw": _points_of(1.4)}
        ax.add_patch(Polygon(_corners(mark), closed=True, **look, **place))
    else:
        size = _points_of(2 * mark.radius)
        ax.plot(mark.x, mark.y, "o", ms=size, color=mark.face, **edge, **place)


def _draw_box(ax, box, **place):
    bottom, right = box.y + box.height, box.x + box.width
    corners = ((box.x, box.y), (right, box.y), (right, bottom), (box.x, bottom))
    ax.add_patch(Polygon(corners, closed=True, fc=box.face, ec=box.edge, lw=0.7, **place))
    for line in _hatch(box):
        _draw_line(ax, line, **place)


def _draw_words(ax, words, **place):
    side = {"start": "left", "middle": "center", "end": "right"}[words.anchor]
    weight = "bold" if words.bold else "normal"
    ax.text(
        words.x, words.y, words.text, color=words.color, fontsize=_points_of(words.size),
        ha=side, va="center_baseline", weight=weight, **place,
    )  # fmt: skip


_DRAW = {Line: _draw_line, Mark: _draw_mark, Box: _draw_box, Words: _draw_words}
