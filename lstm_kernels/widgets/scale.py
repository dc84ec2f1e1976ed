"""Does training time grow as fast as the data?  The dashboard's second tab.  Lesson 07."""

import ipywidgets
import numpy as np

from lstm_kernels import data, device, estimate, race
from lstm_kernels.figures.goals import draw_scaling
from lstm_kernels.figures.race import draw_invitation
from lstm_kernels.timing import Workload, seconds_text
from lstm_kernels.widgets.base import picture_widget, slider
from lstm_kernels.widgets.controls import Plan, RunBar, check_box, reasons_text, row

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
        self.series = ipywidgets.Dropdown(options=list(SERIES), description="data")
        self.most = slider("up to windows", WINDOWS, 4096)
        self.hidden = slider("hidden size H", [4, 16, 32, 50, 64], H)
        self.T = T
        first = "cuda_v3" if device.ON_GPU else "numpy_batched"
        self.boxes = {name: check_box(name, name == first) for name in versions}
        self.ways = {name: check_box(name) for name in WAYS}
        self.bar = RunBar(runner, self.why_not, self.work)
        self.image = picture_widget(self.picture())
        self.words = ipywidgets.HTML()
        super().__init__(
            [
                ipywidgets.HTML(f"<b>{QUESTION}</b>"),
                row(self.most, self.hidden, self.series),
                row(*self.boxes.values()),
                row(*self.ways.values()),
                self.bar,
                self.image,
                self.words,
            ]
        )

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

    def why_not(self):
        """Why nothing can run, or ""."""
        if not self.chosen():
            return "Choose at least one version and one way to use the data."
        if len(self.windows()) < 2:
            return "A slope needs two sizes of the data: move 'up to windows'."
        return ""

    def work(self, stop):
        """Measure point after point, the smallest data first."""
        self.lines, self.sizes, left_out = {}, self.windows(), {}
        points = [(key, N) for key in self.chosen() for N in self.sizes]
        workloads = {(key, N): self._workload(N, key[1]) for key, N in points}
        plan = Plan({p: self._expected(p[0][0], workloads[p]) for p in points})
        for point in points:
            (version, way), N = point
            line = f"{version}, {way}"
            if stop():
                break
            if line not in left_out:
                self.bar.show_progress(f"{line}, {N:,} windows", *plan.progress(point))
                reason = self._measure(point, workloads[point], stop)
                if reason:
                    left_out[line] = f"from {N:,} windows on: {reason}"
            plan.finish(point)
            self._show(left_out)
        return "Done."

    def _workload(self, N, way):
        return Workload(*SERIES[self.series.value](N, self.T), WAYS[way](N), self.hidden.value)

    def _expected(self, version, workload):
        return max(BUDGET, 4 * estimate.repeat_seconds(version, workload))

    def _measure(self, point, workload, stop):
        """Add one point to its line; or return why it is left out."""
        (version, way), _ = point
        reason = estimate.refusal(version, workload)
        if reason:
            return reason
        found = race.race_one(version, workload, budget=BUDGET, stop=stop)
        if found.timing is None or found.failed:
            return "" if stop() else found.note
        self.lines.setdefault((version, way), []).append(found.timing.median)
        return ""

    def picture(self):
        """The lines so far: also the static twin."""
        if not self.lines:
            return draw_invitation("Press Run: the lines grow here")
        lines = {_label(key): (s, slope(self.sizes, s)) for key, s in self.lines.items()}
        return draw_scaling(self.sizes, lines)

    def sentences(self):
        """{line: its slope in words}."""
        return {
            _label(key): in_words(self.sizes, seconds, race.where_it_runs(key[0]))
            for key, seconds in self.lines.items()
        }

    def _show(self, left_out):
        if self.lines:
            self.image.value = self.picture()._repr_png_()
        words = [f"<b>{label}</b>: {text}" for label, text in self.sentences().items()]
        self.words.value = "<br>".join([*words, reasons_text(left_out)])


def _label(line):
    """The name of a line: its version, the way to use the data, and where it ran if emulated."""
    version, way = line
    where = race.where_it_runs(version)
    return f"{version}, {way}" + ("" if where in ("CPU", "GPU") else f" ({where})")


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
    pace = "more slowly than" if whole < 0.95 else "as fast as" if whole < 1.05 else "faster than"
    text = f"slope {whole:.2f}: the time grows {pace} the data"
    text += f" ({end:.2f} between the last two sizes)."
    if where not in ("CPU", "GPU"):
        return text + f" But it is {where}: this says nothing about a GPU."
    return text + (" The goal of 150% is reached on this range." if whole < 0.95 else "")
