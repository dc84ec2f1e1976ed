"""The forecast and its errors, beside the baselines.  Lesson 09."""

import numpy as np

from lstm_kernels.lab.forecast import ONE_STEP, TWO_YEARS, YEAR

from .style import BLACK, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION, styled, subplots

FORECASTER_COLORS = {
    "LSTM": VERMILLION,
    "persistence": GREY,
    "seasonal naive": SKY,
    "seasonal drift": GREEN,
    "mean growth": PURPLE,
}


def _pick(results, task, forecaster):
    return next(r for r in results if (r.task, r.forecaster) == (task, forecaster))


def _axis(dates):
    """Dates as plain numbers: years, with the month as the fraction."""
    return 1970 + np.asarray(dates, "datetime64[M]").astype(int) / 12


@styled
def draw_forecast(past, study, unit="thousand passengers"):
    """History, held-out months and forecasts.  study: {seed: list of Result}, as forecast.study."""
    picture, axes = subplots(2, 1, 12, 9)
    for ax, task in zip(axes, (ONE_STEP, TWO_YEARS), strict=True):
        _draw_truth(ax, past, next(iter(study.values())), task)
        _draw_baselines(ax, next(iter(study.values())), task)
        for results in study.values():
            lstm = _pick(results, task, "LSTM")
            ax.plot(_axis(lstm.dates), lstm.predictions, color=VERMILLION, lw=1.3, alpha=0.8)
        ax.set_ylabel(unit)
        ax.set(xlim=(1955.9, 1962.3), ylim=(190, 740), xticks=range(1956, 1962))
    axes[0].set_title("One step ahead: each month the truth of the month before is known")
    axes[1].set_title("Rollout: from the end of 1958 on, the model feeds on its own predictions")
    axes[1].axvline(1960, color=GREY, lw=1.2, ls=":", zorder=0)
    for middle, text in ((1959.46, "the first 12 months"), (1960.46, "24 months")):
        place = {"transform": axes[1].get_xaxis_transform(), "ha": "center"}
        axes[1].text(middle, 0.03, text, color=GREY, fontsize=12, **place)
    return picture


def _draw_truth(ax, past, results, task):
    lstm = _pick(results, task, "LSTM")
    dates = np.concatenate([_axis(past.dates), _axis(lstm.dates)])
    ax.plot(dates, np.concatenate([past.values, lstm.truth]), color=BLACK, lw=2.6)
    ax.axvspan(
        _axis(lstm.dates)[0] - 1 / 24, _axis(lstm.dates)[-1] + 1 / 24, color="#F6F6F6", zorder=-1
    )
    ax.text(1956.0, 0.93, "past (trains)", transform=ax.get_xaxis_transform(), color=GREY)
    ax.text(1961.02, 0.93, "truth, black", transform=ax.get_xaxis_transform(), color=BLACK)
    ax.text(1961.02, 0.83, "LSTM, five seeds", transform=ax.get_xaxis_transform(), color=VERMILLION)


def _draw_baselines(ax, results, task):
    for place, name in enumerate(("seasonal naive", "persistence", "mean growth")):
        result = _pick(results, task, name)
        color = FORECASTER_COLORS[name]
        ax.plot(_axis(result.dates), result.predictions, "--", color=color, lw=1.8)
        ax.text(1961.02, 0.73 - 0.1 * place, name, transform=ax.get_xaxis_transform(), color=color)


@styled
def draw_errors(study, medians):
    """RMSE of each forecaster in each task; a dot a seed, MAPE as text.  As forecast.medians."""
    tasks = (ONE_STEP, YEAR, TWO_YEARS)
    picture, axes = subplots(1, 3, 13, 4.3, sharey=True, sharex=True)
    for ax, task in zip(axes, tasks, strict=True):
        seeds = [_pick(results, task, "LSTM").rmse for results in study.values()]
        for place, name in enumerate(FORECASTER_COLORS):
            rmse, mape = medians[task, name]
            ax.barh(place, rmse, color=FORECASTER_COLORS[name], height=0.7)
            end = max([rmse, *seeds]) if name == "LSTM" else rmse
            ax.text(end + 5, place, f"{rmse:.1f}  ({mape:.1f}%)", va="center", fontsize=12)
        ax.plot(seeds, np.zeros(len(seeds)), "o", color=ORANGE, mec=BLACK, ms=6)
        ax.set_title(task)
        ax.set_xlabel("RMSE, thousands (MAPE)")
    axes[0].set_yticks(range(len(FORECASTER_COLORS)), list(FORECASTER_COLORS))
    axes[0].set_ylim(len(FORECASTER_COLORS) - 0.4, -0.6)
    axes[0].set_xlim(0, 1.65 * max(rmse for rmse, _ in medians.values()))
    return picture
