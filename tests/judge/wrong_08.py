"""Typical wrong answers to the tasks of lesson 08, and a part of what the judge says."""

GIVEN = "[cuda.to_device(a) for a in (*params, x, y)]"
WORK = "(cuda.device_array(shape, x.dtype) for shape in shapes)"
GRADS = "[cuda.to_device(zeros) for zeros in zeros_like(params)]"
BACK = "    return float(loss.copy_to_host().sum()), Params(*(g.copy_to_host() for g in grads))"
LOSS = "found.append(float(loss.copy_to_host().sum()))"
BEFORE = "    found, on_card = [], [cuda.to_device(a) for a in params]\n"

WRONG = {
    "08.1": [
        ("everything comes back", BACK, "    for a in work:\n        a.copy_to_host()\n" + BACK,
         "h, 8 bytes, comes back: on the host nobody reads it"),
        ("NumPy arrays, hidden copies", GIVEN, "[*params, x, y]", "U is not on the card: the launch makes two hidden copies"),
        ("room, but nothing copied", GIVEN, "[cuda.device_array(a.shape, a.dtype) for a in "
         "(*params, x, y)]", "U holds rubbish when the kernel starts"),
        ("the workspace zeroed by the host", WORK, "(cuda.to_device(np.zeros(shape, x.dtype)) for "
         "shape in shapes)", "h, 8 bytes, goes over to the card: the kernel writes it before"),
        ("gradients begin as rubbish", GRADS,
         "[cuda.device_array(a.shape, a.dtype) for a in params]", "the kernel adds to what is there"),
        ("results stay on the card", "g.copy_to_host() for g in grads", "g for g in grads",
         "still on the card"),
        ("zeros of the host come back", "Params(*(g.copy_to_host() for g in grads))",
         "zeros_like(params)", "dU[0, 0] is 0"),
        ("the parameters come back, too", BACK, "    [a.copy_to_host() for a in given]\n" + BACK,
         "U, 16 bytes, comes back: the kernel only reads it"),
        ("a result twice", BACK, "    grads[1].copy_to_host()\n" + BACK,
         "dW, 16 bytes, comes back 2 times; 1 is enough"),
        ("number by number", "loss.copy_to_host().sum()", "sum(loss[n] for n in range(len(loss)))",
         "comes back 2 times"),
        ("double precision memory", "cuda.device_array(shape, x.dtype)", "cuda.device_array(shape)",
         "h is float64, expected float32"),
        ("one memory for all of the workspace", "*work, loss = " + WORK,
         "h = [cuda.device_array(shape, x.dtype) for shape in shapes]\n    *work, loss = h[0], h[0],"
         " *h[2:]", "h and c are the same memory"),
        ("a view that is not one piece", GIVEN,
         "[cuda.to_device(a) for a in (*params, x[:, ::2], y)]", "not one piece of memory"),
        ("too few threads", "blocks_for(x.shape[1]), THREADS", "1, 32", "too few threads: N = 33"),
    ],
    "08.2": [
        ("no zeros sent", "        card.found.send()\n", "", "zeros must be there; this is rubbish"),
        ("zeros sent once", "        card.found.send()\n",
         "        if np.isnan(card.found.memory.copy_to_host().view(x.dtype)[0]):\n"
         "            card.found.send()\n", "comes back 2 times"),
        ("zeros in the first mini-batch alone", "        card.found.send()\n",
         "        if not hasattr(card, 'old'):\n            card.found.send()\n"
         "        card.old = True\n", "this is the last mini-batch's"),
        ("nothing sent", "card.given.send(*params, x, y)", "card.given.arrays", "U holds rubbish"),
        ("y before x", "send(*params, x, y)", "send(*params, y, x)", "could not broadcast"),
        ("new memory each time", "with lent(Buffers, sizes(params, x), x.dtype) as card:",
         "card = Buffers(sizes(params, x), x.dtype)\n    if card:", "It asks for memory 3 times"),
        ("fetched twice", "loss, *grads = card.found.fetch()",
         "loss, grads = card.found.fetch()[0], card.found.fetch()[1:]", "comes back 2 times"),
        ("zeros sent after the launch", "        loss, *grads = card.found.fetch()",
         "        card.found.send()\n        loss, *grads = card.found.fetch()",
         "loss, 20 bytes, goes over to the card 2 times"),
        ("what went in comes back", "        loss, *grads = card.found.fetch()",
         "        card.given.fetch()\n        loss, *grads = card.found.fetch()",
         "comes back: the kernel only reads it"),
        ("the mean", "loss.sum()", "loss.mean()", "Likely: the mean"),
    ],
    "08.e1": [
        ("no zeros", "2 * (N + parameters)", "(N + parameters)", "Likely: the zeros that go in"),
        ("numbers, not bytes", "return 4 * (", "return 1 * (", "that many numbers; each has 4"),
        ("no loss", "(N + parameters)", "parameters", "Likely: N numbers of the loss"),
        ("D and O multiplied", "T * N * (D + O)", "T * N * D * O", "the number of bytes is"),
    ],
    "08.e2": [
        ("a copy back that nobody keeps", "    return a_d.copy_to_host()",
         "    a_d.copy_to_host()\n    return a", "Likely: a, which nobody has changed"),
        ("without the card", None, "def doubled(a):\n    return a + a", "0 copies over, 0 back"),
        ("back into the argument", "return a_d.copy_to_host()",
         "a_d.copy_to_host(a)\n    return a", "It changes its argument"),
        ("hidden copies", None,
         "def doubled(a):\n    b = a.copy()\n    a_d = cuda.to_device(a)\n"
         "    add_to_itself[blocks_for(b.size), THREADS](b)\n    return b", "2 copies over"),
    ],
    "08.e3": [
        ("zeros from the host", None,
         "def zeros_on_card(shape, dtype=np.float32):\n"
         "    return cuda.to_device(np.zeros(shape, dtype))", "bytes cross the bus"),
        ("one thread does everything", "    n = cuda.grid(1)\n    if n < a.shape[0]:",
         "    for n in range(a.shape[0] if cuda.grid(1) == 0 else 0):", "Thread 0 writes all of"),
        ("one block for all", "set_to_zero[blocks_for(a_d.size), THREADS]",
         "set_to_zero[1, THREADS]", "Has every element its thread?"),
        ("no guard", "if n < a.shape[0]:", "if n >= 0:", "outside"),
        ("only memory", "    set_to_zero[blocks_for(a_d.size), THREADS](a_d.ravel())\n", "",
         "elements are rubbish"),
    ],
    "08.e4": [
        ("no latency", "return (seconds - nbytes / speed) / copies, speed",
         "return 0.0, more_bytes / more_seconds", "Likely: no latency"),
        ("upside down", "/ copies, speed", "/ copies, 1 / speed", "not bytes per second"),
        ("of all copies", "return (seconds - nbytes / speed) / copies, speed",
         "return seconds - nbytes / speed, speed", "Likely: of all copies together"),
        ("only for as many copies", "more_copies / copies", "1", " copies)"),
    ],
    "08.e5": [
        ("the parameters in each batch", None, """\
def losses(params, batches):
    found = []
    for x, y in batches:
        on_card = [cuda.to_device(a) for a in params]
        grads = [cuda.device_array(a.shape, a.dtype) for a in params]
        shapes = workspace_shapes(sizes(params, x), x.itemsize)
        *work, loss = (cuda.device_array(shape, x.dtype) for shape in shapes)
        batch, scale = [cuda.to_device(x), cuda.to_device(y)], x.dtype.type(1 / y.size)
        kernel[blocks_for(x.shape[1]), THREADS](*on_card, *batch, scale, *work, loss, *grads)
        found.append(float(loss.copy_to_host().sum()))
    return found""", "U goes over 3 times in 3 batches"),
        ("zeros for gradients", "[cuda.device_array(a.shape, a.dtype) for a in params]",
         "[cuda.to_device(0 * a) for a in params]", "dU, 48 bytes, goes over to the card: nobody"),
        ("gradients come back", LOSS, LOSS + "\n        grads[0].copy_to_host()",
         "comes back: nobody asked for the gradients"),
        ("hidden copies", "cuda.to_device(x), cuda.to_device(y)", "x, y", "x is not on the card"),
        ("only the last loss", LOSS, "found = [float(loss.copy_to_host().sum())]",
         "losses has the shape (1,), expected (3,)"),
    ],
}  # fmt: skip
