"""Time versions live, at sizes of your choice.  Lesson 04."""

from lstm_kernels import data, init_params
from lstm_kernels.lab.figures.timing import draw_timings
from lstm_kernels.lab.measure.timing import time_call
from lstm_kernels.lab.widgets import ipywidgets
from lstm_kernels.lab.widgets.base import paint, picture_widget
from lstm_kernels.versions import get_version


def time_gradients(versions, batch_size, H, T=11, budget=0.2):
    """{version: Timing} of the gradients of one batch of made-up series."""
    x, y = data.panel(batch_size, T)
    params = init_params(1, H, 1)
    calls = {v: get_version(v).gradients for v in versions}
    return {v: time_call(lambda g=g: g(params, x, y), budget=budget) for v, g in calls.items()}


def timing_title(batch_size, H):
    """The title that says what was timed."""
    return f"Gradients of one batch of {batch_size}, H={H}, on this CPU"


def timing_widget(versions, batch_size, H, picture):
    """Two sliders and a button that measures.  picture: what it shows before the first press."""
    widths = {"layout": {"width": "29em"}, "continuous_update": False}
    sizes = [2**power for power in range(10)]
    batch = ipywidgets.SelectionSlider(
        options=sizes, value=batch_size, description="batch size", **widths
    )
    hidden = ipywidgets.SelectionSlider(
        options=[4, 8, 16, 32, 50, 64, 128], value=H, description="H", **widths
    )
    button = ipywidgets.Button(description="measure", button_style="primary", icon="clock-o")
    image = picture_widget(picture)

    def measure(_):
        button.disabled, button.description = True, "measuring"
        try:
            timings = time_gradients(versions, batch.value, hidden.value)
            title = timing_title(batch.value, hidden.value)
            paint(image, draw_timings(timings, title))
        finally:
            button.disabled, button.description = False, "measure"

    button.on_click(measure)
    return ipywidgets.VBox([ipywidgets.HBox([batch, hidden, button]), image])
