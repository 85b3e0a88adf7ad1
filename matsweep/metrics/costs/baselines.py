"""Baseline machines: energy of the same network elsewhere.

A von Neumann engine of the same node, with numbers of 8 bits or in floating point and its weights
in SRAM, LPDDR4 or HBM2; a CPU and a GPU by published operations per energy; and the brain's budget
for as many synaptic events. Samples come one by one, so every weight is fetched for each. Left out,
to the engine's advantage: control, registers, leakage, comparisons, and memory wait times.
"""

from __future__ import annotations

import functools

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.machine import Usage
from matsweep.metrics.costs import cited, components, digital
from matsweep.metrics.metric import Evaluation, Metric
from matsweep.metrics.training import TRAINING, training_energy
from matsweep.workloads import COSTS

_ENGINES = tuple(
    (number, memory) for number in ("int8", "fp32") for memory in ("sram", "lpddr4", "hbm2")
)
BASELINES = (*(f"{number}_{memory}" for number, memory in _ENGINES), "cpu", "gpu", "brain")
"""The coordinate `baseline`, in this order."""

type Usages = tuple[Usage, ...]


@functools.cache
def engine_energy(
    usages: Usages, number: str, memory: str, node: float, *, training: bool = False
) -> float:
    """Return the energy of a von Neumann engine for one sample.

    Every weight, of layers that stay digital here too, is fetched once and multiplied at each use;
    the values that arrive at each layer and the outputs of its products are read and written once
    in SRAM, which holds as many as the layers' buffers here and the outputs of one product. Digital
    operations behind products are those of the same graph: on words of 16 bits, or in floating
    point. A training sample takes three passes over the weights (forward, back, and the gradient;
    two for the first layer), each a fetch, and writes each weight back.

    Parameters
    ----------
    usages : tuple of Usage
        Of each matrix.
    number : "int8" or "fp32"
    memory : "sram", "lpddr4" or "hbm2"
        Of the weights: SRAM is as large as they are.
    node : float, m
    training : bool
        One step of training rather than an inference.

    Returns
    -------
    float, J
    """
    bits = {"int8": 8, "fp32": 32}[number]
    weights, stored = [usage.weights for usage in usages], sum(usage.stored for usage in usages)
    used = [usage.weights * usage.uses for usage in usages]
    held = sum(usage.buffered + usage.outputs for usage in usages)  # of one use at a time
    values = sum(usage.arriving + usage.outputs * usage.uses for usage in usages)
    passes = [1 + training * (1 if first else 2) for first in (True, *[False] * len(weights[1:]))]
    products = sum(weight * times for weight, times in zip(used, passes, strict=True))
    fetches = sum(weight * times for weight, times in zip(weights, passes, strict=True)) + stored
    store = cited.sram(bits * (sum(weights) + stored), node).energy
    fetch = store if memory == "sram" else components.dram(memory)
    local = cited.sram(bits * held, node).energy
    fetched = fetches + training * sum(weights)
    moved = values * (3 if training else 1)
    others = sum(count * _operation(kind, number, node) for kind, count in _behind(usages).items())
    computed = products * cited.mac(number, node) + others * (3 if training else 1)
    return computed + fetched * bits * fetch + moved * bits * local


def _behind(usages: Usages) -> dict[str, int]:
    """Count the digital operations behind all products by kind, without comparisons."""
    totals: dict[str, int] = {}
    for usage in usages:
        for kind, number in usage.operations:
            if kind != "comparison":
                totals[kind] = totals.get(kind, 0) + number
    return totals


def _operation(kind: str, number: str, node: float) -> float:
    """Return the energy of one digital operation of an engine, J.

    In floating point by Horowitz's figures where there are, else as on words of 32 bits.
    """
    known = cited.float_operation(kind, node) if number == "fp32" else None
    return (
        digital.unit(kind, {"int8": 16, "fp32": 32}[number], node).energy
        if known is None
        else known
    )


def baseline_energy(usages: Usages, node: float, *, training: bool = False) -> FloatArray:
    """Return the energy of one sample on every baseline.

    Parameters
    ----------
    usages : tuple of Usage
        Of each matrix.
    node : float, m
    training : bool
        One step of training rather than an inference.

    Returns
    -------
    (baseline,) array, J
        In the order of `BASELINES`.
    """
    engines = [
        engine_energy(usages, number, memory, node, training=training)
        for number, memory in _ENGINES
    ]
    used = [usage.weights * usage.uses for usage in usages]
    products = sum(used) * (1 + 2 * training) - training * used[0]
    others = sum(_behind(usages).values()) * (3 if training else 1)
    rest = [(2 * products + others) * cited.OPERATION[name] for name in ("cpu", "gpu")]
    return np.array([*engines, *rest, products * cited.brain_event()])


def _inference(evaluation: Evaluation) -> FloatArray:
    return baseline_energy(evaluation.usages, evaluation.scenario.periphery.node)


def _training(evaluation: Evaluation) -> FloatArray:
    node = evaluation.scenario.periphery.node
    once = baseline_energy(evaluation.usages, node, training=True)
    return np.asarray(evaluation.measures["updates"][0] * once)


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
