"""`python -m lstm_kernels emulate`: scripts with numba.cuda, as they are, without a card."""

import os
import subprocess
import sys

import pytest

from lstm_kernels import __main__ as door

CLEAN = """\
import numpy as np
from numba import cuda

@cuda.jit
def add(x, out):
    n = cuda.grid(1)
    if n < x.size:
        out[n] = x[n] + x[n]

x = np.arange(40.0)
out = np.zeros(40)
add[2, 32](x, out)
add[2, 32](x, out)
assert out[3] == 6 and __name__ == "__main__"
"""
RACY = """\
import numba.cuda
import numpy as np

@numba.cuda.jit("void(int64[:])")
def last(out):
    out[0] = numba.cuda.grid(1)

last[1, 32](np.zeros(1, np.int64))
"""
ARGUMENTS = """\
import sys
import helper
from numba.cuda import jit, grid
print(sys.argv[1:], helper.NUMBER)
sys.exit("that is all" if "text" in sys.argv else 3)
"""
HOST = """\
import numpy as np
from numba import cuda, float32

assert cuda.is_available() and cuda.detect()
print(cuda.get_current_device().name, len(cuda.list_devices()))

@cuda.jit
def scale(x, by):
    n = cuda.grid(1)
    if n < x.size:
        x[n] *= float32(by)

stream, begin, end = cuda.stream(), cuda.event(), cuda.event()
begin.record(stream)
x = np.ones(8, np.float32)
with cuda.pinned(x):
    there = cuda.to_device(x, stream=stream)
scale.forall(8)(there, 3.0)
scale[1, 32, stream](there, 2.0)
end.record(stream)
stream.synchronize()
assert cuda.event_elapsed_time(begin, end) >= 0
print(there.copy_to_host(stream=stream).sum())
"""
OUTSIDE = CLEAN.replace("if n < x.size:", "if n < 64:")


@pytest.fixture
def emulate(tmp_path):
    """emulate(source, *options): the ended process; options behind "--" are the script's."""

    def run(source, *options):
        script = tmp_path / "script.py"
        script.write_text(source)
        (tmp_path / "helper.py").write_text("NUMBER = 7\n")
        line = [sys.executable, "-m", "lstm_kernels", "emulate", *options]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        line = [str(script) if word == "SCRIPT" else word for word in line]
        return subprocess.run(line, capture_output=True, text=True, env=environment, timeout=300)

    return run


@pytest.mark.long
def test_a_clean_script_with_races_and_counters(emulate):
    ended = emulate(CLEAN, "SCRIPT", "--races", "--count")
    assert (ended.returncode, ended.stderr) == (0, "")
    table, _, counters = ended.stdout.partition("No data race was found.")
    kernel, launches, grid, block, shared, races = table.splitlines()[2].split()
    assert (kernel, launches, grid, block, shared, races) == ("add", "2", "2", "32", "0", "0")
    first = next(line for line in counters.splitlines() if line[:1].isdigit()).split()
    # line 8: two loads and a store of 32 lanes, and of 8: 3 x (8 + 2) sectors; 40 additions
    assert first[:8] == ["8", "6", "30", "0", "0", "20.0", "0", "40"]
    assert "l1tex__t_sectors_pipe_lsu_mem_global_op_ld.sum" in counters


@pytest.mark.long
def test_a_race_is_named_and_is_the_exit_status(emulate):
    ended = emulate(RACY, "--races", "SCRIPT")
    assert ended.returncode == 1
    assert "last: race on out[0] (global memory): thread (0, 0, 0)" in ended.stdout
    assert "last, line 6: out[0]" in ended.stdout
    assert emulate(RACY, "SCRIPT").returncode == 0, "nobody asked"


@pytest.mark.long
def test_a_suspect_is_named_and_is_no_error(emulate):
    source = CLEAN.replace("out = np.zeros(40)", "out = cuda.device_array(40)")
    ended = emulate(source.replace("out[n] = x[n]", "out[n] += x[n - 1]"), "SCRIPT", "--races")
    told = ended.stdout.partition("No data race was found.")[2]
    assert "Allowed, and mostly a mistake:\nadd: " in told
    assert "read of out[0], which was never written (global memory): thread (0, 0, 0)" in told
    assert "a negative index counts from the end, to x[39]: thread (0, 0, 0)" in told
    assert "AssertionError" in ended.stderr, "NaN, as fresh memory is"


@pytest.mark.long
def test_the_scripts_own_arguments_neighbours_and_exit(emulate):
    ended = emulate(ARGUMENTS, "SCRIPT", "--races", "a", "--count", "-x")
    assert ended.returncode == 3
    assert "['a', '--count', '-x'] 7" in ended.stdout and "No kernel was launched" in ended.stdout
    ended = emulate(ARGUMENTS, "SCRIPT", "text")
    assert (ended.returncode, ended.stderr) == (1, "that is all\n")


@pytest.mark.long
def test_streams_events_and_the_device(emulate):
    ended = emulate(HOST, "SCRIPT")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "limits of a Tesla T4) 1\n" in ended.stdout and "48.0" in ended.stdout
    assert ended.stdout.count("scale ") == 2, "two shapes of launch"


@pytest.mark.long
@pytest.mark.parametrize(
    "source, last",
    [
        (CLEAN + "1 / 0\n", "ZeroDivisionError: division by zero"),
        (OUTSIDE, "OutOfBounds: x[40] is outside x, whose shape is (40): thread (8, 0, 0) "),
        ("x = (\n", "SyntaxError: '(' was never closed"),
    ],
)
def test_an_error_shows_the_scripts_own_lines(emulate, source, last):
    ended = emulate(source, "SCRIPT")
    assert ended.returncode == 1
    assert last in ended.stderr.splitlines()[-1]
    files = [line for line in ended.stderr.splitlines() if line.startswith("  File ")]
    assert files and all("script.py" in line for line in files)


@pytest.mark.long
@pytest.mark.parametrize(
    "line, why",
    [
        ("cuda.no_such()", "the emulator has no cuda.no_such (cuda.no_such())"),
        ("from numba.cuda import no_such", "the emulator lacks this: cannot import name 'no_such'"),
        ("import numba.cuda.random", "the emulator lacks this: No module named 'numba.cuda.rand"),
    ],
)
def test_what_the_emulator_lacks_is_one_sentence(emulate, line, why):
    ended = emulate(f"from numba import cuda\n\n{line}\n", "SCRIPT")
    assert ended.returncode == 1
    (told,) = ended.stderr.splitlines()
    assert "script.py, line 3: " in told and why in told
    assert emulate("from numba import cuda\nassert not hasattr(cuda, 'x')\n", "SCRIPT").stderr == ""


def test_which_options_are_ours():
    """--races and --count before the script's name, or just behind it; all else is the script's."""
    for words in ("--races s.py --count --x --races", "s.py --count --races --x --races"):
        options = door.parse(["emulate", *words.split()])
        wanted = {"arguments": ["--x", "--races"], "races": True, "count": True}
        assert (options.script, door.own_options(options)) == ("s.py", wanted)


def test_no_such_script(capsys):
    assert door.main(["emulate", "no_such.py"]) == 2
    assert "no_such.py cannot be read: No such file" in capsys.readouterr().err
