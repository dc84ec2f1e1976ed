"""The judge beside the learner: is what they wrote right, and if not, what differs first?

In a lesson:

    from lstm_kernels.judge import judge

    step = judge("03.1", step)      # one line; returns yours if it is right, else the course's own
    judge.hint("03.1")              # a question; then an index line; then the line itself

A file per lesson holds its tasks, lesson_03.py for lesson 03, a function per task.  The other
modules know no lesson: tasks.py says what a task is, verdict.py gives the verdict, compare.py finds
what differs first, eyes.py watches kernels in the emulator, source.py reads what was written,
progress.py keeps what is solved, guesses.py what was predicted.

    judge.enter("mine", gradients)  # a whole version of your own: judged, then in every race

version.py judges it, with tracing.py and borrowed.py; enter.py puts it beside the course's.
"""

from lstm_kernels.emulator import build
from lstm_kernels.judge.enter import enter
from lstm_kernels.judge.guesses import compare_guess
from lstm_kernels.judge.verdict import judge

judge.enter = enter
build.prepare()  # while the page's first lines are read

__all__ = ["compare_guess", "judge"]
