"""What stops the course itself: no NumPy or Numba here, two that do not fit, another Python.

Then one line says so, with the cure, and no chain of other errors.
"""

import sys

import pytest

from lstm_kernels.machine import doctor, platforms
from tests.failures import UNIMPORTABLE
from tests.processes import environment_without, output_of

IMPORT = "from lstm_kernels.machine import device"


@pytest.mark.parametrize("name", UNIMPORTABLE)
@pytest.mark.parametrize(
    "place, cure",
    [
        (
            "local",
            f"in the folder {platforms.ROOT}: {sys.executable} -m pip install -r requirements.txt;",
        ),
        ("colab", "Runtime > Disconnect and delete runtime"),
        ("kaggle", "Run > Power off"),
    ],
)
def test_packages_that_stop_the_course(name, place, cure, at):
    at(place)
    error, what = UNIMPORTABLE[name]
    advice = platforms.explain_import(error)
    assert advice.startswith(f"{what} Cure: ") and cure in advice


REAL = {  # what is missing, or is made older or newer than it is; what is told
    "another Python's kernel": ("numpy", "", "This Python, {python}, has no numpy, which"),
    "an old numba": ("", "import numpy; numpy.__version__ = '9.9.9'", "Numba needs NumPy "),
    "an old llvmlite": (
        "",
        "import llvmlite; llvmlite.__version__ = '0.1.0'",
        "Numba requires at least version ",
    ),
}


@pytest.mark.parametrize("name", UNIMPORTABLE)
def test_the_course_stops_with_one_line_and_no_chain(name, tmp_path):
    """The packages' own errors, and not the messages above."""
    missing, before, told = REAL[name]
    python = environment_without(tmp_path, missing) if missing else sys.executable
    printed = output_of(f"{before}\n{IMPORT}", tmp_path, python)
    last = printed.strip().split("\n")[-1]
    assert last.startswith("ImportError: " + told.format(python=python))
    assert f" Cure: in a terminal, in the folder {platforms.ROOT}: {python} -m pip" in last
    assert "During handling" not in printed


def test_another_import_error_is_shown_as_it_is(tmp_path):
    assert platforms.explain_import(ModuleNotFoundError("No module named 'x'", name="x")) is None
    (tmp_path / "numba.py").write_text("raise ImportError('the moon is full')", encoding="utf-8")
    printed = output_of(f"import sys\nsys.path.insert(0, '')\n{IMPORT}", tmp_path)
    assert printed.strip().endswith("ImportError: the moon is full")


# ---- another Python -----------------------------------------------------------------------


@pytest.mark.parametrize("version, stops", [((3, 9, 18), True), ((3, 14, 0), False)])
def test_another_python(version, stops, tmp_path):
    """Too old: one line says so.  Newer than all tests: it may work, so it may try."""
    code = f"import numba, sys\nsys.version_info = {version}\nimport lstm_kernels"
    printed = output_of(code, tmp_path, LSTM_KERNELS_TARGET="emulator")
    last = printed.strip().split("\n")[-1]
    assert last.startswith("ImportError: The course is made for Python 3.10 to 3.13;") == stops
    assert stops or printed == ""


def test_a_newer_python_that_lacks_packages(at, monkeypatch):
    """There NumPy cannot be installed at all, so the line of pip would be no cure."""
    monkeypatch.setattr(sys, "version_info", (3, 14, 0))
    error = ModuleNotFoundError("No module named 'numpy'", name="numpy")
    advice = platforms.explain_import(error)
    assert sys.executable in advice and "Cure: install Python 3.13" in advice
    assert "newer than the course's tests" in doctor.check_python().text


def test_all_name_the_same_versions_of_python():
    first, last = ("{}.{}".format(*version) for version in (platforms.OLDEST, platforms.NEWEST))
    after = platforms.next_version(last)
    for file, words in {
        "pyproject.toml": f'requires-python = ">={first},<{after}"',
        "requirements.txt": f'python_version < "{first}" or python_version >= "{after}"',
        "README.md": f"**Python {first} to {last}**",
    }.items():
        assert words in (platforms.ROOT / file).read_text(encoding="utf-8"), file
