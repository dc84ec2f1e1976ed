"""One press, one curve: the time of a mini-batch against one size.  The dashboard, lesson 09."""

import html

from lstm_kernels import data
from lstm_kernels.lab.estimates import feasible
from lstm_kernels.lab.estimates.why import card_here, why
from lstm_kernels.lab.figures.sweep import sweep_scene
from lstm_kernels.lab.measure import race
from lstm_kernels.lab.measure.challenges import Run
from lstm_kernels.lab.measure.neighbours import busy_text
from lstm_kernels.lab.measure.recorded_lines import card_names, nearest, recorded_lines
from lstm_kernels.lab.measure.results import busiest, is_own, speedup, where_it_runs
from lstm_kernels.lab.measure.timing import Workload
from lstm_kernels.lab.widgets import controls, ipywidgets
from lstm_kernels.lab.widgets.base import paint_scene, scene_widget, slider
from lstm_kernels.lab.words import ratio_text
from lstm_kernels.machine import device
from lstm_kernels.versions import own_versions

NAMES = {"N": "batch size N", "H": "hidden size H", "T": "length T"}
SIZES = {  # measured, when a size is the axis
    "N": (1, 7, 64, 256, 1024),
    "H": (4, 16, 32, 64, 128),
    "T": (2, 6, 12, 24, 48),
}
CHOICES = {"N": (1, 7, 16, 64, 256, 1024), "H": (4, 16, 32, 50, 64, 128), "T": (2, 11, 12, 24, 48)}
FIRST = {  # the fixed sizes of each axis: those at which a card was recorded
    "N": {"H": 50, "T": 11},
    "H": {"N": 64, "T": 12},
    "T": {"N": 64, "H": 64},
}
EMULATE = "emulated, too (slow)"  # offered where there is no card
CHECKED = ("numpy_batched", "numba_cpu", "cuda_v3", "cuda_v6")
NONE = "no card"


class Sweep(ipywidgets.VBox):
    """Time against `axis` for the checked versions; `found` keeps {size: (workload, rows)}.

    At each size the versions take turns, as in a race, after the same checks.
    """

    def __init__(self, runner, versions, base, look=lambda: "", budget=0.12):
        """base: the list of what ratios are made to.  look(): after a sweep; a sentence, or ""."""
        self.budget, self.base, self.look, self.found, self.axis = budget, base, look, {}, "N"
        self.fixed = dict(FIRST["N"])  # of what is drawn
        self._make_controls(versions)
        self.bar = controls.RunBar(runner, self.why_not, self.work, "Sweep")
        self.reasons, self.words = ipywidgets.HTML(), ipywidgets.HTML()
        self.image = scene_widget(self.scene())
        self.image.add_class("lstm-sweep")
        super().__init__(
            [
                controls.row(self.along, *self.sliders.values(), self.card),
                controls.row(*self.boxes.values(), self.emulate),
                self.reasons,
                self.bar,
                self.image,
                self.words,
            ]
        )
        for control in (
            *self.sliders.values(), self.card, *self.boxes.values(), self.emulate,
        ):  # fmt: skip
            control.observe(self.show_setting, "value")
        self.along.observe(self.take_axis, "value")
        base.observe(lambda _: self.say_words(), "value")
        self.take_axis()

    def _make_controls(self, versions):
        along = [(name, axis) for axis, name in NAMES.items()]
        self.along = controls.dropdown(
            "against", along, "N", "15em", "The size that is swept", "4em"
        )
        first = {"N": 64, **FIRST["N"]}
        self.sliders = {
            axis: slider(name, CHOICES[axis], first[axis], *controls.SLIDER)
            for axis, name in NAMES.items()
        }
        names = (*card_names(), NONE)
        tip = "A card whose recording is drawn in the same plot"
        self.card = controls.dropdown("recorded", names, names[0], "18em", tip, "4.5em")
        checked = CHECKED + own_versions()
        checked = checked if set(checked) & set(versions) else versions[:1]
        self.boxes = controls.version_boxes(versions, checked)
        tip = "Run the CUDA versions in the emulator; else only their recording is drawn"
        self.emulate = controls.check_box(EMULATE, False, tip)
        self.emulate.layout.display = "none" if device.ON_GPU else ""

    # ---- what is chosen ----

    def take_axis(self, _=None):
        """Another axis: its own slider goes, the others stand where a card was recorded."""
        for axis, size in FIRST[self.along.value].items():
            self.sliders[axis].value = size
        for axis, control in self.sliders.items():
            control.layout.display = "none" if axis == self.along.value else ""
        self.show_setting()

    def chosen(self):
        """The two sizes that stay: {"H": 50, "T": 11}."""
        return {a: s.value for a, s in self.sliders.items() if a != self.along.value}

    def versions(self):
        """Names of the checked versions."""
        return tuple(name for name, box in self.boxes.items() if box.value)

    def measured(self):
        """Those of them that are run here: without a card the emulator's only if that is wished."""
        if self.emulate.value:
            return self.versions()
        return tuple(name for name in self.versions() if is_own(where_it_runs(name)))

    def workload(self, size):
        """One mini-batch of made-up windows."""
        sizes = {**self.chosen(), self.along.value: size}
        return Workload(*data.panel(sizes["N"], sizes["T"]), sizes["N"], sizes["H"])

    def refusals(self):
        """{version: {size: why it is left out}}."""
        found = {version: {} for version in self.measured()}
        for size in SIZES[self.along.value]:
            for version, why_not in feasible.refusals(found, self.workload(size)).items():
                found[version][size] = why_not
        return {version: sizes for version, sizes in found.items() if sizes}

    def why_not(self):
        """Why nothing can run, or ""."""
        if not self.versions():
            return "Choose at least one version."
        if not self.measured():
            return f"There is no card for these versions: choose another one, or '{EMULATE}'."
        refused = self.refusals()
        everywhere = [
            v for v, sizes in refused.items() if len(sizes) == len(SIZES[self.along.value])
        ]
        if len(everywhere) == len(self.measured()):
            return "No chosen version can run this: see the reasons above. Choose smaller sizes."
        return ""

    def show_setting(self, _=None):
        """Say at once what is left out, and which recording there is; draw it."""
        texts = {
            version: f"at {NAMES[self.along.value]} {', '.join(map(str, sizes))}: "
            f"{next(iter(sizes.values()))}"
            for version, sizes in self.refusals().items()
        }
        texts["recorded"] = self.why_no_recording()
        controls.say(self.reasons, controls.reasons_text(texts))
        if not self.bar.runner.busy and (self.axis, self.fixed) != (
            self.along.value,
            self.chosen(),
        ):
            self.found, self.axis, self.fixed = {}, self.along.value, self.chosen()
            self.say_words()
        paint_scene(self.image, self.scene())

    def why_no_recording(self):
        """Why no recorded line is drawn, and where there would be one; "" if there is one."""
        card, versions = self.card.value, self.versions()
        if card == NONE or recorded_lines(card, self.along.value, self.chosen(), versions):
            return ""
        near = nearest(card, self.along.value, self.chosen())
        if near is None:
            return f"nothing of {card} against the {NAMES[self.along.value]}."
        lines = recorded_lines(card, self.along.value, near, tuple(self.boxes))
        names = ", ".join(line.version for line in lines)
        return f"nothing of {card} at these sizes; at {sizes_text(near)} there is: {names}."

    # ---- running ----

    def work(self, stop):
        """Race at one size after the other; the lines grow.  Returns the last sentence."""
        self.axis, self.fixed, self.found = self.along.value, self.chosen(), {}
        refused, versions, sizes = self.refusals(), self.measured(), SIZES[self.axis]
        skips = {n: {v: of[n] for v, of in refused.items() if n in of} for n in sizes}
        sizes = [n for n in sizes if len(skips[n]) < len(versions)]
        plan = controls.Plan({n: self._expected(n, skips[n]) for n in sizes})
        for size in sizes:
            if not stop():
                self._measure(size, skips[size], plan, stop)
                self.say_words()
            plan.finish(size)
        self.show_setting()
        words = ["Done.", self._busy_words(), self.look()]
        return " ".join(filter(None, words))

    def _measure(self, size, skip, plan, stop):
        """Add a point to each line."""
        workload, versions = self.workload(size), [v for v in self.measured() if v not in skip]
        rows = {}
        what = f"{self.axis}={size:,}"

        def show_repeat(row):
            rows[row.version] = row
            self.found[size] = workload, list(rows.values())
            if self.bar.runner.watched:
                paint_scene(self.image, self.scene())
            done = len(rows) / len(versions) * controls.repeats_done(row.timing, self.budget)
            note = f"{what}: {row.version}, {controls.repeats_text(row.timing)}"
            self.bar.show_progress(note, *plan.progress(size, done))

        def show_row(row):
            rows[row.version] = row
            self.found[size] = workload, list(rows.values())

        self.bar.show_progress(f"{what}: warming up", *plan.progress(size))
        told = {"on_repeat": show_repeat, "on_row": show_row, "stop": stop}
        race.race(workload, versions, budget=self.budget, **told)
        if self.bar.runner.watched:
            paint_scene(self.image, self.scene())

    def _expected(self, size, skip):
        workload = self.workload(size)
        versions = [v for v in self.measured() if v not in skip]
        return sum(
            0.1 + max(self.budget, 10 * feasible.repeat_seconds(v, workload)) for v in versions
        )

    # ---- showing ----

    def results(self):
        """[(workload, rows), ...] of the last sweep, the smallest size first."""
        return [self.found[size] for size in sorted(self.found)]

    def as_runs(self):
        """The same for the challenges."""
        return [
            Run(f"Sweep, {self.axis}={size:,}", *self.found[size]) for size in sorted(self.found)
        ]

    def lines(self):
        """{(version, where): {size: Timing}} of what has a time, and is not wrong."""
        lines = {}
        for size, (_, rows) in sorted(self.found.items()):
            for row in rows:
                if row.timing:
                    lines.setdefault((row.version, row.where), {})[size] = row.timing
        return lines

    def scene(self):
        """What was measured, and beside it what a card took."""
        card = self.card.value
        recorded = () if card == NONE else recorded_lines(
            card, self.axis, self.fixed, self.versions()
        )  # fmt: skip
        ahead = SIZES[self.axis] if self.found else ()
        warned = "the machine was busy: the lines may be bent" if self._busy_words() else ""
        return sweep_scene(
            NAMES[self.axis], sizes_text(self.fixed), self.lines(), recorded, ahead, warned
        )

    def picture(self):
        """The static twin."""
        return self.scene().picture()

    def say_words(self):
        """What the lines say: growth, the crossing with the base, why, what went wrong."""
        words = [*self._growth(), *self._crossings(), self._why(), *self._failures()]
        self.words.value = "<br>".join(html.escape(text) for text in words if text)

    def _growth(self):
        """How much the time grows over the whole line, for each line that may be compared."""
        said = []
        for (version, where), points in self.lines().items():
            sizes = list(points)
            if is_own(where) and len(sizes) > 1:
                ratio = points[sizes[-1]].median / points[sizes[0]].median
                said.append(f"{version} {ratio_text(sizes[-1] / sizes[0])} the size, "
                            f"{ratio_text(ratio)} the time")  # fmt: skip
        if said:
            yield f"From the first to the last {NAMES[self.axis]}: {'; '.join(said)}."

    def _crossings(self):
        """Where a version is faster than the base."""
        said = []
        for version in self.versions():
            ratios = {n: speedup(rows, version, self.base.value)
                      for n, (_, rows) in sorted(self.found.items())}  # fmt: skip
            known = {n: ratio for n, ratio in ratios.items() if ratio is not None}
            if known and version != self.base.value:
                wins = [f"{n:,}" for n, ratio in known.items() if ratio > 1]
                said.append(f"{version} {'at ' + ', '.join(wins) if wins else 'nowhere'}")
        if said:
            yield f"Faster than {self.base.value}: {'; '.join(said)}."

    def _why(self):
        """Why the fastest at the last size is as it is; an emulated one only if it is alone."""
        timed = [
            (size, row) for size, (_, rows) in self.found.items() for row in rows if row.timing
        ]
        timed = [(size, row) for size, row in timed if row.comparable] or timed
        if not timed:
            return ""
        size = max(size for size, _ in timed)
        rows = [row for of, row in timed if of == size]
        row = min(rows, key=lambda row: row.timing.median)
        sizes, timing = feasible.sizes_of(self.found[size][0]), row.timing
        found = why(row.version, sizes, timing.median, timing.parts, card_here())
        return f"At {self.axis}={size:,}: {found.reason} Next: {found.advice}"

    def _failures(self):
        for size, (_, rows) in sorted(self.found.items()):
            yield from (f"{r.version} at {size:,}: {r.note}" for r in rows if r.failed)

    def _busy_words(self):
        busy = busy_text(busiest([row for _, rows in self.results() for row in rows]))
        return f"But {busy}: the lines may be bent." if busy else ""


def sizes_text(sizes):
    """`H=50, T=11`."""
    return ", ".join(f"{name}={size}" for name, size in sizes.items())
