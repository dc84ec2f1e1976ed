"""V4 and V5: right, the same bits in every order of threads, and no barrier too few."""

from functools import partialmethod

import numpy as np
import pytest

from lstm_kernels import checks, data, init_params
from lstm_kernels.emulator import dispatcher
from lstm_kernels.emulator.data_races import ORDERS
from lstm_kernels.lab.measure.pytorch import torch_gradients
from lstm_kernels.machine import device
from lstm_kernels.model import sizes
from lstm_kernels.versions import cuda_v4, cuda_v5, numpy_batched, packing, parts
from lstm_kernels.versions.parts import make_sum_kernel, sum_shape
from lstm_kernels.versions.per_sample import workspace_shapes
from tests.mutants import switch, with_switches, without_barrier
from tests.problems import worst

pytestmark = pytest.mark.skipif(
    device.TARGET == "simulator", reason="the simulator is too slow for these, and has no shuffles"
)
long = pytest.mark.long  # tests/conftest.py
F32, F64 = np.dtype("f4"), np.dtype("f8")
TOLERANCE = {F32: 1e-5, F64: 1e-11}
# T, N, D, H, O.  Each V5 kernel compiles long in the emulator: P=32 in float64, P=64 in float32.
SMALL = [(1, 1, 1, 1, 1), (5, 3, 2, 7, 5), (4, 31, 1, 31, 1), (3, 33, 3, 32, 2), (2, 129, 1, 5, 1)]
LARGE = [(1, 1, 1, 33, 1), (12, 33, 2, 50, 5), (3, 129, 1, 64, 1)]
LONG = [(8, 2, 1, 5, 1), (9, 3, 2, 7, 2), (16, 2, 1, 5, 1), (33, 2, 1, 32, 1)]  # V5: windows of 8
BEYOND = [(3, 2, 2, 65, 3), (4, 5, 1, 128, 1)]  # V5 hands these over: test_cuda_v7.py


@pytest.mark.parametrize(
    "version, dtype, shape",
    [(cuda_v4, F64, shape) for shape in SMALL]
    + [(cuda_v4, F32, shape) for shape in SMALL + LARGE + BEYOND]
    + [(cuda_v5, F64, shape) for shape in SMALL + LONG]
    + [(cuda_v5, F32, shape) for shape in LARGE + [(16, 3, 1, 50, 1), (40, 3, 2, 50, 2)]],
    ids=lambda value: getattr(value, "__name__", str(value)).split(".")[-1],
)
def test_agrees_with_numpy_and_pytorch(version, dtype, shape, problem, torch):
    params, x, y = problem(*shape, dtype=dtype)
    result = version.gradients(params, x, y)
    assert worst(result, numpy_batched.gradients(params, x, y)) < TOLERANCE[dtype]
    assert worst(result, torch_gradients(params, x, y)) < TOLERANCE[dtype]


@long
@pytest.mark.parametrize("version", [cuda_v4, cuda_v5])
def test_the_same_bits_in_every_order_of_threads_and_blocks(version, problem, monkeypatch):
    """In the emulator; a card chooses its own order, and does so on every run."""
    params, x, y = problem(3, 45, 2, 20, 2, dtype=F64)
    results, run_blocks = set(), dispatcher.Launch.run_blocks
    for order in ORDERS:
        in_this_order = partialmethod(run_blocks, order=order)
        monkeypatch.setattr(dispatcher.Launch, "run_blocks", in_this_order)
        loss, grads = version.gradients(params, x, y)
        results.add(b"".join([np.float64(loss).tobytes(), *map(bytes, grads)]))
    assert len(results) == 1


@long
def test_v5_hands_over_to_v4_where_neither_its_tiles_nor_v7s_fit(problem, pretend_card):
    pretend_card(MULTIPROCESSOR_COUNT=1)
    (loss, grads), (loss_of_v4, grads_of_v4) = (
        version.gradients(*problem(2, 2, 1, 65, 1)) for version in (cuda_v5, cuda_v4)
    )
    assert loss == loss_of_v4
    assert all(map(np.array_equal, grads, grads_of_v4))
    with pytest.raises(ValueError, match=r"P is 128; two tiles fit .* up to 64"):
        cuda_v5.make_kernel(128, F32)


def test_above_its_limit_v4_is_refused_and_v5_with_it_where_v7_does_not_fit(problem, pretend_card):
    pretend_card(MULTIPROCESSOR_COUNT=1)
    for version in (cuda_v4, cuda_v5):
        with pytest.raises(ValueError, match=r"H is 129; .* 4 H threads per block: .* H=128"):
            version.gradients(*problem(2, 2, 1, 129, 1))
    cuda_v5.check_hidden_size(128)
    with pytest.raises(ValueError, match="H is 129; cuda_v7 .* This card has 1 SMs"):
        cuda_v5.check_hidden_size(129)


@pytest.mark.parametrize("version, limit", [(cuda_v4, "H=3"), (cuda_v5, "32 padded hidden units")])
def test_too_large_a_batch_is_refused_before_anything_starts(version, limit, problem, monkeypatch):
    monkeypatch.setattr(device, "free_memory", lambda: 1000)
    with pytest.raises(MemoryError, match=f"N=2 samples with T=3, {limit}"):
        version.gradients(*problem(3, 2, 2, 3, 1))


# ---- the card's fast exponential and division, which the emulator does not have -----------


def rough_sigmoid(z, side):
    """V5's sigmoid, as far off as the CUDA guide's table of intrinsic functions allows.

    2 + floor(abs(1.173 x)) ulp for __expf(x), 2 ulp for the division; side: 1 or -1.
    """
    x = -z.astype(F64)
    e = np.exp(x).astype(F32)
    e += side * (2 + np.floor(np.abs(1.173 * x))).astype(F32) * np.spacing(e)
    s = 1 / (1 + e)
    return s - side * 2 * np.spacing(s)


@pytest.mark.parametrize("side", [1, -1])
def test_the_fast_sigmoid_is_as_exact_as_its_docstring_says(side):
    z = np.linspace(-30, 30, 20001, dtype=F32)
    assert np.abs(rough_sigmoid(z, side) - 1 / (1 + np.exp(-z.astype(F64)))).max() < 3e-7


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("H", [32, 64])
def test_errors_of_the_fast_exponential_leave_the_gradients_right(H, side, monkeypatch):
    """On the course's data.  All errors to one side: where gradients cancel, that may be more."""
    params, (x, y) = init_params(1, H, 1, dtype=F32), data.airline_workload()
    exact = type(params)(*(p.astype(F64) for p in params)), x.astype(F64), y.astype(F64)
    expected = numpy_batched.gradients(*exact)

    def tanh(z, out=None):
        s = rough_sigmoid(z + z, side)
        return np.subtract(s + s, 1, out=out)

    monkeypatch.setattr(np, "tanh", tanh)
    assert 1e-6 < worst(numpy_batched.gradients(params, x, y), expected) < TOLERANCE[F32]


# ---- packing ------------------------------------------------------------------------------


@pytest.mark.parametrize("D, H, O", [(1, 1, 1), (3, 32, 2), (2, 33, 5), (1, 64, 1)])
def test_what_is_packed_comes_back_and_padding_is_zero(D, H, O):  # noqa: E741
    params, layout = init_params(D, H, O, dtype=F32), packing.make_layout(D, H, O)
    packed = packing.pack(params, layout)
    back = packing.unpack(packed, layout)
    assert all(np.array_equal(a, b) for a, b in zip(back, params, strict=True))
    assert np.count_nonzero(packed) == sum(p.size for p in params)


def test_thread_4j_q_finds_its_tile_and_its_gate_row():
    D, H, O = 2, 20, 1  # noqa: E741
    params, layout = init_params(D, H, O, dtype=F32), packing.make_layout(D, H, O)
    packed, P, C = packing.pack(params, layout), layout.P, layout.P // 4
    for j, q, r, m in ((0, 0, 0, 0), (19, 2, 3, 3), (7, 1, 2, 5), (25, 0, 0, 0), (3, 3, 1, 0)):
        inside = j < H and q * C + m < H
        weight = params.W[r * H + j, q * C + m] if inside else 0
        assert packed[(r * C + m) * 4 * P + 4 * j + q] == weight
        row = q * H + j
        assert packed[layout.B + 4 * j + q] == (params.B[row] if j < H else 0)
        assert packed[layout.U + 4 * P + 4 * j + q] == (params.U[row, 1] if j < H else 0)


# ---- races, and barriers removed one by one -----------------------------------------------


def v4_launch(module, problem):
    params, x, y = problem(2, 2, 1, 9, 2)
    shapes = workspace_shapes(sizes(params, x), x.itemsize)
    h, c, gates, _, dz, dy, loss = (np.zeros(shape, x.dtype) for shape in shapes)
    U, W, B, V, b_out = params
    arrays = U, W.T.copy(), W, B, V, b_out, x, y, F32.type(1 / y.size)
    return module.make_kernel(x.dtype), 2, 36, *arrays, h, c, gates, dz, dy, loss


def weights_launch(module, problem):
    """Two steps: the second one's tiles take the place of the first one's."""
    params, x, y = problem(2, 5, 2, 7, 3)
    T, N, D, H, O = sizes(params, x)  # noqa: E741
    arrays = [np.ones(s, F32) for s in ((T + 1, N, H), (T, N, 4 * H), (T, N, O))]
    shape = module.weights_shape(D, H, O)
    return module.make_weights_kernel(F32), *shape, x, *arrays, *map(np.zeros_like, params)


def v5_launch(module, problem):
    """Three samples on two blocks: one block takes two."""
    params, x, y = problem(2, 3, 1, 20, 2)
    layout = packing.make_layout(1, 20, 2)
    work = [np.zeros(shape, x.dtype) for shape in cuda_v5.workspace_shapes(2, 3, 2, layout, 4)]
    at = layout.U, layout.B, layout.V, layout.b_out
    batch = x, y, np.arange(3), 0, 3, F32.type(1 / y.size)
    return module.make_kernel(32, x.dtype), 2, 128, packing.pack(params, layout), *at, *batch, *work


def sum_launch(module, _problem):
    shape = sum_shape(40, 5)
    return module.make_sum_kernel(F32), *shape, np.ones((40, 5), F32), np.zeros(5, F32)


@pytest.mark.parametrize(
    "module, make_launch, barriers",
    [
        pytest.param(cuda_v4, v4_launch, range(8), marks=long),
        (cuda_v4, weights_launch, [8, 9]),
        pytest.param(cuda_v5, v5_launch, range(5), marks=long),
        (parts, sum_launch, [0]),
    ],
)
def test_no_race_and_each_barrier_is_needed(module, make_launch, barriers, problem):
    """`barriers`: the places, in the module, of those that the launch meets."""
    changed, found = with_switches(module, without_barrier)
    assert len(found) == {cuda_v4: 10, cuda_v5: 5, parts: 1}[module]
    launch = make_launch(changed, problem)
    assert checks.find_data_races(*launch, switch()) == []
    missed = [i for i in barriers if not checks.find_data_races(*launch, switch(i))]
    assert missed == []


def test_the_sum_has_no_race():
    for rows in (3, 33, 396):
        parts, sums = np.ones((rows, 40), F32), np.zeros(40, F32)
        launch = make_sum_kernel(F32), *sum_shape(rows, 40), parts, sums
        assert checks.find_data_races(*launch) == []


@pytest.mark.parametrize("rows", [1, 2, 16, 17, 33, 132, 256, 396, 444])
def test_parts_are_added_in_short_chains_and_in_a_fixed_order(rows):
    """The order is the docstring's: shares of a row one after the other, then rows in pairs."""
    parts = np.random.default_rng(0).normal(size=(rows, 70)).astype(F32)
    sums = np.zeros(70, F32)
    grid, (width, height) = sum_shape(rows, 70)
    make_sum_kernel(F32)[grid, (width, height)](parts, sums)
    ends = [row * rows // height for row in range(height + 1)]
    shares = [np.add.accumulate(parts[a:b])[-1] for a, b in zip(ends, ends[1:], strict=False)]
    longest, columns = max(np.diff(ends)), np.array(shares)
    while len(columns) > 1:
        columns = columns[: len(columns) // 2] + columns[len(columns) // 2 :]
        longest += 1
    assert np.array_equal(sums, columns[0])
    assert longest <= 20


@long
def test_indices_64_bits_wide_are_not_cut_by_the_padding():
    """A batch whose samples are all the same gives each sample's gradient."""
    params = init_params(1, 20, 1, dtype=F64)
    x, y = np.ones((3, 1, 1)), np.zeros((3, 1, 1))
    one = cuda_v5.gradients(params, x, y)
    many = cuda_v5.gradients(params, np.repeat(x, 90, axis=1), np.repeat(y, 90, axis=1))
    assert worst(many, one) < 1e-12
