"""A prediction of one ratio, and its points.  The dashboard's race, lesson 09."""

from lstm_kernels.lab.measure.results import is_own, speedup, where_it_runs
from lstm_kernels.lab.widgets import controls, ipywidgets
from lstm_kernels.lab.widgets.base import row
from lstm_kernels.lab.words import ratio_text
from lstm_kernels.versions import launches_kernels

POINTS = ((1.25, 3), (2.0, 2), (5.0, 1))  # off by at most this factor: so many points


class Prediction(ipywidgets.VBox):
    """I predict: `guessed` will be `guess` times as fast as `baseline`.  `points` of all runs."""

    def __init__(self, versions, boxes):
        """boxes: {version: its check box}; the first question is about what is checked."""
        self.boxes, self.points = boxes, []
        baseline, guessed = self._first_question(versions)
        tip = "of your prediction"
        self.guessed = controls.dropdown("", versions, guessed, "9.8em", f"The faster one, {tip}")
        self.baseline = controls.dropdown("", versions, baseline, "9.8em", f"The slower one, {tip}")
        self.guess = ipywidgets.BoundedFloatText(
            value=0, min=0, max=1e6, step=0.5, layout={"width": "5em"}, tooltip="How many times"
        )
        self.score = ipywidgets.HTML(layout={"display": "none"})
        words = [ipywidgets.HTML(text) for text in ("I predict:", "will be", "times as fast as")]
        line = row(words[0], self.guessed, words[1], self.guess, words[2], self.baseline)
        super().__init__([line, self.score])

    def controls(self):
        """What changes the prediction."""
        return self.guess, self.guessed, self.baseline

    def _first_question(self, versions):
        """(baseline, version): on a card NumPy and V2, else the last two that may be compared."""
        checked = [v for v in versions if self.boxes[v].value]
        real = [v for v in checked if is_own(where_it_runs(v))] or list(versions)
        if "cuda_v2" in real:
            real = real[: real.index("cuda_v2") + 1]
        cpu = [v for v in real[:-1] if not launches_kernels(v)]
        return (cpu or real)[-1], real[-1]

    def forget_score(self):
        """A setting was changed: the score of the run before says nothing of it."""
        controls.say(self.score, "")

    def why_no_score(self, refusals):
        """Why this setting can never score the prediction, or ""; "" also without a prediction."""
        if not self.guess.value:
            return ""
        for name in (self.guessed.value, self.baseline.value):
            if name in refusals or not self.boxes[name].value:
                why = "left out" if name in refusals else "not checked"
                return f"it needs {name}, which is {why}."
            where = where_it_runs(name)
            if not is_own(where):
                return f"{name} is {where}, so no ratio can be made of it."
        return ""

    def compare(self, rows, refusals):
        """Compare the prediction with this race, and count points."""
        if not self.guess.value:
            return
        version, baseline = self.guessed.value, self.baseline.value
        ratio = speedup(rows, version, baseline)
        if ratio is None:
            if not self.why_no_score(refusals):  # else it was said before the run
                words = f"No ratio of {version} to {baseline} can be made of this run."
                controls.say(self.score, words)
            return
        off = max(ratio / self.guess.value, self.guess.value / ratio)
        self.points.append(next((points for limit, points in POINTS if off <= limit), 0))
        controls.say(
            self.score,
            f"You said {self.guess.value:g}x, measured <b>{ratio_text(ratio)}</b>: "
            f"<b>{self.points[-1]} of 3 points</b> "
            f"(so far {sum(self.points)} of {3 * len(self.points)})",
        )
