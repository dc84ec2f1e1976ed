"""Lesson 14: its code is V5's own, its pictures and its widgets work."""

import inspect
import sys
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from lstm_kernels.lab.estimates.thread_layout import bank_turns
from lstm_kernels.lab.figures import blocks as figures
from lstm_kernels.lab.widgets.blocks import BankMap, TileMap
from lstm_kernels.versions import cuda_v5
from lstm_kernels.versions.packing import make_layout
from tests.asked import fake_cuda, place_of, plain
from tests.test_lessons_06 import PNG, code_cells
from tests.test_lessons_13 import check_exercise, source_of

SHOWN = ("sigmoid", "tanh", "add_quads", "share_quads", "halve", "forward", "outputs")
SHOWN += ("backward_step", "backward", "make_kernel", "sum_of_parts", "sum_kernel")
SHOWN += ("count_blocks", "workspace_shapes", "gradients")


@pytest.mark.parametrize("name", SHOWN)
def test_lesson_14_shows_the_modules_own_source(name):
    source = source_of(getattr(cuda_v5, name))
    assert any(source in text for text in code_cells("14_cuda_v5"))


@pytest.mark.parametrize("name", ["ALL", "PAD", "BLOCKS_OF_SM"])
def test_lesson_14_has_the_modules_constants(name):
    line = next(s for s in inspect.getsource(cuda_v5).splitlines() if s.startswith(f"{name} ="))
    assert any(line in text.splitlines() for text in code_cells("14_cuda_v5"))


@pytest.mark.parametrize("number", [1, 2, 3])
def test_each_exercise_of_lesson_14_is_solved_with_the_same_check(number):
    check_exercise("14_cuda_v5", number)


@pytest.mark.parametrize("words, turns", [(range(32), 1), ([7] * 32, 1), (range(0, 64, 2), 2)])
def test_bank_turns(words, turns):
    assert bank_turns(words) == turns
    assert bank_turns([32 * word for word in set(words)]) == len(set(words))


class SharedArray:
    """A shared array that notes each access: array, read or write, line and turn."""

    def __init__(self, shape, noted, thread):
        self.name = "h" if len(shape) == 2 else "dh"
        self.shape, self.noted, self.thread, self.turns = shape, noted, thread, Counter()

    def __getitem__(self, index):
        self.note("read", index)
        return np.float32(0)

    def __setitem__(self, index, value):
        self.note("write", index)

    def note(self, kind, index):
        """noted: access of a warp -> {thread: word}."""
        frame = sys._getframe(2)
        site = frame.f_code, place_of(frame)
        self.turns[site] += 1
        access = self.name, kind, site, self.turns[site], self.thread // 32
        word = int(np.ravel_multi_index(index, self.shape))
        self.noted.setdefault(access, {})[self.thread] = word


def shared_words(P, T=3):
    """All accesses of shared memory by V5's kernel for one sample, thread after thread."""
    layout, noted = make_layout(1, P, 1), {}
    arrays = [np.zeros(s, "f4") for s in cuda_v5.workspace_shapes(T, 1, 1, layout, 4)]
    x, at = np.zeros((T, 1, 1), "f4"), (layout.U, layout.B, layout.V, layout.b_out)
    batch = x, x, np.arange(1), 0, 1, np.float32(1)
    kernel = cuda_v5.make_kernel.__wrapped__(P, np.dtype("f4"))
    for thread in range(4 * P):
        cuda = fake_cuda((1, 1), (4 * P, 1), (0, 0), (thread, 0))
        cuda.shared = SimpleNamespace(array=lambda s, _, n=thread: SharedArray(s, noted, n))
        plain(kernel, cuda)(np.zeros(layout.size, "f4"), *at, *batch, *arrays)
    return noted


def turns_by_array(noted):
    """(array, read or write) -> the numbers of bank turns that its accesses take."""
    found = {}
    for (name, kind, *_), words in noted.items():
        found.setdefault((name, kind), set()).add(bank_turns(words.values()))
    return found


@pytest.mark.parametrize("P", [32, 64])
def test_v5s_pad_leaves_no_bank_conflict_but_in_one_write(P):
    """What the kernel asks for.  With P=64 a thread writes two neighbours of dh.

    One after the other they take two turns each.  The compiler writes both at once
    (test_report.py); 64 words need two turns at least, more if a card takes half warps.
    """
    noted = shared_words(P)
    assert turns_by_array(noted) == {
        ("h", "read"): {1}, ("h", "write"): {1}, ("dh", "read"): {1}, ("dh", "write"): {P // 32},
    }  # fmt: skip
    asked = [list(words.values()) for words in noted.values()]
    assert all(
        words(P, cuda_v5.PAD) in asked for words in (figures.words_of_h, figures.words_of_dh)
    )


def test_without_the_pad_reads_wait_as_the_picture_says(monkeypatch):
    monkeypatch.setattr(cuda_v5, "PAD", 0)
    turns = turns_by_array(shared_words(64))
    assert turns["h", "read"] == {bank_turns(figures.words_of_h(64, 0))} == {2}
    assert turns["dh", "read"] == {bank_turns(figures.words_of_dh(64, 0))} == {4}


@pytest.mark.parametrize("H, said", [(32, "P=32: 128 threads"), (33, "P=64"), (65, "does not fit")])
def test_the_tile_map_says_what_fits(H, said):
    assert said in figures.draw_tile_map(H).axes[0].get_title(loc="left")


@pytest.mark.parametrize("draw", [figures.draw_tiles, figures.draw_exchange])
def test_fixed_figures_of_lesson_14_are_png(draw):
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
