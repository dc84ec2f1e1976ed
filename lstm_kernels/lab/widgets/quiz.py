"""Quick questions that answer each choice at once: a tab per question.  In every lesson."""

import html
import re

from IPython.display import display

from lstm_kernels.lab.quiz import LETTERS, questions_of
from lstm_kernels.lab.widgets import ipywidgets, still
from lstm_kernels.lab.widgets.base import row
from lstm_kernels.machine.platforms import explain_no_widgets

STYLE = """<style>
.lstm-quiz .jupyter-button {height: auto; width: auto; white-space: normal; text-align: left;
  line-height: 1.4; padding: 4px 10px; font-size: inherit}
.lstm-quiz .jupyter-button:focus-visible {outline: 2px solid currentColor}
.lstm-quiz .widget-html-content {line-height: 1.4; font-size: inherit}
.lstm-quiz code {background: none; color: inherit}
</style>"""
ALL_WIDE = {"width": "auto", "max_width": "52em"}


def quiz(lesson):
    """Display the questions of a lesson, "07" for example; ValueError if it has none.

    Live: a widget.  On GitHub and in print: questions and choices, without the answers.
    """
    widget, text = Quiz(lesson), as_text(lesson)
    shown = {"text/markdown": text, "text/plain": text}
    if isinstance(widget, still.Still):
        print("{}. Cure: {}.".format(*explain_no_widgets()))
    else:
        view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
        shown["application/vnd.jupyter.widget-view+json"] = view
    display(shown, raw=True)


def as_text(lesson):
    """Questions and choices as Markdown; which choice is right stays open."""
    lines = ["**Quick questions.** Run this cell: each choice is answered at once."]
    for n, question in enumerate(questions_of(lesson), 1):
        lines += ["", f"**{n}.** {question.text}", ""]
        lines += [f"- {x}: {c.text}" for x, c in zip(LETTERS, question.choices, strict=False)]
    return "\n".join(lines)


def as_html(text):
    """Text with `code` as HTML."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))


class Asked(ipywidgets.VBox):
    """One question: its text, a button per choice, and what the pressed one reveals.

    Buttons, not radio buttons: of these JupyterLab takes the arrow keys away.
    """

    def __init__(self, question, answered):
        """answered(): called after each choice."""
        self.question, self.answered, self.first = question, answered, None
        self.buttons = [ipywidgets.Button(layout={"width": "auto"}) for _ in question.choices]
        for place, button in enumerate(self.buttons):
            self.label(place)
            button.on_click(lambda _, place=place: self.answer(place))
        self.reply = ipywidgets.HTML("", layout={**ALL_WIDE, "min_height": "4.5em"})
        text = ipywidgets.HTML(f"{STYLE}<b>{as_html(question.text)}</b>", layout=ALL_WIDE)
        children = [text, *self.buttons, self.reply]
        super().__init__(children, layout={"align_items": "flex-start"})

    def label(self, place, mark=""):
        text = self.question.choices[place].text.replace("`", "")
        self.buttons[place].description = f"{mark}{LETTERS[place]}: {text}"

    def answer(self, place):
        """Say what this choice reveals; the first one counts."""
        choice = self.question.choices[place]
        mark, said = ("✓", "Right.") if choice.right else ("✗", "Not this one.")
        self.label(place, f"{mark} ")
        self.reply.value = f'<div role="status"><b>{said}</b> {as_html(choice.why)}</div>'
        self.first = choice.right if self.first is None else self.first
        self.answered()


class Quiz(ipywidgets.VBox):
    """The questions of a lesson in tabs, and how many were right at the first choice."""

    def __init__(self, lesson):
        self.asked = [Asked(question, self.count) for question in questions_of(lesson)]
        self.tabs = ipywidgets.Tab(self.asked, selected_index=0)
        self.score, onward = ipywidgets.HTML(""), ipywidgets.Button(description="Next question")
        onward.on_click(self.next)
        super().__init__([self.tabs, row(onward, self.score)])
        self.add_class("lstm-quiz")
        self.count()

    def next(self, _=None):
        """The next question, or the first again: tabs alone are not for the keyboard."""
        self.tabs.selected_index = (self.tabs.selected_index + 1) % len(self.asked)

    def count(self):
        """Marks in the tabs' titles, and the score."""
        marks = {None: "", True: " ✓", False: " ✗"}
        for n, asked in enumerate(self.asked):
            self.tabs.set_title(n, f"Question {n + 1}{marks[asked.first]}")
        done = [asked.first for asked in self.asked if asked.first is not None]
        self.score.value = f"Right at the first choice: {sum(done)} of {len(done)}" if done else ""
