"""Lesson 10: the pictures of the forecast."""

import numpy as np
import pytest

from lstm_kernels import data
from lstm_kernels.lab import forecast, rivals
from lstm_kernels.lab.figures import forecast as forecast_figures
from tests.pictures import curves, names_on, no_overlap, texts, titles

FORECASTERS = tuple(forecast_figures.FORECASTER_COLORS)


@pytest.fixture(scope="module")
def rolled():
    """Real plans of all rivals, and of an LSTM that hardly trains, with two seeds."""
    quick = forecast.CHOSEN._replace(epochs=1)
    everybody = {**forecast.planners(quick, seeds=(0, 1)), **rivals.planners()}
    return forecast.rolling(data.load_airline(), everybody)


def test_next_months_are_drawn_beside_the_truth_and_as_errors(rolled):
    past = forecast.before(data.load_airline(), 108)
    picture = forecast_figures.draw_months(past, rolled)
    above, below = picture.axes
    truth = rolled.truth[:, 0]
    runs = [*rolled.plans["SARIMA"], *rolled.plans["LSTM"]]
    assert curves(above)[0] == [*past.values[-12:], *truth]
    assert curves(above)[1:4] == [list(run[:, 0]) for run in runs]
    assert curves(below)[:4] == [[0] * 36, *(list(run[:, 0] - truth) for run in runs)]
    assert texts(above) == ["truth", "LSTM, 2 seeds", "SARIMA"]
    assert names_on(below.xaxis) == ["1957", "1958", "1959", "1960", "1961"]
    no_overlap(picture)


def test_errors_by_year_are_dots_with_their_median(rolled):
    errors = forecast.by_year(rolled)
    picture = forecast_figures.draw_by_year(errors)
    names = [name for name in FORECASTERS if name != "persistence"]
    groups = ["1958", "1959", "1960", "1958-60"]
    panels = [(task, group) for task in forecast.TASKS for group in groups]
    assert titles(picture) == [
        "Next month, 1958", *groups[1:], "Plan for a year, 1958", *groups[1:]
    ]  # fmt: skip
    assert names_on(picture.axes[0].yaxis) == names
    for ax, panel in zip(picture.axes, panels, strict=True):
        dots = [list(line.get_xdata()) for line in ax.lines if line.get_marker() == "o"]
        assert dots == [list(errors[(*panel, name)]) for name in names]
        assert texts(ax) == [f"{np.median(errors[(*panel, name)]):.1f}" for name in names]
        bold = [text.get_fontweight() == "bold" for text in ax.texts]
        assert bold == [name == forecast.best(errors, *panel) for name in names]
        assert max(map(max, dots)) < ax.get_xlim()[1]
    no_overlap(picture)


def test_each_forecaster_has_a_colour(rolled):
    assert set(FORECASTERS) == set(rolled.plans)
    assert len(set(forecast_figures.FORECASTER_COLORS.values())) == len(FORECASTERS)
