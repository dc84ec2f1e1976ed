"""A prediction beside what was measured."""

from contextlib import suppress
from numbers import Real

import numpy as np

from lstm_kernels.judge import progress

NEAR = 1.5  # a guessed number counts as near within this factor


def compare_guess(number, guess, measured, source="measured here"):
    """Print a guess beside what was measured, and keep both.  Lessons 01 to 18.

    number: "07.p1".  guess: None while nothing is written; else a number, a word, a set, or a tuple
    or a dict of such.  measured: the same.  source: where `measured` is from, for example the
    recording of a named card.
    """
    if _is_empty(guess):
        print(f"Guess {number}: none written. The answer, {source}: {words(measured)}.")
        return
    hit = is_near(guess, measured)
    judged = "near" if hit else "not near"
    print(f"Guess {number}: {words(guess)}. The answer, {source}: {words(measured)}: {judged}.")
    progress.guessed(number, words(guess), words(measured), hit)


def is_near(guess, measured):
    """Numbers: within a factor of NEAR; tuples and dicts: all parts; else equal."""
    guess, measured = _plain(guess), _plain(measured)
    if isinstance(measured, dict):
        alike = isinstance(guess, dict) and set(guess) == set(measured)
        return alike and all(is_near(guess[key], part) for key, part in measured.items())
    if isinstance(measured, tuple):
        alike = isinstance(guess, tuple) and len(guess) == len(measured)
        return alike and all(map(is_near, guess, measured))
    if isinstance(measured, set):
        parts = guess if isinstance(guess, set | tuple) else [guess]
        return {*map(str, parts)} == {*map(str, measured)}
    if _is_number(measured) and _is_number(guess) and guess * measured > 0:
        return 1 / NEAR <= guess / measured <= NEAR
    if isinstance(measured, str):
        return str(guess).strip().lower() == measured.strip().lower()
    return type(guess) is not str and guess == measured


def words(value):
    """A guess or an answer as text, numbers with three digits."""
    value = _plain(value)
    if isinstance(value, dict):
        return ", ".join(f"{key}: {words(part)}" for key, part in value.items())
    if isinstance(value, tuple):
        return ", ".join(map(words, value))
    if isinstance(value, set):
        return ", ".join(sorted(map(words, value))) or "none"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _plain(value):
    """Numbers and arrays of NumPy as Python's; lists as tuples; "12.5" as a number."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, list | range):
        return tuple(value)
    if isinstance(value, str):
        with suppress(ValueError):
            return float(value)
    return set(value) if isinstance(value, frozenset) else value


def _is_number(value):
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_empty(guess):
    """Is any part of it not written yet: None, `...` or a blank text?"""
    guess = _plain(guess)
    if isinstance(guess, dict | tuple | set):
        return any(map(_is_empty, guess.values() if isinstance(guess, dict) else guess))
    return guess is None or guess is ... or (isinstance(guess, str) and not guess.strip())
