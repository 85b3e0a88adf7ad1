"""Causes of a candidate's loss: controlled repeats in which one nuisance or several are ideal."""

from matsweep.ablation.diagnosis import Change, Diagnosis
from matsweep.ablation.explaining import explain
from matsweep.ablation.nuisances import NUISANCES, Nuisance

__all__ = ["NUISANCES", "Change", "Diagnosis", "Nuisance", "explain"]
