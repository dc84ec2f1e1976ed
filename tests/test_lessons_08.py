"""Lesson 08: bytes are counted, pictures are drawn from them."""

import pytest
from matplotlib.patches import FancyArrowPatch

from lstm_kernels import VERSIONS, data, init_params
from lstm_kernels.lab.estimates import bus
from lstm_kernels.lab.figures import timeline
from lstm_kernels.lab.measure import device_times
from lstm_kernels.lab.measure.card.file import load
from lstm_kernels.lab.measure.recorded import CardRecording, Recording
from lstm_kernels.lab.widgets.timeline import TransferTimeLine, modelled_picture
from lstm_kernels.lab.words import seconds_text
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
@pytest.mark.parametrize("version", ["cuda_v2", "cuda_v3", "cuda_v3c"])
def test_copies_are_those_that_the_version_makes(version, shape):
    params, x, y = batch(*shape)
    with watch.count_transfers() as log:
        VERSIONS[version].gradients(params, x, y)
    expected = bus.copies(version, sizes(params, x))
    assert [(t.direction, t.nbytes) for t in log] == [(c.direction, c.nbytes) for c in expected]


def test_v2_makes_38_copies_and_v3_3():
    assert len(bus.copies("cuda_v2", PUBLISHED)) == 38
    assert len(bus.copies("cuda_v3", PUBLISHED)) == 3
    assert len(bus.copies("cuda_v3", PUBLISHED, then=True)) == 18


def test_copies_of_another_version_are_refused():
    with pytest.raises(ValueError, match="cuda_v1.*cuda_v2 or cuda_v3"):
        bus.copies("cuda_v1", PUBLISHED)


@pytest.mark.parametrize("version", ["cuda_v2", "cuda_v3"])
def test_time_line_has_no_gaps_and_one_kernel(version):
    spans = bus.time_line(version, PUBLISHED, MACHINE)
    for before, after in zip(spans, spans[1:], strict=False):
        assert after.start == pytest.approx(before.start + before.seconds)
    kinds = [span.kind for span in spans]
    into, out = bus.copied_names(version, then=True)
    assert kinds == [watch.IN] * len(into) + ["kernel"] + [watch.OUT] * len(out) + [bus.HOST]


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
    parts = [(copy.name, copy.direction) for copy in made]
    parts.insert(-len(bus.copied_names(version)[1]), ("kernel", "kernel"))
    assert [s[:2] for s in bus.with_rest(spans, whole=1.0)] == [*parts, ("rest", bus.HOST)]
    assert bus.total_seconds(bus.with_rest(spans, whole=1.0)) == pytest.approx(1)
    assert all(span.seconds >= 0 for span in spans)


# ---- the model, made from a recording -----------------------------------------------------

H100 = Recording("batch_h100")
RECORDED = {N: {v: H100.parts(v, N) for v in ("cuda_v2", "cuda_v3")} for N in (7, 64, 256, 1024)}


def saving(times):
    v2, v3 = times
    return 1 - v3 / v2


def test_the_assumptions_are_the_recordings_smallest_and_largest_batch():
    two = [(PUBLISHED._replace(N=N), RECORDED[N]) for N in (7, 1024)]
    assert bus.calibrate(*two) == MACHINE


@pytest.mark.parametrize("N", [64, 256])
def test_the_batches_that_did_not_make_the_model_test_it(N):
    sizes = PUBLISHED._replace(N=N)
    modelled = [bus.total_seconds(bus.time_line(v, sizes, MACHINE)) for v in RECORDED[N]]
    recorded = [parts.whole for parts in RECORDED[N].values()]
    assert modelled == pytest.approx(recorded, rel=0.1)
    assert saving(modelled) < 0 and saving(recorded) < 0, "both say that V3 loses"
    assert saving(modelled) == pytest.approx(saving(recorded), abs=0.06)


def measured_by(machine, version, sizes):
    """What a machine would measure on which the model is right."""
    spans, kinds = bus.time_line(version, sizes, machine), (watch.IN, "kernel", watch.OUT, bus.HOST)
    return bus.Measured(*(sum(s.seconds for s in spans if s.kind == kind) for kind in kinds))


def test_calibrate_finds_the_machine_that_made_the_times():
    machine = bus.Assumptions(6.0, 10e-6, 20e-9, 0.5e-9, 1e-3, 2e-3)
    two = [
        (sizes, {v: measured_by(machine, v, sizes) for v in ("cuda_v2", "cuda_v3")})
        for sizes in (PUBLISHED, PUBLISHED._replace(N=512))
    ]
    assert bus.calibrate(*two) == machine


def test_a_recordings_parts_are_its_whole():
    parts, timing = H100.parts("cuda_v3", 64), H100.timing("cuda_v3", 64)
    assert parts.whole == pytest.approx(timing.median)
    row = H100.rows["cuda_v3", 64]
    assert timing.median == pytest.approx(row["median"] / 4), "256 windows: 4 mini-batches"
    assert bus.measured_line(parts)[-1].start == pytest.approx(parts.whole - parts.host)
    assert str(H100) == "recorded on NVIDIA H100 80GB HBM3, 2026-11-26"


@pytest.mark.parametrize("version", ["cuda_v2", "cuda_v3"])
def test_a_cards_parts_are_its_whole(version):
    h200, path = CardRecording("h200"), data.data_folder() / "measured" / "card_h200.json"
    (row,) = (r for r in load(path)["rows"] if r["section"] == "host" and r["version"] == version)
    assert h200.parts(version, 64).whole == pytest.approx(row["median"] / row["parts"])
    assert str(h200) == "recorded on NVIDIA H200, 2026-11-27"
    with pytest.raises(KeyError):
        h200.parts(version, 65)


@pytest.mark.parametrize("change, there", [({}, True), ({"N": 8}, False), ({"H": 16}, False)])
def test_what_was_recorded_is_known(change, there):
    assert H100.has("cuda_v2", PUBLISHED._replace(**change)) == there


# ---- pictures and the widget --------------------------------------------------------------

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
    assert titles(picture) == ["V2: 38 copies, 486 kB", "V3: 3 copies, 126 kB"]
    for ax, copies in zip(picture.axes, MADE.values(), strict=True):
        lengths = widths(ax)
        assert len(lengths) == sum(len(copy.arrays) for copy in copies)
        into = sum(len(copy.arrays) for copy in copies if copy.direction == watch.IN)
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
    of_copies = [1e3 * span.seconds for span in spans if span.kind in (watch.IN, watch.OUT)]
    assert widths(copies) == pytest.approx(of_copies)
    assert titles(picture)[0] == "One mini-batch: V3 takes 7% more time than V2"
    assert "a model" in texts(whole) and names_on(whole.yaxis) == ["V2", "V3"]
    assert [w.split(",")[0] for w in texts(copies)] == [
        "19 copies in", "19 copies out", "12 copies in", "6 copies out",
    ]  # fmt: skip
    no_overlap(picture)


@pytest.mark.parametrize("N", RECORDED)
def test_the_recorded_time_line_stands_under_the_models(N):
    picture = modelled_picture(PUBLISHED._replace(N=N), MACHINE)
    whole, copies = picture.axes
    for parts in RECORDED[N].values():
        assert f"{seconds_text(parts.whole)} recorded" in texts(whole)
        assert f"out, {seconds_text(parts.copies_out)}" in texts(copies)
    assert "recorded on NVIDIA H100" in " ".join(texts(whole))
    no_overlap(picture)


def test_without_a_recording_the_model_stands_alone():
    picture = modelled_picture(PUBLISHED._replace(N=512), MACHINE)
    assert "recorded" not in " ".join(texts(picture.axes[0]))


def test_the_balance_says_where_v3_gains_and_loses():
    pairs = {N: tuple(parts.values()) for N, parts in RECORDED.items()}
    picture = timeline.draw_balance(pairs, str(H100))
    wanted = [
        1e3 * (getattr(v3, part) - getattr(v2, part))
        for v2, v3 in pairs.values()
        for part in ("copies", "kernel", "host", "whole")
    ]
    assert widths(picture.axes[0]) == pytest.approx(wanted)
    assert names_on(picture.axes[0].yaxis) == ["N = 7", "N = 64", "N = 256", "N = 1,024"]
    assert {"copies -4.43", "rest +1.71", "whole -2.73"} <= {
        w.strip() for w in texts(picture.axes[0])
    }
    no_overlap(picture)


def test_the_saving_is_drawn_in_per_cent():
    savings, points = {"H=50": [-0.1, 0.2], "H=16": [-0.3, 0.1]}, {7: -0.09, 16: 0.25}
    picture = timeline.draw_saving([7, 16], savings, "a model", points, calibrated=(7,))
    of_50, of_16, first, second, zero = picture.axes[0].lines
    assert curves(picture.axes[0]) == [[-10, 20], [-30, 10], [-9], [25], [0, 0]]
    assert (of_50.get_linestyle(), of_16.get_linestyle()) == ("-", "--")
    assert first.get_markerfacecolor() != second.get_markerfacecolor() == "white"
    assert texts(picture.axes[0]) == ["H=50", "H=16", "a model"]
    assert names_on(picture.axes[0].xaxis) == ["7", "16"]
    no_overlap(picture)


def test_every_slider_repaints_the_picture():
    widget = TransferTimeLine()
    for slider, said in zip(
        widget.sliders, ("N=1024", "H=128", "T=96", "44 GB/s", "60 µs"), strict=True
    ):
        picture = painted(widget, slider, slider.options[-1])
        assert said in " ".join(texts(picture.axes[0]))
    assert "V2: 38 copies" in widget.note.value and "V3: 18 copies" in widget.note.value
    no_overlap(picture)


def test_lesson_08_states_the_models_assumptions():
    text = cell("08_cuda_v3", "assumptions").source
    stated = text[text.index("bus.Assumptions(") : text.index("\n)\n") + 2]
    assert eval(stated) == MACHINE
