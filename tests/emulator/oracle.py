"""Runs a kernel as numba-cuda's own compiler compiled it, in one thread, without a card.

That compiler turns a kernel into LLVM's language, with all types and conversions decided. The text
is a program for a GPU; here it becomes one for this CPU:

* what the text leaves to the card's instructions is written out, as NVIDIA's PTX manual defines it:
  a float too large for an integer becomes the largest one, a shift by all bits leaves 0;
* functions of NVIDIA's library (`__nv_exp`) are the C library's (`exp`);
* the thread is number 0 of a block of one, alone in its grid.

So types, casts, promotions and whole numbers are that compiler's own. Only the last bits of `exp`
and its like are not.
"""

import ctypes
import ctypes.util
import math
import re
from importlib import metadata
from types import SimpleNamespace
from unittest.mock import patch

import llvmlite.binding as llvm
import numpy as np
from numba import types
from numba.cuda import dispatcher
from numba.cuda.compiler import _compile_pyfunc_with_fixup
from numba.cuda.cudadrv.nvvm import llvm_replace
from numba.np.numpy_support import from_dtype

VERSION = "0.30."  # of numba-cuda: others may decide otherwise, and have other insides
if not metadata.version("numba-cuda").startswith(VERSION):
    raise ImportError(f"numba-cuda {VERSION}x is needed, not {metadata.version('numba-cuda')}")

CAPABILITY = (7, 5)
POINTER = re.compile(r'(?:\b[a-z]\w*|%"[^"]*"|\{[^{}]*\}|\[[^\[\]]*\])\*+')
CONVERSION = re.compile(r"= (fpto[su]i) (float|double) (\S+) to i(\d+)")
SHIFT = re.compile(r"= (shl|lshr|ashr) i(\d+) ([^,\s]+), (\S+)")
LIBRARY = re.compile(r"@\"?__nv_(\w+?)\"?\(")
REGISTER = re.compile(r'call i32 @"?llvm\.nvvm\.read\.ptx\.sreg\.(\w+)[\w.]*"?\(\)')


def _whole_power(x, n):
    """`__nv_powi`."""
    with np.errstate(all="ignore"):
        return float(np.float_power(x, n))


OWN = {  # what the C library does not have
    "powi": ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double, ctypes.c_int)(_whole_power),
    "powif": ctypes.CFUNCTYPE(ctypes.c_float, ctypes.c_float, ctypes.c_int)(_whole_power),
    "isnand": ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_double)(math.isnan),
    "isinfd": ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_double)(math.isinf),
    "isfinited": ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_double)(math.isfinite),
    "brev": ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_uint32)(lambda x: _reversed(x, 32)),
    "brevll": ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_uint64)(lambda x: _reversed(x, 64)),
}
WIDTHS = {"float": 32, "double": 64}


def run(function, *arrays):
    """Call the compiled kernel with these arrays (C order); it changes them in place."""
    kinds = [types.Array(from_dtype(array.dtype), array.ndim, "C") for array in arrays]
    library = compiled(function, types.void(*kinds))
    engine = _engine([for_this_cpu(text) for text in library.llvm_strs])
    words = [word for array in arrays for word in _words(array)]
    address = engine.get_function_address(library._entry_name)
    ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * len(words))(address)(*words)


def compiled(function, signature):
    """What the compiler makes of a kernel; its errors for what it does not take."""
    card = SimpleNamespace(compute_capability=CAPABILITY)
    with patch.object(dispatcher, "get_current_device", lambda: card):
        library, _ = _compile_pyfunc_with_fixup(
            function, signature, device=False, cc=CAPABILITY, abi="numba"
        )
    return library


def _words(array):
    """An array as the kernel takes it: two owners, size, itemsize, address, shape, strides."""
    return 0, 0, array.size, array.itemsize, array.ctypes.data, *array.shape, *array.strides


def _engine(texts):
    """The modules, compiled and linked."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    for name in set(LIBRARY.findall("\n".join(texts))):
        known = OWN.get(name) or getattr(ctypes.CDLL(None), name, None)
        known = known or getattr(ctypes.CDLL(ctypes.util.find_library("m")), name)
        llvm.add_symbol(f"__nv_{name}", ctypes.cast(known, ctypes.c_void_p).value)
    first, *others = map(llvm.parse_assembly, texts)
    for module in others:
        first.link_in(module)
    first.verify()
    machine = llvm.Target.from_default_triple().create_target_machine()
    engine = llvm.create_mcjit_compiler(first, machine)
    engine.finalize_object()
    return engine


def _reversed(number, bits):
    return int(f"{number:0{bits}b}"[::-1], 2)


# ---- from the GPU's text to the CPU's -----------------------------------------------------------


def for_this_cpu(text):
    """One module of the compiler, for the machine that we run on."""
    text = llvm_replace(text)  # with this compiler's own atomics of floats
    text = re.sub(r'target (triple|datalayout) = "[^"]*"', "", text)
    text = re.sub(r"^!nvvm.*\n", "", text, flags=re.MULTILINE)
    while POINTER.search(text):  # `float*` was LLVM's old way to write `ptr`
        text = POINTER.sub("ptr", text)
    helpers = {}
    text = CONVERSION.sub(lambda found: _conversion(found, helpers), text)
    text = SHIFT.sub(lambda found: _shift(found, helpers), text)
    text = REGISTER.sub(_register, text)
    return text + "\n".join(helpers.values())


def _register(found):
    """A special register: all sizes are 1, all places are 0."""
    return f"or i32 0, {int(found.group(1) in ('ntid', 'nctaid'))}"


def _conversion(found, helpers):
    """`cvt` of a float: it saturates, and NaN gives 0, or with 64 bits the highest bit alone.

    For 8 bits this compiler writes a conversion to 16, and keeps the lower half.
    """
    operation, source, value, width = found.groups()
    wide = max(int(width), 16)
    name, saturate = f"{operation}.{source}.{width}", f"llvm.{operation}.sat.i{wide}"
    no_number = -(1 << (wide - 1)) if 64 in (WIDTHS[source], wide) else 0
    call = f"call i{wide} @{saturate}.f{WIDTHS[source]}({source} %x)"
    cut = f"trunc i{wide} %s to i{width}" if wide > int(width) else f"or i{width} %s, 0"
    helpers[name] = f"""
define internal i{width} @{name}({source} %x) {{
  %whole = {call}
  %no = fcmp uno {source} %x, %x
  %s = select i1 %no, i{wide} {no_number}, i{wide} %whole
  %r = {cut}
  ret i{width} %r
}}"""
    helpers[saturate + source] = f"declare {call.removeprefix('call ')}".replace(" %x", "")
    return f"= call i{width} @{name}({source} {value})"


def _shift(found, helpers):
    """`shl` and `shr`: the amount is 32 bits without a sign; from the width on, no bit is left."""
    operation, width, value, amount = found.groups()
    kind, name = f"i{width}", f"{operation}.{width}"
    helpers[name] = f"""
define internal {kind} @{name}({kind} %a, {kind} %b) {{
  %n = and {kind} %b, {2**32 - 1 if int(width) > 32 else -1}
  %far = icmp uge {kind} %n, {width}
  %k = select i1 %far, {kind} 0, {kind} %n
  %near = {operation} {kind} %a, %k
  %sign = ashr {kind} %a, {int(width) - 1}
  %left = select i1 {"true" if operation == "ashr" else "false"}, {kind} %sign, {kind} 0
  %r = select i1 %far, {kind} %left, {kind} %near
  ret {kind} %r
}}"""
    return f"= call {kind} @{name}({kind} {value}, {kind} {amount})"
