"""Lazy imports: an import before its use costs every worker and every command its time."""

from __future__ import annotations

import os
import subprocess
import sys

import scipy.constants

from matsweep.core import constants

SLOW = "{'pandas', 'xarray', 'matplotlib', 'numba', 'scipy.optimize', 'scipy.stats', 'sklearn'}"


def test_simulate_is_imported_without_what_is_needed_later():
    script = f"import sys, matsweep.simulate; print({SLOW} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "set()"


def test_constants_are_those_of_scipy():
    for name in ("elementary_charge", "k", "h", "hbar", "electron_mass", "epsilon_0"):
        assert getattr(constants, name) == getattr(scipy.constants, name)
    assert constants.flux_quantum == scipy.constants.physical_constants["mag. flux quantum"][0]
