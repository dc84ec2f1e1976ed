"""Worksheets: blanks for the learner, answers for the lecturer, and the answers are right."""

import decimal
import html.parser
import math
import re

import numpy as np
import pytest
import worksheets
from numba import float32, prange

import notebooks
from lstm_kernels import cuda, init_params
from lstm_kernels.emulator.doubles import find_doubles
from lstm_kernels.judge import lesson_00 as ours_00
from lstm_kernels.judge import lesson_16 as ours_16
from lstm_kernels.judge import lesson_17 as ours_17
from lstm_kernels.judge import lesson_18 as ours_18
from lstm_kernels.judge import lesson_A1 as ours_A1
from lstm_kernels.judge import lesson_A2 as ours_A2
from lstm_kernels.judge.parallel import watch_rounds
from lstm_kernels.lab import forecast
from lstm_kernels.lab.estimates import bus, roofline
from lstm_kernels.lab.estimates.cards import MAX_REGISTERS, REGISTERS
from lstm_kernels.lab.estimates.thread_layout import ThreadLayout, bank_turns, sectors
from lstm_kernels.lab.estimates.workers import Cost, step_seconds
from lstm_kernels.model import Sizes, param_shapes
from lstm_kernels.versions import numba_cpu
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


def test_each_lesson_has_one():
    wanted = {lesson[:2] for lesson in LESSONS if lesson != "my_version"} | {"amdahl"}
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
    with pytest.raises(SystemExit, match="no worksheet '19'; there are 00, 01"):
        notebooks.main(["worksheet", "19"])


# ---- the answers ---------------------------------------------------------------------------

BEST = "LSTM, SARIMA, mean growth, SARIMA"  # 1958, 1959, 1960, all three
SAID_BY_A_CELL = [  # a lesson, an answer, and what its cell has printed
    ("00_start_here", "yes, no", "measured here: yes, no"),
    ("01_forward", "0.0798", "by your own steps: 0.0798"),
    ("02_backward", "-5 and -3", "measured here: -5, -3"),
    ("06_cuda_v1", "1/137", "= 1/137"),
    ("07_cuda_v2", "1.34 and 1.28", "recorded, NVIDIA H100: 1.34, 1.28"),
    ("08_cuda_v3", "-6.5%: it was slower", "-6.5% recorded"),
    ("09_race", "none of them", "recorded, NVIDIA H100: none of them"),
    ("10_forecast", BEST, f"measured here: {BEST}"),
    ("11_memory", "7.12", "Guess 11.p5: none written. The answer, counted: 7.12."),
    ("12_all_cores", "dB", "by watching the rounds: dB"),
    ("13_cuda_v4", "190", "counted, H=64: 190"),
    ("14_cuda_v5", "2.56", "recorded, NVIDIA H100: 3.63, 1.36, 2.56"),
    ("15_cuda_v6", "30.2", "counted: 6, 30.2"),
    ("16_cuda_v7", "404", "counted: 404"),
    ("17_roofline", "0.695 and 8.58", "counted: 0.695, 8.58"),
    ("18_many_workers", "3 and 1.2", "counted: 3, 1.2"),
    ("A1_how_the_emulator_works", "2", "counted: 2"),
    ("A2_cpu_tiles", "activations", "measured here: activations"),
    ("B1_bug_hunt", "256 and 512", "in the emulator: 256, 512"),
]


@pytest.mark.parametrize("lesson, answer, said", SAID_BY_A_CELL, ids=lambda x: x[:2])
def test_what_a_cell_says_is_in_the_saved_lesson(lesson, answer, said):
    assert answer in worksheets.answers_of(lesson[:2])
    assert said in "".join(outputs(c) for c in read(lesson) if c.cell_type == "code")


def test_00_means_windows_batches_and_threads():
    line, shapes = np.array([3, 6, 9, 0, 3, 6]), ((20, 5), (100, 24), (12, 11), (12, 12))
    means = [line[n : n + 3].mean() for n in range(4)]
    batches = [ours_00.batches(*cut) for cut in ((40, 7), (64, 8), (5, 7))]
    threads = [ours_00.blocks_and_idle(N) for N in (20, 64, 65, 100)]
    cut = [*zip(*batches, strict=True), [5 * number for number, _ in batches]]
    wanted = [*means, 144 - 12 + 1, *(ours_00.count_windows(L, T) for L, T in shapes)]
    wanted += [x for row in (*cut, *zip(*threads, strict=True)) for x in row]
    assert numbers("00") == wanted


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


def test_10_rules_errors_and_origins():
    season, past, truth = 4, [10, 20, 30, 20, 12, 24, 36, 22], [14, 26, 40, 26, 16, 30]
    wanted = [past[-1], past[-season], past[-season] * past[-1] / past[-season - 1]]
    for back in (season, 1):
        plan = [past[-back + n % back] for n in range(6)]
        wanted += [*(past + truth)[8 - back : 14 - back], *plan]
    predicted, real = np.array([12, 18, 44, 50]), np.array([10, 20, 40, 50])
    error = predicted - real
    wanted += [*error, error.mean(), *error**2, round(forecast.rmse(predicted, real), 2)]
    wanted += [*(100 * abs(error) / real), forecast.mape(predicted, real)]
    months = [min(12, 36 - origin) for origin in range(36)]
    assert numbers("10") == pytest.approx([*wanted, 36 * 5, months[-1], sum(months)])


def test_11_pieces_places_and_times():
    lanes, wanted = np.arange(32), []
    for numbers_read in (lanes, 2 * lanes, 50 * lanes, np.full(32, 5), lanes + 4):
        pieces = sectors(4 * numbers_read)
        wanted += [pieces, 32 * pieces]
    where = np.array([(0, 0, 1), (0, 1, 0), (1, 0, 0), (1, 2, 3)]).T
    t, j, n = where
    wanted += [*np.ravel_multi_index((t, n, j), (3, 8, 4)), *np.ravel_multi_index(where, (3, 4, 8))]
    wanted += [1, 1, 32, 4, 32 + 1, 4 + 1, 7.12, round(36.1 + 0.87 * 32), round(36.1 + 0.87 * 4)]
    assert numbers("11") == wanted


def test_12_parts_promises_lines_and_amdahl():
    parts = [numba_cpu.part_of.py_func(w, 4, 10) for w in range(4)]
    assert parts[-1][1] == 10
    wanted = [begin for begin, _ in parts] + [end - begin for begin, end in parts]
    wanted += [math.ceil(10 / workers) for workers in (5, 9, 10)]
    lines = math.ceil(40 / 16)
    times = [4 + 76 / k for k in (2, 4, 8)]
    wanted += [100, 101, 64 // 4, lines, 16 * lines - 40, *times]
    wanted += [*(round(80 / t, 2) for t in times), 80 / 4, 2 * 55 - 100]
    assert numbers("12") == wanted
    digits = decimal.Context(prec=3)
    small, hundred = decimal.Decimal("0.4"), decimal.Decimal(100)
    one_by_one = digits.add(digits.add(hundred, small), small)
    assert (one_by_one, digits.add(hundred, digits.add(small, small))) == (100, 101)


def in_place(a, b):
    for j in prange(4):
        a[j] = 2 * a[j]


def one_further(a, b):
    for j in prange(4):
        a[j + 1] = a[j]


def into_another(a, b):
    for j in prange(4):
        b[j] = a[j] + a[j + 1]


def by_turns(a, b):
    for j in prange(4):
        a[j % 2] = j


def test_12_which_lines_may_run_in_parallel():
    loops = (in_place, one_further, into_another, by_turns)
    said = [text for text in worksheets.answers_of("12") if text in ("yes", "no")]
    found = [list(watch_rounds(f, a=np.ones(5), b=np.ones(5)).conflicts()) for f in loops]
    assert said == ["no" if conflicts else "yes" for conflicts in found]
    proofs = {f"{c.writer}, {c.other}, {c.array}[{c.index[0]}]" for all in found for c in all}
    assert proofs > {text for text in worksheets.answers_of("12") if "a[" in text}


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


def test_16_room_owners_places_barriers_and_reads():
    rooms = [16 * H**2 // 2**10 for H in (64, 128, 256, 512)]
    said = worksheets.answers_of("16")
    fits = [*(n <= 64 for n in rooms), *(n <= 40 * 64 for n in rooms)]
    assert said[4:12] == ["yes" if fit else "no" for fit in fits]
    kept = [ours_16.owned(b, 32, 8) for b in (1, 3, 6)]
    assert said[14:17] == [f"{columns[0]} to {columns[-1]}" for _, columns in kept]
    assert said[17:20] == [f"{rows[8]} to {rows[15]}" for rows, _ in kept]
    order, elements = (9, 2, 6, 0, 4), (0, 3, 6, 10, 20)
    assert said[20:25] == [str(e // 8) for e in elements]
    assert said[25:30] == [str(order[e % 8]) if e % 8 < 5 else "-" for e in elements]
    barriers = [2 * T + 1 for T in (1, 12, 24)]
    tiles = ((1, 2), (2, 4), (3, 4), (4, 8))
    reads = [units + math.ceil(samples / 4) for units, samples in tiles]
    adds = [4 * units * samples for units, samples in tiles]
    quotients = [round(ours_16.reads_per_multiply_add(*tile), 3) for tile in tiles]
    wanted = [*barriers, *(round(1.29 * n) for n in barriers), *reads, *adds, *quotients]
    assert numbers("16")[:6] == [*rooms, 32 // 8, 4 * 8 * 32 * 4 / 2**10]
    assert numbers("16")[-19:] == [*wanted, int((40 * 64 * 2**10 / 16) ** 0.5)]


def test_17_operations_bytes_and_limits():
    rows = [(16 * 5, 4), (4 * 16, 4), (16 * 5, 4)]
    wanted = [x for gates, v in rows for x in (gates, v, gates + v)]
    wanted += [roofline.operations(Sizes(12, 10, 1, 4, 1))]
    v4, v5 = ours_17.bytes_of_w(Sizes(12, 32, 1, 32, 1), 8)
    wanted += [4 * 4 * 32 * 32 / 2**10, v4 / 2**10, v5 / 2**10, v4 / v5, 10e12 / 400e9]
    wanted += [min(400 * x, 10_000) for x in (0.5, 5, 25, 100)]
    limits = []
    for operations, nbytes, cycles in ((20e6, 2e6, 3e3), (80e6, 2e6, 9e3), (20e6, 4e5, 3e4)):
        times = [operations / 10e6, nbytes / 400e3, cycles / 1.5e3]
        wanted += [*times, max(times)]
        limits.append(("arithmetic", "memory", "waiting")[np.argmax(times)])
    assert numbers("17") == pytest.approx([*wanted, (220 - 100) / 6, 100 - 2 * (220 - 100) / 6])
    assert [a for a in worksheets.answers_of("17") if a in ("arithmetic", "memory", "waiting")] == (
        limits
    )


def test_18_weights_rounds_exchanges_and_a_model():
    samples, grads = (10, 20, 10), (4, 1, 4)
    weights = [n / sum(samples) for n in samples]
    wanted = [ours_18.whole_gradient(dict(enumerate(zip(samples, grads, strict=True))))]
    wanted += [x for w, g in zip(weights, grads, strict=True) for x in (w, w * g)] + [
        np.mean(grads)
    ]
    workers = 2, 5, 8, 64, 1000
    wanted += [ours_18.tree_sum([0] * W)[1] for W in workers] + [W - 1 for W in workers]
    parameters = sum(map(math.prod, param_shapes(1, 16, 1)))
    wanted += [parameters, 4 * parameters, 4 * parameters]
    for kind, best, real in (("strong", 80 / 4, 40), ("weak", 80, 100)):
        wanted += [best, 100 * ours_18.efficiency(kind, 80, real, 4)]
    wanted += [4096 // (4 * 8 * K) for K in (1, 16, 64)]
    cost, workers = Cost(per_sample=1, latency=5, bandwidth=math.inf), (1, 2, 4, 8, 32)
    computing = [math.ceil(120 / W) for W in workers]
    steps = [step_seconds(W, 120, 1, cost) for W in workers]
    wanted += [*computing, *(s - c for s, c in zip(steps, computing, strict=True)), *steps]
    assert numbers("18") == pytest.approx(wanted)


def run_in_order(order):
    """`x` after the A1 sheet's threads without a barrier."""
    x, part = [10, 11, 12, 13], [math.nan] * 4
    for t in order:
        part[t] = x[t]
        x[t] = part[3 - t]
    return ["NaN" if math.isnan(n) else str(n) for n in x]


def test_a1_pauses_sums_and_orders():
    part, wanted = np.array([5, 1, 2, 7]), []
    for width in (2, 1):
        part[:width] += part[width : 2 * width]
        wanted += list(part)
    barriers = [1 + int(math.log2(n)) for n in (4, 8, 64)]
    said = worksheets.answers_of("A1")
    assert numbers("A1")[:17] == [3, 3, 3, *(1 + 2 * r for r in (0, 1, 5)), *wanted, *barriers]
    start = said.index("NaN")
    assert said[start : start + 8] == run_in_order(range(4)) + run_in_order(range(3, -1, -1))
    assert said[start + 8 : start + 12] == ["13", "12", "11", "10"]


def test_a2_lanes_places_rows_and_tiles():
    places = [ours_A2.place(n, 100, 32) for n in (0, 31, 70, 99)]
    chunks = [math.ceil(N / 32) for N in (300, 1000)]
    wanted = [x for row in zip(*places, strict=True) for x in row]
    wanted += [x for n in chunks for x in (n, math.ceil(n / 4))]
    spots = ((0, 5), (2, 5), (1, 0))
    wanted += [3 * n + j for j, n in spots] + [8 * j + n for j, n in spots]
    gates = [("ifgo".index(gate), j) for gate, j in (("f", 3), ("i", 9), ("o", 7), ("g", 5))]
    rows = [4 * j + r for r, j in gates]
    assert rows.pop() == 22
    tiles = ((1, 1), (6, 2), (8, 2), (4, 6))
    wanted += [*rows, *(16 * r + j for r, j in gates)]
    wanted += [round((r + c) / (r * c), 3) for r, c in tiles]
    registers = [r * c + c + 1 for r, c in tiles]
    assert numbers("A2") == [*wanted, *registers, 4 / 2 + 6 / 3, 10 / 4]
    assert max(registers[:2]) <= 16 < min(registers[2:]) and max(registers) <= 32


def test_a1_the_scheduler_and_the_races():
    said, scheduled = worksheets.answers_of("A1"), []
    for waits in (["A"] * 4, ["A", "A", "B", "B"], ["A", "A", None, None], [None] * 4):
        try:
            passed = ours_A1.run_block([iter([place] if place else []) for place in waits])
            scheduled.append("goes on" if passed else "done")
        except RuntimeError:
            scheduled.append("error")
    assert [text for text in said if text in ("goes on", "error", "done")] == scheduled
    pairs = [("writes", 0, "reads", 0), ("writes", 0, "reads", 1), ("adds", 2, "adds", 2)]
    pairs += [("adds", 2, "reads", 2), ("reads", 1, "reads", 1)]
    found = [
        ours_A1.racing([ours_A1.Access(0, b, 5, kind), ours_A1.Access(1, other_b, 5, other)])
        for kind, b, other, other_b in pairs
    ]
    assert [text for text in said if text in ("yes", "no")] == [
        "yes" if races else "no" for races in found
    ]


@cuda.jit
def three_products(z, out):
    n = cuda.grid(1)
    out[n] = z[n] * z[n]
    out[n] = 0.5 * z[n]
    out[n] = float32(0.5) * z[n]


def test_b1_differences_clocks_and_batches():
    difference = (2.1**3 - 1.9**3) / 0.2
    times = [300, 5, 5, 40, 5, 5, 5, 5]
    clock = [np.mean(times), np.mean(times[1:]), np.median(times[1:])]
    after = 1 - 0.1 * (2 + 3)
    wanted = [difference, 3 * 2**2, 100 * (12.6 / 12 - 1), 3, 6, 9, 3, 3, 3, *clock]
    wanted += [after, after - 0.1 * 10, 56, *(N // 8 for N in (50, 56, 6))]
    wanted += [*(N % 8 for N in (50, 56, 6)), 4 * 1000, 8 * 1000]
    assert numbers("B1") == pytest.approx(wanted)
    lines = find_doubles(three_products, np.ones(4, np.float32), np.ones(4, np.float32))
    assert [text.strip() for _, text in lines] == ["out[n] = 0.5 * z[n]"]
    said = [text for text in worksheets.answers_of("B1") if text.startswith("float")]
    assert said == ["float32", "float64", "float32"]


def test_amdahl_by_hand():
    law = [1 / (s + (1 - s) / k) for s in (0.5, 0.1, 0.01) for k in (2, 4, 8, 1e12)]
    *table, s = numbers("amdahl")
    assert table == [round(x, 2) for x in law]
    assert 1 / (s + (1 - s) / 2) == pytest.approx(1.6)
