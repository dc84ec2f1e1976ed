"""Where notebooks are judged: a folder with a copy of the course, and a box for one of them."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from lstm_kernels.machine.platforms import ROOT

KEPT = ("PATH", "SYSTEMROOT", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "NUMBA_NUM_THREADS")
HOMES = ("HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP")
CACHES = ("LSTM_KERNELS_CACHE_DIR", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "MPLCONFIGDIR")
SETTINGS = {
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONIOENCODING": "utf-8",
    "PYTHONUNBUFFERED": "1",
    "MPLBACKEND": "agg",
    "LSTM_KERNELS_TARGET": "emulator",  # no card is shared by several judges
    "OPENBLAS_NUM_THREADS": "1",  # the stacks of more would count as memory
    "OMP_NUM_THREADS": "1",
}


class Place:
    """A folder in which one notebook after the other is judged.

    course: a copy of the course.  cache: its compiled kernels.  box: the notebook's own, made anew.
    """

    def __init__(self, folder):
        self.folder = Path(folder).resolve()
        self.course, self.cache, self.box = (self.folder / n for n in ("course", "cache", "box"))
        self.cache.mkdir(parents=True, mode=0o700)
        self.process, self.stopped = None, False
        self._copy_course()

    def _copy_course(self):
        shutil.rmtree(self.course, ignore_errors=True)
        for part in ("lstm_kernels", "data"):
            shutil.copytree(ROOT / part, self.course / part)
        self.contents = _contents(self.course)

    def empty(self):
        """A new box, with a cache of its own: what a submission writes there, no other reads."""
        self.remove()
        for name in ("work", "cells"):
            (self.box / name).mkdir(parents=True)
        shutil.copytree(self.cache, self.box / "cache")

    def remove(self):
        shutil.rmtree(self.box, ignore_errors=True)

    def start(self, code, **pipes):
        """Start Python with this code, in the box; OSError if it was stopped."""
        if self.stopped:
            raise OSError("stopped")
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], cwd=self.box / "work", env=self.environment(),
            start_new_session=os.name != "nt", **pipes,
        )  # fmt: skip
        return self.process

    def end(self):
        """End the process that runs, and all that it has started."""
        if self.process is None:
            return
        if os.name != "nt":
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()

    def stop(self):
        """End it, and start no other one."""
        self.stopped = True
        self.end()

    def warm(self, code):
        """Run code of the course's own, and keep what it compiles for all notebooks."""
        self.empty()
        if self.start(code, stdout=subprocess.DEVNULL).wait() == 0:
            self.take(self.box / "cache")

    def take(self, cache):
        """Keep what another place has compiled, too; the place."""
        if cache != self.cache:
            shutil.copytree(cache, self.cache, dirs_exist_ok=True)
        return self

    def mend(self):
        """The files of the course that were changed; afterwards they are whole again."""
        now = _contents(self.course)
        names = sorted(self.contents.keys() | now.keys())
        changed = [name for name in names if self.contents.get(name) != now.get(name)]
        if changed:
            self._copy_course()
        return changed

    def environment(self):
        """A home, a cache and a temporary folder in the box; nothing else of the account's."""
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        homes = dict.fromkeys(HOMES, str(self.box / "work"))
        caches = dict.fromkeys(CACHES, str(self.box / "cache"))
        return {**kept, **homes, **caches, **SETTINGS, "PYTHONPATH": str(self.course)}


def _contents(folder):
    """{name: a hash} of all files in a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).digest()
        for path in files
    }
