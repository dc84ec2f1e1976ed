"""A prediction beside what was measured."""

from numbers import Real

from lstm_kernels.judge import progress

NEAR = 1.5  # a guessed number counts as near within this factor


def compare_guess(number, guess, measured, source="measured here"):
    """Print a guess beside what was measured, and keep both.  Lessons 01 to 17.

    number: "07.p1".  guess: None while nothing is written; else a number, a word, a set, or a tuple
    of such.  measured: the same.  source: where `measured` is from, for example the recording of a
    named card.
    """
    if _is_empty(guess):
        print(f"Guess {number}: none written. The answer, {source}: {words(measured)}.")
        return
    hit = is_near(guess, measured)
    judged = "near" if hit else "not near"
    print(f"Guess {number}: {words(guess)}. The answer, {source}: {words(measured)}: {judged}.")
    _keep(number, guess, measured, hit)


def is_near(guess, measured):
    """Numbers: within a factor of NEAR; tuples: all parts; else equal."""
    if isinstance(measured, tuple):
        alike = isinstance(guess, tuple | list) and len(guess) == len(measured)
        return alike and all(map(is_near, guess, measured))
    if isinstance(measured, Real) and not isinstance(measured, bool):
        if not isinstance(guess, Real) or isinstance(guess, bool) or guess * measured <= 0:
            return guess == measured
        return bool(1 / NEAR <= guess / measured <= NEAR)
    if isinstance(measured, str):
        return isinstance(guess, str) and guess.strip().lower() == measured.lower()
    if isinstance(measured, set | frozenset):
        return not isinstance(guess, str) and set(guess) == set(measured)
    return bool(guess == measured)


def words(value):
    """A guess or an answer as text, numbers with three digits."""
    if isinstance(value, tuple | list):
        return ", ".join(map(words, value))
    if isinstance(value, set | frozenset):
        return ", ".join(sorted(map(words, value))) or "none"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _is_empty(guess):
    parts = guess if isinstance(guess, tuple | list) else (guess,)
    return any(part is None for part in parts)


def _keep(number, guess, measured, hit):
    progress.guessed(number, words(guess), words(measured), hit)
