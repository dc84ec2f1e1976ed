"""lstm_kernels.lab.forecast: no leak, right loops and errors, and better than the baselines."""

from itertools import pairwise

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstm_kernels import data
from lstm_kernels.lab import forecast, rivals
from lstm_kernels.lab.forecast import ONE_STEP, TWO_YEARS, YEAR, Choices
from lstm_kernels.model import Params, init_params

VALUES = st.lists(st.floats(1, 1e4), min_size=13, max_size=40).map(np.array)
GROUPS = ["1958", "1959", "1960", "1958-60"]
QUICK = Choices(T=6, H=3, epochs=1, batch_size=32, lr=0.01)


@pytest.fixture(scope="module")
def airline():
    return data.load_airline()


@pytest.fixture(scope="module")
def prepared(airline):
    return forecast.prepare(airline)


@pytest.fixture(scope="module")
def results(prepared):
    return forecast.study(prepared, seeds=(0, 1, 2, 3, 4))


def with_other_future(series, held_out=24, factor=3.0):
    """The same series with every held-out value changed."""
    values = series.values.copy()
    values[-held_out:] *= factor
    return series._replace(values=values)


# ---- the promise --------------------------------------------------------------------------


def test_beats_both_baselines_one_step_ahead(results):
    median = forecast.medians(results)
    for baseline in ("persistence", "seasonal naive"):
        for error in (0, 1):  # RMSE, MAPE
            assert median[ONE_STEP, "LSTM"][error] < median[ONE_STEP, baseline][error]


@pytest.mark.parametrize("task", [YEAR, TWO_YEARS])
def test_beats_seasonal_naive_in_the_rollouts(results, task):
    median = forecast.medians(results)
    for baseline in ("persistence", "seasonal naive"):
        for error in (0, 1):
            assert median[task, "LSTM"][error] < median[task, baseline][error]


def test_results_are_tidy(results, airline):
    assert list(results) == [0, 1, 2, 3, 4]
    forecasters = ["LSTM", *forecast.BASELINES]
    tasks = [(ONE_STEP, 24), (YEAR, 12), (TWO_YEARS, 24)]
    names = [(task, name) for task, _ in tasks for name in forecasters]
    for of_one_seed in results.values():
        assert [(r.task, r.forecaster) for r in of_one_seed] == names
        for r in of_one_seed:
            months = dict(tasks)[r.task]
            assert r.predictions.shape == r.truth.shape == r.dates.shape == (months,)
            np.testing.assert_array_equal(r.truth, airline.values[120 : 120 + months])
            assert str(r.dates[0]) == "1959-01"
            assert r.rmse == forecast.rmse(r.predictions, r.truth)


def test_medians_are_over_seeds(results):
    errors = [r.rmse for rs in results.values() for r in rs if (r.task, r.forecaster)[1] == "LSTM"]
    one_step = errors[0::3]
    assert forecast.medians(results)[ONE_STEP, "LSTM"][0] == sorted(one_step)[2]


def test_same_seed_same_forecast(prepared, results):
    again = forecast.study(prepared, seeds=(1,))[1]
    for before, after in zip(results[1], again, strict=True):
        np.testing.assert_array_equal(before.predictions, after.predictions)


# ---- no leak ------------------------------------------------------------------------------


def test_held_out_values_change_nothing_before_the_measurement(airline, prepared):
    other = forecast.prepare(with_other_future(airline))
    np.testing.assert_array_equal(prepared.x, other.x)
    np.testing.assert_array_equal(prepared.y, other.y)
    assert prepared.scaler == other.scaler
    params = init_params(1, 5, 1, seed=3)
    plans = [
        forecast.rollout(forecast.lstm(params, p), p.past.values, 24) for p in (prepared, other)
    ]
    np.testing.assert_array_equal(*plans)


def test_evaluated_rollouts_see_none_of_the_held_out_months(airline, prepared):
    other = forecast.prepare(with_other_future(airline))
    params = init_params(1, 5, 1, seed=3)
    pairs = list(zip(*(forecast.evaluate(params, p) for p in (prepared, other)), strict=True))
    for one, two in pairs:
        same = np.array_equal(one.predictions, two.predictions)
        assert same == (one.task != ONE_STEP), (one.task, one.forecaster)
    assert {one.task for one, _ in pairs} == {ONE_STEP, YEAR, TWO_YEARS}


@pytest.mark.parametrize("name", ["LSTM", *forecast.BASELINES])
def test_one_step_does_not_see_its_own_month_or_later(prepared, name):
    params = init_params(1, 5, 1, seed=3)
    forecaster = {"LSTM": forecast.lstm(params, prepared), **forecast.BASELINES}[name]
    past, truth = prepared.past.values, prepared.held_out.values
    predictions = forecast.one_step(forecaster, past, truth)
    for m in (0, 1, 7, 23):
        changed = truth.copy()
        changed[m:] *= 5
        again = forecast.one_step(forecaster, past, changed)
        np.testing.assert_array_equal(again[: m + 1], predictions[: m + 1])


def test_one_step_does_see_the_month_before(prepared):
    forecaster = forecast.lstm(init_params(1, 5, 1, seed=3), prepared)
    past, truth = prepared.past.values, prepared.held_out.values
    changed = truth.copy()
    changed[4] *= 1.2
    before, after = (forecast.one_step(forecaster, past, t) for t in (truth, changed))
    assert before[5] != after[5]


def test_validation_does_not_see_the_held_out_months(airline):
    scores = [
        forecast.validate(s, QUICK, seeds=(0,)) for s in (airline, with_other_future(airline))
    ]
    assert scores[0] == scores[1] and (YEAR, "LSTM") in scores[0]


def test_neither_loop_changes_the_past(prepared):
    past = prepared.past.values.copy()
    forecast.rollout(forecast.seasonal_drift, prepared.past.values, 24)
    forecast.one_step(forecast.seasonal_drift, prepared.past.values, prepared.held_out.values)
    np.testing.assert_array_equal(prepared.past.values, past)


# ---- forecasters and loops ----------------------------------------------------------------


@given(VALUES)
def test_simple_rules(values):
    assert forecast.persistence(values) == values[-1]
    assert forecast.seasonal_naive(values) == values[-12]
    assert np.isclose(forecast.seasonal_drift(values), values[-12] * values[-1] / values[-13])


def test_rules_that_know_growth_are_exact_on_even_growth():
    months = np.arange(60)
    values = 100 * 1.01**months * (2 + np.sin(np.pi * months / 6))
    for rule in (forecast.seasonal_drift, forecast.mean_growth):
        np.testing.assert_allclose(forecast.rollout(rule, values[:36], 24), values[36:])


@given(VALUES, st.integers(1, 30))
def test_rollouts_of_the_naive_rules(values, months):
    flat = forecast.rollout(forecast.persistence, values, months)
    np.testing.assert_array_equal(flat, np.full(months, values[-1]))
    seasonal = forecast.rollout(forecast.seasonal_naive, values, months)
    np.testing.assert_array_equal(seasonal, np.resize(values[-12:], months))


@given(VALUES)
def test_one_step_of_persistence_is_the_series_one_month_late(values):
    predictions = forecast.one_step(forecast.persistence, values[:12], values[12:])
    np.testing.assert_array_equal(predictions, values[11:-1])


def test_first_rollout_step_is_the_first_one_step(prepared):
    forecaster = forecast.lstm(init_params(1, 4, 1), prepared)
    past = prepared.past.values
    one = forecast.one_step(forecaster, past, prepared.held_out.values)
    assert one[0] == forecast.rollout(forecaster, past, 1)[0]


def test_lstm_that_outputs_zero_predicts_the_mean_growth(prepared):
    zeros = Params(*(np.zeros_like(p) for p in init_params(1, 4, 1)))
    known = prepared.past.values
    expected = known[-12] * np.exp(data.log_growth(known).mean())
    assert np.isclose(forecast.lstm(zeros, prepared)(known), expected)


def test_lstm_needs_no_more_than_its_window(prepared):
    forecaster = forecast.lstm(init_params(1, 4, 1), prepared)
    known = prepared.past.values
    assert forecaster(known) == forecaster(known[-(prepared.x.shape[0] + 12) :])


def test_lstm_needs_all_of_its_window(airline):
    prepared = forecast.prepare(airline, T=QUICK.T)
    forecaster, changed = forecast.lstm(init_params(1, 4, 1), prepared), prepared.past.values.copy()
    changed[-(QUICK.T + 12)] *= 2  # the oldest month: only the first step's growth has it
    assert forecaster(changed) != forecaster(prepared.past.values)


def test_versions_give_the_same_forecast(airline):
    prepared = forecast.prepare(airline, T=QUICK.T, dtype=np.float64)
    forecasts = []
    for version in ("numpy_loop", "numpy_batched"):
        params, _ = forecast.train(prepared, QUICK, version=version)
        forecaster = forecast.lstm(params, prepared)
        forecasts.append(forecast.rollout(forecaster, prepared.past.values, 12))
    np.testing.assert_allclose(*forecasts, rtol=1e-9)


def test_lstm_refuses_a_shorter_warm_up(prepared):
    forecaster = forecast.lstm(init_params(1, 4, 1), prepared)
    assert forecaster(prepared.past.values[-36:]) > 0
    with pytest.raises(ValueError, match=r"35 values are known; .* warms up on T \+ 12 = 36"):
        forecaster(prepared.past.values[-35:])


def test_a_forecaster_that_changes_its_argument_spoils_nothing():
    def rude(known):
        known *= 0  # its own copy
        return 7.0

    past, truth = np.arange(1.0, 21), np.array([3.0, 4, 5])
    seen = []

    def polite(known):
        seen.append(known.copy())
        rude(known)
        return 7.0

    np.testing.assert_array_equal(forecast.rollout(polite, past, 3), [7, 7, 7])
    np.testing.assert_array_equal(seen[-1], [*past, 7, 7])
    np.testing.assert_array_equal(forecast.one_step(polite, past, truth), [7, 7, 7])
    np.testing.assert_array_equal(seen[-1], [*past, 3, 4])
    np.testing.assert_array_equal(past, np.arange(1.0, 21))


# ---- errors -------------------------------------------------------------------------------


def test_errors_by_hand():
    assert forecast.rmse([1, 2, 6], [1, 2, 3]) == pytest.approx(np.sqrt(3))
    assert forecast.mape([110, 180], [100, 200]) == pytest.approx(10)
    with pytest.raises(ValueError, match=r"truth\[1\] is 0"):
        forecast.mape([1, 2], [1, 0])
    with pytest.raises(ValueError, match="2 predictions for 3 true values"):
        forecast.rmse([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match=r"values\[1\] is nan"):
        forecast.rmse([1, np.nan], [1, 2])
    with pytest.raises(ValueError, match="at least 1"):
        forecast.rmse([], [])


def test_prepare_names_what_is_wrong(airline):
    with pytest.raises(ValueError, match="20 months are left for training; T=24 .* = 37"):
        forecast.prepare(airline, held_out=124)
    with pytest.raises(ValueError, match="held_out is 144"):
        forecast.prepare(airline, held_out=144)
    with pytest.raises(ValueError, match="CO2 at Mauna Loa is not monthly"):
        forecast.prepare(data.load_co2())
    with pytest.raises(ValueError, match="a logarithm needs values above 0"):
        forecast.prepare(airline._replace(values=airline.values - 112))


@pytest.mark.parametrize("factor", [1.0, 1.01, 0.98])
def test_growth_that_is_only_rounding_is_refused(airline, factor):
    months = np.arange(144)
    values = 100 * factor**months * (2 + np.sin(np.pi * (months % 12) / 6))
    with pytest.raises(ValueError, match=f"same factor, {factor**12:.6g} a year, in every month"):
        forecast.prepare(airline._replace(values=values))
    values[60] *= 1 + 1e-6  # a thousandth of a passenger in a thousand is a change
    assert forecast.prepare(airline._replace(values=values)).x.std() > 0.1


def test_nothing_held_out_makes_all_of_the_series_the_past(airline):
    prepared = forecast.prepare(airline, held_out=0)
    assert len(prepared.past.values) == 144 and len(prepared.held_out.values) == 0
    cut = forecast.prepare(airline, held_out=24)
    np.testing.assert_array_equal(cut.x, forecast.prepare(cut.past, held_out=0).x)


def test_rollout_needs_a_month():
    with pytest.raises(ValueError, match="months is 0"):
        forecast.rollout(forecast.persistence, np.ones(13), 0)


def test_both_loops_name_what_is_wrong(airline):
    with pytest.raises(TypeError, match="months is 1.5; it must be a whole number"):
        forecast.rollout(forecast.persistence, np.ones(13), 1.5)
    with pytest.raises(ValueError, match="the series has 0 values"):
        forecast.rollout(forecast.persistence, [], 3)
    with pytest.raises(ValueError, match=r"values\[1\] is nan"):
        forecast.one_step(forecast.persistence, np.ones(13), [1, np.nan])
    with pytest.raises(ValueError, match=r"seeds is \(\); at least one"):
        forecast.validate(airline, QUICK, seeds=())
    with pytest.raises(ValueError, match="years is 0; it must be at least 1"):
        forecast.validate(airline, QUICK, years=0)


def test_half_a_training_is_no_forecast(airline):
    prepared = forecast.prepare(airline, T=QUICK.T)
    with pytest.raises(RuntimeError, match="unfinished"):
        forecast.train(prepared, QUICK, on_batch=lambda progress: False)

    def ctrl_c(progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="interrupted after 1 batches"):
        forecast.train(prepared, QUICK, on_batch=ctrl_c)


def test_short_held_out_part_leaves_long_rollouts_out(airline):
    prepared = forecast.prepare(airline, held_out=6, T=QUICK.T)
    params, _ = forecast.train(prepared, QUICK)
    assert {r.task for r in forecast.evaluate(params, prepared)} == {ONE_STEP}


# ---- choosing -----------------------------------------------------------------------------


def test_the_settings_are_the_best_of_the_recorded_grid():
    grid = rivals.recording()["grid"]
    fields = Choices._fields
    assert [Choices(*(row[f] for f in fields)) for row in grid] == list(forecast.GRID)
    best = min(grid, key=lambda row: row["next_month"] + row["year"])
    assert Choices(*(best[f] for f in fields)) == forecast.CHOSEN


def test_the_recorded_grid_is_what_choose_finds(airline):
    """Three of its 48 rows, the best one among them."""
    grid = (forecast.CHOSEN, *forecast.GRID[:2])
    best, scores = forecast.choose(airline, grid)
    assert best == forecast.CHOSEN
    rows = {Choices(*(row[f] for f in Choices._fields)): row for row in rivals.recording()["grid"]}
    for choices in grid:
        expected = rows[choices]["next_month"], rows[choices]["year"]
        np.testing.assert_allclose(scores[choices], expected, rtol=0.02)


def test_the_choice_does_not_see_the_last_three_years(airline):
    grid = (QUICK, QUICK._replace(H=2))
    both = [forecast.choose(s, grid, seeds=(0,)) for s in (airline, with_other_future(airline, 36))]
    assert both[0] == both[1]


def test_training_leaves_numbas_threads_as_they_were(airline):
    before = numba.get_num_threads()
    forecast.train(forecast.prepare(airline, T=QUICK.T), QUICK)
    assert numba.get_num_threads() == before


# ---- rolling origins ----------------------------------------------------------------------


SEEDS = forecast.SEEDS[:2]  # lesson 10 trains with all of them, for the same sentences


@pytest.fixture(scope="module")
def rolled(airline):
    return forecast.rolling(airline, {**forecast.planners(seeds=SEEDS), **rivals.planners()})


def test_rolling_origins_are_all_months_of_the_last_three_years(rolled, airline):
    assert [str(rolled.dates[m]) for m in (0, 12, -1)] == ["1958-01", "1959-01", "1960-12"]
    assert rolled.truth.shape == (36, 12) and np.isfinite(rolled.truth).sum() == 24 * 12 + 78
    for m in range(36):
        came = airline.values[108 + m : 120 + m]
        np.testing.assert_array_equal(rolled.truth[m, : len(came)], came)
    names = ["LSTM", *forecast.BASELINES, "SARIMA", "Holt-Winters"]
    assert {name: len(runs) for name, runs in rolled.plans.items()} == {
        name: len(SEEDS) if name == "LSTM" else 1 for name in names
    }
    assert all(np.isfinite(runs).all() for runs in rolled.plans.values())


def test_each_planner_gets_the_months_before_its_origin_and_a_copy(airline):
    seen = []

    def plan(past, months):
        seen.append((str(past.dates[-1]), len(past.values), len(past.dates)))
        past.values[:] = 0
        return np.zeros(months)

    values = airline.values.copy()
    forecast.rolling(airline, {"rude": [plan, plan]}, origins=2)
    assert seen == [("1960-10", 142, 142), ("1960-11", 143, 143)] * 2
    np.testing.assert_array_equal(airline.values, values)


def test_no_plan_sees_its_own_month_or_later(airline):
    """Another future from November 1960 on: plans of that month and before stay the same."""
    planners = forecast.planners(QUICK, seeds=(0,))
    one, two = (
        forecast.rolling(s, planners, origins=4) for s in (airline, with_other_future(airline, 2))
    )
    for name in planners:
        np.testing.assert_array_equal(one.plans[name][:, :3], two.plans[name][:, :3])
        assert (one.plans[name][:, 3] != two.plans[name][:, 3]).any()


def test_rolling_retrains_at_each_origin(airline):
    plans = forecast.rolling(airline, forecast.planners(QUICK, seeds=(3,)), origins=2).plans
    prepared = forecast.prepare(forecast.before(airline, 143), held_out=0, T=QUICK.T)
    params, _ = forecast.train(prepared, QUICK, seed=3, version=forecast.FAST)
    expected = forecast.rollout(forecast.lstm(params, prepared), airline.values[:143], 12)
    np.testing.assert_array_equal(plans["LSTM"][0, 1], expected)


def test_first_months_of_a_rules_plans_are_its_one_step(rolled, airline):
    for name, rule in forecast.BASELINES.items():
        one = forecast.one_step(rule, airline.values[:108], airline.values[108:])
        np.testing.assert_array_equal(rolled.plans[name][0, :, 0], one)


def test_errors_by_year_by_hand():
    dates = np.arange("1958-12", "1959-03", dtype="datetime64[M]")
    truth = np.full((3, 12), np.nan)
    truth[0, :3], truth[1, :2], truth[2, :1] = 10, 10, 10
    plans = np.full((1, 3, 12), 99.0)
    plans[0, 0, :3], plans[0, 1, :2], plans[0, 2, :1] = [11, 12, 13], [14, 10], [10]
    found = forecast.by_year(forecast.Rolling(dates, truth, {"a": plans}))
    squares = {("1958", 1): [1], ("1959", 1): [16, 0], ("1958-59", 1): [1, 16, 0]}
    squares |= {("1958", 12): [1, 4, 9], ("1959", 12): [16, 0, 0]}
    squares |= {("1958-59", 12): [1, 4, 9, 16, 0, 0]}
    assert len(found) == len(squares)
    for (group, months), expected in squares.items():
        task = {1: forecast.NEXT_MONTH, 12: forecast.PLAN}[months]
        assert found[task, group, "a"] == pytest.approx([np.sqrt(np.mean(expected))])


def test_one_year_alone_has_no_sum_beside_it(airline):
    plans = {"persistence": [forecast.rule_planner(forecast.persistence)]}
    found = forecast.by_year(forecast.rolling(airline, plans, origins=5))
    assert {group for _, group, _ in found} == {"1960"}


def test_what_lesson_09_says_of_the_years(rolled):
    """No claim without a number: the sentences under the lesson's table."""
    errors = forecast.by_year(rolled)
    for task in forecast.TASKS:
        lstm = errors[task, "1958-60", "LSTM"]
        for weak in ("persistence", "seasonal naive"):
            assert lstm.max() < 0.6 * errors[task, "1958-60", weak][0]
        assert np.median(lstm) > errors[task, "1958-60", "SARIMA"][0]
        winners = [forecast.best(errors, task, year) for year in ("1958", "1959", "1960")]
        assert all(a != b for a, b in pairwise(winners)), winners
    plans = {name: errors[forecast.PLAN, "1958-60", name] for name in ("LSTM", "SARIMA")}
    assert (plans["LSTM"] > plans["SARIMA"]).all(), "every seed"


def test_the_table_has_medians_and_marks_the_lowest(rolled):
    errors = forecast.by_year(rolled)
    lines = forecast.table(errors).splitlines()
    assert len(lines) == 2 * 8 and lines[0].split() == ["next", "month", *GROUPS]
    lowest = {forecast.best(errors, forecast.PLAN, group) for group in GROUPS}
    assert {line[2:18].strip() for line in lines[9:] if "*" in line} == lowest
    median = np.median(errors[forecast.PLAN, "1960", "LSTM"])
    (line,) = (line for line in lines[9:] if line.startswith("  LSTM"))
    assert f"{median:.1f}" in line


@pytest.mark.parametrize("origins, said", [(0, "origins is 0"), (144, "allows 1 to 143")])
def test_rolling_names_what_is_wrong(airline, origins, said):
    with pytest.raises(ValueError, match=said):
        forecast.rolling(airline, {}, origins)
