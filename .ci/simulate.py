"""A stand-in for Colab, and for Kaggle without internet: notebooks, and no checkout around them.

    python .ci/simulate.py colab [--only 00_ 07_] [--skip 1] [--python VENV/bin/python]
    python .ci/simulate.py kaggle [--only 00_ 07_] [--skip 1] [--python VENV/bin/python] [--solved]

The lessons in their edition to work in, notebooks/do/; with --solved, the course's answers are
pasted into all stubs, and the judge must call each of them right.  Colab: only the .ipynb in an
empty folder, Colab's package versions, a bare copy of this repository (what is committed) in place
of GitHub.  Kaggle: a working folder beside an input folder that holds the data set of
kaggle_dataset.py, no network at all; and once without the data set, where the set-up cell must say
what to click.  No GPU is here: the emulator runs the kernels.

On Colab also the cold start of 00 and 07: seconds from the set-up cell's start to the result of
the first kernel, with nothing cached; the clone comes from this disk, not over a network.  It is
the CPU's and the emulator's time, no GPU's.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / ".ci" / "requirements-colab.txt"
MARKS = {"colab": "COLAB_RELEASE_TAG", "kaggle": "KAGGLE_KERNEL_RUN_TYPE"}
ADVICE = {"colab": "Runtime > Change runtime type > T4 GPU", "kaggle": "Accelerator > GPU T4 x2"}
COLD = ("00_", "07_")
COLD_LIMIT = 60  # seconds: what notebook 00 promises
NO_NETWORK = {f"{kind}_proxy": "http://127.0.0.1:9" for kind in ("http", "https", "all")}
# Of the emulator; of Numba for files, and for functions in cells (and of Matplotlib for fonts).
CACHES = ("LSTM_KERNELS_CACHE_DIR", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME")
FORGET = ("PYTHONPATH", "LSTM_KERNELS_DATA", "LSTM_KERNELS_TARGET", "VIRTUAL_ENV", *MARKS.values())

# Runs in the platform's own Python: it executes the notebook beside it, and prints the set-up
# cell's lines.  A notebook's error ends this process with the error's text.
EXECUTE = """
import sys, nbformat
from nbclient import NotebookClient

def printed(cell):
    return "".join(output.get("text", "") for output in cell.outputs)

notebook = nbformat.read(sys.argv[1], as_version=4)
if "first" in sys.argv[2:]:
    notebook.cells = [cell for cell in notebook.cells if cell.cell_type == "code"][:1]
NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
first = next(cell for cell in notebook.cells if cell.cell_type == "code")
print(printed(first))
tasks = [c for c in notebook.cells if any("task:" in t for t in c.metadata.get("tags", []))]
wrong = [printed(cell) for cell in tasks if ": right." not in printed(cell)]
if "solved" in sys.argv[2:] and wrong:
    sys.exit("\\n".join(wrong))
"""

# Stops at the first cell after which the emulator has compiled, and so launched, a kernel.
COLD_START = """
import os, sys, time, nbformat
from pathlib import Path
from nbclient import NotebookClient

notebook = nbformat.read(sys.argv[1], as_version=4)
client = NotebookClient(notebook, timeout=600, kernel_name="python3")
with client.setup_kernel():
    began = time.perf_counter()
    for number, cell in enumerate(notebook.cells):
        client.execute_cell(cell, number)
        if any(Path(os.environ["LSTM_KERNELS_CACHE_DIR"]).glob("emulated_*.py")):
            break
    else:
        sys.exit("no cell has launched a kernel")
print(time.perf_counter() - began)
"""


def make_python(work):
    """A Python with Colab's packages, in a virtual environment of its own."""
    subprocess.run([sys.executable, "-m", "venv", work / "venv"], check=True)
    folder = "Scripts" if sys.platform == "win32" else "bin"
    python = work / "venv" / folder / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "-r", REQUIREMENTS], check=True)
    return python


def environment(platform, work):
    """What a process sees there: no trace of this checkout, a home of its own."""
    kept = {name: value for name, value in os.environ.items() if name not in FORGET}
    cache = os.environ.get("LSTM_KERNELS_CACHE_DIR", str(work / "cache"))
    settings = work / "gitconfig"
    settings.touch()
    return {
        **kept,
        MARKS[platform]: "simulated",
        "HOME": str(work),
        "GIT_CONFIG_GLOBAL": str(settings),
        "GIT_CONFIG_NOSYSTEM": "1",
        "JUPYTER_DATA_DIR": str(work / "jupyter"),
        "IPYTHONDIR": str(work / "ipython"),
        **dict.fromkeys(CACHES, cache),  # shared by all runs: what is compiled, is so once
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        **NO_NETWORK,
    }


def publish(work, settings):
    """A bare copy of this repository, which git takes for the one on GitHub.

    All clones get the same time stamp: so Numba sees that they are one program, and compiles it
    once, and not again for each notebook.
    """
    sys.path.insert(0, str(ROOT / ".ci"))
    import stamp

    repository, tag = stamp.read_settings()
    bare = work / "origin.git"
    subprocess.run(["git", "clone", "-q", "--bare", ROOT, bare], check=True)
    subprocess.run(["git", "-C", bare, "tag", "-f", tag, "HEAD"], check=True, capture_output=True)
    hook = work / "hooks" / "post-checkout"
    hook.parent.mkdir()
    hook.write_text("#!/bin/sh\nfind . -name '*.py' -exec touch -t 202601010000 {} +\n")
    hook.chmod(0o755)
    settings.write_text(
        f'[url "{bare.as_uri()}"]\n\tinsteadOf = https://github.com/{repository}\n'
        f'[safe]\n\tdirectory = *\n[core]\n\thooksPath = "{hook.parent.as_posix()}"\n',
        encoding="utf-8",
    )


def execute(python, notebook, folder, there, *arguments, code=EXECUTE):
    """Run one notebook, alone in this folder: (exit status, what the code printed)."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(notebook, folder)
    done = subprocess.run(
        [python, "-c", code, notebook.name, *arguments],
        cwd=folder, env=there, capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip
    return done.returncode, done.stdout if done.returncode == 0 else done.stderr


def is_told(platform, lines):
    """Does the set-up cell say which course, what runs the kernels, what to click for a GPU?"""
    told = zip(("Course: ", "emulator", ADVICE[platform]), lines, strict=False)
    return len(lines) > 2 and all(words in line for words, line in told)


def is_found(platform, folder):
    """Has a notebook on Colab fetched the course?  Kaggle's has it as input."""
    return platform != "colab" or any(folder.glob("parallel-lstm-*/lstm_kernels/machine/device.py"))


def choose(only, skip):
    """The notebooks whose names begin with one of `only`, and with none of `skip`."""
    return [
        path
        for path in sorted((ROOT / "notebooks" / "do").glob("*.ipynb"))
        if path.name.startswith(only) and not path.name.startswith(skip)
    ]


def solved(paths, folder):
    """The same notebooks with the course's answers, in a folder."""
    sys.path.insert(0, str(ROOT / ".ci"))
    sys.path.insert(0, str(ROOT))
    import editions
    import nbformat

    folder.mkdir()
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        editions.solve(notebook)
        nbformat.write(notebook, folder / path.name)
    return [folder / path.name for path in paths]


def run_all(platform, python, paths, work, there, *arguments):
    """Run the notebooks one after another; the number of those that failed."""
    failed, shown = 0, []
    for path in paths:
        began = time.perf_counter()
        folder = work / ("content" if platform == "colab" else "working")
        if platform == "colab":  # a new machine for each notebook
            shutil.rmtree(folder, ignore_errors=True)
        status, said = execute(python, path, folder, there, *arguments)
        lines = [line for line in said.split("\n") if line.strip()]
        right = status == 0 and is_told(platform, lines) and is_found(platform, folder)
        failed += not right
        word = "ran" if right else "FAILED"
        print(f"{path.name}: {word} in {time.perf_counter() - began:.0f} s", flush=True)
        if lines != shown:  # as a rule the set-up cells all say the same
            print("    " + "\n    ".join(lines[-40:]), flush=True)
            shown = lines
    return failed


def check_cold_start(python, work, there):
    """Nothing fetched, nothing cached, a new home: the number of notebooks above the limit."""
    failed = 0
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        if not path.name.startswith(COLD):
            continue
        folder = work / "cold" / path.stem
        caches = dict.fromkeys(CACHES, str(folder / "cache"))
        new = {"HOME": str(folder), **caches}
        status, said = execute(python, path, folder, {**there, **new}, code=COLD_START)
        right = status == 0 and float(said) < COLD_LIMIT
        failed += not right
        seconds = f"{float(said):.1f} s" if status == 0 else f"FAILED: {said}"
        print(
            f"{path.name}: cold start to the first kernel's result, on this CPU in the emulator "
            f"(no GPU's time): {seconds}{'' if right else ' FAILED'}, limit {COLD_LIMIT} s",
            flush=True,
        )
    return failed


def check_offline_message(python, work, there):
    """Without internet and without the data set: the set-up cell must say what to click."""
    path = next((ROOT / "notebooks").glob("00_*.ipynb"))
    status, said = execute(python, path, work / "empty" / "working", there, "first")
    right = status != 0 and "Settings > Turn on internet" in said
    print(f"no internet, no data set: {'told' if right else 'NOT TOLD: ' + said}")
    return 0 if right else 1


def simulate(platform, work, python, paths, *arguments):
    there = environment(platform, work)
    hidden = subprocess.run([python, "-c", "import lstm_kernels"], cwd=work, env=there,
                            capture_output=True)  # fmt: skip
    if hidden.returncode == 0:
        raise SystemExit(f"{python} has the course installed: give a Python without it")
    if platform == "colab":
        publish(work, Path(there["GIT_CONFIG_GLOBAL"]))
        failed = check_cold_start(python, work, there)
        return failed + run_all(platform, python, paths, work, there, *arguments)
    failed = check_offline_message(python, work, there)
    build = [sys.executable, ROOT / ".ci" / "kaggle_dataset.py", "build", "--owner", "simulated"]
    subprocess.run([*build, work / "input" / "parallel-lstm"], check=True, capture_output=True)
    return failed + run_all(platform, python, paths, work, there, *arguments)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("platform", choices=tuple(MARKS))
    parser.add_argument("--only", nargs="+", default=[""], help="notebooks whose names begin so")
    parser.add_argument("--skip", nargs="+", default=[], help="but none whose names begin so")
    parser.add_argument("--python", type=Path, help="has requirements-colab.txt installed")
    parser.add_argument("--solved", action="store_true", help="the course's answers in all stubs")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix=f"{options.platform}-") as folder:
        work = Path(folder).resolve()
        python = options.python.absolute() if options.python else make_python(work)
        paths = choose(tuple(options.only), tuple(options.skip))
        if options.solved:
            paths = solved(paths, work / "solved")
        arguments = ["solved"] if options.solved else []
        failed = simulate(options.platform, work, python, paths, *arguments)
    print(f"{options.platform}: {failed} failed" if failed else f"{options.platform}: all ran")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
