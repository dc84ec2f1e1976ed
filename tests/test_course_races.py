"""The race finder on the course's own kernels V1 and V2, and on V2 with one line made wrong."""

import ast
import inspect
import linecache

import numpy as np
import pytest

from lstm_kernels import init_params
from lstm_kernels.checks import find_data_races
from lstm_kernels.model import sizes, zeros_like
from lstm_kernels.versions import cuda_v1, cuda_v2
from lstm_kernels.versions.per_sample import Workspace, workspace_shapes


def arguments(T=2, N=3, D=1, H=2, O=2):  # noqa: E741
    """What the kernels of V1 and V2 take, for a tiny problem."""
    rng = np.random.default_rng(0)
    params = init_params(D, H, O, dtype=np.float32)
    x = rng.normal(size=(T, N, D)).astype(np.float32)
    y = rng.normal(size=(T, N, O)).astype(np.float32)
    work = [np.empty(shape, x.dtype) for shape in workspace_shapes(sizes(params, x), x.itemsize)]
    return (*params, x, y, np.float32(1 / y.size), *Workspace(*work), *zeros_like(params))


def raced_arrays(kernel, grid, block):
    return {race.array for race in find_data_races(kernel, grid, block, *arguments())}


def mutant_of_v2(find, replace):
    """The kernel of cuda_v2 with one piece of the module's text replaced."""
    text = inspect.getsource(cuda_v2)
    assert text.count(find) == 1, f"{find!r} is not in the module once"
    text, file = text.replace(find, replace), f"<cuda_v2 with {replace}>"
    linecache.cache[file] = (len(text), None, text.splitlines(True), file)
    names = {"__name__": cuda_v2.__name__}
    exec(compile(text, file, "exec"), names)
    return names["kernel"]


def atomics_of_v2():
    """Each atomic addition of the module: the array's name, its text, the same without `atomic`."""
    text = inspect.getsource(cuda_v2)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "cuda.atomic.add":
            array, index, value = (ast.unparse(argument) for argument in node.args)
            plain = f"{array}[{index}] += {value}"
            yield pytest.param(array, ast.get_source_segment(text, node), plain, id=array)


ATOMICS = list(atomics_of_v2())


def test_v1_is_right_on_one_thread_and_wrong_on_two():
    assert raced_arrays(cuda_v1.kernel, 1, 1) == set()
    assert {"dU", "dW", "dB", "dV", "db_out"} <= raced_arrays(cuda_v1.kernel, 1, 2)


@pytest.mark.parametrize(("grid", "block"), [(1, 4), (3, 1), (2, 2)])
def test_v2_has_no_race(grid, block):
    assert raced_arrays(cuda_v2.kernel, grid, block) == set()


def test_v2_adds_to_each_gradient_in_one_place():
    assert sorted(parameter.id for parameter in ATOMICS) == ["dB", "dU", "dV", "dW", "db_out"]


@pytest.mark.parametrize(("array", "atomic", "plain"), ATOMICS)
def test_v2_with_a_plain_addition_has_a_race_on_that_gradient_alone(array, atomic, plain):
    assert raced_arrays(mutant_of_v2(atomic, plain), 2, 2) == {array}


def test_v2_with_two_threads_a_sample_has_races_on_the_samples_arrays():
    kernel = mutant_of_v2("n = cuda.grid(1)\n", "n = cuda.grid(1) // 2\n")
    own = {"h", "c", "gates", "dc", "dz", "dy", "loss"}
    assert raced_arrays(kernel, 3, 2) == own
