"""Quick questions of lesson 08."""

TEXT = """
? A kernel adds the gradients into dW. You give it `cuda.device_array(...)`, fresh, and copy it
  back. What do you get?
= rubbish plus the gradient
> Nobody wrote zeros there. What is added to must begin as zeros.
- the gradient
> New memory may hold zeros by luck. Nothing promises it.
- zeros
> The kernel did write there; the copy brings what it left.
- an error at the launch
> A device array without a value is a legal argument.

? A copy takes 15 µs, and its bytes travel at 11 GB/s. From which size on do the bytes cost more
  than the 15 µs?
= about 165 kB
> 15 µs times 11 GB/s. Below that, a copy is mostly waiting.
- about 15 kB
> These would travel in 1.4 µs.
- about 1.4 MB
> 15 times 11 is 165; and a microsecond of 11 GB/s is 11 kB.
- from the first byte on
> A byte travels in a tenth of a nanosecond. The start is what costs.

? By the same numbers, ten copies of 1 kB become one of 10 kB. What is saved?
= 135 µs
> Nine times the 15 µs. The bytes stay the same.
- 150 µs
> One copy is left, and it has its start, too.
- 1 µs
> This is what the bytes take. The starts are the larger part.
- nothing: the bytes are as many
> Bytes are only one of the two prices.

? On the H100, V3 one by one makes shorter copies than V2, with the same kernel. Yet with 7
  samples it takes longer. What follows?
= The rest, the host's work, got longer.
> The time is copies, kernel and rest. Two did not grow, so the rest did.
- The copies were timed wrongly.
> They were recorded at four batch sizes, and were shorter at each.
- Small copies run faster in V2.
> The recording has V2's copies as the longer ones.
- The kernel waits for more memory.
> It is V2's kernel, and its recorded time is the same.
"""
