"""The map of a launch counts what is launched, and not only what works."""

import pytest

from lstm_kernels import checks, data, init_params
from lstm_kernels.emulator import dispatcher
from lstm_kernels.emulator.observe import observe
from lstm_kernels.lab.estimates.thread_layout import ThreadLayout, bank_turns, sectors
from lstm_kernels.lab.figures import threads as figures
from lstm_kernels.lab.figures.style import LIGHT
from lstm_kernels.versions import VERSIONS
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


# ---- the formulas, and what `count` counts of the versions' own launches --------------------


def launches_of(version, N, T, H, monkeypatch):
    """The launches of one training step, emulated: (kernel, grid, block), arguments, bytes."""
    seen = []

    def note(launch, args):
        asked = launch.kernel, launch.grid, launch.block, *args
        seen.append((asked, {"shared_bytes": launch.shared_bytes}))

    monkeypatch.setattr(dispatcher, "before_launch", [note])
    VERSIONS[version].gradients(init_params(1, H, 1), *data.panel(N, T))
    monkeypatch.undo()
    return seen


@pytest.mark.long
@pytest.mark.parametrize("N", [7, 32, 40])
def test_v2s_warps_and_idle_lanes_are_those_counted(N, monkeypatch):
    ((asked, shared),) = launches_of("cuda_v2", N, 3, 4, monkeypatch)
    counted, layout = checks.count(*asked, **shared), ThreadLayout(N, 32)
    assert counted.grid == (layout.blocks, 1, 1)
    assert counted.idle_lanes + counted.missing_lanes == layout.idle_lanes
    empty = [not layout.samples_of_warp(warp) for warp in range(layout.warps)]
    assert counted.idle_warps == sum(empty)


@pytest.mark.long
@pytest.mark.parametrize("version, N, H", [("cuda_v2", 40, 5), ("cuda_v4", 3, 20)])
def test_sectors_and_turns_of_a_launch_are_those_counted(version, N, H, monkeypatch):
    """The same rule, applied from Python to each request of a log of all accesses."""
    for asked, shared in launches_of(version, N, 3, H, monkeypatch):
        requests = observe(*asked, **shared, log=True).requests
        # what is updated is loaded and stored: two requests
        times = [1 + (r.kind == "reads and writes") for r in requests]
        pairs = list(zip(requests, times, strict=True))
        total = checks.count(*asked, **shared).total
        of_global = [n * sectors(r.offsets) for r, n in pairs if r.name != "shared"]
        of_shared = [
            n * bank_turns(offset // 4 for offset in r.offsets)
            for r, n in pairs
            if r.name == "shared"
        ]
        assert total.requests == sum(times)
        assert (total.sectors, total.turns) == (sum(of_global), sum(of_shared))
        assert total.sectors and bool(total.turns) == bool(of_shared)
