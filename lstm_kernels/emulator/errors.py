"""What the emulator refuses, as one family of exceptions.

Each message names the value and the limit, because a real card often says only "invalid value".
"""


class EmulatorError(Exception):
    """Anything that the emulator refuses."""


def raised(error, message):
    """An exception that a kernel raised itself: it is both an EmulatorError and of that type."""
    kind = type(error)
    return type(kind.__name__, (EmulatorError, kind), {"__module__": __name__})(message)


class LaunchError(EmulatorError, ValueError):
    """A launch that the card would refuse: block, grid or shared memory beyond its limits."""


class ArgumentError(EmulatorError, TypeError):
    """An argument that a kernel cannot take."""


class UnsupportedCode(EmulatorError, TypeError):
    """A kernel that the GPU compiler (or this emulator) cannot compile."""


class OutOfBounds(EmulatorError, IndexError):
    """An index outside its array. On a card this corrupts memory, mostly in silence."""


class DivergentBarrier(EmulatorError, RuntimeError):
    """A barrier that not all threads reach. On a card this hangs, or worse, goes on."""


class WaitsInVain(EmulatorError, RuntimeError):
    """Threads that loop until another one writes something, which none does. On a card: a hang."""


class TransferError(EmulatorError, ValueError):
    """A copy between host and device that cannot be made."""
