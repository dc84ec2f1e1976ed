"""numba-cuda's own tests and documentation examples, run on the emulator (numba_cudas_own.py).

`numba_cudas_own.txt` says, in one line each, what is left out and why, and what is refused. All
else must pass. So a kernel that gives a wrong result in silence is found: it is in no list.
"""

import json
import subprocess
import sys
from fnmatch import fnmatch
from importlib import metadata, util
from pathlib import Path

import pytest

from tests.emulator.numba_cudas_own import EVERY

LIST = Path(__file__).with_name("numba_cudas_own.txt")
VERSION = "0.30."
PASSING = 0.90  # of the tests that speak of kernels
MINUTES = 40

pytestmark = pytest.mark.long


def listed(word):
    """(pattern, reason) of each line of the list with this word."""
    lines = [line for line in LIST.read_text().splitlines() if line and not line.startswith("#")]
    rows = [line.split(maxsplit=2) for line in lines]
    return [(pattern, reason) for pattern, kind, reason in rows if kind == word]


def modules():
    """The modules of the wheel with tests in them, without those left out whole."""
    folder = Path(util.find_spec("numba_cuda").origin).parent / "numba" / "cuda" / "tests"
    files = [*folder.glob("cudapy/test_*.py"), *folder.glob("doc_examples/test_*.py")]
    names = sorted(f"{file.parent.name}.{file.stem}" for file in files)
    left_out = [pattern for pattern, _ in listed("left-out")]
    return [name for name in names if not any(fnmatch(name, pattern) for pattern in left_out)]


def begin(names):
    command = [sys.executable, "-m", "tests.emulator.numba_cudas_own", "emulator", *names]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


@pytest.fixture(scope="module")
def outcomes(compiler):
    """What each test says, of two processes."""
    if not metadata.version("numba-cuda").startswith(VERSION):
        pytest.skip(f"the list is of numba-cuda {VERSION}x")
    names = modules()
    processes = [begin(names[first::2]) for first in (0, 1)]
    texts = [process.communicate(timeout=60 * MINUTES)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    return [json.loads(line) for text in texts for line in text.splitlines()]


def matching(test, word):
    return any(fnmatch(test, pattern) for pattern, _ in listed(word))


def test_what_fails_is_left_out_for_a_reason(outcomes):
    failed = [o["test"] for o in outcomes if o["outcome"] == "failed"]
    assert [test for test in failed if not matching(test, "left-out")] == []


def test_what_is_refused_is_refused_in_one_clear_sentence(outcomes):
    refused = [o for o in outcomes if o["outcome"] == "refused"]
    unlisted = [o["test"] for o in refused if not matching(o["test"], "refused")]
    assert unlisted == []
    for outcome in refused:
        lines = outcome["error"].strip().splitlines()
        assert lines[-1].startswith("lstm_kernels.emulator.errors."), outcome["test"]


def test_nearly_all_pass(outcomes):
    own = [o for o in outcomes if not matching(o["test"], "left-out")]
    passed, refused = (sum(o["outcome"] == word for o in own) for word in ("passed", "refused"))
    print(f"{passed} pass, {refused} are refused")
    assert passed >= PASSING * (passed + refused)


@pytest.mark.skipif(EVERY > 1, reason="it needs the outcome of every test")
def test_each_line_of_the_list_is_needed(outcomes):
    needless = []
    for word, outcome in (("refused", "refused"), ("left-out", "failed")):
        tests = [o["test"] for o in outcomes if o["outcome"] == outcome]
        for pattern, _ in listed(word):
            whole_module = pattern.count(".") == 1
            if not whole_module and not any(fnmatch(test, pattern) for test in tests):
                needless.append(pattern)
    assert needless == []
