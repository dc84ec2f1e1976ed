"""Parameters: shapes, start values, PyTorch's names."""

import numpy as np
import pytest

from lstm_kernels import VERSIONS, init_params
from lstm_kernels.checks import assert_close, compare, finite_differences, relative_error
from lstm_kernels.model import Params, check_params, from_torch, sizes, to_torch
from lstm_kernels.versions import numpy_batched


def test_shapes_dtype_and_range():
    params = init_params(2, 5, 3, seed=1)
    assert [p.shape for p in params] == [(20, 2), (20, 5), (20,), (3, 5), (3,)]
    assert {p.dtype for p in params} == {np.dtype(np.float32)}
    assert all(abs(p).max() <= 1 / np.sqrt(5) for p in params)
    assert abs(params.W).max() > 0.95 / np.sqrt(5)  # 100 numbers: some are near the bound
    assert sizes(params, np.zeros((7, 4, 2))) == (7, 4, 2, 5, 3)


def test_the_seed_decides_the_values():
    one, two, other = (init_params(1, 3, 1, seed=s) for s in (0, 0, 1))
    assert all(np.array_equal(p, q) for p, q in zip(one, two, strict=True))
    assert not np.array_equal(one.W, other.W)


@pytest.mark.parametrize("bad", [(0, 1, 1), (1, 0, 1), (1, 1, -1)])
def test_sizes_below_one_are_named(bad):
    with pytest.raises(ValueError, match=r"[DHO] is (0|-1); it must be at least 1"):
        init_params(*bad)


@pytest.mark.parametrize("bad", [1.5, 2.0, "2", None, np.array([2, 3])])
def test_sizes_that_are_no_whole_numbers_are_named(bad):
    with pytest.raises(TypeError, match="H is .*; it must be a whole number"):
        init_params(1, bad, 1)


def test_any_integer_type_is_a_size():
    assert init_params(np.uint8(1), np.int16(40), np.int64(1)).W.shape == (160, 40)


def test_integers_are_refused():
    with pytest.raises(TypeError, match="dtype is int32; the limit is float32 or float64"):
        init_params(1, 1, 1, dtype=np.int32)
    with pytest.raises(TypeError, match="params must be Params"):
        check_params(None)


def test_to_pytorch_and_back():
    params = init_params(2, 3, 1)
    back = from_torch(*to_torch(params))
    assert all(np.array_equal(p, q) for p, q in zip(params, back, strict=True))


def test_the_two_biases_of_pytorch_are_added(torch):
    lstm, linear = torch.nn.LSTM(2, 3), torch.nn.Linear(3, 1)
    params = from_torch(lstm.state_dict(), linear.state_dict())
    total = lstm.bias_ih_l0 + lstm.bias_hh_l0
    assert np.array_equal(params.B, total.detach().numpy())
    assert params.W.shape == (12, 3)


def test_finite_differences_of_a_known_function():
    params = init_params(1, 2, 1, dtype=np.float64)
    grads = finite_differences(lambda p: float((p.W**3).sum() + p.B.sum()), params)
    assert relative_error(grads.W, 3 * params.W**2) < 1e-8
    assert relative_error(grads.B, np.ones(8)) < 1e-8
    assert not grads.U.any()


@pytest.mark.parametrize("a, b", [(np.nan, 1.0), (1.0, np.nan), (np.inf, np.inf), (1.0, np.inf)])
def test_a_nan_is_the_largest_error_wherever_it_stands(a, b):
    errors = [relative_error([1.0], [1.0]), relative_error([1.0, a], [1.0, b])]
    assert max(errors) == max(reversed(errors)) == np.inf


@pytest.mark.parametrize("field", Params._fields)
def test_gradients_that_were_never_written_are_no_agreement(field, monkeypatch):
    """A kernel that forgets an array leaves there what was in memory: in the emulator, NaN."""
    params, x = init_params(1, 2, 1), np.ones((2, 3, 1), np.float32)

    def forgets_one(params, x, y):
        loss, grads = numpy_batched.gradients(params, x, y)
        return loss, grads._replace(**{field: getattr(grads, field) * np.nan})

    monkeypatch.setattr(VERSIONS["cuda_v4"], "gradients", forgets_one)
    assert compare("cuda_v4", "numpy_batched", params, x, x) == np.inf


def test_relative_error_and_assert_close(capsys):
    assert relative_error([1.0, 2.5], [1.0, 2.0]) == 0.25
    assert relative_error([0.0], [0.0]) == 0
    with pytest.raises(ValueError, match=r"shapes \(1,\) and \(2,\) differ"):
        relative_error([1.0], [1.0, 2.0])
    with pytest.raises(AssertionError, match="dW: relative error inf; the limit is 1e-05"):
        assert_close("dW", [np.nan], [1.0])
    assert_close("dW", [1.0], [1.0])
    assert capsys.readouterr().out == "ok: dW agrees within 1e-05\n"
    assert isinstance(init_params(1, 1, 1), Params)
