"""Networks on tiles, and the data they are judged on."""

from matsweep.workloads.inference import Hardware, Inference, run_inference
from matsweep.workloads.mlp import DATASETS, MLP
from matsweep.workloads.network import Network

__all__ = ["DATASETS", "MLP", "Hardware", "Inference", "Network", "run_inference"]
