"""Runs numba-cuda's own tests, from the installed wheel, with the emulator in numba.cuda's place.

    python -m tests.emulator.numba_cudas_own emulator cudapy.test_atomics doc_examples.test_vecadd

prints one line of JSON per test: its name, `passed`, `failed`, `refused` or `skipped`, and the
error. With `simulator` in the place of `emulator`, Numba's own simulator runs them.
LSTM_KERNELS_OWN_EVERY=3 takes every third test of a module.

Both start from Numba's simulator, which needs no card: tests that ask for the compiler's text or
the driver skip themselves there. Then the emulator's names replace the simulator's in `numba.cuda`.
"""

import builtins
import importlib
import itertools
import json
import linecache
import os
import signal
import sys
import unittest
import warnings
from unittest.mock import MagicMock

TESTS = "numba.cuda.tests"
FILECHECK = ("matcher", "options", "parser", "finput")
SECONDS = 300  # one test, at most
EVERY = int(os.environ.get("LSTM_KERNELS_OWN_EVERY", "1"))


def main():
    os.environ |= {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_OPT": "0"}  # to compile takes the time
    who, *modules = sys.argv[1:]
    warnings.simplefilter("ignore")
    for name in ("filecheck", *(f"filecheck.{part}" for part in FILECHECK)):
        sys.modules.setdefault(name, MagicMock())  # for tests of the compiler's text, left out
    if who == "emulator":
        put_in_place()
    for module in modules:
        for test in itertools.islice(tests_of(module), None, None, EVERY):
            print(json.dumps(outcome(test)), flush=True)


def put_in_place():
    """The emulator's names in `numba.cuda`; functions that `exec` makes get a source."""
    from numba import cuda

    from lstm_kernels.emulator import cuda as ours

    for name, value in vars(ours).items():
        if not name.startswith("_"):
            setattr(cuda, name, value)
    builtins.exec = _with_source(builtins.exec)


def _with_source(run):
    numbers = itertools.count()

    def exec_(code, *namespaces):
        if not isinstance(code, str):
            return run(code, *namespaces or _callers())
        name = f"<executed {next(numbers)}>"
        linecache.cache[name] = len(code), None, code.splitlines(keepends=True), name
        return run(compile(code, name, "exec"), *namespaces or _callers())

    return exec_


def _callers():
    frame = sys._getframe(2)
    return frame.f_globals, frame.f_locals


def tests_of(module):
    """All tests of one module; none if it needs a compiler or a card from its first line on."""
    try:
        loaded = importlib.import_module(f"{TESTS}.{module}")
    except unittest.SkipTest:
        return
    pending = [unittest.defaultTestLoader.loadTestsFromModule(loaded)]
    while pending:
        for test in pending.pop():
            if isinstance(test, unittest.TestSuite):
                pending.append(test)
            elif type(test).__module__ == loaded.__name__:
                yield test


def outcome(test):
    """What one test says."""
    result = unittest.TestResult()
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(SECONDS)
    try:
        test.run(result)
    finally:
        signal.alarm(0)
    errors = result.errors + result.failures
    said = errors[0][1] if errors else ""
    name = test.id().removeprefix(TESTS + ".")
    return {"test": name, "outcome": _word(result, said), "error": said}


def _too_long(*_):
    raise TimeoutError(f"it took more than {SECONDS} s")


def _word(result, said):
    if result.skipped:
        return "skipped"
    if not said:
        return "passed"
    last = said.strip().splitlines()[-1]
    return "refused" if last.startswith("lstm_kernels.emulator.errors.") else "failed"


if __name__ == "__main__":
    main()
