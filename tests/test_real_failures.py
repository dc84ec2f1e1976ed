"""The course explains what the installed packages really say when they fail.

No message is made up here: a package is missing, the driver refuses, the compiler is asked for
what it does not know.  Each in a process of its own; the driver is the stand-in of tests/driver.
"""

import json
import re

import pytest

from lstm_kernels.machine import platforms
from tests import driver
from tests.failures import FAILURES, MESSAGES
from tests.processes import environment_without, output_of, run_python

pytestmark = [
    pytest.mark.long,  # CI runs them with three sets of packages
    pytest.mark.skipif(
        platforms.package_version("numba-cuda") is None, reason="numba-cuda is not installed"
    ),
]
no_driver_here = pytest.mark.skipif(platforms.load_driver() is not None, reason="a driver is here")

INTRODUCE = """
from lstm_kernels.machine import device

device.introduce()
assert device.is_right(device.run_probe())
print("error:", repr(str(device.WHY_NO_GPU)))
print("target:", device.TARGET)
"""


def is_explained(message, causes, at):
    """Does the course name one of these causes, and its cure on each platform?"""
    known = platforms.explain(RuntimeError(message))
    assert known, message
    fitting = [FAILURES[cause] for cause in causes if FAILURES[cause][0] in known.meaning]
    assert fitting, f"{known.meaning}: {message}"
    for place, words in zip(("local", "colab", "kaggle"), fitting[0][1:], strict=True):
        at(place)
        assert words in known.cure(), place


def goes_on_and_tells(printed, name):
    """The emulator runs, and a line says what is wrong and what cures it here."""
    meaning, cure, *_ = FAILURES[name]
    assert "A GPU is here, but it cannot be used; the emulator runs the kernels" in printed
    why = next(line for line in printed.split("\n") if line.startswith("Why: "))
    assert meaning in why and cure.removeprefix("pip ") in why
    assert printed.endswith("target: emulator\n")


# ---- numba.cuda cannot start --------------------------------------------------------------


@no_driver_here
@pytest.mark.parametrize(
    "name, missing, settings",
    [
        ("no driver", None, {}),
        ("switched off", None, {"NUMBA_DISABLE_CUDA": "1"}),
        ("bindings are missing", "cuda/bindings", {}),
        ("bindings are missing", "cuda/core", {}),
    ],
)
def test_the_packages_own_failure(name, missing, settings, tmp_path):
    python = {"python": environment_without(tmp_path, missing)} if missing else {}
    goes_on_and_tells(
        output_of(INTRODUCE, tmp_path, **python, LSTM_KERNELS_TARGET="gpu", **settings), name
    )


@pytest.mark.parametrize(
    "line, name",
    [
        ("from numba.core.errors import NotInThisNumba", "numba and numba-cuda do not fit"),
        ("import numba.not_in_this_numba", "numba and numba-cuda do not fit"),
        ("import numba.core.types as t; t.NotThere", "numba and numba-cuda do not fit"),
        ("import numpy; numpy.not_in_this_numpy", "NumPy is too new"),
        ("import cuda.not_there", "bindings are missing"),
    ],
)
def test_a_numba_cuda_that_does_not_fit(line, name, tmp_path):
    """The path of imports is the real one; only the numba-cuda at its end is another."""
    package = tmp_path / "numba_cuda" / "numba" / "cuda"
    package.mkdir(parents=True)
    (package.parents[1] / "__init__.py").write_text("", encoding="utf-8")
    (package / "__init__.py").write_text(line, encoding="utf-8")
    code = "import sys\nsys.path.insert(0, '')\n" + INTRODUCE
    goes_on_and_tells(output_of(code, tmp_path, LSTM_KERNELS_TARGET="gpu"), name)


@pytest.mark.parametrize("target", ["auto", "simulator"])
def test_a_mac_has_no_numba_cuda(target, tmp_path):
    """Nothing is missed: the emulator runs, and Numba's own simulator too."""
    python = environment_without(tmp_path, "*cuda*", "nvidia*")
    printed = output_of(INTRODUCE, tmp_path, python, LSTM_KERNELS_TARGET=target)
    wanted = {"auto": "emulator"}.get(target, target)
    assert printed.startswith("No GPU here: kernels run") and printed.count("\n") == 3
    assert printed.endswith(f"target: {wanted}\n")


# ---- the driver refuses -------------------------------------------------------------------


ANSWERS = {
    "half an update": 803,
    "a compatibility library": 804,
    "driver does not start": 999,
    "a card in use": 46,  # a real driver says so later, of its context
}


@pytest.mark.parametrize(
    "name, settings",
    [
        *((name, {"INIT_ERROR": code}) for name, code in ANSWERS.items()),
        ("no card", {"INIT_ERROR": 100}),
        ("the card's memory is full", {"MEMORY": 0}),
    ],
)
def test_the_drivers_own_answer(name, settings, driver_folder, tmp_path, at):
    there = {**driver.environment(driver_folder, **settings), "LSTM_KERNELS_TARGET": "gpu"}
    printed = run_python("-c", INTRODUCE, settings=there, folder=tmp_path).stdout
    goes_on_and_tells(printed, name)
    message = next(line for line in printed.split("\n") if line.startswith("error: "))
    assert "CUDA_ERROR_" in message
    is_explained(message, [name], at)


def test_the_driver_itself_is_asked_what_its_answer_means(driver_folder, tmp_path):
    code = f"""
    import os
    from lstm_kernels.machine import platforms
    for code in {list(ANSWERS.values())}:
        os.environ["STAND_IN_INIT_ERROR"] = str(code)
        print(*platforms.explain_driver(), sep=". Cure: ")
    """
    printed = output_of(code, tmp_path, **driver.environment(driver_folder))
    answers = [line for line in printed.splitlines() if ". Cure: " in line]  # others: warnings
    for (name, code), line in zip(ANSWERS.items(), answers, strict=True):
        meaning, cure, *_ = FAILURES[name]
        assert meaning in line and cure in line and f" ({code})." in line, printed
        assert re.search(r": CUDA_ERROR_[A-Z_]+ \(", line), printed


def test_a_card_without_a_compiler(driver_folder, tmp_path, at):
    """A card and its driver are there, and of the packages only those of requirements.txt."""
    python = environment_without(tmp_path, "nvidia*")
    there = driver.environment(driver_folder)
    printed = run_python("-c", INTRODUCE, settings=there, folder=tmp_path, python=python).stdout
    if printed.endswith("target: gpu\n"):
        pytest.skip("this machine has a CUDA compiler besides its packages")
    message = next(line for line in printed.split("\n") if line.startswith("error: "))
    is_explained(message, ["NVRTC is missing", "NVVM is missing"], at)
    assert "Why: " in printed and printed.endswith("target: emulator\n")


STATES = set(re.findall(r"CUDA_ERROR_[A-Z_]+[A-Z]", str(MESSAGES)))


@pytest.mark.parametrize("name", sorted(STATES))
def test_the_driver_has_these_states(name):
    driver = pytest.importorskip("cuda.bindings.driver")
    assert hasattr(driver.CUresult, name)


# ---- the compiler is missing, or refuses --------------------------------------------------


def messages(folder, python=None, **settings):
    """{function of tests/provoke.py: what its error said}."""
    python = {"python": python} if python else {}
    done = run_python("-m", "tests.provoke", settings=settings, **python)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def without_compiler(tmp_path_factory):
    """What all functions say where the packages of NVIDIA's compiler are missing."""
    folder = tmp_path_factory.mktemp("without_compiler")
    return messages(folder, environment_without(folder, "nvidia*"))


@pytest.fixture(scope="module")
def with_compiler(compiler, tmp_path_factory):
    return messages(tmp_path_factory.mktemp("with_compiler"))


@pytest.mark.parametrize(
    "function, causes",
    [
        ("compile_a_kernel", ["NVRTC is missing", "NVVM is missing"]),  # numba-cuda 0.30, 0.22
        ("compile_for_the_oldest_card", ["NVRTC is missing", "NVVM is missing"]),
        ("open_libdevice", ["NVRTC is missing", "NVVM is missing"]),
        ("ask_nvjitlink_for_its_version", ["nvJitLink is missing"]),
        ("load_the_cuda_runtime", ["the CUDA runtime is missing"]),
        ("look_for_the_driver", ["no driver"]),
        ("start_the_driver", ["no driver"]),
    ],
)
def test_a_part_that_is_missing(function, causes, without_compiler, at):
    if without_compiler[function] is None:
        pytest.skip("this machine has that part besides the packages")
    is_explained(without_compiler[function], causes, at)


def test_a_compiler_without_its_library_of_functions(compiler, tmp_path, at):
    python = environment_without(tmp_path, "nvidia/cuda_nvcc/nvvm/libdevice")
    message = messages(tmp_path, python)["open_libdevice"]
    assert "libdevice" in message
    is_explained(message, ["NVVM is missing"], at)


@pytest.mark.parametrize(
    "function, cause",
    [
        ("compile_for_the_oldest_card", "P100 and CUDA 13"),
        ("compile_c_for_the_oldest_card", "P100 and CUDA 13"),
        ("ask_nvrtc_for_the_oldest_card", "P100 and CUDA 13"),
        ("ask_nvvm_for_the_oldest_card", "P100 and CUDA 13"),
        ("assemble_ptx_of_the_future", "driver older than the toolkit"),
        ("link_ptx_of_the_future", "parts of two toolkits"),
        ("start_a_runtime_newer_than_the_driver", "driver older than the toolkit"),
    ],
)
def test_the_compilers_own_failures(function, cause, with_compiler, at):
    if with_compiler[function] is None and platforms.load_driver():
        pytest.skip("the driver here is new enough")
    is_explained(with_compiler[function], [cause], at)


def test_the_compiler_itself_works(with_compiler):
    """So what it refuses above, it refuses for the cause that is named."""
    assert with_compiler["compile_a_kernel"] is None


def test_numpys_own_failure(tmp_path, at):
    """NumPy 2.5 has no row_stack, which numba-cuda asks for when it compiles: take it away."""
    code = """
    import numpy
    vars(numpy).pop("row_stack", None)
    from tests import provoke
    print(provoke.told_by(provoke.compile_a_kernel))
    """
    is_explained(output_of(code, tmp_path), ["NumPy is too new"], at)
