"""Lesson 08: bytes are counted, pictures are drawn from them."""

import pytest
from matplotlib.patches import FancyArrowPatch

from lstm_kernels import VERSIONS, data, init_params
from lstm_kernels.lab.estimates import bus
from lstm_kernels.lab.figures import timeline
from lstm_kernels.lab.measure import device_times
from lstm_kernels.lab.widgets.timeline import TransferTimeLine
from lstm_kernels.machine import device, watch
from lstm_kernels.model import Sizes, sizes
from tests.notebooks import cell
from tests.pictures import curves, names_on, no_overlap, painted, texts, titles, widths

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


MADE = {version: bus.copies(version, PUBLISHED) for version in ("cuda_v2", "cuda_v3")}
LINES = {version: bus.time_line(version, PUBLISHED, MACHINE) for version in MADE}


def test_routes_are_drawn_where_arrays_cross():
    picture = timeline.draw_routes()
    assert titles(picture) == list(timeline.TITLES.values())
    both, chosen = picture.axes
    arrows = [[p for p in ax.patches if isinstance(p, FancyArrowPatch)] for ax in picture.axes]
    assert [len(found) for found in arrows] == [2 * 4, 2 + 1 + 2]
    assert all(texts(both).count(group) == 2 for group in timeline.GROUPS)
    assert texts(chosen).count("workspace") == 1 and "only the loss goes back" in texts(chosen)
    no_overlap(picture)


def test_copies_are_bars_in_both_directions():
    picture = timeline.draw_copies(MADE)
    assert titles(picture) == ["V2: 38 copies, 486 kB", "V3: 18 copies, 126 kB"]
    for ax, copies in zip(picture.axes, MADE.values(), strict=True):
        lengths = widths(ax)
        assert len(lengths) == len(copies)
        into = sum(copy.direction == watch.IN for copy in copies)
        assert sum(length > 0 for length in lengths) == into
    largest = max(copy.nbytes for copy in MADE["cuda_v2"])
    assert max(widths(picture.axes[0])) == largest / 1e3
    assert names_on(picture.axes[0].yaxis) == [n for g in timeline.GROUPS.values() for n in g]
    no_overlap(picture)


def test_a_time_line_is_as_long_as_its_parts():
    picture = timeline.draw_time_lines(LINES, "a model")
    whole, copies = picture.axes
    spans = [span for line in LINES.values() for span in line]
    assert widths(whole) == pytest.approx([1e3 * span.seconds for span in spans])
    of_copies = [1e3 * span.seconds for span in spans if span.kind != "kernel"]
    assert widths(copies) == pytest.approx(of_copies)
    assert titles(picture)[0].startswith("One mini-batch: V3 saves ")
    assert "a model" in texts(whole) and names_on(whole.yaxis) == ["V2", "V3"]
    assert [w.split(",")[0].strip() for w in texts(copies)] == [
        "19 copies in", "19 copies out", "12 copies in", "6 copies out",
    ]  # fmt: skip
    no_overlap(picture)


def test_the_saving_is_drawn_in_per_cent():
    picture = timeline.draw_saving([7, 16], {"H=50": [0.1, 0.2]}, "a model")
    assert curves(picture.axes[0]) == [[10, 20]]
    assert texts(picture.axes[0]) == ["H=50", "a model"]
    assert names_on(picture.axes[0].xaxis) == ["7", "16"]
    no_overlap(picture)


def test_every_slider_repaints_the_picture():
    widget = TransferTimeLine()
    for slider, said in zip(
        widget.sliders, ("N=2048", "H=128", "T=96", "48 GB/s", "50 µs"), strict=True
    ):
        picture = painted(widget, slider, slider.options[-1])
        assert said in " ".join(texts(picture.axes[0]))
    assert "V2: 38 copies" in widget.note.value and "V3: 18 copies" in widget.note.value
    no_overlap(picture)


def test_lesson_08_states_the_models_assumptions():
    text = cell("08_cuda_v3", "assumptions").source
    stated = text[text.index("bus.Assumptions(") : text.index("\n)\n") + 2]
    assert eval(stated) == MACHINE
