"""Efficiency of the whole system by energy, area and power; 1 MAC counts as 2 operations."""

from __future__ import annotations

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.metrics.latency import throughput
from matsweep.metrics.metric import Evaluation, Metric
from matsweep.workloads import COSTS


def tops_per_watt(evaluation: Evaluation) -> FloatArray:
    """Return operations per energy; operations of weights, not of cells.

    Parameters
    ----------
    evaluation : Evaluation

    Returns
    -------
    (realisation, time) array, TOPS/W
    """
    return np.asarray(evaluation.operations / evaluation.energy / 1e12)


def tops_per_mm2(evaluation: Evaluation) -> float:
    """Return operations per second and area.

    Parameters
    ----------
    evaluation : Evaluation

    Returns
    -------
    float, TOPS/mm²
    """
    area = float(evaluation.bill.area.sum()) / 1e-6  # mm²
    return evaluation.operations * throughput(evaluation) / 1e12 / area


def static_power(evaluation: Evaluation) -> float:
    """Return the leakage power of all copies.

    Parameters
    ----------
    evaluation : Evaluation

    Returns
    -------
    float, W
    """
    return evaluation.bill.leakage * evaluation.scenario.periphery.replication


TOPS_PER_WATT = Metric(
    name="tops_per_watt",
    long_name="operations per energy (1 MAC = 2 operations)",
    units="TOPS/W",
    better="higher",
    dims=("realisation", "time"),
    compute=tops_per_watt,
    needs=(COSTS, "array_power"),
)
TOPS_PER_MM2 = Metric(
    name="tops_per_mm2",
    long_name="operations per time and area (1 MAC = 2 operations)",
    units="TOPS/mm2",
    better="higher",
    dims=(),
    compute=tops_per_mm2,
    needs=(COSTS,),
)
STATIC_POWER = Metric(
    name="static_power",
    long_name="power that circuits draw all the time",
    units="W",
    better="lower",
    dims=(),
    compute=static_power,
    needs=(COSTS,),
)
