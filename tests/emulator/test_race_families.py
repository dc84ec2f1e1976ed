"""Races that hide: behind a second name, in a field, behind a barrier of too few lanes."""

import numpy as np
import pytest
from numba import float32, float64, int32

from lstm_kernels.emulator import OutOfBounds, cuda, find_data_races

PAIR = np.dtype([("a", np.int32), ("b", np.int32)])


@cuda.jit
def two_names(x, y):
    t = cuda.threadIdx.x
    x[t] = t
    y[t] += 1


def test_one_array_in_two_shapes_or_as_parts_that_overlap():
    x = cuda.to_device(np.zeros(16))
    assert find_data_races(two_names, 1, 8, x[:8], x[8:]) == []
    (race,) = find_data_races(two_names, 1, 8, x[:8], x[4:12])
    assert (race.array, race.index) == ("x", (4,)) or race.array == "x"
    rows = x.reshape(2, 8)
    assert find_data_races(in_rows, 1, 8, x, rows)
    host = np.zeros(16)
    assert find_data_races(two_names, 1, 8, host[:8], host[1:9])
    assert (host == 0).all()


@cuda.jit
def in_rows(x, rows):
    t = cuda.threadIdx.x
    x[t] = 1
    rows[0, 7 - t] = 2


@cuda.jit
def fields(x, shift):
    t = cuda.threadIdx.x
    x[t].a = t
    x[(t + shift) % x.size]["b"] = x[t].b + 1


def test_a_field_of_a_record():
    assert find_data_races(fields, 1, 4, np.zeros(4, PAIR), 0) == []
    assert find_data_races(fields, 1, 4, np.zeros(4, PAIR), 1)


@cuda.jit(device=True)
def put(record, value):
    record.a += value


@cuda.jit
def records_with_names(x, threads, shift):
    t = cuda.threadIdx.x
    record = x[t // threads]  # a name for it, and no access yet
    if t % 2:
        put(record, t)
    else:
        record["b"] = record.b + 1
    x[4 + t] = x[4 + (t + shift) % 4]


@pytest.mark.long
def test_a_record_with_a_name():
    """Two threads have one record: each writes a field of its own, or both the same."""
    x = np.zeros(8, PAIR)
    assert find_data_races(records_with_names, 1, 4, x, 2, 0) == []
    (race,) = find_data_races(records_with_names, 1, 4, x, 2, 1)
    assert race.index[0] >= 4 and {race.first.action, race.second.action} == {"reads", "writes"}
    races = find_data_races(records_with_names, 1, 4, x, 4, 0)
    assert {(race.array, race.index) for race in races} == {("x", (0,))}
    assert len(races) == 3  # a is added to; b is written, and read


@cuda.jit
def adds_to_a_field(x):
    x[cuda.threadIdx.x // 2].a += 1


@pytest.mark.long
def test_a_sum_in_a_field():
    (race,) = find_data_races(adds_to_a_field, 1, 4, np.zeros(2, PAIR))
    assert race.first.action == "reads and writes"
    with pytest.raises(OutOfBounds):
        adds_to_a_field[1, 4](np.zeros(1, PAIR))


@cuda.jit
def half_a_warp(x, mask, distance):
    s = cuda.shared.array(32, float32)
    t = cuda.threadIdx.x
    s[t] = x[t]
    if t < 16:
        cuda.syncwarp(mask)
        x[t] = s[t ^ distance]


def test_a_barrier_of_some_lanes_orders_these_alone():
    x = np.zeros(32, np.float32)
    assert find_data_races(half_a_warp, 1, 32, x, 0xFFFF, 1) == []
    (race,) = find_data_races(half_a_warp, 1, 32, x, 0xFFFF, 16)
    assert race.memory == "shared"


@cuda.jit
def two_types(x):
    wide = cuda.shared.array(0, float64)
    narrow = cuda.shared.array(0, int32)
    t = cuda.threadIdx.x
    wide[t] = x[t]
    narrow[2 * t + 3] = t


def test_dynamic_shared_memory_seen_as_two_types():
    assert find_data_races(two_types, 1, 4, np.zeros(4), shared_bytes=48)


@cuda.jit
def nested(parts):
    parts[0][1][0] += 1


def test_arrays_inside_nested_tuples():
    races = find_data_races(nested, 1, 4, ((1, np.zeros(2)), 2.0))
    assert [(race.array, race.index) for race in races] == [("parts[0][1]", (0,))]
