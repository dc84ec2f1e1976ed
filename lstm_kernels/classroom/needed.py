"""Which lines of a notebook the judge needs: those of its tasks, and what they depend on.

Nothing runs here.  Lines that measure or draw define no name that a task needs: they are left out.
"""

import ast
import dis
import json
import re
from dataclasses import dataclass, field
from types import CodeType

MAGIC = re.compile(r"^(\s*)[%!?].*$", re.MULTILINE)
TASK = "task:"
SETUP = "# @title Set-up"  # it finds the course; whoever reads this has found it


class NoNotebook(Exception):
    """Why a file is no notebook: a sentence."""


@dataclass
class Cell:
    """A code cell, cut into statements."""

    number: int  # its place among the code cells, from 1 on, as in JupyterLab's [1]
    source: str
    tagged: list  # ["07.2"]
    error: str = ""  # why Python cannot read it
    answers: dict = field(default_factory=dict)  # {"07.2": (the name it gets, the expression)}
    statements: list = field(default_factory=list)  # the others
    runs: list = field(default_factory=list)  # those of them that the judge needs

    @property
    def name(self):
        """Its file's name in error messages."""
        return f"cell_{self.number}.py"


def read(text):
    """The code cells of a notebook, cut into statements, with those that are needed.

    text: bytes of the file.  NoNotebook says why it is none.
    """
    cells = [_cut(cell) for cell in _code_cells(text)]
    _keep_last_answers(cells)
    for place, cell in enumerate(cells):
        if cell.answers or cell.error and cell.tagged:
            cell.runs = cell.statements
            _mark(cells[:place], _names_of_answers(cell))
    return cells


def _code_cells(text):
    try:
        cells = json.loads(text)["cells"]
        code = [cell for cell in cells if cell["cell_type"] == "code"]
        return [
            Cell(number, _source(cell), _tagged(cell)) for number, cell in enumerate(code, start=1)
        ]
    except RecursionError:
        raise NoNotebook("it is nested too deeply") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NoNotebook(f"{type(error).__name__}: {error!s:.100}") from None


def _source(cell):
    """Its text, in which Jupyter's own lines, such as `%matplotlib inline`, do nothing."""
    source = cell["source"]
    return MAGIC.sub(r"\1pass", source if isinstance(source, str) else "".join(source))


def _tagged(cell):
    tags = cell.get("metadata", {}).get("tags", [])
    return [tag.removeprefix(TASK) for tag in tags if tag.startswith(TASK)]


# ---- statements ---------------------------------------------------------------------------


def _cut(cell):
    try:
        tree = ast.parse(cell.source)
        compile(tree, cell.name, "exec")  # finds more errors
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = f" in line {error.lineno}" if getattr(error, "lineno", None) else ""
        cell.error = f"Python cannot read this cell: {getattr(error, 'msg', error)}{line}."
        cell.answers = {number: (None, None) for number in cell.tagged}
        return cell
    for statement in tree.body:
        if cell.source.startswith(SETUP) and not isinstance(statement, ast.Import | ast.ImportFrom):
            continue
        call = getattr(statement, "value", None)
        if number := _judged(call):
            cell.answers[number] = _target(statement), call.args[1]
        else:
            cell.statements.append(statement)
    for number in set(cell.tagged) - set(cell.answers):  # without its last line
        if names := [name for part in cell.statements for name in sorted(_defined(part))]:
            cell.answers[number] = names[-1], ast.parse(names[-1], mode="eval").body
    return cell


def _judged(call):
    """The task's number in `judge("07.2", answer)`; nothing for another expression."""
    if not isinstance(call, ast.Call) or len(call.args) != 2:
        return ""
    function = getattr(call.func, "id", getattr(call.func, "attr", ""))
    number = getattr(call.args[0], "value", None)
    return number if function == "judge" and isinstance(number, str) else ""


def _target(statement):
    targets = getattr(statement, "targets", [])
    return getattr(targets[0], "id", None) if len(targets) == 1 else None


def _keep_last_answers(cells):
    """Of several answers to a task the last one counts, as it does when the page runs."""
    seen = set()
    for cell in reversed(cells):
        cell.answers = {n: answer for n, answer in cell.answers.items() if n not in seen}
        seen |= set(cell.answers)


# ---- what depends on what -----------------------------------------------------------------


def _mark(cells, names):
    """Mark, in the cells above, the statements that define these names, and theirs in turn."""
    names = set(names)
    for cell in reversed(cells):
        for statement in reversed(cell.statements):
            if _defined(statement) & names or _imports_all(statement):
                names |= _used(statement)
                if statement not in cell.runs:
                    cell.runs = [*cell.runs, statement]
        cell.runs.sort(key=lambda statement: statement.lineno)


def _names_of_answers(cell):
    expressions = [ast.Expr(e) for _, e in cell.answers.values() if e is not None]
    return {name for part in [*cell.statements, *expressions] for name in _used(part)}


def _code(statement):
    return compile(ast.fix_missing_locations(ast.Module([statement], [])), "<statement>", "exec")


def _defined(statement):
    """The names that a statement gives a value, or changes a part of: `a = 1`, `a[0] = 1`."""
    steps = dis.get_instructions(_code(statement))
    names = {step.argval for step in steps if step.opname in ("STORE_NAME", "STORE_GLOBAL")}
    targets = getattr(statement, "targets", [getattr(statement, "target", None)])
    return names | {_base(target) for target in targets} - {None}


def _base(target):
    while isinstance(target, ast.Subscript | ast.Attribute):
        target = target.value
    return getattr(target, "id", None)


def _used(statement):
    """The names of the page that a statement looks up, also inside its functions."""
    return set(_loaded(_code(statement)))


def _loaded(code):
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS"):
            yield step.argval
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _loaded(inner)


def _imports_all(statement):
    return isinstance(statement, ast.ImportFrom) and statement.names[0].name == "*"
