"""Shares of the conductances that wires and access devices leave, held while devices learn."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.crossbar import Layout
from matsweep.devices import AnalogDevice
from matsweep.machine import Hardware
from matsweep.machine.product import wired
from matsweep.workloads.learning import core
from matsweep.workloads.learning.course import Course
from matsweep.workloads.learning.tiles import row_edges


def has_wires(hardware: Hardware) -> bool:
    """Whether wires or access devices change the conductances that columns see.

    Parameters
    ----------
    hardware : Hardware

    Returns
    -------
    bool
    """
    return hardware.wires is not None or bool(hardware.tile.access_resistance)


def see_wires(
    course: Course, circuit: Any, devices: Any, state: Any, zeros: FloatArray | None = None
) -> None:
    """Update the shares of the devices' conductances that their columns see, in place.

    Parameters
    ----------
    course : Course
    circuit : core.Circuit
    devices : core.Devices
        `seen` and `reference` change.
    state : core.State
        `signal` and `variance` change.
    zeros : (row of any layer,) array or None
        States of the references; None: their nominal ones.
    """
    hardware, device = course.hardware, course.hardware.device
    seen = devices.seen.reshape(course.arms, -1)
    x = state.x[: seen.size].reshape(seen.shape)
    if zeros is None:
        zeros = np.full(int(course.first_row[-1]), course.zero, np.float32)
    for layer, plan in enumerate(course.layouts):
        start, end = course.first[layer], course.first[layer + 1]
        zero = zeros[course.first_row[layer] : course.first_row[layer + 1], None]
        share, left = attenuation(
            x[:, start:end].reshape(course.arms, plan.inputs, plan.outputs), plan, hardware,
            device, zero,
        )  # fmt: skip
        seen[:, start:end] = share.reshape(course.arms, -1)
        devices.reference[start:end] = (zero * left).ravel()
    core.see_all(circuit, devices, state)


def attenuation(
    states: FloatArray, plan: Layout, hardware: Hardware, device: AnalogDevice, zero: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Shares of the devices' conductances that wires and access devices leave.

    The array is solved with the devices' present states; while they learn, the shares are held. A
    transposed read has the same shares: the lines' ends are the same, and a network of resistances
    is reciprocal.

    Parameters
    ----------
    states : (arm, row, column) array
    plan : Layout
    hardware : Hardware
    device : AnalogDevice
    zero : (row, 1) array
        States of the references.

    Returns
    -------
    (arm, row, column) array, (row, column) array
        Of the devices, and of the references that belong to them.
    """
    arms = len(states)
    values = states
    if plan.references:
        extra = np.broadcast_to(zero, (arms, plan.inputs, plan.references))
        values = np.concatenate([states, extra], axis=-1)
    conductance = np.float32(device.g_min) + values * np.float32(device.g_range)
    edges = row_edges(plan)
    tiles = np.full(
        (plan.row_tiles, arms, plan.tile_inputs, conductance.shape[-1]),
        device.g_min + device.g_range / 2, np.float32,
    )  # fmt: skip
    for tile, (a, b) in enumerate(itertools.pairwise(edges)):
        tiles[tile, :, plan.tile_inputs - (b - a) :] = conductance[:, a:b]
    effective = wired(
        tiles[None], plan, hardware.wires, hardware.tile.access_resistance, power=False
    ).conductance[0]
    share = np.empty_like(conductance)
    for tile, (a, b) in enumerate(itertools.pairwise(edges)):
        rows = slice(plan.tile_inputs - (b - a), None)
        share[:, a:b] = effective[tile, :, rows] / tiles[tile, :, rows]
    columns = share[..., : plan.outputs]
    if plan.references:
        return columns, share[0][:, plan.outputs :][:, plan.owner]
    return columns, np.ones((plan.inputs, plan.outputs), np.float32)
