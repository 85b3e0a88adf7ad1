"""Product on drawn devices in JAX: forward as the simulation's, gradients straight through."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from matsweep.networks.training.libraries import jax
from matsweep.networks.training.parameters import Array


class Plan(NamedTuple):
    """Shape of a product, for which its computation is compiled.

    Parameters
    ----------
    tiles : tuple of int
        First input of each tile of rows; their number.
    blocks : int
        On the diagonal.
    noisy : bool
        Whether reads or conversions have noise.
    cycles : int
        Bits of an input that is applied bit by bit; 1: at once.
    """

    tiles: tuple[int, ...]
    blocks: int
    noisy: bool
    cycles: int


class Devices(NamedTuple):
    """Devices of a matrix in codes, as `machine.columns` has them.

    Parameters
    ----------
    weights : (row_tile, input, column) float32 array, codes
        For each code of the DAC.
    variances : (row_tile, input, column) float32 array, codes²
        Of the read noise, for each squared code of the DAC; no tiles of rows without it.
    begins : (row_tile, column) float32 array, codes
        Fixed error of each column.
    scale : (slice, output) float32 array
        Value of a code, compensations included.
    offset : (output,) float32 array
        Added to the products.
    zero : (output,) float32 array
        Value of weight zero for each code of the DAC, which is subtracted digitally.
    inputs : (3,) float32 array
        Codes of the DAC per unit of an input, its smallest and its largest code.
    limits : (3,) float32 array
        Smallest and largest code of the ADC, and the variance of its noise in codes².
    """

    weights: Array
    variances: Array
    begins: Array
    scale: Array
    offset: Array
    zero: Array
    inputs: Array
    limits: Array


class _Kept(NamedTuple):
    """Intermediate results that the gradient needs."""

    codes: Array  # (row, input)
    driven: Array  # (row, input) of bool: the DAC does not clip
    converted: Array  # (row_tile, row, slice, output) of bool: the ADC does not saturate


@functools.cache
def device_product() -> Callable[..., Array]:
    """Return the product of rows with a matrix on devices.

    A function of the plan, the clean weight ([block,] input, output), rows (row, input), `Devices`
    and the data of a key, to values (row, output). For each tile of rows

        c = clip(rint(b + q G + sqrt(q² V + v) ξ)),   q = clip(rint(x a)),

    with G the weights, V their variances, b the fixed errors, v the variance of the converters and
    ξ standard normal; the codes c of all tiles and slices are added. Where a product takes several
    conversions on the circuits (phases, bits of a serial input), here it takes one.

    The gradient passes straight through both roundings: to inputs by the devices as they are, and
    not where the DAC clips; to the clean weights by the inputs as they were converted. A conversion
    that saturates passes none of its tile's. That of the noise to the inputs is left out.

    Returns
    -------
    callable

    References
    ----------
    V. Joshi et al., Nat. Commun. 11:2473, 2020, doi:10.1038/s41467-020-16108-9; M. J. Rasch et al.,
    Nat. Commun. 14:5282, 2023, doi:10.1038/s41467-023-40770-4.
    """
    product = jax().custom_vjp(_values, nondiff_argnums=(0,))
    product.defvjp(_forward, _backward)
    multiply: Callable[..., Array] = product
    return multiply


def _values(plan: Plan, weight: Array, rows: Array, devices: Devices, key: Array) -> Array:
    return _multiplied(plan, rows, devices, key)[0]


def _forward(
    plan: Plan, weight: Array, rows: Array, devices: Devices, key: Array
) -> tuple[Array, tuple[_Kept, Devices]]:
    values, kept = _multiplied(plan, rows, devices, key)
    return values, (kept, devices)


def _multiplied(plan: Plan, rows: Array, devices: Devices, key: Array) -> tuple[Array, _Kept]:
    np_ = jax().numpy
    per_unit, low, high = devices.inputs
    rounded = np_.rint(rows * per_unit)
    codes = np_.clip(rounded, low, high)
    smallest, largest, variance = devices.limits
    slices, outputs = devices.scale.shape
    shape = len(devices.begins), len(rows), slices * outputs
    normals = _normals(key, shape) if plan.noisy else None
    squares = _squares(codes, plan.cycles) if len(devices.variances) else None
    total, converted = np_.zeros(shape[1:], rows.dtype), []
    for tile, own in enumerate(_tiles(plan)):
        length = own.stop - own.start
        sums = codes[:, own] @ devices.weights[tile, :length] + devices.begins[tile]
        if normals is not None:
            spread = variance
            if squares is not None:
                spread += squares[:, own] @ devices.variances[tile, :length]
            sums += np_.sqrt(spread) * normals[tile]
        read = np_.rint(sums)
        kept = np_.clip(read, smallest, largest)
        converted.append(read == kept)
        total += kept
    values = (total.reshape(-1, slices, outputs) * devices.scale).sum(axis=1) + devices.offset
    values -= codes.sum(axis=1, keepdims=True) * devices.zero
    mask = np_.stack(converted).reshape(len(converted), -1, slices, outputs)
    return values, _Kept(codes, codes == rounded, mask)


def _backward(
    plan: Plan, kept: tuple[_Kept, Devices], gradient: Array
) -> tuple[Array, Array, None, None]:
    np_ = jax().numpy
    (codes, driven, converted), devices = kept
    scale = devices.scale
    share = np_.abs(scale) / np_.maximum(np_.abs(scale).sum(axis=0), np_.finfo(scale.dtype).tiny)
    weights, inputs = [], []
    for tile, own in enumerate(_tiles(plan)):
        columns = np_.where(converted[tile], gradient[:, None] * scale, 0)
        # Of a weight in slices the share of its value that has not saturated.
        reached = gradient * (converted[tile] * share).sum(axis=1)
        through = devices.weights[tile, : own.stop - own.start]
        back = columns.reshape(len(columns), -1) @ through.T
        inputs.append(back - reached @ devices.zero[:, None])
        weights.append(codes[:, own].T @ reached)
    per_unit = devices.inputs[0]
    dense = np_.concatenate(weights) / per_unit
    to_rows = np_.where(driven, np_.concatenate(inputs, axis=1) * per_unit, 0)
    return _blocks(dense, plan.blocks), to_rows, None, None


def _tiles(plan: Plan) -> list[slice]:
    return [slice(*each) for each in zip(plan.tiles[:-1], plan.tiles[1:], strict=True)]


def _normals(key: Array, shape: tuple[int, ...]) -> Array:
    return jax().random.normal(jax().random.wrap_key_data(key, impl="threefry2x32"), shape)


def _squares(codes: Array, cycles: int) -> Array:
    """Return the squared codes, or of bits that are applied one by one the sum of their squares."""
    np_ = jax().numpy
    if cycles == 1:
        return np_.square(codes)
    whole = np_.abs(codes).astype(np_.int32)
    bits: Any = ((whole >> cycle) & 1 for cycle in range(cycles))
    return sum(bit * np_.float32(4.0**cycle) for cycle, bit in enumerate(bits))


def _blocks(dense: Array, blocks: int) -> Array:
    """Return the blocks (block, input, output) on the diagonal of a dense matrix."""
    if blocks == 1:
        return dense[None]
    np_ = jax().numpy
    places = np_.arange(blocks)
    inputs, outputs = dense.shape[0] // blocks, dense.shape[1] // blocks
    return dense.reshape(blocks, inputs, blocks, outputs)[places, :, places]
