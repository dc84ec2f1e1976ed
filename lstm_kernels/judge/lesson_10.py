"""The forecast: the tasks of lesson 10.

A leak is seen from inside: the forecasters of these checks are spies, which note what they know.
"""

import numpy as np

from lstm_kernels import data
from lstm_kernels.judge.compare import expect, number, same, several, unchanged
from lstm_kernels.judge.tasks import task
from lstm_kernels.lab import forecast

# ---- what the checks are made of ----------------------------------------------------------


def series(L):
    """(L,) monthly values above 0 with a random season and a growth that moves slowly, float64."""
    random = np.random.default_rng()
    values = list(random.uniform(100, 500, 12))
    growth = 0.1
    for _ in range(L - 12):
        growth = 0.1 + 0.8 * (growth - 0.1) + random.normal(0, 0.02)
        values.append(values[-12] * np.exp(growth))
    return np.array(values[:L])


class Spy:
    """A forecaster that says random numbers, and keeps what it was told."""

    def __init__(self):
        self.told, self.said = [], []

    def __call__(self, known):
        self.told.append(np.array(known, dtype=float))
        self.said.append(float(np.random.default_rng().uniform(100, 500)))
        return self.said[-1]


def judge_known(spy, past, later, whose):
    """NotYet unless month m was forecast from the past and the m values of `later` before it.

    whose: {what these values are: as many of them}, for values that should not be there.
    """
    L = len(past)
    for m, known in enumerate(spy.told):
        wanted, got = np.concatenate([past, later[:m]]), f"gets {len(known)} values"
        got += f", the last is {number(known[-1])}" * (len(known) > len(wanted))
        expect(
            len(known) == len(wanted),
            f"The forecaster of month {m} {got}; {len(wanted)} are known then: {L} of the past and "
            f"{m} after it.",
        )
        wrong = {words: np.concatenate([past, other[:m]]) for words, other in whose.items()}
        same("known", known, wanted, wrong, where=f"for month {m}, past: {L} values")


# ---- the walk -----------------------------------------------------------------------------


@task(
    "10.1", "seasonal_naive",
    ours=forecast.seasonal_naive,
    hints=(
        "The next value is of which month? Where does the same month of the year before stand?",
        "known[-1] is the last month: one month before the next one.",
        "return known[-12]",
    ),
    given=("PERIOD",),
)  # fmt: skip
def as_last_year(seasonal_naive):
    for L in (12, 13, 24, 37):
        known = series(L)
        before, got = known.copy(), seasonal_naive(known)
        wrong = {
            "the last value: nothing changes": known[-1],
            "a month too early": known[-13] if L > 12 else np.nan,
            "a month too late": known[-11],
            "a year after the first value": known[12 % L],
        }
        same("The forecast", got, known[-12], wrong, where=f"{L} values known")
        unchanged([before], [known], ["known"])


@task(
    "10.2", "one_step",
    ours=forecast.one_step,
    hints=(
        "Who knows what when? The forecast of a month is made before its true value is there.",
        "First the forecast, then the truth: predictions.append(forecaster(known)), and only then "
        "np.append(known, value).",
        "known = np.append(known, value), as the last line of the loop",
    ),
    given=("data",),
)  # fmt: skip
def the_truth_comes_later(one_step):
    for L, M in ((13, 1), (24, 5), (40, 12)):
        values, spy = series(L + M), Spy()
        past, truth = values[:L], values[L:]
        kept = past.copy(), truth.copy()
        got = one_step(spy, past, truth)
        expect(
            len(spy.told) == M, f"{M} months, and the forecaster is called {len(spy.told)} times."
        )
        own = {"own predictions, where the truth is known by now": np.array(spy.said)}
        own["the truth of the month itself, a month too early"] = truth[1:]
        judge_known(spy, past, truth, own)
        same("The predictions", got, np.array(spy.said), {"they are the truth": truth})
        unchanged(kept, (past, truth), ("past", "truth"))
    return "Each month is forecast from what is known then, and from no more."


@task(
    "10.3", "rollout",
    ours=forecast.rollout,
    hints=(
        "A plan for a year is made today. What stands in place of the months that are not over?",
        "The one line that differs from one_step: what is appended is the own prediction.",
        "known = np.append(known, forecaster(known))   and at the end   return known[-months:]",
    ),
    given=("data", "check_count"),
)  # fmt: skip
def own_predictions_are_fed_back(rollout):
    for L, months in ((13, 1), (24, 5), (40, 24)):
        past, spy = series(L), Spy()
        kept = past.copy()
        got = rollout(spy, past, months)
        calls = len(spy.told)
        expect(calls == months, f"{months} months, and the forecaster is called {calls} times.")
        judge_known(spy, past, np.array(spy.said), {"the first prediction again and again": (
            np.full(months, spy.said[0]))})  # fmt: skip
        expect(got is not None, "It returns None: is a `return` missing?")
        whole = np.size(got) == L + months
        expect(not whole, "It returns the past, too; only the predictions are asked for.")
        same("The predictions", got, np.array(spy.said), where=f"months = {months}")
        unchanged([kept], [past], ["past"])


def errors_of(predictions, truth):
    """(RMSE, MAPE in per cent) of predictions (M,) against the truth (M,)."""
    errors = predictions - truth
    return np.sqrt(np.mean(errors**2)), 100 * np.mean(np.abs(errors / truth))


@task(
    "10.4", "errors_of",
    ours=errors_of,
    hints=(
        "RMSE, read from its end: error, squared, mean, root. MAPE: per cent of what?",
        "np.sqrt(np.mean(errors**2)); and the mean of the absolute errors / truth, times 100.",
        "return np.sqrt(np.mean(errors**2)), 100 * np.mean(np.abs(errors / truth))",
    ),
)  # fmt: skip
def two_measures(errors_of):
    for M in (1, 2, 12, 36):
        truth = series(M)
        predictions = truth * np.random.default_rng().uniform(0.6, 1.3, M)
        if M == 2:
            truth, predictions = np.array([-4.0, 10.0]), np.array([-2.0, 4.0])
        kept = predictions.copy(), truth.copy()
        rmse, mape = several(errors_of(predictions, truth), "RMSE", "MAPE")
        e = predictions - truth
        wrong = {
            "the root is missing": np.mean(e**2),
            "the mean absolute error": np.mean(np.abs(e)),
            "the root of the sum, not of the mean": np.sqrt(np.sum(e**2)),
            "the root of each, so no square": np.mean(e),
            "MAPE stands first": 100 * np.mean(np.abs(e / truth)),
        }
        same("RMSE", rmse, forecast.rmse(predictions, truth), wrong, where=f"M = {M}")
        wrong = {
            "per cent of the prediction, not of the truth": 100 * np.mean(np.abs(e / predictions)),
            "not in per cent: times 100": np.mean(np.abs(e / truth)),
            "without the absolute value, so errors cancel": 100 * np.mean(e / truth),
            "the mean error by the mean truth": 100 * np.mean(np.abs(e)) / np.mean(truth),
            "a negative truth makes it negative": 100 * np.mean(np.abs(e) / truth),
        }
        same("MAPE", mape, forecast.mape(predictions, truth), wrong, where=f"M = {M}")
        unchanged(kept, (predictions, truth), ("predictions", "truth"))


# ---- exercises ----------------------------------------------------------------------------


def windows_of(values, T):
    N = len(values) - T
    x, y = np.empty((T, N)), np.empty((T, N))
    for n in range(N):
        x[:, n] = values[n : n + T]
        y[:, n] = values[n + 1 : n + T + 1]
    return x, y


@task(
    "10.e1", "windows_of",
    ours=windows_of,
    stars=1, kind="complete",
    hints=(
        "Window n starts at value n. Which is its last one, and which is the last one of its y?",
        "y needs values[n + T], and the last index is len(values) - 1: so n < len(values) - T.",
        "N = len(values) - T; y[:, n] = values[n + 1 : n + T + 1]",
    ),
)  # fmt: skip
def no_window_is_lost(windows_of):
    for L, T in ((2, 1), (13, 12), (20, 3), (int(np.random.default_rng().integers(30, 60)), 11)):
        values = series(L) if L >= 12 else np.array([3.0, 5.0])
        kept, where = values.copy(), f"{L} values, T = {T}"
        x, y = several(windows_of(values, T), "x", "y")
        wanted = np.lib.stride_tricks.sliding_window_view(values, T).T
        shapes = np.shape(x), np.shape(y)
        words = f"{where}: x and y have the shapes {shapes[0]} and {shapes[1]}"
        expect(shapes == ((T, L - T),) * 2, f"{words}, expected {(T, L - T)} twice.")
        same("x", x, wanted[:, :-1], where=where)
        wrong = {"y is x: it should be one step later": wanted[:, :-1]}
        same("y", y, wanted[:, 1:], wrong, where=where)
        unchanged([kept], [values], ["values"])


def plan(values, months):
    past, future = values[:-months], values[-months:]
    growth = np.log(values[12:] / values[:-12]).mean()
    known, predictions = list(past), []
    for month in range(months):
        predictions.append(known[-12] * np.exp(growth))
        known.append(future[month])
    return np.array(predictions)


PLANTED_LEAKS = plan


def plan(values, months):  # noqa: F811  ours, by the same name
    past = values[:-months]
    growth = np.log(past[12:] / past[:-12]).mean()
    known, predictions = list(past), []
    for _ in range(months):
        predictions.append(known[-12] * np.exp(growth))
        known.append(predictions[-1])
    return np.array(predictions)


@task(
    "10.e2", "plan",
    ours=plan,
    planted=PLANTED_LEAKS,
    stars=2, kind="bug",
    hints=(
        "A test for every leak: change the future, and the forecast must stay the same. Which "
        "lines read the future?",
        "Two lines: `growth` is the mean of *all* values; and `known` gets a true value.",
        "growth from past[12:] / past[:-12]; known.append(predictions[-1])",
    ),
)  # fmt: skip
def another_future_changes_nothing(plan):
    for L, months in ((60, 14), (90, 24), (48, 1)):
        values = series(L)
        kept, where = values.copy(), f"{L} values, months = {months}"
        got = np.asarray(plan(values, months))
        unchanged([kept], [values], ["values"])
        expect(got.shape == (months,), f"{where}: the shape is {got.shape}, expected ({months},).")
        for m in range(months):  # month m of the future is another one
            other = values.copy()
            other[L - months + m] *= 2
            changed = np.flatnonzero(np.asarray(plan(other, months)) != got)
            seen = f"Month {m} of the future is doubled, and the forecast of month"
            expect(not len(changed), f"{where}: {seen} {changed[:1].sum()} changes. A leak.")
        same("The plan", got, _mean_growth(values[:-months], months), where=where)


def _mean_growth(past, months):
    """The right plan: mean growth, fed back."""
    growth, known = np.log(past[12:] / past[:-12]).mean(), list(past)
    for _ in range(months):
        known.append(known[-12] * np.exp(growth))
    return np.array(known[-months:])


def rolling_rmse(values, rule, origins):
    errors = []
    for m in range(len(values) - origins, len(values)):
        errors.append(rule(values[:m]) - values[m])
    return float(np.sqrt(np.mean(np.square(errors))))


@task(
    "10.e3", "rolling_rmse",
    ours=rolling_rmse,
    stars=2, kind="measure",
    hints=(
        "The first origin is which month? What is known at its start?",
        "Months m = L - origins to L - 1. At the start of month m the values 0 to m - 1 are known: "
        "values[:m].",
        "errors.append(rule(values[:m]) - values[m])",
    ),
)  # fmt: skip
def from_each_origin(rolling_rmse):
    for L, origins in ((20, 1), (40, 12), (61, 36)):
        values, spy = series(L), Spy()
        kept = values.copy()
        got = rolling_rmse(values, spy, origins)
        unchanged([kept], [values], ["values"])
        calls = len(spy.told)
        expect(calls == origins, f"{origins} origins, and the rule is called {calls} times.")
        judge_known(spy, values[: L - origins], values[L - origins :], {})
        e = np.array(spy.said) - values[L - origins :]
        wrong = {
            "the root is missing": np.mean(e**2),
            "the mean absolute error": np.mean(np.abs(e)),
            "the root of the sum, not of the mean": np.sqrt(np.sum(e**2)),
        }
        same("The RMSE", got, np.sqrt(np.mean(e**2)), wrong, where=f"origins = {origins}")


def my_forecaster(known):
    growth = np.log(known[12:] / known[:-12])
    weights = 0.5 ** np.arange(len(growth))[::-1]  # the last month counts most
    return known[-12] * np.exp((weights * growth).sum() / weights.sum())


PAR, ORIGINS = 16.5, 36  # thousand passengers, over the last 36 months of the airline series


@task(
    "10.e4", "my_forecaster",
    ours=my_forecaster,
    stars=3, kind="better",
    hints=(
        "Seasonal drift believes in the last month's growth, mean growth in that of all months. "
        "Which of them forgets too much, which too little?",
        "A weighted mean of the yearly growths log(known[m] / known[m - 12]): the last month "
        "counts most, the one before less.",
        "weights = 0.5 ** np.arange(len(growth))[::-1]",
    ),
)  # fmt: skip
def better_than_the_rules(my_forecaster):
    other = series(80)
    mine = rolling_rmse(other, my_forecaster, 20)
    naive = rolling_rmse(other, forecast.seasonal_naive, 20)
    expect(np.isfinite(mine), f"On another series, made up, its RMSE is {mine}.")
    words = f"On another series, made up, its RMSE is {mine:.1f}, and seasonal naive's {naive:.1f}"
    expect(mine < naive, f"{words}: has it learnt this one series by heart?")
    unit = np.random.default_rng().uniform(0.3, 3)
    airline = data.load_airline().values
    got = rolling_rmse(airline * unit, my_forecaster, ORIGINS) / unit
    drift = rolling_rmse(airline, forecast.seasonal_drift, ORIGINS)
    words = f"RMSE {got:.2f} for the next month, seasonal drift {drift:.2f}"
    expect(got <= PAR, f"{words}. The aim is {PAR}.")
    return f"{words}, ours {rolling_rmse(airline, PLAIN, ORIGINS):.2f}."


PLAIN = my_forecaster
