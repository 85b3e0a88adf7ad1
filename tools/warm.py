"""Compile the loops that most tests run, so that processes started later find them on disk.

Without it, two processes that need the same loop at the same time would both compile it.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from pathlib import Path

import numpy as np

import matsweep
from matsweep.devices import transient
from matsweep.planning.config import composer, options
from matsweep.planning.loading import load_materials

SMALL = ("executor=serial", "realisations=2", "workload.hidden=[8]")
STUDIES = (
    ("material=pcm_gst", "workload.epochs=1", "wires=metal", "tile.rows=16"),
    ("material=hfox_vcm", "workload.epochs=1", "times=[1]"),
    ("material=ag_a_si", "workload=digits_online", "workload.epochs=1"),
)


COMPILED = ("matsweep.machine.kernels.windows",)  # when they are imported


def main() -> None:
    """Run small studies, and every kind of physics of the catalogue for a few steps."""
    for module in COMPILED:
        importlib.import_module(module)
    with tempfile.TemporaryDirectory() as folder:
        for number, study in enumerate(STUDIES):
            matsweep.explore([*SMALL, *study, f"store={Path(folder, str(number))}.zarr"])
    with composer():
        physics = [loaded.physics for loaded in load_materials(options("material"))]
    time = np.linspace(0, 1e-9, 3)
    kinds = {type(model): model for model in physics if model is not None}
    for model in kinds.values():
        transient(model, time, np.full(3, 1e-3))


if __name__ == "__main__":
    sys.exit(main())
