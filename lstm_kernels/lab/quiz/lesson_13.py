"""Quick questions of lesson 13."""

TEXT = """
? In V4, thread k computes gate row k = r H + j. H = 16. Which thread computes gate o of unit 5?
= 53
> o is the fourth gate, r = 3: 3 times 16 plus 5.
- 23
> 4 j + r is the order of lesson 14, not of this one.
- 83
> j and r are swapped: 5 times 16 plus 3.
- 69
> r counts from 0: o is 3, not 4.

? V2's gradients may differ in their last bits from run to run, V4's do not. What makes the
  difference?
= One thread adds up each weight, all alone.
> It goes through steps and samples in a fixed order. Atomic additions arrive in any.
- V4 has barriers in each step.
> They order phases of a block. They do not order the additions of many blocks.
- V4's atomic additions come in the order of the blocks.
> It has none. If it had, no order would be sure.
- V4 adds in float64 and rounds once.
> It computes in the type of its input, as V2 does.

? 32 neighbouring threads read 32 neighbouring numbers of WT, in float64. How many pieces of 32
  bytes?
= 8
> 32 times 8 bytes are 256 bytes.
- 4
> So it is in float32: 128 bytes.
- 32
> This is the price of a column of W. Neighbours share pieces.
- 1
> A piece has 32 bytes, not 32 numbers.

? A block of V4 goes forward through T = 12 steps. How often does each of its threads wait at a
  barrier?
= 25 times
> Once before the loop; then in each step once for the gates and once for the new state.
- 12 times
> One per step is not enough: gates and state are both exchanged.
- 24 times
> The zeros of the first state are shared, too: one before the loop.
- 13 times
> Unit j needs its four gates before it can make its state: a second wait in each step.
"""
