"""Lesson 18: the model, local SGD, its pictures, and a worker that is killed on the page."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from lstm_kernels import data, init_params
from lstm_kernels.judge import lesson_18 as ours
from lstm_kernels.judge.guesses import compare_guess
from lstm_kernels.lab.estimates.workers import (
    Cost,
    rounds_of_step,
    step_of_shares,
    step_seconds,
    times_as_fast,
)
from lstm_kernels.lab.figures import scaling as figures
from lstm_kernels.lab.figures.style import BLUE, ORANGE, VERMILLION
from lstm_kernels.lab.measure import scaling
from lstm_kernels.lab.measure.recorded_scaling import recorded
from lstm_kernels.lab.widgets.workers import WorkersModel
from lstm_kernels.optimizers import SGD
from lstm_kernels.versions.numpy_batched import gradients
from tests.notebooks import cell
from tests.pictures import curves, faces, no_overlap, painted, texts, titles, widths
from tests.problems import same


def test_rounds_of_a_step():
    assert [rounds_of_step(W) for W in (1, 2, 3, 4, 1000)] == [2, 4, 6, 6, 22]
    assert step_of_shares([4, 4], [1, 0.5]) == 8


def test_local_sgd_with_one_step_is_the_synchronous_training():
    params, (x, y) = init_params(1, 5, 1), data.panel(12, 4)
    parts = np.split(np.arange(12), 3)
    mean = ours.local_round(params, [[(x[:, n], y[:, n])] for n in parts], 0.1)
    right = SGD(params, 0.1).update(params, gradients(params, x, y)[1])
    for p, q in zip(mean, right, strict=True):
        np.testing.assert_allclose(p, q, atol=1e-6)


def test_the_recording_has_what_the_lesson_asks_of_it():
    found = recorded()
    words = (data.data_folder() / "README.md").read_text(encoding="utf-8")
    assert "`measured/workers_2cores.json`" in words
    assert set(found.of("strong")) == set(found.of("weak")) == {1, 2}
    assert found.sizes.batch == 1024 and found.sizes.hidden == 64, "as the page says"
    sent = {nbytes for _, nbytes, _ in found.messages()}
    assert sent == {scaling.gradient_bytes(hidden) for hidden in scaling.HIDDEN}
    rounds = [(rounds_of_step(W), nbytes, seconds) for W, nbytes, seconds in found.messages()]
    latency, bandwidth = ours.message_cost(rounds)
    assert latency > 0 and bandwidth > 0 and found.seconds_per_sample() > 0


# ---- pictures -----------------------------------------------------------------------------


@pytest.mark.parametrize("shards", [[3, 4, 2, 5], [2, 3]])
def test_the_tree_has_a_plus_for_each_addition(shards):
    picture = figures.draw_tree(shards)
    (ax,) = picture.axes
    words = texts(ax)
    assert words.count("+") == len(shards) - 1
    assert f"round {int(math.log2(len(shards)))}" in words
    assert f"worker 1\n{shards[1]} samples" in words and f"{shards[1]} samples for" in picture.alt
    no_overlap(picture)


def times(*milliseconds):
    compute, waiting, communication = (t / 1e3 for t in milliseconds)
    return scaling.Times(compute + waiting + communication, compute, waiting, communication)


def test_the_parts_of_a_step_are_stacked():
    rows = [
        scaling.Row(kind, workers, 68, [times(*spent)] * 3)
        for kind, workers, spent in (
            ("strong", 1, (80, 0, 20)),
            ("strong", 2, (40, 5, 30)),
            ("weak", 1, (80, 0, 20)),
            ("weak", 2, (85, 10, 30)),
        )
    ]
    picture = figures.draw_spent(scaling.Scaling(scaling.Sizes(), rows, "recorded somewhere"))
    strong, weak = picture.axes
    assert widths(strong) == pytest.approx([80, 40, 0, 5, 20, 30])
    assert widths(weak) == pytest.approx([80, 85, 0, 10, 20, 30])
    assert faces(weak) == [BLUE, BLUE, ORANGE, ORANGE, VERMILLION, VERMILLION]
    assert " step: 75.0 ms" in texts(strong) and " step: 125 ms" in texts(weak)
    assert picture.get_suptitle() == "recorded somewhere" and strong.get_xlim()[0] == 0
    assert "strong scaling, 2 workers: compute 40.0 ms, waiting 5.00 ms" in picture.alt
    no_overlap(picture)


def test_each_loss_is_named_at_its_end():
    panels = {
        "mix": {1: [(0, 0.8), (64, 0.1)], 16: [(0, 0.8), (64, 0.1)], 64: [(0, 0.8), (64, 0.101)]},
        "kind": {1: [(0, 0.8), (64, 0.1)], 16: [(0, 0.8), (64, 0.3)], 64: [(0, 0.8), (64, 0.4)]},
    }
    picture = figures.draw_losses(panels)
    assert titles(picture) == ["mix", "kind"]
    assert curves(picture.axes[1]) == [[0.8, 0.1], [0.8, 0.3], [0.8, 0.4]]
    assert all(texts(ax) == ["K = 1", "K = 16", "K = 64"] for ax in picture.axes)
    assert "kind: K=1 ends at 0.1, K=16 ends at 0.3 and K=64 ends at 0.4" in picture.alt
    no_overlap(picture)


def test_the_model_is_dashed_and_the_measured_are_dots():
    lines = {"small": [(1, 1), (8, 3), (1000, 2)], "large": [(1, 1), (8, 8), (1000, 500)]}
    picture = figures.draw_model(lines, [(1, 1.0), (2, 1.5)], "measured here")
    (ax,) = picture.axes
    assert [line.get_linestyle() for line in ax.lines] == ["-", "--", "--", "None"]
    assert curves(ax)[1:] == [[1, 3, 2], [1, 8, 500], [1.0, 1.5]]
    assert {"small", "large", "the best possible"} == set(texts(ax))
    assert "a model, not measured" in titles(picture)[0]
    assert "small: at most 3, with 8 workers" in picture.alt
    no_overlap(picture)


def test_the_widget_draws_the_model_that_its_sliders_name():
    cost = Cost(1e-4, 2e-3, 1e8)
    widget = WorkersModel(cost)
    picture = painted(widget, widget.steps, 16)
    name = "N = 1,024, K = 16"
    assert {name, "the best possible"} == set(texts(picture.axes[0])) and name in picture.alt
    assert "Dots" not in picture.alt and titles(picture) == ["dashed: a model, not measured"]
    ends = [times_as_fast(W, 1024, widget.nbytes, cost, 16) for W in (1, 1000)]
    line = curves(picture.axes[0])[1]
    assert [line[0], line[-1]] == pytest.approx(ends) and ends[0] == 1
    assert f"{max(line):.3g} times as fast as one" in widget.sentence()
    no_overlap(picture)


def test_fewer_exchanges_are_a_larger_batch_to_the_model():
    cost = Cost(1e-4, 2e-3, 1e8)
    assert times_as_fast(8, 100, 68, cost, K=4) == times_as_fast(8, 400, 68, cost)
    assert step_seconds(1, 100, 1e6, cost) == pytest.approx(0.01 + 2 * (0.002 + 0.01))


def test_fast_workers_wait_for_the_slow_one():
    panels = {"equal": ([256] * 2, [1, 1 / 3]), "by speed": ([384, 128], [1, 1 / 3])}
    picture = figures.draw_stragglers(panels)
    equal, by_speed = picture.axes
    assert widths(equal) == pytest.approx([256, 768, 512, 0])
    assert widths(by_speed) == pytest.approx([384, 384, 0, 0])
    assert texts(equal) == ["256 samples", "256 samples", " 768"]
    assert "equal: 256 and 768, so a step takes 768" in picture.alt
    no_overlap(picture)


# ---- with Dask ----------------------------------------------------------------------------


@pytest.mark.long
def test_the_page_kills_a_worker_and_the_bits_stay(dask, capsys):
    page = {
        "scaling": SimpleNamespace(source="measured here"),
        "params": init_params(1, 4, 1), "np": np, "compare_guess": compare_guess,
    }  # fmt: skip
    page["x"], page["y"] = data.panel(60, T=3)
    exec(cell("18_many_workers", "killed").source, page)
    said = capsys.readouterr().out
    assert "killed: 1 worker of 2, in epoch 2 of 3" in said
    assert "The answer, measured here: bits" in said
    assert same(page["undisturbed"], page["disturbed"]) and len(page["killed"]) == 1
