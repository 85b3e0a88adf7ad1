"""The devices and circuits of an analog machine."""

from __future__ import annotations

from dataclasses import dataclass

from matsweep.crossbar import ADC, DAC, Tile, Wires
from matsweep.devices import AnalogDevice


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """Devices, tiles, converters and wires of one analog machine.

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
