"""The dashboard of lesson 09 in a real browser: served by Voila alone, and in JupyterLab."""

import re
import time

import nbformat
import pytest

from lstm_kernels.lab.widgets.voila import TAG
from tests.browser.conftest import OPEN_TO_ALL, needs, serve

SLOW = 240_000  # milliseconds: a notebook's cells on a busy machine with an empty cache


def button(page, text):
    return page.locator("button.jupyter-button:visible", has_text=re.compile(f"^{text}$"))


def note(page, words):
    """Wait until a visible text with these words is on the page."""
    page.locator(".widget-html:visible", has_text=words).first.wait_for()


def bars(page):
    """The address of the picture with the bars: a new one for each repaint."""
    return page.locator(".widget-image:visible").first.get_attribute("src")


def wait_for_new_bars(page, old):
    page.wait_for_function(
        "([old]) => [...document.querySelectorAll('.widget-image')].every(i => i.src !== old)",
        arg=[old],
    )


def wait_for_the_kernel(page):
    """Until JupyterLab's kernel is idle.

    Seldom JupyterLab (4.6) misses the kernel's first answer and says "Connecting" for ever: then
    do what its user does, and load the page again.
    """
    state = page.locator(".jp-StatusBar-Widget")
    idle, connecting = state.filter(has_text="| Idle"), state.filter(has_text="| Connecting")
    deadline = time.monotonic() + 45
    while not idle.is_visible() and time.monotonic() < deadline:
        page.wait_for_timeout(500)
    if connecting.is_visible():
        page.reload()
    idle.wait_for()


def move(page, label, key, times=1):
    """Move a slider by the keyboard; returns the readouts before and after."""
    slider = page.locator(".widget-slider:visible", has_text=label)
    readout = slider.locator(".widget-readout")
    before = readout.inner_text()
    slider.locator(".noUi-handle").focus()
    for _ in range(times):
        page.keyboard.press(key)
    page.wait_for_function(
        "([e, old]) => e.innerText !== old", arg=[readout.element_handle(), before]
    )
    return before, readout.inner_text()


def use_the_dashboard(page, shoot, name):
    """What a learner does: predict, Run, Cancel a second run, export, ask too much, try Scale."""
    button(page, "Run").wait_for()
    first = bars(page)
    before, after = move(page, "batch size N", "ArrowRight")
    assert int(after) > int(before)
    page.locator("input[type=number]:visible").first.fill("4")
    page.keyboard.press("Tab")
    button(page, "Run").click()
    wait_for_new_bars(page, first)
    note(page, "Done. Fastest")
    note(page, re.compile(r"You said 4x, measured .+ of 3 points"))
    page.locator("table.lstm-race td", has_text="numpy_batched").first.wait_for()
    shoot(page, f"{name}_race")

    move(page, "epochs", "ArrowRight", 3)
    button(page, "Run").click()
    note(page, re.compile(r"\d+ repeats"))
    button(page, "Cancel").click()
    start = time.monotonic()
    note(page, "Cancelled; what was measured stays")
    assert time.monotonic() - start < 4, "a second for the answer, the rest for a busy machine"
    page.locator(
        "button.jupyter-button:visible:not([disabled])", has_text=re.compile("^Run$")
    ).wait_for()
    shoot(page, f"{name}_cancelled")

    button(page, "Export CSV").click()
    with page.expect_download() as download:
        page.locator("a[download='race.csv']").click()
    text = download.value.path().read_text(encoding="utf-8")
    assert text.startswith("run,version,where") and "numpy_batched" in text

    ask_too_much(page, shoot, name)
    page.locator(".lm-TabBar-tab, .p-TabBar-tab", has_text=re.compile("^Scale$")).first.click()
    page.locator(".widget-html:visible", has_text="One epoch over more").wait_for()
    move(page, "up to windows", "Home")
    move(page, "up to windows", "ArrowRight")
    first = bars(page)
    button(page, "Run").click()
    wait_for_new_bars(page, first)
    note(page, re.compile("^Done.$"))
    note(page, re.compile(r"numpy_batched, batch 16: slope \d"))
    shoot(page, f"{name}_scale")


def ask_too_much(page, shoot, name):
    """The largest sizes: what cannot run says so at once, and Run does nothing.

    `numpy_batched` may be quick enough here: it is unchecked.
    """
    before = bars(page)
    page.locator(".widget-checkbox:visible", has_text="numpy_batched").locator("input").uncheck()
    for size in ("batch size N", "hidden size H", "length T"):
        move(page, size, "End")
    note(page, re.compile("sequential: left out: roughly"))
    button(page, "Run").click()
    note(page, "No chosen version can run this")
    assert bars(page) == before
    shoot(page, f"{name}_impossible")


def test_voila_serves_the_dashboard_alone(page, course, shoot):
    needs("voila", "pip install voila")
    asked = []
    page.on("request", lambda request: asked.append(request))
    with serve("voila", ["notebooks/09_race.ipynb"], course) as address:
        page.goto(address, timeout=SLOW)  # it runs the dashboard's cells, and then answers
        button(page, "Run").wait_for()
        elsewhere = [ask for ask in asked if not ask.url.startswith((address, "blob:", "data:"))]
        assert {ask.failure for ask in elsewhere} <= {"csp"}, "no page waits for another machine"
        assert "Six versions of the same training" not in page.inner_text("body")
        assert page.locator(".widget-tab").count() == 1
        use_the_dashboard(page, shoot, "voila")
    assert (course / "notebooks" / "race.csv").exists()


@pytest.fixture
def lesson(course):
    """Lesson 09 with all its texts, and of its code the set-up and the dashboard: `--nbval` and
    the simulated platforms run every cell."""
    path = course / "notebooks" / "09_race.ipynb"
    notebook = nbformat.read(path, as_version=4)
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    notebook.cells = [
        cell
        for cell in notebook.cells
        if cell.cell_type == "markdown" or cell is first or TAG in cell.metadata.get("tags", [])
    ]
    nbformat.write(notebook, path)


def test_the_dashboard_in_its_notebook_in_jupyterlab(page, course, lesson, shoot, lab_settings):
    needs("jupyterlab", "pip install jupyterlab")
    with serve("jupyterlab", OPEN_TO_ALL, course, lab_settings) as address:
        page.goto(f"{address}/lab/tree/notebooks/09_race.ipynb")
        page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
        wait_for_the_kernel(page)
        page.locator(".lm-MenuBar-itemLabel", has_text=re.compile("^Run$")).click()
        page.locator(".lm-Menu-itemLabel", has_text=re.compile("^Run All Cells$")).click()
        page.locator(".widget-tab").wait_for(timeout=SLOW)
        last = page.locator(".jp-CodeCell").last
        error = page.locator("[data-mime-type='application/vnd.jupyter.error']")
        done = last.locator(".jp-InputPrompt", has_text=re.compile(r"\[\d+\]"))
        done.or_(error).first.wait_for(timeout=SLOW)
        assert error.all_inner_texts() == []
        page.locator(".widget-tab").scroll_into_view_if_needed()
        use_the_dashboard(page, shoot, "lab")
