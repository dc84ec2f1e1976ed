"""Every copy between host and device, and every launch, as they are made.  Lessons 08 and 09.

On a card Numba's own functions are watched, the same ones for all: `count_transfers` writes down
what is copied, `count_allocations` what is allocated, `count_launches` where kernels run; `watch`
puts an event before and after each copy and launch.
An event is a mark in the device's own stream of work: the time between two of them is the
device's, without the host's.  In the emulator it is CPU time.
"""

from contextlib import contextmanager
from threading import get_ident

from lstm_kernels.emulator import transfers
from lstm_kernels.emulator.transfers import Transfer
from lstm_kernels.machine import device
from lstm_kernels.machine.cuda_graph import Graph
from lstm_kernels.machine.device import cuda

IN, KERNEL, OUT = transfers.TO_DEVICE, "kernel", transfers.TO_HOST
OF_CARD = ("dispatcher", "griddim", "blockdim", "sharedmem")  # of a configured launch
OF_EMULATOR = ("kernel", "grid", "block", "shared_bytes")


@contextmanager
def count_transfers():
    """Collect every copy between host and device made inside the `with`: a list of Transfer.

    Of the calling thread alone.  Works on a card and in the emulator; only there is told which ones
    a launch made.
    """
    if device.TARGET == "emulator":
        with transfers.count_transfers() as log:
            yield log
        return
    if not device.ON_GPU:
        raise RuntimeError(f"transfers cannot be counted with the target {device.TARGET!r}")
    log, here = [], get_ident()

    def logged(copy, direction):
        def copy_and_log(dst, src, size, *args):
            if get_ident() == here:
                log.append(Transfer(direction, int(size), implicit=None))
            return copy(dst, src, size, *args)

        return copy_and_log

    with _replaced([(*place, logged(*call)) for *place, call in _driver_copies()]):
        yield log


@contextmanager
def watch():
    """Collect (kind, event, event) of every copy and launch made inside the `with`."""
    spans = []
    with _replaced((_marks_of_card if device.ON_GPU else _marks_of_emulator)(spans)):
        yield spans


@contextmanager
def count_launches():
    """Collect where each launch inside the `with` ran: "GPU" or "emulated on CPU", as a list.

    The list is full when the `with` ends.  Numba's simulator is not watched.
    """
    places = []
    with transfers.count_transfers() as emulated, _replaced(_counts_of_card(places)):
        yield places
    places += ["emulated on CPU"] * len(emulated.launches)


def _counts_of_card(places):
    """Off a card nothing; on a card what launches, which writes down where it was."""
    if not device.ON_GPU:
        return []
    here = get_ident()

    def counted(launch):
        def launch_and_count(*args, **kwargs):
            if get_ident() == here:
                places.append("GPU")
            return launch(*args, **kwargs)

        return launch_and_count

    return [(owner, name, counted(getattr(owner, name))) for owner, name in _launchers()]


@contextmanager
def before_launches(look):
    """Inside, look(kernel, grid, block, shared_bytes, arguments) is called before each launch.

    Launches that `look` makes itself would be looked at, too.
    """
    if device.ON_GPU:
        owner, names = _driver_modules()[0]._LaunchConfiguration, OF_CARD
    else:
        from lstm_kernels.emulator.dispatcher import Launch

        owner, names = Launch, OF_EMULATOR
    launch = owner.__call__

    def look_and_launch(self, *arguments):
        kernel, *sizes = (getattr(self, name) for name in names)
        look(kernel, *sizes, arguments)
        return launch(self, *arguments)

    with _replaced([(owner, "__call__", look_and_launch)]):
        yield


@contextmanager
def count_allocations():
    """Collect the bytes of each allocation on the card made inside the `with`, as a list.

    Of the calling thread alone; off a card the list stays empty.  What a launch takes for its
    implicit copies from the pool of a newer Numba-CUDA is not among them.
    """
    sizes = []
    with _replaced(_noted_allocation(sizes) if device.ON_GPU else []):
        yield sizes


def _noted_allocation(sizes):
    driver = _driver_modules()[1].driver
    allocate, here = driver.cuMemAlloc, get_ident()

    def allocate_and_note(*arguments):
        if get_ident() == here:
            sizes.append(int(arguments[-1]))
        return allocate(*arguments)

    return [(driver, "cuMemAlloc", allocate_and_note)]


@contextmanager
def span(kind, spans):
    """Note (kind, event before, event after) for what runs inside."""
    start, end = cuda.event(), cuda.event()
    start.record()
    yield
    end.record()
    end.synchronize()
    spans.append((kind, start, end))


@contextmanager
def _replaced(functions):
    """Inside, owner.name is another function.  functions: a list of (owner, name, function)."""
    originals = [(owner, name, getattr(owner, name)) for owner, name, _ in functions]
    try:
        for owner, name, function in functions:
            setattr(owner, name, function)
        yield
    finally:
        for owner, name, original in originals:
            setattr(owner, name, original)


def _marked(call, kind, spans):
    """`call`, with an event before and after it."""

    def call_and_mark(*args, **kwargs):
        start, end = cuda.event(), cuda.event()
        start.record()
        result = call(*args, **kwargs)
        end.record()
        spans.append((kind, start, end))
        return result

    return call_and_mark


def _driver_modules():
    return device.inside("dispatcher"), device.inside("cudadrv.driver")


def _driver_copies():
    """The driver's copy functions: (owner, name, (function, direction)) of each."""
    driver = _driver_modules()[1].driver
    for way, direction in (("HtoD", IN), ("DtoH", OUT)):
        for mode in ("", "Async"):
            name = f"cuMemcpy{way}{mode}"
            yield driver, name, (getattr(driver, name), direction)


def _launchers():
    """(owner, name) of what launches: a kernel, by cuda.core in today's Numba-CUDA, or a graph."""
    dispatcher, driver = _driver_modules()
    new = hasattr(dispatcher, "launch")
    return (dispatcher, "launch") if new else (driver, "launch_kernel"), (Graph, "launch")


def _marks_of_card(spans):
    """Marks around the driver's copies, and around what launches."""
    launches = [(owner, name, (getattr(owner, name), KERNEL)) for owner, name in _launchers()]
    calls = [*_driver_copies(), *launches]
    return [(owner, name, _marked(*call, spans)) for owner, name, call in calls]


def _marks_of_emulator(spans):
    """Marks around the copies that a program asks for, the launches, and their own copies."""
    from lstm_kernels.emulator.dispatcher import Launch
    from lstm_kernels.emulator.memory import DeviceArray

    launch = Launch.__call__

    def launch_and_mark(self, *args):
        launch(self, *args)
        end = cuda.event()
        end.record()
        spans.append((OUT, spans[-1][2], end))  # since the kernel's end: its copies back

    calls = (
        (cuda, "to_device", IN),
        (DeviceArray, "copy_to_device", IN),
        (DeviceArray, "copy_to_host", OUT),
        (Launch, "device_arguments", IN),
        (Launch, "run", KERNEL),
    )
    marked = [
        (owner, name, _marked(getattr(owner, name), kind, spans)) for owner, name, kind in calls
    ]
    return [*marked, (Launch, "__call__", launch_and_mark)]
