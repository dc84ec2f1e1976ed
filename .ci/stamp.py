"""What every notebook has in common, and the repository's address in all of them.

The address stands in one place, pyproject.toml: [project.urls] Repository, [tool.course] tag.
`stamp` brings it, and all that is the same everywhere, into a notebook: the title's style, the
badges, the set-up cell, the wish for a GPU, the slides.  A second stamp changes nothing.
"""

import re
import sys
from pathlib import Path
from string import Template

import nbformat

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import deck  # noqa: E402
import editions  # noqa: E402

from lstm_kernels.judge.ours import folded  # noqa: E402
from lstm_kernels.judge.tasks import find  # noqa: E402

SETTINGS = ROOT / "pyproject.toml"
SETUP_METADATA = {
    "tags": ["nbval-ignore-output"],
    "cellView": "form",  # Colab shows the title, JupyterLab a bar: one click shows the code
    "jupyter": {"source_hidden": True},
}

SETUP = Template("""\
# @title Set-up, the same in every notebook: finds the course, and the GPU or its emulator
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

started = time.perf_counter()  # lesson 00 tells how long the start took
URL = "https://github.com/$repository"
TAG = "$tag"
spec = importlib.util.find_spec("lstm_kernels")
if not (spec and spec.origin):  # not installed: look for it, else fetch it
    here, fetched = Path.cwd(), Path.cwd() / f"parallel-lstm-{TAG}"
    homes = [here, *here.parents, fetched]
    for place in ("input/**", "usr/lib/*", "usr/lib/notebooks/*/*"):  # Kaggle: a data set, a script
        homes += [p.parents[2] for p in here.parent.glob(f"{place}/lstm_kernels/machine/device.py")]
    home = next((p for p in homes if (p / "lstm_kernels" / "machine" / "device.py").exists()), None)
    if home is None:
        home, why = fetched, None
        git = ["git", "-c", "core.askPass=true", "clone", "-q", "--depth=1", "--branch", TAG]
        try:  # into a folder of its own, renamed when it is whole: half of it is never used
            if os.path.lexists(fetched):
                raise OSError(f"'{fetched}' already exists and is not the course: rename it.")
            with tempfile.TemporaryDirectory(prefix=f"{fetched.name}-", dir=here) as folder:
                new = Path(folder) / "course"
                done = subprocess.run([*git, URL, new], capture_output=True, text=True, timeout=120)
                why = done.stderr.strip() if done.returncode else None
                if why is None:
                    new.rename(fetched)
        except subprocess.TimeoutExpired:
            why = "two minutes were too short. Look at the network, and run this cell again."
        except FileNotFoundError:
            why = "git is not installed."
        except OSError as error:  # something lies there; or this folder cannot be written to
            why = str(error)
        if why is not None:
            sys.exit(
                f"The course could not be fetched: {why}\\n"
                "Kaggle: Settings > Turn on internet (first verify your phone number, in your "
                "account's settings); or File > Add input > parallel-lstm.\\n"
                f"Not found? {URL} must be public and have a version {TAG}.\\n"
                "At home: clone or unpack the course, and open the notebook in its own folder."
            )
    sys.path.insert(0, str(home))

home = Path(importlib.util.find_spec("lstm_kernels").origin).parents[1]
same_drive = home.drive == Path.cwd().drive
print("Course:", os.path.relpath(home) if same_drive else home)  # from this notebook's folder

from lstm_kernels.machine import device

device.introduce()""")

FIRST_SETUP = (
    "from lstm_kernels.machine import device\n\nprint(device.describe())"  # as authors write it
)
STAMPED = ("[![Open in ", "To work in, without outputs: ")  # how the title's lines of ours begin
BADGE = "[![Open in {where}]({image})]({address})"
COLAB_IMAGE = "https://colab.research.google.com/assets/colab-badge.svg"
KAGGLE_IMAGE = "https://kaggle.com/static/images/open-in-kaggle.svg"
GPU = {
    "accelerator": "GPU",
    "colab": {"gpuType": "T4", "provenance": []},
    "kaggle": {
        "accelerator": "nvidiaTeslaT4",
        "dataSources": [],
        "isGpuEnabled": True,
        "isInternetEnabled": True,
        "language": "python",
        "sourceType": "notebook",
    },
}


# ---- the one place ------------------------------------------------------------------------


def _setting(name):
    """The pattern of one line of pyproject.toml (Python 3.10 has no TOML reader)."""
    return re.compile(rf'^({name} = ")([^"]+)(")$', re.MULTILINE)


REPOSITORY = _setting("Repository")
TAG = _setting("tag")


def read_settings():
    """(repository as OWNER/NAME, tag), as pyproject.toml has them."""
    text = SETTINGS.read_text(encoding="utf-8")
    address = REPOSITORY.search(text)[2]
    return address.removeprefix("https://github.com/"), TAG.search(text)[2]


def write_settings(repository=None, tag=None):
    """Put a fork's address, or another tag or branch, into pyproject.toml."""
    text = old = SETTINGS.read_text(encoding="utf-8")
    if repository:
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
            raise SystemExit(f"--repository {repository!r}: write OWNER/NAME, as GitHub shows it")
        text = REPOSITORY.sub(rf"\g<1>https://github.com/{repository}\g<3>", text)
    if tag:
        text = TAG.sub(rf"\g<1>{tag}\g<3>", text)
    if text != old:
        SETTINGS.write_text(text, encoding="utf-8")


# ---- one notebook -------------------------------------------------------------------------


def setup_cell(repository, tag):
    """The set-up cell's source."""
    return SETUP.substitute(repository=repository, tag=tag)


def badges(path, repository, tag):
    """Both badges of the notebook at `path`, relative to the checkout."""
    file = f"github.com/{repository}/blob/{tag}/{path}"
    colab = f"https://colab.research.google.com/{file.replace('.com', '', 1)}"
    kaggle = f"https://kaggle.com/kernels/welcome?src=https://{file}"
    return " ".join(
        BADGE.format(where=where, image=image, address=address)
        for where, image, address in (
            ("Colab", COLAB_IMAGE, colab),
            ("Kaggle", KAGGLE_IMAGE, kaggle),
        )
    )


def styled(title):
    """`03 Sequential` becomes `03 · Sequential`."""
    return re.sub(r"^([A-Z\d]\d) (?!·)", r"\1 · ", title)


def stamp_title(path, source, repository, tag):
    """The first cell: title, badges, and what the author wrote below."""
    title, _, text = source.partition("\n")
    title = f"# {styled(title.removeprefix('# '))}"
    text = "\n".join(line for line in text.split("\n") if not line.startswith(STAMPED)).strip()
    place = editions.place_of(path).relative_to(ROOT).as_posix()
    links = f"{badges(place, repository, tag)}\n\n{editions.line_to_work(path)}"
    return f"{title}\n\n{links}\n\n{text}"


def stamp_setup(path, notebook, repository, tag):
    """The first code cell becomes the set-up cell; it must be one already, of any address."""
    cell = next(cell for cell in notebook.cells if cell.cell_type == "code")
    if cell.source.strip() != FIRST_SETUP and not cell.source.startswith("# @title Set-up,"):
        raise SystemExit(f"{path}: its first code cell is not the set-up cell:\n{FIRST_SETUP}")
    cell.source = setup_cell(repository, tag)
    cell.metadata.update(nbformat.from_dict(SETUP_METADATA))
    return cell


def stamp_ours(notebook):
    """A cell tagged `ours:07.2` shows the course's answer to this task, folded."""
    for cell in notebook.cells:
        for tag in cell.metadata.get("tags", []):
            if tag.startswith("ours:"):
                cell.source = folded(find(tag.removeprefix("ours:")))


def stamp(path, notebook):
    """Bring one notebook in step with pyproject.toml and with all others."""
    repository, tag = read_settings()
    stamp_ours(notebook)
    first = notebook.cells[0]
    first.source = stamp_title(path, first.source, repository, tag)
    setup = stamp_setup(path, notebook, repository, tag)
    deck.slides(notebook, setup)
    notebook.metadata.update(nbformat.from_dict(GPU))


# ---- the README's table -------------------------------------------------------------------


def stamp_readme(text):
    """In each row that starts with a link to a lesson: the last column, its working edition."""
    repository, tag = read_settings()
    row = re.compile(r"^(\| \[[^\]]+\]\(notebooks/(\w+\.ipynb)\) \|[^|]*\|[^|]*\|)")
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if found := row.match(line):
            place = f"notebooks/{editions.FOLDER}/{found[2]}"
            lines[number] = f"{found[1]} [do]({place}) {badges(place, repository, tag)} |"
    return "\n".join(lines)
