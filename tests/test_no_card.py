"""No card is seen: at home that is no failure; on Colab and Kaggle the way to one is told.

A driver that does not start is told everywhere.
"""

import sys
from types import ModuleType, SimpleNamespace

import pytest
from ipykernel.kernelapp import IPKernelApp

from lstm_kernels.machine import device, doctor, platforms

# ---- at home ------------------------------------------------------------------------------


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


# ---- Colab and Kaggle ---------------------------------------------------------------------


class MessageError(Exception):
    """As Colab's own: the page answered with an error."""


def fake_colab(monkeypatch, answer, in_notebook=True):
    """A google.colab that answers so (or raises it) when asked for the open notebook."""

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
