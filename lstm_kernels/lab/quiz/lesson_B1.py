"""Quick questions of lesson B1."""

TEXT = """
? Finite differences say: the gradients of V and b_out are right, those of U, W and B are off.
  Where do you look?
= where the gates go back
> V and b_out are used after the gates: their way does not go through them.
- in the loss
> A mistake there would spoil all five.
- in the learning rate
> It changes the update, and no gradient.
- in the forward pass
> The differences use the same one: with it, all five would fit it.

? In the emulator, a sum is 32 times too large with 32 threads, and right with one. What is the
  main mistake?
= Every thread does all the work.
> Each adds everything once.
- Additions are lost.
> Then the sum would be too small.
- A barrier is missing.
> That may bring wrong numbers, but not just 32 times the right one.
- The guard is missing.
> Threads beyond the end would be outside an array: the emulator stops there.

? `N // batch_size` batches drop the last, short one. With a batch size of 7: which N hides the
  mistake?
= 63
> It is a multiple of 7: nothing is left over.
- 59
> 3 of them are never used.
- 64
> One is never used: for that a test must count.
- 6
> Then there is no batch at all.
"""
