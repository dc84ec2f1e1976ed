"""Compiled code is kept on disk from one process to the next: that saves time, and only time.

Where it cannot be (no home, no space, no right to write, damaged files), all is compiled in
memory, one line says so, and `problems` tells the doctor. Numba's own cache takes its files for
granted: a damaged one would stop the course, and as they are pickles, a planted one would run
what it likes. So here the folder must be this user's and closed to all others, each file too,
and each ends with a checksum. No folder that users share ever takes its place.
"""

import errno
import hashlib
import os
import pickle
import sys
import tempfile
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numba
from numba.core import caching, sigutils
from numba.core.ccallback import CFunc
from numba.core.dispatcher import Dispatcher

from .cores import Parallel

CHECKSUM = hashlib.sha256
SEALED = "-sealed"  # in the names of files with a checksum: older versions wrote some without
ANOTHER = "let LSTM_KERNELS_CACHE_DIR name a folder of your own"


class Problem(NamedTuple):
    """Why compiled code is not kept, or not used, and the cure."""

    text: str
    cure: str


problems = []  # all of this process


def tell(text, cure):
    """Print the first problem of a process in one line; the doctor prints them all."""
    problem = Problem(text, cure)
    if not problems:
        print(
            f"lstm_kernels: {text}, so kernels are compiled again, which only takes time; "
            f"cure: {cure}.",
            file=sys.stderr,
        )
    if problem not in problems:
        problems.append(problem)


# ---- the folder -----------------------------------------------------------------------------


@lru_cache(maxsize=1)
def folder():
    """The user's cache folder; None if there is none that can be used and is nobody else's."""
    path = None
    try:
        path = _wished()
        for place in (path, path / "__pycache__"):
            make_private(place)
        tempfile.TemporaryFile(dir=path).close()
    except (OSError, RuntimeError) as error:  # Path.home() raises RuntimeError
        tell(f"the cache cannot be used ({_words(error)})", _cure(path, error))
        return None
    return path


def _wished():
    if wished := os.environ.get("LSTM_KERNELS_CACHE_DIR"):
        return Path(wished).absolute()
    base = os.environ.get("LOCALAPPDATA") or os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache").absolute() / "lstm-kernels"


def make_private(path):
    """Make the folder if it is not there; OSError if others own it or may write there."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    refuse_others(path.stat(), path)


def refuse_others(status, path):
    """OSError unless file or folder is this user's, and no other user may write to it."""
    if not hasattr(os, "geteuid"):  # Windows keeps users apart by their profiles
        return
    if status.st_uid != os.geteuid():
        raise PermissionError(f"{path} belongs to another user")
    if status.st_mode & 0o022:
        raise PermissionError(f"other users may write to {path}")


def _words(error):
    """An error without its number."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error) or type(error).__name__


def _cure(path, error):
    if path is not None and "may write" in str(error):
        return f"chmod -R go-w '{path}', or {ANOTHER}"
    return f"free some space, or {ANOTHER}" if _is_full(error) else ANOTHER


def _is_full(error):
    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


# ---- the files ------------------------------------------------------------------------------


def read_private(path):
    """The bytes of a file; OSError if another user owns it or may write to it."""
    with open(path, "rb") as file:
        refuse_others(os.fstat(file.fileno()), path)
        return file.read()


def write_private(path, content):
    """Write in one step, so that a process beside us never reads half a file."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            os.unlink(temporary)
        # Windows, while a process that was faster reads its own copy
        same = isinstance(error, PermissionError) and path.exists()
        if not same or path.read_bytes() != content:
            raise


def seal(content):
    """The content and, behind it, its checksum."""
    return content + CHECKSUM(content).digest()


def unseal(sealed):
    """The content again; ValueError if a byte of it is not what was written."""
    size = CHECKSUM().digest_size
    content = sealed[:-size]
    if not content or CHECKSUM(content).digest() != sealed[-size:]:
        raise ValueError("damaged")
    return content


def damaged_files():
    """The files of the cache folder whose content is not what was written."""
    if folder() is None:
        return []
    return [
        path for path in sorted(folder().rglob(f"*-*{SEALED}.py*.nb[ic]")) if not _is_whole(path)
    ]


def _is_whole(path):
    try:
        unseal(read_private(path))
    except FileNotFoundError:  # another process removes it
        return True
    except (OSError, ValueError):
        return False
    return True


def tell_unwritten(error):
    """A file could not be written: what is compiled serves this process alone."""
    tell(f"the cache cannot be written ({_words(error)})", _cure(folder(), error))


def try_to_write(nbytes=1 << 20):
    """For the doctor: is there space for what a kernel or two take?"""
    if folder() is None:
        return
    try:
        with tempfile.TemporaryFile(dir=folder()) as file:
            file.write(bytes(nbytes))
    except OSError as error:
        tell_unwritten(error)


# ---- Numba's cache --------------------------------------------------------------------------


class _Files(caching.IndexDataCacheFile):
    """Numba's two files of a function: what was compiled, and the machine code of each."""

    def _load_index(self):
        try:
            stamp, compiled = self._load(self._index_path)
        except FileNotFoundError:
            return {}
        except Exception as error:  # a pickle that is not whole raises whatever it likes
            _tell_unusable(self._index_path, error)
            return {}
        return compiled if stamp == self._source_stamp else {}

    def _load_data(self, name):
        path = self._data_path(name)
        try:
            return self._load(path)
        except FileNotFoundError:
            raise
        except Exception as error:
            _tell_unusable(path, error)
            raise FileNotFoundError(path) from error  # so Numba compiles, and writes it anew

    def _load(self, path):
        return pickle.loads(unseal(read_private(path)))

    def _save_index(self, overloads):
        content = self._dump((self._source_stamp, overloads))
        write_private(Path(self._index_path), seal(content))

    def _save_data(self, name, data):
        write_private(Path(self._data_path(name)), seal(self._dump(data)))


def _tell_unusable(path, error):
    tell(f"the cache's file {path} cannot be used ({_words(error)})", f"delete {path}")


class _Place(caching._CacheLocator):
    """Tells Numba where a function's files lie, and whether its source has changed."""

    def __init__(self, function, file):
        self._py_file, self._line = file, function.__code__.co_firstlineno
        path = Path(file)
        self._is_generated = path.parent == folder()
        if not self._is_generated:  # a file of the course: many checkouts share the folder
            key = hashlib.sha256(f"{path.parent}\0{numba.__version__}".encode()).hexdigest()
        self._path = folder() / ("__pycache__" if self._is_generated else f"numba_{key[:20]}")

    @classmethod
    def from_function(cls, function, file):
        return cls(function, file) if folder() else None

    def ensure_cache_path(self):
        make_private(self._path)

    def get_cache_path(self):
        return str(self._path)

    def get_source_stamp(self):
        """A generated file says it by its name."""
        return "" if self._is_generated else _stamp(self._py_file)

    def get_disambiguator(self):
        return f"{self._line}{SEALED}"


@lru_cache
def _stamp(file):
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()


class _Implementation(caching.CompileResultCacheImpl):
    _locator_classes = [_Place]


class _Cache(caching.FunctionCache):
    """Numba's cache of one function, which no error of the disk's can stop."""

    _impl_class = _Implementation

    def __init__(self, function):
        super().__init__(function)
        stamp = self._impl.locator.get_source_stamp()
        self._cache_file = _Files(self._cache_path, self._impl.filename_base, stamp)

    def load_overload(self, sig, target_context):
        try:
            self._impl.locator.ensure_cache_path()
            return super().load_overload(sig, target_context)
        except Exception as error:
            tell(f"the cache cannot be read ({_words(error)})", _cure(folder(), error))

    def save_overload(self, sig, data):
        try:
            super().save_overload(sig, data)
        except Exception as error:
            tell_unwritten(error)


def _keep(compiled, function):
    """Give what Numba compiles a cache, if there is a folder."""
    if folder() is not None:
        with suppress(OSError, RuntimeError):  # no source file: nothing to name the files after
            compiled._cache = _Cache(function)


def njit(cache=False, parallel=False, **options):
    """`numba.njit` with this cache; what is parallel runs on one core in a forked process."""

    def decorate(function):
        compiled = numba.njit(parallel=parallel, **options)(function)
        if cache and isinstance(compiled, Dispatcher):  # not if NUMBA_DISABLE_JIT is set
            _keep(compiled, function)
        return Parallel(compiled) if parallel and compiled is not function else compiled

    return decorate


def cfunc(signature, **options):
    """`numba.cfunc` with this cache."""

    def decorate(function):
        compiled = CFunc(function, sigutils.normalize_signature(signature), {}, options)
        _keep(compiled, function)
        compiled.compile()
        return compiled

    return decorate
