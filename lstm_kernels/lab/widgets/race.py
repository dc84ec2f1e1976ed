"""The live dashboard: versions race at sizes of your choice.  Lesson 09.

It calls race, estimates and figures, and holds no algorithm.  Core ipywidgets only.
"""

import html
import time

from lstm_kernels import data
from lstm_kernels.lab.estimates import feasible
from lstm_kernels.lab.estimates.why import card_here, why
from lstm_kernels.lab.figures.scene import Scene, Words
from lstm_kernels.lab.figures.style import GREY
from lstm_kernels.lab.figures.two_runs import WIDTH, race_scene
from lstm_kernels.lab.measure import race, records
from lstm_kernels.lab.measure.neighbours import busy_text
from lstm_kernels.lab.measure.results import Row, busiest, where_it_runs
from lstm_kernels.lab.measure.timing import Workload
from lstm_kernels.lab.widgets import controls, ipywidgets
from lstm_kernels.lab.widgets.background import Runner
from lstm_kernels.lab.widgets.base import paint_scene, row, scene_widget, slider
from lstm_kernels.lab.widgets.challenges import Challenges
from lstm_kernels.lab.widgets.export import Export
from lstm_kernels.lab.widgets.prediction import Prediction
from lstm_kernels.lab.widgets.race_table import STYLE, table_html
from lstm_kernels.lab.widgets.runs import Runs
from lstm_kernels.lab.widgets.scale import Scale
from lstm_kernels.lab.widgets.sweep import Sweep
from lstm_kernels.versions import COURSE, VERSIONS, own_versions

PAINT_EVERY = 0.03  # seconds at least between two pictures: a page shows no more
FASTEST = "the fastest"
ABOUT = """<div class="lstm-about"><h1>Parallel LSTM training: the live race</h1>
Every version computes the same training step of one small LSTM, on this machine, now.
<i>Race</i> times them at sizes of your choice, <i>Sweep</i> draws the time against one size beside
a recorded card, <i>Scale</i> takes more and more data, <i>Challenges</i> tick themselves off.
An emulated time is no GPU's: it is marked, and no ratio is made of it.</div>"""


class Race(ipywidgets.VBox):
    """Four tabs: `versus` races versions at chosen sizes, `sweep` draws their time against one
    size, `scale` takes more and more data, `challenges` says what of it was an aim.

    One Runner is behind them, so two runs never overlap.  `base` is that of all ratios.
    """

    def __init__(self, batch_size=7, H=32, T=11, epochs=1, versions=None, budget=0.3):
        """versions: those offered, by default all there are now; checked at first are those of
        lessons 03 to 08, and your own."""
        versions = tuple(VERSIONS if versions is None else versions)
        self.runner, base = Runner(), base_list(versions)
        self.base = base
        self.versus = Versus(
            self.runner, batch_size, H, T, epochs, versions, budget, base, self.look_at_challenges
        )
        self.sweep = Sweep(self.runner, versions, base, self.look_at_challenges)
        self.scale = Scale(self.runner, versions)
        self.challenges, self.met = Challenges(), ipywidgets.HTML()
        self.export = Export(self.records)
        tabs = ipywidgets.Tab([self.versus, self.sweep, self.scale, self.challenges])
        for number, title in enumerate(("Race", "Sweep", "Scale", "Challenges")):
            tabs.set_title(number, title)
        self.look_at_challenges()
        style = ipywidgets.HTML(STYLE, layout={"display": "none"})
        self.met.layout.margin = "2px 1em"
        head = row(base, self.export, self.met)
        super().__init__([style, ipywidgets.HTML(ABOUT), head, tabs])
        self.add_class("lstm-board")

    def run(self, wait=True):
        """Race now with the sliders as they are; wait: return when it is over."""
        self.versus.bar.run(wait=wait)

    def run_sweep(self, wait=True):
        """Sweep now; wait: return when it is over."""
        self.sweep.bar.run(wait=wait)

    def picture(self):
        """The static twin of the times: the runs side by side."""
        return self.versus.scene().picture()

    def pictures(self):
        """The static twins of what lies behind the times: the sweep, then the data."""
        return self.sweep.picture(), self.scale.picture()

    def records(self):
        """All rows that are kept as plain numbers, each with the name of its run."""
        runs = [(run.title, run.workload, run.rows) for run in self.versus.runs.kept]
        runs += [("sweep", *result) for result in self.sweep.results()]
        found = [(title, records.records([result])) for title, *result in runs]
        return [{"run": title, **record} for title, of_run in found for record in of_run]

    def look_at_challenges(self):
        """Tick off what is met now; returns what is new, as a sentence."""
        if not hasattr(self, "challenges"):
            return ""
        runs = [run.result() for run in self.versus.runs.kept] + self.sweep.as_runs()
        words = self.challenges.update(runs, self.versus.prediction.points)
        self.met.value = self.challenges.count_text()
        return words


def base_list(versions):
    """The list of what all ratios are made to; only its user changes it."""
    value = "numpy_batched" if "numpy_batched" in versions else versions[0]
    return controls.dropdown(
        "ratios to", versions, value, "16em", "The base of all ratios on this board", "5em"
    )


class Versus(ipywidgets.VBox):
    """Choose sizes and versions; Run times `epochs` epochs of one mini-batch each.

    `runs` keeps what was measured.
    """

    def __init__(
        self, runner, batch_size, H, T, epochs, versions, budget, base, look=lambda: ""
    ):  # fmt: skip
        """base: the list of what ratios are made to.  look(): after a run; a sentence, or ""."""
        self.budget, self.next_paint, self.base, self.look = budget, 0.0, base, look
        self._make_controls(batch_size, H, T, epochs, versions)
        self.bar = controls.RunBar(runner, self.why_not, self.work)
        self.prediction = Prediction(versions, self.boxes)
        self.runs = Runs(self.show_runs)
        self._make_views(versions)
        super().__init__(
            [
                controls.row(self.batch, self.hidden, self.length, self.epochs),
                controls.row(*self.boxes.values()),
                self.reasons,
                self.prediction,
                self.bar,
                self.image,
                self.runs,
                controls.row(self.explained, self.why, self.scale),
                self.table,
            ]
        )
        self.show_reasons()

    def _make_controls(self, batch_size, H, T, epochs, versions):
        sizes = {
            "batch size N": ([1, 7, 32, 64, 128, 256, 512, 1024], batch_size),
            "hidden size H": ([4, 8, 16, 32, 50, 64, 100, 128], H),
            "length T": ([2, 4, 11, 24, 48], T),
            "epochs": ([1, 2, 5, 10], epochs),
        }
        made = [slider(name, *size, *controls.SLIDER) for name, size in sizes.items()]
        self.batch, self.hidden, self.length, self.epochs = made
        self.boxes = controls.version_boxes(versions, COURSE + own_versions())
        self.reasons = ipywidgets.HTML()

    def _make_views(self, versions):
        self.scale = ipywidgets.ToggleButtons(
            options=["log", "linear"], value="log", tooltips=["dots", "bars from zero"]
        )
        self.scale.style.button_width = "4.5em"
        self.scale.layout = {"width": "auto", "margin": "2px 0.5em"}
        self.explained = controls.dropdown(
            "Why is", (FASTEST, *versions), FASTEST, "15em", "The version that is explained", "4em"
        )
        self.why = ipywidgets.HTML("as fast as it is? Press Run.", layout={"flex": "1 1 24em"})
        self.table = ipywidgets.HTML()
        self.image = scene_widget(self.scene())
        for control in (self.base, self.scale):
            control.observe(lambda _: self.show_runs(), "value")
        self.explained.observe(lambda _: self.explain(), "value")
        settings = (self.batch, self.hidden, self.length, self.epochs, *self.boxes.values())
        for control in (*settings, *self.prediction.controls()):
            control.observe(self.show_reasons, "value")

    # ---- what is chosen ----

    @property
    def results(self):
        """[(number, (workload, rows)), ...] of the runs that are kept, the newest last."""
        return [(run.number, (run.workload, run.rows)) for run in self.runs.kept]

    def versions(self):
        """Names of the checked versions, in the course's order."""
        return tuple(name for name, box in self.boxes.items() if box.value)

    def workload(self):
        """Made-up windows for one mini-batch with the chosen sizes, used in each epoch."""
        x, y = data.panel(self.batch.value, self.length.value)
        return Workload(x, y, self.batch.value, self.hidden.value, self.epochs.value)

    def refusals(self):
        """{version: why it cannot or should not run}: what would fail, or take minutes."""
        return feasible.refusals(self.versions(), self.workload())

    def why_not(self):
        """Why nothing can run, or ""."""
        if not self.versions():
            return "Choose at least one version."
        if len(self.refusals()) == len(self.versions()):
            return "No chosen version can run this: see the reasons above. Choose smaller sizes."
        return ""

    def show_reasons(self, _=None):
        """Say at once, before anything runs, what the setting leaves out."""
        refusals = self.refusals()
        unscored = {"your prediction": self.prediction.why_no_score(refusals)}
        controls.say(self.reasons, controls.reasons_text(refusals | unscored))
        self.prediction.forget_score()

    # ---- running ----

    def work(self, stop):
        """Time the chosen versions; picture and table grow.  Returns the last sentence."""
        workload, versions, skip = self.workload(), self.versions(), self.refusals()
        rows = [Row(v, where_it_runs(v), None, skip.get(v, "waiting")) for v in versions]
        run = self.runs.add(workload, rows)
        plan = controls.Plan({v: self._expected(v, workload) for v in versions if v not in skip})
        self.paint()

        def show_turn(row):
            self.paint(hurry=True, all_of_it=True)
            if not row.timing:  # it is checked, too
                self.bar.show_progress(f"{row.version}, warming up", *plan.progress(row.version))

        def show_repeat(row):
            rows[versions.index(row.version)] = row
            self.paint(hurry=True)
            done = controls.repeats_done(row.timing, self.budget)
            what = f"{row.version}, {controls.repeats_text(row.timing)}"
            self.bar.show_progress(what, *plan.progress(row.version, done))

        def show_row(row):
            rows[versions.index(row.version)] = row
            plan.finish(row.version)
            if not stop():  # else Cancel is to be answered first
                self.paint(hurry=True, all_of_it=True)
                self.table.value = table_html(rows, self.base.value)

        told = {"on_turn": show_turn, "on_repeat": show_repeat, "on_row": show_row}
        try:
            race.race(workload, versions, skip=skip, stop=stop, budget=self.budget, **told)
            self.bar.say_cancelled()
        finally:
            self.show_runs()
            self.runs.tell()
        self.prediction.compare(rows, self.refusals())
        return " ".join(filter(None, [reading(run.rows), self.look()]))

    def _expected(self, version, workload):
        """Roughly the seconds that a version takes: its check, its warm-ups and its repeats."""
        batch = feasible.batch_seconds(version, feasible.sizes_of(workload))
        repeats = max(self.budget, race.TURNS * feasible.repeat_seconds(version, workload))
        return 0.2 + (2 + 2 * race.TURNS) * batch + repeats

    # ---- showing ----

    def paint(self, hurry=False, all_of_it=False):
        """Draw the times anew; with `hurry` only if someone looks, and not too often.

        all_of_it: also if the last picture was painted just now.
        """
        now = time.perf_counter()
        if hurry and not self.bar.runner.watched:
            return
        if hurry and not all_of_it and now < self.next_paint:
            return
        self.next_paint = now + PAINT_EVERY
        paint_scene(self.image, self.scene())

    def show_runs(self):
        """Draw the chosen runs; the table and the explanation are of the one on the right."""
        self.paint()
        shown = self.runs.shown()
        self.table.value = table_html(shown[-1].rows, self.base.value) if shown else ""
        self.explain()

    def explain(self):
        """Why the chosen version takes as long as it does, in the run on the right."""
        shown = self.runs.shown()
        row = shown and explained_row(shown[-1].rows, self.explained.value)
        if not row:
            self.why.value = "as fast as it is? It has no time in the run on the right."
            return
        found = explanation(row, shown[-1].workload)
        self.why.value = (
            f"<b>{html.escape(found.reason)}</b> <i>Next:</i> {html.escape(found.advice)}"
        )

    def scene(self):
        """The chosen runs, side by side; an invitation before the first."""
        shown = [(run.title, run.workload, run.rows) for run in self.runs.shown()]
        if not shown:
            return invitation("Press Run: the times appear here")
        return race_scene(shown, log=self.scale.value == "log", base=self.base.value)


def invitation(text):
    """An empty Scene that says what will be there."""
    scene = Scene(WIDTH, 200, text)
    scene.add(Words(WIDTH / 2, 100, text, GREY, 14, "middle"))
    return scene


def explained_row(rows, version):
    """The row that is explained: a version's, or the fastest; None if it has no time."""
    timed = [row for row in rows if row.timing]
    if version == FASTEST:
        own = [row for row in timed if row.comparable] or timed
        return min(own, key=lambda row: row.timing.median, default=None)
    return next((row for row in timed if row.version == version), None)


def explanation(row, workload):
    """A Why for a row's mini-batch."""
    sizes = feasible.sizes_of(workload)
    count = workload.epochs * -(-workload.x.shape[1] // workload.batch_size)
    seconds = row.timing.median / count
    return why(row.version, sizes, seconds, row.timing.parts, card_here())


def reading(rows):
    """The race in one sentence: the fastest, and by how much; and what spoils it."""
    wrong = [row.version for row in rows if row.note.startswith("wrong")]
    words = [fastest_text(rows), f"Wrong, so without a time: {', '.join(wrong)}." if wrong else ""]
    busy = busy_text(busiest(rows))
    return " ".join(filter(None, [*words, f"But {busy}: run it again." if busy else ""]))


def _why_not_compared(rows, timed):
    """Sentences: why at most one row may stand beside others."""
    if any(row.timing and not row.comparable for row in rows):
        yield "Emulated times are not compared."
    if failed := [row.version for row in rows if row.failed]:
        yield f"Failed, so without a time: {', '.join(failed)}."
    elif not any(row.timing for row in rows):
        yield "No version has a time."
    elif len(timed) == len(rows) == 1:
        yield "One version alone: nothing to compare it with."


def fastest_text(rows):
    """The fastest, and by how much; emulated rows do not compete."""
    timed = sorted((r for r in rows if r.comparable), key=lambda row: row.timing.median)
    if len(timed) < 2:
        return " ".join(["Done.", *_why_not_compared(rows, timed)])
    first, second = timed[:2]
    ratio = second.timing.median / first.timing.median
    if ratio < 1.1:
        return f"Done. Fastest: {first.version}, with {second.version} close behind."
    return f"Done. Fastest: {first.version}, {ratio:.2g} times as fast as {second.version}."
