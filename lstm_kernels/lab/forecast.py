"""An honest forecast: the past trains, the months after it only measure.  Lesson 10.

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

Rolling origins (`rolling`).  One cut, say the end of 1958, is one throw of the dice.  So the
measurement is repeated at the start of each of the last 36 months, 1958 to 1960: everybody gets
the values before that month and nothing else, is trained or fitted anew, and makes a plan for
the next 12 months.  The first month of all plans answers the first question above, the whole
plans answer the second one, as far as the series goes.

How T, H, epochs and learning rate were chosen: by `choose`, on 1955, 1956 and 1957 only, from the
48 combinations of GRID.  The rule: the smallest sum of the one-step RMSE and the 12-month RMSE,
each the median over five seeds, then the mean over the three years.  All 48 results are in
data/measured/forecast.json.  Several neighbours are almost as good; nothing is magic here.

Who wins is what lesson 10 measures, by year, beside simple rules and the classics of rivals.py.
"""

from contextlib import contextmanager
from itertools import product
from typing import NamedTuple

import numba
import numpy as np

from lstm_kernels import data, training
from lstm_kernels.data import PERIOD
from lstm_kernels.model import check_count, check_whole, init_params
from lstm_kernels.versions.numpy_batched import predict

ONE_STEP, YEAR, TWO_YEARS = "one step ahead", "12-month rollout", "24-month rollout"
ROLLOUTS = {YEAR: 12, TWO_YEARS: 24}  # both start where the past ends
SEEDS = (0, 1, 2, 3, 4)
ORIGINS = 36  # the last three years: each of their months is an origin
FAST = "numba_cpu"  # for many trainings: the course's fastest version of so small a net on a CPU


class Choices(NamedTuple):
    """The hyperparameters, as `choose` found them on 1955 to 1957."""

    T: int = 24
    H: int = 4
    epochs: int = 50
    batch_size: int = 16
    lr: float = 0.005


CHOSEN = Choices()
GRID = tuple(
    Choices(T, H, epochs, lr=lr)
    for T, H, epochs, lr in product((12, 24), (2, 4, 8), (10, 25, 50, 100), (0.005, 0.01))
)


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
    held_out: months at the end that only measure; with 0 the whole series is the past.
    """
    _check_monthly(series)
    past, future = _cut(series, held_out)
    if len(past.values) < PERIOD + T + 1:
        raise ValueError(
            f"{len(past.values)} months are left for training; T={T} needs at least "
            f"{PERIOD} + {T} + 1 = {PERIOD + T + 1}"
        )
    growth = data.log_growth(past.values)
    _check_growth(past, growth)
    scaler = data.Scaler.fit(growth)
    x, y = data.windows(scaler.transform(growth), T, dtype=dtype)
    return Prepared(past, future, scaler, x, y)


def _cut(series, held_out):
    """`data.split_by_time`, which here may also leave nothing for the future."""
    if check_whole("held_out", held_out):
        return data.split_by_time(series, held_out)
    return data.Split(series, series._replace(dates=series.dates[:0], values=series.values[:0]))


def _check_growth(past, growth):
    """Raise ValueError if the growth differs from month to month by rounding only.

    Scaled to a standard deviation of 1, such noise would look like something to learn.
    """
    rounding = 64 * np.finfo(np.float64).eps * max(1, np.abs(np.log(past.values)).max())
    if np.ptp(growth) <= rounding:
        raise ValueError(
            f"{past.name} grows by the same factor, {np.exp(growth.mean()):.6g} a year, in every "
            "month: there is nothing to learn, and mean_growth already forecasts it"
        )


def _check_monthly(series):
    """Raise ValueError unless there is one value for each month."""
    dates = np.asarray(series.dates)
    if dates.dtype != "datetime64[M]" or not (np.diff(dates).astype(int) == 1).all():
        raise ValueError(
            f"{series.name} is not monthly; this forecast compares each month with the same "
            "month of the year before"
        )


def train(prepared, choices=CHOSEN, seed=0, version="numpy_batched", on_batch=None):
    """Train a fresh LSTM on the past; returns (params, training.History).  Less than a second.

    RuntimeError if the training diverged or was stopped: half a training is no forecast.  Ctrl-C
    stays a KeyboardInterrupt.
    """
    params = init_params(1, choices.H, 1, seed, prepared.x.dtype)
    with one_core():
        params, history = training.fit(
            version, params, prepared.x, prepared.y, epochs=choices.epochs,
            batch_size=choices.batch_size, lr=choices.lr, seed=seed, on_batch=on_batch,
        )  # fmt: skip
    if history.stopped.startswith("interrupted"):
        raise KeyboardInterrupt(history.stopped)  # `fit` itself ends well after Ctrl-C
    if history.stopped:
        raise RuntimeError(f"no forecast from an unfinished training: {history.stopped}")
    return params, history


@contextmanager
def one_core():
    """Numba's other threads sleep on: to wake them costs more than a batch of so small a net."""
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        yield
    finally:
        numba.set_num_threads(before)


# ---- forecasters: known values in, the next value out -------------------------------------


def lstm(params, prepared):
    """The trained LSTM as a forecaster: warm up on the last T months, read the next one.

    The hidden state starts at zero, as in training, and runs over the last T known months; only
    the last output counts.  In a rollout some of these "known" months are own predictions.
    ValueError for fewer than T + 12 known values: a shorter warm-up would be another net.
    """
    T, scaler = prepared.x.shape[0], prepared.scaler

    def next_value(known):
        if len(known) < T + PERIOD:
            raise ValueError(
                f"{len(known)} values are known; this LSTM warms up on T + {PERIOD} = {T + PERIOD}"
            )
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

    A fair simple opponent: it knows what our design knows (season and growth), and learns nothing.
    """
    return known[-PERIOD] * known[-1] / known[-PERIOD - 1]


def mean_growth(known):
    """The same month of the year before, times the mean growth of all known months.

    The other simple opponent: it expects that growth returns to what is usual.
    """
    return known[-PERIOD] * np.exp(data.log_growth(known).mean())


BASELINES = {
    "persistence": persistence,
    "seasonal naive": seasonal_naive,
    "seasonal drift": seasonal_drift,
    "mean growth": mean_growth,
}


# ---- the two loops; a forecaster gets a copy, and cannot spoil what is known ---------------


def one_step(forecaster, past, truth):
    """Predictions (M,) for the months of `truth` (M,), each from the true values before it."""
    predictions, known = [], data.check_values(past)
    for value in data.check_values(truth):
        predictions.append(forecaster(known.copy()))
        known = np.append(known, value)  # the month is over: its true value is known
    return np.array(predictions)


def rollout(forecaster, past, months):
    """Predictions (months,) from the past alone: each one is fed back as if it were true."""
    months, known = check_count("months", months), data.check_values(past)
    for _ in range(months):
        known = np.append(known, forecaster(known.copy()))
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


# ---- choosing the settings ----------------------------------------------------------------


def validate(series, choices=CHOSEN, seeds=SEEDS, held_out=ORIGINS, years=3, version=FAST):
    """{(task, forecaster): RMSE} on the last years before the held-out months, one at a time.

    For each of them the LSTM is trained on what came before that year.  RMSE is the median over
    seeds, then the mean over years.  Choose hyperparameters with this, never with `evaluate`.
    """
    of_years = []
    for back in range(check_count("years", years)):
        known = data.split_by_time(series, held_out + PERIOD * back).past
        prepared = prepare(known, held_out=PERIOD, T=choices.T)
        of_years.append(medians(study(prepared, choices, seeds, version)))
    return {key: float(np.mean([m[key][0] for m in of_years])) for key in of_years[0]}


def choose(series, grid=GRID, seeds=SEEDS, held_out=ORIGINS, years=3):
    """The best settings of a grid by `validate`, and all scores: (Choices, {Choices: (2,)}).

    A score is a pair of RMSE: one step ahead, 12-month rollout.  The smallest sum wins.  The
    last `held_out` months are not looked at.  The whole grid takes about half a minute.
    """
    scores = {}
    for choices in grid:
        found = validate(series, choices, seeds, held_out, years)
        scores[choices] = found[ONE_STEP, "LSTM"], found[YEAR, "LSTM"]
    return min(scores, key=lambda choices: sum(scores[choices])), scores


# ---- rolling origins ----------------------------------------------------------------------
#
# A *planner* takes the past, a Series, and a number of months, and returns its predictions
# (months,) of the months that follow.  Whatever it trains, it trains on this past.

NEXT_MONTH, PLAN = "next month", "plan for a year"
TASKS = {NEXT_MONTH: 1, PLAN: PERIOD}  # how many months of each plan count


class Rolling(NamedTuple):
    """What each planner said at each origin, and what came.  In the series' unit."""

    dates: np.ndarray  # (origins,) the first month of each plan; all months before are known
    truth: np.ndarray  # (origins, 12), nan where the series has ended
    plans: dict  # name: (runs, origins, 12); a run for each seed, or one


def lstm_planner(choices=CHOSEN, seed=0, version=FAST):
    """A planner that trains a fresh LSTM on its past, and lets it feed on its own predictions."""

    def plan(past, months):
        prepared = prepare(past, held_out=0, T=choices.T)
        params, _ = train(prepared, choices, seed, version)
        return rollout(lstm(params, prepared), past.values, months)

    return plan


def rule_planner(rule):
    """A simple rule as a planner; there is nothing to train."""
    return lambda past, months: rollout(rule, past.values, months)


def planners(choices=CHOSEN, seeds=SEEDS):
    """{name: planners}: the LSTM with one planner for each seed, and the simple rules."""
    rules = {name: [rule_planner(rule)] for name, rule in BASELINES.items()}
    return {"LSTM": [lstm_planner(choices, seed) for seed in seeds], **rules}


def rolling(series, planners, origins=ORIGINS):
    """Let everybody plan at the start of each of the last `origins` months: a Rolling.

    planners: {name: list of planners}.  At each origin each one gets the months before it, and
    no others, so it is trained (LSTM) or fitted (rivals.py) `origins` times.
    """
    L, origins = len(series.values), check_count("origins", origins)
    if origins >= L:
        raise ValueError(f"origins is {origins}; the series allows 1 to {L - 1}")
    starts = range(L - origins, L)
    ahead = np.append(series.values, np.full(PERIOD, np.nan))
    truth = np.array([ahead[m : m + PERIOD] for m in starts])
    plans = {}
    for name, runs in planners.items():
        plans[name] = np.array([[plan(before(series, m), PERIOD) for m in starts] for plan in runs])
    return Rolling(series.dates[L - origins :], truth, plans)


def before(series, month):
    """The Series' first `month` values: a copy, so that no planner changes the others' past."""
    return series._replace(dates=series.dates[:month].copy(), values=series.values[:month].copy())


def by_year(rolled, error=rmse):
    """{(task, years, name): (runs,)}: the errors of plans made in each year, and in all of them.

    years: "1958", ..., and "1958-60" for all.  Of NEXT_MONTH each plan's first month counts, of
    PLAN all its months that the series still reaches (at the last origin, one).
    """
    found = {}
    for (task, months), (group, rows) in product(TASKS.items(), _groups(rolled.dates).items()):
        truth = rolled.truth[rows, :months]
        came = np.isfinite(truth)
        for name, runs in rolled.plans.items():
            errors = [error(run[rows, :months][came], truth[came]) for run in runs]
            found[task, group, name] = np.array(errors)
    return found


def _groups(dates):
    """{"1958": (origins,) of bool, ..., "1958-60": all True}."""
    years = dates.astype("datetime64[Y]").astype(str)
    together = str(years[0]) if years[0] == years[-1] else f"{years[0]}-{years[-1][2:]}"
    return {year: years == year for year in years.tolist()} | {together: np.full(len(years), True)}


def table(errors):
    """`by_year`'s errors as a text: a line for each name, medians over its runs.  * the lowest."""
    lines = []
    for task in TASKS:
        groups = list(dict.fromkeys(group for t, group, _ in errors if t == task))
        names = list(dict.fromkeys(name for t, _, name in errors if t == task))
        lines.append(f"{task:18}" + "".join(f"{group:>9} " for group in groups).rstrip())
        for name in names:
            cells = [_cell(errors, task, group, name) for group in groups]
            lines.append(f"  {name:16}" + "".join(cells).rstrip())
    return "\n".join(lines)


def _cell(errors, task, group, name):
    mark = "*" if name == best(errors, task, group) else " "
    return f"{np.median(errors[task, group, name]):9.1f}{mark}"


def best(errors, task, group):
    """Whose median error is the lowest."""
    medians = {name: np.median(e) for (t, g, name), e in errors.items() if (t, g) == (task, group)}
    return min(medians, key=medians.get)
