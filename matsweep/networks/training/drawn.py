"""Errors of a candidate's devices: one chip for each step, programmed by the simulation."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from matsweep.core.streams import FloatArray, Streams
from matsweep.machine.columns import columns, conversion
from matsweep.machine.hardware import Hardware
from matsweep.machine.mapped import Mapped, map_matrices
from matsweep.machine.matrix import Matrix, block_diagonal
from matsweep.networks.layer import AnyArray, Weight
from matsweep.networks.matrices import network_weights
from matsweep.networks.network import Network
from matsweep.networks.products import DeviceProduct, Part, ProgrammedWeight, of_weight
from matsweep.networks.recording import Recorded
from matsweep.networks.training.device_product import Devices, Plan, device_product
from matsweep.networks.training.differentiable import Product
from matsweep.networks.training.errors import Drawn, Traced
from matsweep.networks.training.libraries import jax
from matsweep.networks.training.parameters import Array, Parameters
from matsweep.networks.training.products import named, training_streams
from matsweep.networks.training.recalibration import calibrated
from matsweep.networks.training.settings import Training


@dataclass(slots=True, eq=False)
class DeviceErrors:
    """Errors of devices: a chip programmed with the weights of each step.

    The full scales of its converters are those of the weights at the beginning of the epoch.

    Parameters
    ----------
    network : Network
    settings : Training
    calibration : mapping of str to (sample, …) array
        Inputs that converters and compensations are calibrated on.
    hardware : sequence of Hardware
        Used in turn.
    times : sequence of float, s
        Since programming; in turn, too, so that each hardware meets each of them.
    """

    network: Network
    settings: Training
    calibration: Mapping[str, AnyArray]
    hardware: Sequence[Hardware]
    times: Sequence[float]
    _weights: tuple[Weight, ...] = ()
    _matrices: tuple[Matrix, ...] = ()
    _tiled: dict[int, dict[str, tuple[Mapped, ...]]] = field(default_factory=dict)

    def begin(self, parameters: Parameters) -> None:
        """Calibrate all hardware on inputs of the weights as they are now.

        Parameters
        ----------
        parameters : Parameters
            NumPy arrays.
        """
        recorded = calibrated(self.network, parameters, self.calibration)
        self._weights = network_weights(self.network)
        self._matrices = tuple(
            _matrix(parameters.weights[weight.name], recorded[weight.name])
            for weight in self._weights
        )
        self._tiled = {}

    def draw(self, step: int, parameters: Parameters) -> Drawn:
        """Program a chip, and let it age.

        Parameters
        ----------
        step : int
        parameters : Parameters

        Returns
        -------
        Drawn
        """
        number, place = _turn(step, len(self.hardware), len(self.times))
        hardware, time = self.hardware[number], self.times[place]
        rng = training_streams(self.settings.seed, step)
        if number not in self._tiled:
            self._tiled[number] = self._mapped(hardware)
        plans, numbers = [], {}
        for weight in self._weights:
            values = np.asarray(parameters.weights[weight.name])
            mapped = self._holding(values, self._tiled[number][weight.name], hardware)
            own = Weight(name=weight.name, values=values)
            packs = programmed(own, mapped, hardware, time, rng)
            parts = [devices(part, blocks) for part, blocks in packs]
            plans.append((weight.name, tuple(plan for plan, _ in parts)))
            numbers[weight.name] = tuple(own for _, own in parts)
        return Drawn(tuple(plans), numbers)

    @property
    def products(self) -> Traced:
        """Products on the chip."""
        return chip_products

    def _mapped(self, hardware: Hardware) -> dict[str, tuple[Mapped, ...]]:
        """Lay the weights of the epoch's beginning out on tiles."""
        mapped = iter(map_matrices(self._matrices, hardware))
        return {
            weight.name: tuple(
                next(mapped) for _ in matrix.split(hardware.tile, hardware.device.levels)
            )
            for weight, matrix in zip(self._weights, self._matrices, strict=True)
        }

    def _holding(
        self, values: FloatArray, mapped: Sequence[Mapped], hardware: Hardware
    ) -> tuple[Mapped, ...]:
        """Put other weights on the tiles of a weight's packs."""
        packs = _packs(values, mapped)
        if mapped[0].scale.loads is None:
            return tuple(own.holding(pack) for own, pack in zip(mapped, packs, strict=True))
        # The ranges of voltages belong to the weights.
        matrices = (
            Matrix(weight=pack, calibration=own.matrix.calibration, signed=own.matrix.signed)
            for own, pack in zip(mapped, packs, strict=True)
        )
        return map_matrices(tuple(matrices), hardware)


def chip_products(
    network: Network, parameters: Parameters, plan: Hashable, numbers: Any, key: Array
) -> dict[str, Product]:
    """Return the products on a chip, by the weight's name.

    Parameters
    ----------
    network : Network
    parameters : Parameters
    plan : tuple of (str, tuple of Plan)
        Of each weight, by its name.
    numbers : dict of str to tuple of Devices
    key : key of JAX
        Of the noise of reads and converters.

    Returns
    -------
    dict of str to Product
    """
    plans: Any = plan
    return {
        name: product(own, parameters.weights[name], numbers[name], named(key, name))
        for name, own in plans
    }


def programmed(
    weight: Weight, mapped: Sequence[Mapped], hardware: Hardware, time: float, rng: Streams
) -> list[tuple[Part, int]]:
    """Program a weight, and return its packs at a time, each with its number of blocks.

    Parameters
    ----------
    weight : Weight
        Without bias: it is added elsewhere.
    mapped : sequence of Mapped
        Of its packs.
    hardware : Hardware
    time : float, s
        Since programming.
    rng : Streams
        Of one realisation.

    Returns
    -------
    list of (Part, int)
    """
    chip = ProgrammedWeight.program(weight, mapped, hardware, rng=of_weight(rng, weight))
    aged = [pack.programmed.at(time, power=False) for pack in chip.packs]
    product = DeviceProduct(chip, aged, 0, f"{time} s", "", None)
    rows = weight.values.shape[-2]
    return [(part, (part.inputs.stop - part.inputs.start) // rows) for part in product.parts]


def devices(part: Part, blocks: int = 1) -> tuple[Plan, Devices]:
    """Return the devices of a matrix in codes, with what follows its products digitally.

    Parameters
    ----------
    part : Part
    blocks : int
        On the diagonal of the matrix.

    Returns
    -------
    Plan, Devices
        NumPy arrays.
    """
    aged = part.aged.devices.of(0)
    mapped, hardware = aged.mapped, aged.hardware
    layout, scale = mapped.layout, mapped.scale
    shape = layout.row_tiles, layout.tile_inputs, layout.columns
    weights, variances = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    begins = np.zeros((layout.row_tiles, layout.columns), np.float32)
    tiles, reads = [0], False
    for tile, own in enumerate(columns(aged)):
        tiles.append(tiles[-1] + len(own.weights))
        weights[tile, : len(own.weights)] = own.weights
        if own.variances is not None:
            reads = True
            variances[tile, : len(own.weights)] = own.variances
        if own.begins is not None:
            begins[tile] = own.begins
    codes = conversion(aged)
    unit, steps = np.float32(1), hardware.dac.steps(signed=scale.signed)
    factor = np.ones(layout.outputs, np.float32) if part.scale is None else part.scale
    zero = np.zeros(layout.outputs, np.float32)
    if not layout.mapping.signed:
        device = hardware.device
        common = layout.cells * layout.worth.sum() * device.g_min / device.g_range + unit
        # The gain of the currents acts on no number.
        zero = (
            factor / np.float32(part.gain) * np.float32(common * scale.weight * scale.input / steps)
        )
    plan = Plan(
        tiles=tuple(tiles),
        blocks=blocks,
        noisy=reads or bool(hardware.adc.noise),
        cycles=hardware.dac.cycles(signed=scale.signed),
    )
    return plan, Devices(
        weights=weights,
        variances=variances if reads else variances[:0],
        begins=begins,
        scale=np.asarray(codes.scale * factor, np.float32),
        offset=np.zeros(layout.outputs, np.float32) if part.offset is None else part.offset,
        zero=zero,
        inputs=np.array(codes.inputs),
        limits=np.array(codes.limits),
    )


def product(plans: Sequence[Plan], weight: Array, drawn: Sequence[Devices], key: Array) -> Product:
    """Return the product with a weight on devices.

    Parameters
    ----------
    plans : sequence of Plan
        Of its packs.
    weight : ([block,] input, output) array
        Without errors.
    drawn : sequence of Devices
        Of its packs.
    key : key of JAX

    Returns
    -------
    Product
    """
    blocks = weight if weight.ndim == 3 else weight[None]

    def multiplied(rows: Array, call: Array | int) -> Array:
        np_, random = jax().numpy, jax().random
        own = random.fold_in(key, call)
        lead, flat = rows.shape[:2], rows.reshape(-1, rows.shape[-1])
        parts, first, block = [], 0, 0
        for number, (plan, each) in enumerate(zip(plans, drawn, strict=True)):
            last = first + plan.tiles[-1]
            data = random.key_data(random.fold_in(own, number))
            pack = blocks[block : block + plan.blocks]
            parts.append(device_product()(plan, pack, flat[:, first:last], each, data))
            first, block = last, block + plan.blocks
        values = parts[0] if len(parts) == 1 else np_.concatenate(parts, axis=-1)
        return values.reshape(*lead, -1)

    return multiplied


def _turn(step: int, hardware: int, times: int) -> tuple[int, int]:
    """Return the places of a step's hardware and time.

    Both change with each step, so that a few steps meet all of either; a round of both begins one
    time later than the one before, so that as many steps as there are pairs meet all of them.
    """
    return step % hardware, (step + step // math.lcm(hardware, times)) % times


def _matrix(values: FloatArray, recorded: Recorded) -> Matrix:
    rows = recorded.rows
    return Matrix(weight=values, calibration=rows, signed=bool((rows < 0).any()))


def _packs(values: FloatArray, mapped: Sequence[Mapped]) -> list[FloatArray]:
    """Return the dense matrices of a weight's packs."""
    if values.ndim == 2:
        return [values]
    packs, first = [], 0
    for own in mapped:
        last = first + own.matrix.inputs // values.shape[1]
        packs.append(block_diagonal(values[first:last]))
        first = last
    return packs
