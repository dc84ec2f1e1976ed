"""Two editions of each lesson from one source: one to read, with outputs, and one to work in.

`notebooks/NN_name.ipynb` is the source, and what GitHub shows: with outputs.  From it `working`
makes `notebooks/do/NN_name.ipynb`, without any output, so that no answer stands below a question;
the badges open that one; its last cell counts the points.  `solve` pastes the course's answers into
the stubs: a working edition in which every verdict must be right.
"""

import ast
import copy
import re
from pathlib import Path

import nbformat

from lstm_kernels.judge.ours import source_of
from lstm_kernels.judge.tasks import find, lessons, tasks_of

FOLDER = "do"
TO_WORK = "To work in, without outputs: [{name}]({place}/{name})"
TO_READ = "To read, with outputs: [{name}](../{name})"
LINK = re.compile(r"(\]\()(?!https?://|#)([^)\s]+)(\))")


def place_of(path):
    """Where the working edition of the lesson at `path` lies."""
    return path.parent / FOLDER / path.name


def working(path, notebook):
    """The working edition of a lesson: no outputs, and links that lead to the same places."""
    new = moved(path, notebook)
    for cell in new.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            cell.metadata.pop("execution", None)
    first = new.cells[0]
    first.source = first.source.replace(line_to_work(path, "../do"), TO_READ.format(name=path.name))
    return new


def moved(path, notebook, lessons_beside=True):
    """A copy for a folder below: links lead to the same places, but to lessons that are beside."""
    new = copy.deepcopy(notebook)
    for cell in new.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(lambda found: _moved(path, found, lessons_beside), cell.source)
    new.metadata = _moved_style(new.metadata)
    if path.name[:2] in lessons():
        new.cells.append(points_cell(path.name[:2]))
    return new


def points_cell(lesson):
    """A locked cell that nbgrader grades: its value is the number of points."""
    most = sum(task.points for task in tasks_of(lesson))
    nbgrader = {
        "cell_type": "code", "grade": True, "grade_id": f"points-{lesson}", "locked": True,
        "points": most, "schema_version": 3, "solution": False, "task": False,
    }  # fmt: skip
    source = f"""\
# The points of what is right since this notebook was started
from lstm_kernels.judge import judge

judge.points("{lesson}")"""
    metadata = {"nbgrader": nbgrader, "tags": ["points"]}
    return nbformat.v4.new_code_cell(source, id="points", metadata=metadata)


def line_to_work(path, place=FOLDER):
    """The line in a lesson's title that leads to its working edition."""
    return TO_WORK.format(name=path.name, place=place)


def _moved(path, found, lessons_beside):
    """A link of the folder above; lessons may have an edition beside this one."""
    target = found[2]
    beside = (path.parent / target.split("#")[0]).resolve()
    is_lesson = beside.parent == path.parent.resolve() and beside.suffix == ".ipynb"
    return found[0] if is_lesson and lessons_beside else f"{found[1]}../{target}{found[3]}"


def _moved_style(value):
    """The notebook's metadata: the sheet of the slides lies a folder above."""
    if isinstance(value, dict):
        return nbformat.from_dict({key: _moved_style(part) for key, part in value.items()})
    return value.replace("./slides.css", "../slides.css") if isinstance(value, str) else value


# ---- solved -------------------------------------------------------------------------------


def solve(notebook):
    """Paste the course's answer into each task's cell; the numbers of these tasks."""
    solved = []
    for cell in notebook.cells:
        for tag in cell.metadata.get("tags", []):
            if tag.startswith("task:"):
                number = tag.removeprefix("task:")
                cell.source = with_answer(cell.source, answer_to(number, cell.source))
                solved.append(number)
    return solved


def answer_to(number, cell):
    """The course's answer to a task as the text of its cell: functions, or a value with a name."""
    task = find(number)
    text = source_of(task)
    if task.shown or callable(task.ours) or hasattr(task.ours, "py_func"):
        return text
    return f"{cell.rstrip().splitlines()[-1].split(' = ')[0]} = {text}"


def with_answer(cell, answer):
    """A task's cell with the answer in place of what has the same name; the verdict at its end."""
    names = {name for part in ast.parse(answer).body for name in _defines(part)}
    lines, before, after = cell.split("\n"), [], []
    for part in ast.parse(cell).body:
        first = min([part.lineno, *(d.lineno for d in getattr(part, "decorator_list", ()))])
        text = "\n".join(lines[first - 1 : part.end_lineno])
        if _is_verdict(part):
            after.append(text)
        elif not _defines(part) & names:
            before.append(text)
    return "\n".join([*before, answer, *after])


def _defines(part):
    """The names that a statement defines."""
    if isinstance(part, ast.FunctionDef | ast.ClassDef):
        return {part.name}
    targets = part.targets if isinstance(part, ast.Assign) else []
    return {
        node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)
    }


def _is_verdict(part):
    """`name = judge("07.2", name)`"""
    call = getattr(part, "value", None)
    return isinstance(call, ast.Call) and getattr(call.func, "id", "") == "judge"


def in_step(path):
    """Is the saved working edition the one that `working` makes?"""
    place = place_of(Path(path))
    if not place.exists():
        return False
    wanted = working(path, nbformat.read(path, as_version=4))
    return nbformat.read(place, as_version=4) == wanted


def write(path):
    """Save the working edition of the lesson at `path`, if it is not there already."""
    if not in_step(path):
        place = place_of(path)
        place.parent.mkdir(exist_ok=True)
        nbformat.write(working(path, nbformat.read(path, as_version=4)), place)
