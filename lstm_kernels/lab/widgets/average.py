"""A slider over the months of a moving average: the first thing to play with.  Lesson 00."""

from lstm_kernels.lab.figures.average import average_scene, falls
from lstm_kernels.lab.widgets import ipywidgets
from lstm_kernels.lab.widgets.base import paint_scene, scene_widget

MOST = 36  # months
QUESTION = "The fewer, the less is left of the wave. At which other k is it gone, and why?"


class MovingAverage(ipywidgets.VBox):
    """Move k, and the mean of each k months is drawn while the slider moves.

    moving_average(values, k): the learner's own, or ours.
    """

    def __init__(self, series, moving_average, k=12):
        self.series, self.moving_average = series, moving_average
        self.k = ipywidgets.IntSlider(
            value=k, min=1, max=MOST, description="k, months", layout={"width": "32em"},
            style={"description_width": "6em"}, tooltip="drag, or use the arrow keys",
        )  # fmt: skip
        self.note, self.image = ipywidgets.HTML(self.sentence()), scene_widget(self.scene())
        self.k.observe(self.repaint, "value")
        super().__init__([self.k, self.note, self.image])

    def means(self):
        return self.moving_average(self.series.values, self.k.value)

    def scene(self):
        return average_scene(self.series, self.means(), self.k.value)

    def picture(self):
        """The static twin."""
        return self.scene().picture()

    def sentence(self):
        """How much of the wave is left: how often the mean falls."""
        means = self.means()
        found = f"The mean falls in {falls(means)} of {len(means) - 1} months."
        return f"<b>Move k.</b> {found} {QUESTION}"

    def repaint(self, _=None):
        self.note.value = self.sentence()
        paint_scene(self.image, self.scene())
