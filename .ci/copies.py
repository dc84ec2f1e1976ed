"""Copies of the working editions: a student's own beside a checkout, and a folder for a class."""

import re
import shutil
import subprocess
from pathlib import Path

import nbformat
from editions import FOLDER, place_of
from stamp import ROOT

MINE = "mine"
OUT = re.compile(r"^(?:\[!\[Open in |To read, with outputs: ).*\n\n?", re.MULTILINE)
FILES = ("LICENSE", "pyproject.toml", "requirements.txt", "requirements-gpu.txt")
BESIDE = ("*.md", "*.css", "pictures")  # of notebooks/: what lessons link to
README = """\
# Parallel LSTM training, from the equations to the GPU

Install: `pip install -r requirements.txt`, in this folder, with Python 3.10 to 3.13. Start:
`jupyter lab`, and open the lessons in [notebooks/do](notebooks/do) from 00 on. The judge tells in
the notebook whether an answer is right; the last cell counts your points. Hand in the notebook.

The judge works on your own machine, so its files in `lstm_kernels/` hold an answer to each task.
They are not locked away; whoever looks first learns less.
"""


# ---- a student's own, beside a checkout ---------------------------------------------------


def make_mine():
    """Copy the working editions to notebooks/mine/, which git ignores; nothing there is changed.

    What was edited in notebooks/do/ is copied in any case, beside a copy that is there.
    A sentence per notebook.
    """
    mine = ROOT / "notebooks" / MINE
    mine.mkdir(exist_ok=True)
    edited, told = _edited(), []
    for source in sorted((ROOT / "notebooks" / FOLDER).glob("*.[ij]*")):  # my_progress.json, too
        place = mine / source.name
        if source.name in edited and not _is_kept(source, mine):
            place = _free(place)
        if not place.exists():
            shutil.copy(source, place)
            told.append(f"{place.relative_to(ROOT)}: copied")
        elif place.suffix == ".ipynb" and place.read_bytes() != source.read_bytes():
            told.append(f"{place.relative_to(ROOT)}: yours, unchanged")
    return told


def _edited():
    """The names of the working editions that are not as git has them."""
    command = ["git", "-C", ROOT, "diff", "HEAD", "--name-only", "--", f"notebooks/{FOLDER}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {Path(line).name for line in done.stdout.splitlines()}


def _is_kept(source, mine):
    """Is there a copy with the same bytes?"""
    return any(path.read_bytes() == source.read_bytes() for path in mine.glob("*.ipynb"))


def _free(place):
    """The first of 07_x.ipynb, 07_x-2.ipynb, ... that is not there."""
    names = (place, *(place.with_stem(f"{place.stem}-{n}") for n in range(2, 1000)))
    return next(path for path in names if not path.exists())


# ---- a class's ----------------------------------------------------------------------------


def for_class(notebook):
    """A working edition without our answers, and without the links to pages that show them."""
    cells = [cell for cell in notebook.cells if not _is_ours(cell)]
    cells[0].source = OUT.sub("", cells[0].source)
    notebook.cells = cells
    return notebook


def _is_ours(cell):
    return any(tag.startswith("ours:") for tag in cell.metadata.get("tags", []))


def make_class(folder, paths):
    """Fill a new folder: these lessons to work in, and what they need to run.

    SystemExit if it is there already.
    """
    if folder.exists():
        raise SystemExit(f"{folder} is there already: name a new folder")
    leave = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")
    for part in ("lstm_kernels", "data"):
        shutil.copytree(ROOT / part, folder / part, ignore=leave)
    for name in FILES:
        shutil.copy(ROOT / name, folder / name)
    (folder / "README.md").write_text(README, encoding="utf-8")
    notebooks = folder / "notebooks"
    (notebooks / FOLDER).mkdir(parents=True)
    for pattern in BESIDE:
        for path in (ROOT / "notebooks").glob(pattern):
            (shutil.copytree if path.is_dir() else shutil.copy)(path, notebooks / path.name)
    for path in paths:
        source = place_of(path)
        if source.exists():  # a lesson
            new = for_class(nbformat.read(source, as_version=4))
            nbformat.write(new, notebooks / FOLDER / path.name)
