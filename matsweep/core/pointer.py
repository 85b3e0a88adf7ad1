"""Addresses of kernels, so that one compiled loop serves all of them.

Import this module where it is called: numba takes half a second.
"""

from __future__ import annotations

from typing import Any

from numba import types

from matsweep.core.kernel import Kernel


class Pointer(types.WrapperAddressProtocol):
    """A kernel compiled for one signature, as an argument of compiled loops.

    Loops that take it are compiled once for the signature, not once for the kernel, and are kept on
    disk. A call through it takes some nanoseconds, is not inlined, and cannot raise.

    Parameters
    ----------
    kernel : Kernel
    signature : numba.core.typing.Signature
        With the type returned, to which a result is converted.
    """

    def __init__(self, kernel: Kernel, signature: Any) -> None:
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
