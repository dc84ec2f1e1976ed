"""Run the course's notebooks and save them clean, or check that the saved ones are in step.

    python .ci/notebooks.py run [NAME ...]      execute (all, or those whose path has NAME) and save
    python .ci/notebooks.py check [NAME ...]    no execution: are they whole, clean and stamped?
    python .ci/notebooks.py stamp [--repository OWNER/NAME] [--tag TAG] [NAME ...]
                                                badges, set-up cells, GPU and slides (stamp.py)
    python .ci/notebooks.py handout [--notes] [--folder FOLDER] [NAME ...]
                                                lessons to print, HTML and PDF (handout.py)
    python .ci/notebooks.py deck [NAME ...]     a lecturer's copies, with speaker's notes (notes.py)
    python .ci/notebooks.py mine                copies to work in, notebooks/mine/: git ignores them
    python .ci/notebooks.py class FOLDER        copies for a class, without our answers (copies.py)
    python .ci/notebooks.py worksheet [NAME ...]  pages to print, in the folder where you are

`run` and `stamp` also write the edition to work in, notebooks/do/ (editions.py), and the lecturer's
page of questions (lecturer.py).

A clean notebook: every code cell was executed, with counts 1..n in order; no error output; no
widget state in the metadata (GitHub would then show no notebook); no widget views in the outputs
(only their static picture); the same kernel metadata everywhere.  `run` also stamps.
"""

import argparse
import copy
import os
import sys
import tempfile
from pathlib import Path

import copies
import deck
import editions
import handout
import lecturer
import nbformat
import notes
import stamp
from nbclient import NotebookClient
from stamp import ROOT

README = ROOT / "README.md"
# folders of what is made from these
OTHERS = {".ipynb_checkpoints", editions.FOLDER, notes.COPIES, copies.MINE}
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
KEPT = ("accelerator", "colab", "kaggle", deck.FONTS)  # settings that a notebook may carry


def find(names):
    """All notebooks of the course, or those whose path contains one of the names."""
    paths = sorted((ROOT / "notebooks").rglob("*.ipynb"))
    paths = [p for p in paths if not OTHERS & set(p.relative_to(ROOT).parts)]
    return [p for p in paths if not names or any(name in str(p) for name in names)]


def clean(notebook):
    """Take out what must not be saved; give cells stable ids and one kernel's metadata."""
    kept = {key: notebook.metadata[key] for key in KEPT if key in notebook.metadata}
    notebook.metadata = nbformat.from_dict({**METADATA, **kept})
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02d}"
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET_VIEW, None)


def run(path):
    """Execute one notebook in its own folder and save it."""
    notebook = nbformat.read(path, as_version=4)
    stamp.stamp(path, notebook)
    resources = {"metadata": {"path": str(path.parent)}}
    with tempfile.TemporaryDirectory() as folder:  # not what was solved on this machine
        os.environ["LSTM_KERNELS_PROGRESS"] = os.path.join(folder, "progress.json")
        NotebookClient(notebook, timeout=300, kernel_name="python3", resources=resources).execute()
    clean(notebook)
    stamp.stamp(path, notebook)  # again: what fits on a slide depends on the outputs
    nbformat.write(notebook, path)


def is_stamped(path):
    """Does this notebook agree with pyproject.toml, and with all others?"""
    notebook = nbformat.read(path, as_version=4)
    wanted = copy.deepcopy(notebook)
    stamp.stamp(path, wanted)
    return notebook == wanted


def stamp_file(path):
    """Stamp one saved notebook; its outputs stay.  Writes only what differs."""
    if is_stamped(path):
        return
    notebook = nbformat.read(path, as_version=4)
    stamp.stamp(path, notebook)
    nbformat.write(notebook, path)


def stamp_readme():
    text = README.read_text(encoding="utf-8")
    wanted = stamp.stamp_readme(text)
    if text != wanted:
        README.write_text(wanted, encoding="utf-8")


def problems(path):
    """What is not clean in one saved notebook, as a list of sentences."""
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    found = [] if is_stamped(path) else ["not stamped: python .ci/notebooks.py stamp"]
    if [cell.execution_count for cell in code] != list(range(1, len(code) + 1)):
        found.append("execution counts are not 1..n: run all cells in order")
    if not editions.in_step(path):
        found.append("its working edition is not in step: python .ci/notebooks.py stamp")
    if "widgets" in notebook.metadata:
        found.append("widget state in the metadata")
    for number, cell in enumerate(code, 1):
        for output in cell.outputs:
            if output.output_type == "error":
                found.append(f"cell {number} ends in an error: {output.ename}")
            if output.get("name") == "stderr":
                found.append(f"cell {number} saved a warning: {output.text.splitlines()[0]}")
            if WIDGET_VIEW in output.get("data", {}):
                found.append(f"cell {number} saved a widget view")
            if "image/svg+xml" in output.get("data", {}):
                found.append(f"cell {number} saved an SVG picture")
    return found


def not_in_readme(text):
    """Lessons that README's table does not have."""
    lessons = sorted((ROOT / "notebooks").glob("*.ipynb"))
    return [path.name for path in lessons if f"](notebooks/{path.name}) |" not in text]


def write_worksheets(names):
    """Worksheets into the folder where you are: those with these names, or all."""
    import worksheets  # needs nbconvert, and nothing else here does

    for name in names or worksheets.names():
        print(*worksheets.write(name, Path.cwd()), sep="\n")
    return 0


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    actions = parser.add_subparsers(dest="action", required=True)
    for action in ("run", "check", "stamp", "worksheet", "handout", "deck"):
        one = actions.add_parser(action)
        one.add_argument("names", nargs="*")
        if action == "stamp":
            one.add_argument("--repository", help="OWNER/NAME: where a fork's notebooks are")
            one.add_argument("--tag", help="the tag or branch that Colab and Kaggle fetch")
        if action == "handout":
            one.add_argument("--notes", action="store_true", help="with the lecturer's notes")
            one.add_argument("--folder", default="results/handouts", help="where to write")
    actions.add_parser("mine")
    actions.add_parser("class").add_argument("folder", type=Path)
    return parser.parse_args(arguments)


def write_for_lecturers(options):
    """Lessons to print, or decks with notes."""
    for path in find(options.names):
        if options.action == "deck":
            print(notes.write_deck(path))
        else:
            print(*handout.write(path, options.folder, options.notes))


def make_copies(options):
    """Those for oneself, or for a class."""
    if options.action == "mine":
        print(*copies.make_mine(), sep="\n")
    else:
        copies.make_class(options.folder, find(()))
        print(f"{options.folder}: lessons to work in, and the course's package")
    return 0


def main(arguments=None):
    options = parse(arguments)
    if options.action in ("handout", "deck"):
        return write_for_lecturers(options)
    if options.action in ("mine", "class"):
        return make_copies(options)
    if options.action == "worksheet":
        return write_worksheets(options.names)
    if options.action == "stamp":
        stamp.write_settings(options.repository, options.tag)
        stamp_readme()
    failed = 0
    for path in find(options.names):
        if options.action == "run":
            run(path)
        elif options.action == "stamp":
            stamp_file(path)
        if options.action != "check":
            editions.write(path)
        found = problems(path)
        failed += bool(found)
        print(f"{path.relative_to(ROOT)}: {'; '.join(found) or 'clean'}")
    if options.action != "check":
        lecturer.write()
    if not lecturer.in_step():
        failed += 1
        print("notebooks/lecturer/questions.md: not in step: python .ci/notebooks.py stamp")
    text = README.read_text(encoding="utf-8")
    for name in not_in_readme(text):
        failed += 1
        print(f"README.md: its table has no {name}")
    if text != stamp.stamp_readme(text):
        failed += 1
        print("README.md: badges not stamped: python .ci/notebooks.py stamp")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
