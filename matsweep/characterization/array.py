"""Measurement of one wired array: voltages of its nodes and currents of its devices."""

from __future__ import annotations

import numpy as np
import xarray as xr

from matsweep.core.checks import in_range, whole
from matsweep.core.quantities import Dimensionless
from matsweep.core.streams import FloatArray
from matsweep.crossbar import Tile, Wires, node_voltages, read_currents
from matsweep.devices import AnalogDevice, CurrentLaw, SeriesIV

_ARRAYS = 8  # of the size of the tile, at a time


def characterize_array(
    device: AnalogDevice,
    tile: Tile,
    wires: Wires,
    *,
    fill: Dimensionless | None = None,
    inputs: Dimensionless = 1.0,
    seed: int = 0,
) -> xr.Dataset:
    """Program one array, apply its inputs, and compute voltages and currents of every node.

    Parameters
    ----------
    device : AnalogDevice
        Its I–V law acts, and the tile's access device.
    tile : Tile
        Its rows and columns.
    wires : Wires
    fill : float or None
        Target of every device as a share of the conductance range, 0 to 1; None: uniformly random.
    inputs : float
        Voltage on every row, over the read voltage; 0 to 1.
    seed : int

    Returns
    -------
    Dataset
        `word_voltage`, `bit_voltage` (row, column) V, `device_current` (row, column) A,
        `device_current_share` (row, column), over the current without wires, nan where that is
        zero, `conductance` (row, column) S, `column_current`, `column_current_ideal` (column,) A
        with and without wires.
    """
    whole("array.seed", seed, low=0)
    in_range("array.inputs", inputs, 0.0, 1.0)
    if fill is not None:
        in_range("array.fill", fill, 0.0, 1.0)
    rng = np.random.default_rng(seed)
    shape = tile.rows, tile.columns
    share = rng.random(shape) if fill is None else np.full(shape, fill)
    programmed = device.program(device.g_min + share * device.g_range, rng=rng).conductance
    voltage = np.full((1, tile.rows), inputs * device.read_voltage)
    law, conductance = cell_law(device, tile, programmed)
    nodes = node_voltages(conductance, voltage, wires, law, plausible=False)
    ideal = read_currents(conductance, voltage, None, law, plausible=False)[0]
    alone = conductance * voltage[0, :, None]
    if law is not None:
        alone = law.current(conductance, np.broadcast_to(voltage[0, :, None], shape))
    undriven = np.full(shape, np.nan if alone.any() else 1.0)
    left = np.divide(nodes.current[0], alone, out=undriven, where=alone != 0)
    dims = ("row", "column")
    measured = xr.Dataset(
        {
            "word_voltage": (dims, nodes.word[0], {"units": "V", "long_name": "word line voltage"}),
            "bit_voltage": (dims, nodes.bit[0], {"units": "V", "long_name": "bit line voltage"}),
            "device_current": (
                dims,
                nodes.current[0],
                {"units": "A", "long_name": "device current"},
            ),
            "device_current_share": (
                dims,
                left,
                {"units": "1", "long_name": "current over that without wires"},
            ),
            "conductance": (dims, programmed, {"units": "S", "long_name": "as programmed"}),
            "column_current": (
                "column",
                nodes.current[0].sum(axis=0),
                {"units": "A", "long_name": "column current, with wires"},
            ),
            "column_current_ideal": (
                "column",
                ideal,
                {"units": "A", "long_name": "column current, without"},
            ),
        },
        coords={"row": np.arange(tile.rows), "column": np.arange(tile.columns)},
    )
    measured.attrs.update(
        read_voltage=device.read_voltage,
        inputs=inputs,
        fill="evenly spread" if fill is None else fill,
        access_resistance=tile.access_resistance,
        driven=wires.driven,
        word_resistance=float(np.mean(wires.word_resistance)),
        bit_resistance=float(np.mean(wires.bit_resistance)),
        driver_resistance=wires.driver_resistance,
        sense_resistance=wires.sense_resistance,
        seed=seed,
    )
    return measured


def array_footprint(tile: Tile) -> int:
    """Memory of the voltages, currents and conductances of an array, before they are computed.

    Parameters
    ----------
    tile : Tile

    Returns
    -------
    int, bytes
    """
    return 8 * _ARRAYS * tile.rows * tile.columns


def cell_law(
    device: AnalogDevice, tile: Tile, conductance: FloatArray
) -> tuple[CurrentLaw | None, FloatArray]:
    """Return the current law of a cell (device and access device in series) and its conductance.

    Ohmic cells have no law: their conductance is that of the two in series.

    Parameters
    ----------
    device : AnalogDevice
    tile : Tile
        For the resistance of its access device.
    conductance : (…, row, column) array, S
        Of the devices.

    Returns
    -------
    law : CurrentLaw or None
    conductance : (…, row, column) array, S
        The law's argument: of the devices; without a law, of the cells.
    """
    access = tile.access_resistance
    if device.iv is None:
        return None, conductance / (1 + access * conductance)
    if access == 0:
        return device.iv, conductance
    return SeriesIV(resistance=access, law=device.iv), conductance
