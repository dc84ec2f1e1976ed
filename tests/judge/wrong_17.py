"""Typical wrong answers to the tasks of lesson 17, and a part of what the judge says."""

RULE = "return ours[1:-1] == library[1:-1]"
LOOP = "max(S for S in range(1, min(N, room) + 1) if -(-N // S) >= min(N, card.sms))"
WRONG = {
    "17.1": [
        ("the factor 2", "return 2 * T * N", "return T * N", "Likely: the factor 2"),
        ("no dW", "backward + weights)", "backward)", "the gradients of the weights are missing"),
        ("nothing back to h", "forward + backward + weights", "forward + weights", "lead back to h"),
        ("backward is twice forward", "forward + backward + weights", "3 * forward",
         "x needs no gradient"),
        ("forward alone", "(forward + backward + weights)", "forward", "only the forward pass"),
        ("the batch", "2 * T * N *", "2 * T *", "the batch is missing"),
        ("sizes of the page", None, "def operations(sizes):\n    return 76_578_816", "The count is"),
        ("the course's own", None, "from lstm_kernels.lab.estimates import roofline\n\n\n"
         "def operations(sizes):\n    return roofline.operations(sizes)", "the course's own"),
    ],
    "17.2": [
        ("V4 forgets the way back", "T * N * 2 * 4 * H * H", "T * N * 4 * H * H", "on the way back, too"),
        ("V4 reads once per block", "4 * T * N * 2", "4 * N * 2", "V4 reads W again in each step"),
        ("V5 reads for each sample", "4 * blocks * 4", "4 * N * 4", "V5 keeps W for all samples"),
        ("V5 reads in each step", "4 * blocks * 4", "4 * T * blocks * 4", "V5 keeps W for all steps"),
        ("numbers", "return 4 * T * N", "return T * N", "numbers, not bytes"),
        ("one number", "return 4 * T * N * 2 * 4 * H * H, 4", "return 4 * T * N * 2 * 4 * H * H + 4",
         "expected two numbers"),
    ],
    "17.3": [
        ("the sum", "return bounds[name], name", "return sum(bounds.values()), name", "their sum"),
        ("the smallest", "max(bounds, key", "min(bounds, key", "the smallest of the three"),
        ("only two", "max(bounds, key", "max(list(bounds)[:2], key", "the waiting is left out"),
        ("the seconds alone", "return bounds[name], name", "return bounds[name]", "the limit's name"),
        ("always waiting", "return bounds[name], name", "return bounds[name], 'waiting'",
         "but it says 'waiting'"),
        ("TFLOP", "card.tera * 1e12", "card.tera * 1e15", "The bound is"),
    ],
    "17.4": [
        ("everything fits", RULE, "return True", "It calls fair: two sides of other lengths"),
        ("a graph against launches", RULE, "return ours[1:4] == library[1:4]",
         "one launched, the other as a graph"),
        ("set-up inside one", RULE, "return ours[1:5] == library[1:5] and ours.tf32 == library.tf32",
         "the set-up in the time of one side only"),
        ("TF32", RULE, "return ours[1:6] == library[1:6]", "TF32 on one side only"),
        ("the seconds, too", RULE, "return ours[1:] == library[1:]", "but it calls unfair"),
        ("nothing", RULE, "return False", "but it calls unfair"),
    ],
    "17.e1": [
        ("a slope that never ends", "min(intensity * card.gigabytes_per_second, 1e3 * card.tera)",
         "intensity * card.gigabytes_per_second", "the slope goes on"),
        ("a roof that falls off", "min(intensity * card.gigabytes_per_second, 1e3 * card.tera)",
         "min(intensity * card.gigabytes_per_second, 1e3 * card.tera) * (intensity <= 1000)",
         "GFLOP/s is 0"),
        ("the larger one", "min(", "max(", "GFLOP/s is"),
        ("TFLOP/s", "return min(", "return 1e-3 * min(", "TFLOP/s; the task asks"),
    ],
    "17.e2": [
        ("not waited for", "        step()\n        synchronize()", "        step()",
         "when the step is queued"),
        ("no first step", "    step()  # the first one compiles, or asks for memory\n    synchronize()\n",
         "", "the first step, which compiles"),
        ("not waited before", "memory\n    synchronize()", "memory", "the work that was queued before"),
        ("the mean", "median(times)", "sum(times) / len(times)", "the mean"),
        ("the fastest of the queue", "median(times)", "min(times) / 2", "The step is"),
    ],
    "17.e3": [
        ("all by rounds", "(last - first) / (more - rounds)", "last / more", "divided by the rounds"),
        ("not divided", "(last - first) / (more - rounds)", "last - first", "The time per round is"),
        ("one round", "first - rounds * of_round", "first - of_round", "What is paid once is"),
        ("rounds of one card", "(more - rounds)", "6", "The time per round is"),
    ],
    "17.e4": [
        ("free exchange", "(step / 2 + exchange)", "(step / 2)", "the exchange is left out"),
        ("half an exchange", "(step / 2 + exchange)", "(step / 2 + exchange / 2)", "halved, too"),
        ("upside down", "step / (step / 2 + exchange)", "(step / 2 + exchange) / step",
         "two cards divided by one"),
        ("sizes of the page", "exchanged_bytes(sizes, 2)", "68_356", "The gain is"),
    ],
    "17.e5": [
        ("one sample", LOOP, "1", "are possible"),
        ("all in one block", LOOP, "N", "a block has"),
        ("memory forgotten", "min(N, room)", "N", "bytes; a block has"),
        ("rounded down", LOOP, "max(1, min(room, N // card.sms))", "are possible"),
        ("sizes hard-coded", LOOP, "16 if N > 16 * card.sms else 1", "are possible"),
    ],
}  # fmt: skip
