"""A launch that ran, step by step: a thread's lines (lesson 07), a block's phases (lesson 13)."""

from lstm_kernels.lab.figures.steps import draw_phase, draw_step, phases_of, walk_of
from lstm_kernels.lab.widgets import ipywidgets
from lstm_kernels.lab.widgets.base import Controlled, field


class ThreadWalk(Controlled):
    """A slider over what one thread does, line by line."""

    def __init__(self, seen, thread=0, step=1):
        """seen: what `observe(..., log=True)` tells of a launch."""
        self.visits = walk_of(seen, thread)
        if not self.visits:
            raise ValueError(
                f"thread {thread} touches no memory in this launch, or no log was kept"
            )
        self.step = field(ipywidgets.IntSlider, "step", step, min=1, max=len(self.visits))
        super().__init__(self.step)

    def picture(self):
        number = self.step.value
        return draw_step(self.visits[number - 1], number, len(self.visits))


class BlockWalk(Controlled):
    """A slider over what a block does from barrier to barrier."""

    def __init__(self, seen, threads, barriers=0):
        """seen: as above.  threads: of a block; block 0 is shown."""
        self.threads, self.phases = threads, phases_of(seen, threads)
        options = {"options": list(self.phases)}
        self.barriers = field(ipywidgets.SelectionSlider, "after barrier", barriers, **options)
        super().__init__(self.barriers)

    def picture(self):
        return draw_phase(self.phases[self.barriers.value], self.threads)
