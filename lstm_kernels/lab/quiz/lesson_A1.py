"""Quick questions of lesson A1."""

TEXT = """
? A kernel has `cuda.syncthreads()` at three places; one of them in a loop of five rounds. How
  many `yield` stand in its twin?
= 3
> One for each place in the source. One of them is reached five times.
- 7
> So often a thread pauses when it runs. The text has each place once.
- 1
> Each place where threads must wait becomes a pause of its own.
- 5
> The loop stays a loop: its pause is written once.

? In the emulator a kernel gives the right sum, in every run. `find_data_races` is asked. What
  can it say?
= "a race", if two threads write one element
> It looks at who touches what, not at the result. Threads that take turns hide a race.
- nothing: the sum is right
> A right result in one order proves nothing for another order.
- "a race", if the sum changes in another order
> A sum stays in any order, and may be a race still.

? Which question can the emulator answer for a card?
= Does a thread write outside an array?
> Every index is checked, by array, thread and line.
- Are blocks of 64 faster than blocks of 32?
> It runs one thread after another: its times are no card's.
- How much time does a bank conflict cost?
> Banks can be counted. What they cost, only a card tells.
- Are the last bits those of a T4?
> A card has its own exp and tanh, and fuses a product and a sum.
"""
