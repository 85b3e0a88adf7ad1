"""Energy of one inference: devices, converters and digital parts."""

from __future__ import annotations

import numpy as np

from matsweep.metrics.bill import COMPONENTS, exact
from matsweep.metrics.metric import Metric, Run
from matsweep.streams import FloatArray


def energy_breakdown(run: Run) -> FloatArray:
    """Return the energy of one inference by component, (realisation, time, component) J.

    Cells: the power that devices, access devices, wires, drivers and sense amplifiers' inputs
    dissipate together (sum V² G of the devices without wires), averaged over the samples' real
    inputs, times the read time. Columns that share an ADC are sampled together and held, so that
    the array is read once in each cycle. The rest as in `matsweep.metrics.bill`.
    """
    power, bill = run.inference.array_power, run.bill
    terms = np.broadcast_to(bill.energy, (*power.shape, len(COMPONENTS))).copy()
    terms[..., COMPONENTS.index("cells")] = power * bill.read_time
    terms[..., COMPONENTS.index("leakage")] = bill.static_energy
    return exact(terms)


def energy(run: Run) -> FloatArray:
    """Return the energy of one inference, (realisation, time) J: the sum of its components."""
    return np.asarray(energy_breakdown(run).sum(axis=-1))


ENERGY = Metric(
    name="energy",
    long_name="energy of one inference",
    units="J",
    better="lower",
    dims=("realisation", "time"),
    compute=energy,
)
ENERGY_BREAKDOWN = Metric(
    name="energy_breakdown",
    long_name="energy of one inference by component",
    units="J",
    better="lower",
    dims=("realisation", "time", "component"),
    compute=energy_breakdown,
)
