"""My progress: a row per lesson that fills with what is solved and guessed.  Lesson 00."""

from .style import BLUE, GREEN, GREY, ORANGE, styled, subplots

EMPTY = "white"
SOLVED = {"walk": GREEN, "exercise": ORANGE, "prediction": BLUE}


@styled
def draw_progress(lessons):
    """A row per lesson.  lessons: [(number, walk, exercises, predictions), ...], in their order.

    walk: [is it solved?, ...]; a square each.  exercises: [(stars, is it solved?), ...]; as many
    stars.  predictions: [was it near?, ...], those made; a dot each, filled if it was near.
    """
    picture, ax = subplots(1, 1, 13, 1.4 + 0.36 * len(lessons), alt=in_words(lessons))
    stars_from = 1.5 + max(len(walk) for _, walk, _, _ in lessons)
    dots_from = stars_from + 1.5 + max(_width(exercises) for _, _, exercises, _ in lessons)
    for row, (_, walk, exercises, predictions) in enumerate(lessons):
        for n, solved in enumerate(walk):
            _mark(ax, n, row, "s", SOLVED["walk"], solved)
        x = stars_from
        for stars, solved in exercises:
            for _ in range(stars):
                _mark(ax, x, row, "*", SOLVED["exercise"], solved, size=15)
                x += 0.75
            x += 0.6
        for n, near in enumerate(predictions):
            _mark(ax, dots_from + n, row, "o", SOLVED["prediction"], near)
    _name(
        ax, lessons, {"the walk": 0, "exercises": stars_from, "predictions (full: near)": dots_from}
    )
    ax.set_xlim(-1, max(dots_from + 6, *(dots_from + len(p) for *_, p in lessons)))
    return picture


def in_words(lessons):
    """The counts of all lessons, and what is done of each that was begun."""
    walk, exercises, stars, predictions = (_count(lessons, part) for part in range(4))
    words = (
        f"My progress: {walk} tasks of the walks and {exercises} exercises solved, {stars} stars; "
        f"{predictions} predictions near."
    )
    begun = [lesson for lesson in lessons if _is_begun(lesson)]
    return " ".join([words, *(f"Lesson {lesson[0]}: {_done(lesson)}." for lesson in begun)])


def _parts(lesson):
    """The four counts of a lesson: [(how many done, how many there are), ...]."""
    _, walk, exercises, predictions = lesson
    solved = [is_solved for _, is_solved in exercises]
    stars = sum(stars for stars, is_solved in exercises if is_solved)
    return (
        (sum(walk), len(walk)),
        (sum(solved), len(solved)),
        (stars, sum(stars for stars, _ in exercises)),
        (sum(predictions), len(predictions)),
    )


def _count(lessons, part):
    done, there = zip(*(_parts(lesson)[part] for lesson in lessons), strict=True)
    return f"{sum(done)} of {sum(there)}"


def _is_begun(lesson):
    """Is anything solved, or any prediction made?"""
    (walk, _), (exercises, _), _, (_, predictions) = _parts(lesson)
    return walk + exercises + predictions > 0


def _done(lesson):
    (walk, tasks), (solved, exercises), _, (near, made) = _parts(lesson)
    return f"{walk} of {tasks} tasks, {solved} of {exercises} exercises, {near} of {made} near"


def _width(exercises):
    return sum(0.75 * stars + 0.6 for stars, _ in exercises)


def _mark(ax, x, row, mark, color, is_full, size=12):
    ax.plot(x, row, mark, ms=size, mfc=color if is_full else EMPTY, mec=color, mew=1.3)


def _name(ax, lessons, columns):
    """The lessons' numbers at the left, the columns' names above."""
    for words, x in columns.items():
        ax.text(x - 0.3, -1, words, color=GREY, va="center")
    ax.set_yticks(range(len(lessons)), [number for number, *_ in lessons])
    ax.set_ylim(len(lessons) - 0.4, -1.6)
    ax.set_xticks([])
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_title("My progress")
