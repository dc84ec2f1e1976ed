"""A live time line of V2's and V3's transfers.  Lesson 08."""

from lstm_kernels.lab.estimates.bus import Assumptions, copies, measured_line, time_line
from lstm_kernels.lab.estimates.cards import WARP
from lstm_kernels.lab.figures.timeline import draw_time_lines
from lstm_kernels.lab.measure.recorded import Recording
from lstm_kernels.lab.widgets.base import Controlled, row, slider
from lstm_kernels.lab.words import bytes_text
from lstm_kernels.model import Sizes

VERSIONS = ("cuda_v2", "cuda_v3")


def modelled_picture(sizes, machine):
    """The time lines of V2 and V3 by the model, as a Picture: also the widget's static twin.

    With the recording's bars, where a batch of these sizes was recorded.
    """
    lines = {version: time_line(version, sizes, machine) for version in VERSIONS}
    card, recorded = Recording(), None
    if all(card.has(version, sizes) for version in VERSIONS):
        recorded = {v: measured_line(card.parts(v, sizes.N)) for v in VERSIONS}
    nanoseconds = 1e9 * (machine.step + machine.lane * min(sizes.N, WARP))
    subtitle = (
        f"A model: bus {machine.gigabytes_per_second:g} GB/s, {machine.latency * 1e6:g} µs per "
        f"copy, {nanoseconds:.0f} ns per multiply-add; hatched: the host's rest.  "
        f"N={sizes.N}, T={sizes.T}, H={sizes.H}"
    )
    if recorded:
        subtitle += f"\nNarrow bars: {card}"
    return draw_time_lines(lines, subtitle, recorded)


class TransferTimeLine(Controlled):
    """Sliders for the batch and the machine; the picture follows each of them."""

    def __init__(self, sizes=Sizes(11, 7, 1, 50, 1), machine=Assumptions()):  # noqa: B008
        self.start, self.machine = sizes, machine
        self.batch = slider("batch size N", [7, 16, 32, 64, 128, 256, 512, 1024], sizes.N)
        self.hidden = slider("hidden size H", [8, 16, 32, 50, 64, 128], sizes.H)
        self.steps = slider("steps T", [6, 11, 24, 48, 96], sizes.T)
        self.bus = slider("bus, GB/s", [3, 6, 11, 22, 44], round(machine.gigabytes_per_second))
        self.latency = slider("µs per copy", [0, 2, 5, 15, 30, 60], round(machine.latency * 1e6))
        self.sliders = (self.batch, self.hidden, self.steps, self.bus, self.latency)
        super().__init__(*self.sliders, above=[row(*self.sliders)])

    def settings(self):
        """The sizes and the machine that the sliders show."""
        sizes = self.start._replace(N=self.batch.value, H=self.hidden.value, T=self.steps.value)
        machine = self.machine._replace(
            gigabytes_per_second=self.bus.value, latency=self.latency.value * 1e-6
        )
        return sizes, machine

    def picture(self):
        return modelled_picture(*self.settings())

    def sentence(self):
        """What crosses the bus in one mini-batch, in both versions, as they were recorded."""
        sizes, _ = self.settings()
        texts = []
        for version in VERSIONS:
            made = copies(version, sizes, then=True)
            nbytes = bytes_text(sum(copy.nbytes for copy in made))
            texts.append(f"{version.replace('cuda_v', 'V')}: {len(made)} copies, {nbytes}")
        return "Per mini-batch, as recorded: " + "; ".join(texts)
