"""Lesson 16: V7's plan on any card, its pictures and its widget."""

import numpy as np
import pytest

from lstm_kernels import data
from lstm_kernels.lab.estimates import whole_card as estimates
from lstm_kernels.lab.estimates.cards import CARDS
from lstm_kernels.lab.figures import whole_card as figures
from lstm_kernels.lab.measure.card.file import CardFile
from lstm_kernels.lab.measure.card.kept import cards, times
from lstm_kernels.lab.widgets.whole_card import WholeCard
from lstm_kernels.versions import cuda_v7
from tests.pictures import curves, names_on, no_overlap, painted, texts, titles, widths

T4, H100 = CARDS["T4"], CARDS["H100"]
KINDS = sorted({(tile.units, tile.samples) for tile in cuda_v7.TILES})


# ---- the estimates are V7's own -----------------------------------------------------------


@pytest.mark.parametrize("card", CARDS.values(), ids=lambda card: card.name)
def test_the_plan_is_what_v7_chooses_on_that_card(card, monkeypatch):
    monkeypatch.setattr(cuda_v7, "count_processors", lambda: card.sms)
    monkeypatch.setattr(cuda_v7, "shared_memory", lambda: estimates.shared_of_block(card))
    float32 = np.dtype(np.float32)
    for H, N in ((65, 1), (100, 64), (128, 1024), (200, 7), (256, 64), (512, 256), (1100, 64)):
        layout, found = cuda_v7.make_layout(1, H, 1), estimates.plan(card, H, N)
        assert estimates.tiles_that_fit(card, H) == cuda_v7.tiles_that_fit(layout, float32)
        if found is None:
            with pytest.raises(ValueError, match="keeps W in the card's shared memory"):
                cuda_v7.choose_tile(layout, N, float32)
        else:
            assert (found.tile, found.P) == (cuda_v7.choose_tile(layout, N, float32), layout.P)


def test_the_plan_starts_as_many_blocks_as_v7():
    float32 = np.dtype(np.float32)
    for H, N in ((65, 1), (128, 300), (256, 64)):
        launched = []
        steps = cuda_v7.Steps(cuda_v7.make_layout(1, H, 1), 2, N, float32)
        steps.kernel = steps.weights_kernel = Noted(launched)
        array = np.zeros(1, np.float32)
        steps.queue(array, array, array, array, 0, N, array)
        plan = estimates.plan(T4, H, N)  # the emulator has a T4's limits
        blocks, _, _, nbytes = launched[0]
        assert (plan.blocks, sum(plan.shared().values())) == (blocks, nbytes)
        assert plan.blocks <= T4.sms


class Noted:
    """A kernel that only notes how it is launched."""

    def __init__(self, launched):
        self.launched = launched

    def __getitem__(self, configuration):
        self.launched.append(configuration)
        return lambda *arguments: None


@pytest.mark.parametrize("card", CARDS.values(), ids=lambda card: card.name)
def test_the_largest_H_fits_and_the_next_one_does_not(card):
    H = estimates.largest_H(card)
    assert estimates.plan(card, H, 64) and estimates.plan(card, H + 1, 64) is None
    assert estimates.bytes_of_W(H) < estimates.rooms(card)["the card's shared memory"]


def test_cycles_count_the_reads_and_multiply_adds_of_a_warp():
    assert estimates.cycles_per_k(H100, 2, 8, 1) == (2 + 2 * 4, 16)
    assert estimates.cycles_per_k(H100, 2, 8, 4) == (2 + 2 * 1, 16), "8 threads x 16 bytes"
    assert estimates.cycles_per_k(H100, 1, 1, 32) == (4 + 1, 1), "32 threads x 16 bytes"
    assert estimates.cycles_per_k(T4, 1, 2, 1) == (1 + 4, 4), "half the units, half the loads"
    assert estimates.step_seconds(H100, 100, 64) == pytest.approx(
        8 * 100**2 * 64 / (2 * 132 * 128 * 1.98e9)
    )


# ---- recordings ---------------------------------------------------------------------------


def test_recorded_cards_are_found_by_their_names(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "data_folder", lambda: tmp_path)
    (tmp_path / "measured").mkdir()
    assert cards() == []
    file = CardFile(tmp_path / "measured" / "card_t9.json", "NVIDIA T9")
    file.add("right", {"what": "gradients"}, [{"right": True}])
    time = {"median": 2e-6, "q1": 1e-6, "q3": 3e-6, "parts": 1, "seconds": [1e-6, 2e-6, 3e-6]}
    file.add("kernels", {"what": "grid sync"}, [{"blocks": 40, **time}])
    file.add("kernels", {"what": "graph node"}, [{"failed": "no"}])
    file.save()
    (found,) = cards()
    assert found["card"] == "NVIDIA T9"
    assert [row["median"] for row in times(found, "kernels", "grid sync")] == [2e-6]
    assert times(found, "kernels", "graph node") == times(found, "steps", "step") == []


def test_what_was_recorded_of_every_card_can_be_drawn():
    for found in cards():
        for wait in times(found, "kernels", "grid sync"):
            no_overlap(figures.draw_barriers(H100, {found["card"]: wait["median"]}))
        rows = [row for row in times(found, "steps", "step", T=12) if row["H"] > 64]
        rows = [row for row in rows if row["rival"] in figures.RIVALS]
        if rows:
            no_overlap(figures.draw_steps(found["card"], rows))


# ---- figures ------------------------------------------------------------------------------


def test_the_rooms_are_lines_across_the_line_of_W():
    picture = figures.draw_rooms([T4, H100], (32, 64, 128))
    for ax, card in zip(picture.axes, (T4, H100), strict=True):
        of_W, *lines = curves(ax)
        assert of_W == [16 * H * H for H in (32, 64, 128)]
        assert [line[0] for line in lines] == list(estimates.rooms(card).values())
    most = [estimates.largest_H(card) for card in (T4, H100)]
    assert [title.split(" up to ")[1] for title in titles(picture)] == [f"{H:,}" for H in most]
    assert "the card's shared memory 2.5 MiB" in picture.alt
    no_overlap(figures.draw_rooms([T4, H100]))


def test_a_step_has_an_arrow_from_each_piece_of_h_to_each_block():
    picture = figures.draw_step(blocks=4)
    (ax,) = picture.axes
    arrows = [p for p in ax.patches if type(p).__name__ == "FancyArrowPatch"]
    assert len(arrows) == 4 * 4 + 4
    assert texts(ax).count("units of block 2") == 2 and "grid.sync()" in texts(ax)
    no_overlap(picture)


@pytest.mark.parametrize("waits", [{}, {"NVIDIA H200": 1.3e-6, "Tesla T4": 2e-6}])
def test_barriers_are_lines_where_a_card_was_recorded(waits):
    picture = figures.draw_barriers(H100, waits)
    (ax,) = picture.axes
    lines = curves(ax)
    assert lines[1][0] == pytest.approx(1e6 * estimates.step_seconds(H100, 64, 64))
    assert [line[0] for line in lines[4:]] == [1e6 * seconds for seconds in waits.values()]
    assert ("none recorded" in picture.alt) == (not waits)
    no_overlap(picture)


@pytest.mark.parametrize("card", [T4, H100], ids=lambda card: card.name)
def test_bars_are_cycles_for_a_unit_and_a_sample(card):
    picture = figures.draw_cycles(card, KINDS)
    (ax,) = picture.axes
    wanted = []
    for u, samples in KINDS:
        cycles = [estimates.cycles_per_k(card, u, samples, across) for across in (1, 4)]
        wanted += [c / (u * samples) for c in (cycles[0][0], cycles[1][0], cycles[0][1])]
    assert widths(ax) == pytest.approx(wanted)
    assert names_on(ax.yaxis)[0] == "1 unit x 1 sample"
    no_overlap(picture)


def test_recorded_steps_have_a_panel_for_each_H():
    rows = [
        {"H": H, "N": N, "rival": rival, "median": 1e-6 * H * N * factor}
        for H in (128, 512)
        for N in (32, 64, 1024)
        for rival, factor in (("V6 recorded", 1), ("PyTorch recorded", 2))
    ]
    picture = figures.draw_steps("NVIDIA T9", rows)
    assert titles(picture) == ["H=128", "H=512"]
    ours, theirs = curves(picture.axes[1])
    assert ours == [1e-6 * 512 * N for N in (32, 64, 1024)] == [t / 2 for t in theirs]
    assert "V6 4.10 ms at N=32" in picture.alt and picture.alt.startswith("NVIDIA T9")
    no_overlap(picture)


@pytest.mark.parametrize("card, H, N", [(H100, 256, 64), (T4, 128, 4096), (T4, 321, 1)])
def test_each_sm_is_a_square_and_the_memory_a_bar(card, H, N):
    found, picture = estimates.plan(card, H, N), figures.draw_plan(card, H, N)
    sms, shared = picture.axes
    assert len(sms.patches) == card.sms
    parts = {} if found is None else found.shared()
    heights = [bar.get_height() for bar in shared.patches]
    assert heights == [size / 1024 for size in parts.values()]
    said = "W does not fit" if found is None else f"{found.blocks} blocks on {card.sms} SMs"
    assert said in titles(picture)[0] and said in picture.alt
    no_overlap(picture)


@pytest.mark.parametrize(
    "control, value, said",
    [("hidden", 512, "H100, H=512"), ("batch", 1024, "N=1,024"), ("card", "T4", "T4, H=256")],
)
def test_each_control_repaints_the_picture(control, value, said):
    widget = WholeCard()
    assert said in titles(painted(widget, getattr(widget, control), value))[0]
    widget.card.value, widget.hidden.value = "T4", 1024
    assert widget.note.value.startswith("V7 refuses")
