"""Weights that the devices of a matrix hold."""

from __future__ import annotations

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.machine.programmed import AgedMatrix
from matsweep.machine.transposed import by_input


def held_weights(aged: AgedMatrix) -> FloatArray:
    """Return the weights that devices hold at one time, as reads see them through wires.

    Without what is done digitally behind the converters: compensations are left out.

    Parameters
    ----------
    aged : AgedMatrix

    Returns
    -------
    (realisation, input, output) array
    """
    mapped, device = aged.programmed.mapped, aged.programmed.hardware.device
    plan, scale = mapped.layout, mapped.scale.weight
    unit = aged.seen.conductance.dtype.type(1 / device.g_range)
    signed = plan.mapping.difference(aged.seen.conductance, plan.owner) * unit
    rows = by_input(signed, plan)
    sliced = rows.reshape(*rows.shape[:2], plan.slices, plan.outputs)
    weights = np.tensordot(sliced, plan.worth.astype(rows.dtype), (2, 0)) * rows.dtype.type(scale)
    if not plan.mapping.signed:
        zero = plan.cells * plan.worth.sum() * device.g_min / device.g_range + 1
        weights -= weights.dtype.type(zero * scale)
    return np.asarray(weights)
