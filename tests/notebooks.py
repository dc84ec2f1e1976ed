"""The saved notebooks, for the tests: cells are found by their tags, never by their places."""

import ast
from functools import lru_cache
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
LESSONS = tuple(sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb")))


def number_of(name):
    """ "07" of 07_cuda_v2; "" of a page without a number, such as my_version."""
    return name[:2] if name[1].isdigit() else ""


NUMBERED = tuple(filter(number_of, LESSONS))  # without my_version, a page to begin from


@lru_cache(None)
def read(name):
    """The cells of a notebook.  name: "13_cuda_v4" or "do/13_cuda_v4"."""
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4).cells


def tags(cell):
    return cell.metadata.get("tags", [])


def tagged(name, tag):
    """All cells of a notebook that have this tag, in their order."""
    return [cell for cell in read(name) if tag in tags(cell)]


def cell(name, tag):
    """The only cell of a notebook that has this tag."""
    found = tagged(name, tag)
    assert len(found) == 1, f"{name}: {len(found)} cells have the tag {tag!r}; one should"
    return found[0]


def code_cells(name):
    """The sources of a notebook's code cells."""
    return [cell.source for cell in read(name) if cell.cell_type == "code"]


def prose(name):
    """The text of a notebook's Markdown cells."""
    return "\n\n".join(cell.source for cell in read(name) if cell.cell_type == "markdown")


def outputs(cell):
    """What a cell has printed."""
    return "".join(out.text for out in cell.outputs if out.output_type == "stream")


@lru_cache(None)
def definitions(source):
    """{name: its text} of all functions, classes and constants of a module or of a cell."""
    lines, found = source.split("\n"), {}
    for part in ast.parse(source).body:
        first = min([part.lineno, *(d.lineno for d in getattr(part, "decorator_list", ()))])
        for name in names_of(part):
            found[name] = "\n".join(lines[first - 1 : part.end_lineno])
    return found


def names_of(part):
    """What a statement at a module's top defines."""
    if isinstance(part, ast.FunctionDef | ast.ClassDef):
        return [part.name]
    targets = part.targets if isinstance(part, ast.Assign) else []
    return [n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)]
