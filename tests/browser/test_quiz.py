"""A lesson's quick questions in JupyterLab, by the keyboard alone."""

import nbformat

from lstm_kernels.lab.quiz import questions_of
from tests.browser.conftest import needs, serve


def choose(page, question, right):
    """Go to a choice by Tab, and press Enter; returns its text."""
    places = [choice.right for choice in question.choices]
    buttons = page.locator(".lstm-quiz button:visible")
    buttons.first.focus()
    for _ in range(places.index(right)):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    return question.choices[places.index(right)]


def test_the_questions_by_keyboard_in_jupyterlab(page, tmp_path, shoot):
    needs("jupyterlab", "pip install jupyterlab")
    code = 'from lstm_kernels.lab.widgets.quiz import quiz\n\nquiz("07")'
    cells = [nbformat.v4.new_code_cell(code), nbformat.v4.new_markdown_cell("## Summary")]
    python = {"kernelspec": {"display_name": "Python 3", "name": "python3"}}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=python)
    nbformat.write(notebook, tmp_path / "page.ipynb")
    open_to_all = ["--IdentityProvider.token=", "--ip=127.0.0.1", "--allow-root"]
    with serve("jupyterlab", open_to_all, tmp_path) as address:
        page.goto(f"{address}/lab/tree/page.ipynb")
        page.locator(".jp-StatusBar-Widget").filter(has_text="| Idle").wait_for()
        page.locator(".jp-CodeCell .cm-content").first.click()
        page.keyboard.press("Control+Enter")
        page.locator(".lstm-quiz").wait_for()
        first, second, *_ = questions_of("07")
        reply = page.locator(".lstm-quiz [role=status]:visible")
        for right, said in ((False, "Not this one."), (True, "Right.")):
            choice = choose(page, first, right)
            reply.filter(has_text=said).wait_for()
            assert reply.inner_text() == f"{said} {choice.why.replace('`', '')}"
        page.locator(".lstm-quiz button:visible", has_text="Next question").focus()
        page.keyboard.press("Space")
        page.locator(".lstm-quiz button:visible", has_text=second.choices[0].text).first.wait_for()
        choose(page, second, True)
        page.locator(".lstm-quiz .widget-html", has_text="first choice: 1 of 2").wait_for()
        shoot(page, "quiz")
