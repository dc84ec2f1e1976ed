"""Where the course runs (Colab, Kaggle or your own machine), and the cure for each known failure.

Imports nothing else of the course, so that it can explain why the rest does not start.
"""

import ctypes
import importlib
import importlib.metadata
import os
import platform
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]  # the checkout, or the folder that was fetched
OLDEST, NEWEST = (3, 10), (3, 13)  # the versions of Python that the tests know (pyproject.toml)
INSTALL = "pip install -r requirements.txt"
INSTALL_GPU = "pip install -r requirements-gpu.txt"
RESTART = {"colab": "Runtime > Restart session", "kaggle": "Run > Restart & clear cell outputs"}
FRESH = {
    "colab": "Runtime > Disconnect and delete runtime, then Runtime > Run all",
    "kaggle": "Run > Power off, then run from the top",
}
COLAB_GPU = "Runtime > Change runtime type > T4 GPU > Save, then Runtime > Run all"
MANAGER = "jupyterlab_widgets"  # what opens the channel from JupyterLab's page to a widget
NEEDED = ("numpy", "numba", "llvmlite")  # the course cannot start without them
KAGGLE_GPU = "Settings > Accelerator > GPU T4 x2, then Run > Run all"


def where():
    """The platform: ``colab``, ``kaggle`` or ``local``."""
    if "KAGGLE_KERNEL_RUN_TYPE" in os.environ:  # first: Kaggle's image is made from Colab's
        return "kaggle"
    return "colab" if "COLAB_RELEASE_TAG" in os.environ else "local"


def tell_children():
    """Let processes that this one starts find the package too, wherever the set-up cell found it.

    So `!python -m lstm_kernels doctor` works in a cell, and measurements in a process of their own.
    """
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    if str(ROOT) not in paths:
        os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *paths])


# ---- the driver ---------------------------------------------------------------------------

SUCCESS, NO_DEVICE = 0, 100  # answers of the driver


def load_driver():
    """NVIDIA's driver library, or None where there is none.  Needs no Numba."""
    try:
        return ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return None


def driver_version():
    """The newest CUDA that the driver knows, such as "12.8"; None where there is no driver."""
    driver, version = load_driver(), ctypes.c_int(0)
    if driver is None or driver.cuDriverGetVersion(ctypes.byref(version)) != SUCCESS:
        return None
    return f"{version.value // 1000}.{version.value % 1000 // 10}"


def next_version(version):
    """After "12.4" comes "12.5": a driver of 12.4 knows every package below 12.5."""
    major, _, minor = version.partition(".")
    return f"{major}.{int(minor) + 1}"


def driver_error():
    """Why the driver does not start, such as "CUDA_ERROR_UNKNOWN (999)"; None if it starts.

    None also where there is no driver, or where all that it says is that there is no card.
    """
    driver = load_driver()
    if driver is None or (code := driver.cuInit(0)) in (SUCCESS, NO_DEVICE):
        return None
    return error_name(code)


def error_name(code):
    """The driver's name for one of its answers, such as "CUDA_ERROR_UNKNOWN (999)"."""
    name = ctypes.c_char_p()
    known = load_driver().cuGetErrorName(code, ctypes.byref(name)) == SUCCESS
    return f"{name.value.decode() if known else 'unknown error'} ({code})"


def package_version(name):
    """The installed version of a package; None if it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


# ---- where a cure is typed ----------------------------------------------------------------


def in_terminal(line, then="restart the kernel"):
    """On your own machine: `pip install ...` in this line for the Python that runs this."""
    python = f'"{sys.executable}"' if " " in sys.executable else sys.executable
    folder = f", in the folder {ROOT}" if " -r " in line else ""
    place = f"in a terminal{folder}: {python} -m "
    return f"{line.replace('pip install', place + 'pip install', 1)}; then {then}"


def install(line):
    """The cure of a package that is missing; a hosted platform brings back its own."""
    place = where()
    return in_terminal(line) if place == "local" else FRESH[place]


# ---- what can fail, and what cures it -----------------------------------------------------


class Failure(NamedTuple):
    """A known failure: words of its error message, what it means, and the cures.

    `fix` is for your own machine.  On Colab and Kaggle stands `hosted`: there a line must not
    replace the platform's numba and numba-cuda, so it names the versions that are there.
    """

    words: tuple  # all stand in the message (lower case); of a tuple among them, one
    meaning: str
    fix: str
    hosted: str = "{fresh}"

    def cure(self, place=None):
        """The exact line or menu path for this platform."""
        place = place or where()
        if place == "local":
            return in_terminal(self.fix) if "pip install" in self.fix else self.fix
        return self.hosted.format(
            restart=RESTART[place],
            fresh=FRESH[place],
            gpu=COLAB_GPU if place == "colab" else KAGGLE_GPU,
            too_new=next_version(driver_version() or "12.4"),
            numba_cuda=package_version("numba-cuda") or "0.22.2",
        )


_CELL = "in a new cell: %pip install {}; then delete that cell, {{restart}}, and Run all"
_COMPILER = _CELL.format('"numba-cuda[cu12]=={numba_cuda}"')
_OLDER = _CELL.format('"cuda-toolkit[cudart,nvcc,nvrtc,nvjitlink]<{too_new}"')
_PARTS = ("parts of the CUDA compiler have different versions", INSTALL_GPU, _OLDER)
_DRIVER = (
    "the CUDA compiler is newer than this machine's driver",
    f"update the NVIDIA driver, or use the CUDA 12 compiler: {INSTALL_GPU}",
    _OLDER,
)
_OLD_CARD = (
    "the CUDA compiler no longer knows a card as old as this one (P100, V100: CUDA 12 only)",
    INSTALL_GPU,
    "{gpu}",
)
_PAIR = (
    "this pair of numba and numba-cuda does not fit together",
    "pip install numba==0.68.1 numba-cuda==0.30.4",
    "{fresh} (it brings back the platform's own pair; install no other). If this message comes "
    "back, go on with the emulator",
)
_NEW_NUMPY = (
    "this NumPy is newer than numba-cuda knows",
    "pip install numpy==2.2.6",
    "{fresh} (it brings back the platform's own NumPy)",
)
_NUMPY = Failure(("numba needs numpy",), "numba and numpy do not fit together", INSTALL)
_LLVMLITE = Failure(("of llvmlite",), "numba and llvmlite do not fit together", INSTALL)
_BINDINGS = ("numba-cuda's bindings are missing or too old", INSTALL_GPU, _COMPILER)
_NO_DRIVER = (
    "NVIDIA's driver is not found",
    "install it (nvidia.com/drivers): `nvidia-smi` must list the card",
    "{gpu}",
)
_NO_START = (
    "NVIDIA's driver is here, but does not start",
    "restart the machine; if `nvidia-smi` then lists no card, install the driver afresh",
    "{fresh}",
)

_PART = "a part of the CUDA compiler"
# one of these stands where a part is not there; what the part itself complains of stays unknown
_LOST = (
    "not found", "be found", "to find", "finding", "missing", "cannot open", "not load",
    "not available",
)  # fmt: skip

FAILURES = (
    Failure(("nvjitlink", "unsupported .version"), *_PARTS),
    Failure(("need newer version of nvjitlink",), *_PARTS),
    Failure(("unsupported_ptx_version",), *_DRIVER),
    Failure(("unsupported .version",), *_DRIVER),
    Failure(("unsupported toolchain",), *_DRIVER),
    Failure(("driver version is insufficient",), *_DRIVER),
    Failure(("compute capability", "is not supported"), *_OLD_CARD),
    Failure(("compute capability", "less than the minimum"), *_OLD_CARD),
    Failure(("no kernel image",), *_OLD_CARD),
    Failure(("no_binary_for_gpu",), *_OLD_CARD),
    Failure(("invalid value for --gpu-architecture",), *_OLD_CARD),
    Failure(("unsupported gpu architecture",), *_OLD_CARD),
    Failure(("-arch=compute_", "unsupported"), *_OLD_CARD),
    Failure(("nvvm", _LOST), "the CUDA compiler (NVVM) is missing", INSTALL_GPU, _COMPILER),
    Failure(("libdevice", _LOST), "the CUDA compiler (NVVM) is missing", INSTALL_GPU, _COMPILER),
    Failure(("nvrtc", _LOST), f"{_PART} (NVRTC) is missing", INSTALL_GPU, _COMPILER),
    Failure(("nvjitlink", _LOST), f"{_PART} (nvJitLink) is missing", INSTALL_GPU, _COMPILER),
    Failure(("cudart", _LOST), "the CUDA runtime library is missing", INSTALL_GPU, _COMPILER),
    Failure(
        ("cuda_error_out_of_memory",),
        "the card's memory is full, perhaps from another notebook",
        "shut down the other notebooks' kernels, restart this one, use a smaller batch or H",
        "{restart}, then use a smaller batch or H",
    ),
    Failure(("no module named 'numba_cuda'",), "numba-cuda is not installed", INSTALL),
    Failure(("no module named 'cuda",), *_BINDINGS),
    Failure(("cuda python bindings not found",), *_BINDINGS),
    Failure(("cannot import name", "from 'cuda"), *_BINDINGS),
    _NUMPY,
    _LLVMLITE,
    Failure(("cannot import name", "numba"), *_PAIR),
    Failure(("no module named 'numba.",), *_PAIR),
    Failure(("module 'numpy", "has no attribute"), *_NEW_NUMPY),
    Failure(("has no attribute", "numba"), *_PAIR),
    Failure(
        ("cuda is disabled",), "NUMBA_DISABLE_CUDA is set", "unset it, then restart the kernel"
    ),
    Failure(("driver library", "found"), *_NO_DRIVER),
    Failure(("failed to dlopen libcuda",), *_NO_DRIVER),
    Failure(
        ("cuda_error_no_device",),
        "the driver is here and shows no card",
        "nvidia-smi must list a card: else look at its power, its seat and its driver",
        "{gpu}",
    ),
    Failure(
        ("cuda_error_system_driver_mismatch",),
        "the driver was updated, and its old half still runs",
        "restart the machine",
    ),
    Failure(
        ("cuda_error_compat_not_supported",),
        "a compatibility library stands before the card's own driver",
        "take the folder with `compat` in its name out of LD_LIBRARY_PATH",
    ),
    Failure(
        ("cuda_error_device_unavailable",),
        "another program holds the card for itself alone",
        "end the program that `nvidia-smi` names",
    ),
    Failure(("error at driver init",), *_NO_START),
)


def explain(error):
    """The Failure that fits this exception, or None if it is not a known one."""
    message = f"{type(error).__name__}: {error}".lower()
    return next((f for f in FAILURES if all(_says(message, word) for word in f.words)), None)


def _says(message, word):
    """Does this word, or one of these words, stand in the message?"""
    return any(one in message for one in ((word,) if isinstance(word, str) else word))


def explain_driver():
    """(what is wrong, the cure) where a driver is here and does not start; None where it does."""
    error = driver_error()
    if error is None:
        return None
    failure = explain(RuntimeError(f"Error at driver init: {error}"))
    return f"{failure.meaning}: {error}", failure.cure()


def explain_python():
    """What to tell where the course was not made for this Python; None where it was."""
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return None
    first, last = (".".join(map(str, version)) for version in (OLDEST, NEWEST))
    return (
        f"The course is made for Python {first} to {last}; this is {platform.python_version()}, "
        f"{sys.executable}. Cure: install Python {last} (python.org), make a new virtual "
        f"environment with it, and there: python -m {INSTALL}."
    )


def explain_import(error):
    """What to tell where the course itself cannot be imported; None for an unknown cause.

    The usual one: the notebook runs in another Python than the one that has the packages.
    """
    missing = isinstance(error, ModuleNotFoundError) and error.name in NEEDED
    if missing and (wrong := explain_python()):
        return wrong
    if missing:
        what = f"This Python, {sys.executable}, has no {error.name}, which the course needs."
    elif explain(error) in (_NUMPY, _LLVMLITE):
        what = " ".join(str(error).split())
    else:
        return None
    other = "Or choose the kernel of the environment where they are installed."
    return f"{what} Cure: {install(INSTALL)}. {other if where() == 'local' else ''}".strip()


# ---- a hosted notebook without a card -----------------------------------------------------


def colab_asks_for_gpu():
    """Does the open Colab notebook ask for a GPU?  None where Colab does not tell.

    Only the notebook's own process can ask its page; `!python -m lstm_kernels doctor` cannot.
    """
    try:
        from google.colab import _message
        from ipykernel.kernelapp import IPKernelApp
    except ImportError:
        return None
    if not IPKernelApp.initialized():
        return None
    try:
        answer = _message.blocking_request("get_ipynb", request="", timeout_sec=5)
    except _message.MessageError:  # the page answers that it cannot tell
        return None
    if not answer:
        return None
    return answer.get("ipynb", {}).get("metadata", {}).get("accelerator") == "GPU"


def explain_no_card():
    """What to do for a GPU; None on your own machine without one, where none is a duty.

    On Colab and Kaggle two causes: nobody asked for a GPU, or the free hours are used up.
    """
    place, hidden = where(), os.environ.get("CUDA_VISIBLE_DEVICES")
    if wrong := explain_driver():
        return "{}. Cure: {}.".format(*wrong)
    if hidden is not None and load_driver():
        return f"CUDA_VISIBLE_DEVICES is {hidden!r}, which hides the cards. Cure: unset it."
    if place == "kaggle":
        return (
            f"For a GPU: {KAGGLE_GPU}. If the menu is grey, verify your phone number "
            "(Settings of your account), or this week's GPU hours are used up."
        )
    if place == "local":
        return None
    limit = "its usage limit is reached: go on with the emulator, come back tomorrow, or take the "
    limit += "Kaggle badge at the top of this page."
    if colab_asks_for_gpu():
        return f"This notebook asks for a GPU, but Colab gave none. Probably {limit}"
    return f"For a GPU: {COLAB_GPU}. If Colab then gives none, {limit}"


# ---- sliders and buttons ------------------------------------------------------------------


def explain_no_widgets():
    """(what is wrong, the cure) where sliders and buttons cannot work; None if nothing is known.

    Whether the page itself has a widget manager, a kernel cannot see: there `widgets.show` leaves
    a still picture.
    """
    place, version = where(), package_version("ipywidgets")
    cure = install("pip install --upgrade ipywidgets")
    if place != "local":
        cure += " (it brings back the platform's own ipywidgets)"
    try:
        importlib.import_module("ipywidgets")
    except ImportError:
        state = f"{version} is too old or damaged" if version else "is not installed"
        return f"ipywidgets {state}, so sliders and buttons cannot work", cure
    except Exception as error:  # without a home, for example: here it is only told
        return f"ipywidgets does not start: {type(error).__name__}: {error}", cure
    if place == "colab" and version and int(version.split(".")[0]) > 7:
        return f"Colab's page knows ipywidgets 7, not {version}; if no sliders show, cure it", cure
    if place == "local" and package_version("jupyterlab") and not package_version(MANAGER):
        missing = f"JupyterLab lacks {MANAGER}, so it shows still pictures in place of sliders"
        return missing, in_terminal(f"pip install {MANAGER}", then="reload the page")
    return None
