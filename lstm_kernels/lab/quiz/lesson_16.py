"""Quick questions of lesson 16."""

TEXT = """
? Why does a cooperative launch refuse more blocks than the card can hold at once?
= The others would never start.
> Those at the barrier keep their places, and wait for blocks that need these places.
- The barrier would take too long.
> It would not be slow, it would never end.
- Their weights do not fit into memory.
> W is shared out over the blocks. The rule holds for a kernel without any weights, too.
- Blocks run in any order.
> They do, in every launch. A barrier needs them all at one time, whatever the order.

? V7 trains with windows of T = 20. How many barriers of the grid does a mini-batch pass?
= 41
> 1 + T + 1 + (T - 1), so 2 T + 1.
- 40
> Two more stand outside the loops, and the last step back needs none.
- 20
> The way back waits as well.
- 42
> After the last step back nobody waits: no step comes after it.

? `dW` is no longer added up inside the loop over the steps. Why is that allowed?
= No step reads it before the update.
> All dz and h are kept. So one large product at the end gives the same sum.
- It is small compared with W.
> It is as large as W.
- Its additions would race.
> They would not, if each block has rows of its own. They would only be many small products.
- It is needed in the next mini-batch only.
> It is needed at the end of this one, for the update. What counts is that no step reads it.

? H doubles, N stays. By which factors grow the bytes of W, and those of one state h?
= 4 and 2
> W has 4 H² numbers, h has H per sample. So what stays grows faster than what travels.
- 2 and 2
> W has a row for each gate and a column for each unit: both double.
- 4 and 4
> h is a list of H numbers per sample, no square.
- 8 and 2
> The four gates are a factor 4 before and after; they do not grow.
"""
