"""The counts behind the rooflines: against the code, against other counts, at their limits."""

import types

import numpy as np
import pytest

from lstm_kernels import launch, transfers
from lstm_kernels import roofline as r
from lstm_kernels.model import Sizes, init_params
from lstm_kernels.versions import cuda_v2, per_sample

SIZES = Sizes(12, 64, 1, 64, 1)
SHAPES = (SIZES, Sizes(1, 1, 1, 1, 1), Sizes(24, 300, 3, 20, 2))


# ---- cards --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, tera, bandwidth", [("P100", 9.3, 732), ("T4", 8.1, 320), ("L4", 30.3, 300),
                              ("A100", 19.5, 1555)]
)  # fmt: skip
def test_peaks_are_the_published_ones(name, tera, bandwidth):
    card = r.PEAKS[name]
    assert card.tera == pytest.approx(tera, abs=0.06)
    assert card.gigabytes_per_second == bandwidth
    assert card.ridge == pytest.approx(card.tera * 1e3 / bandwidth)
    assert name in r.SOURCES


def test_cards_are_those_of_lesson_04():
    assert {card.sms for card in r.PEAKS.values()} < {c.sms for c in launch.CARDS.values()}


# ---- counts -------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", SHAPES)
def test_operations_agree_with_lesson_06_up_to_biases(sizes):
    biases = sizes.T * (4 * sizes.H + sizes.O)
    assert r.operations(sizes) == 2 * sizes.N * (transfers.multiply_adds(sizes) - biases)


def test_parameters():
    made = init_params(3, 20, 2)
    assert r.parameters(SHAPES[2]) == sum(p.size for p in made)


class Counted:
    """An array that counts the numbers read from it and written to it."""

    total = 0

    def __init__(self, shape):
        self.array = np.zeros(shape, np.float32)
        self.shape, self.dtype = self.array.shape, self.array.dtype

    def __getitem__(self, index):
        Counted.total += 1
        return self.array[index]

    def __setitem__(self, index, value):
        Counted.total += 1
        self.array[index] = value


def plain(function, **names):
    """A device function as plain Python, with these names in its globals."""
    scope = {**function.__globals__, **names}
    return types.FunctionType(function.__code__, scope, function.__name__)


def python_of(dispatcher, **names):
    return plain(getattr(dispatcher, "py_func", dispatcher), **names)


@pytest.mark.parametrize("shape", [(12, 1, 1, 16, 1), (6, 1, 2, 8, 3)])
def test_v2s_count_is_what_its_code_asks_for(shape):
    """One sample, so that a warp is one thread.  The formula counts a few accesses too many or
    too few at the ends of the sequence; they are a few per cent."""
    sizes = Sizes(*shape)
    arrays = {name: Counted(s) for name, s in transfers.array_shapes(sizes).items()}
    add = types.SimpleNamespace(add=lambda a, k, v: a.__setitem__(k, a[k] + v))
    cuda = types.SimpleNamespace(atomic=add)
    names = ("product_over_time", "sum_over_time")
    sums = {name: python_of(getattr(per_sample, name)) for name in names}
    sigmoid = python_of(per_sample.sigmoid)
    parts = (
        (per_sample.forward_sample, "U W B V b_out x h c gates dy", {"sigmoid": sigmoid}),
        (per_sample.backward_sample, "W V c gates dy dc dz", {}),
        (cuda_v2.add_gradients, "x h dz dy dU dW dB dV db_out", {**sums, "cuda": cuda}),
    )
    Counted.total = 0
    for function, names, scope in parts:
        python_of(function, **scope)(0, *(arrays[name] for name in names.split()))
    y, loss = arrays["y"], arrays["loss"]
    python_of(per_sample.loss_sample)(0, y, np.float32(1), arrays["dy"], loss)
    assert r.numbers_v2(sizes) == pytest.approx(Counted.total, rel=0.06)


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


@pytest.mark.parametrize("card", r.PEAKS.values(), ids=r.PEAKS)
@pytest.mark.parametrize("version", r.VERSIONS)
def test_time_is_flat_first_and_then_grows_with_the_batch(version, card):
    def waiting(N):
        return r.lower_bounds(version, SIZES._replace(N=N), card)["waiting"]

    assert waiting(8) < 1.05 * waiting(1)
    assert waiting(2**20) > 10 * waiting(1)


def test_rounds_of_v5():
    t4 = r.PEAKS["T4"]
    batches = (1, 40, 41, 80, 81)
    assert [r.rounds("cuda_v5", SIZES._replace(N=N), t4) for N in batches] == [1, 1, 2, 2, 3]


@pytest.mark.parametrize("version", r.VERSIONS)
def test_the_bound_is_the_largest_and_no_cache_makes_it_no_smaller(version):
    card = r.PEAKS["A100"]
    seconds, name = r.bound(version, SIZES, card)
    bounds = r.lower_bounds(version, SIZES, card)
    assert seconds == bounds[name] == max(bounds.values())
    assert r.without_caches(version, SIZES, card) >= seconds


def test_small_batches_wait():
    for card in r.PEAKS.values():
        assert r.bound("cuda_v5", SIZES._replace(N=32), card)[1] == "waiting"


def test_only_the_l4_makes_v5_stop_waiting():
    """What the lesson's widget is asked for."""
    limits = {name: r.bound("cuda_v5", SIZES._replace(N=4096), c)[1] for name, c in r.PEAKS.items()}
    assert limits.pop("L4") == "memory"
    assert set(limits.values()) == {"waiting"}


def test_exchange_in_a_ring():
    assert r.exchanged_bytes(SIZES, 1) == 0
    assert r.exchanged_bytes(SIZES, 2) == 4 * r.parameters(SIZES)
    assert r.exchanged_bytes(SIZES, 8) == 7 * r.parameters(SIZES)


def test_this_machine_has_a_roof():
    machine = r.measure_machine(seconds=0.05)
    assert machine.giga > 0.1 and machine.gigabytes_per_second > 0.1
    with pytest.raises(ValueError, match="number of threads is 0"):
        r.measure_machine_apart(0)
