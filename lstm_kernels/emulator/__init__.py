"""Runs the course's CUDA kernels on a CPU, compiled, and finds their races.

    from lstm_kernels.emulator import cuda          # in place of: from numba import cuda

    @cuda.jit
    def scale(a, x, y):
        n = cuda.grid(1)
        if n < x.shape[0]:
            y[n] = a * x[n]

    scale[blocks, threads](2.0, x, y)               # the launch is the same too

How it works, in the order in which it happens:

1. *Translation* (translate.py). At the first launch the kernel's source is read and rewritten.
   Only what names the GPU changes: `cuda.grid(1)` becomes a look at the thread's own numbers,
   which every function now gets as its first argument `_cuda`. Each index gets a check. Device
   functions are translated in the same way; globals become constants, as in the real compiler.
   What the real compiler would refuse (lists, strings, np.zeros) is refused (refuse.py).

2. *Compilation* (build.py). The result is an ordinary Python module. It is written to a cache
   folder, under a name that is a hash of everything it depends on, and `numba.njit` compiles it
   and keeps the machine code beside it. A second process starts in a fraction of a second. Do look
   into such a file: it reads much like the kernel. Device functions get no machine code of their
   own, they become part of the kernel's (linked.py).

3. *Threads*. A kernel without barriers is called in a plain compiled loop, thread after thread.
   A barrier is harder: all threads of the block must arrive before one goes on. Python has a
   word for "pause here and let others run": `yield`. So `cuda.syncthreads()` becomes a `yield`,
   the kernel becomes a generator, each thread is one such generator, and a small scheduler
   (scheduler.py) resumes them in turn. Numba compiles generators, so a switch of thread costs
   some tens of nanoseconds. Warp shuffles, votes and `grid.sync()` are barriers too, of a
   warp and of the whole grid, with a value left in a mail slot before and read after
   (runtime.py). A generator that pauses stores all its variables; so that these are few words,
   arrays are addresses there (compact.py). If the threads do not all arrive at the same `yield`,
   the scheduler says who.

4. *Memory* (memory.py). Device arrays are copies in a memory of their own, so that a forgotten
   transfer shows. Shared arrays lie at fixed offsets of one piece of memory for each block, local
   arrays at fixed offsets of one piece for each thread. What a card leaves undefined is NaN here.
   Beside plain numbers there are records, float16 (half.py), short vectors (vectors.py), named
   tuples (tuples.py), and random numbers (random.py).

5. *Data races* (data_races.py, tracing.py). `find_data_races` translates once more, and now each
   access to shared or global memory is also reported with its thread. Two threads that touch the
   same element, at least one writing, with nothing to order them: a data race, whatever this run
   computed. A barrier of some lanes orders these alone, and fences with atomic operations order
   those whom they tell (clocks.py). What touches many elements at once is seen element by element
   (parts.py, whole.py). `observe` (observe.py) tells more of such a run: results, who did what,
   counts of accesses. `count` (counters.py) has each thread list what it does (noted.py,
   counting.py), lays the lists of a warp side by side (adding_up.py), and tells what its requests
   cost (requests.py). `find_suspects` (suspects.py) names what is allowed and mostly a mistake.
   `find_doubles` (doubles.py) runs nothing: it names the lines that compute in float64.

6. *Cores* (independent.py, cores.py). A long launch is shared among the CPU's cores if the source
   proves that no block touches what another block writes. All others run on one core.

7. *Arithmetic* (arithmetic.py, signatures.py). Types, casts, shifts and whole numbers are those of
   the card's own compiler, which is not always Numba's on a CPU. The two are held against each
   other by tests/emulator/test_against_the_compiler.py.

8. *Never stuck* (loops.py, interrupt.py). A loop that may wait for another thread gives way, like a
   barrier, so that the other one can come; if all wait in vain, the scheduler says who. Compiled
   loops look at a word that Ctrl-C sets.

9. *Errors* (refuse.py, explain.py) speak of the learner's own line, not of the generated module.

So the order in which the threads touch one element is fixed, and results repeat to the last bit on
any number of cores, also those of atomic additions. The times are CPU times, and say nothing about
any GPU.

Two limits to know. The emulator needs the kernel's source, in a file or a notebook cell. And the
last bits of `exp` and its like, and of a fused multiply-add, may differ on a card.
"""

from .data_races import Access, DataRace, find_data_races
from .errors import (
    ArgumentError,
    DivergentBarrier,
    EmulatorError,
    LaunchError,
    OutOfBounds,
    TransferError,
    UnsupportedCode,
    WaitsInVain,
)
from .transfers import Transfer, count_transfers

__all__ = [
    "Access",
    "ArgumentError",
    "DivergentBarrier",
    "EmulatorError",
    "LaunchError",
    "OutOfBounds",
    "DataRace",
    "Transfer",
    "TransferError",
    "UnsupportedCode",
    "WaitsInVain",
    "count_transfers",
    "find_data_races",
]
