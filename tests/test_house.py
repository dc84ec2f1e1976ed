"""The house: which room may import which, so that the small course in front stays small.

An arrow goes down only.  CONTRIBUTING.md draws the floors; here they are held against the imports.
"""

import ast
import importlib
import re
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "lstm_kernels"
PICTURE = (PACKAGE.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
FACE = ("machine", "model", "versions")  # what lstm_kernels/__init__.py hands on
MOST_ROOMS = 12
ONE_MORE = "cluster"  # the one room that needs packages of its own: requirements-cluster.txt


def floors_of(line):
    """[rooms, ...] from the ground up, as the picture names them; `line` matches one floor."""
    found = {int(floor): rooms.split() for floor, rooms in re.findall(line, PICTURE, re.MULTILINE)}
    return [found[floor] for floor in sorted(found)]


FLOORS = floors_of(r"^floor (\d)   (\w+(?:  \w+)*)   ")
LAB = floors_of(r"^ +(\d)   (\w+(?:  \w+)*)   ")  # the same inside lab/


@lru_cache(None)
def imports_of(path):
    """Dotted names of the modules of this package that a file imports, also inside functions."""
    module = path.relative_to(PACKAGE.parent).with_suffix("").parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = ".".join(module[: len(module) - node.level]) if node.level else ""
            start = ".".join(filter(None, (above, node.module)))
            found |= {start, *(f"{start}.{alias.name}" for alias in node.names)}
    return {name for name in map(module_of, found) if name}


def module_of(name):
    """The module, or folder with an __init__.py, that a dotted name is; None if it is no module."""
    path = PACKAGE.parent.joinpath(*name.split("."))
    is_there = path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()
    return name if name.startswith("lstm_kernels") and is_there else None


def rooms(floors):
    return {room: floor for floor, of_floor in enumerate(floors) for room in of_floor}


def room_of(name, depth):
    """`lstm_kernels.lab.figures.cell` lies in the room lab (depth 1), and there in figures (2)."""
    parts = name.split(".")
    return parts[depth] if len(parts) > depth else None


def arrows(folder, depth):
    """(file, its room, the room that it imports) for each import from one room to another."""
    for path in sorted(folder.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for other in imports_of(path):
            here, there = room_of(name, depth), room_of(other, depth)
            same_folder = name.split(".")[:depth] == other.split(".")[:depth]
            if same_folder and there and here not in (there, "__init__"):
                yield path.name, here, there


@pytest.mark.parametrize("folder, depth, floors", [(PACKAGE, 1, FLOORS), (PACKAGE / "lab", 2, LAB)])
def test_every_import_goes_down(folder, depth, floors):
    floor = rooms(floors)
    found = set(arrows(folder, depth))
    assert len(found) > 10, "nothing was read"
    up = [arrow for arrow in found if floor[arrow[1]] <= floor[arrow[2]]]
    assert not up, "these imports run up, or between two rooms of one floor"


@pytest.mark.parametrize("folder, floors", [(PACKAGE, FLOORS), (PACKAGE / "lab", LAB)])
def test_every_room_has_its_floor(folder, floors):
    there = {p.stem for p in folder.glob("*.py")} | {p.parent.name for p in folder.glob("*/*.py")}
    assert there - {"__init__"} == set(rooms(floors))
    assert len(there - {"__init__", ONE_MORE}) <= MOST_ROOMS


def test_the_face_hands_on_what_lies_in_front():
    found = {room_of(name, 1) for name in imports_of(PACKAGE / "__init__.py")} - {None}
    assert found == set(FACE)


def test_no_two_modules_import_each_other():
    """Not even through others: modules that import nothing that is left are taken away in turn."""
    left = {}
    for path in PACKAGE.rglob("*.py"):
        if path.name != "__init__.py":
            name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
            left[name] = imports_of(path) - {name}
    while gone := {name for name, others in left.items() if not others & set(left)}:
        for name in gone:
            del left[name]
    assert not left, "a circle, and what leads to it"


def test_importing_the_course_brings_no_lab_and_no_matplotlib():
    code = "import sys, lstm_kernels; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "lstm_kernels.versions.cuda_v6" in loaded
    assert not [m for m in loaded if m.startswith(("lstm_kernels.lab", "matplotlib", "ipywidgets"))]


@pytest.mark.parametrize("room", ["model", "data", "optimizers", "training", "checks", "versions"])
def test_each_room_in_front_says_what_it_is(room):
    assert len(importlib.import_module(f"lstm_kernels.{room}").__doc__.split("\n")[0]) > 20
