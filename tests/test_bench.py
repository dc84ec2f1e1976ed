"""The bench: its grid, its files, the comparison of two runs, PyTorch's line, the emulator's."""

import csv
import json
import sys

import numpy as np
import pytest

from lstm_kernels import __main__, data
from lstm_kernels.lab.estimates import feasible
from lstm_kernels.lab.measure import emulator_speed, grid, pytorch, race, records, results
from lstm_kernels.lab.measure.timing import Stopped, Timing, Workload, measure, time_call
from lstm_kernels.machine import device
from tests import PNG

TINY = grid.Grid(batch=(1, 2), hidden=(3,), length=(2,))


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(grid, "QUICK", TINY)
    monkeypatch.setattr(pytorch, "has_torch", lambda: False)


def test_the_grid_is_every_combination():
    workloads = list(grid.Grid((1, 2), (3, 4), (5,)).workloads())
    found = [(w.x.shape, w.batch_size, w.H) for w in workloads]
    assert found == [((5, 4, 1), 1, 3), ((5, 8, 1), 2, 3), ((5, 4, 1), 1, 4), ((5, 8, 1), 2, 4)]


def test_bench_saves_json_csv_and_picture(tiny, tmp_path, capsys):
    out = tmp_path / "b"
    assert __main__.main(["bench", "--quick", "--no-emulator", "--out", str(out)]) == 0
    saved = json.loads((tmp_path / "b.json").read_text(encoding="utf-8"))
    assert saved["machine"]["cpu"] == device.describe_cpu()
    assert saved["machine"]["packages"]["numpy"] == np.__version__
    rows = [row for row in saved["rows"] if "median" in row]
    assert {(row["batch"], row["hidden"], row["length"]) for row in rows} == {(1, 3, 2), (2, 3, 2)}
    assert {"sequential", "numpy_batched"} <= {row["version"] for row in rows}
    assert all(row["median"] == np.median(row["seconds"]) for row in rows)
    if device.TARGET != "simulator":
        launched = next(row for row in rows if row["version"] == "cuda_v3")
        assert launched["kernel"] > 0 and launched["host_to_device"] > 0
    with open(tmp_path / "b.csv", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == len(saved["rows"])
    assert (tmp_path / "b.png").read_bytes().startswith(PNG)
    printed = capsys.readouterr().out
    assert "vs sequential" in printed and "PyTorch is not installed" in printed
    assert ("not a GPU's time" in printed) != device.ON_GPU


def test_a_grid_of_ones_own(tiny, tmp_path):
    out = tmp_path / "own"
    wishes = ["--batch", "3", "--hidden", "2", "4", "--quick", "--no-emulator"]
    assert __main__.main(["bench", *wishes, "--out", str(out)]) == 0
    rows = records.load(f"{out}.json")["rows"]
    assert {(row["batch"], row["hidden"], row["length"]) for row in rows} == {(3, 2, 2), (3, 4, 2)}


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5"])
def test_what_is_no_size_is_named(text, capsys):
    with pytest.raises(SystemExit):
        __main__.main(["bench", "--hidden", text])
    assert f"argument --hidden: {text!r} is no size" in capsys.readouterr().err


@pytest.mark.parametrize(
    "line, said",
    [
        ("--cudnn --batch 3", "--batch does not go with --cudnn"),
        ("--compare a.json b.json --length 3", "--length does not go with --compare"),
        ("--cudnn --quick", "not allowed with argument --cudnn"),
    ],
)
def test_what_does_not_go_together_is_said_before_anything_runs(line, said, capsys):
    with pytest.raises(SystemExit):
        __main__.main(["bench", *line.split()])
    assert said in capsys.readouterr().err


MEASURED = [  # what `bench --card` saved is another file: test_card.py
    path
    for path in sorted((data.data_folder() / "measured").iterdir())
    if not path.name.startswith(("card_", "workers_"))
]
KEPT = [p.stem for p in MEASURED if "rows" in json.loads(p.read_text(encoding="utf-8"))]


def test_what_is_no_file_of_the_bench_is_known():
    assert {path.stem for path in MEASURED} - set(KEPT) == {"forecast"}


@pytest.mark.parametrize("name", KEPT)
def test_what_was_measured_on_a_card_is_kept_whole(name):
    kept = records.kept(name)
    words = (data.data_folder() / "README.md").read_text(encoding="utf-8")
    assert f"`{name}.json`" in words
    assert kept["machine"]["kernels"].endswith(": kernels run on the GPU.")
    assert {row["where"] for row in kept["rows"]} == {"CPU", "GPU"}
    timed = [row for row in kept["rows"] if "median" in row]
    assert all(row["median"] == np.median(row["seconds"]) for row in timed)
    assert all(row["repeats"] == len(row["seconds"]) >= 3 for row in timed)


def found(median, version="numpy_batched", spread=0.0):
    rows = [
        {
            "version": version, "where": "CPU", "windows": 8, "length": 2, "batch": 2,
            "hidden": 3, "epochs": 1, "median": median, "q1": median * (1 - spread),
            "q3": median * (1 + spread),
        }
    ]  # fmt: skip
    return {"machine": {"date": "d", "cpu": "c", "kernels": "k"}, "rows": rows}


def test_two_runs_are_compared_point_by_point():
    assert "2x as fast" in records.compare_runs(found(2.0), found(1.0))
    assert "same within the spread" in records.compare_runs(found(2.0, spread=0.6), found(1.0))
    assert "No point is in both" in records.compare_runs(found(2.0), found(1.0, "numpy_loop"))


def runs_of(*medians):
    """A run with a point of the batch 1, 2, ... for each median; each has a spread of 10%."""
    rows = [
        {**found(median, spread=0.1)["rows"][0], "batch": n} for n, median in enumerate(medians, 1)
    ]
    return {**found(1.0), "rows": rows}


@pytest.mark.parametrize(
    "before, after, said",
    [
        ((1, 1), (1.05, 0.95), ["spread: 0 of 2 points.", "the same within the spread."]),
        ((1, 1, 1), (0.5, 0.25, 1), ["spread: 2 of 3 points.", "b is faster at 2 of 3, the rest"]),
        ((1, 1), (2, 1), ["spread: 1 of 2 points.", "b is slower at 1 of 2, the rest"]),
        ((1, 1), (2, 0.25), ["b is faster at 1: ", "b is slower at 1: ", "mixed", "1.41x as fast"]),
        ((1,), (2,), ["spread: 1 of 1 point.", "b is slower at 1 of 1"]),
    ],
)
def test_a_comparison_ends_with_one_verdict(before, after, said):
    text = records.compare_runs(runs_of(*before), runs_of(*after))
    assert all(words in text for words in said), text
    assert text.splitlines()[-1].startswith("Verdict: ")


def test_the_verdict_names_the_largest_differences_first():
    text = records.compare_runs(runs_of(*[1] * 7), runs_of(*(1 / n for n in range(2, 9))))
    (line,) = [x for x in text.splitlines() if x.startswith("b is faster at 7: ")]
    assert line.index("batch 7, H=3) 8x") < line.index("batch 6, H=3) 7x") and "2x" not in line
    assert line.endswith("; and 2 more.")


def test_compare_reads_files_and_refuses_others(tmp_path, capsys):
    a, b, other = (tmp_path / name for name in ("a.json", "b.json", "other.json"))
    a.write_text(json.dumps(found(2.0)), encoding="utf-8")
    b.write_text(json.dumps(found(1.0)), encoding="utf-8")
    other.write_text("[1]", encoding="utf-8")
    assert __main__.main(["bench", "--compare", str(a), str(b)]) == 0
    assert "2x as fast" in capsys.readouterr().out
    assert __main__.main(["bench", "--compare", str(a), str(other)]) == 1
    assert __main__.main(["bench", "--compare", str(a), str(tmp_path / "none.json")]) == 1


def without(**changes):
    """A run whose only row is changed; None takes a field away."""
    row = {**found(2.0)["rows"][0], **changes}
    return {**found(2.0), "rows": [{k: v for k, v in row.items() if v is not None}]}


@pytest.mark.parametrize(
    "broken",
    [
        without(version=None), without(q1=None), without(median="fast"), without(q3=0),
        {"machine": {}, "rows": []}, {"machine": None, "rows": []}, {"machine": 1, "rows": 2},
        {**found(1.0), "rows": [1]}, {**found(1.0), "rows": {}}, {"rows": []}, 3,
        b"", b"version,median\n", json.dumps(found(1.0)).encode()[:-9], PNG,
    ],
)  # fmt: skip
def test_a_file_that_lacks_something_is_refused_in_one_sentence(broken, tmp_path, capsys):
    a, b = tmp_path / "a.json", tmp_path / "b.json"
    a.write_text(json.dumps(found(2.0)), encoding="utf-8")
    b.write_bytes(broken if isinstance(broken, bytes) else json.dumps(broken).encode())
    assert __main__.main(["bench", "--compare", str(a), str(b)]) == 1
    said = capsys.readouterr()
    assert said.err == f"{b} is no result of `python -m lstm_kernels bench`\n" and not said.out


@pytest.mark.parametrize("name, value", [("batch_size", 0), ("H", -1), ("epochs", 0), ("H", 1.5)])
def test_a_workload_names_what_is_no_size(name, value):
    fine = Workload(*data.panel(4, T=2), 2, 3)
    with pytest.raises((ValueError, TypeError), match=f"{name} is {value}; it must be"):
        fine._replace(**{name: value})
    with pytest.raises((ValueError, TypeError), match=f"{name} is {value}; it must be"):
        Workload(**{**fine._asdict(), name: value})


def test_the_table_gives_no_ratio_of_emulated_times():
    rows = [
        results.Row("sequential", "CPU", Timing((2.0,))),
        results.Row("cuda_v2", "emulated on CPU", Timing((1.0,))),
        results.Row("numpy_loop", "CPU", None, "left out: a long reason"),
    ]
    lines = grid.table(rows).splitlines()
    assert lines[1].split()[-1] == "1x" and lines[2].split()[-1] == "-"
    assert lines[3].endswith("left out: a long reason")


def test_pytorch_trains_as_the_course_does(torch):
    x, y = data.panel(10, T=5)
    workload = Workload(x, y, batch_size=4, H=6, epochs=2)
    trained, losses = pytorch.make_training(workload)()
    from lstm_kernels import init_params, training

    params = init_params(1, 6, 1, seed=0)
    limits = {"epochs": 2, "batch_size": 4, "lr": 1e-3, "seed": 0}
    expected, history = training.fit("numpy_batched", params, x, y, **limits)
    assert np.allclose(losses, history.batch_losses, rtol=1e-4)
    assert all(
        np.allclose(*pair, rtol=1e-3, atol=1e-5) for pair in zip(trained, expected, strict=True)
    )


def test_pytorch_stands_in_the_race(torch, monkeypatch, tmp_path, capsys):
    workload = Workload(*data.panel(4, T=2), 2, 3)
    monkeypatch.setattr(race, "published_workload", lambda epochs: workload)
    monkeypatch.setattr(race, "larger_workload", lambda: workload)
    picture = tmp_path / "race.png"
    command = ["race", "--png", str(picture)]
    assert __main__.main(command) == 0
    lines = [x for x in capsys.readouterr().out.splitlines() if x.startswith("PyTorch, CPU  ")]
    assert len(lines) == 2 and all("x" in line and " thread" in line for line in lines)
    with_torch = picture.read_bytes()
    monkeypatch.setattr(pytorch, "has_torch", lambda: False)
    assert __main__.main(command) == 0
    assert "PyTorch" not in capsys.readouterr().out and picture.read_bytes() != with_torch


def test_the_race_names_cudnn(torch, monkeypatch):
    def made_up(workload, **limits):
        return [results.Row("pytorch", "CPU", None), results.Row("pytorch_cudnn", "GPU", None)]

    told = []
    monkeypatch.setattr(race, "torch_rows", made_up)
    rows = race.torch_race_rows(None, 0.0, told.append)
    assert [row.version for row in rows] == ["PyTorch, CPU", "PyTorch, card"] and told == rows


def test_pytorchs_line_is_the_better_of_one_and_all_threads(torch):
    x, y = data.panel(4, T=2)
    before = torch.get_num_threads()
    row, *_ = race.torch_rows(Workload(x, y, 2, 3), budget=0.0)
    assert row.version == "pytorch" and row.comparable and "thread" in row.note
    assert torch.get_num_threads() == before
    row, *_ = race.torch_rows(Workload(x, y, 2, 3), stop=lambda: True)
    assert row.timing is None and "cancelled" in row.note


def test_without_pytorch_there_is_a_word(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr(pytorch, "has_torch", lambda: False)
    (row,) = race.torch_rows(Workload(*data.panel(4, T=2), 2, 3))
    assert row.timing is None and row.note == "not installed"
    assert "pip install torch" in pytorch.describe()


def test_a_stopped_race_keeps_what_it_has():
    workload = Workload(*data.panel(4, T=2), 2, 3)
    repeats = []
    rows = race.race(
        workload, ("numpy_loop", "numpy_batched"), budget=60,
        on_repeat=repeats.append, stop=lambda: len(repeats) >= 2,
    )  # fmt: skip
    assert len(rows[0].timing.seconds) == 2 and rows[0].note == "cancelled after 2 repeats"
    assert rows[1].timing is None and rows[1].note == "not run: cancelled"
    with pytest.raises(Stopped):
        measure("numpy_loop", workload, stop=lambda: True)


def test_no_repeat_is_no_timing():
    with pytest.raises(ValueError, match="at_least is 0; it must be at least 1"):
        time_call(pytest.fail, at_least=0, budget=0)


def test_estimates_grow_with_the_work():
    small, large = (Workload(*data.panel(N), N, H=16) for N in (8, 64))
    for version in ("sequential", "numpy_loop", "numpy_batched", "cuda_v1"):
        few, many = (feasible.repeat_seconds(version, w) for w in (small, large))
        assert 0 < few < many
    assert feasible.refusal("numpy_batched", small) == ""
    assert "left out" in feasible.refusal("sequential", Workload(*data.panel(1024), 1024, H=100))


@pytest.mark.long
def test_the_emulators_speed_is_measured_in_processes_of_its_own():
    tiny = ("cuda_v2", 2, 2, 3)
    repeats = {"emulator": 15, "simulator": 1}  # so short a run, alone, is at the machine's mercy
    emulated, simulated = (emulator_speed.measure(t, tiny, n) for t, n in repeats.items())
    assert simulated > 10 * emulated > 0
    with pytest.raises(RuntimeError, match="no_such_version"):
        emulator_speed.measure("emulator", ("no_such_version", 2, 2, 3), 1)


def test_the_emulators_limits_and_words():
    fine = {
        "v2_small_emulator": 1e-3, "v2_small_simulator": 3.0, "v2_large_emulator": 1.0,
        "v4_emulator": 0.3, "v4_tiny_simulator": 1.0, "v4_simulator_extrapolated": 600.0,
        "v2_ratio": 3000.0, "v4_ratio_extrapolated": 2000.0,
    }  # fmt: skip
    assert emulator_speed.missed(fine) == [] and emulator_speed.missed({}) == []
    assert "3,000 times" in emulator_speed.text(fine)
    assert "extrapolated" in emulator_speed.text(fine)
    slow = {**fine, "v2_ratio": 900.0, "v2_large_emulator": 2.5, "v4_emulator": 6.0}
    assert len(emulator_speed.missed(slow)) == 3 and "MISSED" in emulator_speed.text(slow)
