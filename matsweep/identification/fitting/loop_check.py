"""Check of a fitted model against its own sweeps, where a misfit matters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.core.units import engineering
from matsweep.identification.fitting.hysteresis import Excursion, excursions
from matsweep.identification.measurements import Loop

_VOLTAGE = 0.1  # of the measured switching voltage: difference at most
_RESISTANCE = 1.25  # ratio of modelled and measured resistances at most
_MISFIT = 0.25  # root mean square of the residuals at most


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopCheck:
    """Measured and modelled features of the sweeps of devices.

    Arrays (device, 2) hold the measured and the modelled value, each the median over cycles; NaN
    where a device has no such feature.

    Parameters
    ----------
    set_voltage, reset_voltage : (device, 2) array, V
        With their signs.
    low_resistance, high_resistance : (device, 2) array, Ω
        At the read voltage.
    misfit : (device,) array
        Root mean square of the residuals asinh(I / 1 % of the largest current).
    resolution : (device,) array, V
        Between neighbouring points of the sweep.
    conflicts : tuple of str
        Statements on devices that both polarities change in the same direction.
    """

    set_voltage: FloatArray
    reset_voltage: FloatArray
    low_resistance: FloatArray
    high_resistance: FloatArray
    misfit: FloatArray
    resolution: FloatArray
    conflicts: tuple[str, ...] = ()

    @property
    def describes(self) -> bool:
        """Whether switching voltages, resistances and the mean misfit are within their limits.

        Voltages within 10 % or two points of the sweep, resistances within a factor of 1.25, a
        misfit of 0.25 at most.
        """
        return not self.faults()

    @property
    def text(self) -> str:
        """Verdict, for people."""
        faults = self.faults()
        if faults:
            return (
                "The model does not describe these sweeps: " + "; ".join(faults) + ". Try another "
                "model=…, or start=NAME free=[…] from a material near to the device."
            )
        return f"The model describes these sweeps: {self._summary()}."

    def _summary(self) -> str:
        parts = []
        for name, pair, unit in self._features():
            off = _worst(pair, unit)
            if off is not None:
                parts.append(f"{name} {off[1]} (measured {off[0]})")
        return ", ".join([*parts, f"misfit {_rms(self.misfit):.2g}"])

    def _features(self) -> list[tuple[str, FloatArray, str]]:
        return [
            ("set at", self.set_voltage, "V"),
            ("reset at", self.reset_voltage, "V"),
            ("low resistance", self.low_resistance, "Ω"),
            ("high resistance", self.high_resistance, "Ω"),
        ]

    def faults(self) -> list[str]:
        """Features that are off, in words.

        Returns
        -------
        list of str
            Empty where the model describes the sweeps.
        """
        faults = []
        for name, pair, unit in self._features():
            measured, modelled = pair.T
            known = np.isfinite(measured)
            if unit == "V":
                allowed = np.maximum(_VOLTAGE * np.abs(measured), 2 * self.resolution)
                off = ~(np.abs(modelled - measured) <= allowed)
            else:
                off = ~(np.abs(np.log(modelled / measured)) <= np.log(_RESISTANCE))
            off &= known
            lost = off & ~np.isfinite(modelled)
            if lost.any():
                one = pair[int(np.argmax(lost))]
                faults.append(f"{name} {_said(one[0], unit)} as measured it does not switch"
                              if unit == "V" else f"{name} is not there")  # fmt: skip
            elif off.any():
                worst = _worst(pair[off], unit)
                assert worst is not None
                faults.append(f"{name} {worst[1]} instead of {worst[0]}")
        if _rms(self.misfit) > _MISFIT:
            faults.append(f"misfit {_rms(self.misfit):.2g}, above {_MISFIT:g}")
        return faults


def check_loops(
    loops: Sequence[Loop],
    currents: Sequence[FloatArray],
    misfit: FloatArray,
    *,
    read_voltage: float = 0.2,
) -> LoopCheck:
    """Compare switching voltages, resistances and currents of a model with the measured ones.

    Parameters
    ----------
    loops : sequence of Loop
    currents : sequence of (n,) array, A
        Modelled, at the points of each loop.
    misfit : (device,) array
    read_voltage : float, V

    Returns
    -------
    LoopCheck
    """
    pairs: dict[str, list[tuple[float, float]]] = {
        name: [] for name in ("set_voltage", "reset_voltage", "low_resistance", "high_resistance")
    }
    conflicts = []
    for loop, current in zip(loops, currents, strict=True):
        measured = excursions(loop, loop.current, read_voltage)
        modelled = excursions(loop, current, read_voltage)
        seen, made = _features_of(measured, measured), _features_of(modelled, measured)
        for name, pair in pairs.items():
            pair.append((seen[name], made[name]))
        conflict = _conflict(measured)
        if conflict:
            conflicts.append(f"device {loop.device}: {conflict}")
    resolution = [float(np.median(np.abs(np.diff(loop.voltage)))) for loop in loops]
    return LoopCheck(
        **{name: np.array(pair) for name, pair in pairs.items()},
        misfit=misfit,
        resolution=np.array(resolution),
        conflicts=tuple(conflicts),
    )


def _features_of(own: Sequence[Excursion], measured: Sequence[Excursion]) -> dict[str, float]:
    """Return the medians over the halves that set, and over those that reset in the measurement."""
    pairs = [(o, m) for o, m in zip(own, measured, strict=True) if np.isfinite(m.switching)]
    rising = [o for o, m in pairs if m.change > 0]
    falling = [o for o, m in pairs if m.change < 0]
    low = [*(o.after for o in rising), *(o.before for o in falling)]
    high = [*(o.before for o in rising), *(o.after for o in falling)]
    return {
        "set_voltage": _median([o.switching for o in rising]),
        "reset_voltage": _median([o.switching for o in falling]),
        "low_resistance": _median(low),
        "high_resistance": _median(high),
    }


def _conflict(measured: Sequence[Excursion]) -> str | None:
    """Return a statement on halves of both polarities that change the state the same way."""
    clear = [one for one in measured if np.isfinite(one.switching)]
    net = {sign: _median([one.change for one in clear if one.peak * sign > 0]) for sign in (1, -1)}
    if net[1] * net[-1] > 0:
        direction = "raise" if net[1] > 0 else "lower"
        return f"both polarities {direction} the conductance; the larger change decides"
    return None


def _median(values: Sequence[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    # All of the halves must have the feature: a mean of those that do would hide the others.
    return float(np.median(known)) if 2 * len(known) > len(values) else float("nan")


def _worst(pair: FloatArray, unit: str) -> tuple[str, str] | None:
    """Return the measured and the modelled value that differ most, with their unit."""
    known = pair[np.isfinite(pair).all(axis=1)]
    if not known.size:
        return None
    off = known[:, 1] - known[:, 0] if unit == "V" else np.log(known[:, 1] / known[:, 0])
    measured, modelled = known[int(np.argmax(np.abs(off)))]
    return _said(measured, unit), _said(modelled, unit)


def _said(value: float, unit: str) -> str:
    return f"{value:.3g} V" if unit == "V" else engineering(float(value), unit)


def _rms(misfit: FloatArray) -> float:
    return float(np.sqrt(np.mean(misfit**2)))
