"""The one mini-batch training loop that all versions share.  Lesson 03 builds it."""

import time

import numpy as np

from lstm_kernels.model import check_batch, random_numbers
from lstm_kernels.optimizers import (
    History,
    Progress,
    check_schedule,
    make_optimizer,
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
):
    """Train by mini-batch gradient descent; returns (trained params, History).

    version: a name in VERSIONS.  x (T, N, D), y (T, N, O): all N training windows.  Each epoch
    shuffles them (by `seed`) and uses each one once, the last short batch included.
    validation: a pair (x, y) whose loss is taken after each epoch; it never trains.
    on_batch: called with a Progress after each update; return False to stop.

    Ctrl-C, on_batch and a loss that is no longer finite end the training early: the parameters
    trained so far (the last finite ones) are returned, and History.stopped says why.
    An error in on_batch is raised, but costs no training: the error's attribute `trained` is the
    pair (trained params, History) that would have been returned.
    """
    gradients = get_version(version).gradients
    params = check_batch(params, x, y)
    check_validation(params, validation)
    epochs, batch_size = check_schedule(x.shape[1], epochs, batch_size)
    rule = make_optimizer(optimizer, params, lr)
    random_numbers(seed)  # an error now, if it is no seed
    listener = _Listener(check_callback(on_batch))
    if own := own_fit(version):  # it trains wholly on the device
        trained, history = own(
            params, x, y, epochs=epochs, batch_size=batch_size, rule=rule, seed=seed,
            on_batch=listener, validation=validation,
        )  # fmt: skip
    else:
        training = _Training(gradients, params, x, y, rule, listener)
        training.run(epochs, batch_size, seed, validation)
        trained, history = training.params, training.history
    listener.raise_error(trained, history)
    return trained, history


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
    """One run of `fit`: it always holds finite parameters, whatever stops it."""

    def __init__(self, gradients, params, x, y, rule, on_batch):
        self.gradients, self.x, self.y = gradients, x, y
        self.rule, self.on_batch = rule, on_batch
        self.params = self.before = params  # now, and one update ago
        self.history, self.start = History(), time.perf_counter()

    def run(self, epochs, batch_size, seed, validation):
        """Train; whatever ends it early is noted in the history."""
        rng = np.random.default_rng(seed)
        try:
            for epoch in range(1, epochs + 1):
                self.epoch(epoch, shuffled_batches(self.x.shape[1], batch_size, rng))
                if validation is not None:
                    loss = mean_squared_error(self.params, *validation)
                    self.history.validation_losses.append(loss)
        except KeyboardInterrupt:
            self.history.stopped = f"interrupted after {len(self.history.batch_losses)} batches"
        except _Stop as why:
            self.history.stopped = str(why)

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
            loss, grads = self.gradients(self.params, self.x[:, batch], self.y[:, batch])
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
