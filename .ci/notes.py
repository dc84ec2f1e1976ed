"""The lecturer's notes: what to say, ask and point at, in notebooks/lecturer/notes/.

A file per lesson, in Markdown.  Each `## place` names the cell that the note belongs to: by its
heading or by its tag.  The notes stand apart, so that no learner reads them by chance; `added`
brings them into a copy of the lesson as cells of the slide type `notes`.
"""

import copy
import re

import editions
import nbformat
from stamp import ROOT

FOLDER = ROOT / "notebooks" / "lecturer" / "notes"
COPIES = "decks"
NOTE = re.compile(r"^## (.+)\n((?:(?!## ).*\n?)*)", re.MULTILINE)


def read(lesson):
    """[(place, text), ...] of a lesson.  lesson: "07_cuda_v2"."""
    text = (FOLDER / f"{lesson}.md").read_text(encoding="utf-8")
    return [(place, words.strip()) for place, words in re.findall(NOTE, text)]


def find(notebook, place):
    """The number of the only cell that has this heading or this tag."""
    heading = re.compile(rf"^#+ {re.escape(place)}$", re.MULTILINE)
    found = [
        number
        for number, cell in enumerate(notebook.cells)
        if place in cell.metadata.get("tags", [])
        or (cell.cell_type == "markdown" and heading.search(cell.source))
    ]
    if len(found) != 1:
        raise SystemExit(f"a note for {place!r}: {len(found)} cells have this heading or tag")
    return found[0]


def added(notebook, lesson):
    """A copy of the lesson with its notes, each below its cell.

    JupyterLab's slideshow shows no cell of the type `notes`; outside of the slides it is seen.
    """
    new = copy.deepcopy(notebook)
    for place, words in reversed(read(lesson)):  # two of one cell stay in order
        cell = nbformat.v4.new_markdown_cell(f"**Note.** {words}")
        cell.metadata = nbformat.from_dict({"tags": ["note"], "slideshow": {"slide_type": "notes"}})
        new.cells.insert(find(new, place) + 1, cell)
    return new


def write_deck(path):
    """Save the lesson with its notes in notebooks/decks/; returns the file."""
    place = path.parent / COPIES / path.name
    place.parent.mkdir(exist_ok=True)
    notebook = nbformat.read(path, as_version=4)
    nbformat.write(editions.moved(path, added(notebook, path.stem), lessons_beside=False), place)
    return place
