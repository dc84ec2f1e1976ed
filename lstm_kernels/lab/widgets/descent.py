"""Batch size and the noise of its gradient, live.  Lesson 03."""

from lstm_kernels.lab.figures.descent import draw_noise
from lstm_kernels.lab.widgets import ipywidgets
from lstm_kernels.lab.widgets.base import paint, picture_widget


def noise_widget(points, deviations, batch_size):
    """A slider over the measured batch sizes; arguments as figures.descent.draw_noise."""
    slider = ipywidgets.SelectionSlider(
        options=list(points),
        value=batch_size,
        description="batch size",
        continuous_update=False,
        layout={"width": "32em"},
    )
    image = picture_widget(draw_noise(points, deviations, batch_size))

    def repaint(change):
        paint(image, draw_noise(points, deviations, change["new"]))

    slider.observe(repaint, names="value")
    return ipywidgets.VBox([slider, image])
