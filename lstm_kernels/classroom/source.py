"""A version from a file: its text, also out of a notebook, and the function that it defines."""

import ast
import json
import linecache
import sys
from pathlib import Path
from types import ModuleType

NAME = "gradients"  # what a version defines
MODULE = "own_version"  # the name of the module that its text becomes


def text_of(path):
    """The Python text of a version: a .py file as it is, of a notebook what `gradients` needs.

    OSError if it cannot be read; ValueError, naming the file, if it holds no such function.
    """
    path = Path(path)
    if path.suffix not in (".py", ".ipynb"):
        raise ValueError(f"{path}: a version is a .py or an .ipynb file")
    try:
        text = path.read_text(encoding="utf-8")
        text = needed_by(NAME, cells_of(text)) if path.suffix == ".ipynb" else text
        tree = ast.parse(text)
    except (UnicodeDecodeError, SyntaxError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} cannot be read as Python: {error}") from None
    if not any(NAME in names_of(part) for part in tree.body):
        raise ValueError(f"{path} defines no function {NAME}(params, x, y)")
    return text


def load(path, text):
    """The function `gradients` of this text; whatever the text raises when it runs is raised."""
    name = str(path) if path.suffix == ".py" else f"<{path.name}>"
    lines = text.splitlines(keepends=True)
    linecache.cache[name] = len(text), None, lines, name  # for messages, and for the emulator
    module = sys.modules[MODULE] = ModuleType(MODULE)
    exec(compile(text, name, "exec"), vars(module))
    return getattr(module, NAME)


# ---- a notebook ---------------------------------------------------------------------------


def cells_of(text):
    """The sources of a notebook's code cells that are Python, without IPython's own lines."""
    found = []
    for cell in json.loads(text)["cells"]:
        if cell["cell_type"] == "code":
            lines = "".join(cell["source"]).split("\n")
            source = "\n".join(line for line in lines if not line.lstrip().startswith(("%", "!")))
            if is_python(source):
                found.append(source)
    return found


def is_python(source):
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def needed_by(name, cells):
    """Of all the cells' top lines those that define a name, and what these need in turn."""
    parts = [(part, text) for cell in cells for part, text in parts_of(cell)]
    wanted, kept = {name}, set()
    while new := {n for n, (part, _) in enumerate(parts) if names_of(part) & wanted} - kept:
        kept |= new
        wanted |= {node.id for n in new for node in ast.walk(parts[n][0]) if is_name(node)}
    return "\n\n\n".join(parts[n][1] for n in sorted(kept)) + "\n"


def parts_of(cell):
    """(syntax tree, text) of each statement at the top of a cell."""
    lines = cell.split("\n")
    for part in ast.parse(cell).body:
        first = min([part.lineno, *(d.lineno for d in getattr(part, "decorator_list", ()))])
        yield part, "\n".join(lines[first - 1 : part.end_lineno])


def names_of(part):
    """The names that a statement defines: a function, a class, a constant, an import.

    Nothing is defined by what judges the version or enters it: `name = judge(...)`.
    """
    if isinstance(part, ast.FunctionDef | ast.ClassDef):
        return {part.name}
    if isinstance(part, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).split(".")[0] for alias in part.names}
    if isinstance(part, ast.Assign) and not is_judged(part.value):
        return {n.id for target in part.targets for n in ast.walk(target) if is_name(n)}
    return set()


def is_judged(value):
    """`judge("07.2", name)`: in a file it would only say again what the command says."""
    called = getattr(value, "func", None)
    return isinstance(value, ast.Call) and getattr(called, "id", "") == "judge"


def is_name(node):
    return isinstance(node, ast.Name)
