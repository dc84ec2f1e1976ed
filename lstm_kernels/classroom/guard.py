"""Inside a submission's process: what its code may not reach, and what it has patched.

A fence, and no wall.  Python's audit hook refuses, and notes, what no task needs: files elsewhere,
other processes, the network, the frames and objects of whoever called.  Code in the same account
that is determined to get around it can: against that a container is the help.
"""

import inspect
import os
import sys
from os.path import join, normcase, realpath
from threading import get_ident
from types import ModuleType

try:
    import _posixsubprocess
    import resource
except ImportError:  # Windows
    _posixsubprocess = resource = None

# ---- limits of the operating system -------------------------------------------------------

LIMITS = {  # what they are called in the module `resource`, and in words
    "memory": "RLIMIT_AS",
    "processor time": "RLIMIT_CPU",
    "size of a file": "RLIMIT_FSIZE",
    "number of processes": "RLIMIT_NPROC",
    "size of a core file": "RLIMIT_CORE",
}


def limit(limits):
    """Set the limits, {in words: number}; the words of those that this system does not have."""
    return [words for words, number in limits.items() if not _is_set(LIMITS[words], number)]


def _is_set(name, number):
    if not hasattr(resource, name):
        return False
    kind = getattr(resource, name)
    most = resource.getrlimit(kind)[1]
    number = number if most == resource.RLIM_INFINITY else min(number, most)
    try:
        resource.setrlimit(kind, (number, number))
    except (OSError, ValueError):  # macOS knows the name, and no more
        return False
    return name != "RLIMIT_NPROC" or os.geteuid() != 0  # it does not hold for root


# ---- the hook -----------------------------------------------------------------------------

EVERYWHERE = {  # refused whoever asks
    **dict.fromkeys(
        ("os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile",
         "os.system", "pty.spawn", "subprocess.Popen", "_winapi.CreateProcess"),
        "starts a process",
    ),
    **dict.fromkeys(("os.kill", "os.killpg"), "sends a signal"),
    **dict.fromkeys(
        ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname",
         "socket.sendto", "urllib.Request"),
        "uses the network",
    ),
}  # fmt: skip
READS = {"os.listdir", "os.scandir", "os.chdir", "os.fchdir"}
WRITES = {  # the places of folders' descriptors among their arguments
    "os.remove": (1,), "os.rmdir": (1,), "os.mkdir": (2,), "os.rename": (2, 3), "os.link": (2, 3),
    "os.symlink": (2,), "os.chmod": (2,), "os.chown": (3,), "os.utime": (3,), "os.truncate": (),
    "sqlite3.connect": (),
}  # fmt: skip
AROUND = {  # refused only in the submission's own lines: libraries need them
    "ctypes.dlopen": "loads a library",
    "ctypes.dlsym": "calls a library",
    "sys.settrace": "traces the judge",
    "sys.setprofile": "traces the judge",
    "resource.setrlimit": "changes a limit",
    "resource.prlimit": "changes a limit",
    "sys.addaudithook": "adds a hook",
    **dict.fromkeys(
        ("sys._getframe", "sys._current_frames", "gc.get_objects", "gc.get_referrers",
         "gc.get_referents", "object.__getattr__", "object.__setattr__", "object.__delattr__"),
        "looks into the judge's frames and objects",
    ),
}  # fmt: skip
SYSTEM = ("/usr", "/lib", "/lib64", "/etc", "/sys", "/dev", "/proc/self", "/proc/cpuinfo",
          "/proc/meminfo", "/proc/stat", "/proc/sys", "/proc/filesystems",
          "/System", "/Library", os.environ.get("SYSTEMROOT", "/usr"))  # fmt: skip
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Refused(PermissionError):
    """Told to the submission's code, too."""


def watch(page, own, read, closed, tell):
    """From now on: only `own` folders are written to; only those, `read` and the system's are read.

    page: the globals of the submission's code.  closed: folders refused in any case.
    tell(words): called for each try.  All that the hook needs it keeps in closures.
    """

    def refuse(words):
        tell(words)
        raise Refused(f"a submission that {words}: refused")

    look, busy, here = _look(refuse, _look_at(own, read, closed, refuse), page), set(), get_ident

    def hook(event, arguments):
        if here() not in busy:  # what the hook itself does
            busy.add(here())
            try:
                look(event, arguments)
            finally:
                busy.discard(here())

    sys.addaudithook(hook)
    if _posixsubprocess:  # what multiprocessing calls, past the hook
        _posixsubprocess.fork_exec = lambda *_: refuse("starts a process")


def _look(refuse, look_at, page):
    """look(event, its arguments): refuse it, or not."""
    frame_of = sys._getframe

    def look(event, arguments):
        if event == "open":
            path, mode, flags = arguments
            writes = any(letter in mode for letter in "wax+") if mode else (flags or 0) & WRITING
            look_at(path, writes)
        elif event in READS:
            look_at(arguments[0], False)
        elif event in WRITES:
            for path in _written(event, arguments):
                look_at(path, True)
        elif event in EVERYWHERE:
            refuse(EVERYWHERE[event])
        elif event in AROUND and _is_of(page, frame_of(2)):
            refuse(AROUND[event])

    return look


def _written(event, arguments):
    """The paths that are changed; a folder's descriptor where there is no /proc leads nowhere."""
    folders = [arguments[place] for place in WRITES[event] if arguments[place] != -1]
    for path in arguments:
        if isinstance(path, str | bytes | os.PathLike):
            for folder in folders or [None]:
                base = "" if folder is None else f"/proc/self/fd/{folder}"
                yield join(base, os.fsdecode(path))


def _look_at(own, read, closed, refuse):
    """look_at(path, writes): refuse a path that is not open to a submission."""
    own, closed, read = (list(map(_real, paths)) for paths in (own, closed, read))
    system = map(_real, (*sys.path, sys.prefix, sys.base_prefix, *SYSTEM))
    readable = [*own, *read, *system, f"/proc/{os.getpid()}"]

    def look_at(path, writes):
        if isinstance(path, int) or path in (None, os.devnull):
            return
        path = _real(os.fsdecode(path))
        if any(map(is_in(path), closed)) or not any(map(is_in(path), own if writes else readable)):
            refuse(f"{'writes to' if writes else 'reads'} {path}")

    return look_at


def _real(path):
    return normcase(realpath(path))


def _is_of(page, frame):
    """Is this frame the submission's, or a library's that only looks for its caller?"""
    while frame.f_globals.get("__name__") in ("ctypes", "inspect", "traceback", "threading"):
        frame = frame.f_back
    return frame.f_globals is page or frame.f_code.co_filename == "<string>"


def is_in(path):
    """A question to a folder: is this path in it?"""
    return lambda folder: path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


# ---- patches ------------------------------------------------------------------------------

WATCHED = {
    "lstm_kernels", "numpy", "builtins", "sys", "os", "posixpath", "ntpath", "io", "json", "math",
    "inspect", "ast", "dis", "linecache", "traceback", "textwrap", "collections", "dataclasses",
}  # fmt: skip
CHANGING = {"sys.stdin", "sys.stdout", "sys.stderr", "builtins._"}


def picture():
    """{dotted name: what it stands for} of all that could be replaced under the judge."""
    found = {}
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] in WATCHED and isinstance(module, ModuleType):
            found[name] = module
            _add(found, name, vars(module))
    _add_tasks(found)
    return {name: value for name, value in found.items() if name not in CHANGING}


def patch_finder():
    """patched(): the names that stand for something else since now, or for nothing."""
    before, here, this = picture(), globals(), dict(globals())

    def patched():
        if any(here.get(name) is not value for name, value in this.items()):
            return ["what finds patches"]
        now = picture()
        return [name for name, value in before.items() if now.get(name, before) is not value]

    return patched


def _add(found, owner, names):
    for name, value in list(names.items()):
        if not (callable(value) or isinstance(value, ModuleType | property)):
            continue
        full = f"{owner}.{name}"
        found[full] = value
        function = getattr(value, "py_func", value)
        if inspect.isfunction(function):
            found[f"{full}.__code__"] = function.__code__
            found[f"{full}.__defaults__"] = function.__defaults__
        elif isinstance(value, type) and value.__module__ == owner and owner != "builtins":
            _add(found, full, vars(value))


def _add_tasks(found):
    tasks = sys.modules.get("lstm_kernels.judge.tasks")
    for number, task in getattr(tasks, "TASKS", {}).items():
        found[f"task {number}"] = task
        for name, value in vars(task).items():
            found[f"task {number}.{name}"] = value
