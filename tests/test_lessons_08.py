"""Lesson 08: bytes are counted, pictures are drawn from them, the cells show the modules' code."""

import inspect

import pytest

from lstm_kernels import VERSIONS, data, init_params
from lstm_kernels.lab.estimates import bus
from lstm_kernels.lab.figures import timeline
from lstm_kernels.lab.measure import device_times
from lstm_kernels.lab.widgets.timeline import TransferTimeLine
from lstm_kernels.machine import device, watch
from lstm_kernels.model import Sizes, sizes
from tests.test_lessons_06 import PNG, code_cells

PUBLISHED = Sizes(11, 7, 1, 50, 1)
MACHINE = bus.Assumptions()
countable = pytest.mark.skipif(
    device.TARGET not in ("gpu", "emulator"), reason="this target cannot count transfers"
)


def batch(T, N, D, H, O):  # noqa: E741
    x, y = data.panel(N, T)
    return init_params(D, H, O), x.repeat(D, axis=2), y.repeat(O, axis=2)


@countable
@pytest.mark.parametrize("shape", [(11, 7, 1, 50, 1), (1, 1, 1, 1, 1), (3, 33, 2, 5, 3)])
@pytest.mark.parametrize("version", ["cuda_v2", "cuda_v3"])
def test_copies_are_those_that_the_version_makes(version, shape):
    params, x, y = batch(*shape)
    with watch.count_transfers() as log:
        VERSIONS[version].gradients(params, x, y)
    expected = bus.copies(version, sizes(params, x))
    assert [(t.direction, t.nbytes) for t in log] == [(c.direction, c.nbytes) for c in expected]


def test_v2_makes_38_copies_and_v3_18():
    assert len(bus.copies("cuda_v2", PUBLISHED)) == 38
    assert len(bus.copies("cuda_v3", PUBLISHED)) == 18


def test_copies_of_another_version_are_refused():
    with pytest.raises(ValueError, match="cuda_v1.*cuda_v2 or cuda_v3"):
        bus.copies("cuda_v1", PUBLISHED)


@pytest.mark.parametrize("version", ["cuda_v2", "cuda_v3"])
def test_time_line_has_no_gaps_and_one_kernel(version):
    spans = bus.time_line(version, PUBLISHED, MACHINE)
    for before, after in zip(spans, spans[1:], strict=False):
        assert after.start == pytest.approx(before.start + before.seconds)
    kinds = [span.kind for span in spans]
    into, out = bus.copied_names(version)
    assert kinds == [watch.IN] * len(into) + ["kernel"] + [watch.OUT] * len(out)


def test_model_follows_bus_and_latency():
    no_latency = MACHINE._replace(latency=0.0)
    nbytes = MACHINE.gigabytes_per_second * 1e9
    assert bus.copy_seconds(nbytes, no_latency) == pytest.approx(1)
    assert bus.copy_seconds(0, MACHINE) == MACHINE.latency


@countable
@pytest.mark.parametrize("version", ["cuda_v2", "cuda_v3"])
def test_measured_time_line_makes_the_same_copies(version):
    params, x, y = batch(3, 5, 1, 4, 1)
    with watch.count_transfers() as log:
        spans = device_times.measure_time_line(version, params, x, y, repeats=1)
    made = bus.copies(version, sizes(params, x))
    assert [t.nbytes for t in log] == 2 * [copy.nbytes for copy in made]  # warm-up and one run
    modelled = bus.time_line(version, sizes(params, x), MACHINE)
    assert [s[:2] for s in spans] == [s[:2] for s in modelled]
    assert all(span.seconds >= 0 for span in spans)


def test_figures_are_pngs():
    made = {version: bus.copies(version, PUBLISHED) for version in ("cuda_v2", "cuda_v3")}
    lines = {version: bus.time_line(version, PUBLISHED, MACHINE) for version in made}
    pictures = (
        timeline.draw_routes(),
        timeline.draw_copies(made),
        timeline.draw_time_lines(lines, "a model"),
        timeline.draw_saving([7, 16], {"H=50": [0.1, 0.2]}, "a model"),
    )
    assert all(picture._repr_png_().startswith(PNG) for picture in pictures)


def test_every_slider_repaints_the_picture():
    widget = TransferTimeLine()
    for slider in widget.sliders:
        before = bytes(widget.image.value)
        slider.value = slider.options[-1]
        after = bytes(widget.image.value)
        assert after != before and after.startswith(PNG)
    assert "V2: 38 copies" in widget.note.value and "V3: 18 copies" in widget.note.value


def test_lesson_08_shows_the_modules_own_source():
    source = inspect.getsource(VERSIONS["cuda_v3"].gradients).strip()
    assert any(source in text for text in code_cells("08_cuda_v3"))


def test_lesson_08_states_the_models_assumptions():
    text = next(t for t in code_cells("08_cuda_v3") if "bus.Assumptions(" in t)
    stated = text[text.index("bus.Assumptions(") : text.index("\n)\n") + 2]
    assert eval(stated) == MACHINE


@pytest.mark.parametrize("number", [1, 2, 3])
def test_each_exercise_of_lesson_08_is_solved_with_the_same_check(number):
    solutions = "\n".join(code_cells("solutions/08_solutions"))
    text = next(t for t in code_cells("08_cuda_v3") if f'checks.exercise("{number},' in t)
    assert text[text.index("\n\n\ndef check_") :].strip() in solutions
