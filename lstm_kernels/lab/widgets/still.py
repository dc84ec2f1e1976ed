"""In place of ipywidgets where it cannot be imported: controls that keep their first values.

So a lesson goes on: its widgets are made and asked as ever, and `show` displays their picture.
"""

from types import SimpleNamespace


class Still:
    """Keeps `children` and all settings as attributes; calls nobody, and draws nothing."""

    def __init__(self, children=(), layout=(), style=(), **settings):
        self.children = children
        self.layout, self.style = SimpleNamespace(**dict(layout)), SimpleNamespace(**dict(style))
        if "options" in settings:
            settings.setdefault("value", next(iter(settings["options"])))
        vars(self).update(settings)

    def observe(self, handler, names="value"):
        """No page will ever move this control."""

    def on_click(self, handler):
        """No page will ever press this button."""

    def set_title(self, number, title):
        """Of a Tab."""

    def add_class(self, name):
        """For a style sheet."""


class HTML(Still):
    """Its first argument is its text."""

    def __init__(self, value="", **settings):
        super().__init__(value=value, **settings)


BoundedFloatText = BoundedIntText = Button = Checkbox = Dropdown = FloatProgress = Still
FloatSlider = HBox = Image = IntSlider = SelectionSlider = Tab = Text = ToggleButton = Still
ToggleButtons = VBox = Still
