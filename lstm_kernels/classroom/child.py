"""Inside a submission's process: run what its tasks need, judge its answers, tell each step.

In, from sandbox.py: one line of JSON, the job, and then the notebook's bytes.  Out: a line of JSON
per step, each with the job's token.  What the notebook prints goes to the other pipe, stderr.
"""

import ast
import json
import os
import sys
import traceback
from pathlib import Path
from random import Random
from types import ModuleType

from numpy.random import bit_generator

from lstm_kernels.classroom import guard, needed
from lstm_kernels.judge import tasks
from lstm_kernels.judge.compare import NotYet
from lstm_kernels.judge.source import is_unwritten
from lstm_kernels.judge.verdict import NOT_YET, RIGHT, verdict

LONGEST = 1000  # letters of a sentence
entropy = Random()  # of the judge's inputs: the same for the same seed and task


def main():
    bit_generator.randbits = entropy.getrandbits  # what `default_rng()` asks for
    job, text = _job()
    tell = _teller(job["token"])
    try:
        _grade(job, text, tell)
    except needed.NoNotebook as error:
        tell(remark=f"it is no notebook: {error}")
    tell(done=True)
    os._exit(0)  # nothing of the submission's own runs now


def _job():
    job, _, text = sys.stdin.buffer.read().partition(b"\n")
    return json.loads(job), text


def _teller(token):
    """tell(key=value, ...) sends a line; what was stdout now goes to stderr, and stdin is empty."""
    channel = os.dup(1)
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    write, dumps = os.write, json.dumps

    def tell(**said):
        said = {key: v[:LONGEST] if isinstance(v, str) else v for key, v in said.items()}
        write(channel, (dumps({"token": token, **said}) + "\n").encode())

    return tell


def _grade(job, text, tell):
    cells = needed.read(text)
    lessons = {n.split(".")[0] for cell in cells for n in cell.answers} & set(tasks.lessons())
    lessons = sorted(lessons & {job["lesson"] or lesson for lesson in lessons})
    wanted = {task.number: task for lesson in lessons for task in tasks.tasks_of(lesson)}
    tell(lessons=lessons)
    if not wanted:
        tell(remark=f"it has no task of {job['lesson'] or 'the course'}")
    page = _Page(wanted, job, tell)
    page.keep(cells)
    for words in guard.limit(job["limits"]):
        tell(missing=words)
    check = _patch_finder(tell)
    folders = [job["work"], job["cache"]], [job["cells"]], job["closed"]
    guard.watch(vars(page.module), *folders, lambda words: tell(remark=f"refused: it {words}"))
    for cell in cells:
        if (cell.runs or cell.answers) and f"cell {cell.number}" not in job["skip"]:
            page.run(cell)
    for number in wanted if check() else ():
        if number in page.answers:
            page.judge(number, check)


def _patch_finder(tell):
    """check() tells what was patched since now; True if nothing was."""
    patched = guard.patch_finder()

    def check():
        names = patched()
        if names:
            tell(patched=", ".join(names[:5]))
        return not names

    return check


class _Page:
    """The module in which the notebook's lines run."""

    def __init__(self, wanted, job, tell):
        self.wanted, self.job, self.tell = wanted, job, tell
        self.module = sys.modules["__main__"] = ModuleType("__main__")
        self.module.display = print  # as in Jupyter
        self.answers, self.broken = {}, {}
        os.chdir(job["work"])
        self.folder = Path(job["cells"])

    def keep(self, cells):
        """Each cell as a file: Numba and the judge read the source of what they are given."""
        for cell in cells:
            (self.folder / cell.name).write_text(cell.source, "utf-8", errors="replace")

    def run(self, cell):
        """Its lines that are needed; then its answers are taken, and ours goes on for a stub."""
        answers = {n: answer for n, answer in cell.answers.items() if n in self.wanted}
        self.tell(doing=f"cell {cell.number}", tasks=list(answers))
        file, stops = self.folder / cell.name, [cell.error]
        for statement in [] if cell.error else cell.runs:
            stops.append(self._try(self._exec, [statement], file))
        for number, (name, expression) in answers.items():
            self.answers[number] = name, None
            if expression is not None:
                stops.append(self._try(self._take, number, name, expression, file))
        first = next(filter(None, stops), "")
        self.broken |= dict.fromkeys(answers, first)
        if first and not answers:
            self.tell(remark=f"cell {cell.number}: {first}")

    def _try(self, work, *arguments):
        """Why it stops, as a sentence; nothing if it does not."""
        try:
            work(*arguments)
        except BaseException as error:
            return _sentence(error, self.folder)
        return ""

    def _exec(self, statements, file):
        exec(compile(ast.Module(statements, []), str(file), "exec"), vars(self.module))

    def _take(self, number, name, expression, file):
        answer = eval(compile(ast.Expression(expression), str(file), "eval"), vars(self.module))
        self.answers[number] = name, answer
        task = self.wanted[number]
        try:
            written = not is_unwritten(answer, task.planted)
        except NotYet:
            written = True
        self._name(name, answer if written else task.ours)

    def _name(self, name, value):
        if name:
            setattr(self.module, name, value)

    def judge(self, number, check):
        """The verdict on one answer; below it ours goes on, unless it is right."""
        if number in self.job["skip"]:
            return self._name(self.answers[number][0], self.wanted[number].ours)
        self.tell(doing=number, tasks=[number])
        name, answer = self.answers[number]
        entropy.seed(f"{self.job['seed']} {number}")
        state, words = NOT_YET, self.broken.get(number, "")
        if not words:
            try:
                _, state, words = verdict(number, answer)
            except BaseException as error:
                words = f"The check stops. {_sentence(error, self.folder)}"
        self._name(name, answer if state == RIGHT else self.wanted[number].ours)
        if check():
            self.tell(task=number, state=state, words=str(words))


def _sentence(error, folder):
    """What stopped, and in which line of which cell."""
    places = [
        f"{Path(frame.filename).stem.replace('_', ' ')}, line {frame.lineno}: `{frame.line}`"
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).parent == folder
    ]
    place = f", in {places[-1]}" if places else ""
    return f"It stops with {type(error).__name__}: {str(error) or 'no message'}{place}."
