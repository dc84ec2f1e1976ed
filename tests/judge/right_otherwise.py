"""Right answers that are written otherwise than ours: the judge must not refuse them."""

RIGHT = {
    "02.1": """\
def finite_differences(loss, params, step=1e-5):
    grads = zeros_like(params)
    for name, p, g in zip(params._fields, params, grads, strict=True):
        for index in np.ndindex(p.shape):
            up, down = p.copy(), p.copy()
            up[index] += step
            down[index] -= step
            change = loss(params._replace(**{name: up})) - loss(params._replace(**{name: down}))
            g[index] = change / 2 / step
    return grads
""",
    "05.5": """\
@cuda.jit
def year_totals(passengers, totals):
    s = cuda.shared.array(12, float32)
    m, year = cuda.threadIdx.x, cuda.blockIdx.x
    if m < 12:
        s[m] = passengers[12 * year + m]
    cuda.syncthreads()
    if m < 6:
        s[m] += s[m + 6]
    cuda.syncthreads()
    if m < 3:
        s[m] += s[m + 3]
    cuda.syncthreads()
    if m == 0:
        totals[year] = s[0] + s[1] + s[2]
""",
    "05.e3": """\
@cuda.jit
def sort_months(values, out):
    s = cuda.shared.array(64, float32)
    n, N = cuda.threadIdx.x, values.shape[0]
    if n < N:
        s[n] = values[n]
    cuda.syncthreads()
    if n < N:
        own, rank = s[n], 0
        for k in range(N):
            if s[k] < own or (s[k] == own and k < n):
                rank += 1
        out[rank] = own
""",
    "09.e3": """\
def train_all(programs, start, batches, rng):
    shuffled = np.array(batches)[rng.permutation(len(batches))]
    results = {}
    for name in programs:
        results[name] = start
        for batch in shuffled:
            results[name] = programs[name](results[name], batch)
    return results
""",
    "12.1": """\
@compiled
def part_of(w, workers, N):
    size, rest = divmod(N, workers)
    begin = w * size + min(w, rest)
    return begin, begin + size + (1 if w < rest else 0)
""",
    "B1.4": """\
@cuda.jit
def squared_error(prediction, y, total):
    part = cuda.shared.array(1, float32)
    n = cuda.grid(1)
    if cuda.threadIdx.x == 0:
        part[0] = 0
    cuda.syncthreads()
    if n < y.shape[0]:
        cuda.atomic.add(part, 0, (prediction[n] - y[n]) ** 2)
    cuda.syncthreads()
    if cuda.threadIdx.x == 0:
        cuda.atomic.add(total, 0, part[0])
""",
    "15.1": """\
@cuda.jit
def sgd_kernel(parts, state, rates, step):
    shared, e = cuda.shared.array(SUM_THREADS, float32), cuda.grid(1)
    g = sum_of_parts(parts, e, shared)
    if cuda.threadIdx.y > 0 or e >= state.shape[1]:
        return
    state[0, e] = state[0, e] - rates[step, 0] * g
""",
    "17.e2": """\
def time_step(step, synchronize, clock, repeats):
    for _ in range(2):
        step()
    times = []
    for _ in range(repeats):
        synchronize()
        start = clock()
        step()
        synchronize()
        times.append(clock() - start)
    return np.median(times)
""",
    "17.e5": """\
def samples_per_block(N, H, card):
    S = np.arange(1, min(N, card.shared_block // (24 * H)) + 1)
    return S[-(-N // S) >= min(N, card.sms)].max()
""",
    "A1.e3": """\
def run_warps(threads, width):
    at = [next(t, None) for t in threads]
    while any(at):
        moved = False
        for w in range(0, len(threads), width):
            mine = range(w, min(len(threads), w + width))
            while all(at[k] == "warp" for k in mine):
                moved = True
                for k in mine:
                    at[k] = next(threads[k], None)
        if all(a == "block" for a in at):
            moved = True
            at = [next(t, None) for t in threads]
        if not moved:
            raise RuntimeError("nobody can go on")
""",
}
