"""The verdict on a whole version: right ones, wrong ones, cheats; and what is counted."""

import sys
from types import ModuleType

import pytest

from lstm_kernels.judge import borrowed, version
from lstm_kernels.judge.version import COUNTED, count, verdict_on
from lstm_kernels.machine import device
from lstm_kernels.model import count_params
from lstm_kernels.versions import VERSIONS
from tests.judge.own import around_numpy, copied, gradients_of

PARAMETERS = count_params(COUNTED.D, COUNTED.H, COUNTED.O)
ADD_B = "cuda.atomic.add(dB, k, sum_over_time(n, dz, k))"

# ---- right --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["numpy_batched", "numpy_loop", "sequential"])
def test_a_version_on_the_cpu_is_right_and_launches_nothing(name):
    verdict = verdict_on(gradients_of(copied(name)))
    assert (verdict.wrong, verdict.where, verdict.counts.launches) == ("", "CPU", 0)
    assert str(verdict) == "right. CPU: it launches no kernel."


@pytest.mark.parametrize(
    "name, launches, atomics, same_bits",
    [
        ("cuda_v2", 1, COUNTED.N * PARAMETERS, False),
        pytest.param("cuda_v4", 2, 0, True, marks=pytest.mark.long),
    ],
)
def test_a_version_with_kernels_is_right_and_counted(name, launches, atomics, same_bits):
    verdict = verdict_on(gradients_of(copied(name)))
    counts = verdict.counts
    assert verdict.wrong == "" and verdict.where == "emulated on CPU"
    assert (counts.launches, counts.atomics, counts.same_bits) == (launches, atomics, same_bits)
    assert counts.in_float64 == () and counts.reads > counts.writes > 0
    assert str(verdict).startswith("right, and without a race. Emulated on CPU: ")


@pytest.mark.long
def test_the_courses_own_versions_can_be_counted_too():
    where, counts = count(VERSIONS["cuda_v1"].gradients)
    arrays = 5 + 2 + 7 + 5  # parameters, batch, workspace, gradients: each goes over and back
    assert (where, counts.launches, counts.copies) == ("emulated on CPU", 1, 2 * arrays)
    assert counts.atomics == counts.barriers == 0 and counts.same_bits


@pytest.mark.long
def test_lines_in_float64_are_counted():
    text = copied("cuda_v2", ("cuda.atomic.add(dB, k, sum", "cuda.atomic.add(dB, k, 1.0 * sum"))
    _, counts = count(gradients_of(text))
    assert "1.0 * sum" in counts.in_float64[0]


def test_without_an_emulator_or_a_card_nothing_is_judged(monkeypatch):
    monkeypatch.setattr(device, "TARGET", "simulator")
    with pytest.raises(RuntimeError, match="nothing can be traced with the target 'simulator'"):
        verdict_on(gradients_of(copied("numpy_batched")))


# ---- wrong --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body, part",
    [
        ("loss, g = theirs(params, x, y)\nreturn 2 * loss, g", "the loss is "),
        ("loss, g = theirs(params, x, y)\nreturn loss, g._replace(W=g.W / 2)",
         "dW[0, 0] is "),
        ("loss, g = theirs(params, x, y)\nreturn loss, g._replace(W=g.W / 2)",
         "All are 0.5 times what is expected"),
        ("loss, g = theirs(params, x, y)\nreturn loss, g._replace(B=g.B * 1e-9 + g.B, V=-g.V)",
         "Only the sign is wrong"),
        ("loss, g = theirs(params, x, y)\nreturn loss, Params(*(a.astype(float) for a in g))",
         "db_out is float64, expected float32"),
        ("return theirs(params, x, y)[0], params[:4]", "returns 4 values, expected 5"),
        ("return theirs(params, x, y)[1]", "returns 5 values, expected 2 values: the loss, the g"),
        ("theirs(params, x, y)", "It returns None"),
        ("x += 1\nreturn theirs(params, x, y)", "It changes its argument: x[0, 0, 0] is "),
        ("params.W[0] = 0\nreturn theirs(params, x, y)", "It changes its argument: W[0"),
        ("return x[len(x)], y", "It stops with IndexError: "),
        ("return theirs(params, x[:, :32], y[:, :32])", "N = 33"),
        ("return theirs(params, x[..., :1] + 0 * x, y)", "D = 2"),
        ("return ...", "own is still to be written."),
    ],
)  # fmt: skip
def test_a_wrong_version_is_told_what_differs_first(body, part):
    verdict = verdict_on(gradients_of(around_numpy(body)))
    assert part in verdict.wrong and verdict.counts is None
    assert str(verdict) == f"not yet. {verdict.wrong}"


@pytest.mark.parametrize("answer", [None, 3, "gradients", (1, 2)])
def test_what_is_no_function_is_told_so(answer):
    assert (
        verdict_on(answer).wrong == f"It is {answer!r}; write a function gradients(params, x, y)."
    )


KEPT = """\
if id(x) not in kept:
    kept[id(x)] = theirs(params, x, y)
return kept[id(x)]
"""
ADDED_UP = """\
loss, grads = theirs(params, x, y)
for old, new in zip(kept.setdefault(x.shape, grads), grads, strict=True):
    new += old if old is not new else 0
return loss, grads
"""


@pytest.mark.parametrize("body", [KEPT, ADDED_UP])
def test_what_was_kept_of_the_call_before_is_found(body):
    wrong = verdict_on(gradients_of(around_numpy(body, "kept = {}"))).wrong
    assert ", the second call)" in wrong


@pytest.mark.long
@pytest.mark.parametrize(
    "changes, part",
    [
        ([(ADD_B, "dB[k] += sum_over_time(n, dz, k)")], "It has a race on dB[0]"),
        ([("if n < x.shape[1]:", "if n <= x.shape[1]:")], "is outside"),
        ([("return (N + THREADS - 1) // THREADS", "return 1")], "N = 33"),
        ([("    n = cuda.grid(1)\n    if", "    n = cuda.grid(1)\n    if n < 3:\n"
           "        cuda.syncthreads()\n    if")], "waits at a barrier"),
    ],
)  # fmt: skip
def test_a_wrong_kernel_is_told_what_differs_first(changes, part):
    assert part in verdict_on(gradients_of(copied("cuda_v2", *changes))).wrong


# ---- cheats -------------------------------------------------------------------------------

COURSE = "lstm_kernels.versions.numpy_batched"


@pytest.mark.parametrize(
    "text, part",
    [
        (f"from {COURSE} import gradients", "It is the course's own function"),
        (f"from {COURSE} import gradients as g\ngradients = lambda p, x, y: g(p, x, y)",
         "It uses g, which is the course's own"),
        (f"def gradients(p, x, y):\n    from {COURSE} import gradients as g\n    return g(p, x, y)",
         f"It imports {COURSE}"),
        ("from lstm_kernels import VERSIONS\ndef gradients(p, x, y):\n"
         "    return VERSIONS['cuda_v2'].gradients(p, x, y)", "which is the course's own"),
        ("from lstm_kernels.versions import cuda_v2\nkernel = cuda_v2.kernel\n"
         "def gradients(p, x, y):\n    kernel[1, 32]()", "It uses kernel"),
        ("import lstm_kernels.training as t\ndef gradients(p, x, y):\n    return t.fit(p)",
         "It uses t, which is the course's own"),
        ("import sys\ndef gradients(p, x, y):\n    return sys.modules['x'].gradients(p, x, y)",
         "It uses sys"),
        ("def gradients(p, x, y):\n    import torch\n    return torch.zeros(1)",
         "It imports torch"),
        ("from lstm_kernels.machine import device\ndef gradients(p, x, y):\n"
         "    return device.sys.modules['y'].gradients(p, x, y)", "It uses device.sys"),
    ],
)  # fmt: skip
def test_what_is_borrowed_is_named(text, part):
    assert part in verdict_on(gradients_of(text)).wrong


def test_a_module_beside_the_page_hides_nothing(monkeypatch):
    helper = ModuleType("helper")
    code = f"from {COURSE} import gradients as g\ndef help(p, x, y):\n    return g(p, x, y)"
    exec(code, vars(helper))
    monkeypatch.setitem(sys.modules, "helper", helper)
    text = "import helper\ndef gradients(p, x, y):\n    return helper.help(p, x, y)"
    wrong = verdict_on(gradients_of(text)).wrong
    assert wrong == f"It runs functions of {COURSE}: here you write them yourself."


def test_a_table_of_known_results_is_of_no_use():
    """The numbers are new each time."""
    known = [version.offset_problem(version.EDGES[0]) for _ in range(2)]
    table = [(p[1].tobytes(), VERSIONS["numpy_batched"].gradients(*p)) for p in known]
    body = "return dict(table).get(x.tobytes(), table[0][1])"
    assert "expected" in verdict_on(gradients_of(around_numpy(body), table=table)).wrong


def test_a_version_that_keeps_results_by_their_numbers_launches_no_more():
    keeper = "\n\nkept, launched = {}, gradients\n\n\ndef gradients(params, x, y):\n" + (
        "    key = x.tobytes()\n    if key not in kept:\n"
        "        kept[key] = launched(params, x, y)\n    return kept[key]\n"
    )
    wrong = verdict_on(gradients_of(copied("cuda_v2") + keeper)).wrong
    assert "Called again with the same numbers it launches no kernel" in wrong


def test_modules_that_run_are_seen_and_the_profiler_is_put_back():
    before = sys.getprofile()
    assert "fractions" in borrowed.homes_of(lambda: __import__("fractions").Fraction(1, 2))
    assert sys.getprofile() is before
