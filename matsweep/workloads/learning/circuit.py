"""The network, its tiles and their converters in the form of the compiled core."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.workloads.learning import core
from matsweep.workloads.learning import lesson as floating
from matsweep.workloads.learning.course import Course
from matsweep.workloads.learning.layers import Places
from matsweep.workloads.learning.reading import quiet
from matsweep.workloads.learning.tiles import column_edges, joined_edges, row_edges

type Weights = tuple[FloatArray, ...]

_CALIBRATION = 64  # training samples that calibrate the converters


def compiled_circuit(
    course: Course, number: int, variance: FloatArray, weights: Weights | None = None
) -> Any:
    """Build the compiled core's description of the network and its tiles.

    Parameters
    ----------
    course : Course
    number : int
        Index of the realisation.
    variance : (state,) array, ranges squared
        Of one read, at evenly spaced states from 0 to 1.
    weights : tuple of (row, column) arrays or None
        Weights that the converters' ranges are set for; None: converters are exact.

    Returns
    -------
    core.Circuit
    """
    workload, hardware = course.workload, course.hardware
    step, back = np.zeros((2, len(course.layouts)), np.float32)
    if weights is not None:
        step, back = _steps(course, weights)
    signs = course.common < 0
    rows, row_at = joined_edges([row_edges(plan) for plan in course.layouts])
    across, column_at = joined_edges([column_edges(plan) for plan in course.layouts])
    dac = hardware.dac
    zero_variance = 0.0
    if course.arms == 1 and signs and course.zero:
        zero_variance = float(np.interp(course.zero, np.linspace(0, 1, len(variance)), variance))
    grid, tables = _grid(course)
    return core.Circuit(
        rows=np.diff(course.first_row), columns=np.diff(course.first_column),
        first=course.first, first_row=course.first_row, grid=grid, tables=tables,
        row_edges=rows, row_edge_at=row_at, column_edges=across,
        column_edge_at=column_at, gain=course.gain, step=step, step_back=back,
        column_gain=course.column_gain[number],
        column_offset=course.column_offset[number], bias=int(workload.bias),
        hidden=("sigmoid", "tanh", "relu").index(workload.activation),
        output=("squared", "cross_entropy").index(workload.loss),
        dac_steps=float(2**dac.bits - 1),
        dac_steps_signed=float(max(2 ** (dac.bits - 1) - 1, 1)),
        top=float(hardware.adc.codes(signed=False)[1]),
        top_signed=float(hardware.adc.codes(signed=True)[1]), common=course.common,
        adc_noise=float(hardware.adc.noise), reference_variance=zero_variance,
        analog_backward=int(workload.backward == "analog"),
        noisy=int(not quiet(hardware.device)), managed=int(workload.bound_management),
    )  # fmt: skip


def _grid(course: Course) -> tuple[Places, Places]:
    """Positions and maps of each layer, (layer + 1, 8), and the tables that they point to."""
    tables, end, rows = [np.zeros(0, np.int64)], 0, []
    ends = zip(course.first_input, course.first_output, strict=True)
    for layer, (first_input, first_output) in zip(course.lesson.layers, ends, strict=False):
        at = []
        for table in (layer.taken, layer.pools):
            at.append(-1 if table is None else end)
            if table is not None:
                tables.append(table.ravel())
                end += table.size
        members = 1 if layer.pools is None else layer.pools.shape[1]
        pooled = layer.size // layer.outputs
        rows.append(
            (layer.positions, first_input, first_output, *at, pooled, members, int(layer.average))
        )
    rows.append((0, course.first_input[-1], course.first_output[-1], -1, -1, 0, 0, 0))
    return np.array(rows, np.int64), np.concatenate(tables)


def _steps(course: Course, weights: Weights) -> tuple[FloatArray, FloatArray]:
    """Least currents of each layer's converters, forward and back, (layer,) arrays in ranges."""
    adc = course.hardware.adc
    device, workload = course.hardware.device, course.workload
    signs = course.common < 0
    tops = adc.codes(signed=signs)[1], adc.codes(signed=True)[1]
    forward, back = _currents(course, weights)
    unit = device.read_voltage * device.g_range
    steps = np.zeros((2, len(course.layouts)), np.float32)
    for layer, plan in enumerate(course.layouts):
        for way, currents in enumerate((forward[layer], back[layer])):
            if adc.full_scale is not None:
                scale = adc.full_scale / unit
            elif workload.adc_range == "full":
                scale = float(plan.tile_inputs if way == 0 else plan.tile_outputs)
            else:
                scale = _percentile(currents, adc.percentile)
            if adc.least_full_scale is not None:
                scale = max(scale, adc.least_full_scale / unit)
            steps[way, layer] = scale / tops[way]
    if workload.backward == "digital":
        steps[1] = 0
    return steps[0], steps[1]


def _currents(course: Course, weights: Weights) -> tuple[list[FloatArray], list[FloatArray]]:
    """Currents of some training samples in each layer's tiles, forward and back, in ranges."""
    workload, samples = course.workload, course.lesson.samples
    images = samples.train_inputs[:_CALIBRATION]
    layers = course.lesson.layers
    inputs, outputs, sums = floating.activations(workload, layers, weights, images)
    last = floating.output_error(workload, sums, samples.train_labels[:_CALIBRATION])
    errors = floating.errors(workload, layers, weights, outputs, last)
    forward, back = [], []
    common = max(course.common, 0.0)
    for layer, plan in enumerate(course.layouts):
        signal = weights[layer] / course.gain[layer]
        largest = np.abs(inputs[layer]).max(axis=1, keepdims=True)
        relu = workload.activation == "relu" and layer > 0
        volts = inputs[layer] / np.maximum(largest, 1e-30) if relu else inputs[layer]
        edges = row_edges(plan)
        forward.append(
            np.concatenate(
                [volts[:, a:b] @ (signal[a:b] + common) for a, b in itertools.pairwise(edges)]
            )
        )
        size = np.abs(errors[layer]).max(axis=1, keepdims=True)
        volts = errors[layer] / np.maximum(size, 1e-30)
        if layers[layer].positions > 1:  # a position without error, below a pooling, is not read
            volts = volts[size[:, 0] > 0]
        edges = column_edges(plan)
        back.append(
            np.concatenate([volts[:, a:b] @ signal[:, a:b].T for a, b in itertools.pairwise(edges)])
        )
    return forward, back


def _percentile(values: FloatArray, percent: float) -> float:
    scale = float(np.percentile(np.abs(values), percent)) if values.size else 0.0
    return scale if scale > 0 else 1.0
