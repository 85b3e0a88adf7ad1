"""Loops over samples: learning and classification."""

import functools

import numba
from numba import types, uint64
from numpy import float32

from matsweep.core.compiled import compiled
from matsweep.core.pointer import Pointer
from matsweep.workloads.learning.core.propagation import backward, forward, load, output_error
from matsweep.workloads.learning.core.rewriting import renew
from matsweep.workloads.learning.core.structures import INPUT, OUTPUT, POSITIONS


def update_of(kernel, *tuples):
    """Compile a rule's kernel for the tuples of a realisation.

    Parameters
    ----------
    kernel : Kernel
    *tuples : Circuit, Devices, Settings, State and Work

    Returns
    -------
    Pointer
        Address of the compiled kernel.
    """
    signature = types.void(
        *(numba.typeof(each) for each in tuples), types.int64, types.int64, types.float32
    )
    return _update_of(kernel, signature)


@functools.cache
def _update_of(kernel, signature):
    return Pointer(kernel, signature)


@compiled
def learn(
    update, circuit, devices, settings, state, work, images, labels, order, rates, learns
):  # fmt: skip
    """Learn from images in a given order: one epoch, or any part of one made of whole batches.

    Each sample is read forward and its error back; after a batch `update`, the address of the
    rule's kernel, changes each layer, whose outer products are one for each sample and position.

    Parameters
    ----------
    update : Pointer
        From `update_of`.
    circuit : Circuit
    devices : Devices
    settings : Settings
    state : State
        Changes.
    work : Work
    images : (sample, input) float32 array, in [0, 1]
    labels : (sample,) int64 array
    order : (n,) int64 array
        Samples to learn from.
    rates : (layer,) float32 array
        Learning rates.
    learns : (layer,) int64 array
        0 where a layer keeps its weights.
    """
    layers = circuit.rows.shape[0]
    held = 0
    for place in range(order.shape[0]):
        if held == 0:  # devices that take more numbers in one batch have the same in the next
            state.counter[0] = uint64(state.clock[0]) << uint64(32)
        active, error = work.active[held], work.error[held]
        load(circuit, images, order[place], active)
        forward(circuit, state, work, active)
        last = circuit.grid[layers - 1, OUTPUT]
        output_error(circuit, work.sums[last:], labels[order[place]], error[last:])
        backward(circuit, state, work, error)
        held += 1
        if held < settings.batch and place < order.shape[0] - 1:
            continue
        for layer in range(layers):
            if learns[layer]:  # products of the batch, whose mean is the sum over positions over P
                positions = circuit.grid[layer, POSITIONS]
                rate = rates[layer] * float32(positions)
                update(circuit, devices, settings, state, work, layer, held * positions, rate)
        state.clock[0] += 1
        held = 0
        if settings.reset_every > 0 and state.clock[0] % settings.reset_every == 0:
            renew(circuit, devices, settings, state, work)


@compiled
def judge(circuit, state, work, images, labels, squares, inputs, products):
    """Classify images.

    Parameters
    ----------
    circuit : Circuit
    state : State
        Only the counter of its random numbers changes.
    work : Work
    images : (sample, input) float32 array
    labels : (sample,) int64 array
    squares : (row of any layer,) float32 array
        Takes the sum over samples and positions of squared voltages, in units of the read voltage
        squared; may be empty.
    inputs : (first samples, position and row of any layer) float32 array
        Takes each layer's inputs of the first samples; may be empty.
    products : (first samples, position and column of any layer) float32 array
        Takes each layer's sums before the activation; may be empty.

    Returns
    -------
    right : int
        Images classified correctly.
    saturated : int
        Conversions that saturated.
    """
    active = work.active[0]
    layers = circuit.rows.shape[0]
    right, saturated = 0, 0
    for sample in range(images.shape[0]):
        load(circuit, images, sample, active)
        saturated += forward(circuit, state, work, active)
        last = circuit.grid[layers - 1, OUTPUT]
        best = 0
        for j in range(1, circuit.columns[layers - 1]):
            if work.sums[last + j] > work.sums[last + best]:
                best = j
        right += best == labels[sample]
        if squares.shape[0]:
            add_squares(circuit, work.volts, squares)
        if sample < products.shape[0]:
            inputs[sample] = active
            products[sample] = work.sums
    return right, saturated


@compiled
def add_squares(circuit, volts, squares):
    """Add the squared voltages of a sample to those of each word line, over all positions.

    Parameters
    ----------
    circuit : Circuit
    volts : (position and row of any layer,) float32 array
    squares : (row of any layer,) float32 array
        Changes.
    """
    for layer in range(circuit.rows.shape[0]):
        n, to = circuit.rows[layer], circuit.first_row[layer]
        for position in range(circuit.grid[layer, POSITIONS]):
            at = circuit.grid[layer, INPUT] + position * n
            for i in range(n):
                squares[to + i] += volts[at + i] * volts[at + i]
