"""Lesson 05: its pictures, and what the judge counts for it."""

import numpy as np
import pytest
from numba import float32

from lstm_kernels import cuda, data
from lstm_kernels.judge.eyes import bank_conflicts, pieces, reads_by_thread, watch
from lstm_kernels.lab.figures import ladder
from lstm_kernels.lab.figures.style import LIGHT, SKY, VERMILLION
from tests.pictures import curves, faces, no_overlap, texts

PICTURES = (
    ladder.draw_map_and_guard,
    ladder.draw_grid_and_stencil,
    ladder.draw_tree_and_two_steps,
    ladder.draw_atomics_and_histogram,
    ladder.draw_scan_and_banks,
    ladder.draw_tiles_and_shuffles,
)


@pytest.mark.parametrize("draw", PICTURES)
def test_no_two_words_of_a_map_lie_on_each_other(draw):
    picture = draw()
    assert len(picture.axes) == 2 and "05." in picture.alt
    no_overlap(picture)


@pytest.mark.parametrize("months, blocks", [(144, 5), (33, 2), (128, 4)])
def test_the_guard_stops_the_threads_past_the_last_month(months, blocks):
    picture = ladder.draw_map_and_guard(months)
    squares = faces(picture.axes[1])
    assert [squares.count(color) for color in (VERMILLION, LIGHT)] == [months, 32 * blocks - months]


def test_the_threads_of_the_grid_past_the_edge_are_grey():
    grid, _ = ladder.draw_grid_and_stencil(N=10, K=20).axes
    beyond_the_edge = 16 * 24 - 10 * 20
    assert faces(grid).count(LIGHT) == beyond_the_edge + 2 * (20 - 1) + (10 - 1)


def test_a_tree_halves_its_sums():
    tree, _ = ladder.draw_tree_and_two_steps().axes
    assert faces(tree).count(SKY) == 12 + 8 + 4 + 2 + 1 and len(curves(tree)) == 4


def test_the_drawn_scan_is_one():
    months = (3, 1, 4, 1, 5, 9, 2, 6)
    scan, _ = ladder.draw_scan_and_banks(months).axes
    numbers = [int(word) for word in texts(scan) if word.isdigit()]
    assert numbers[-8:] == [sum(months[:n]) for n in range(8)]


def test_a_column_of_the_wider_tile_has_every_bank():
    _, banks = ladder.draw_scan_and_banks().axes
    numbers = [int(word) for word in texts(banks) if word.isdigit()]
    narrow, wide = numbers[:64:8], numbers[64::9]
    assert narrow == [0] * 8 and wide == list(range(8))


def test_the_average_begins_half_a_year_after_the_series():
    series = data.load_airline()
    average = np.convolve(series.values, np.ones(12) / 12, "valid")
    picture = ladder.draw_average(series, average)
    both = picture.axes[0].lines
    assert [len(line.get_ydata()) for line in both] == [144, 133]
    assert str(both[1].get_xdata()[0]) == "1949-07" and "from 127 to 476" in picture.alt
    no_overlap(picture)


# ---- what the judge counts --------------------------------------------------------------------


@cuda.jit
def columns_of_32(a, out):
    tile = cuda.shared.array((32, 32), float32)
    i, j = cuda.threadIdx.x, cuda.threadIdx.y
    tile[j, i] = a[j, i]
    cuda.syncthreads()
    if i < 16:
        out[j, i] = tile[i, j]


def test_bank_conflicts_and_pieces_are_counted_by_address():
    a = np.ones((4, 32), np.float32)
    run = watch(columns_of_32, 1, (32, 4), a=a, out=np.zeros((4, 16), np.float32), log=True)
    assert bank_conflicts(run) == 4 * 15  # 16 lanes in one bank; a write by rows has none
    assert (pieces(run, "a"), pieces(run, "out")) == (4 * 4, 4 * 2)
    assert reads_by_thread(run, "a") == dict.fromkeys(range(4 * 32), 1)
    assert set(reads_by_thread(run)) == {32 * j + i for j in range(4) for i in range(16)}


@cuda.jit
def one_word_for_all(a, out):
    share = cuda.shared.array(64, float32)
    n = cuda.threadIdx.x
    share[n] = a[n]
    cuda.syncthreads()
    for m in range(2):
        out[n] = share[32 * m]


def test_a_word_that_all_lanes_read_costs_one_turn():
    a = np.ones(64, np.float32)
    run = watch(one_word_for_all, 1, 64, a=a, out=np.zeros(64, np.float32), log=True)
    assert bank_conflicts(run) == 0
    assert reads_by_thread(run) == dict.fromkeys(range(64), 2)
