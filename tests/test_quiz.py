"""Quick questions: whole, not to be guessed, and true where it can be computed; their widget."""

import math
from collections import Counter
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from numba import float32

from lstm_kernels import cuda, init_params
from lstm_kernels.emulator import OutOfBounds
from lstm_kernels.emulator.doubles import find_doubles
from lstm_kernels.emulator.observe import observe
from lstm_kernels.judge.tasks import find
from lstm_kernels.lab.estimates import bus
from lstm_kernels.lab.estimates.cards import REGISTERS
from lstm_kernels.lab.estimates.thread_layout import ThreadLayout, bank_turns, sectors
from lstm_kernels.lab.measure import cudnn, records
from lstm_kernels.lab.quiz import lessons, questions_of
from lstm_kernels.lab.widgets import quiz, still
from lstm_kernels.model import Sizes, param_shapes
from lstm_kernels.versions.cuda_v4 import forward
from lstm_kernels.versions.packing import make_layout
from tests.notebooks import NUMBERED, cell

ALL = [question for lesson in lessons() for question in questions_of(lesson)]
LANES = np.arange(32)


def right(number):
    """The text of a question's right choice."""
    (question,) = [q for q in ALL if q.number == number]
    (choice,) = [c for c in question.choices if c.right]
    return choice.text


# ---- whole, and not to be guessed ---------------------------------------------------------


def test_each_lesson_has_three_or_four_questions():
    assert lessons() == [lesson[:2] for lesson in NUMBERED]
    assert {len(questions_of(lesson)) for lesson in lessons()} == {3, 4}
    assert len(ALL) >= 60


@pytest.mark.parametrize("question", ALL, ids=lambda q: q.number)
def test_a_question_is_whole(question):
    assert question.text.endswith("?") and len(question.choices) in (3, 4)
    assert sum(choice.right for choice in question.choices) == 1
    assert len({choice.text for choice in question.choices}) == len(question.choices)
    assert all(choice.why.endswith(".") and choice.text for choice in question.choices)


def test_the_right_choice_is_not_told_by_its_length():
    longest = shortest = 0
    for question in ALL:
        others = [len(c.text) for c in question.choices if not c.right]
        own = len(right(question.number))
        longest, shortest = longest + (own > max(others)), shortest + (own < min(others))
    assert max(longest, shortest) < len(ALL) / 4


def test_the_right_choice_is_not_told_by_its_place():
    places = Counter([c.right for c in q.choices].index(True) for q in ALL if len(q.choices) == 4)
    fair = sum(places.values()) / 4
    assert all(fair / 2 < places[place] < 2 * fair for place in range(4)), places


def test_an_unknown_lesson_is_refused():
    with pytest.raises(ValueError, match="lesson '19' has no questions; these have: 00, 01"):
        questions_of("19")


# ---- true ---------------------------------------------------------------------------------


def reachable(threads):
    """All results of so many `a += 1` on a 0, each a read and then a write."""
    found, todo = set(), [(0, (None,) * threads)]
    seen = set(todo)
    while todo:
        value, held = todo.pop()
        if all(x == "done" for x in held):
            found.add(value)
        for n, x in enumerate(held):
            if x == "done":
                continue
            after, holds = (value, value) if x is None else (x + 1, "done")
            new = after, tuple(sorted((*held[:n], holds, *held[n + 1 :]), key=str))
            if new not in seen:
                seen.add(new)
                todo.append(new)
    return found


def barriers_of_v4_forward(T=12, H=4):
    @cuda.jit
    def alone(U, WT, B, x, h, c, gates):
        shared_h, shared_z = cuda.shared.array(4, float32), cuda.shared.array(16, float32)
        forward(0, cuda.threadIdx.x, U, WT, B, x, h, c, gates, shared_h, shared_z)

    shapes = (4 * H, 1), (H, 4 * H), (4 * H,), (T, 1, 1), (T + 1, 1, H), (T + 1, 1, H)
    arrays = [np.zeros(shape, np.float32) for shape in (*shapes, (T, 1, 4 * H))]
    return observe(alone, 1, 4 * H, *arrays).barriers


def busiest(samples, workers):
    return math.ceil(samples / workers)


def copy_seconds(nbytes):
    return 15e-6 + nbytes / 11e9


COMPUTED = {
    "00.q1": find("00.e1").ours(24, 12),
    "01.q3": next(n for n in range(100) if 0.5**n < 0.01),
    "02.q1": 2 * sum(p.size for p in init_params(D=1, H=8, O=1)),
    "03.q2": 1 / (1 - Fraction(8, 10)),
    "03.q3": 5 * math.ceil(59 / 7),
    "05.q3": math.log2(64),
    "05.q4": bank_turns(34 * LANES),
    "07.q3": ThreadLayout(28, 32).warps - ThreadLayout(7, 32).warps,
    "07.q4": sectors(4 * 2 * LANES),
    "11.q1": sectors(4 * LANES),
    "13.q1": 3 * 16 + 5,
    "13.q3": sectors(8 * LANES),
    "14.q1": 4 * make_layout(1, 33, 1).P,
    "16.q2": 2 * 20 + 1,
    "17.q4": Fraction(*find("17.2").ours(Sizes(12, 64, 1, 64, 1), 40)),
    "18.q1": find("18.1").ours({0: (30, 1), 1: (10, 5)}),
    "18.q2": find("18.2").ours([0] * 32)[1],
}


@pytest.mark.parametrize("number", COMPUTED)
def test_a_count_is_what_the_course_computes(number):
    assert float(right(number)) == pytest.approx(float(COMPUTED[number]))


CARD = SimpleNamespace(tera=8, gigabytes_per_second=320)
IN_WORDS = {
    "01.q1": "{} rows of {} numbers".format(*param_shapes(1, 50, 1).W),
    "04.q4": f"about {round((250e3 + 199 * 7) / 200, -2):,.0f} µs",
    "05.q1": f"{math.ceil(1000 / 32)} blocks, {-1000 % 32} threads",
    "07.q2": f"{min(reachable(7))} to {max(reachable(7))}",
    "08.q2": f"about {15e-6 * 11e9 / 1e3:.0f} kB",
    "08.q3": f"{1e6 * (10 * copy_seconds(1e3) - copy_seconds(10e3)):.0f} µs",
    "09.q1": f"Q, by {8 * 45 / 20:g} times",
    "11.q3": f"{np.zeros((1, 50, 64), np.float32).strides[1]} bytes",
    "12.q3": f"{6 + (60 - 6) / 3:g} ms",
    "13.q4": f"{barriers_of_v4_forward():g} times",
    "14.q2": f"unit {22 // 4}, gate {'ifgo'[22 % 4]}",
    "14.q4": f"{2 * 128}, of at most {REGISTERS // (4 * 128)}",
    "15.q1": f"{find('15.e2').ours(3, False)} times",
    "17.q1": f"{find('17.e1').ours(CARD, 5) / 1e3:g} TFLOP/s",
    "18.q4": f"{8 + 4 / 4:g} ms",
    "A2.q1": f"{busiest(math.ceil(100 / 32), 3) / busiest(math.ceil(100 / 32), 4):g} times",
}


@pytest.mark.parametrize("number", IN_WORDS)
def test_a_count_in_words_is_what_the_course_computes(number):
    assert right(number) == IN_WORDS[number]


def test_every_result_of_the_race_is_possible():
    assert reachable(7) == set(range(1, 8)) and reachable(1) == {1}


def test_the_bus_is_that_of_lesson_08():
    text = cell("08_cuda_v3", "assumptions").source
    assert "gigabytes_per_second=11.0" in text and "latency=15e-6" in text
    assert bus.Assumptions._fields[:2] == ("gigabytes_per_second", "latency")


def test_shapes_that_numpy_adds_without_a_word():
    """04.q3"""
    B = np.ones(8)
    fits = [N for N in range(1, 20) if _adds(np.ones((8, N)), B)]
    assert fits == [1, 8] and (np.ones((8, 1)) + B).shape == (8, 8)


def _adds(a, b):
    try:
        return (a + b).ndim == 2
    except ValueError:
        return False


def test_a_guard_that_lets_one_too_many_through():
    """07.q1"""

    @cuda.jit
    def doubled(a, out):
        n = cuda.grid(1)
        if n <= a.shape[0]:
            out[n] = a[n] + a[n]

    observe(doubled, 2, 32, np.ones(64), np.zeros(64))
    with pytest.raises(OutOfBounds, match="thread .28, 0, 0. of block .1, 0, 0."):
        observe(doubled, 2, 32, np.ones(60), np.zeros(60))


def test_a_literal_makes_float64():
    """06.q2"""

    @cuda.jit
    def halved(x, out):
        n = cuda.grid(1)
        out[n] = x[n] * 0.5

    assert find_doubles(halved, np.ones(4, np.float32), np.ones(4, np.float32))


def test_a_twin_pauses_where_the_source_does():
    """A1.q1"""
    from lstm_kernels.emulator import cuda as emulated

    @emulated.jit
    def three(x):
        emulated.syncthreads()
        for _ in range(5):
            emulated.syncthreads()
        emulated.syncthreads()
        x[emulated.threadIdx.x] = 1

    three[1, 2](np.zeros(2))
    assert three.build.source.count("yield") == int(right("A1.q1"))
    assert observe(three, 1, 2, np.zeros(2)).barriers == 7, "a wrong choice: so often it pauses"


def test_halved_chunks_tiles_and_errors():
    """09.q2, 09.q3, 10.q4, 12.q2, 15.q2, 16.q4, A2.q2, B1.q3"""
    assert (8 * 1 + 10) / 9 == 2 and 4**0.5 == 2
    errors = np.array([10, -10, 10, -10])
    assert right("10.q4") == f"{(errors**2).mean() ** 0.5:g} and {errors.mean():g}"
    assert busiest(10, 5) == busiest(10, 6) == 2
    assert 62 / max(62, 2 * 62) == 1 / 2
    (_, large, *_), (_, small, *_) = param_shapes(1, 128, 1), param_shapes(1, 64, 1)
    assert right("16.q4") == f"{math.prod(large) // math.prod(small)} and 2"
    loads = {f"{r} x {c}": (r + c) / (r * c) for r, c in ((4, 4), (8, 2), (16, 1))}
    assert right("A2.q2") == min(loads, key=loads.get)
    assert [N for N in (63, 59, 64, 6) if N // 7 * 7 == N] == [int(right("B1.q3"))]


def test_a_graph_alone_made_pytorchs_step_much_faster():
    """17.q3, recorded on the H100"""
    sides = cudnn.sides(records.kept("cudnn_h100"))
    seconds = {
        (side.way, side.N): side.seconds
        for side in sides
        if side.name == "PyTorch" and side.H == 64 and not side.tf32
    }
    for N in cudnn.BATCH_SIZES:
        assert seconds["launched", N] > 10 * seconds["as a graph", N]


# ---- the widget ---------------------------------------------------------------------------


def test_each_choice_is_answered_at_once_and_the_first_one_counts():
    page = quiz.Quiz("07")
    first = page.asked[0]
    place = [c.right for c in first.question.choices].index(True)
    wrong = (place + 1) % 4
    first.buttons[wrong].click()
    assert "Not this one." in first.reply.value and first.buttons[wrong].description[0] == "✗"
    first.buttons[place].click()
    assert "Right." in first.reply.value and "n = 60" in first.reply.value.lower()
    assert page.tabs.get_title(0) == "Question 1 ✗" and page.tabs.get_title(1) == "Question 2"
    assert page.score.value == "Right at the first choice: 0 of 1"
    second = page.asked[1]
    second.buttons[[c.right for c in second.question.choices].index(True)].click()
    assert page.score.value == "Right at the first choice: 1 of 2"


def test_next_goes_round():
    page = quiz.Quiz("00")
    for place in (1, 2, 0):
        page.next()
        assert page.tabs.selected_index == place


def test_text_with_code_is_safe_html():
    assert quiz.as_html("`n <= N` & so") == "<code>n &lt;= N</code> &amp; so"


@pytest.mark.parametrize("lesson", NUMBERED)
def test_the_saved_page_asks_and_does_not_answer(lesson):
    """The static twin: question and choices, and no explanation."""
    (out,) = cell(lesson, "quiz").outputs
    text = out.data["text/markdown"]
    assert text == out.data["text/plain"] == quiz.as_text(lesson[:2])
    for question in questions_of(lesson[:2]):
        assert all(choice.text in text for choice in question.choices)
        assert not any(choice.why in text for choice in question.choices)


def test_a_lesson_without_widgets_still_asks(monkeypatch, capsys):
    shown = []

    class Dead(still.Still):
        def __init__(self, lesson):
            super().__init__()

    monkeypatch.setattr(quiz, "Quiz", Dead)
    monkeypatch.setattr(quiz, "explain_no_widgets", lambda: ("No widgets", "install them"))
    monkeypatch.setattr(quiz, "display", lambda bundle, raw: shown.append(bundle))
    quiz.quiz("07")
    assert capsys.readouterr().out == "No widgets. Cure: install them.\n"
    assert set(shown[0]) == {"text/markdown", "text/plain"}
