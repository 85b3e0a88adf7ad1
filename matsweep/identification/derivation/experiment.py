"""Derivation of a behavioural device: simulate a population of devices, and fit its behaviour."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matsweep.core.checks import UserError
from matsweep.devices import AnalogDevice, ProgrammingError, Retention, SinhIV, WritePulse
from matsweep.devices.dynamics.model import CompiledModel, DynamicalModel
from matsweep.identification.derivation.exact import ExactFit, fit_exact
from matsweep.identification.derivation.limits import refuse_bias, refuse_field, refuse_heat, window
from matsweep.identification.derivation.protocol import Protocol
from matsweep.identification.derivation.pulses import changes, population, pulsed
from matsweep.identification.derivation.rest import forgets
from matsweep.identification.derivation.verify import Verified, verify
from matsweep.identification.fitting import tabulate
from matsweep.identification.measurements import Changes

if TYPE_CHECKING:
    import xarray as xr

_BAKE = 358.15  # K, at which retention is stated
_TARGETS = np.linspace(0, 1, 9)
_MOST_ERROR = 0.5  # of a label, on its scale of -9 to 9, beyond which it is unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """Behaviour of a population of simulated devices.

    Parameters
    ----------
    device : AnalogDevice
    traces : Dataset
        `up` and `down` (cycle, pulse, device) S, `energy_up` and `energy_down` (cycle, pulse,
        device) J, `mixed` (step, device) S with `polarity` (pulse_mixed,); `hottest` K, of any
        device before and after its pulses, where the model knows its heat; `state_up` (pulse, …,
        device) of the last potentiation, `state_down` (…, device) after the last depression.
    labels : ExactFit or None
        NeuroSim's curve fitted to the same pulses, for its nonlinearity labels; None where these do
        not determine them.
    figures : dict of str to float
        Data-sheet figures: `g_min`, `g_max` [S], `cycle_to_cycle` and `device_to_device` of either
        end (of the range), `levels` that verified programming separates by six standard deviations,
        `pulses` to program, `write_energy` [J], and the share `missed` of programmings that end
        beyond the tolerance.
    """

    device: AnalogDevice
    traces: xr.Dataset
    labels: ExactFit | None
    figures: dict[str, float]


def derive(
    physics: DynamicalModel, protocol: Protocol, *, base: AnalogDevice, labels: bool = True
) -> Derived:
    """Derive a behavioural device from a material's physics.

    The range is from the median conductance after depression to that after potentiation. The
    response to a pulse is the table of its changes (`identification.fitting.tabulate`: an abrupt
    SET is no exponential), with its own scale for each device. Programming is write and verify on
    the simulated devices (`verify`): the remaining error at each target, root mean square and so
    with any bias, becomes the programming error, zero-mean; a bias of more than a fifth of the
    range is refused. The I–V law is a sinh through the currents at the read voltage and half of it,
    in a state of the pulse trains; retention is the physics' own where it has one; energies are
    ∫ v i dt.

    Parameters
    ----------
    physics : DynamicalModel
        The mean device.
    protocol : Protocol
    base : AnalogDevice
        For all parameters outside the physics: read voltage, cell, read noise, drift, ….
    labels : bool
        Whether to fit NeuroSim's labels too (seconds).

    Returns
    -------
    Derived

    Raises
    ------
    UserError
        If a spread names no parameter, or the pulses destroy the device, do not switch or do not
        program it, or it cannot be solved; the message names the pulse to change.
    """
    if not isinstance(physics, CompiledModel) or physics.drive != "voltage":
        raise UserError(f"{type(physics).__name__} cannot be derived from: it takes no voltage")
    refuse_field(physics, protocol)
    rng = np.random.default_rng(protocol.seed)
    devices = population(physics, protocol, rng)
    traces = pulsed(devices, protocol, base.read_voltage, rng)
    refuse_heat(devices, protocol, traces)
    g_min, g_max = window(traces, protocol)
    data = changes(traces, g_min, g_max)
    table = tabulate(data, g_min=g_min, g_max=g_max)
    targets = np.array([0.0, 1.0]) if base.levels == 2 else _TARGETS
    programmed = verify(
        devices, protocol, g_min + targets * (g_max - g_min), traces.state_down.values,
        span=g_max - g_min, read_voltage=base.read_voltage,
        binary=base.levels == 2, rng=rng,
    )  # fmt: skip
    refuse_bias(programmed, g_max - g_min)
    energy_up, energy_down = (float(np.nanmean(traces[f"energy_{way}"])) for way in ("up", "down"))
    pulses, spent = float(programmed.pulses.mean()), float(programmed.energy.mean())
    device = dataclasses.replace(
        base,
        g_min=g_min,
        g_max=g_max,
        levels=2 if base.levels == 2 else None,
        pulse_model=table,
        programming_error=ProgrammingError(
            at=tuple(map(float, (g_min + targets * (g_max - g_min)) / g_max)),
            sigmas=tuple(map(float, programmed.error)),
            g_reference=g_max,
        ),
        device_to_device=0.0,  # in the error of programming, and in the table
        cycle_to_cycle=0.0,
        iv=_law(physics, traces, 0.5 * (g_min + g_max), base.read_voltage),
        write_pulse=WritePulse(
            voltage_up=protocol.pulse(True)[0],
            time_up=protocol.pulse(True)[1],
            voltage_down=protocol.pulse(False)[0],
            time_down=protocol.pulse(False)[1],
            energy=spent / pulses if pulses > 0 else 0.5 * (energy_up + energy_down),
            count=pulses,
        ),
        retention=_retention(devices, traces, base, g_min, g_max),
    )
    return Derived(
        device=device,
        traces=traces,
        labels=_labels(data, g_min, g_max) if labels else None,
        figures=_figures(device, traces, programmed, energy_up, energy_down),
    )


def _figures(
    device: AnalogDevice, traces: xr.Dataset, programmed: Verified, up: float, down: float
) -> dict[str, float]:
    """Return the figures of a data sheet."""
    span = device.g_range
    apart = span / (6 * max(float(programmed.error.mean()), 1e-6 * span)) + 1
    figures = {
        "g_min": device.g_min,
        "g_max": device.g_max,
        "write_energy": float(programmed.energy.mean()),
        "energy_up": up,
        "energy_down": down,
        "pulses": float(programmed.pulses.mean()),
        "missed": float(programmed.missed.mean()),
        "levels": 2.0 if device.levels == 2 else float(apart),
    }
    for way in ("up", "down"):
        ends = traces[way].values[:, -1]
        figures[f"device_to_device_{way}"] = float(ends.mean(axis=0).std(ddof=1) / span)
        figures[f"cycle_to_cycle_{way}"] = (
            float(np.sqrt(ends.var(axis=0, ddof=1).mean()) / span) if len(ends) > 1 else 0.0
        )
    return figures


def _law(
    physics: CompiledModel, traces: xr.Dataset, middle: float, read_voltage: float
) -> SinhIV | None:
    """Return the sinh through the currents at the read voltage and half of it; None if ohmic.

    Its conductance is the one read there, in the simulated state whose conductance is nearest to
    the middle of the range. A device with its own read channel is ohmic there.
    """
    if type(physics).read_conductance is not DynamicalModel.read_conductance:
        return None
    conductance = traces.up.values[-1]
    pulse, device = np.unravel_index(np.argmin(np.abs(conductance - middle)), conductance.shape)
    state = traces.state_up.values[pulse, ..., device]
    whole, half = (abs(float(physics.current(state, v))) for v in (read_voltage, read_voltage / 2))
    if not half > 0 or whole / half < 2 * (1 + 1e-3):
        return None
    v0 = float(read_voltage / (2 * np.arccosh(whole / half / 2)))
    return SinhIV(v0=v0, reference=read_voltage)


def _retention(
    devices: CompiledModel, traces: xr.Dataset, base: AnalogDevice, g_min: float, g_max: float
) -> Retention:
    """Return the population's retention, in the terms of the behavioural model."""
    ends = traces.state_up.values[-1], traces.state_down.values
    law = forgets(devices, ends, _BAKE, read_voltage=base.read_voltage)
    if law is None:
        return base.retention
    return Retention(
        time=law.time,
        activation_ev=law.activation_ev,
        temperature=_BAKE,
        stable=float(np.clip((law.conductance - g_min) / (g_max - g_min), 0, 1)),
        stretch=law.stretch,
    )


def _labels(data: Changes, g_min: float, g_max: float) -> ExactFit | None:
    """Fit NeuroSim's curve; None where these pulses do not determine its labels."""
    try:
        fit = fit_exact(data, "neurosim", g_min=g_min, g_max=g_max)
    except (UserError, np.linalg.LinAlgError):
        return None
    errors = [fit.errors[f"nonlinearity_{way}"] for way in ("up", "down")]
    return fit if max(errors) < _MOST_ERROR else None
