"""Quick questions of lesson 09."""

TEXT = """
? Program P is 20 times as fast as `sequential`. Q is 8 times as fast as `numpy_loop`, which is
  45 times as fast as `sequential`. Who is ahead?
= Q, by 18 times
> 8 times 45 is 360 times `sequential`; 360 / 20.
- P, by 2.5 times
> 20 and 8 have different bases: they cannot be compared.
- Q, by 2.25 times
> 45 / 20 leaves out Q's own factor of 8.
- nobody knows
> The bases are connected by the third ratio.

? Nine repeats; one of them was disturbed and took ten times as long. How far is the mean off?
= It is twice as long.
> (8 + 10) / 9. The median does not move at all.
- It is a ninth longer.
> So it would be if the bad one took twice as long.
- It is ten times as long.
> Only one of nine was.
- It hardly moves.
> This is the median. One wild run is enough to spoil a mean.

? In a log-log picture of time against data, a line has slope 0.5. How long do four times the
  data take?
= twice as long
> 4 to the power 0.5.
- four times as long
> This is slope 1.
- half as long
> A positive slope means that more data take more time.
- 0.5 s longer
> In a log-log picture, equal steps are equal factors, not equal seconds.

? Emulated on a CPU, V2 takes 20 ms for a batch of 7; NumPy takes 8 ms there. What does this say
  about a card?
= Nothing about the time that a card takes
> The emulator runs one thread after the other on a CPU core.
- V2 would lose there, too.
> A card runs threads side by side, with other costs. Only a card can tell.
- V2 would win: a card has more cores.
> A batch of 7 uses 7 lanes of one warp. More cores do not help by themselves.
- V2 takes 2.5 times NumPy's time.
> That holds for the emulator on this machine, and for nothing else.
"""
