"""What the course knows of graphics cards: one table of published numbers.  Lessons 06 to 17.

Sources: NVIDIA's data sheets of the five cards (T4; Tesla P100 PCIe 16 GB; L4; A100 40 GB SXM; H100
80 GB SXM) and of the H200 SXM; "CUDA C++ Programming Guide", table "Technical Specifications per
Compute Capability"; how registers and shared memory are handed out is in `cuda_occupancy.h`, which
NVIDIA ships with the CUDA toolkit.  The T4's loads: NVIDIA's white paper "NVIDIA Ampere GA102 GPU
Architecture", section "Larger and Faster Unified Shared Memory and L1 Data Cache": shared memory
of GA10x gives 128 bytes a clock and SM, Turing's 64.
"""

import re
from typing import NamedTuple

from lstm_kernels.emulator.card import CARD as EMULATED

WARP = 32  # threads that run in step
MAX_THREADS = 1024  # a block
REGISTERS = 64 * 1024  # 32-bit registers per SM; a block may use them all
MAX_REGISTERS = 255  # a thread
REGISTER_UNIT = 256  # a warp gets its registers in pieces of this many
SHARED_BLOCK = 48 * 1024  # bytes per block; for more a kernel must ask (machine/large_shared.py)


class Card(NamedTuple):
    """One kind of GPU; "an SM" is one of its multiprocessors."""

    name: str
    cc: int  # compute capability, 75 for 7.5
    sms: int  # multiprocessors
    cores: int  # float32 units of an SM
    gigahertz: float  # boost clock
    gigabytes_per_second: float  # device memory
    loads: int  # numbers that an SM's threads can load in a cycle, from caches or shared memory
    threads: int  # an SM
    blocks: int  # an SM
    shared: int  # bytes of shared memory an SM
    shared_unit: int  # bytes: a block gets shared memory in pieces of this size
    shared_reserved: int  # bytes per block that the system takes for itself
    parts: int  # an SM is split in so many parts, each with its own share of the registers

    def __str__(self):
        return f"{self.name}: {self.sms} SMs x {self.cores} cores"

    @property
    def tera(self):
        """Peak float32 operations in a second, in 1e12: a multiply-add counts as two."""
        return 2 * self.sms * self.cores * self.gigahertz / 1e3

    @property
    def shared_block(self):
        """Bytes of shared memory that a block may ask for: since sm_70, all that an SM can give."""
        return self.shared - self.shared_reserved if self.cc >= 70 else SHARED_BLOCK

    @property
    def ridge(self):
        """Operations for each byte from which on arithmetic is the limit."""
        return self.tera * 1e3 / self.gigabytes_per_second


# A warp's 32 loads a cycle; the P100 has one way to its cache and one to shared memory (CUDA C++
# Programming Guide: 32 banks of 32 bits a cycle).  Turing has the banks, and half the way out of
# them: 64 bytes a cycle, 16 numbers.  The T4 is what the emulator pretends to be.
T4 = Card(
    "T4", 75, EMULATED.MULTIPROCESSOR_COUNT, 64, EMULATED.CLOCK_RATE / 1e6, 320, 64 // 4,
    EMULATED.MAX_THREADS_PER_MULTI_PROCESSOR, EMULATED.MAX_BLOCKS_PER_MULTIPROCESSOR,
    EMULATED.MAX_SHARED_MEMORY_PER_MULTIPROCESSOR, 256, 0, 4,
)  # fmt: skip
CARDS = {
    card.name: card
    for card in (
        Card("P100", 60, 56, 64, 1.303, 732, 64, 2048, 32, 64 * 1024, 256, 0, 2),
        T4,
        Card("L4", 89, 58, 128, 2.04, 300, 32, 1536, 24, 100 * 1024, 128, 1024, 4),
        Card("A100", 80, 108, 64, 1.41, 1555, 32, 2048, 32, 164 * 1024, 128, 1024, 4),
        Card("H100", 90, 132, 128, 1.98, 3350, 32, 2048, 32, 228 * 1024, 128, 1024, 4),
    )
}
H200 = CARDS["H100"]._replace(name="H200", gigabytes_per_second=4800)  # but for its memory, an H100
BY_CAPABILITY = {card.cc: card for card in sorted(CARDS.values(), key=lambda card: card.cc)}


def get_card(cc):
    """The card of a compute capability such as 75; ValueError lists the known ones."""
    if cc not in BY_CAPABILITY:
        raise ValueError(f"unknown compute capability {cc}; choose from {list(BY_CAPABILITY)}")
    return BY_CAPABILITY[cc]


def find_card(name):
    """The card that a driver's name, such as `NVIDIA H100 80GB HBM3`, means; None: not known."""
    known = (*CARDS.values(), H200)
    return next((card for card in known if re.search(rf"\b{card.name}\b", name)), None)
