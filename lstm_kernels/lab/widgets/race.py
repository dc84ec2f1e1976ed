"""The live dashboard: versions race at sizes of your choice; time against data.  Lesson 09.

It calls race, estimate and figures, and holds no algorithm.  Core ipywidgets only.
"""

import base64
import html
import io
import os
import time
from itertools import count

from lstm_kernels import data
from lstm_kernels.lab import saving
from lstm_kernels.lab.estimates import feasible
from lstm_kernels.lab.figures.race import draw_history, draw_invitation, draw_race
from lstm_kernels.lab.measure import race, records
from lstm_kernels.lab.measure.neighbours import busy_text
from lstm_kernels.lab.measure.results import (
    BASELINES,
    Row,
    busiest,
    is_own,
    speedup,
    where_it_runs,
)
from lstm_kernels.lab.measure.timing import Workload
from lstm_kernels.lab.widgets import controls, ipywidgets
from lstm_kernels.lab.widgets.background import Runner
from lstm_kernels.lab.widgets.base import paint, picture_widget, slider
from lstm_kernels.lab.widgets.race_table import STYLE, table_html
from lstm_kernels.lab.widgets.scale import Scale
from lstm_kernels.lab.words import ratio_text
from lstm_kernels.versions import COURSE, VERSIONS, launches_kernels, own_versions

POINTS = ((1.25, 3), (2.0, 2), (5.0, 1))  # off by at most this factor: so many points
PAINT_EVERY = 0.15  # seconds at least between two pictures: no eye is faster


class Race(ipywidgets.VBox):
    """Two tabs: `versus` races versions at chosen sizes; `scale` takes more and more data.

    One Runner is behind both, so two runs never overlap.
    """

    def __init__(
        self, batch_size=7, H=32, T=11, epochs=1, versions=None, budget=0.3
    ):  # fmt: skip
        """versions: those offered, by default all; checked at first: lessons 03 to 08, and own."""
        versions = tuple(VERSIONS) if versions is None else versions
        self.runner = Runner()
        self.versus = Versus(self.runner, batch_size, H, T, epochs, versions, budget)
        self.scale = Scale(self.runner, versions)
        tabs = ipywidgets.Tab([self.versus, self.scale])
        tabs.set_title(0, "Race")
        tabs.set_title(1, "Scale")
        super().__init__([ipywidgets.HTML(STYLE, layout={"display": "none"}), tabs])
        self.add_class("lstm-board")

    def run(self, wait=True):
        """Race now with the sliders as they are; wait: return when it is over."""
        self.versus.bar.run(wait=wait)

    def picture(self):
        """The static twin of the times: the last two races."""
        return self.versus.picture()

    def pictures(self):
        """The static twins of what lies below and behind the times: batch sizes, then the data."""
        return self.versus.history_picture(), self.scale.picture()


class Versus(ipywidgets.VBox):
    """Choose sizes and versions; Run times `epochs` epochs of one mini-batch each.

    `results` keeps every race as (number, (workload, rows)), the newest last.
    """

    def __init__(self, runner, batch_size, H, T, epochs, versions, budget):
        self.budget, self.results, self.next_paint = budget, [], 0.0
        self.exported = {}  # {path: text} of the files that this board wrote
        self._make_controls(batch_size, H, T, epochs, versions)
        self.bar = controls.RunBar(runner, self.why_not, self.work)
        self._make_prediction(versions)
        self._make_views(versions)
        super().__init__(
            [
                controls.row(self.batch, self.hidden, self.length, self.epochs),
                controls.row(*self.boxes.values()),
                self.reasons,
                controls.row(*self.prediction, self.base, self.scale, self.export_button),
                self.link,
                self.score,
                self.bar,
                self.image,
                self.table,
                self.history,
            ]
        )
        self.show_reasons()

    def _make_controls(self, batch_size, H, T, epochs, versions):
        self.batch = slider(
            "batch size N", [1, 7, 32, 64, 128, 256, 512, 1024], batch_size, controls.SLIDER
        )
        self.hidden = slider("hidden size H", [4, 8, 16, 32, 50, 64, 100, 128], H, controls.SLIDER)
        self.length = slider("length T", [2, 4, 11, 24, 48], T, controls.SLIDER)
        self.epochs = slider("epochs", [1, 2, 5, 10], epochs, controls.SLIDER)
        checked = COURSE + own_versions()
        self.boxes = {name: controls.check_box(name, name in checked) for name in versions}
        self.reasons = ipywidgets.HTML()

    def _make_prediction(self, versions):
        baseline, guessed = self._first_question(versions)
        names = {"options": list(versions), "layout": {"width": "9.8em"}}
        self.guessed = ipywidgets.Dropdown(value=guessed, **names)
        self.baseline = ipywidgets.Dropdown(value=baseline, **names)
        self.guess = ipywidgets.BoundedFloatText(
            value=0, min=0, max=1e6, step=0.5, layout={"width": "5em"}
        )
        self.score, self.points = ipywidgets.HTML(layout={"display": "none"}), []
        words = [
            ipywidgets.HTML(text) for text in ("<b>I predict:</b>", "will be", "times as fast as")
        ]
        self.prediction = words[0], self.guessed, words[1], self.guess, words[2], self.baseline

    def _first_question(self, versions):
        """(baseline, version): on a card NumPy and V2, else the last two that may be compared."""
        checked = [v for v in versions if self.boxes[v].value]
        real = [v for v in checked if is_own(where_it_runs(v))] or list(versions)
        if "cuda_v2" in real:
            real = real[: real.index("cuda_v2") + 1]
        cpu = [v for v in real[:-1] if not launches_kernels(v)]
        return (cpu or real)[-1], real[-1]

    def _make_views(self, versions):
        possible = [v for v in versions if v in BASELINES] or list(versions)
        layout = {"width": "15em", "margin": "2px 0 2px 1.5em"}
        self.base = ipywidgets.Dropdown(options=possible, description="ratios to", layout=layout)
        self.base.style.description_width = "5em"
        self.scale = ipywidgets.ToggleButtons(options=["log", "linear"], value="log")
        self.scale.style.button_width = "4.5em"
        self.scale.layout = {"width": "auto", "margin": "2px 0.5em"}
        self.base.observe(lambda _: self.paint(), "value")
        self.scale.observe(lambda _: self.paint(), "value")
        self.export_button = ipywidgets.Button(
            description="Export CSV", icon="download", layout={"width": "11em"}
        )
        self.export_button.on_click(self.export)
        self.link, self.table = ipywidgets.HTML(), ipywidgets.HTML()
        controls.say(self.link, "")
        self.image = picture_widget(self.picture())
        self.history = picture_widget(self.history_picture())
        self.history.layout.display = "none"
        settings = (self.batch, self.hidden, self.length, self.epochs, *self.boxes.values())
        for control in (*settings, self.guess, self.guessed, self.baseline):
            control.observe(self.show_reasons, "value")

    # ---- what is chosen ----

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
        unscored = {"your prediction": self.why_no_score(refusals) if self.guess.value else ""}
        controls.say(self.reasons, controls.reasons_text(refusals | unscored))
        controls.say(self.score, "")

    def why_no_score(self, refusals):
        """Why this setting can never score the prediction, or ""."""
        for name in (self.guessed.value, self.baseline.value):
            if name in refusals or not self.boxes[name].value:
                why = "left out" if name in refusals else "not checked"
                return f"it needs {name}, which is {why}."
            where = where_it_runs(name)
            if not is_own(where):
                return f"{name} is {where}, so no ratio can be made of it."
        return ""

    # ---- running ----

    def work(self, stop):
        """Time the chosen versions; picture, table and points grow.  Returns the last sentence."""
        workload, versions, skip = self.workload(), self.versions(), self.refusals()
        rows = [Row(v, where_it_runs(v), None, skip.get(v, "waiting")) for v in versions]
        self.results.append((len(self.results) + 1, (workload, rows)))
        plan = controls.Plan({v: self._expected(v, workload) for v in versions if v not in skip})
        self.paint()

        def show_turn(row):
            if not row.timing:  # it is checked, too
                self.bar.show_progress(f"{row.version}, warming up", *plan.progress(row.version))

        def show_repeat(row):
            rows[versions.index(row.version)] = row
            done = controls.repeats_done(row.timing, self.budget)
            what = f"{row.version}, {controls.repeats_text(row.timing)}"
            self.bar.show_progress(what, *plan.progress(row.version, done))
            self.paint(hurry=True)

        def show_row(row):
            rows[versions.index(row.version)] = row
            plan.finish(row.version)
            if not stop():  # else Cancel is to be answered first
                self.table.value = table_html(rows)
                self.next_paint = 0.0  # a finished version is always shown
                self.paint(hurry=True)

        told = {"on_turn": show_turn, "on_repeat": show_repeat, "on_row": show_row}
        try:
            race.race(workload, versions, skip=skip, stop=stop, budget=self.budget, **told)
            self.bar.say_cancelled()
        finally:
            self.paint_run()
        self.score_prediction(rows)
        return reading(rows)

    def _expected(self, version, workload):
        """Roughly the seconds that a version takes: its check, its warm-ups and its repeats."""
        batch = feasible.batch_seconds(version, feasible.sizes_of(workload))
        repeats = max(self.budget, race.TURNS * feasible.repeat_seconds(version, workload))
        return 0.2 + (2 + 2 * race.TURNS) * batch + repeats

    def score_prediction(self, rows):
        """Compare the prediction with this race, and count points."""
        if not self.guess.value:
            return
        version, baseline = self.guessed.value, self.baseline.value
        ratio = speedup(rows, version, baseline)
        if ratio is None:
            if not self.why_no_score(self.refusals()):  # else it was said before the run
                controls.say(
                    self.score, f"No ratio of {version} to {baseline} can be made of this run."
                )
            return
        off = max(ratio / self.guess.value, self.guess.value / ratio)
        self.points.append(next((points for limit, points in POINTS if off <= limit), 0))
        controls.say(
            self.score,
            f"You said {self.guess.value:g}x, measured <b>{ratio_text(ratio)}</b>: "
            f"<b>{self.points[-1]} of 3 points</b> "
            f"(so far {sum(self.points)} of {3 * len(self.points)})",
        )

    # ---- showing ----

    def paint(self, hurry=False):
        """Draw the times anew; with `hurry` only if drawing does not take most of the time."""
        start = time.perf_counter()
        if hurry and (start < self.next_paint or not self.bar.runner.watched):
            return
        paint(self.image, self.picture())
        now = time.perf_counter()
        self.next_paint = now + max(PAINT_EVERY, 2 * (now - start))

    def paint_run(self):
        """Draw what a finished run adds: its table, and its points on the lines."""
        self.paint()
        self.table.value = table_html(self.results[-1][1][1])
        paint(self.history, self.history_picture())
        self.history.layout.display = ""

    def picture(self):
        """The last two races, the newest on the right."""
        if not self.results:
            return draw_invitation("Press Run: the times appear here")
        shown = [(f"Run {number}", *result) for number, result in self.results[-2:]]
        log = self.scale.value == "log"
        return draw_race(shown, log=log, shared=True, baseline=self.base.value)

    def history_picture(self):
        """Time against batch size: all runs so far."""
        if not self.results:
            return draw_invitation("Time against batch size: a point for each run")
        return draw_history(self.records())

    def records(self):
        """All rows of all runs as plain numbers, each with the number of its run."""
        runs = [(number, records.records([result])) for number, result in self.results]
        return [{"run": number, **found} for number, rows in runs for found in rows]

    # ---- export ----

    def export(self, _=None):
        """Write all runs to race.csv in the working folder, and offer the same as a download.

        Another's file of that name stays, and so does a link: then it is race-2.csv, and so on.
        """
        if not self.results:
            controls.say(self.link, "Nothing to export yet: press Run first.")
            return
        text = self.csv_text()
        code = base64.b64encode(text.encode()).decode()
        link = f'<a download="race.csv" href="data:text/csv;base64,{code}">download race.csv</a>'
        try:
            name = self.free_name()
            saving.write_atomically(name, text)
            self.exported[os.path.abspath(name)] = text
            controls.say(self.link, f"{link} (also saved beside the notebook: {name})")
        except OSError as error:  # a folder that cannot be written to; the link works all the same
            controls.say(
                self.link, f"{link} (not saved beside the notebook: {html.escape(str(error))})"
            )

    def free_name(self):
        """race.csv, race-2.csv, ...: the first that is not there, or is as this board wrote it."""
        for number in count(1):
            name = "race.csv" if number == 1 else f"race-{number}.csv"
            if not os.path.lexists(name) or self.wrote(name):
                return name

    def wrote(self, name):
        """True if the file is this board's own, unchanged."""
        text = self.exported.get(os.path.abspath(name))
        if text is None or os.path.islink(name) or not os.path.isfile(name):
            return False
        with open(name, "rb") as file:
            return file.read() == text.encode()

    def csv_text(self):
        """All runs as CSV: the bench's columns, with the number of the run in front."""
        file = io.StringIO()
        records.write_csv(self.records(), file, ("run", *records.COLUMNS))
        return file.getvalue()


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
