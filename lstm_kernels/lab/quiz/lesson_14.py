"""Quick questions of lesson 14."""

TEXT = """
? H = 33. How many threads has a block of V5?
= 256
> H is padded to P = 64, and each unit has four threads.
- 132
> Four per unit, but of the padded P: a tile must have a constant size.
- 128
> This is P = 32, which has no room for unit 33.
- 64
> Four threads share a unit; this is one.

? P = 64. For which unit and which gate does thread 22 end with the sum?
= unit 5, gate g
> 22 = 4 times 5 plus 2, and gate 2 is g.
- unit 22, gate i
> This is V4's numbering.
- unit 5, gate f
> Gates count from 0: i, f, g, o. 2 is g.
- unit 2, gate 5
> There are four gates: 22 is 4 j + q, not a row and a column of tens.

? V4 needs two barriers per step, V5 one. What makes the difference?
= A unit's gates meet by shuffles.
> V4's gates go through shared memory, and need a barrier. Here four neighbours of one warp
  exchange them. And each state has a row of its own.
- V5's block is smaller.
> With P = 64 it has 256 threads, as V4 has for H = 64.
- V5 reads W only once.
> That saves reads. Who waits for whom is another matter.
- Registers are faster than shared memory.
> True. But a fast memory does not tell who has written already.

? P = 128, W and dW both in registers. How many registers do a thread's two tiles need, and how
  many can it have?
= 256, of at most 128
> A tile has P numbers. 512 threads share 65,536 registers.
- 128, of at most 128
> This is W alone, and leaves nothing for anything else.
- 256, of at most 255
> 255 is a thread's own limit. Here the SM's registers end first.
- 64, of at most 128
> A tile has 4 rows of P / 4 columns: P numbers.
"""
