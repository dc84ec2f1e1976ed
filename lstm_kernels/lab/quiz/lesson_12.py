"""Quick questions of lesson 12."""

TEXT = """
? `for w in prange(4): parts[0] += x[w]`, where parts is an array. What does Numba make of it?
= a race: additions may be lost
> All rounds write one element. `prange` is your promise that they do not, and nobody checks it.
- the right sum, for it knows `+=`
> It does for a plain variable. An element of an array is memory that all threads share.
- an error when it compiles
> Numba trusts the promise.
- the right sum, but more slowly
> Nothing makes the threads wait for each other.

? 10 samples, 5 workers, a core for each. A sixth core and worker come. How much shorter is the
  step?
= not at all
> Ten samples for six: somebody still has two, and the others wait for him.
- by a sixth
> Samples are not cut into pieces: the busiest worker decides.
- by a fifth
> It is the largest part that counts, not the mean.
- by half
> For that every worker would need one sample: ten workers.

? On one thread a step takes 60 ms; 6 ms of it cannot be shared. How long do 3 threads take at
  best?
= 24 ms
> 6 ms stay, 54 ms are shared by three.
- 20 ms
> This shares all 60 ms.
- 18 ms
> This is the shared part alone.
- 26 ms
> The 6 ms are part of the 60, not on top of them.

? Each worker has gradients of its own; the host adds them up in the order of the workers. Now
  fewer threads run these workers. Which digits change?
= none: the order stays
> Who computes a worker's part does not matter; the additions come in the same order.
- the last bits
> They change if the order of additions changes. Here it does not.
- those of the workers that share a thread
> They take turns, but each has its own gradients.
"""
