"""Python in a process of its own, where nothing is imported yet and the environment is another.

So the tests see what a learner would see: with other settings, another driver, packages missing.
"""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numba
import pytest

from lstm_kernels.lab import apart

PACKAGES = Path(numba.__file__).parents[1]  # where this environment's packages are installed


def run_python(*arguments, settings=(), folder=None, python=sys.executable):
    """The finished process of `python ARGUMENTS`, in which the course is found.

    settings: {environment variable: value}, besides those of this process.
    """
    return subprocess.run(
        [python, *map(str, arguments)],
        cwd=folder,
        env=apart.environment({"PYTHONIOENCODING": "utf-8", **dict(settings)}),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=600,
    )


def output_of(code, folder, python=sys.executable, **settings):
    """What this code prints in a new process, errors included."""
    code = textwrap.dedent(code)
    done = run_python("-c", code, settings=settings, folder=folder, python=python)
    return done.stdout + done.stderr


def environment_without(folder, *hidden):
    """The Python of a virtual environment like this one, without some of its packages.

    Made of links in this folder.  hidden: patterns of what is left out, such as "*cuda*", or
    "cuda/core" for a part of a package.
    """
    if os.name == "nt" or sys.prefix == sys.base_prefix:
        pytest.skip("needs a virtual environment, and links to files")
    real = Path(sys.executable).resolve()
    python = folder / "bin" / "python"
    python.parent.mkdir()
    python.symlink_to(real)
    settings = f"home = {real.parent}\ninclude-system-site-packages = false\n"
    (folder / "pyvenv.cfg").write_text(settings, encoding="utf-8")
    packages = folder / "lib" / "python{}.{}".format(*sys.version_info) / "site-packages"
    _link_all_but([Path(pattern) for pattern in hidden], PACKAGES, packages)
    return str(python)


def _link_all_but(hidden, real, folder):
    folder.mkdir(parents=True)
    for entry in real.iterdir():
        patterns = [path for path in hidden if Path(entry.name).match(path.parts[0])]
        if not patterns:
            (folder / entry.name).symlink_to(entry)
        elif all(len(path.parts) > 1 for path in patterns):
            inside = [path.relative_to(path.parts[0]) for path in patterns]
            _link_all_but(inside, entry, folder / entry.name)
