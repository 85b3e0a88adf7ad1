"""Data sheet of the device derived from a material's physics, as a table."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from matsweep.core.checks import UserError
from matsweep.core.units import estimate
from matsweep.devices import AnalogDevice
from matsweep.devices.dynamics import DynamicalModel
from matsweep.identification.derivation import Protocol, derive

_ROWS = (
    ("g_min", "S", "range, from the median device after depression"),
    ("g_max", "S", "… to that after potentiation"),
    ("levels", "", "that verified programming separates by six standard deviations"),
    ("missed", "", "share of programmings that end outside the tolerance"),
    ("pulses", "", "to program a device"),
    ("write_energy", "J", "to program a device"),
    ("energy_up", "J", "of a potentiating pulse"),
    ("energy_down", "J", "of a depressing pulse"),
    ("cycle_to_cycle_up", "", "deviation of the upper end, of the range"),
    ("cycle_to_cycle_down", "", "… of the lower end"),
    ("device_to_device_up", "", "deviation of the upper end, of the range"),
    ("device_to_device_down", "", "… of the lower end"),
)


def show_derived(
    physics: DynamicalModel, protocol: Protocol, device: AnalogDevice, console: Console
) -> None:
    """Print the figures of the device that the protocol derives from a material's physics.

    Parameters
    ----------
    physics : DynamicalModel
    protocol : Protocol
    device : AnalogDevice
        Sets the read voltage, and whether the device is binary.
    console : rich.console.Console
    """
    try:
        derived = derive(physics, protocol, base=device)
    except UserError as error:
        console.print(f"no device can be derived: {error}", markup=False, highlight=False)
        return
    table = Table(box=None, header_style="bold", pad_edge=False, title=None)
    table.add_column("derived device")
    table.add_column("value", justify="right")
    table.add_column("unit")
    table.add_column("what it is")
    for name, unit, text in _ROWS:
        table.add_row(name, f"{derived.figures[name]:.3g}", unit, text)
    for way in ("up", "down"):
        name = f"nonlinearity_{way}"
        value = "not determined by these pulses"
        if derived.labels is not None:
            value = estimate(derived.labels.values[name], derived.labels.errors[name])
        table.add_row(name, value, "", "NeuroSim's label of the pulse response")
    kept = derived.device.retention
    value = "not known" if kept.time is None else f"{kept.half_life(358.15):.3g}"
    table.add_row("retention", value, "s", "at 85 °C, until half of what was written is lost")
    console.print()
    console.print(table)
    console.print()
