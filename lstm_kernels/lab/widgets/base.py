"""How a widget is shown, and what is shown where widgets cannot live."""

from IPython.display import display

from lstm_kernels.lab.widgets import ipywidgets, still
from lstm_kernels.machine.platforms import explain_no_widgets


def picture_widget(picture):
    """An Image widget that holds this Picture; set `.value = picture._repr_png_()` to repaint."""
    return ipywidgets.Image(
        value=picture._repr_png_(),
        format="png",
        layout={"max_width": "100%", "align_self": "center", "margin": "0"},
    )


def show(widget, picture):
    """Display the live widget, with its static twin for GitHub and printed pages.

    One bundle holds the widget's view, a PNG and a text: each page shows the best it can.
    Without ipywidgets: its picture, and what to install.
    """
    if isinstance(widget, still.Still):
        print("{}. Cure: {}.".format(*explain_no_widgets()))
        return display(picture)
    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    display(
        {
            "application/vnd.jupyter.widget-view+json": view,
            "image/png": picture._repr_png_(),
            "text/plain": "A live widget; run this cell to use it. This is its first picture.",
        },
        raw=True,
    )


def slider(label, options, value, width="22em"):
    """A slider over a few sizes; it reports when the mouse lets go."""
    return ipywidgets.SelectionSlider(
        options=sorted({*options, value}),
        value=value,
        description=label,
        continuous_update=False,
        style={"description_width": "7.6em"},
        layout={"width": width, "margin": "2px 0.6em 2px 0"},
    )
