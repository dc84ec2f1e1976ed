"""Declared types: `@cuda.jit("void(int32[:], int32)")`, on kernels and on device functions."""

import numpy as np
import pytest
from numba import float32, int32, void

from lstm_kernels.emulator import ArgumentError, UnsupportedCode, cuda, find_data_races


@cuda.jit("void(int32[:], int32)")
def zeros_above(out, n):
    out[0] = cuda.clz(n)


@cuda.jit(void(float32[:], float32))
def keep(out, x):
    out[0] = x * 10.0 - 1.0


def test_numbers_are_converted_on_the_way_in():
    out = np.zeros(1, np.int32)
    zeros_above[1, 1](out, 1)
    assert out[0] == 31
    zeros_above[1, 1](out, 2**40 + 1)  # as C does it: the upper bits are lost
    assert out[0] == 31
    result = np.zeros(1, np.float32)
    keep[1, 1](result, 0.1)
    assert result[0] == np.float32(np.float64(np.float32(0.1)) * 10 - 1) != 0


@pytest.mark.parametrize(
    ("kernel", "arguments", "said"),
    [
        (keep, (np.zeros(1), 0.1), r"argument out is an array of float64 .* wants array\(float32"),
        (keep, (np.zeros((1, 1), np.float32), 0.1), "argument out is an array of float32"),
        (zeros_above, (np.zeros(1, np.int32), 1.5), r"argument n is 1.5 \(float\)"),
        (keep, (np.zeros(1, np.float32), 1j), "argument x is 1j"),
    ],
)
def test_what_does_not_fit_is_refused(kernel, arguments, said):
    with pytest.raises(ArgumentError, match=said):
        kernel[1, 1](*arguments)


@cuda.jit(["void(float32[:], float32)", "void(float64[:], float64)"])
def tenth(out, x):
    out[0] = x / 10


def test_of_several_signatures_the_one_that_fits():
    for dtype in (np.float32, np.float64):
        out = np.zeros(1, dtype)
        tenth[1, 1](out, 1.0)
        assert out[0] == dtype(0.1)
    with pytest.raises(ArgumentError, match="wants array"):
        tenth[1, 1](np.zeros(1, np.int32), 1.0)


@cuda.jit("float32(float32, float32)", device=True)
def product(a, b):
    return a * b


@cuda.jit(int32(int32), device=True)
def lowest_bits(n):
    n = n + 1
    return n


@cuda.jit("float32(float32[:])", device=True)
def first(x):
    return x[0]


@cuda.jit
def calls(x, out):
    out[0] = product(x[0], x[0])
    out[1] = cuda.clz(lowest_bits(x[1]))
    out[2] = lowest_bits(2**31 - 1)


@cuda.jit
def calls_with_an_array(x, out):
    out[0] = first(x)


def test_device_functions_convert_arguments_and_result():
    x, out = np.array([0.1, 0.0]), np.zeros(3)
    calls[1, 1](x, out)
    assert out.tolist() == [np.float32(0.1) * np.float32(0.1), 31, -(2.0**31)]
    assert find_data_races(calls, 1, 1, x, out) == []


def test_an_array_of_another_type_for_a_device_function():
    out = np.zeros(1)
    calls_with_an_array[1, 1](np.ones(2, np.float32), out)
    assert out[0] == 1
    with pytest.raises(UnsupportedCode, match="the argument x of first is .*; the signature says"):
        calls_with_an_array[1, 1](np.ones(2), out)


def test_signatures_that_are_none():
    with pytest.raises(ArgumentError, match="is no signature"):
        cuda.jit("void(nothing)")(lambda x: None)
    with pytest.raises(ArgumentError, match="takes 1 arguments, its signature has 2"):
        cuda.jit("void(int32, int32)")(lambda x: None)
    with pytest.raises(ArgumentError, match="a kernel returns nothing"):
        cuda.jit("int32(int32)")(lambda x: None)
    with pytest.raises(TypeError, match="no option argtypes any more"):
        cuda.jit(argtypes=[int32])
