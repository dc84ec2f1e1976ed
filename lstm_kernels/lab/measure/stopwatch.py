"""Where the time of a program goes, and what its interpreter executes.  Lessons 03 and 04."""

import sys
import time
from unittest.mock import patch

from lstm_kernels.emulator.build import finish_preparing


def time_parts(names, call, module="__main__"):
    """Seconds of one `call()`, by functions: {name: inside it, ..., "the rest"}.

    names: of functions of a module, by default of the notebook; none of them calls another one.
    Only their calls are timed: a profiler that watches every small call slows down just the code
    that makes many of them.
    """
    parts, functions = dict.fromkeys(names, 0.0), vars(sys.modules[module])
    watches = {name: _timed(name, functions[name], parts) for name in names}
    finish_preparing()
    with patch.multiple(module, **watches):
        start = time.perf_counter()
        call()
        whole = time.perf_counter() - start
    return {**parts, "the rest": whole - sum(parts.values())}


def _timed(name, function, parts):
    """The same function, which adds its time to its part."""

    def watched(*arguments):
        start = time.perf_counter()
        result = function(*arguments)
        parts[name] += time.perf_counter() - start
        return result

    return watched


def count_instructions(call):
    """How many instructions of Python (opcodes) the interpreter executes in `call()`."""
    counted = 0

    def tracer(frame, event, argument):
        nonlocal counted
        frame.f_trace_opcodes = True
        counted += event == "opcode"
        return tracer

    before = sys.gettrace()
    sys._getframe().f_trace_opcodes = True  # Python 3.12 asks for this first
    sys.settrace(tracer)
    try:
        call()
    finally:
        sys.settrace(before)
    return counted
