"""Inference by any network: read from a file, and programmed into devices."""

from matsweep.workloads.network.run import PreparedNetwork
from matsweep.workloads.network.workload import NetworkInference

__all__ = ["NetworkInference", "PreparedNetwork"]
