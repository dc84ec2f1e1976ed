"""What is here, does it work, and if not, what cures it.  `python -m lstm_kernels doctor`."""

import platform
from typing import NamedTuple

from lstm_kernels.machine import device
from lstm_kernels.machine.platforms import (
    INSTALL,
    INSTALL_GPU,
    explain,
    explain_driver,
    explain_no_card,
    explain_no_widgets,
    explain_python,
    install,
    load_driver,
    package_version,
)

PACKAGES = ("numpy", "numba", "numba-cuda", "llvmlite", "matplotlib", "ipywidgets",
            "jupyterlab", "nbval", "torch")  # fmt: skip


class Finding(NamedTuple):
    """One check's result; `fix` is the exact thing to do when it is not ok."""

    ok: bool
    text: str
    fix: str = ""


def check_python():
    """`import lstm_kernels` has refused one that is too old."""
    text = f"Python {platform.python_version()} on {platform.platform()}"
    return Finding(True, f"{text} (newer than the course's tests)" if explain_python() else text)


def check_cpu():
    return Finding(True, f"CPU: {device.describe_cpu()}")


def check_gpu():
    """A card is no duty: without one this is information, not a failure."""
    count = device.count_gpus()
    if wrong := explain_driver():
        return Finding(False, f"GPU: {wrong[0]}", wrong[1])
    if count == 0:
        what = "the driver shows no card (nvidia-smi)" if load_driver() else "no driver here"
        text = f"GPU: {what}; the emulator runs the kernels"
        return Finding(True, "\n    ".join(filter(None, (text, explain_no_card()))))
    if device.WHY_NO_GPU is not None:
        known = explain(device.WHY_NO_GPU)
        text = f"GPU: {count} here, but numba.cuda cannot be used: {device.WHY_NO_GPU}"
        return Finding(False, text, known.cure() if known else install(INSTALL_GPU))
    return Finding(True, f"GPU: {count} here, the course uses the first")


def check_packages():
    for name in PACKAGES:
        version = package_version(name)
        if version:
            yield Finding(True, f"{name} {version}")
        else:
            needed = name in ("numpy", "numba", "matplotlib")
            text = f"{name} is not installed" + ("" if needed else " (not needed to go on)")
            yield Finding(not needed, text, install(INSTALL))


def check_widgets():
    """Can sliders and buttons work?  As far as a process without a page can tell."""
    wrong = explain_no_widgets()
    return Finding(False, *wrong) if wrong else Finding(True, "Sliders and buttons can work")


def check_cache():
    """Can compiled kernels be kept?  Without that all is right, and each start takes longer."""
    from lstm_kernels.emulator import cache

    cache.try_to_write()
    for problem in cache.problems:
        yield Finding(False, f"Cache: {problem.text}", problem.cure)
    if damaged := cache.damaged_files():
        text = f"Cache: {len(damaged)} damaged files, the first is {damaged[0]}; they are not used"
        yield Finding(False, text, f"delete the folder {cache.folder()}; it is made anew")
    elif not cache.problems:
        yield Finding(True, f"Cache: compiled kernels are kept in {cache.folder()}")


def check_kernel():
    """Compile and run a one-line kernel, and look at what it wrote."""
    try:
        numbers = device.run_probe()
    except Exception as error:  # the doctor's work is to explain it, whatever it is
        known = explain(error)
        text = f"Probe kernel: {type(error).__name__}: {error}"
        if known is None:
            return Finding(False, text, "report it with this page's whole text")
        return Finding(False, f"{text}\n  That means: {known.meaning}.", known.cure())
    right = device.is_right(numbers)
    fix = "report it with this page's whole text"
    return Finding(right, f"Probe kernel: {'ran, its result is right' if right else numbers}", fix)


def examine():
    """All findings, in the order in which they are printed."""
    yield check_python()
    yield check_cpu()
    yield check_gpu()
    yield from check_packages()
    yield check_widgets()
    yield Finding(True, device.describe())
    if device.TARGET != "compiler":
        yield check_kernel()
    yield from check_cache()


def main():
    """Print every finding; returns 0 if all is well, else 1."""
    healthy = True
    for finding in examine():
        print(f"{'ok ' if finding.ok else '-->'} {finding.text}")
        if not finding.ok:
            healthy = False
            print(f"    cure: {finding.fix}")
    print("\nAll is well." if healthy else "\nSomething needs a cure: see the lines with -->.")
    return 0 if healthy else 1
