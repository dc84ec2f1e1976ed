"""What a warp reads (lesson 13); tiles in registers and banks of shared memory (lesson 14)."""

from lstm_kernels.lab.figures import blocks as figures
from lstm_kernels.lab.widgets import ipywidgets
from lstm_kernels.lab.widgets.base import Controlled, field


def choice(label, options, value):
    return field(ipywidgets.SelectionSlider, label, value, options=options)


class ReadMap(Controlled):
    """What a warp fetches when it reads a column of W, or a row of its transpose."""

    def __init__(self, H=16):
        self.hidden = choice("hidden units H", (2, 4, 8, 16, 32, 50, 64, 128), H)
        sizes = {"float32": 4, "float64": 8}.items()
        self.dtype = field(ipywidgets.Dropdown, "numbers", 4, options=sizes)
        super().__init__(self.hidden, self.dtype)

    def picture(self):
        H = self.hidden.value
        return figures.draw_reads(H, j=min(3, H - 1), itemsize=self.dtype.value)


class TileMap(Controlled):
    """What V5 needs for H hidden units: padding, registers, and bytes of W read."""

    def __init__(self, H=50):
        self.hidden = field(ipywidgets.IntSlider, "hidden units H", H, min=1, max=128)
        super().__init__(self.hidden)

    def picture(self):
        return figures.draw_tile_map(self.hidden.value)


class BankMap(Controlled):
    """The banks that V5's reads of h and dh hit, by the number of unused words after a row."""

    def __init__(self, pad=0):
        self.pad = choice("pad", tuple(range(9)), pad)
        self.padded = choice("padded units P", (32, 64), 64)
        super().__init__(self.pad, self.padded)

    def picture(self):
        return figures.draw_banks(self.padded.value, (self.pad.value,))
