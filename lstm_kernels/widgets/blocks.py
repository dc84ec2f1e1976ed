"""What a warp reads (lesson 09); tiles in registers and banks of shared memory (lesson 10)."""

import ipywidgets

from lstm_kernels.figures import blocks as figures
from lstm_kernels.widgets.base import picture_widget

LAYOUT = {"width": "420px"}
STYLE = {"description_width": "130px"}


class Controlled(ipywidgets.VBox):
    """Some controls above a picture that is drawn anew when one of them changes."""

    def __init__(self, *controls):
        self.image = picture_widget(self.picture())
        for control in controls:
            control.observe(self._repaint, names="value")
        super().__init__([*controls, self.image])

    def picture(self):
        raise NotImplementedError

    def _repaint(self, _change):
        self.image.value = self.picture()._repr_png_()


def slider(name, options, value):
    return ipywidgets.SelectionSlider(
        options=options, value=value, description=name, layout=LAYOUT, style=STYLE
    )


class ReadMap(Controlled):
    """What a warp fetches when it reads a column of W, or a row of its transpose."""

    def __init__(self, H=16):
        self.hidden = slider("hidden units H", (8, 16, 32, 50, 64, 128), H)
        self.dtype = ipywidgets.Dropdown(
            options={"float32": 4, "float64": 8}.items(),
            value=4,
            description="numbers",
            layout=LAYOUT,
            style=STYLE,
        )
        super().__init__(self.hidden, self.dtype)

    def picture(self):
        return figures.draw_reads(self.hidden.value, j=3, itemsize=self.dtype.value)
