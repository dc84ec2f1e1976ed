"""What all lessons have in common: they show the modules' own code, and exercises have solutions.

Whatever a test asks of one lesson alone is in that lesson's file, test_lessons_NN.py.
"""

import io
import re
import tokenize
from importlib import import_module
from inspect import getsource

import numpy as np
import pytest

from lstm_kernels import __main__, checks, data
from tests.notebooks import (
    LESSONS,
    ROOT,
    SOLUTIONS,
    cell,
    code_cells,
    definitions,
    outputs,
    prose,
    read,
    tagged,
    tags,
)

# ---- the code that a lesson shows ---------------------------------------------------------

FOLDERS = {  # of modules that are no versions
    "timing": "lstm_kernels.lab.measure",
    "forecast": "lstm_kernels.lab",
    "roofline": "lstm_kernels.lab.estimates",
}
SHOWN = {  # lesson: {module: what of it is shown, in cells with the tag source:MODULE}
    "01_lstm_math": {"numpy_loop": "sigmoid forward_sample backward_sample"},
    "03_sequential": {
        "sequential": "sigmoid dot zeros step forward_sample backward_sample add_gradients"
        " gradients"
    },
    "04_numpy": {
        "numpy_loop": "sigmoid forward_sample backward_sample add_gradients gradients",
        "numpy_batched": "half_or_one forward slopes backward sum_of_products weight_gradients"
        " gradients",
    },
    "06_cuda_v1": {
        "per_sample": "sigmoid forward_sample loss_sample backward_sample product_over_time"
        " sum_over_time",
        "cuda_v1": "add_gradients kernel gradients",
    },
    "07_cuda_v2": {"cuda_v2": "add_gradients kernel blocks_for gradients"},
    "08_cuda_v3": {"buffers": "Piece lent", "cuda_v3": "Buffers gradients"},
    "09_race": {"timing": "measure", "forecast": "one_step rollout"},
    "12_all_cores": {
        "numba_cpu": "WORKERS LANES FEW FAST compiled into_caller CACHE_LINE one_at_a_time LIMIT"
        " ONE TOP BOTTOM tanh_of_float32 tanh choose_tanh sigmoid dot add_scaled forward_sample"
        " loss_sample backward_sample train_samples share_samples product add_sums columns"
        " activate gates_to_dz forward_chunk loss_chunk backward_chunk workspace train_chunks"
        " share_chunks at_its_address whole units_of pack unpack gradients"
    },
    "13_cuda_v4": {
        "cuda_v4": "forward outputs backward MAX_H ROOM SIDE ROWS SQUARE make_kernel right"
        " add_samples product make_weights_kernel check_hidden_size weights_shape Buffers gradients"
    },
    "14_cuda_v5": {
        "cuda_v5": "ALL MASK PAD BLOCKS_OF_SM thread_number sigmoid tanh"
        " activate add_quads sum_of_quad share_quads halve step_of_lane inputs begin forward keep"
        " output output_gradients backward_step parts_of_dh first_column nothing_after"
        " sum_of_warps backward input_gradients window_steps make_kernel"
        " count_blocks workspace_shapes Steps check_hidden_size gradients",
        "parts": "SUM_THREADS SUM_ROWS sum_of_parts make_sum_kernel sum_shape Buffers one_batch",
    },
    "15_cuda_v6": {
        "cuda_v6": "make_sgd make_adam plan_kernel count_kernel Room DeviceTraining room_for fit"
        " train",
    },
    "16_cuda_v7": {"cuda_v7": "gather multiply_row leave"},
    "17_roofline": {"roofline": "operations numbers_v4 numbers_v5 chain_v2 chain_v4 chain_v5"},
}
WHOLE = {  # modules of which a lesson leaves nothing out, but what is named here
    ("03_sequential", "sequential"): "",
    ("04_numpy", "numpy_loop"): "",
    ("04_numpy", "numpy_batched"): "predict",
    ("06_cuda_v1", "cuda_v1"): "",
    ("07_cuda_v2", "cuda_v2"): "THREADS",
    ("08_cuda_v3", "cuda_v3"): "",
    ("12_all_cores", "numba_cpu"): "",
    ("13_cuda_v4", "cuda_v4"): "",
    ("14_cuda_v5", "cuda_v5"): "",
}
NOT_IN_THE_MODULE = {  # what a lesson adds to the module's code, in the same cell
    "loop_gradients = gradients  # keep the first way: the second way will use the name again",
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
        assert text in NOT_IN_THE_MODULE or f"\n{text}\n" in own, name
    lines = [s for s in shown.source.split("\n") if not s.startswith(("import ", "from "))]
    assert set(lines) - set(own.split("\n")) - imported(shown) <= NOT_IN_THE_MODULE


def imported(shown):
    """The lines of an import that takes several."""
    found = re.findall(r"^from .* import \($(.*?)^\)$", shown.source, re.MULTILINE | re.DOTALL)
    return {line for text in found for line in text.split("\n")} | {")"}


def test_each_cell_with_a_modules_code_is_in_the_table_above():
    found = {(lesson, module) for lesson, shown in CELLS_WITH_CODE for module in modules_of(shown)}
    assert found == {(lesson, module) for lesson, modules in SHOWN.items() for module in modules}


@pytest.mark.parametrize("lesson, module", WHOLE)
def test_nothing_of_a_module_is_left_out(lesson, module):
    left_out = set(WHOLE[lesson, module].split())
    assert set(definitions(source_of(module))) == set(SHOWN[lesson][module].split()) | left_out


# ---- exercises ----------------------------------------------------------------------------

EXERCISES = {  # how many
    "00_start_here": 3, "01_lstm_math": 4, "03_sequential": 3, "04_numpy": 3, "06_cuda_v1": 2,
    "08_cuda_v3": 3, "09_race": 3, "12_all_cores": 3, "13_cuda_v4": 3,
    "14_cuda_v5": 3, "15_cuda_v6": 3, "16_cuda_v7": 4, "17_roofline": 3,
    "A1_how_the_emulator_works": 1,
}  # fmt: skip
WITHOUT_SOLUTIONS = {"A1_how_the_emulator_works", *(set(LESSONS) - set(EXERCISES))}
ALL = [(lesson, n) for lesson, many in EXERCISES.items() for n in range(1, many + 1)]
SOLVED = [(lesson, n) for lesson, n in ALL if lesson not in WITHOUT_SOLUTIONS]


def solutions_of(lesson):
    return f"solutions/{lesson[:2]}_solutions"


def check_of(exercise):
    """The check, from its definition to its call, at the cell's end."""
    return exercise.source[exercise.source.index("\n\n\ndef check_") :].strip()


def test_each_exercise_has_its_tag():
    for name in (*LESSONS, *SOLUTIONS):
        lesson = next(lesson for lesson in LESSONS if lesson[:2] in name)
        many = EXERCISES.get(lesson, 0)
        found = [tag for c in read(name) for tag in tags(c) if tag.startswith("exercise:")]
        assert found == [f"exercise:{n}" for n in range(1, many + 1)], name
        called = [text for text in code_cells(name) if "\nchecks.exercise(" in text]
        assert len(called) == many, name


def test_each_lesson_has_solutions():
    wanted = [solutions_of(lesson) for lesson in LESSONS if lesson not in WITHOUT_SOLUTIONS]
    assert list(SOLUTIONS) == wanted


@pytest.mark.parametrize("lesson, number", SOLVED)
def test_an_exercise_is_solved_with_the_same_check(lesson, number):
    exercise = cell(lesson, f"exercise:{number}")
    assert check_of(exercise) == check_of(cell(solutions_of(lesson), f"exercise:{number}"))


@pytest.mark.parametrize(
    "lesson, number, name, cheat",
    [
        ("09_race", 3, "plan", lambda values: np.zeros(24)),
    ],
)
def test_what_only_suits_the_check_does_not_pass(lesson, number, name, cheat, capsys):
    names = {"np": np, "data": data, "checks": checks, "find_data_races": checks.find_data_races}
    exec(check_of(cell(lesson, f"exercise:{number}")), {**names, name: cheat})
    assert capsys.readouterr().out.startswith(f"not yet: {number}, ")


@pytest.mark.parametrize("lesson, number", ALL)
def test_a_saved_exercise_is_not_solved_yet(lesson, number):
    exercise = cell(lesson, f"exercise:{number}")
    assert outputs(exercise).splitlines()[-1].lower().startswith("not yet: ")


@pytest.mark.parametrize("lesson, number", SOLVED)
def test_a_saved_solution_is_right(lesson, number):
    said = outputs(cell(solutions_of(lesson), f"exercise:{number}")).splitlines()
    assert said[-1].startswith("ok: ") and not any("not yet" in s.lower() for s in said)


@pytest.mark.parametrize("lesson, number", [e for e in ALL if "06" <= e[0] < "A"])
def test_an_exercise_is_named_by_its_number(lesson, number):
    assert f'\nchecks.exercise("{number}, ' in cell(lesson, f"exercise:{number}").source


# ---- lessons, by their tables -------------------------------------------------------------

ROW = re.compile(
    r"^\| \[(\w\d) [^]]*\]\((?:notebooks/)?(\w+)\.ipynb\) \|.*?\| (\d+) \|", re.MULTILINE
)


def rows_of(table):
    """[(number, lesson, minutes), ...] of a table of lessons."""
    return ROW.findall(table)


def test_the_first_cell_is_the_title():
    for lesson in LESSONS:
        assert cell(lesson, "title") is read(lesson)[0]
        assert cell(lesson, "title").source.startswith(f"# {lesson[:2]} · ")


def test_tables_of_lesson_00_and_of_the_readme_name_the_same_lessons_and_minutes():
    in_lesson_00 = rows_of("\n".join(c.source for c in tagged("00_start_here", "lessons")))
    in_readme = rows_of((ROOT / "README.md").read_text(encoding="utf-8"))
    assert [lesson for _, lesson, _ in in_readme] == list(LESSONS)
    assert all(number == lesson[:2] for number, lesson, _ in in_readme)
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
NUMBERS = {lesson[:2] for lesson in LESSONS}
ZERO = r"(?<![\w.,:/=-])0\d(?![\w%]|[.:,]\d)"  # in prose, only lessons begin with a zero
AFTER_THE_WORD = r"\b(?:[Ll]essons?|[Aa]ppendix) \w\d\b(?:(?:,| and| to| or) \w\d\b)*"
PLACES = {  # each page, and where it is
    **{f"{name}.ipynb": ROOT / "notebooks" / f"{name}.ipynb" for name in (*LESSONS, *SOLUTIONS)},
    **{f: ROOT / f for f in ("README.md", "CONTRIBUTING.md", "data/README.md")},
}
PAGES = [page for page, place in PLACES.items() if place.exists()]
TO_BE_WRITTEN = {"lstm_kernels/versions/cuda_v8.py"}  # as an example, in CONTRIBUTING.md
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


@pytest.mark.parametrize("page", PAGES)
def test_a_link_to_a_lesson_says_its_number(page):
    for said, target in re.findall(
        r"\[(\w\d) [^]]*\]\((?:[\w.]+/)*(\w\d)_\w+\.ipynb\)", text_of(page)
    ):
        assert said == target


@pytest.mark.parametrize("name", [*LESSONS, *SOLUTIONS])
def test_badges_of_a_notebook_open_this_notebook(name):
    """A lesson's badges open its working edition."""
    opened = re.findall(r"/blob/[^/]+/([^)]+)\)", read(name)[0].source)
    place = f"do/{name}" if name in LESSONS else name
    assert opened == [f"notebooks/{place}.ipynb"] * 2


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
