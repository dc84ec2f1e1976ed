"""What differs first, in words: which array, which index, got, expected, and the likely cause."""

import numpy as np


class NotYet(Exception):
    """Why an answer is not right yet: a sentence for the learner."""


def expect(holds, words):
    """NotYet with these words unless it holds."""
    if not holds:
        raise NotYet(words)


def same(name, got, expected, typical=None, *, where="", tolerance=1e-5, last_first=False):
    """NotYet unless `got` is `expected` within the tolerance (max norm), in its shape and type.

    typical: {cause: the array, or a function that gives it, which this mistake would make}.
    where: the sizes tried, for the message.  last_first: a pass that runs backwards in time, so
    that the first difference is the one of the largest t.
    """
    expected = np.asarray(expected)
    array = _as_array(name, got, expected, where)
    differs = _differences(array, expected, tolerance)
    if not differs.any():
        return
    index = first_of(differs, last_first)
    words = f"{at(name, index)} is {number(array[index])}, expected {number(expected[index])}"
    count = f"; {differs.sum():,} of {differs.size:,} differ" if differs.size > 1 else ""
    cause = _typical_cause(array, expected, typical or {}, tolerance)
    cause = cause or _ratio(array, expected, tolerance)
    raise NotYet(f"{words}{_in_brackets(where)}{count}.{cause}")


def several(got, *names):
    """The values of a result with these names; NotYet if it has another number of them."""
    wanted = f"expected {len(names)} values: {', '.join(names)}"
    expect(got is not None, f"It returns None, {wanted}: is a `return` missing?")
    expect(isinstance(got, tuple | list), f"It returns one {type(got).__name__}, {wanted}.")
    expect(len(got) == len(names), f"It returns {len(got)} values, {wanted}.")
    return got


def array_like(name, got, expected, where=""):
    """`got` as an array of expected's shape, and of its type if that is float32; else NotYet."""
    return _as_array(name, got, np.asarray(expected), where)


def unchanged(before, after, names, where=""):
    """NotYet if a function has changed one of its arguments."""
    for name, *both in zip(names, before, after, strict=True):
        old, new = map(np.asarray, both)
        shapes = f"{name} has the shape {new.shape} afterwards, was {old.shape}"
        expect(old.shape == new.shape, f"It changes its argument: {shapes}{_in_brackets(where)}.")
        if not np.array_equal(old, new, equal_nan=True):
            index = first_of(old != new)
            raise NotYet(f"It changes its argument: {at(name, index)} is {number(new[index])} "
                         f"afterwards, was {number(old[index])}{_in_brackets(where)}.")  # fmt: skip


def first_of(differs, last_first=False):
    """The index of the first True; last_first: with the largest first index."""
    if last_first and differs.ndim:
        n, *rest = first_of(differs[::-1])
        return (len(differs) - 1 - n, *rest)
    return tuple(int(n) for n in np.argwhere(differs)[0])


def at(name, index):
    """dW[3, 0]"""
    return f"{name}[{', '.join(map(str, index))}]" if index else name


def number(value):
    return f"{value:.6g}" if np.issubdtype(np.asarray(value).dtype, np.floating) else str(value)


def _in_brackets(where):
    return f" ({where})" if where else ""


def _as_array(name, got, expected, where):
    """`got` as an array of expected's shape and, if it is a NumPy array, of its type."""
    expect(got is not None, f"{name} is None: is a `return` missing?")
    expect(got is not Ellipsis, f"{name} is still `...`.")
    try:
        array = np.asarray(got)
        numeric = np.issubdtype(array.dtype, np.number) or array.dtype == bool
    except ValueError:  # lists of different lengths
        numeric = False
    expect(numeric, f"{name} is no array of numbers{_in_brackets(where)}.")
    if array.shape != expected.shape:
        transposed = array.ndim > 1 and array.shape == expected.T.shape
        raise NotYet(f"{name} has the shape {array.shape}, expected "
                     f"{expected.shape or 'one number'}{_in_brackets(where)}."
                     f"{' It is transposed.' * transposed}")  # fmt: skip
    if isinstance(got, np.ndarray) and expected.dtype == np.float32:
        expect(array.dtype == np.float32, f"{name} is {array.dtype}, expected float32: where does "
                                          "another type come in?")  # fmt: skip
    return array


def _differences(array, expected, tolerance):
    """Where they differ, as an array of booleans."""
    if expected.dtype.kind in "bui":
        return array != expected
    exact = expected.astype(np.float64)
    largest = np.abs(exact[np.isfinite(exact)]).max(initial=0)
    with np.errstate(invalid="ignore"):
        close = np.abs(array - exact) <= tolerance * (largest or 1)
    return ~(close | (array == exact) | (np.isnan(array) & np.isnan(exact)))


def _typical_cause(array, expected, typical, tolerance):
    """The cause whose array this is, as a sentence; nothing if it is none of them.

    A mistake that does not show in these numbers is no cause.
    """
    for cause, wrong in typical.items():
        wrong = np.asarray(wrong() if callable(wrong) else wrong)
        if wrong.shape != array.shape or not _differences(wrong, expected, tolerance).any():
            continue
        if not _differences(array, wrong, 10 * tolerance).any():
            return f" Likely: {cause}."
    return ""


def _ratio(array, expected, tolerance):
    """Is everything the same number of times what is expected?"""
    if array.size < 2 or expected.dtype.kind != "f" or not np.abs(expected).max():
        return ""
    largest = np.unravel_index(np.abs(expected).argmax(), expected.shape)
    ratio = float(array[largest] / expected[largest])
    if ratio == 0 and not array.any():
        return " All are 0."
    if not np.isfinite(ratio) or _differences(array, expected * ratio, 10 * tolerance).any():
        return ""
    return " Only the sign is wrong." if np.isclose(ratio, -1) else (
        f" All are {ratio:.4g} times what is expected.")  # fmt: skip
