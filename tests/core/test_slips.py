"""Slips in arrays are refused with the likely cause; values that some device has are not."""

import numpy as np
import pytest

from matsweep.core.checks import UserError
from matsweep.core.slips import MOST_CONDUCTANCE, MOST_VOLTAGE
from matsweep.crossbar import (
    Wires,
    effective_conductance,
    node_voltages,
    port_conductance,
    read_cell,
    read_currents,
    write_cell,
)
from matsweep.devices import AnalogDevice

WIRES = Wires(1.0, 1.0)
G = np.full((4, 3), 1e-4)
V = np.full((2, 4), 0.2)
DEVICE = AnalogDevice(g_min=1e-6, g_max=1e-4, read_voltage=0.2, cell_size=48)

SOLVERS = {
    "effective": lambda g, v, **more: effective_conductance(g, WIRES, **more),
    "port": lambda g, v, **more: port_conductance(g, WIRES, **more),
    "read": lambda g, v, **more: read_currents(g, v, WIRES, **more),
    "read, ideal": lambda g, v, **more: read_currents(g, v, **more),
    "nodes": lambda g, v, **more: node_voltages(g, v, WIRES, **more),
}
CELLS = {
    "read_cell": lambda g, v: read_cell(g, 0, 0, float(v[0, 0]), WIRES),
    "write_cell": lambda g, v: write_cell(g, 0, 0, float(v[0, 0]), WIRES),
}
DEVICES = {
    "program": lambda g: DEVICE.program(g, rng=np.random.default_rng(0)),
    "relax": lambda g: DEVICE.relax(g, 1.0, rng=np.random.default_rng(0)),
    "read": lambda g: DEVICE.read(g, rng=np.random.default_rng(0)),
    "current": lambda g: DEVICE.current(g, 0.2),
}


@pytest.mark.parametrize("name", [*SOLVERS, *CELLS])
def test_resistances_given_as_conductances_are_refused(name):
    solve = {**SOLVERS, **CELLS}[name]
    with pytest.raises(UserError, match=r"<= 1, got 10000 at \[0, 0\]: .*give 1 / resistance"):
        solve(1 / G, V)
    solve(np.full_like(G, MOST_CONDUCTANCE), V)


@pytest.mark.parametrize("name", list(SOLVERS))
def test_what_is_meant_goes_on_all_the_same(name):
    SOLVERS[name](1 / G, 1e3 * V, plausible=False)


@pytest.mark.parametrize("name", ["read", "read, ideal", "nodes", *CELLS])
def test_millivolts_given_as_volts_are_refused(name):
    solve = {**SOLVERS, **CELLS}[name]
    with pytest.raises(UserError, match=r"\[-100, 100\], got 200 at .*: if these are in mV"):
        solve(G, 1e3 * V)
    solve(G, np.full_like(V, MOST_VOLTAGE))


@pytest.mark.parametrize("name", ["read", "read, ideal", "nodes"])
@pytest.mark.parametrize(
    ("voltage", "way"),
    [
        (V[0], r"voltage\[None, :\] is one sample"),
        (V.T, r"swap the last two axes"),
        (V[:, :3], r" \(2, 3\)$"),
        (V[0, 0], r" \(\)$"),
    ],
)
def test_a_vector_for_a_batch_is_refused_with_a_hint(name, voltage, way):
    with pytest.raises(UserError, match=rf"\(…, sample, row\) with 4 rows, got shape.*{way}"):
        SOLVERS[name](G, voltage)


def test_a_vector_of_conductances_is_refused_with_a_hint():
    with pytest.raises(UserError, match=r"conductance\[None, :\] is one row"):
        effective_conductance(G[0], WIRES)


@pytest.mark.parametrize("name", list(DEVICES))
def test_devices_refuse_resistances(name):
    with pytest.raises(UserError, match=r"got 10000 at \[0, 0\]: .*give 1 / resistance"):
        DEVICES[name](1 / G)
    DEVICES[name](G)
    with pytest.raises(UserError, match="got 10000: "):
        DEVICES[name](1e4)


def test_a_device_of_an_implausible_range_is_taken_as_it_is():
    large = AnalogDevice(g_min=1.0, g_max=25.0, read_voltage=0.2, cell_size=48)
    target = np.full((2, 2), 20.0)
    assert large.program(target, rng=np.random.default_rng(0)).conductance.shape == (2, 2)
