"""Two memories, and what crosses between them."""

import numpy as np
import pytest

from lstm_kernels.emulator import TransferError, count_transfers, cuda
from lstm_kernels.emulator.transfers import TO_DEVICE, TO_HOST


@cuda.jit
def double(x, y):
    n = cuda.grid(1)
    if n < x.shape[0]:
        y[n] = 2 * x[n]


def test_device_arrays_have_a_memory_of_their_own():
    x = np.arange(4.0)
    on_device = cuda.to_device(x)
    x[:] = 0
    assert on_device.copy_to_host().tolist() == [0, 1, 2, 3]
    result = cuda.device_array_like(on_device)
    double[1, 4](on_device, result)
    assert result.copy_to_host().tolist() == [0, 2, 4, 6]
    assert (x == 0).all()


def test_a_transfer_that_is_forgotten_shows():
    host = np.zeros(4)
    on_device = cuda.to_device(host)
    double[1, 4](np.ones(4), on_device)
    assert (host == 0).all()
    on_device.copy_to_host(host)
    assert (host == 2).all()


def test_fresh_device_memory_is_nan():
    assert np.isnan(cuda.device_array((2, 3), np.float32).copy_to_host()).all()


def test_attributes_and_views():
    array = cuda.to_device(np.arange(12, dtype=np.float32).reshape(3, 4))
    assert (array.shape, array.dtype, array.size, array.nbytes) == ((3, 4), np.float32, 12, 48)
    assert (array.ndim, array.strides, len(array)) == (2, (16, 4), 3)
    array[1:, :2].copy_to_device(np.zeros((2, 2), np.float32))
    assert array.copy_to_host()[1:, :2].sum() == 0
    assert array[0, 3] == 3
    array[0, 3] = 5
    assert array.reshape(12).copy_to_host()[3] == 5
    assert array.T.shape == (4, 3)
    assert np.asarray(array).shape == (3, 4)
    assert [part.size for part in array.ravel().split(5)] == [5, 5, 2]


def test_copies_do_not_convert():
    array = cuda.to_device(np.zeros(3, np.float32))
    with pytest.raises(TransferError, match="cannot copy float64 into float32"):
        array.copy_to_device(np.zeros(3))
    with pytest.raises(TransferError, match=r"cannot copy shape \(3,\) into shape \(4,\)"):
        array.copy_to_host(np.zeros(4, np.float32))
    with pytest.raises(TransferError, match="not one piece"):
        cuda.to_device(np.zeros(8)[::2])
    with pytest.raises(TransferError, match="not one piece"):
        double[1, 4](np.zeros(8)[::2], array)


def test_numpy_arguments_travel_there_and_back():
    x, y = np.ones(4), np.zeros(4)
    with count_transfers() as record:
        double[1, 4](x, y)
    assert (y == 2).all()
    assert [tuple(transfer) for transfer in record] == 2 * [(TO_DEVICE, 32, True)] + 2 * [
        (TO_HOST, 32, True)
    ]
    assert record.launches == ["double"]
    assert "host to device: 2 copies (2 implicit), 64 bytes" in str(record)


def test_device_arguments_do_not_travel():
    with count_transfers() as record:
        x, y = cuda.to_device(np.ones(4)), cuda.device_array(4)
        double[1, 4](x, y)
        y.copy_to_host()
    assert [tuple(transfer) for transfer in record] == [
        (TO_DEVICE, 32, False),
        (TO_HOST, 32, False),
    ]


def test_in_and_out_say_which_way():
    x, y = np.ones(4), np.zeros(4)
    with count_transfers() as record:
        double[1, 4](cuda.In(x), cuda.Out(y))
    assert (y == 2).all()
    assert len(record.select(TO_DEVICE)) == len(record.select(TO_HOST)) == 1


@cuda.jit
def first_only(y):
    if cuda.grid(1) == 0:
        y[0] = 1


def test_out_brings_back_rubbish_where_nothing_was_written():
    y = np.zeros(4)
    first_only[1, 4](cuda.Out(y))
    assert y[0] == 1 and np.isnan(y[1:]).all()


def test_nobody_listens_after_the_block():
    with count_transfers() as record:
        with count_transfers() as inner:
            cuda.to_device(np.ones(1))
        cuda.to_device(np.ones(1))
    cuda.to_device(np.ones(1))
    assert (len(inner), len(record)) == (1, 2)


def test_mapped_and_pinned_arrays():
    x, y = cuda.mapped_array(4), cuda.pinned_array(4)
    x[:], y[:] = 1, 0
    with count_transfers() as record:
        double[1, 4](x, x)
    assert (x == 2).all()
    assert not record
    double[1, 4](x, y)
    assert (y == 4).all()


def test_host_functions():
    start, end = cuda.event(), cuda.event()
    start.record()
    stream = cuda.stream()
    with stream.auto_synchronize():
        double[1, 4, stream](np.ones(4), np.zeros(4))
    end.record(stream)
    assert cuda.event_elapsed_time(start, end) > 0
    assert cuda.is_available()
    assert cuda.get_current_device().compute_capability == (7, 5)
    assert cuda.current_context().get_memory_info().free > 2**30
    cuda.synchronize()


def test_an_array_given_twice_is_two_copies_like_on_the_card():
    x = np.ones(4)
    double[1, 4](x, x)
    assert (x == 2).all()


def test_a_transposed_array_is_a_copy_and_not_all_can_be_reshaped():
    array = cuda.to_device(np.arange(6.0).reshape(2, 3))
    turned = array.T
    turned[0, 1] = 100
    assert array.copy_to_host().tolist() == [[0, 1, 2], [3, 4, 5]]
    assert turned.copy_to_host().tolist() == [[0, 100], [1, 4], [2, 5]]
    assert array.transpose((0, 1)) is array
    with pytest.raises(TransferError, match="only arrays of 2 axes can be transposed, not of 1"):
        _ = cuda.to_device(np.zeros(3)).T
    with pytest.raises(TransferError, match="this needs a copy"):
        array[:, :2].reshape(4)
