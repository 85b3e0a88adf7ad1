"""Labelled samples, for inference and learning alike."""

from matsweep.datasets.dataset import Dataset, Samples, largest_class
from matsweep.datasets.images import IDX, MNIST, Digits
from matsweep.datasets.scaling import Scaled
from matsweep.datasets.split import Split
from matsweep.datasets.tables import CSV, NPZ

__all__ = [
    "CSV",
    "IDX",
    "MNIST",
    "NPZ",
    "Dataset",
    "Digits",
    "Samples",
    "Scaled",
    "Split",
    "largest_class",
]
