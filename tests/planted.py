"""Made-up studies whose unknown parameters act in a known way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy.special import ndtri

from matsweep.materials.priors import uniforms

PARAMETERS = tuple(f"device.part.p{number}" for number in range(8))


@dataclass(frozen=True)
class Planted:
    """A material of which a metric is f(z) + chance, with z standard normal and not known.

    Parameters
    ----------
    f : function of a (draw, parameter) array
        Of the parameters' normal scores.
    chance : float or function of the same array
        Standard deviation of what differs between chips of the same parameters.
    parameters : int
        Number that is drawn, the first ones of `PARAMETERS`.
    """

    f: Callable[[np.ndarray], np.ndarray]
    chance: float | Callable[[np.ndarray], np.ndarray] = 0.0
    parameters: int = len(PARAMETERS)


def planted(
    materials: Mapping[str, Planted], draws: int, seed: int, common: float = 0.0
) -> xr.Dataset:
    """Make the results of a study, with the draws that a study of this seed has.

    `common` is the standard deviation of chance that is the same in all candidates.
    """
    rng = np.random.default_rng([seed, 7])
    shared = common * rng.normal(size=draws)
    accuracy = np.empty((len(materials), draws))
    unknown = np.full((len(materials), draws, len(PARAMETERS)), np.nan)
    for row, (name, material) in enumerate(materials.items()):
        count = material.parameters
        z = ndtri(uniforms(seed, name, range(draws), range(count)))
        spread = material.chance(z) if callable(material.chance) else material.chance
        accuracy[row] = material.f(z) + spread * rng.normal(size=draws) + shared
        unknown[row, :, :count] = np.exp(z)  # as log-normal priors give them
    attrs = {"units": "1", "better": "higher", "long_name": "accuracy"}
    return xr.Dataset(
        {
            "accuracy": (("candidate", "realisation"), accuracy, attrs),
            "unknown": (("candidate", "realisation", "parameter"), unknown),
            "status": ("candidate", np.ones(len(materials), dtype=np.int8)),
        },
        {
            "material": ("candidate", np.array(list(materials), dtype=object)),
            "parameter": list(PARAMETERS),
        },
    )
