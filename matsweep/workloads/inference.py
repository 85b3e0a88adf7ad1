"""Inference on tiles: a trained network programmed into devices, read at given times."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from matsweep.crossbar import ADC, DAC, Layout, Tile, layout
from matsweep.crossbar.layer import Scale, calibrate, fractions, multiply, voltages
from matsweep.devices import AnalogDevice
from matsweep.streams import FloatArray, Streams
from matsweep.workloads.network import Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """A layer of a network laid on tiles, before any device is programmed."""

    layout: Layout
    scale: Scale
    fractions: FloatArray
    bias: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference:
    """What running a network on devices gave.

    Parameters
    ----------
    correct : (realisation, time) array
        Share of the samples classified correctly.
    array_power : (realisation, time) array, W
        Mean over samples of sum V² G over all devices of all layers, while they are read.
    """

    correct: FloatArray
    array_power: FloatArray


def run_inference(
    network: Network,
    device: AnalogDevice,
    tile: Tile,
    dac: DAC,
    adc: ADC,
    *,
    times: tuple[float, ...],
    rng: Streams,
) -> Inference:
    """Program a network into devices and classify its held-out samples at given times.

    Devices are programmed once; each then ages in a way of its own, and every read has noise of
    its own.

    Parameters
    ----------
    network : Network
    device : AnalogDevice
    tile : Tile
    dac, adc : DAC, ADC
    times : tuple of float, s
        Since programming.
    rng : Streams
        One stream a realisation.

    Returns
    -------
    Inference
    """
    layers, images = mapped(network, tile, dac, adc, device)
    programmed = [program(layer, device, rng) for layer in layers]
    aging = [device.aging(conductance, rng=rng) for conductance in programmed]
    correct = np.empty((len(rng), len(times)))
    power = np.zeros((len(rng), len(times)))
    for index, time in enumerate(times):
        voltage = images
        for number, layer in enumerate(layers):
            conductance = device.aged(programmed[number], time, aging[number])
            power[:, index] += _power(voltage, conductance, device)
            values = multiply(
                voltage, conductance, device, adc, layer.scale, layer.layout, time=time, rng=rng
            )
            values += layer.bias
            if number < len(layers) - 1:
                np.maximum(values, 0, out=values)
                following = layers[number + 1]
                voltage = voltages(values, following.scale, dac, following.layout)
        correct[:, index] = np.mean(values.argmax(axis=-1) == network.labels, axis=-1)
    return Inference(correct=correct, array_power=power)


def mapped(
    network: Network, tile: Tile, dac: DAC, adc: ADC, device: AnalogDevice
) -> tuple[tuple[Mapped, ...], FloatArray]:
    """Lay a network on tiles, calibrate its converters on training data, and convert its images.

    Nothing here depends on the device but its levels (and its range, if the ADC's full scale is
    fixed in amperes), so that most candidates of a sweep share it.
    """
    fixed = None
    if adc.full_scale is not None:
        fixed = adc.full_scale / (device.read_voltage * device.g_range)
    return _mapped(network, tile, dac, adc, device.levels, fixed)


@functools.lru_cache(maxsize=8)
def _mapped(
    network: Network, tile: Tile, dac: DAC, adc: ADC, levels: int | None, fixed: float | None
) -> tuple[tuple[Mapped, ...], FloatArray]:
    layers = []
    for weight, bias, inputs in zip(
        network.weights, network.biases, network.calibration, strict=True
    ):
        plan = layout(weight.shape[0], weight.shape[1], tile, levels)
        scale = calibrate(weight, inputs, plan, levels, dac, adc, fixed)
        share = fractions(weight * weight.dtype.type(1 / scale.weight), plan)
        layers.append(Mapped(layout=plan, scale=scale, fractions=share, bias=bias))
    return tuple(layers), voltages(network.images, layers[0].scale, dac, layers[0].layout)


def program(layer: Mapped, device: AnalogDevice, rng: Streams) -> FloatArray:
    """Return the conductances (realisation, row_tile, arm, row, column) [S] of a layer."""
    target = layer.fractions * layer.fractions.dtype.type(device.g_range)
    target += target.dtype.type(device.g_min)
    return device.program(target, rng=rng, size=(len(rng), *target.shape)).conductance


def _power(voltage: FloatArray, conductance: FloatArray, device: AnalogDevice) -> FloatArray:
    """Return the mean power in a layer's devices, (realisation,) W: sum_ij <V_i²> G_ij."""
    samples = voltage.shape[-2]
    squared = np.einsum("...nr,...nr->...r", voltage, voltage) / samples
    row = conductance.sum(axis=-1).sum(axis=-2)
    power = (squared * row).sum(axis=-1, dtype=np.float64).sum(axis=-1)
    return np.asarray(device.read_voltage**2 * power)
