"""Nuisances of a candidate: how each is made ideal, and the physical number that describes it.

`NUISANCES` lists them; a further one is a line there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from matsweep.ablation.probe import Probe
from matsweep.core.units import duration, engineering
from matsweep.crossbar import Ideal
from matsweep.devices.faults import StuckAt
from matsweep.devices.programming import ProgrammingError, single_pulse
from matsweep.devices.pulses import PulseModel
from matsweep.devices.pulses.formulas import LinearStep
from matsweep.devices.pulses.noise import CycleNoise
from matsweep.devices.pulses.population import SPREADS
from matsweep.devices.reading import ReadNoise, TelegraphNoise
from matsweep.devices.relaxation import Drift, Retention, ShortTerm
from matsweep.devices.unknown import parameter_of
from matsweep.scenario import Scenario

ROOM = 298.15
"""Temperature that counts as ideal, K."""
_USUAL = 300.0  # K, of devices whose temperature is not given: as good as ideal
_FINEST = 16  # bits of an ideal converter


@dataclass(frozen=True, slots=True, kw_only=True)
class Nuisance:
    """One cause of loss, which can be made ideal.

    Parameters
    ----------
    name : str
    ideal : str
        The candidate without it, in words: "with ideal wires".
    change : function of a Scenario
        Returns the scenario without it; the same one where there is nothing to change.
    number : function of a Probe
        Returns what is wrong, with its physical number: "the array's voltage drop is 72 %".
    unknown : tuple of str
        Paths of the unknown parameters that are no longer drawn then; those below them too.
    overlaps : bool
        Whether it covers others, so that it has no place in the chain.
    union : bool
        Whether it consists of others only, so that it is no cause.
    """

    name: str
    ideal: str
    change: Callable[[Scenario], Scenario]
    number: Callable[[Probe], str]
    unknown: tuple[str, ...] = ()
    overlaps: bool = False
    union: bool = False

    def drawn(self, scenario: Scenario) -> tuple[str, ...]:
        """Return the labels of its parameters that are not known, and drawn.

        Parameters
        ----------
        scenario : Scenario

        Returns
        -------
        tuple of str
        """
        return tuple(
            parameter_of(each.path).label for each in scenario.unknown
            if any(f"{each.path}.".startswith(f"{path}.") for path in self.unknown)
        )  # fmt: skip

    def idealised(self, scenario: Scenario) -> Scenario:
        """Return a scenario without the nuisance.

        Parameters
        ----------
        scenario : Scenario
            With a reported device.

        Returns
        -------
        Scenario
            Equal to the given one where there is nothing to change.
        """
        changed = self.change(scenario)
        left = tuple(
            each for each in changed.unknown
            if not any(f"{each.path}.".startswith(f"{path}.") for path in self.unknown)
        )  # fmt: skip
        if len(left) == len(changed.unknown):
            return changed
        return dataclasses.replace(changed, unknown=left)


def idealised(scenario: Scenario, nuisances: Iterable[Nuisance]) -> Scenario:
    """Return a scenario without some nuisances.

    Parameters
    ----------
    scenario : Scenario
        With a reported device.
    nuisances : iterable of Nuisance

    Returns
    -------
    Scenario
    """
    for each in nuisances:
        scenario = each.idealised(scenario)
    return scenario


def _device(**changes: Any) -> Callable[[Scenario], Scenario]:
    """Return the change of some fields of the device."""

    def change(scenario: Scenario) -> Scenario:
        device = dataclasses.replace(scenario.device, **changes)
        return dataclasses.replace(scenario, device=device)

    return change


def _wires(scenario: Scenario) -> Scenario:
    return dataclasses.replace(scenario, wires=Ideal())


def _access(scenario: Scenario) -> Scenario:
    tile = dataclasses.replace(scenario.tile, access_resistance=0.0)
    return dataclasses.replace(scenario, tile=tile)


def _adc(scenario: Scenario) -> Scenario:
    adc = dataclasses.replace(
        scenario.adc, bits=_FINEST, percentile=100.0, full_scale=None, least_full_scale=None,
        noise=0.0, offset=0.0, gain_error=0.0,
    )  # fmt: skip
    return dataclasses.replace(scenario, adc=adc)


def _dac(scenario: Scenario) -> Scenario:
    dac = dataclasses.replace(scenario.dac, bits=_FINEST, percentile=100.0)
    return dataclasses.replace(scenario, dac=dac)


def _programming(scenario: Scenario) -> Scenario:
    device = scenario.device
    if device.exact and device.write_verify is None:
        return scenario
    change = _device(
        programming_error=ProgrammingError(), device_to_device=0.0, cycle_to_cycle=0.0,
        write_verify=None,
    )  # fmt: skip
    return change(scenario)


def _reads(scenario: Scenario) -> Scenario:
    device = scenario.device
    if device.read_noise.absent and device.telegraph_noise.absent:
        return scenario
    return _device(read_noise=ReadNoise(), telegraph_noise=TelegraphNoise())(scenario)


def _drift(scenario: Scenario) -> Scenario:
    device = scenario.device
    if device.drift.absent and device.short_term.absent:
        return scenario
    still = Drift(time_zero=device.drift.time_zero)  # calibration reads take place then
    return _device(drift=still, short_term=ShortTerm())(scenario)


def _retention(scenario: Scenario) -> Scenario:
    if scenario.device.retention.time is None:
        return scenario
    return _device(retention=Retention())(scenario)


def _stuck(scenario: Scenario) -> Scenario:
    return _device(stuck_at=StuckAt())(scenario) if scenario.device.stuck_at.total else scenario


def _temperature(scenario: Scenario) -> Scenario:
    if scenario.device.temperature == _USUAL:
        return scenario
    return _device(temperature=ROOM)(scenario)


def _pulses(scenario: Scenario, **changes: Any) -> Scenario:
    """Change the pulse model, where the workload changes devices by single pulses."""
    model: Any = scenario.device.pulse_model
    if model is None or not scenario.workload.pulsed:
        return scenario
    return _device(pulse_model=dataclasses.replace(model, **changes))(scenario)


def _linear(scenario: Scenario) -> Scenario:
    """Take steps of one size: the mean of both signs in the middle of the range."""
    model = scenario.device.pulse_model
    if model is None or not scenario.workload.pulsed:
        return scenario
    step = min(0.5 * sum(1 / number for number in model.pulses_across), 1.0)
    spreads = {name: each for name, each in model.device_to_device.items() if name in SPREADS}
    linear = LinearStep(
        step_up=step, step_down=step, cycle_to_cycle=model.cycle_to_cycle,
        device_to_device=spreads, zero=model.zero,
    )  # fmt: skip
    return scenario if linear == model else _device(pulse_model=linear)(scenario)


def _adc_number(probe: Probe) -> str:
    adc = probe.scenario.adc
    facts = [f"the ADC has {adc.bits} bits"]
    if adc.noise:
        facts.append(f"has a noise of {adc.noise:.2g} LSB")
    if probe.saturated is not None and probe.saturated >= 5e-4:
        facts.append(f"clips {_share(probe.saturated)} of its conversions")
    return " and ".join(facts)


def _pulse_steps(probe: Probe) -> str:
    """Largest over smallest step on the inner 80 % of the range, of either polarity."""
    model: Any = probe.scenario.device.pulse_model
    states = np.linspace(0.1, 0.9, 9)
    steps = np.abs([model.step(states, up, model.nominal) for up in (True, False)])
    ratio = float(steps.max() / max(float(steps.min()), 1e-12))
    return f"steps of a pulse differ by a factor of {ratio:.3g} over the range and between signs"


def _pulse_noise(probe: Probe) -> str:
    pulses = [single_pulse(each) for each in _models(probe)]
    share = float(np.mean([pulse.noise / pulse.step for pulse in pulses]))
    return f"the noise of a pulse is {_share(share)} of its step"


def _spreads(probe: Probe) -> str:
    spreads = [each.device_to_device for each in _models(probe)]
    listed = ", ".join(
        f"{name} {_share(float(np.mean([each[name] for each in spreads])))}" for name in spreads[0]
    )
    return f"pulses differ between devices ({listed})"


def _models(probe: Probe) -> list[PulseModel]:
    """Pulse models of the arrays, with drawn parameters."""
    return [each.device.pulse_model for each in probe.arrays if each.device.pulse_model is not None]


def _levels(probe: Probe) -> str:
    levels = probe.scenario.device.levels
    assert levels is not None
    return f"a device has {levels} levels, {_share(1 / (levels - 1))} of the range apart"


def _drift_number(probe: Probe) -> str:
    return f"drift leaves {_share(probe.drifted)} of the conductance after {duration(probe.time)}"


def _retention_number(probe: Probe) -> str:
    celsius = probe.scenario.device.temperature - 273.15
    return (f"retention leaves {_share(probe.kept)} of the written state after "
            f"{duration(probe.time)} at {celsius:.0f} °C")  # fmt: skip


def _stuck_number(probe: Probe) -> str:
    share = float(np.mean([each.device.stuck_at.total for each in probe.arrays]))
    return f"{_share(share)} of the devices are stuck"


def _wear_number(probe: Probe) -> str:
    window = np.mean([np.ptp(each.device.endurance.window(each.device.cycles))
                      for each in probe.arrays])  # fmt: skip
    cycles = probe.scenario.device.cycles
    return f"{cycles:.2g} cycles leave {_share(float(window))} of the window"


def _iv_number(probe: Probe) -> str:
    device = probe.scenario.device
    middle = np.array(device.g_min + 0.5 * device.g_range)
    full, half = (float(device.current(middle, v * device.read_voltage)) for v in (1.0, 0.5))
    return f"the current at the read voltage is {full / half:.3g} times that at half of it"


def _unknown_number(probe: Probe) -> str:
    return not_known([parameter_of(each.path).label for each in probe.scenario.unknown])


def not_known(labels: Sequence[str]) -> str:
    """Write which parameters are not known, and drawn.

    Parameters
    ----------
    labels : sequence of str

    Returns
    -------
    str
    """
    more = f" and {len(labels) - 3} more" if len(labels) > 3 else ""
    verb = "is" if len(labels) == 1 else "are"
    return f"{', '.join(labels[:3])}{more} {verb} not known, and drawn"


NUISANCES = (
    Nuisance(
        name="wires", ideal="with ideal wires", change=_wires,
        number=lambda probe: f"the array's voltage drop is {_share(probe.wire_drop)}",
    ),
    Nuisance(
        name="access devices", ideal="with ideal access devices", change=_access,
        number=lambda probe: f"access devices of {engineering(_resistance(probe), 'Ω')} take "
                             f"{_share(probe.access_drop)} of the voltage",
    ),
    Nuisance(name="ADC", ideal="with an ideal ADC", change=_adc, number=_adc_number),
    Nuisance(
        name="DAC", ideal="with an ideal DAC", change=_dac,
        number=lambda probe: f"the DAC has {probe.scenario.dac.bits} bits",
    ),
    Nuisance(
        name="read noise", ideal="without read noise", change=_reads,
        unknown=("device.read_noise", "device.telegraph_noise"),
        number=lambda probe: f"a read of a device has a noise of {_share(probe.read_noise)} of "
                             "the range",
    ),
    Nuisance(
        name="programming", ideal="programmed without error", change=_programming,
        unknown=("device.programming_error", "device.device_to_device", "device.cycle_to_cycle"),
        number=lambda probe: f"devices are {_share(probe.error)} of the range off their levels",
    ),
    Nuisance(
        name="levels", ideal="with a continuum of levels", change=_device(levels=None),
        number=_levels,
    ),
    Nuisance(
        name="drift", ideal="without drift", change=_drift,
        unknown=("device.drift",), number=_drift_number,
    ),
    Nuisance(
        name="retention", ideal="with states that stay", change=_retention,
        unknown=("device.retention",), number=_retention_number,
    ),
    Nuisance(
        name="stuck devices", ideal="without stuck devices", change=_stuck,
        unknown=("device.stuck_at",), number=_stuck_number,
    ),
    Nuisance(
        name="wear", ideal="with fresh devices", change=_device(cycles=0.0),
        unknown=("device.endurance",), number=_wear_number,
    ),
    Nuisance(
        name="temperature", ideal="at 25 °C", change=_temperature, overlaps=True,
        number=lambda probe: f"it is at {probe.scenario.device.temperature - 273.15:.0f} °C",
    ),
    Nuisance(
        name="on/off ratio", ideal="with g_min of 0", change=_device(g_min=0.0),
        number=lambda probe: f"the on/off ratio is {_ratio(probe):.3g}",
    ),
    Nuisance(
        name="I-V curve", ideal="with an ohmic device", change=_device(iv=None), number=_iv_number,
    ),
    Nuisance(
        name="nonlinear pulses", ideal="with equal steps", change=_linear, number=_pulse_steps,
    ),
    Nuisance(
        name="pulse noise", ideal="without noise of pulses",
        change=lambda scenario: _pulses(scenario, cycle_to_cycle=CycleNoise()),
        unknown=("device.pulse_model.cycle_to_cycle",), number=_pulse_noise,
    ),
    Nuisance(
        name="pulse spread", ideal="with the same pulses for all",
        change=lambda scenario: _pulses(scenario, device_to_device={}),
        unknown=("device.pulse_model.device_to_device",), number=_spreads,
    ),
    Nuisance(
        name="unknowns", ideal="with unknowns at neutral values",
        change=lambda scenario: dataclasses.replace(scenario, unknown=()), number=_unknown_number,
        overlaps=True, union=True,
    ),
)  # fmt: skip
"""All nuisances. In the order of the chain where two change the merit alike."""


def _share(value: float) -> str:
    """Write a share in per cent, to two digits, or three from 10 % on."""
    return f"{100 * value:.{2 if abs(value) < 0.1 else 3}g} %"


def _resistance(probe: Probe) -> float:
    return float(probe.scenario.tile.access_resistance)


def _ratio(probe: Probe) -> float:
    device = probe.scenario.device
    return float(device.g_max / device.g_min)
