"""V7: right at every size, the same bits in every order, and no barrier too few."""

import os
from functools import partialmethod

import numpy as np
import pytest

from lstm_kernels import checks
from lstm_kernels.emulator import data_races, dispatcher
from lstm_kernels.emulator.data_races import ORDERS
from lstm_kernels.lab.measure.pytorch import torch_gradients
from lstm_kernels.machine import device
from lstm_kernels.optimizers import make_optimizer, shuffled_batches
from lstm_kernels.training import fit
from lstm_kernels.versions import cuda_v4, cuda_v5, cuda_v6, cuda_v7
from lstm_kernels.versions.cuda_v7 import Tile
from lstm_kernels.versions.packing import pack, unpack
from tests.mutants import switch, with_switches, without_barrier
from tests.problems import same, settings, worst

pytestmark = pytest.mark.skipif(
    device.TARGET == "simulator", reason="the simulator is too slow, and has no grid.sync"
)
long = pytest.mark.long  # tests/conftest.py
emulated = pytest.mark.skipif(device.TARGET != "emulator", reason="a card is what it is")
F32, F64 = np.dtype("f4"), np.dtype("f8")
H100 = {
    "MULTIPROCESSOR_COUNT": 132,
    "MAX_SHARED_MEMORY_PER_BLOCK_OPTIN": 227 * 1024,
    "MAX_SHARED_MEMORY_PER_MULTIPROCESSOR": 228 * 1024,
    "MAX_THREADS_PER_MULTI_PROCESSOR": 2048,
    "MAX_BLOCKS_PER_MULTIPROCESSOR": 32,
}
# T, N, D, H, O.  Each kind of tile, for each P, compiles for seconds in the emulator: so the tests
# that run without PyTorch take test_versions.py's, and lesson 16's H=100.
SIZES = [(3, 1, 1, 65, 1), (2, 7, 2, 65, 3), (2, 64, 1, 65, 1), (3, 257, 1, 65, 1)]
SIZES += [(1, 1, 3, 100, 2), (2, 7, 2, 128, 1), (2, 7, 1, 256, 1), (2, 257, 1, 256, 2)]
LARGE = [(2, 257, 2, 128, 1), (2, 64, 2, 200, 1)]
ON_H100 = [(2, 64, 1, 512, 2)]
LARGE_ON_H100 = [(2, 7, 2, 384, 1), (2, 257, 1, 512, 1), (2, 1024, 1, 256, 1)]
if os.environ.get("LSTM_KERNELS_LONG") == "all":
    LARGE += [(2, 64, 1, 128, 2), (2, 7, 1, 200, 2), (2, 64, 1, 256, 1)]
    LARGE_ON_H100 += [(3, 257, 1, 384, 1), (2, 7, 1, 512, 1)]


# ---- right --------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SIZES + [pytest.param(s, marks=long) for s in LARGE], ids=str)
def test_agrees_with_pytorch(shape, problem, torch):
    data = problem(*shape)
    assert worst(cuda_v7.gradients(*data), torch_gradients(*data)) < 1e-5


@emulated
@pytest.mark.parametrize(
    "shape", ON_H100 + [pytest.param(s, marks=long) for s in LARGE_ON_H100], ids=str
)
def test_agrees_with_pytorch_at_what_only_a_larger_card_holds(shape, problem, torch, pretend_card):
    data = problem(*shape)
    pretend_card(**H100)
    assert worst(cuda_v7.gradients(*data), torch_gradients(*data)) < 1e-5


def test_agrees_with_pytorch_in_float64(problem, torch):
    data = problem(3, 7, 2, 65, 2, dtype=F64)
    assert worst(cuda_v7.gradients(*data), torch_gradients(*data)) < 1e-12


def queue(steps, params, x, y, order, first, count):
    """Losses and gradients of samples order[first : first + count], by the buffers of `steps`."""
    packed, loss = pack(params, steps.layout), device.cuda.to_device(np.full(len(order), 7.0, F32))
    arrays = map(device.cuda.to_device, (packed, x, y, order))
    parts = steps.queue(*arrays, first, count, loss).copy_to_host()
    return loss.copy_to_host(), unpack(parts.sum(0), steps.layout)


def test_a_short_last_batch_in_the_buffers_of_a_full_one(problem, torch):
    """What the full batch left there counts no more, nor do the samples of the padding."""
    params, x, y = problem(3, 70, 1, 65, 2)
    order, layout = np.random.default_rng(1).permutation(70), cuda_v7.make_layout(1, 65, 2)
    steps = cuda_v7.Steps(layout, 3, 64, F32)
    for first, count in ((0, 64), (64, 6), (3, 40)):
        loss, grads = queue(steps, params, x, y, order, first, count)
        here, here_too = order[first : first + count], slice(first, first + count)
        expected = torch_gradients(params, x[:, here], y[:, here])
        assert worst((loss[here_too].sum(), grads), expected) < 1e-5
        squares = [torch_gradients(params, x[:, [n]], y[:, [n]])[0] for n in here]
        assert np.abs(loss[here_too] * count - squares).max() < 1e-5 * max(squares)
        assert np.count_nonzero(loss == 7) == 70 - count, "the others' losses are left alone"


@pytest.mark.parametrize("H", [65, 96, 100])
def test_what_is_packed_comes_back_and_padding_is_zero(H, problem):
    params, layout = problem(1, 1, 2, H, 3)[0], cuda_v7.make_layout(2, H, 3)
    packed = pack(params, layout)
    assert layout.P % 32 == 0 and same(unpack(packed, layout), params)
    assert np.count_nonzero(packed) == sum(map(np.count_nonzero, params))


# ---- the same bits ------------------------------------------------------------------------


def bits(problem):
    loss, grads = cuda_v7.gradients(*problem)
    return b"".join([np.float64(loss).tobytes(), *map(bytes, grads)])


@emulated
@long
@pytest.mark.parametrize("shape", [(2, 7, 1, 100, 1), (3, 33, 2, 20, 2)], ids=str)
def test_the_same_bits_in_every_order_of_threads_and_blocks(shape, problem, monkeypatch):
    data, run_blocks = problem(*shape), dispatcher.Launch.run_blocks
    results = {bits(data)}
    for order in ORDERS:
        in_this_order = partialmethod(run_blocks, order=order)
        monkeypatch.setattr(dispatcher.Launch, "run_blocks", in_this_order)
        results.add(bits(data))
    assert len(results) == 1


@long
def test_the_same_bits_on_every_run(problem):
    data = problem(2, 7, 1, 100, 1)
    assert bits(data) == bits(data)


# ---- races, and barriers removed one by one -----------------------------------------------


class Kept:
    """In place of a kernel: it keeps how it would be launched."""

    def __getitem__(self, shape):
        self.grid, self.block, _, self.shared = shape
        return self

    def __call__(self, *arguments):
        self.arguments = arguments


def launches(module, problem, monkeypatch, shape, tile, processors):
    """The two launches of a batch with this kind of tile, on a card with so many SMs."""
    monkeypatch.setattr(module, "choose_tile", lambda *_: tile)
    monkeypatch.setattr(module, "count_processors", lambda: processors)
    T, N, D, H, O = shape  # noqa: E741
    params, x, y = problem(*shape)
    steps = module.Steps(module.make_layout(D, H, O), T, N, F32)
    kernels = steps.kernel, steps.weights_kernel
    steps.kernel, steps.weights_kernel = Kept(), Kept()
    steps.queue(pack(params, steps.layout), x, y, np.arange(N), 0, N, np.zeros(N, F32))
    return list(zip(kernels, (steps.kernel, steps.weights_kernel), strict=True))


def races(kernel, kept, *more, orders=ORDERS):
    launch = kernel, kept.grid, kept.block, *kept.arguments, *more
    return data_races.find_data_races(*launch, shared_bytes=kept.shared, orders=orders)


@pytest.fixture(scope="module")
def switched():
    """V7 with each barrier's switch, and the barriers: (function, statement)."""
    return with_switches(cuda_v7, without_barrier)


# Each block has two tiles, and going back each tile's product has several chunks.
MANY_PAIRS = Tile(2, 4, 1, 16), 2, (2, 129, 1, 20, 1)  # a thread has more than it takes at once
SHARED_SUMS = Tile(1, 1, 2, 8), 8, (2, 64, 1, 20, 2)


@long
@pytest.mark.parametrize("kind", [MANY_PAIRS, SHARED_SUMS])
def test_no_race_with_several_tiles_of_a_block(kind, switched, problem, monkeypatch):
    tile, blocks, shape = kind
    found = launches(switched[0], problem, monkeypatch, shape, tile, blocks)
    assert found[0][1].grid == blocks, "they have all units, so each has all samples"
    for kernel, kept in found:
        assert races(kernel, kept, switch()) == []


@long
def test_each_barrier_is_needed(switched, problem, monkeypatch):
    changed, barriers = switched
    assert len(barriers) == 15
    tile, blocks, shape = MANY_PAIRS
    found = launches(changed, problem, monkeypatch, shape, tile, blocks)
    of_weights = [i for i, (name, _) in enumerate(barriers) if name == "weights_kernel"]
    of_steps = [i for i in range(len(barriers)) if i not in of_weights]
    for (kernel, kept), numbers in zip(found, (of_steps, of_weights), strict=True):
        missed = [i for i in numbers if not races(kernel, kept, switch(i), orders=ORDERS[:1])]
        assert [barriers[i] for i in missed] == []


# ---- what does not fit, and who computes instead --------------------------------------------


@emulated
def test_what_does_not_fit_is_refused_in_words(problem):
    message = r"H is 512; cuda_v7 .* 4\.0 MiB, H padded to 512\. .* 40 SMs, .* at most 64 KiB"
    for call in (cuda_v7.check_hidden_size, cuda_v5.check_hidden_size, cuda_v6.check_hidden_size):
        with pytest.raises(ValueError, match=message):
            call(512)
    with pytest.raises(ValueError, match=message):
        cuda_v7.gradients(*problem(1, 1, 1, 512, 1))


@emulated
def test_what_fits_depends_on_the_card_and_the_numbers(problem, pretend_card):
    def fits(H, dtype=F32):
        return cuda_v7.fits(problem(1, 1, 1, H, 1, dtype=dtype)[0])

    cuda_v7.check_hidden_size(300)
    assert fits(300) and fits(128, F64) and not fits(321) and not fits(256, F64)
    pretend_card(**H100)
    cuda_v7.check_hidden_size(512)
    assert fits(512) and fits(256, F64)


def test_a_batch_that_is_too_large_is_refused_before_anything_starts(problem, monkeypatch):
    monkeypatch.setattr(device, "free_memory", lambda: 1000)
    with pytest.raises(MemoryError, match="N=2 samples with T=3, 96 padded units"):
        cuda_v7.gradients(*problem(3, 2, 1, 65, 1))


@long
def test_v5_hands_over_to_v7_where_it_fits_else_to_v4(problem, monkeypatch):
    data = problem(2, 7, 1, 100, 1)
    (loss, grads), *others = (v.gradients(*data) for v in (cuda_v7, cuda_v5, cuda_v6))
    assert all(other[0] == loss and same(other[1], grads) for other in others)
    monkeypatch.setattr(cuda_v7, "fits", lambda params: False)
    monkeypatch.setattr(cuda_v4, "gradients", lambda *arguments: "V4's")
    assert cuda_v5.gradients(*data) == cuda_v6.gradients(*data) == "V4's"


@long
@pytest.mark.parametrize("recorded", [False, True])
def test_v6_trains_with_v7(recorded, problem):
    """Two full mini-batches and a short one, an epoch, launched one by one and recorded."""
    params, x, y = problem(3, 70, 1, 100, 1)
    changes = settings(epochs=3, batch_size=32)
    expected, reference = fit("numpy_batched", params, x, y, **changes)
    trained, history = fit("cuda_v6", params, x, y, **changes)
    assert len(history.batch_losses) == 9
    assert history.batch_losses == pytest.approx(reference.batch_losses, rel=1e-5)
    assert max(map(checks.relative_error, trained, expected)) < 1e-4
    rng = np.random.default_rng(0)
    orders = [np.concatenate(list(shuffled_batches(70, 32, rng))) for _ in range(3)]
    rule = make_optimizer("adam", params, changes["lr"])
    training = cuda_v6.DeviceTraining(params, x, y, np.concatenate(orders), 32, rule, recorded)
    losses = [(training.epoch(epoch), training.losses(epoch))[1] for epoch in range(3)]
    assert np.concatenate(losses).tolist() == history.batch_losses
    assert same(training.params(3), trained)
