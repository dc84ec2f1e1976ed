"""A program that meets a card: the real `numba.cuda` on a stand-in for the driver (tests/driver).

Needs Linux, gcc and the CUDA compiler.  CI sets LSTM_KERNELS_REQUIRE_COMPILER: there nothing may
be missing.
"""

import os

import pytest

from tests import driver
from tests.processes import run_python


@pytest.fixture
def run(compiler, driver_folder, tmp_path):
    """run(*arguments, **settings) -> the finished process of a Python that meets a card."""

    def run(*arguments, **settings):
        there = driver.environment(driver_folder, **settings)
        return run_python(*arguments, settings=there, folder=tmp_path)

    return run


# ---- a card that works --------------------------------------------------------------------


def test_all_checks_on_the_card(run):
    checks = str(driver.HERE / "card_checks.py")
    bare = "--disable-plugin-autoload", "-p", "no:cacheprovider", "-c", os.devnull
    done = run("-m", "pytest", "-q", *bare, checks)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout and "skipped" not in done.stdout


def test_the_judge_finds_our_answers_right_beside_a_card(run):
    tasks = str(driver.HERE.parent / "judge" / "test_tasks.py")
    bare = "--disable-plugin-autoload", "-p", "no:cacheprovider", "-c", os.devnull
    done = run("-m", "pytest", "-q", *bare, tasks, "-k", "test_ours_is_right and 08")
    assert done.returncode == 0, done.stdout
    assert "7 passed" in done.stdout


def test_the_doctor_says_that_all_is_well(run):
    done = run("-m", "lstm_kernels", "doctor")
    assert "ok  GPU: 1 here, the course uses the first" in done.stdout
    assert "ok  Stand-in T4, CUDA 12.8, numba-cuda" in done.stdout
    assert "ok  Probe kernel: ran, its result is right" in done.stdout


def test_of_two_cards_the_first_is_used_and_named(run):
    program = "from lstm_kernels.machine import device, doctor; device.introduce(); doctor.main()"
    done = run("-c", program, CARDS=2)
    assert done.stdout.startswith("Stand-in T4 (the first of 2), CUDA 12.8, numba-cuda ")
    assert "ok  GPU: 2 here, the course uses the first" in done.stdout


@pytest.mark.parametrize("cc", [60, 90])
def test_older_and_newer_cards(run, cc):
    program = (
        "from lstm_kernels.machine import device; print(device.TARGET, device.run_probe().sum())"
    )
    assert run("-c", program, CC=cc).stdout.split() == ["gpu", "2016"]


# ---- a card that cannot be used: the reason, the cure, and the course goes on ---------------

INTRODUCE_AND_GO_ON = """
import numpy as np
from lstm_kernels import VERSIONS, init_params
from lstm_kernels.machine import device
device.introduce()
x = np.ones((2, 3, 1), np.float32)
loss, _ = VERSIONS["cuda_v2"].gradients(init_params(1, 2, 1), x, x)
right, _ = VERSIONS["numpy_batched"].gradients(init_params(1, 2, 1), x, x)
print(device.TARGET, abs(loss - right) < 1e-5 * right)
"""
CANNOT_BE_USED = "A GPU is here, but it cannot be used; the emulator runs the kernels on this CPU."


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"LOAD_ERROR": 222}, "the CUDA compiler is newer than this machine's driver"),
        ({"LOAD_ERROR": 209}, "the CUDA compiler no longer knows a card as old as this one"),
        ({"CC": 35}, "the CUDA compiler no longer knows a card as old as this one"),
        ({"MEMORY": 0}, "the card's memory is full, perhaps from another notebook"),
    ],
)
def test_a_card_that_cannot_be_used(run, settings, why):
    lines = run("-c", INTRODUCE_AND_GO_ON, **settings).stdout.splitlines()
    assert lines[0].startswith(CANNOT_BE_USED)
    assert lines[1].startswith(f"Why: {why}") and "Cure: " in lines[1]
    assert lines[-1] == "emulator True"


@pytest.mark.parametrize("settings", [{"INIT_ERROR": 100}, {"CARDS": 0}])
def test_a_driver_without_a_card(run, settings):
    lines = run("-c", INTRODUCE_AND_GO_ON, **settings).stdout.splitlines()
    assert lines[0].startswith("No GPU here: kernels run compiled on this CPU")
    assert lines[-1] == "emulator True"


BATCH_TOO_LARGE = """
import numpy as np
from lstm_kernels import VERSIONS, init_params
x = np.ones((64, 4096, 1), np.float32)
VERSIONS["cuda_v3"].gradients(init_params(1, 8, 1), x, x)
"""


def test_a_batch_that_does_not_fit_is_named_before_anything_is_copied(run):
    done = run("-c", BATCH_TOO_LARGE, MEMORY=64)
    assert done.stderr.splitlines()[-1].startswith("MemoryError: a batch of N=4096 samples with T=")
    assert "the limit here is 64 MiB" in done.stderr


KERNEL_THAT_FAILS = """
import numpy as np
from lstm_kernels import cuda
@cuda.jit
def kernel(a):
    a[a.size] = 1
array = cuda.to_device(np.zeros(3))
kernel[1, 1](array)
print("launched")
array.copy_to_host()
"""


def test_a_kernel_that_fails_breaks_the_calls_that_follow(run, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(KERNEL_THAT_FAILS)
    done = run(str(program))
    assert "a[3] is outside a, whose shape is (3)" in done.stderr
    assert done.stdout == "launched\n", "a launch does not wait for its kernel"
    assert "LAUNCH_FAILED" in done.stderr.splitlines()[-1]
