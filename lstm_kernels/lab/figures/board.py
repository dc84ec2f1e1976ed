"""The drawing board for schemes: axes without a frame, and on them boxes, arrows and words.

Every lesson with a scheme uses it, from 00 to 15, and appendix A1.
"""

from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

from .style import BLACK, GREY, PALE, subplots


def board(width, height, xlim, ylim, *, alt, **options):
    """A Picture, sizes in inches, and its only axes: a blank board.  alt: as in `subplots`."""
    picture, ax = subplots(1, 1, width, height, alt=alt)
    blank(ax, xlim, ylim, **options)
    return picture, ax


def blank(ax, xlim, ylim, **options):
    """Make the axes a board in units of its own, nothing around it.  options: as for `ax.set`."""
    ax.set(xlim=xlim, ylim=ylim, **options)
    ax.axis("off")


def rectangle(ax, x, y, width, height, face, **look):
    """A rectangle whose corner is (x, y), without an edge line unless `look` has one."""
    ax.add_patch(Rectangle((x, y), width, height, fc=face, **look))


def box(ax, x, y, width, height, face=PALE, edge=GREY, radius=0.1, **look):
    """A rectangle with round corners; its own corner is (x, y)."""
    shape = f"round,pad=0,rounding_size={radius}"
    ax.add_patch(FancyBboxPatch((x, y), width, height, shape, fc=face, ec=edge, **look))


def arrow(ax, start, end, color=BLACK, lw=2, head=18, **look):
    """A straight arrow from one point to another; head: the size of its head, in points."""
    look = {"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0, "zorder": 3, **look}
    ax.add_patch(FancyArrowPatch(start, end, color=color, lw=lw, mutation_scale=head, **look))


def write(ax, x, y, text, **look):
    """Words in the middle of a box: centred on (x, y)."""
    ax.text(x, y, text, ha="center", va="center", **look)
