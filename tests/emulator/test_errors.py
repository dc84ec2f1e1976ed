"""What a beginner gets wrong is told in one sentence: what, and where in the learner's own text."""

import linecache

import numpy as np
import pytest

from lstm_kernels.emulator import EmulatorError, cuda

CELL = "<ipython-input-7-0123456789ab>"
HEADER = """
import numpy as np
from numba import float32
from lstm_kernels.emulator import cuda
def plain(x):
    return x
@cuda.jit(device=True)
def itself(n):
    return itself(n - 1)
@cuda.jit(device=True)
def twice(x):
    return x.nothing
@cuda.jit
def kernel(x, m):
    n = cuda.grid(1)
"""
LINE = HEADER.count("\n") + 1  # where a case begins
# line of the kernel -> what the sentence says
IN_THE_SOURCE = {
    "a = [1, 2]": "lists do not exist on the GPU",
    "a = 'text'": "strings do not exist on the GPU",
    "a = f'{n}'": "strings do not exist on the GPU",
    "a = np.zeros(3)": "np.zeros is unknown to the GPU",
    "x[n] = np.sqrt(x[n])": "np.sqrt is unknown to the GPU; use math.sqrt",
    "x[n] = plain(x[n])": "plain is unknown to the GPU; decorate it with @cuda.jit",
    "x[n] = itself(3)": "a function that calls itself: write a loop",
    "return x[n]": "a kernel returns nothing: write results into an array",
    "n = cuda.threadidx.x": "cuda has no threadidx; is it cuda.threadIdx?",
    "n = cuda.threadIdx.w": "cuda.threadIdx has no w",
    "n = unknown + 1": "the name unknown is not defined",
    "x[n, 0] = 1": "2 indices for an array with 1 axis",
    "x[n] = m[n, 0, 1]": "3 indices for an array with 2 axes",
    "x[n] = 1j": "complex128 cannot be stored in an element of an array of float64 with 1 axis",
    "x[n] = m[n]": "an array of float64 with 1 axis cannot be stored in an element of an array",
    "x[0.5] = 1": "float64 cannot be an index",
    "x[n] = twice(x[n])": "float64 has no attribute nothing",
    "x[n] = x + x": "an array of float64 with 1 axis cannot be stored in an element of an array",
    "x[n] = math.floor(x[n])": "the name math is not defined",
    "x[n] = twice()": "twice: missing a required argument: 'x'",
    "n = cuda.grid()": "take the literal 1, 2 or 3",
    "s = cuda.shared.array(8)": "cuda.shared.array takes a shape and a dtype",
    "s = cuda.shared.array(n, float32)": "has the shape n; the card's compiler takes only",
    "x[n] = plain": "plain (a function) is unknown to the GPU",
    "a = 1 if n else (1, 2)": "in one place and",
    "_cuda = 1": "the emulator needs the name _cuda itself",
    "x[n] = m[..., 0]": "write one `:` for each axis",
    "x[n] = cuda.activemask() if n else 1": "cuda.activemask() where some threads may be elsewhere",
}


def define(line, path, in_a_cell):
    """The kernel with this line; its text can be found as Python finds it there."""
    source = HEADER + f"    {line}\n"
    if in_a_cell:
        linecache.cache[CELL] = (len(source), None, source.splitlines(keepends=True), CELL)
    else:
        path.write_text(source, encoding="utf-8")
    scope = {"__name__": "learners"}
    exec(compile(source, CELL if in_a_cell else str(path), "exec"), scope)
    return scope["kernel"]


@pytest.mark.parametrize("in_a_cell", [False, True])
@pytest.mark.parametrize("line", IN_THE_SOURCE)
def test_what_is_wrong_in_a_kernel(line, in_a_cell, tmp_path):
    kernel = define(line, tmp_path / "learners.py", in_a_cell)
    with pytest.raises(EmulatorError) as caught:
        kernel[1, 1](np.zeros(4), np.zeros((4, 2)))
    message = str(caught.value)
    assert IN_THE_SOURCE[line] in message
    assert ("a notebook cell" if in_a_cell else "learners.py") in message
    assert_clean(caught.value)


def assert_clean(error):
    """One sentence, no generated name, and no compiler's report below."""
    assert "\n" not in str(error)
    assert "emulated_" not in str(error) and "_gpu" not in str(error) and "__" not in str(error)
    assert error.__cause__ is None and error.__suppress_context__ or error.__context__ is None


BIG = 49153


@pytest.mark.parametrize("in_a_cell", [False, True])
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("x[n + 3] = 1", "x[4] is outside x, whose shape is (4): thread (1, 0, 0) of block"),
        ("if n == 0:\n        cuda.syncthreads()", "thread (1, 0, 0) of block (0, 0, 0) has left"),
    ],
)
def test_what_goes_wrong_in_a_launch(line, said, in_a_cell, tmp_path):
    kernel = define(line, tmp_path / "learners.py", in_a_cell)
    with pytest.raises(EmulatorError) as caught:
        kernel[1, 2](np.zeros(4), np.zeros((4, 2)))
    place = "a notebook cell" if in_a_cell else "learners.py"
    last = line.splitlines()[-1].strip().removesuffix(" = 1")
    assert said in str(caught.value)
    assert f"kernel, line {LINE + line.count(chr(10))}: {last}, in {place}" in str(caught.value)
    assert_clean(caught.value)


@cuda.jit
def one_array(x):
    x[0] = 1


@cuda.jit
def too_much_shared(x):
    s = cuda.shared.array(BIG, np.int8)
    s[0] = 1


READ_ONLY = np.broadcast_to(np.zeros(1), (4,)).copy()
READ_ONLY.flags.writeable = False


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (lambda x: one_array[1, 1](x, x), "one_array takes 1 arguments (x), not 2"),
        (lambda x: one_array[1, 1]([1.0]), "the argument x is a list: kernels take numbers"),
        (lambda x: one_array[1, 1]("text"), "the argument x is a str: kernels take numbers"),
        (lambda x: one_array[1, 2048](x), "2048 threads of a block along X: the limit is 1024"),
        (lambda x: one_array[1, 32.0](x), "the block must be of whole numbers, not 32.0"),
        (lambda x: one_array[2 / 1, 32](x), "the grid must be of whole numbers, not 2.0"),
        (lambda x: too_much_shared[1, 1](x), "49153 bytes of static shared memory: the limit is"),
        (lambda x: one_array[1, 1](READ_ONLY), "the argument x is read-only"),
        (lambda x: one_array(x), "launch one_array as one_array[blocks, threads](...)"),
    ],
)
def test_what_a_launch_refuses(start, said):
    with pytest.raises(EmulatorError) as caught:
        start(np.zeros(4))
    assert said in str(caught.value)
    assert_clean(caught.value)


def test_read_only_arrays_may_go_in():
    @cuda.jit
    def first(x, y):
        y[0] = x[0] + 1

    y = np.zeros(1)
    first[1, 1](cuda.In(READ_ONLY), y)
    assert y[0] == 1


@cuda.jit
def many(*x):
    x[0][0] = 1


@cuda.jit
def named(_cuda):
    _cuda[0] = 1


@pytest.mark.parametrize(
    ("kernel", "said"),
    [
        (many, "write each argument with its name"),
        (named, "the emulator needs the name _cuda itself: take another"),
    ],
)
def test_other_refusals(kernel, said):
    with pytest.raises(EmulatorError) as caught:
        kernel[1, 1](np.zeros(4))
    assert said in str(caught.value)
    assert caught.value.__cause__ is None


@cuda.jit
def new_axes(m, out):
    for i in range(m.shape[0]):
        out[i] = m[None, i, :][0, 1] + m[i, None][0, 0]


def test_a_new_axis_shifts_no_check():
    m, out = np.arange(6.0).reshape(3, 2), np.zeros(3)
    new_axes[1, 1](m, out)
    assert out.tolist() == [1, 5, 9]
