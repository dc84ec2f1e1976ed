"""Quick questions of lesson A2."""

TEXT = """
? 100 samples in chunks of 32, on 3 cores. A fourth core comes. How much faster is the step at
  best?
= 2 times
> Four chunks: on 3 cores somebody has two of them, on 4 cores nobody.
- 1.33 times
> Chunks are not cut. The core with two chunks decides.
- not faster
> The fourth chunk finds a core of its own.
- 4 times
> Before, the busiest core had two chunks, not four.

? 16 vectors of sums fit into the registers. Per turn a tile loads its rows of A and its columns
  of B. Which tile loads least per product?
= 4 x 4
> 8 loads for 16 products. A square has the least edge.
- 8 x 2
> 10 loads for 16 products.
- 16 x 1
> 17 loads for 16 products: more than one each.
- all three the same
> They make as many products, but load 8, 10 and 17 numbers or vectors.

? Without `fastmath`, a compiler keeps the order of `total += a[n]`. Why does it not use
  vectors?
= The last bits would change.
> A vector adds in parts, in another order; float sums round at each step.
- Vectors need whole numbers.
> They add floats as well.
- It cannot know how long the array is.
> It handles the rest apart. The length is no obstacle.
- A sum has no two numbers side by side.
> The numbers of `a` are neighbours. It is the order of the additions that must stay.
"""
