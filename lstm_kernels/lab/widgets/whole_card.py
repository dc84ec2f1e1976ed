"""V7's launch on a card: what lies where, for H units and N samples.  Lesson 16."""

from lstm_kernels.lab.estimates.cards import CARDS
from lstm_kernels.lab.estimates.whole_card import plan
from lstm_kernels.lab.figures.whole_card import draw_plan
from lstm_kernels.lab.widgets import ipywidgets
from lstm_kernels.lab.widgets.base import Controlled, field, row, slider


class WholeCard(Controlled):
    """Sliders for H and N, a list of cards; the picture follows."""

    def __init__(self, H=256, N=64, card="H100"):
        self.card = field(ipywidgets.Dropdown, "card", card, options=list(CARDS))
        self.hidden = slider("units H", [65, 100, 128, 200, 256, 320, 384, 512, 768, 1024], H)
        self.batch = slider("samples N", [1, 7, 32, 64, 128, 256, 512, 1024, 4096], N)
        controls = self.card, self.hidden, self.batch
        super().__init__(*controls, above=[self.card, row(self.hidden, self.batch)])

    def settings(self):
        return CARDS[self.card.value], self.hidden.value, self.batch.value

    def picture(self):
        return draw_plan(*self.settings())

    def sentence(self):
        """How busy the card is, in words."""
        card, H, N = self.settings()
        found = plan(card, H, N)
        if found is None:
            return "V7 refuses: no kind of tile fits. Take a smaller H, or a larger card."
        rounds = -(-found.tiles // found.groups)
        return (
            f"{found.blocks} of {card.sms} SMs work. Each group of {found.owners} blocks holds "
            f"all of W, and takes {rounds} of {found.tiles} pieces of the samples in each step."
        )
