"""What all lessons have in common: they show the modules' own code.

Whatever a test asks of one lesson alone is in that lesson's file, test_lessons_NN.py.
"""

import io
import re
import tokenize
from importlib import import_module
from inspect import getsource

import pytest

from lstm_kernels import __main__
from tests.notebooks import (
    LESSONS,
    ROOT,
    cell,
    code_cells,
    definitions,
    number_of,
    prose,
    read,
    tagged,
    tags,
)

# ---- the code that a lesson shows ---------------------------------------------------------

FOLDERS = {  # of modules that are no versions
    "forecast": "lstm_kernels.lab",
}
SHOWN = {  # lesson: {module: what is shown, in cells tagged source:MODULE or folded as a task's}
    "01_forward": {"numpy_loop": "sigmoid forward_sample"},
    "02_backward": {"numpy_loop": "backward_sample add_gradients"},
    "03_sequential": {
        "sequential": "sigmoid dot zeros step forward_sample backward_sample add_gradients"
        " gradients"
    },
    "04_numpy": {
        "numpy_loop": "sigmoid forward_sample gradients",
        "numpy_batched": "half_or_one forward slopes backward sum_of_products weight_gradients",
    },
    "06_cuda_v1": {
        "per_sample": "sigmoid forward_sample loss_sample backward_sample product_over_time"
        " sum_over_time",
        "cuda_v1": "add_gradients kernel gradients",
    },
    "07_cuda_v2": {"cuda_v2": "add_gradients kernel blocks_for gradients"},
    "08_cuda_v3": {"buffers": "Piece lent", "cuda_v3": "Buffers gradients"},
    "10_forecast": {"forecast": "one_step rollout"},
    "11_memory": {"cuda_v3c": "forward_sample kernel sample_last gradients"},
    "12_all_cores": {"numba_cpu": "part_of train_samples share_samples sum_in_order"},
    "13_cuda_v4": {"cuda_v4": "forward backward make_kernel right add_samples product"},
    "14_cuda_v5": {"cuda_v5": "ALL sum_of_quad add_quads forward halve parts_of_dh"},
    "15_cuda_v6": {"cuda_v6": "plan_kernel launch_batches"},
    "16_cuda_v7": {"cuda_v7": "gather"},
    "A2_cpu_tiles": {
        "numba_cpu": "LANES FAST compiled LIMIT ONE TOP BOTTOM tanh_of_float32 pack product columns"
        " activate forward_chunk"
    },
}
WHOLE = {  # modules of which a lesson leaves nothing out, but what is named here
    ("03_sequential", "sequential"): "",
    ("04_numpy", "numpy_loop"): "backward_sample add_gradients",  # lesson 02 shows them
    ("04_numpy", "numpy_batched"): "gradients predict",
    ("06_cuda_v1", "cuda_v1"): "",
    ("07_cuda_v2", "cuda_v2"): "THREADS",
    ("08_cuda_v3", "cuda_v3"): "",
}
SOURCE = "source:"


def source_of(module):
    """The text of the module that a tag names."""
    return getsource(import_module(f"{FOLDERS.get(module, 'lstm_kernels.versions')}.{module}"))


def folded_in(lesson):
    """The course's answers to the tasks of a lesson: Python in folded cells."""
    cells = [c for c in read(lesson) if any(tag.startswith("ours:") for tag in tags(c))]
    return [
        text for c in cells for text in re.findall(r"```python\n(.*?)\n```", c.source, re.DOTALL)
    ]


def modules_of(shown):
    """The modules that a cell's tags name."""
    return [tag.removeprefix(SOURCE) for tag in tags(shown) if tag.startswith(SOURCE)]


CELLS_WITH_CODE = [(name, c) for name in LESSONS for c in read(name) if modules_of(c)]


@pytest.mark.parametrize(
    "lesson, module, name",
    [
        (lesson, module, name)
        for lesson, modules in SHOWN.items()
        for module, names in modules.items()
        for name in names.split()
    ],
)
def test_a_lesson_shows_the_modules_own_source(lesson, module, name):
    source = definitions(source_of(module))[name]
    shown = [definitions(c.source).get(name) for c in tagged(lesson, SOURCE + module)]
    shown += [definitions(text).get(name) for text in folded_in(lesson)]
    assert source in shown, "not there, or not character for character"


@pytest.mark.parametrize("lesson, shown", CELLS_WITH_CODE, ids=lambda x: x if x in LESSONS else "")
def test_a_cell_with_a_modules_code_has_nothing_else(lesson, shown):
    own = "\n".join(map(source_of, modules_of(shown)))
    for name, text in definitions(shown.source).items():
        assert f"\n{text}\n" in own, name
    lines = [s for s in shown.source.split("\n") if not s.startswith(("import ", "from "))]
    assert not set(lines) - set(own.split("\n")) - imported(shown)


def imported(shown):
    """The lines of an import that takes several."""
    found = re.findall(r"^from .* import \($(.*?)^\)$", shown.source, re.MULTILINE | re.DOTALL)
    return {line for text in found for line in text.split("\n")} | {")"}


def test_each_cell_with_a_modules_code_is_in_the_table_above():
    found = {(lesson, module) for lesson, shown in CELLS_WITH_CODE for module in modules_of(shown)}
    assert found <= {(lesson, module) for lesson, modules in SHOWN.items() for module in modules}


@pytest.mark.parametrize("lesson, module", WHOLE)
def test_nothing_of_a_module_is_left_out(lesson, module):
    left_out = set(WHOLE[lesson, module].split())
    assert set(definitions(source_of(module))) == set(SHOWN[lesson][module].split()) | left_out


# ---- a lesson is honestly its minutes -----------------------------------------------------

MOST_WORDS, MOST_LINES, MOST_FIGURES = 1500, 300, 8
STAMPED = ("[![Open in ", "To work in, without outputs: ")


def is_folded(cell):
    return any(tag.startswith("ours:") for tag in tags(cell))


LIMITED = LESSONS[1:]  # 00 is a page to come back to


@pytest.mark.parametrize("lesson", LIMITED)
def test_a_lesson_is_not_longer_than_it_says(lesson):
    """Words without the folded answers; lines of code without empty ones and the set-up cell."""
    text = [c.source for c in read(lesson) if c.cell_type == "markdown" and not is_folded(c)]
    lines = [s for s in "\n".join(text).split("\n") if not s.startswith(STAMPED)]
    assert len(" ".join(lines).split()) <= MOST_WORDS
    code = "\n".join(code_cells(lesson)[1:])
    assert sum(bool(line.strip()) for line in code.split("\n")) <= MOST_LINES
    outputs = [out for c in read(lesson) if c.cell_type == "code" for out in c.outputs]
    assert sum("image/png" in out.get("data", {}) for out in outputs) <= MOST_FIGURES


# ---- lessons, by their tables -------------------------------------------------------------

ROW = re.compile(
    r"^\| \[(\w\d|)\b[^]]*\]\((?:notebooks/)?(\w+)\.ipynb\) \|.*?\| (\d+) \|", re.MULTILINE
)


def rows_of(table):
    """[(number, lesson, minutes), ...] of a table of lessons."""
    return ROW.findall(table)


def test_the_first_cell_is_the_title():
    for lesson in LESSONS:
        assert cell(lesson, "title") is read(lesson)[0]
        number = number_of(lesson)
        assert cell(lesson, "title").source.startswith(f"# {number} · " if number else "# ")


def test_tables_of_lesson_00_and_of_the_readme_name_the_same_lessons_and_minutes():
    in_lesson_00 = rows_of("\n".join(c.source for c in tagged("00_start_here", "lessons")))
    in_readme = rows_of((ROOT / "README.md").read_text(encoding="utf-8"))
    assert [lesson for _, lesson, _ in in_readme] == list(LESSONS)
    assert all(number == number_of(lesson) for number, lesson, _ in in_readme)
    assert in_lesson_00 == in_readme[1:], "lesson 00 does not name itself"


@pytest.mark.parametrize("lesson", LESSONS)
def test_each_lesson_says_the_minutes_that_the_tables_say(lesson):
    rows = rows_of((ROOT / "README.md").read_text(encoding="utf-8"))
    minutes = {name: minutes for _, name, minutes in rows}[lesson]
    assert re.search(rf"about\s+{minutes} minutes", cell(lesson, "title").source), minutes


# ---- what is mentioned exists -------------------------------------------------------------

LINK = re.compile(r"\]\(([^)\s]+)\)")
IN_CODE = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)
COMMANDS = re.findall(r"[a-z]+", __main__.__doc__.split("lstm_kernels ")[1])
NUMBERS = set(map(number_of, LESSONS))
ZERO = r"(?<![\w.,:/=-])0\d(?![\w%]|[.:,]\d)"  # in prose, only lessons begin with a zero
AFTER_THE_WORD = r"\b(?:[Ll]essons?|[Aa]ppendix) \w\d\b(?:(?:,| and| to| or) \w\d\b)*"
PLACES = {  # each page, and where it is
    **{f"{name}.ipynb": ROOT / "notebooks" / f"{name}.ipynb" for name in LESSONS},
    **{
        f: ROOT / f
        for f in ("README.md", "CONTRIBUTING.md", "data/README.md", "notebooks/words.md")
    },
    **{
        f"notebooks/lecturer/{f}.md": ROOT / "notebooks" / "lecturer" / f"{f}.md"
        for f in ("README", "plans", "lessons", "questions")
    },
}
PAGES = [page for page, place in PLACES.items() if place.exists()]
TO_BE_WRITTEN = {  # examples in CONTRIBUTING.md, and of a learner's file
    "my_v8.py",
    "lstm_kernels/versions/cuda_v8.py",
    "lstm_kernels/judge/lesson_NN.py",
    "tests/judge/wrong_NN.py",
}
FILES = [
    path.relative_to(ROOT).as_posix()
    for folder in ("lstm_kernels", "tests", ".ci", "notebooks", "data")
    for path in (ROOT / folder).rglob("*.*")
]
MODULES = [name for name in FILES if name.startswith("lstm_kernels/") and name.endswith(".py")]


def text_of(page):
    """The words of a page."""
    if page.endswith(".ipynb"):
        return prose(page.removesuffix(".ipynb"))
    return PLACES[page].read_text(encoding="utf-8")


def whole_text_of(page):
    """The words of a page, and its code."""
    code = code_cells(page.removesuffix(".ipynb")) if page.endswith(".ipynb") else ()
    return "\n".join([text_of(page), *code])


def headings(path):
    """The anchors of a Markdown file, as GitHub makes them of its headings."""
    found = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_inside_the_repository_leads_somewhere(page):
    for link in LINK.findall(IN_CODE.sub("", text_of(page))):
        if not link.startswith("https://"):
            path, _, anchor = link.partition("#")
            target = PLACES[page].parent / path if path else PLACES[page]
            assert target.exists(), link
            assert not anchor or target.suffix != ".md" or anchor in headings(target), link


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_link_of_a_working_edition_leads_somewhere(lesson):
    links = LINK.findall(IN_CODE.sub("", prose(f"do/{lesson}")))
    inside = [link.partition("#")[0] for link in links if not link.startswith(("https://", "#"))]
    assert inside, "not even to the edition to read"
    assert not [link for link in inside if not (ROOT / "notebooks" / "do" / link).exists()]


@pytest.mark.parametrize("page", PAGES)
def test_a_link_to_a_lesson_says_its_number(page):
    for said, target in re.findall(
        r"\[(\w\d) [^]]*\]\((?:[\w.]+/)*(\w\d)_\w+\.ipynb\)", text_of(page)
    ):
        assert said == target


@pytest.mark.parametrize("name", LESSONS)
def test_badges_of_a_notebook_open_this_notebook(name):
    """A lesson's badges open its working edition."""
    opened = re.findall(r"/blob/[^/]+/([^)]+)\)", read(name)[0].source)
    assert opened == [f"notebooks/do/{name}.ipynb"] * 2


def test_badges_of_a_row_of_the_readme_open_the_rows_notebook():
    lines = [s for s in text_of("README.md").splitlines() if "colab-badge" in s]
    for line in lines:
        (name,) = re.findall(r"^\| \[[^]]*\]\(notebooks/([^)]+)\)", line)
        path = f"notebooks/do/{name}"
        assert f"[do]({path})" in line
        assert re.findall(r"/blob/[^/]+/([^)]+)\)", line) == [path] * 2
    assert len(lines) == len(LESSONS)


@pytest.mark.parametrize("page", PAGES)
def test_every_python_file_that_is_mentioned_exists(page):
    text = whole_text_of(page).replace("\\_", "_")  # as Markdown shows it
    for mentioned in set(re.findall(r"(?:\.?\w[\w-]*/)*\w+\.py\b", text)) - TO_BE_WRITTEN:
        assert any(f"/{file}".endswith(f"/{mentioned}") for file in FILES), mentioned


@pytest.mark.parametrize("page", PAGES)
def test_every_folder_of_the_package_that_is_mentioned_exists(page):
    for mentioned in re.findall(r"(?<![\w./-])lstm_kernels(?:/\w+)+/?(?![\w.])", text_of(page)):
        assert (ROOT / mentioned).is_dir(), mentioned


@pytest.mark.parametrize("page", [*PAGES, *MODULES])
def test_every_command_that_is_mentioned_exists(page):
    text = whole_text_of(page) if page in PAGES else comments_of(page)
    for command in re.findall(r"python3? -m\s+lstm_kernels\s+([a-z]+)", text):
        assert command in COMMANDS


@pytest.mark.parametrize("page", [*PAGES, *MODULES])
def test_every_lesson_that_is_mentioned_exists(page):
    text = prose_of(page) if page in PAGES else comments_of(page)
    numbers = set(re.findall(ZERO, text))
    for mentioned in re.findall(AFTER_THE_WORD, " ".join(text.replace("#", " ").split())):
        numbers |= set(re.findall(r"\b\w\d\b", mentioned))
    assert numbers <= NUMBERS, sorted(numbers - NUMBERS)


def prose_of(page):
    """The words of a page without code and addresses, and the comments of its code cells."""
    text = LINK.sub("]", IN_CODE.sub("", text_of(page)))
    code = code_cells(page.removesuffix(".ipynb")) if page.endswith(".ipynb") else ()
    return "\n".join([text, *map(comments, code)])


def comments_of(module):
    return comments((ROOT / module).read_text(encoding="utf-8"))


def comments(code):
    """The comments and docstrings of a piece of Python."""
    tokens = tokenize.generate_tokens(io.StringIO(code).readline)
    return "\n".join(t.string for t in tokens if t.string.startswith(("#", '"""')))
