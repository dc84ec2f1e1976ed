"""Run the course's notebooks and save them clean, or check that the saved ones are in step.

    python .ci/notebooks.py run [NAME ...]      execute (all, or those whose path has NAME) and save
    python .ci/notebooks.py check               no execution: are all saved outputs whole and clean?

A clean notebook: every code cell was executed, with counts 1..n in order; no error output; no
widget state in the metadata (GitHub would then show no notebook); no widget views in the outputs
(only their static picture); the same kernel metadata everywhere.
"""

import argparse
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
KEPT = ("accelerator", "colab", "kaggle")  # platform settings that a notebook may carry


def find(names):
    """All notebooks of the course, or those whose path contains one of the names."""
    paths = sorted((ROOT / "notebooks").rglob("*.ipynb"))
    paths = [p for p in paths if ".ipynb_checkpoints" not in p.parts]
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
    resources = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=resources).execute()
    clean(notebook)
    nbformat.write(notebook, path)


def problems(path):
    """What is not clean in one saved notebook, as a list of sentences."""
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    found = []
    if [cell.execution_count for cell in code] != list(range(1, len(code) + 1)):
        found.append("execution counts are not 1..n: run all cells in order")
    if "widgets" in notebook.metadata:
        found.append("widget state in the metadata")
    for number, cell in enumerate(code, 1):
        for output in cell.outputs:
            if output.output_type == "error":
                found.append(f"cell {number} ends in an error: {output.ename}")
            if WIDGET_VIEW in output.get("data", {}):
                found.append(f"cell {number} saved a widget view")
            if "image/svg+xml" in output.get("data", {}):
                found.append(f"cell {number} saved an SVG picture")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("action", choices=("run", "check"))
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    failed = 0
    for path in find(options.names):
        if options.action == "run":
            run(path)
        found = problems(path)
        failed += bool(found)
        print(f"{path.relative_to(ROOT)}: {'; '.join(found) or 'clean'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
