"""Learning in the crossbar, one realisation at a time: forward, backward, pulses.

Compiled by numba on first use and kept on disk. Importing this package is quick: its modules, and
numba, are imported when one of their functions is first used. A learning rule's kernel calls
them as `core.pulse`, `core.by_count` and so on.

Synapses of all layers lie behind each other in one axis, a layer's as (row, column). A device's
state x is its conductance as a fraction of the range g_min … g_max. The signals and variances that
products use are kept next to the states and updated device by device as pulses change them:

    signal = seen f(x) (one device) or seen+ f(x+) - seen- f(x-) (two), less the reference's, where
    f(x) is what a device conducts behind its access device beyond state 0 (x without one),
    variance = variance of one read of the synapse, in ranges squared.

Random numbers are Philox's, by the realisation's key and a counter that only it advances, so that
no bit depends on the other realisations computed in the same run.
"""

import importlib
from typing import Any

_FUNCTIONS = {
    "counts": ("accumulate", "by_count"),
    "draws": ("bit_words", "normals", "ones", "uniform"),
    "epoch": ("judge", "learn", "update_of"),
    "listing": ("counted", "halved", "larger", "listed", "partner", "passed"),
    "propagation": ("sample",),
    "pulses": ("behind", "give", "interpolated", "pulse", "see_all", "step_of"),
    "structures": ("Circuit", "Devices", "Settings", "State", "Work"),
}
_MODULES = {name: module for module, names in _FUNCTIONS.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a function's module at its first use."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    function = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = function
    return function
