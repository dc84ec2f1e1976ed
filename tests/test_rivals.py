"""The forecast's classic rivals: the recording is whole, and is what statsmodels finds."""

import importlib.util
import json

import numpy as np
import pytest

from lstm_kernels import __main__, data
from lstm_kernels.lab import forecast, rivals
from lstm_kernels.lab.commands import forecast as command

needs_statsmodels = pytest.mark.skipif(
    importlib.util.find_spec("statsmodels") is None, reason="statsmodels is not installed"
)


@pytest.fixture(scope="module")
def airline():
    return data.load_airline()


@pytest.fixture(scope="module")
def recording():
    return rivals.recording()


def test_the_recording_is_complete(recording, airline):
    assert list(recording["plans"]) == list(rivals.METHODS) == ["SARIMA", *rivals.HOLT_WINTERS]
    months = list(map(str, airline.dates[-72:]))
    assert months[0] == "1955-01" and months[-1] == "1960-12"
    for plans in recording["plans"].values():
        assert list(plans) == months
        values = np.array(list(plans.values()))
        assert values.shape == (72, 12) and (values > 100).all() and (values < 1000).all()


def test_the_recording_says_how_it_was_made(recording):
    machine = recording["machine"]
    assert recording["command"] == command.COMMAND
    assert machine["date"][:4].isdecimal() and machine["python"]
    packages = machine["packages"]
    assert all(packages[name][0].isdecimal() for name in ("statsmodels", "scipy", "numpy"))
    words = (data.data_folder() / "README.md").read_text(encoding="utf-8")
    assert f"`{rivals.RECORDING}`" in words and command.COMMAND in words


@needs_statsmodels
@pytest.mark.parametrize("method", rivals.METHODS)
@pytest.mark.parametrize("month", [72, 109, 143])
def test_statsmodels_finds_what_was_recorded(method, month, recording, airline):
    past = forecast.before(airline, month)
    plan = rivals.fitted(method)(past, 12)
    expected = recording["plans"][method][str(airline.dates[month])]
    np.testing.assert_allclose(plan, expected, rtol=2e-3)


@pytest.mark.parametrize("method", rivals.METHODS)
def test_recorded_plans_are_forecasts_of_their_months(method, recording, airline):
    """Better than last year's values over six years: no plan is of another month."""
    rolled = forecast.rolling(airline, {"a": [rivals.recorded(method)]}, 72)
    naive = forecast.rolling(airline, {"a": [forecast.rule_planner(forecast.seasonal_naive)]}, 72)
    for task in forecast.TASKS:
        errors = [forecast.by_year(r)[task, "1955-60", "a"][0] for r in (rolled, naive)]
        assert errors[0] < 0.7 * errors[1]


def test_another_past_has_no_recorded_plan(airline):
    plan = rivals.recorded("SARIMA")
    assert len(plan(forecast.before(airline, 130), 5)) == 5
    other = airline._replace(values=airline.values + 1)
    for past, month in ((forecast.before(other, 130), "1959-11"), (airline, "1961-01")):
        with pytest.raises(ValueError, match=f"no plan for {month} was recorded for this past"):
            plan(past, 12)


def test_the_form_of_holt_winters_is_chosen_on_earlier_years(airline):
    form, scores = rivals.choose_holt_winters(airline)
    assert form == rivals.CHOSEN_HOLT_WINTERS and list(scores) == list(rivals.HOLT_WINTERS)
    one = scores[form][0]
    rolled = forecast.rolling(
        forecast.before(airline, 108), {"a": [rivals.recorded(form)]}, origins=36
    )
    errors = forecast.by_year(rolled)
    years = [errors[forecast.NEXT_MONTH, year, "a"][0] for year in ("1955", "1956", "1957")]
    assert one == pytest.approx(np.mean(years))


def test_hindsight_would_have_chosen_another_form(airline):
    """What lesson 10 says: fair choices are no guarantee."""
    forms = {name: [rivals.recorded(name)] for name in rivals.HOLT_WINTERS}
    errors = forecast.by_year(forecast.rolling(airline, forms))
    for task in forecast.TASKS:
        best = forecast.best(errors, task, "1958-60")
        assert best != rivals.CHOSEN_HOLT_WINTERS
        chosen = errors[task, "1958-60", rivals.CHOSEN_HOLT_WINTERS][0]
        assert errors[task, "1958-60", best][0] < 0.9 * chosen


def test_what_is_kept_comes_back(tmp_path, monkeypatch, recording):
    (tmp_path / "measured").mkdir()
    monkeypatch.setattr(data, "data_folder", lambda: tmp_path)
    scores = {forecast.CHOSEN: (1.5, 2.5), forecast.GRID[0]: (3.0, 4.0)}
    plans = {name: dict(list(p.items())[:2]) for name, p in recording["plans"].items()}
    command.save(scores, plans)
    kept = rivals.recording()
    assert kept["plans"] == plans and kept["command"] == command.COMMAND
    assert kept["grid"][0] == {**forecast.CHOSEN._asdict(), "next_month": 1.5, "year": 2.5}
    text = (tmp_path / "measured" / rivals.RECORDING).read_text(encoding="utf-8")
    assert json.loads(text) == kept and max(map(len, text.splitlines())) < 200


def test_the_command_prints_choices_and_the_table(monkeypatch, capsys, airline):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    scores = {forecast.CHOSEN: (1.5, 2.5), forecast.GRID[0]: (3.0, 4.0)}
    monkeypatch.setattr(forecast, "choose", lambda series: (forecast.CHOSEN, scores))
    rules = forecast.planners(seeds=())
    del rules["LSTM"]
    monkeypatch.setattr(forecast, "planners", lambda settings: rules)
    assert __main__.main(["forecast"]) == 0
    printed = capsys.readouterr().out
    assert rivals.HOW_TO_INSTALL in printed and f"Chosen: {rivals.CHOSEN_HOLT_WINTERS}" in printed
    assert "   4.00        1.50   2.5  Choices(T=24" in printed
    assert "Holt-Winters" in printed.split("plan for a year")[1]


def test_nothing_is_kept_without_statsmodels(monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert __main__.main(["forecast", "--keep"]) == 1
    assert capsys.readouterr().out.strip() == rivals.HOW_TO_INSTALL
