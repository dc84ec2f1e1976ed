"""Two small widgets: a launch that writes numbers (lesson 06), the thread map (lesson 07)."""

import numpy as np

from lstm_kernels.lab.estimates.cards import CARDS, T4
from lstm_kernels.lab.estimates.thread_layout import ThreadLayout, check_launch
from lstm_kernels.lab.figures.threads import draw_thread_map, draw_written
from lstm_kernels.lab.widgets import ipywidgets
from lstm_kernels.lab.widgets.base import Controlled, field

MAX_BLOCKS, MAX_THREADS = 6, 16


class LaunchMap(Controlled):
    """Sliders for blocks and threads; each change launches `kernel(out)` and shows out."""

    def __init__(self, kernel, blocks=2, threads=4):
        self.kernel, slider = kernel, ipywidgets.IntSlider
        self.blocks = field(slider, "blocks", blocks, min=1, max=MAX_BLOCKS)
        self.threads = field(slider, "threads per block", threads, min=1, max=MAX_THREADS)
        super().__init__(self.blocks, self.threads)

    def picture(self):
        """Launch with the sliders' numbers; a Picture of what the threads wrote."""
        blocks, threads = self.blocks.value, self.threads.value
        out = np.full(blocks * threads, -1, np.int32)
        self.kernel[blocks, threads](out)
        return draw_written(out, blocks, threads)


class ThreadMap(Controlled):
    """Batch size, block size and card; shows idle lanes, blocks and multiprocessors used."""

    def __init__(self, N=7, threads=32, card=T4):
        check_launch(N, threads)
        sizes = sorted({8, 16, 32, 64, 100, 128, 256, 512, 1024, threads})
        self.batch = field(ipywidgets.BoundedIntText, "batch size N", N, min=1, max=100_000)
        select = ipywidgets.SelectionSlider
        self.threads = field(select, "threads per block", threads, options=sizes)
        self.card = field(ipywidgets.Dropdown, "card", card.name, options=list(CARDS))
        super().__init__(self.batch, self.threads, self.card)

    def picture(self):
        """The map of the launch that the controls describe."""
        card = CARDS[self.card.value]
        return draw_thread_map(ThreadLayout(self.batch.value, self.threads.value, card))
