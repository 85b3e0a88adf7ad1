"""Inference on tiles: a trained network programmed into devices, read at given times."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass

import numpy as np

from matsweep.core.streams import FloatArray, Streams
from matsweep.crossbar import ADC, DAC, MAPPINGS, Layout, Tile, Wires, layout
from matsweep.crossbar.converters import ColumnErrors
from matsweep.devices import AnalogDevice
from matsweep.devices.analog import Aging
from matsweep.machine.calibration import Target, calibrate
from matsweep.machine.product import (
    Product,
    Scale,
    Wired,
    fractions,
    multiply,
    power,
    voltages,
    wired,
)
from matsweep.workloads.network import Network

_JUDGED = 100  # samples on which the error of a product is measured
_CALIBRATION_READS = 64  # training inputs that a compensation reads


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """What a network runs on.

    Parameters
    ----------
    device : AnalogDevice
    tile : Tile
    dac, adc : DAC, ADC
    wires : Wires or None
        None: ideal.
    """

    device: AnalogDevice
    tile: Tile
    dac: DAC
    adc: ADC
    wires: Wires | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """A layer of a network laid on tiles, before any device is programmed.

    `calibration` are voltages of training inputs, and `wanted` their products with the weights.
    """

    layout: Layout
    scale: Scale
    fractions: FloatArray
    weight: FloatArray
    bias: FloatArray
    calibration: FloatArray
    wanted: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference:
    """What running a network on devices gave.

    Parameters
    ----------
    correct : (realisation, time) array
        Share of the samples classified correctly.
    array_power : (realisation, time) array, W
        Mean over samples of the power that the word lines' drivers give while arrays are read,
        of all layers, summed over the cycles of a serial DAC: sum V² G without wires.
    vmm_error : (realisation, time) array
        Root-mean-square error of the analog products of the first 100 samples, over the
        root-mean-square of the ideal products of the same inputs: the root mean square of all
        layers.
    saturated : (realisation, time) array
        Share of the conversions of all layers that saturated.
    """

    correct: FloatArray
    array_power: FloatArray
    vmm_error: FloatArray
    saturated: FloatArray

    @classmethod
    def joined(cls, parts: list[Inference]) -> Inference:
        """Put realisations together."""
        return cls(
            **{
                field.name: np.concatenate([getattr(part, field.name) for part in parts])
                for field in dataclasses.fields(cls)
            }
        )


def run_inference(
    network: Network, hardware: Hardware, *, times: tuple[float, ...], rng: Streams
) -> Inference:
    """Program a network into devices and classify its held-out samples at given times.

    Devices are programmed once; each then ages in a way of its own, and every read has noise of
    its own.

    Parameters
    ----------
    network : Network
    hardware : Hardware
    times : tuple of float, s
        Since programming.
    rng : Streams
        One stream a realisation.

    Returns
    -------
    Inference
    """
    layers, images = mapped(network, hardware)
    programmed = [ProgrammedLayer.of(layer, hardware, rng) for layer in layers]
    shape = len(rng), len(times)
    found = Inference(**{f.name: np.zeros(shape) for f in dataclasses.fields(Inference)})
    conversions = sum(_conversions(layer, hardware.dac) for layer in layers)
    for index, time in enumerate(times):
        inputs, voltage = network.images, images
        for number, layer in enumerate(layers):
            product, watts = programmed[number].read(voltage, time, rng)
            values = product.values
            found.array_power[:, index] += watts
            share = _conversions(layer, hardware.dac) / conversions
            found.saturated[:, index] += share * product.saturated
            error = _error(values, inputs, layer)
            found.vmm_error[:, index] += error**2 / len(layers)
            values += layer.bias
            if number < len(layers) - 1:
                np.maximum(values, 0, out=values)
                following = layers[number + 1]
                inputs = values
                voltage = voltages(values, following.scale, hardware.dac, following.layout)
        found.correct[:, index] = np.mean(values.argmax(axis=-1) == network.labels, axis=-1)
    np.sqrt(found.vmm_error, out=found.vmm_error)
    return found


def _conversions(layer: Mapped, dac: DAC) -> int:
    cycles = dac.cycles(signed=layer.scale.signed)
    return layer.layout.row_tiles * layer.layout.columns * cycles


def _error(values: FloatArray, inputs: FloatArray, layer: Mapped) -> FloatArray:
    """Return the error of each realisation's products, (realisation,), over the ideal ones."""
    ideal = np.matmul(inputs[..., :_JUDGED, :], layer.weight)
    size = np.sqrt(np.mean(np.square(ideal), axis=(-1, -2)))
    wrong = np.sqrt(np.mean(np.square(values[:, :_JUDGED] - ideal), axis=(-1, -2)))
    return np.asarray(wrong / np.maximum(size, np.finfo(size.dtype).tiny), np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProgrammedLayer:
    """A layer's devices after programming, with all they have of their own.

    Parameters
    ----------
    layer : Mapped
    hardware : Hardware
    conductance : (realisation, row_tile, arm, row, column) array, S
    aging : Aging
    errors : ColumnErrors
    gain : (realisation, 1, 1) array
        By which outputs are multiplied, where the mean voltage drop is compensated.
    first : (realisation,) array or None
        Mean magnitude of the calibration reads after programming, where drift is compensated.
    """

    layer: Mapped
    hardware: Hardware
    conductance: FloatArray
    aging: Aging
    errors: ColumnErrors
    gain: FloatArray
    first: FloatArray | None

    @classmethod
    def of(cls, layer: Mapped, hardware: Hardware, rng: Streams) -> ProgrammedLayer:
        """Program a layer, and make the calibration reads that its compensations need.

        They are made at the time for which the device's programming is stated
        (`Drift.time_zero`), with the read noise of that time.
        """
        device, plan = hardware.device, layer.layout
        conductance = program(layer, device, rng)
        aging = device.aging(conductance, rng=rng)
        shape = len(rng), plan.row_tiles, plan.columns
        made = cls(
            layer=layer,
            hardware=hardware,
            conductance=conductance,
            aging=aging,
            errors=hardware.adc.errors(shape, rng=rng),
            gain=np.ones((len(rng), 1, 1), conductance.dtype),
            first=None,
        )
        tile = hardware.tile
        if not (tile.compensate_wires or tile.compensate_drift):
            return made
        time = device.drift.time_zero
        now = device.aged(conductance, time, aging)
        found = made._product(layer.calibration, now, made._seen(now, power=False), time, rng)
        values = found.converted
        if tile.compensate_wires:
            if found.subtracted is None:
                gain = _gain(_apart(values), _apart(layer.wanted))
            else:  # the common part of the currents must come to what is subtracted from it
                gain = _gain(values, layer.wanted + found.subtracted)
            made = dataclasses.replace(made, gain=gain)
        if tile.compensate_drift:
            made = dataclasses.replace(made, first=np.abs(values).mean(axis=(-1, -2)))
        return made

    def read(self, voltage: FloatArray, time: float, rng: Streams) -> tuple[Product, FloatArray]:
        """Multiply inputs at a time since programming; also the drivers' mean power, W."""
        device, tile = self.hardware.device, self.hardware.tile
        conductance = device.aged(self.conductance, time, self.aging)
        seen = self._seen(conductance, power=True)
        product = self._product(voltage, conductance, seen, time, rng)
        gain = self.gain
        if self.first is not None:
            now = self._product(self.layer.calibration, conductance, seen, time, rng).converted
            left = np.abs(now).mean(axis=(-1, -2))
            ratio = self.first / np.maximum(left, np.finfo(left.dtype).tiny)
            gain = gain * ratio[:, None, None]
        if tile.compensate_wires or tile.compensate_drift:
            product = product._replace(values=product.scaled(gain))
        return product, device.read_voltage**2 * power(voltage, seen)

    def _seen(self, conductance: FloatArray, *, power: bool) -> Wired:
        access = self.hardware.tile.access_resistance
        return wired(conductance, self.layer.layout, self.hardware.wires, access, power=power)

    def _product(
        self, voltage: FloatArray, conductance: FloatArray, seen: Wired, time: float, rng: Streams
    ) -> Product:
        return multiply(
            voltage,
            conductance,
            self.hardware.device,
            self.hardware.dac,
            self.hardware.adc,
            self.layer.scale,
            self.layer.layout,
            time=time,
            rng=rng,
            seen=None if seen.conductance is conductance else seen.conductance,
            access=self.hardware.tile.access_resistance,
            errors=self.errors,
        )


def _gain(values: FloatArray, wanted: FloatArray) -> FloatArray:
    """Return the factor (realisation, 1, 1) that brings values closest to those wanted.

    1 where all values are zero: no factor mends those.
    """
    along = np.sum(values * wanted, axis=(-1, -2), keepdims=True)
    size = np.sum(values * values, axis=(-1, -2), keepdims=True)
    return np.divide(along, size, out=np.ones_like(along), where=size > 0)


def _apart(values: FloatArray) -> FloatArray:
    """Return what tells values (…, sample, output) apart: without each output's and sample's mean.

    A reference column that loses more or less than others adds the same to all outputs of a
    sample; that is no attenuation, and outweighs it where conductances have much in common.
    """
    found = values - values.mean(axis=-2, keepdims=True)
    if values.shape[-1] > 1:
        found -= found.mean(axis=-1, keepdims=True)
    return np.asarray(found)


def mapped(network: Network, hardware: Hardware) -> tuple[tuple[Mapped, ...], FloatArray]:
    """Lay a network on tiles, calibrate its converters on training data, and convert its images.

    Without wires, and where currents are subtracted before they are converted, nothing here
    depends on the device but its levels (and its range, if the ADC has a full scale in amperes),
    so that most candidates of a sweep share it.
    """
    device, tile = hardware.device, hardware.tile
    adc = _relative(hardware.adc, device.read_voltage * device.g_range)
    target = Target(0.0, 1.0, device.levels, None, 0.0)
    plain = hardware.wires is None and not tile.access_resistance
    if not (plain and MAPPINGS[tile.mapping].signed):
        target = Target(
            device.g_min, device.g_range, device.levels, hardware.wires, tile.access_resistance
        )
    return _mapped(network, tile, hardware.dac, adc, target)


def _relative(adc: ADC, unit: float) -> ADC:
    """Return the converter with its full scales [A] over a unit of current [A]."""
    fixed, least = (
        None if each is None else each / unit for each in (adc.full_scale, adc.least_full_scale)
    )
    return dataclasses.replace(adc, full_scale=fixed, least_full_scale=least)


@functools.lru_cache(maxsize=8)
def _mapped(
    network: Network, tile: Tile, dac: DAC, adc: ADC, target: Target
) -> tuple[tuple[Mapped, ...], FloatArray]:
    layers = []
    for weight, bias, inputs in zip(
        network.weights, network.biases, network.calibration, strict=True
    ):
        plan = layout(weight.shape[0], weight.shape[1], tile, target.levels)
        scale = calibrate(weight, inputs, plan, target, dac, adc)
        share = fractions(weight * weight.dtype.type(1 / scale.weight), plan)
        some = inputs[:: max(1, len(inputs) // _CALIBRATION_READS)][:_CALIBRATION_READS]
        layers.append(
            Mapped(
                layout=plan,
                scale=scale,
                fractions=share,
                weight=weight,
                bias=bias,
                calibration=voltages(some, scale, dac, plan),
                wanted=some @ weight,
            )
        )
    return tuple(layers), voltages(network.images, layers[0].scale, dac, layers[0].layout)


def program(layer: Mapped, device: AnalogDevice, rng: Streams) -> FloatArray:
    """Return the conductances (realisation, row_tile, arm, row, column) [S] of a layer."""
    target = layer.fractions * layer.fractions.dtype.type(device.g_range)
    target += target.dtype.type(device.g_min)
    return device.program(target, rng=rng, size=(len(rng), *target.shape)).conductance
