"""Lesson 14: the banks that V5 asks for; its pictures and its widgets."""

import sys
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.patches import FancyArrowPatch

from lstm_kernels.lab.estimates.thread_layout import bank_turns
from lstm_kernels.lab.figures import blocks as figures
from lstm_kernels.lab.widgets.blocks import BankMap, TileMap
from lstm_kernels.versions import cuda_v5
from lstm_kernels.versions.packing import make_layout
from tests.asked import fake_cuda, place_of, plain
from tests.pictures import faces, names_on, no_overlap, painted, texts, titles, widths


@pytest.mark.parametrize("words, turns", [(range(32), 1), ([7] * 32, 1), (range(0, 64, 2), 2)])
def test_bank_turns(words, turns):
    assert bank_turns(words) == turns
    assert bank_turns([32 * word for word in set(words)]) == len(set(words))


STEPS = {"forward", "backward", "sum_of_warps"}  # of the kernel's functions, those of each step
ARRAYS = "h c gates dh_of_outputs dy dh".split()  # in shared memory, as the kernel makes them


class SharedArray:
    """A shared array that notes each access: array, read or write, line and turn."""

    def __init__(self, name, shape, noted, thread):
        self.name = name
        self.shape, self.noted, self.thread, self.turns = shape, noted, thread, Counter()

    def __getitem__(self, index):
        self.note("read", index)
        return np.float32(0)

    def __setitem__(self, index, value):
        self.note("write", index)

    def note(self, kind, index):
        """noted: access of a warp -> {thread: word}."""
        frame = sys._getframe(2)
        if frame.f_code.co_name not in STEPS:
            return
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
        names = iter(ARRAYS)
        cuda.shared = SimpleNamespace(
            array=lambda s, _, n=thread, names=names: SharedArray(next(names), s, noted, n)
        )
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
        ("c", "read"): {1}, ("c", "write"): {1}, ("gates", "read"): {1}, ("gates", "write"): {1},
        ("dh_of_outputs", "read"): {1},
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
    picture = figures.draw_tile_map(H)
    assert said in titles(picture)[0]
    registers, traffic = picture.axes
    P = 32 if H <= 32 else 64 if H <= 64 else 128
    assert widths(registers) == [2 * H, 2 * (P - H)]
    v4 = 2 * 12 * 16 * H * H / 1024
    assert widths(traffic) == [v4, 16 * P * P / 1024 if P < 128 else 0]
    assert names_on(traffic.yaxis) == ["V4", "V5"]
    no_overlap(picture)


def test_the_tile_map_of_the_smallest_layer_can_be_read():
    no_overlap(figures.draw_tile_map(5))


def test_tiles_are_a_quarter_of_a_row_for_each_thread_and_gate():
    picture = figures.draw_tiles(P=16, j=5)
    (ax,) = picture.axes
    assert titles(picture)[0].startswith("P=16: four threads keep the four rows of unit 5")
    colors = [faces(ax).count(color) for color in figures.QUAD]
    assert colors == [4 + 1] * 4, "a tile in each gate, and one in the legend"
    columns = [w for w in texts(ax) if w.startswith("thread 4 j + ")]
    assert [w.split(": ")[1] for w in columns] == [f"columns {c} to {c + 3}" for c in (0, 4, 8, 12)]
    no_overlap(picture)


def test_the_exchange_ends_with_a_whole_gate_for_each_thread():
    picture = figures.draw_exchange()
    words = texts(picture.axes[0])
    assert [words.count(part) for part in ("a quarter", "a half", "whole")] == [4, 4, 4]
    assert all(words.count(gate) == 4 + 2 + 1 for gate in "ifgo")
    arrows = [p for p in picture.axes[0].patches if isinstance(p, FancyArrowPatch)]
    assert len(arrows) == 2 * 4
    no_overlap(picture)


def test_halvings_end_with_one_sum_per_unit():
    picture = figures.draw_halvings()
    (ax,) = picture.axes
    colors = faces(ax)
    assert colors.count(figures.SKY) == 8 * (8 + 4 + 2) + 8, "kept parts, and the warp's row"
    assert colors.count(figures.GATE_COLORS["i"]) == 8, "whole sums"
    assert [f"unit {u}" in texts(ax) for u in range(8)] == [True] * 8
    arrows = [p for p in ax.patches if isinstance(p, FancyArrowPatch)]
    assert len(arrows) == 3 * 2 + 8
    no_overlap(picture)


def test_banks_are_drawn_with_and_without_the_pad():
    picture = figures.draw_banks(64, (0, 4))
    assert titles(picture) == [
        "reading h, pad 0: 2 turns", "reading h, pad 4: 1 turn",
        "reading dh, pad 0: 4 turns", "reading dh, pad 4: 1 turn",
    ]  # fmt: skip
    assert [len(ax.patches) for ax in picture.axes] == [4, 4, 32, 32], "a square for each word"
    no_overlap(picture)


@pytest.mark.parametrize(
    "widget, control, value, said",
    [
        (TileMap, "hidden", 70, "H=70, does not fit: V7's turn"),
        (BankMap, "pad", 4, "reading h, pad 4: 1 turn"),
        (BankMap, "padded", 32, "reading h, pad 0: 1 turn"),
    ],
)
def test_each_control_repaints_its_picture(widget, control, value, said):
    shown = widget()
    assert titles(painted(shown, getattr(shown, control), value))[0].startswith(said)
