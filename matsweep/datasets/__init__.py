"""Labelled samples, for inference and learning alike."""

from matsweep.datasets.cifar import CIFAR
from matsweep.datasets.dataset import Dataset, Samples, image_shape, largest_class
from matsweep.datasets.image_folder import Images
from matsweep.datasets.images import IDX, MNIST, Digits
from matsweep.datasets.packaged import MNIST5000
from matsweep.datasets.scaling import Scaled
from matsweep.datasets.series import Series
from matsweep.datasets.split import Split
from matsweep.datasets.tables import CSV, NPZ

__all__ = [
    "CIFAR",
    "CSV",
    "IDX",
    "MNIST",
    "MNIST5000",
    "NPZ",
    "Dataset",
    "Digits",
    "Images",
    "Samples",
    "Scaled",
    "Series",
    "Split",
    "image_shape",
    "largest_class",
]
