"""Products with Gaussian errors of weights, inputs and outputs."""

from __future__ import annotations

import zlib
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from matsweep.core.streams import FloatArray, Streams, realisation_streams
from matsweep.crossbar.converters import percentile
from matsweep.networks.layer import AnyArray
from matsweep.networks.network import Network
from matsweep.networks.training.differentiable import Product, exact_products
from matsweep.networks.training.errors import Drawn
from matsweep.networks.training.libraries import jax
from matsweep.networks.training.parameters import Array, Parameters
from matsweep.networks.training.recalibration import calibrated
from matsweep.networks.training.settings import Training

_OUTPUT_PERCENTILE = 99.9  # of products that are converted without saturation, as of `ADC`


class Ranges(NamedTuple):
    """Full scales of the converters around a weight, from calibration.

    Parameters
    ----------
    lowest : float32
        Smallest input; 0 where none is negative.
    highest : float32
        Largest input.
    input_code, output_code : float32
        Value of a code; not used where values are exact.
    output : float32
        Full scale of products.
    """

    lowest: np.float32
    highest: np.float32
    input_code: np.float32
    output_code: np.float32
    output: np.float32


@dataclass(slots=True, eq=False)
class GaussianErrors:
    """Errors of a number: Gaussian ones of weights, and those of converters.

    A weight becomes W + η max|W| ξ, with ξ standard normal and new in each step. Inputs are
    converted, get an error, are multiplied, and the products get an error and are converted;
    gradients pass straight through where a converter does not clip.

    Parameters
    ----------
    network : Network
    settings : Training
        Its noise is a number.
    calibration : mapping of str to (sample, …) array
        Inputs that converters are calibrated on.

    References
    ----------
    V. Joshi et al., Nat. Commun. 11:2473, 2020, doi:10.1038/s41467-020-16108-9, Methods; M. J.
    Rasch et al., Nat. Commun. 14:5282, 2023, doi:10.1038/s41467-023-40770-4, Methods.
    """

    network: Network
    settings: Training
    calibration: Mapping[str, AnyArray]
    _ranges: dict[str, Ranges] = field(default_factory=dict)

    def begin(self, parameters: Parameters) -> None:
        """Calibrate converters, where there are any."""
        own = self.settings
        if not (own.input_bits or own.output_bits or own.input_noise or own.output_noise):
            return
        recorded = calibrated(self.network, parameters, self.calibration)
        self._ranges = {
            name: _ranges(each.rows, parameters.weights[name], own)
            for name, each in recorded.items()
        }

    def draw(self, step: int, parameters: Parameters) -> Drawn:
        """Draw the errors of all weights."""
        rng = training_streams(self.settings.seed, step)
        errors = {
            name: _errors(weight, float(self.settings.noise or 0), rng.at(f"layer {name}"))
            for name, weight in parameters.weights.items()
            if self.settings.noise
        }
        return Drawn((), (errors, self._ranges))

    def products(
        self, parameters: Parameters, plan: Hashable, numbers: Any, key: Array
    ) -> dict[str, Product]:
        """Return the products with errors, by the weight's name."""
        errors, ranges = numbers
        weights = {
            name: weight + errors[name] if name in errors else weight
            for name, weight in parameters.weights.items()
        }
        exact = exact_products(self.network, parameters._replace(weights=weights))
        return {
            name: _converted(product, ranges.get(name), self.settings, named(key, name))
            for name, product in exact.items()
        }


def named(key: Array, name: str) -> Array:
    """Return the key of a name's random numbers, whatever other names there are.

    Parameters
    ----------
    key : key of JAX
    name : str

    Returns
    -------
    key of JAX
    """
    return jax().random.fold_in(key, zlib.crc32(name.encode()))


def straight(values: Array, low: Array, high: Array) -> Array:
    """Round to whole numbers and clip; the gradient is 1, and 0 where values are clipped.

    Parameters
    ----------
    values : (…) array
    low, high : float

    Returns
    -------
    (…) array
    """
    kept = jax().numpy.clip(values, low, high)
    return kept + jax().lax.stop_gradient(jax().numpy.rint(kept) - kept)


def training_streams(seed: int, step: int) -> Streams:
    """Return the random numbers of a step, which are none of a study's realisations.

    Parameters
    ----------
    seed : int
        Of the training.
    step : int

    Returns
    -------
    Streams
        Of one realisation.
    """
    return realisation_streams(seed, (step,)).at("training")


def _errors(weight: Array, noise: float, rng: Streams) -> FloatArray:
    """Draw the errors of a weight, as shares of its largest magnitude."""
    values = np.asarray(weight)
    errors = rng.standard_normal((1, *values.shape), np.float32)[0]
    return np.asarray(errors * np.float32(noise * np.abs(values).max()))


def _converted(product: Product, ranges: Ranges | None, settings: Training, key: Array) -> Product:
    """Return a product between converters with noise."""
    if ranges is None:
        return product
    random = jax().random

    def multiplied(rows: Array, call: Array | int) -> Array:
        own = random.fold_in(random.fold_in(key, 1), call)
        inputs, outputs = random.split(own)
        if settings.input_bits:
            code = ranges.input_code
            rows = straight(rows / code, ranges.lowest / code, ranges.highest / code) * code
        if settings.input_noise:
            scale = settings.input_noise * ranges.highest
            rows = rows + scale * random.normal(inputs, rows.shape, rows.dtype)
        values = product(rows, call)
        if settings.output_noise:
            scale = settings.output_noise * ranges.output
            values = values + scale * random.normal(outputs, values.shape, values.dtype)
        if settings.output_bits:
            code = ranges.output_code
            high = ranges.output / code
            values = straight(values / code, -high, high) * code
        return values

    return multiplied


def _ranges(rows: FloatArray, weight: FloatArray, settings: Training) -> Ranges:
    """Return full scales: the largest input, and a percentile of the products."""
    signed, highest = bool((rows < 0).any()), percentile(rows, 100.0)
    blocks = weight if weight.ndim == 3 else weight[None]
    parts = rows.reshape(len(rows), len(blocks), -1)
    products = np.einsum("nbi,bio->nbo", parts, blocks, optimize=True)
    output = percentile(products, _OUTPUT_PERCENTILE)
    steps = 2 ** ((settings.input_bits or 1) - signed) - 1
    codes = 2 ** ((settings.output_bits or 2) - 1) - 1
    return Ranges(*map(np.float32, (
        -highest if signed else 0.0, highest, highest / max(steps, 1), output / codes, output,
    )))  # fmt: skip
