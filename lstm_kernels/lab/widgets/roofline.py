"""A live roofline: what limits each version, on each card, at each size.  Lesson 17."""

from lstm_kernels.lab.estimates.cards import CARDS
from lstm_kernels.lab.estimates.roofline import VERSIONS, lower_bounds
from lstm_kernels.lab.figures.roofline import NAMES, draw_roofs
from lstm_kernels.lab.widgets import ipywidgets
from lstm_kernels.lab.widgets.base import Controlled, row, slider
from lstm_kernels.lab.words import seconds_text
from lstm_kernels.model import Sizes


class RooflineExplorer(Controlled):
    """Sliders for the sizes, a choice of cards; the picture follows each of them."""

    def __init__(self, sizes=Sizes(12, 64, 1, 64, 1), card="T4"):  # noqa: B008
        self.start = sizes
        self.card = ipywidgets.ToggleButtons(options=list(CARDS), value=card, description="card")
        self.batch = slider("batch N", [1, 8, 32, 64, 128, 256, 1024, 4096, 16384], sizes.N)
        self.steps = slider("steps T", [6, 12, 24, 48, 96], sizes.T)
        self.hidden = slider("hidden H", [8, 16, 32, 48, 64], sizes.H)
        self.controls = (self.card, self.batch, self.steps, self.hidden)
        super().__init__(*self.controls, above=[self.card, row(*self.controls[1:])])

    def settings(self):
        """The sizes and the card that the controls show."""
        sizes = self.start._replace(N=self.batch.value, T=self.steps.value, H=self.hidden.value)
        return sizes, CARDS[self.card.value]

    def picture(self):
        sizes, card = self.settings()
        return draw_roofs([card], sizes)

    def sentence(self):
        """What limits each version, with its lower bounds."""
        lines = []
        for version in VERSIONS:
            bounds = lower_bounds(version, *self.settings())
            reason = max(bounds, key=bounds.get)
            texts = ", ".join(f"{name} {seconds_text(s)}" for name, s in bounds.items())
            lines.append(f"<b>{NAMES[version]}</b>: at least {texts}. Limit: <b>{reason}</b>.")
        return "<br>".join(lines)
