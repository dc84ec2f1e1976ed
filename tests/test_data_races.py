"""Data races in the course's own kernels V1 and V2, and in V2 with one line made wrong."""

import numpy as np
import pytest

from lstm_kernels import init_params
from lstm_kernels.checks import find_data_races
from lstm_kernels.emulator import cuda, data_races
from lstm_kernels.model import sizes, zeros_like
from lstm_kernels.versions import cuda_v1, cuda_v2
from lstm_kernels.versions.per_sample import Workspace, workspace_shapes
from tests.mutants import switch, with_plain_addition, with_switches


def arguments(T=2, N=3, D=1, H=2, O=2):  # noqa: E741
    """What the kernels of V1 and V2 take, for a tiny problem."""
    rng = np.random.default_rng(0)
    params = init_params(D, H, O, dtype=np.float32)
    x = rng.normal(size=(T, N, D)).astype(np.float32)
    y = rng.normal(size=(T, N, O)).astype(np.float32)
    work = [np.empty(shape, x.dtype) for shape in workspace_shapes(sizes(params, x), x.itemsize)]
    return (*params, x, y, np.float32(1 / y.size), *Workspace(*work), *zeros_like(params))


def raced_arrays(kernel, grid, block, *more):
    return {race.array for race in find_data_races(kernel, grid, block, *arguments(), *more)}


def wrong_statement_of_v2(statement):
    """Additions that are not atomic; and two threads for each sample."""
    if statement == "n = cuda.grid(1)":
        return "n = cuda.grid(1) // 2"
    return with_plain_addition(statement)


@pytest.fixture(scope="module")
def switched():
    """V2 with a switch for each wrong statement, and those: (function, statement)."""
    return with_switches(cuda_v2, wrong_statement_of_v2)


@pytest.fixture(scope="module")
def raced_arrays_of_v2(switched):
    """{wrong statement: the arrays that it lets threads race for}."""
    changed, statements = switched
    return {
        statement: raced_arrays(changed.kernel, *launch_of(statement), switch(number))
        for number, (_, statement) in enumerate(statements)
    }


def launch_of(statement):
    return (3, 2) if statement.startswith("n =") else (2, 2)


@pytest.mark.long
def test_v1_is_right_on_one_thread_and_wrong_on_two():
    assert raced_arrays(cuda_v1.kernel, 1, 1) == set()
    assert {"dU", "dW", "dB", "dV", "db_out"} <= raced_arrays(cuda_v1.kernel, 1, 2)


@pytest.mark.parametrize(("grid", "block"), [(1, 4), (3, 1), (2, 2)])
def test_v2_has_no_race(grid, block, switched):
    assert raced_arrays(switched[0].kernel, grid, block, switch()) == set()


GRADIENTS = ["dB", "dU", "dV", "dW", "db_out"]


def atomic_addition_to(array, statements):
    return [s for s in statements if s.startswith(f"cuda.atomic.add({array}, ")]


def test_v2_adds_to_each_gradient_in_one_place(raced_arrays_of_v2):
    assert [len(atomic_addition_to(array, raced_arrays_of_v2)) for array in GRADIENTS] == [1] * 5
    assert len(raced_arrays_of_v2) == 5 + 1, "no other addition is atomic"


@pytest.mark.parametrize("array", GRADIENTS)
def test_v2_with_a_plain_addition_has_a_race_on_that_gradient_alone(array, raced_arrays_of_v2):
    (statement,) = atomic_addition_to(array, raced_arrays_of_v2)
    assert raced_arrays_of_v2[statement] == {array}


def test_v2_with_two_threads_a_sample_has_races_on_the_samples_arrays(raced_arrays_of_v2):
    own = {"h", "c", "gates", "dc", "dz", "dy", "loss"}
    assert raced_arrays_of_v2["n = cuda.grid(1)"] == own


@cuda.jit
def _set_to_one(x):
    x[0] = 1


def test_a_launch_too_large_to_trace_is_refused_before_it_runs():
    elements = 2**30 // 60 + 1  # each takes 240 bytes, and 4 GiB is the most
    with pytest.raises(TypeError, match=rf"4\.0 GiB .* each of {elements:,} elements.* smaller"):
        find_data_races(_set_to_one, 1, 1, np.empty(elements, np.uint8))


def test_no_memory_for_what_could_be_traced_is_told_in_the_same_words(monkeypatch):
    def refuse(*args):
        raise MemoryError

    monkeypatch.setattr(data_races.np, "zeros", refuse)
    with pytest.raises(TypeError, match="GiB to remember who touched"):
        data_races._new_shadow(10)
