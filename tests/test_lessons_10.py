"""Lesson 10: its code is V5's own, its pictures and its widgets work."""

import inspect

import pytest

from lstm_kernels.figures import blocks as figures
from lstm_kernels.launch import bank_turns
from lstm_kernels.versions import cuda_v5
from lstm_kernels.widgets.blocks import BankMap, TileMap
from tests.test_lessons_04 import PNG, code_cells
from tests.test_lessons_09 import check_exercise, source_of

SHOWN = ("sigmoid", "tanh", "add_quads", "share_quads", "halve", "forward", "outputs")
SHOWN += ("backward_step", "backward", "make_kernel", "sum_of_parts", "sum_kernel")
SHOWN += ("count_blocks", "workspace_shapes", "gradients")


@pytest.mark.parametrize("name", SHOWN)
def test_lesson_10_shows_the_modules_own_source(name):
    source = source_of(getattr(cuda_v5, name))
    assert any(source in text for text in code_cells("10_cuda_v5"))


@pytest.mark.parametrize("name", ["ALL", "PAD", "BLOCKS_OF_SM"])
def test_lesson_10_has_the_modules_constants(name):
    line = next(s for s in inspect.getsource(cuda_v5).splitlines() if s.startswith(f"{name} ="))
    assert any(line in text.splitlines() for text in code_cells("10_cuda_v5"))


@pytest.mark.parametrize("number", [1, 2, 3])
def test_each_exercise_of_lesson_10_is_solved_with_the_same_check(number):
    check_exercise("10_cuda_v5", number)


@pytest.mark.parametrize("words, turns", [(range(32), 1), ([7] * 32, 1), (range(0, 64, 2), 2)])
def test_bank_turns(words, turns):
    assert bank_turns(words) == turns
    assert bank_turns([32 * word for word in set(words)]) == len(set(words))


@pytest.mark.parametrize("P", [32, 64])
def test_v5s_pad_leaves_no_bank_conflict(P):
    for words in (figures.words_of_h, figures.words_of_dh):
        assert bank_turns(words(P, cuda_v5.PAD)) == 1


@pytest.mark.parametrize("H, said", [(32, "P=32: 128 threads"), (33, "P=64"), (65, "does not fit")])
def test_the_tile_map_says_what_fits(H, said):
    assert said in figures.draw_tile_map(H).axes[0].get_title(loc="left")


@pytest.mark.parametrize("draw", [figures.draw_tiles, figures.draw_exchange])
def test_fixed_figures_of_lesson_10_are_png(draw):
    assert draw()._repr_png_().startswith(PNG)


def test_registers_and_banks_are_png():
    rows = [(32, 162), (128, None)]
    assert figures.draw_registers(rows)._repr_png_().startswith(PNG)
    picture = figures.draw_banks(64, (0, 4))
    assert "4 turns" in picture.axes[2].get_title(loc="left")
    assert picture._repr_png_().startswith(PNG)


@pytest.mark.parametrize(
    "widget, control, value",
    [(TileMap, "hidden", 70), (BankMap, "pad", 4), (BankMap, "padded", 32)],
)
def test_each_control_repaints_its_picture(widget, control, value):
    shown = widget()
    before = bytes(shown.image.value)
    getattr(shown, control).value = value
    after = bytes(shown.image.value)
    assert after.startswith(PNG) and after != before
