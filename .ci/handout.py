"""A lesson on paper: one HTML file that needs no network, and a PDF where a Chromium is found.

Left out is what paper cannot use: the set-up cell, the badges, the folded answers, the verdicts.
"""

import copy
import re
import shutil
import subprocess
from pathlib import Path

import nbformat
import notes
from nbconvert import HTMLExporter
from stamp import ROOT, STAMPED

TEMPLATE = ROOT / "notebooks" / "page.html.j2"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
IN_CODE = r"```.*?```|`[^`]*`"
FORMULA = re.compile(
    rf"(?P<code>{IN_CODE})|\$\$(?P<block>.+?)\$\$|\$(?P<line>[^$\n]+?)\$", re.DOTALL
)


def write(path, folder, with_notes=False):
    """Write the lesson at `path` as a page; returns the files written.

    with_notes: the lecturer's notes stand beside their cells (notes.py).
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / f"{path.stem}{'_notes' if with_notes else ''}.html"
    notebook = nbformat.read(path, as_version=4)
    if with_notes:
        notebook = notes.added(notebook, path.stem)
    page.write_text(html(for_paper(notebook), path), encoding="utf-8")
    pdf = print_to_pdf(page)
    return [page, pdf] if pdf else [page]


def for_paper(notebook):
    """A copy without what paper cannot use, and with formulas that every browser sets itself."""
    new = copy.deepcopy(notebook)
    new.cells = [cell for cell in new.cells if not _is_left_out(cell)]
    for cell in new.cells:
        if any(tag.startswith("task:") for tag in cell.metadata.get("tags", [])):
            cell.outputs = []  # "yours to write"
        if cell.cell_type == "markdown":
            lines = [line for line in cell.source.split("\n") if not line.startswith(STAMPED)]
            cell.source = with_formulas("\n".join(lines))
    return new


def _is_left_out(cell):
    return cell.source.startswith(("# @title Set-up,", "<details>"))


def with_formulas(text):
    """Markdown whose TeX has become MathML, where latex2mathml is installed."""
    try:
        from latex2mathml.converter import convert
    except ImportError:
        return text

    def set_one(found):
        if found["code"]:
            return found["code"]
        display = "block" if found["block"] else "inline"
        formula = (found["block"] or found["line"]).replace("{aligned}", "{align*}")
        return convert(formula, display=display)

    return FORMULA.sub(set_one, text)


def html(notebook, path):
    """The page's text."""
    exporter = HTMLExporter(template_file=str(TEMPLATE))
    place = {"metadata": {"name": path.stem, "path": str(path.parent)}}
    return exporter.from_notebook_node(notebook, place)[0]


def print_to_pdf(page):
    """The page as a PDF beside it, or None where there is no Chromium."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        return None
    pdf = page.with_suffix(".pdf")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer"]
    command += [f"--print-to-pdf={pdf}", page.resolve().as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return pdf
