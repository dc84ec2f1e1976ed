"""Colab, Kaggle, your own machine: the set-up cell, every known failure, and the stamp.

Each failure is tested by faking its cause, in a process of its own: the course must start all the
same, with the emulator, and name the cure.
"""

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import nbformat
import pytest

from lstm_kernels import device, doctor, platforms

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
from lstm_kernels import device
device.introduce()
assert device.is_right(device.run_probe())
print("target:", device.TARGET)
"""

FAILURES = {  # the error's text, what the meaning says, the cure at home, on Colab, on Kaggle
    "driver older than the toolkit": (
        "CUDA_ERROR_UNSUPPORTED_PTX_VERSION: the provided PTX was compiled with an unsupported "
        "toolchain.",
        "newer than this machine's driver",
        "update the NVIDIA driver",
        '%pip install "cuda-toolkit[cudart,nvcc,nvrtc]==12.4.*" and then Runtime > Restart session',
        '%pip install "cuda-toolkit[cudart,nvcc,nvrtc]==12.4.*" and then Run > Restart',
    ),
    "NVVM is missing": (
        "NvvmSupportError: libNVVM cannot be found.",
        "(NVVM) is missing",
        "pip install -r requirements-gpu.txt",
        '%pip install "numba-cuda[cu12]==',
        '%pip install "numba-cuda[cu12]==',
    ),
    "NVRTC is missing": (
        'DynamicLibNotFoundError: Failure finding "libnvrtc.so"',
        "(NVRTC) is missing",
        "pip install -r requirements-gpu.txt",
        "Runtime > Restart session",
        "Run > Restart",
    ),
    "numba and numba-cuda do not fit": (
        "cannot import name 'types' from 'numba.core'",
        "does not fit together",
        "pip install numba==0.68.1 numba-cuda==0.30.4",
        "Runtime > Disconnect and delete runtime",
        "Run > Power off",
    ),
    "P100 and NVRTC 13": (
        "Device compute capability 6.0 is less than the minimum supported by NVRTC 13.0.",
        "no longer knows a card as old as this one",
        "pip install -r requirements-gpu.txt",
        "Runtime > Change runtime type > T4 GPU",
        "Settings > Accelerator > GPU T4 x2",
    ),
    "P100 and NVVM 13": (
        "NVVM_ERROR_INVALID_OPTION: libnvvm : error: -arch=compute_60 is an unsupported option",
        "no longer knows a card as old as this one",
        "pip install -r requirements-gpu.txt",
        "Runtime > Change runtime type > T4 GPU",
        "Settings > Accelerator > GPU T4 x2",
    ),
    "the card's memory is full": (
        "CUDA_ERROR_OUT_OF_MEMORY: out of memory",
        "memory is full",
        "shut down the other notebooks' kernels",
        "Runtime > Restart session",
        "Run > Restart",
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_each_failure_is_explained_and_the_course_goes_on(name, tmp_path):
    message, meaning, *_, kaggle = FAILURES[name]
    code = FAKE.format(raises=f"raise RuntimeError({message!r})")
    there = {"LSTM_KERNELS_TARGET": "gpu", PLATFORMS["kaggle"]: "Interactive"}
    printed = run_python(code, tmp_path, **there)
    assert "target: emulator" in printed, printed
    assert "A GPU is here, but it cannot be used; the emulator runs the kernels" in printed
    line = next(line for line in printed.split("\n") if line.startswith("Why: "))
    assert meaning in line and kaggle in line


@pytest.mark.parametrize("name", FAILURES)
def test_each_platform_has_its_own_cure(name, at, monkeypatch):
    monkeypatch.setattr(platforms, "driver_version", lambda: "12.4")
    message, meaning, local, colab, kaggle = FAILURES[name]
    known = platforms.explain(RuntimeError(message))
    assert meaning in known.meaning
    for place, words in (("local", local), ("colab", colab), ("kaggle", kaggle)):
        at(place)
        assert words in known.cure(), place


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


def test_colab_without_a_gpu_runtime(at, monkeypatch):
    at("colab")
    fake_colab(monkeypatch, asking(None))
    advice = platforms.explain_no_card()
    assert advice == f"For a GPU: {platforms.COLAB_GPU}."
    assert "Runtime > Change runtime type > T4 GPU" in advice


def test_colab_over_its_limit(at, monkeypatch):
    at("colab")
    fake_colab(monkeypatch, asking("GPU"))
    advice = platforms.explain_no_card()
    assert "asks for a GPU" in advice and "usage limit" in advice
    assert "Change runtime type" not in advice


@pytest.mark.parametrize("answer", [None, {}, MessageError("unknown request")])
def test_colab_that_does_not_tell_gets_both(at, monkeypatch, answer):
    at("colab")
    fake_colab(monkeypatch, answer)
    advice = platforms.explain_no_card()
    assert "Change runtime type" in advice and "usage limit" in advice


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


def test_a_lesson_without_widgets_stops_with_the_cure(tmp_path):
    code = "import sys\nsys.modules['ipywidgets'] = None\nfrom lstm_kernels import widgets"
    lines = run_python(code, tmp_path).strip().split("\n")
    assert lines[-1].startswith("ImportError: ipywidgets ") and "Cure: " in lines[-1]
    assert "During handling" not in "\n".join(lines)


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
    assert "still pictures" in wrong and cure.startswith("pip install jupyterlab_widgets")
    installed(jupyterlab=None)  # the page is VS Code's, or of another environment: not known
    assert platforms.explain_no_widgets() is None


def test_a_page_without_widgets_shows_the_picture(monkeypatch):
    """No page answers here: the widget is made all the same, and its twin lies beside it."""
    from lstm_kernels.widgets import base, thread_map

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

    from lstm_kernels import widgets

    for module in pkgutil.iter_modules(widgets.__path__, "lstm_kernels.widgets."):
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
    package = folder / "lstm_kernels"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("", encoding="utf-8")
    (package / "device.py").write_text(FAKE_DEVICE, encoding="utf-8")
    return package / "device.py"


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


@pytest.mark.parametrize("place", ["parallel-lstm", "datasets/me/parallel-lstm", "a/b/c"])
def test_setup_finds_a_kaggle_input(tmp_path, place):
    file = make_course(tmp_path / "input" / place)
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


def test_setup_fetches_the_tagged_version_once(tmp_path):
    repository, tag = stamp.read_settings()
    origin = tmp_path / "origin"
    file = make_course(origin)
    git("init", "--quiet", folder=origin)
    git("add", ".", folder=origin)
    git("commit", "--quiet", "-m", "tagged", folder=origin)
    git("tag", tag, folder=origin)
    file.write_text("raise SystemExit('a later version')", encoding="utf-8")
    git("commit", "--quiet", "-am", "later", folder=origin)
    settings = tmp_path / "gitconfig"
    address = f"https://github.com/{repository}"
    settings.write_text(f'[url "{origin.as_uri()}"]\n\tinsteadOf = {address}\n', encoding="utf-8")
    content = tmp_path / "content"
    fetched = content / "parallel-lstm" / "lstm_kernels" / "device.py"
    printed = run_setup(content, GIT_CONFIG_GLOBAL=str(settings))
    assert printed == f"found in {fetched}\n"
    assert run_setup(content) == f"found in {fetched}\n", "the second time no network is needed"


def test_setup_without_internet_says_what_to_click(tmp_path):
    printed = run_setup(tmp_path / "working")
    assert printed.startswith("The course could not be fetched: fatal: ")
    assert "Kaggle: Settings > Turn on internet; or File > Add input > parallel-lstm." in printed
    assert "Traceback" not in printed


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
        kaggle_dataset.main(["build", str(folder)])


# ---- the stamp ----------------------------------------------------------------------------


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A small checkout with one lesson, its solutions and a README, as authors leave them."""
    new = nbformat.v4
    lesson = new.new_notebook(
        cells=[
            new.new_markdown_cell("# 02 Sequential: train it\n\nPrevious: 01\n\nText."),
            new.new_code_cell(stamp.FIRST_SETUP),
            new.new_markdown_cell("## The idea"),
            new.new_code_cell("1 + 1"),
            new.new_markdown_cell("What it means."),
            new.new_markdown_cell("### A part"),
        ]
    )
    solutions = new.new_notebook(
        cells=[
            new.new_markdown_cell("# Solutions of lesson 02\n\nBack."),
            new.new_code_cell(stamp.FIRST_SETUP),
        ]
    )
    (tmp_path / "notebooks" / "solutions").mkdir(parents=True)
    nbformat.write(lesson, tmp_path / "notebooks" / "02_sequential.ipynb")
    nbformat.write(solutions, tmp_path / "notebooks" / "solutions" / "02_solutions.ipynb")
    readme = "| [02 Sequential](notebooks/02_sequential.ipynb) | How slow? | 45 |\n"
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
    assert notebooks.is_stamped(checkout / "notebooks" / "02_sequential.ipynb")
    notebooks.main(["stamp"])
    assert texts(checkout) == after
    lesson = nbformat.read(checkout / "notebooks" / "02_sequential.ipynb", as_version=4)
    title, _, badges, _, previous, *_ = lesson.cells[0].source.split("\n")
    assert title == "# 02 · Sequential: train it" and previous == "Previous: 01"
    path = "me/my-fork/blob/main/notebooks/02_sequential.ipynb"
    assert f"(https://colab.research.google.com/github/{path})" in badges
    assert f"(https://kaggle.com/kernels/welcome?src=https://github.com/{path})" in badges
    assert badges in (checkout / "README.md").read_text(encoding="utf-8")
    assert 'URL = "https://github.com/me/my-fork"\nTAG = "main"' in lesson.cells[1].source
    assert lesson.metadata.accelerator == "GPU" and lesson.metadata.colab.gpuType == "T4"
    assert lesson.metadata.kaggle.isGpuEnabled and lesson.metadata.kaggle.isInternetEnabled
    slides = [cell.metadata.slideshow.slide_type for cell in lesson.cells]
    assert slides == ["slide", "skip", "slide", "fragment", "subslide", "subslide"]
    solved = checkout / "notebooks" / "solutions" / "02_solutions.ipynb"
    first = nbformat.read(solved, as_version=4).cells[0].source
    assert first.startswith("# Solutions to 02 · Sequential\n")


def test_the_check_finds_what_is_not_stamped(checkout, capsys):
    assert notebooks.main(["check"]) == 1
    printed = capsys.readouterr().out
    assert printed.count("not stamped") == 3  # two notebooks and the README


def test_another_first_cell_is_refused(checkout):
    path = checkout / "notebooks" / "02_sequential.ipynb"
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
