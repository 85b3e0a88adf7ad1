"""Conductances behind wires and access devices, while the devices learn."""

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


def series(device: AnalogDevice, access: float) -> FloatArray:
    """Return the numbers of `core.behind`: devices in series with their access devices.

    Parameters
    ----------
    device : AnalogDevice
    access : float, Ω
        In series with each device.

    Returns
    -------
    (2,) float32 array
        (1 + R g_min)² and (1 + R g_min) R (g_max - g_min).
    """
    lowest = 1 + access * device.g_min
    return np.array([lowest**2, lowest * access * device.g_range], np.float32)


def see_wires(
    course: Course, circuit: Any, devices: Any, state: Any, zeros: FloatArray | None = None
) -> None:
    """Update the shares of the devices' conductances that their columns see, in place.

    A column carries w c (g_min + x (g_max - g_min)) of each device, where w is the share that wires
    leave and c that of the access device. Signals count from state 0 (`core.behind`), so that the
    current at state 0, w c(g_min) g_min, is part of the reference.

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
    lowest = behind_access(np.asarray(device.g_min, np.float32), hardware) / device.g_range
    for layer, plan in enumerate(course.layouts):
        start, end = course.first[layer], course.first[layer + 1]
        zero = zeros[course.first_row[layer] : course.first_row[layer + 1], None]
        share, reference = attenuation(
            x[:, start:end].reshape(course.arms, plan.inputs, plan.outputs), plan, hardware,
            device, zero,
        )  # fmt: skip
        bottom = share[0] - share[1] if course.arms == 2 else share[0]
        seen[:, start:end] = share.reshape(course.arms, -1)
        devices.reference[start:end] = (reference / device.g_range - lowest * bottom).ravel()
    core.see_all(circuit, devices, state)


def attenuation(
    states: FloatArray, plan: Layout, hardware: Hardware, device: AnalogDevice, zero: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Shares of the devices' conductances that wires leave, and the conductances of references.

    The array is solved with the devices' present states; while they learn, the shares are held. A
    transposed read has the same shares: the lines' ends are the same, and a network of resistances
    is reciprocal. Access devices belong to one device each, whose change they follow at once: the
    shares are those of a device with its access device.

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
    share : (arm, row, column) array
    reference : (row, column) array, S
        Of the references that belong to the devices, behind wires and access devices; as stated, of
        a reference that is subtracted digitally; 0 for pairs.
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
    through = np.empty_like(conductance)
    for tile, (a, b) in enumerate(itertools.pairwise(edges)):
        through[:, a:b] = effective[tile, :, plan.tile_inputs - (b - a) :]
    share = through[..., : plan.outputs] / behind_access(conductance[..., : plan.outputs], hardware)
    if plan.references:
        return share, through[0][:, plan.outputs :][:, plan.owner]
    digital = 0.0 if arms == 2 else device.g_min + zero * device.g_range
    return share, np.broadcast_to(np.asarray(digital, np.float32), (plan.inputs, plan.outputs))


def behind_access(conductance: FloatArray, hardware: Hardware) -> FloatArray:
    """Conductance of devices in series with their access devices.

    Parameters
    ----------
    conductance : (…) array, S
    hardware : Hardware

    Returns
    -------
    (…) array, S
    """
    access = np.float32(hardware.tile.access_resistance)
    return np.asarray(conductance / (1 + access * conductance))
