"""Quick questions of lesson 11."""

TEXT = """
? The 32 lanes of a warp read 32 float32 that lie side by side, from a piece's edge on. How many
  pieces of 32 bytes?
= 4
> 128 bytes are asked for, and 4 pieces hold them.
- 1
> One piece has room for 8 float32.
- 8
> 8 float32 fill a piece; 32 of them fill 4.
- 32
> That is a piece for each lane, as with numbers far apart.

? In V3 all lanes read the same `W[k, j]`. Would the transpose `W[j, k]` cost fewer pieces there?
= No: it is one piece already.
> All lanes ask for one address. In V4 the lanes have different k, and the transpose helps.
- Yes, 4 in place of 32.
> 32 it would be, if each lane had its own k.
- Yes, 1 in place of 4.
> One address is one piece.
- No: a card has no transpose.
> The layout is free to choose. Here it does not matter.

? An array (T, H, N) of float32, H = 50, N = 64. How far is it in memory from unit j to unit j + 1
  of the same sample and step?
= 256 bytes
> A row has 64 numbers of 4 bytes.
- 4 bytes
> That is from sample n to n + 1.
- 200 bytes
> That is V3's way from sample to sample.
- 64 bytes
> 64 numbers, of 4 bytes each.

? A kernel touches an eighth of the pieces, and its time falls far less. What may be the reason?
= Each thread waits for something else, too.
> The pieces are only a part of what a thread waits for. Its chain is as long as before.
- The pieces were counted wrongly.
> The counts are exact for the source. They are no times.
- Fewer pieces take longer each.
> Nothing in the recording says so.
- The kernel computes more.
> Line by line it does the same; only the order of the indices differs.
"""
