"""Quick questions of lesson 01."""

TEXT = """
? A cell has H = 50 units and reads D = 1 number per step. What is the shape of W?
= 200 rows of 50 numbers
> Four parts (i, f, g, o) of 50 rows each; and each row multiplies the whole h, 50 numbers.
- 50 rows of 200 numbers
> This is its transpose: z = W h needs a row for each number of z.
- 200 rows of 51 numbers
> The column for x is not in W: it is U, with 200 rows of 1 number.
- 50 rows of 50 numbers
> One row per unit would be enough for one gate; there are four.

? In every step f = 1 and i = 0. What does the cell do with its memory c?
= It keeps c, whatever it reads.
> All of the old stays, nothing new is added: c passes through unchanged.
- It forgets c, because nothing new is written.
> To forget is f near 0. The input gate does not remove anything.
- It shows c to the next step as h.
> What is shown is decided by o, and tanh bends it. f and i say nothing about that.
- It adds x to c in every step.
> What is added is i times g, and i is 0.

? The memory line alone, f = 0.5, nothing is written. After how many steps is less than 1% left?
= 7
> 0.5 to the power 6 is 1.6%, to the power 7 it is 0.8%.
- 2
> Two halves do not make it empty: half of a half is a quarter.
- 50
> Each step halves what is left; it does not take 2% of the start away.
- 100
> A forget gate of 0.5 forgets fast: after ten steps a thousandth is left.

? Windows have T = 11 steps. Why do c and h have 12 rows?
= Row 0 is the state before the first step of all.
> Step t reads row t and writes row t + 1; so 11 steps need 12 rows.
- The last row is the forecast of the month after.
> The forecast is V h + b_out, one for each step, in an array of its own.
- One row is a reserve, so that no index is outside.
> Each row has a meaning: row t is the state before step t. Nothing is spare.
- Row 11 keeps the targets that belong to the window.
> The targets are y, with T rows. c and h hold states alone.
"""
