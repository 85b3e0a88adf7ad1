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
    module = _imported("onnx")
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
    return _imported("onnxruntime")


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise UserError(
            f"networks need {name}, which is not installed: pip install 'matsweep[networks]'"
        ) from None
