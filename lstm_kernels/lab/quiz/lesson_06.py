"""Quick questions of lesson 06."""

TEXT = """
? V1's kernel is launched as [1, 8] on a real card. What is dW then?
= Nothing is sure: the threads race.
> They may lose additions, or spoil what another one still needs.
- Eight times too large, always.
> So it is in the emulator, where threads take turns. A card gives no such promise.
- Right: all write the same numbers.
> They may, in one run. But each adds to dW, and who reads what comes first is open.
- Nothing: the launch ends with an error.
> No card checks who does whose work.

? A kernel has the line `out[n] = x[n] * 0.5`. Both arrays are float32. In which type is the
  product made?
= float64, because of the literal
> A literal 0.5 is a float64, and the wider type wins. The result is rounded when it is stored.
- float32, because x is
> The literal has a type, too.
- float32, because out is
> The type of the target decides only what is stored.
- whichever is faster on this card
> Types are fixed when the kernel is compiled, by rules and not by speed.

? A kernel's first launch takes 950 ms, the second 0.2 ms, with the same arrays. What is in the
  difference?
= the compilation for these types of arguments
> Numba makes machine code at the first launch with these types. Later ones use it again.
- the copies to the card
> With NumPy arrays they are made at every launch.
- the card's start from cold, which every program pays
> A card may need some, too. But lesson 06 measures the same difference where there is no card.
- more work in the first launch
> Both launches run the same kernel on the same arrays.

? All arrays are on the card. You read the clock, launch, and read the clock again. What did you
  time?
= the order, not the work
> A launch only puts the kernel into the queue. `synchronize()` waits for its end.
- the kernel and its copies
> Nothing is copied here, and nobody waited for the kernel.
- the kernel alone
> It may not even have begun when you look at the clock.
- the time until the card was free
> The host does not wait for the card at a launch.
"""
