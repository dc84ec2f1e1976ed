"""Colab, Kaggle, your own machine: the set-up cell, every known failure, and the stamp.

Each failure is tested by faking its cause, in a process of its own: the course must start all the
same, with the emulator, and name the cure.
"""

import ast
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import nbformat
import pytest

from lstm_kernels.machine import device, doctor, platforms

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / ".ci"))
import kaggle_dataset  # noqa: E402
import stamp  # noqa: E402

import notebooks  # noqa: E402

PLATFORMS = {"colab": "COLAB_RELEASE_TAG", "kaggle": "KAGGLE_KERNEL_RUN_TYPE"}


@pytest.fixture
def at(monkeypatch):
    """at("colab"): this process believes that it runs there."""

    def go(place):
        for name in PLATFORMS.values():
            monkeypatch.delenv(name, raising=False)
        if place != "local":
            monkeypatch.setenv(PLATFORMS[place], "faked")

    go("local")
    return go


def run_python(code, folder, **environment):
    """Run code in a new process, in `folder`: its output, errors included."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    return done.stdout + done.stderr


# ---- failures of the card, the driver, the packages ---------------------------------------

FAKE = """
import sys, types
import numba

class FakeCuda(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        {raises}

numba.cuda = sys.modules["numba.cuda"] = FakeCuda("numba.cuda")
import lstm_kernels
from lstm_kernels.machine import device
device.introduce()
assert device.is_right(device.run_probe())
print("target:", device.TARGET)
"""

FRESH = ("Runtime > Disconnect and delete runtime", "Run > Power off")
GPU = ("Runtime > Change runtime type > T4 GPU", "Settings > Accelerator > GPU T4 x2")
GPU_LINE = "pip install -r requirements-gpu.txt"
OLDER = '%pip install "cuda-toolkit[cudart,nvcc,nvrtc,nvjitlink]<12.5"; then delete that cell, '
COMPILER = '%pip install "numba-cuda[cu12]=='
FAILURES = {  # what the meaning says, the cure at home, on Colab, on Kaggle
    "driver older than the toolkit": (
        "newer than this machine's driver",
        "update the NVIDIA driver",
        f"{OLDER}Runtime > Restart session",
        f"{OLDER}Run > Restart",
    ),
    "parts of two toolkits": ("have different versions", GPU_LINE, OLDER, OLDER),
    "NVVM is missing": ("(NVVM) is missing", GPU_LINE, COMPILER, COMPILER),
    "NVRTC is missing": ("(NVRTC) is missing", GPU_LINE, COMPILER, COMPILER),
    "nvJitLink is missing": ("(nvJitLink) is missing", GPU_LINE, COMPILER, COMPILER),
    "the CUDA runtime is missing": ("runtime library is missing", GPU_LINE, COMPILER, COMPILER),
    "numba-cuda is missing": ("is not installed", "pip install -r requirements.txt", *FRESH),
    "bindings are missing": ("bindings are missing or too old", GPU_LINE, COMPILER, COMPILER),
    "numba and numba-cuda do not fit": (
        "does not fit together",
        "pip install numba==0.68.1 numba-cuda==0.30.4",
        *FRESH,
    ),
    "NumPy is too new": (
        "NumPy is newer than numba-cuda knows",
        "pip install numpy==2.2.6",
        *FRESH,
    ),
    "P100 and CUDA 13": ("no longer knows a card as old as this one", GPU_LINE, *GPU),
    "the card's memory is full": (
        "memory is full",
        "shut down the other notebooks' kernels",
        "Runtime > Restart session",
        "Run > Restart",
    ),
    "no driver": ("driver is not found", "nvidia.com/drivers", *GPU),
    "no card": ("shows no card", "nvidia-smi must list a card", *GPU),
    "switched off": ("NUMBA_DISABLE_CUDA is set", "unset it", *FRESH),
    "half an update": ("its old half still runs", "restart the machine", *FRESH),
    "a compatibility library": ("stands before", "out of LD_LIBRARY_PATH", *FRESH),
    "a card in use": ("another program holds the card", "end the program", *FRESH),
    "driver does not start": ("does not start", "restart the machine", *FRESH),
}
MESSAGES = [  # as numba-cuda 0.19 to 0.30, cuda-bindings, cuda-core and the driver write them
    (
        "driver older than the toolkit",
        "[222] Call to cuLinkAddData results in CUDA_ERROR_UNSUPPORTED_PTX_VERSION\n"
        "ptxas application ptx input, line 9; fatal   : Unsupported .version 8.5; "
        "current version is '8.4'",
    ),
    (
        "driver older than the toolkit",
        "CUDA_ERROR_UNSUPPORTED_PTX_VERSION: This indicates that the provided PTX was compiled "
        "with an unsupported toolchain.",
    ),
    (
        "driver older than the toolkit",
        "ptxas application ptx input, line 9; fatal   : Unsupported .version 8.5; "
        "current version is '8.4'",
    ),
    (
        "driver older than the toolkit",
        "the provided PTX was compiled with an unsupported toolchain.",
    ),
    ("driver older than the toolkit", "CUDA driver version is insufficient for CUDA runtime"),
    (
        "parts of two toolkits",
        "ERROR_PTX_COMPILE (4)\nnvJitLink error log: ptxas application ptx input, line 1; "
        "fatal   : Unsupported .version 9.0; current version is '8.8'\n"
        "ERROR NVJITLINK_ERROR_PTX_COMPILE: JIT the PTX (<cudapy-ptx>)",
    ),
    (
        "NVVM is missing",
        "libNVVM cannot be found. Please install the cuda-toolkit conda package:\n"
        "/usr/local/cuda/nvvm/lib64/libnvvm.so.4: cannot open shared object file: "
        "No such file or directory",
    ),
    ("NVVM is missing", "libNVVM is not available"),
    ("NVVM is missing", 'Failure finding "libnvvm.so.4": No such file: libnvvm.so.4'),
    (
        "NVVM is missing",
        "Missing libdevice file.\n``cuda-nvcc`` and ``cuda-nvrtc`` are required:\n\n    $ conda "
        'install -c conda-forge cuda-nvcc cuda-nvrtc "cuda-version>=12.0"',
    ),
    (
        "NVRTC is missing",
        'Failure finding "libnvrtc.so.13 or libnvrtc.so.12": No such file: libnvrtc.so.13',
    ),
    (
        "nvJitLink is missing",
        'Failure finding "libnvJitLink.so.13 or libnvJitLink.so.12": No such file: '
        "libnvJitLink.so.13 or libnvJitLink.so.12",
    ),
    (
        "the CUDA runtime is missing",
        'Failure finding "libcudart.so.13 or libcudart.so.12": No such file: libcudart.so.13',
    ),
    ("numba-cuda is missing", "No module named 'numba_cuda'"),
    (
        "bindings are missing",
        "NVIDIA CUDA Python bindings not found. Install the 'cuda' package "
        "(e.g. pip install nvidia-cuda-python or numba-cuda[cuXY]).",
    ),
    ("bindings are missing", "cannot import name 'core' from 'cuda' (unknown location)"),
    ("bindings are missing", "cannot import name 'Buffer' from 'cuda.core' (/lib/cuda/core.py)"),
    ("bindings are missing", "No module named 'cuda.core'"),
    (
        "numba and numba-cuda do not fit",
        "cannot import name 'UnsupportedBytecodeError' from 'numba.core.errors'",
    ),
    ("numba and numba-cuda do not fit", "No module named 'numba.core.types'"),
    (
        "numba and numba-cuda do not fit",
        "module 'numba.cuda.types' has no attribute 'NPDatetime'",
    ),
    ("P100 and CUDA 13", "GPU compute capability 6.0 is not supported(requires >=7.5)"),
    (
        "P100 and CUDA 13",
        "Device compute capability 6.0 is less than the minimum supported by NVRTC 13.0. "
        "Supported compute capabilities are 7.5, 8.0.",
    ),
    ("NumPy is too new", "module 'numpy' has no attribute 'row_stack'"),
    ("P100 and CUDA 13", "libnvvm : error: -arch=compute_60 is an unsupported option"),
    ("P100 and CUDA 13", "nvcc fatal   : Unsupported gpu architecture 'compute_60'"),
    ("P100 and CUDA 13", "nvrtc: error: invalid value for --gpu-architecture (-arch)"),
    ("P100 and CUDA 13", "Call to cuModuleLoadDataEx results in CUDA_ERROR_NO_BINARY_FOR_GPU"),
    ("P100 and CUDA 13", "no kernel image is available for execution on the device"),
    ("the card's memory is full", "[2] Call to cuMemAlloc results in CUDA_ERROR_OUT_OF_MEMORY"),
    (
        "no driver",
        "Error at driver init: \n\nCUDA driver library cannot be found.\nEnsure that a compatible "
        "NVIDIA driver is installed and available on your system path.\n:",
    ),
    ("no driver", '"cuda" is an NVIDIA driver library and can only be found via system search.'),
    ("no driver", "Failed to dlopen libcuda.so.1"),
    ("no card", "Error at driver init: Call to cuInit results in CUDA_ERROR_NO_DEVICE (100)"),
    (
        "switched off",
        "Error at driver init: \nCUDA is disabled due to setting NUMBA_DISABLE_CUDA=1 in the "
        "environment, or because CUDA is unsupported on 32-bit systems.:",
    ),
    ("half an update", "Call to cuInit results in CUDA_ERROR_SYSTEM_DRIVER_MISMATCH (803)"),
    (
        "a compatibility library",
        "Error at driver init: Call to cuInit results in "
        "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE (804)",
    ),
    (
        "a card in use",
        "[46] Call to cuDevicePrimaryCtxRetain results in CUDA_ERROR_DEVICE_UNAVAILABLE",
    ),
    (
        "driver does not start",
        "Error at driver init: Call to cuInit results in CUDA_ERROR_UNKNOWN (999)",
    ),
]


@pytest.mark.parametrize("name", FAILURES)
def test_each_failure_is_explained_and_the_course_goes_on(name, tmp_path):
    meaning, *_, kaggle = FAILURES[name]
    message = next(text for cause, text in MESSAGES if cause == name)
    code = FAKE.format(raises=f"raise RuntimeError({message!r})")
    there = {"LSTM_KERNELS_TARGET": "gpu", PLATFORMS["kaggle"]: "Interactive"}
    printed = run_python(code, tmp_path, **there)
    assert "target: emulator" in printed, printed
    assert "A GPU is here, but it cannot be used; the emulator runs the kernels" in printed
    line = next(line for line in printed.split("\n") if line.startswith("Why: "))
    assert meaning in line and kaggle in line


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
    stops = {platforms.explain(error) for _, error, _ in UNIMPORTABLE.values()}
    assert set(platforms.FAILURES) <= met | stops
    assert {name for name, _ in MESSAGES} == set(FAILURES)


# Words of the installed packages' own errors; %s and %d stand for what they fill in.
WORDS = [
    ("numba-cuda", "Call to %s results in %s"),
    ("numba-cuda", "CUDA driver library cannot be found."),
    ("numba-cuda", "Error at driver init: \n%s:"),
    ("numba-cuda", "CUDA is disabled due to setting NUMBA_DISABLE_CUDA=1 in the environment"),
    ("numba-cuda", "GPU compute capability %d.%d is not supported(requires >=%d.%d)"),
    ("numba-cuda", "minimum supported by NVRTC "),
    ("numba-cuda", "NVIDIA CUDA Python bindings not found. Install the 'cuda' package"),
    ("numba-cuda", "Missing libdevice file."),
    ("numba-cuda", "libNVVM cannot be found.|libNVVM is not available"),  # 0.22 | 0.30
    ("cuda-pathfinder", 'Failure finding "'),
    ("cuda-pathfinder", "Failed to dlopen "),
    ("numba", "Numba needs NumPy "),
    ("numba", "Numba requires at least version %d.%d.%d of llvmlite."),
]
STATES = re.findall(r"CUDA_ERROR_[A-Z_]+[A-Z]", str(MESSAGES))


FILES = {  # where those words are written
    "numba-cuda": r"numba/cuda/(cudadrv/(driver|nvvm|nvrtc)|__init__)\.py$",
    "cuda-pathfinder": r"_dynamic_libs/\w+\.py$",
    "numba": r"^numba/__init__\.py$",
}


def written_in(package):
    """All texts in these files of an installed package; Python has joined their parts."""
    try:
        files = importlib.metadata.files(package)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{package} is not installed")
    for file in files:
        if re.search(FILES[package], file.as_posix()):
            for node in ast.walk(ast.parse(file.locate().read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value


@pytest.mark.parametrize("package, words", WORDS)
def test_the_words_are_the_packages_own(package, words):
    texts = list(written_in(package))
    assert any(either in text for text in texts for either in words.split("|"))
    told = "\n".join(message for _, message in MESSAGES) + str(UNIMPORTABLE) + LLVMLITE
    for either in words.split("|"):
        assert re.search(re.sub("%[sd]", ".+", re.escape(either)), told), "tested above"


@pytest.mark.parametrize("name", sorted(set(STATES)))
def test_the_driver_has_these_states(name):
    driver = pytest.importorskip("cuda.bindings.driver")
    assert hasattr(driver.CUresult, name)


needs_numba_cuda = pytest.mark.skipif(
    platforms.package_version("numba-cuda") is None, reason="numba-cuda is not installed"
)
NO_BINDINGS = """
import importlib.util

find = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name == "cuda.bindings" else find(name)
"""


@needs_numba_cuda
@pytest.mark.skipif(platforms.load_driver() is not None, reason="a driver is here")
@pytest.mark.parametrize(
    "name, before, settings",
    [
        ("no driver", "", {}),
        ("switched off", "", {"NUMBA_DISABLE_CUDA": "1"}),
        ("bindings are missing", NO_BINDINGS, {}),
    ],
)
def test_the_packages_own_failure(name, before, settings, tmp_path):
    """No message is made up here: the installed numba-cuda fails, for the cause itself."""
    code = before + FAKE.split("import lstm_kernels\n")[1]
    printed = run_python(code, tmp_path, LSTM_KERNELS_TARGET="gpu", **settings)
    meaning, cure, *_ = FAILURES[name]
    assert f"Why: {platforms.explain(RuntimeError(dict(MESSAGES)[name])).meaning}." in printed
    assert meaning in printed and cure in printed and "target: emulator" in printed


COMPILE = """
from lstm_kernels.machine import device, platforms
from numba import cuda

try:
    cuda.compile_ptx(device._write_index, "void(int32[:])", cc=({major}, 0))
    print("compiled")
except Exception as error:
    print(platforms.explain(error).meaning, "|", error)
"""


@needs_numba_cuda
def test_the_compilers_own_failures(tmp_path):
    """Without a compiler that is what is told; with one, a card that is too old for it."""
    compiled, refused = (
        run_python(COMPILE.format(major=major), tmp_path, LSTM_KERNELS_TARGET="compiler")
        for major in (9, 2)
    )
    if "compiled" in compiled:
        assert FAILURES["P100 and CUDA 13"][0] in refused
    else:
        missing = r"\((NVVM|NVRTC)\) is missing"  # 0.22 asks for the first, 0.30 for the second
        assert re.search(missing, compiled) and re.search(missing, refused)


@needs_numba_cuda
def test_numpys_own_failure(tmp_path):
    """NumPy 2.5 has no row_stack, which numba-cuda asks for when it compiles: take it away."""
    code = "import numpy\nvars(numpy).pop('row_stack', None)\n" + COMPILE.format(major=9)
    printed = run_python(code, tmp_path, LSTM_KERNELS_TARGET="compiler")
    assert printed.startswith("this NumPy is newer than numba-cuda knows | module 'numpy' has no")


@needs_numba_cuda
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
    code = "import sys\nsys.path.insert(0, '')\n" + FAKE.split("import lstm_kernels\n")[1]
    printed = run_python(code, tmp_path, LSTM_KERNELS_TARGET="gpu")
    meaning, cure, *_ = FAILURES[name]
    why = next(text for text in printed.split("\n") if text.startswith("Why: "))
    assert meaning in why and cure.removeprefix("pip ") in why and "target: emulator" in printed


NO_NUMBA_CUDA = """
import importlib.metadata
import sys

class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "numba_cuda":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path[:] = [f for f in sys.meta_path if "NumbaCuda" not in type(f).__name__]
sys.meta_path.insert(0, Hide())
real = importlib.metadata.version
def version(name):
    if name == "numba-cuda":
        raise importlib.metadata.PackageNotFoundError(name)
    return real(name)
importlib.metadata.version = version
"""


@pytest.mark.parametrize("target", ["auto", "simulator"])
def test_a_mac_has_no_numba_cuda(target, tmp_path):
    """Nothing is missed: the emulator runs, and Numba's own simulator too."""
    code = NO_NUMBA_CUDA + FAKE.split("import lstm_kernels\n")[1]
    printed = run_python(code, tmp_path, LSTM_KERNELS_TARGET=target)
    wanted = {"auto": "emulator"}.get(target, target)
    assert printed.startswith("No GPU here: kernels run") and printed.count("\n") == 2
    assert printed.endswith(f"target: {wanted}\n")


def test_an_older_toolkit_is_one_that_exists():
    """There is no toolkit 12.7, though drivers of that version are."""
    assert platforms.next_version("12.7") == "12.8"
    assert platforms.next_version("12.9") == "12.10"  # above 12.9 in the order of versions


def test_every_cure_says_where_to_type_it(at):
    """At home in a terminal, for this Python; on a platform in a cell that must not stay."""
    typed = 0
    for failure in platforms.FAILURES:
        for place in ("local", "colab", "kaggle"):
            cure = failure.cure(place)
            if "pip install" in cure:
                typed += 1
                begin = "in a terminal" if place == "local" else "in a new cell: %pip install"
                assert begin in cure and (sys.executable in cure) == (place == "local")
                assert cure.endswith("restart the kernel" if place == "local" else "and Run all")
                assert (str(ROOT) in cure) == ("-r requirements" in cure)
    assert typed > 30


def test_every_cure_can_be_printed_everywhere(at):
    for failure in platforms.FAILURES:
        for place in ("local", "colab", "kaggle"):
            assert "{" not in failure.cure(place) and len(failure.cure(place)) > 10
            hosted = place != "local"
            assert not (hosted and "requirements" in failure.cure(place)), "no checkout there"


def test_an_unknown_failure_is_shown_as_it_is(tmp_path):
    code = FAKE.format(raises="raise RuntimeError('the moon is full')")
    printed = run_python(code, tmp_path, LSTM_KERNELS_TARGET="gpu")
    assert "Why: RuntimeError: the moon is full" in printed and "target: emulator" in printed


# ---- the packages -------------------------------------------------------------------------

IMPORT_FAILS = """
import sys

class Refuse:
    def find_spec(self, name, path, target=None):
        if name == {package!r}:
            raise {error}

sys.meta_path.insert(0, Refuse())
from lstm_kernels.machine import device
"""
LLVMLITE = "Numba requires at least version 0.50.0 of llvmlite.\nInstalled version is 0.48.0."
UNIMPORTABLE = {
    "another Python's kernel": (
        "numpy",
        ModuleNotFoundError("No module named 'numpy'", name="numpy"),
        f"This Python, {sys.executable}, has no numpy, which the course needs.",
    ),
    "an old numba": (
        "numba",
        ImportError("Numba needs NumPy 2.2 or less. Got NumPy 2.4."),
        "Numba needs NumPy 2.2 or less. Got NumPy 2.4.",
    ),
    "an old llvmlite": (
        "numba",
        ImportError(LLVMLITE),
        "Numba requires at least version 0.50.0 of llvmlite. Installed version is 0.48.0.",
    ),
}


@pytest.mark.parametrize("name", UNIMPORTABLE)
@pytest.mark.parametrize(
    "place, cure",
    [
        ("local", f"in the folder {ROOT}: {sys.executable} -m pip install -r requirements.txt;"),
        ("colab", "Runtime > Disconnect and delete runtime"),
        ("kaggle", "Run > Power off"),
    ],
)
def test_packages_that_stop_the_course(name, place, cure, at):
    at(place)
    _, error, what = UNIMPORTABLE[name]
    advice = platforms.explain_import(error)
    assert advice.startswith(f"{what} Cure: ") and cure in advice


@pytest.mark.parametrize("name", UNIMPORTABLE)
def test_the_course_stops_with_one_line_and_no_chain(name, tmp_path):
    package, error, what = UNIMPORTABLE[name]
    raised = repr(error)[:-1] + (f", name={error.name!r})" if error.name else ")")
    printed = run_python(IMPORT_FAILS.format(package=package, error=raised), tmp_path)
    assert printed.strip().split("\n")[-1].startswith(f"ImportError: {what} Cure: ")
    assert "During handling" not in printed


@pytest.mark.parametrize("version, stops", [((3, 9, 18), True), ((3, 14, 0), False)])
def test_another_python(version, stops, tmp_path):
    """Too old: one line says so.  Newer than all tests: it may work, so it may try."""
    code = f"import numba, sys\nsys.version_info = {version}\nimport lstm_kernels"
    printed = run_python(code, tmp_path, LSTM_KERNELS_TARGET="emulator")
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
        assert words in (ROOT / file).read_text(encoding="utf-8"), file


def test_another_import_error_is_shown_as_it_is(tmp_path):
    assert platforms.explain_import(ModuleNotFoundError("No module named 'x'", name="x")) is None
    code = IMPORT_FAILS.format(package="numba", error="ImportError('the moon is full')")
    assert run_python(code, tmp_path).strip().endswith("ImportError: the moon is full")


# ---- no card ------------------------------------------------------------------------------


class MessageError(Exception):
    """As Colab's own: the page answered with an error."""


def fake_colab(monkeypatch, answer, in_notebook=True):
    """A google.colab that answers so (or raises it) when asked for the open notebook."""
    from types import ModuleType, SimpleNamespace

    from ipykernel.kernelapp import IPKernelApp

    def blocking_request(*args, **kwargs):
        assert in_notebook, "another process than the notebook's cannot ask"
        if isinstance(answer, Exception):
            raise answer
        return answer

    colab = ModuleType("google.colab")
    colab._message = SimpleNamespace(blocking_request=blocking_request, MessageError=MessageError)
    monkeypatch.setitem(sys.modules, "google", ModuleType("google"))
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    monkeypatch.setattr(IPKernelApp, "initialized", lambda: in_notebook)


def asking(accelerator):
    return {"ipynb": {"metadata": {"accelerator": accelerator} if accelerator else {}}}


def test_no_card_at_home_needs_no_advice(at):
    assert platforms.explain_no_card() is None


class Driver:
    """A driver that answers `code` at its start."""

    def __init__(self, code, name=b""):
        self.code, self.name = code, name

    def cuInit(self, flags):
        return self.code

    def cuGetErrorName(self, code, pointer):
        pointer._obj.value = self.name
        return 0 if self.name else 1

    def cuDriverGetVersion(self, pointer):
        pointer._obj.value = 12080
        return 0


@pytest.mark.parametrize(
    "driver, wrong, cure",
    [
        (Driver(999, b"CUDA_ERROR_UNKNOWN"), "does not start", "restart the machine"),
        (Driver(803, b"CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"), "was updated", "restart the machine"),
        (Driver(804, b"CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE"), "compat", "LD_LIBRARY_PATH"),
        (Driver(12345), "does not start", "restart the machine"),
    ],
)
def test_a_driver_that_does_not_start(driver, wrong, cure, at, monkeypatch, capsys):
    """Then no card can be counted, and the emulator runs; the reason must not be lost."""
    monkeypatch.setattr(platforms, "load_driver", lambda: driver)
    assert device.count_gpus() == 0
    device.introduce()
    first, second, *_ = capsys.readouterr().out.split("\n")
    assert "emulator" in first
    assert wrong in second and cure in second.split("Cure: ")[1] and str(driver.code) in second
    finding = doctor.check_gpu()
    assert not finding.ok and wrong in finding.text and cure in finding.fix
    at("colab")
    assert "Runtime > Disconnect and delete runtime" in platforms.explain_no_card()


def test_a_driver_without_a_card(at, monkeypatch):
    for module in (platforms, doctor):
        answers = Driver(100, b"CUDA_ERROR_NO_DEVICE")
        monkeypatch.setattr(module, "load_driver", lambda answers=answers: answers)
    assert platforms.explain_no_card() is None, "at home a card is no duty"
    assert doctor.check_gpu().ok and "shows no card" in doctor.check_gpu().text
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert "CUDA_VISIBLE_DEVICES is '-1'" in platforms.explain_no_card()


def test_colab_without_a_gpu_runtime(at, monkeypatch):
    at("colab")
    fake_colab(monkeypatch, asking(None))
    advice = platforms.explain_no_card()
    assert advice.startswith(f"For a GPU: {platforms.COLAB_GPU}.")
    assert "Runtime > Change runtime type > T4 GPU" in advice
    assert "If Colab then gives none, its usage limit is reached" in advice


def test_colab_over_its_limit(at, monkeypatch):
    at("colab")
    fake_colab(monkeypatch, asking("GPU"))
    advice = platforms.explain_no_card()
    assert "asks for a GPU" in advice and "usage limit" in advice
    assert "Change runtime type" not in advice


NO_METADATA = {"ipynb": {}}


@pytest.mark.parametrize("answer", [None, {}, NO_METADATA, MessageError("unknown request")])
def test_colab_that_does_not_tell_gets_both(at, monkeypatch, answer):
    at("colab")
    fake_colab(monkeypatch, answer)
    advice = platforms.explain_no_card()
    assert "Change runtime type" in advice and "usage limit" in advice


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


def test_a_package_that_is_missing_on_a_platform_comes_back_with_a_fresh_one(at, monkeypatch):
    """There nothing is installed by hand; at home the line says where it is typed."""
    monkeypatch.setattr(doctor, "package_version", lambda name: None)
    for place, cure in zip(("local", *PLATFORMS), ("in a terminal", *FRESH), strict=True):
        at(place)
        assert all(cure in finding.fix for finding in doctor.check_packages())


def test_a_card_that_nobody_wants_is_named(monkeypatch):
    for name, value in {"TARGET": "emulator", "ON_GPU": False, "WHY_NO_GPU": None}.items():
        monkeypatch.setattr(device, name, value)
    monkeypatch.setattr(device, "count_gpus", lambda: 1)
    assert device.describe().startswith("A GPU is here and is not used: LSTM_KERNELS_TARGET")
    monkeypatch.setattr(device, "count_gpus", lambda: 0)
    assert device.describe().startswith("No GPU here")


def test_the_cures_name_the_versions_of_the_requirements():
    pins = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    named = {pin for f in platforms.FAILURES for pin in f.fix.split() if "==" in pin}
    assert len(named) == 3
    assert all(re.search(rf"^{re.escape(pin)}\b", pins, re.MULTILINE) for pin in named)


def test_the_doctor_in_a_process_of_its_own_does_not_ask_colab(at, monkeypatch):
    at("colab")
    monkeypatch.setattr(device, "count_gpus", lambda: 0)
    fake_colab(monkeypatch, asking("GPU"), in_notebook=False)
    finding = doctor.check_gpu()
    assert finding.ok
    assert "Change runtime type" in finding.text and "usage limit" in finding.text


def test_kaggle_without_a_card(at):
    at("kaggle")
    advice = platforms.explain_no_card()
    assert "Settings > Accelerator > GPU T4 x2" in advice and "hours are used up" in advice


def test_kaggle_is_not_taken_for_colab(at, monkeypatch):
    at("kaggle")
    monkeypatch.setenv("COLAB_RELEASE_TAG", "inherited from Colab's image")
    assert platforms.where() == "kaggle"


# ---- sliders and buttons that do not show ---------------------------------------------------


@pytest.fixture
def installed(monkeypatch):
    """installed(ipywidgets="8.1.5", jupyterlab_widgets=None): what the packages' lists say."""

    def fake(**versions):
        real = platforms.package_version
        fakes = {name: lambda name=name: versions[name] for name in versions}
        monkeypatch.setattr(
            platforms,
            "package_version",
            lambda name: fakes[name]() if name in fakes else real(name),
        )

    return fake


@pytest.mark.parametrize(
    "version, state", [(None, "is not installed"), ("6.0.1", "6.0.1 is too old or damaged")]
)
def test_widgets_that_cannot_be_imported(version, state, at, installed, monkeypatch, capsys):
    """Missing, or so old that today's Python refuses it (all before 7.5)."""
    assert platforms.explain_no_widgets() is None
    monkeypatch.setitem(sys.modules, "ipywidgets", None)  # makes its import fail
    installed(ipywidgets=version)
    for place, cure in (
        ("local", "pip install --upgrade ipywidgets"),
        ("colab", "Runtime > Disconnect and delete runtime"),
        ("kaggle", "Run > Power off"),
    ):
        at(place)
        device.introduce()
        last = capsys.readouterr().out.strip().split("\n")[-1]
        assert last.startswith(f"ipywidgets {state}, so sliders and buttons cannot work. Cure: ")
        assert cure in last
    finding = doctor.check_widgets()
    assert not finding.ok and state in finding.text and "Power off" in finding.fix


NO_WIDGETS = """
import sys

sys.modules["ipywidgets"] = None
from lstm_kernels import model
from lstm_kernels.lab import widgets
from lstm_kernels.lab.widgets import base, gate_playground, race, thread_map

base.display = lambda shown, **_: print("shown:", type(shown).__name__)
board = thread_map.ThreadMap(N=1000, threads=32)
widgets.show(board, board.picture())
board = race.Race(batch_size=2, H=4, T=2, versions=("sequential", "numpy_batched"), budget=0)
board.versus.batch.value = 3
board.run()
assert [w.batch_size for _, (w, _) in board.versus.results] == [3]
assert all(row.timing for row in board.versus.results[0][1][1])
widgets.show(board, board.picture())
gates = gate_playground.GatePlayground(model.init_params(1, 4, 1), range(9), range(9), unit=1)
gates.set_offsets(i=0, f=8, o=0)
assert gates.offsets() == (0, 8, 0)
widgets.show(gates, gates.picture())
"""


def test_a_lesson_without_widgets_goes_on_with_their_pictures(tmp_path):
    lines = run_python(NO_WIDGETS, tmp_path).strip().split("\n")
    assert lines[1::2] == ["shown: Picture"] * 3
    for line in lines[0::2]:
        assert line.startswith("ipywidgets ") and "so sliders and buttons cannot work." in line
        assert "-m pip install --upgrade ipywidgets; then restart the kernel." in line


def test_what_stands_in_for_ipywidgets_has_all_that_is_used():
    from lstm_kernels.lab.widgets import still

    folder = ROOT / "lstm_kernels" / "lab" / "widgets"
    texts = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    used = set(re.findall(r"\bipywidgets\.(\w+)", texts))
    assert len(used) > 10 and used <= set(vars(still))


@pytest.mark.parametrize("version, told", [("7.7.1", False), ("8.1.5", True)])
def test_colab_and_kaggle_widgets(version, told, at, installed):
    """Colab's page is made for version 7; Kaggle's knows both."""
    installed(ipywidgets=version)
    at("colab")
    assert bool(platforms.explain_no_widgets()) == told
    at("kaggle")
    assert platforms.explain_no_widgets() is None


def test_jupyterlab_without_its_widget_manager(at, installed):
    installed(jupyterlab="4.6.6", jupyterlab_widgets=None)
    wrong, cure = platforms.explain_no_widgets()
    assert "still pictures" in wrong
    assert cure.endswith("-m pip install jupyterlab_widgets; then reload the page")
    installed(jupyterlab=None)  # the page is VS Code's, or of another environment: not known
    assert platforms.explain_no_widgets() is None


def test_a_page_without_widgets_shows_the_picture(monkeypatch):
    """No page answers here: the widget is made all the same, and its twin lies beside it."""
    from lstm_kernels.lab.widgets import base, thread_map

    bundles = []
    monkeypatch.setattr(base, "display", lambda bundle, raw: bundles.append(bundle))
    board = thread_map.ThreadMap(N=59, threads=32)
    base.show(board, board.picture())
    (bundle,) = bundles
    assert bundle["image/png"].startswith(b"\x89PNG"), "a page without a widget manager"
    assert bundle["text/plain"].startswith("A live widget; run this cell"), "a terminal"


def test_every_saved_widget_has_its_picture():
    shown = 0
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code" and re.search(r"^(widgets\.)?show\(", cell.source, re.M):
                shown += 1
                assert any("image/png" in output.get("data", {}) for output in cell.outputs), path
    assert shown >= 12


def test_no_widget_needs_a_manager_of_its_own():
    """Core widgets only: Colab then needs no `enable_custom_widget_manager`."""
    import importlib
    import pkgutil

    import ipywidgets

    from lstm_kernels.lab import widgets

    for module in pkgutil.iter_modules(widgets.__path__, "lstm_kernels.lab.widgets."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, type) and issubclass(value, ipywidgets.Widget):
                assert value._model_module.default_value == "@jupyter-widgets/controls", value


# ---- a card -------------------------------------------------------------------------------


@pytest.mark.parametrize("count, first", [(1, ""), (2, " (the first of 2)")])
def test_the_line_of_a_working_card(count, first, monkeypatch, capsys):
    from types import SimpleNamespace

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


# ---- the set-up cell ----------------------------------------------------------------------

# An installed course must not be found by these processes.
HIDE = f"""
import sys
root = {str(ROOT)!r}
sys.path[:] = [p for p in sys.path if p.rstrip("/\\\\") != root]
sys.meta_path[:] = [f for f in sys.meta_path if "editable" not in getattr(f, "__module__", "")]
sys.path_hooks[:] = [h for h in sys.path_hooks if "editable" not in getattr(h, "__module__", "")]
"""
FAKE_DEVICE = "def introduce():\n    print('found in', __file__)\n"
OFFLINE = {f"{kind}_proxy": "http://127.0.0.1:9" for kind in ("http", "https", "all")}


def make_course(folder):
    """A stand-in for the package: its device says where it is."""
    device = folder / "lstm_kernels" / "machine" / "device.py"
    device.parent.mkdir(parents=True)
    for package in device.parents[:2]:
        (package / "__init__.py").write_text("", encoding="utf-8")
    device.write_text(FAKE_DEVICE, encoding="utf-8")
    return device


def run_setup(folder, then="", **environment):
    """Run the set-up cell, then more code, in this folder: no course installed, no network."""
    folder.mkdir(parents=True, exist_ok=True)
    code = HIDE + stamp.setup_cell(*stamp.read_settings()) + "\n" + then
    settings = folder.parent / "no.gitconfig"
    environment = {"GIT_CONFIG_GLOBAL": str(settings), **OFFLINE, **environment}
    return run_python(code, folder, PYTHONPATH="", **environment)


def test_setup_finds_the_checkout_above(tmp_path):
    file = make_course(tmp_path)
    for folder in ("notebooks", "notebooks/solutions"):
        assert run_setup(tmp_path / folder) == f"found in {file}\n"


@pytest.mark.parametrize(
    "place",
    [
        "input/parallel-lstm",
        "input/datasets/me/parallel-lstm",
        "input/a/b/c",
        "usr/lib/my-script",  # a utility script's output
        "usr/lib/notebooks/me/my-script",
    ],
)
def test_setup_finds_what_kaggle_adds(tmp_path, place):
    file = make_course(tmp_path / place)
    assert run_setup(tmp_path / "working") == f"found in {file}\n"


def test_setup_prefers_what_is_installed(tmp_path):
    installed = make_course(tmp_path / "site")
    make_course(tmp_path / "input" / "parallel-lstm")
    code = HIDE + f"sys.path.append({str(tmp_path / 'site')!r})\n"
    code += stamp.setup_cell(*stamp.read_settings())
    (tmp_path / "working").mkdir()
    assert run_python(code, tmp_path / "working", PYTHONPATH="") == f"found in {installed}\n"


def git(*arguments, folder):
    who = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def origin(tmp_path):
    """A repository in place of GitHub's, with the stamped tag and a later version: its settings."""
    repository, tag = stamp.read_settings()
    folder = tmp_path / "origin"
    file = make_course(folder)
    git("init", "--quiet", folder=folder)
    git("add", ".", folder=folder)
    git("commit", "--quiet", "-m", "tagged", folder=folder)
    git("tag", tag, folder=folder)
    file.write_text("raise SystemExit('a later version')", encoding="utf-8")
    git("commit", "--quiet", "-am", "later", folder=folder)
    settings = tmp_path / "gitconfig"
    address = f"https://github.com/{repository}"
    settings.write_text(f'[url "{folder.as_uri()}"]\n\tinsteadOf = {address}\n', encoding="utf-8")
    return {"GIT_CONFIG_GLOBAL": str(settings)}


def fetched_into(folder):
    tag = stamp.read_settings()[1]
    return folder / f"parallel-lstm-{tag}" / "lstm_kernels" / "machine" / "device.py"


def test_setup_fetches_the_tagged_version_once(tmp_path, origin):
    content = tmp_path / "content"
    found = f"found in {fetched_into(content)}\n"
    assert run_setup(content, **origin) == found
    assert run_setup(content) == found, "the second time no network is needed"
    cell = stamp.setup_cell(*stamp.read_settings())
    assert run_setup(content, then=cell) == 2 * found, "the cell runs twice in one session"


def test_setup_does_not_take_another_version_that_lies_there(tmp_path, origin):
    """A session that has opened a lesson of another version before."""
    content = tmp_path / "content"
    for name in ("parallel-lstm", "parallel-lstm-v0.0.9"):
        make_course(content / name)
    assert run_setup(content, **origin) == f"found in {fetched_into(content)}\n"


def test_setup_without_the_tag_or_the_repository(tmp_path, origin):
    """Not public yet, or the tag is not pushed: the learner reads where to look."""
    tag = stamp.read_settings()[1]
    git("tag", "-d", tag, folder=tmp_path / "origin")
    printed = run_setup(tmp_path / "content", **origin)
    assert printed.startswith("The course could not be fetched: ")
    assert f"Remote branch {tag} not found" in printed
    assert f"must be public and have a version {tag}." in printed
    assert "Traceback" not in printed
    assert not fetched_into(tmp_path / "content").exists(), "the next try fetches again"


def test_setup_fetches_again_what_was_fetched_by_half(tmp_path, origin):
    """The session ended while git was fetching."""
    content = tmp_path / "content"
    folder = fetched_into(content).parents[2]
    make_course(folder).write_text("raise SystemExit('half of it')", encoding="utf-8")
    (folder / ".git").mkdir()
    (folder / ".git" / "index.lock").touch()  # git writes the files first, then its index
    assert run_setup(content, **origin) == f"found in {fetched_into(content)}\n"


def test_setup_deletes_nothing_that_it_did_not_fetch(tmp_path, origin):
    mine = fetched_into(tmp_path / "content").parents[2] / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("my notes", encoding="utf-8")
    printed = run_setup(tmp_path / "content", **origin)
    assert f"'{mine.parent}' already exists" in printed and "Traceback" not in printed
    assert mine.read_text(encoding="utf-8") == "my notes"


def test_setup_without_internet_says_what_to_click(tmp_path):
    printed = run_setup(tmp_path / "working")
    assert printed.startswith("The course could not be fetched: fatal: ")
    assert "Kaggle: Settings > Turn on internet (first verify your phone number" in printed
    assert "or File > Add input > parallel-lstm." in printed
    assert "Traceback" not in printed


def test_setup_gives_up_on_a_network_that_does_not_answer(tmp_path):
    """A host that takes the call and then says nothing."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        cell = stamp.setup_cell(*stamp.read_settings())
        assert "timeout=120)" in cell
        code = HIDE + cell.replace("timeout=120)", "timeout=1)")
        proxies = dict.fromkeys(OFFLINE, address)
        printed = run_python(code, tmp_path, PYTHONPATH="", **proxies)
    assert "could not be fetched: two minutes were too short. Look at the network, and" in printed
    assert "Turn on internet" in printed and "Traceback" not in printed


def test_setup_without_git_says_so(tmp_path):
    printed = run_setup(tmp_path / "working", PATH=str(tmp_path))
    assert printed.startswith("The course could not be fetched: git is not installed.")
    assert "clone or unpack the course" in printed
    assert "Traceback" not in printed


# ---- the data set for Kaggle --------------------------------------------------------------


def test_the_kaggle_data_set_is_complete(tmp_path, capsys):
    folder = tmp_path / "input" / "parallel-lstm"
    assert kaggle_dataset.main(["build", str(folder), "--owner", "me"]) == 0
    asked = json.loads((folder / "dataset-metadata.json").read_text(encoding="utf-8"))
    assert asked["id"] == "me/parallel-lstm" and 6 <= len(asked["title"]) <= 50
    assert not list(folder.rglob("__pycache__"))
    child = "import subprocess\nsubprocess.run([sys.executable, '-m', 'lstm_kernels', '-h'])"
    printed = run_setup(tmp_path / "working", then=child, LSTM_KERNELS_TARGET="emulator")
    assert "kernels run compiled on this CPU" in printed, printed
    assert "doctor" in printed, "a process that the notebook starts finds the package too"
    with pytest.raises(SystemExit, match="is not empty"):
        kaggle_dataset.main(["build", str(folder), "--owner", "me"])
    with pytest.raises(SystemExit):
        kaggle_dataset.main(["build", str(tmp_path / "other")])
    assert "required: --owner" in capsys.readouterr().err


# ---- the stamp ----------------------------------------------------------------------------


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A small checkout with one lesson, its solutions and a README, as authors leave them."""
    new = nbformat.v4
    lesson = new.new_notebook(
        cells=[
            new.new_markdown_cell("# 03 Sequential: train it\n\nPrevious: 01\n\nText."),
            new.new_code_cell(stamp.FIRST_SETUP),
            new.new_markdown_cell("## The idea"),
            new.new_code_cell("1 + 1"),
            new.new_markdown_cell("What it means."),
            new.new_markdown_cell("### A part"),
        ]
    )
    solutions = new.new_notebook(
        cells=[
            new.new_markdown_cell("# Solutions of lesson 03\n\nBack."),
            new.new_code_cell(stamp.FIRST_SETUP),
        ]
    )
    (tmp_path / "notebooks" / "solutions").mkdir(parents=True)
    nbformat.write(lesson, tmp_path / "notebooks" / "03_sequential.ipynb")
    nbformat.write(solutions, tmp_path / "notebooks" / "solutions" / "03_solutions.ipynb")
    readme = "| [03 Sequential](notebooks/03_sequential.ipynb) | How slow? | 45 |\n"
    (tmp_path / "README.md").write_text(readme, encoding="utf-8")
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(settings, encoding="utf-8")
    for module in (stamp, notebooks):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(stamp, "SETTINGS", tmp_path / "pyproject.toml")
    monkeypatch.setattr(notebooks, "README", tmp_path / "README.md")
    return tmp_path


def texts(folder):
    return {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_stamp_brings_all_in_step_and_a_second_one_changes_nothing(checkout, capsys):
    notebooks.main(["stamp", "--repository", "me/my-fork", "--tag", "main"])
    after = texts(checkout)
    assert notebooks.is_stamped(checkout / "notebooks" / "03_sequential.ipynb")
    notebooks.main(["stamp"])
    assert texts(checkout) == after
    lesson = nbformat.read(checkout / "notebooks" / "03_sequential.ipynb", as_version=4)
    title, _, badges, _, previous, *_ = lesson.cells[0].source.split("\n")
    assert title == "# 03 · Sequential: train it" and previous == "Previous: 01"
    path = "me/my-fork/blob/main/notebooks/03_sequential.ipynb"
    assert f"(https://colab.research.google.com/github/{path})" in badges
    assert f"(https://kaggle.com/kernels/welcome?src=https://github.com/{path})" in badges
    assert badges in (checkout / "README.md").read_text(encoding="utf-8")
    assert 'URL = "https://github.com/me/my-fork"\nTAG = "main"' in lesson.cells[1].source
    assert lesson.metadata.accelerator == "GPU" and lesson.metadata.colab.gpuType == "T4"
    assert lesson.metadata.kaggle.isGpuEnabled and lesson.metadata.kaggle.isInternetEnabled
    slides = [cell.metadata.slideshow.slide_type for cell in lesson.cells]
    assert slides == ["slide", "skip", "slide", "fragment", "subslide", "subslide"]
    solved = checkout / "notebooks" / "solutions" / "03_solutions.ipynb"
    first = nbformat.read(solved, as_version=4).cells[0].source
    assert first.startswith("# Solutions to 03 · Sequential\n")


def test_the_check_finds_what_is_not_stamped(checkout, capsys):
    assert notebooks.main(["check"]) == 1
    printed = capsys.readouterr().out
    assert printed.count("not stamped") == 3  # two notebooks and the README


def test_the_check_finds_a_lesson_that_the_readme_does_not_have(checkout, capsys):
    notebooks.main(["stamp"])
    assert "its table has no" not in capsys.readouterr().out
    folder = checkout / "notebooks"
    (folder / "04_numpy.ipynb").write_bytes((folder / "03_sequential.ipynb").read_bytes())
    assert notebooks.main(["check"]) == 1
    assert "README.md: its table has no 04_numpy.ipynb" in capsys.readouterr().out


def test_another_first_cell_is_refused(checkout):
    path = checkout / "notebooks" / "03_sequential.ipynb"
    lesson = nbformat.read(path, as_version=4)
    lesson.cells[1].source = "import numpy"
    nbformat.write(lesson, path)
    with pytest.raises(SystemExit, match="is not the set-up cell"):
        notebooks.main(["stamp"])
    with pytest.raises(SystemExit, match="write OWNER/NAME"):
        notebooks.main(["stamp", "--repository", "https://github.com/me/my-fork"])


def test_a_long_address_keeps_the_cell_in_style():
    for line in stamp.setup_cell("o" * 39 + "/" + "n" * 30, "v0.1.0").split("\n"):
        assert len(line) <= 100
