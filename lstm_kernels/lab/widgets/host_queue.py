"""A live picture of the host's queue and the card.  Lesson 15."""

from lstm_kernels.lab.estimates.host_queue import LAUNCHES, Costs, end_of, v3_bars, v6_bars
from lstm_kernels.lab.figures.training import draw_queue
from lstm_kernels.lab.widgets.base import Controlled, row, slider


def modelled_picture(batches, costs):
    """V3's and V6's queues by the model, as a Picture: also the widget's static twin."""
    bars = {"cuda_v3": v3_bars(batches, costs), "cuda_v6": v6_bars(batches, costs)}
    subtitle = (
        f"A model. µs for the gradients: {costs.kernel:g}, the update: {costs.update:g}, "
        f"per launch: {costs.launch:g}, per copy: {costs.copy:g}, "
        f"the rest of V3's host: {costs.rest:,.0f}"
    )
    return draw_queue(bars, subtitle)


START = Costs()._replace(kernel=20, launch=5, copy=20, rest=30)  # a host whose calls cost less


class LaunchQueue(Controlled):
    """Sliders for the costs; the picture follows each of them."""

    def __init__(self, batches=4, costs=START):
        self.costs = costs
        self.batches = slider("mini-batches", [1, 2, 4, 8, 16], batches)
        self.kernel = slider("gradients, µs", [2, 5, 10, 20, 60, 120, 200, 1000], costs.kernel)
        self.launch = slider("per launch, µs", [2, 5, 10, 20, 60, 100], costs.launch)
        self.copy = slider("per copy, µs", [2, 5, 10, 20, 30, 50], costs.copy)
        self.rest = slider("V3's rest, µs", [0, 30, 300, 3000], costs.rest)
        self.sliders = (self.batches, self.kernel, self.launch, self.copy, self.rest)
        super().__init__(*self.sliders, above=[row(*self.sliders)])

    def settings(self):
        """Number of mini-batches and the costs that the sliders show."""
        costs = self.costs._replace(
            kernel=self.kernel.value,
            launch=self.launch.value,
            copy=self.copy.value,
            rest=self.rest.value,
        )
        return self.batches.value, costs

    def picture(self):
        return modelled_picture(*self.settings())

    def sentence(self):
        """Which side is the slow one in V6."""
        _, costs = self.settings()
        ratio = end_of(v3_bars(*self.settings())) / end_of(v6_bars(*self.settings()))
        card = costs.kernel + costs.update > LAUNCHES * costs.launch
        slow = "The card" if card else "The host, which queues the launches,"
        return f"By this model V6 is {ratio:.1f} times faster than V3. {slow} sets V6's pace."
