"""Quick questions of lesson 00."""

TEXT = """
? A series has 24 values. A window reads 12 of them, and after each it has to say the next one.
  How many windows fit?
= 12
> The last target is one value more, so a window needs 13 values. It can start at the values 0
  to 11.
- 13
> So many windows can be read. But the last one has no target for its last step.
- 2
> Windows may overlap: one starts at every possible value, not at every twelfth.
- 24
> A window that starts near the end runs out of the series.

? Five seeds train the same network. The best one's error is half of the worst one's. What do
  you report?
= All five: how far apart they are says much.
> The seed is luck. Only the spread shows how much of the result is luck.
- The best one: it shows what the network can do.
> It was chosen after a look at the result. With other data, another seed is the best.
- The worst one, to be on the safe side.
> That is one throw of the dice, too, and it hides how far the others are.

? Two programs for the same gradients differ in the third digit. One is three times as fast.
  What do you know?
= One is wrong, so the times do not count yet.
> In float32 two right programs differ by less than 1/100000 of the largest value here. The
  third digit is a mistake.
- The fast one pays for its speed with digits.
> Both use float32. Rounding alone does not reach the third digit.
- Both may race, if the loss falls with each of them.
> A loss may fall with a wrong gradient, too: lesson 02 shows one.
- The slow one is right: it is the simpler one.
> A simple program may be wrong as well. A test decides, not the style.
"""
