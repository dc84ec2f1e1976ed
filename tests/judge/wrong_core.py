"""Cells for the tests of the judge's core: stubs, answers, cheats, honest code.  Each has an f."""

STUBS = {
    "nothing": "f = None",
    "dots": "f = ...",
    "dots as the body": "def f(x):\n    ...",
    "below a docstring": 'def f(x):\n    """Twice x."""\n    ...',
    "a docstring alone": 'def f(x):\n    """Twice x."""',
    "pass": "def f(x):\n    pass",
    "raise": "def f(x):\n    raise NotImplementedError('yours')",
    "returned": "def f(x):\n    return ...",
    "stored": "def f(x):\n    y = ...\n    return y",
    "typed": "def f(x):\n    y: int = ...\n    return y",
    "in a sum": "def f(x):\n    return x + ...",
    "in a call": "def f(x):\n    return math.exp(...)",
    "in a loop": "def f(x):\n    for i in ...:\n        x += i\n    return x",
    "in a condition": "def f(x):\n    if ...:\n        return x",
    "a lambda": "f = lambda x: ...",
    "a kernel": "@cuda.jit\ndef f(x):\n    ...",
    "a kernel's middle": "@cuda.jit\ndef f(x):\n    n = cuda.grid(1)\n    if n < 3:\n        ...",
    "a method": "class f:\n    def __init__(self, x):\n        self.x = x\n\n    def g(self):\n        ...",
    "a tuple": "f = (3, None)",
    "a dict": "f = {'a': 1, 'b': ...}",
    "a pair of functions": "def g(x):\n    ...\n\n\nf = (g, g)",
}
WRITTEN = {
    "an index": "def f(x):\n    return x[..., 0]",
    "a number": "f = 0",
    "an empty set": "f = set()",
    "a text with dots": "def f(x):\n    return '...'",
    "return None": "def f(x):\n    return None",
    "a class": "class f:\n    def __init__(self, x):\n        self.x = x",
    "a dataclass": "from dataclasses import dataclass\n\n\n@dataclass\nclass f:\n    x: int = 0\n\n"
    "    def twice(self):\n        return 2 * self.x",
}  # fmt: skip

COURSE = "from lstm_kernels.versions import VERSIONS, cuda_v2\n\n"
CHEATS = {
    "the course's own": "f = cuda_v2.blocks_for",
    "in a tuple": "f = (cuda_v2.blocks_for, 1)",
    "by its module": "def f(N):\n    return cuda_v2.blocks_for(N)",
    "by a lambda": "f = lambda N: cuda_v2.blocks_for(N)",
    "an alias": "g = cuda_v2.blocks_for\n\n\ndef f(N):\n    return g(N)",
    "the table of versions": "def f(N):\n    return VERSIONS['cuda_v2'].blocks_for(N)",
    "getattr": "def f(N):\n    return getattr(cuda_v2, 'blocks_for')(N)",
    "imported inside": "def f(N):\n    from lstm_kernels.versions.cuda_v2 import blocks_for\n\n"
    "    return blocks_for(N)",
    "a module imported inside": "def f(N):\n    import lstm_kernels.versions.cuda_v2 as v2\n\n"
    "    return v2.blocks_for(N)",
    "a helper of the page": "def g(N):\n    return cuda_v2.blocks_for(N)\n\n\ndef f(N):\n    return g(N)",
    "a function inside": "def f(N):\n    def g():\n        return cuda_v2.blocks_for(N)\n\n    return g()",
    "a comprehension": "def f(N):\n    return [cuda_v2.blocks_for(n) for n in (N,)][0]",
    "a closure": "def make(g):\n    def f(N):\n        return g(N)\n\n    return f\n\n\n"
    "f = make(cuda_v2.blocks_for)",
    "a default value": "def f(N, g=cuda_v2.blocks_for):\n    return g(N)",
    "a keyword's default": "def f(N, *, g=cuda_v2.blocks_for):\n    return g(N)",
    "an attribute of itself": "def f(N):\n    return f.g(N)\n\n\nf.g = cuda_v2.blocks_for",
    "a list": "g = [cuda_v2.blocks_for]\n\n\ndef f(N):\n    return g[0](N)",
    "a dict of lists": "g = {'a': [cuda_v2]}\n\n\ndef f(N):\n    return g['a'][0].blocks_for(N)",
    "partial": "from functools import partial\n\ng = partial(cuda_v2.blocks_for)\n\n\n"
    "def f(N):\n    return g(N)",
    "lru_cache": "from functools import lru_cache\n\ng = lru_cache(cuda_v2.blocks_for)\n\n\n"
    "def f(N):\n    return g(N)",
    "a class": "class A:\n    g = staticmethod(cuda_v2.blocks_for)\n\n\ndef f(N):\n    return A.g(N)",
    "an object": "class A:\n    pass\n\n\na = A()\na.g = cuda_v2.blocks_for\n\n\n"
    "def f(N):\n    return a.g(N)",
    "a call of an object": "class A:\n    def __call__(self, N):\n"
    "        return cuda_v2.blocks_for(N)\n\n\na = A()\n\n\ndef f(N):\n    return a(N)",
    "a decorator with an honest face": "from functools import wraps\n\n\ndef decorator(honest):\n"
    "    @wraps(honest)\n    def g(N):\n        return cuda_v2.blocks_for(N)\n\n    return g\n\n\n"
    "@decorator\ndef f(N):\n    return -(-N // 32)",
    "a class's method": "class f:\n    def __init__(self, N):\n"
    "        self.blocks = cuda_v2.blocks_for(N)",
    "in a kernel": "@cuda.jit\ndef f(a):\n    cuda_v2.add_gradients(a)",
    "a device function": "g = cuda_v2.add_gradients\n\n\n@cuda.jit\ndef f(a):\n    g(a)",
    "what the page holds": "from lstm_kernels import init_params\n\np = init_params(1, 2, 1)\n\n\n"
    "def f(N):\n    return p.U",
    "exec": "exec('def f(N): return 1')",
    "eval": "def f(N):\n    return eval('cuda_v2.blocks_for')(N)",
    "eval by another name": "e = eval\n\n\ndef f(N):\n    return e('cuda_v2.blocks_for')(N)",
    "builtins": "import builtins\n\n\ndef f(N):\n    return builtins.eval('1')",
    "__builtins__": "def f(N):\n    return __builtins__['eval']('1')",
    "attrgetter": "import operator\n\n\ndef f(N):\n    return operator.attrgetter('x')(N)",
    "importlib": "import importlib\n\n\ndef f(N):\n    return importlib.import_module('x')",
    "frames": "def f(N):\n    try:\n        1 / 0\n    except ZeroDivisionError as error:\n"
    "        return error.__traceback__.tb_frame.f_back.f_locals",
    "sys": "import sys\n\n\ndef f(N):\n    return sys._getframe(1).f_locals",
    "np.linalg": "def f(N):\n    return np.linalg.norm(N)",
    "np.linalg by a local name": "def f(N):\n    m = np\n    return m.linalg.norm(N)",
    "numpy.linalg by an alias": "import numpy.linalg as la\n\n\ndef f(N):\n    return la.norm(N)",
    "its function": "from numpy.linalg import norm\n\n\ndef f(N):\n    return norm(N)",
    "linalg imported inside": "def f(N):\n    from numpy import linalg\n\n    return linalg.norm(N)",
}
HONEST = {
    "a local name like a module's": "from lstm_kernels import data\n\n\n"
    "def f(values):\n    data = values + 1\n    return data",
    "an argument like a module's": "from lstm_kernels import data\n\n\n"
    "def f(values):\n    return (lambda data: data + 1)(values), [data for data in values]",
    "NumPy and math": "def f(x):\n    return np.einsum('ij->j', x)[..., 0] + math.exp(np.max(x))",
    "a helper of its own, and itself": "def g(n):\n    return n if n < 1 else g(n - 1)\n\n\n"
    "def f(n):\n    return g(n) + (f(n - 1) if n else 0)",
    "a dataclass of its own": "from dataclasses import dataclass\n\n\n@dataclass\nclass P:\n"
    "    a: int\n\n\ndef f(x):\n    return P(len(x)).a",
    "a class": "class f:\n    def __init__(self, x):\n        super().__init__()\n        self.x = x\n\n"
    "    @property\n    def twice(self):\n        return 2 * self.x",
    "a kernel": "from numba import float32\n\n\n@cuda.jit\ndef f(a):\n"
    "    part = cuda.shared.array(32, float32)\n    n = cuda.grid(1)\n    part[n] = a[n]\n"
    "    cuda.syncthreads()\n    cuda.atomic.add(a, 0, part[n])",
    "a device function of its own": "@cuda.jit(device=True)\ndef g(a):\n    return a\n\n\n"
    "@cuda.jit\ndef f(a):\n    a[0] = g(a[1])",
    "a list that holds itself": "loop = []\nloop.append(loop)\n\n\ndef f(x):\n    return len(loop)",
    "print and a raised error": "def f(x):\n    print(x.shape)\n    if x.size == 0:\n"
    "        raise ValueError(f'{x!r} is empty')\n    return x",
}  # fmt: skip
