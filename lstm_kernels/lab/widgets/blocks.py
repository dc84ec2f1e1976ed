"""What a warp reads (lesson 13); tiles in registers and banks of shared memory (lesson 14)."""

from lstm_kernels.lab.figures import blocks as figures
from lstm_kernels.lab.widgets import ipywidgets
from lstm_kernels.lab.widgets.base import picture_widget

LAYOUT = {"width": "32em"}
STYLE = {"description_width": "10em"}


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
        self.hidden = slider("hidden units H", (2, 4, 8, 16, 32, 50, 64, 128), H)
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


class TileMap(Controlled):
    """What V5 needs for H hidden units: padding, registers, and bytes of W read."""

    def __init__(self, H=50):
        self.hidden = ipywidgets.IntSlider(
            value=H, min=1, max=128, description="hidden units H", layout=LAYOUT, style=STYLE
        )
        super().__init__(self.hidden)

    def picture(self):
        return figures.draw_tile_map(self.hidden.value)


class BankMap(Controlled):
    """The banks that V5's reads of h and dh hit, by the number of unused words after a row."""

    def __init__(self, pad=0):
        self.pad = slider("pad", tuple(range(9)), pad)
        self.padded = slider("padded units P", (32, 64), 64)
        super().__init__(self.pad, self.padded)

    def picture(self):
        return figures.draw_banks(self.padded.value, (self.pad.value,))
