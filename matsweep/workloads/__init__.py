"""Networks on tiles, and the data they are judged on."""

from matsweep.workloads.inference import Hardware, Inference, run_inference
from matsweep.workloads.learning import InSitu, Learning, Lesson, run_learning
from matsweep.workloads.mlp import DATASETS, MLP
from matsweep.workloads.network import Network
from matsweep.workloads.workload import Workload

__all__ = [
    "DATASETS",
    "MLP",
    "Hardware",
    "InSitu",
    "Inference",
    "Learning",
    "Lesson",
    "Network",
    "Workload",
    "run_inference",
    "run_learning",
]
