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
from matsweep.metrics.metric import Evaluation, Metric
from matsweep.metrics.training import TRAINING, training_energy
from matsweep.workloads import COSTS

_ENGINES = tuple(
    (number, memory) for number in ("int8", "fp32") for memory in ("sram", "lpddr4", "hbm2")
)
BASELINES = (*(f"{number}_{memory}" for number, memory in _ENGINES), "cpu", "gpu", "brain")
"""The coordinate `baseline`, in this order."""

Shapes = tuple[tuple[int, int, int], ...]
"""(inputs, outputs, uses) of each matrix."""


@functools.cache
def engine_energy(
    shapes: Shapes, number: str, memory: str, node: float, *, training: bool = False
) -> float:
    """Return the energy of a von Neumann engine for one sample, J.

    Every weight is fetched once and multiplied at each use; inputs and outputs of products are read
    and written once in SRAM. A sample to learn from takes three passes over the weights (forward,
    back, and the gradient; two for the first layer), each a fetch, and writes each weight back.

    Parameters
    ----------
    shapes : tuple of (inputs, outputs, uses)
        Of the matrices.
    number : "int8" or "fp32"
    memory : "sram", "lpddr4" or "hbm2"
        Of the weights: SRAM is as large as they are.
    node : float, m
    training : bool
        One step of learning rather than an inference.
    """
    bits = {"int8": 8, "fp32": 32}[number]
    weights = [inputs * outputs for inputs, outputs, _ in shapes]
    used = [inputs * outputs * uses for inputs, outputs, uses in shapes]
    values = sum((inputs + outputs) * uses for inputs, outputs, uses in shapes)
    passes = [1 + training * (1 if first else 2) for first in (True, *[False] * len(weights[1:]))]
    products = sum(weight * times for weight, times in zip(used, passes, strict=True))
    fetches = sum(weight * times for weight, times in zip(weights, passes, strict=True))
    store = cited.sram(bits * sum(weights), node).energy
    fetch = store if memory == "sram" else components.dram(memory)
    local = cited.sram(bits * values, node).energy
    fetched = fetches + training * sum(weights)
    moved = values * (3 if training else 1)
    return products * cited.mac(number, node) + fetched * bits * fetch + moved * bits * local


def baseline_energy(shapes: Shapes, node: float, *, training: bool = False) -> FloatArray:
    """Return the energy of one sample on every baseline, (baseline,) J.

    Parameters
    ----------
    shapes : tuple of (inputs, outputs, uses)
    node : float, m
    training : bool
        As in `engine_energy`.
    """
    engines = [
        engine_energy(shapes, number, memory, node, training=training)
        for number, memory in _ENGINES
    ]
    used = [inputs * outputs * uses for inputs, outputs, uses in shapes]
    products = sum(used) * (1 + 2 * training) - training * used[0]
    rest = [2 * products * cited.OPERATION[name] for name in ("cpu", "gpu")]
    return np.array([*engines, *rest, products * cited.brain_event()])


def _inference(evaluation: Evaluation) -> FloatArray:
    return baseline_energy(_shapes(evaluation), evaluation.scenario.periphery.node)


def _training(evaluation: Evaluation) -> FloatArray:
    node = evaluation.scenario.periphery.node
    once = baseline_energy(_shapes(evaluation), node, training=True)
    return np.asarray(evaluation.measures["updates"][0] * once)


def _shapes(evaluation: Evaluation) -> Shapes:
    return tuple((usage.inputs, usage.outputs, usage.uses) for usage in evaluation.usages)


BASELINE_ENERGY = Metric(
    name="baseline_energy",
    long_name="energy of one inference on other machines",
    units="J",
    better="lower",
    dims=("baseline",),
    compute=_inference,
    needs=(COSTS,),
)
ENERGY_ADVANTAGE = Metric(
    name="energy_advantage",
    long_name="energy of an int8 engine of the same node, weights in SRAM, over that here",
    units="1",
    better="higher",
    dims=("realisation", "time"),
    compute=lambda evaluation: (
        _inference(evaluation)[BASELINES.index("int8_sram")] / evaluation.energy
    ),
    needs=(COSTS, "array_power"),
)
TRAINING_BASELINE_ENERGY = Metric(
    name="training_baseline_energy",
    long_name="energy of the whole training on other machines",
    units="J",
    better="lower",
    dims=("baseline",),
    compute=_training,
    needs=(COSTS, "updates"),
)
TRAINING_ENERGY_ADVANTAGE = Metric(
    name="training_energy_advantage",
    long_name="training energy of an fp32 engine of the same node, weights in SRAM, over that here",
    units="1",
    better="higher",
    dims=("realisation",),
    compute=lambda evaluation: (
        _training(evaluation)[BASELINES.index("fp32_sram")] / training_energy(evaluation)
    ),
    needs=TRAINING,
    partial=True,
)
