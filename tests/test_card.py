"""`bench --card`: what it measures, how it goes on when stopped, and what its file must hold.

Here PyTorch trains on the CPU and the kernels are emulated; tests/driver/card_checks.py runs the
command on the stand-in for the driver.
"""

import json
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

from lstm_kernels import __main__
from lstm_kernels import data as course_data
from lstm_kernels.lab.commands import bench
from lstm_kernels.lab.measure import pytorch
from lstm_kernels.lab.measure.card import (
    counters,
    plan,
    profiler,
    races,
    right,
    rivals,
    run,
    steps,
    tools,
    traces,
    trainings,
    verdict,
)
from lstm_kernels.lab.measure.card import file as card_file
from lstm_kernels.lab.measure.card.points import Point, Settled, timed
from lstm_kernels.machine import device
from lstm_kernels.versions import VERSIONS, cuda_v4
from tests.replay import Replay

CARD = "NVIDIA H100 80GB HBM3"
WRONG_AT_4 = {"section": "right", "what": "gradients", "version": "cuda_v5", "H": 4, "right": False}

# ---- the file -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "card, short",
    [
        (CARD, "h100"),
        ("Tesla T4", "t4"),
        ("NVIDIA A100-SXM4-40GB", "a100"),
        ("NVIDIA L4", "l4"),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", "rtx4090"),
        ("NVIDIA TITAN V", "titanv"),
        ("Quadro RTX 6000", "rtx6000"),
    ],
)
def test_a_file_is_named_by_its_card(card, short):
    assert card_file.short_name(card) == short
    assert card_file.why_name_wrong(f"data/card_{short}.json", {"card": card}) == ""
    assert "should be named" in card_file.why_name_wrong("card_mine.json", {"card": card})


@pytest.fixture
def there(tmp_path):
    """A file with a check and a time."""
    file = card_file.CardFile(str(tmp_path / "card_h100.json"), CARD)
    file.add("right", {"what": "gradients", "H": 4}, [{"right": True, "error": 1e-7}])
    file.add("steps", {"what": "step", "H": 4}, [{"rival": "V6", **timed([2e-3, 1e-3, 4e-3], 16)}])
    assert file.save() == [file.path]
    return file


def test_what_was_saved_is_found_again(there):
    again = card_file.CardFile(there.path, CARD)
    assert again.rows == there.rows and again.machine == there.machine
    assert again.has("steps", {"what": "step", "H": 4})
    assert not again.has("steps", {"what": "step", "H": 8})
    assert not again.has("right", {"what": "step", "H": 4})


def test_each_repeat_is_there_and_the_median_is_a_parts(there):
    row = json.loads(open(there.path, encoding="utf-8").read())["rows"][1]
    assert row["seconds"] == [2e-3, 1e-3, 4e-3] and row["median"] == 2e-3 / 16


def test_another_cards_file_is_left_alone(there):
    with pytest.raises(card_file.OtherFile, match="with another card: NVIDIA H100.*--out"):
        card_file.CardFile(there.path, "Tesla T4")


def test_other_code_is_another_file(there, monkeypatch):
    monkeypatch.setattr(card_file, "code_number", lambda: "another")
    with pytest.raises(card_file.OtherFile, match="with another code"):
        card_file.CardFile(there.path, CARD)


@pytest.mark.parametrize("text", ['{"machine": ', "[]", '{"rows": []}', "\xff"])
def test_a_damaged_file_is_named(there, text):
    with open(there.path, "w", encoding="latin-1") as file:
        file.write(text)
    with pytest.raises(card_file.OtherFile, match="card_h100.json is .*Give another name"):
        card_file.CardFile(there.path, CARD)


@pytest.mark.parametrize(
    "row, said",
    [
        ({"section": "steps"}, "no section or point"),
        ({"section": "steps", "what": "x", "median": -1, "q1": 1, "q3": 1}, "above zero"),
        ({"section": "s", "what": "x", "median": 1, "q1": 1, "q3": 1, "seconds": []}, "above zero"),
        ({"section": "s", "what": "x", "median": 1, "q1": 1, "q3": 1, "seconds": [3]}, "repeats"),
    ],
)
def test_a_row_that_cannot_be(there, row, said):
    found = json.loads(there.text())
    assert card_file.why_wrong(found) == ""
    found["rows"].append(row)
    assert said in card_file.why_wrong(found)


def test_times_without_checks_are_refused(there):
    found = json.loads(there.text())
    found["rows"].pop(0)
    assert "nobody had checked" in card_file.why_wrong(found)


def test_all_cards_that_came_with_the_course_are_whole():
    paths = sorted((course_data.data_folder() / "measured").glob("card_*.json"))
    wrong = [card_file.why_name_wrong(path, card_file.load(path)) for path in paths]
    assert wrong == [""] * len(paths)


# ---- running ------------------------------------------------------------------------------


def section(*measures, seconds=60.0):
    """A section of points 0, 1, ... with these functions."""
    points = [Point({"what": str(n)}, measure) for n, measure in enumerate(measures)]
    return SimpleNamespace(
        SECONDS=seconds, points=lambda plan, rows: points, table=lambda rows: f"{len(rows)} rows"
    )


def good():
    return [timed([1e-3])]


def stopped():
    raise KeyboardInterrupt


def broken():
    raise RuntimeError("out of luck\nadvice")


@pytest.fixture
def sections(monkeypatch):
    """sections(name=section, ...): those there are, instead of the real ones."""
    return lambda **found: monkeypatch.setattr(run, "SECTIONS", found)


def go(file, names=()):
    said = []
    run.run(file, None, names, lambda: None, said.append)
    return said


def test_a_stopped_run_goes_on_where_it_stopped(there, sections):
    calls = []
    first = section(lambda: calls.append(0) or good(), stopped)
    sections(a=first)
    with pytest.raises(KeyboardInterrupt):
        go(there)
    sections(a=section(lambda: calls.append(0) or good(), lambda: calls.append(1) or good()))
    again = card_file.CardFile(there.path, CARD)
    go(again)
    assert calls == [0, 1]
    assert [row["what"] for row in again.of("a")] == ["0", "1"]
    assert json.loads(open(there.path, encoding="utf-8").read())["rows"] == again.rows


def test_a_point_that_fails_is_noted_and_the_next_follows(there, sections):
    def refused():
        raise Settled("not here")

    sections(a=section(broken, refused, good))
    said = go(there)
    failed, note, well = there.of("a")
    assert failed["failed"] == "RuntimeError: out of luck" and note["note"] == "not here"
    assert well["median"] == 1e-3
    assert any("failed: a, {'what': '0'}: RuntimeError" in line for line in said)


def test_when_the_time_is_spent_the_rest_is_left_for_the_next_run(there, sections):
    sections(a=section(good, good, seconds=-1.0), b=section(good))
    assert "2 points left out: the time is spent; run it again to go on" in go(there)
    assert there.of("a") == [] and len(there.of("b")) == 1


def test_only_the_named_sections_run_after_the_first(there, sections):
    sections(right=section(lambda: [{"right": True}]), a=section(good), b=section(good))
    go(there, ["b"])
    assert there.of("a") == [] and len(there.of("b")) == 1
    assert there.has("right", {"what": "0"})


def test_all_sections_together_end_in_time(there, sections, monkeypatch):
    sections(a=section(good), b=section(good))
    monkeypatch.setattr(run, "TOTAL", -1.0)
    assert sum("left out" in line for line in go(there)) == 2


def test_a_point_without_an_end_is_noted_and_the_process_ends(there, capsys):
    left, point = [], Point({"what": "hangs"}, None)
    with run.watched(there, "a", point, seconds=0.01, leave=left.append):
        while not left:
            time.sleep(0.01)
    assert left == [run.AGAIN] and "no end within" in capsys.readouterr().err
    assert card_file.load(there.path)["rows"][-1]["failed"] == "no end within 0.01 s"


def test_a_card_that_answers_no_more_ends_the_process(there, monkeypatch, capsys):
    left = []
    run.check_card(there, left.append)
    assert left == []
    monkeypatch.setattr(device, "synchronize", broken)
    run.check_card(there, left.append)
    assert left == [run.AGAIN] and "out of luck" in capsys.readouterr().err


@pytest.mark.skipif(device.ON_GPU, reason="a card is here")
def test_without_a_card_it_is_one_sentence(capsys):
    assert __main__.main(["bench", "--card"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("bench --card needs an NVIDIA card. No GPU")


@pytest.fixture
def a_card(monkeypatch, sections, tmp_path):
    """A card of this name is here, and one section with one point; in an empty folder."""
    monkeypatch.setattr(device, "ON_GPU", True)
    monkeypatch.setattr(device, "card_name", lambda: CARD)
    monkeypatch.setattr(device, "describe", lambda: CARD)
    monkeypatch.chdir(tmp_path)
    sections(right=section(lambda: [{"right": True}]))


def test_the_command_names_the_file_by_the_card(a_card, tmp_path, capsys):
    assert bench.main_card() == 0
    assert [path.name for path in tmp_path.iterdir()] == ["card_h100.json"]
    assert "Saved: card_h100.json" in capsys.readouterr().out


def test_a_failure_is_an_exit_status(a_card, sections):
    sections(right=section(broken))
    assert bench.main_card() == 1


def test_ctrl_c_keeps_what_was_measured(a_card, sections, capsys):
    sections(right=section(lambda: [{"right": True}], stopped))
    assert bench.main_card("mine") == 130
    assert "Stopped by SIGINT. Saved: mine.json" in capsys.readouterr().out
    assert len(card_file.load("mine.json")["rows"]) == 1


def test_a_damaged_file_is_not_replaced(a_card, tmp_path, capsys):
    (tmp_path / "card_h100.json").write_text("{", encoding="utf-8")
    assert bench.main_card() == 1
    assert "is damaged" in capsys.readouterr().err
    assert (tmp_path / "card_h100.json").read_text(encoding="utf-8") == "{"


@pytest.mark.parametrize(
    "line, said",
    [
        ("--card --batch 3", "--batch does not go with --card"),
        ("--card --cudnn", "not allowed with argument"),
        ("--only steps", "--only goes with --card"),
        ("--card --only nothing", "invalid choice: 'nothing'"),
    ],
)
def test_what_does_not_go_together(line, said, capsys):
    with pytest.raises(SystemExit):
        __main__.main(["bench", *line.split()])
    assert said in capsys.readouterr().err


def test_the_door_knows_all_sections():
    assert tuple(run.SECTIONS) == __main__.OF_CARD
    assert run.TOTAL + plan.FULL.tools_seconds <= 480, "eight minutes"
    assert max(plan.FULL.tools_seconds, plan.FULL.training_seconds) < run.TOO_LONG


# ---- right --------------------------------------------------------------------------------


def test_a_right_version_and_its_error():
    (row,) = right.check_gradients("cuda_v4", (3, 5, 2, 4, 3))
    assert row["right"] and 0 < row["error"] < right.TOLERANCE and row["same_bits"] is True
    (row,) = right.check_gradients("cuda_v3", (3, 5, 2, 4, 3))
    assert row["right"] and row["same_bits"] is None


def test_a_wrong_version_and_one_with_other_bits(monkeypatch):
    gradients, calls = cuda_v4.gradients, []

    def almost(*batch):
        calls.append(1)
        loss, grads = gradients(*batch)
        return loss, grads._replace(B=grads.B * np.float32(1 + 3e-7 * len(calls)))

    monkeypatch.setattr(cuda_v4, "gradients", almost)
    (row,) = right.check_gradients("cuda_v4", (3, 5, 2, 4, 3))
    assert row["same_bits"] is False and not row["right"] and row["error"] < right.TOLERANCE
    monkeypatch.setattr(cuda_v4, "gradients", lambda *b: (gradients(*b)[0] * 1.1, gradients(*b)[1]))
    (row,) = right.check_gradients("cuda_v4", (3, 5, 2, 4, 3))
    assert row["error"] > 0.09 and not row["right"]


def test_a_refusal_is_no_error():
    with pytest.raises(Settled, match="refused: H is 129"):
        right.check_gradients("cuda_v4", (1, 1, 1, 129, 1))


def test_a_wholes_training_losses():
    (row,) = right.check_training("cuda_v6", 3, 5, 4, 2)
    assert row["right"] and row["error"] < right.TRAINING


def test_where_a_version_is_wrong():
    assert right.is_wrong([WRONG_AT_4], "cuda_v5", 64), "on the same side of 64"
    well = {**WRONG_AT_4, "H": 64, "right": True}
    assert not right.is_wrong([WRONG_AT_4, well], "cuda_v5", 64), "checked with just these units"
    assert right.is_wrong([WRONG_AT_4], "cuda_v6", 4), "its gradients are V5's"
    assert not right.is_wrong([WRONG_AT_4], "cuda_v5", 65)
    assert not right.is_wrong([WRONG_AT_4], "cuda_v4", 4)
    failed = {**WRONG_AT_4, "failed": "no end"}
    del failed["right"]
    assert right.is_wrong([failed], "cuda_v5", 4)
    assert not right.is_wrong([{**failed, "failed": None, "note": "refused"}], "cuda_v5", 4)


def test_every_version_that_launches_is_checked_at_every_shape(monkeypatch):
    monkeypatch.setattr(device, "ON_GPU", True)  # its estimates are a card's
    keys = [point.key for point in right.points(plan.FULL, [])]
    assert len({json.dumps(key) for key in keys}) == len(keys)
    checked = {key["version"] for key in keys if key["what"] == "gradients"}
    assert checked == {name for name in VERSIONS if name.startswith("cuda")} - {"cuda_v6"}
    large = {key["version"] for key in keys if key.get("H", 0) > 128}
    assert "cuda_v4" not in large and "cuda_v5" in large
    assert keys[-1]["what"] == "training"


def test_the_table_names_what_is_wrong():
    key = {"section": "right", "what": "gradients", "T": 3, "N": 5, "D": 1, "H": 4, "O": 1}
    rows = [
        {**key, "version": "cuda_v4", "error": 2e-7, "same_bits": True, "right": True},
        {**key, "version": "cuda_v5", "error": 0.1, "same_bits": False, "right": False},
    ]
    said = right.table(rows)
    assert "2.0e-07        yes" in said and "WRONG: gradients T=3 N=5 D=1 H=4 O=1" in said


def test_the_sanitizers_words_are_shown():
    rows = [{"what": "sanitizer", "tool": "racecheck", "words": ["a", "0 hazards"]}]
    assert races.table(rows) == "racecheck: a | 0 hazards"
    assert races.table([{"what": "sanitizer", "note": "not here"}]) == "compute-sanitizer: not here"


# ---- programs beside ours -----------------------------------------------------------------


def test_programs_run_side_by_side_and_end_in_time():
    waits = [sys.executable, "-c", "import time; print('begun', flush=True); time.sleep(60)"]
    calls = {"ends": [sys.executable, "-c", "print('a'); raise SystemExit(3)"], "waits": waits}
    start = time.monotonic()
    said = tools.run_all(calls, 4.0)
    assert time.monotonic() - start < 30
    assert said["ends"] == (["a"], 3) and said["waits"].status is None


def test_programs_are_found_where_cuda_is_installed(tmp_path, monkeypatch):
    assert tools.find("no-such-program-anywhere") is None
    for version in ("12", "13"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "ncu-of-the-course").write_text("")
    monkeypatch.setattr(tools, "FOLDERS", (str(tmp_path / "*"),))
    assert tools.find("ncu-of-the-course") == str(tmp_path / "13" / "ncu-of-the-course")


def test_the_tiny_program_trains():
    said = tools.run_all({"v5": tools.tiny("cuda_v5", 2, 3, 4)}, 120.0)["v5"]
    assert said.status == 0, said.lines


@pytest.mark.parametrize(
    "line, clean",
    [
        ("========= RACECHECK SUMMARY: 0 hazards displayed (0 errors, 0 warnings)", True),
        ("========= RACECHECK SUMMARY: 2 hazards displayed (2 errors, 0 warnings)", False),
        ("========= ERROR SUMMARY: 0 errors", True),
        ("========= ERROR SUMMARY: 10 errors", False),
        ("nothing", None),
    ],
)
def test_the_sanitizers_last_words(line, clean):
    where = "========= Error: Race reported between Write access at course::cuda_v7::kernel[abi:v9]"
    told = races.told(tools.Said([where, line], 0))
    assert told["clean"] is clean and told["named"] == ["course::cuda_v7::kernel"]


NCU = """\
==PROF== Connected to process 1
==PROF== Profiling "kernel": 0%....100% - 2 passes
"ID","Process ID","Kernel Name","Block Size","Grid Size","Metric Name","Metric Unit","Metric Value"
"0","1","kernel","(128, 1, 1)","(64, 1, 1)","smsp__inst_executed.sum","inst","1,234"
"0","1","kernel","(128, 1, 1)","(64, 1, 1)","gpu__time_duration.sum","ns","5,678.5"
"1","1","sum_kernel","(128, 1, 1)","(36, 1, 1)","smsp__inst_executed.sum","inst","n/a"
==PROF== Disconnected
"""


def test_counters_are_read_launch_by_launch():
    first, second = counters.read(NCU.splitlines())
    assert first["kernel"] == "kernel" and first["grid"] == "(64, 1, 1)"
    assert first["counters"] == {"smsp__inst_executed.sum": 1234, "gpu__time_duration.sum": 5678.5}
    assert second["counters"] == {"smsp__inst_executed.sum": "n/a"}
    assert counters.read(["==ERROR== no permission"]) == []


def test_a_program_is_counted_or_says_why_not(monkeypatch):
    monkeypatch.setattr(device, "ON_GPU", True)  # its estimates are a card's
    script = f"import sys; print({NCU!r} if 'cuda_v5' in sys.argv else 'ERR_NVGPUCTRPERM')"
    monkeypatch.setattr(tools, "find", lambda name: sys.executable)
    monkeypatch.setattr(counters, "OPTIONS", ("-c", script))
    rows = counters.count(60.0)
    assert {row["version"] for row in rows} >= {"cuda_v2", "cuda_v5", "cuda_v6"}
    assert [row["kernel"] for row in rows if row["version"] == "cuda_v5"] == [
        "kernel",
        "sum_kernel",
    ]
    assert all("ERR_NVGPUCTRPERM" in row["note"] for row in rows if row["version"] == "cuda_v2")
    said = counters.table(rows)
    assert "sum_kernel" in said and "ERR_NVGPUCTRPERM" in said


def test_without_the_tools_it_is_a_note(monkeypatch):
    monkeypatch.setattr(tools, "find", lambda name: None)
    for measure in (lambda: counters.count(1.0), lambda: races.check_by_tools(1.0)):
        with pytest.raises(Settled, match="is not here"):
            measure()


def test_only_kernels_are_taken_from_a_trace():
    def event(name, where, **more):
        return SimpleNamespace(name=name, device_type=where, **more)

    assert profiler.is_kernel(event("gemm", 1), on_card=1)
    assert not profiler.is_kernel(event("cudaLaunchKernel", 0), on_card=1)
    assert not profiler.is_kernel(event("Optimizer.step#Adam.step", 1), on_card=1)
    assert not profiler.is_kernel(event("mine", 1, is_user_annotation=True), on_card=1)


def test_numbas_kernels_get_their_names_back():
    inner = "make_kernel::_3clocals_3e::kernel[abi:v1][abi:cw51](Array<float, 1>)"
    assert traces.plain(f"lstm_kernels::versions::cuda_v5::{inner}") == "cuda_v5.kernel"
    outer = "lstm_kernels::versions::cuda_v6::adam_kernel[abi:v2](x)"
    assert traces.plain(outer) == "cuda_v6.adam_kernel"
    assert traces.plain("void cudnn::gemm<float>(int)") == "void cudnn::gemm<float>(int)"


# ---- rivals -------------------------------------------------------------------------------


@pytest.fixture
def on_cpu(torch, monkeypatch):
    """PyTorch on the CPU, where no graph can be recorded."""

    def record(work):
        result = work()
        return Replay(work, result), result

    monkeypatch.setattr(pytorch, "record", record)


ALL = {*rivals.OURS, *rivals.TORCH, rivals.AS_IT_COMES}


def test_all_rivals_get_a_step(on_cpu):
    rows = steps.time_steps((2, 4, 2), 0.0, place="cpu")
    assert {row["rival"] for row in rows} == ALL
    for row in rows:
        assert row["parts"] == 16 and row["median"] == np.median(row["seconds"]) / 16 > 0
        assert row["error"] < 1e-5
    keyed = [{"section": "steps", "what": "step", "T": 2, "H": 4, "N": 2, **row} for row in rows]
    said = steps.table(keyed)
    assert said.splitlines()[1].startswith("T=2 H=4 N=2") and "V6 recorded" in said
    assert not any(map(card_file.why_row_wrong, keyed))


def test_a_wrong_version_gets_no_step(on_cpu):
    rows = steps.time_steps((2, 4, 2), 0.0, wrong=True, place="cpu")
    notes = {row["rival"]: row["note"] for row in rows if "note" in row}
    assert notes == dict.fromkeys(rivals.OURS, "it is wrong here, so it gets no time")
    assert {row["rival"] for row in rows if "median" in row} == ALL - set(notes)


def test_another_training_gets_no_time(on_cpu, monkeypatch):
    one_after_another = rivals.one_after_another

    def off(train):
        call = one_after_another(train)
        return lambda: np.array(call()) * (1 + 2e-4)

    monkeypatch.setattr(rivals, "one_after_another", off)
    rows = steps.time_steps((2, 4, 2), 0.0, place="cpu")
    failed = {row["rival"]: row["failed"] for row in rows if "failed" in row}
    assert set(failed) == ALL - {rivals.AS_IT_COMES}, "TF32 is another precision"
    assert all("losses of two mini-batches are 2.0e-04 off" in why for why in failed.values())


def test_one_rival_that_fails_leaves_the_others_their_time(on_cpu, monkeypatch):
    monkeypatch.setitem(rivals.TORCH, "PyTorch", lambda *workload: broken)
    monkeypatch.setattr(rivals, "torch_epochs", lambda training, *more: lambda epoch: broken())
    rows = steps.time_steps((2, 4, 2), 0.0, place="cpu")
    assert {row["rival"] for row in rows if "failed" in row} == ALL - set(rivals.OURS)
    assert {row["rival"] for row in rows if "median" in row} == set(rivals.OURS)


def test_at_the_largest_sizes_pytorch_is_the_reference(on_cpu, monkeypatch):
    monkeypatch.setattr(steps, "losses_in_order", lambda *a: pytest.fail("too slow"))
    monkeypatch.setattr(steps, "SLOW", 2 * 4 * 4 - 1)
    assert {row["rival"] for row in steps.time_steps((2, 4, 2), 0.0, place="cpu")} == ALL


def test_trainings_three_ways(on_cpu, monkeypatch):
    monkeypatch.setattr(trainings, "H", 3)
    rows = trainings.time_trainings(2, 0.0, [], place="cpu")
    ways = {way: {r["rival"] for r in rows if r["setup"] == way} for way in trainings.WAYS}
    assert {"cuda_v2", "cuda_v6", *rivals.TORCH} <= ways["inside"]
    assert ways["kept"] == ways["inside"] | {*trainings.ON_CPU, "PyTorch, CPU"}
    assert ways["outside"] == {*rivals.OURS, *rivals.TORCH}
    assert all(row["median"] > 0 for row in rows)
    keyed = [{"T": 11, "H": 3, "N": 2, **row} for row in rows]
    assert trainings.table(keyed).splitlines()[0].split() == [
        "a", "training", "set-up", "T=11", "H=3", "N=2",
    ]  # fmt: skip


def test_a_wrong_version_gets_no_training(on_cpu, monkeypatch):
    monkeypatch.setattr(trainings, "H", 3)
    workload = rivals.make_workload(11, 3, 1)
    found = trainings.inside(workload, [WRONG_AT_4], "cpu")
    assert ("cuda_v4", "inside") in found
    assert not {"cuda_v5", "cuda_v6"} & {name for name, _ in found}


def test_the_plan_is_that_of_the_issue():
    at_12 = {(H, N) for T, H, N in plan.FULL.steps if T == 12}
    assert at_12 >= {(H, N) for H in (32, 64, 128, 256, 512) for N in (32, 64, 512, 1024)}
    assert {(64, 4096), (512, 4096)} <= at_12 and {T for T, *_ in plan.FULL.steps} == {11, 12, 48}
    assert set(plan.FULL.profiled) <= set(plan.FULL.steps)


# ---- the verdict --------------------------------------------------------------------------


def timed_steps(H, N, ours, library):
    key = {"section": "steps", "what": "step", "T": 12, "H": H, "N": N}
    return [
        {**key, "rival": rival, **timed([seconds])}
        for rival, seconds in ((verdict.OURS, ours), (verdict.LIBRARY, library))
    ]


def test_the_verdict_names_each_bar_that_is_missed():
    rows = timed_steps(64, 32, 1e-3, 2.5e-3) + timed_steps(64, 64, 1e-3, 1.9e-3)
    rows += timed_steps(64, 4096, 2e-3, 1e-3) + timed_steps(512, 32, 1e-3, 1e-3)
    said = verdict.text(rows)
    lines = said.splitlines()
    assert lines[1].split()[:3] == ["H=64", "2.50x", "1.90x"] and lines[1].endswith("at N=64")
    assert lines[2].endswith("1x   met") and lines[2].split()[2] == "-"
    assert said.endswith("V6 wins at 2 of 4 sizes.")
    assert "no verdict" in verdict.text([])
