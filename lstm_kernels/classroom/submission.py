"""What the students handed in: a folder, a zip or one notebook per student, read and never run.

A zip is not unpacked: its notebooks are read from it, up to a limit.  Links are not followed.
"""

import stat
import zipfile
import zlib
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import NamedTuple

MOST_BYTES = 20 << 20  # of a notebook
MOST_NOTEBOOKS = 40  # of a student
MOST_ENTRIES = 10_000  # of a zip
MOST_REMARKS = 50  # on a student's files
DEEPEST = 20  # folders in one another
BROKEN = (
    zipfile.BadZipFile, zlib.error, LZMAError, EOFError, OSError, RuntimeError, NotImplementedError,
    ValueError,
)  # fmt: skip


class Submission(NamedTuple):
    """What one student handed in."""

    student: str
    notebooks: dict  # {path inside: bytes}
    remarks: list  # what is wrong with the rest, as sentences

    def remark(self, words):
        if len(self.remarks) < MOST_REMARKS:
            self.remarks.append(words)


def find(folder):
    """The submissions in a folder, in the order of their names: a folder, zip or notebook each."""
    entries = [path for path in sorted(Path(folder).iterdir()) if not path.name.startswith(".")]
    names = [_student(path) for path in entries]
    return [
        _read(path, path.name if names.count(name) > 1 else name)
        for path, name in zip(entries, names, strict=True)
    ]


def _student(path):
    return path.stem if path.suffix.lower() in (".zip", ".ipynb") else path.name


def _read(path, student):
    found = Submission(student, {}, [])
    try:
        _add(found, path, path.name)
    except OSError as error:
        found.remark(f"cannot be read: {error}")
    if not found.notebooks and not found.remarks:
        found.remark("there is no notebook in it")
    return found


def _add(found, path, name):
    """Add what lies at a path: a folder's notebooks and zips, a zip's notebooks, a notebook."""
    kind = path.lstat().st_mode
    if name.count("/") > DEEPEST:
        found.remark(f"{name} lies too deep")
    elif stat.S_ISLNK(kind):
        found.remark(f"{name} is a link, which is not followed")
    elif stat.S_ISDIR(kind):
        for inside in sorted(path.iterdir()):
            if not inside.name.startswith((".", "__MACOSX")):
                _add(found, inside, f"{name}/{inside.name}")
    elif path.suffix.lower() not in (".zip", ".ipynb"):
        return
    elif not stat.S_ISREG(kind):
        found.remark(f"{name} is no file")
    elif path.suffix.lower() == ".zip":
        _add_zip(found, path, name)
    else:
        with open(path, "rb") as file:
            _keep(found, name, file.read(MOST_BYTES + 1))


def _keep(found, name, text):
    if len(text) > MOST_BYTES:
        found.remark(f"{name} is larger than {MOST_BYTES >> 20} MB")
    elif len(found.notebooks) == MOST_NOTEBOOKS:
        found.remark(f"{name} is left out: more than {MOST_NOTEBOOKS} notebooks")
    else:
        found.notebooks[name] = text


# ---- zips ---------------------------------------------------------------------------------


def _add_zip(found, path, name):
    try:
        with zipfile.ZipFile(path) as file:
            entries = file.infolist()
            if len(entries) > MOST_ENTRIES:
                raise ValueError(f"more than {MOST_ENTRIES:,} files")
            for entry in entries:
                _add_entry(found, file, entry, name)
    except BROKEN as error:
        found.remark(f"{name} cannot be read: {error}")


def _add_entry(found, file, entry, name):
    path = PurePosixPath(entry.filename.replace("\\", "/"))
    full = f"{name}/{path}"
    if ".." in path.parts or path.is_absolute():
        found.remark(f"{full} leads out of the zip: left out")
    elif stat.S_ISLNK(entry.external_attr >> 16):
        found.remark(f"{full} is a link, which is not followed")
    elif path.suffix.lower() == ".ipynb" and not _is_hidden(path):
        try:
            with file.open(entry) as notebook:
                _keep(found, full, notebook.read(MOST_BYTES + 1))
        except BROKEN as error:
            found.remark(f"{full} cannot be read: {error}")


def _is_hidden(path):
    """Jupyter's own copies, and what macOS adds."""
    return any(part.startswith((".", "__MACOSX")) for part in path.parts)
