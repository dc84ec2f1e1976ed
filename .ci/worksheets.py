"""Worksheets to print: each twice, with blanks for the learner, filled in for the lecturer.

notebooks/lecturer/worksheets/07.md is the source of both.  `[[answer]]` is a blank in the one and
its answer in the other.
"""

import re
from string import Template

from nbconvert.filters.markdown import markdown2html
from stamp import ROOT

FOLDER = ROOT / "notebooks" / "lecturer" / "worksheets"
BLANK = re.compile(r"\[\[(.+?)\]\](?!\])")
PAGE = Template("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>$title</title>
<style>
@page {size: A4; margin: 14mm 15mm}
body {font: 11pt/1.8 "Liberation Sans", Arial, sans-serif; color: #000; max-width: 180mm;
  margin: auto}
h1 {font-size: 15pt; margin: 0 0 2mm}
a.anchor-link {display: none}
p {margin: 2.2mm 0}
table {border-collapse: collapse; margin: 2mm 0; width: 100%; page-break-inside: avoid}
th, td {border: 1px solid #555; padding: 1mm 2mm; text-align: left; line-height: 1.25}
td {height: 7.5mm}
th {background: #eee}
code {font: 9.5pt "Liberation Mono", Consolas, monospace}
.blank {display: inline-block; border-bottom: 1px solid #000; max-width: 100%; height: 1.1em;
  width: var(--room)}
td .blank {border: none; width: calc(var(--room) * 0.35)}
.answer {font-weight: bold; color: #0b5394}
.name {display: flex; gap: 10mm; margin: 0 0 3mm}
.name span {flex: 1; border-bottom: 1px solid #000}
</style>
</head>
<body>
$head
$body
</body>
</html>
""")
NAME = '<div class="name">Name <span></span> Date <span></span></div>'


def names():
    """The worksheets that there are: "01", ..., "amdahl"."""
    return sorted(path.stem for path in FOLDER.glob("*.md"))


def answers_of(name):
    """What stands in the blanks of a worksheet, in their order."""
    return BLANK.findall((FOLDER / f"{name}.md").read_text(encoding="utf-8"))


def page(name, filled=False):
    """The worksheet as one HTML page; filled: with the answers."""
    text = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    title = text.split("\n")[0].removeprefix("# ") + (", answers" if filled else "")
    body = BLANK.sub(_answer if filled else _blank, markdown2html(text))
    return PAGE.substitute(title=title, head="" if filled else NAME, body=body)


def _answer(found):
    return f'<span class="answer">{found[1]}</span>'


def _blank(found):
    """As long as the answer's words need by hand, 8 letters or more."""
    room = f"--room: {max(8, len(found[1])) * 0.75:.1f}em"
    return f'<span class="blank" style="{room}"></span>'


def write(name, folder):
    """Save both pages of a worksheet in a folder; their paths."""
    if name not in names():
        raise SystemExit(f"no worksheet {name!r}; there are {', '.join(names())}")
    places = folder / f"worksheet_{name}.html", folder / f"worksheet_{name}_answers.html"
    for place, filled in zip(places, (False, True), strict=True):
        place.write_text(page(name, filled), encoding="utf-8")
    return places
