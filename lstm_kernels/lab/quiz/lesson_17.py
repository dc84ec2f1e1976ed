"""Quick questions of lesson 17."""

TEXT = """
? A card does 8 TFLOP/s and moves 320 GB/s. A program does 5 operations per byte. What is its
  roof?
= 1.6 TFLOP/s
> 5 times 320 GB/s: it is left of the ridge at 25, so memory limits it.
- 8 TFLOP/s
> Only from 25 operations per byte on.
- 0.064 TFLOP/s
> 320 / 5: operations per byte are multiplied, not divided by.
- 0.32 TFLOP/s
> This is one operation per byte.

? The batch doubles, and the kernel takes as long as before. What limits it?
= waiting
> Arithmetic doubles, bytes almost: if the time stays, neither was the limit.
- arithmetic
> Twice the operations at the peak take twice the time.
- memory
> More samples bring more bytes.
- the roof's ridge
> It is a place in the picture, no limit of its own.

? A table compares V6 as a graph with PyTorch launched. V6 takes a tenth of the time. What does
  it show?
= Two things at once, mixed.
> The program and the way to launch differ. Compare graph with graph, launch with launch.
- V6 is ten times as fast.
> On the recorded H100, a graph alone made PyTorch's own step more than ten times as fast.
- Graphs are ten times as fast.
> For that the same program must stand on both sides.

? V4 reads W for every sample in every step, forward and back. V5 reads it once per block. T =
  12, N = 64, 40 blocks: how many times fewer bytes of W?
= 38.4
> 2 times 12 times 64 reads of W, by 40.
- 24
> This is 2 T, as if each sample had a block in V5, too.
- 1.6
> 64 / 40 forgets the steps.
- 19.2
> The way back reads W as well.
"""
