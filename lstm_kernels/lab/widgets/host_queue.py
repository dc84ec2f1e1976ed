"""A live picture of the host's queue and the card.  Lesson 15."""

from lstm_kernels.lab.estimates.host_queue import Costs, end_of, v3_bars, v6_bars
from lstm_kernels.lab.figures.training import draw_queue
from lstm_kernels.lab.widgets.base import Controlled, row, slider


def modelled_picture(batches, costs):
    """V3's and V6's queues by the model, as a Picture: also the widget's static twin."""
    bars = {"cuda_v3": v3_bars(batches, costs), "cuda_v6": v6_bars(batches, costs)}
    subtitle = (
        f"A model, not a measurement: {batches} mini-batches; gradients {costs.kernel:g} µs, "
        f"a launch {costs.launch:g} µs, a copy {costs.copy:g} µs"
    )
    return draw_queue(bars, subtitle)


class LaunchQueue(Controlled):
    """Sliders for the costs; the picture follows each of them."""

    def __init__(self, batches=4, costs=Costs()):  # noqa: B008
        self.costs = costs
        self.batches = slider("mini-batches", [1, 2, 4, 8, 16], batches)
        self.kernel = slider("gradients, µs", [2, 5, 10, 20, 60, 200, 1000], round(costs.kernel))
        self.launch = slider("a launch, µs", [2, 4, 6, 10, 20], round(costs.launch))
        self.copy = slider("a copy, µs", [2, 5, 10, 20, 50], round(costs.copy))
        self.sliders = (self.batches, self.kernel, self.launch, self.copy)
        super().__init__(*self.sliders, above=[row(*self.sliders)])

    def settings(self):
        """Number of mini-batches and the costs that the sliders show."""
        costs = self.costs._replace(
            kernel=self.kernel.value, launch=self.launch.value, copy=self.copy.value
        )
        return self.batches.value, costs

    def picture(self):
        return modelled_picture(*self.settings())

    def sentence(self):
        """Which side is the slow one in V6."""
        _, costs = self.settings()
        ratio = end_of(v3_bars(*self.settings())) / end_of(v6_bars(*self.settings()))
        card = costs.kernel + costs.update
        slow = "The card" if card > 2 * costs.launch else "The host, which queues the launches,"
        return f"By this model V6 is {ratio:.1f} times faster than V3. {slow} sets V6's pace."
