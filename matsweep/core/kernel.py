"""Kernels: functions that a model brings for compiled loops, compiled when first needed."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any


class Kernel:
    """A function of numbers and arrays, compiled by numba when it is first needed.

    A class and its kernel stand in one module that imports nothing of numba, which takes half a
    second. A kernel is called from Python, from other kernels by its name (as a function that numba
    decorates is), or by compiled loops through its address (`matsweep.core.pointer`); but not by
    name from functions that `matsweep.core.compiled` decorates.

    Parameters
    ----------
    function : callable
        In the part of Python that numba compiles. Global names that it uses may be modules,
        numbers, kernels and compiled functions.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self.function = function

    @functools.cached_property
    def dispatcher(self) -> Any:
        """The function as numba's, which compiles it for each combination of argument types."""
        from matsweep.core import pointer
        from matsweep.core.compiled import compiled

        pointer.register(Kernel)
        return compiled(self.function)

    def __call__(self, *arguments: Any) -> Any:
        """Call the compiled function."""
        return self.dispatcher(*arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the function with its code, as cloudpickle does: its name is the kernel's."""
        return Kernel, (self.function,)


def kernel(function: Callable[..., Any]) -> Kernel:
    """Make a function a kernel.

    Parameters
    ----------
    function : callable
        In the part of Python that numba compiles.

    Returns
    -------
    Kernel
    """
    return Kernel(function)
