"""Is a whole version the learner's own?  By what its code can reach, and by what it runs."""

import sys
from functools import partial

from lstm_kernels.judge.compare import NotYet
from lstm_kernels.judge.source import refuse_borrowed

LIBRARIES = ("torch", "tensorflow", "jax", "cupy")  # they have gradients, or launches, of their own
COURSE = "lstm_kernels"
PARTS = tuple(f"{COURSE}.{name}" for name in (  # of the course, from which a version may be built
    "cuda", "machine", "model", "versions.per_sample", "versions.buffers", "versions.packing",
    "versions.parts", "versions.simd", "emulator",
))  # fmt: skip


def refuse_to_reach(gradients):
    """NotYet, naming what is borrowed, if the version's code can reach the course's own."""
    refuse_borrowed(gradients, borrowed=(COURSE, *LIBRARIES), parts=PARTS)


def refuse_to_run(gradients, *problem):
    """NotYet if a call runs the course's own: a module beside the page hides it from the search."""
    for home in sorted(homes_of(partial(gradients, *problem))):
        if _is_of(home, (COURSE, *LIBRARIES)) and not _is_of(home, PARTS):
            raise NotYet(f"It runs functions of {home}: here you write them yourself.")


def homes_of(call):
    """Names of the modules whose functions run in `call()`, as far as Python sees them."""
    homes, before = set(), sys.getprofile()

    def note(frame, event, argument):
        if event == "call":
            homes.add(str(frame.f_globals.get("__name__")))
        elif event == "c_call":
            homes.add(str(getattr(argument, "__module__", None)))

    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(before)
    return homes


def _is_of(home, modules):
    return any(home == module or home.startswith(f"{module}.") for module in modules)
