"""The set-up cell finds the course, or fetches it; what it cannot do it says.  Kaggle's data set.

In processes without an installed course and without a network.
"""

import json
import os
import socket
import subprocess
import sys
import time

import kaggle_dataset
import pytest
import stamp

from lstm_kernels.lab import apart
from lstm_kernels.machine.platforms import ROOT
from tests.processes import output_of

# An installed course must not be found by these processes.
HIDE = f"""
import sys
root = {str(ROOT)!r}
sys.path[:] = [p for p in sys.path if p.rstrip("/\\\\") != root]
sys.meta_path[:] = [f for f in sys.meta_path if "editable" not in getattr(f, "__module__", "")]
sys.path_hooks[:] = [h for h in sys.path_hooks if "editable" not in getattr(h, "__module__", "")]
"""
FAKE_DEVICE = "def introduce():\n    print('found in', __file__)\n"
OFFLINE = {f"{kind}_proxy": "http://127.0.0.1:9" for kind in ("http", "https", "all")}


def make_course(folder):
    """A stand-in for the package: its device says where it is."""
    device = folder / "lstm_kernels" / "machine" / "device.py"
    device.parent.mkdir(parents=True)
    for package in device.parents[:2]:
        (package / "__init__.py").write_text("", encoding="utf-8")
    device.write_text(FAKE_DEVICE, encoding="utf-8")
    return device


def run_setup(folder, then="", **environment):
    """Run the set-up cell, then more code, in this folder: no course installed, no network."""
    folder.mkdir(parents=True, exist_ok=True)
    code = HIDE + stamp.setup_cell(*stamp.read_settings()) + "\n" + then
    settings = folder.parent / "no.gitconfig"
    environment = {"GIT_CONFIG_GLOBAL": str(settings), **OFFLINE, **environment}
    return output_of(code, folder, PYTHONPATH="", **environment)


def found(file, folder):
    """What the cell says of the course that it uses, seen from the notebook's folder."""
    return f"Course: {os.path.relpath(file.parents[2], folder)}\nfound in {file}\n"


# ---- the course is here -------------------------------------------------------------------


def test_setup_finds_the_checkout_above(tmp_path):
    file = make_course(tmp_path)
    for folder in ("notebooks", "notebooks/do"):
        assert run_setup(tmp_path / folder) == found(file, tmp_path / folder)


@pytest.mark.parametrize(
    "place",
    [
        "input/parallel-lstm",
        "input/datasets/me/parallel-lstm",
        "input/a/b/c",
        "usr/lib/my-script",  # a utility script's output
        "usr/lib/notebooks/me/my-script",
    ],
)
def test_setup_finds_what_kaggle_adds(tmp_path, place):
    file = make_course(tmp_path / place)
    assert run_setup(tmp_path / "working") == found(file, tmp_path / "working")


def test_setup_prefers_what_is_installed(tmp_path):
    installed = make_course(tmp_path / "site")
    make_course(tmp_path / "input" / "parallel-lstm")
    code = HIDE + f"sys.path.append({str(tmp_path / 'site')!r})\n"
    code += stamp.setup_cell(*stamp.read_settings())
    (tmp_path / "working").mkdir()
    expected = found(installed, tmp_path / "working")
    assert output_of(code, tmp_path / "working", PYTHONPATH="") == expected


# ---- it is fetched ------------------------------------------------------------------------


def git(*arguments, folder):
    who = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def origin(tmp_path):
    """A repository in place of GitHub's, with the stamped tag and a later version: its settings."""
    repository, tag = stamp.read_settings()
    folder = tmp_path / "origin"
    file = make_course(folder)
    git("init", "--quiet", folder=folder)
    git("add", ".", folder=folder)
    git("commit", "--quiet", "-m", "tagged", folder=folder)
    git("tag", tag, folder=folder)
    file.write_text("raise SystemExit('a later version')", encoding="utf-8")
    git("commit", "--quiet", "-am", "later", folder=folder)
    settings = tmp_path / "gitconfig"
    address = f"https://github.com/{repository}"
    settings.write_text(f'[url "{folder.as_uri()}"]\n\tinsteadOf = {address}\n', encoding="utf-8")
    return {"GIT_CONFIG_GLOBAL": str(settings)}


def fetched_into(folder):
    tag = stamp.read_settings()[1]
    return folder / f"parallel-lstm-{tag}" / "lstm_kernels" / "machine" / "device.py"


def test_setup_fetches_the_tagged_version_once(tmp_path, origin):
    content = tmp_path / "content"
    expected = found(fetched_into(content), content)
    assert run_setup(content, **origin) == expected
    assert run_setup(content) == expected, "the second time no network is needed"
    cell = stamp.setup_cell(*stamp.read_settings())
    assert run_setup(content, then=cell) == 2 * expected, "the cell runs twice in one session"
    assert list(content.iterdir()) == [fetched_into(content).parents[2]], "and nothing else stays"


def test_setup_does_not_take_another_version_that_lies_there(tmp_path, origin):
    """A session that has opened a lesson of another version before."""
    content = tmp_path / "content"
    for name in ("parallel-lstm", "parallel-lstm-v0.0.9"):
        make_course(content / name)
    assert run_setup(content, **origin) == found(fetched_into(content), content)


SLOW_GIT = f"""#!{sys.executable}
import pathlib, signal, sys, time
half = pathlib.Path(sys.argv[-1]) / "lstm_kernels" / "machine" / "device.py"
half.parent.mkdir(parents=True)
half.write_text("raise SystemExit('half of it')")
time.sleep(60)
"""


@pytest.mark.skipif(os.name == "nt", reason="a script in git's place needs a first line")
def test_setup_fetches_again_what_was_fetched_by_half(tmp_path, origin):
    """The session was killed while git was fetching: the half has a name that nobody looks at."""
    content, bin = tmp_path / "content", tmp_path / "bin"
    for folder in (content, bin):
        folder.mkdir()
    (bin / "git").write_text(SLOW_GIT, encoding="utf-8")
    (bin / "git").chmod(0o755)
    code = HIDE + stamp.setup_cell(*stamp.read_settings())
    settings = apart.environment({"PYTHONPATH": "", "PATH": str(bin)})
    session = subprocess.Popen([sys.executable, "-c", code], cwd=content, env=settings)
    while not list(content.rglob("device.py")):
        assert session.poll() is None
        time.sleep(0.05)
    session.kill()
    session.wait()
    assert list(content.rglob("device.py")) and not fetched_into(content).exists()
    assert run_setup(content, **origin) == found(fetched_into(content), content)


# ---- it cannot be fetched -----------------------------------------------------------------


def test_setup_without_the_tag_or_the_repository(tmp_path, origin):
    """Not public yet, or the tag is not pushed: the learner reads where to look."""
    tag = stamp.read_settings()[1]
    git("tag", "-d", tag, folder=tmp_path / "origin")
    printed = run_setup(tmp_path / "content", **origin)
    assert printed.startswith("The course could not be fetched: ")
    assert f"Remote branch {tag} not found" in printed
    assert f"must be public and have a version {tag}." in printed
    assert "Traceback" not in printed
    assert not fetched_into(tmp_path / "content").exists(), "the next try fetches again"
    assert not list((tmp_path / "content").iterdir()), "what the cell made is gone"


def test_setup_deletes_nothing_that_it_did_not_fetch(tmp_path, origin):
    mine = fetched_into(tmp_path / "content").parents[2] / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("my notes", encoding="utf-8")
    printed = run_setup(tmp_path / "content", **origin)
    assert f"'{mine.parent}' already exists" in printed and "Traceback" not in printed
    assert mine.read_text(encoding="utf-8") == "my notes"


def test_setup_leaves_a_worktree_alone(tmp_path, origin):
    """A worktree's or a submodule's `.git` is a file; its changes are in no other place."""
    content = tmp_path / "content"
    home = fetched_into(content).parents[2]
    git("worktree", "add", "--quiet", str(home), folder=tmp_path / "origin")
    changed = fetched_into(content)
    changed.write_text(FAKE_DEVICE + "# my change", encoding="utf-8")
    assert (home / ".git").is_file()
    assert run_setup(content, **origin) == found(changed, content)
    assert changed.read_text(encoding="utf-8").endswith("# my change")


def test_setup_says_where_a_course_comes_from_that_lies_above(tmp_path):
    """Somebody's folder of the same name, two floors up, is not run unseen."""
    file = make_course(tmp_path)
    printed = run_setup(tmp_path / "a" / "b")
    assert printed.startswith(f"Course: {os.path.join('..', '..')}\n") and str(file) in printed


def test_setup_does_not_take_a_folder_of_that_name_for_the_package(tmp_path, origin):
    content = tmp_path / "content"
    (content / "lstm_kernels").mkdir(parents=True)
    (content / "lstm_kernels" / "notes.txt").write_text("mine", encoding="utf-8")
    assert run_setup(content, **origin) == found(fetched_into(content), content)


def test_setup_in_a_folder_that_cannot_be_written_to(tmp_path):
    code = "import tempfile\ndef full(**_): raise PermissionError(13, 'Permission denied')\n"
    code += "tempfile.TemporaryDirectory = full\n" + stamp.setup_cell(*stamp.read_settings())
    printed = output_of(HIDE + code, tmp_path, PYTHONPATH="")
    assert printed.startswith("The course could not be fetched: [Errno 13] Permission denied")
    assert "Traceback" not in printed


def test_setup_without_internet_says_what_to_click(tmp_path):
    printed = run_setup(tmp_path / "working")
    assert printed.startswith("The course could not be fetched: fatal: ")
    assert "Kaggle: Settings > Turn on internet (first verify your phone number" in printed
    assert "or File > Add input > parallel-lstm." in printed
    assert "Traceback" not in printed


def test_setup_gives_up_on_a_network_that_does_not_answer(tmp_path):
    """A host that takes the call and then says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        cell = stamp.setup_cell(*stamp.read_settings())
        assert "timeout=120)" in cell
        code = HIDE + cell.replace("timeout=120)", "timeout=1)")
        proxies = dict.fromkeys(OFFLINE, address)
        printed = output_of(code, tmp_path, PYTHONPATH="", **proxies)
    assert "could not be fetched: two minutes were too short. Look at the network, and" in printed
    assert "Turn on internet" in printed and "Traceback" not in printed


def test_setup_without_git_says_so(tmp_path):
    printed = run_setup(tmp_path / "working", PATH=str(tmp_path))
    assert printed.startswith("The course could not be fetched: git is not installed.")
    assert "clone or unpack the course" in printed
    assert "Traceback" not in printed


# ---- the data set for Kaggle --------------------------------------------------------------


def test_the_kaggle_data_set_is_complete(tmp_path, capsys):
    folder = tmp_path / "input" / "parallel-lstm"
    assert kaggle_dataset.main(["build", str(folder), "--owner", "me"]) == 0
    asked = json.loads((folder / "dataset-metadata.json").read_text(encoding="utf-8"))
    assert asked["id"] == "me/parallel-lstm" and 6 <= len(asked["title"]) <= 50
    assert not list(folder.rglob("__pycache__"))
    child = "import subprocess\nsubprocess.run([sys.executable, '-m', 'lstm_kernels', '-h'])"
    printed = run_setup(tmp_path / "working", then=child, LSTM_KERNELS_TARGET="emulator")
    assert "kernels run compiled on this CPU" in printed, printed
    assert "doctor" in printed, "a process that the notebook starts finds the package too"
    with pytest.raises(SystemExit, match="is not empty"):
        kaggle_dataset.main(["build", str(folder), "--owner", "me"])
    with pytest.raises(SystemExit):
        kaggle_dataset.main(["build", str(tmp_path / "other")])
    assert "required: --owner" in capsys.readouterr().err


@pytest.mark.parametrize("inside", ["lstm_kernels/new", "data", "lstm_kernels/lab/../new/set"])
def test_a_data_set_inside_what_it_copies_is_refused(inside):
    folder = ROOT / inside
    with pytest.raises(SystemExit, match="is inside .*, which is copied: name another folder"):
        kaggle_dataset.main(["build", str(folder), "--owner", "me"])
    assert not (ROOT / "lstm_kernels" / "new").exists()
