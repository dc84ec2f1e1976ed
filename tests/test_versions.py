"""Every version against finite differences, against PyTorch, and against each other."""

import inspect
import math
import os
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstm_kernels import VERSIONS, checks, init_params
from lstm_kernels.lab.estimates.bus import array_shapes
from lstm_kernels.lab.measure.pytorch import torch_gradients
from lstm_kernels.machine import device, watch
from lstm_kernels.model import Sizes
from lstm_kernels.training import fit, mean_squared_error
from lstm_kernels.versions import COURSE, get_version, per_sample
from tests.problems import random_problem

TINY = device.TARGET == "simulator"  # Numba's simulator needs seconds for what others do in ms
NAMES = COURSE if TINY else tuple(VERSIONS)  # ... and has no warp shuffles, which V5 needs
SHAPES = [(1, 1, 1, 1, 1), (1, 4, 2, 3, 2)]  # T, N, D, H, O
if not TINY:
    SHAPES += [(5, 1, 1, 5, 1), (6, 3, 3, 7, 2), (10, 2, 1, 2, 1)]  # V5: windows of 8 steps
REAL_SHAPES = [(11, 7, 1, 50, 1), (12, 33, 2, 17, 3), (12, 129, 1, 16, 1)]
REAL_SHAPES += [(4, 1024, 1, 32, 1), (12, 8, 1, 128, 1), (48, 33, 1, 50, 1)]  # large N, H, T
LARGEST = (48, 1024, 1, 128, 1)  # all three at once
BATCH_SIZES = (1, 31, 33, 129, 1000)
CUDA = [name for name in NAMES if name.startswith("cuda")]
OWN = [name for name in NAMES if VERSIONS[name].gradients.__module__.endswith(name)]  # V6: V5's
FAST = [name for name in OWN if name != "sequential"]
# at the largest size V5 hands over to V7 (64 < H), V3 launches V2's own kernel, V3c is V2 in other
# places, and V1 is V2 on one thread; V7 has large sizes of its own, in test_cuda_v7.py
LEFT_OUT = ("numpy_loop", "cuda_v3", "cuda_v3c", "cuda_v5")
LEFT_OUT += ("cuda_v1", "cuda_v7") if os.environ.get("LSTM_KERNELS_LONG") != "all" else ()
FASTEST = [name for name in FAST if name not in LEFT_OUT]
BLOCKS = [name for name in OWN if name not in COURSE[:4]]  # or cores: the batch is cut

long = pytest.mark.long  # tests/conftest.py
# 10 s for each kind of numbers and of tile
COMPILES = {name: long for name in ("cuda_v5", "cuda_v6", "cuda_v7")}
DOUBLES = ("cuda_v1", "cuda_v2", "cuda_v3", "cuda_v3c", "cuda_v4", "numba_cpu")  # 5 s each
FLOAT64 = COMPILES | {name: long for name in DOUBLES}

real_size = pytest.mark.skipif(TINY, reason="real sizes need the emulator or a GPU")


def worst(loss, grads, expected_loss, expected):
    """Largest relative error of loss and gradients, by max norm."""
    errors = map(checks.relative_error, grads, expected)
    return max(checks.relative_error(loss, expected_loss), *errors)


@lru_cache
def by_finite_differences(shape):
    """The loss of the model, and its derivatives: what every version must find."""
    params, x, y = random_problem(*shape, dtype=np.float64)
    grads = checks.finite_differences(lambda p: mean_squared_error(p, x, y), params)
    return mean_squared_error(params, x, y), grads


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("version", [pytest.param(v, marks=FLOAT64.get(v, ())) for v in OWN])
def test_finite_differences_in_float64(version, shape, problem):
    loss, grads = VERSIONS[version].gradients(*problem(*shape, dtype=np.float64))
    expected_loss, expected = by_finite_differences(shape)
    assert checks.relative_error(loss, expected_loss) < 1e-12
    errors = list(map(checks.relative_error, grads, expected))
    assert max(errors) < 1e-6, errors


@pytest.mark.parametrize("dtype, tolerance", [(np.float32, 1e-5), (np.float64, 1e-12)])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("version", OWN)
def test_agrees_with_pytorch(version, shape, dtype, tolerance, problem, torch):
    params, x, y = problem(*shape, dtype=dtype)
    result = VERSIONS[version].gradients(params, x, y)
    assert worst(*result, *torch_gradients(params, x, y)) < tolerance


@real_size
@pytest.mark.parametrize("shape", REAL_SHAPES, ids=str)
@pytest.mark.parametrize("version", FAST)
def test_agrees_with_pytorch_at_real_sizes(version, shape, problem, torch):
    params, x, y = problem(*shape)
    result = VERSIONS[version].gradients(params, x, y)
    assert worst(*result, *torch_gradients(params, x, y)) < 1e-5


@real_size
@long
@pytest.mark.parametrize("version", FASTEST)
def test_agrees_with_pytorch_at_the_largest_size(version, problem, torch):
    params, x, y = problem(*LARGEST)
    result = VERSIONS[version].gradients(params, x, y)
    assert worst(*result, *torch_gradients(params, x, y)) < 1e-5


@real_size
@pytest.mark.parametrize(
    "version, N",
    [pytest.param(v, N, marks=COMPILES.get(v, ())) for v in BLOCKS for N in BATCH_SIZES],
)
def test_any_batch_size_over_many_blocks(version, N, problem):
    params, x, y = problem(4, N, 1, 8, 1)
    assert checks.compare(version, "numpy_batched", params, x, y) < 1e-5


@pytest.mark.parametrize("version", NAMES)
def test_loss_and_gradients_keep_types_shapes_and_inputs(version, problem):
    params, x, y = problem(3, 2, 2, 3, 2)
    before = [a.copy() for a in (*params, x, y)]
    loss, grads = VERSIONS[version].gradients(params, x, y)
    assert type(loss) is float
    assert [g.shape for g in grads] == [p.shape for p in params]
    assert [g.dtype for g in grads] == [x.dtype] * 5
    assert all(np.array_equal(a, b) for a, b in zip(before, (*params, x, y), strict=True))


@pytest.mark.parametrize("version", NAMES)
def test_arrays_in_any_memory_order(version, problem):
    params, x, y = problem(3, 4, 2, 3, 2)
    expected = VERSIONS[version].gradients(params, x, y)
    result = VERSIONS[version].gradients(params, np.asfortranarray(x), y[:, ::-1][:, ::-1])
    assert worst(*result, *expected) < 1e-6


@pytest.mark.skipif(TINY, reason="Python's exp raises OverflowError where a card's gives infinity")
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    "version, dtype",
    [(name, np.float32) for name in NAMES]
    + [pytest.param(name, np.float64, marks=FLOAT64.get(name, ())) for name in NAMES],
)
def test_gates_far_in_saturation_are_not_nan(version, dtype, sign, problem):
    """e^1000 is no float: a sigmoid that computes it needs a way round infinity / infinity."""
    params, x, y = problem(3, 2, 1, 3, 1, dtype=dtype)
    params.B[:] = sign * 1000
    result = VERSIONS[version].gradients(params, x, y)
    assert worst(*result, *VERSIONS["numpy_batched"].gradients(params, x, y)) < 1e-5


def test_ten_training_steps_give_the_same_losses(problem):
    sizes = (3, 3, 1, 4, 1) if TINY else (11, 14, 1, 10, 1)
    params, x, y = problem(*sizes)
    losses = {
        name: fit(name, params, x, y, epochs=5, batch_size=(x.shape[1] + 1) // 2, lr=1e-2)[1]
        for name in NAMES
    }
    reference = losses["sequential"].batch_losses
    assert len(reference) == 10
    for name, history in losses.items():
        assert checks.relative_error(history.batch_losses, reference) < 1e-5, name


@long
@settings(max_examples=25, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, top) for top in (6, 5, 3, 6, 3)]),
    seed=st.integers(0, 2**32 - 1),
)
def test_all_versions_agree_at_any_shape(shape, seed):
    T, N, D, H, O = shape  # noqa: E741
    rng = np.random.default_rng(seed)
    params = init_params(D, H, O, seed, np.float64)
    x, y = rng.normal(size=(T, N, D)), rng.normal(size=(T, N, O))
    for version in set(NAMES) - set(CUDA) if TINY else NAMES:
        assert checks.compare(version, "numpy_batched", params, x, y) < 1e-10


def test_each_version_is_one_module_with_the_same_function():
    for name, module in VERSIONS.items():
        assert module.__name__.endswith(name)
        assert list(inspect.signature(module.gradients).parameters) == ["params", "x", "y"]
        assert module.__doc__, "the first lines say its one idea"


def test_v3_launches_the_kernel_of_v2_and_v6_takes_the_gradients_of_v5():
    assert VERSIONS["cuda_v3"].kernel is VERSIONS["cuda_v2"].kernel
    assert VERSIONS["cuda_v6"].gradients is VERSIONS["cuda_v5"].gradients


@pytest.mark.skipif(device.TARGET == "simulator", reason="the simulator counts no transfers")
def test_transfers_of_v2_and_v3(problem):
    T, N, D, H, O = 5, 4, 2, 3, 2  # noqa: E741
    params, x, y = problem(T, N, D, H, O)
    inputs = sum(a.nbytes for a in (*params, x, y))
    grads = sum(p.nbytes for p in params)
    work = 4 * (2 * (T + 1) * N * H + 2 * T * N * 4 * H + N * H + T * N * O + N)
    counted = {}
    for version in ("cuda_v2", "cuda_v3"):
        VERSIONS[version].gradients(params, x, y)  # compile first
        with watch.count_transfers() as log:
            VERSIONS[version].gradients(params, x, y)
        for way in ("host to device", "device to host"):
            sizes = [t.nbytes for t in log if t.direction == way]
            counted[version, way] = (len(sizes), sum(sizes))
    # V2: each of the 19 arrays goes in and comes back
    assert counted["cuda_v2", "host to device"] == (19, inputs + work + grads)
    assert counted["cuda_v2", "device to host"] == (19, inputs + work + grads)
    # V3: in go parameters and batch, then zeros; back come the loss and the gradients
    assert counted["cuda_v3", "host to device"] == (2, inputs + grads + 4 * N)
    assert counted["cuda_v3", "device to host"] == (1, grads + 4 * N)


# ---- bad input ----------------------------------------------------------------------------


@pytest.fixture(params=NAMES)
def gradients(request):
    return VERSIONS[request.param].gradients


def test_parameters_in_a_plain_tuple_and_read_only_arrays_are_taken(gradients, problem):
    params, x, y = problem(3, 2, 2, 3, 1)
    expected = gradients(params, x, y)
    for a in (*params, x, y):
        a.flags.writeable = False
    assert worst(*gradients(tuple(params), x, y), *expected) < 1e-6


def test_masked_arrays_are_refused(gradients, problem):
    """Their masks would be lost without a word."""
    params, x, y = problem(3, 2, 2, 3, 1)
    with pytest.raises(TypeError, match="x is a MaskedArray"):
        gradients(params, np.ma.masked_array(x, x > 0), y)
    with pytest.raises(TypeError, match="W is a MaskedArray"):
        gradients(params._replace(W=np.ma.masked_array(params.W)), x, y)


def test_wrong_shapes_are_named(gradients, problem):
    params, x, y = problem(3, 2, 2, 3, 1)
    with pytest.raises(ValueError, match=r"x has shape \(3, 2\); it must be \(T, N, 2\)"):
        gradients(params, x[:, :, 0], y)
    with pytest.raises(ValueError, match=r"y has shape \(3, 2, 2\); it must be \(T, N, 1\)"):
        gradients(params, x, x)
    with pytest.raises(ValueError, match=r"\(T, N\) = \(3, 2\) and y \(2, 2\)"):
        gradients(params, x, y[1:])
    with pytest.raises(ValueError, match=r"W has shape \(12, 2\); with D=2, H=3, O=1"):
        gradients(params._replace(W=params.W[:, :2]), x, y)
    with pytest.raises(ValueError, match=r"x has shape \(3, 0, 2\)"):
        gradients(params, x[:, :0], y[:, :0])


def test_wrong_types_are_named(gradients, problem):
    params, x, y = problem(3, 2, 2, 3, 1)
    with pytest.raises(TypeError, match="x is float64 and the parameters are float32"):
        gradients(params, x.astype(np.float64), y)
    with pytest.raises(TypeError, match="dtype is int64; the limit is float32 or float64"):
        gradients(type(params)(*(p.astype(np.int64) for p in params)), x, y)
    with pytest.raises(TypeError, match="y is a list; it must be a NumPy array"):
        gradients(params, x, y.tolist())
    with pytest.raises(TypeError, match="B is float64 and U is float32"):
        gradients(params._replace(B=params.B.astype(np.float64)), x, y)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_named(gradients, value, problem):
    params, x, y = problem(3, 2, 2, 3, 1)
    x[1, 0, 1] = value
    with pytest.raises(ValueError, match=rf"x\[1, 0, 1\] is {value}; every value must be finite"):
        gradients(params, x, y)
    params.V[0, 2] = value
    with pytest.raises(ValueError, match=rf"V\[0, 2\] is {value}"):
        gradients(params, y, y)


def test_the_memory_that_is_asked_for_counts_every_array(monkeypatch):
    """Those of the kernel, and gradients and parameters with them."""
    asked = []
    monkeypatch.setattr(per_sample, "check_memory", lambda needed, what: asked.append(needed))
    sizes = Sizes(T=5, N=4, D=30, H=3, O=20)
    shapes = array_shapes(sizes).values()
    assert asked == [4 * sum(map(math.prod, shapes))]


@pytest.mark.parametrize("version", CUDA)
def test_a_batch_too_large_for_the_device_is_refused_first(version, problem, monkeypatch):
    monkeypatch.setattr(device, "free_memory", lambda: 1000)
    with pytest.raises(MemoryError, match=r"N=2 samples with T=3, .* needs .* the limit here is"):
        VERSIONS[version].gradients(*problem(3, 2, 2, 3, 1))


def test_unknown_version():
    with pytest.raises(ValueError, match="unknown version 'cuda_v9'; choose one of: sequential"):
        get_version("cuda_v9")
