"""Arrays of a candidate without a network, for the physical number of each cause."""

from __future__ import annotations

import dataclasses
import functools
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from matsweep.core.streams import FloatArray, realisation_streams
from matsweep.crossbar import Layout, Wires, layout
from matsweep.devices import AnalogDevice
from matsweep.machine import Matrix
from matsweep.machine.product import Scaling, fractions, voltages, wired
from matsweep.scenario import Scenario


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Array:
    """The devices of one matrix in one realisation.

    Parameters
    ----------
    device : AnalogDevice
    layout : Layout
    voltage : (row_tile, row) array, in read voltages
        Mean magnitude on each row over the calibration inputs; 1 where there are none.
    level : (1, row_tile, arm, row, column) array, S
        Levels that devices are programmed to.
    programmed, aged : (1, row_tile, arm, row, column) array, S
    """

    device: AnalogDevice
    layout: Layout
    voltage: FloatArray
    level: FloatArray
    programmed: FloatArray
    aged: FloatArray


@dataclass(frozen=True, eq=False)
class Probe:
    """Arrays of a candidate at one time since programming.

    Parameters
    ----------
    scenario : Scenario
        With a reported device.
    matrices : tuple of Matrix
    seed : int
        The study's.
    time : float, s
    realisations : int
        Averaged over.
    saturated : float or None
        Share of the conversions that saturate; None: not measured.
    programming : float or None, fraction of the range
        Root mean square distance of devices from their levels, as measured.
    """

    scenario: Scenario
    matrices: tuple[Matrix, ...]
    seed: int
    time: float
    realisations: int
    saturated: float | None = None
    programming: float | None = None

    @functools.cached_property
    def arrays(self) -> tuple[Array, ...]:
        """All matrices in all realisations."""
        return tuple(self._arrays())

    def _arrays(self) -> Iterator[Array]:
        tile = self.scenario.workload.tiled(self.scenario.tile)
        for number in range(self.realisations):
            drawn = self.scenario.drawn(self.seed, [number])[0]
            device = self.scenario.with_drawn(drawn).device
            streams = realisation_streams(self.seed, [number])
            parts = [p for m in self.matrices for p in m.split(tile, device.levels)]
            for index, matrix in enumerate(parts):
                plan = layout(matrix.inputs, matrix.outputs, tile, device.levels)
                largest = float(np.abs(matrix.weight).max()) or 1.0
                target = fractions(matrix.weight / matrix.weight.dtype.type(largest), plan)
                target = target * target.dtype.type(device.g_range) + target.dtype.type(
                    device.g_min
                )
                own = streams.at(f"layer {index}")
                result = device.program(target, rng=own.at("programming"), size=(1, *target.shape))
                aging = device.aging(result.conductance, rng=own.at("aging"), target=result.target)
                yield Array(
                    device=device,
                    layout=plan,
                    voltage=self._voltage(matrix, plan),
                    level=np.broadcast_to(device.nearest_level(target), result.conductance.shape),
                    programmed=result.conductance,
                    aged=device.aged(result.conductance, self.time, aging),
                )

    def _voltage(self, matrix: Matrix, plan: Layout) -> FloatArray:
        inputs = np.ones((1, matrix.inputs), matrix.weight.dtype)
        if len(matrix.calibration):
            inputs = np.abs(matrix.calibration).mean(axis=0, keepdims=True)
        scale = Scaling(weight=1.0, input=float(inputs.max()) or 1.0, signed=False, current=1.0)
        dac = dataclasses.replace(self.scenario.dac, bits=16, serial=False)
        return np.asarray(voltages(inputs, scale, dac, plan)[0, :, 0])

    def mean(self, number: Callable[[Array], float]) -> float:
        """Mean of a number over all arrays.

        Parameters
        ----------
        number : function of an Array

        Returns
        -------
        float
        """
        return statistics.fmean(number(each) for each in self.arrays)

    @functools.cached_property
    def access_drop(self) -> float:
        """Share of the applied voltage that is lost in access devices; see `wire_drop`."""
        access = self.scenario.tile.access_resistance
        return self.mean(lambda each: _lost(each, each.aged, _behind(each, None, access)))

    @functools.cached_property
    def wire_drop(self) -> float:
        """Share of the applied voltage that is lost along the wires.

        1 - sum_j I_j / sum_ij V_i G_ij, for the currents I_j of the columns with wires at the mean
        row voltages V_i. It is the mean of the lost share over the devices, weighted by the current
        that each would carry: no current leaves a column but at its end.
        """
        scenario = self.scenario
        access, wires = scenario.tile.access_resistance, scenario.hardware.wires
        if wires is None:
            return 0.0
        return self.mean(
            lambda each: _lost(each, _behind(each, None, access), _behind(each, wires, access))
        )

    @functools.cached_property
    def error(self) -> float:
        """Root mean square distance of devices from their levels, fraction of the range."""
        if self.programming is not None:
            return self.programming
        return self.mean(lambda each: _rms(each.programmed - each.level) / each.device.g_range)

    @functools.cached_property
    def read_noise(self) -> float:
        """Root mean square noise of one read of a device, fraction of the range."""
        return self.mean(
            lambda each: _rms(
                each.device.read_sigma(each.aged, self.time, each.programmed)
            ) / each.device.g_range
        )  # fmt: skip

    @functools.cached_property
    def drifted(self) -> float:
        """Mean conductance at the time over that after programming, without loss of retention."""

        def factor(each: Array) -> float:
            kept = each.device.retention.kept(self.time, each.device.temperature)
            stable = each.device.g_min + each.device.retention.stable * each.device.g_range
            before = (each.aged - (1 - kept) * stable) / kept if kept > 0 else each.programmed
            return float(before.mean() / each.programmed.mean())

        return self.mean(factor)

    @functools.cached_property
    def kept(self) -> float:
        """Share of the written state that retention leaves at the time."""
        return self.mean(
            lambda each: each.device.retention.kept(self.time, each.device.temperature)
        )


def _behind(array: Array, wires: Wires | None, access: float) -> FloatArray:
    """Conductances behind access devices and wires."""
    return wired(array.aged, array.layout, wires, access, power=False).conductance


def _lost(array: Array, before: FloatArray, after: FloatArray) -> float:
    """Share of the current at the rows' voltages that is lost between two sets of conductances."""
    applied = array.voltage[:, None, :, None]
    return float(1 - (applied * after).sum() / (applied * before).sum())


def _rms(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))
