"""Kernels as numba sees them: by name among the globals of others, and by their address.

Import this module where it is called: numba takes half a second.
"""

from __future__ import annotations

import functools
from typing import Any

from numba import types
from numba.core import imputils
from numba.extending import models, register_model, typeof_impl


class KernelType(types.Dispatcher):
    """The type of a kernel among the globals of another one: as of a function of numba.

    Its value is nothing. Numba's own is an address in this process where a function is handed on
    as an argument, so that code with one could not be kept on disk.
    """


register_model(KernelType)(models.OpaqueModel)


@functools.cache
def register(kernels: type) -> None:
    """Make numba know objects of a class, which have a `dispatcher`, among globals.

    Parameters
    ----------
    kernels : type
        `matsweep.core.kernel.Kernel`, which imports this module.
    """

    def type_of(value: Any, context: Any) -> Any:
        return KernelType(value.dispatcher)

    typeof_impl.register(kernels)(type_of)


def _nothing(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    return context.get_dummy_value()


_lowering: Any = imputils.lower_constant
_lowering(KernelType)(_nothing)


class Pointer(types.WrapperAddressProtocol):
    """A kernel compiled for one signature, as an argument of compiled loops.

    Loops that take it are compiled once for the signature, not once for the kernel, and are kept on
    disk. A call through it takes some nanoseconds, is not inlined, and cannot raise.

    Parameters
    ----------
    kernel : matsweep.core.kernel.Kernel
    signature : numba.core.typing.Signature
        With the type returned, to which a result is converted.
    """

    def __init__(self, kernel: Any, signature: Any) -> None:
        self.kernel = kernel  # keeps the code that the address leads to
        self._signature = signature
        kernel.dispatcher.compile(signature)
        result = kernel.dispatcher.get_compile_result(signature)
        name = result.fndesc.llvm_cfunc_wrapper_name
        self._address = int(result.library.get_pointer_to_function(name))

    def __wrapper_address__(self) -> int:
        """Return the address of the function by C's calling convention."""
        return self._address

    def signature(self) -> Any:
        """Return the types of arguments and result."""
        return self._signature
