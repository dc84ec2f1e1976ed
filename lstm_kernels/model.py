"""The model's parameters: their shapes, their start values, PyTorch's names for them.

    z_t     = U x_t + W h_t + B              (4H,)   stacked in the order i, f, g, o
    i, f, o = sigmoid(z_t), g = tanh(z_t)    (H,)    each of its own quarter of z_t
    c_{t+1} = f * c_t + i * g                (H,)    c_t and h_t: the state before step t
    h_{t+1} = o * tanh(c_{t+1})              (H,)
    y_t     = V h_{t+1} + b_out              (O,)

Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000.  Lesson 01 shows
every equation; all versions share the names and shapes on this page.
"""

import math
import operator
from typing import NamedTuple

import numpy as np

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


class Params(NamedTuple):
    """All trained arrays.  Gradients and optimiser states use the same tuple."""

    U: np.ndarray  # (4H, D)  input to gates
    W: np.ndarray  # (4H, H)  hidden state to gates
    B: np.ndarray  # (4H,)    bias of the gates
    V: np.ndarray  # (O, H)   hidden state to output
    b_out: np.ndarray  # (O,) bias of the output


class Sizes(NamedTuple):
    """T steps, N samples in the batch, D inputs, H hidden units, O outputs."""

    T: int
    N: int
    D: int
    H: int
    O: int  # noqa: E741  the course's symbol


def param_shapes(D, H, O):  # noqa: E741
    """The shapes of the five arrays, as Params."""
    return Params((4 * H, D), (4 * H, H), (4 * H,), (O, H), (O,))


def count_params(D, H, O):  # noqa: E741
    """How many numbers are trained."""
    return sum(map(math.prod, param_shapes(D, H, O)))


def init_params(D, H, O, seed=0, dtype=np.float32):  # noqa: E741
    """Random start values, uniform in ±1/sqrt(H) as in PyTorch's nn.LSTM.  Lesson 01."""
    D, H, O = map(check_count, "DHO", (D, H, O))  # noqa: E741
    check_dtype(np.dtype(dtype))
    rng = random_numbers(seed)
    bound = 1 / np.sqrt(H)
    arrays = (rng.uniform(-bound, bound, shape).astype(dtype) for shape in param_shapes(D, H, O))
    return Params(*arrays)


def zeros_like(params):
    """Params of zeros with the same shapes and dtype: where gradients start."""
    return Params(*(np.zeros_like(p) for p in params))


def sizes(params, x):
    """The five sizes, read from the arrays.  x (T, N, D)."""
    T, N, D = x.shape
    O, H = params.V.shape  # noqa: E741
    return Sizes(T, N, D, H, O)


def check_whole(name, value):
    """`value` as an int; TypeError unless it is a whole number."""
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {value!r}; it must be a whole number") from None


def check_count(name, value):
    """The same for a number of things: ValueError unless there is at least 1."""
    count = check_whole(name, value)
    if count < 1:
        raise ValueError(f"{name} is {count}; it must be at least 1")
    return count


def random_numbers(seed):
    """NumPy's generator for this seed; an error that names a seed that is none."""
    try:
        return np.random.default_rng(seed)
    except (TypeError, ValueError) as error:
        words = f"seed is {seed!r}; it must be a whole number of at least 0"
        raise type(error)(words) from None


def check_dtype(dtype):
    """Raise TypeError unless the course's kernels are made for this dtype."""
    if dtype not in FLOATS:
        raise TypeError(f"dtype is {dtype}; the limit is float32 or float64")


def check_array(name, a):
    """Raise TypeError unless it is a plain NumPy array."""
    if not isinstance(a, np.ndarray):
        raise TypeError(f"{name} is a {type(a).__name__}; it must be a NumPy array")
    if isinstance(a, np.ma.MaskedArray):
        raise TypeError(f"{name} is a MaskedArray; it must be a NumPy array without a mask")


def check_finite(name, a):
    """Raise ValueError naming the first value of the array that is NaN or infinite."""
    if not np.isfinite(a).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(a))[0])
        raise ValueError(f"{name}{list(where)} is {a[where]}; every value must be finite")


def check_params(params):
    """The five arrays as Params; raise unless they fit, share one dtype and are finite."""
    if not (isinstance(params, tuple) and len(params) == 5):
        raise TypeError("params must be Params(U, W, B, V, b_out)")
    params = Params(*params)
    for name, p in zip(Params._fields, params, strict=True):
        check_array(name, p)
    check_dtype(params.U.dtype)
    if params.U.ndim != 2 or params.V.ndim != 2:
        raise ValueError(f"U has {params.U.ndim} and V {params.V.ndim} axes; both must have 2")
    (O, H), D = params.V.shape, params.U.shape[1]  # noqa: E741
    for name, p, shape in zip(Params._fields, params, param_shapes(D, H, O), strict=True):
        if p.shape != shape:
            raise ValueError(f"{name} has shape {p.shape}; with D={D}, H={H}, O={O} it is {shape}")
        if p.dtype != params.U.dtype:
            raise TypeError(f"{name} is {p.dtype} and U is {params.U.dtype}; use one dtype")
        check_finite(name, p)
    if 0 in (D, H, O):
        raise ValueError(f"D={D}, H={H}, O={O}: each must be at least 1")
    return params


def check_batch(params, x, y):
    """params as Params; raise, before any work, unless x (T, N, D) and y (T, N, O) fit them.

    ValueError for shapes and values, TypeError for types; each names the value and the limit.
    """
    params = check_params(params)
    (O, _), D = params.V.shape, params.U.shape[1]  # noqa: E741
    for name, a, width in (("x", x, D), ("y", y, O)):
        check_array(name, a)
        if a.dtype != params.U.dtype:
            raise TypeError(f"{name} is {a.dtype} and the parameters are {params.U.dtype}")
        if a.ndim != 3 or a.shape[2] != width or 0 in a.shape:
            raise ValueError(f"{name} has shape {a.shape}; it must be (T, N, {width}), none zero")
        check_finite(name, a)
    if x.shape[:2] != y.shape[:2]:
        raise ValueError(f"x has (T, N) = {x.shape[:2]} and y {y.shape[:2]}; they must be equal")
    return params


def checked(params, x, y):
    """The same batch, checked; every array contiguous and writable, as a kernel launch needs it.

    (Writable, because Numba copies an array that it was given in host memory back into it.)
    """
    params = check_batch(params, x, y)
    params = Params(*(np.require(p, requirements=("C", "W")) for p in params))
    return params, *(np.require(a, requirements=("C", "W")) for a in (x, y))


def to_torch(params):
    """The arrays by the names of PyTorch's nn.LSTM and Linear state dicts (no torch needed).

    PyTorch keeps two biases and adds them; ours is the first, the second is zero.
    """
    lstm = {
        "weight_ih_l0": params.U.copy(),
        "weight_hh_l0": params.W.copy(),
        "bias_ih_l0": params.B.copy(),
        "bias_hh_l0": np.zeros_like(params.B),
    }
    return lstm, {"weight": params.V.copy(), "bias": params.b_out.copy()}


def from_torch(lstm, linear):
    """Params from two state dicts whose values are arrays (or CPU tensors without gradient)."""
    U, W, V = lstm["weight_ih_l0"], lstm["weight_hh_l0"], linear["weight"]
    B = np.asarray(lstm["bias_ih_l0"]) + np.asarray(lstm["bias_hh_l0"])
    return check_params(tuple(np.asarray(p).copy() for p in (U, W, B, V, linear["bias"])))
