"""Device functions get no machine code of their own: they become part of the kernel's.

Numba's `njit` optimises a function and makes its machine code, then links it into each caller, and
does both again there.  Nothing but other compiled code calls a device function: so its own is left
out, and all is optimised once, in the function that is called from Python.

Both classes change inner parts of Numba's, which are the same in all versions of KNOWN.  Any other
Numba compiles as `njit` does, which only takes time.
"""

from functools import partial

import numba
from numba.core import codegen
from numba.core.compiler import Compiler
from numba.core.environment import lookup_environment

ENVIRONMENT = "_ZN08NumbaEnv"  # how the names of these global variables begin
KNOWN = (0, 61), (0, 68)  # the first and the last version that was tried
IS_KNOWN = KNOWN[0] <= numba.version_info.short <= KNOWN[1]
_library = getattr(codegen, "JITCodeLibrary", object)  # object: of a Numba that is not known


class _Text(_library):
    """One function as LLVM's text, to be linked into others."""

    def _optimize_final_module(self):
        """Its callers do that, with all that they call at once."""

    def _finalize_final_module(self):
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True


class Callee(Compiler):
    """For a function that only other compiled functions call."""

    def compile_extra(self, func):
        context = self.state.targetctx
        self.state.library = _Text(context.codegen(), func.__qualname__)
        self.state.targetctx = context.subtarget(get_executable=_nothing)
        return super().compile_extra(func)


class Caller(Compiler):
    """For a function that is called from Python, and calls such functions."""

    def compile_extra(self, func):
        context = self.state.targetctx
        self.state.targetctx = context.subtarget(get_executable=partial(_executable, context))
        return super().compile_extra(func)


def _nothing(library, fndesc, env):
    """What Numba asks for as the function's name: each has another, and it cannot be called."""
    return {}.popitem


def _executable(context, library, fndesc, env):
    """Numba's own, and the environments of what was linked into it: `print` looks into them."""
    made = context.get_executable(library, fndesc, env)
    names = (variable.name for variable in library._final_module.global_variables)
    for name in names:
        found = lookup_environment(name) if name.startswith(ENVIRONMENT) else None
        if found is not None:
            library.codegen.set_env(name, found)
    return made


CALLEE = {"pipeline_class": Callee} if IS_KNOWN else {}  # options of `njit`
CALLER = {"pipeline_class": Caller} if IS_KNOWN else {}
