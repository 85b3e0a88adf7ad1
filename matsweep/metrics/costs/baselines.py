"""The machines to beat: what the same network takes elsewhere.

A von Neumann engine of the same node, with numbers of 8 bits or in floating point and its weights
in SRAM, LPDDR4 or HBM2; a CPU and a GPU by published operations per energy; and the brain's budget
for as many synaptic events. Samples come one by one, so that every weight is fetched for each. Left
out, to the engine's advantage: control, registers, leakage, and what its memory waits for.
"""

from __future__ import annotations

import functools

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.metrics.costs import cited, components
from matsweep.metrics.learning import training_energy
from matsweep.metrics.metric import Metric, Run

_ENGINES = tuple(
    (number, memory) for number in ("int8", "fp32") for memory in ("sram", "lpddr4", "hbm2")
)
BASELINES = (*(f"{number}_{memory}" for number, memory in _ENGINES), "cpu", "gpu", "brain")
"""The coordinate `baseline`, in this order."""

Shapes = tuple[tuple[int, int], ...]


@functools.cache
def engine_energy(
    shapes: Shapes, number: str, memory: str, node: float, *, training: bool = False
) -> float:
    """Return the energy of a von Neumann engine for one sample, J.

    Every weight is fetched and multiplied once; inputs and outputs of layers are read and written
    once in SRAM. A sample to learn from takes three passes over the weights, but for the first
    layer two (forward, back, and the gradient), each a fetch, and writes each weight back.

    Parameters
    ----------
    shapes : tuple of (inputs, outputs)
        Of the layers.
    number : "int8" or "fp32"
    memory : "sram", "lpddr4" or "hbm2"
        Of the weights: SRAM is as large as they are.
    node : float, m
    training : bool
        One step of learning rather than an inference.
    """
    bits = {"int8": 8, "fp32": 32}[number]
    weights = [inputs * outputs for inputs, outputs in shapes]
    values = sum(inputs + outputs for inputs, outputs in shapes)
    passes = [1 + training * (1 if first else 2) for first in (True, *[False] * len(weights[1:]))]
    products = sum(weight * times for weight, times in zip(weights, passes, strict=True))
    store = cited.sram(bits * sum(weights), node).energy
    fetch = store if memory == "sram" else components.dram(memory)
    local = cited.sram(bits * values, node).energy
    fetched = products + training * sum(weights)
    moved = values * (3 if training else 1)
    return products * cited.mac(number, node) + fetched * bits * fetch + moved * bits * local


def baseline_energy(shapes: Shapes, node: float, *, training: bool = False) -> FloatArray:
    """Return the energy of one sample on every baseline, (baseline,) J.

    Parameters
    ----------
    shapes : tuple of (inputs, outputs)
    node : float, m
    training : bool
        As in `engine_energy`.
    """
    engines = [
        engine_energy(shapes, number, memory, node, training=training)
        for number, memory in _ENGINES
    ]
    weights = [inputs * outputs for inputs, outputs in shapes]
    products = sum(weights) * (1 + 2 * training) - training * weights[0]
    rest = [2 * products * cited.OPERATION[name] for name in ("cpu", "gpu")]
    return np.array([*engines, *rest, products * cited.brain_event()])


def _shapes(run: Run) -> Shapes:
    return tuple((plan.inputs, plan.outputs) for plan in run.layouts)


def _inference(run: Run) -> FloatArray:
    return baseline_energy(_shapes(run), run.scenario.periphery.node)


def _training(run: Run) -> FloatArray:
    once = baseline_energy(_shapes(run), run.scenario.periphery.node, training=True)
    return run.trained.updates * once


BASELINE_ENERGY = Metric(
    name="baseline_energy",
    long_name="energy of one inference on other machines",
    units="J",
    better="lower",
    dims=("baseline",),
    compute=_inference,
)
ENERGY_ADVANTAGE = Metric(
    name="energy_advantage",
    long_name="energy of an int8 engine of the same node, weights in SRAM, over that here",
    units="1",
    better="higher",
    dims=("realisation", "time"),
    compute=lambda run: _inference(run)[BASELINES.index("int8_sram")] / run.energy,
)
TRAINING_BASELINE_ENERGY = Metric(
    name="training_baseline_energy",
    long_name="energy of the whole training on other machines",
    units="J",
    better="lower",
    dims=("baseline",),
    compute=_training,
    learning=True,
)
TRAINING_ENERGY_ADVANTAGE = Metric(
    name="training_energy_advantage",
    long_name="training energy of an fp32 engine of the same node, weights in SRAM, over that here",
    units="1",
    better="higher",
    dims=("realisation",),
    compute=lambda run: _training(run)[BASELINES.index("fp32_sram")] / training_energy(run),
    partial=True,
    learning=True,
)
