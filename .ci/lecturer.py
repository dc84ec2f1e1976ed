"""The lecturer's page of quick questions, made from lstm_kernels/lab/quiz/."""

import re

from stamp import ROOT

from lstm_kernels.lab.quiz import LETTERS, lessons, questions_of

QUESTIONS = ROOT / "notebooks" / "lecturer" / "questions.md"
HEAD = """\
# Quick questions, with answers

Each lesson asks its own before its summary, and answers each choice at once. Here they are with the
right choice in bold, and with what each other one reveals: for the board, for an exam, for hands in
the air. They stand in `lstm_kernels/lab/quiz/`, a file per lesson; `python .ci/notebooks.py stamp`
makes this page of them.
"""


def questions_page():
    """The page as Markdown."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    titles = re.findall(r"^\| \[((\w\d) [^]]+)\]\(notebooks/(\w+\.ipynb)\)", readme, re.MULTILINE)
    places = {lesson: f"[{title}](../{name})" for title, lesson, name in titles}
    parts = [HEAD]
    for lesson in lessons():
        parts.append(f"## {places[lesson]}\n")
        parts += map(_question, questions_of(lesson))
    return "\n".join(parts)


def _question(question):
    lines = [f"**{question.number}** {question.text}", ""]
    for letter, choice in zip(LETTERS, question.choices, strict=False):
        text = f"**{letter}: {choice.text}**" if choice.right else f"{letter}: {choice.text}"
        lines.append(f"- {text}<br>{choice.why}")
    return "\n".join([*lines, ""])


def write():
    """Save the page, if it is not there already."""
    if not in_step():
        QUESTIONS.parent.mkdir(exist_ok=True)
        QUESTIONS.write_text(questions_page(), encoding="utf-8")


def in_step():
    return QUESTIONS.exists() and QUESTIONS.read_text(encoding="utf-8") == questions_page()
