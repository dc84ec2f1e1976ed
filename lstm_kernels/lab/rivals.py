"""The classic rivals of the forecast: SARIMA and Holt-Winters, by statsmodels.  Lesson 10.

Both are older than the LSTM, have a handful of fitted numbers, and are what a statistician would
try first on a monthly series.  `METHODS` fits them; statsmodels is not among the course's
packages, so the lesson takes the plans recorded in data/measured/forecast.json instead.  To fit
them anew, or to record them again:

    python -m pip install statsmodels
    python -m lstm_kernels forecast --keep

SARIMA (0,1,1)(0,1,1)12, the "airline model": Box and Jenkins, Time Series Analysis, chapter 9,
made it for this very series.  It predicts the logarithm's change over a month and over a year by
the two last surprises.  That is an advantage: its form was chosen with all 144 months in view.

Holt-Winters: Winters, Management Science 6 (1960).  Level, trend and season are each a running
mean that forgets.  It comes in four forms, and `choose_holt_winters` takes the best one on 1955
to 1957, by the same rule as the LSTM's settings (forecast.choose).  In 1958 to 1960 another form
is better, as lesson 10 shows: earlier years are all that a choice may use, and no guarantee.
"""

import json
import warnings

import numpy as np

from lstm_kernels import data
from lstm_kernels.data import PERIOD
from lstm_kernels.lab import forecast

RECORDED_ORIGINS = 72  # 1955 to 1960: three years to choose on, three to measure
RECORDING = "forecast.json"
HOW_TO_INSTALL = "statsmodels is not installed: python -m pip install statsmodels"


# ---- fitting: known values (L,) in, plan (months,) out --------------------------------------


def sarima(known, months):
    """The airline model on logarithms, three numbers fitted by maximum likelihood."""
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    model = SARIMAX(np.log(known), order=(0, 1, 1), seasonal_order=(0, 1, 1, PERIOD))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as below; another optimizer's plans differ by 0.1 at most
        return np.exp(model.fit(disp=0, maxiter=500).forecast(months))


def holt_winters(known, months, multiplicative=False, damped=False):
    """Level, trend and season, smoothed.

    multiplicative: the season is a factor on the values; else it is added to their logarithms.
    damped: the trend levels off.
    """
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    values = known if multiplicative else np.log(known)
    model = ExponentialSmoothing(
        values, trend="add", damped_trend=damped, seasonal="mul" if multiplicative else "add",
        seasonal_periods=PERIOD,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "failed to converge": too flat there to go on
        plan = model.fit().forecast(months)
    return plan if multiplicative else np.exp(plan)


HOLT_WINTERS = {  # name: how to call it
    "Holt-Winters on logs": {},
    "Holt-Winters, factors": {"multiplicative": True},
    "Holt-Winters on logs, damped": {"damped": True},
    "Holt-Winters, factors, damped": {"multiplicative": True, "damped": True},
}
CHOSEN_HOLT_WINTERS = "Holt-Winters on logs"
METHODS = {
    "SARIMA": sarima,
    **{
        name: lambda known, months, form=form: holt_winters(known, months, **form)
        for name, form in HOLT_WINTERS.items()
    },
}


# ---- planners, fitted or from the recording -------------------------------------------------


def fitted(method):
    """A planner that fits one of METHODS anew at each origin.  Needs statsmodels."""
    return lambda past, months: METHODS[method](past.values, months)


def recorded(method):
    """A planner that reads what was fitted and recorded for the airline series.

    ValueError for another past than the airline series' first months, or a month not recorded.
    """
    plans = recording()["plans"][method]
    airline = data.load_airline()

    def plan(past, months):
        L = len(past.values)
        origin = str(past.dates[-1] + 1)
        if origin not in plans or not np.array_equal(past.values, airline.values[:L]):
            raise ValueError(
                f"no plan for {origin} was recorded for this past; the recording has the airline "
                f"series from {min(plans)} on. {HOW_TO_INSTALL}, and take rivals.fitted"
            )
        return np.array(plans[origin][:months])

    return plan


def planners(source=recorded):
    """{name: [planner]} for `forecast.rolling`: SARIMA, and the form of Holt-Winters chosen."""
    return {"SARIMA": [source("SARIMA")], "Holt-Winters": [source(CHOSEN_HOLT_WINTERS)]}


def choose_holt_winters(series, source=recorded, held_out=forecast.ORIGINS, years=3):
    """The best form on the years before the held-out months, and all scores: {name: (2,)}.

    As `forecast.choose`: RMSE of the next month, and of the plan made each January for its year;
    the means over the years, and the smallest sum wins.
    """
    known = forecast.before(series, len(series.values) - held_out)
    rolled = forecast.rolling(known, {n: [source(n)] for n in HOLT_WINTERS}, PERIOD * years)
    scores = {name: _score(runs[0], rolled.truth, years) for name, runs in rolled.plans.items()}
    return min(scores, key=lambda name: sum(scores[name])), scores


def _score(plans, truth, years):
    """(next month's RMSE, January's plan's RMSE), means over the years."""
    first = plans[:, 0].reshape(years, PERIOD), truth[:, 0].reshape(years, PERIOD)
    january = plans[::PERIOD], truth[::PERIOD]
    return tuple(float(np.mean(list(map(forecast.rmse, *pair)))) for pair in (first, january))


# ---- the recording --------------------------------------------------------------------------


def record(series):
    """{method: {origin: [12 predictions]}} of all METHODS, fitted now; about a minute."""
    rolled = forecast.rolling(series, {name: [fitted(name)] for name in METHODS}, RECORDED_ORIGINS)
    origins = list(map(str, rolled.dates))
    return {
        name: dict(zip(origins, np.round(runs[0], 3).tolist(), strict=True))
        for name, runs in rolled.plans.items()
    }


def recording():
    """What `python -m lstm_kernels forecast --keep` saved, data/measured/forecast.json."""
    path = data.data_folder() / "measured" / RECORDING
    return json.loads(path.read_text(encoding="utf-8"))
