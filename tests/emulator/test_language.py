"""What the GPU compiler refuses, and how it promotes numbers."""

import math

import numpy as np
import pytest
from numba import float32

from lstm_kernels.emulator import EmulatorError, UnsupportedCode, cuda


def plain(x):
    return x


@cuda.jit
def uses_list(x):
    parts = [1.0, 2.0]
    x[0] = parts[0]


@cuda.jit
def uses_numpy(x):
    y = np.zeros(3)
    x[0] = y[0]


@cuda.jit
def uses_dot(x):
    x[0] = np.dot(x, x)


@cuda.jit
def uses_method(x):
    x[0] = x.sum()


@cuda.jit
def uses_matmul(x):
    x[0] = x @ x


@cuda.jit
def uses_text(x):
    name = "text"
    x[0] = len(name)


@cuda.jit
def uses_dict(x):
    table = {}
    x[0] = len(table)


@cuda.jit
def uses_plain_function(x):
    x[0] = plain(x[0])


@cuda.jit
def uses_try(x):
    try:
        x[0] = 1
    except Exception:
        x[0] = 2


@cuda.jit
def uses_open_shape(x):
    mine = cuda.local.array(x.shape[0], float32)
    mine[0] = 1


@cuda.jit
def uses_sorted(x):
    x[0] = sorted(x)[0]


@cuda.jit(device=True)
def calls_itself(n):
    return calls_itself(n - 1) if n > 0 else 0


@cuda.jit
def uses_recursion(x):
    x[0] = calls_itself(3)


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        (uses_list, "lists do not exist"),
        (uses_numpy, "np.zeros is unknown to the GPU"),
        (uses_dot, "np.dot is unknown to the GPU"),
        (uses_method, "no method sum"),
        (uses_matmul, "`@` does not exist"),
        (uses_text, "strings do not exist"),
        (uses_dict, "dictionaries do not exist"),
        (uses_plain_function, "decorate it with @cuda.jit"),
        (uses_try, "cannot be caught"),
        (uses_open_shape, r"has the shape x.shape\[0\]; the card's compiler takes"),
        (uses_sorted, "sorted is unknown to the GPU"),
        (uses_recursion, "calls itself"),
    ],
)
def test_what_the_gpu_compiler_refuses(kernel, message):
    with pytest.raises(UnsupportedCode, match=message):
        kernel[1, 1](np.zeros(3))


ROW, SHAPE = 8, (2, 8)


def makes_every_shape(row, shape):
    """Each way to write a shape that the compiler of the card takes."""

    @cuda.jit
    def kernel(out):
        parts = (
            cuda.shared.array(ROW, float32),
            cuda.shared.array(row, float32),
            cuda.local.array(4 * 2, float32),
            cuda.shared.array(SHAPE[1], float32),
        )
        tables = (
            cuda.shared.array(SHAPE, float32),
            cuda.local.array(shape, float32),
            cuda.shared.array((2, row), float32),
        )
        for i in range(4):
            out[i] = parts[i].shape[0]
        for i in range(3):
            out[4 + i] = tables[i].shape[0] * tables[i].shape[1]

    return kernel


def test_shapes_that_are_constants():
    out = np.zeros(7)
    makes_every_shape(8, (2, 8))[1, 1](out)
    assert out.tolist() == [8] * 4 + [16] * 3


@cuda.jit
def uses_product(x):
    part = cuda.shared.array(4 * ROW, float32)
    part[0] = x[0]


@cuda.jit
def uses_product_in_tuple(x):
    part = cuda.local.array((2, ROW + 1), float32)
    part[0, 0] = x[0]


@cuda.jit
def uses_attribute(x):
    part = cuda.shared.array(math.pi, float32)
    part[0] = x[0]


@pytest.mark.parametrize("kernel", [uses_product, uses_product_in_tuple, uses_attribute])
def test_shapes_that_the_cards_compiler_does_not_see_as_constants(kernel):
    line = kernel.py_func.__code__.co_firstlineno + 2
    with pytest.raises(UnsupportedCode, match=f"line {line}: .* Give the size a name"):
        kernel[1, 1](np.zeros(3))


@pytest.mark.parametrize("row", [np.int64(8), 8.0, True, -8])
def test_shapes_of_something_else_than_whole_numbers(row):
    with pytest.raises(UnsupportedCode, match="of shape"):
        makes_every_shape(row, (2, 8))[1, 1](np.zeros(7))


def test_a_refusal_names_the_line():
    line = uses_list.py_func.__code__.co_firstlineno + 2
    with pytest.raises(UnsupportedCode, match=f"uses_list, line {line}"):
        uses_list[1, 1](np.zeros(3))


@cuda.jit
def does_not_type(x):
    y = x[0]
    y.nothing = 3


def test_what_numba_refuses_is_told_with_the_kernels_name():
    with pytest.raises(UnsupportedCode, match="does_not_type cannot be compiled"):
        does_not_type[1, 1](np.zeros(3))


@cuda.jit(device=True)
def sigmoid(z):
    one = type(z)(1)
    return one / (one + math.exp(-z))


@cuda.jit
def promotes(x, out):
    tiny = float32(1e-9)
    out[0] = (x[0] + tiny) - x[0]
    out[1] = (1.0 + tiny) - 1.0
    out[2] = sigmoid(x[0])


def test_a_double_literal_makes_double_arithmetic():
    out = np.zeros(3)
    promotes[1, 1](np.ones(1, np.float32), out)
    assert out[0] == 0
    assert out[1] == pytest.approx(1e-9, rel=1e-6)
    exact = 1 / (1 + math.exp(-1))
    assert out[2] != exact
    assert out[2] == pytest.approx(exact, rel=1e-6)


def test_division_by_zero_is_infinite_as_on_the_card():
    out = np.ones(2)
    divides[1, 1](np.zeros(1), out)
    assert out[0] == math.inf
    assert math.isnan(out[1])


@cuda.jit
def divides(x, out):
    out[0] = 1.0 / x[0]
    out[1] = x[0] / x[0]


TABLE = np.arange(6.0).reshape(2, 3)
SIZES = (2, 3)


@cuda.jit
def uses_constants(out):
    table = cuda.const.array_like(TABLE)
    for i in range(SIZES[0]):
        for j in range(SIZES[1]):
            out[i, j] = table[i, j] * np.pi + math.inf


def test_global_arrays_and_tuples_are_constants():
    out = np.zeros((2, 3))
    uses_constants[1, 1](out)
    assert np.isinf(out).all()


def test_names_of_kernels_do_nothing_on_the_host():
    with pytest.raises(EmulatorError, match="only inside a kernel"):
        cuda.syncthreads()
    assert "threadIdx" in repr(cuda.threadIdx)


@cuda.jit
def names_of_the_launcher(first, last, block, threads, control, out):
    cuda.syncthreads()
    out[cuda.grid(1)] = first + 2 * last + 3 * block + 4 * threads + 5 * control


def test_arguments_may_have_the_names_that_the_generated_launcher_uses():
    out = np.zeros(8, np.int64)
    names_of_the_launcher[2, 4](1, 10, 100, 1000, 10000, out)
    assert out.tolist() == [54321] * 8


@pytest.mark.parametrize("name", ["b", "state", "threads", "launch"])
@pytest.mark.parametrize("wait", [True, False])
def test_a_kernel_may_have_the_name_of_the_launchers_variable(name, wait, tmp_path):
    barrier = "cuda.syncthreads()" if wait else "pass"
    source = f"def {name}(x):\n    {barrier}\n    x[cuda.grid(1)] += 1\n"
    file = tmp_path / f"{name}.py"
    file.write_text(source, encoding="utf-8")
    scope = {"cuda": cuda}
    exec(compile(source, str(file), "exec"), scope)
    x = np.zeros(4)
    cuda.jit(scope[name])[2, 2](x)
    assert (x == 1).all()
