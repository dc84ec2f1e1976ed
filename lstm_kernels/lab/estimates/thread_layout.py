"""Where the threads of a launch go: blocks, warps, lanes, multiprocessors.  Lessons 06 and 07.

Only counting; nothing is launched here.  A block of threads is cut into warps of 32, which run in
step on 32 lanes.  A block runs on one multiprocessor (SM); a card hands new blocks to the SMs that
have most room, so as long as there are fewer blocks than SMs, each block has an SM for itself.
"""

from typing import NamedTuple

from lstm_kernels.emulator.requests import bank_turns, sectors  # noqa: F401  (for the lessons)
from lstm_kernels.lab.estimates.cards import MAX_THREADS, T4, WARP, Card


class ThreadLayout(NamedTuple):
    """One thread per sample: N samples, `threads` in a block, on a card."""

    N: int
    threads: int
    card: Card = T4

    @property
    def blocks(self):
        """Blocks launched: enough for N threads."""
        return -(-self.N // self.threads)

    @property
    def warps_of_block(self):
        """A block's last warp may have fewer than 32 threads; it takes 32 lanes all the same."""
        return -(-self.threads // WARP)

    @property
    def warps(self):
        """Warps launched: those of all blocks, also the ones in which no thread has a sample."""
        return self.blocks * self.warps_of_block

    @property
    def idle_lanes(self):
        """Lanes without a sample, in those warps."""
        return self.warps * WARP - self.N

    @property
    def sms(self):
        """Multiprocessors that get at least one block."""
        return min(self.blocks, self.card.sms)

    def samples_of_warp(self, warp):
        """The samples of the warp-th warp: a range; short or empty past the batch's end."""
        block, place = divmod(warp, self.warps_of_block)
        first = block * self.threads + place * WARP
        end = min(first + WARP, (block + 1) * self.threads, self.N)
        return range(first, max(first, end))

    def blocks_of_sms(self):
        """Number of blocks on each SM, if they are handed out in turn."""
        each, rest = divmod(self.blocks, self.card.sms)
        return [each + (sm < rest) for sm in range(self.card.sms)]


def check_launch(N, threads):
    """ValueError unless N >= 1 and a block has 1 to 1024 threads, as on every card."""
    if N < 1:
        raise ValueError(f"the batch is {N}; it must be at least 1")
    if not 1 <= threads <= MAX_THREADS:
        raise ValueError(f"a block of {threads} threads; the limit is 1 to {MAX_THREADS}")
