"""`python -m lstm_kernels judge`: a version from a file, in a process of its own, saved as JSON."""

import hashlib
import json
import os
import signal
import subprocess
import time

import nbformat
import pytest

from lstm_kernels.__main__ import main
from lstm_kernels.classroom import entry as entries
from lstm_kernels.classroom import own, source
from lstm_kernels.lab import apart
from lstm_kernels.versions import VERSIONS, own_versions
from tests.judge.own import around_numpy, copied

ENDLESS = "def gradients(params, x, y):\n    while True:\n        pass\n"
LEAVES = "import os\n\n\ndef gradients(params, x, y):\n    os._exit(7)\n"
BREAKS = "def gradients(params, x, y):\n    return x\n\n\n1 / 0\n"
CHEATS = "from lstm_kernels.versions.numpy_batched import gradients\n"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in own_versions():
        del VERSIONS[name]


def judged(text, name="mine.py", *options):
    """(exit status, what is saved) for a file with this text."""
    with open(name, "w", encoding="utf-8") as file:
        file.write(text)
    status = main(["judge", name, *options])
    return status, entries.read("mine.json")


# ---- the command --------------------------------------------------------------------------


@pytest.mark.long
def test_a_right_version_is_judged_raced_and_saved(capfd):
    text = copied("numpy_batched")
    status, entry = judged(text)
    assert status == 0 and entry.wrong == "" and entry.where == "CPU" and entry.comparable
    assert entry.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert entry.name == "mine" and entry.machine["cpu"] and entry.machine["date"]
    assert {row["version"] for row in entry.rows} >= {"mine", "numpy_batched", "numba_cpu"}
    sizes = {entries.sizes_of(row) for row in entry.rows}
    assert len(sizes) == 2 and all(entry.ratio("numpy_batched", size) > 0 for size in sizes)
    said = capfd.readouterr().out
    assert "mine: right. CPU: it launches no kernel." in said and "vs numpy_batched" in said
    assert "Saved: mine.json" in said
    assert len(json.dumps(entry._asdict())) < entries.MOST_BYTES / 10, "small"


@pytest.mark.parametrize(
    "text, part",
    [
        (LEAVES, "It ended the process, with status 7."),
        (BREAKS, "The file stops with ZeroDivisionError: division by zero"),
        (CHEATS, "It is the course's own function"),
        (around_numpy("return 2 * theirs(params, x, y)[0], params"), "the loss is "),
    ],
)
def test_what_is_not_right_is_saved_with_the_reason_and_no_time(text, part, capfd):
    status, entry = judged(text)
    assert status == 1 and entry.wrong.startswith(part) and entry.rows == ()
    assert f"mine: not yet. {part}" in capfd.readouterr().out


@pytest.mark.long
def test_an_endless_loop_is_stopped_by_the_limit(capfd):
    status, entry = judged(ENDLESS, "mine.py", "--seconds", "3")
    assert status == 1
    assert entry.wrong == "It was stopped after 3 seconds: does a loop never end?"


TELLS = "import os\n\nwith open('pid', 'w') as file:\n    print(os.getpid(), file=file)\n\n\n"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM that a program can hear")
def test_stopped_from_outside_it_takes_the_version_along(here):
    (here / "mine.py").write_text(TELLS + ENDLESS)
    command, there = apart.command("__main__", "judge", "mine.py"), apart.environment({})
    with subprocess.Popen(command, env=there, stdout=subprocess.PIPE, text=True) as process:
        wait_until(lambda: (here / "pid").exists() and (here / "pid").read_text())
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "Stopped by SIGTERM. Not saved" in said and not (here / "mine.json").exists()
    child = int((here / "pid").read_text())
    wait_until(lambda: not is_alive(child))


def wait_until(holds, seconds=60):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def is_alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.long
def test_a_version_with_kernels_stands_beside_v2_and_has_no_ratio(monkeypatch, here):
    """What the other process does, in this one; the race is another test's."""
    file = here / "kernels.py"
    file.write_text(copied("cuda_v2"), encoding="utf-8")
    monkeypatch.setattr(own, "raced", lambda name, others: [name, *others])
    found = own.judge_here(file, "kernels")
    assert found["where"] == "emulated on CPU" and found["counts"] == found["beside"]["cuda_v2"]
    assert found["rows"] == ["kernels", "numpy_batched"]
    assert json.loads(json.dumps(found))["counts"]["launches"] == 1


# ---- refused before anything runs ---------------------------------------------------------


@pytest.mark.parametrize(
    "name, text, part",
    [
        ("mine.txt", "", "a version is a .py or an .ipynb file"),
        ("mine.py", "def other(): ...", "mine.py defines no function gradients(params, x, y)"),
        ("mine.py", "def gradients(:", "mine.py cannot be read as Python"),
        ("mine.py", "\xff", "mine.py cannot be read as Python"),
        ("mine.ipynb", "{}", "mine.ipynb cannot be read as Python"),
        ("mine.ipynb", "no JSON", "mine.ipynb cannot be read as Python"),
        ("cuda_v2.py", CHEATS, "'cuda_v2' is a version of the course"),
    ],
)
def test_a_file_that_is_no_version_is_refused(name, text, part, here, capfd):
    (here / name).write_text(text, encoding="latin-1")
    assert main(["judge", name]) == 2
    assert part in capfd.readouterr().err
    assert not list(here.glob("*.json"))


def test_a_file_that_is_not_there_is_refused(capfd):
    assert main(["judge", "nowhere.py"]) == 2 and "nowhere.py" in capfd.readouterr().err


def test_another_kind_of_file_is_never_replaced(here, capfd):
    (here / "mine.py").write_text(CHEATS)
    (here / "mine.json").write_text('{"thesis": 1}')
    assert main(["judge", "mine.py"]) == 2
    assert "mine.json is there already, and is not saved by" in capfd.readouterr().err
    assert (here / "mine.json").read_text() == '{"thesis": 1}'


def test_the_files_name_becomes_a_name_that_can_stand_in_tables(here):
    assert own.name_from(here / "my $v8 <b>.py") == "my _v8 _b_"


# ---- a notebook ---------------------------------------------------------------------------


def notebook_of(here, *cells):
    new = nbformat.v4
    path = here / "mine.ipynb"
    nbformat.write(new.new_notebook(cells=[*map(new.new_code_cell, cells)]), path)
    return path


def test_of_a_notebook_only_what_gradients_needs_is_run(here):
    path = notebook_of(
        here,
        "%matplotlib inline\nimport numpy as np\nimport nowhere",
        "SCALE = 1\nTHREADS = SCALE + 1\nlong = 1 / 0",
        "def helper(x):\n    return THREADS * np.float32(x)\n\n\nhelper = judge('07.1', helper)",
        "this is no Python",
        "!rm -rf /\ndef gradients(params, x, y):\n    return helper(2)",
        "race(gradients)\njudge.enter('mine', gradients)",
    )
    text = source.text_of(path)
    for gone in ("nowhere", "long", "judge", "race(", "rm", "matplotlib"):
        assert gone not in text
    assert source.load(path, text)(None, None, None) == 4


def test_the_last_definition_counts(here):
    path = notebook_of(
        here, "def gradients(p, x, y):\n    return 1", "def gradients(p, x, y):\n    return 2"
    )
    assert source.load(path, source.text_of(path))(0, 0, 0) == 2


def test_a_notebook_without_a_version_is_refused(here):
    path = notebook_of(here, "x = 1")
    with pytest.raises(ValueError, match="mine.ipynb defines no function gradients"):
        source.text_of(path)
