"""A version of one's own on the dashboard's board, in JupyterLab: entered, raced, swept.

Seen at 1280 x 720, first in the light theme, then in the dark one.
"""

import re

import nbformat
import pytest

from lstm_kernels.lab.figures.style import OWN_COLOR, PAPER
from tests.browser import test_dashboard as board
from tests.browser.conftest import OPEN_TO_ALL, needs, serve
from tests.judge.own import copied

ENTER = 'from lstm_kernels.judge import judge\n\njudge.enter("mine", gradients)'
BOARD = """\
from lstm_kernels.lab.widgets import show
from lstm_kernels.lab.widgets.race import Race

board = Race(batch_size=64)
show(board, board.picture())"""
BRIGHTNESS = "part => getComputedStyle(part).color.match(/\\d+/g).slice(0, 3).map(Number)"


@pytest.fixture
def lab(tmp_path, lab_settings):
    """The address of a JupyterLab with a page of three cells: a version, enter it, the board."""
    needs("jupyterlab", "pip install jupyterlab")
    cells = map(nbformat.v4.new_code_cell, (copied("numpy_batched"), ENTER, BOARD))
    python = {"kernelspec": {"display_name": "Python 3", "name": "python3"}}
    page = nbformat.v4.new_notebook(cells=list(cells), metadata=python)
    nbformat.write(page, tmp_path / "page.ipynb")
    with serve("jupyterlab", OPEN_TO_ALL, tmp_path, lab_settings) as address:
        yield address


def menu(page, *items):
    """Choose from JupyterLab's menus."""
    first, *rest = (re.compile(f"^{item}$") for item in items)
    page.locator(".lm-MenuBar-itemLabel", has_text=first).click()
    for item in rest:
        page.locator(".lm-Menu-itemLabel", has_text=item).click()


def on_one_screen(page, name):
    """The button of this name and the drawing, without scrolling between them."""
    page.locator(".lstm-board").first.evaluate("board => board.scrollIntoView()")
    board.fits(page, board.button(page, name), page.locator(".lstm-scene:visible").first)


@pytest.mark.long
def test_a_version_of_ones_own_on_the_board(lab, page, shoot):
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(f"{lab}/lab/tree/page.ipynb")
    board.wait_for_the_kernel(page)
    menu(page, "Run", "Run All Cells")
    page.locator(".jp-OutputArea", has_text="mine is entered: ").first.wait_for()
    race_it(page)
    on_one_screen(page, "Run")
    shoot(page, "own_race")
    sweep_it(page)
    on_one_screen(page, "Sweep")
    shoot(page, "own_sweep")
    look_at_the_challenges(page)
    menu(page, "Settings", "Theme", "JupyterLab Dark")
    page.locator("body[data-jp-theme-light=false]").wait_for(state="attached")
    shoot(page, "own_dark_challenges")
    in_the_dark(page)
    shoot(page, "own_dark")


def race_it(page):
    """It is offered and checked; its row has a time and its own colour; why it is so is said."""
    box = page.locator(".widget-checkbox:visible", has_text="mine").locator("input")
    box.wait_for()
    assert box.is_checked()
    board.button(page, "Run").click()
    board.note(page, re.compile("^Done. Fastest"))
    row = page.locator("table.lstm-race tr", has_text="mine").first.inner_text().split("\t")
    assert row[:2] == ["mine", "CPU"] and re.search(r"[\d.]+\s(ms|µs)", row[2]) and "x" in row[5]
    assert page.locator(f".lstm-scene:visible circle[fill='{OWN_COLOR}']").count() == 1
    board.choose(page, "Why is", "mine")
    board.note(page, "mine is not one of the course's: nothing of it is counted")


def sweep_it(page):
    """Its curve has a point at each size, and its name at the end."""
    board.open_tab(page, "Sweep")
    board.button(page, "Sweep").click()
    board.note(page, re.compile("^Done"))
    board.drawn(page, re.compile("mine$"))
    scene = page.locator(".lstm-sweep .lstm-scene:visible")
    assert scene.locator(f"polygon[fill='{OWN_COLOR}']").count() == 5, "a star at each size"
    board.note(page, re.compile(r"From the first to the last batch size N: .*mine 1,024x the size"))


def look_at_the_challenges(page):
    """They are all there: what an own version did met some of them, or none."""
    board.open_tab(page, "Challenges")
    page.locator(".lstm-challenges:visible li").first.wait_for()
    assert page.locator(".lstm-challenges:visible li").count() == 7
    met = page.locator(".lstm-challenges:visible li.met").count()
    board.note(page, f"Challenges: {met} of 7 met")


def in_the_dark(page):
    """Light words around a pale card; the arrow of a list is grey, not black."""
    board.open_tab(page, "Race")
    page.locator(".lstm-board").first.evaluate("board => board.scrollIntoView()")
    words = page.locator(".widget-html:visible", has_text="mine is not one of the course's").first
    assert min(words.evaluate(BRIGHTNESS)) > 150
    card = page.locator(".lstm-scene:visible > rect").first.get_attribute("fill")
    assert card == PAPER, "a drawing keeps its pale card"
    arrow = page.locator(".lstm-board select:visible").first
    assert "%23888" in arrow.evaluate("list => getComputedStyle(list).backgroundImage")
