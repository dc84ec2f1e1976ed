"""`python -m lstm_kernels ranking`: the class's page.  Files may come from anybody."""

import json
import re

import pytest

from lstm_kernels.__main__ import main
from lstm_kernels.classroom import entry as entries
from lstm_kernels.classroom import ranking
from lstm_kernels.classroom.entry import Entry
from lstm_kernels.judge.version import Counts

MACHINE = {"date": "2026-11-27T12:00:00+00:00", "cpu": "A CPU, 2 cores", "kernels": "No GPU here."}
SMALL = {"windows": 59, "length": 11, "batch": 7, "hidden": 50, "epochs": 1}
LARGE = {"windows": 512, "length": 24, "batch": 256, "hidden": 32, "epochs": 1}
NONE = Counts(0, 0, 0, 0, 0, 0, 0, True, ())._asdict()
V2 = Counts(1, 38, 5000, 900, 100, 640, 0, False, ())._asdict()


def row(version, median, where="CPU", sizes=LARGE):
    times = {"median": median, "q1": median * 0.9, "q3": median * 1.1}
    return {"version": version, "where": where, **sizes, **times, "note": ""}


def on_cpu(name, seconds, base=1.0, small=None, **more):
    rows = [row("numpy_batched", base), row(name, seconds)]
    if small:
        rows += [row("numpy_batched", base, sizes=SMALL), row(name, small, sizes=SMALL)]
    return Entry(name, name * 8, MACHINE, "", "CPU", NONE, {}, rows)._replace(**more)


def emulated(name, atomics=20, reads=900):
    counts = {**V2, "atomics": atomics, "reads": reads}
    rows = [row("numpy_batched", 1.0), row(name, 0.001, "emulated on CPU")]
    where = "emulated on CPU"
    return Entry(name, name * 8, MACHINE, "", where, counts, {"cuda_v2": V2}, rows)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "class").mkdir()
    return tmp_path / "class"


def page_of(folder, *found, base=()):
    for number, entry in enumerate(found):
        entries.save(entry, folder / f"{number}.json")
    assert main(["ranking", "class", *base]) == 0
    return (folder.parent / "ranking.html").read_text(encoding="utf-8")


def places(page):
    """Names in the order of the table."""
    return re.findall(r"<tr><td>\d+</td><td class=words>(.*?)</td>", page)


def test_versions_stand_by_ratio_then_by_counted_work_then_what_is_wrong(folder):
    wrong = Entry("late", "0", MACHINE, "dW[0, 0] is 1, expected 2.")
    few, many = emulated("few", reads=10), emulated("many")
    fast = on_cpu("fast", 0.5)
    page = page_of(folder, wrong, many, few, on_cpu("slow", 2.0, small=0.1), fast)
    assert places(page) == ["fast", "slow", "few", "many"]
    assert "<li><b>late</b>: dW[0, 0] is 1, expected 2.</li>" in page
    assert "fast 2x and slow 0.5x" in page, "the picture's alt"
    assert "few 0.0312 and 0.11 and many 0.0312 and 1" in page


def test_an_emulated_time_gets_no_ratio(folder):
    page = page_of(folder, emulated("kernels"))
    (line,) = re.findall(r"<tr><td>1</td>.*?</tr>", page, re.DOTALL)
    assert "x</td>" not in line and "<td>-</td>" in line and "<td>20</td>" in line


def test_entries_of_two_machines_are_compared_by_ratio_and_the_page_says_so(folder):
    """Three times as slow a machine makes no slower version."""
    other = {**MACHINE, "cpu": "Another CPU, 1 core"}
    page = page_of(
        folder, on_cpu("here", 0.5), on_cpu("there", 0.9, base=3.0)._replace(machine=other)
    )
    assert places(page) == ["there", "here"]
    assert "times of different machines are never compared (2 machines here)" in page
    assert "Another CPU, 1 core" in page


def test_another_version_can_be_the_base(folder):
    entry = on_cpu("mine", 0.5)
    entry.rows.append(row("numba_cpu", 0.25))
    page = page_of(folder, entry, base=("--base", "numba_cpu"))
    assert "mine 0.5x" in page and "compares with numba_cpu" in page


def test_the_workload_of_most_entries_ranks(folder):
    huge = {**LARGE, "windows": 10**9}
    forged = on_cpu("forged", 1.0)
    forged.rows[:] = [row("numpy_batched", 1e9, sizes=huge), row("forged", 1e-9, sizes=huge)]
    page = page_of(folder, forged, on_cpu("a", 0.5), on_cpu("b", 0.6))
    assert places(page) == ["a", "b", "forged"] and "512 windows, T=24" in page


def test_the_same_source_under_two_names_is_named(folder):
    page = page_of(folder, on_cpu("a", 0.5, sha256="same"), on_cpu("b", 0.5, sha256="same"))
    assert "<li><b>a, b</b>: same</li>" in page


def test_nothing_in_an_entry_is_html_and_the_page_needs_no_network(folder):
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    machine = {**MACHINE, "cpu": evil, "date": evil}
    wrong = Entry("late", evil, MACHINE, f"dW {evil}")
    page = page_of(folder, on_cpu("mine", 0.5)._replace(machine=machine, sha256=evil), wrong)
    assert "<script" not in page
    assert page.count("<img ") == 1 and "&lt;script&gt;alert(1)" in page
    assert not re.findall(r"(?:https?:)?//\w", page.split("base64,")[0])
    assert "default-src 'none'" in page


def changed(**more):
    return json.dumps({"format": entries.FORMAT, **on_cpu("mine", 0.5)._asdict(), **more})


BAD_ROW = row("mine", 0.5)
DAMAGED = {
    "no JSON at all": ("\x00\x01", "no JSON"),
    "very deep": ("[" * 100_000, "no JSON"),
    "another JSON": ("{}", "not saved by `python -m lstm_kernels judge`"),
    "a list": ("[1]", "not saved by `python -m lstm_kernels judge`"),
    "too large": (" " * 300_000, "larger than 200,000 bytes"),
    "a name as HTML": (changed(name="<b>x</b>"), "damaged"),
    "the course's name": (changed(name="cuda_v7"), "damaged"),
    "no machine": (changed(machine=None), "damaged"),
    "a machine without words": (changed(machine={**MACHINE, "cpu": 3}), "damaged"),
    "a place that is none": (changed(where="Mars"), "damaged"),
    "no counts": (changed(counts=None), "damaged"),
    "counts as texts": (changed(counts={**NONE, "atomics": "<b>"}), "damaged"),
    "counts below 0": (changed(counts={**NONE, "reads": -1}), "damaged"),
    "a field more": (changed(more=1), "damaged"),
    "rows as a text": (changed(rows="rows"), "damaged"),
    "a time of 0": (changed(rows=[{**BAD_ROW, "median": 0.0}]), "damaged"),
    "no number as a time": (changed(rows=[{**BAD_ROW, "median": float("nan")}]), "damaged"),
    "an endless time": (changed(rows=[{**BAD_ROW, "q3": float("inf")}]), "damaged"),
    "a time as a text": (changed(rows=[{**BAD_ROW, "median": "fast"}]), "damaged"),
    "a size as a text": (changed(rows=[{**BAD_ROW, "batch": "<b>"}]), "damaged"),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_a_damaged_or_foreign_file_is_named_and_left_out(what, folder, capsys):
    text, why = DAMAGED[what]
    (folder / "bad.json").write_text(text, encoding="utf-8")
    page = page_of(folder, on_cpu("good", 0.5))
    assert f"left out: bad.json: {why}" in capsys.readouterr().out
    assert f"<li><b>bad.json</b>: {why}</li>" in page and places(page) == ["good"]


def test_a_whole_file_is_read_as_it_was_saved(folder):
    entry = emulated("mine")
    entries.save(entry, folder / "a.json")
    found = entries.read(folder / "a.json")._asdict()
    assert {**found, "rows": [*found["rows"]]} == json.loads(json.dumps(entry._asdict()))


def test_without_an_entry_there_is_no_page(folder, capsys):
    assert main(["ranking", "class"]) == 1
    assert "class has no entry" in capsys.readouterr().out
    assert not (folder.parent / "ranking.html").exists()


def test_what_cannot_be_is_refused(folder, capsys):
    assert main(["ranking", "nowhere"]) == 2
    assert main(["ranking", "class", "--base", "cuda_v99"]) == 2
    assert "it must be one of sequential, " in capsys.readouterr().err


def test_eighty_entries_make_one_page(folder):
    page = page_of(folder, *(on_cpu(f"v{n}", 0.1 + n / 100) for n in range(80)))
    assert places(page) == [f"v{n}" for n in range(80)]
    assert len(page) < 500_000


def test_only_wrong_ones_still_make_a_page(folder):
    page = page_of(folder, Entry("late", "0", MACHINE, "It returns None."))
    assert places(page) == [] and "It returns None." in page
    assert ranking.parts_of(Entry("late", "0", MACHINE, "wrong")) is None
