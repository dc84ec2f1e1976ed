"""Typical mistakes: our own source with one piece exchanged, so that a wrong result is known again.

MISTAKES = {"h after the step for dW": ("h[t])", "h[t + 1])")}
same("dW", got, wanted, typical(MISTAKES, (add_gradients,), lambda f: f(x, h, dz)))
"""

import inspect
from functools import partial


def typical(mistakes, functions, run):
    """{cause: what `run` makes of our function with this mistake}, made only when it is asked for.

    mistakes: {cause: (piece of our source, what stands there instead)}.  functions: of one module;
    the piece may be in any of them, and `run` gets the first.  A mistake that does not run with
    these sizes is like no answer that did.
    """

    def made(piece, instead):
        wrong = mistaken(functions, piece, instead)
        try:
            return run(wrong)
        except (IndexError, ValueError):  # shapes that do not fit
            return ()

    return {cause: partial(made, *pieces) for cause, pieces in mistakes.items()}


def mistaken(functions, piece, instead):
    """The first of our functions, with this piece exchanged; ValueError if no source has it."""
    source = "\n\n".join(map(inspect.getsource, functions))
    if piece not in source:
        raise ValueError(f"{functions[0].__name__} and its helpers have no {piece!r}")
    names = dict(functions[0].__globals__)
    exec(source.replace(piece, instead), names)
    return names[functions[0].__name__]
