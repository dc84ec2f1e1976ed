"""Whole versions as texts: the course's own copied, and changed until they are wrong."""

import inspect

from lstm_kernels.versions import VERSIONS
from tests.judge.pages import run_cell


def copied(name, *changes):
    """The text of a version of the course; changes: (piece, what stands there instead), ..."""
    text = inspect.getsource(VERSIONS[name])
    for piece, instead in changes:
        assert piece in text, piece
        text = text.replace(piece, instead)
    return text


def gradients_of(text, **known):
    """The function that a page with this text defines."""
    return run_cell(text, {"__name__": "page", **known})["gradients"]


AROUND_NUMPY = """\
from lstm_kernels.model import Params

{before}

def own(params, x, y):
    {body}


{numpy}

theirs = gradients


def gradients(params, x, y):
    return own(params, x, y)
"""


def around_numpy(body, before=""):
    """A version whose `own` may call `theirs`, NumPy's gradients by a copied text."""
    lines = "\n    ".join(body.strip().split("\n"))
    return AROUND_NUMPY.format(body=lines, before=before, numpy=copied("numpy_batched"))
