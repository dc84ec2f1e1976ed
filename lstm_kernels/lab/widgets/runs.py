"""The runs that the dashboard keeps: shown two by two, named, pinned, cleared.  Lesson 09."""

import html

from lstm_kernels.lab.measure.challenges import Run as Result
from lstm_kernels.lab.widgets import controls, ipywidgets
from lstm_kernels.lab.widgets.base import row
from lstm_kernels.lab.words import ratio_text

NOTHING = "nothing"  # what the first run is compared with


class Run:
    """One press of Run: its workload and rows, and what its user calls it."""

    def __init__(self, number, workload, rows):
        self.number, self.workload, self.rows = number, workload, rows
        self.name, self.pinned = "", False

    @property
    def title(self):
        return self.name or f"Run {self.number}"

    @property
    def label(self):
        """As it stands in a list."""
        batch, H = self.workload.batch_size, self.workload.H
        sizes = f"N={batch} H={H} T={self.workload.x.shape[0]}"
        return f"{self.title}: {sizes}" + " (pinned)" * self.pinned

    def result(self):
        return Result(self.title, self.workload, self.rows)


class Runs(ipywidgets.VBox):
    """Chooses which two runs are shown.  A new run stands on the right.

    On its left stays a pinned run, else the run before comes there.  Clear forgets what is not
    pinned.  on_change(): the picture is to be drawn anew.
    """

    def __init__(self, on_change):
        self.kept, self.count, self.on_change, self._quiet = [], 0, on_change, False
        self.left = self._list("compare", "The run on the left", "18em")
        self.right = self._list("with", "The run on the right; name and Pin are its own", "20em")
        self.name = ipywidgets.Text(placeholder="name it", layout={"width": "9em"})
        self.name.tooltip, self.name.continuous_update = "A name for the run on the right", False
        self.pin = ipywidgets.ToggleButton(description="Pin", icon="thumb-tack")
        self.pin.tooltip = (
            "Keep the run on the right: Clear leaves it, and new runs stand beside it"
        )
        self.clear_button = ipywidgets.Button(description="Clear", icon="trash")
        self.clear_button.tooltip = "Forget all runs that are not pinned"
        for button in (self.pin, self.clear_button):
            button.layout.width = "6em"
        self.words = ipywidgets.HTML()
        controls.say(self.words, "")
        self.left.observe(self._chosen, "value")
        self.right.observe(self._chosen, "value")
        self.name.observe(self._named, "value")
        self.pin.observe(self._pinned, "value")
        self.clear_button.on_click(self.clear)
        line = row(self.left, self.right, self.name, self.pin, self.clear_button)
        super().__init__([line, self.words])
        self._offer(None, None)

    @staticmethod
    def _list(label, tip, width):
        return controls.dropdown(label, [(NOTHING, None)], None, width, tip)

    # ---- what is kept ----

    def add(self, workload, rows):
        """Keep a new run, and show it; rows may still grow."""
        pinned = [run for run in self.kept if run.pinned]
        before = self.run(self.left.value)
        if not (before and before.pinned):
            before = (pinned or self.kept or [None])[-1]
        self.count += 1
        self.kept.append(Run(self.count, workload, rows))
        self._offer(before and before.number, self.count)
        return self.kept[-1]

    def clear(self, _=None):
        """Forget all that is not pinned."""
        self.kept = [run for run in self.kept if run.pinned]
        last = self.kept[-1].number if self.kept else None
        left = self.kept[-2].number if len(self.kept) > 1 else None
        self._offer(left, last)
        self.on_change()

    def run(self, number):
        """The Run of this number, if it is kept."""
        return next((run for run in self.kept if run.number == number), None)

    def shown(self):
        """One or two Runs, from left to right."""
        left, right = self.run(self.left.value), self.run(self.right.value)
        return [run for run in (left if left is not right else None, right) if run]

    def tell(self):
        """Say in words what changed from the run on the left to that on the right."""
        shown = self.shown()
        controls.say(self.words, html.escape(compared(*shown)) if len(shown) == 2 else "")

    # ---- the controls ----

    def _offer(self, left, right):
        """Both lists as the runs are now, with these two chosen."""
        self._quiet = True
        options = [(run.label, run.number) for run in self.kept]
        nothing = [(NOTHING, None)]
        self.left.options, self.left.value = nothing + options, left
        self.right.options, self.right.value = (options or nothing), right
        run = self.run(right)
        self.name.value, self.pin.value = (run.name, run.pinned) if run else ("", False)
        for control in (self.name, self.pin, self.clear_button):
            control.disabled = run is None
        self._quiet = False
        self.tell()

    def _chosen(self, _):
        if not self._quiet:
            self._offer(self.left.value, self.right.value)
            self.on_change()

    def _named(self, change):
        run = self.run(self.right.value)
        if run and not self._quiet:
            run.name = change["new"].strip()[:30]
            self._chosen(change)

    def _pinned(self, change):
        run = self.run(self.right.value)
        if run and not self._quiet:
            run.pinned = change["new"]
            self._offer(self.left.value, self.right.value)


def settings(run):
    """{name: value} of what two runs may differ in."""
    T, N, _ = run.workload.x.shape
    batch, H, epochs = run.workload.batch_size, run.workload.H, run.workload.epochs
    return {"windows": N, "batch": batch, "H": H, "T": T, "epochs": epochs}


def compared(a, b):
    """From one run to another: what was changed, and what each time became; never an emulated one.

    "" if no time may be compared.  Two times are the same within the spread if the middle halves of
    their repeats overlap.
    """
    before, after = settings(a), settings(b)
    changes = [f"{k} {v:,} to {after[k]:,}" for k, v in before.items() if v != after[k]]
    if before["windows"] == before["batch"] and after["windows"] == after["batch"]:
        changes = [change for change in changes if not change.startswith("windows")]
    old, new = a.result().times(), b.result().times()
    times = [f"{name} {_times(old[name], new[name])}" for name in new if name in old]
    if not times:
        return ""
    words = ", ".join(changes) or "the same setting"
    return f"From {a.title} to {b.title} ({words}): {'; '.join(times)}."


def _times(old, new):
    if old.quartiles[0] <= new.quartiles[1] and new.quartiles[0] <= old.quartiles[1]:
        return "the same within the spread"
    return f"takes {ratio_text(new.median / old.median)} the time"
