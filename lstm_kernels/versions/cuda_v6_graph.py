"""V6's training with its launches recorded as a CUDA graph: one call an epoch.  Lesson 17."""

from functools import partial

from lstm_kernels.machine.cuda_graph import Graph
from lstm_kernels.machine.device import cuda
from lstm_kernels.versions.cuda_v6 import DeviceTraining


class RecordedTraining(DeviceTraining):
    """The same kernels in the same order, but one call of the driver starts all of an epoch's.

    A recorded launch always gets the same arguments.  So the order of the samples and the step
    sizes of an epoch are copied, on the card, to where the recorded launches look for them; and
    the losses of an epoch must be read before the next one is queued.
    """

    def __init__(self, *arguments):
        super().__init__(*arguments, stream=cuda.stream())  # the default one cannot be recorded
        self.graph, self.orders, self.all_rates = None, self.order, self.rates
        self.order = cuda.device_array(self.N, self.orders.dtype)
        self.rates = cuda.device_array((self.batches, self.rates.shape[1]), self.rates.dtype)

    def queue(self, epoch):
        """The first epoch's launches are made one by one, and recorded for those that follow."""
        for one, of_all in ((self.order, self.orders), (self.rates, self.all_rates)):
            start = epoch * len(one)
            one.copy_to_device(of_all[start : start + len(one)], stream=self.stream)
        if self.graph is not None:
            self.graph.launch()
            return
        launch_all = partial(super().queue, 0)
        launch_all()
        if len(self.orders) > self.N:
            self.graph = Graph(self.stream, launch_all)

    def losses(self, epoch):
        return super().losses(0)
