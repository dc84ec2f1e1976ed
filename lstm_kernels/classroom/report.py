"""What was graded, to read: a page per student, and a table for the class, as HTML and CSV."""

import csv
import io
from html import escape
from typing import NamedTuple
from urllib.parse import quote

from lstm_kernels.judge.tasks import TASKS
from lstm_kernels.judge.verdict import RIGHT, UNWRITTEN

STYLE = """\
body { font: 16px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 60em; padding: 0 1em }
table { border-collapse: collapse } th, td { border: 1px solid #999; padding: .2em .6em }
td.n { text-align: right } td.words { overflow-wrap: anywhere }
pre { background: #eee; color: #111; padding: 1em; white-space: pre-wrap; overflow-wrap: anywhere }
@media (prefers-color-scheme: dark) { body { background: #111; color: #eee } a { color: #9cf } }
"""
PAGE = """\
<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>{style}</style>
<h1>{title}</h1>
{body}
</html>
"""
NO_ANSWER = "no answer was found"
PATCHED = "no verdict, since a part of the judge was replaced"


class Graded(NamedTuple):
    """One student's result."""

    student: str
    results: dict  # {notebook: what sandbox.judge found}
    remarks: list  # on the files

    def verdict(self, number):
        """(state, words): the best one, where several notebooks answer a task."""
        found = [r["tasks"][number] for r in self.results.values() if number in r["tasks"]]
        best = sorted(found, key=lambda v: (v["state"] != RIGHT, v["state"] == UNWRITTEN))
        if best:
            return best[0]["state"], best[0]["words"]
        return "", PATCHED if any(r["patched"] for r in self.results.values()) else NO_ANSWER

    def points(self, numbers):
        return sum(TASKS[n].points for n in numbers if self.verdict(n)[0] == RIGHT)

    def all_remarks(self):
        """On the files, then on each notebook; patches first."""
        found, patches = [], []
        for name, result in self.results.items():
            name = f"{name}: " if len(self.results) > 1 else ""
            found += [f"{name}{words}" for words in result["remarks"]]
            if result["patched"]:
                patches.append(f"{name}it replaces {result['patched']}, so no verdict counts")
        return [*patches, *self.remarks, *found]


def most(numbers):
    """The points of these tasks."""
    return sum(TASKS[number].points for number in numbers)


def table_csv(class_, numbers):
    """A line per student: points, points per task, remarks."""
    file = io.StringIO()
    write = csv.writer(file, lineterminator="\n").writerow
    write(["student", "points", "of", *numbers, "remarks"])
    for graded in class_:
        each = [graded.points([number]) for number in numbers]
        remarks = "; ".join(graded.all_remarks())
        write([_no_formula(graded.student), sum(each), most(numbers), *each, _no_formula(remarks)])
    return "\ufeff" + file.getvalue()  # the mark tells a spreadsheet that it is UTF-8


def _no_formula(text):
    """A spreadsheet would compute what begins so."""
    text = " ".join(text.split())
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def table_html(class_, numbers, pages):
    """The class's page.  pages: {student: the page's name}."""
    groups = _columns(numbers)
    heads = "".join(f"<th>{escape(n)} ({most(group)})" for n, group in groups.items())
    rows = [f"<tr><th>student<th>points of {most(numbers)}{heads}<th>remarks"]
    for graded in class_:
        each = "".join(f'<td class="n">{graded.points(group)}' for group in groups.values())
        link = f'<a href="{quote(pages[graded.student])}">{escape(graded.student)}</a>'
        remarks = graded.all_remarks()
        words = escape(f"{remarks[0]:.200}") if remarks else ""
        more = f" (and {len(remarks) - 1} more)" if len(remarks) > 1 else ""
        total = graded.points(numbers)
        rows.append(f'<tr><td>{link}<td class="n">{total}{each}<td class="words">{words}{more}')
    return _page("The class", f"<table>{''.join(rows)}</table>")


def _columns(numbers):
    """{heading: tasks}: a column per task of the only lesson, or per lesson."""
    groups = {}
    for number in numbers:
        groups.setdefault(number.split(".")[0], []).append(number)
    return groups if len(groups) > 1 else {number: [number] for number in numbers}


def student_html(graded, numbers):
    """A student's page: what is right, what differs first, what was noticed."""
    rows = "<tr><th>task<th>points<th>verdict"
    for number in numbers:
        task, (state, words) = TASKS[number], graded.verdict(number)
        verdict = f"{state}. {words}".strip(". ") + "."
        got = f"{graded.points([number])} of {task.points}"
        rows += f"<tr><td>{number} {escape(task.title)}<td class='n'>{got}"
        rows += f'<td class="words">{escape(verdict)}'
    body = f"<p>{graded.points(numbers)} of {most(numbers)} points.</p><table>{rows}</table>"
    return _page(graded.student, body + _remarks(graded) + _notebooks(graded))


def _remarks(graded):
    items = "".join(f"<li>{escape(words)}" for words in graded.all_remarks())
    return f"<h2>Noticed</h2><ul>{items}</ul>" if items else ""


def _notebooks(graded):
    """How to repeat it, and what was printed."""
    parts = []
    for name, result in graded.results.items():
        missing = ", ".join(result["missing"])
        lacks = f" This system does not limit: {missing}." if missing else ""
        parts.append(f"<h2>{escape(name)}</h2><p>The judge's inputs: --seed {result['seed']} gives "
                     f"the same ones again.{lacks}</p>")  # fmt: skip
        if result["printed"].strip():
            parts.append(f"<p>It printed last:</p><pre>{escape(result['printed'])}</pre>")
    return "".join(parts)


def _page(title, body):
    return PAGE.format(title=escape(title), style=STYLE, body=body)
