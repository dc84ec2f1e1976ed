"""The lecturer's pages: what they name exists."""

import re
from importlib import import_module

import pytest

from lstm_kernels.judge.tasks import find
from tests.notebooks import NOTEBOOKS, NUMBERED, read

PACK = NOTEBOOKS / "lecturer"
PAGE = (PACK / "lessons.md").read_text(encoding="utf-8")
PARTS = dict(re.findall(r"^## \[(\w\d) [^]]*\]\([^)]*\)\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S))


def headings(lesson):
    """All headings of a lesson, without their marks."""
    text = "\n".join(c.source for c in read(lesson) if c.cell_type == "markdown")
    return re.findall(r"^#+ (.*)$", text, re.MULTILINE)


def one_line(text):
    return " ".join(text.split())


def test_each_lesson_has_its_part():
    assert list(PARTS) == [lesson[:2] for lesson in NUMBERED]


@pytest.mark.parametrize("lesson", NUMBERED)
def test_a_part_says_asks_warns_and_helps(lesson):
    part = one_line(PARTS[lesson[:2]])
    assert all(f"**{word}" in part for word in ("Say:**", "Ask** before", "Stuck?**"))
    (before,) = re.findall(r'\*\*Ask\*\* before "([^"]+)"', part)
    named = re.findall(r'"([^"]+)"', part.split("**Stuck?**")[1])
    assert before in headings(lesson)
    for heading in named:
        if heading[0].isupper():  # the others are words that somebody says
            assert heading in headings(lesson), heading


@pytest.mark.parametrize("lesson", NUMBERED)
def test_three_usual_wrong_answers_are_kept_with_the_tests(lesson):
    number = lesson[:2]
    wrong = import_module(f"tests.judge.wrong_{number}").WRONG
    named = re.findall(r"^- \*\*(\w\d\.\w+)\*\* \*([^*]+)\*: ", PARTS[number], re.MULTILINE)
    assert len(named) == 3
    for task, name in named:
        assert find(task).number == task and name in [answer[0] for answer in wrong[task]], name


WRITTEN = ("README.md", "plans.md", "lessons.md")


@pytest.mark.parametrize("page", WRITTEN)
def test_every_task_that_a_page_names_exists(page):
    text = (PACK / page).read_text(encoding="utf-8")
    for task in set(re.findall(r"\b(?:[01]\d|[AB]\d)\.e?\d+\b(?!%)", text)):
        assert find(task).number == task


# ---- the plans ----------------------------------------------------------------------------

PLANS = (PACK / "plans.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (\d+)-(\d+) \| (?:(\w\d) \"([^\"]+)\"|break) \|", re.MULTILINE)
NAMES = {lesson[:2]: lesson for lesson in NUMBERED}


def part_of(title):
    return PLANS.split(f"## {title}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize(
    "title, minutes", [("50 minutes", 50), ("100 minutes", 100), ("A day", 420)]
)
def test_a_plan_is_whole_and_names_real_headings(title, minutes):
    rows = ROW.findall(part_of(title))
    assert len(rows) == part_of(title).count("\n| ") - 1, "a row that is not understood"
    ends = [0, *(int(end) for _, end, *_ in rows)]
    assert [int(start) for start, *_ in rows] == ends[:-1] and ends[-1] == minutes
    for _, _, number, heading in rows:
        assert not number or heading in headings(NAMES[number]), heading


def test_two_weeks_have_each_lesson_once_and_its_minutes():
    readme = (NOTEBOOKS.parent / "README.md").read_text(encoding="utf-8")
    minutes = {
        n: int(m) for n, m in re.findall(r"^\| \[(\w\d) .*?\| (\d+) \| \[do\]", readme, re.M)
    }
    days = re.findall(r"^\| (\d+) \| ([\w, ]+) \| (\d+) \|", part_of("Two weeks"), re.MULTILINE)
    assert [int(day) for day, *_ in days] == list(range(1, 11))
    assert sorted(n for _, names, _ in days for n in names.split(", ")) == sorted(minutes)
    for _, names, total in days:
        assert sum(minutes[n] for n in names.split(", ")) == int(total)


def test_the_recordings_are_shown_where_the_table_says():
    rows = re.findall(r"^\| `data/measured/(\w+)\.json` \| [^|]+\| ([^|]+) \|", PLANS, re.MULTILINE)
    assert len(rows) == 3
    for name, shown in rows:
        assert (NOTEBOOKS.parent / "data" / "measured" / f"{name}.json").exists()
        assert shown.split(", ") == [n for n, lesson in NAMES.items() if uses(lesson, name)]


def uses(lesson, name):
    """Does a cell of this lesson load this recording?"""
    card = name.removeprefix("card_")
    code = "\n".join(c.source for c in read(lesson) if c.cell_type == "code")
    asked = f'"{name}"' in code or f'CardRecording("{card}")' in code
    return asked or (name.startswith("card_") and "card.kept import" in code)
