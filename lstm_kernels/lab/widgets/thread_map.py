"""Two small widgets: a launch that writes numbers (lesson 06), the thread map (lesson 07)."""

import numpy as np

from lstm_kernels.lab.estimates.thread_layout import CARDS, T4, Launch, check_launch
from lstm_kernels.lab.figures.threads import draw_thread_map, draw_written
from lstm_kernels.lab.widgets import ipywidgets
from lstm_kernels.lab.widgets.base import picture_widget

MAX_BLOCKS, MAX_THREADS = 6, 16
LAYOUT = {"width": "32em"}
STYLE = {"description_width": "10em"}


class LaunchMap(ipywidgets.VBox):
    """Sliders for blocks and threads; each change launches `kernel(out)` and shows out."""

    def __init__(self, kernel, blocks=2, threads=4):
        self.kernel = kernel
        limits = (("blocks", blocks, MAX_BLOCKS), ("threads a block", threads, MAX_THREADS))
        self.blocks, self.threads = (
            ipywidgets.IntSlider(
                value=value, min=1, max=top, description=name, layout=LAYOUT, style=STYLE
            )
            for name, value, top in limits
        )
        self.image = picture_widget(self.picture())
        for slider in (self.blocks, self.threads):
            slider.observe(self._repaint, names="value")
        super().__init__([self.blocks, self.threads, self.image])

    def picture(self):
        """Launch with the sliders' numbers; a Picture of what the threads wrote."""
        blocks, threads = self.blocks.value, self.threads.value
        out = np.full(blocks * threads, -1, np.int32)
        self.kernel[blocks, threads](out)
        return draw_written(out, blocks, threads)

    def _repaint(self, _change):
        self.image.value = self.picture()._repr_png_()


class ThreadMap(ipywidgets.VBox):
    """Batch size, block size and card; shows idle lanes, blocks and multiprocessors used."""

    def __init__(self, N=7, threads=32, card=T4):
        check_launch(N, threads)
        self.batch = ipywidgets.BoundedIntText(
            value=N, min=1, max=100_000, description="batch size N", layout=LAYOUT, style=STYLE
        )
        sizes = sorted({8, 16, 32, 64, 100, 128, 256, 512, 1024, threads})
        self.threads = ipywidgets.SelectionSlider(
            options=sizes, value=threads, description="threads a block", layout=LAYOUT, style=STYLE
        )
        self.card = ipywidgets.Dropdown(
            options=list(CARDS), value=card.name, description="card", layout=LAYOUT, style=STYLE
        )
        self.image = picture_widget(self.picture())
        for control in (self.batch, self.threads, self.card):
            control.observe(self._repaint, names="value")
        super().__init__([self.batch, self.threads, self.card, self.image])

    def picture(self):
        """The map of the launch that the controls describe."""
        card = CARDS[self.card.value]
        return draw_thread_map(Launch(self.batch.value, self.threads.value, card))

    def _repaint(self, _change):
        self.image.value = self.picture()._repr_png_()
