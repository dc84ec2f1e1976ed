"""How a training scales out to 1,000 workers, by a model.  Lesson 18."""

import numpy as np

from lstm_kernels.lab.estimates.workers import times_as_fast
from lstm_kernels.lab.figures.scaling import MOST, draw_model
from lstm_kernels.lab.widgets.base import Controlled, row, slider
from lstm_kernels.model import count_params

POINTS = np.unique(np.geomspace(1, MOST, 50).astype(int)).tolist()


class WorkersModel(Controlled):
    """Sliders for the batch, the exchanges and a message's latency; the picture follows.

    cost: a Cost of estimates/workers.py, of a network with H hidden units.
    """

    def __init__(self, cost, H=64, N=1024):
        self.cost, self.nbytes = cost, 4 * count_params(1, H, 1)
        self.batch = slider("batch N", [256, 1024, 4096, 16384, 65536, 2**20], N)
        self.steps = slider("steps alone K", [1, 4, 16, 64, 256], 1)
        self.latency = slider("latency, ms", [0.01, 0.1, 1, 10], round(1e3 * cost.latency, 2))
        controls = self.batch, self.steps, self.latency
        super().__init__(*controls, above=[row(*controls)])

    def points(self):
        """[(workers, times as fast as one)]"""
        cost = self.cost._replace(latency=self.latency.value / 1e3)
        sizes = self.batch.value, self.nbytes, cost, self.steps.value
        return [(W, times_as_fast(W, *sizes)) for W in POINTS]

    def picture(self):
        name = f"N = {self.batch.value:,}, K = {self.steps.value}"
        return draw_model({name: self.points()})

    def sentence(self):
        """The best number of workers, in words."""
        W, faster = max(self.points(), key=lambda point: point[1])
        return (
            f"By the model: fastest with <b>{W:,} workers</b>, {faster:.3g} times as fast as one. "
            f"That is {faster / W:.0%} of the best possible."
        )
