"""The pictures of what `checks.count` counted, and the advice below them.  Lessons 07, 13, 14."""

import numpy as np
import pytest
from numba import float32

from lstm_kernels import cuda
from lstm_kernels.checks import count
from lstm_kernels.emulator.observe import observe
from lstm_kernels.lab.estimates.advice import advice, gap_of, pieces_of, turns_of
from lstm_kernels.lab.figures.counters import MEASURES, draw_request, draw_source
from lstm_kernels.lab.figures.style import BLUE, HIGHLIGHT, ORANGE, VERMILLION
from tests.pictures import faces, no_overlap, texts, titles


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
    assert titles(picture)[0].endswith("128 bytes of shared memory; 1 turn")
    assert titles(picture)[1].endswith("32 turns, 31 of them by bank conflicts")
    assert faces(first).count(VERMILLION) == 0 and faces(second).count(VERMILLION) == 31


def test_numbers_of_8_bytes_are_served_in_two_halves(both):
    far = both[1].asked("shared", "writes")[0]
    double = far._replace(itemsize=8, offsets=tuple(range(0, 256, 8)))
    assert [max(map(len, banks.values())) for banks in turns_of(double)] == [1, 1]
    assert titles(draw_request(double))[0].endswith("256 bytes of shared memory; 2 turns")


def test_no_request_is_refused():
    with pytest.raises(ValueError, match="no request"):
        draw_request()
