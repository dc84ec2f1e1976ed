"""Parallel LSTM training, from the equations to the GPU: the course's helper package.

    from lstm_kernels import VERSIONS, Params, init_params, training
    loss, grads = VERSIONS["cuda_v2"].gradients(params, x, y)

`versions/` holds the lessons' code, a file a version; everything else serves them.
"""

import os
import sys


def _say_stopped(kind, error, trace):
    """Ctrl-C while a command is imported ends it as __main__'s door does; else as ever.

    Python up to 3.11 wraps a KeyboardInterrupt that comes while a class is made.
    """
    if KeyboardInterrupt not in (kind, type(error.__cause__)):
        return sys.__excepthook__(kind, error, trace)
    print("Stopped.", file=sys.stderr, flush=True)
    os._exit(130)


if sys.argv[:1] == ["-m"] and "lstm_kernels" in getattr(sys, "orig_argv", ()):
    sys.excepthook = _say_stopped  # this is `python -m lstm_kernels`, on its way to the door

from lstm_kernels.machine import platforms  # noqa: E402

if sys.version_info < platforms.OLDEST:
    raise ImportError(platforms.explain_python())
try:
    from lstm_kernels.machine.device import (
        cuda,  # first: it chooses GPU or not before Numba is imported
    )
    from lstm_kernels.model import Params, init_params
    from lstm_kernels.versions import VERSIONS
except ImportError as error:
    if advice := platforms.explain_import(error):
        raise ImportError(advice) from None
    raise

__all__ = ["VERSIONS", "Params", "cuda", "init_params"]
__version__ = "0.1.0"
