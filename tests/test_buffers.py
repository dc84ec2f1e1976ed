"""What is kept on the card between mini-batches: for whom, how much, and for how long."""

import numpy as np
import pytest

from lstm_kernels import VERSIONS
from lstm_kernels.machine import device
from lstm_kernels.versions import buffers
from lstm_kernels.versions.buffers import ALIGNED, KEPT, Piece, cut, lent, places

pytestmark = pytest.mark.skipif(device.TARGET == "simulator", reason="it has no views of bytes")
F32, F64, INT = (np.dtype(name) for name in ("f4", "f8", "i8"))


class Thing:
    """Something that is made for a size."""

    def __init__(self, size):
        self.size = size


class Other(Thing):
    pass


# ---- pieces -------------------------------------------------------------------------------


def test_arrays_lie_side_by_side_each_at_a_multiple_of_its_numbers():
    specs = [((3,), F32), ((2, 2), F32), ((2,), INT), ((1,), F32)]
    assert places(specs) == [(0, 12), (12, 28), (32, 48), (48, 52)]
    assert [start for start, _ in places(specs, ALIGNED)] == [0, 256, 512, 768]
    memory = np.zeros(52, np.uint8)
    for number, array in enumerate(cut(memory, specs)):
        array[...] = number
    assert [a.tolist() for a in cut(memory, specs)] == [[0] * 3, [[1, 1], [1, 1]], [2, 2], [3]]


def test_what_is_sent_comes_back_and_what_is_not_given_stays_zero():
    piece = Piece([((2, 3), F64), ((4,), INT), ((5,), F32)])
    sent = np.arange(6.0).reshape(3, 2).T  # not contiguous
    piece.send(sent, 7)
    first, second, third = piece.fetch()
    assert np.array_equal(first, sent) and first.flags.writeable
    assert second.tolist() == [7] * 4 and third.tolist() == [0] * 5
    assert [a.shape for a in piece.arrays] == [(2, 3), (4,), (5,)]


# ---- what is kept -------------------------------------------------------------------------


def test_the_same_thing_is_lent_again_and_to_one_at_a_time():
    with lent(Thing, 1) as first, lent(Thing, 1) as second:
        assert first is not second
    with lent(Thing, 1) as again:
        assert again in (first, second)
    with lent(Thing, 2) as third:
        assert third not in (first, second) and third.size == 2


def test_of_each_kind_a_few_are_kept_those_used_last():
    made = {}
    for size in range(KEPT + 1):
        with lent(Thing, size) as made[size]:
            pass
    with lent(Other, 0) as other:
        pass
    for size in range(1, KEPT + 1):
        with lent(Thing, size) as again:
            assert again is made[size]
    with lent(Other, 0) as again:
        assert again is other, "another kind has a place of its own"
    with lent(Thing, 0) as again:
        assert again is not made[0]


def test_after_an_error_it_is_not_lent_again():
    with pytest.raises(RuntimeError):
        with lent(Thing, 1) as broken:
            raise RuntimeError
    with lent(Thing, 1) as again:
        assert again is not broken


def test_where_memory_is_short_what_is_kept_is_given_back_first(monkeypatch):
    with lent(Thing, 1):
        pass
    monkeypatch.setattr(device, "free_memory", lambda: 0 if buffers._shelf else 100)
    device.check_memory(100, "this")
    assert not buffers._shelf
    with pytest.raises(MemoryError, match="this needs"):
        device.check_memory(101, "this")


@pytest.mark.parametrize("version", ["cuda_v3", "cuda_v3c", "cuda_v4", "cuda_v5"])
def test_what_was_there_before_changes_no_gradient(version, problem):
    gradients = VERSIONS[version].gradients
    one, other = problem(3, 4, 2, 5, 2), problem(3, 4, 2, 5, 2)
    other[1][...] *= -3
    loss, grads = gradients(*one)
    gradients(*other)
    again, grads_again = gradients(*one)
    if device.TARGET == "emulator" or "v3" not in version:  # V3's atomic additions: any order
        assert loss == again
        assert all(map(np.array_equal, grads, grads_again))
