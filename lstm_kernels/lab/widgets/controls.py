"""The controls that both tabs of the dashboard share: sliders, check boxes, Run and Cancel."""

import html
import time

from lstm_kernels.lab.estimates.feasible import PIECE_LIMIT, REPEAT_LIMIT
from lstm_kernels.lab.figures.two_runs import about
from lstm_kernels.lab.widgets import ipywidgets
from lstm_kernels.lab.widgets.background import paints_from_threads
from lstm_kernels.lab.widgets.base import row
from lstm_kernels.lab.words import count_text

SLIDER = "15em", "7.2em"  # of it and of its label: four side by side on 1280 pixels in Lab
NO_CANCEL = "Running in this cell; to stop it early, use the notebook's own stop button."
LIMITS = f"The limits: {PIECE_LIMIT:g} s, so that Cancel is quick; {REPEAT_LIMIT:g} s for a repeat."


def check_box(name, value=True, tip=""):
    """A check box as wide as its text; tip: what it says when the mouse rests on it."""
    layout = {"width": "auto", "margin": "0 0.9em 0 0"}
    look = {"indent": False, "layout": layout, "tooltip": tip}
    return ipywidgets.Checkbox(value=value, description=name, **look)


def version_boxes(versions, checked):
    """{version: its check box}, each with a tip that says what the version is."""
    return {name: check_box(name, name in checked, about(name)) for name in versions}


def dropdown(label, options, value, width, tip, label_width="auto"):
    """A list to choose from."""
    box = ipywidgets.Dropdown(options=options, value=value, description=label, tooltip=tip)
    box.layout.width, box.layout.margin = width, "2px 0.6em 2px 0"
    box.style.description_width = label_width
    return box


def say(note, text):
    """Write into an HTML widget, which takes room only where it says something."""
    note.value = text
    note.layout.display = "" if text else "none"


def reasons_text(reasons):
    """What cannot or should not run, and why: {name: reason} as HTML, side by side if it fits."""
    lines = [f"<b>{html.escape(n)}</b>: {html.escape(r)}" for n, r in reasons.items() if r]
    fields = "".join(f"<div>{line}</div>" for line in lines)
    return f'<div class="lstm-reasons" title="{LIMITS}">{fields}</div>' if lines else ""


class RunBar(ipywidgets.VBox):
    """Run, Cancel, a progress bar, and a line of text; one Runner behind it."""

    def __init__(self, runner, why_not, work, name="Run"):
        """why_not(): why nothing can run now, or "".  work(stop): what the button `name` does."""
        self.runner, self.why_not, self.work = runner, why_not, work
        button = {"layout": {"width": "6em"}}
        self.run_button = ipywidgets.Button(
            description=name, button_style="primary", tooltip=f"{name}: measure now", **button
        )
        self.cancel_button = ipywidgets.Button(
            description="Cancel", disabled=True, tooltip="Stop; what was measured stays", **button
        )
        self.progress = ipywidgets.FloatProgress(value=0, min=0, max=1, layout={"width": "11em"})
        self.note = ipywidgets.HTML(f"Choose, then press {name}.", layout={"flex": "1 1 20em"})
        self.run_button.on_click(self.run)
        self.cancel_button.on_click(self.cancel)
        bar = row(self.run_button, self.cancel_button, self.progress, self.note)
        super().__init__([bar])

    def run(self, _=None, wait=False):
        """Begin, unless something is running or the setting is impossible: then say why."""
        if self.runner.busy and not wait:
            self.note.value = "Something is running: wait for it, or press its Cancel."
            return
        reason = self.why_not()
        if reason:
            self.note.value = reason
            return
        background = paints_from_threads() and not wait
        self.progress.value, self.note.value = 0, "Starting ..." if background else NO_CANCEL
        self.run_button.disabled, self.cancel_button.disabled = True, not background
        self.runner.start(self._run, wait)

    def _run(self, stop):
        try:
            last_words = self.work(stop)
            if not self.say_cancelled():
                self.note.value, self.progress.value = last_words, 1
        except KeyboardInterrupt:
            self.note.value = "Interrupted; what was measured stays."
        except Exception as error:  # an error in a thread would be seen by nobody
            self.note.value = html.escape(f"{type(error).__name__}: {error}")
            raise
        finally:
            self.run_button.disabled, self.cancel_button.disabled = False, True

    def cancel(self, _=None):
        """End soon; what was measured stays."""
        if self.runner.busy:
            self.cancel_button.disabled = True
            self.note.value = "Cancelling, after what is under way: a mini-batch, a compilation ..."
            self.runner.cancel()

    def say_cancelled(self):
        """True, and say so, if the run was cancelled."""
        if self.runner.cancelled:
            self.note.value = "Cancelled; what was measured stays."
        return self.runner.cancelled

    def show_progress(self, what, done, left):
        """done: 0 to 1.  left: estimated seconds, or None where nobody knows yet."""
        if self.runner.cancelled:
            return  # "Cancelling ..." stays
        self.progress.value = min(max(done, 0.0), 1.0)
        about = "" if left is None else f", about {max(left, 1):.0f} s left"
        self.note.value = html.escape(f"{what}{about}")


class Plan:
    """How far a run of several parts is: from estimates first, from the repeats when they come."""

    def __init__(self, seconds):
        """seconds: {part: estimated seconds}; parts may take turns."""
        self.seconds, self.start = dict(seconds), time.perf_counter()
        self.done = {}  # {part: 0 to 1}

    def finish(self, part):
        self.done[part] = 1.0

    def progress(self, part, done=0.0):
        """(share done, seconds left) when `part` is done to `done`, from 0 to 1."""
        self.done[part] = max(done, self.done.get(part, 0.0))
        passed = sum(self.seconds.get(p, 0) * share for p, share in self.done.items())
        whole = sum(self.seconds.values()) or 1.0
        share = min(passed / whole, 1.0)
        elapsed = time.perf_counter() - self.start
        pace = elapsed / passed if passed > 0.1 * whole else 1.0
        return share, (whole - passed) * pace


def repeats_done(timing, budget, at_least=3):
    """How far a version is, 0 to 1: its repeats fill the budget, and are `at_least` so many."""
    needed = max(budget, at_least * timing.median)
    return min(sum(timing.seconds) / needed, 1.0)


def repeats_text(timing):
    return count_text(len(timing.seconds), "repeat")
