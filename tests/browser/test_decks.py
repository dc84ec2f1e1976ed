"""The lessons as slides in JupyterLab, walked one by one on a screen of 1280 x 720.

`LSTM_KERNELS_ALL_LESSONS=1` walks all lessons, about half a minute each.  A picture of each slide
goes to the folder of the screenshots.
"""

import ast
import json
import os
import re
import shutil

import nbformat
import pytest

from lstm_kernels.lab.widgets.voila import TAG
from tests.browser.conftest import OPEN_TO_ALL, ROOT, needs, serve
from tests.browser.test_dashboard import wait_for_the_kernel
from tests.notebooks import LESSONS, read

CHOSEN = LESSONS if os.environ.get("LSTM_KERNELS_ALL_LESSONS") else ("07_cuda_v2", "09_race")
START = ".jp-NotebookPanel-toolbar [data-command='deck:toggle']"
SCREEN = {"width": 1280, "height": 720}

STATE = """() => {
  const all = [...document.querySelectorAll('.jp-Deck .jp-Cell')];
  const having = (name) => all.flatMap((cell, i) => cell.classList.contains(name) ? [i] : []);
  return {slide: having('jp-deck-mod-onscreen'), seen: having('jp-deck-mod-visible')};
}"""

# what of the slide is cut off, has a scroll bar, or lies outside of the screen
CUT = """() => {
  const cut = [], note = (part, why) => cut.push(`${part.className || part.tagName}: ${why}`);
  const folded = (part) => part.closest('details:not([open])') && !part.closest('summary');
  for (const part of document.querySelectorAll('.jp-Deck .jp-Notebook, .jp-Deck .jp-Notebook *')) {
    const cell = part.closest('.jp-Cell'), box = part.getBoundingClientRect();
    const style = getComputedStyle(part);
    if (cell && !cell.classList.contains('jp-deck-mod-onscreen')) continue;
    if (!box.width || !box.height || style.visibility === 'hidden' || folded(part)) continue;
    if (part.closest('.cm-layer, .cm-announced, mjx-assistive-mml')) continue;
    if (style.overflowY !== 'visible' && part.scrollHeight > part.clientHeight + 2 &&
      part.clientHeight) note(part, `${part.scrollHeight} high in ${part.clientHeight}`);
    if (style.overflowX !== 'visible' && part.scrollWidth > part.clientWidth + 2 &&
      part.clientWidth) note(part, `${part.scrollWidth} wide in ${part.clientWidth}`);
    if (cell && part !== cell && !part.children.length && (box.top < -1 || box.left < -1 ||
      box.bottom > innerHeight + 1 || box.right > innerWidth + 1)) note(part, 'not on the screen');
  }
  return cut;
}"""

SHOWN = """() => {
  const on = '.jp-Deck .jp-deck-mod-onscreen ', texts = (name) =>
    [...document.querySelectorAll(on + name)].filter((part) => part.offsetParent)
    .map((part) => part.innerText);
  const pictures = [...document.querySelectorAll(on + '.jp-RenderedImage img')].map((image) => {
    const area = image.closest('.jp-OutputArea').getBoundingClientRect();
    const wide = Math.min(image.clientWidth,
      image.clientHeight * image.naturalWidth / image.naturalHeight);
    return {wide: wide / innerWidth, filled: area.height / innerHeight};
  });
  const parted = [...document.querySelectorAll(on + '.jp-CodeCell .jp-RenderedMarkdown p + ul')]
    .filter((choices) => new Set([choices.previousElementSibling, choices].flatMap((part) =>
      [...part.getClientRects()].map((box) => box.left > innerWidth / 2))).size > 1);
  return {code: texts('.cm-line'), pictures, parted: parted.length,
    open: document.querySelectorAll(on + 'details[open]').length};
}"""


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport=SCREEN)
    page.set_default_timeout(120_000)
    yield page
    page.close()


@pytest.fixture
def lab(tmp_path, lab_settings):
    """The address of a JupyterLab that serves a copy of the lessons."""
    needs("jupyterlab_slideshow", "pip install jupyterlab-slideshow==0.3.4")
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    with serve("jupyterlab", OPEN_TO_ALL, tmp_path, lab_settings) as address:
        yield address


def start(page, address, lesson):
    """Open a lesson, and press the toolbar's button."""
    page.goto(f"{address}/lab/tree/notebooks/{lesson}.ipynb")
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
    page.locator(START).click()
    page.locator(".jp-Deck .jp-deck-mod-visible").first.wait_for()
    page.evaluate("() => document.fonts.ready")
    page.wait_for_timeout(2000)  # the sheet arrives, formulas are set


def walk(page, steps):
    """What is seen at first, and after each press of the space bar."""
    for step in range(steps):
        page.wait_for_timeout(200)  # a fragment fades in
        yield (state := page.evaluate(STATE))
        if step + 1 < steps:
            page.keyboard.press("Space")
            page.wait_for_function(f"(old) => JSON.stringify(({STATE})()) != old", arg=text(state))


def text(state):
    return json.dumps(state, separators=(",", ":"))


def kind(cell):
    return cell.metadata.slideshow.slide_type


@pytest.mark.long
@pytest.mark.parametrize("lesson", CHOSEN)
def test_every_slide_fits_on_the_screen(lesson, lab, page, shoot):
    start(page, lab, lesson)
    slides = [i for i, cell in enumerate(read(lesson)) if kind(cell) != "skip"]
    seen, wrong = [], {}
    for number, state in enumerate(walk(page, len(slides))):
        seen += [i for i in state["seen"] if i not in seen]
        if state["seen"] == state["slide"]:  # all fragments are there
            shoot(page, f"{lesson}_{number:02d}")
            cells = [read(lesson)[i] for i in state["slide"]]
            if problems := page.evaluate(CUT) + not_fit_to_show(page.evaluate(SHOWN), cells):
                wrong[str(state["slide"])] = problems
    assert seen[0] == 0, "from the title on"
    assert seen == slides
    assert not wrong


def not_fit_to_show(shown, cells):
    """Imports, an opened answer, a picture that could be larger, a question without its choices."""
    code = [s for s in shown["code"] if s not in lines_of_texts(cells)]
    imports = [s for s in code if s.startswith(("import ", "from "))]
    small = [p for p in shown["pictures"] if p["wide"] < 0.85 and p["filled"] < 0.85]
    texts = {"an answer is open": shown["open"], "a question's choices are apart": shown["parted"]}
    return imports + small + [text for text, count in texts.items() if count]


def lines_of_texts(cells):
    """The lines of all strings in the code: a program may stand in one (appendix A1)."""
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    parts = [getattr(part, "value", None) for c in code for part in ast.walk(ast.parse(c))]
    return {line for text in parts if isinstance(text, str) for line in text.split("\n")}


def test_keys_of_a_deck(lab, page):
    """Enter shows a picture's code, Escape hides it and then ends the deck; Shift + Home begins."""
    lesson = "07_cuda_v2"
    start(page, lab, lesson)
    figure = next(i for i, cell in enumerate(read(lesson)) if "figures" in cell.source)
    for state in walk(page, figure):
        if figure in state["seen"]:
            break
    code = page.locator(".jp-Deck .jp-deck-mod-visible .jp-Cell-inputWrapper")
    assert not code.is_visible()
    page.keyboard.press("Enter")
    code.wait_for(state="visible")
    page.keyboard.press("Escape")
    code.wait_for(state="hidden")
    page.keyboard.press("Shift+Home")
    page.wait_for_function(f"() => ({STATE})().seen[0] === 0")
    page.keyboard.press("Escape")
    page.locator(".jp-Deck").wait_for(state="detached")


@pytest.mark.long
def test_the_live_race_fits_on_its_slide(tmp_path, lab, page, shoot):
    """Its cells alone: the board stands in the last one, where the deck begins after *Run all*."""
    path = tmp_path / "notebooks" / "09_race.ipynb"
    notebook = nbformat.read(path, as_version=4)
    live = [cell for cell in notebook.cells if TAG in cell.metadata.get("tags", [])]
    notebook.cells = [*notebook.cells[:2], *live]
    nbformat.write(notebook, path)
    page.goto(f"{lab}/lab/tree/notebooks/09_race.ipynb")
    wait_for_the_kernel(page)
    page.locator(".lm-MenuBar-itemLabel", has_text=re.compile("^Run$")).click()
    page.locator(".lm-Menu-itemLabel", has_text=re.compile("^Run All Cells$")).click()
    page.locator(".widget-tab").wait_for()
    page.locator(".jp-InputPrompt", has_text="*").first.wait_for(state="detached")
    page.locator(START).click()
    page.locator(".jp-Deck .jp-deck-mod-visible .widget-tab").wait_for()
    page.wait_for_timeout(2000)
    shoot(page, "live_race")
    assert page.evaluate(CUT) == []
