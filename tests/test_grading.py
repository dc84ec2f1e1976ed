"""Grading: a class with right, half and nasty submissions, graded in one run.

Each nasty one must be told on its own page, and must cost nobody else a point.
"""

import csv
import html
import json
import os
import re
import signal
import stat
import sys
import time
import zipfile
from pathlib import Path

import editions
import nbformat
import pytest

from lstm_kernels import __main__
from lstm_kernels.classroom import grade, needed, report, sandbox, submission
from lstm_kernels.classroom.place import Place
from lstm_kernels.judge.tasks import tasks_of
from lstm_kernels.machine.platforms import ROOT

LINUX = sys.platform.startswith("linux")
ALL = 5  # points of lesson 00
ANSWERS = {
    "00.1": "import numpy as np\n\ndef moving_average(values, k):\n"
    "    return np.array([np.mean(values[n : n + k]) for n in range(len(values) - k + 1)])",
    "00.e1": "def count_windows(L, T):\n    return L - T",
    "00.e2": "def batches(N, size):\n    return -(-N // size), (N - 1) % size + 1",
    "00.e3": "def blocks_and_idle(N):\n    return -(-N // 32), -N % 32",
}
HARMLESS = "00.1", "00.e2", "00.e3"  # what remains right where only 00.e1 is nasty
BEFORE = {  # {student: lines that their cell of 00.e1 runs first}: (points, what the page says)
    "crashes": ("import os\nos._exit(3)", 4, "ends its process, with status 3"),
    "exits": ("import sys\nsys.exit('bye')", 4, "It stops with SystemExit: bye, in cell 3, line 2"),
    "hangs": ("import time\nwhile True:\n    time.sleep(9)", 4, "takes more than 8 s"),
    "prints": ("while True:\n    print('x' * 100_000)", 4, "prints more than 1,048,576 bytes"),
    "deletes": (
        "import shutil, lstm_kernels\nshutil.rmtree(lstm_kernels.__path__[0])",
        4, "refused: it writes to course/lstm_kernels/",
    ),
    "patches": (
        "from lstm_kernels.judge import compare\ncompare.expect = lambda *_: None",
        0, "it replaces lstm_kernels.judge.compare.expect",
    ),
    "patches_code": (
        "from lstm_kernels.judge import compare\n"
        "compare.same.__code__ = (lambda *_, **__: None).__code__",
        4, "refused: it looks into the judge's frames and objects",
    ),
    "patches_numpy": ("np.asarray = lambda a: a", 0, "it replaces numpy.asarray"),
    "patches_modules": (
        "import sys, types\nsys.modules['lstm_kernels.judge'] = types.ModuleType('judge')",
        0, "it replaces lstm_kernels.judge,",
    ),
    "patches_the_task": (
        "from lstm_kernels.judge.tasks import TASKS\n"
        "TASKS['00.e1'].__dict__['check'] = lambda answer: None",
        0, "it replaces task 00.e1.check",
    ),
    "patches_the_finder": (
        "from lstm_kernels.classroom import guard\nfrom lstm_kernels.judge import compare\n"
        "before = guard.picture()\nguard.picture = lambda: before\n"
        "compare.expect = lambda *_: None",
        0, "it replaces what finds patches",
    ),
    "shows": ("display(np.zeros(2))", 5, "5 of 5 points"),
    "forges": (
        "import json, os\nline = json.dumps({'token': 'x', 'task': '00.e1', 'state': 'right'})\n"
        "for channel in range(3, 20):\n    try:\n"
        "        os.write(channel, line.encode() + b'\\n')\n    except OSError:\n        pass",
        5, "it writes into the judge's channel",
    ),
    "forges_a_file": ("open(PAGES + '/kept/x.json', 'w')", 4, "refused: it writes to "),
    "reads_another": ("print(open(CLASS + '/right.ipynb').read())", 4, "refused: it reads "),
    "lists_others": ("import os\nprint(os.listdir(CLASS))", 4, "refused: it reads "),
    "climbs": ("import sys\nprint(sys._getframe(1).f_locals)", 4, "frames and objects"),
    "climbs_by_an_error": (
        "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n"
        "    print(error.__traceback__.tb_frame.f_back)",
        4, "frames and objects",
    ),
    "starts": ("import os\nos.system('sleep 99')", 4, "refused: it starts a process"),
    "spawns": (
        "import multiprocessing\ncontext = multiprocessing.get_context('spawn')\n"
        "context.Process(target=print).start()",
        4, "refused: it starts a process",
    ),
    "kills": ("import os\nos.kill(os.getppid(), 9)", 4, "refused: it sends a signal"),
    "calls_home": (
        "import urllib.request\nurllib.request.urlopen('http://127.0.0.1:9')",
        4, "refused: it uses the network",
    ),
    "raises_oddly": (
        "class Odd(Exception):\n    def __str__(self):\n        raise Odd\nraise Odd",
        4, "ends its process, with status 1",
    ),
    "=HYPERLINK(1)": ("", 5, "5 of 5 points"),
}  # fmt: skip
if LINUX:
    BEFORE |= {
        "<script>alert(1)": ("print('</pre><script>alert(2)')", 5, "</pre><script>alert(2)"),
        "forks": ("import os\nwhile True:\n    os.fork()", 4, "refused: it starts a process"),
        "eats_memory": ("all_of_it = bytearray(1 << 40)", 4, "It stops with MemoryError"),
        "fills_the_disk": ("open('x', 'wb').write(bytes(1 << 27))", 4, "File too large"),
        "falls": ("import ctypes\nctypes.string_at(0)", 4, "crashes, with SIGSEGV"),
    }
INSTEAD = {  # {student: another answer to 00.e1}: the same
    "half": ("def count_windows(L, T):\n    return L - T + 1", 4, "00.e1"),
    "stub": ("def count_windows(L, T):\n    ...", 4, "unwritten"),
    "hangs_in_the_check": (
        "import time\ndef count_windows(L, T):\n    time.sleep(99)",
        4, "takes more than 8 s",
    ),
    "own_judge": (
        "def judge(number, answer):\n    print(f'{number}: right.')\n    return answer\n"
        "def count_windows(L, T):\n    return 0",
        4, "not yet",
    ),
    "no_python": ("def count_windows(L, T:\n    return L", 4, "Python cannot read this cell"),
}  # fmt: skip


def notebook(answers=ANSWERS, tagged=True):
    """The text of a notebook of lesson 00 with these answers."""
    cells = [
        nbformat.v4.new_code_cell("%matplotlib inline\nfrom lstm_kernels.judge import judge"),
        *(_cell(number, text, tagged) for number, text in answers.items()),
        nbformat.v4.new_code_cell("raise SystemExit('a cell that no task needs')"),
    ]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    return nbformat.writes(nbformat.v4.new_notebook(cells=cells))


def _cell(number, text, tagged):
    name = re.findall(r"def (\w+)\(", ANSWERS[number])[0]
    tags = {"tags": [f"task:{number}"]} if tagged else {}
    source = f'{text}\n\n\n{name} = judge("{number}", {name})'
    return nbformat.v4.new_code_cell(source, metadata=tags)


def hand_in(folder, pages):
    """A class: a notebook, a folder or a zip per student."""
    for student, (text, _, _) in {**BEFORE, **INSTEAD}.items():
        answer = text if student in INSTEAD else f"{text}\n{ANSWERS['00.e1']}"
        answer = answer.replace("CLASS", repr(str(folder))).replace("PAGES", repr(str(pages)))
        (folder / student).mkdir()
        text = notebook({**ANSWERS, "00.e1": answer})
        (folder / student / "00_start_here.ipynb").write_text(text, encoding="utf-8")
    (folder / "right.ipynb").write_text(notebook(), encoding="utf-8")
    (folder / "untagged.ipynb").write_text(notebook(tagged=False), encoding="utf-8")
    _hand_in_no_notebooks(folder)
    _hand_in_zips(folder)


def _hand_in_no_notebooks(folder):
    for name, text in {
        "words.ipynb": "I have no notebook, sorry.",
        "list.ipynb": "[1, 2]",
        "deep.ipynb": "[" * 100_000,
        "cells.ipynb": '{"cells": [{"cell_type": "code", "source": 7}]}',
    }.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "nothing").mkdir()
    folder.joinpath("bottomless", *"d" * 100).mkdir(parents=True)
    (folder / "another.ipynb").write_text('{"cells": []}', encoding="utf-8")
    (folder / "broken.zip").write_bytes(b"PK\3\4 not a zip")
    if LINUX:
        (folder / "linked").mkdir()
        (folder / "linked" / "00_start_here.ipynb").symlink_to(folder / "right.ipynb")
        (folder / "pipe").mkdir()
        os.mkfifo(folder / "pipe" / "00_start_here.ipynb")


def _hand_in_zips(folder):
    with zipfile.ZipFile(folder / "zipped.zip", "w") as file:
        file.writestr("work/00_start_here.ipynb", notebook())
        file.writestr("work/.ipynb_checkpoints/00_start_here.ipynb", "old")
    with zipfile.ZipFile(folder / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("00_start_here.ipynb", bytes(200 << 20))
    with zipfile.ZipFile(folder / "climber.zip", "w") as file:
        file.writestr("../right.ipynb", "replaced")
        file.writestr("/", "")
        file.writestr("00_start_here.ipynb", notebook())
        link = zipfile.ZipInfo("link.ipynb")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(link, str(folder / "right.ipynb"))


OTHERS = {  # (points, what the page says)
    "right": (ALL, "5 of 5 points"),
    "untagged": (ALL, "5 of 5 points"),
    "zipped": (ALL, "5 of 5 points"),
    "climber": (ALL, "../right.ipynb leads out of the zip"),
    "words": (0, "it is no notebook"),
    "list": (0, "it is no notebook"),
    "deep": (0, "it is no notebook"),
    "cells": (0, "it is no notebook"),
    "bottomless": (0, "lies too deep"),
    "another": (0, "it has no task of the course"),
    "nothing": (0, "there is no notebook in it"),
    "broken": (0, "broken.zip cannot be read"),
    "bomb": (0, "is larger than 20 MB"),
}
if LINUX:
    OTHERS |= {"linked": (0, "is a link"), "pipe": (0, "is no file")}
EXPECTED = {**{n: told[1:] for n, told in {**BEFORE, **INSTEAD}.items()}, **OTHERS}


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """(folder, what the table says of each student, their pages as text)."""
    folder = tmp_path_factory.mktemp("grading")
    submissions, pages = folder / "class", folder / "pages"
    submissions.mkdir()
    hand_in(submissions, pages)
    arguments = ["grade", submissions, "--csv", folder / "grades.csv", "--out", pages]
    assert __main__.main([*map(str, arguments), "--seconds", "8", "--seed", "1"]) == 0
    with open(folder / "grades.csv", encoding="utf-8-sig", newline="") as file:
        table = {row["student"].removeprefix("'"): row for row in csv.DictReader(file)}
    links = re.findall(r'<a href="([^"]+)">([^<]+)</a>', (pages / "index.html").read_text("utf-8"))
    texts = {html.unescape(name): (pages / page).read_text("utf-8") for page, name in links}
    return folder, table, texts


@pytest.mark.long
@pytest.mark.parametrize("student", EXPECTED)
def test_each_is_told_and_gets_the_points_of_the_rest(graded, student):
    _, table, texts = graded
    points, said = EXPECTED[student]
    text = html.unescape(texts[student])
    assert said in text, text
    assert (table[student]["points"], table[student]["of"]) == (str(points), str(ALL)), text


@pytest.mark.long
def test_all_are_in_the_table_and_nobody_elses_file_has_changed(graded):
    folder, table, _ = graded
    assert set(table) == set(EXPECTED)
    assert (folder / "class" / "right.ipynb").read_text("utf-8") == notebook()
    assert not (folder / "pages" / "kept" / "x.json").exists()
    assert ROOT.joinpath("lstm_kernels", "judge", "compare.py").exists()


@pytest.mark.long
@pytest.mark.parametrize("student", BEFORE)
def test_what_is_not_nasty_stays_right(graded, student):
    _, table, _ = graded
    row = table[student]
    right = [number for number in HARMLESS if row[number] != "0"]
    assert right == ([] if row["points"] == "0" else list(HARMLESS))


@pytest.mark.long
def test_a_page_and_a_table_run_nothing_of_a_student(graded):
    folder, _, texts = graded
    for text in (*texts.values(), (folder / "pages" / "index.html").read_text("utf-8")):
        assert "<script" not in text
    table = (folder / "grades.csv").read_text("utf-8-sig")
    assert "\n'=HYPERLINK(1)," in table


@pytest.mark.long
def test_a_second_run_judges_nothing_again(graded, monkeypatch, capsys):
    folder, *_ = graded
    before = (folder / "grades.csv").read_bytes()
    monkeypatch.setattr(sandbox, "judge", pytest.fail)
    pages = folder / "pages"
    again = {"csv": folder / "grades.csv", "out": pages, "seconds": 8.0, "seed": 1}
    assert grade.main(str(folder / "class"), **again) == 0
    assert (folder / "grades.csv").read_bytes() == before
    assert f"Saved: {folder / 'grades.csv'}, {pages / 'index.html'}" in capsys.readouterr().out


# ---- interrupted --------------------------------------------------------------------------


@pytest.mark.long
def test_interrupted_it_goes_on_where_it_was(ctrl_c, tmp_path, monkeypatch, capsys):
    (tmp_path / "class").mkdir()
    for name in "abcd":
        (tmp_path / "class" / f"{name}.ipynb").write_text(f"{name}", encoding="utf-8")
    judged = []

    def judge(text, place, *_):
        judged.append(text.decode())
        if len(judged) == 3:
            signal.raise_signal(signal.SIGINT)  # heard in the main thread, which stops us
            while not place.stopped:
                time.sleep(0.01)
            raise OSError("stopped")
        return {"seed": 1, "lessons": ["00"], "tasks": {}, "remarks": [], "patched": "",
                "missing": [], "printed": ""}  # fmt: skip

    monkeypatch.setattr(sandbox, "judge", judge)
    monkeypatch.setattr(Place, "warm", lambda place, code: None)  # for kernels: there are none
    files = {"csv": tmp_path / "grades.csv", "out": tmp_path / "pages", "jobs": 1}
    assert grade.main(tmp_path / "class", **files) == 130
    assert "Stopped by SIGINT. Saved: " in capsys.readouterr().out
    assert len(files["csv"].read_text("utf-8").splitlines()) == 3
    kept = len(judged)
    assert grade.main(tmp_path / "class", **files) == 0
    assert sorted({*judged}) == list("abcd") and judged[kept:] == ["c", "d"]
    assert len(files["csv"].read_text("utf-8").splitlines()) == 5


def test_it_refuses_what_it_cannot_do(tmp_path, capsys):
    (tmp_path / "class").mkdir()
    assert grade.main(tmp_path / "none", csv=tmp_path / "a.csv") == 2
    assert "there is no folder" in capsys.readouterr().err
    assert grade.main(tmp_path / "class", csv=tmp_path / "a.csv", lesson="99") == 2
    assert "lesson '99' has no tasks; there are 00, 01" in capsys.readouterr().err
    assert not (tmp_path / "a.csv").exists()


# ---- a few of them, in the tests that do not take long ------------------------------------


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return Place(tmp_path_factory.mktemp("grading") / "place")


@pytest.mark.parametrize("student", ["crashes", "patches", "reads_another", "forges"])
def test_one_is_told_and_gets_the_points_of_the_rest(student, place, tmp_path):
    lines, points, said = BEFORE[student]
    answer = f"{lines}\n{ANSWERS['00.e1']}".replace("CLASS", repr(str(tmp_path)))
    text = notebook({**ANSWERS, "00.e1": answer}).encode()
    found = sandbox.judge(text, place, sandbox.Limits(), seed=1, closed=[tmp_path])
    graded = report.Graded(student, {"00_start_here.ipynb": found}, [])
    assert graded.points(ANSWERS) == points
    assert said in "; ".join(graded.all_remarks())


@pytest.mark.long
@pytest.mark.parametrize("lesson", ["01", "02", "03", "04", "07", "09", "10", "17", "A2"])
def test_a_solved_lesson_gets_all_its_points_and_no_remark(lesson, place):
    """Nothing that the course itself does is refused, and no patch is seen where there is none."""
    path = next((ROOT / "notebooks" / "do").glob(f"{lesson}_*.ipynb"))
    solved = nbformat.read(path, as_version=4)
    editions.solve(solved)
    found = sandbox.judge(nbformat.writes(solved).encode(), place, sandbox.Limits(), seed=1)
    assert (found["remarks"], found["patched"]) == ([], "")
    states = {number: verdict["state"] for number, verdict in found["tasks"].items()}
    assert states == {task.number: "right" for task in tasks_of(lesson)}


# ---- the same seed, the same inputs -------------------------------------------------------


@pytest.mark.long
def test_a_seed_repeats_a_verdict_and_another_gives_other_inputs(place):
    half = {**ANSWERS, "00.1": ANSWERS["00.1"].replace("return ", "return 1.5 * ")}
    words = [
        sandbox.judge(notebook(half).encode(), place, sandbox.Limits(), seed)["tasks"]["00.1"]
        for seed in (1, 1, 2)
    ]
    assert words[0]["state"] == "not yet"
    assert words[0] == words[1] != words[2]


# ---- what is run --------------------------------------------------------------------------


def names_run(*sources):
    """The first line of each statement that is run, besides those of the cell with the answer."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    text = nbformat.writes(nbformat.v4.new_notebook(cells=cells))
    found = needed.read(text.encode())[:-1]
    return [c.source.splitlines()[s.lineno - 1] for c in found for s in c.runs]


def test_only_what_the_tasks_depend_on_is_run():
    sources = [
        "import time\nimport numpy as np\nslow = time.sleep(99)",
        "SIZE = 3\ntable = {}\ntable['a'] = SIZE\nprint(table)\n!pip install x",
        "def helper(x):\n    y = np.exp(x)\n    return y * table['a']",
        "y = slow",
        "def f(x):\n    return helper(x)\nf = judge('00.1', f)",
    ]
    wanted = ["import numpy as np", "SIZE = 3", "table = {}", "table['a'] = SIZE", "def helper(x):"]
    assert names_run(*sources) == wanted


def test_the_last_answer_to_a_task_counts():
    cells = [nbformat.v4.new_code_cell(f"f = judge('00.1', {n})") for n in (1, 2)]
    found = needed.read(nbformat.writes(nbformat.v4.new_notebook(cells=cells)).encode())
    assert [list(cell.answers) for cell in found] == [[], ["00.1"]]


def test_of_two_students_of_one_name_each_has_a_row(tmp_path):
    (tmp_path / "anna").mkdir()
    (tmp_path / "anna.ipynb").write_text("{}", encoding="utf-8")
    assert [s.student for s in submission.find(tmp_path)] == ["anna", "anna.ipynb"]


def test_a_changed_file_of_the_course_is_found_and_mended(tmp_path):
    place = Place(tmp_path)
    assert place.mend() == []
    file = place.course / "lstm_kernels" / "judge" / "compare.py"
    (file.parent / "new.py").write_text("", encoding="utf-8")
    file.write_text("def same(*_, **__): pass", encoding="utf-8")
    assert place.mend() == ["lstm_kernels/judge/compare.py", "lstm_kernels/judge/new.py"]
    assert file.read_bytes() == Path(ROOT, "lstm_kernels/judge/compare.py").read_bytes()


@pytest.mark.long
def test_results_are_plain_json(graded):
    folder, *_ = graded
    kept = [json.loads(path.read_text("utf-8")) for path in (folder / "pages/kept").glob("*.json")]
    assert len(kept) >= len(BEFORE) and all(result["seed"] == 1 for result in kept)
