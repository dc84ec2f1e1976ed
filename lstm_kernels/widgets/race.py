"""All versions on a workload of your choice.  Lesson 07; it calls race and figures, no more."""

import ipywidgets

from lstm_kernels import data, race
from lstm_kernels.figures.race import draw_race
from lstm_kernels.figures.style import GREY, styled, subplots
from lstm_kernels.model import Sizes
from lstm_kernels.timing import Workload, seconds_text
from lstm_kernels.transfers import multiply_adds
from lstm_kernels.versions import NAMES
from lstm_kernels.widgets.base import picture_widget

STEPS = {"sequential": 200e-9, "emulated on CPU": 3e-9}  # seconds of a multiply-add, very roughly
TOO_LONG = 1.5  # seconds for one repeat: a version that needs more is left out


class Race(ipywidgets.VBox):
    """Choose a batch size, a hidden size and versions; Run times one mini-batch of each.

    `results` keeps every race as (number, (workload, rows)), the newest last.
    """

    def __init__(self, batch_size=7, H=32, T=11, versions=NAMES, budget=0.3):
        self.T, self.budget = T, budget
        self.results, self.running = [], False
        self.batch = _slider("batch size N", [1, 7, 32, 64, 128, 256, 512, 1024], batch_size)
        self.hidden = _slider("hidden size H", [4, 8, 16, 32, 50, 64, 100], H)
        self.boxes = {name: _box(name) for name in versions}
        self.button = ipywidgets.Button(description="Run", button_style="primary")
        self.note = ipywidgets.HTML("Choose, predict, then press Run.")
        self.image = picture_widget(self.picture())
        self.button.on_click(self.run)
        super().__init__(
            [
                ipywidgets.HBox([self.batch, self.hidden], layout={"flex_flow": "row wrap"}),
                ipywidgets.HBox(list(self.boxes.values()), layout={"flex_flow": "row wrap"}),
                ipywidgets.HBox([self.button, self.note]),
                self.image,
            ]
        )

    # ---- what is chosen ----

    def versions(self):
        """Names of the checked versions, in the course's order."""
        return tuple(name for name, box in self.boxes.items() if box.value)

    def workload(self):
        """One mini-batch of made-up windows with the chosen sizes."""
        x, y = data.panel(self.batch.value, self.T)
        return Workload(x, y, self.batch.value, self.hidden.value, epochs=1)

    def too_slow(self):
        """{version: why it is left out}: what would keep the page waiting for minutes."""
        sizes = Sizes(self.T, self.batch.value, 1, self.hidden.value, 1)
        reasons = {}
        for version in self.versions():
            step = STEPS.get(version) or STEPS.get(race.where_it_runs(version), 0)
            seconds = step * multiply_adds(sizes) * sizes.N
            if seconds > TOO_LONG:
                reasons[version] = f"left out: roughly {seconds_text(seconds)} a repeat"
        return reasons

    # ---- running ----

    def run(self, _=None):
        """Time the checked versions now; the picture grows row by row.  No two runs overlap."""
        if self.running:
            return
        if not self.versions():
            self.note.value = "Choose at least one version."
            return
        self.running = self.button.disabled = True
        try:
            self._race()
        finally:
            self.running = self.button.disabled = False

    def _race(self):
        workload, versions, skip = self.workload(), self.versions(), self.too_slow()
        rows = [race.Row(v, race.where_it_runs(v), None, "waiting") for v in versions]
        self.results.append((len(self.results) + 1, (workload, rows)))

        def show_row(row):
            done = versions.index(row.version)
            rows[done] = row._replace(note=skip.get(row.version, row.note))
            self.note.value = f"{done + 1} of {len(rows)} done"
            self.image.value = self.picture()._repr_png_()

        self.note.value = f"Timing {', '.join(versions)} ..."
        self.image.value = self.picture()._repr_png_()
        race.race(workload, versions, budget=self.budget, skip=tuple(skip), on_row=show_row)
        self.note.value = reading(rows)

    def picture(self):
        """The last two races as bars, the newest on the right: the static twin, too."""
        if not self.results:
            return _draw_invitation()
        shown = self.results[-2:]
        picture = draw_race([(f"Run {number}", *result) for number, result in shown])
        _share_scale(picture.axes, [workload_rows[1] for _, workload_rows in shown])
        return picture


def reading(rows):
    """The race in one sentence: the fastest, and by how much; emulated rows do not compete."""
    timed = sorted((r for r in rows if r.comparable), key=lambda row: row.timing.median)
    if len(timed) < 2:
        return "Done. Emulated times are not compared."
    first, second = timed[:2]
    ratio = second.timing.median / first.timing.median
    return f"Done. Fastest: {first.version}, {ratio:.2g} times as fast as {second.version}."


def _share_scale(axes, rows_of_runs):
    """One scale for all panels that show a time, so that runs can be compared by eye."""
    pairs = zip(axes, rows_of_runs, strict=True)
    timed = [ax for ax, rows in pairs if any(row.timing for row in rows)]
    if timed:
        limits = [ax.get_xlim() for ax in timed]
        for ax in axes:
            ax.set_xlim(min(left for left, _ in limits), max(right for _, right in limits))


@styled
def _draw_invitation():
    picture, ax = subplots(1, 1, 6.6, 2)
    ax.axis("off")
    ax.text(0.5, 0.5, "Press Run: the bars appear here", ha="center", va="center", color=GREY)
    return picture


def _box(name):
    return ipywidgets.Checkbox(
        value=True,
        description=name,
        indent=False,
        layout={"width": "auto", "margin": "2px 16px 2px 0"},
    )


def _slider(label, options, value):
    return ipywidgets.SelectionSlider(
        options=sorted({*options, value}),
        value=value,
        description=label,
        continuous_update=False,
        style={"description_width": "95px"},
        layout={"width": "330px"},
    )
