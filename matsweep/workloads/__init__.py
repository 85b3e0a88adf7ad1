"""Workloads that judge devices, one folder each."""

from matsweep.workloads.inference import MLP, Perceptron
from matsweep.workloads.learning import InSitu
from matsweep.workloads.network import NetworkInference, PreparedNetwork
from matsweep.workloads.workload import COSTS, Groundwork, Machines, Prepared, Workload

__all__ = [
    "COSTS",
    "MLP",
    "Groundwork",
    "InSitu",
    "Machines",
    "NetworkInference",
    "Perceptron",
    "Prepared",
    "PreparedNetwork",
    "Workload",
]
