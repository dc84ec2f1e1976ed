"""Does training time grow as fast as the data?  The dashboard's second tab.  Lesson 09."""

import numpy as np

from lstm_kernels import data
from lstm_kernels.lab.estimates import feasible
from lstm_kernels.lab.figures.goals import draw_scaling
from lstm_kernels.lab.figures.race import draw_invitation
from lstm_kernels.lab.measure import race
from lstm_kernels.lab.measure.neighbours import busy_text
from lstm_kernels.lab.measure.results import busiest, is_own, where_it_runs
from lstm_kernels.lab.measure.timing import Workload
from lstm_kernels.lab.widgets import controls, ipywidgets
from lstm_kernels.lab.widgets.base import paint, picture_widget, slider
from lstm_kernels.lab.words import seconds_text
from lstm_kernels.machine import device

WINDOWS = (64, 256, 1024, 4096, 16384, 65536)
WAYS = {"batch 16": lambda N: 16, "batch = windows / 4": lambda N: N // 4}
QUESTION = "One epoch over more and more windows: does the time grow as fast as the data?"
SERIES = {"made-up series (seeded)": data.panel, "CO2 at Mauna Loa (real)": data.co2_workload}
BUDGET = 0.3  # seconds of repeats for a point; three repeats at least


class Scale(ipywidgets.VBox):
    """Wall time of one epoch against the number of windows; `lines` keeps what was measured."""

    def __init__(self, runner, versions, H=16, T=11):
        self.lines = {}  # {(version, way): [seconds, ...]} for the first of `sizes`
        self.sizes = ()  # the numbers of windows of this run
        self.rows = []  # its results, one a point
        self.series = ipywidgets.Dropdown(
            options=list(SERIES), description="data", layout={"width": "auto"}
        )
        self.series.style.description_width = "3em"
        self.most = slider("up to windows", WINDOWS, 4096, "18em")
        self.hidden = slider("hidden size H", [4, 16, 32, 50, 64], H, *controls.SLIDER)
        self.T = T
        first = "cuda_v3" if device.ON_GPU else "numpy_batched"
        self.boxes = controls.version_boxes(versions, (first,))
        self.ways = {name: controls.check_box(name) for name in WAYS}
        self.bar = controls.RunBar(runner, self.why_not, self.work)
        self.image = picture_widget(self.picture())
        self.reasons, self.words = ipywidgets.HTML(), ipywidgets.HTML()
        sizes = (self.series, self.most, self.hidden)
        for control in (*sizes, *self.boxes.values(), *self.ways.values()):
            control.observe(self.show_reasons, "value")
        super().__init__(
            [
                ipywidgets.HTML(f"<b>{QUESTION}</b>"),
                controls.row(self.most, self.hidden, *self.ways.values(), self.series),
                controls.row(*self.boxes.values()),
                self.reasons,
                self.bar,
                self.image,
                self.words,
            ]
        )
        self.show_reasons()

    def windows(self):
        """Numbers of windows; of a real series at most as many as it has."""
        wanted = [N for N in WINDOWS if N <= self.most.value]
        if SERIES[self.series.value] is data.panel:
            return wanted
        there = data.co2_windows(self.T)[0].shape[1]
        return [N for N in wanted if N <= there] + [there] * (wanted[-1] > there)

    def chosen(self):
        """The checked (version, way) pairs."""
        versions = [name for name, box in self.boxes.items() if box.value]
        return [(v, way) for v in versions for way, box in self.ways.items() if box.value]

    def refusals(self):
        """{(version, way): (first number of windows that is left out, why)}."""
        found = {}
        for version, way in self.chosen():
            for N in self.windows():
                nothing = np.broadcast_to(np.float32(0), (self.T, N, 1))  # sizes only, no memory
                reason = feasible.refusal(version, self._workload((nothing, nothing), way))
                if reason:
                    found[version, way] = N, reason
                    break
        return found

    def points(self):
        """What Run measures, the smallest data of a line first: [((version, way), N), ...]."""
        ends = {line: N for line, (N, _) in self.refusals().items()}
        sizes = self.windows()
        return [(line, N) for line in self.chosen() for N in sizes if N < ends.get(line, N + 1)]

    def why_not(self):
        """Why nothing can run, or ""."""
        if not self.chosen():
            return "Choose at least one version and one way to use the data."
        if len(self.windows()) < 2:
            return "A slope needs two sizes of the data: move 'up to windows'."
        if not self.points():
            return "No chosen version can run this: see the reasons above. Choose a smaller H."
        return ""

    def show_reasons(self, _=None):
        """Say at once, before anything runs, what the setting leaves out."""
        found = self.refusals().items()
        texts = {_label(line): f"from {N:,} windows on {reason}" for line, (N, reason) in found}
        controls.say(self.reasons, controls.reasons_text(texts))

    def work(self, stop):
        """Measure point after point; lines and sentences grow.  Returns the last sentence."""
        self.lines, self.sizes, points = {}, self.windows(), self.points()
        self.rows = []
        series = {N: SERIES[self.series.value](N, self.T) for N in self.sizes}
        workloads = {(line, N): self._workload(series[N], line[1]) for line, N in points}
        plan = controls.Plan({p: self._expected(p[0][0], workloads[p]) for p in points})
        failed = {}
        for point in points:
            if not stop() and point[0] not in failed:
                self._measure(point, workloads[point], plan, failed, stop)
                self._show(failed)
            plan.finish(point)
        return "Done."

    def _workload(self, series, way):
        N = series[0].shape[1]
        return Workload(*series, WAYS[way](N), self.hidden.value)

    def _expected(self, version, workload):
        return max(BUDGET, 4 * feasible.repeat_seconds(version, workload))

    def _measure(self, point, workload, plan, failed, stop):
        """Add one point to its line; or note in `failed` what went wrong."""
        line, N = point
        what = f"{_label(line)}, {N:,} windows"

        def show_repeat(row):
            done = plan.progress(point, controls.repeats_done(row.timing, BUDGET))
            self.bar.show_progress(f"{what}, {controls.repeats_text(row.timing)}", *done)

        self.bar.show_progress(f"{what}, warming up", *plan.progress(point))
        found = race.race_one(line[0], workload, budget=BUDGET, on_repeat=show_repeat, stop=stop)
        self.rows.append(found)
        if found.timing and not found.failed:
            self.lines.setdefault(line, []).append(found.timing.median)
        elif not stop():
            failed[line] = f"at {N:,} windows: {found.note}"

    def picture(self):
        """The lines so far: also the static twin."""
        if not self.lines:
            return draw_invitation("Press Run: the lines grow here")
        lines = {_label(key): (s, slope(self.sizes, s)) for key, s in self.lines.items()}
        return draw_scaling(self.sizes, lines)

    def sentences(self):
        """{line: its slope in words}."""
        return {
            _label(key): in_words(self.sizes, seconds, where_it_runs(key[0]))
            for key, seconds in self.lines.items()
        }

    def _show(self, failed):
        if self.lines:
            paint(self.image, self.picture())
        words = [f"<b>{label}</b>: {text}" for label, text in self.sentences().items()]
        errors = controls.reasons_text({_label(line): why for line, why in failed.items()})
        busy = busy_text(busiest(self.rows))
        words += [f"But {busy}: the lines may be bent."] if busy else []
        self.words.value = "<br>".join([*words, errors])


def _label(line):
    """The name of a line: its version, the way to use the data, and where it ran if emulated."""
    version, way = line
    where = where_it_runs(version)
    return f"{version}, {way}" + ("" if is_own(where) else f" ({where})")


def slope(windows, seconds):
    """Slope of the straight line through the points of the log-log picture; nan for one point."""
    if len(seconds) < 2:
        return float("nan")
    return float(np.polyfit(np.log(windows[: len(seconds)]), np.log(seconds), 1)[0])


def in_words(windows, seconds, where):
    """The slope as a sentence: over all points, and over the last two."""
    if len(seconds) < 2:
        return f"{seconds_text(seconds[0])} for {windows[0]:,} windows; a slope needs two points."
    whole, end = slope(windows, seconds), slope(windows[len(seconds) - 2 :], seconds[-2:])
    slower, faster = whole < 0.9, whole > 1.1  # between them it may be noise
    pace = "more slowly than" if slower else "faster than" if faster else "about as fast as"
    text = f"slope {whole:.2f}: the time grows {pace} the data"
    text += f" ({end:.2f} between the last two sizes)."
    if not is_own(where):
        return text + f" But it is {where}: this says nothing about a GPU."
    if slower:
        text += " The goal of 150% is reached on this range"
        text += "." if end < 1 else ", but not at its end."
    return text
