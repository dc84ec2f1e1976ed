"""The one mini-batch training loop that all versions share.  Lesson 03 builds it."""

import time
from typing import NamedTuple

import numpy as np

from lstm_kernels.model import check_batch, random_numbers
from lstm_kernels.optimizers import (
    Checkpoint,
    History,
    Progress,
    check_schedule,
    make_optimizer,
    seed_name,
    shuffled_batches,
)
from lstm_kernels.versions import get_version, own_fit
from lstm_kernels.versions.numpy_batched import predict


def fit(
    version,
    params,
    x,
    y,
    *,
    epochs,
    batch_size,
    lr,
    optimizer="adam",
    seed=0,
    on_batch=None,
    validation=None,
    checkpoint=None,
):
    """Train by mini-batch gradient descent; returns (trained params, History).

    version: a name in VERSIONS.  x (T, N, D), y (T, N, O): all N training windows.  Each epoch
    shuffles them (by `seed`) and uses each one once, the last short batch included.
    validation: a pair (x, y) whose loss is taken after each epoch; it never trains.
    on_batch: called with a Progress after each update; return False to stop.
    checkpoint: a file (.npz), written after each epoch.  Where it is there already, the training
    goes on after its last epoch.  The result is the same to the last bit as without a break, if the
    version's own gradients are: V2's and V3's atomic additions come in any order on a card.  (V6
    trains then by its `gradients`: its own training keeps the optimiser on the device.)  Where the
    seed is a NumPy Generator, that goes on from the state in the file.

    Ctrl-C, on_batch and a loss that is no longer finite end the training early: the parameters
    trained so far (the last finite ones) are returned, and History.stopped says why.
    An error in on_batch is raised, but costs no training: the error's attribute `trained` is the
    pair (trained params, History) that would have been returned.
    """
    gradients = get_version(version).gradients
    params = check_batch(params, x, y)
    plan = make_plan(
        params, x.shape[1], epochs, batch_size, lr, optimizer, seed, on_batch, validation,
        checkpoint, about={"version": version},
    )  # fmt: skip
    if (own := own_fit(version)) and checkpoint is None:  # it trains wholly on the device
        trained, history = own(
            params, x, y, epochs=plan.epochs, batch_size=plan.batch_size, rule=plan.rule,
            seed=seed, on_batch=plan.listener, validation=validation,
        )  # fmt: skip
        plan.listener.raise_error(trained, history)
        return trained, history
    return train(lambda params, batch: gradients(params, x[:, batch], y[:, batch]), params, plan)


def train(of_batch, params, plan):
    """The loop itself, wherever a batch's gradients come from; returns as `fit` does.

    of_batch(params, batch) -> (loss, grads) of the windows whose numbers are in `batch`.
    """
    training = _Training(of_batch, params, plan)
    try:
        training.run()
    except ConnectionError as error:  # the workers are gone: that costs no training either
        name, batches = type(error).__name__, len(training.history.batch_losses)
        training.history.stopped = f"{name} after {batches} batches"
        error.trained = training.params, training.history
        raise
    plan.listener.raise_error(training.params, training.history)
    return training.params, training.history


class Plan(NamedTuple):
    """How to train, checked before anything runs: see `make_plan`."""

    N: int  # training windows
    epochs: int
    batch_size: int
    rule: object  # an optimiser
    seed: object
    listener: object  # on_batch, guarded
    validation: object
    checkpoint: object  # a Checkpoint, or None


def make_plan(
    params, N, epochs, batch_size, lr, optimizer="adam", seed=0, on_batch=None, validation=None,
    checkpoint=None, about=(),
):  # fmt: skip
    """A Plan from the arguments of `fit`; each error names the value and the limit.

    about: {name: value} that a checkpoint must agree in, besides what stands here.
    """
    check_validation(params, validation)
    epochs, batch_size = check_schedule(N, epochs, batch_size)
    rule = make_optimizer(optimizer, params, lr)
    random_numbers(seed)  # an error now, if it is no seed
    listener = _Listener(check_callback(on_batch))
    if checkpoint is not None:
        settings = {"windows": N, "batch_size": batch_size, "lr": rule.lr, "optimizer": optimizer}
        settings |= {"seed": seed_name(seed), **dict(about)}
        checkpoint = Checkpoint(checkpoint, params, settings)
    return Plan(N, epochs, batch_size, rule, seed, listener, validation, checkpoint)


def check_callback(on_batch):
    """A function to call after each update; TypeError if it is none."""
    if on_batch is None:
        return lambda progress: None
    if not callable(on_batch):
        raise TypeError(f"on_batch is {on_batch!r}; it must be a function of a Progress")
    return on_batch


class _Listener:
    """on_batch as every training calls it: a wish to stop is False itself, and so is an error."""

    def __init__(self, on_batch):
        self.on_batch, self.error = on_batch, None

    def __call__(self, progress):
        """False to stop; after an error, which is kept, nothing is told any more."""
        if self.error is None:
            try:
                answer = self.on_batch(progress)
                return not (isinstance(answer, (bool, np.bool_)) and not answer)
            except Exception as error:
                self.error = error
        return False

    def raise_error(self, trained, history):
        """Raise what was kept, if anything, together with what was trained."""
        if self.error is not None:
            name, batches = type(self.error).__name__, len(history.batch_losses)
            history.stopped = f"{name} in on_batch, after {batches} batches: {self.error}"
            self.error.trained = trained, history
            raise self.error


def check_validation(params, validation):
    """Raise unless it is None, or a pair (x, y) that fits the parameters."""
    if validation is None:
        return
    if not (isinstance(validation, (tuple, list)) and len(validation) == 2):
        raise TypeError(f"validation is a {type(validation).__name__}; it must be a pair (x, y)")
    check_batch(params, *validation)


class _Stop(Exception):
    """Ends the training; its text goes into History.stopped."""


class _Training:
    """One run of `train`: it always holds finite parameters, whatever stops it."""

    def __init__(self, of_batch, params, plan):
        self.of_batch, self.plan = of_batch, plan
        self.rule, self.on_batch = plan.rule, plan.listener
        self.params = self.before = params  # now, and one update ago
        self.history, self.start = History(), time.perf_counter()
        self.rng = np.random.default_rng(plan.seed)

    def run(self):
        """Train; whatever ends it early is noted in the history."""
        N, epochs, batch_size = self.plan[:3]
        try:
            self.resume()
            for epoch in range(len(self.history.epoch_losses) + 1, epochs + 1):
                self.epoch(epoch, shuffled_batches(N, batch_size, self.rng))
                if self.plan.validation is not None:
                    loss = mean_squared_error(self.params, *self.plan.validation)
                    self.history.validation_losses.append(loss)
                self.save(epoch)
        except KeyboardInterrupt:
            self.history.stopped = f"interrupted after {len(self.history.batch_losses)} batches"
        except _Stop as why:
            self.history.stopped = str(why)

    def resume(self):
        """Go on after the checkpoint's last epoch, if there is one; ValueError if it is beyond."""
        saved = self.plan.checkpoint and self.plan.checkpoint.load(self.rule, self.rng)
        if saved:
            epochs, done = self.plan.epochs, len(saved[1].epoch_losses)
            if done > epochs:
                raise ValueError(
                    f"epochs is {epochs}; {self.plan.checkpoint.path} holds {done} already"
                )
            self.params, self.history = saved
            self.before = self.params
            self.start -= self.history.seconds[-1]

    def save(self, epoch):
        """Write the checkpoint; a full disk, say, ends the training and costs none."""
        if self.plan.checkpoint:
            try:
                self.plan.checkpoint.save(self.params, self.rule, self.rng, self.history)
            except OSError as error:
                raise _Stop(f"no checkpoint after epoch {epoch}: {error}") from None

    def epoch(self, epoch, batches):
        """Use every batch once; note the mean loss over the epoch's samples."""
        first = len(self.history.batch_losses)
        for number, batch in enumerate(batches, 1):
            loss = self.step(batch, f"epoch {epoch}, batch {number}")
            if self.on_batch(Progress(epoch, number, len(batches), loss)) is False:
                raise _Stop(f"stopped by on_batch in epoch {epoch}, batch {number}")
        losses = self.history.batch_losses[first:]
        self.history.epoch_losses.append(float(np.average(losses, weights=list(map(len, batches)))))

    def step(self, batch, where):
        """One update by the windows in `batch`; returns their loss before it."""
        with np.errstate(over="ignore", invalid="ignore"):  # looked for here, and said better
            loss, grads = self.of_batch(self.params, batch)
            updated = self.rule.update(self.params, grads)
        if not np.isfinite(loss):
            self.params = self.before  # the last ones with a finite loss
            raise _diverged(where, f"the loss is {loss}", self.rule.lr)
        if not all(np.isfinite(p).all() for p in updated):
            raise _diverged(where, "the updated parameters are not finite", self.rule.lr)
        self.before, self.params = self.params, updated
        self.history.batch_losses.append(loss)
        self.history.seconds.append(time.perf_counter() - self.start)
        return loss


def _diverged(where, what, lr):
    return _Stop(
        f"diverged in {where}: {what}. The last finite parameters are returned; "
        f"try a learning rate below lr={lr}"
    )


def mean_squared_error(params, x, y):
    """The model's loss on x (T, N, D), y (T, N, O), without training."""
    return float(((predict(params, x) - y) ** 2).mean())
