"""The pictures of what `checks.count` counted, and the advice below.  Lessons 07, 11, 13, 14."""

import numpy as np
import pytest
from numba import float32

from lstm_kernels import cuda
from lstm_kernels.checks import count, find_data_races
from lstm_kernels.emulator.observe import observe
from lstm_kernels.lab.estimates.advice import advice, gap_of, pieces_of, turns_of
from lstm_kernels.lab.figures.counters import MEASURES, draw_request, draw_source
from lstm_kernels.lab.figures.replay import draw_replay
from lstm_kernels.lab.figures.steps import draw_step, walk_of
from lstm_kernels.lab.figures.style import BLUE, GREEN, HIGHLIGHT, LIGHT, ORANGE, SKY, VERMILLION
from lstm_kernels.lab.widgets.steps import BlockWalk, ThreadWalk
from tests.pictures import faces, no_overlap, painted, texts, titles


@cuda.jit
def slow(h, total):
    part = cuda.shared.array((32, 32), float32)
    n, H = cuda.threadIdx.x, h.shape[1]
    for j in range(H):
        part[n, j] = h[n, j]
    cuda.syncthreads()
    if n % 2 == 0:
        part[n, 0] = part[n, 0] * 1.5
    cuda.atomic.add(total, 0, part[n, 0])


@cuda.jit
def fast(h, out):
    n = cuda.threadIdx.x
    for j in range(h.shape[0]):
        out[j, n] = h[j, n] + h[j, n]


@cuda.jit
def strided(x, y, stride):
    n = cuda.threadIdx.x
    y[n] = x[n * stride]


def zeros(*shape):
    return np.zeros(shape, np.float32)


@pytest.fixture(scope="module")
def both():
    """(Counted, Observed) of the slow kernel: 32 threads, H = 8."""
    launch = slow, 1, 32, zeros(32, 8), zeros(1)
    return count(*launch), observe(*launch, log=True)


# ---- advice -------------------------------------------------------------------------------


def test_each_cause_has_its_sentence_with_what_was_counted(both):
    found = {finding.kind: finding for finding in advice(*both)}
    assert list(found) == ["sectors", "conflicts", "atomics", "lanes", "float64"]
    assert found["sectors"].sentence == (
        "h[n, j]: neighbouring n are 8 numbers apart, so 32 pieces of 32 bytes per request, where "
        "4 would do; lay n last."
    )
    assert found["sectors"].cost == 8 * 32 - 8 * 4
    assert "numbers are 32 apart, so 32 turns per request, where 1" in found["conflicts"].sentence
    assert found["conflicts"].cost == 8 * 31
    assert "32 lanes of a warp update one number of total" in found["atomics"].sentence
    assert found["lanes"].line.text == "if n % 2 == 0:" and found["lanes"].cost == 1
    assert found["float64"].cost == 16 and "* 1.5" in found["float64"].line.text


def test_without_recorded_addresses_no_distance_is_told(both):
    sentence = advice(both[0])[0].sentence
    assert sentence.startswith("h[n, j]: 32 pieces of 32 bytes per request, where 4 would do; let")
    assert "apart" not in sentence


def test_a_launch_without_fault_gets_no_advice():
    launch = fast, 1, 32, zeros(8, 32), zeros(8, 32)
    assert advice(count(*launch), observe(*launch, log=True)) == []


def test_a_stride_is_found_where_no_index_is_the_cause():
    launch = strided, 1, 32, zeros(32 * 5), zeros(32), 5
    (finding,) = advice(count(*launch), observe(*launch, log=True))
    assert "x[n * stride]: neighbouring threads are 5 numbers apart, so 20 pie" in finding.sentence
    assert finding.sentence.endswith("let neighbouring threads use neighbouring numbers.")


@cuda.jit
def add_thrice(sums):
    cuda.atomic.add(sums, 0, 1)
    cuda.atomic.add(sums, 1, 1)
    cuda.atomic.add(sums, cuda.threadIdx.x, 1)


def test_all_queues_at_atomics_are_one_finding():
    (finding,) = advice(count(add_thrice, 1, 32, zeros(32)))
    first = add_thrice.py_func.__code__.co_firstlineno + 2
    assert finding.sentence == (
        f"add_thrice(), lines {first}, {first + 1}: 32 lanes of a warp update one number of sums, "
        "and queue up; add up their parts first."
    )
    assert finding.cost == 2 * (32 - 1)


@pytest.mark.parametrize("stride", [1, 2, 3, 8])
def test_the_pieces_of_a_request_are_those_that_count_counts(stride):
    launch = strided, 1, 32, zeros(32 * 8), zeros(32), stride
    request = observe(*launch, log=True).asked("x")[0]
    assert len(pieces_of(request)) == count(*launch).of("x").sectors
    assert gap_of(request) == stride and gap_of(request._replace(lanes=(0,))) is None


def test_the_turns_of_a_request_are_those_that_count_counts(both):
    counted, seen = both
    writes = seen.asked("shared", "writes", "part[n, j]")
    turns = sum(max(map(len, banks.values())) for r in writes for banks in turns_of(r))
    assert turns == counted.of("part", "stores").turns - 16  # besides part[n, 0]: 16 lanes


# ---- the source ---------------------------------------------------------------------------


def test_the_source_has_a_bar_beside_each_line_that_asks_and_marks_the_worst(both):
    picture = draw_source(*both[:1], seen=both[1])
    (ax,) = picture.axes
    assert titles(picture) == ["slow[1, 32]: pieces of 32 bytes of global memory, line by line"]
    assert "    part[n, j] = h[n, j]" in texts(ax) and "256" in texts(ax)
    assert faces(ax).count(VERMILLION) == faces(ax).count(HIGHLIGHT) == 1
    assert faces(ax).count(BLUE) == 1  # the atomic addition
    assert "Most, 256, in line" in picture.alt and "lay n last" in picture.alt
    no_overlap(picture)


@pytest.mark.parametrize(
    "by, most", [("sectors_per_request", 32), ("turns", 256), ("conflicts", 248), ("lanes", 16),
                 ("float64", 16)]
)  # fmt: skip
def test_a_bar_can_show_each_measure(both, by, most):
    picture = draw_source(both[0], by)
    assert f"Most, {most:,}, in line" in picture.alt and MEASURES[by][1] in titles(picture)[0]


def test_an_unknown_measure_is_refused_with_those_that_there_are(both):
    with pytest.raises(ValueError, match="by is 'bytes'; it must be one of sectors, "):
        draw_source(both[0], by="bytes")


def test_functions_without_anything_are_left_out_where_room_is_short(both):
    few = draw_source(both[0], lines=1)
    assert "slow()" in texts(few.axes[0]), "one function is always shown"


# ---- one request --------------------------------------------------------------------------


def test_a_request_is_drawn_with_its_lanes_and_pieces(both):
    picture = draw_request(both[1].asked("h")[0])
    (ax,) = picture.axes
    assert titles(picture) == [
        "h[n, j]: 32 lanes ask for 128 bytes; 1,024 are moved, 32 x 32: 12.5 % of it is used"
    ]
    assert len(ax.lines) == faces(ax).count(ORANGE) == 32
    assert "12.5 %" in picture.alt
    no_overlap(picture)


def test_shared_memory_is_drawn_as_banks_turn_by_turn(both):
    far = both[1].asked("shared", "writes")[0]
    near = far._replace(offsets=tuple(range(0, 128, 4)))
    picture = draw_request(near, far)
    first, second = picture.axes
    assert titles(picture)[0].endswith("128 bytes of shared memory, 1 turn")
    assert titles(picture)[1].endswith("32 turns, 31 by bank conflicts")
    assert faces(first).count(VERMILLION) == 0 and faces(second).count(VERMILLION) == 31


def test_numbers_of_8_bytes_are_served_in_two_halves(both):
    far = both[1].asked("shared", "writes")[0]
    double = far._replace(itemsize=8, offsets=tuple(range(0, 256, 8)))
    assert [max(map(len, banks.values())) for banks in turns_of(double)] == [1, 1]
    assert titles(draw_request(double))[0].endswith("256 bytes of shared memory, 2 turns")


def test_no_request_is_refused():
    with pytest.raises(ValueError, match="no request"):
        draw_request()


# ---- a race, replayed ---------------------------------------------------------------------


@cuda.jit
def racing(out):
    part = cuda.shared.array(2, float32)
    k = cuda.threadIdx.x
    part[k] = k + 1
    if k == 0:
        out[0] = part[0] + part[1]


def test_a_race_is_replayed_in_two_orders_with_two_results():
    runs = {f"order {n}": observe(racing, 1, 2, zeros(1), order=n, log=True) for n in (0, 1)}
    picture = draw_replay(runs, "part", (1,), (0, 1), "out")
    first, second = (texts(ax) for ax in picture.axes)
    assert titles(picture) == ["order 0", "order 1"]
    assert "reads NaN" in first and "writes 2" in first and "out[0] is NaN" in first
    assert "reads 2" in second and "out[0] is 3" in second
    assert faces(picture.axes[0]).index(SKY) < faces(picture.axes[0]).index(ORANGE)
    assert faces(picture.axes[1]).index(SKY) > faces(picture.axes[1]).index(ORANGE)
    assert find_data_races(racing, 1, 2, zeros(1)), "it is one"
    no_overlap(picture)


def test_a_replay_needs_steps_at_the_element():
    seen = observe(racing, 1, 2, zeros(1), log=True)
    with pytest.raises(ValueError, match=r"no step of threads \(0, 1\) at part\[5\]"):
        draw_replay({"once": seen}, "part", (5,), (0, 1), "out")


# ---- step by step -------------------------------------------------------------------------


@cuda.jit
def halves(x, out):
    part = cuda.shared.array(4, float32)
    k = cuda.threadIdx.x
    part[k] = x[k]
    cuda.syncthreads()
    if k < 2:
        total = part[k] + part[k + 2]
        out[k] += total


@cuda.jit
def seven(x, out):
    k = cuda.threadIdx.x
    out[k] = x[k] + x[k + 1] + x[k + 2] + x[k + 3] + x[k + 4] + x[k + 5]


def test_a_shelf_tells_what_it_has_no_room_for():
    visit = walk_of(observe(seven, 1, 1, zeros(6), zeros(1), log=True), 0)[0]
    picture = draw_step(visit, 1, 1)
    assert "and 2 more" in texts(picture.axes[0]) and "writes out[0]: 0" in picture.alt
    no_overlap(picture)


@pytest.fixture(scope="module")
def halved():
    return observe(halves, 1, 4, np.arange(1, 5, dtype=np.float32), zeros(2), log=True)


def test_a_thread_walks_line_by_line_and_each_number_lies_somewhere(halved):
    visits = walk_of(halved, 1)
    assert [visit[0].place.whole for visit in visits] == [
        "part[k] = x[k]",
        "total = part[k] + part[k + 2]",
        "out[k] += total",
    ]
    first, second, third = (draw_step(visit, n, 3) for n, visit in enumerate(visits, 1))
    assert titles(second) == ["Thread 1, step 2 of 3, in halves()"]
    assert {"reads x[1]: 2", "writes part[1]: 2", "reads k"} <= set(texts(first.axes[0]))
    said = {"reads part[1]: 2", "reads part[3]: 4", "writes total", "not touched"}
    assert said <= set(texts(second.axes[0]))
    assert "changes out[1]: 0 to 6" in texts(third.axes[0]) and "0 to 6" in third.alt
    no_overlap(second)


def test_a_loop_is_one_step_for_each_time():
    seen = observe(fast, 1, 32, zeros(8, 32), zeros(8, 32), log=True)
    assert [len(visit) for visit in walk_of(seen, 5)] == [3] * 8
    assert ThreadWalk(seen, thread=5).step.max == 8
    with pytest.raises(ValueError, match="thread 32 touches no memory"):
        ThreadWalk(seen, thread=32)


def test_a_block_is_shown_between_barriers_with_who_waits(halved):
    walk = BlockWalk(halved, threads=4)
    assert list(walk.phases) == [0, 1]
    assert titles(walk.picture()) == ["After barrier 0: 4 of 4 threads touch memory"]
    picture = painted(walk, walk.barriers, 1)
    assert titles(picture) == [
        "After barrier 1: 2 of 4 threads touch memory, 2 wait or only compute"
    ]
    assert faces(picture.axes[0]).count(GREEN) == faces(picture.axes[0]).count(LIGHT) == 2
    assert faces(picture.axes[0]).count(SKY) == 4 and faces(picture.axes[0]).count(ORANGE) == 2
    no_overlap(picture)
