"""ONNX and ONNX Runtime, imported when a network is first used."""

from __future__ import annotations

import functools
import importlib
from typing import Any

from matsweep.core.checks import UserError


@functools.cache
def onnx() -> Any:
    """Return the module `onnx`, with the parts that import uses.

    Returns
    -------
    module

    Raises
    ------
    UserError
        If it is not installed.
    """
    module = imported("onnx", of="networks", extra="networks")
    for part in (
        "checker",
        "helper",
        "inliner",
        "numpy_helper",
        "shape_inference",
        "version_converter",
    ):
        importlib.import_module(f"onnx.{part}")
    return module


@functools.cache
def runtime() -> Any:
    """Return the module `onnxruntime`.

    Returns
    -------
    module

    Raises
    ------
    UserError
        If it is not installed.
    """
    return imported("onnxruntime", of="networks", extra="networks")


def imported(name: str, *, of: str, extra: str) -> Any:
    """Import a module of an extra.

    Parameters
    ----------
    name : str
    of : str
        That needs it, in words: "networks".
    extra : str
        That brings it.

    Returns
    -------
    module

    Raises
    ------
    UserError
        If it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        raise UserError(
            f"{of} need{'' if of.endswith('s') else 's'} {name}, which is not installed: pip "
            f"install 'matsweep[{extra}]'"
        ) from None
