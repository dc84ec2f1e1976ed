"""Real series in, windows out: reading, checking, splitting and scaling.  Lessons 01 and 03.

The order matters, and the functions on this page follow it:

    series = load_airline()               # read and check the file
    past, held_out = split_by_time(series)  # cut by time, before anything is computed
    scaler = Scaler.fit(past.values)      # learn the scale from the past only
    x, y = windows(scaler.transform(past.values), T=11)   # (T, N, 1) each

Whoever scales first and cuts later lets the held-out values into the training ("a leak").
Sources and licences of the two series are in ``data/README.md``.
"""

import csv
import os
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lstm_kernels.model import check_count, check_dtype, check_whole, random_numbers

PERIOD = 12  # months in a year
SHORTEST_MONTH, WEEK = 28, 7  # days
NO_VALUE = ("", "na", "nan", "null", "?")  # how files write "nothing was measured"
MISSING = ("error", "interpolate", "skip")  # what load_csv can do about it
DATE = re.compile(r"(\d{4})[-/]?(\d{2})(?:[-/]?(\d{2}))?")


class Series(NamedTuple):
    """Equally spaced measurements, oldest first."""

    name: str
    unit: str
    dates: np.ndarray  # (L,) datetime64, by month "M" or by day "D"
    values: np.ndarray  # (L,) float64, all finite
    filled: int = 0  # how many of the values were missing and are interpolated


class Split(NamedTuple):
    """One series, cut at one date."""

    past: Series  # for training (and for choosing hyperparameters)
    held_out: Series  # for the final measurement, and nothing else


# ---- the course's two series --------------------------------------------------------------


def data_folder():
    """The folder with the CSV files: the checkout's ``data/``, or $LSTM_KERNELS_DATA.

    Set that environment variable where the package is installed away from its checkout, for
    example to a data set's folder on Kaggle.  Raises FileNotFoundError if it is not there.
    """
    checkout = Path(__file__).resolve().parent.parent / "data"
    folder = Path(os.environ.get("LSTM_KERNELS_DATA") or checkout)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"no data folder at {folder}; install the course with `pip install -e .` or set "
            "LSTM_KERNELS_DATA to the folder with the CSV files"
        )
    return folder


def load_airline():
    """Monthly US airline passengers in thousands, 1949 to 1960: 144 values.

    Box and Jenkins, Time Series Analysis, Series G.  The course's main series.
    """
    path = data_folder() / "air_passengers.csv"
    return load_csv(path, "passengers", name="US airline passengers", unit="thousands")


def load_co2():
    """Weekly CO2 in the air at Mauna Loa in ppmv, March 1958 to December 2001: 2,284 weeks.

    59 weeks have no measurement.  They are filled by a straight line between their neighbours
    in time, and the result's ``filled`` says how many.  Keeling and Whorf 2004.
    """
    path = data_folder() / "co2_mauna_loa_weekly.csv"
    return load_csv(path, "co2", name="CO2 at Mauna Loa", unit="ppmv", missing="interpolate")


# ---- your own CSV file --------------------------------------------------------------------


def load_csv(path, column=None, *, date_column=None, name=None, unit="", missing="error",
             delimiter=",", min_values=2):  # fmt: skip
    """Read a Series from a CSV file with a header, a column of dates and one of values.

    column: the values' column; may be left out when the file has just two columns.
    date_column: the dates' column, the first one if left out.  Dates are YYYY-MM, YYYY-MM-DD or
    YYYYMMDD (or with slashes), oldest first and equally spaced.
    missing: what to do about empty values and absent dates.  "error" stops; "interpolate" fills
    them by a straight line and counts them; "skip" leaves them out and takes the rows that remain
    as equally spaced (a share's price has no weekends).

    Raises FileNotFoundError, or ValueError with the line, the value and the limit.
    """
    if missing not in MISSING:
        raise ValueError(f"missing is {missing!r}; choose one of: {', '.join(MISSING)}")
    header, rows = _read_rows(Path(path), delimiter)
    when, what = _find_columns(header, column, date_column, path)
    lines = np.array([line for line, _ in rows])
    dates = np.array([_parse_date(row[when], line) for line, row in rows], "datetime64[D]")
    cells = [_parse_value(row[what], line, what, header, missing) for line, row in rows]
    values = np.array(cells, np.float64)
    _check_order(dates, lines)
    dates, values, filled = _regular(dates, values, lines, missing)
    if len(values) < min_values:
        raise ValueError(f"{path} has {len(values)} values; at least {min_values} are needed")
    return Series(name or header[what], unit, dates, values, filled)


def _read_rows(path, delimiter):
    """The header and a list of (line number, cells); blank lines are left out."""
    if not path.is_file():
        raise FileNotFoundError(f"no file at {path} (the working folder is {Path.cwd()})")
    with open(path, encoding="utf-8-sig", newline="") as file:  # -sig: Excel's mark, if any
        reader = csv.reader(file, delimiter=delimiter)
        try:
            rows = [(reader.line_num, [c.strip() for c in row]) for row in reader if any(row)]
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} is not UTF-8 text: {error}") from error
    if len(rows) < 2:
        raise ValueError(f"{path} is empty: it needs a header and at least one row of values")
    (_, header), *rows = rows
    for line, row in rows:
        if len(row) != len(header):
            raise ValueError(f"line {line} has {len(row)} cells; the header has {len(header)}")
    return header, rows


def _find_columns(header, column, date_column, path):
    """Positions of the date column and of the value column."""
    if len(header) < 2:
        raise ValueError(
            f"{path} has one column, {header[0]!r}; it needs a date and a value column "
            "(is the separator another one? then give delimiter=';')"
        )
    for wish in (column, date_column):
        if wish is not None and wish not in header:
            raise ValueError(f"no column {wish!r} in {path}; it has: {', '.join(header)}")
    when = 0 if date_column is None else header.index(date_column)
    if DATE.fullmatch(header[when]):
        raise ValueError(f"line 1 of {path} begins with {header[when]!r}; it must be a header")
    if column is not None:
        return when, header.index(column)
    if len(header) > 2:
        raise ValueError(f"{path} has the columns {', '.join(header)}: say which, column=...")
    return when, 1 - when


def _parse_date(text, line):
    """A text as a day; a month alone becomes its first day."""
    match = DATE.fullmatch(text)
    try:
        if match:
            year, month, day = match.groups()
            return np.datetime64(f"{year}-{month}-{day or '01'}", "D")
    except ValueError:
        pass  # such as month 13: the same message as for any other text
    raise ValueError(f"line {line}: {text!r} is no date; write YYYY-MM, YYYY-MM-DD or YYYYMMDD")


def _parse_value(text, line, what, header, missing):
    """A text as a float; nan where the file has no value and `missing` allows that."""
    said = f"line {line}: {header[what]} is {text!r}"
    if text.lower() in NO_VALUE:
        if missing == "error":
            raise ValueError(
                f"{said}; every value is needed (or give missing='interpolate' or 'skip')"
            )
        return np.nan
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{said}; it must be a number such as 112 or 112.5") from None
    if not np.isfinite(value):
        raise ValueError(f"{said}; every value must be finite")
    return value


def _check_order(dates, lines):
    """Raise unless every date is later than the one before it."""
    for n in np.flatnonzero(dates[1:] <= dates[:-1]) + 1:
        problem = "is there twice" if dates[n] == dates[n - 1] else f"comes after {dates[n - 1]}"
        raise ValueError(f"line {lines[n]}: the date {dates[n]} {problem}; sort, oldest first")


def _regular(dates, values, lines, missing):
    """Equally spaced dates and finite values, and how many values were filled in."""
    known = ~np.isnan(values)
    if not known.any():
        raise ValueError("every value is missing: nothing to interpolate from")
    if missing == "skip":
        return dates[known], values[known], 0
    dates, step, unit = _spacing(dates)
    index = (dates - dates[0]).astype(int)  # months or days since the first date
    _check_gaps(dates, index, step, unit, lines, missing)
    _check_ends(known, dates, lines)
    grid = np.arange(0, index[-1] + 1, step)
    filled = np.interp(grid, index[known], values[known])
    return dates[0] + grid, filled, int(len(grid) - known.sum())


def _check_ends(known, dates, lines):
    """Raise unless both ends have a value: a line between neighbours needs two."""
    for n in (0, -1):
        if not known[n]:
            raise ValueError(
                f"line {lines[n]}: no value at {dates[n]}, an end of the series; drop this row"
            )


def _spacing(dates):
    """The dates by month or by day, the usual step between two, and the step's unit."""
    if len(dates) < 2:
        return dates, 1, "day"
    step = int(np.median(np.diff(dates).astype(int)))
    if step >= SHORTEST_MONTH and _is_by_month(dates, step):
        months = dates.astype("datetime64[M]")
        return months, int(np.median(np.diff(months).astype(int))), "month"
    return dates, step, "day"


def _is_by_month(dates, step):
    """Is it always the same day of the month, or its end?  Else all days may be equally spaced.

    If they are not, a place in the month will do that differs by a week: the last working day, say.
    """
    months = dates.astype("datetime64[M]")
    if (np.diff(months).astype(int) < 1).any():
        return False
    days = (dates - months).astype(int) + 1
    lengths = ((months + 1).astype("datetime64[D]") - months.astype("datetime64[D]")).astype(int)
    if (days == np.minimum(days.max(), lengths)).all():
        return True
    is_equal = (np.diff(dates).astype(int) % step == 0).all()
    return not is_equal and min(np.ptp(days), np.ptp(lengths - days)) < WEEK


def _check_gaps(dates, index, step, unit, lines, missing):
    """Raise if dates are absent (and may not be interpolated) or lie off the regular grid."""
    gaps = np.diff(index)
    for n in np.flatnonzero(gaps != step):
        said = f"line {lines[n + 1]}: {dates[n + 1]} follows {dates[n]}, {gaps[n]} {unit}(s) later"
        if gaps[n] % step or gaps[n] == 0:
            raise ValueError(f"{said}; the usual step is {step} {unit}(s)")
        if missing == "error":
            absent = gaps[n] // step - 1
            raise ValueError(f"{said}: {absent} missing (or give missing='interpolate' or 'skip')")


# ---- cutting, scaling, windows ------------------------------------------------------------


def check_values(values, at_least=1):
    """`values` as a float64 array (L,); ValueError or TypeError if it is no usable series."""
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError("the values are masked; fill the gaps first, or leave them out")
    values = np.asarray(values)
    if values.dtype.kind not in "iuf":
        raise TypeError(f"the values are {values.dtype}; they must be numbers")
    if values.ndim != 1:
        raise ValueError(f"the values have shape {values.shape}; a series has one axis")
    if len(values) < at_least:
        raise ValueError(f"the series has {len(values)} values; at least {at_least} are needed")
    if not np.isfinite(values).all():
        n = int(np.argmin(np.isfinite(values)))
        raise ValueError(f"values[{n}] is {values[n]}; every value must be finite")
    return values.astype(np.float64)


def split_by_time(series, held_out=24):
    """Cut a Series: all but the last `held_out` values, and these.  A shuffled cut would leak.

    24 months of the airline series are the years 1959 and 1960.
    """
    L, held_out = len(check_values(series.values)), check_whole("held_out", held_out)
    if not 1 <= held_out < L:
        raise ValueError(f"held_out is {held_out}; the series allows 1 to {L - 1}")
    cut = L - held_out
    past = series._replace(dates=series.dates[:cut], values=series.values[:cut])
    return Split(past, series._replace(dates=series.dates[cut:], values=series.values[cut:]))


class Scaler(NamedTuple):
    """A straight line that gives the training values mean 0 and standard deviation 1.

    Fit it on the training part only: the mean of the future is not known in the past.
    """

    mean: float
    std: float

    @classmethod
    def fit(cls, values):
        """Learn mean and standard deviation from `values` (L,)."""
        values = check_values(values, at_least=2)
        with np.errstate(over="ignore"):  # an overflow is reported just below
            mean, std = float(values.mean()), float(values.std())
        if values.min() == values.max() or not 0 < std < np.inf:
            raise ValueError(
                f"values from {values.min()} to {values.max()} have the standard deviation {std}; "
                "it must be above 0 and finite"
            )
        return cls(mean, std)

    def transform(self, values):
        """From the series' unit to the model's."""
        return (np.asarray(values, np.float64) - self.mean) / self.std

    def inverse(self, scaled):
        """From the model's unit back to the series'."""
        return np.asarray(scaled, np.float64) * self.std + self.mean


def log_growth(values, period=PERIOD):
    """log(v[m]) - log(v[m - period]), (L,) -> (L - period,): the growth over the same month.

    The logarithm turns "10% more" into the same step at every level; the difference of 12 months
    takes the season out.  Values must be above 0.  Lesson 10.
    """
    period = check_count("period", period)
    values = check_values(values, at_least=period + 1)
    if values.min() <= 0:
        n = int(np.argmin(values))
        raise ValueError(f"values[{n}] is {values[n]}; a logarithm needs values above 0")
    logs = np.log(values)
    return logs[period:] - logs[:-period]


def windows(values, T, stride=1, dtype=np.float32):
    """All windows of T steps and their targets: x, y, each (T, N, 1), time first, contiguous.

    y is x one step later: y[t] == x[t + 1].  Window n begins at values[n * stride], so that
    N = (L - T - 1) // stride + 1.  The series needs at least T + 1 values.
    """
    T, stride = check_count("T", T), check_count("stride", stride)
    check_dtype(np.dtype(dtype))
    with np.errstate(over="ignore"):  # an overflow is reported just below
        values = check_values(values, at_least=T + 1).astype(dtype)
    if not np.isfinite(values).all():
        raise ValueError(f"the values do not fit into {np.dtype(dtype)}; scale them first")
    both = np.lib.stride_tricks.sliding_window_view(values, T + 1)[::stride].T  # (T+1, N)
    return both[:-1, :, None].copy("C"), both[1:, :, None].copy("C")


# ---- ready-made work for the race ---------------------------------------------------------


def airline_windows(T=11, dtype=np.float32):
    """x, y (T, N, 1): every window of the airline series' past (to 1958), scaled."""
    past = split_by_time(load_airline()).past
    return windows(Scaler.fit(past.values).transform(past.values), T, dtype=dtype)


def airline_workload(T=11, windows=59, dtype=np.float32):
    """x, y (T, N, 1), N = `windows`: the published workload's size, real values.  Lesson 09.

    The first windows of the airline series' past; with T=11 there are 109 to choose from.
    """
    x, y = airline_windows(T, dtype)
    windows = check_whole("windows", windows)
    if not 1 <= windows <= x.shape[1]:
        raise ValueError(
            f"windows is {windows}; with T={T} the airline series allows 1 to {x.shape[1]} "
            "(panel() makes as many as you like)"
        )
    return np.ascontiguousarray(x[:, :windows]), np.ascontiguousarray(y[:, :windows])


def co2_windows(T=11, dtype=np.float32):
    """x, y (T, N, 1): every window of the weekly CO2 series, scaled: the larger real data."""
    values = load_co2().values
    return windows(Scaler.fit(values).transform(values), T, dtype=dtype)


def co2_workload(n_windows, T=11, dtype=np.float32):
    """The first `n_windows` of the CO2 series' windows: real data for timing.  Lesson 09."""
    x, y = co2_windows(T, dtype)
    n_windows = check_whole("n_windows", n_windows)
    if not 1 <= n_windows <= x.shape[1]:
        raise ValueError(f"n_windows is {n_windows}; the CO2 series has 1 to {x.shape[1]}")
    return np.ascontiguousarray(x[:, :n_windows]), np.ascontiguousarray(y[:, :n_windows])


def panel(n_windows, T=11, seed=0, dtype=np.float32):
    """x, y (T, N, 1), N = n_windows: made-up seasonal series, one window each.  For scale tests.

    Each has its own level, trend, season (a year of 12 steps, with a second harmonic) and noise.
    The same seed gives the same series, and a small panel is the beginning of a larger one.
    """
    n_windows, T = check_count("n_windows", n_windows), check_count("T", T)
    check_dtype(np.dtype(dtype))
    draws = random_numbers(seed).standard_normal((n_windows, T + 7), np.float32).T
    level, trend, start, first, second, shape, noise = *draws[:6, None], draws[6:]
    step = np.arange(T + 1, dtype=np.float32)[:, None]  # (T+1, 1) against (1, N)
    angle = np.float32(2 * np.pi / PERIOD) * step + np.float32(np.pi) * start
    season = (1 + first / 4) * np.sin(angle) + second / 4 * np.sin(2 * angle + shape)
    both = (level / 2 + trend * step / 48 + season + noise / 10).astype(dtype)
    return both[:-1, :, None].copy("C"), both[1:, :, None].copy("C")
