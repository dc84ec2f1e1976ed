"""lstm_kernels.data: reading, errors with line and limit, splitting without a leak, windows."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lstm_kernels import data

FINITE = st.floats(-1e6, 1e6, allow_nan=False)


def series_of(values):
    dates = np.datetime64("2000-01") + np.arange(len(values))
    return data.Series("made up", "", dates, np.asarray(values, np.float64))


@pytest.fixture
def csv_file(tmp_path):
    """A function that writes lines to a CSV file and returns its path."""

    def write(*lines, encoding="utf-8"):
        path = tmp_path / "mine.csv"
        path.write_text("\n".join(lines) + "\n", encoding=encoding)
        return path

    return write


def months(n):
    """n lines of monthly data from January 2000, values 100, 101, ..."""
    dates = np.datetime64("2000-01") + np.arange(n)
    return [f"{date},{100 + i}" for i, date in enumerate(dates)]


# ---- the two series -----------------------------------------------------------------------


def test_airline_is_the_published_series():
    series = data.load_airline()
    assert len(series.values) == len(series.dates) == 144
    assert series.values.sum() == 40363 and series.values.dtype == np.float64
    assert [str(d) for d in series.dates[[0, -1]]] == ["1949-01", "1960-12"]
    assert series.filled == 0


def test_co2_says_how_many_weeks_are_filled():
    series = data.load_co2()
    assert len(series.values) == 2284 and series.filled == 59
    assert np.isfinite(series.values).all()
    assert (np.diff(series.dates).astype(int) == 7).all()


def test_data_folder_can_be_set(tmp_path, monkeypatch):
    monkeypatch.setenv("LSTM_KERNELS_DATA", str(tmp_path))
    assert data.data_folder() == tmp_path
    with pytest.raises(FileNotFoundError, match="air_passengers.csv"):
        data.load_airline()
    monkeypatch.setenv("LSTM_KERNELS_DATA", str(tmp_path / "absent"))
    with pytest.raises(FileNotFoundError, match="LSTM_KERNELS_DATA"):
        data.data_folder()


# ---- your own file ------------------------------------------------------------------------


def test_own_csv_with_one_call(csv_file):
    series = data.load_csv(csv_file("month,sales", *months(30)))
    assert series.name == "sales" and len(series.values) == 30
    assert series.values[-1] == 129 and str(series.dates[-1]) == "2002-06"


def test_own_csv_as_excel_writes_it(csv_file):
    path = csv_file("Monat;Größe", "2000/01/31;1.5", "2000/02/29;2.5", encoding="utf-8-sig")
    series = data.load_csv(path, delimiter=";")
    assert series.name == "Größe" and series.values.tolist() == [1.5, 2.5]


def test_columns_by_name(csv_file):
    path = csv_file("a,when,b", "1,2000-01,10", "2,2000-02,20")
    assert data.load_csv(path, "b", date_column="when").values.tolist() == [10, 20]


def test_interpolation_fills_empty_values_and_absent_dates(csv_file):
    path = csv_file("month,v", "2000-01,1", "2000-02,", "2000-03,3", "2000-06,6", "2000-07,7")
    series = data.load_csv(path, missing="interpolate")
    np.testing.assert_allclose(series.values, [1, 2, 3, 4, 5, 6, 7])
    assert series.filled == 3 and str(series.dates[3]) == "2000-04"


def spaced(start, steps):
    """Lines with the values 0, 1, ..., so many days apart."""
    days = np.datetime64(start, "D") + np.cumsum([0, *steps])
    return ["day,v", *(f"{day},{n}" for n, day in enumerate(days))]


@pytest.mark.parametrize("missing", ["error", "interpolate"])
@pytest.mark.parametrize("step", [7, 27, 28, 29, 30, 31, 32, 35, 42, 45, 60, 61, 90, 91, 364])
def test_no_step_in_days_is_taken_for_months(step, missing, csv_file):
    series = data.load_csv(csv_file(*spaced("2001-01-01", [step] * 39)), missing=missing)
    assert series.values.tolist() == list(range(40)) and series.filled == 0
    assert (np.diff(series.dates).astype(int) == step).all() and str(
        series.dates[0]
    ) == "2001-01-01"


def test_a_gap_in_days_is_filled_in_days(csv_file):
    lines = spaced("2001-01-01", [35] * 9)
    series = data.load_csv(csv_file(*lines[:4], *lines[5:]), missing="interpolate")
    assert series.values.tolist() == list(range(10)) and series.filled == 1


def test_steps_that_differ_are_named_in_days(csv_file):
    lines = spaced("2001-01-01", [28, 30] * 9)
    with pytest.raises(ValueError, match=r"line \d+: 2001-\d\d-\d\d follows .*, \d\d day\(s\)"):
        data.load_csv(csv_file(*lines), missing="interpolate")


@pytest.mark.parametrize(
    "days, step",
    [
        (["01-31", "02-28", "03-31", "04-30", "05-31"], 1),
        (["01-30", "02-28", "03-30", "04-30", "05-30"], 1),
        (["01-15", "02-15", "03-15", "04-15"], 1),
        (["07-01", "08-01", "09-01"], 1),  # 31 days apart
        (["01-31", "02-28", "03-30", "04-30", "05-31", "06-29"], 1),  # the last working days
        (["01-19", "02-16", "03-16", "04-20", "05-18"], 1),  # the third Fridays
        (["03-31", "06-30", "09-30", "12-31"], 3),
    ],
)
def test_months_are_known_by_their_days(days, step, csv_file):
    lines = [f"2001-{day},{n}" for n, day in enumerate(days)]
    series = data.load_csv(csv_file("d,v", *lines))
    assert series.dates.dtype == "datetime64[M]" and series.values.tolist() == list(
        range(len(days))
    )
    assert (np.diff(series.dates).astype(int) == step).all()


def test_skip_leaves_empty_rows_and_weekends_out(csv_file):
    path = csv_file("day,v", "2000-01-06,1", "2000-01-07,2", "2000-01-10,", "2000-01-11,4")
    series = data.load_csv(path, missing="skip")
    assert series.values.tolist() == [1, 2, 4] and series.filled == 0


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["month,v"], "is empty"),
        (["month,v", "2000-01,1"], "has 1 values; at least 2"),
        (["month", "2000-01"], "one column"),
        (months(3), "line 1 .* begins with '2000-01'; it must be a header"),
        (["month,v", "2000-01,1", "2000-02,many"], r"line 3: v is 'many'; it must be a number"),
        (["month,v", "2000-01,1", "2000-02,inf"], r"line 3: v is 'inf'; every value must be fin"),
        (["month,v", "2000-01,1", "2000-02,NaN"], r"line 3: v is 'NaN'; every value is needed"),
        (["month,v", "2000-01,1", "2000-02,"], r"line 3: v is ''; every value is needed"),
        (["month,v", "2000-01,1", "", "2000-02,x"], "line 4: v is 'x'"),
        (["month,v", "2000-01,1", "2000-02"], "line 3 has 1 cells; the header has 2"),
        (["month,v", "2000-01,1", "soon,2"], "line 3: 'soon' is no date"),
        (["month,v", "2000-01,1", "2000-13,2"], "line 3: '2000-13' is no date"),
        (["month,v", *months(3), "2000-05,9"], r"line 5: 2000-05 follows 2000-03.*1 missing"),
        (["month,v", *months(3), "2000-03,9"], "line 5: the date 2000-03-01 is there twice"),
        (["month,v", *months(3), "2000-02,9"], "line 5: .*2000-02-01 comes after 2000-03-01"),
        (["month,v,w", "2000-01,1,2", "2000-02,1,2"], "say which, column="),
    ],
)
def test_bad_csv_gets_a_clear_error(csv_file, lines, message):
    with pytest.raises(ValueError, match=message):
        data.load_csv(csv_file(*lines))


def test_wrong_arguments_get_a_clear_error(csv_file, tmp_path):
    path = csv_file("month,v", *months(3))
    with pytest.raises(ValueError, match="no column 'w'.*month, v"):
        data.load_csv(path, "w")
    with pytest.raises(ValueError, match="no column 'day'"):
        data.load_csv(path, "v", date_column="day")
    with pytest.raises(ValueError, match="missing is 'guess'"):
        data.load_csv(path, missing="guess")
    with pytest.raises(ValueError, match="has 3 values; at least 24"):
        data.load_csv(path, min_values=24)
    with pytest.raises(FileNotFoundError, match="absent.csv"):
        data.load_csv(tmp_path / "absent.csv")


def test_no_guess_at_the_ends_or_off_the_grid(csv_file):
    with pytest.raises(ValueError, match="line 4: no value at 2000-03, an end"):
        data.load_csv(csv_file("m,v", "2000-01,1", "2000-02,2", "2000-03,"), missing="interpolate")
    weeks = ["2000-01-01,1", "2000-01-08,2", "2000-01-15,3", "2000-01-25,4"]
    with pytest.raises(ValueError, match="line 5: .*10 day.*the usual step is 7"):
        data.load_csv(csv_file("d,v", *weeks), missing="interpolate")
    with pytest.raises(ValueError, match="every value is missing"):
        data.load_csv(csv_file("m,v", "2000-01,", "2000-02,"), missing="interpolate")


def test_a_file_that_is_no_text(tmp_path):
    path = tmp_path / "latin.csv"
    path.write_bytes("month,Größe\n2000-01,1\n".encode("latin-1"))
    with pytest.raises(ValueError, match="not UTF-8"):
        data.load_csv(path)


# ---- split --------------------------------------------------------------------------------


@given(L=st.integers(4, 60), part=st.floats(0, 1), T=st.integers(1, 12), stride=st.integers(1, 3))
def test_no_training_window_holds_a_held_out_value(L, part, T, stride):
    held_out = 1 + int(part * (L - 2))
    past, future = data.split_by_time(series_of(np.arange(L)), held_out)
    np.testing.assert_array_equal(np.concatenate([past.values, future.values]), np.arange(L))
    assert past.dates[-1] < future.dates[0]
    if len(past.values) > T:
        x, y = data.windows(past.values, T, stride)
        assert max(x.max(), y.max()) < L - held_out  # the values are their own indices


def test_the_last_training_target_is_the_last_past_value():
    past = data.split_by_time(series_of(np.arange(20)), 5).past
    assert data.windows(past.values, 4)[1][-1, -1, 0] == 14


@pytest.mark.parametrize("held_out", [0, -1, 20, 21])
def test_split_names_its_limit(held_out):
    with pytest.raises(ValueError, match=f"held_out is {held_out}; the series allows 1 to 19"):
        data.split_by_time(series_of(np.arange(20)), held_out)


# ---- scaler and growth --------------------------------------------------------------------


@given(st.lists(FINITE, min_size=2, max_size=50))
def test_scaler_round_trip(values):
    values = np.array(values)
    assume(np.ptp(values) > 1e-6)
    scaler = data.Scaler.fit(values)
    scaled = scaler.transform(values)
    size = np.abs(values).max()
    np.testing.assert_allclose(scaler.inverse(scaled), values, atol=1e-12 * size)
    assert abs(scaled.mean()) < 1e-6 * max(1, size / scaler.std) and np.isclose(scaled.std(), 1)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "has 0 values; at least 2"),
        ([1.0], "has 1 values; at least 2"),
        ([0.1, 0.1, 0.1], "standard deviation"),
        ([1.0, np.nan], r"values\[1\] is nan"),
        ([-1e308, 1e308], "finite"),
        ([[1.0, 2.0]], "one axis"),
    ],
)
def test_scaler_refuses(values, message):
    with pytest.raises(ValueError, match=message):
        data.Scaler.fit(values)


def test_masked_values_are_no_series():
    with pytest.raises(TypeError, match="the values are masked"):
        data.windows(np.ma.masked_array([1.0, 2, 3], mask=[0, 1, 0]), 1)


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda: data.split_by_time(series_of(np.arange(20)), 2.5), "held_out"),
        (lambda: data.log_growth(np.ones(20), 1.5), "period"),
        (lambda: data.windows(np.ones(20), "2"), "T"),
        (lambda: data.windows(np.ones(20), 2, stride=1.5), "stride"),
        (lambda: data.airline_workload(windows=1.5), "windows"),
        (lambda: data.co2_workload(None), "n_windows"),
        (lambda: data.panel(2.0), "n_windows"),
    ],
)
def test_numbers_that_are_not_whole_are_named(call, name):
    with pytest.raises(TypeError, match=f"^{name} is .*; it must be a whole number"):
        call()


def test_text_is_no_series():
    with pytest.raises(TypeError, match="must be numbers"):
        data.windows(np.array(["1", "2", "3"]), 1)


@given(st.lists(st.floats(0.01, 1e6), min_size=3, max_size=60), st.integers(1, 12))
def test_growth_round_trip(values, period):
    values = np.array(values)
    assume(len(values) > period)
    growth = data.log_growth(values, period)
    assert growth.shape == (len(values) - period,)
    again = list(values[:period])
    for step in growth:  # on the same month one year earlier
        again.append(again[-period] * np.exp(step))
    np.testing.assert_allclose(again, values)


@pytest.mark.parametrize("period", [0, -1])
def test_growth_needs_a_period(period):
    with pytest.raises(ValueError, match=f"period is {period}; it must be at least 1"):
        data.log_growth(np.ones(20), period)


def test_growth_refuses_zero_and_short_series():
    with pytest.raises(ValueError, match=r"values\[3\] is 0.0; a logarithm"):
        data.log_growth(np.array([1.0, 2, 3, 0, 5]), 2)
    with pytest.raises(ValueError, match="has 12 values; at least 13"):
        data.log_growth(np.ones(12))


# ---- windows ------------------------------------------------------------------------------


@given(
    values=st.lists(FINITE, min_size=2, max_size=60),
    T=st.integers(1, 59),
    stride=st.integers(1, 5),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_windows(values, T, stride, dtype):
    if len(values) <= T:
        with pytest.raises(ValueError, match=f"has {len(values)} values; at least {T + 1}"):
            data.windows(values, T, stride)
        return
    x, y = data.windows(values, T, stride, dtype)
    N = (len(values) - T - 1) // stride + 1
    assert x.shape == y.shape == (T, N, 1) and x.dtype == y.dtype == dtype
    assert x.flags.c_contiguous and y.flags.c_contiguous
    np.testing.assert_array_equal(x[1:], y[:-1])
    for n in range(N):
        begin = n * stride
        np.testing.assert_array_equal(x[:, n, 0], np.array(values[begin : begin + T], dtype))
        assert y[-1, n, 0] == dtype(values[begin + T])


def test_windows_are_a_copy():
    values = np.arange(5.0)
    x, _ = data.windows(values, 2, dtype=np.float64)
    x[:] = 9
    np.testing.assert_array_equal(values, np.arange(5.0))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"T": 0}, ValueError, "T is 0; it must be at least 1"),
        ({"T": 2, "stride": 0}, ValueError, "stride is 0"),
        ({"T": 2, "dtype": np.int32}, TypeError, "int32"),
    ],
)
def test_windows_refuse(arguments, error, message):
    with pytest.raises(error, match=message):
        data.windows(np.arange(9.0), **arguments)


def test_windows_refuse_values_beyond_float32():
    with pytest.raises(ValueError, match="float32"):
        data.windows([1.0, 1e300, 2.0], 1)


# ---- ready-made work ----------------------------------------------------------------------


def test_airline_workload_has_the_published_size():
    x, y = data.airline_workload()
    assert x.shape == y.shape == (11, 59, 1) and x.dtype == np.float32
    assert x.flags.c_contiguous and y.flags.c_contiguous
    np.testing.assert_array_equal(x[1:], y[:-1])
    assert data.airline_workload(windows=109, dtype=np.float64)[0].shape == (11, 109, 1)


def test_airline_windows_are_scaled_by_the_past_alone():
    x, y = data.airline_windows(dtype=np.float64)
    past = np.concatenate([x[:, 0, 0], y[-1, :, 0]])  # 1949 to 1958, each month once
    assert len(past) == 120
    assert past.mean() == pytest.approx(0, abs=1e-12) and past.std() == pytest.approx(1)


def test_airline_workload_names_its_limit():
    with pytest.raises(ValueError, match="windows is 110; with T=11 .* 1 to 109"):
        data.airline_workload(windows=110)
    with pytest.raises(ValueError, match="at least 201"):
        data.airline_workload(T=200)


@settings(max_examples=20)
@given(n=st.integers(1, 50), T=st.integers(1, 30), seed=st.integers(0, 5))
def test_a_small_panel_is_the_beginning_of_a_larger_one(n, T, seed):
    x, y = data.panel(n, T, seed)
    assert x.shape == y.shape == (T, n, 1) and x.flags.c_contiguous and y.flags.c_contiguous
    np.testing.assert_array_equal(x[1:], y[:-1])
    np.testing.assert_array_equal(data.panel(n + 7, T, seed)[0][:, :n], x)
    assert not np.array_equal(data.panel(n, T, seed + 1)[0], x)


def test_a_large_panel_is_of_the_models_scale():
    x, _ = data.panel(65536)
    assert x.shape == (11, 65536, 1) and x.dtype == np.float32 and np.isfinite(x).all()
    assert 0.5 < x.std() < 2 and abs(x.mean()) < 0.2


def test_a_seed_that_is_none_is_named():
    with pytest.raises(ValueError, match="seed is -2; it must be a whole number of at least 0"):
        data.panel(3, 4, seed=-2)


@pytest.mark.parametrize("arguments", [(0, 11), (5, 0)])
def test_panel_names_its_limit(arguments):
    with pytest.raises(ValueError, match="is 0; it must be at least 1"):
        data.panel(*arguments)
