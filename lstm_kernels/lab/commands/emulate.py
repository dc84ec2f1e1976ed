"""`python -m lstm_kernels emulate script.py [--races] [--count] [its arguments]`.

Runs any script with `from numba import cuda` on the course's emulator, unchanged: as `__main__`,
with its own arguments.  At the end stands a table of its launches; --races checks each of them for
data races, and names what is allowed and mostly a mistake (emulator/suspects.py); --count counts
what the first launch of each kernel does.  The exit status is the script's own; if that is 0, it is
1 if --races found a race, or could not check a launch.
"""

import linecache
import os
import sys
import traceback
from pathlib import Path
from types import ModuleType

import numba

from lstm_kernels import emulator
from lstm_kernels.emulator import counters, cuda, dispatcher, suspects
from lstm_kernels.lab.commands.launches import Launches

NAME = "numba.cuda"
OURS = str(Path(emulator.__file__).parent)


class Missing(emulator.EmulatorError, AttributeError):
    """A name of `numba.cuda` that the emulator does not have."""


class StandIn(ModuleType):
    """Takes the place of the module `numba.cuda`."""

    def __init__(self):
        super().__init__(NAME, cuda.__doc__)
        self.__dict__.update({k: v for k, v in vars(cuda).items() if not k.startswith("_")})

    def __getattr__(self, name):
        if name.startswith("__"):  # Python itself asks
            raise AttributeError(name)
        raise Missing(f"the emulator has no cuda.{name}")


def main(script, arguments=(), races=False, count=False):
    """Run the script and print what it launched; returns the exit status."""
    path = Path(script)
    try:
        source = path.read_bytes()
    except OSError as error:
        print(f"{script} cannot be read: {error.strerror}", file=sys.stderr)
        return 2
    launches = Launches(
        emulator.find_data_races if races else None,
        suspects.find_suspects if races else None,
        counters.count if count else None,
    )
    os.environ["LSTM_KERNELS_TARGET"] = "emulator"  # for scripts that import the course
    sys.modules[NAME] = numba.cuda = StandIn()
    dispatcher.before_launch.append(launches.note)
    try:
        status = run(path, source, arguments)
    finally:
        dispatcher.before_launch.remove(launches.note)
    print(launches.text(), end="")
    return status or int(launches.found_races())


def run(path, source, arguments):
    """Run the source as Python runs a script; returns its exit status."""
    module = sys.modules["__main__"] = ModuleType("__main__")
    module.__file__ = str(path)
    sys.argv = [str(path), *arguments]
    sys.path.insert(0, str(path.resolve().parent))
    try:
        exec(compile(source, str(path), "exec", dont_inherit=True), vars(module))
    except SystemExit as end:
        return _status(end.code)
    except Exception as error:
        print(_told(error, str(path)), end="", file=sys.stderr)
        return 1
    return 0


def _status(code):
    """Of `sys.exit(code)`, as Python has it: a text is printed and is a 1."""
    if code is None or isinstance(code, int):
        return int(code or 0)
    print(code, file=sys.stderr)
    return 1


def _told(error, path):
    """The script's own traceback; what the emulator lacks, in one sentence with its line."""
    told = traceback.TracebackException.from_exception(error)
    lacks = isinstance(error, Missing) or (
        isinstance(error, ImportError) and (error.name or "").startswith(NAME)
    )
    lines = [frame.lineno for frame in told.stack if frame.filename == path]
    if lacks and lines:
        what = str(error) if isinstance(error, Missing) else f"the emulator lacks this: {error}"
        return f"{path}, line {lines[-1]}: {what} ({linecache.getline(path, lines[-1]).strip()})\n"
    _leave_out_ours(told)
    return "".join(told.format())


def _leave_out_ours(told):
    """Take the frames of this command and of the emulator out of the traceback."""
    while told is not None:
        kept = [f for f in told.stack if not f.filename.startswith((OURS, __file__))]
        told.stack = traceback.StackSummary.from_list(kept)
        told = told.__cause__ or told.__context__
