"""Each known failure has its cure, on Colab, on Kaggle and on your own machine.

The messages of tests/failures.py are explained here; test_real_failures.py brings them about.
"""

import json
import re
import sys
from types import SimpleNamespace

import pytest

from lstm_kernels.machine import device, doctor, platforms
from tests.failures import FAILURES, FRESH, MESSAGES, PLATFORMS, UNIMPORTABLE
from tests.processes import run_python

# ---- what the course tells ----------------------------------------------------------------

INTRODUCE_EACH = """
import importlib, io, json, sys, types
from contextlib import redirect_stdout
import numba

class FakeCuda(types.ModuleType):
    error = "the first import"

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise RuntimeError(self.error)

fake = numba.cuda = sys.modules["numba.cuda"] = FakeCuda("numba.cuda")
from lstm_kernels.machine import device
printed = {}
for cause, fake.error in json.loads(sys.argv[1]).items():
    importlib.reload(device)
    with redirect_stdout(io.StringIO()) as told:
        device.introduce()
        assert device.is_right(device.run_probe())
        print("target:", device.TARGET)
    printed[cause] = told.getvalue()
print(json.dumps(printed))
"""
UNKNOWN = "the moon is full"


@pytest.fixture(scope="module")
def introductions():
    """{cause: what a notebook on Kaggle prints}, where numba.cuda fails with its message."""
    first = {cause: message for cause, message in reversed(MESSAGES)}
    there = {"LSTM_KERNELS_TARGET": "gpu", PLATFORMS["kaggle"]: "Interactive"}
    given = json.dumps({**first, UNKNOWN: UNKNOWN})
    done = run_python("-c", INTRODUCE_EACH, given, settings=there)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", FAILURES)
def test_each_failure_is_explained_and_the_course_goes_on(name, introductions):
    meaning, *_, kaggle = FAILURES[name]
    printed = introductions[name]
    assert "target: emulator" in printed, printed
    assert "A GPU is here, but it cannot be used; the emulator runs the kernels" in printed
    line = next(line for line in printed.split("\n") if line.startswith("Why: "))
    assert meaning in line and kaggle in line


def test_an_unknown_failure_is_shown_as_it_is(introductions):
    printed = introductions[UNKNOWN]
    assert "Why: RuntimeError: the moon is full" in printed and "target: emulator" in printed


@pytest.mark.parametrize("name, message", MESSAGES)
def test_each_message_has_its_cure_on_each_platform(name, message, at, monkeypatch):
    monkeypatch.setattr(platforms, "driver_version", lambda: "12.4")
    meaning, *cures = FAILURES[name]
    known = platforms.explain(RuntimeError(message))
    assert meaning in known.meaning
    for place, words in zip(("local", "colab", "kaggle"), cures, strict=True):
        at(place)
        assert words in known.cure(), place


def test_every_known_failure_has_a_message():
    met = {platforms.explain(RuntimeError(message)) for _, message in MESSAGES}
    stops = {platforms.explain(error) for error, _ in UNIMPORTABLE.values()}
    assert set(platforms.FAILURES) <= met | stops
    assert {name for name, _ in MESSAGES} == set(FAILURES)


@pytest.mark.parametrize(
    "message", ["NVVM_ERROR_COMPILATION: parse error in line 7", "'Kernel' has no attribute 'x'"]
)
def test_an_error_of_the_compiler_or_of_the_course_stays_unknown(message, at, monkeypatch):
    """Its cure must not send anybody to install what is there."""
    error = RuntimeError(message)
    assert platforms.explain(error) is None
    monkeypatch.setattr(device, "count_gpus", lambda: 1)
    monkeypatch.setattr(device, "WHY_NO_GPU", error)
    assert doctor.check_gpu().fix == platforms.in_terminal(platforms.INSTALL_GPU)
    for place in ("colab", "kaggle"):
        at(place)
        assert doctor.check_gpu().fix == platforms.FRESH[place]


# ---- what the cures say -------------------------------------------------------------------


def test_every_cure_says_where_to_type_it(at, monkeypatch):
    """At home in a terminal, for this Python; on a platform in a cell that must not stay."""
    python, typed = "/home/me/python", 0
    monkeypatch.setattr(sys, "executable", python)
    for failure in platforms.FAILURES:
        for place in ("local", "colab", "kaggle"):
            cure = failure.cure(place)
            if "pip install" in cure:
                typed += 1
                begin = "in a terminal" if place == "local" else "in a new cell: %pip install"
                assert begin in cure and (python in cure) == (place == "local")
                assert cure.endswith("restart the kernel" if place == "local" else "and Run all")
                assert (str(platforms.ROOT) in cure) == ("-r requirements" in cure)
    assert typed > 30


def test_every_cure_can_be_printed_everywhere(at):
    for failure in platforms.FAILURES:
        for place in ("local", "colab", "kaggle"):
            assert "{" not in failure.cure(place) and len(failure.cure(place)) > 10
            hosted = place != "local"
            assert not (hosted and "requirements" in failure.cure(place)), "no checkout there"


def test_an_older_toolkit_is_one_that_exists():
    """There is no toolkit 12.7, though drivers of that version are."""
    assert platforms.next_version("12.7") == "12.8"
    assert platforms.next_version("12.9") == "12.10"  # above 12.9 in the order of versions


def test_the_cures_name_the_versions_of_the_requirements():
    pins = (platforms.ROOT / "requirements.txt").read_text(encoding="utf-8")
    named = {pin for f in platforms.FAILURES for pin in f.fix.split() if "==" in pin}
    assert len(named) == 3
    assert all(re.search(rf"^{re.escape(pin)}\b", pins, re.MULTILINE) for pin in named)


def test_a_package_that_is_missing_on_a_platform_comes_back_with_a_fresh_one(at, monkeypatch):
    """There nothing is installed by hand; at home the line says where it is typed."""
    monkeypatch.setattr(doctor, "package_version", lambda name: None)
    for place, cure in zip(("local", *PLATFORMS), ("in a terminal", *FRESH), strict=True):
        at(place)
        assert all(cure in finding.fix for finding in doctor.check_packages())


@pytest.mark.parametrize(
    "place, ask",
    [
        ("local", "In a terminal `python -m lstm_kernels doctor` tells why"),
        ("colab", "`from lstm_kernels.machine import doctor; doctor.main()` tells why"),
        ("kaggle", "`from lstm_kernels.machine import doctor; doctor.main()` tells why"),
    ],
)
def test_where_the_doctor_is_asked(place, ask, at, monkeypatch):
    at(place)
    monkeypatch.setattr(device, "ON_GPU", False)
    monkeypatch.setattr(device, "WHY_NO_GPU", RuntimeError("the moon is full"))
    assert ask in device.describe()


# ---- a card -------------------------------------------------------------------------------


@pytest.mark.parametrize("count, first", [(1, ""), (2, " (the first of 2)")])
def test_the_line_of_a_working_card(count, first, monkeypatch, capsys):
    card = SimpleNamespace(name=b"Tesla T4")
    monkeypatch.setattr(device, "ON_GPU", True)
    monkeypatch.setattr(device, "TARGET", "gpu")
    monkeypatch.setattr(device, "cuda", SimpleNamespace(get_current_device=lambda: card))
    monkeypatch.setattr(device, "count_gpus", lambda: count)
    monkeypatch.setattr(platforms, "driver_version", lambda: "12.8")
    monkeypatch.setattr(platforms, "package_version", lambda name: "0.22.2")
    device.introduce()
    line = f"Tesla T4{first}, CUDA 12.8, numba-cuda 0.22.2: kernels run on the GPU.\n"
    assert capsys.readouterr().out == line


def test_a_card_that_nobody_wants_is_named(monkeypatch):
    for name, value in {"TARGET": "emulator", "ON_GPU": False, "WHY_NO_GPU": None}.items():
        monkeypatch.setattr(device, name, value)
    monkeypatch.setattr(device, "count_gpus", lambda: 1)
    assert device.describe().startswith("A GPU is here and is not used: LSTM_KERNELS_TARGET")
    monkeypatch.setattr(device, "count_gpus", lambda: 0)
    assert device.describe().startswith("No GPU here")


def test_the_driver_is_asked_without_numba(monkeypatch):
    class Driver:
        def cuDriverGetVersion(self, pointer):
            pointer._obj.value = 12080
            return 0

        def cuInit(self, flags):
            return 0

        def cuDeviceGetCount(self, pointer):
            pointer._obj.value = 2
            return 0

    monkeypatch.setattr(platforms, "load_driver", Driver)
    assert platforms.driver_version() == "12.8"
    assert device.count_gpus() == 2
    monkeypatch.setattr(platforms, "load_driver", lambda: None)
    assert platforms.driver_version() is None
    assert device.count_gpus() == 0
