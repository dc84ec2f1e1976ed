"""Worksheets: blanks for the learner, answers for the lecturer, and the answers are right."""

import html.parser
import math
import re

import numpy as np
import pytest
import worksheets

import notebooks
from lstm_kernels import init_params
from lstm_kernels.lab.estimates import bus
from lstm_kernels.lab.estimates.cards import MAX_REGISTERS, REGISTERS
from lstm_kernels.lab.estimates.thread_layout import ThreadLayout, bank_turns, sectors
from lstm_kernels.model import Sizes, param_shapes
from lstm_kernels.versions.packing import make_layout
from lstm_kernels.versions.per_sample import workspace_shapes
from tests.notebooks import LESSONS, outputs, read

LANES = np.arange(32)


def numbers(name):
    """The answers of a worksheet that are numbers, in their order."""
    plain = [text.replace(",", "") for text in worksheets.answers_of(name)]
    return [float(text) for text in plain if re.fullmatch(r"-?\d+(\.\d+)?", text)]


class Tags(html.parser.HTMLParser):
    """The tags that are open at the end: none, in a whole page."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "br", "hr", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_each_lesson_that_counts_by_hand_has_one():
    wanted = {f"{n:02}" for n in (*range(1, 10), 13, 14, 15)} | {"amdahl"}
    assert wanted == set(worksheets.names())


@pytest.mark.parametrize("name", worksheets.names())
def test_a_page_has_blanks_or_answers(name):
    blank, filled = worksheets.page(name), worksheets.page(name, filled=True)
    answers = worksheets.answers_of(name)
    assert blank.count('class="blank"') == filled.count('class="answer"') == len(answers) > 8
    assert 'class="answer"' not in blank and 'class="blank"' not in filled
    for text in (blank, filled):
        assert "[[" not in text.replace("[[1", "") and "@page {size: A4" in text
        tags = Tags()
        tags.feed(text)
        assert not tags.open


@pytest.mark.parametrize("name", worksheets.names())
def test_a_lessons_worksheet_predicts_something(name):
    text = (worksheets.FOLDER / f"{name}.md").read_text(encoding="utf-8")
    assert name == "amdahl" or "Predict." in text
    assert name == "amdahl" or name in {lesson[:2] for lesson in LESSONS}


def test_the_command_writes_both_pages(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert notebooks.main(["worksheet", "07"]) == 0
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == ["worksheet_07.html", "worksheet_07_answers.html"]
    assert len(capsys.readouterr().out.split()) == 2
    with pytest.raises(SystemExit, match="no worksheet '11'; there are 01, 02"):
        notebooks.main(["worksheet", "11"])


# ---- the answers ---------------------------------------------------------------------------

SAID_BY_A_CELL = [  # a lesson, an answer, and what its cell has printed
    ("01_forward", "0.0798", "by your own steps: 0.0798"),
    ("02_backward", "-5 and -3", "measured here: -5, -3"),
    ("06_cuda_v1", "1/137", "= 1/137"),
    ("07_cuda_v2", "1.34 and 1.28", "recorded, NVIDIA H100: 1.34, 1.28"),
    ("08_cuda_v3", "-6.5%: it was slower", "-6.5% recorded"),
    ("09_race", "none of them", "recorded, NVIDIA H100: none of them"),
    ("13_cuda_v4", "190", "counted, H=64: 190"),
    ("14_cuda_v5", "2.56", "recorded, NVIDIA H100: 3.63, 1.36, 2.56"),
    ("15_cuda_v6", "30.2", "counted: 6, 30.2"),
]


@pytest.mark.parametrize("lesson, answer, said", SAID_BY_A_CELL, ids=lambda x: x[:2])
def test_what_a_cell_says_is_in_the_saved_lesson(lesson, answer, said):
    assert answer in worksheets.answers_of(lesson[:2])
    assert said in "".join(outputs(c) for c in read(lesson) if c.cell_type == "code")


def test_01_shapes_rows_and_three_steps():
    shapes = param_shapes(1, 50, 1)
    said = worksheets.answers_of("01")
    wanted = [*(shapes[n] for n in range(4)), (11, 4 * 50), (12, 50)]
    assert said[:6] == [", ".join(map(str, shape)) for shape in wanted]
    assert said[6:8] == [str(2 * 50 + 7), f"unit {163 % 50}, gate {'ifgo'[163 // 50]}"]
    c, states = 0.5, []
    for f, i, g, o in ((0.9, 0.6, 0.8, 0.5), (0.5, 0.2, -0.5, 1), (1, 0, 0.9, 0)):
        c = f * c + i * g
        states += [f"{c:.3f}", f"{o * math.tanh(c):.3f}"]
    assert said[8:14] == states and said[-1] == f"{0.9**24:.4f}"


def test_02_derivatives_and_counts():
    c, o = 0.93, 0.5
    dc = o * (1 - math.tanh(c) ** 2)
    wanted = [dc, dc * 0.5, dc * 0.8, dc * 0.6, math.tanh(c)]
    count = sum(p.size for p in init_params(D=2, H=3, O=2))
    assert numbers("02")[3:] == [*(round(x, 3) for x in wanted), count, 2 * count]


def test_03_a_lost_addition_batches_and_amdahl():
    law = [round(1 / (0.2 + 0.8 / k), 2) for k in (2, 4, 8, 1e12)]
    batches = [math.ceil(59 / 7), 59 % 7, 5 * math.ceil(59 / 7)]
    assert numbers("03") == [12, 12, 15, 15, 12, 13, 13, *batches, *law]


def test_04_broadcasting_and_seven_times():
    product, b = np.array([[1, 2], [3, 4]]), np.array([10, 20])
    rows = [", ".join(map(str, row)) for m in (product + b, product + b[:, None]) for row in m]
    assert worksheets.answers_of("04")[5:9] == rows
    times = [5, 5, 6, 5, 50, 5, 6]
    assert numbers("04") == [round(np.mean(times), 1), np.median(times), min(times)]


def test_05_threads_tree_and_scan():
    line, tree = np.array([3, 1, 4, 1, 5, 9, 2, 6]), []
    for step in (4, 2, 1):
        line = np.array([line[n] + line[n + step] for n in range(step)])
        tree += list(line)
    before = np.cumsum([0, 3, 1, 4, 1, 5, 9, 2])
    grid = [4 * block + m for block, m in ((0, 1), (0, 3), (1, 0), (1, 2), (2, 1), (2, 2))]
    assert numbers("05") == [3, 3 * 4 - 10, *grid, *tree, *before]
    works = ["yes" if n < 10 else "no" for n in grid]
    assert [a for a in worksheets.answers_of("05") if a in ("yes", "no")] == works
    turns = [bank_turns(width * LANES) for width in (32, 33, 34)]
    assert worksheets.answers_of("05")[-1] == "{}, {} and {}".format(*turns)


def test_06_launches_and_places():
    one, six = [0] + 7 * [-1], [0, 1, 2, 3, 4, 5, -1, -1]
    gates = np.zeros((3, 7, 4 * 50), np.float32)
    place = np.ravel_multi_index((2, 3, 10), gates.shape)
    assert numbers("06") == [*one, *six, place, gates.strides[0] // 4, 7, 4]


def test_07_threads_warps_races_and_pieces():
    samples = (0, 3, 4, 7, 9)
    threads = [n // 4 for n in samples] + [n % 4 for n in samples]
    layouts = [ThreadLayout(N, 32) for N in (7, 28, 33, 1000)]
    warps = [x.warps for x in layouts] + [x.idle_lanes for x in layouts]
    pieces = [sectors(4 * H * LANES) for H in (1, 2, 4, 8, 16)] + [sectors(4 * LANES)]
    assert numbers("07") == [*threads, 3, 2, *warps, 7, 4, 1, 1 + 2, 7, *pieces]


def test_08_copies_and_bytes():
    size = Sizes(11, 7, 1, 50, 1)
    h, _, gates, *_ = (4 * math.prod(shape) for shape in workspace_shapes(size, 4))
    one_by_one = bus.copies("cuda_v3", size, then=True)
    inward = sum(copy.direction == one_by_one[0].direction for copy in one_by_one)
    v2 = bus.copies("cuda_v2", size)
    nbytes = sum(copy.nbytes for copy in v2)
    assert nbytes == 485520
    counts = [inward, len(one_by_one) - inward, len(v2), len(bus.copies("cuda_v3", size))]
    moving = round(nbytes / 11e3)
    times = [38 * 15, moving, 38 * 15 + moving, 15, moving, 15 + moving]
    assert numbers("08") == [*counts, 4 * 11 * 7, 4 * 200 * 50, gates, h, *times]


def test_09_ratios_and_slopes():
    slow, loop, batched = 1.27, 28.3e-3, 7.80e-3
    ratios = [float(f"{r:.3g}") for r in (slow / loop, slow / batched, loop / batched)]
    slopes = [round(math.log2(t / 4.0), 1) for t in (8.0, 5.7, 4.0)]
    assert numbers("09") == [*ratios, *slopes]


def test_13_rows_and_pieces():
    k = (1, 4, 7, 10, 15)
    said = worksheets.answers_of("13")
    assert said[1:6] == ["ifgo"[n // 4] for n in k]
    assert said[6:11] == [str(n % 4) for n in k]
    assert said[12] == ", ".join(str(4 * r + 2) for r in range(4))
    pieces = [sectors(4 * (LANES * H + 1)) for H in (2, 16)] + [sectors(4 * LANES)]
    assert numbers("13")[-5:] == [1 + 2 * 12, *pieces, 190]


def test_14_tiles_exchanges_and_registers():
    P, C, table = 8, 2, []
    for thread, e in ((0, 0), (13, 5), (31, 7)):
        (j, q), (r, m) = divmod(thread, 4), divmod(e, C)
        table += [j, q, r, m, r * P + j, q * C + m]
    a = np.array([[1, 2, 3, 4], [5, 6, 7, 8], [1, 1, 1, 1], [2, 2, 2, 2]])
    halves = [a[q, g] + a[q ^ 2, g] for q, gates in ((0, "01"), (1, "01"), (2, "23"), (3, "23"))
              for g in map(int, gates)]  # fmt: skip
    W, reads = 4 * 4 * 64 * 64 / 2**10, 2 * 12 * 64
    bytes_of_w = [W, reads, reads * W / 2**10, 40, 40 * W / 2**10, reads / 40]
    registers = [
        x for P in (64, 128) for x in (4 * P, min(MAX_REGISTERS, REGISTERS // (4 * P)), 2 * P)
    ]
    wanted = [*table, 4 * P, 4 * C, make_layout(1, 33, 1).P, *halves, *a.sum(0)]
    assert numbers("14") == [*wanted, *bytes_of_w, *registers, 2.56]


def test_15_copies_order_pace_and_adam():
    table = [x for e in (1, 2, 5) for x in (9 * e, 27 * e, 9 * e, 2 + e, 1 + e)]
    order = [4, 0, 6, 2, 5, 1, 3]
    said = worksheets.answers_of("15")[15:27]
    for batch, first in enumerate((0, 3, 6)):
        samples = order[first : first + 3]
        texts = [", ".join(map(str, samples[b::2])) or "none" for b in (0, 1)]
        assert said[4 * batch : 4 * batch + 4] == [str(first), str(len(samples)), *texts]
    launches = (5, 10, 12, 20)
    pace = [2 * x for x in launches] + [max(24, 2 * x) for x in launches]
    mean, square = 0.1 * 0.4, 0.001 * 0.4**2
    adam = [mean, square, mean / 0.1, square / 0.001, 1, 1]
    found = numbers("15")
    assert found[:15] == table
    assert found[-15:] == pytest.approx([*pace, *adam, 30.2])


def test_amdahl_by_hand():
    law = [1 / (s + (1 - s) / k) for s in (0.5, 0.1, 0.01) for k in (2, 4, 8, 1e12)]
    *table, s = numbers("amdahl")
    assert table == [round(x, 2) for x in law]
    assert 1 / (s + (1 - s) / 2) == pytest.approx(1.6)
