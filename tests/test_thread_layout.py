"""The map of a launch counts what is launched, and not only what works."""

import pytest

from lstm_kernels.lab.estimates.thread_layout import ThreadLayout
from lstm_kernels.lab.figures import threads as figures
from lstm_kernels.lab.figures.style import LIGHT
from tests.pictures import faces, no_overlap


@pytest.mark.parametrize(
    "N, threads, warps, idle",
    [(7, 100, 4, 121), (7, 1024, 32, 1017), (250, 100, 12, 134), (7, 32, 1, 25), (64, 32, 2, 0)],
)
def test_warps_without_a_sample_are_launched_too(N, threads, warps, idle):
    launch = ThreadLayout(N, threads)
    assert (launch.warps, launch.idle_lanes) == (warps, idle)
    samples = [len(launch.samples_of_warp(warp)) for warp in range(warps)]
    assert sum(samples) == N and len(samples) == launch.blocks * -(-threads // 32)


def test_the_map_draws_an_empty_warp_in_grey():
    picture = figures.draw_thread_map(ThreadLayout(7, 100))
    assert "7 samples = 1 block of 100: 4 warps with 121 idle lanes" in picture.get_suptitle()
    lanes = faces(picture.axes[0])
    assert len(lanes) == 4 * 32 and lanes.count(LIGHT) == 121
    assert set(lanes[32:]) == {LIGHT}
    no_overlap(picture)
