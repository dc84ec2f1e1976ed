"""Quick questions of lesson 05."""

TEXT = """
? 1,000 numbers, blocks of 32 threads. How many blocks must be launched, and how many threads
  find nothing to do?
= 32 blocks, 24 threads
> 31 blocks are 992 threads: too few. 32 blocks are 1,024.
- 31 blocks, none
> The last 8 numbers get no thread.
- 32 blocks, 8 threads
> 8 numbers are in the last block; the other 24 of its threads are left over.
- 1,000 blocks, 31 threads
> A block has 32 threads, not one.

? A block has 32 threads. Where is `cuda.syncthreads()` a mistake?
= inside `if m < 8:`, with m the thread's number
> 8 threads wait there for 24 that never come.
- in a loop that all threads go through five times
> All come to it, five times each. That is fine.
- between a write to shared memory and a read
> That is what it is for.
- before anything was written
> It costs a little time and protects nothing, but all come to it.

? A block adds up 64 numbers by a tree: in each round, each adding thread adds two numbers. How
  many rounds?
= 6
> 64, 32, 16, 8, 4, 2, 1: halved six times.
- 63
> So many additions are made in all. In a round many of them happen together.
- 32
> This is how many threads add in the first round.
- 8
> This is the square root. A tree halves.

? 32 lanes read one column of a shared tile, 34 float32 per row. How many turns does the read
  take?
= 2
> Row r lies in bank 34 r % 32 = 2 r % 32: only the 16 even banks, two lanes each.
- 1
> So it is with 33 per row. 34 leaves out every second bank.
- 32
> So it is with 32 per row: all lanes in one bank.
- 34
> No bank has more than 32 lanes to serve.
"""
