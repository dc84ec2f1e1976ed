"""Grade a class: `python -m lstm_kernels grade SUBMISSIONS --csv grades.csv`."""

import hashlib
import json
import re
import secrets
import sys
import tempfile
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue

from lstm_kernels.classroom import report, sandbox, submission
from lstm_kernels.classroom.place import Place
from lstm_kernels.judge import tasks
from lstm_kernels.judge.verdict import RIGHT
from lstm_kernels.lab import saving
from lstm_kernels.machine.platforms import ROOT

KEPT = "kept"  # in the folder of pages: a file per notebook that was judged
WARM = """
from lstm_kernels.judge.tasks import tasks_of  # compiles what each verdict on a kernel needs
for lesson in {}:
    for task in tasks_of(lesson):
        task.check(task.ours)
"""
WORTH = 4  # notebooks of a lesson per process: then our own kernels are compiled first, once


def main(folder, csv, lesson="", jobs=2, out="pages", seconds=60.0, seed=None):
    """Judge every submission in a folder; write a page each, and the class's table.

    csv, out: where the table and the pages go.  lesson: only this one, "07".  jobs: processes at a
    time.  seconds: for each step.  seed: of the judge's inputs; None: another one per notebook.
    Returns the exit status.  Stopped and started again, it goes on where it was.
    """
    wrong = _refusal(folder, lesson)
    if wrong:
        print(wrong, file=sys.stderr)
        return 2
    csv, out = str(csv), Path(out)
    (out / KEPT).mkdir(parents=True, exist_ok=True)
    if saving.refuse_paths([csv, str(out / "index.html")]):
        return 2
    limits = sandbox.Limits(seconds=seconds)
    class_ = _Class(submission.find(folder), [folder, out, csv], lesson, limits, seed, out / KEPT)
    return saving.keep(lambda check: class_.judge(jobs, check), lambda: class_.save(csv, out))


def _refusal(folder, lesson):
    """Why it cannot begin, as a sentence."""
    if not Path(folder).is_dir():
        return f"there is no folder {folder}"
    try:
        return tasks.tasks_of(lesson) and "" if lesson else ""
    except ValueError as error:
        return str(error)


class _Class:
    """The class's submissions, and what was judged so far."""

    def __init__(self, submissions, closed, lesson, limits, seed, kept):
        self.submissions, self.closed, self.lesson = submissions, closed, lesson
        self.limits, self.seed, self.kept = limits, seed, kept
        self.version = _version()

    def judge(self, jobs, check):
        """Judge what was not yet; `check` raises KeyboardInterrupt if it was asked to stop."""
        todo = [(s, name) for s in self.submissions for name in s.notebooks]
        todo = [pair for pair in todo if self._result(*pair) is None]
        if not todo:
            return
        jobs = max(1, min(jobs, len(todo)))
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            places = [Place(Path(folder) / str(number)) for number in range(jobs)]
            free = SimpleQueue()
            with ThreadPoolExecutor(jobs) as pool:
                try:
                    warm = WARM.format(self._to_warm(todo, jobs))
                    pool.submit(places[0].warm, warm).result()
                    for place in places:
                        free.put(place.take(places[0].cache))
                    waiting = {pool.submit(self._judge_one, *pair, free) for pair in todo}
                    while waiting:  # a wait without an end would not hear Ctrl-C everywhere
                        done, waiting = wait(waiting, timeout=0.5, return_when=FIRST_COMPLETED)
                        for one in done:
                            print(one.result())
                        check()
                except BaseException:
                    pool.shutdown(wait=False, cancel_futures=True)
                    for place in places:
                        place.stop()
                    raise

    def _to_warm(self, todo, jobs):
        """Lessons of which so many notebooks wait that compiling ours beforehand saves time."""
        begin = [Path(name).name.split("_")[0] for _, name in todo]
        known = [self.lesson] if self.lesson else tasks.lessons()
        return [lesson for lesson in known if begin.count(lesson) >= WORTH * jobs]

    def _judge_one(self, student, name, free):
        """A line on one notebook; what was found is kept."""
        place = free.get()
        try:
            seed = secrets.randbits(32) if self.seed is None else self.seed
            text = student.notebooks[name]
            found = sandbox.judge(text, place, self.limits, seed, self.lesson, self.closed)
        finally:
            free.put(place)
        saving.write_atomically(self._file(student, name), json.dumps(found, indent=1))
        right = sum(verdict["state"] == RIGHT for verdict in found["tasks"].values())
        said = [f"{right} of {len(found['tasks'])} tasks right", *found["remarks"][:1]]
        return f"{student.student}: {name}: {'; '.join(said)}"

    def _file(self, student, name):
        """Where a result is kept: named after all that it depends on."""
        parts = [self.version, self.lesson, str(self.limits), str(self.seed), student.student, name]
        key = hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace"))
        key.update(student.notebooks[name])
        return self.kept / f"{key.hexdigest()[:40]}.json"

    def _result(self, student, name):
        """What was found, if it was judged before; None if not, or if the file is not whole."""
        with suppress(OSError, ValueError):
            return json.loads(self._file(student, name).read_text(encoding="utf-8"))

    def save(self, csv, out):
        """Write the table and the pages of those who are judged; the names of the files."""
        class_ = list(filter(None, map(self._graded, self.submissions)))
        if not class_:
            return []
        numbers = self._numbers(class_)
        pages = {g.student: f"{n:03d}-{_plain(g.student)}.html" for n, g in enumerate(class_, 1)}
        for graded in class_:
            page = report.student_html(graded, numbers)
            saving.write_atomically(out / pages[graded.student], _writable(page))
        table = report.table_html(class_, numbers, pages)
        saving.write_atomically(out / "index.html", _writable(table))
        saving.write_atomically(csv, _writable(report.table_csv(class_, numbers)))
        return [csv, str(out / "index.html")]

    def _graded(self, student):
        """What a student gets; None while a notebook of theirs waits."""
        results = {name: self._result(student, name) for name in student.notebooks}
        if None in results.values():
            return None
        return report.Graded(student.student, results, student.remarks)

    def _numbers(self, class_):
        """The tasks of the lesson, or of all lessons that somebody handed in."""
        lessons = {lesson for g in class_ for r in g.results.values() for lesson in r["lessons"]}
        wanted = [self.lesson] if self.lesson else sorted(lessons)
        return [task.number for lesson in wanted for task in tasks.tasks_of(lesson)]


def _version():
    """A hash of the course: another judge judges anew."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "lstm_kernels").rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _plain(name):
    """A name that every file system takes."""
    return re.sub(r"[^\w-]+", "_", name)[:60]


def _writable(text):
    """Names of files may hold letters that are none."""
    return text.encode("utf-8", "replace")
