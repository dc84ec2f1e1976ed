"""The judge's core, without any lesson: messages, stubs, cheats, what is kept.

Each test makes a task of its own, and answers it with a cell of a small page.
"""

import json
import math
import os

import numpy as np
import pytest

from lstm_kernels import cuda
from lstm_kernels.judge import compare_guess, guesses, progress, tasks, verdict
from lstm_kernels.judge.compare import NotYet, expect, same, unchanged
from lstm_kernels.judge.eyes import no_doubles, no_race, own_parts, same_bits, watch_in_orders
from lstm_kernels.judge.eyes import watch as watch_kernel
from lstm_kernels.judge.source import is_unwritten, refuse_borrowed
from lstm_kernels.judge.tasks import Task
from tests.judge.pages import run_cell
from tests.judge.wrong_core import CHEATS, COURSE, HONEST, STUBS, WRITTEN

HINTS = ("Why?", "x[i]", "return 2 * x")
RIGHT = "def f(x):\n    return 2 * x"


@pytest.fixture(autouse=True)
def kept(monkeypatch, tmp_path):
    """The file in which progress is kept."""
    file = tmp_path / "progress.json"
    monkeypatch.setenv("LSTM_KERNELS_PROGRESS", str(file))
    monkeypatch.setattr(verdict, "_hints_given", {})
    return file


def double(x):
    return 2 * x


def doubles(f):
    """A check: f(x) is 2 x."""
    x = np.arange(1, 7, dtype=np.float32).reshape(2, 3)
    before = x.copy()
    got = f(x)
    unchanged([before], [x], ["x"])
    same("f(x)", got, 2 * before, {"x + 2 for 2 x": before + 2}, where="N = 6")


def answer_of(source, **known):
    """What a page has under the name f after this cell."""
    return run_cell(source, {"np": np, "math": math, "cuda": cuda, **known})["f"]


def page(monkeypatch, capsys, source, check=doubles, ours=double, **more):
    """(what the judge says, what the page goes on with) for this cell."""
    task = Task("00.1", "double", check, ours, HINTS, **more)
    monkeypatch.setattr(verdict, "find", lambda number: task)
    answer = answer_of(source)
    capsys.readouterr()
    goes_on = verdict.judge("00.1", answer)
    return capsys.readouterr().out, answer, goes_on


# ---- the verdict --------------------------------------------------------------------------


def test_a_right_answer_goes_on_and_is_kept(monkeypatch, capsys):
    said, answer, goes_on = page(monkeypatch, capsys, RIGHT)
    assert said == "00.1 double: right.\n" and goes_on is answer
    assert list(progress.load()["solved"]) == ["00.1"]


def test_what_a_check_measures_is_said(monkeypatch, capsys):
    said, _, _ = page(monkeypatch, capsys, RIGHT, check=lambda f: "5 atomics.")
    assert said == "00.1 double: right. 5 atomics.\n"


@pytest.mark.parametrize(
    "body, part",
    [
        ("2 * x; None", "f(x) is None: is a `return` missing?"),
        ("return [x, ...][1]", "yours to write"),
        ("return 'two'", "f(x) is no array of numbers"),
        ("return [[1, 2], [3]]", "f(x) is no array of numbers"),
        ("return (2 * x).ravel()", "f(x) has the shape (6,), expected (2, 3)"),
        ("return (2 * x).T.copy()", "expected (2, 3) (N = 6). It is transposed."),
        ("return x * np.nan", "f(x)[0, 0] is nan, expected 2"),
        ("return 2 * x.astype(np.float64)", "f(x) is float64, expected float32"),
        ("return 3 * x", "All are 1.5 times what is expected."),
        ("return -2 * x", "Only the sign is wrong."),
        ("return 0 * x", "All are 0."),
        ("return x + 2", "Likely: x + 2 for 2 x."),
        ("y = 2 * x; y[1, 2] = 7; return y", "f(x)[1, 2] is 7, expected 12"),
        ("x *= 2; return x", "It changes its argument: x[0, 0] is 2 afterwards, was 1"),
        (
            "return x / y",
            "It stops with NameError: name 'y' is not defined, in line 2: `return",
        ),
        ("raise KeyError", "It stops with KeyError: no message, in line 2: `raise KeyError`"),
    ],
)
def test_each_kind_of_mistake_has_its_message(body, part, monkeypatch, capsys):
    said, _, goes_on = page(monkeypatch, capsys, f"def f(x):\n    {body}")
    assert part in said and said.count("\n") == 1, said
    assert goes_on is double and not progress.load()["solved"]
    assert "yours to" in said or said.startswith("00.1 double: not yet. ")


def test_the_line_is_the_answers_own_also_when_a_helper_fails(monkeypatch, capsys):
    source = "def helper(x):\n    return math.sqrt(-1)\n\n\ndef f(x):\n    return helper(x)"
    said, _, _ = page(monkeypatch, capsys, source)
    assert "line 2: `return math.sqrt(-1)`" in said


def test_other_arguments_than_the_task_gives(monkeypatch, capsys):
    said, _, _ = page(monkeypatch, capsys, "def f():\n    return 2")
    assert "takes 0 positional arguments but 1 was given, in the call itself" in said


@pytest.mark.parametrize(
    "source, ours, part",
    [
        ("f = 5", double, "It is 5; a function is asked for"),
        ("f = [1, 2].append", double, "a function is asked for"),
        ("import functools\nf = functools.partial(pow, 2)", double, "a function is asked for"),
        ("def f(x):\n    return x", 5, "a value is asked for: call it"),
        ("def f(x):\n    return x", dict, "a class is asked for"),
    ],
)
def test_a_function_for_a_value_or_the_other_way_round(source, ours, part, monkeypatch, capsys):
    said, _, goes_on = page(monkeypatch, capsys, source, ours=ours)
    assert part in said and goes_on is ours


def test_an_error_of_the_check_itself_is_raised(monkeypatch, capsys):
    def broken(f):
        raise ZeroDivisionError("of the judge")

    with pytest.raises(ZeroDivisionError, match="of the judge"):
        page(monkeypatch, capsys, RIGHT, check=broken)
    assert not progress.load()["solved"]


def test_our_own_answer_is_no_answer(monkeypatch, capsys):
    """A cell that is run a second time alone hands on what the first run returned."""
    task = Task("00.1", "double", doubles, double, HINTS)
    monkeypatch.setattr(verdict, "find", lambda number: task)
    assert verdict.judge("00.1", double) is double
    assert "yours to write" in capsys.readouterr().out and not progress.load()["solved"]


def test_hints_come_one_after_the_other_and_the_last_one_stays(monkeypatch, capsys):
    task = Task("00.1", "double", doubles, double, HINTS)
    monkeypatch.setattr(verdict, "find", lambda number: task)
    for _ in range(4):
        verdict.judge.hint("00.1")
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "00.1, hint 1 of 3: Why?"
    assert said[2] == said[3] == "00.1, hint 3 of 3: return 2 * x"


@pytest.mark.parametrize("number", ["07.99", "99.1", "nonsense", "", None, 7.2])
def test_an_unknown_number_names_those_there_are(number):
    with pytest.raises(ValueError, match=r"this lesson has 07\.1|there are .*07"):
        verdict.judge(number, None)


@pytest.mark.parametrize(
    "number, more, part",
    [
        ("00.1", {"stars": 1}, "1 stars"),
        ("00.e1", {"stars": 4, "kind": "bug"}, "4 stars"),
        ("00.e1", {"stars": 1, "kind": "hard"}, "kind 'hard'"),
        ("00.1", {"hints": ("one",)}, "1 hints"),
    ],
)
def test_a_task_that_is_not_whole_is_refused(number, more, part):
    with pytest.raises(ValueError, match=part):
        Task(number, "double", doubles, double, **{"hints": HINTS, **more})


def test_a_number_belongs_to_one_task(monkeypatch):
    monkeypatch.setattr(tasks, "TASKS", {})
    tasks.task("00.1", "double", ours=double, hints=HINTS)(doubles)
    with pytest.raises(ValueError, match="two tasks 00.1"):
        tasks.task("00.1", "double", ours=double, hints=HINTS)(doubles)


# ---- what differs first -------------------------------------------------------------------


def test_a_backward_pass_differs_first_at_its_last_step():
    with pytest.raises(NotYet, match=r"^dz\[2, 0\] is 1, expected 0"):
        same("dz", np.ones((3, 1), np.float32), np.zeros((3, 1), np.float32), last_first=True)


def test_a_tolerance_is_of_the_largest_value():
    expected = np.array([1000, 0.001], np.float32)
    same("a", expected + np.float32(0.005), expected)
    with pytest.raises(NotYet, match=r"a\[0\] is 1000\.1"):
        same("a", expected + np.float32(0.1), expected)


def test_single_values_and_whole_numbers():
    same("n", 3, 3)
    same("the loss", np.float64(0.5), np.float32(0.5))
    same("a", [np.nan, np.inf], [np.nan, np.inf])
    with pytest.raises(NotYet, match=r"^n is 4, expected 3\.$"):
        same("n", 4, 3)
    with pytest.raises(NotYet, match="is True, expected False"):
        same("flag", True, False)


def test_a_typical_cause_may_be_computed_late_and_may_have_another_shape():
    called = []
    typical = {"never": np.zeros(9), "late": lambda: called.append(1) or np.full(2, 5.0)}
    same("a", np.ones(2), np.ones(2), typical)
    assert not called
    with pytest.raises(NotYet, match="Likely: late."):
        same("a", np.full(2, 5.0), np.array([1.0, 2.0]), typical)


def test_expect_says_its_words():
    expect(True, "nothing")
    with pytest.raises(NotYet, match="^too few$"):
        expect(False, "too few")


# ---- stubs --------------------------------------------------------------------------------


@pytest.mark.parametrize("source", STUBS.values(), ids=STUBS)
def test_a_stub_of_any_form_is_free(source):
    assert is_unwritten(answer_of(source))


@pytest.mark.parametrize("source", WRITTEN.values(), ids=WRITTEN)
def test_an_answer_is_no_stub(source):
    assert not is_unwritten(answer_of(source))


def test_a_planted_bug_is_unwritten_until_a_line_changes():
    planted = answer_of('def f(x):\n    """Twice x."""\n    return 3 * x')
    assert is_unwritten(answer_of("def f(x):\n    # looked at\n    return 3 * x"), planted)
    assert is_unwritten(answer_of("def g(x):\n    return 3 * x\n\n\nf = g"), planted)
    assert not is_unwritten(answer_of(RIGHT), planted)


# ---- borrowed functions -------------------------------------------------------------------


@pytest.mark.parametrize("source", CHEATS.values(), ids=CHEATS)
def test_a_borrowed_function_is_told(source):
    with pytest.raises(NotYet):
        answer = answer_of(COURSE + source)
        is_unwritten(answer)  # tells what has no source
        refuse_borrowed(answer)


@pytest.mark.parametrize("source", HONEST.values(), ids=HONEST)
def test_honest_code_raises_no_alarm(source):
    answer = answer_of(source)
    assert not is_unwritten(answer)
    refuse_borrowed(answer)


@pytest.mark.parametrize(
    "name, part",
    [
        ("an alias", "It uses g, which is the course's own: here you write it yourself."),
        ("the course's own", "It is the course's own function: write yours, with `def`."),
        ("what the page holds", "It uses p of the page: take what the function is given."),
        ("np.linalg", "It uses np.linalg: here you write it yourself."),
        ("eval by another name", "It uses e: write it without."),
        ("imported inside", "It imports lstm_kernels.versions.cuda_v2: write it without."),
    ],
)
def test_what_is_said_of_a_borrowed_function(name, part):
    with pytest.raises(NotYet) as told:
        refuse_borrowed(answer_of(COURSE + CHEATS[name]))
    assert str(told.value) == part


def test_what_a_task_gives_may_be_called_and_nothing_else_by_its_name():
    alias = COURSE + CHEATS["an alias"]
    refuse_borrowed(answer_of(alias), given=("blocks_for",))
    with pytest.raises(NotYet, match="It uses g"):
        refuse_borrowed(answer_of(alias), given=("g",))
    module = "from lstm_kernels import data\n\n\ndef f(x):\n    return data.windows(x, 3)"
    refuse_borrowed(answer_of(module), given=("data",))


# ---- a kernel under the eyes --------------------------------------------------------------


def kernel_of(body):
    lines = "\n".join(f"    {line}" for line in body.split("\n"))
    return answer_of(f"@cuda.jit\ndef f(a, out):\n    n = cuda.grid(1)\n{lines}")


def watched(body, N=3, block=4):
    a, out = np.arange(1, N + 1, dtype=np.float32), np.zeros(N, np.float32)
    return watch_kernel(kernel_of(body), 1, block, a=a, out=out)


def test_one_thread_for_all_is_not_one_thread_each():
    run = watched("if n < out.shape[0]:\n    out[n] = a[n]")
    own_parts(run, "out", range(3))
    assert list(run["out"]) == [1, 2, 3]
    run = watched("if n == 0:\n    for i in range(out.shape[0]):\n        out[i] = a[i]")
    with pytest.raises(NotYet, match="Thread 0 writes all of out; the task asks for one thread"):
        own_parts(run, "out", range(3))
    with pytest.raises(NotYet, match="Thread 2 writes nothing to out"):
        own_parts(watched("if n < 2:\n    out[n] = a[n]"), "out", range(3))
    with pytest.raises(NotYet, match="Thread 3 also writes to out"):
        own_parts(watched("out[n % 3] = a[n % 3]"), "out", range(3))


def test_races_and_open_orders_are_told():
    with pytest.raises(NotYet, match="race on out"):
        no_race(watched("if n < 3:\n    out[0] += a[n]"))
    body = "if n < a.shape[0]:\n    cuda.atomic.add(out, 0, a[n] * a[n] / 3)"
    arrays = {"a": np.linspace(0, 1, 33, dtype=np.float32), "out": np.zeros(1, np.float32)}
    runs = watch_in_orders(kernel_of(body), 2, 32, **arrays)
    with pytest.raises(NotYet, match="out has . different results in . orders"):
        same_bits(runs, "out")


def test_a_kernel_that_is_none_or_takes_other_arguments():
    with pytest.raises(NotYet, match="It is no kernel: write @cuda.jit above `def`"):
        watch_kernel(double, 1, 1, x=np.zeros(1))
    with pytest.raises(NotYet, match="The kernel has 2 arguments; it takes x"):
        watch_kernel(kernel_of("out[n] = a[n]"), 1, 1, x=np.zeros(1))


def test_doubles_are_told_with_their_line():
    arrays = np.zeros(3, np.float32), np.zeros(3, np.float32)
    no_doubles(kernel_of("if n < 3:\n    out[n] = a[n] + a[n]"), *arrays)
    with pytest.raises(NotYet, match=r"computes in float64: `out\[n\] = 2\.0 \* a\[n\]`"):
        no_doubles(kernel_of("if n < 3:\n    out[n] = 2.0 * a[n]"), *arrays)


# ---- what is kept -------------------------------------------------------------------------


def test_the_first_day_and_the_first_guess_count(kept):
    progress.solved("07.1")
    whole = json.loads(kept.read_text())
    whole["solved"]["07.1"] = "2020-01-01"
    kept.write_text(json.dumps(whole))
    progress.solved("07.1")
    progress.guessed("07.p1", "3", "4", True)
    progress.guessed("07.p1", "4", "4", False)
    found = progress.load()
    assert found["solved"] == {"07.1": "2020-01-01"}
    assert found["guesses"] == {"07.p1": {"guess": "3", "measured": "4", "hit": True}}


def test_without_a_file_nothing_is_solved_and_nothing_is_written(kept):
    assert progress.load() == {"solved": {}, "guesses": {}}
    assert not kept.exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        "\x00",
        '{"solved": [], "guesses": {}}',
        '{"solved": {"07.1": 3}, "guesses": {}}',
        '{"solved": {}, "guesses": {"07.p1": 3}}',
        '{"solved": {}, "guesses": {"07.p1": {}}}',
    ],
)
def test_a_damaged_file_is_said_and_left_alone(text, kept, monkeypatch, capsys):
    kept.write_text(text)
    with pytest.raises(ValueError, match="rename it, and go on"):
        progress.load()
    said, answer, goes_on = page(monkeypatch, capsys, RIGHT)
    assert said.startswith("00.1 double: right.\n(Your progress was not kept: ")
    assert goes_on is answer and kept.read_text() == text


def test_a_file_that_is_no_text_is_said_too(kept, capsys):
    kept.write_bytes(b"\xff\xfe\x00")
    progress.solved("07.1")
    assert "was not kept" in capsys.readouterr().out


def test_a_place_that_cannot_be_written_ends_no_lesson(monkeypatch, tmp_path, capsys):
    there = tmp_path / "no folder" / "progress.json"
    monkeypatch.setenv("LSTM_KERNELS_PROGRESS", str(there))
    said, answer, goes_on = page(monkeypatch, capsys, RIGHT)
    assert "right.\n(Your progress was not kept: " in said and goes_on is answer


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_ends_no_lesson(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("LSTM_KERNELS_PROGRESS", str(tmp_path / "progress.json"))
    tmp_path.chmod(0o500)
    progress.solved("07.1")
    tmp_path.chmod(0o700)
    assert "was not kept" in capsys.readouterr().out


def test_a_line_brings_all_of_it_to_another_machine(kept):
    progress.solved("07.1")
    progress.guessed("07.p1", "dW", "dB", False)
    before, line = progress.load(), progress.to_line()
    assert "\n" not in line and line.isascii()
    kept.unlink()
    progress.solved("03.1")
    progress.from_line(f"\n {line[:20]}\n{line[20:]} ")  # as a mail may bring it
    assert progress.load()["guesses"] == before["guesses"]
    assert set(progress.load()["solved"]) == {"03.1", "07.1"}


@pytest.mark.parametrize("broken", ["", "x", "ä", None, "half", "other"])
def test_a_line_that_is_not_whole_changes_nothing(broken, kept):
    progress.solved("07.1")
    before = kept.read_text()
    line = progress.to_line()
    other = progress.base64.urlsafe_b64encode(progress.zlib.compress(b"{}")).decode()
    line = {"half": line[: len(line) // 2], "other": other}.get(broken, broken)
    with pytest.raises(ValueError, match="copy it again|of another course"):
        progress.from_line(line)
    assert kept.read_text() == before


# ---- guesses ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "guess, measured, near",
    [
        (3, 4, True),
        (3, 4.6, False),
        (2, 1, False),
        (0, 0, True),
        (0, 1, False),
        (-3, 3, False),
        (-3, -4.0, True),
        (np.float32(3), 4, True),
        (np.int64(3), np.float64(4), True),
        (np.array(3), 4, True),
        ("3", 4, True),
        ("three", 4, False),
        (math.nan, 4, False),
        (math.inf, 4, False),
        (True, 1.0, True),
        ([3, 4], (4, 3), True),
        (np.array([3.0, 9.0]), (4, 3), False),
        (3, (4, 3), False),
        ((3, 4, 5), (4, 3), False),
        ("Yes ", "yes", True),
        ("no", "yes", False),
        (7, "yes", False),
        ({"dW", "dB"}, {"dB", "dW"}, True),
        (["dW", "dB"], frozenset({"dB", "dW"}), True),
        ("dB", {"dB"}, True),
        (5, {"dB"}, False),
        ({"a": 3}, {"dB"}, False),
        (set(), set(), True),
        ({"a": 3, "b": "x"}, {"a": 4, "b": "X"}, True),
        ({"a": 3}, {"a": 4, "b": "x"}, False),
        (True, True, True),
        (len, 3, False),
    ],
)
def test_near_or_not(guess, measured, near, capsys):
    assert guesses.is_near(guess, measured) is near
    compare_guess("07.p1", guess, measured)
    assert progress.load()["guesses"]["07.p1"]["hit"] is near
    assert capsys.readouterr().out.endswith(": near.\n" if near else ": not near.\n")


@pytest.mark.parametrize(
    "guess",
    [None, ..., "", "  ", (3, None), [None], {"a": None}, {"1958": ""}, {None}, ((1, None),)],
)
def test_what_is_not_written_is_no_guess(guess, kept, capsys):
    compare_guess("07.p1", guess, 4.5678, "recorded, NVIDIA H100")
    said = capsys.readouterr().out
    assert said == "Guess 07.p1: none written. The answer, recorded, NVIDIA H100: 4.57.\n"
    assert not kept.exists()


def test_words_have_three_digits_and_an_order():
    assert guesses.words((1.23456, np.float32(2.5), 1000)) == "1.23, 2.5, 1000"
    assert guesses.words({"b", "a"}) == "a, b" and guesses.words(set()) == "none"
    assert guesses.words({"1958": "LSTM", "1959": 2.0}) == "1958: LSTM, 1959: 2"
    assert guesses.words(np.array([1.5, 2.0])) == "1.5, 2"
