"""A lesson as slides for JupyterLab's slideshow: what stands on which slide, and how large.

Heights are about those of notebooks/slides.css, in pixels of a screen of 1280 x 720.  `stamp` calls
`slides`; tests/browser/test_decks.py measures the real ones.
"""

import ast
import re

SHEET = "./slides.css"
FONTS = "@deathbeds/jupyterlab-fonts"  # what reads the styles below; the slideshow brings it
HEIGHT = 645  # what a slide holds, with some room for what is guessed
WIDTH, CODE_WIDTH = 98, 112  # letters of prose, and of code, in a line
PROSE, CODE, PRINTED = 30, 21, 22.5  # a line
CELL, GAP, HEADING, ROW, FORMULA = 14, 20, 50, 42, 60
SMALLEST = 0.7  # of the usual letters: 12 pixels of code
SMALL = 0.8  # many printed lines above a picture
CLOSE = 0.85  # prose and code share a slide down to these letters
FEW, MANY = 7, 25  # printed lines above a picture: more are small; more still are not shown


def slides(notebook, setup):
    """Give each cell its slide type, and the notebook the styles of its slides."""
    styles, before = {}, None
    for cell in notebook.cells:
        kind = slide_type(cell, before, setup)
        cell.metadata["slideshow"] = {"slide_type": kind}
        if kind == "skip":
            continue
        together = [before, cell] if kind == "fragment" else [cell]
        scale = HEIGHT / sum(map(height, together))
        for one in together:
            styles.update(style(one, scale))
        before = cell
    notebook.metadata[FONTS] = {"styles": {"@import": f"url('{SHEET}')", ":root": styles}}


def slide_type(cell, before, setup):
    """A heading starts a slide; other prose starts a page below it, and so does code after code.

    Code after prose comes when the speaker goes on, so that a prediction stands alone until its
    measurement is called.  A picture, a folded answer, and what is too high for both, has a page
    of its own.
    """
    if cell is setup or is_only_imports(cell):
        return "skip"
    if cell.cell_type == "markdown":
        return "slide" if re.search(r"^##? ", cell.source, re.MULTILINE) else "subslide"
    alone = has_picture(cell) or before.cell_type == "code" or "<details>" in before.source
    if alone or CLOSE * (height(before) + height(cell)) > HEIGHT:
        return "subslide"
    return "fragment"


def style(cell, scale):
    """The rules that one cell needs: no imports, smaller letters, or only half of it."""
    one = f"&.jp-Deck [data-jpf-cell-id='{cell.id}']"
    hidden = []
    if cell.cell_type == "code" and not has_picture(cell):
        hidden = [
            f".cm-line:nth-child(n + {first}):nth-child(-n + {last})"
            for first, last in import_lines(cell.source)
        ]
    if shows_output_only(cell):
        hidden = [".jp-Cell-inputWrapper"]
    if has_picture(cell) and printed(cell) > MANY:
        hidden = [".jp-OutputArea-child:not(:has(> .jp-RenderedImage))"]
    rules = {f"{one} {part}": {"display": "none"} for part in hidden}
    if has_picture(cell):  # slides.css shrinks the picture itself
        scale = SMALL if printed(cell) > FEW else 1
    if scale < 1:
        rules[one] = {"--deck-scale": f"{max(scale, SMALLEST):.2f}"}
    return rules


def has_picture(cell):
    """Does it show more than printed lines: a figure, a widget, a quiz?"""
    kinds = {kind for out in cell.get("outputs", []) for kind in out.get("data", {})}
    return bool(kinds & {"image/png", "text/markdown"})


def printed(cell):
    """How many lines a code cell printed."""
    lines = [s for out in cell.outputs for s in out.get("text", "").splitlines()]
    return sum(len(line) // CODE_WIDTH + 1 for line in lines)


def is_only_imports(cell):
    lines = cell.source.split("\n")
    whole = cell.cell_type == "code" and import_lines(cell.source) == [(1, len(lines))]
    return whole and not cell.outputs


def shows_output_only(cell):
    """Its code would need too small letters."""
    return cell.cell_type == "code" and printed(cell) > 0 and _whole(cell) * SMALLEST > HEIGHT


# ---- about how high a cell is ---------------------------------------------------------------


def height(cell):
    if cell.cell_type == "markdown":
        return CELL + sum(map(_height_of_block, blocks(cell.source)))
    if has_picture(cell):
        return HEIGHT  # slides.css: its code is hidden, and it shrinks below printed lines
    return CELL + PRINTED * printed(cell) if shows_output_only(cell) else _whole(cell)


def _whole(cell):
    """A code cell with its code, without imports."""
    hidden = sum(last - first + 1 for first, last in import_lines(cell.source))
    shown = cell.source.count("\n") + 1 - hidden
    return CELL + CODE * shown + PRINTED * printed(cell)


def blocks(text):
    """Markdown's blocks without what is folded, without addresses and the commands of formulas."""
    text = re.sub(r"</summary>.*?</details>", "", text, flags=re.DOTALL)
    text = re.sub(r"\[!.*\)|\]\([^)]*\)|\\[a-z]+|[*{}\[]", "", text)
    return re.findall(r"```.*?```|\S.*?(?=\n\s*\n|\n```|\Z)", text, flags=re.DOTALL)


def _height_of_block(block):
    lines = block.split("\n")
    if lines[0].startswith("```"):
        return GAP + PRINTED * (len(lines) - 2)
    if lines[0].startswith("|"):
        return GAP + ROW * (len(lines) - 1)
    if lines[0].startswith("$$"):
        return GAP + FORMULA * max(1, len(lines) - 2)
    items = re.split(r"\n(?=\s*(?:-|\d+\.) |#+ )", block)
    return GAP + sum(map(_height_of_item, items))


def _height_of_item(text):
    letters = len(" ".join(text.replace("`", "").split()))
    return HEADING if text.startswith("#") else PROSE * (letters // WIDTH + 1)


def import_lines(source):
    """[(first, last), ...] of the blocks of imports of a cell, with the empty lines below."""
    lines, found = source.split("\n"), []
    for part in ast.parse(source).body:
        if isinstance(part, ast.Import | ast.ImportFrom):
            last = part.end_lineno
            while last < len(lines) and not lines[last].strip():
                last += 1
            first = found.pop()[0] if found and found[-1][1] + 1 == part.lineno else part.lineno
            found.append((first, last))
    return found
