"""Quick questions of lesson 03."""

TEXT = """
? All rounds of a loop do `total += a[k]`. In any order the sum is the same, but for rounding.
  May the rounds run at once?
= No: two rounds may read the same old total.
> Both add to it, and the second write hides the first: one addition is lost.
- Yes: their order does not matter.
> Order is about one after another. At once, the reads and writes of two rounds mix.
- Yes: every round reads another a[k].
> They read apart, but all write the same total.
- No: a float sum may not change its last bits.
> The last bits would be a small harm. Here whole additions are lost.

? 80% of the time can be shared among workers. How many times faster is the program with endless
  workers?
= 5
> The other 20% stay: 1 / 0.2.
- 80
> The part that is shared is no factor. What stays decides.
- 1.8
> Amdahl divides by what is left; it does not add the part to 1.
- as often as you like
> Only the shared part goes to 0. The rest takes its time.

? 59 windows, batches of 7, five epochs. How many updates?
= 45
> Nine per epoch: eight batches of 7 and one of 3.
- 40
> The last, short batch was dropped: 3 windows of each epoch are never used.
- 42
> Epochs do not flow into each other: each begins with a new order.
- 54
> So many are six epochs: count the epochs that you ask for.

? The batch grows from 7 to 28. What changes in an epoch?
= Fewer updates, each one with less noise than before
> A gradient over more samples is nearer to the full one. But there are fewer of them.
- Fewer multiplications, because updates are saved
> Each sample is computed once, in any batch. Only updates are saved, and they are cheap.
- Fewer updates, each with more noise
> More samples average the noise out; they do not add to it.
- As many updates, each with four times the work
> The number of windows stays. So a larger batch means fewer updates.
"""
