"""Each launch of a whole version under the emulator's eyes, before it is made; on a card, too."""

from contextlib import contextmanager

from lstm_kernels.emulator.data_races import ORDERS
from lstm_kernels.emulator.doubles import find_doubles
from lstm_kernels.emulator.observe import observe
from lstm_kernels.judge.compare import NotYet
from lstm_kernels.machine import device, watch


class Tracer:
    """What it saw of all launches.  NotYet at the first data race, in words."""

    def __init__(self, doubles=False):
        """doubles: note also the lines that compute in float64."""
        self.launches, self.counts, self.same_bits, self.doubles = 0, [], True, ()
        self._wants_doubles = doubles

    @contextmanager
    def watching(self):
        with watch.before_launches(self.look):
            yield

    def look(self, kernel, grid, block, shared_bytes, arguments):
        """Run the launch's copy in each order of the threads."""
        device.synchronize()  # what the card still computes may be among the arguments
        self.launches += 1
        runs = []
        for order in ORDERS:
            how = {"shared_bytes": shared_bytes, "order": order}
            runs.append(observe(kernel, grid, block, *arguments, **how))
            if runs[-1].races:
                raise NotYet(f"It has a {runs[-1].races[0]}.")
        self.counts.append(runs[0].counts)
        self.same_bits = self.same_bits and len({_bits(run) for run in runs}) == 1
        if self._wants_doubles:
            found = find_doubles(kernel, *arguments)
            self.doubles += tuple(f"line {line}: `{text.strip()}`" for line, text in found)


def _bits(run):
    return tuple(array.tobytes() for array in run.arrays.values())
