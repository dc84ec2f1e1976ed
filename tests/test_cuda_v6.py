"""V6: the reference's losses, two launches per mini-batch, one wait per epoch, and every ending."""

from functools import partial

import numpy as np
import pytest

from lstm_kernels import checks
from lstm_kernels.checks import relative_error
from lstm_kernels.machine import device, watch
from lstm_kernels.machine.cuda_graph import GraphError
from lstm_kernels.optimizers import OPTIMIZERS
from lstm_kernels.training import fit, mean_squared_error
from lstm_kernels.versions import VERSIONS, cuda_v5, cuda_v6
from lstm_kernels.versions.packing import make_layout
from tests import problems
from tests.problems import same

pytestmark = pytest.mark.skipif(
    device.TARGET not in ("gpu", "emulator"), reason="this target is too slow for a training"
)
IN, OUT = "host to device", "device to host"
settings = partial(problems.settings, epochs=3)


@pytest.fixture(autouse=True)
def v6(monkeypatch):
    monkeypatch.setitem(VERSIONS, "cuda_v6", cuda_v6)


# ---- right --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "optimizer, lr, H",
    [("sgd", 0.1, 5), ("adam", 0.01, 5), pytest.param("sgd", 0.1, 40, marks=pytest.mark.long)],
)
def test_it_follows_the_reference_for_100_steps(optimizer, lr, H, problem):
    """H=5 is padded to P=32, H=40 to P=64."""
    data = problem(4, 10, 1, H, 1)
    changes = settings(epochs=34, lr=lr, optimizer=optimizer, seed=3)  # batches of 4, 4 and 2
    trained, history = fit("cuda_v6", *data, **changes)
    expected, reference = fit("numpy_batched", *data, **changes)
    assert len(history.batch_losses) == 102
    errors = np.abs(np.divide(history.batch_losses, reference.batch_losses) - 1)
    assert errors.max() < 1e-5
    assert max(map(relative_error, trained, expected)) < 1e-4
    assert history.epoch_losses == pytest.approx(reference.epoch_losses, rel=1e-5)
    assert history.epoch_losses[-1] < history.epoch_losses[0]
    assert reference.stopped == history.stopped == ""


def test_several_inputs_and_outputs_and_more_samples_than_blocks(problem, monkeypatch):
    monkeypatch.setattr(cuda_v5, "count_processors", lambda: 1)  # three blocks
    data = problem(3, 11, 3, 7, 2)
    trained, history = fit("cuda_v6", *data, **settings(batch_size=8))
    expected, reference = fit("numpy_batched", *data, **settings(batch_size=8))
    assert history.batch_losses == pytest.approx(reference.batch_losses, rel=1e-5)
    assert max(map(relative_error, trained, expected)) < 1e-4


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_same_bits_on_every_run(optimizer, data):
    """In a card's own order; tests/emulator/test_orders.py tries several in the emulator."""
    runs = [fit("cuda_v6", *data, **settings(optimizer=optimizer)) for _ in range(2)]
    assert same(runs[0][0], runs[1][0])
    assert runs[0][1].batch_losses == runs[1][1].batch_losses


def test_the_seed_shuffles(data):
    one, other = (fit("cuda_v6", *data, **settings(), seed=seed)[0] for seed in (1, 2))
    assert not same(one, other)


def test_gradients_are_v5s():
    assert cuda_v6.gradients is cuda_v5.gradients


# ---- what crosses the bus -----------------------------------------------------------------


@pytest.mark.parametrize("epochs", [1, 4])
def test_copies_launches_and_waits(epochs, data):
    params, x, y = data
    with watch.count_transfers() as record:
        trained, history = fit("cuda_v6", params, x, y, **settings(epochs=epochs))
    copied_in = [t.nbytes for t in record if t.direction == IN]
    copied_out = [t.nbytes for t in record if t.direction == OUT]
    size = make_layout(1, 5, 1).size * 4
    rates = 2 * 4 * len(history.batch_losses)  # Adam's step size and epsilon, for each step
    even = -(-3 * size // 8) * 8  # what follows has numbers of 8 bytes: the count, the orders
    assert copied_in == [even + 8 + 8 * 10 * epochs + x.nbytes + y.nbytes + rates]
    assert copied_out == [10 * 4] * epochs + [size]  # the losses of each epoch, the parameters
    directions = [t.direction for t in record]
    assert directions == [IN] + [OUT] * (epochs + 1)  # nothing goes in once it has begun
    if hasattr(record, "launches"):  # the emulator's record
        of_epoch = ["plan_kernel", "count_kernel", *["kernel", "adam_kernel"] * 3]
        assert record.launches == of_epoch * epochs


def test_sgd_is_two_launches_too(data):
    with watch.count_transfers() as record:
        fit("cuda_v6", *data, **settings(optimizer="sgd", epochs=1))
    if hasattr(record, "launches"):
        assert record.launches == ["plan_kernel", "count_kernel", *["kernel", "sgd_kernel"] * 3]


def test_an_epoch_is_queued_without_a_copy(data):
    params, x, y = data
    rule = OPTIMIZERS["adam"](params, 1e-2)
    training = cuda_v6.DeviceTraining(params, x, y, np.arange(10), 4, rule)
    with watch.count_transfers() as record:
        training.epoch(0)
    assert list(record) == []
    assert len(training.losses(0)) == 3


@pytest.mark.parametrize("H", [65, 200])
def test_too_many_hidden_units_are_refused_before_a_copy(H, problem, pretend_card):
    """Above 64 V7 must take them: V4 has no launches for V6."""
    pretend_card(MULTIPROCESSOR_COUNT=1)
    with watch.count_transfers() as record:
        with pytest.raises(ValueError, match=f"H is {H}; cuda_v7 .* 1 SMs"):
            fit("cuda_v6", *problem(2, 3, 1, H, 1), **settings(batch_size=3))
    assert list(record) == []


def test_what_does_not_fit_is_refused_before_a_copy(data, monkeypatch):
    monkeypatch.setattr(device, "free_memory", lambda: 1000)
    with watch.count_transfers() as record:
        with pytest.raises(MemoryError, match="needs .* MiB of device memory"):
            fit("cuda_v6", *data, **settings())
    assert list(record) == []


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_plan_in_pieces_gives_the_same_bits(optimizer, data, monkeypatch):
    changes = settings(epochs=5, optimizer=optimizer)
    expected, reference = fit("cuda_v6", *data, **changes)
    monkeypatch.setattr(cuda_v6, "PLANNED", 2 * (3 * 8 * 10 + 400 * 3))  # two epochs at once
    with watch.count_transfers() as record:
        trained, history = fit("cuda_v6", *data, **changes)
    copied_in = [number for number, t in enumerate(record) if t.direction == IN]
    assert copied_in == [0, 3, 4, 7, 8], "all, and twice two tables, each time after two epochs"
    assert same(trained, expected) and history.batch_losses == reference.batch_losses
    assert history.epoch_losses == reference.epoch_losses


def test_very_many_epochs_begin_at_once_and_take_little_memory(data, monkeypatch):
    """The first epoch begins when the plan of some of them is made."""
    planned = []

    def shuffled(N, batch_size, rng, shuffled=cuda_v6.shuffled_batches):
        planned.append(N)
        return shuffled(N, batch_size, rng)

    monkeypatch.setattr(cuda_v6, "shuffled_batches", shuffled)
    monkeypatch.setattr(cuda_v6, "PLANNED", 10**5)
    _, history = fit("cuda_v6", *data, **settings(epochs=10**9), on_batch=lambda progress: False)
    assert history.stopped == "stopped by on_batch in epoch 1"
    assert 1 < len(planned) <= 10**5 // (3 * 8 * 10)


def test_bad_data_is_named(data):
    params, x, y = data
    x[0, 9, 0] = np.nan
    with pytest.raises(ValueError, match=r"x\[0, 9, 0\] is nan"):
        fit("cuda_v6", params, x, y, **settings())


# ---- recorded as a graph ------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_recorded_training_gives_the_same_bits(optimizer, data):
    params, x, y = data
    orders = np.concatenate([np.random.default_rng(e).permutation(10) for e in range(4)])
    results = []
    for recorded in (False, True):
        rule = OPTIMIZERS[optimizer](params, 1e-2)
        training = cuda_v6.DeviceTraining(params, x, y, orders, 4, rule, recorded)
        with watch.count_transfers() as record:
            losses = [(training.epoch(epoch), training.losses(epoch))[1] for epoch in range(4)]
        assert [t.nbytes for t in record] == [40] * 4, "nothing goes in; out: an epoch's losses"
        results.append((losses, training.params(4), training.params(3)))
    (losses, *params), (recorded_losses, *recorded_params) = results
    assert np.array_equal(losses, recorded_losses) and len(losses[0]) == 3
    assert all(map(same, params, recorded_params))


def test_a_driver_that_records_nothing_launches_one_by_one(data, monkeypatch):
    asked = []

    def refuse(stream, queue):
        asked.append(queue)
        raise GraphError("CUDA_ERROR_NOT_SUPPORTED (801)")

    recorded, history = fit("cuda_v6", *data, **settings())
    device.release_memory()
    monkeypatch.setattr(cuda_v6, "Graph", refuse)
    launched, again = fit("cuda_v6", *data, **settings())
    assert same(recorded, launched) and history.batch_losses == again.batch_losses
    assert len(asked) == 1, "it is not asked again"


def test_a_very_long_epoch_is_not_recorded(data, monkeypatch):
    monkeypatch.setattr(cuda_v6, "MOST_RECORDED", 2)
    monkeypatch.setattr(cuda_v6, "Graph", pytest.fail)
    fit("cuda_v6", *data, **settings())  # three mini-batches an epoch


def test_the_next_training_of_the_same_sizes_finds_its_room(data, monkeypatch):
    first, _ = fit("cuda_v6", *data, **settings())
    monkeypatch.setattr(cuda_v6.Room, "__init__", pytest.fail)
    again, _ = fit("cuda_v6", *data, **settings())
    assert same(first, again)


def test_epochs_come_one_after_the_other_and_then_again(data):
    params, x, y = data
    orders = np.concatenate([np.arange(10), np.arange(10)[::-1]])
    training = cuda_v6.DeviceTraining(params, x, y, orders, 4, OPTIMIZERS["sgd"](params, 1e-2))
    with pytest.raises(ValueError, match="epoch is 1; the next one is 0"):
        training.epoch(1)
    for epoch in (0, 1, 0):
        training.epoch(epoch)
        losses = training.losses(epoch)
    with pytest.raises(ValueError, match="only the last one's losses are kept"):
        training.losses(1)
    alone = cuda_v6.gradients(training.params(2), x[:, :4], y[:, :4])[0]
    assert losses[0] == pytest.approx(alone, rel=1e-6), "the first order again"


@pytest.mark.parametrize("epoch", [0, 3])
def test_the_plan_of_an_epoch_is_put_in_its_place_without_a_race(epoch):
    rng = np.random.default_rng(0)
    orders, all_rates = rng.integers(9, size=(2, 700)), rng.normal(size=(2, 600, 2))
    state, before = rng.normal(size=(3, 900)), np.zeros((2, 900))
    order, rates, begun = np.zeros(700, np.int64), np.zeros((600, 2)), np.array([epoch])
    plan = begun, orders, all_rates, state, order, rates, before
    assert checks.find_data_races(cuda_v6.plan_kernel, 2, cuda_v6.PLANNERS, *plan) == []
    cuda_v6.plan_kernel[2, cuda_v6.PLANNERS](*plan)
    cuda_v6.count_kernel[1, 1](begun)
    assert begun[0] == epoch + 1
    now = epoch % 2
    assert np.array_equal(order, orders[now]) and np.array_equal(rates, all_rates[now])
    assert np.array_equal(before[now], state[0]) and not before[1 - now].any()


# ---- progress and endings -----------------------------------------------------------------


def test_progress_is_told_after_each_epoch(data):
    seen = []
    _, history = fit("cuda_v6", *data, **settings(epochs=2), on_batch=seen.append)
    assert [(p.epoch, p.batch, p.batches) for p in seen] == [
        (e, b, 3) for e in (1, 2) for b in (1, 2, 3)
    ]
    assert [p.loss for p in seen] == history.batch_losses
    assert history.seconds == sorted(history.seconds) and len(history.seconds) == 6


def test_on_batch_can_stop(data):
    one_epoch, _ = fit("cuda_v6", *data, **settings(epochs=1))
    trained, history = fit("cuda_v6", *data, **settings(), on_batch=lambda p: p.batch != 2)
    assert history.stopped == "stopped by on_batch in epoch 1"
    assert len(history.batch_losses) == 3 and len(history.epoch_losses) == 1
    assert same(trained, one_epoch)


def test_ctrl_c_while_progress_is_told(data):
    def interrupt(progress):
        if progress.epoch == 2:
            raise KeyboardInterrupt

    two_epochs, _ = fit("cuda_v6", *data, **settings(epochs=2))
    trained, history = fit("cuda_v6", *data, **settings(), on_batch=interrupt)
    assert history.stopped == "interrupted after 6 batches"
    assert same(trained, two_epochs)


@pytest.mark.parametrize("interrupted", [4, 5, 6])  # a batch of the second epoch
def test_ctrl_c_while_launches_are_queued(interrupted, data, monkeypatch):
    queued = []

    def queue(steps, *arguments, queue=cuda_v5.Steps.queue):
        queued.append(steps)
        if len(queued) == interrupted:
            raise KeyboardInterrupt
        return queue(steps, *arguments)

    one_epoch, _ = fit("cuda_v6", *data, **settings(epochs=1))
    device.release_memory()
    monkeypatch.setattr(cuda_v5.Steps, "queue", queue)
    trained, history = fit("cuda_v6", *data, **settings())
    assert history.stopped == "interrupted after 3 batches"
    assert same(trained, one_epoch)


@pytest.mark.parametrize("batch_size", [4, 10])
@pytest.mark.parametrize("lr", [1e30, 1e38])
def test_a_diverging_training_returns_finite_parameters(lr, batch_size, data):
    params, x, y = data
    changes = settings(lr=lr, optimizer="sgd", batch_size=batch_size)
    trained, history = fit("cuda_v6", params, x * 100, y, **changes)
    assert history.stopped.startswith("diverged in epoch ")
    assert f"try a learning rate below lr={lr}" in history.stopped
    assert np.isfinite(history.batch_losses).all()
    assert all(np.isfinite(p).all() for p in trained)
    assert np.isfinite(VERSIONS["numpy_batched"].gradients(trained, x[:, :1], y[:, :1])[0])


def test_a_last_update_that_is_not_finite_is_noticed(data):
    params, x, y = data
    trained, history = fit(
        "cuda_v6", params, x * 100, y * 1e6, **settings(lr=1e38, optimizer="sgd", epochs=1,
                                                        batch_size=10)
    )  # fmt: skip
    assert history.stopped.startswith("diverged in epoch 1: the updated parameters are not finite")
    assert same(trained, params)


def test_validation_never_trains(data):
    params, x, y = data
    alone, _ = fit("cuda_v6", params, x, y, **settings())
    held_out = x[:, :3] * 9, y[:, :3]
    watched, history = fit("cuda_v6", params, x, y, **settings(), validation=held_out)
    assert same(alone, watched)
    assert len(history.validation_losses) == 3
    assert history.validation_losses[-1] == mean_squared_error(watched, *held_out)


def test_a_larger_batch_means_one_full_batch_and_says_so(data):
    with pytest.warns(UserWarning, match="batch_size 11 is larger than the 10 training windows"):
        trained, history = fit("cuda_v6", *data, **settings(batch_size=11))
    assert len(history.batch_losses) == 3
    assert same(trained, fit("cuda_v6", *data, **settings(batch_size=10))[0])
