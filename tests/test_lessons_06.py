"""Lesson 06: its pictures and its widget; how a launch gives samples to lanes."""

import numpy as np
import pytest

from lstm_kernels import cuda
from lstm_kernels.lab.estimates.cards import CARDS, T4
from lstm_kernels.lab.estimates.thread_layout import ThreadLayout, check_launch, sectors
from lstm_kernels.lab.figures import recorded
from lstm_kernels.lab.figures import threads as figures
from lstm_kernels.lab.figures.style import VERSION_COLORS
from lstm_kernels.lab.measure.timing import Timing
from lstm_kernels.lab.widgets.thread_map import LaunchMap
from tests.pictures import faces, names_on, no_overlap, painted, texts, titles


@cuda.jit
def hello(out):
    n = cuda.grid(1)
    out[n] = n


@pytest.mark.parametrize("card", CARDS.values(), ids=str)
def test_host_and_device_counts_and_draws_the_cores(card):
    picture = figures.draw_host_and_device(card=card)
    (ax,) = picture.axes
    assert f"{card.sms * card.cores:,} cores" in titles(picture)[0]
    dots = [len(group.get_offsets()) for group in ax.collections]
    assert sum(dots) == card.sms * card.cores and dots[1] == 1, "one core is lit, of the first SM"
    assert {"Host", "main memory", f"Device: {card.name}", "the one thread"} <= set(texts(ax))
    if card is T4:
        no_overlap(picture)


def test_a_map_has_one_line_for_each_sample_that_a_thread_does():
    pairs = [(thread, sample) for thread in range(4) for sample in range(7)]
    picture = figures.draw_who_works([("all do all", 4, pairs, "remark")], N=7)
    assert len(picture.axes[0].lines) == len(pairs)
    numbers = [*map(str, range(4)), *map(str, range(7))]
    assert texts(picture.axes[0]) == [*numbers, "threads", "samples", "remark"]
    assert titles(picture) == ["all do all"]
    no_overlap(picture)


def test_more_threads_than_fit_side_by_side_have_the_whole_width():
    mine = [(n, n) for n in range(7)]
    maps = [("V1", 1, [(0, n) for n in range(7)], "one"), ("V2", 32, mine, "the rest is idle")]
    picture = figures.draw_who_works(maps, N=7)
    one, many = picture.axes
    assert one.get_position().y0 > many.get_position().y1, "one below the other"
    assert texts(many)[:32] == [str(n) for n in range(32)] and len(many.lines) == 7
    assert one.get_xlim() == many.get_xlim(), "sample n stands at the same place in both"
    no_overlap(picture)


TIMES = {"numpy_batched": Timing((0.001, 0.002, 0.004)), "cuda_v1": Timing((0.1, 0.2, 0.3))}


def test_times_are_dots_and_an_emulated_one_is_empty():
    picture = recorded.draw_dots({"here": TIMES, "there": TIMES}, emulated={("here", "cuda_v1")})
    here, there = picture.axes
    dots = [[line for line in ax.lines if line.get_marker() == "o"] for ax in picture.axes]
    assert [[dot.get_xdata()[0] for dot in some] for some in dots] == [[0.002, 0.2]] * 2
    assert [dot.get_markerfacecolor() for dot in dots[0]][1] == "white"
    assert [dot.get_markerfacecolor() for dot in dots[1]][1] == VERSION_COLORS["cuda_v1"]
    assert texts(here) == ["2.00 ms", "200 ms (emulated)"] and texts(there) == ["2.00 ms", "200 ms"]
    assert here.get_xscale() == "log" and not here.patches, "no bars on a log scale"
    assert titles(picture) == ["here", "there"] and names_on(here.yaxis) == list(TIMES)
    no_overlap(picture)


def test_ratios_are_written_on_their_bars():
    picture = figures.draw_ratios((1, 8), (1.0, 8.0), "here")
    assert {"1x", "8x"} <= set(texts(picture.axes[0]))
    assert [bar.get_height() for bar in picture.axes[0].patches] == [1.0, 8.0]
    assert titles(picture)[0].endswith("(here)")
    no_overlap(picture)


def test_a_slider_launches_the_kernel_again():
    launch_map = LaunchMap(hello, blocks=2, threads=4)
    picture = painted(launch_map, launch_map.blocks, 3)
    assert titles(picture) == ["hello[3, 4](out): 12 threads write their numbers"]
    assert texts(picture.axes[0])[:12] == [str(n) for n in range(12)]
    assert len(faces(picture.axes[0])) == 12 and len(set(faces(picture.axes[0]))) == 3
    no_overlap(picture)


@pytest.mark.parametrize("N, threads", [(1, 32), (7, 32), (33, 32), (250, 100), (1000, 64), (9, 8)])
def test_a_launch_gives_each_sample_exactly_one_lane(N, threads):
    launch = ThreadLayout(N, threads)
    samples = [n for warp in range(launch.warps) for n in launch.samples_of_warp(warp)]
    assert samples == list(range(N))
    assert launch.idle_lanes == 32 * launch.warps - N
    assert (launch.blocks - 1) * threads < N <= launch.blocks * threads
    assert sum(launch.blocks_of_sms()) == launch.blocks
    assert sum(blocks > 0 for blocks in launch.blocks_of_sms()) == launch.sms


def test_the_published_batch_keeps_seven_lanes_of_one_warp_busy():
    launch = ThreadLayout(7, 32, T4)
    assert (launch.warps, launch.idle_lanes, launch.sms) == (1, 25, 1)


@pytest.mark.parametrize("N, threads, named", [(0, 32, "batch is 0"), (7, 1025, "limit is 1 to")])
def test_an_impossible_launch_is_named(N, threads, named):
    with pytest.raises(ValueError, match=named):
        check_launch(N, threads)


def test_sectors_count_pieces_of_memory():
    assert sectors(4 * np.arange(32)) == 4
    assert sectors(64 * np.arange(32)) == 32
