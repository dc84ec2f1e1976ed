"""Beyond int and float: records, float16, vectors, named tuples."""

from collections import namedtuple

import numpy as np
import pytest
from numba import float32

from lstm_kernels.emulator import EmulatorError, cuda

RECORD = np.dtype([("a", np.int32), ("b", np.float32), ("c", np.float64, (2,))], align=True)
Point = namedtuple("Point", "x y")


@cuda.jit
def records(x, out):
    i = cuda.grid(1)
    s = cuda.shared.array(4, RECORD)
    s[i].a = i
    s[i]["b"] = x[i].b
    x[i]["a"] = s[i].a * 2
    x[i].c[1] = 5.0
    out[i] = s[i].b


@pytest.mark.long
def test_fields_of_records():
    x, out = np.zeros(4, RECORD), np.zeros(4, np.float32)
    x["b"] = [0.5, 1.5, 2.5, 3.5]
    records[1, 4](x, out)
    assert out.tolist() == [0.5, 1.5, 2.5, 3.5]
    assert x["a"].tolist() == [0, 2, 4, 6]
    assert x["c"].tolist() == [[0, 5]] * 4


@cuda.jit
def halves(x, y, out, s):
    i = cuda.grid(1)
    out[i] = x[i] * y[i] + s


@cuda.jit
def to_half(doubles, singles, a, b):
    i = cuda.grid(1)
    a[i] = doubles[i]
    b[i] = singles[i]


@pytest.mark.long
def test_float16_rounds_after_each_operation():
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((2, 64)).astype(np.float16)
    out = np.zeros_like(x)
    halves[2, 32](x, y, out, np.float16(0.3))
    assert out.tolist() == (x * y + np.float16(0.3)).tolist()


def test_each_float16_and_the_middles_between_are_rounded_as_by_numpy():
    every = np.arange(0x7C00, dtype=np.uint16).view(np.float16).astype(np.float64)
    middles = (every[:-1] + every[1:]) / 2
    near = middles * (1 + 2.0**-40)
    d = np.concatenate([every, middles, near, -middles, [np.inf, 65519.99, 65520, 1e300]])
    d = np.resize(d, -(-d.size // 256) * 256)
    a, b = np.zeros((2, d.size), np.float16)
    with np.errstate(over="ignore"):
        singles = d.astype(np.float32)
        to_half[d.size // 256, 256](d, singles, a, b)
        assert np.array_equal(a, d.astype(np.float16))
        assert np.array_equal(b, singles.astype(np.float16))


@cuda.jit
def vectors(out):
    a = cuda.float32x2(1, 2)
    b = cuda.float4(a, 3, cuda.int32x1(4))
    out[0], out[1], out[2] = b.x, b.w, b.y + b.z


@cuda.jit
def tuples(point, mixed, out):
    out[0] = point.x + point[1]
    out[1] = mixed[0][1] + mixed[1]
    out[2] = mixed[2][0]


def test_vectors_and_tuples():
    out = np.zeros(3)
    vectors[1, 1](out)
    assert out.tolist() == [1, 4, 5]
    tuples[1, 1](Point(1, 2.5), ((1, 2), 0.25, np.array([7.0, 1])), out)
    assert out.tolist() == [3.5, 2.25, 7]


@cuda.jit(device=True)
def combined(a, n, dtype, combine):
    s = cuda.shared.array(n, dtype)
    t = cuda.threadIdx.x
    s[t] = a[t]
    cuda.syncthreads()
    combine(s, 0, 2.0)
    cuda.syncthreads()
    a[t] = s[t]


@cuda.jit
def named(a):
    t = cuda.threadIdx
    N = 8
    s = cuda.shared.array(N, float32)
    s[t.x] = N
    combined(a, 8, float32, cuda.atomic.add)
    combined(a, 8, float32, cuda.atomic.max)
    a[t.x] += s[t.x]


def test_labels_and_sizes_may_have_local_names_and_be_arguments():
    a = np.zeros(8, np.float32)
    named[1, 8](a)
    assert a.tolist() == [24.0] + [8.0] * 7


@cuda.jit
def refuses(x):
    i = cuda.grid(1)
    assert i < 4, "too far"
    if x[i] > 1:
        raise ValueError("too large")


@pytest.mark.parametrize(
    ("x", "kind", "told"),
    [
        (np.zeros(8), AssertionError, r"refuses raises AssertionError\('too far'\) in thread \(4"),
        (np.full(4, 2.0), ValueError, r"refuses raises ValueError\('too large'\) in thread \(0"),
    ],
)
def test_what_a_kernel_raises(x, kind, told):
    with pytest.raises(kind, match=told) as caught:
        refuses[1, x.size](x)
    assert isinstance(caught.value, EmulatorError)
