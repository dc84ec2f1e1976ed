"""numba-cuda-mlir, numba-cuda's successor, taught what it lacks for the course's kernels.

`device` imports it where it is wished for, or where it is all there is.  It needs Python 3.11 and a
card of compute capability 7.5 or later, and has no simulator.
"""

from numba_cuda_mlir import cuda, tools, types
from numba_cuda_mlir.extending import lower_builtin

__all__ = ["cuda", "pretend_card", "types"]


@lower_builtin(type, types.Any)
def _type_of_a_number(builder, target, args, keywords):
    """`type(z)` in a kernel: version 0.6.0 knows its type, and has no code for it."""
    builder.store_var(target, builder.get_mlir_type(builder.get_numba_type(target.name)))


def pretend_card(capability):
    """Compile as if a card of this compute capability were here, such as (7, 5)."""
    tools._cached_cc = capability
