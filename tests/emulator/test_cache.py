"""A cache that is damaged, full, foreign or absent costs time, never the course."""

import os
import pickle
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from lstm_kernels.emulator import build, cache, cuda
from lstm_kernels.machine import doctor
from tests.processes import run_python

STRANGER = 54321  # a user without an entry in the system's list
as_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away"
)
with_modes = pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")


def add_one(x):
    x[0] += 1


def launch():
    """Build the kernel as a new process would; returns what it computes, and the hits on disk."""
    for name in [name for name in sys.modules if name.startswith("emulated_add_one")]:
        del sys.modules[name]
    kernel, x = cuda.jit(add_one), np.ones(1)
    kernel[1, 1](x)
    return x[0], sum(kernel.build.launch.stats.cache_hits.values())


def forget():
    cache.problems.clear()
    cache.folder.cache_clear()
    build.cache_folder.cache_clear()


@pytest.fixture
def use(monkeypatch):
    """use(folder): from now on the cache lies there, as far as a new process would use it."""

    def use(folder):
        monkeypatch.setenv("LSTM_KERNELS_CACHE_DIR", str(folder))
        forget()
        return Path(folder)

    yield use
    monkeypatch.undo()
    forget()


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """A folder in which the kernel lies compiled."""
    folder = tmp_path_factory.mktemp("compiled") / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LSTM_KERNELS_CACHE_DIR", str(folder))
        forget()
        assert launch() == (2, 0)
    forget()
    return folder


@pytest.fixture
def warm(use, compiled, tmp_path):
    """A copy of that folder, in use."""
    folder = use(shutil.copytree(compiled, tmp_path / "cache"))
    assert launch() == (2, 1)
    return folder


def one_file(folder, suffix):
    (path,) = folder.rglob(f"emulated_add_one*{suffix}")
    return path


def findings():
    """What the doctor says of a cache that is not well."""
    return [finding for finding in doctor.check_cache() if not finding.ok]


# ---- damaged ------------------------------------------------------------------------------------

DAMAGES = {
    "empty": lambda content: b"",
    "cut short": lambda content: content[: len(content) // 2],
    "random": lambda content: np.random.default_rng(0).bytes(len(content)),
    "one bit": lambda content: content[:-50] + bytes([content[-50] ^ 1]) + content[-49:],
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
def test_damaged_machine_code_is_named_and_compiled_anew(warm, capsys, suffix, damage):
    path = one_file(warm, suffix)
    path.write_bytes(damage(path.read_bytes()))
    (finding,) = findings()
    assert path.name in finding.text and str(warm) in finding.fix
    assert launch() == (2, 0)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and path.name in lines[0] and "only takes time" in lines[0]
    forget()
    assert launch() == (2, 1), "the file is whole again"
    assert findings() == []


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_source_is_written_anew_and_costs_nothing(warm, capsys, damage):
    path = one_file(warm, ".py")
    source = path.read_bytes()
    path.write_bytes(damage(source))
    assert launch() == (2, 1)
    assert path.read_bytes() == source
    assert capsys.readouterr().err == ""


def test_files_that_older_versions_wrote_are_not_called_damaged(warm):
    (warm / "__pycache__" / "emulated_old_0123456789abcdef0123.launch-9.py311.nbi").touch()
    assert findings() == []


# ---- absent or full -----------------------------------------------------------------------------


def in_memory(capsys, *words):
    """Two launches in a process, and one line with these words; the doctor says the same."""
    assert launch() == launch() == (2, 0)
    (line,) = capsys.readouterr().err.splitlines()
    (finding,) = findings()
    assert all(word in line and word in finding.text for word in words)
    assert finding.fix in line
    return finding


def test_a_folder_that_cannot_be_made(use, tmp_path, capsys):
    blocker = tmp_path / "a_file"
    blocker.touch()
    use(blocker / "cache")
    assert "LSTM_KERNELS_CACHE_DIR" in in_memory(capsys, "cannot be used", str(blocker)).fix


def test_a_folder_whose_files_cannot_be_touched(warm, monkeypatch, capsys):
    def refuse(*args, **kwargs):
        raise PermissionError("not yours")

    monkeypatch.setattr(build.os, "utime", refuse)
    assert launch() == (2, 1)
    assert "not yours" in capsys.readouterr().err


NO_HOME = """
import pwd, sys
from numba.core import caching
def missing(user):
    raise KeyError(user)
pwd.getpwuid = missing
for name in ("InTree", "UserWide"):  # as if nobody could write there
    old = getattr(caching, f"_{name}CacheLocator", None)  # Numba's name until 0.61
    locator = old or getattr(caching, f"{name}CacheLocator")
    locator.from_function = lambda *function: None
import lstm_kernels.versions.numba_cpu
from lstm_kernels.machine import device, doctor
print(device.is_right(device.run_probe()), doctor.main())
"""


@with_modes
def test_import_and_doctor_need_no_home_and_no_folder_that_can_be_written(tmp_path):
    kept = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH")
    settings = {name: os.environ[name] for name in kept if name in os.environ}
    settings |= {"LSTM_KERNELS_TARGET": "emulator", "PYTHONPATH": str(doctor.device.platforms.ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", NO_HOME], env=settings, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1].startswith("True "), done.stderr
    assert "--> Cache: the cache cannot be used" in done.stdout
    assert "cure: let LSTM_KERNELS_CACHE_DIR name a folder of your own" in done.stdout
    assert len(done.stderr.splitlines()) == 1


FULL = """
import resource
import lstm_kernels
from lstm_kernels.machine import device
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))  # no file may be longer
print(device.is_right(device.run_probe()))
"""


@with_modes
def test_files_that_cannot_be_written_to_their_end(tmp_path):
    settings = {"LSTM_KERNELS_CACHE_DIR": str(tmp_path / "cache")}
    done = run_python("-c", FULL, settings=settings | {"LSTM_KERNELS_TARGET": "emulator"})
    assert done.stdout == "True\n", done.stderr
    (line,) = done.stderr.splitlines()
    assert "File too large" in line and "free some space" in line
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


@as_root
def test_a_full_disk(use, tmp_path, capsys):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8k,mode=700", "tmpfs", disk]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this system lets nobody mount a small disk")
    try:
        use(disk)
        finding = in_memory(capsys, "No space left on device")
        assert finding.fix.startswith("free some space")
    finally:
        subprocess.run(["umount", disk], check=True)


# ---- foreign ------------------------------------------------------------------------------------


class Planted:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def plant(path, trace, sealed):
    content = pickle.dumps(Planted(trace))
    path.write_bytes(cache.seal(content) if sealed else content)


@with_modes
@pytest.mark.parametrize("place", [".", "__pycache__"])
@pytest.mark.parametrize("mode", [0o770, 0o707])
def test_a_folder_in_which_others_may_write_is_not_used(warm, capsys, tmp_path, place, mode):
    plant(one_file(warm, ".nbi"), tmp_path / "trace", sealed=True)
    (warm / place).chmod(mode)
    forget()
    finding = in_memory(capsys, "other users may write to", str(warm))
    assert finding.fix.startswith("chmod -R go-w")
    assert not (tmp_path / "trace").exists()


@as_root
@pytest.mark.parametrize("place", [".", "__pycache__"])
def test_a_folder_of_another_user_is_not_used(warm, capsys, tmp_path, place):
    plant(one_file(warm, ".nbi"), tmp_path / "trace", sealed=True)
    os.chown(warm / place, STRANGER, STRANGER)
    forget()
    in_memory(capsys, "belongs to another user")
    assert not (tmp_path / "trace").exists()


@as_root
@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
def test_a_file_of_another_user_is_not_read(warm, capsys, tmp_path, suffix):
    path = one_file(warm, suffix)
    plant(path, tmp_path / "trace", sealed=True)
    os.chown(path, STRANGER, STRANGER)
    assert launch() == (2, 0)
    assert "belongs to another user" in capsys.readouterr().err
    assert not (tmp_path / "trace").exists()
    forget()
    assert launch() == (2, 1), "replaced by a file of this user's"


def test_a_pickle_without_a_checksum_is_not_read(warm, tmp_path):
    plant(one_file(warm, ".nbi"), tmp_path / "trace", sealed=False)
    assert launch() == (2, 0)
    assert not (tmp_path / "trace").exists()


def test_a_planted_source_does_not_run(warm, tmp_path):
    one_file(warm, ".py").write_text(f"open({str(tmp_path / 'trace')!r}, 'w')", encoding="utf-8")
    assert launch() == (2, 1)
    assert not (tmp_path / "trace").exists()


def test_no_folder_that_users_share_takes_its_place(use, tmp_path, monkeypatch):
    (tmp_path / "a_file").touch()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "shared"))
    monkeypatch.setattr(cache.tempfile, "tempdir", str(tmp_path / "shared"))
    (tmp_path / "shared").mkdir()
    use(tmp_path / "a_file" / "cache")
    assert launch() == (2, 0)
    assert list((tmp_path / "shared").iterdir()) == []


@with_modes
def test_what_the_cache_makes_is_closed_to_others(warm):
    made = [warm, *warm.rglob("*")]
    assert len(made) >= 4
    assert [path for path in made if path.stat().st_mode & 0o077] == []


# ---- in company ---------------------------------------------------------------------------------


def test_only_what_the_cache_made_is_removed(tmp_path):
    key = "0123456789abcdef0123"
    yours = {"emulated_notes.py": build.HEADER, f"emulated_mine_{key}.py": "x = 1\n",
             f"emulated_{key}.csv": build.HEADER}  # fmt: skip
    for name, text in {**yours, f"emulated_old_{key}.py": build.HEADER}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        os.utime(tmp_path / name, (0, time.time()))
    build._remove_unused(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(yours)


PROBE = "from lstm_kernels.machine import device; print(device.is_right(device.run_probe()))"


@pytest.mark.long
def test_two_processes_that_compile_the_same_kernel(use, tmp_path):
    folder = use(tmp_path / "cache")
    settings = dict(os.environ, LSTM_KERNELS_TARGET="emulator")
    command = [sys.executable, "-c", PROBE]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(command, env=settings, **pipes) for _ in range(2)]
    assert [process.communicate() for process in both] == [("True\n", "")] * 2
    assert cache.damaged_files() == []
    names = sorted(path.suffix for path in folder.rglob("*") if path.is_file())
    assert names == [".nbc", ".nbi", ".py"]
