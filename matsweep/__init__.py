"""Design-space exploration of memristors for neural networks.

The public interface: `explore` runs a sweep, `open_results` opens its results as an xarray Dataset
(with the accessor ``ds.matsweep``), `explain` finds the causes of a candidate's loss,
`load_material` loads one material family, `load_network` a network from an ONNX file, which
`program` programs into devices, `calibrate` fits a device model to measurements, `merge` unites
stores, `export` writes results for other programs and `requirements` derives requirements on
devices and checks them by new candidates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matsweep.core import begun as _begun  # noqa: F401  # before any other import

if TYPE_CHECKING:
    from matsweep.ablation import explain
    from matsweep.chips import program
    from matsweep.exporting import export
    from matsweep.identification.calibration import calibrate
    from matsweep.merging import merge
    from matsweep.networks.load import load_network
    from matsweep.planning.loading import load_material
    from matsweep.results import open_results
    from matsweep.running.study import explore
    from matsweep.running.verification import requirements

_HOMES = {
    "calibrate": "matsweep.identification.calibration",
    "explain": "matsweep.ablation",
    "export": "matsweep.exporting",
    "explore": "matsweep.running.study",
    "load_material": "matsweep.planning.loading",
    "load_network": "matsweep.networks.load",
    "merge": "matsweep.merging",
    "open_results": "matsweep.results",
    "program": "matsweep.chips",
    "requirements": "matsweep.running.verification",
}

__all__ = [
    "calibrate",
    "explain",
    "explore",
    "export",
    "load_material",
    "load_network",
    "merge",
    "open_results",
    "program",
    "requirements",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: a worker needs neither Hydra nor zarr."""
    if name == "__version__":
        from matsweep.core.version import version

        return version()
    if name in _HOMES:
        import importlib

        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'matsweep' has no attribute {name!r}")
