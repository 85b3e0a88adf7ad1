"""Labels of the parameters that studies sweep, and their values in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

NONE = "none"
"""Value of a condition that leaves the network as it is, where the configuration has null."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Words for a swept parameter.

    Parameters
    ----------
    label : str
        Title of an axis.
    phrase : str
        A setting in a sentence; "{}" stands for the value with its unit. Empty: "label of {}".
    plural : str
        The phrase where it differs for values other than 1; empty: the same.
    values : mapping of str to str
        Phrases of values that have their own.
    """

    label: str
    phrase: str = ""
    plural: str = ""
    values: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


AXES = {
    "device.programming_error": Axis("programming error"),
    "device.pulse_model.device_to_device.gain": Axis("spread of steps between devices"),
    "device.pulse_model.cycle_to_cycle.of_range": Axis("noise of a pulse"),
    "device.telegraph_noise.share": Axis("share of devices with telegraph noise"),
    "device.telegraph_noise.amplitude": Axis("amplitude of telegraph noise"),
    "device.drift.nu": Axis("drift exponent"),
    "device.drift.spread": Axis("spread of drift exponents"),
    "device.retention.time": Axis("retention time"),
    "device.retention.activation_ev": Axis("activation energy of retention"),
    "device.retention.temperature": Axis("temperature of the retention time"),
    "device.stuck_at.g_min": Axis("share stuck at g_min"),
    "device.stuck_at.g_max": Axis("share stuck at g_max"),
    "device.endurance.half_window": Axis("endurance"),
    "adc.bits": Axis("ADC bits", "ADCs of {} bit", "ADCs of {} bits"),
    "adc.sharing": Axis("columns an ADC", "{} column an ADC", "{} columns an ADC"),
    "dac.bits": Axis("DAC bits", "DACs of {} bit", "DACs of {} bits"),
    "device.cycle_to_cycle": Axis(
        "spread between programmings", "a spread of {} between programmings"
    ),
    "device.cycles": Axis("cycles", "after {} cycle", "after {} cycles"),
    "device.device_to_device": Axis("spread between devices", "a spread of {} between devices"),
    "device.g_max": Axis("largest conductance", "g_max of {}"),
    "device.g_min": Axis("smallest conductance", "g_min of {}"),
    "device.levels": Axis("levels", "{} level", "{} levels"),
    "device.programming_error.scale": Axis(
        "scale of the programming error", "{} times the programming error"
    ),
    "device.read_noise": Axis("read noise", "read noise of {}"),
    "device.read_voltage": Axis("read voltage", "reads at {}"),
    "device.temperature": Axis("temperature"),
    "periphery.adc_source": Axis("source of ADC costs", "ADC costs of {}"),
    "periphery.balanced_over": Axis("arrays of a balanced pipeline", "balanced over {} arrays"),
    "periphery.node": Axis("technology node", "a node of {}"),
    "tile.cells": Axis("devices in parallel", "single devices", "{} devices in parallel"),
    "tile.columns": Axis("array columns", "arrays of {} columns"),
    "tile.mapping": Axis("mapping", "{} mapping"),
    "tile.packing": Axis("packing of small matrices", "{} packing"),
    "tile.read_time": Axis("read time", "reads of {}"),
    "tile.rows": Axis("array rows", "arrays of {} rows"),
    "tile.weight_bits": Axis("weight bits", "weights of {} bits"),
    "wires": Axis("wires", "{} wires"),
    "workload.adapt": Axis(
        "adaptation of the network",
        "{} adapted",
        values={
            NONE: "no adaptation",
            "statistics": "statistics adapted",
            "last_layer": "the last layer adapted",
        },
    ),
    "workload.training.noise": Axis(
        "noise of training",
        "training at noise {}",
        values={
            NONE: "no training",
            "0": "training without noise",
            "device": "training on device errors",
        },
    ),
}
"""Parameters by their names in configurations. Others are called by their names.

Those that may be unknown are called as in `matsweep.devices.unknown.PARAMETERS`.
"""


SHARED = frozenset({
    "activation_ev", "at_g_max", "cell_size", "cycle_to_cycle", "cycles",
    "device_to_device", "drift", "endurance", "g_max", "g_min", "high", "iv", "levels",
    "low", "measurements", "polynomial", "polynomial_from", "programming_error",
    "pulse_model", "read_noise", "read_voltage", "reading", "retention", "saturating",
    "saturation", "short_term", "slope", "source", "spread", "stuck_at", "telegraph_noise",
    "temperature", "time_zero", "write_pulse", "write_verify",
})  # fmt: skip
"""Last parts of names that alone mean another parameter of a device, or one of several.

They are the fields of a device, and what several of its parts have: `device.stuck_at.g_max` is no
`g_max`, and `device.drift.spread` not the only `spread`.
"""


def elsewhere(name: str) -> bool:
    """Whether the last part of a parameter's name alone means another parameter, or may.

    Parameters
    ----------
    name : str
        As in configurations.

    Returns
    -------
    bool

    Examples
    --------
    >>> elsewhere("device.stuck_at.g_max"), elsewhere("device.g_max"), elsewhere("adc.bits")
    (True, False, False)
    """
    room, _, last = name.rpartition(".")
    return room != "device" and last in SHARED


def called(name: str) -> str:
    """Readable name of a parameter: "read noise".

    Parameters
    ----------
    name : str
        As in configurations.

    Returns
    -------
    str
        The words of its dotted name, where it has no others.
    """
    if name in AXES:
        return AXES[name].label
    return name.removeprefix("device.").removeprefix("pulse_model.").replace("_", " ")


def setting(name: str, short: str, value: str) -> str:
    """Write the value of a swept parameter in words: "arrays of 64 rows".

    Parameters
    ----------
    name : str
        As in configurations.
    short : str
        The end of it that is unambiguous, for parameters without words.
    value : str
        With its unit.

    Returns
    -------
    str

    Examples
    --------
    >>> setting("tile.cells", "cells", "2"), setting("tile.gates.low", "low", "0.9 V")
    ('2 devices in parallel', 'low 0.9 V')
    """
    if name not in AXES:
        return f"{short.replace('_', ' ')} {value}"
    words = AXES[name]
    if value in words.values:
        return words.values[value]
    phrase = words.phrase or f"{words.label} of {{}}"
    return (words.plural if words.plural and value != "1" else phrase).format(value)


def choice(value: object) -> str:
    """Write the value of a condition: "none" for null.

    Parameters
    ----------
    value : object
        As in a store, or as in a configuration.

    Returns
    -------
    str

    Examples
    --------
    >>> choice(None), choice("null"), choice(0.0), choice("0.050")
    ('none', 'none', '0', '0.05')
    """
    text = str(value)
    if value is None or text == "null":
        return NONE
    try:
        number = float(text)
    except ValueError:
        return text
    return f"{number:.6g}" if math.isfinite(number) else text
