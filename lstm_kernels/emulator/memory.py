"""Device arrays, in a memory of their own.

A card has its own memory: what the host holds must be copied there, and copied back. Here both
are the same memory, but the copies are made all the same: a program that forgets one is wrong
here too, and `count_transfers()` sees each of them.

Fresh memory is filled with NaN (all bits one), because on a card it holds rubbish.
"""

import numpy as np

from .errors import TransferError
from .transfers import TO_DEVICE, TO_HOST, count_transfers, log_transfer  # noqa: F401

POISON = 0xFF


class DeviceArray:
    """What `cuda.to_device` and `cuda.device_array` return. The slots are for the emulator only.

    fresh: no copy has filled it.
    """

    __slots__ = ("data", "fresh")
    __cuda_memory__ = True
    __array_priority__ = 1000

    def __init__(self, data, fresh=False):
        self.data = data
        self.fresh = fresh

    shape = property(lambda self: self.data.shape)
    dtype = property(lambda self: self.data.dtype)
    size = property(lambda self: self.data.size)
    ndim = property(lambda self: self.data.ndim)
    nbytes = property(lambda self: self.data.nbytes)
    strides = property(lambda self: self.data.strides)
    alloc_size = property(lambda self: self.data.nbytes)
    flags = property(lambda self: self.data.flags)
    T = property(lambda self: self.transpose())

    def copy_to_host(self, ary=None, stream=0):
        """A NumPy copy, or a copy into `ary`."""
        log_transfer(TO_HOST, self.nbytes)
        if ary is None:
            return self.data.copy(order="K")
        require_same_layout(ary, self.data)
        ary[...] = self.data
        return ary

    def copy_to_device(self, ary, stream=0):
        """Fill this array from a NumPy array, or from another device array."""
        source = ary.data if isinstance(ary, DeviceArray) else np.asarray(ary)
        require_same_layout(self.data, source)
        self.fresh = False
        if not isinstance(ary, DeviceArray):
            log_transfer(TO_DEVICE, source.nbytes)
        self.data[...] = source

    def __array__(self, dtype=None, copy=None):
        host = self.copy_to_host()
        return host if dtype is None else host.astype(dtype)

    def __getitem__(self, index):
        part = self.data[index]
        if isinstance(part, np.ndarray) and part.ndim:
            return DeviceArray(part, self.fresh)
        log_transfer(TO_HOST, self.data.itemsize)
        return part if isinstance(part, np.generic) else part[()]

    def __setitem__(self, index, value):
        if isinstance(value, DeviceArray):
            self.data[index] = value.data
        else:
            value = np.asarray(value, dtype=self.dtype)
            log_transfer(TO_DEVICE, value.nbytes)
            self.data[index] = value

    def __len__(self):
        return len(self.data)

    def __repr__(self):
        return f"DeviceArray(shape={self.shape}, dtype={self.dtype})"

    def is_c_contiguous(self):
        return self.data.flags.c_contiguous

    def is_f_contiguous(self):
        return self.data.flags.f_contiguous

    def reshape(self, *shape, order="C"):
        return self._same_memory(self.data.reshape(*shape, order=order))

    def ravel(self, order="C"):
        return self._same_memory(self.data.ravel(order=order))

    def _same_memory(self, part):
        if part.size and not np.may_share_memory(part, self.data):
            raise TransferError("the elements do not lie one after the other: this needs a copy")
        return DeviceArray(part, self.fresh)

    def transpose(self, axes=None):
        """A transposed copy, as on the card; the same array if `axes` change nothing."""
        if axes is not None and tuple(axes) == tuple(range(self.ndim)):
            return self
        if self.ndim != 2:
            raise TransferError(f"only arrays of 2 axes can be transposed, not of {self.ndim}")
        return DeviceArray(self.data.transpose(axes).copy(order="C"))

    def view(self, dtype):
        return DeviceArray(self.data.view(dtype), self.fresh)

    def split(self, section, stream=0):
        """Views of `section` elements each, the last one perhaps shorter."""
        starts = range(0, self.size, section)
        return [self[start : start + section] for start in starts]


class MappedArray(np.ndarray):
    """Host memory that the device sees without a copy (`cuda.mapped_array`)."""


def require_same_layout(target, source):
    """Copies do not convert: the same shape and dtype on both sides."""
    if target.shape != source.shape:
        raise TransferError(f"cannot copy shape {source.shape} into shape {target.shape}")
    if target.dtype != source.dtype:
        raise TransferError(f"cannot copy {source.dtype} into {target.dtype}: nothing is converted")


def require_one_piece(array):
    """A transfer is one copy of one piece of memory."""
    if not (array.flags.c_contiguous or array.flags.f_contiguous):
        raise TransferError(
            f"an array of shape {array.shape} and strides {array.strides} is not one piece of "
            "memory and cannot be transferred; use numpy.ascontiguousarray first"
        )


def to_device(obj, stream=0, copy=True, to=None):
    """Copy a NumPy array to the device."""
    if isinstance(obj, DeviceArray):
        return obj
    host = np.asarray(obj)
    require_one_piece(host)
    if to is not None:
        to.copy_to_device(host)
        return to
    if not copy:
        return DeviceArray(_fresh(host.shape, host.dtype, _order(host)), True)
    log_transfer(TO_DEVICE, host.nbytes)
    return DeviceArray(host.copy(order="K"))


def device_array(shape, dtype=np.float64, strides=None, order="C", stream=0):
    """Device memory with nothing useful in it yet."""
    if strides is not None:
        raise TransferError("the emulator does not make device arrays with strides of their own")
    return DeviceArray(_fresh(shape, np.dtype(dtype), order), True)


def device_array_like(ary, stream=0):
    """Device memory shaped like `ary`."""
    return DeviceArray(_fresh(ary.shape, ary.dtype, _order(ary)), True)


def pinned_array(shape, dtype=np.float64, strides=None, order="C"):
    """Host memory that a card copies faster. Here: host memory."""
    return np.empty(shape, dtype, order=order)


def pinned_array_like(ary):
    return np.empty(ary.shape, ary.dtype, order=_order(ary))


def mapped_array(shape, dtype=np.float64, strides=None, order="C", **_options):
    """Host memory that kernels reach directly: no transfer is made for it."""
    return np.empty(shape, dtype, order=order).view(MappedArray)


def mapped_array_like(ary, **_options):
    return mapped_array(ary.shape, ary.dtype, order=_order(ary))


def _order(array):
    """The order of its elements; of a part of an array, that of the whole."""
    if array.flags.c_contiguous or array.flags.f_contiguous:
        return "C" if array.flags.c_contiguous else "F"
    return "F" if array.strides[0] < array.strides[-1] else "C"


def _fresh(shape, dtype, order):
    array = np.empty(shape, dtype, order=order)
    array.reshape(-1, order="A").view(np.uint8)[...] = POISON
    return array
