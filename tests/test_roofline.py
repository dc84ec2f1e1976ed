"""The counts behind the rooflines: against the code, against other counts, at their limits."""

import re

import numpy as np
import pytest

from lstm_kernels.lab.estimates import bus, cards
from lstm_kernels.lab.estimates import roofline as r
from lstm_kernels.lab.estimates.cards import CARDS, T4
from lstm_kernels.lab.measure import cpu_peaks
from lstm_kernels.model import Sizes, init_params
from lstm_kernels.versions import cuda_v2, cuda_v4, cuda_v5
from lstm_kernels.versions.packing import make_layout
from lstm_kernels.versions.parts import make_sum_kernel, sum_shape
from tests.asked import Asked, count_asked

SIZES = Sizes(12, 64, 1, 64, 1)
SHAPES = (SIZES, Sizes(1, 1, 1, 1, 1), Sizes(24, 300, 3, 20, 2))


# ---- cards --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, tera, bandwidth", [("P100", 9.3, 732), ("T4", 8.1, 320), ("L4", 30.3, 300),
                              ("A100", 19.5, 1555), ("H100", 66.9, 3350)]
)  # fmt: skip
def test_peaks_are_the_published_ones(name, tera, bandwidth):
    card = CARDS[name]
    assert card.tera == pytest.approx(tera, abs=0.06)
    assert card.gigabytes_per_second == bandwidth
    assert card.ridge == pytest.approx(card.tera * 1e3 / bandwidth)
    assert re.search(rf"\b{name}\b", cards.__doc__), "its data sheet is named as the source"


def test_the_t4_that_the_emulator_pretends_to_be_is_the_published_one():
    assert (T4.sms, T4.gigahertz, T4.threads, T4.blocks) == (40, 1.59, 1024, 16)
    assert T4.shared == 64 * 1024


def test_turing_gives_half_a_warps_numbers_a_cycle_and_the_source_is_named():
    """64 bytes a clock and SM; P100 apart, all later and earlier cards here give 128."""
    assert {card.loads for card in CARDS.values()} == {16, 32, 64} and T4.loads == 64 // 4
    assert "white paper" in cards.__doc__ and "Turing's 64" in cards.__doc__


# ---- counts -------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", SHAPES)
def test_operations_agree_with_lesson_08_up_to_biases(sizes):
    biases = sizes.T * (4 * sizes.H + sizes.O)
    assert r.operations(sizes) == 2 * sizes.N * (bus.multiply_adds(sizes) - biases)


def test_parameters():
    made = init_params(3, 20, 2)
    assert r.parameters(SHAPES[2]) == sum(p.size for p in made)


def arrays(shapes, dtype=np.float32):
    """Arrays that note what is asked of them, by name."""
    return {name: Asked(np.zeros(shape, dtype), name) for name, shape in shapes.items()}


def asked_by_v2(sizes):
    named = arrays(bus.array_shapes(sizes))
    order = "U W B V b_out x y scale h c gates dc dz dy loss dU dW dB dV db_out".split()
    named["scale"] = np.float32(1)
    blocks = cuda_v2.blocks_for(sizes.N)
    return count_asked(cuda_v2.kernel, blocks, cuda_v2.THREADS, *map(named.get, order))


def asked_by_v4(sizes):
    T, N, D, H, O = sizes  # noqa: E741
    named = arrays(bus.array_shapes(sizes) | {"WT": (H, 4 * H)})
    named["scale"] = np.float32(1)
    first = "U WT W B V b_out x y scale h c gates dz dy loss".split()
    second = "x h dz dy dU dW dB dV db_out".split()
    kernel = cuda_v4.make_kernel(np.dtype(np.float32))
    return count_asked(kernel, N, 4 * H, *map(named.get, first)) + count_asked(
        cuda_v4.make_weights_kernel(np.dtype(np.float32)),
        *cuda_v4.weights_shape(D, H, O),
        *map(named.get, second),
    )


def asked_by_v5(sizes, blocks):
    T, N, D, H, O = sizes  # noqa: E741
    layout = make_layout(D, H, O)
    names = "edges parts loss".split()
    shapes = dict(zip(names, cuda_v5.workspace_shapes(T, N, blocks, layout, 4), strict=True))
    shapes |= {"packed": layout.size, "sums": layout.size, "x": (T, N, D), "y": (T, N, O)}
    named = arrays(shapes) | arrays({"order": N}, np.int64)
    at, batch = (layout.U, layout.B, layout.V, layout.b_out), (named["x"], named["y"])
    kernel, work = cuda_v5.make_kernel(layout.P, np.dtype(np.float32)), map(named.get, names)
    args = named["packed"], *at, *batch, named["order"], 0, N, np.float32(1), *work
    return count_asked(kernel, blocks, 4 * layout.P, *args) + count_asked(
        make_sum_kernel(np.dtype("f4")),
        *sum_shape(blocks, layout.size),
        named["parts"],
        named["sums"],
    )


@pytest.mark.parametrize("shape", [(12, 1, 1, 16, 1), (6, 33, 2, 5, 3)])
def test_v2s_count_is_what_its_code_asks_for(shape):
    """The formulas count a few accesses too many or too few at the ends of the sequence."""
    sizes = Sizes(*shape)
    assert r.numbers_v2(sizes) == pytest.approx(asked_by_v2(sizes), rel=0.06)


@pytest.mark.parametrize("shape", [(6, 2, 1, 32, 1), (5, 2, 2, 16, 3)])
def test_v4s_count_is_what_its_code_asks_for(shape):
    sizes = Sizes(*shape)
    assert r.numbers_v4(sizes) == pytest.approx(asked_by_v4(sizes), rel=0.03)


@pytest.mark.parametrize("shape", [(6, 3, 1, 32, 1), (3, 3, 2, 20, 3), (20, 3, 1, 9, 1)])
def test_v5s_count_is_what_its_code_asks_for(shape):
    sizes = Sizes(*shape)
    assert r.numbers_v5(sizes, blocks=2) == pytest.approx(asked_by_v5(sizes, 2), rel=0.03)


@pytest.mark.parametrize("version", r.VERSIONS)
@pytest.mark.parametrize("sizes", SHAPES)
def test_more_is_asked_than_perfect_caches_move(version, sizes):
    assert r.bytes_asked(version, sizes) > 0.9 * r.bytes_at_least(version, sizes)


def test_v5_asks_for_the_state_and_not_for_the_weights():
    more = SIZES._replace(N=640)
    by_sample = (r.bytes_asked("cuda_v5", more) - r.bytes_asked("cuda_v5", SIZES)) / 576
    assert by_sample < 4 * 12 * 64 * 50  # some 50 numbers for each unit and step, not 12 H
    assert r.bytes_asked("cuda_v4", SIZES) > 5 * r.bytes_asked("cuda_v5", SIZES)


def test_v5_has_a_largest_h():
    assert [r.padded(H) for H in (1, 32, 33, 64)] == [32, 32, 64, 64]
    with pytest.raises(ValueError, match="H is 65; .* up to 64"):
        r.padded(65)


def test_a_product_over_the_batch_gains_with_the_batch():
    def intensity(N):
        sizes = SIZES._replace(N=N)
        return r.operations(sizes) / r.bytes_of_product(sizes)

    assert intensity(1) < intensity(16) < intensity(256)


# ---- bounds -------------------------------------------------------------------------------


@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
@pytest.mark.parametrize("version", r.VERSIONS)
def test_time_is_flat_first_and_then_grows_with_the_batch(version, card):
    def waiting(N):
        return r.lower_bounds(version, SIZES._replace(N=N), card)["waiting"]

    assert waiting(8) < 1.05 * waiting(1)
    full = max(2**20, 128 * card.sms * card.cores)
    assert waiting(full) > 10 * waiting(1)


def test_rounds_of_v5():
    t4 = CARDS["T4"]
    batches = (1, 40, 41, 80, 81)
    assert [r.rounds("cuda_v5", SIZES._replace(N=N), t4) for N in batches] == [1, 1, 2, 2, 3]
    narrow = SIZES._replace(H=32)  # three blocks an SM
    batches = (1, 120, 121, 240, 241)
    assert [r.rounds("cuda_v5", narrow._replace(N=N), t4) for N in batches] == [1, 1, 2, 2, 3]


@pytest.mark.parametrize("version", r.VERSIONS)
def test_the_bound_is_the_largest_and_no_cache_makes_it_no_smaller(version):
    card = CARDS["A100"]
    seconds, name = r.bound(version, SIZES, card)
    bounds = r.lower_bounds(version, SIZES, card)
    assert seconds == bounds[name] == max(bounds.values())
    assert r.without_caches(version, SIZES, card) >= seconds


def test_small_batches_wait():
    for card in CARDS.values():
        for version in r.VERSIONS:
            assert r.bound(version, SIZES._replace(N=16), card)[1] == "waiting"


def test_v4_waits_for_its_loads():
    """Two for each multiply-add, and blocks side by side on an SM share them."""
    t4, cycles = CARDS["T4"], r.Cycles()
    few, more_loads = r.chain_v4(64, t4, cycles), t4._replace(loads=10**6)
    assert few == 2 * (2 * 4 * 64 * 64 / 16 + 20) + 3 * 60 + 4 * 40
    assert r.chain_v4(64, more_loads, cycles) < few / 2
    one, two = (r.lower_bounds("cuda_v4", SIZES._replace(N=n * 40), t4)["waiting"] for n in (1, 2))
    assert 1.5 < two / one < 2
    assert r.bound("cuda_v4", SIZES, t4)[0] > r.bound("cuda_v5", SIZES, t4)[0]


def test_v5s_parts_do_not_grow_with_the_batch():
    """So the least that must move leaves them out, and what is asked does not."""
    steps = [r.bytes_at_least("cuda_v5", SIZES._replace(N=N)) for N in (64, 128, 192)]
    assert steps[2] - steps[1] == steps[1] - steps[0]
    fewer = r.bytes_asked("cuda_v5", SIZES, sms=40) - r.bytes_asked("cuda_v5", SIZES, sms=39)
    assert fewer == 3 * 4 * r.parameters(SIZES)


def test_v5_waits_on_every_card():
    """What the lesson's widget is asked for: its state no longer goes through the card's memory."""
    limits = {r.bound("cuda_v5", SIZES._replace(N=4096), card)[1] for card in CARDS.values()}
    assert limits == {"waiting"}


def test_exchange_in_a_ring():
    assert r.exchanged_bytes(SIZES, 1) == 0
    assert r.exchanged_bytes(SIZES, 2) == 4 * r.parameters(SIZES)
    assert r.exchanged_bytes(SIZES, 8) == 7 * r.parameters(SIZES)


def test_this_machine_has_a_roof():
    peaks = cpu_peaks.measure_peaks(seconds=0.05)
    assert peaks.giga > 0.1 and peaks.gigabytes_per_second > 0.1
    with pytest.raises(ValueError, match="number of threads is 0"):
        cpu_peaks.measure_peaks_apart(0)
