"""For the lecturer: lessons on paper, and speaker's notes (.ci/handout.py, .ci/notes.py)."""

import os
import re
import shutil

import handout
import nbformat
import notes
import pytest

import notebooks
from tests.notebooks import LESSONS, NOTEBOOKS, outputs, tags

ON_PAPER = LESSONS if os.environ.get("LSTM_KERNELS_ALL_LESSONS") else ("07_cuda_v2",)
PIXEL = 72 / 96  # in points


def lesson(name):
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)


def figures(notebook):
    return [
        out
        for c in notebook.cells
        for out in c.get("outputs", [])
        if "image/png" in out.get("data", {})
    ]


# ---- on paper -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LESSONS)
def test_paper_has_neither_the_set_up_nor_answers_nor_verdicts(name):
    paper = handout.for_paper(lesson(name))
    text = "\n".join(cell.source for cell in paper.cells)
    assert "# @title Set-up" not in text and "<details>" not in text and "Open in Colab" not in text
    assert not any("yours to write" in outputs(c) for c in paper.cells if c.cell_type == "code")
    assert len(figures(paper)) == len(figures(lesson(name)))


def test_formulas_are_set_by_the_browser_itself_but_not_in_code():
    pytest.importorskip("latex2mathml", reason="pip install latex2mathml")
    text = handout.with_formulas("`$x$` is $x_1$\n\n```\n$y$\n```\n\n$$z$$")
    assert text.count("<math") == 2 and "`$x$`" in text and "\n$y$\n" in text
    for name in LESSONS:
        prose = "\n".join(
            c.source for c in handout.for_paper(lesson(name)).cells if c.cell_type == "markdown"
        )
        assert "\\begin" not in prose and "$$" not in prose


def test_the_page_needs_no_network_and_its_figures_have_their_words():
    text = handout.html(handout.for_paper(lesson("07_cuda_v2")), NOTEBOOKS / "07_cuda_v2.ipynb")
    assert not re.findall(r"<(?:script|img|link)[^>]*(?:src|href)=.http", text)
    words = re.findall(r'<img alt="([^"]*)"', text)
    assert len(words) == len(figures(lesson("07_cuda_v2"))) and all(words)


@pytest.mark.parametrize("name", ON_PAPER)
def test_on_a4_no_figure_is_split_and_no_line_is_cut(name, tmp_path):
    pdfium = pytest.importorskip("pypdfium2", reason="pip install pypdfium2")
    files = handout.write(NOTEBOOKS / f"{name}.ipynb", tmp_path)
    if len(files) == 1:
        pytest.skip("no Chromium prints here")
    boxes, letters = [], 0
    for page in pdfium.PdfDocument(files[1]):
        assert page.get_size() == pytest.approx((595, 842), abs=1), "A4"
        images = page.get_objects(filter=[pdfium.raw.FPDF_PAGEOBJ_IMAGE])
        boxes += [image.get_bounds() for image in images]
        text = page.get_textpage()
        places = [text.get_charbox(i) for i in range(text.count_chars())]
        letters += len(places)
        for left, bottom, right, top in places + boxes:
            assert left >= 0 and bottom >= 0 and right <= 595 and top <= 842
    assert letters > 5000
    assert len(boxes) == len(figures(lesson(name))), "each is on one page"


# ---- speaker's notes ------------------------------------------------------------------------


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_has_four_to_eight_notes_each_for_one_cell(name):
    notebook, found = lesson(name), notes.read(name)
    assert 4 <= len(found) <= 8 and all(words for _, words in found)
    places = [notes.find(notebook, place) for place, _ in found]
    assert places == sorted(places), "in the order of the lesson"


def test_a_note_for_a_cell_that_is_not_there_is_refused():
    with pytest.raises(SystemExit, match="'No such place': 0 cells"):
        notes.find(lesson("07_cuda_v2"), "No such place")
    assert notes.find(lesson("07_cuda_v2"), "task:07.1") == 9


def test_a_deck_has_the_notes_below_their_cells_and_links_that_lead_somewhere(tmp_path, capsys):
    for name in ("07_cuda_v2.ipynb", "words.md", "06_cuda_v1.ipynb", "08_cuda_v3.ipynb"):
        shutil.copy(NOTEBOOKS / name, tmp_path)
    place = notes.write_deck(tmp_path / "07_cuda_v2.ipynb")
    deck = nbformat.read(place, as_version=4)
    added = [i for i, c in enumerate(deck.cells) if "note" in tags(c)]
    assert len(added) == len(notes.read("07_cuda_v2"))
    for i, (where, words) in zip(added, notes.read("07_cuda_v2"), strict=True):
        assert where in deck.cells[i - 1].source and words in deck.cells[i].source
        assert deck.cells[i].metadata.slideshow.slide_type == "notes"
    prose = "\n".join(c.source for c in deck.cells if c.cell_type == "markdown")
    links = re.findall(r"\]\(((?!https?:)[^)#\s]+\.(?:ipynb|md))", prose)
    assert links and all((place.parent / link).exists() for link in links if "do/" not in link)
    assert "'../slides.css'" in str(deck.metadata)


def test_the_command_writes_a_page_with_notes(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(handout, "BROWSERS", ())
    assert not notebooks.main(["handout", "--notes", "--folder", str(tmp_path), "07_cuda_v2"])
    page = tmp_path / "07_cuda_v2_notes.html"
    assert capsys.readouterr().out.split() == [str(page)]
    assert page.read_text(encoding="utf-8").count("celltag_note") > len(notes.read("07_cuda_v2"))
