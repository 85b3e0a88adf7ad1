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
from matsweep.networks.training.errors import Drawn, Traced
from matsweep.networks.training.libraries import jax
from matsweep.networks.training.parameters import Array, Parameters
from matsweep.networks.training.recalibration import calibrated
from matsweep.networks.training.settings import Training

_OUTPUT_PERCENTILE = 99.9  # of products that are converted without saturation, as of `ADC`


class Converters(NamedTuple):
    """Converters around all weights, as the settings of a training have them.

    Parameters
    ----------
    input_bits, output_bits : int or None
    input_noise, output_noise : float
    """

    input_bits: int | None
    output_bits: int | None
    input_noise: float
    output_noise: float

    @classmethod
    def of(cls, settings: Training) -> Converters:
        """Return those of a training.

        Parameters
        ----------
        settings : Training

        Returns
        -------
        Converters
        """
        return cls(
            settings.input_bits, settings.output_bits, settings.input_noise, settings.output_noise
        )


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
        """Calibrate converters, where there are any.

        Parameters
        ----------
        parameters : Parameters
            NumPy arrays.
        """
        converters = Converters.of(self.settings)
        if not any(converters):
            return
        recorded = calibrated(self.network, parameters, self.calibration)
        self._ranges = {
            name: _ranges(each.rows, parameters.weights[name], converters)
            for name, each in recorded.items()
        }

    def draw(self, step: int, parameters: Parameters) -> Drawn:
        """Draw the errors of all weights.

        Parameters
        ----------
        step : int
        parameters : Parameters

        Returns
        -------
        Drawn
        """
        rng = training_streams(self.settings.seed, step)
        errors = {
            name: _errors(weight, float(self.settings.noise or 0), rng.at(f"layer {name}"))
            for name, weight in parameters.weights.items()
            if self.settings.noise
        }
        return Drawn(Converters.of(self.settings), (errors, self._ranges))

    @property
    def products(self) -> Traced:
        """Products with Gaussian errors."""
        return gaussian_products


def gaussian_products(
    network: Network, parameters: Parameters, plan: Hashable, numbers: Any, key: Array
) -> dict[str, Product]:
    """Return the products with Gaussian errors, by the weight's name.

    Parameters
    ----------
    network : Network
    parameters : Parameters
    plan : Converters
    numbers : dict of str to array, dict of str to Ranges
        Errors of weights and full scales, by the weight's name, where there are any.
    key : key of JAX
        Of the errors of inputs and products.

    Returns
    -------
    dict of str to Product
    """
    converters: Any = plan
    errors, ranges = numbers
    weights = {
        name: weight + errors[name] if name in errors else weight
        for name, weight in parameters.weights.items()
    }
    exact = exact_products(network, parameters._replace(weights=weights))
    return {
        name: _converted(product, ranges.get(name), converters, named(key, name))
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
    low : float
    high : float

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


def _converted(product: Product, ranges: Ranges | None, own: Converters, key: Array) -> Product:
    """Return a product between converters with noise."""
    if ranges is None:
        return product
    random = jax().random

    def multiplied(rows: Array, call: Array | int) -> Array:
        inputs, outputs = random.split(random.fold_in(key, call))
        if own.input_bits:
            code = ranges.input_code
            rows = straight(rows / code, ranges.lowest / code, ranges.highest / code) * code
        if own.input_noise:
            scale = own.input_noise * ranges.highest
            rows = rows + scale * random.normal(inputs, rows.shape, rows.dtype)
        values = product(rows, call)
        if own.output_noise:
            scale = own.output_noise * ranges.output
            values = values + scale * random.normal(outputs, values.shape, values.dtype)
        if own.output_bits:
            code = ranges.output_code
            high = ranges.output / code
            values = straight(values / code, -high, high) * code
        return values

    return multiplied


def _ranges(rows: FloatArray, weight: FloatArray, own: Converters) -> Ranges:
    """Return full scales: the largest input, and a percentile of the products."""
    signed, highest = bool((rows < 0).any()), percentile(rows, 100.0)
    blocks = weight if weight.ndim == 3 else weight[None]
    parts = rows.reshape(len(rows), len(blocks), -1)
    products = np.einsum("nbi,bio->nbo", parts, blocks, optimize=True)
    output = percentile(products, _OUTPUT_PERCENTILE)
    steps = 2 ** ((own.input_bits or 1) - signed) - 1
    codes = 2 ** ((own.output_bits or 2) - 1) - 1
    return Ranges(*map(np.float32, (
        -highest if signed else 0.0, highest, highest / max(steps, 1), output / codes, output,
    )))  # fmt: skip
