"""Students' copies: for a class without our answers, beside a checkout, and in nbgrader."""

import json
import os
import subprocess
import sys
from pathlib import Path

import copies
import editions
import nbformat
import pytest

import notebooks
from lstm_kernels.judge import verdict
from lstm_kernels.judge.ours import source_of
from lstm_kernels.judge.tasks import lessons, tasks_of
from lstm_kernels.machine.platforms import ROOT
from tests.notebooks import LESSONS, NOTEBOOKS, read, tags
from tests.test_notebooks import IN_CODE, LINK

# ---- points -------------------------------------------------------------------------------


@pytest.mark.parametrize("lesson", lessons())
def test_the_working_edition_ends_with_its_points(lesson):
    name = next(name for name in LESSONS if name.startswith(lesson))
    cell = read(f"do/{name}")[-1]
    assert tags(cell) == ["points"] and cell.source.endswith(f'judge.points("{lesson}")')
    grader = cell.metadata.nbgrader
    assert (grader.grade, grader.locked, grader.solution) == (True, True, False)
    assert grader.points == sum(task.stars or 1 for task in tasks_of(lesson))
    assert not [c for c in read(name) if "nbgrader" in c.metadata], "the source stays as it is"


def test_points_count_the_last_verdict_of_this_session(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("LSTM_KERNELS_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setattr(verdict, "_latest", {})
    assert verdict.judge.points("00") == 0
    assert capsys.readouterr().out == "Lesson 00: 0 of 5 points; solved: none yet.\n"
    verdict.judge("00.e3", lambda N: (-(-N // 32), -N % 32))
    verdict.judge("00.e1", lambda L, T: L - T)
    assert verdict.judge.points("00") == 3
    assert capsys.readouterr().out.endswith("Lesson 00: 3 of 5 points; solved: 00.e1, 00.e3.\n")
    verdict.judge("00.e3", lambda N: (N, 0))
    assert verdict.judge.points("00") == 1


# ---- a class's folder ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def class_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("copies") / "class"
    assert notebooks.main(["class", str(folder)]) == 0
    return folder


def test_a_class_gets_every_lesson_and_none_of_our_answers(class_folder):
    pages = sorted((class_folder / "notebooks" / "do").glob("*.ipynb"))
    assert [page.stem for page in pages] == list(LESSONS)
    assert not list((class_folder / "notebooks").glob("*.ipynb"))
    for page in pages:
        cells = nbformat.read(page, as_version=4).cells
        assert not [c for c in cells if any(tag.startswith("ours:") for tag in tags(c))]
        text = "\n".join(cell.source for cell in cells)
        for task in tasks_of(page.name[:2]) if page.name[:2] in lessons() else ():
            if callable(task.ours):
                assert source_of(task) not in text, task.number
            assert f"Ours, for {task.number}" not in text
            assert f"task:{task.number}" in {tag for cell in cells for tag in tags(cell)}


def test_every_link_of_a_class_leads_somewhere(class_folder):
    for page in sorted((class_folder / "notebooks" / "do").glob("*.ipynb")):
        cells = nbformat.read(page, as_version=4).cells
        prose = "\n".join(c.source for c in cells if c.cell_type == "markdown")
        links = [link.partition("#")[0] for link in LINK.findall(IN_CODE.sub("", prose))]
        inside = [link for link in links if link and not link.startswith("https://")]
        assert not [link for link in inside if not (page.parent / link).exists()], page.name
        assert not [link for link in links if "colab" in link]


def test_a_classs_folder_is_new_and_its_lessons_run(class_folder, tmp_path):
    with pytest.raises(SystemExit, match="is there already"):
        notebooks.main(["class", str(class_folder)])
    first = next((class_folder / "notebooks" / "do").glob("00_*.ipynb"))
    setup = next(
        c.source for c in nbformat.read(first, as_version=4).cells if c.cell_type == "code"
    )
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run([sys.executable, "-c", setup], cwd=first.parent, env=environment,
                          capture_output=True, text=True)  # fmt: skip
    assert done.stdout.startswith("Course: "), done.stderr


# ---- git pull -----------------------------------------------------------------------------


def git(folder, *arguments):
    name = ["-c", "user.name=me", "-c", "user.email=me@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *name, *arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def page(*sources):
    new = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s, id="a") for s in sources])
    return nbformat.writes(new)


@pytest.fixture
def student(tmp_path, monkeypatch):
    """(the course's repository, a student's clone, its folder do/)."""
    course, clone = tmp_path / "course", tmp_path / "clone"
    (course / "notebooks" / "do").mkdir(parents=True)
    (course / ".gitignore").write_bytes((ROOT / ".gitignore").read_bytes())
    (course / "notebooks" / "do" / "07_x.ipynb").write_text(page("stub"), encoding="utf-8")
    git(course, "init", "-q", "-b", "main")
    git(course, "add", "-A")
    git(course, "commit", "-qm", "first")
    git(tmp_path, "clone", "-q", str(course), str(clone))
    monkeypatch.setattr(copies, "ROOT", clone)
    return course, clone, clone / "notebooks" / "do"


def change(course):
    """The course changes a lesson, and adds one."""
    folder = course / "notebooks" / "do"
    (folder / "07_x.ipynb").write_text(page("a better stub"), encoding="utf-8")
    (folder / "08_y.ipynb").write_text(page("new"), encoding="utf-8")
    git(course, "add", "-A")
    git(course, "commit", "-qm", "second")


def test_a_pull_loses_nothing_of_who_works_in_mine(student):
    course, clone, do = student
    assert copies.make_mine() == ["notebooks/mine/07_x.ipynb: copied"]
    mine = clone / "notebooks" / "mine"
    (mine / "07_x.ipynb").write_text(page("my answer"), encoding="utf-8")
    assert git(clone, "status", "--porcelain") == ""
    change(course)
    git(clone, "pull", "-q", "--ff-only")
    assert (do / "07_x.ipynb").read_text("utf-8") == page("a better stub")
    told = ["notebooks/mine/07_x.ipynb: yours, unchanged", "notebooks/mine/08_y.ipynb: copied"]
    assert copies.make_mine() == told
    assert (mine / "07_x.ipynb").read_text("utf-8") == page("my answer")


def test_a_pull_loses_nothing_of_who_has_worked_in_the_courses_own_files(student):
    course, clone, do = student
    (do / "07_x.ipynb").write_text(page("my answer"), encoding="utf-8")
    (do / "my_progress.json").write_text('{"solved": {}}', encoding="utf-8")
    change(course)
    with pytest.raises(AssertionError, match="would be overwritten"):
        git(clone, "pull", "-q", "--ff-only")
    copies.make_mine()
    git(clone, "restore", "notebooks/do")
    git(clone, "pull", "-q", "--ff-only")
    mine = clone / "notebooks" / "mine"
    assert (mine / "07_x.ipynb").read_text("utf-8") == page("my answer")
    assert json.loads((mine / "my_progress.json").read_text("utf-8")) == {"solved": {}}
    assert (do / "07_x.ipynb").read_text("utf-8") == page("a better stub")


def test_what_was_edited_beside_a_copy_is_kept_too(student):
    _, clone, do = student
    mine = clone / "notebooks" / "mine"
    copies.make_mine()
    for n, answer in enumerate(["first", "second"], start=2):
        (do / "07_x.ipynb").write_text(page(answer), encoding="utf-8")
        assert copies.make_mine() == [f"notebooks/mine/07_x-{n}.ipynb: copied"]
        assert (mine / f"07_x-{n}.ipynb").read_text("utf-8") == page(answer)
        assert copies.make_mine() == ["notebooks/mine/07_x.ipynb: yours, unchanged"]
    assert (mine / "07_x.ipynb").read_text("utf-8") == page("stub")


# ---- nbgrader -----------------------------------------------------------------------------


def nbgrader(folder, *arguments):
    done = subprocess.run([sys.executable, "-m", "nbgrader", *arguments], cwd=folder,
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.long
def test_nbgrader_makes_the_assignment_and_grades_it(tmp_path, monkeypatch):
    """Lesson 00, all answers ours but 00.e2, which is wrong: 4 of 5 points."""
    pytest.importorskip("nbgrader", reason="nbgrader is not installed: pip install nbgrader")
    from nbgrader.api import Gradebook

    programs = str(Path(sys.executable).parent)  # it calls `alembic`
    monkeypatch.setenv("PATH", os.pathsep.join([programs, os.environ["PATH"]]))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("LSTM_KERNELS_PROGRESS", str(tmp_path / "progress.json"))
    name = next(path.name for path in (NOTEBOOKS / "do").glob("00_*.ipynb"))
    edition = nbformat.read(NOTEBOOKS / "do" / name, as_version=4)
    (tmp_path / "source" / "00").mkdir(parents=True)
    nbformat.write(edition, tmp_path / "source" / "00" / name)
    settings = 'c = get_config()\nc.CourseDirectory.course_id = "lstm"\n'
    settings += "c.Execute.iopub_timeout = 120\n"  # as the README says: a busy machine is slow
    (tmp_path / "nbgrader_config.py").write_text(settings, encoding="utf-8")
    nbgrader(tmp_path, "generate_assignment", "00")
    released = nbformat.read(tmp_path / "release" / "00" / name, as_version=4)
    assert [c.source for c in released.cells] == [c.source for c in edition.cells]
    editions.solve(released)
    for cell in released.cells:
        if "task:00.e2" in tags(cell):
            cell.source = cell.source.replace("return number", "return 1 + number")
    handed_in = tmp_path / "submitted" / "anna" / "00"
    handed_in.mkdir(parents=True)
    nbformat.write(released, handed_in / name)
    nbgrader(tmp_path, "autograde", "00")
    with Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}") as book:
        submission = book.find_submission("00", "anna")
        assert (submission.score, submission.max_score) == (4, 5)
