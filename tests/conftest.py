"""What the tests share: random problems, PyTorch, faked platforms, the compiler, the driver."""

import os
import signal
import sys
from dataclasses import replace

import pytest
from hypothesis import settings

from lstm_kernels.cluster import engine
from lstm_kernels.lab.estimates import compile_report
from lstm_kernels.machine.platforms import ROOT
from tests import driver
from tests.failures import PLATFORMS
from tests.problems import random_problem

sys.path.insert(0, str(ROOT / ".ci"))  # for tests of what lies there: stamp.py, notebooks.py, ...
settings.register_profile("course", deadline=None)  # a busy machine is no error
settings.load_profile("course")


LONG = "LSTM_KERNELS_LONG"


def pytest_collection_modifyitems(items):
    """What takes long is left to those who ask for it: CI does."""
    if LONG not in os.environ:
        skip = pytest.mark.skip(reason=f"it takes long: set {LONG}=1, as CI does")
        for item in items:
            if item.get_closest_marker("long"):
                item.add_marker(skip)


@pytest.fixture(autouse=True)
def nothing_kept():
    """What one test leaves on the device, made for its own settings, no other finds."""
    yield
    if device := sys.modules.get("lstm_kernels.machine.device"):  # some tests load none
        device.release_memory()


@pytest.fixture
def ctrl_c():
    """Ctrl-C is heard, though pytest was started in the background and ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def problem():
    """problem(T, N, D, H, O, dtype, seed) -> params, x, y."""
    return random_problem


@pytest.fixture
def pretend_card(monkeypatch):
    """pretend_card(MULTIPROCESSOR_COUNT=132, ...): the emulator plays a card with these limits."""

    from lstm_kernels.emulator import card, host
    from lstm_kernels.machine import device

    if device.TARGET != "emulator":
        pytest.skip("a card is what it is")

    def pretend(**limits):
        for module in (card, host):
            monkeypatch.setattr(module, "CARD", replace(card.Card(), **limits))

    return pretend


@pytest.fixture
def data(problem):
    """Parameters, and ten windows to train them on."""
    return problem(4, 10, 1, 5, 1)


@pytest.fixture(scope="session")
def torch():
    """PyTorch; CI sets LSTM_KERNELS_REQUIRE_TORCH, so that there it cannot be missing."""
    if os.environ.get("LSTM_KERNELS_REQUIRE_TORCH"):
        import torch
    else:
        torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")
    return torch


@pytest.fixture(scope="session")
def dask():
    """Dask distributed; CI sets LSTM_KERNELS_REQUIRE_DASK, so that there it cannot be missing."""
    if os.environ.get("LSTM_KERNELS_REQUIRE_DASK"):
        import distributed
    else:
        distributed = pytest.importorskip("distributed", reason=engine.INSTALL)
    return distributed


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


@pytest.fixture(scope="session")
def compiler():
    """Skips where there is no CUDA compiler; CI sets LSTM_KERNELS_REQUIRE_COMPILER."""
    if compile_report.find_ptxas() is None and not os.environ.get("LSTM_KERNELS_REQUIRE_COMPILER"):
        pytest.skip(f"the CUDA compiler is not installed: {compile_report.INSTALL}")


@pytest.fixture(scope="session")
def driver_folder(tmp_path_factory):
    """The folder with the stand-in driver."""
    lacking = driver.missing(compiler=False)
    if lacking and not os.environ.get("LSTM_KERNELS_REQUIRE_COMPILER"):
        pytest.skip(lacking)
    folder = tmp_path_factory.mktemp("driver")
    driver.build(folder)
    return folder
