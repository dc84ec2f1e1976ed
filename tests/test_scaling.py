"""`bench --workers`: where a step's time goes, and what strong and weak scaling come to."""

import json
import sys
from contextlib import nullcontext

import pytest

from lstm_kernels.__main__ import parse
from lstm_kernels.cluster.step import Spent, seconds_by_worker
from lstm_kernels.lab.commands import scaling as command
from lstm_kernels.lab.measure import recorded_scaling, scaling
from lstm_kernels.lab.words import count_text
from lstm_kernels.model import count_params
from lstm_kernels.versions import check_hidden_size

ONE = [scaling.Times(0.008, 0.007, 0.0, 0.001)] * 3


def test_the_parts_of_a_step_add_up():
    spent = Spent(1.0, seconds_by_worker([("a", 0.3), ("b", 0.5), ("a", 0.1)]))
    times = scaling.split(spent, 3)  # the third had no part: it waited all the time
    assert times.compute == pytest.approx(0.3)
    assert times.waiting == pytest.approx(0.2)
    assert times.communication == pytest.approx(0.5)
    assert times.whole == pytest.approx(sum(times[1:]))


@pytest.mark.parametrize(
    "kind, seconds, expected",
    [("strong", 0.002, 1), ("strong", 0.004, 0.5), ("weak", 0.008, 1), ("weak", 0.016, 0.5)],
)
def test_efficiency(kind, seconds, expected):
    four = [scaling.Times(seconds, 0, 0, 0)] * 3
    assert scaling.efficiency(ONE, 1, four, 4, kind) == pytest.approx(expected)
    rows = [scaling.Row(kind, 1, 68, ONE), scaling.Row(kind, 4, 68, four)]
    lines = scaling.table(scaling.Scaling(scaling.Sizes(), rows, "")).splitlines()
    assert lines[0].startswith(f"{kind} scaling")
    assert lines[1].startswith("   1 worker ") and lines[1].endswith("100%")
    assert lines[2].startswith("  4 workers") and lines[2].endswith(f"{expected:.0%}")
    assert "8.0 (8.0 to 8.0)" in lines[1] and "7.0" in lines[1] and "1.0" in lines[1]


def test_more_workers_than_cores_are_named(monkeypatch):
    monkeypatch.setattr(scaling, "usable_cores", lambda: [0, 1])
    assert scaling.too_many([1, 2]) == ""
    assert scaling.too_many([1, 4]).startswith("4 workers share 2 cores here")


def test_without_dask_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert command.main([1]) == 1
    assert capsys.readouterr().err.endswith("python -m pip install -r requirements-cluster.txt\n")


@pytest.mark.long  # as the test below: CI has Dask only where it runs the long tests
def test_more_hidden_units_than_the_card_takes_start_no_worker(dask, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(command.device, "ON_GPU", True)
    monkeypatch.setattr(command.scaling, "run", None)
    assert command.main([1, 2], str(tmp_path / "s"), hidden=600) == 2
    told = capsys.readouterr()
    assert told.err.startswith("H is 600; cuda_v7 keeps W in the card's shared memory")
    assert told.err.count("\n") == 1 and told.out == "" and not list(tmp_path.iterdir())


def test_every_size_that_is_measured_fits_on_a_small_card(monkeypatch):
    """Also the messages', though V5 on a T4 cannot compute with so many hidden units."""
    seen = []
    monkeypatch.setattr(scaling.cluster, "local", lambda workers: nullcontext())
    monkeypatch.setattr(scaling, "measure", lambda *args, **kwargs: seen.append(args[3]) or ONE)
    scaling.run([1], scaling.Sizes(version="cuda_v5"), lambda row: None, steps=1)
    assert {size.hidden for size in seen} == {64, *scaling.HIDDEN}
    for size in seen:
        check_hidden_size(size.version, size.hidden)


def test_one_size_of_each_kind(capsys):
    with pytest.raises(SystemExit):
        parse(["bench", "--workers", "1", "2", "--batch", "7", "8"])
    assert "--batch takes one size beside --workers" in capsys.readouterr().err
    assert parse(["bench", "--workers", "1", "2", "--batch", "7"]).workers == [1, 2]


@pytest.mark.long
def test_the_command_measures_and_saves(dask, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(scaling, "STEPS", 3)
    monkeypatch.setattr(scaling, "WARM", 1)
    monkeypatch.setattr(scaling, "HIDDEN", (2, 16))
    out = str(tmp_path / "s")
    assert command.main([2, 1], out, batch=40, hidden=4, length=3) == 0
    printed = capsys.readouterr().out
    rows = json.loads((tmp_path / "s.json").read_text())["rows"]
    kinds = ["strong", "weak", *["message"] * len(scaling.HIDDEN)]
    assert [(row["kind"], row["workers"]) for row in rows] == [
        (k, w) for w in (1, 2) for k in kinds
    ]
    for row in rows:
        if row["kind"] != "message":
            workers = count_text(row["workers"], "worker")
            assert f"measured: {row['kind']} scaling, {workers}\n" in printed
        assert row["steps"] and all(0 < step["compute"] < step["whole"] for step in row["steps"])
    (tmp_path / "measured").mkdir()
    (tmp_path / "s.json").rename(tmp_path / "measured" / "s.json")
    monkeypatch.setenv("LSTM_KERNELS_DATA", str(tmp_path))
    found = recorded_scaling.recorded("s")
    assert found.sizes == scaling.Sizes(40, 4, 3) and set(found.of("weak")) == {1, 2}
    assert [nbytes for _, nbytes, _ in found.messages()] == 2 * [
        4 * count_params(1, hidden, 1) for hidden in scaling.HIDDEN
    ]


def test_without_dask_the_recording_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "distributed", None)
    found = recorded_scaling.here_or_recorded(steps=2)
    said = capsys.readouterr().out
    assert said.startswith("Training on many workers needs Dask distributed: ")
    assert said.count("\n") == 1 and said.endswith(f"What follows is {found.source}.\n")
    assert found.source.startswith("recorded on ") and set(found.of("strong")) >= {1, 2}
    assert all(len(row.steps) == scaling.STEPS for row in found.rows)


@pytest.mark.long
def test_with_dask_the_recordings_sizes_are_measured_here(dask, monkeypatch, capsys):
    kept = recorded_scaling.recorded()._replace(sizes=scaling.Sizes(8, 4, 3))
    monkeypatch.setattr(recorded_scaling, "recorded", lambda: kept)
    monkeypatch.setattr(scaling, "HIDDEN", (2,))
    monkeypatch.setattr(scaling, "WARM", 1)
    found = recorded_scaling.here_or_recorded(steps=2)
    assert found.source == "measured here" and found.sizes == kept.sizes
    assert [(row.kind, row.workers, len(row.steps)) for row in found.rows] == [
        (kind, workers, 2) for workers in (1, 2) for kind in ("strong", "weak", "message")
    ]
    assert capsys.readouterr().out == ""
