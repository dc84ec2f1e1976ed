"""Files that are written whole: whatever happens, there is the old one or the new one."""

import os
from contextlib import contextmanager, suppress
from uuid import uuid4


def write_atomically(path, data):
    """Write a text or bytes as a whole: whatever happens, the file is the old one or the new one.

    What is no file, such as /dev/null, is written to.
    """
    data = data.encode("utf-8") if isinstance(data, str) else data
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "wb") as file:
            file.write(data)
        return
    with replacing(path) as file:
        file.write(data)


@contextmanager
def replacing(path):
    """`with replacing(path) as file:` the same for a file that is written piece by piece.

    A temporary file in the same folder takes the data and then the file's place.  A link stays a
    link: what it points to is replaced.
    """
    path = os.path.realpath(path)
    part = _part_of(path)
    try:
        with open(part, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _keep_mode(path, part)
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            os.remove(part)
        raise


def check_writable(path):
    """OSError, in a sentence, unless `write_atomically` can write there.  It changes no file."""
    real = os.path.realpath(path)
    try:
        if os.path.isdir(real) or not os.path.basename(real):
            raise OSError("it is a folder")
        if not os.path.isdir(os.path.dirname(real)):
            raise OSError(f"there is no folder {os.path.dirname(path) or os.path.dirname(real)}")
        with suppress(FileNotFoundError):
            os.stat(real)  # a name that is too long, for example
        if os.path.exists(real) and not os.path.isfile(real):
            return
        with open(part := _part_of(real), "xb"):
            pass
        os.remove(part)
    except OSError as error:
        raise OSError(f"cannot write {path}: {error.strerror or error}") from None


def _part_of(path):
    """A name beside it that nobody has."""
    return os.path.join(os.path.dirname(path), f".{uuid4().hex}.part")


def _keep_mode(path, part):
    """The new file may be read by those who might read the old one."""
    with suppress(OSError):
        os.chmod(part, os.stat(path).st_mode & 0o777)
