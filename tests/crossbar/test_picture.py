"""The picture of one wired array says what it shows, and of which array."""

from __future__ import annotations

import numpy as np

from matsweep.characterization import array_figure, characterize_array
from matsweep.crossbar import Tile, Wires
from matsweep.devices import AnalogDevice


def test_the_picture_names_its_quantities_and_its_array():
    device = AnalogDevice(g_min=0.0, g_max=1e-4, read_voltage=0.2, cell_size=16.0)
    tile = Tile(rows=12, columns=10, access_resistance=1e3)
    found = characterize_array(device, tile, Wires(5.0, 7.0, 50.0, 30.0))
    figure = array_figure(found.assign_attrs(node=22e-9), "An array")
    bars = [axes.get_ylabel() for axes in figure.axes[4:]]
    assert bars == ["word line voltage", "bit line voltage", "current over that without wires"]
    said = figure.get_suptitle()
    for text in ("An array", "22.0 nm", "5.00 Ω, 7.00 Ω a segment", "driver 50.0 Ω",
                 "sense 30.0 Ω", "access 1.00 kΩ", "inputs 200 mV"):  # fmt: skip
        assert text in said, said
    cell = found.conductance / (1 + 1e3 * found.conductance)
    share = found.device_current / (0.2 * cell)
    np.testing.assert_allclose(found.device_current_share, share, rtol=1e-12)
    assert 0.5 < float(share.min()) < float(share.max()) < 1


def test_open_devices_are_left_blank():
    device = AnalogDevice(g_min=0.0, g_max=1e-4, read_voltage=0.2, cell_size=16.0)
    found = characterize_array(device, Tile(rows=3, columns=3), Wires(5.0, 7.0), fill=0.0)
    assert (found.device_current_share == 1).all()
    found.device_current_share[0, 0] = np.nan
    array_figure(found).canvas.draw()
