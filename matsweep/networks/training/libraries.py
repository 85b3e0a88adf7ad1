"""JAX and Optax, imported when a network is first trained."""

from __future__ import annotations

import functools
import importlib
import os
import sys
from typing import Any

from matsweep.networks.libraries import imported

_FLAGS = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
"""One thread: bits do not depend on the number of cores, and workers share a machine."""


@functools.cache
def jax() -> Any:
    """Return the module `jax`, which computes on one thread of the processor.

    Where a program has imported it before, its own settings hold.

    Returns
    -------
    module

    Raises
    ------
    UserError
        If it is not installed.
    """
    if "jax" not in sys.modules:
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_FLAGS}".strip()
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
        # A product's sum over many rows is divided among as many threads as there are cores: its
        # bits would be those of the machine.
        os.environ["PJRT_NPROC"] = "1"
    module = imported("jax", of="training", extra="training")
    for part in ("jax.numpy", "jax.nn", "jax.lax", "jax.random"):
        importlib.import_module(part)
    return module


@functools.cache
def optax() -> Any:
    """Return the module `optax`.

    Returns
    -------
    module

    Raises
    ------
    UserError
        If it is not installed.
    """
    jax()
    module = imported("optax", of="training", extra="training")
    logs = sys.modules.get("absl.logging")  # imported by it: a handler that closes its stream
    if logs is not None:
        logs.get_absl_handler().python_handler.setStream(sys.__stderr__)
    return module
