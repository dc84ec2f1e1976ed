"""Quick questions of lesson 04."""

TEXT = """
? The batch grows from 7 to 28 samples. Which program makes the interpreter do no more than
  before?
= numpy_batched
> N is an axis of its arrays: as many operations, each on larger arrays.
- numpy_loop
> Its loop over the samples is Python's: four times the rounds.
- sequential
> It counts every single number in Python.
- all that use NumPy
> NumPy inside a loop over samples is still a loop.

? P: median 1.00 ms, half of the runs from 0.90 to 1.15. Q: median 0.95 ms, half from 0.88 to
  1.10. What do you say?
= Nothing yet: the ranges overlap.
> A difference of 5% is smaller than the spread. More repeats, in turns, may decide.
- Q is 5% faster than P.
> The medians say so. The next ten runs may say the opposite.
- P is 5% faster than Q, if its slow runs are left out.
> Who leaves out what does not fit can prove anything.
- Both are equally fast.
> This was not shown either. To see no difference is not to see that there is none.

? z has the shape (4H, N), B the shape (4H,). When does `z + B` run without an error?
= If N is 4H or 1, and then what comes out is wrong.
> NumPy lines up the last axes: it adds along the samples. With N = 1 the result is even (4H,
  4H).
- Always: NumPy finds the axis that fits.
> It never looks for one. It compares shapes from the last axis on.
- If N is 4H, and then it is right.
> It runs, but B goes along the samples. `B[:, None]` is meant.
- Never: the number of axes differs.
> Fewer axes are allowed; missing ones are put in front.

? A first call compiles for 250 ms. Each later call takes 7 µs. What is the mean of 200 calls?
= about 1,300 µs
> 250 ms shared by 200 calls is 1,250 µs for each. The median says 7 µs.
- about 7 µs
> This is the median. The mean is pulled by a single large number.
- about 125,000 µs
> This is the mean of two calls.
- about 14 µs
> One call in 200 is rare, but it is 35,000 times as long.
"""
