"""Samples on lanes and cores, for a batch and a CPU of your choice.  Lesson 12."""

from lstm_kernels.lab.figures.cores import draw_cores
from lstm_kernels.lab.widgets import ipywidgets
from lstm_kernels.lab.widgets.base import picture_widget

LAYOUT = {"width": "32em"}
STYLE = {"description_width": "10em"}


class CoresMap(ipywidgets.VBox):
    """Batch size, cores and lanes; shows which core takes which samples, and what is idle."""

    def __init__(self, N=129, cores=2, lanes=32):
        self.batch = ipywidgets.BoundedIntText(
            value=N, min=1, max=100_000, description="batch size N", layout=LAYOUT, style=STYLE
        )
        self.cores = ipywidgets.SelectionSlider(
            options=sorted({1, 2, 4, 8, 16, 64, cores}), value=cores, description="cores",
            layout=LAYOUT, style=STYLE,
        )  # fmt: skip
        self.lanes = ipywidgets.SelectionSlider(
            options=sorted({4, 8, 16, 32, lanes}), value=lanes, description="lanes of a chunk",
            layout=LAYOUT, style=STYLE,
        )  # fmt: skip
        self.image = picture_widget(self.picture())
        for control in (self.batch, self.cores, self.lanes):
            control.observe(self._repaint, names="value")
        super().__init__([self.batch, self.cores, self.lanes, self.image])

    def picture(self):
        """The map that the controls describe."""
        return draw_cores(self.batch.value, self.cores.value, self.lanes.value)

    def _repaint(self, _change):
        self.image.value = self.picture()._repr_png_()
