"""Limits of a virtual experiment: pulses that destroy, do not switch, or do not program."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matsweep.core.checks import UserError
from matsweep.devices.dynamics.model import CompiledModel
from matsweep.identification.derivation.protocol import Protocol
from matsweep.identification.derivation.verify import Verified

if TYPE_CHECKING:
    import xarray as xr

_LEAST_WINDOW = 1.05  # g_max over g_min
_MOST_BIAS = 0.2  # of the range: bias of programming at most, root mean square over targets


def window(traces: xr.Dataset, protocol: Protocol) -> tuple[float, float]:
    """Return the range of the median device; refuse one that does not switch.

    Parameters
    ----------
    traces : Dataset
        From `pulsed`.
    protocol : Protocol

    Returns
    -------
    g_min, g_max : float, S

    Raises
    ------
    UserError
    """
    g_min, g_max = (float(np.median(traces[way].values[:, -1])) for way in ("down", "up"))
    if not g_max >= _LEAST_WINDOW * g_min > 0:
        (up, up_width), (down, down_width) = protocol.pulse(True), protocol.pulse(False)
        raise UserError(
            f"protocol does not switch the device: {g_min:.3g} S after {protocol.pulses_down} "
            f"pulses of {down:g} V, {down_width:g} s, {g_max:.3g} S after {protocol.pulses_up} of "
            f"{up:g} V, {up_width:g} s; raise a voltage, or a width"
        )
    return g_min, g_max


def refuse_heat(devices: CompiledModel, protocol: Protocol, traces: xr.Dataset) -> None:
    """Refuse pulses under which a device would have melted, where the model knows its heat.

    Parameters
    ----------
    devices : CompiledModel
    protocol : Protocol
    traces : Dataset
        From `pulsed`.

    Raises
    ------
    UserError
    """
    if "hottest" in traces and float(traces.hottest) > protocol.hottest:
        raise UserError(
            f"protocol heats a device of {type(devices).__name__} to "
            f"{float(traces.hottest):.0f} K, above protocol.hottest = {protocol.hottest:g} K where "
            "it is destroyed: lower voltage_up or voltage_down, or give it a series resistance"
        )


def refuse_field(physics: CompiledModel, protocol: Protocol) -> None:
    """Refuse pulses that break the insulator down, where the model knows its thickness.

    Parameters
    ----------
    physics : CompiledModel
    protocol : Protocol

    Raises
    ------
    UserError
    """
    if physics.insulator is None:
        return
    thinnest = float(np.min(getattr(physics, physics.insulator)))
    for up in (True, False):
        voltage, _ = protocol.pulse(up)
        if abs(voltage) > protocol.breakdown_field * thinnest:
            raise UserError(
                f"protocol breaks the device down: {voltage:g} V on {thinnest:g} m exceed "
                f"protocol.breakdown_field = {protocol.breakdown_field:g} V/m; lower "
                f"voltage_{'up' if up else 'down'}, or raise physics.{physics.insulator}"
            )


def refuse_bias(programmed: Verified, span: float) -> None:
    """Refuse a device that write and verify does not bring to its targets.

    Parameters
    ----------
    programmed : Verified
    span : float, S
        The range.

    Raises
    ------
    UserError
    """
    bias = float(np.sqrt(np.mean(np.square(programmed.bias)))) / span
    if bias > _MOST_BIAS:
        raise UserError(
            f"protocol does not program the device: write and verify stays {bias:.0%} of the range "
            "off its targets on average, as single pulses jump too far or too little; change a "
            "voltage or a width, raise max_pulses, or set device.levels=2 for a device that only "
            "switches"
        )
