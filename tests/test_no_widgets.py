"""Sliders and buttons that do not show: the reason is told, and a picture stands in their place."""

import importlib
import pkgutil
import re
import sys
from base64 import b64decode

import ipywidgets
import nbformat
import pytest

from lstm_kernels.lab import widgets
from lstm_kernels.lab.widgets import base, still, thread_map
from lstm_kernels.machine import device, doctor, platforms
from tests import PNG
from tests.processes import output_of

# ---- what is told -------------------------------------------------------------------------


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


# ---- the pictures -------------------------------------------------------------------------

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


@pytest.mark.long
def test_a_lesson_without_widgets_goes_on_with_their_pictures(tmp_path):
    lines = output_of(NO_WIDGETS, tmp_path).strip().split("\n")
    assert lines[1::2] == ["shown: Picture"] * 3
    for line in lines[0::2]:
        assert line.startswith("ipywidgets ") and "so sliders and buttons cannot work." in line
        assert "-m pip install --upgrade ipywidgets; then restart the kernel." in line


def test_what_stands_in_for_ipywidgets_has_all_that_is_used():
    folder = platforms.ROOT / "lstm_kernels" / "lab" / "widgets"
    texts = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    used = set(re.findall(r"\bipywidgets\.(\w+)", texts))
    assert len(used) > 10 and used <= set(vars(still))


def test_a_page_without_widgets_shows_the_picture(monkeypatch):
    """No page answers here: the widget is made all the same, and its twin lies beside it."""
    bundles = []
    keep = lambda bundle, metadata, raw: bundles.append((bundle, metadata))  # noqa: E731
    monkeypatch.setattr(base, "display", keep)
    board = thread_map.ThreadMap(N=59, threads=32)
    base.show(board, board.picture())
    ((bundle, metadata),) = bundles
    assert b64decode(bundle["image/png"]).startswith(PNG), "a page without a widget manager"
    assert bundle["text/plain"].startswith("A live widget; run this cell"), "a terminal"
    words = metadata["image/png"]["alt"]
    assert bundle["text/plain"].endswith(words) and words == board.image.tooltip, "who cannot see"


def test_every_saved_widget_has_its_picture():
    shown = 0
    for path in (platforms.ROOT / "notebooks").glob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code" and re.search(r"^(widgets\.)?show\(", cell.source, re.M):
                shown += 1
                assert any("image/png" in output.get("data", {}) for output in cell.outputs), path
    assert shown >= 12


def test_no_widget_needs_a_manager_of_its_own():
    """Core widgets only: Colab then needs no `enable_custom_widget_manager`."""
    for module in pkgutil.iter_modules(widgets.__path__, "lstm_kernels.lab.widgets."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, type) and issubclass(value, ipywidgets.Widget):
                assert value._model_module.default_value == "@jupyter-widgets/controls", value
