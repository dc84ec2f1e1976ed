"""A series and its moving average, drawn at once while a slider moves.  Lesson 00."""

from .scene import Line, Scene, Words
from .style import BLUE, GREY, LIGHT

WIDTH, HEIGHT = 1000, 330  # pixels
LEFT, RIGHT, TOP, BOTTOM = 70, 870, 56, 290  # of the plot
STEP = 100  # thousands of passengers between two lines


def average_scene(series, means, k):
    """A Scene: a Series, and the mean (L - k + 1,) of each k of its values, at the last of them."""
    alt = f"""{len(series.values)} monthly values with a yearly wave, in grey, and the mean of each
        {k} in a row, a line from {means[0]:.0f} to {means[-1]:.0f} thousands that falls
        {falls(means)} times in {len(means) - 1} months."""
    scene, place = Scene(WIDTH, HEIGHT, alt), _places(series.values)
    scene.add(Words(20, 20, f"{series.name}, and their mean over {k} months", size=15, bold=True))
    _draw_axes(scene, series, place)
    scene.add(Line(tuple(place(n, value) for n, value in enumerate(series.values)), GREY, 1.5))
    line = tuple(place(n + k - 1, mean) for n, mean in enumerate(means))
    scene.add(Line(line, BLUE, 4))
    scene.add(Words(RIGHT + 10, line[-1][1], f"mean of {k}", BLUE, 13, bold=True))
    return scene


def _places(values):
    """place(month, value): the pixels where a value stands; 0 is at the bottom."""
    top, count = _top(values), len(values) - 1

    def place(month, value):
        x = LEFT + (RIGHT - LEFT) * month / count
        return x, BOTTOM - (BOTTOM - TOP) * value / top

    return place


def _top(values):
    return STEP * int(-(-max(values) // STEP))


def _draw_axes(scene, series, place):
    scene.add(Words(20, 41, "passengers, thousands", GREY, 12))
    for value in range(0, _top(series.values) + 1, STEP):
        _, y = place(0, value)
        scene.add(Line(((LEFT, y), (RIGHT, y)), LIGHT, 1))
        scene.add(Words(LEFT - 8, y, str(value), GREY, 12, "end"))
    for month in range(0, len(series.values) - 1, 24):
        x, _ = place(month, 0)
        scene.add(Words(x, BOTTOM + 16, str(series.dates[month])[:4], GREY, 12, "middle"))


def falls(means):
    """How often a mean is smaller than the one before."""
    return sum(after < before for before, after in zip(means, means[1:], strict=False))
