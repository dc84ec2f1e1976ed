"""The training loop, the optimisers, and everything that ends a training early."""

import numpy as np
import pytest

from lstm_kernels import VERSIONS, optimizers, training
from lstm_kernels.checks import relative_error
from lstm_kernels.lab.measure.pytorch import torch_modules
from lstm_kernels.model import Params
from lstm_kernels.optimizers import OPTIMIZERS, make_optimizer
from lstm_kernels.training import fit, mean_squared_error, shuffled_batches
from tests.problems import same, settings


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_optimizers_follow_pytorch(optimizer, data, torch):
    params, x, y = data
    trained, _ = fit("numpy_batched", params, x, y, **settings(epochs=8, batch_size=10,
                                                               optimizer=optimizer))  # fmt: skip
    lstm, linear = torch_modules(params)
    rule = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[optimizer]
    lstm.bias_hh_l0.requires_grad_(False)  # ours is one bias
    step = rule([*lstm.parameters(), *linear.parameters()], lr=1e-2)
    for _ in range(8):
        step.zero_grad()
        predictions = linear(lstm(torch.from_numpy(x))[0])
        torch.nn.functional.mse_loss(predictions, torch.from_numpy(y)).backward()
        step.step()
    expected = (lstm.weight_ih_l0, lstm.weight_hh_l0, lstm.bias_ih_l0, linear.weight, linear.bias)
    for p, q in zip(trained, expected, strict=True):
        assert relative_error(p, q.detach().numpy()) < 1e-5


def test_each_epoch_uses_each_window_once_and_the_last_short_batch():
    rng = np.random.default_rng(0)
    batches = shuffled_batches(10, 4, rng)
    assert [len(b) for b in batches] == [4, 4, 2]
    assert sorted(np.concatenate(batches)) == list(range(10))
    assert not np.array_equal(np.concatenate(batches), np.concatenate(shuffled_batches(10, 4, rng)))


def test_exactly_the_asked_epochs_and_batches(data):
    seen = []
    _, history = fit("numpy_batched", *data, **settings(epochs=3), on_batch=seen.append)
    assert [(p.epoch, p.batch, p.batches) for p in seen] == [
        (e, b, 3) for e in (1, 2, 3) for b in (1, 2, 3)
    ]
    assert [len(history.batch_losses), len(history.epoch_losses)] == [9, 3]
    assert history.seconds == sorted(history.seconds)
    assert history.stopped == ""
    first = history.batch_losses[:3]
    assert history.epoch_losses[0] == pytest.approx(np.average(first, weights=[4, 4, 2]))


def test_all_parameters_are_trained_and_the_loss_falls(data):
    params, x, y = data
    trained, history = fit("numpy_batched", params, x, y, **settings(epochs=30))
    assert all((p != q).any() for p, q in zip(params, trained, strict=True))
    assert history.epoch_losses[-1] < history.epoch_losses[0]


def test_the_seed_decides_everything(data):
    one, two, other = (fit("numpy_batched", *data, **settings(), seed=s)[0] for s in (1, 1, 2))
    assert same(one, two)
    assert not same(one, other)


def test_validation_never_trains(data):
    params, x, y = data
    alone, _ = fit("numpy_batched", params, x, y, **settings())
    watched, history = fit(
        "numpy_batched", params, x, y, **settings(), validation=(x[:, :3] * 9, y[:, :3])
    )
    assert same(alone, watched)
    assert len(history.validation_losses) == 2
    assert history.validation_losses[-1] == mean_squared_error(watched, x[:, :3] * 9, y[:, :3])


def test_a_larger_batch_means_one_full_batch_and_says_so(data):
    with pytest.warns(UserWarning, match="batch_size 11 is larger than the 10 training windows"):
        trained, history = fit("numpy_batched", *data, **settings(batch_size=11))
    assert len(history.batch_losses) == 2
    assert same(trained, fit("numpy_batched", *data, **settings(batch_size=10))[0])


# ---- ended early --------------------------------------------------------------------------


def test_on_batch_can_stop(data):
    trained, history = fit("numpy_batched", *data, **settings(), on_batch=lambda p: p.batch < 2)
    assert history.stopped == "stopped by on_batch in epoch 1, batch 2"
    assert len(history.batch_losses) == 2
    assert not same(trained, data[0])


@pytest.mark.parametrize("answer, batches", [(np.False_, 1), (np.True_, 6), (None, 6), (0, 6)])
@pytest.mark.parametrize("version", ["numpy_batched", "cuda_v6"])
def test_false_may_be_numpys(version, answer, batches, data):
    _, history = fit(version, *data, **settings(), on_batch=lambda p: answer)
    if version == "cuda_v6" and batches == 1:
        batches = 3  # V6 tells of an epoch's batches together
    assert len(history.batch_losses) == batches
    assert bool(history.stopped) == (answer is np.False_)


@pytest.mark.parametrize("version", ["numpy_batched", "cuda_v6"])
def test_an_error_in_on_batch_brings_what_was_trained(version, data):
    told = []

    def broken(progress):
        told.append(progress)
        if (progress.epoch, progress.batch) == (2, 1):
            raise ArithmeticError("no plot today")

    with pytest.raises(ArithmeticError, match="no plot today") as why:
        fit(version, *data, **settings(), on_batch=broken)
    trained, history = why.value.trained
    batches = {"numpy_batched": 4, "cuda_v6": 6}[version]
    assert len(told) == 4 and len(history.batch_losses) == batches
    assert history.stopped == f"ArithmeticError in on_batch, after {batches} batches: no plot today"
    expected, _ = fit(version, *data, **settings(), on_batch=lambda p: (p.epoch, p.batch) != (2, 1))
    assert same(trained, expected)


def test_ctrl_c_returns_what_was_trained(data):
    def interrupt(progress):
        if (progress.epoch, progress.batch) == (2, 1):
            raise KeyboardInterrupt

    trained, history = fit("numpy_batched", *data, **settings(), on_batch=interrupt)
    assert history.stopped == "interrupted after 4 batches"
    expected, _ = fit("numpy_batched", *data, **settings(),
                      on_batch=lambda p: (p.epoch, p.batch) != (2, 1))  # fmt: skip
    assert same(trained, expected)


@pytest.mark.parametrize("version", [v for v in VERSIONS if not v.startswith("cuda")])
@pytest.mark.parametrize("lr", [1e30, 1e38])
def test_a_diverging_training_returns_the_last_finite_parameters(version, lr, data):
    params, x, y = data
    trained, history = fit(version, params, x * 100, y, **settings(lr=lr, optimizer="sgd"))
    assert history.stopped.startswith("diverged in epoch 1, batch ")
    assert f"try a learning rate below lr={lr}" in history.stopped
    assert np.isfinite(history.batch_losses).all()
    assert all(np.isfinite(p).all() for p in trained)
    assert np.isfinite(VERSIONS[version].gradients(trained, x[:, :1], y[:, :1])[0])


# ---- checkpoints --------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(
    "version",
    ["sequential", "numpy_batched", pytest.param("cuda_v6", marks=pytest.mark.long)],
)
def test_a_training_that_goes_on_is_the_same_to_the_last_bit(version, optimizer, data, tmp_path):
    params, x, y = data
    wish = {**settings(epochs=4, optimizer=optimizer), "validation": (x, y)}
    whole, expected = fit(version, *data, **wish, checkpoint=tmp_path / "whole.npz")
    path = str(tmp_path / "run.npz")
    broken, history = fit(
        version, *data, **wish, checkpoint=path, on_batch=lambda p: (p.epoch, p.batch) != (3, 2)
    )
    assert history.stopped == "stopped by on_batch in epoch 3, batch 2"
    trained, history = fit(version, *data, **wish, checkpoint=path)
    assert same(trained, whole) and not same(broken, whole)
    assert history.batch_losses == expected.batch_losses
    assert history.epoch_losses == expected.epoch_losses
    assert history.validation_losses == expected.validation_losses
    assert history.seconds == sorted(history.seconds) and history.stopped == ""
    again, history = fit(version, *data, **wish, checkpoint=path)  # nothing is left to do
    assert same(again, whole) and len(history.epoch_losses) == 4


def test_a_checkpoint_changes_no_training_and_more_epochs_go_on(data, tmp_path):
    path = tmp_path / "run.npz"
    fit("numpy_batched", *data, **settings(epochs=2), checkpoint=path)
    longer, _ = fit("numpy_batched", *data, **settings(epochs=5), checkpoint=path)
    assert same(longer, fit("numpy_batched", *data, **settings(epochs=5))[0])


@pytest.mark.parametrize("kind", [np.random.default_rng, np.random.MT19937, np.random.RandomState])
def test_a_generator_as_seed_goes_on_too(kind, data, tmp_path):
    wish, path = settings(epochs=4), tmp_path / "run.npz"
    whole, _ = fit("numpy_batched", *data, **wish, seed=kind(5))
    fit(
        "numpy_batched", *data, **wish, seed=kind(5), checkpoint=path,
        on_batch=lambda p: (p.epoch, p.batch) != (3, 2),
    )  # fmt: skip
    trained, history = fit("numpy_batched", *data, **wish, seed=kind(5), checkpoint=path)
    assert same(trained, whole) and len(history.batch_losses) == 12
    with pytest.raises(ValueError, match="its seed is .*, here it is SFC64"):
        fit("numpy_batched", *data, **wish, seed=np.random.SFC64(5), checkpoint=path)
    with pytest.raises(ValueError, match="its seed is .*, here it is 5"):
        fit("numpy_batched", *data, **wish, seed=np.int64(5), checkpoint=path)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"lr": 0.5}, "its lr is 0.01, here it is 0.5"),
        ({"batch_size": 5}, "its batch_size is 4, here it is 5"),
        ({"seed": 3}, "its seed is 0, here it is 3"),
        ({"optimizer": "sgd"}, "its optimizer is adam, here it is sgd"),
        ({"version": "sequential"}, "its version is numpy_batched, here it is sequential"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(change, message, data, tmp_path):
    path = tmp_path / "run.npz"
    fit("numpy_batched", *data, **settings(), checkpoint=path)
    before = path.read_bytes()
    wish = {**settings(), "version": "numpy_batched", **change}
    with pytest.raises(ValueError, match=message):
        fit(params=data[0], x=data[1], y=data[2], **wish, checkpoint=path)
    other = [p + 1 for p in data[0]]
    with pytest.raises(ValueError, match="its first parameters is"):
        fit("numpy_batched", Params(*other), *data[1:], **settings(), checkpoint=path)
    assert path.read_bytes() == before


def test_a_checkpoint_of_many_workers_is_another_training(data, tmp_path):
    params, x, y = data
    path, about = tmp_path / "run.npz", {"version": "numpy_batched", "shards": 4}
    plan = training.make_plan(params, x.shape[1], **settings(), checkpoint=path, about=about)
    gradients = VERSIONS["numpy_batched"].gradients
    training.train(lambda p, batch: gradients(p, x[:, batch], y[:, batch]), params, plan)
    with pytest.raises(ValueError, match="its shards is 4, here it is None"):
        fit("numpy_batched", *data, **settings(), checkpoint=path)


def test_a_checkpoint_beyond_the_epochs_is_refused(data, tmp_path):
    path = tmp_path / "run.npz"
    fit("numpy_batched", *data, **settings(epochs=3), checkpoint=path)
    with pytest.raises(ValueError, match="epochs is 2; .*run.npz holds 3 already"):
        fit("numpy_batched", *data, **settings(epochs=2), checkpoint=path)


def test_a_lost_connection_costs_no_training(data):
    params, x, y = data

    def lost_in_the_third_batch(p, batch):
        if len(seen) == 2:
            raise ConnectionError("nobody is there")
        seen.append(batch)
        return VERSIONS["numpy_batched"].gradients(p, x[:, batch], y[:, batch])

    seen = []
    with pytest.raises(ConnectionError, match="nobody is there") as why:
        plan = training.make_plan(params, x.shape[1], **settings())
        training.train(lost_in_the_third_batch, params, plan)
    trained, history = why.value.trained
    assert len(history.batch_losses) == 2 and not same(trained, params)
    assert history.stopped == "ConnectionError after 2 batches"


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\x03\x04 half a zip"])
def test_what_is_no_checkpoint_is_left_alone(content, data, tmp_path):
    (path := tmp_path / "run.npz").write_bytes(content)
    with pytest.raises(ValueError, match="run.npz is no checkpoint of a training"):
        fit("numpy_batched", *data, **settings(), checkpoint=path)
    assert path.read_bytes() == content


def test_a_single_array_is_no_checkpoint(data, tmp_path):
    np.save(path := tmp_path / "run.npy", data[1])
    with pytest.raises(ValueError, match="run.npy is no checkpoint of a training"):
        fit("numpy_batched", *data, **settings(), checkpoint=path)


def test_a_checkpoint_that_cannot_be_written(data, tmp_path, monkeypatch):
    with pytest.raises(OSError, match="cannot write .*no folder"):
        fit("numpy_batched", *data, **settings(), checkpoint=str(tmp_path / "none" / "run.npz"))

    def full(path, text):
        raise OSError("the disk is full")

    monkeypatch.setattr(optimizers, "write_atomically", full)
    trained, history = fit("numpy_batched", *data, **settings(), checkpoint=tmp_path / "run.npz")
    assert history.stopped == "no checkpoint after epoch 1: the disk is full"
    assert same(trained, fit("numpy_batched", *data, **settings(epochs=1))[0])


# ---- bad input ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change, message",
    [
        ({"epochs": 0}, "epochs is 0; it must be at least 1"),
        ({"batch_size": 0}, "batch_size is 0; it must be at least 1"),
        ({"epochs": 2.5}, "epochs is 2.5; it must be a whole number"),
        ({"epochs": "3"}, "epochs is '3'; it must be a whole number"),
        ({"batch_size": 4.0}, "batch_size is 4.0; it must be a whole number"),
        ({"batch_size": float("inf")}, "batch_size is inf; it must be a whole number"),
        ({"lr": -0.1}, "lr is -0.1; in float32 it must be finite and above 0"),
        ({"lr": 0.0}, "lr is 0.0"),
        ({"lr": float("nan")}, "lr is nan"),
        ({"lr": 1e-50}, "lr is 1e-50; in float32 it must be finite and above 0"),
        ({"lr": 1e39}, r"lr is 1e\+39; in float32"),
        ({"lr": "0.1"}, "lr is '0.1'; it must be a number"),
        ({"lr": np.array([0.1])}, "lr is .*; it must be a number"),
        ({"validation": np.zeros((4, 10, 1))}, r"validation is a ndarray; .* pair \(x, y\)"),
        ({"on_batch": 3}, "on_batch is 3; it must be a function"),
        ({"seed": -1}, "seed is -1; it must be a whole number of at least 0"),
        ({"seed": 1.5}, "seed is 1.5; it must be a whole number"),
        ({"seed": "x"}, "seed is 'x'; it must be a whole number"),
        ({"optimizer": "rmsprop"}, "unknown optimizer 'rmsprop'; choose one of: sgd, adam"),
    ],
)
def test_bad_settings_are_named(change, message, data):
    with pytest.raises((ValueError, TypeError), match=message):
        fit("numpy_batched", *data, **settings(**change))


@pytest.mark.parametrize("version", ["numpy_batched", "cuda_v6"])
def test_any_integer_type_and_a_plain_tuple_will_do(version, data):
    params, x, y = data
    expected, _ = fit("numpy_batched", params, x, y, **settings())
    small = settings(batch_size=np.uint8(4), epochs=np.int16(2))
    trained, _ = fit(version, tuple(params), x, y, **small)
    assert max(map(relative_error, trained, expected)) < 1e-4
    assert isinstance(trained, Params)


def test_bad_data_and_versions_are_named(data):
    params, x, y = data
    with pytest.raises(ValueError, match="unknown version 'cuda'"):
        fit("cuda", params, x, y, **settings())
    x[0, 9, 0] = np.nan
    with pytest.raises(ValueError, match=r"x\[0, 9, 0\] is nan"):
        fit("numpy_batched", params, x, y, **settings())
    with pytest.raises(ValueError, match=r"x\[0, 9, 0\] is nan"):
        fit("numpy_batched", params, y, y, **settings(), validation=(x, y))


def test_an_update_leaves_the_old_parameters_alone(data):
    params = data[0]
    before = Params(*(p.copy() for p in params))
    for name in OPTIMIZERS:
        updated = make_optimizer(name, params, 0.1).update(params, before)
        assert same(params, before)
        assert [p.dtype for p in updated] == [p.dtype for p in params]
