"""Inference: a perceptron trained in floating point and programmed into devices."""

from matsweep.workloads.inference.perceptron import Perceptron, perceptron
from matsweep.workloads.inference.workload import MLP

__all__ = ["MLP", "Perceptron", "perceptron"]
