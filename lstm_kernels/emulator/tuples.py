"""An element of a tuple whose elements differ in type: `pair[1]`, where 1 is known to the compiler.

Numba sees a constant index only if it stands there alone; ours has gone through a check. So the
check returns an index whose type holds the number.
"""

import operator

from llvmlite import ir
from numba import types
from numba.core.errors import TypingError
from numba.core.imputils import impl_ret_borrowed
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin, models, register_model


class Fixed(types.Type):
    """The type of one index only."""

    def __init__(self, number):
        self.number = number
        super().__init__(f"Fixed({number})")


@register_model(Fixed)
class FixedModel(models.PrimitiveModel):
    def __init__(self, data_models, kind):
        super().__init__(data_models, kind, ir.IntType(8))


def fixed_index(kind, index):
    """The type `Fixed(n)` for a constant index of a tuple; else None."""
    number = getattr(index, "literal_value", None)
    if not isinstance(kind, types.BaseTuple) or type(number) is not int:
        return None
    if not -len(kind) <= number < len(kind):
        raise TypingError(f"the index {number} is outside a tuple with {len(kind)} elements")
    return Fixed(number % len(kind))


@infer_global(operator.getitem)
class Element(AbstractTemplate):
    def generic(self, arguments, keywords):
        kind, index = arguments
        if isinstance(kind, types.BaseTuple) and isinstance(index, Fixed):
            return signature(kind.types[index.number], kind, index)
        return None


@lower_builtin(operator.getitem, types.BaseTuple, Fixed)
def element(context, builder, sig, args):
    value = builder.extract_value(args[0], sig.args[1].number)
    return impl_ret_borrowed(context, builder, sig.return_type, value)
