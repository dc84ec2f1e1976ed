"""The list of challenges, which tick themselves off from what was measured.  Lesson 09."""

import html

from lstm_kernels.lab.measure.challenges import CHALLENGES, PREDICTION, earned
from lstm_kernels.lab.widgets import ipywidgets
from lstm_kernels.machine import device

INTRODUCTION = (
    "Each is met by what Race and Sweep measure here, and ticked off when it is. "
    "An emulated time meets none of them."
)


class Challenges(ipywidgets.VBox):
    """`update` looks at all runs; what was met once stays met."""

    def __init__(self):
        self.met = {}  # {aim: by what}
        self.aims = {PREDICTION: False, **{c.aim: c.needs_card for c in CHALLENGES}}
        self.list = ipywidgets.HTML()
        super().__init__([ipywidgets.HTML(INTRODUCTION), self.list])
        self.show()

    def update(self, runs, points):
        """Look again; returns what is newly met, as a sentence, or "".

        runs: measure.challenges.Run of all that was measured; points: of all predictions.
        """
        by = {PREDICTION: earned(points)}
        by |= {c.aim: c.met(runs) for c in CHALLENGES if c.aim not in self.met}
        new = {aim: words for aim, words in by.items() if words and aim not in self.met}
        self.met |= new
        if new:
            self.show()
        return " ".join(f"Challenge met: {aim}" for aim in new)

    def count_text(self):
        return f"Challenges: {len(self.met)} of {len(self.aims)} met"

    def show(self):
        self.list.value = f'<ul class="lstm-challenges">{"".join(map(self._line, self.aims))}</ul>'

    def _line(self, aim):
        met = self.met.get(aim)
        mark, state = ("&#9745;", "met") if met else ("&#9744;", "open")
        where = "on a card" if self.aims[aim] else "any machine"
        missing = self.aims[aim] and not device.ON_GPU
        words = f"{where}: not this one" if missing else where
        by = f"<div class='by'>{html.escape(met)}</div>" if met else ""
        label = f'<span role="img" aria-label="{state}">{mark}</span>'
        return f'<li class="{state}">{label} {html.escape(aim)} <i>({words})</i>{by}</li>'
