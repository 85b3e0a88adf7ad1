"""Tuples of the compiled core: the circuit, its devices, settings, state and scratch memory."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

SIGMOID, TANH, RELU = 0, 1, 2
SQUARED, CROSS_ENTROPY = 0, 1

POSITIONS = 0
"""Products of one sample: positions of a convolution; 1 for a dense layer."""
INPUT = 1
"""First place in arrays over position and row of all layers."""
OUTPUT = 2
"""First place in arrays over position and column of all layers."""
TAKEN = 3
"""Place in `tables` of (position, input without the bias); -1: the inputs are the map below."""
POOLS = 4
"""Place in `tables` of (pooled position, member); -1: no pooling."""
POOLED = 5
"""Positions of the layer's map, pooled."""
MEMBERS = 6
"""Positions that become one."""
AVERAGE = 7
"""1: pooled values are means; 0: the largest ones."""


class Circuit(NamedTuple):
    """The network, its tiles and their converters.

    Attributes
    ----------
    rows, columns : (layer,) int64 arrays
        Inputs of each layer and, with `bias`, one that is always 1; outputs.
    first, first_row : (layer + 1,) int64 arrays
        Each layer's first synapse and row in arrays over all layers, then their number.
    grid : (layer + 1, 8) int64 array
        Positions and maps of each layer, in the order of the constants POSITIONS … AVERAGE; of the
        last row, INPUT and OUTPUT are the numbers of inputs and outputs of all layers.
    tables : (n,) int64 array
        Places of the windows' inputs in the map below (-1: padding), and positions of the pools.
    row_edges, column_edges : (edge of any layer,) int64 arrays
        First row or column of each tile, and each layer's end behind its last tile.
    row_edge_at, column_edge_at : (layer + 1,) int64 arrays
        Place of each layer's first edge.
    gain : (layer,) float32 array
        Weight of a whole range.
    step, step_back : (layer,) float32 arrays
        ADC's least current over (read voltage · range), forward and back; 0: it is exact.
    column_gain, column_offset : (column of all row tiles,) float32 arrays
        Errors of the ADCs: factor, and ADC steps.
    bias : int
        1: each layer has a bias.
    hidden, output : int
        SIGMOID, TANH or RELU; SQUARED or CROSS_ENTROPY.
    dac_steps, dac_steps_signed : float
        Steps of the DAC between 0 and its largest voltage, for inputs of one sign and of both.
    top, top_signed : float
        Largest code of the ADC, for currents of one sign and of both.
    common : float, ranges
        Unsigned current of a device at weight zero; -1: currents are signed.
    adc_noise : float, ADC steps
        Standard deviation.
    reference_variance : float, ranges squared
        Of one read of a reference device.
    analog_backward : int
        1: errors go back through the converters.
    noisy : int
        1: reads have noise.
    managed : int
        1: a read that saturates is repeated at half the voltages.
    """

    rows: IntArray
    columns: IntArray
    first: IntArray
    first_row: IntArray
    grid: IntArray
    tables: IntArray
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

    The axis `device` is (arm · synapse), with the fast array as one more arm where there is one.

    Attributes
    ----------
    step : Pointer
        Address of the pulse model's kernel.
    affine : int
        1: it is the affine kernel, which the loops have built in.
    draws, late : int
        From `PulseModel`.
    arms, synapses : int
        Devices of a synapse, and synapses of all layers.
    shared : int
        1: all devices of an arm have the same parameters.
    parameters : (device, k) or (arm, k) float32 array
    table : (n,) float32 array
        Numbers that all devices share.
    own_range : int
        1: the kernel acts in each device's own range; the last two of its parameters are the lower
        bound and the span. Not for the affine kernel.
    of_step, of_range : float
        Noise of a pulse: over its step, and over the range.
    adds : int
        1: a pulse has noise that is not proportional to its step: `added` and `of_state`.
    added : (device, 2) or (arm, 2) float32 array, ranges
        Noise of a potentiating and of a depressing pulse, whatever the state.
    of_state, zero : float
        Noise of a pulse over the distance of the state from `zero`.
    of_writing : float, ranges
        Noise of writing, drawn for each update of a device.
    least : float, ranges
        State of a device without conductance.
    pulses_up, pulses_down : float
        Pulses that span the range.
    variance : (state,) float32 array, ranges squared
        Of one read, at evenly spaced states from 0 to 1.
    low, high : (device,) float32 arrays
        Bounds of the states.
    seen : (device without the fast array,) float32 array
        Shares of the conductances that wires leave.
    series : (2,) float32 array
        Of the access devices: numbers of `behind`.
    reference : (synapse,) float32 array, ranges
        What is subtracted from `seen` times what the devices conduct beyond state 0.
    fast_reference : (synapse,) float32 array
        States of the fast array that are its zeros.
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
    own_range: int
    of_step: float
    of_range: float
    adds: int
    added: FloatArray
    of_state: float
    zero: float
    of_writing: float
    least: float
    pulses_up: float
    pulses_down: float
    variance: FloatArray
    low: FloatArray
    high: FloatArray
    seen: FloatArray
    series: FloatArray
    reference: FloatArray
    fast_reference: FloatArray


class Settings(NamedTuple):
    """Settings of updates that all rules share, and the rule's own numbers.

    Attributes
    ----------
    batch : int
        Samples of an update.
    both : int
        1: both devices of a pair move half way; 0: one is potentiated.
    reset_every : int
        Batches between two times that saturated pairs are erased; 0: never.
    reset_above : float, ranges
        State beyond which a pair is erased.
    parameters : (k,) float64 array
        `Rule.parameters`.
    """

    batch: int
    both: int
    reset_every: int
    reset_above: float
    parameters: npt.NDArray[np.float64]


class State(NamedTuple):
    """Arrays that change while learning.

    Attributes
    ----------
    x : (device,) float32 array
        States that reads see; the fast array's are last.
    settled : (device,) float32 array
        States that pulses change: without the noise of writing. The same array where there is none.
    signal : (synapse,) float32 array, ranges
    variance : (synapse,) float32 array, ranges squared
        Of one read.
    digital : (synapse,) float32 array
        Numbers in digital memory; the rule defines their meaning.
    pulses : (device,) int64 array
        Given to each device.
    sums : (4,) float64 array
        Number, and number times mean state, of potentiating, then of depressing pulses.
    slots : (2,) float64 array
        Pulse times that passed, potentiating and depressing.
    counter : (3,) uint64 array
        Counter of the random numbers, its high half, and their key.
    clock : (1 + layer,) int64 array
        Batches since the start, and each layer's row to transfer next.
    """

    x: FloatArray
    settled: FloatArray
    signal: FloatArray
    variance: FloatArray
    digital: FloatArray
    pulses: IntArray
    sums: npt.NDArray[np.float64]
    slots: npt.NDArray[np.float64]
    counter: npt.NDArray[np.uint64]
    clock: IntArray


class Work(NamedTuple):
    """Scratch memory: activations and errors of a batch, events, random numbers.

    Attributes
    ----------
    active : (sample, position and row of any layer) float32 array
        Inputs of each layer.
    error : (sample, position and column of any layer) float32 array
        Derivatives of the loss by each layer's sums.
    volts : (position and row of any layer, or column,) float32 array
        In units of the read voltage.
    current, noise, output : (line,) float32 arrays
    sums, values : (position and column of any layer,) float32 arrays
        Of one sample: before the activation, and behind it.
    chosen : (position and column of any layer,) int64 array
        Place of each pooled value among the layer's values, where the largest is taken.
    map : (value of a map,) float32 array
        A layer's map behind its pooling, or the derivatives of the loss by one.
    place : (event,) int64 array
        Device of each event.
    number : (event,) int32 array
        Its pulses, signed.
    normal : (n,) float32 array
    row_bits, column_bits : (line,) uint32 arrays
        Trains of random bits.
    """

    active: FloatArray
    error: FloatArray
    volts: FloatArray
    current: FloatArray
    noise: FloatArray
    output: FloatArray
    sums: FloatArray
    values: FloatArray
    chosen: IntArray
    map: FloatArray
    place: IntArray
    number: npt.NDArray[np.int32]
    normal: FloatArray
    row_bits: npt.NDArray[np.uint32]
    column_bits: npt.NDArray[np.uint32]
