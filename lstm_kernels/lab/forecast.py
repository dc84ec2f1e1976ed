"""An honest forecast: the past trains, the held-out months only measure.  Lesson 09.

A *forecaster* is any function that takes the known values, oldest first, and returns the next
one.  The trained LSTM is one, and so are the simple rules that it has to beat.  All of them go
through the same two loops, which differ in one line:

    one_step   after each month the TRUE value becomes known     (how good is the next month?)
    rollout    after each month the OWN prediction is appended   (how good is a plan for a year?)

The design.  The LSTM does not see passengers but each month's growth over the same month of the
year before, log(v[m]) - log(v[m-12]), scaled to mean 0 and standard deviation 1.  The logarithm
makes a rising series even, the difference of 12 months takes the season out, and what is left is
one number for each month that moves slowly.  Without it a net that has seen at most 505 thousand
passengers (August 1958) would have to predict 622 thousand (July 1960).

How T, H, epochs, batch size and learning rate were chosen: `validate` plays the forecast on
1956, 1957 and 1958, each time trained on the years before it only.  A rough first pass (T 12 or
24, H 8 or 16, lr 0.003 or 0.01, 10 to 400 epochs) showed that beyond some 30 epochs the net
learns its 100 months by heart and every forecast gets worse.  A second pass tried eight
combinations around the best ones (T 12 or 24, H 4 to 16, lr 0.005 or 0.01, batches of 8 or 16) at
5 to 60 epochs.  The rule, set before the held-out months were looked at: the smallest sum of the
one-step RMSE and the 12-month RMSE.  Several neighbours are almost as good; nothing is magic here.

Who wins (by RMSE).  Persistence and seasonal naive lose to the LSTM by far in 1959 and 1960, with
every one of the five seeds.  The rules that also know the growth are another matter.  "Seasonal
drift" is a little better than the LSTM one step ahead in 1956 to 1958, a little worse in 1959 and
1960, and worse in the rollouts.  "Mean growth" is worse than the LSTM in 1956 to 1958 and better
in 1959 and 1960, when growth returned to its mean.  In 1958, a year of recession, even seasonal
naive beats the LSTM's 12-month plan: no earlier growth announced it.  One short series does not
show that an LSTM is worth its training; it shows how to find out.
"""

from typing import NamedTuple

import numpy as np

from lstm_kernels import data, training
from lstm_kernels.data import PERIOD
from lstm_kernels.model import check_count, init_params
from lstm_kernels.versions.numpy_batched import predict

ONE_STEP, YEAR, TWO_YEARS = "one step ahead", "12-month rollout", "24-month rollout"
ROLLOUTS = {YEAR: 12, TWO_YEARS: 24}  # both start where the past ends
SEEDS = (0, 1, 2, 3, 4)


class Choices(NamedTuple):
    """The hyperparameters, as the search on 1956 to 1958 chose them."""

    T: int = 24
    H: int = 8
    epochs: int = 25
    batch_size: int = 16
    lr: float = 0.005


CHOSEN = Choices()


class Prepared(NamedTuple):
    """Everything that the training and the forecast need; all but `held_out` from the past."""

    past: data.Series
    held_out: data.Series
    scaler: data.Scaler  # of the past's growth
    x: np.ndarray  # (T, N, 1) growth, scaled
    y: np.ndarray  # (T, N, 1) the same, one month later


class Result(NamedTuple):
    """One task, one forecaster: its predictions and their errors, in the series' unit."""

    task: str
    forecaster: str
    dates: np.ndarray  # (M,)
    truth: np.ndarray  # (M,)
    predictions: np.ndarray  # (M,)
    rmse: float  # thousands of passengers
    mape: float  # per cent


# ---- preparing and training ---------------------------------------------------------------


def prepare(series, held_out=24, T=CHOSEN.T, dtype=np.float32):
    """Cut the series, learn the scale from its past, and make the training windows.

    series: monthly, above 0, without gaps.  The past needs at least 12 + T + 1 values.
    """
    _check_monthly(series)
    past, future = data.split_by_time(series, held_out)
    if len(past.values) < PERIOD + T + 1:
        raise ValueError(
            f"{len(past.values)} months are left for training; T={T} needs at least "
            f"{PERIOD} + {T} + 1 = {PERIOD + T + 1}"
        )
    growth = data.log_growth(past.values)
    scaler = data.Scaler.fit(growth)
    x, y = data.windows(scaler.transform(growth), T, dtype=dtype)
    return Prepared(past, future, scaler, x, y)


def _check_monthly(series):
    """Raise ValueError unless there is one value for each month."""
    dates = np.asarray(series.dates)
    if dates.dtype != "datetime64[M]" or not (np.diff(dates).astype(int) == 1).all():
        raise ValueError(
            f"{series.name} is not monthly; this forecast compares each month with the same "
            "month of the year before"
        )


def train(prepared, choices=CHOSEN, seed=0, version="numpy_batched", on_batch=None):
    """Train a fresh LSTM on the past; returns (params, training.History).  About a second.

    RuntimeError if the training diverged or was stopped: half a training is no forecast.
    """
    params = init_params(1, choices.H, 1, seed, prepared.x.dtype)
    params, history = training.fit(
        version, params, prepared.x, prepared.y, epochs=choices.epochs,
        batch_size=choices.batch_size, lr=choices.lr, seed=seed, on_batch=on_batch,
    )  # fmt: skip
    if history.stopped:
        raise RuntimeError(f"no forecast from an unfinished training: {history.stopped}")
    return params, history


# ---- forecasters: known values in, the next value out -------------------------------------


def lstm(params, prepared):
    """The trained LSTM as a forecaster: warm up on the last T months, read the next one.

    The hidden state starts at zero, as in training, and runs over the last T known months; only
    the last output counts.  In a rollout some of these "known" months are own predictions.
    """
    T, scaler = prepared.x.shape[0], prepared.scaler

    def next_value(known):
        recent = scaler.transform(data.log_growth(known[-(T + PERIOD) :]))  # (T,)
        x = recent[:, None, None].astype(prepared.x.dtype)  # (T, 1, 1)
        growth = scaler.inverse(predict(params, x)[-1, 0, 0])
        return known[-PERIOD] * np.exp(growth)

    return next_value


def persistence(known):
    """The last known value: nothing changes."""
    return known[-1]


def seasonal_naive(known):
    """The same month of the year before: next year is like this year."""
    return known[-PERIOD]


def seasonal_drift(known):
    """The same month of the year before, times the last month's growth over its own year.

    A fair simple opponent: it knows what our design knows (season and growth), and learns
    nothing.  Beating the two others is easy for a rising seasonal series; beating this is not.
    """
    return known[-PERIOD] * known[-1] / known[-PERIOD - 1]


def mean_growth(known):
    """The same month of the year before, times the mean growth of all known months.

    The other simple opponent: it expects that growth returns to what is usual, which is most of
    what an LSTM can learn from 100 months.
    """
    return known[-PERIOD] * np.exp(data.log_growth(known).mean())


BASELINES = {
    "persistence": persistence,
    "seasonal naive": seasonal_naive,
    "seasonal drift": seasonal_drift,
    "mean growth": mean_growth,
}


# ---- the two loops ------------------------------------------------------------------------


def one_step(forecaster, past, truth):
    """Predictions (M,) for the months of `truth` (M,), each from the true values before it."""
    predictions, known = [], data.check_values(past)
    for value in data.check_values(truth):
        predictions.append(forecaster(known))
        known = np.append(known, value)  # the month is over: its true value is known
    return np.array(predictions)


def rollout(forecaster, past, months):
    """Predictions (months,) from the past alone: each one is fed back as if it were true."""
    months, known = check_count("months", months), data.check_values(past)
    for _ in range(months):
        known = np.append(known, forecaster(known))
    return known[-months:]


# ---- errors -------------------------------------------------------------------------------


def rmse(predictions, truth):
    """Root of the mean squared error, in the unit of the values.  Large errors weigh more."""
    predictions, truth = _pair(predictions, truth)
    return float(np.sqrt(np.mean((predictions - truth) ** 2)))


def mape(predictions, truth):
    """Mean absolute percentage error, in per cent of the truth, which must not be 0."""
    predictions, truth = _pair(predictions, truth)
    if (truth == 0).any():
        raise ValueError(f"truth[{int(np.argmin(truth != 0))}] is 0; a percentage of 0 is nothing")
    return float(100 * np.mean(np.abs((predictions - truth) / truth)))


def _pair(predictions, truth):
    predictions, truth = data.check_values(predictions, 1), data.check_values(truth, 1)
    if predictions.shape != truth.shape:
        raise ValueError(f"{len(predictions)} predictions for {len(truth)} true values")
    return predictions, truth


# ---- everything together ------------------------------------------------------------------


def evaluate(params, prepared):
    """Every forecaster on every task: a list of Result, the LSTM first in each task.

    The tasks on the airline series: 1959 and 1960 one step ahead; 1959 as a rollout from the end
    of 1958; 1959 and 1960 as one rollout.  Rollouts longer than the held-out part are left out.
    """
    forecasters = {"LSTM": lstm(params, prepared), **BASELINES}
    past, held_out = prepared.past.values, prepared.held_out
    results = []
    for name, forecaster in forecasters.items():
        predictions = one_step(forecaster, past, held_out.values)
        results.append(_result(ONE_STEP, name, held_out, predictions))
        for task, months in ROLLOUTS.items():
            if months <= len(held_out.values):
                predictions = rollout(forecaster, past, months)
                results.append(_result(task, name, held_out, predictions))
    order = [ONE_STEP, *ROLLOUTS]
    return sorted(results, key=lambda result: order.index(result.task))


def _result(task, name, held_out, predictions):
    M = len(predictions)
    truth = held_out.values[:M]
    errors = rmse(predictions, truth), mape(predictions, truth)
    return Result(task, name, held_out.dates[:M], truth, predictions, *errors)


def study(prepared, choices=CHOSEN, seeds=SEEDS, version="numpy_batched"):
    """Train once for each seed and evaluate: {seed: list of Result}."""
    if len(seeds) == 0:
        raise ValueError(f"seeds is {seeds!r}; at least one is needed")
    return {seed: evaluate(train(prepared, choices, seed, version)[0], prepared) for seed in seeds}


def medians(results):
    """{(task, forecaster): (RMSE, MAPE)}, the median over the seeds of `study`'s result.

    The median, because one lucky (or unlucky) seed says little about a method.
    """
    errors = {}
    for of_one_seed in results.values():
        for r in of_one_seed:
            errors.setdefault((r.task, r.forecaster), []).append((r.rmse, r.mape))
    return {key: tuple(map(float, np.median(pairs, axis=0))) for key, pairs in errors.items()}


def validate(series, choices=CHOSEN, seeds=SEEDS, held_out=24, years=3):
    """{(task, forecaster): RMSE} on the last years before the held-out months, one at a time.

    For each of them the LSTM is trained on what came before that year.  RMSE is the median over
    seeds, then the mean over years.  Choose hyperparameters with this, never with `evaluate`.
    """
    of_years = []
    for back in range(check_count("years", years)):
        known = data.split_by_time(series, held_out + PERIOD * back).past
        prepared = prepare(known, held_out=PERIOD, T=choices.T)
        of_years.append(medians(study(prepared, choices, seeds)))
    return {key: float(np.mean([m[key][0] for m in of_years])) for key in of_years[0]}
