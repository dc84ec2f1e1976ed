"""`python .ci/notebooks.py stamp` and `check`: every notebook in step with pyproject.toml."""

import nbformat
import pytest
import stamp

import notebooks
from lstm_kernels.machine.platforms import ROOT


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A small checkout with one lesson and a README, as authors leave them."""
    new = nbformat.v4
    lesson = new.new_notebook(
        cells=[
            new.new_markdown_cell("# 03 Sequential: train it\n\nPrevious: 01\n\nText."),
            new.new_code_cell(stamp.FIRST_SETUP),
            new.new_markdown_cell("## The idea"),
            new.new_code_cell("1 + 1"),
            new.new_markdown_cell("What it means."),
            new.new_markdown_cell("### A part"),
        ]
    )
    (tmp_path / "notebooks").mkdir()
    nbformat.write(lesson, tmp_path / "notebooks" / "03_sequential.ipynb")
    readme = "| [03 Sequential](notebooks/03_sequential.ipynb) | How slow? | 45 |\n"
    (tmp_path / "README.md").write_text(readme, encoding="utf-8")
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(settings, encoding="utf-8")
    for module in (stamp, notebooks):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(stamp, "SETTINGS", tmp_path / "pyproject.toml")
    monkeypatch.setattr(notebooks, "README", tmp_path / "README.md")
    return tmp_path


def texts(folder):
    return {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_stamp_brings_all_in_step_and_a_second_one_changes_nothing(checkout, capsys):
    notebooks.main(["stamp", "--repository", "me/my-fork", "--tag", "main"])
    after = texts(checkout)
    assert notebooks.is_stamped(checkout / "notebooks" / "03_sequential.ipynb")
    notebooks.main(["stamp"])
    assert texts(checkout) == after
    lesson = nbformat.read(checkout / "notebooks" / "03_sequential.ipynb", as_version=4)
    title, _, badges, _, to_work, _, previous, *_ = lesson.cells[0].source.split("\n")
    assert title == "# 03 · Sequential: train it" and previous == "Previous: 01"
    assert to_work.endswith("[03_sequential.ipynb](do/03_sequential.ipynb)")
    path = "me/my-fork/blob/main/notebooks/do/03_sequential.ipynb"
    assert f"(https://colab.research.google.com/github/{path})" in badges
    assert f"(https://kaggle.com/kernels/welcome?src=https://github.com/{path})" in badges
    assert badges in (checkout / "README.md").read_text(encoding="utf-8")
    assert 'URL = "https://github.com/me/my-fork"\nTAG = "main"' in lesson.cells[1].source
    assert lesson.metadata.accelerator == "GPU" and lesson.metadata.colab.gpuType == "T4"
    assert lesson.metadata.kaggle.isGpuEnabled and lesson.metadata.kaggle.isInternetEnabled
    slides = [cell.metadata.slideshow.slide_type for cell in lesson.cells]
    assert slides == ["slide", "skip", "slide", "fragment", "subslide", "subslide"]


def test_the_check_finds_what_is_not_stamped(checkout, capsys):
    assert notebooks.main(["check"]) == 1
    printed = capsys.readouterr().out
    assert printed.count("not stamped") == 2  # the notebook and the README


def test_the_check_finds_a_lesson_that_the_readme_does_not_have(checkout, capsys):
    notebooks.main(["stamp"])
    assert "its table has no" not in capsys.readouterr().out
    folder = checkout / "notebooks"
    (folder / "04_numpy.ipynb").write_bytes((folder / "03_sequential.ipynb").read_bytes())
    assert notebooks.main(["check"]) == 1
    assert "README.md: its table has no 04_numpy.ipynb" in capsys.readouterr().out


def test_another_first_cell_is_refused(checkout):
    path = checkout / "notebooks" / "03_sequential.ipynb"
    lesson = nbformat.read(path, as_version=4)
    lesson.cells[1].source = "import numpy"
    nbformat.write(lesson, path)
    with pytest.raises(SystemExit, match="is not the set-up cell"):
        notebooks.main(["stamp"])
    with pytest.raises(SystemExit, match="write OWNER/NAME"):
        notebooks.main(["stamp", "--repository", "https://github.com/me/my-fork"])


def test_a_long_address_keeps_the_cell_in_style():
    for line in stamp.setup_cell("o" * 39 + "/" + "n" * 30, "v0.1.0").split("\n"):
        assert len(line) <= 100
