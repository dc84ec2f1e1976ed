"""Quick questions of lesson 07."""

TEXT = """
? The guard says `n <= N` where `n < N` is right. It is tried with N = 64, launched as [2, 32].
  What does the test show?
= nothing: no thread has n = 64
> The threads are 0 to 63. With N = 60 thread 60 would be outside: test sizes that are no
  multiples.
- thread 64 is outside the array
> Two blocks of 32 have no thread 64.
- the last sample is left out
> `<=` lets one more through, not one less.
- sample 0 is done twice
> Each thread has a number of its own.

? Seven threads do `dB[0] += 1` without atomics; dB[0] is 0 before. Which results are possible?
= 1 to 7
> If all read the 0, 1 is left. Each thread that comes later in peace adds one more.
- 7 alone
> Only if no two of them mix. Nothing ensures that.
- 0 to 7
> Each thread writes at least 1, so 0 cannot stay.
- 1 or 7
> Some may mix while others do not: anything between is possible.

? V2's batch grows from 7 to 28 samples. How many more warps run?
= 0
> 28 threads still fit into the 32 lanes of the first warp.
- 3
> Four times the samples, but the lanes for them were there, and idle.
- 21
> These are more lanes, of the same warp.
- 1
> A second warp begins with sample 33.

? `h` has the shape (T, N, H) with H = 2, in float32. 32 lanes read `h[t, n, 0]`, each with its
  own n. How many pieces of 32 bytes?
= 8
> Neighbours lie 8 bytes apart: 32 lanes span 256 bytes.
- 4
> So few are needed if the numbers are neighbours: with n as the last index.
- 32
> A piece of its own for each lane needs at least 32 bytes between them, so H = 8.
- 16
> A piece holds four of these numbers, not two.
"""
