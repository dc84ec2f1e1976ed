"""my_version, the starter notebook: what it shows, and that its version, solved, can be entered."""

import inspect

import pytest
from editions import answer_to, with_answer

from lstm_kernels import VERSIONS
from lstm_kernels.judge import lesson_my
from lstm_kernels.judge.version import count, verdict_on
from tests.judge.pages import cell_of, run_cell
from tests.notebooks import code_cells, definitions, outputs, tagged

GIVEN = ("sum_over_block", "product_over_block")


def solved():
    """The cells that define the version, with the course's answer."""
    cells = [c for c in code_cells("my_version") if "def " in c and "@title" not in c]
    answer = answer_to("my.1", cell_of("my.1"))
    return [with_answer(c, answer) if "judge(" in c else c for c in cells]


def test_what_is_given_is_the_modules_own():
    ours = definitions(inspect.getsource(lesson_my))
    shown = "\n".join(code_cells("my_version"))
    for name in GIVEN:
        assert ours[name] in shown


def test_the_page_unsolved_enters_nothing():
    (cell,) = tagged("my_version", "enter")
    assert outputs(cell) == (
        "mine: not yet. It uses add_block, which is the course's own: here you write it yourself.\n"
    )


@pytest.mark.long
def test_solved_it_is_right_with_a_32nd_of_the_atomic_additions(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("LSTM_KERNELS_PROGRESS", str(tmp_path / "progress.json"))
    page = {"__name__": "page"}
    for cell in solved():
        run_cell(cell, page)
    assert "my.1 add_block: right." in capsys.readouterr().out
    verdict = verdict_on(page["gradients"])
    assert verdict.wrong == ""
    _, v2 = count(VERSIONS["cuda_v2"].gradients)
    assert 32 * verdict.counts.atomics == v2.atomics
    assert (verdict.counts.reads, verdict.counts.writes) == (v2.reads, v2.writes)
    assert verdict.counts.barriers == 2, "one in each of two blocks"
