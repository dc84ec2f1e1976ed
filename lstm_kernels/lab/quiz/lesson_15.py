"""Quick questions of lesson 15."""

TEXT = """
? V6 trains 59 windows in batches of 7, for 3 epochs. How often does the host wait for a copy
  back?
= 4 times
> Once per epoch for its losses, once for the parameters at the end.
- 27 times
> So often V3 waits: after each mini-batch.
- 3 times
> The parameters come back, too, after the last epoch.
- once
> Then nobody would hear of a loss before the end.

? A launch costs the host 62 µs, a mini-batch has two. The card needs 62 µs for a mini-batch.
  How much of the time does it work?
= half of it
> The host needs 124 µs per mini-batch, and sets the pace.
- all of it
> For that the host would have to be as fast as the card.
- a third of it
> Host and card work at the same time: 62 of 124, not of 186.
- a quarter of it
> The card's 62 µs are for the whole mini-batch, both launches.

? You print the loss after each mini-batch of V6. What does that cost?
= The host waits, and the queue runs empty.
> Until it has the loss, it queues nothing more for the card.
- Four bytes over the bus: nothing.
> The bytes are few. The wait is what costs.
- One more kernel, which adds up the loss.
> The losses are there already. Fetching them is the problem.

? A new epoch takes the 59 samples in another order. What does V6 copy for that?
= nothing: it has all orders
> They came with the first copy; the kernel reads x through the order.
- the 59 numbers of the order
> They were all sent at the beginning, for all epochs.
- x and y, in the new order
> x stays where it is. Only the list of places is another.
"""
