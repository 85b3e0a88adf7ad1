"""Tuples of the compiled core: the circuit, its devices, settings, state and scratch memory."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

SIGMOID, TANH, RELU = 0, 1, 2
SQUARED, CROSS_ENTROPY = 0, 1


class Circuit(NamedTuple):
    """The network and its tiles; (layer,) arrays.

    `rows` are inputs and, with `bias`, one that is always 1. `first` is each layer's first
    synapse, `first_row` and `first_column` each layer's first row and column in arrays over all
    layers. Edges are where tiles begin, with the end behind the last. `gain` is the weight of a
    whole range. `step` is an ADC's least current over (read voltage · range), 0: it is exact.
    `managed`: a
    read that saturates is repeated at half the voltages. `common` is what a
    device at weight zero adds to an unsigned current (-1: signed currents).
    """

    rows: IntArray
    columns: IntArray
    first: IntArray
    first_row: IntArray
    first_column: IntArray
    row_edges: IntArray
    row_edge_at: IntArray
    column_edges: IntArray
    column_edge_at: IntArray
    gain: FloatArray
    step: FloatArray
    step_back: FloatArray
    column_gain: FloatArray
    column_offset: FloatArray
    bias: int
    hidden: int
    output: int
    dac_steps: float
    dac_steps_signed: float
    top: float
    top_signed: float
    common: float
    adc_noise: float
    reference_variance: float
    analog_backward: int
    noisy: int
    managed: int


class Devices(NamedTuple):
    """Devices' parameters and bounds; arm 0 potentiates the weight, arm 1 (of a pair) depresses it.

    `step` is the address of the pulse model's kernel, `affine` whether that is the one that loops
    have built in, `draws` and `late` as in `PulseModel`. `parameters` is (arm · synapse or arm, k),
    `table` (n,) what the kernel takes of all devices. `pulses_up` and `pulses_down` span the range.
    `variance` is tabulated over x. `fast_reference` (synapse,): zeros of the fast array, states.
    """

    step: Any
    affine: int
    draws: int
    late: int
    arms: int
    synapses: int
    shared: int
    parameters: FloatArray
    table: FloatArray
    of_step: float
    of_range: float
    pulses_up: float
    pulses_down: float
    variance: FloatArray
    low: FloatArray
    high: FloatArray
    seen: FloatArray
    reference: FloatArray
    fast_reference: FloatArray


class Settings(NamedTuple):
    """How updates are made, whatever the rule, and the rule's own numbers.

    `batch` samples make an update; of a pair `both` devices move half way, or one is potentiated.
    `reset_every` so many batches (0: never) pairs beyond `reset_above` (ranges) are erased.
    `parameters` (k,): `Rule.parameters`.
    """

    batch: int
    both: int
    reset_every: int
    reset_above: float
    parameters: npt.NDArray[np.float64]


class State(NamedTuple):
    """Arrays that change while learning.

    `x` (arm · synapse, and the fast array behind them where there is one); `digital` (synapse) a
    number each, whose meaning is the rule's; `pulses` given to each device; `sums` number and
    number times mean state of potentiating, then of depressing pulses; `slots` times of a pulse
    that passed, potentiating and depressing; `counter` of the random numbers, the high half, the
    key; `clock` batches since the start, and each layer's row to transfer next.
    """

    x: FloatArray
    signal: FloatArray
    variance: FloatArray
    digital: FloatArray
    pulses: IntArray
    sums: npt.NDArray[np.float64]
    slots: npt.NDArray[np.float64]
    counter: npt.NDArray[np.uint64]
    clock: IntArray


class Work(NamedTuple):
    """Scratch memory: activations and errors of a batch, events, random numbers."""

    active: FloatArray
    error: FloatArray
    volts: FloatArray
    current: FloatArray
    noise: FloatArray
    output: FloatArray
    sums: FloatArray
    place: IntArray
    number: npt.NDArray[np.int32]
    normal: FloatArray
    row_bits: npt.NDArray[np.uint32]
    column_bits: npt.NDArray[np.uint32]
