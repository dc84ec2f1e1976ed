"""Lesson 12 and appendix A2: their pictures and their widgets."""

import pytest

from lstm_kernels.lab.figures import cores as figures
from lstm_kernels.lab.figures.style import BLUE, GREEN, ORANGE
from lstm_kernels.lab.measure.cpu_baselines import ShapeTimings
from lstm_kernels.lab.measure.timing import Timing
from lstm_kernels.lab.widgets.cores import CoresMap, WorkersMap
from lstm_kernels.versions import simd
from tests.pictures import curves, faces, names_on, no_overlap, painted, texts, titles, widths


@pytest.mark.parametrize("N, workers, said", [(10, 3, "3 or 4 samples"), (60, 20, "3 samples")])
def test_each_worker_has_its_samples_and_a_box(N, workers, said):
    picture = figures.draw_workers(N, workers)
    assert f"{N} samples, {workers} workers with {said} each" in picture.get_suptitle()
    squares = faces(picture.axes[0])
    filled = sum(squares.count(color) for color in set(figures.CORE_COLORS))
    assert filled == N + workers, "a square per sample, an arrow per worker"
    assert squares[:3] == [BLUE] * 3 and squares[5:8] == [ORANGE] * 3
    assert texts(picture.axes[0])[-2].startswith("G[0] + G[1] + ")
    no_overlap(picture)


@pytest.mark.parametrize(
    "N, cores, said",
    [
        (1, 2, "1 sample: 1 chunk on 1 of 2 cores, 31 idle lanes,\n1 chunk in a row"),
        (129, 2, "5 chunks on 2 of 2 cores, 31 idle lanes,\n3 chunks in a row"),
        (1000, 64, "32 chunks on 32 of 64 cores, 24 idle lanes"),
    ],
)
def test_the_map_says_what_is_idle(N, cores, said):
    picture = figures.draw_cores(N, cores)
    assert said in picture.get_suptitle()
    assert len(picture.axes[0].patches) == 32 * min(-(-N // 32), figures.MAX_ROWS)
    assert names_of_chunks(picture) == [
        f"chunk {chunk}" for chunk in range(min(-(-N // 32), figures.MAX_ROWS))
    ]
    no_overlap(picture)


def names_of_chunks(picture):
    return [words for words in texts(picture.axes[0]) if words.startswith("chunk ")]


def test_one_instruction_takes_one_sample_or_all_lanes():
    picture = figures.draw_lanes(units=3, lanes=8)
    assert titles(picture) == ["sample after sample: h[n, j]", "samples last: h[j, n]"]
    apart, together = picture.axes
    assert (faces(apart).count(ORANGE), faces(together).count(ORANGE)) == (1, 8)
    assert texts(apart)[:3] == ["0", "3", "6"] and texts(together)[:3] == ["0", "1", "2"]
    assert "one instruction: 1 sample" in texts(apart)
    no_overlap(picture)


@pytest.mark.parametrize("rows, width", [(simd.ROWS, simd.BYTES // 4), (4, 8)])
def test_a_tile_keeps_a_vector_for_each_row_and_column(rows, width):
    picture = figures.draw_tile(rows=rows, width=width)
    (ax,) = picture.axes
    vectors = rows * simd.COLUMNS
    counts = [faces(ax).count(color) for color in (GREEN, BLUE, ORANGE)]
    assert counts == [vectors, simd.COLUMNS, rows]
    assert f"{vectors} multiply-adds of {width} numbers in a turn" in texts(ax)
    no_overlap(picture)


TIMINGS = {1: Timing((4.0, 4.0, 4.1)), 2: Timing((2.0, 2.2, 2.1))}


@pytest.mark.parametrize("threads", [(1, 2), (1,)])
def test_the_speed_up_stands_beside_amdahls_bound(threads):
    picture = figures.draw_speedup({k: TIMINGS[k] for k in threads}, 0.05)
    (ax,) = picture.axes
    ideal, bound, measured, *spread = curves(ax)
    assert ideal == list(threads)
    assert spread == [[4.0 / q for q in TIMINGS[k].quartiles] for k in threads]
    assert bound == [1 / (0.05 + 0.95 / k) for k in threads]
    assert measured == [4.0 / TIMINGS[k].median for k in threads]
    ends = ideal[-1], bound[-1], measured[-1]
    names = "k times faster", "Amdahl's bound", "measured"
    assert texts(ax) == [f"{name}: {end:.2f}" for name, end in zip(names, ends, strict=True)]
    assert "5% of the work" in titles(picture)[0] and ax.get_ylim()[0] == 0
    no_overlap(picture)


@pytest.mark.parametrize("ratios, end", [(True, ": 1.9x"), (False, "s)")])
def test_times_are_bars_from_zero(ratios, end):
    picture = figures.draw_times({"a": TIMINGS[1], "b": TIMINGS[2]}, "Two times", ratios)
    (ax,) = picture.axes
    assert widths(ax) == [4.0, 2.1] and ax.get_xscale() == "linear" and ax.get_xlim()[0] == 0
    assert [list(line.get_xdata()) for line in ax.lines] == [
        list(timing.quartiles) for timing in TIMINGS.values()
    ]
    assert texts(ax)[0] == str(TIMINGS[1]) and texts(ax)[1].endswith(end)
    assert names_on(ax.yaxis) == ["a", "b"] and titles(picture) == ["Two times"]
    no_overlap(picture)


def test_versions_beside_pytorch_have_a_bar_each():
    names = ("numpy_batched", "numba_cpu", "torch")
    rows = [
        ShapeTimings(1, 12, 16, {"numpy_batched": TIMINGS[1], "numba_cpu": TIMINGS[2]}),
        ShapeTimings(64, 12, 64, dict.fromkeys(names, TIMINGS[1])),
    ]
    picture = figures.draw_against_torch(rows)
    assert titles(picture) == ["N=1, T=12, H=16", "N=64, T=12, H=64"]
    heights = [[bar.get_height() for bar in ax.patches] for ax in picture.axes]
    assert heights == [[4.0, 2.1], [4.0, 4.0, 4.0]]
    assert names_on(picture.axes[1].xaxis) == [f"{name}\n4.00 s" for name in names]
    assert all(ax.get_ylim()[0] == 0 for ax in picture.axes), "bars begin at zero"
    no_overlap(picture)


@pytest.mark.parametrize(
    "control, value, said",
    [("batch", 1000, "1,000 samples"), ("cores", 64, "of 64 cores"), ("lanes", 8, "8 chunks")],
)
def test_each_control_repaints_the_map(control, value, said):
    cores_map = CoresMap(N=59, cores=2)
    picture = painted(cores_map, getattr(cores_map, control), value)
    assert said in picture.get_suptitle()


def test_there_are_never_more_workers_than_samples():
    workers_map = WorkersMap(N=10, workers=3)
    picture = painted(workers_map, workers_map.workers, 64)
    assert "10 samples, 10 workers with 1 sample each" in picture.get_suptitle()
