"""More than 48 KB of shared memory for a block: a kernel must ask the driver for it.  Lesson 16.

Numba has no call for it, so the driver's own function is used (CUDA driver API, "Execution
Control": CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES).
"""

from lstm_kernels.machine import device
from lstm_kernels.machine.cuda_graph import handle_of
from lstm_kernels.machine.platforms import error_name, load_driver

WITHOUT_ASKING = 48 * 1024  # bytes
MOST_DYNAMIC = 8  # the attribute's number


def allow(kernel, arguments, nbytes):
    """Let this kernel's blocks have nbytes of dynamic shared memory when it gets these arguments.

    It is compiled here, if it is not yet.  RuntimeError, with the driver's word, if it refuses.
    Off a card there is nothing to ask.
    """
    if not device.ON_GPU or nbytes <= WITHOUT_ASKING:
        return
    compiled = kernel.compile(tuple(map(kernel.typeof_pyval, arguments)))
    handle = handle_of(compiled._codelibrary.get_cufunc().handle)
    code = _set_attribute(handle, nbytes)
    if code:
        raise RuntimeError(
            f"{nbytes} bytes of shared memory for a block: the driver says {error_name(code)}"
        )


def _set_attribute(handle, nbytes):
    """The driver's answer.  Older Numba-CUDA has handles of functions, newer of kernels."""
    driver, first = load_driver(), device.cuda.get_current_device().id
    if hasattr(driver, "cuKernelSetAttribute"):
        if driver.cuKernelSetAttribute(MOST_DYNAMIC, nbytes, handle, first) == 0:
            return 0
    return driver.cuFuncSetAttribute(handle, MOST_DYNAMIC, nbytes)
