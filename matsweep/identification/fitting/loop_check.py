"""Check of a fitted model against its own sweeps, where a misfit matters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.core.units import engineering
from matsweep.identification.fitting.hysteresis import Excursion, excursions
from matsweep.identification.measurements import Loop

# Least tolerances: where the sweeps are certain to less, a model may still be off by this much.
_VOLTAGE = 0.05  # of the switching voltage, or two points of the sweep: between them it is unknown
_LOW = 0.05  # of the low resistance: g_max by 5 % of the range, as medians of pulses are judged
_HIGH = 0.1  # of the high one: g_min, by less of the range wherever it is more than threefold
_CURRENT = 0.1  # of the currents, root mean square

_ERRORS = 3.0  # standard errors of a measured value, by which a right model may be off
_NOISES = 1.5  # times the noise of points or cycles, that a right model may be off by
_MEDIAN = 1.2533  # √(π / 2): error of a median over that of a mean
_EDGES = 0.05  # of the points, the worst: those on the edges, which switching voltages judge
_VAGUE = 2.0  # times the least tolerance: more tests little


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One feature of the sweeps of devices, measured and modelled; NaN where a device has none.

    Parameters
    ----------
    name : str
    unit : str
    measured, modelled : (device,) array
        Medians over cycles.
    allowed : (device,) array
        Largest distance with which the model describes it: in V, or of the logarithm.
    tolerance : (device,) array
        The least that `allowed` can be; more where noise or cycles leave the measured value so
        uncertain.
    """

    name: str
    unit: str
    measured: FloatArray
    modelled: FloatArray
    allowed: FloatArray
    tolerance: FloatArray

    @property
    def distance(self) -> FloatArray:
        """(device,) distance between measured and modelled value."""
        if self.unit == "V":
            return np.abs(self.modelled - self.measured)
        return np.abs(np.log(self.modelled / self.measured))

    @property
    def off(self) -> FloatArray:
        """(device,) distance over what is allowed: infinite where only the measurement has it."""
        ratio = np.where(np.isfinite(self.modelled), self.distance / self.allowed, np.inf)
        return np.where(np.isfinite(self.measured), ratio, 0.0)

    @property
    def vague(self) -> bool:
        """Whether noise and cycles leave a measured value so uncertain that it tests little."""
        known = np.isfinite(self.measured)
        return bool((self.allowed > _VAGUE * self.tolerance)[known].any())

    @property
    def text(self) -> str:
        """Both values of the device that is furthest off; empty where no device has the feature."""
        if not np.isfinite(self.measured).any():
            return ""
        worst = int(np.argmax(self.off))
        measured, modelled = (self._said(float(v[worst])) for v in (self.measured, self.modelled))
        if not np.isfinite(self.modelled[worst]):
            lost = "does not switch" if self.unit == "V" else "has none"
            return f"{self.name} {measured} measured, where the model {lost}"
        return f"{self.name} {modelled} for {measured} measured"

    def fault(self) -> str | None:
        """Describe a feature that is off, with what is allowed.

        Returns
        -------
        str or None
            None where the model describes it.
        """
        worst = int(np.argmax(self.off))
        if self.off[worst] <= 1:
            return None
        allowed = float(self.allowed[worst])
        limit = f"{allowed:.2g} V" if self.unit == "V" else f"{np.expm1(allowed):.0%}"
        return f"{self.text} ({limit} allowed)" if np.isfinite(self.off[worst]) else self.text

    def _said(self, value: float) -> str:
        return f"{value:.3g} V" if self.unit == "V" else engineering(value, self.unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopCheck:
    """Measured and modelled features of the sweeps of devices.

    Parameters
    ----------
    set_voltage, reset_voltage, low_resistance, high_resistance : Feature
        Voltages with their signs, resistances at the read voltage.
    current, allowed_current : (device,) array
        Distance of the modelled currents, and its limit: root mean square of the differences of
        asinh(I / 1 % of the largest current), about those relative to the current, of all but the
        worst 5 % of the points.
    conflicts : tuple of str
        Statements on devices that both polarities change in the same direction.
    parameters : int
        Number of fitted parameters.
    undetermined : tuple of str
        Those that the sweeps do not determine.
    reached : bool
        Whether the search for them ended at a minimum.
    """

    set_voltage: Feature
    reset_voltage: Feature
    low_resistance: Feature
    high_resistance: Feature
    current: FloatArray
    allowed_current: FloatArray
    conflicts: tuple[str, ...] = ()
    parameters: int = 0
    undetermined: tuple[str, ...] = ()
    reached: bool = True

    @property
    def features(self) -> tuple[Feature, ...]:
        """Switching voltages and resistances."""
        return self.set_voltage, self.reset_voltage, self.low_resistance, self.high_resistance

    @property
    def describes(self) -> bool:
        """Whether switching voltages, resistances and currents are within their limits.

        Voltages within 5 % or two points of the sweep, the low resistance within 5 %, the high one
        within 10 %, each or three standard errors of the measured value; currents within 10 % or
        1.5 times their noise; and polarities that change the conductance in opposite directions.
        """
        return not self.faults()

    @property
    def text(self) -> str:
        """Verdict, for people."""
        faults = self.faults()
        if faults:
            text = (
                "NOT FITTED: the model does not describe these sweeps: " + "; ".join(faults)
                + ". Try another model=…, or start=NAME free=[…] from a material near to the "
                "device."
            )  # fmt: skip
        else:
            parts = [feature.text for feature in self.features if feature.text]
            parts.append(f"currents {self._worst_current()[0]:.1%} off")
            text = f"The model describes these sweeps: {', '.join(parts)}."
        return " ".join((text, *self.cautions()))

    def cautions(self) -> list[str]:
        """Reservations on the fit, for the output and the material alike.

        Returns
        -------
        list of str
            Sentences; empty where the sweeps determine the model.
        """
        texts = list[str]()
        if not self.reached:
            texts.append("The search did not end at a minimum: the errors are too small.")
        vague = [feature.name.removesuffix(" at") for feature in self.features if feature.vague]
        if (self.allowed_current > _VAGUE * _CURRENT).any():
            vague.append("currents")
        if vague and self.describes:
            texts.append(
                f"The test is weak: noise or cycles leave {', '.join(vague)} of the sweeps "
                "uncertain by more than twice the tolerance."
            )
        names = self.undetermined
        if names:
            text = (
                f"{len(names)} of {self.parameters} parameters are not determined by these sweeps"
            )
            if 2 * len(names) > self.parameters:
                text += ": at other voltages, rates or times the model is an assumption"
            texts.append(f"{text} ({', '.join(names)}).")
        return texts

    def _worst_current(self) -> tuple[float, float]:
        """Return distance and limit of the currents of the device that is furthest off."""
        worst = int(np.argmax(self.current / self.allowed_current))
        return float(self.current[worst]), float(self.allowed_current[worst])

    def faults(self) -> list[str]:
        """Features that are off, in words.

        Returns
        -------
        list of str
            Empty where the model describes the sweeps.
        """
        faults = [fault for fault in (each.fault() for each in self.features) if fault]
        off, allowed = self._worst_current()
        if off > allowed:
            faults.append(f"currents {off:.1%} off ({allowed:.0%} allowed)")
        return [*faults, *self.conflicts]


def check_loops(
    loops: Sequence[Loop],
    currents: Sequence[FloatArray],
    *,
    read_voltage: float,
    parameters: int = 0,
    undetermined: tuple[str, ...] = (),
    reached: bool = True,
) -> LoopCheck:
    """Compare switching voltages, resistances and currents of a model with the measured ones.

    Parameters
    ----------
    loops : sequence of Loop
    currents : sequence of (n,) array, A
        Modelled, at the points of each loop.
    read_voltage : float, V
    parameters : int
        Number of fitted parameters.
    undetermined : tuple of str
        Those that the sweeps do not determine.
    reached : bool
        Whether the search for them ended at a minimum.

    Returns
    -------
    LoopCheck
    """
    pairs, conflicts = list[list[_Pair]](), list[str]()
    for loop, current in zip(loops, currents, strict=True):
        measured = excursions(loop, loop.current, read_voltage)
        modelled = excursions(loop, current, read_voltage)
        pairs.append(list(zip(measured, modelled, strict=True)))
        conflict = _conflict(measured)
        if conflict:
            conflicts.append(f"device {loop.device}: {conflict}")
    points = np.array([float(np.median(np.abs(np.diff(loop.voltage)))) for loop in loops])
    both = [_currents(loop, current) for loop, current in zip(loops, currents, strict=True)]
    off, noise = np.array(both).T
    return LoopCheck(
        set_voltage=_voltages("set at", pairs, 1, points),
        reset_voltage=_voltages("reset at", pairs, -1, points),
        low_resistance=_resistances("low resistance", pairs, 1, _LOW),
        high_resistance=_resistances("high resistance", pairs, -1, _HIGH),
        current=off,
        allowed_current=np.maximum(_CURRENT, _NOISES * noise),
        conflicts=tuple(conflicts),
        parameters=parameters,
        undetermined=undetermined,
        reached=reached,
    )


_Pair = tuple[Excursion, Excursion]  # measured and modelled, of the same half


def _switched(pairs: Sequence[_Pair], way: int) -> list[_Pair]:
    """Halves in which the measured conductance switches up (1) or down (-1)."""
    return [pair for pair in pairs if pair[0].switches and pair[0].change * way > 0]


def _voltages(
    name: str, devices: Sequence[Sequence[_Pair]], way: int, points: FloatArray
) -> Feature:
    """Compare the switching voltages of one direction; points: between samples, (device,) V."""
    rows = []
    for pairs in devices:
        own = _switched(pairs, way)
        measured = [one.switching for one, _ in own]
        # A model that changes the other way does not switch.
        modelled = [o.switching if o.change * way > 0 else np.nan for _, o in own]
        rows.append((_median(measured), _median(modelled), _error([np.array(measured)], [0.0])))
    measured_, modelled_, error = np.array(rows).T
    tolerance = np.maximum(_VOLTAGE * np.abs(measured_), 2 * points)
    return Feature(
        name=name,
        unit="V",
        measured=measured_,
        modelled=modelled_,
        allowed=np.maximum(tolerance, _ERRORS * error),
        tolerance=tolerance,
    )


def _resistances(
    name: str, devices: Sequence[Sequence[_Pair]], way: int, tolerance: float
) -> Feature:
    """Compare the resistances after halves of one direction, and before those of the other."""
    rows = []
    for pairs in devices:
        after, before = _switched(pairs, way), _switched(pairs, -way)
        measured, modelled = (
            [
                np.log([pair[which].after for pair in after]),
                np.log([pair[which].before for pair in before]),
            ]
            for which in (0, 1)
        )
        noise = [one.after_error for one, _ in after] + [one.before_error for one, _ in before]
        rows.append((_median(np.concatenate(measured)), _median(np.concatenate(modelled)),
                     _error(measured, noise)))  # fmt: skip
    logarithm, modelled_, error = np.array(rows).T
    least = np.full(len(rows), np.log1p(tolerance))
    return Feature(
        name=name,
        unit="Ω",
        measured=np.exp(logarithm),
        modelled=np.exp(modelled_),
        allowed=np.maximum(least, _ERRORS * error),
        tolerance=least,
    )


def _error(groups: Sequence[FloatArray], noise: Sequence[float]) -> float:
    """Return the standard error of the median of values, by their scatter or by their noise.

    groups: values that differ from cycle to cycle only. noise: standard errors of the values.
    """
    known = [group[np.isfinite(group)] for group in groups]
    count, freedom = sum(g.size for g in known), sum(max(g.size - 1, 0) for g in known)
    finite = np.array(noise)[np.isfinite(noise)]
    if not count:
        return 0.0
    variance = float(np.mean(finite**2)) if finite.size else 0.0
    if freedom:
        scatter = sum(float(((g - g.mean()) ** 2).sum()) for g in known if g.size)
        variance = max(variance, scatter / freedom)
    return float(_MEDIAN * np.sqrt(variance / count))


def _currents(loop: Loop, current: FloatArray) -> tuple[float, float]:
    """Return the distance of modelled from measured currents, and the noise of these."""
    scale, own = 0.01 * float(np.abs(loop.current).max()), ~loop.limited
    measured = np.arcsinh(loop.current / scale)
    off = (np.arcsinh(current / scale) - measured)[own]
    return _size(off, _EDGES), max(_rough_noise(measured[own]), _cycle_noise(loop, measured))


def _rough_noise(measured: FloatArray) -> float:
    """Return the deviation of points from the middle of their neighbours, edges left out.

    A root mean square, as the misfit it is compared with. `point_noise` is a median: where noise
    differs along the sweep (most of it at large currents, say) it is that of the quieter points.
    """
    off = measured[1:-1] - 0.5 * (measured[2:] + measured[:-2])
    return _size(off, 2 * _EDGES) / float(np.sqrt(1.5))  # an edge moves two of the middles


def _cycle_noise(loop: Loop, measured: FloatArray) -> float:
    """Return the deviation of cycles from their mean; 0 where their voltages are not the same."""
    cycles = [loop.cycle == cycle for cycle in np.unique(loop.cycle)]
    if len(cycles) < 2 or len({int(cycle.sum()) for cycle in cycles}) > 1:
        return 0.0
    voltages, values = (np.array([v[cycle] for cycle in cycles]) for v in (loop.voltage, measured))
    free = ~np.array([loop.limited[cycle] for cycle in cycles])
    if np.ptp(voltages, axis=0).max() > 0.01 * np.abs(voltages).max():
        return 0.0
    off = (values - values.mean(axis=0)) * np.sqrt(len(cycles) / (len(cycles) - 1))
    return _size(off[free], _EDGES)


def _size(off: FloatArray, left_out: float) -> float:
    """Return the root mean square of all but a share of the points, the worst."""
    kept = np.sort(off**2)[: max(1, int(np.ceil((1 - left_out) * off.size)))]
    return float(np.sqrt(kept.mean()))


def _conflict(measured: Sequence[Excursion]) -> str | None:
    """Return a statement on halves of both polarities that change the state the same way."""
    net = {
        sign: _median([one.change for one in measured if one.switches and one.peak * sign > 0])
        for sign in (1, -1)
    }
    if net[1] * net[-1] > 0:
        direction = "raise" if net[1] > 0 else "lower"
        return f"both polarities {direction} the conductance; the larger change decides"
    return None


def _median(values: Sequence[float] | FloatArray) -> float:
    known = [value for value in values if np.isfinite(value)]
    # Most of the halves must have the feature: the median of a few would hide the others.
    return float(np.median(known)) if 2 * len(known) > len(values) else float("nan")
