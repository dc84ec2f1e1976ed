"""Lesson 06: its code is the modules' own, its pictures and its widget work."""

import inspect
from pathlib import Path

import nbformat
import numpy as np
import pytest

from lstm_kernels import cuda
from lstm_kernels.lab.estimates.cards import CARDS, T4
from lstm_kernels.lab.estimates.thread_layout import ThreadLayout, check_launch, sectors
from lstm_kernels.lab.figures import threads as figures
from lstm_kernels.lab.widgets.thread_map import LaunchMap
from lstm_kernels.versions import cuda_v1, per_sample

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
PNG = b"\x89PNG"
SHOWN = {
    per_sample: ("sigmoid", "forward_sample", "loss_sample", "backward_sample")
    + ("product_over_time", "sum_over_time"),
    cuda_v1: ("add_gradients", "kernel", "gradients"),
}


def code_cells(name):
    """The sources of a notebook's code cells."""
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def own_source(module, name):
    """A function's text in its module, decorator included."""
    function = getattr(module, name)
    return inspect.getsource(getattr(function, "py_func", None) or function.fn).strip()


@cuda.jit
def hello(out):
    n = cuda.grid(1)
    out[n] = n


@pytest.mark.parametrize(
    "module, name", [(module, name) for module, names in SHOWN.items() for name in names]
)
def test_lesson_06_shows_the_modules_own_source(module, name):
    source = inspect.getsource(cuda_v1.gradients) if name == "gradients" else None
    source = (source or own_source(module, name)).strip()
    assert any(source in text for text in code_cells("06_cuda_v1"))


@pytest.mark.parametrize("number", [1, 2])
def test_each_exercise_of_lesson_06_is_solved_with_the_same_check(number):
    solutions = "\n".join(code_cells("solutions/06_solutions"))
    text = next(t for t in code_cells("06_cuda_v1") if f'checks.exercise("{number},' in t)
    assert text[text.index("\n\n\ndef check_") :].strip() in solutions


@pytest.mark.parametrize("card", CARDS.values(), ids=str)
def test_host_and_device_is_a_png_that_counts_the_cores(card):
    picture = figures.draw_host_and_device(card=card)
    assert picture._repr_png_().startswith(PNG)
    assert f"{card.sms * card.cores:,} cores" in picture.axes[0].get_title(loc="left")


def test_a_map_has_one_line_for_each_sample_that_a_thread_does():
    pairs = [(thread, sample) for thread in range(4) for sample in range(7)]
    picture = figures.draw_who_works([("all do all", 4, pairs, "")], N=7)
    assert len(picture.axes[0].lines) == len(pairs)


def test_ratios_are_written_on_their_bars():
    picture = figures.draw_ratios((1, 8), (1.0, 8.0), "here")
    assert {"1x", "8x"} <= {text.get_text() for text in picture.axes[0].texts}


def test_a_slider_launches_the_kernel_again():
    launch_map = LaunchMap(hello, blocks=2, threads=4)
    before = bytes(launch_map.image.value)
    launch_map.blocks.value = 3
    after = bytes(launch_map.image.value)
    assert after.startswith(PNG) and after != before
    shown = [text.get_text() for text in launch_map.picture().axes[0].texts]
    assert shown[:12] == [str(n) for n in range(12)]


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
