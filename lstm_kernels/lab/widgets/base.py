"""What all widgets share: controls over a picture, and what is shown where widgets cannot live."""

from IPython.display import display
from traitlets import Unicode

from lstm_kernels.lab.widgets import ipywidgets, still
from lstm_kernels.machine.platforms import explain_no_widgets


class Shown(ipywidgets.Image):
    """An Image that says what it shows: a page puts `tooltip` into its title."""

    if ipywidgets is not still:
        tooltip = Unicode("").tag(sync=True)
        description = Unicode("").tag(sync=True)  # without one, a page fails on the tooltip


def picture_widget(picture):
    """An Image widget that holds this Picture; `paint` puts another one into it."""
    return Shown(
        value=picture._repr_png_(),
        format="png",
        tooltip=picture.alt,  # what a screen reader says
        layout={"max_width": "100%", "align_self": "center", "margin": "0"},
    )


def paint(image, picture):
    """Show this Picture in an Image widget, and its words to those who cannot see it."""
    image.tooltip, image.value = picture.alt, picture._repr_png_()


def scene_widget(scene):
    """An HTML widget that holds this Scene as SVG; `paint_scene` puts another one into it."""
    return ipywidgets.HTML(scene.svg(), layout={"width": "100%", "margin": "2px 0"})


def paint_scene(widget, scene):
    """Show this Scene, which says itself what it shows to those who cannot see it."""
    widget.value = scene.svg()


def show(widget, picture):
    """Display the live widget, with its static twin for GitHub and printed pages.

    One bundle holds the widget's view, a PNG and a text: each page shows the best it can.
    Without ipywidgets: its picture, and what to install.
    """
    if isinstance(widget, still.Still):
        print("{}. Cure: {}.".format(*explain_no_widgets()))
        return display(picture)
    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    shown, metadata = picture._repr_mimebundle_()
    shown["application/vnd.jupyter.widget-view+json"] = view
    shown["text/plain"] = f"A live widget; run this cell to use it. Its picture: {picture.alt}"
    display(shown, metadata=metadata, raw=True)


def slider(label, options, value, width="22em", label_width="7.6em"):
    """A slider over a few sizes; it reports when the mouse lets go."""
    return ipywidgets.SelectionSlider(
        options=sorted({*options, value}),
        value=value,
        description=label,
        continuous_update=False,
        style={"description_width": label_width},
        layout={"width": width, "margin": "2px 0.6em 2px 0"},
        tooltip=f"{label}: drag, or use the arrow keys",
    )


def field(kind, label, value, **settings):
    """A wide control with a long label.  kind: a class of ipywidgets."""
    wide = {"layout": {"width": "32em"}, "style": {"description_width": "10em"}}
    return kind(description=label, value=value, **wide, **settings)


def row(*children):
    """Side by side, wrapped where the page is narrow."""
    layout = {"flex_flow": "row wrap", "align_items": "center"}
    return ipywidgets.HBox(list(children), layout=layout)


class Controlled(ipywidgets.VBox):
    """Controls above a picture, which is drawn anew when one of them changes.

    A subclass has `picture()`, and may have `sentence()`, which is written above the picture.
    """

    def __init__(self, *controls, above=None):
        """above: what stands over the picture, if it is more than the controls."""
        self.image, self.note = picture_widget(self.picture()), ipywidgets.HTML(self.sentence())
        for control in controls:
            control.observe(self.repaint, names="value")
        super().__init__([*(above or controls), *([self.note] * bool(self.note.value)), self.image])

    def picture(self):
        """What the controls describe, as a Picture."""
        raise NotImplementedError

    def sentence(self):
        return ""

    def repaint(self, _=None):
        self.note.value = self.sentence()
        paint(self.image, self.picture())
