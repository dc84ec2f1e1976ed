"""One warp's read of memory, by layout, stride, offset and the block's shape.  Lessons 07, 11.

A kernel of one line is run in the emulator at each change; its log says what the lanes ask for.
"""

import numpy as np

from lstm_kernels.emulator import cuda
from lstm_kernels.emulator.observe import observe
from lstm_kernels.lab.figures.counters import draw_request
from lstm_kernels.lab.widgets import ipywidgets
from lstm_kernels.lab.widgets.base import Controlled, field

N = 32  # samples
MOST_UNITS, MOST_OFFSET = 32, 8
SHAPES = {f"{n} x {32 // n}": (n, 32 // n) for n in (32, 16, 8, 4)}  # samples x units: one warp
LAYOUTS = "(N, H)", "(H, N)"


@cuda.jit
def read(h, out, step_n, step_j, offset):
    n, j = cuda.threadIdx.x, cuda.threadIdx.y
    out[n, j] = h[n * step_n + j * step_j + offset]


class RequestMap(Controlled):
    """A warp reads h of some samples n and units j: which pieces of memory are moved?"""

    def __init__(self, layout="(N, H)", H=8, offset=0, shape="32 x 1"):
        sizes = {"options": (1, 2, 4, 8, 16, MOST_UNITS)}
        self.layout_of_h = field(ipywidgets.ToggleButtons, "layout of h", layout, options=LAYOUTS)
        self.units = field(ipywidgets.SelectionSlider, "units H (stride)", H, **sizes)
        self.offset = field(ipywidgets.IntSlider, "offset", offset, min=0, max=MOST_OFFSET)
        self.shape = field(ipywidgets.Dropdown, "block: n x j", shape, options=list(SHAPES))
        super().__init__(self.layout_of_h, self.units, self.offset, self.shape)

    def request(self):
        """Run the kernel; what its warp asks of h, as a Request."""
        by_sample = self.layout_of_h.value == LAYOUTS[0]
        steps = (self.units.value, 1) if by_sample else (1, N)
        h = np.zeros(N * MOST_UNITS + MOST_OFFSET + N, np.float32)
        block = SHAPES[self.shape.value]
        out = np.zeros(block, np.float32)
        return observe(read, 1, block, h, out, *steps, self.offset.value, log=True).asked("h")[0]

    def picture(self):
        return draw_request(self.request())
