"""A whole training in every order of threads and blocks: V6 gives the same bits in each."""

from functools import partialmethod

import numpy as np
import pytest

from lstm_kernels import init_params
from lstm_kernels.emulator import cuda, dispatcher, find_data_races
from lstm_kernels.emulator.data_races import ORDERS
from lstm_kernels.training import fit
from lstm_kernels.versions import cuda_v5, cuda_v6
from lstm_kernels.versions.parts import sum_shape


@cuda.jit
def last_block(out):
    cuda.syncthreads()
    out[0] = cuda.blockIdx.x


@pytest.fixture
def in_order(monkeypatch):
    """in_order(number): all launches from now on run their threads and blocks in this order."""
    run_blocks = dispatcher.Launch.run_blocks

    def choose(order):
        monkeypatch.setattr(dispatcher.Launch, "run_blocks", partialmethod(run_blocks, order=order))

    return choose


def test_the_order_is_one_of_all_launches(in_order):
    seen = []
    for order in ORDERS:
        in_order(order)
        out = np.zeros(1)
        last_block[9, 1](out)
        seen.append(int(out[0]))
    assert seen[:2] == [8, 0] and seen[2] not in (0, 8)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_v6_trains_to_the_same_bits_in_every_order(optimizer, in_order, monkeypatch):
    monkeypatch.setattr(cuda_v5, "count_processors", lambda: 1)  # a block takes several samples
    params = init_params(1, 5, 2)
    x, y = (np.random.default_rng(0).normal(size=(3, 10, w)).astype(np.float32) for w in (1, 2))
    results = set()
    for order in ORDERS:
        in_order(order)
        trained, history = fit(
            "cuda_v6", params, x, y, epochs=2, batch_size=7, lr=1e-2, optimizer=optimizer
        )
        results.add(b"".join(map(bytes, trained)) + bytes(np.array(history.batch_losses)))
    assert len(results) == 1


@pytest.mark.parametrize("rows", [3, 40])
def test_the_updates_have_no_race(rows):
    parts, rates = np.ones((rows, 200)), np.full((4, 2), 0.01)
    shape, dtype = sum_shape(rows, 200), parts.dtype
    sgd, adam = cuda_v6.make_sgd(dtype), cuda_v6.make_adam(dtype)
    assert find_data_races(sgd, *shape, parts, np.ones((1, 200)), rates[:, :1], 2) == []
    assert find_data_races(adam, *shape, parts, np.ones((3, 200)), rates, 2) == []
