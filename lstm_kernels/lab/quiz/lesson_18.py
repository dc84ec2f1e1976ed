"""Quick questions of lesson 18."""

TEXT = """
? One worker has 30 samples of a batch, another one 10. Their gradients of a bias are 1 and 5.
  What is the batch's?
= 2
> 30/40 times 1, and 10/40 times 5.
- 3
> That is the plain mean. It counts a sample of the second worker three times as much.
- 6
> The sum: the weights must add up to 1.
- 4
> With the two weights exchanged.

? 32 workers add up their gradients in pairs. How many rounds does it take?
= 5
> Each round halves their number: 16, 8, 4, 2, 1.
- 31
> So many additions there are. Those of a round are made at the same time.
- 16
> So many additions the first round has.
- 6
> 2 to the fifth is 32 already.

? Twice as many workers, and twice as large a batch in all. At best, a step takes as long as before.
  Which scaling is this?
= weak
> Each worker has as much to compute as before.
- strong
> There the batch of all workers together stays the same.
- neither
> It is one of the two: ask what stays the same, the whole or the part.

? A step computes for 8 ms and communicates for 4 ms. With local SGD the exchange comes after every
  fourth step. What does a step take, on average?
= 9 ms
> 8 ms, and a fourth of 4 ms.
- 3 ms
> Only the exchange becomes rarer. Each step still computes.
- 8 ms
> The exchange is rarer, and not gone.
- 12 ms
> That is with an exchange after each step.
"""
