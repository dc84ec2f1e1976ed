"""Samples shared out among workers (lesson 12), or lanes and cores (A2): sizes of your choice."""

from lstm_kernels.lab.figures.cores import draw_cores, draw_workers
from lstm_kernels.lab.widgets import ipywidgets
from lstm_kernels.lab.widgets.base import Controlled, field


class WorkersMap(Controlled):
    """Batch size and workers; shows who takes which samples."""

    def __init__(self, N=10, workers=3):
        self.batch = field(ipywidgets.BoundedIntText, "batch size N", N, min=1, max=200)
        self.workers = field(ipywidgets.BoundedIntText, "workers", workers, min=1, max=64)
        super().__init__(self.batch, self.workers)

    def picture(self):
        """The map that the controls describe; never more workers than samples."""
        return draw_workers(self.batch.value, min(self.workers.value, self.batch.value))


class CoresMap(Controlled):
    """Batch size, cores and lanes; shows which core takes which samples, and what is idle."""

    def __init__(self, N=129, cores=2, lanes=32):
        self.batch = field(ipywidgets.BoundedIntText, "batch size N", N, min=1, max=100_000)
        counts, widths = sorted({1, 2, 4, 8, 16, 64, cores}), sorted({4, 8, 16, 32, lanes})
        self.cores = field(ipywidgets.SelectionSlider, "cores", cores, options=counts)
        self.lanes = field(ipywidgets.SelectionSlider, "lanes of a chunk", lanes, options=widths)
        super().__init__(self.batch, self.cores, self.lanes)

    def picture(self):
        """The map that the controls describe."""
        return draw_cores(self.batch.value, self.cores.value, self.lanes.value)
