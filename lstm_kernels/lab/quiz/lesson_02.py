"""Quick questions of lesson 02."""

TEXT = """
? A network has 329 parameters. How many forward passes do central differences need for its
  gradient?
= 658
> Two for each parameter: one with the weight moved up, one with it moved down.
- 330
> This is one-sided: one pass as it is, and one per parameter. Its error is much larger.
- 329
> With one pass per parameter there is nothing to subtract.
- 2
> A forward and a backward pass give all derivatives at once; finite differences do not.

? The derivation is right, and the check in float64 fails with a step of 1e-12. Why?
= Two almost equal losses are subtracted.
> Their last digits are rounded, and a difference so small consists of those digits.
- The curve bends within so long a step.
> That is the error of a large step. 1e-12 is tiny.
- A float64 cannot hold a number as small as 1e-12.
> It can, down to about 1e-308. What is lost are the digits of the difference.
- The check needs the learning rate as its step.
> The two have nothing to do with each other: one is for a test, one for an update.

? A backward pass forgets the term with W in dh. For windows of which length is its gradient
  still right?
= Of one step
> At the last step there is no next one. With T = 1 this is the only step.
- Of two steps
> Then step 0 misses what step 1 asks of its h.
- Of any length, if H = 1
> Even a single unit gives its h to the next step, through a W of 4 numbers.
- Of no length at all
> A test with T = 1 passes: so test with more than one step.

? A program stores T states, without the initial one, and reads h[t - 1] before step t. What
  does Python do at t = 0?
= It takes the last row, and is silent.
> h[-1] is the last element. In the next sample it holds the end of the sample before.
- It stops with an IndexError.
> So it would be in many languages. In Python -1 is a legal index.
- It takes zeros, as the equations ask.
> Only if the last row happens to be zero still: in the first sample, for example.
- It takes row 0, which is the step's own result.
> -1 counts from the end, it is not cut off at 0.
"""
